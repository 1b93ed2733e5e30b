//! `anchorwatch scan`

use std::io::{self, Write};
use std::process::ExitCode;

use anchorwatch_core::drift::DriftLevel;
use clap::ValueEnum;

use super::output::{self, Format};
use super::target;
use crate::drift::scan::{Outcome, scan};
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
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum FailOn {
    Info,
    Medium,
    High,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let style = super::style(args.target.lang, args.output == Format::Wide);
    let request = args.target.resolve();
    let key = target::secret_key()?;
    let runtime = super::runtime()?;
    let outcome = scan(runtime.handle(), &request, &key)?;
    report(&outcome, args.output, &style)?;
    Ok(exit_code(&outcome, args.fail_on))
}

/// Prints what was found to stdout, and what went wrong to stderr.
pub(super) fn report(outcome: &Outcome, format: Format, style: &output::Style) -> Result<(), Failure> {
    for problem in &outcome.problems {
        let _ = writeln!(io::stderr(), "error: {}", super::plain(problem));
    }
    for fault in &outcome.extent.past_faults {
        let _ = writeln!(io::stderr(), "warning: Git's past could not be read: {}", super::plain(fault));
    }
    super::print(&output::print(outcome, format, style))
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
