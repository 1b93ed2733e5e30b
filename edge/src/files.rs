//! A path on disk as a source: the manifests of a file or folder, as they lie there.

mod skipped;

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use skipped::{LinkFault, SkipReason, Skipped};

use crate::render::Renderer;

/// The largest file that is read, in bytes.
pub const FILE_LIMIT: u64 = 64 << 20;
/// The most bytes that one source may hold.
pub const TOTAL_LIMIT: u64 = 1 << 30;
/// The most files that one source may hold.
pub const COUNT_LIMIT: usize = 100_000;
/// `ELOOP` on Linux.
const TOO_MANY_LINKS: i32 = 40;

/// One file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the source, `/`-separated; bytes that are no UTF-8 are written `\xHH`.
    pub path: String,
    /// The file's contents.
    pub bytes: Vec<u8>,
}

/// The manifests of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceTree {
    /// Sorted by path.
    pub files: Vec<SourceFile>,
    /// What was left out, sorted by path.
    pub skipped: Vec<Skipped>,
}

/// Why a path could not be read as a source.
#[derive(Debug, Error)]
pub enum ReadTreeError {
    /// The path itself was looked up.
    #[error("cannot read the source {}", path.display())]
    FindSource {
        /// The source as it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder inside was listed.
    #[error("cannot list the folder {}", path.display())]
    ListFolder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file inside was read.
    #[error("cannot read the file {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than [`FILE_LIMIT`].
    #[error("the file {} is larger than {} MiB", path.display(), FILE_LIMIT >> 20)]
    FileTooLarge {
        /// The file.
        path: PathBuf,
    },
    /// All files together are larger than [`TOTAL_LIMIT`].
    #[error("the source {} holds more than {} MiB of manifests", path.display(), TOTAL_LIMIT >> 20)]
    SourceTooLarge {
        /// The source.
        path: PathBuf,
    },
    /// There are more files than [`COUNT_LIMIT`].
    #[error("the source {} holds more than {COUNT_LIMIT} manifests", path.display())]
    TooManyFiles {
        /// The source.
        path: PathBuf,
    },
    /// The reading was broken off.
    #[error("reading {} was broken off", path.display())]
    Join {
        /// The source.
        path: PathBuf,
        /// What the runtime said.
        source: tokio::task::JoinError,
    },
}

impl ReadTreeError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::FindSource { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("a path, or for Git REPO//PATH?ref=REV")
            }
            Self::FileTooLarge { .. } | Self::SourceTooLarge { .. } | Self::TooManyFiles { .. } => {
                Some("name a smaller folder as the source")
            }
            _ => None,
        }
    }
}

/// Reads a file, or the `.yaml`, `.yml` and `.json` files of a folder and its folders, sorted by path.
///
/// Hidden folders are left out. Links are followed inside the source, and those that lead out of it are skipped; each
/// file is read once, at its own place where it has one there.
pub async fn read_tree(path: &Path) -> Result<SourceTree, ReadTreeError> {
    let path = path.to_owned();
    let name = path.clone();
    tokio::task::spawn_blocking(move || read(&path))
        .await
        .map_err(|source| ReadTreeError::Join { path: name, source })?
}

/// Why a file was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Somebody has changed it since it was read.
    #[error("{path} was changed since it was read; it stays as it is")]
    Changed {
        /// The file.
        path: String,
    },
    /// The disk, or the rights.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Whether a file still is as it was read; `None` for one that was not there.
