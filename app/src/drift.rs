//! The stories of drift: scanning, rolling back, adopting.

pub(crate) mod adopt;
mod confirm;
pub(crate) mod examiner;
mod ground;
mod live;
mod meant;
mod past;
pub(crate) mod record;
pub(crate) mod rollback;
pub(crate) mod scan;
pub(crate) mod side;
pub(crate) mod source;
mod unlisted;
mod unstable;
pub(crate) mod watch;

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::failure::Failure;

/// How a difference is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Act {
    /// The cluster is made as Git says.
    RollBack,
    /// Git is made as the cluster says.
    Adopt,
}

/// A folder for as long as something is at work.
pub(crate) fn scratch() -> Result<TempDir, Failure> {
    tempfile::tempdir().map_err(|error| Failure::new("cannot make a temporary folder").detail(error.to_string()))
}
