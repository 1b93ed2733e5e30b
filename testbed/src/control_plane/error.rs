//! Why a control plane could not be started or asked.

use std::io;

use crate::binaries::{BuildError, Tool};

/// Why a control plane could not be started or asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    /// The programs are not there.
    #[error(transparent)]
    Binaries(#[from] BuildError),
    /// An optional program is needed and `KUBEBUILDER_ASSETS` does not have it.
    #[error("KUBEBUILDER_ASSETS has no {}", tool.name())]
    NoBinary {
        /// Which.
        tool: Tool,
    },
    /// A file of the control plane could not be written.
    #[error("write {file}: {source}")]
    Write {
        /// Which.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program could not be run.
    #[error("run {name}: {source}")]
    Run {
        /// Which.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// No free port.
    #[error("reserve a port on loopback: {0}")]
    Port(io::Error),
    /// One of the servers ended while it was waited for.
    #[error("{name} ended ({status}); its last words:\n{log}")]
    Ended {
        /// Which.
        name: &'static str,
        /// How.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// A step did not happen in time.
    #[error("not ready after {seconds} s: {awaited}\n{last}")]
    NotReady {
        /// What was waited for.
        awaited: &'static str,
        /// For how long.
        seconds: u64,
        /// What the last look said.
        last: String,
    },
    /// `kubectl` ended with an error.
    #[error("kubectl {arguments}: {message}")]
    Kubectl {
        /// Its arguments.
        arguments: String,
        /// What it printed to its error stream.
        message: String,
    },
    /// `kubectl proxy`, through which raw requests go, did not come up.
    #[error("start kubectl proxy: {message}")]
    Proxy {
        /// What it said.
        message: String,
    },
    /// A raw request got no answer, or a refusal.
    #[error("request {path}: {message}")]
    Request {
        /// Its path.
        path: String,
        /// What went wrong.
        message: String,
    },
}
