//! `anchorwatch snapshot`: records a live state for later or for elsewhere.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anchorwatch_edge::clock;

use super::target;
use crate::drift::record::{self, Recording};
use crate::failure::Failure;

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct SnapshotArgs {
    #[arg(
        long,
        value_name = "SRC",
        help = "Record the kinds and namespaces that this source mentions: a path, or REPO[//PATH][?ref=REV]"
    )]
    source: String,
    #[command(flatten)]
    connect: target::Connect,
    /// The namespace of objects that name none; else the context's.
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// The file to write; stdout without it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Record the values of Secrets in clear. Without it only this machine can compare them, by their fingerprints.
    #[arg(long)]
    clear_secrets: bool,
}

pub(super) fn run(args: SnapshotArgs) -> Result<ExitCode, Failure> {
    let request = target::source_request(args.source, args.namespace);
    let key = target::secret_key()?;
    let runtime = super::runtime()?;
    let recording = record::record(runtime.handle(), &request, &args.connect.into(), &key, args.clear_secrets)?;
    let Recording { text, objects, not_recorded } = recording;
    match &args.output {
        None => super::print(&text)?,
        Some(path) => {
            fs::write(path, &text)
                .map_err(|e| Failure::new(format!("cannot write {}", path.display())).detail(e.to_string()))?;
            super::tell(&format!("{objects} objects recorded in {} at {}", path.display(), clock::now()));
        }
    }
    for what in &not_recorded {
        super::tell(&format!("warning: not recorded: {what}"));
    }
    Ok(if not_recorded.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
