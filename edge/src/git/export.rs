//! A commit written out, read-only, for renderers that need files on disk.
//!
//! Neither `git archive` nor a checkout: both obey attributes of the repository, which can run filters or leave files out.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::Commit;
use super::command::Git;
use super::error::GitError;
use super::objects::{Wanted, is_large_file_pointer, send_all};
use super::tree::{Base, Kind, Tree};
use super::tree_path::TreePath;
use crate::files::{COUNT_LIMIT, LinkFault, SkipReason, Skipped, path_text};

/// A commit's files in a folder of their own, which goes with this value.
#[derive(Debug)]
pub struct Export {
    root: TempDir,
    folder: PathBuf,
    skipped: Vec<Skipped>,
}

impl Export {
    /// The folder that holds the repository's root.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The source's path in it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was not written, outside the source's path for the most part.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}

impl Drop for Export {
    /// Folders are made writable first: only root can empty one that is not.
    fn drop(&mut self) {
        let _ = set_folders(self.root.path(), 0o700);
    }
}

/// Writes the whole tree, as a kustomization's bases may lie beside the source's path.
pub(super) async fn export(git: &Git, commit: &Commit, path: &TreePath, folder: &Path) -> Result<Export, GitError> {
    let tree = Tree::load_all(git, commit).await?;
    let (base, base_path) = match tree.base(git, commit, path)? {
        Base::Folder(base) => (base.clone(), base),
        Base::File(base) => (base.clone(), parent(&base).to_vec()),
    };
    let mut plan = Plan { git, base: &base, files: Vec::new(), links: Vec::new(), skipped: BTreeSet::new() };
    plan.make(&tree)?;
    let Plan { files, links, mut skipped, .. } = plan;
    let scratch = |source| GitError::WriteScratch { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(scratch)?;
    let root = tempfile::Builder::new().prefix("export-").tempdir_in(folder).map_err(scratch)?;
    let folder = root.path().join(std::ffi::OsStr::from_bytes(&base_path));
    let mut export = Export { root, folder, skipped: Vec::new() };
    let writer = Writer { root: export.root().to_owned(), repository: git.repository.clone(), files, links };
    skipped.extend(write(git, writer).await?);
    export.skipped = skipped.into_iter().collect();
    Ok(export)
}

/// A file to be written.
struct Planned {
    path: Vec<u8>,
    program: bool,
    wanted: Wanted,
}

/// What is written, and what is not.
struct Plan<'a> {
    git: &'a Git,
    base: &'a [u8],
    files: Vec<Planned>,
    /// Links and their targets, all of which stay inside.
    links: Vec<(Vec<u8>, Vec<u8>)>,
    skipped: BTreeSet<Skipped>,
}

impl Plan<'_> {
    fn make(&mut self, tree: &Tree) -> Result<(), GitError> {
        for (path, entry) in &tree.entries {
            let shown = path_text(path);
            match entry.kind {
                Kind::Submodule => self.skip(shown, SkipReason::Submodule),
                Kind::Link => self.link(tree, path, shown)?,
                Kind::File | Kind::Program => {
                    let wanted = Wanted { id: entry.id.clone(), path: shown, optional: !self.is_ours(path) };
                    self.files.push(Planned { path: path.clone(), program: entry.kind == Kind::Program, wanted });
                }
            }
        }
        if self.files.len() > COUNT_LIMIT {
            return Err(GitError::TooManyFiles { repository: self.git.repository.clone() });
        }
        Ok(())
    }

    fn link(&mut self, tree: &Tree, path: &[u8], shown: String) -> Result<(), GitError> {
        match tree.follow(path) {
            Ok(_) => self.links.push((path.to_vec(), tree.target(path).to_vec())),
            Err(fault) if fault != LinkFault::Missing && self.is_ours(path) => {
                let repository = self.git.repository.clone();
                return Err(GitError::FollowLink { repository, link: shown, fault });
            }
            Err(fault) => self.skip(shown, tree.broken_link(path, fault)),
        }
        Ok(())
    }

    fn skip(&mut self, path: String, reason: SkipReason) {
        self.skipped.insert(Skipped { path, reason });
    }

    /// Says whether a path belongs to the source, and not only to its repository.
    fn is_ours(&self, path: &[u8]) -> bool {
        let rest = path.strip_prefix(self.base);
        rest.is_some_and(|rest| self.base.is_empty() || rest.is_empty() || rest.starts_with(b"/"))
    }
}

/// Writes what comes through the channel, on a thread that may block.
async fn write(git: &Git, writer: Writer) -> Result<Vec<Skipped>, GitError> {
    let wanted: Vec<Wanted> = writer.files.iter().map(|file| file.wanted.clone()).collect();
    let (sender, receiver) = mpsc::channel(16);
    let writing = tokio::task::spawn_blocking(move || writer.run(receiver));
    let sent = send_all(git, &wanted, sender).await;
    // Waited for in any case: the folder must not be removed while it is written to.
    let written = writing.await?;
    sent?;
    written
}

struct Writer {
    root: PathBuf,
    repository: String,
    files: Vec<Planned>,
    links: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Writer {
    /// Links come last, so that no file is written through one.
    fn run(self, mut blobs: mpsc::Receiver<Option<Vec<u8>>>) -> Result<Vec<Skipped>, GitError> {
        let mut skipped = Vec::new();
        for Planned { path, program, wanted } in self.files {
            let Some(blob) = blobs.blocking_recv() else { return Ok(skipped) };
            let reason = match blob {
                None => SkipReason::TooLarge,
                Some(bytes) if !is_large_file_pointer(&bytes) => {
                    let at = self.root.join(std::ffi::OsStr::from_bytes(&path));
                    write_file(&at, &bytes, program).map_err(|source| GitError::WriteScratch { path: at, source })?;
                    continue;
                }
                Some(_) if wanted.optional => SkipReason::LargeFilePointer,
                Some(_) => return Err(GitError::ReadLargeFile { repository: self.repository, path: wanted.path }),
            };
            skipped.push(Skipped { path: wanted.path, reason });
        }
        for (path, target) in self.links {
            let at = self.root.join(std::ffi::OsStr::from_bytes(&path));
            let made = make_parent(&at).and_then(|()| symlink(std::ffi::OsStr::from_bytes(&target), &at));
            made.map_err(|source| GitError::WriteScratch { path: at, source })?;
        }
        set_folders(&self.root, 0o555).map_err(|source| GitError::WriteScratch { path: self.root, source })?;
        Ok(skipped)
    }
}

fn write_file(at: &Path, bytes: &[u8], program: bool) -> io::Result<()> {
    make_parent(at)?;
    let mode = if program { 0o555 } else { 0o444 };
    let mut file = File::options().write(true).create_new(true).mode(mode).open(at)?;
    file.write_all(bytes)
}

fn make_parent(at: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(at.parent().unwrap_or(at))
}

/// Sets the mode of a folder and of those in it; links are not followed.
fn set_folders(folder: &Path, mode: u32) -> io::Result<()> {
    // Writable or not, it must be readable while this looks into it.
    fs::set_permissions(folder, Permissions::from_mode(mode | 0o500))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            set_folders(&entry.path(), mode)?;
        }
    }
    Ok(())
}

fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(&[], |end| &path[..end])
}
