//! A path inside a repository.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::location::ParseLocationError;

/// A path inside a repository: `/`-separated, relative, without `.`, `..` and control characters; empty for its root.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TreePath(String);

impl TreePath {
    /// The path, without a slash at either end; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TreePath {
    type Err = ParseLocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().any(char::is_control) {
            return Err(ParseLocationError::ControlCharacter);
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return Err(ParseLocationError::ParentFolder);
        }
        if parts.first().is_some_and(|part| part.starts_with('-')) {
            return Err(ParseLocationError::LeadingDash { part: "path" });
        }
        Ok(Self(parts.join("/")))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<Path> for TreePath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}
