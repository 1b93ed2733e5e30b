//! Why a harvest failed.

use std::io;

/// Why a harvest failed.
#[derive(Debug, thiserror::Error)]
pub enum HarvestError {
    /// `kubectl proxy`, through which every request goes, did not come up.
    #[error("start kubectl proxy: {message}")]
    Proxy {
        /// What it said.
        message: String,
    },
    /// A request got no answer.
    #[error("request {path}: {source}")]
    Request {
        /// Its path.
        path: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// An answer that is not what the path stands for.
    #[error("read the answer of {path}: {message}")]
    Answer {
        /// The request's path.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// A seed file cannot be read.
    #[error("read {file}: {message}")]
    SeedFile {
        /// Its path.
        file: String,
        /// What is wrong with it.
        message: String,
    },
    /// A seed of a kind that the server does not serve, and that is not marked optional.
    #[error("{seed}: {kind} is not served; is it to be `harvest: {{optional: true}}`?")]
    NotServed {
        /// Which seed.
        seed: String,
        /// Its kind.
        kind: String,
    },
    /// Seeds that the server refuses.
    #[error("the server refuses {} seeds:\n{}", refusals.len(), refusals.join("\n"))]
    Refused {
        /// Each with the server's message.
        refusals: Vec<String>,
    },
    /// A generated file cannot be read or written.
    #[error("{attempted} {file}: {source}")]
    File {
        /// What was attempted.
        attempted: &'static str,
        /// On what.
        file: String,
        /// What the system said.
        source: io::Error,
    },
}
