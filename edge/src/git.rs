//! Git as a source: a commit's files, read from the object database, and what they were before.
//!
//! [`GitLocation`] says where; [`GitRepository`] opens a repository on disk in place, or a bare copy of a remote one,
//! without ever checking anything out. No configuration of a repository can make it run a program.

mod command;
mod error;
mod export;
mod history;
mod import;
mod link;
mod location;
mod mirror;
mod nearest;
mod objects;
mod publish;
mod redact;
mod tree;
mod tree_path;
mod work_tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anchorwatch_core::delivery;
use command::Git;
use link::Found;
use objects::{Wanted, is_large_file_pointer, read_all};
use tree::{Base, Kind, Tree};

use crate::files::{COUNT_LIMIT, SkipReason, Skipped, SourceFile, SourceTree, path_text};
use crate::process::Output;

pub use command::{AccessToken, GitOptions};
pub use error::{GitError, PushError};
pub use export::Export;
pub use history::{Change, HISTORY_LIMIT, History};
pub use import::CommitToMake;
pub use location::{GitLocation, ParseLocationError, RepositoryAddress};
pub use objects::{ObjectId, ParseObjectIdError};
pub use publish::{Author, CommitWords, FileToWrite, Push};
pub use tree_path::TreePath;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: ObjectId,
    /// When it was committed, in seconds since 1970.
    pub time: i64,
}

/// A Git repository, open for reading.
#[derive(Debug, Clone)]
pub struct GitRepository {
    git: Arc<Git>,
}

impl GitRepository {
    /// Opens a repository on disk in place, or fetches a remote one into a bare copy in `scratch`.
    ///
    /// The copy has all branches and tags with their whole history; blobs come when they are needed, where the server
    /// can do that. A copy that is there already is brought up to date.
    pub async fn open(location: &GitLocation, options: GitOptions, scratch: &Path) -> Result<Self, GitError> {
        match location.repository() {
            RepositoryAddress::Local(path) => Self::open_local(path, options).await,
            RepositoryAddress::Remote(address) => {
                Ok(Self { git: Arc::new(mirror::open(address, options, scratch).await?) })
            }
        }
    }

    async fn open_local(path: &Path, options: GitOptions) -> Result<Self, GitError> {
        let repository = path.display().to_string();
        let dir = git_dir(path).ok_or_else(|| GitError::OpenRepository {
            repository: repository.clone(),
            above: work_tree::work_tree_around(path),
        })?;
        let git = Git { repository, options, dir, is_copy: false, askpass: None };
        let output = git.read(["rev-parse", "--git-dir"], Vec::new()).await?;
        if !output.status.success() {
            return Err(failed(&git, "rev-parse", output));
        }
        Ok(Self { git: Arc::new(git) })
    }

    /// Finds the commit that a branch, tag or commit id names; without one, that of `HEAD`.
    pub async fn resolve(&self, revision: Option<&str>) -> Result<Commit, GitError> {
        let revision = revision.unwrap_or("HEAD");
        location::check_revision(revision).map_err(|_| GitError::ReadRevision { revision: revision.to_owned() })?;
        if self.git.is_copy {
            mirror::fetch_revision(&self.git, revision).await?;
        }
        let wanted = format!("{revision}^{{commit}}");
        let output = self.git.read(["rev-list", "--timestamp", "--max-count=1", &wanted, "--"], Vec::new()).await?;
        let line = String::from_utf8_lossy(&output.stdout);
        let found = line.trim_end().split_once(' ').and_then(|(time, id)| Some((time.parse().ok()?, id.parse().ok()?)));
        match found {
            Some((time, id)) if output.status.success() => Ok(Commit { id, time }),
            _ => Err(self.unknown_revision(revision).await?),
        }
    }

    async fn unknown_revision(&self, revision: &str) -> Result<GitError, GitError> {
        let output = self
            .git
            .read(
                ["for-each-ref", "--format=%(refname:strip=2)", "refs/heads", "refs/tags", "refs/remotes"],
                Vec::new(),
            )
            .await?;
        if !output.status.success() {
            return Err(failed(&self.git, "for-each-ref", output));
        }
        let names = String::from_utf8_lossy(&output.stdout);
        let near = nearest::nearest(revision, names.lines());
        Ok(GitError::ResolveRevision { repository: self.git.repository.clone(), revision: revision.to_owned(), near })
    }