pub async fn check(path: &str, before: Option<&[u8]>) -> Result<(), ReplaceError> {
    let (path, before) = (path.to_owned(), before.map(<[u8]>::to_vec));
    let checking = tokio::task::spawn_blocking(move || {
        let now = match fs::read(&path) {
            Ok(now) => Some(now),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(ReplaceError::Write { path, source }),
        };
        if now == before { Ok(()) } else { Err(ReplaceError::Changed { path }) }
    });
    checking.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Writes a file anew, as a whole or not at all, if it still is as it was read. Its rights stay, and a link stays one.
pub async fn replace(path: &str, before: &[u8], after: &[u8]) -> Result<(), ReplaceError> {
    let (path, before, after) = (path.to_owned(), before.to_vec(), after.to_vec());
    let replacing = tokio::task::spawn_blocking(move || {
        let fail = |source| ReplaceError::Write { path: path.clone(), source };
        let file = fs::canonicalize(&path).map_err(fail)?;
        if fs::read(&file).map_err(fail)? != before {
            return Err(ReplaceError::Changed { path: path.clone() });
        }
        let folder = file.parent().unwrap_or(Path::new("."));
        let mut aside = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
        aside.write_all(&after).and_then(|()| aside.as_file().sync_all()).map_err(fail)?;
        let rights = fs::metadata(&file).map_err(fail)?.permissions();
        fs::set_permissions(aside.path(), rights).map_err(fail)?;
        aside.persist(&file).map(drop).map_err(|error| fail(error.error))
    });
    replacing.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Writes a file that is not there yet.
pub async fn create(path: &str, bytes: &[u8]) -> Result<(), ReplaceError> {
    let (path, bytes) = (path.to_owned(), bytes.to_vec());
    let creating = tokio::task::spawn_blocking(move || {
        let fail = |source| ReplaceError::Write { path: path.clone(), source };
        let mut file = File::create_new(&path).map_err(fail)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(fail)
    });
    creating.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Says whether a file's name is a manifest's.
pub(crate) fn is_manifest(name: &[u8]) -> bool {
    [&b".yaml"[..], b".yml", b".json"].iter().any(|end| name.ends_with(end))
}

/// Writes a path's bytes as text; what is no UTF-8 becomes `\xHH`.
pub(crate) fn path_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.extend(["\\x".to_owned(), format!("{byte:02x}")]);
        }
    }
    text
}

fn read(path: &Path) -> Result<SourceTree, ReadTreeError> {
    let missing = |source| ReadTreeError::FindSource { path: path.to_owned(), source };
    let root = path.canonicalize().map_err(missing)?;
    let (links, seen) = (BTreeMap::new(), HashSet::new());
    let mut walk = Walk { root: &root, links, seen, tree: SourceTree::default(), total: 0 };
    if fs::metadata(&root).map_err(missing)?.is_dir() {
        walk.folder(&root, "")?;
        while let Some((shown, link)) = walk.links.pop_first() {
            walk.link(link, shown)?;
        }
    } else {
        let name = path.file_name().or(root.file_name()).unwrap_or_default();
        walk.file(&root, path_text(name.as_bytes()))?;
    }
    walk.tree.files.sort_by(|a, b| a.path.cmp(&b.path));
    walk.tree.skipped.sort();
    Ok(walk.tree)
}

struct Walk<'a> {
    root: &'a Path,
    /// Links met on the way, by the path they are shown as; looked at after all that lies at its own place.
    links: BTreeMap<String, PathBuf>,
    /// Real paths of the files and folders that were read.
    seen: HashSet<PathBuf>,
    tree: SourceTree,
    total: u64,
}

