//! What `anchorwatch demo` shows, recorded: a shop's commits are delivered to a real cluster by the tools that do so,
//! people and programs edit it, and the cluster's state and the API server's log of the people's writes are kept.
//!
//! The commits are written by hand (`app/demo/commits`); everything else in that folder comes from here.

mod commit;
mod delivery;
mod edit;
mod error;
mod outcome;

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

pub use error::RecordError;

use crate::control_plane::ControlPlane;

/// The namespace that everything happens in.
const NAMESPACE: &str = "shop";

/// Delivers all commits of `folder` but the last, edits, and writes what came of it into `folder`.
///
/// `pace` lies between two edits, so that the demo can tell them apart.
pub fn record(plane: &ControlPlane, folder: &Path, pace: Duration) -> Result<(), RecordError> {
    let commits = commit::read(&folder.join("commits"))?;
    let delivered = &commits[..commits.len().saturating_sub(1)];
    plane.kubectl(&["create", "namespace", NAMESPACE])?;
    delivery::deliver(plane, delivered)?;
    edit::make(plane, pace)?;
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).map_err(error::file("write", &file))
    };
    write("snapshot.json", &outcome::snapshot(plane, delivered)?)?;
    write("recorded-at.txt", &outcome::now())?;
    write("audit.jsonl", &outcome::audit(plane)?)
}

/// Fails where kubectl did.
fn succeeded(done: &str, output: &Output) -> Result<(), RecordError> {
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(RecordError::Kubectl { done: done.to_owned(), message })
}
