//! What the files of a path were before: evidence for drift that Git itself explains.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::command::Git;
use super::error::GitError;
use super::objects::{ObjectId, Wanted, read_all};
use super::tree::{Base, Tree};
use super::tree_path::TreePath;
use super::{Commit, failed};
use crate::files::path_text;

/// How many commits of a path are looked at.
pub const HISTORY_LIMIT: usize = 200;
/// How many bytes of old versions are kept in memory.
const CACHE_LIMIT: usize = 256 << 20;

/// A file as a commit made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The commit that made it so.
    pub commit: ObjectId,
    /// When that was committed, in seconds since 1970.
    pub time: i64,
    /// Its contents.
    pub blob: ObjectId,
}

/// The last [`HISTORY_LIMIT`] commits that touched a path, merges seen from their first parent.
#[derive(Debug)]
pub struct History {
    git: Arc<Git>,
    commit: Commit,
    path: TreePath,
    log: OnceCell<Log>,
    cache: Mutex<Cache>,
}

impl History {
    pub(super) fn new(git: Arc<Git>, commit: Commit, path: TreePath) -> Self {
        Self { git, commit, path, log: OnceCell::new(), cache: Mutex::default() }
    }

    /// The version that the commit has, with the commit that made it; nothing if that is too long ago.
    pub async fn current(&self, file: &str) -> Result<Option<Version>, GitError> {
        Ok(self.log().await?.changes(file).first().and_then(Change::version))
    }

    /// The earlier versions of a file, newest first; the one that the commit has is not among them.
    ///
    /// `file` is a [`crate::files::SourceFile::path`], or one of [`Self::files`].
    pub async fn versions(&self, file: &str) -> Result<Vec<Version>, GitError> {
        let log = self.log().await?;
        let changes = log.changes(file);
        let current = usize::from(changes.first().is_some_and(|change| change.blob.is_some()));
        Ok(changes.iter().skip(current).filter_map(Change::version).collect())
    }

    /// All files that were touched, also those that are gone.
    pub async fn files(&self) -> Result<Vec<String>, GitError> {
        Ok(self.log().await?.files.keys().cloned().collect())
    }

    /// Says whether there are more commits than were looked at.
    pub async fn is_cut_off(&self) -> Result<bool, GitError> {
        Ok(self.log().await?.commits >= HISTORY_LIMIT)
    }

    /// Reads one version's contents.
    pub async fn read_blob(&self, id: &ObjectId) -> Result<Arc<[u8]>, GitError> {
        let mut blobs = self.read_blobs(std::slice::from_ref(id)).await?;
        Ok(blobs.pop().expect("as many blobs are given as were asked for"))
    }

    /// Reads several versions' contents at once, in their order.
    pub async fn read_blobs(&self, ids: &[ObjectId]) -> Result<Vec<Arc<[u8]>>, GitError> {
        let mut known: HashMap<&ObjectId, Arc<[u8]>> = HashMap::new();
        {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(ids.iter().filter_map(|id| Some((id, Arc::clone(cache.blobs.get(id)?)))));
        }
        let mut missing: Vec<&ObjectId> = ids.iter().filter(|id| !known.contains_key(id)).collect();
        missing.sort_unstable();
        missing.dedup();
        let wanted = missing.iter().map(|id| Wanted::new(id, format!("an earlier version in {}", self.path))).collect();
        let read = read_all(&self.git, wanted).await?;
        for (id, bytes) in missing.into_iter().zip(read) {
            let bytes: Arc<[u8]> = bytes.into();
            self.cache.lock().unwrap_or_else(PoisonError::into_inner).keep(id, &bytes);
            known.insert(id, bytes);
        }
        Ok(ids.iter().map(|id| Arc::clone(&known[id])).collect())
    }

    async fn log(&self) -> Result<&Log, GitError> {
        self.log.get_or_try_init(|| self.read_log()).await
    }