impl Walk<'_> {
    fn folder(&mut self, at: &Path, shown: &str) -> Result<(), ReadTreeError> {
        if !self.seen.insert(at.to_owned()) {
            return Ok(());
        }
        let list = || fs::read_dir(at)?.map(|entry| entry.and_then(|e| Ok((e.file_type()?, e)))).collect();
        let entries: Vec<(fs::FileType, fs::DirEntry)> = match list() {
            Ok(entries) => entries,
            Err(source) if shown.is_empty() => {
                return Err(ReadTreeError::ListFolder { path: at.to_owned(), source });
            }
            Err(error) => {
                self.leave_out(shown, SkipReason::Unreadable(error.to_string()));
                return Ok(());
            }
        };
        let names: Vec<String> = entries.iter().map(|(_, entry)| path_text(entry.file_name().as_bytes())).collect();
        if let Some(renderer) = Renderer::detect(names.iter().map(String::as_str)).filter(|_| !shown.is_empty()) {
            self.leave_out(shown, SkipReason::Rendered(renderer));
            return Ok(());
        }
        for ((kind, entry), name) in entries.iter().zip(names) {
            let shown = if shown.is_empty() { name } else { format!("{shown}/{name}") };
            let hidden = entry.file_name().as_bytes().starts_with(b".");
            if kind.is_symlink() {
                self.links.insert(shown, entry.path());
            } else if kind.is_dir() && !hidden {
                self.folder(&entry.path(), &shown)?;
            } else if !kind.is_dir() && is_manifest(entry.file_name().as_bytes()) {
                self.manifest(&entry.path(), &shown, kind.is_file())?;
            }
        }
        Ok(())
    }

    fn link(&mut self, at: PathBuf, shown: String) -> Result<(), ReadTreeError> {
        let named_manifest = is_manifest(shown.as_bytes());
        let target = match at.canonicalize().and_then(|target| Ok((fs::metadata(&target)?, target))) {
            Ok(found) => found,
            Err(_) if !named_manifest => return Ok(()),
            Err(source) => {
                let fault = match source.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => LinkFault::Missing,
                    _ if source.raw_os_error() == Some(TOO_MANY_LINKS) => LinkFault::Loop,
                    _ => return Err(ReadTreeError::ReadFile { path: at, source }),
                };
                return self.skip(&at, shown, fault);
            }
        };
        let (metadata, target): (Metadata, PathBuf) = target;
        let hidden_folder = metadata.is_dir() && shown.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
        if hidden_folder || (!metadata.is_dir() && !named_manifest) {
            return Ok(());
        }
        if !target.starts_with(self.root) {
            return self.skip(&at, shown, LinkFault::LeavesSource);
        }
        if metadata.is_dir() {
            self.folder(&target, &shown)
        } else {
            self.manifest(&target, &shown, metadata.is_file())
        }
    }

    fn skip(&mut self, link: &Path, shown: String, fault: LinkFault) -> Result<(), ReadTreeError> {
        let target = fs::read_link(link).map_err(|source| ReadTreeError::ReadFile { path: link.to_owned(), source })?;
        let reason = SkipReason::Link { target: path_text(target.as_os_str().as_bytes()), fault };
        self.tree.skipped.push(Skipped { path: shown, reason });
        Ok(())
    }

    fn manifest(&mut self, at: &Path, shown: &str, regular: bool) -> Result<(), ReadTreeError> {
        if !regular {
            self.leave_out(shown, SkipReason::Special);
            return Ok(());
        }
        if !self.seen.insert(at.to_owned()) {
            return Ok(());
        }
        match self.file(at, shown.to_owned()) {
            Err(ReadTreeError::ReadFile { source, .. }) => {
                self.leave_out(shown, SkipReason::Unreadable(source.to_string()));
                Ok(())
            }
            read => read,
        }
    }

    fn leave_out(&mut self, shown: &str, reason: SkipReason) {
        self.tree.skipped.push(Skipped { path: shown.to_owned(), reason });
    }

    fn file(&mut self, at: &Path, shown: String) -> Result<(), ReadTreeError> {
        let failed = |source| ReadTreeError::ReadFile { path: at.to_owned(), source };
        let mut bytes = Vec::new();
        File::open(at).and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)).map_err(failed)?;
        let size = bytes.len() as u64;
        self.total += size;
        self.tree.files.push(SourceFile { path: shown, bytes });
        if size > FILE_LIMIT {
            return Err(ReadTreeError::FileTooLarge { path: at.to_owned() });
        }
        if self.total > TOTAL_LIMIT {
            return Err(ReadTreeError::SourceTooLarge { path: self.root.to_owned() });
        }
        if self.tree.files.len() > COUNT_LIMIT {
            return Err(ReadTreeError::TooManyFiles { path: self.root.to_owned() });
        }
        Ok(())
    }
}
