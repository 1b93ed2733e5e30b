//! The demo's commits: a folder each, with the message and the whole tree.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::{self, RecordError};

/// One commit's objects, in the order of its files.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) objects: Vec<Object>,
}

/// One manifest.
#[derive(Debug)]
pub(super) struct Object(pub(super) Value);

impl Object {
    pub(super) fn api_version(&self) -> &str {
        self.0["apiVersion"].as_str().unwrap_or_default()
    }

    pub(super) fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }
}

/// Reads all commits, the oldest first.
pub(super) fn read(folder: &Path) -> Result<Vec<Commit>, RecordError> {
    entries(folder)?.iter().map(|commit| Ok(Commit { objects: objects(&commit.join("deploy"))? })).collect()
}

fn objects(folder: &Path) -> Result<Vec<Object>, RecordError> {
    let mut objects = Vec::new();
    for file in entries(folder)? {
        let text = fs::read_to_string(&file).map_err(error::file("read", &file))?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
            .map_err(|failure| RecordError::Read { file: file.display().to_string(), message: failure.to_string() })?;
        objects.extend(documents.into_iter().map(Object));
    }
    Ok(objects)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(error::file("list", folder))? {
        entries.push(entry.map_err(error::file("list", folder))?.path());
    }
    entries.sort();
    Ok(entries)
}
