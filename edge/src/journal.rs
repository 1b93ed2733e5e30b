//! A folder of notes that outlive the process: each is written aside and put in place at once, durably, readable by its owner only.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A folder of notes.
#[derive(Debug, Clone)]
pub struct Journal(PathBuf);

/// Why a note cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk, or the rights.
    #[error("cannot keep notes in {path}")]
    File {
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no note of this program's.
    #[error("{path} is no note of this program's: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

impl Journal {
    /// The notes in a folder, which is made with the first one.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Writes a note, or writes it anew. It is on the disk when this returns.
    pub fn write(&self, name: &str, note: &impl Serialize) -> Result<(), JournalError> {
        let text = serde_json::to_vec_pretty(note).expect("a note is JSON");
        let path = self.path(name);
        let fail = |source| JournalError::File { path: path.display().to_string(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(fail)?;
        let aside = path.with_extension("new");
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside).map_err(fail)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(fail)?;
        fs::rename(&aside, &path).map_err(fail)?;
        // The name is on the disk when the folder is.
        fs::File::open(&self.0).and_then(|folder| folder.sync_all()).map_err(fail)
    }

    /// A note; `None` if there is none of this name.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, JournalError> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| JournalError::Malformed {
                path: path.display().to_string(),
                reason: error.to_string(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(JournalError::File { path: path.display().to_string(), source }),
        }
    }

    /// Holds a note, until what is given is dropped or the process ends, however it does; `None` if somebody else holds it.
    pub fn lock(&self, name: &str) -> Result<Option<fs::File>, JournalError> {
        let path = self.path(name).with_extension("lock");
        let fail = |source| JournalError::File { path: path.display().to_string(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(fail)?;
        let file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(source)) => Err(fail(source)),
        }
    }

    /// Names of all notes, in their order.
    pub fn names(&self) -> Result<Vec<String>, JournalError> {
        let fail = |source| JournalError::File { path: self.0.display().to_string(), source };
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fail(error)),
        };
        let paths =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(fail)?;
        let is_note = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let name = |path: &PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
        let mut names: Vec<String> = paths.iter().filter(is_note).filter_map(name).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Where the notes are.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::in_folder(folder.path().join("changes"));
        assert_eq!(journal.names().unwrap(), Vec::<String>::new());
        assert_eq!(journal.read::<u8>("a").unwrap(), None);
        journal.write("b", &1).unwrap();
        journal.write("a", &2).unwrap();
        journal.write("a", &3).unwrap();
        assert_eq!(
            (journal.names().unwrap(), journal.read::<u8>("a").unwrap()),
            (vec!["a".into(), "b".into()], Some(3))
        );
        let held = journal.lock("a").unwrap();
        assert!(held.is_some() && journal.lock("a").unwrap().is_none() && journal.lock("b").unwrap().is_some());
        drop(held);
        assert!(journal.lock("a").unwrap().is_some());
        // What a process that was killed has left aside is no note.
        fs::write(folder.path().join("changes/c.new"), "{").unwrap();
        fs::write(folder.path().join("changes/d.json"), "{").unwrap();
        assert_eq!(journal.names().unwrap(), ["a", "b", "d"]);
        assert!(matches!(journal.read::<u8>("d"), Err(JournalError::Malformed { .. })));
    }
}
