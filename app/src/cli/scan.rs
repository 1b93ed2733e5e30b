//! `anchorwatch scan`

mod remote;

use std::process::ExitCode;

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_core::drift::policy::PolicyNote;
use clap::ValueEnum;

use super::output::{self, Format};
use super::progress::Progress;
use super::{plain, service, target};
use crate::drift::scan::{Extent, Outcome, scan};
use crate::failure::Failure;
use crate::words::Arg::{Count, Text};
use crate::words::Words;

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What Git says: a path, or `REPO[//PATH][?ref=REV]`. With --server: the name of one of its sources.
    #[arg(long, value_name = "SRC", required_unless_present = "server")]
    source: Option<String>,
    #[command(flatten)]
    target: target::TargetArgs,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// From which level on an item makes the exit status 1.
    #[arg(long, value_enum, default_value_t = FailOn::Info)]
    fail_on: FailOn,
    /// Print no report; the exit status says it all.
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Say on stderr what was looked at.
    #[arg(short, long)]
    verbose: bool,
    // Last, as its heading is that of all that follows.
    #[command(flatten)]
    asking: Asking,
}

/// Which service to ask instead, and for what.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Asking a service")]
struct Asking {
    /// Ask this running service for a scan of its own sources, and print its reports; -n names the namespaces, with commas
    /// between them. As in `https://anchorwatch.example.com`; http only to this machine (127.0.0.1, localhost), as tokens do
    /// not go over a network in clear.
    #[arg(
        long,
        value_name = "URL",
        env = "ANCHORWATCH_SERVER",
        requires = "token_file",
        conflicts_with_all = target::ALONE,
        conflicts_with = "verbose"
    )]
    server: Option<String>,
    #[command(flatten)]
    access: service::Access,
    /// Only the service's sources of this cluster, as its configuration calls it.
    #[arg(long, value_name = "NAME", requires = "server")]
    cluster: Option<String>,
    /// What the service is to note as the reason.
    #[arg(long, value_enum, default_value_t = TriggerName::Manual, requires = "server")]
    triggered_by: TriggerName,
}

/// Why somebody scans.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum TriggerName {
    Manual,
    Cron,
    Webhook,
    Api,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum FailOn {
    Info,
    Medium,
    High,
}

impl From<FailOn> for DriftLevel {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Info => Self::Info,
            FailOn::Medium => Self::Medium,
            FailOn::High => Self::High,
        }
    }
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let style = super::style(args.target.lang, args.output == Format::Wide);
    if args.asking.server.is_some() {
        return remote::run(&args, &style);
    }
    // Without a server clap has asked for it.
    let request = args.target.resolve(args.source.unwrap_or_default())?;
    let key = target::secret_key(request.is_of_a_recording())?;
    let runtime = super::runtime()?;
    let progress = Progress::start(args.quiet, plain(&request.source.address));
    let outcome = scan(runtime.handle(), &request, &key)?;
    drop(progress);
    if args.verbose {
        say_what_was_seen(&outcome.extent);
    }
    if args.quiet {
        name_problems(&outcome, style.words);
        complain(&outcome, style.words);
        count_gaps(&outcome, style.words);
    } else {
        report(&outcome, args.output, &style)?;
    }
    Ok(exit_code(&outcome, args.fail_on))
}

fn say_what_was_seen(extent: &Extent) {
    let Extent { live, objects, files, kinds, elapsed, defaults_minor, .. } = extent;
    super::tell(&format!("objects: {objects}, kinds: {kinds}, files: {files}, live: {live}"));
    super::tell(&format!("defaults of Kubernetes 1.{}, {:.3} s", defaults_minor.0, elapsed.as_secs_f64()));
}

/// Prints what was found to stdout, and what went wrong to stderr.
pub(super) fn report(outcome: &Outcome, format: Format, style: &output::Style) -> Result<(), Failure> {
    let words = style.words;
    // What people read says it in its place.
    if !matches!(format, Format::Table | Format::Wide) {
        name_problems(outcome, words);
        if let Some(text) = output::nearest_defaults(outcome, words) {
            super::tell(&text);
        }
    }
    // A diff has no place for it; the other formats have.
    if format == Format::Diff {
        let is_told = |what: &str| outcome.problems.iter().any(|problem| problem.place == what);
        for entry in outcome.not_compared().into_iter().filter(|entry| !is_told(&entry.what)) {
            super::tell(&output::not_compared(entry, outcome, words));
        }
    }
    complain(outcome, words);
    output::print(outcome, format, style)
}

fn name_problems(outcome: &Outcome, words: Words) {
    for problem in &outcome.problems {
        let message = output::fault(&problem.fault, words);
        super::tell(&words.say_with("error-at", &[("place", Text(&problem.place)), ("message", Text(&message))]));
    }
}

/// Says on one line that something was not compared.
fn count_gaps(outcome: &Outcome, words: Words) {
    let count = outcome.not_compared().len();
    if count > 0 {
        super::tell(&words.say_with("not-compared-count", &[("count", Count(count))]));
    }
}

/// Says what went wrong beside the objects.
fn complain(outcome: &Outcome, words: Words) {
    for fault in &outcome.extent.past_faults {
        super::tell(&words.say_with("warning-past", &[("fault", Text(fault))]));
    }
    for doubt in &outcome.extent.unconfirmed {
        super::tell(&words.say_with("warning-unconfirmed", &[("doubt", Text(doubt))]));
    }
    for note in &outcome.extent.policy_notes {
        super::tell(&match note {
            PolicyNote::Expired { rule, on, owner } => words.say_with(
                "warning-expired",
                &[("rule", Text(rule)), ("owner", Text(owner)), ("on", Text(&on.to_string()))],
            ),
            PolicyNote::NeverMatched { rule } => words.say_with("warning-unmatched", &[("rule", Text(rule))]),
        });
    }
}

/// As `kubectl diff`: 0 no drift, 1 drift, above 1 an error (2) or an incomplete comparison (3).
pub(super) fn exit_code(outcome: &Outcome, fail_on: FailOn) -> ExitCode {
    let threshold = DriftLevel::from(fail_on);
    let drift = outcome.reports.iter().flat_map(|r| &r.items).any(|item| item.counts_from(threshold));
    ExitCode::from(if outcome.is_complete() { u8::from(drift) } else { 3 })
}