    /// Reads the manifests of a folder and its folders, or one file, as [`crate::files::read_tree`] does on disk.
    pub async fn read_tree(&self, commit: &Commit, path: &TreePath) -> Result<SourceTree, GitError> {
        let (tree, base) = Tree::load(&self.git, commit, path).await?;
        let selection = tree.manifests(&base);
        let repository = || self.git.repository.clone();
        if selection.files.len() > COUNT_LIMIT {
            return Err(GitError::TooManyFiles { repository: repository() });
        }
        let wanted = selection.files.iter().map(|(path, id)| Wanted::new(id, path.clone())).collect();
        let blobs = read_all(&self.git, wanted).await?;
        let mut files = Vec::with_capacity(blobs.len());
        let mut skipped = selection.skipped;
        for ((path, _), bytes) in selection.files.into_iter().zip(blobs) {
            if is_large_file_pointer(&bytes) {
                skipped.insert(Skipped { path, reason: SkipReason::LargeFilePointer });
                continue;
            }
            files.push(SourceFile { path, bytes });
        }
        Ok(SourceTree { files, skipped: skipped.into_iter().collect() })
    }

    /// Lists the names directly in a folder, which say how the source is rendered; a file has its own name only.
    pub async fn names(&self, commit: &Commit, path: &TreePath) -> Result<Vec<String>, GitError> {
        let (tree, base) = Tree::load(&self.git, commit, path).await?;
        let Base::Folder(folder) = base else {
            return Ok(path.as_str().rsplit('/').next().map(str::to_owned).into_iter().collect());
        };
        let mut names: Vec<String> = link::below(&tree.entries, &folder)
            .filter(|(rest, entry)| match entry.kind {
                Kind::Link => matches!(tree.follow(&[&folder, &b"/"[..], rest].concat()), Ok(Found::File(_))),
                _ => true,
            })
            .filter_map(|(rest, _)| rest.split(|byte| *byte == b'/').next().map(path_text))
            .collect();
        names.dedup();
        Ok(names)
    }

    /// Lists the files of the whole commit.
    pub async fn files(&self, commit: &Commit) -> Result<delivery::Tree, GitError> {
        let entries = tree::list(&self.git, commit, None).await?;
        let links = entries.iter().filter(|(_, entry)| entry.kind == Kind::Link);
        Ok(delivery::Tree {
            links: links.map(|(path, _)| path_text(path)).collect(),
            files: entries.keys().map(|path| path_text(path)).collect(),
        })
    }

    /// Writes the whole tree of a commit into a new folder in `folder`, read-only, for a renderer to work on `path`.
    pub async fn export(&self, commit: &Commit, path: &TreePath, folder: &Path) -> Result<Export, GitError> {
        export::export(&self.git, commit, path, folder).await
    }

    /// Looks back from a commit at the files of a path. Nothing is read before it is asked for.
    pub fn history(&self, commit: &Commit, path: &TreePath) -> History {
        History::new(Arc::clone(&self.git), commit.clone(), path.clone(), Vec::new())
    }
}

/// The error of a call that Git itself ended.
fn failed(git: &Git, command: &'static str, output: Output) -> GitError {
    GitError::Ask { repository: git.repository.clone(), command, message: output.stderr }
}

/// The folder with the objects: `.git` of a working folder, or a bare repository itself, with or without `.git` written.
fn git_dir(path: &Path) -> Option<PathBuf> {
    let mut with_ending = path.as_os_str().to_owned();
    with_ending.push(".git");
    let path = [path, Path::new(&with_ending)].into_iter().find_map(|path| path.canonicalize().ok())?;
    let inside = path.join(".git");
    if inside.exists() {
        return Some(inside);
    }
    (path.join("HEAD").is_file() && path.join("objects").is_dir()).then_some(path)
}
