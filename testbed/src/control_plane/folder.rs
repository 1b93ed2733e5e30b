//! The fresh folder of one control plane: its data, keys, logs and kubeconfigs.
//!
//! The folder is removed on drop. A killed process cannot do that, so each start first removes what dead ones left: a
//! folder's owner holds a lock on its `owner.lock`, and a lock that can be had has no owner.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::ControlPlaneError;
use super::person::Person;

const PREFIX: &str = "anchorwatch-testbed-";

#[derive(Debug)]
pub(crate) struct Folder {
    _owner: File,
    folder: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn create() -> Result<Self, ControlPlaneError> {
        remove_orphans(&std::env::temp_dir());
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().map_err(write_error(&std::env::temp_dir()))?;
        let owner = claim(folder.path()).map_err(write_error(folder.path()))?;
        Ok(Self { _owner: owner, folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The API server writes it beside its own certificate when it starts.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.path().join("apiserver/apiserver.crt")
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.path().join("audit.log")
    }

    pub(crate) fn kubeconfig(&self, person: Person) -> PathBuf {
        self.path().join(format!("{}.kubeconfig", person.name()))
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, ControlPlaneError> {
        let file = self.path().join(name);
        fs::write(&file, text).map_err(write_error(&file))?;
        Ok(file)
    }
}

/// The lock is taken under another name and then renamed: nobody sees `owner.lock` without its lock.
fn claim(folder: &Path) -> io::Result<File> {
    let claimed = folder.join("owner.claim");
    let owner = File::create(&claimed)?;
    owner.lock()?;
    fs::rename(claimed, folder.join("owner.lock"))?;
    Ok(owner)
}

fn remove_orphans(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for folder in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let lock = folder.path().join("owner.lock");
        if File::open(lock).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}

fn write_error(file: &Path) -> impl FnOnce(io::Error) -> ControlPlaneError {
    let file = file.display().to_string();
    move |source| ControlPlaneError::Write { file, source }
}
