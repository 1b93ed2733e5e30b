//! `anchorwatch scan`

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anchorwatch_core::drift::{DriftLevel, DriftReport};
use anchorwatch_edge::clock;
use clap::ValueEnum;
use serde::Serialize;

use crate::drift::scan::{Outcome, Request, scan};
use crate::failure::Failure;

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What Git says: a path, or REPO[//PATH][?ref=REV].
    #[arg(long, value_name = "SRC")]
    source: String,
    /// A recorded live state: a file or folder of `kubectl get -o json`.
    #[arg(long, value_name = "SNAPSHOT")]
    live: PathBuf,
    /// The namespace of objects that name none.
    #[arg(short, long, value_name = "NS", default_value = "default")]
    namespace: String,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// From which level on an item makes the exit status 1.
    #[arg(long, value_enum, default_value_t = FailOn::Info)]
    fail_on: FailOn,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    Info,
    Medium,
    High,
}

/// A list of reports, as the API gives it.
#[derive(Debug, Serialize)]
struct DriftListResponse<'a> {
    items: &'a [DriftReport],
    total: usize,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let key = clock::passing_key().map_err(|e| Failure::because(&e))?;
    let request = Request { source: args.source, live: args.live, namespace: args.namespace };
    let outcome = super::block_on(scan(&request, &key))?;
    for problem in &outcome.problems {
        let _ = writeln!(io::stderr(), "error: {}", super::plain(problem));
    }
    match args.output {
        Output::Table => super::print(&format!("{}\n", outcome.reports.iter().map(|r| r.summary.clone()).collect::<Vec<_>>().join("\n")))?,
        Output::Json => {
            let list = DriftListResponse { items: &outcome.reports, total: outcome.reports.len() };
            let json = serde_json::to_string_pretty(&list).expect("a report is JSON");
            super::print(&format!("{json}\n"))?;
        }
    }
    Ok(exit_code(&outcome, args.fail_on))
}

fn exit_code(outcome: &Outcome, fail_on: FailOn) -> ExitCode {
    let threshold = match fail_on {
        FailOn::Info => DriftLevel::Info,
        FailOn::Medium => DriftLevel::Medium,
        FailOn::High => DriftLevel::High,
    };
    let incomplete = !outcome.problems.is_empty() || outcome.reports.iter().any(|r| !r.not_compared.is_empty());
    let drift = outcome.reports.iter().flat_map(|r| &r.items).any(|item| item.counts_from(threshold));
    ExitCode::from(if incomplete { 3 } else { u8::from(drift) })
}
