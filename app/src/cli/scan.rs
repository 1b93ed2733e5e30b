//! `anchorwatch scan`

use std::process::ExitCode;

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_core::drift::policy::PolicyNote;
use clap::ValueEnum;

use super::output::{self, Format};
use super::progress::Progress;
use super::{plain, target};
use crate::drift::scan::{Extent, Outcome, scan};
use crate::failure::Failure;

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
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
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum FailOn {
    Info,
    Medium,
    High,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let style = super::style(args.target.lang, args.output == Format::Wide);
    let request = args.target.resolve()?;
    let key = target::secret_key()?;
    let runtime = super::runtime()?;
    let progress = Progress::start(args.quiet, plain(&request.source.address));
    let outcome = scan(runtime.handle(), &request, &key)?;
    drop(progress);
    if args.verbose {
        say_what_was_seen(&outcome.extent);
    }
    if args.quiet {
        name_problems(&outcome);
        complain(&outcome);
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
    // What people read says it in its place.
    if !matches!(format, Format::Table | Format::Wide) {
        name_problems(outcome);
    }
    complain(outcome);
    output::print(outcome, format, style)
}

fn name_problems(outcome: &Outcome) {
    for problem in &outcome.problems {
        super::tell(&format!("error: {}: {}", problem.place, problem.message));
    }
}

/// Says what went wrong beside the objects.
fn complain(outcome: &Outcome) {
    for fault in &outcome.extent.past_faults {
        super::tell(&format!("warning: Git's past could not be read: {fault}"));
    }
    for doubt in &outcome.extent.unconfirmed {
        super::tell(&format!("warning: not confirmed by a dry run: {doubt}"));
    }
    for note in &outcome.extent.policy_notes {
        super::tell(&match note {
            PolicyNote::Expired { rule, on, owner } => {
                format!(
                    "warning: the rule {rule} of {owner} expired on {on} and does nothing any more; renew it or take it out"
                )
            }
            PolicyNote::NeverMatched { rule } => format!("warning: the rule {rule} fits nothing in this scan"),
        });
    }
}

/// As `kubectl diff`: 0 no drift, 1 drift, above 1 an error (2) or an incomplete comparison (3).
pub(super) fn exit_code(outcome: &Outcome, fail_on: FailOn) -> ExitCode {
    let threshold = match fail_on {
        FailOn::Info => DriftLevel::Info,
        FailOn::Medium => DriftLevel::Medium,
        FailOn::High => DriftLevel::High,
    };
    let incomplete = !outcome.problems.is_empty() || outcome.reports.iter().any(|r| !r.not_compared.is_empty());
    let drift = outcome.reports.iter().flat_map(|r| &r.items).any(|item| item.counts_from(threshold));
    ExitCode::from(if incomplete { 3 } else { u8::from(drift) })
}
