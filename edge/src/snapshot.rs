//! A recorded live state: a file or folder of `kubectl get -o json|yaml`.

use std::path::Path;

use crate::files::{self, ReadTreeError};

/// One file of a snapshot, as JSON texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Path, relative to the snapshot.
    pub path: String,
    /// JSON documents.
    pub documents: Vec<String>,
}

/// Why a snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The files cannot be read.
    #[error(transparent)]
    Files(#[from] ReadTreeError),
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not text.
    #[error("{0} is not UTF-8")]
    NotText(String),
    /// A file is no YAML.
    #[error("{file}:{line}:{column}: {message}")]
    Malformed {
        /// The file.
        file: String,
        /// Line, 1-based.
        line: u32,
        /// Column, 1-based.
        column: u32,
        /// What is wrong.
        message: String,
    },
    /// Nothing is there.
    #[error("{0} holds no .json, .yaml or .yml file")]
    Empty(String),
}

/// Reads a snapshot.
pub async fn read(path: &Path) -> Result<Vec<SnapshotFile>, SnapshotError> {
    if tokio::fs::metadata(path).await.is_ok_and(|m| m.is_file()) {
        // One file is what somebody recorded: it may be larger than any manifest.
        let fail = |source| SnapshotError::Read { path: path.display().to_string(), source };
        let bytes = tokio::fs::read(path).await.map_err(fail)?;
        return parse(path.display().to_string(), bytes).map(|file| vec![file]);
    }
    let files = files::read_tree(path).await?;
    if files.is_empty() {
        return Err(SnapshotError::Empty(path.display().to_string()));
    }
    files.into_iter().map(|file| parse(file.path, file.bytes)).collect()
}

fn parse(path: String, bytes: Vec<u8>) -> Result<SnapshotFile, SnapshotError> {
    let text = String::from_utf8(bytes).map_err(|_| SnapshotError::NotText(path.clone()))?;
    if text.trim_start().starts_with('{') {
        return Ok(SnapshotFile { path, documents: vec![text] });
    }
    match anchorwatch_core::source::to_json(&text) {
        Ok(documents) => Ok(SnapshotFile { path, documents }),
        Err(problem) => Err(SnapshotError::Malformed {
            file: path,
            line: problem.line,
            column: problem.column,
            message: problem.message,
        }),
    }
}
