//! A Git repository with a past: three commits that touch every Deployment.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::objects::{self, Flavour};

/// Releases before the one that the cluster runs, oldest first.
const OLDER_RELEASES: [&str; 2] = [":1.4.0", ":1.4.1"];

/// A repository, removed when dropped.
pub(crate) struct Repository {
    folder: TempDir,
    /// Bytes of YAML.
    pub(crate) bytes: usize,
}

impl Repository {
    /// Commits the first apps; the cluster runs what the last commit says.
    pub(crate) fn create(apps: usize, flavour: Flavour) -> Result<Self, Box<dyn Error>> {
        Self::with_commits(apps, flavour, &[flavour])
    }

    /// The same with one more commit, which changes a leaf of every object and is in no cluster yet.
    pub(crate) fn ahead(apps: usize) -> Result<Self, Box<dyn Error>> {
        Self::with_commits(apps, Flavour::Clean, &[Flavour::Clean, Flavour::Drifted])
    }

    fn with_commits(apps: usize, older: Flavour, commits: &[Flavour]) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let git = |arguments: &[&str]| git(folder.path(), arguments);
        git(&["init", "--quiet", "--initial-branch=main"])?;
        for release in OLDER_RELEASES {
            objects::write_older(folder.path(), apps, older, release)?;
            git(&["add", "--all"])?;
            git(&["commit", "--quiet", "--message", release])?;
        }
        let mut bytes = 0;
        for flavour in commits {
            bytes = objects::write_folder(folder.path(), apps, *flavour)?;
            git(&["add", "--all"])?;
            git(&["commit", "--quiet", "--message", "newer"])?;
        }
        // As a clone has it.
        git(&["gc", "--quiet"])?;
        Ok(Self { folder, bytes })
    }

    /// The working folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The source's address: the commit, not the files on disk.
    pub(crate) fn address(&self) -> String {
        format!("{}?ref=main", self.folder.path().display())
    }
}

fn git(folder: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let nowhere = PathBuf::from("/dev/null");
    let status = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", &nowhere)
        .env("GIT_CONFIG_SYSTEM", &nowhere)
        .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
        .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("git {}: {status}", arguments.join(" ")).into()) }
}
