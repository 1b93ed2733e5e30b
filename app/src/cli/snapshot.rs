//! `anchorwatch snapshot`: records a live state for later or for elsewhere.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
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
    #[command(flatten)]
    reading: target::Reading,
    /// The file to write; stdout without it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Record the values of Secrets in clear. Without it only this machine can compare them, by their fingerprints.
    #[arg(long)]
    clear_secrets: bool,
}

pub(super) fn run(args: SnapshotArgs) -> Result<ExitCode, Failure> {
    let request = args.reading.of(args.source);
    let key = target::secret_key(!args.clear_secrets)?;
    let runtime = super::runtime()?;
    let recording = record::record(runtime.handle(), &request, &args.connect.into(), &key, args.clear_secrets)?;
    let Recording { text, objects, not_recorded } = recording;
    match &args.output {
        None => super::print(&text)?,
        Some(path) => {
            write(path, &text)
                .map_err(|e| Failure::new(format!("cannot write {}", path.display())).detail(e.to_string()))?;
            super::tell(&format!("{objects} objects recorded in {} at {}", path.display(), clock::now()));
        }
    }
    for what in &not_recorded {
        super::tell(&format!("warning: not recorded: {what}"));
    }
    Ok(if not_recorded.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// Writes a file for its owner only, whatever it was before: settings and manifests often hold what no Secret hides.
fn write(path: &Path, text: &str) -> io::Result<()> {
    const OWNER_ONLY: u32 = 0o600;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(path)?;
    // A pipe or a device is nobody's file.
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    }
    file.write_all(text.as_bytes())
}
