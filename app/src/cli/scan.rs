//! `anchorwatch scan`

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::ConnectOptions;
use clap::ValueEnum;

use super::output::{self, Format};
use crate::drift::scan::{Live, Outcome, Request, scan};
use crate::drift::source::SourceRequest;
use crate::failure::Failure;
use crate::words::Language;

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What Git says: a path, or REPO[//PATH][?ref=REV].
    #[arg(long, value_name = "SRC")]
    source: String,
    /// A recorded live state: a file or folder of `kubectl get -o json`.
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["context", "kubeconfig"])]
    live: Option<PathBuf>,
    /// A context of the kubeconfig; the current one without it.
    #[arg(long)]
    context: Option<String>,
    /// A kubeconfig; else $KUBECONFIG, ~/.kube/config, or the Pod's service account.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The namespace of objects that name none; else the context's.
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// A values file for a Helm chart; the last one wins.
    #[arg(long, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// The release name for a Helm chart.
    #[arg(long, value_name = "NAME")]
    release_name: Option<String>,
    /// Let a kustomization fetch bases from other repositories.
    #[arg(long)]
    allow_remote_bases: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// From which level on an item makes the exit status 1.
    #[arg(long, value_enum, default_value_t = FailOn::Info)]
    fail_on: FailOn,
    /// Language; else that of the locale.
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    Info,
    Medium,
    High,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let key = clock::passing_key().map_err(|e| Failure::because(&e))?;
    let live = match args.live {
        Some(path) => Live::Snapshot(path),
        None => Live::Cluster(ConnectOptions { kubeconfig: args.kubeconfig, context: args.context }),
    };
    let source = SourceRequest {
        address: args.source,
        values: args.values,
        release: args.release_name,
        namespace: args.namespace,
        allow_remote_bases: args.allow_remote_bases,
    };
    let request = Request { source, live };
    let runtime = super::runtime()?;
    let outcome = scan(runtime.handle(), &request, &key)?;
    for problem in &outcome.problems {
        let _ = writeln!(io::stderr(), "error: {}", super::plain(problem));
    }
    let style = super::style(args.lang, args.output == Format::Wide, &request.source.address);
    super::print(&output::print(&outcome, args.output, &style))?;
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
