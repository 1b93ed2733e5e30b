//! Why a recording failed.

use std::io;
use std::path::Path;

use crate::control_plane::ControlPlaneError;

/// Why a recording failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The control plane could not be asked.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    /// A file of the demo's folder cannot be read or written.
    #[error("{attempted} {file}: {source}")]
    File {
        /// What was attempted.
        attempted: &'static str,
        /// On what.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A manifest or a line of the log is not what it should be.
    #[error("read {file}: {message}")]
    Read {
        /// Its path.
        file: String,
        /// What is wrong with it.
        message: String,
    },
    /// `kubectl` ended with an error.
    #[error("kubectl {done}: {message}")]
    Kubectl {
        /// Its arguments.
        done: String,
        /// What it printed to its error stream.
        message: String,
    },
}

pub(super) fn file(attempted: &'static str, file: &Path) -> impl FnOnce(io::Error) -> RecordError {
    let file = file.display().to_string();
    move |source| RecordError::File { attempted, file, source }
}
