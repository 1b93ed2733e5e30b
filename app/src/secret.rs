//! Secrets of the configuration: it says where they are, and they are read when they are used.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Where a secret is: in a file, or in a variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    File(PathBuf),
    Variable(&'static str),
}

impl Secret {
    #[expect(clippy::disallowed_methods, reason = "one small file that the configuration names")]
    pub(crate) fn read(&self) -> Result<String, Failure> {
        let fail = |place: &Path, why: String| {
            Failure::new(format!("cannot read the secret in {}", place.display()))
                .detail(why)
                .hint("name a file that holds it and nothing else, readable for the service only")
        };
        let text = match self {
            Self::File(path) => std::fs::read_to_string(path).map_err(|error| fail(path, error.to_string()))?,
            Self::Variable(name) => {
                std::env::var(name).map_err(|_| Failure::new(format!("{name} is not set in the environment")))?
            }
        };
        let text = text.trim();
        let empty = || match self {
            Self::File(path) => fail(path, "it is empty".to_owned()),
            Self::Variable(name) => Failure::new(format!("{name} is empty")),
        };
        if text.is_empty() { Err(empty()) } else { Ok(text.to_owned()) }
    }
}