    async fn read_log(&self) -> Result<Log, GitError> {
        let (_, base) = Tree::load(&self.git, &self.commit, &self.path).await?;
        let (path, prefix) = match base {
            Base::Folder(folder) if folder.is_empty() => (folder, 0),
            Base::Folder(folder) => (folder.clone(), folder.len() + 1),
            Base::File(file) => (file.clone(), file.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1)),
        };
        // A path that is no UTF-8 was given as text, so it is none: links may lead to one, and then nothing is found.
        let path = String::from_utf8_lossy(&path).into_owned();
        let limit = format!("--max-count={HISTORY_LIMIT}");
        let mut args = vec![
            "log",
            "--raw",
            "-z",
            "--no-renames",
            "--first-parent",
            "--diff-merges=first-parent",
            "--no-abbrev",
            "--no-decorate",
            "--no-notes",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--no-relative",
            "-O/dev/null",
            "--format=tformat:%x01%H %ct",
            &limit,
            self.commit.id.as_str(),
            "--",
        ];
        args.extend((!path.is_empty()).then_some(path.as_str()));
        let output = self.git.read(args, Vec::new()).await?;
        if !output.status.success() {
            return Err(failed(&self.git, "log", output));
        }
        Ok(Log::parse(&output.stdout, prefix))
    }
}

/// Contents that were read, up to a limit.
#[derive(Debug, Default)]
struct Cache {
    blobs: HashMap<ObjectId, Arc<[u8]>>,
    size: usize,
}

impl Cache {
    fn keep(&mut self, id: &ObjectId, bytes: &Arc<[u8]>) {
        if self.size + bytes.len() <= CACHE_LIMIT && self.blobs.insert(id.clone(), Arc::clone(bytes)).is_none() {
            self.size += bytes.len();
        }
    }
}

/// What a commit did to a file.
#[derive(Debug)]
struct Change {
    commit: ObjectId,
    time: i64,
    /// Nothing if it removed the file, or made it something else than a file.
    blob: Option<ObjectId>,
}

impl Change {
    fn version(&self) -> Option<Version> {
        let blob = self.blob.clone()?;
        Some(Version { commit: self.commit.clone(), time: self.time, blob })
    }
}

/// Changes by file, newest first.
#[derive(Debug, Default)]
struct Log {
    files: BTreeMap<String, Vec<Change>>,
    commits: usize,
}

impl Log {
    fn changes(&self, file: &str) -> &[Change] {
        self.files.get(file).map_or(&[], Vec::as_slice)
    }

    /// Reads `\x01COMMIT TIME` and `:MODE MODE OLD NEW STATUS`, `PATH`, each ended by NUL.
    fn parse(output: &[u8], prefix: usize) -> Self {
        let mut log = Self::default();
        let mut commit: Option<(ObjectId, i64)> = None;
        let mut parts = output.split(|byte| *byte == 0);
        while let Some(part) = parts.next() {
            let part = String::from_utf8_lossy(part);
            let part = part.trim_start_matches('\n');
            if let Some(head) = part.strip_prefix('\x01') {
                let head = head.split_once(' ');
                commit = head.and_then(|(id, time)| Some((id.parse().ok()?, time.parse().ok()?)));
                log.commits += 1;
            } else if let Some(change) = part.strip_prefix(':') {
                let path = parts.next().unwrap_or_default();
                if let (Some((id, time)), Some(path)) = (&commit, path.get(prefix..)) {
                    log.add(change, path, id, *time);
                }
            }
        }
        log
    }

    fn add(&mut self, change: &str, path: &[u8], commit: &ObjectId, time: i64) {
        let fields: Vec<&str> = change.split(' ').collect();
        let [_, mode, old, new, _] = fields[..] else { return };
        let (Ok(old), Ok(new)) = (old.parse::<ObjectId>(), new.parse::<ObjectId>()) else { return };
        if old == new {
            return;
        }
        let blob = (!new.is_null() && mode.starts_with("100")).then_some(new);
        let changes = self.files.entry(path_text(path)).or_default();
        changes.push(Change { commit: commit.clone(), time, blob });
    }
}
