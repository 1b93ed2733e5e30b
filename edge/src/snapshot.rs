//! A recorded live state: a file or folder of `kubectl get -o json|yaml`.

use std::path::Path;

use crate::files::{self, ReadTreeError, SkipReason, Skipped};

/// One file of a snapshot, as JSON texts.
#[derive(Debug)]
pub struct SnapshotFile {
    /// Path, relative to the snapshot.
    pub path: String,
    /// JSON documents; empty where the file cannot be read.
    pub documents: Vec<String>,
    /// Why it cannot be read.
    pub fault: Option<SnapshotError>,
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
    /// A file was left out.
    #[error("{path} is {reason}")]
    Skipped {
        /// The file.
        path: String,
        /// Why.
        reason: SkipReason,
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

impl SnapshotError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Files(error) if !matches!(error, ReadTreeError::FindSource { .. }) => error.hint(),
            _ => Some("record it with: anchorwatch snapshot, or kubectl get KINDS -o json --show-managed-fields"),
        }
    }
}

/// Reads a snapshot. A file that cannot be read is one among the others, with its fault.
pub async fn read(path: &Path) -> Result<Vec<SnapshotFile>, SnapshotError> {
    // As kubectl has it.
    let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
    if tokio::fs::metadata(path).await.is_ok_and(|m| !m.is_dir()) {
        // One file, or pipe, is what somebody recorded: it may be larger than any manifest.
        let fail = |source| SnapshotError::Read { path: path.display().to_string(), source };
        let bytes = tokio::fs::read(path).await.map_err(fail)?;
        return Ok(vec![parse(path.display().to_string(), bytes)]);
    }
    let tree = files::read_tree(path).await?;
    if tree.files.is_empty() && tree.skipped.is_empty() {
        return Err(SnapshotError::Empty(path.display().to_string()));
    }
    let read = tree.files.into_iter().map(|file| parse(file.path, file.bytes));
    let skipped = tree.skipped.into_iter().map(|Skipped { path, reason }| SnapshotFile {
        path: path.clone(),
        documents: Vec::new(),
        fault: Some(SnapshotError::Skipped { path, reason }),
    });
    Ok(read.chain(skipped).collect())
}

fn parse(path: String, bytes: Vec<u8>) -> SnapshotFile {
    match documents(&path, bytes) {
        Ok(documents) => SnapshotFile { path, documents, fault: None },
        Err(fault) => SnapshotFile { path, documents: Vec::new(), fault: Some(fault) },
    }
}

fn documents(path: &str, bytes: Vec<u8>) -> Result<Vec<String>, SnapshotError> {
    let text = String::from_utf8(bytes).map_err(|_| SnapshotError::NotText(path.to_owned()))?;
    if text.trim_start().starts_with('{') {
        return Ok(vec![text]);
    }
    anchorwatch_core::source::to_json(&text).map_err(|problem| SnapshotError::Malformed {
        file: path.to_owned(),
        line: problem.line,
        column: problem.column,
        message: problem.message,
    })
}
