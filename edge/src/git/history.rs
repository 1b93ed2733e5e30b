//! What the files of a path were before: evidence for drift that Git itself explains.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::command::Git;
use super::error::GitError;
use super::objects::{BlobReader, ObjectId, Wanted};
use super::tree::{Base, Tree, is_hidden};
use super::tree_path::TreePath;
use super::{Commit, failed};
use crate::files::{is_manifest, path_text};

/// How many commits of a path are looked at.
pub const HISTORY_LIMIT: usize = 200;
/// How many contents are read at first.
const AT_ONCE: usize = 32;

/// What a commit did to a file, or somebody who did not commit it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The commit; nothing for files on disk that differ from it.
    pub commit: Option<Arc<Commit>>,
    /// The file, as [`crate::files::SourceFile::path`] names it.
    pub file: Arc<str>,
    /// Its contents until then; nothing if it was not there, or no file.
    pub before: Option<ObjectId>,
}

/// The last [`HISTORY_LIMIT`] commits that touched a path, merges seen from their first parent; before them, what was
/// not committed yet.
#[derive(Debug)]
pub struct History {
    git: Arc<Git>,
    commit: Commit,
    path: TreePath,
    uncommitted: Vec<Change>,
    log: OnceCell<Log>,
    reader: tokio::sync::Mutex<Option<BlobReader>>,
}

impl History {
    pub(super) fn new(git: Arc<Git>, commit: Commit, path: TreePath, uncommitted: Vec<Change>) -> Self {
        let (log, reader) = Default::default();
        Self { git, commit, path, uncommitted, log, reader }
    }

    /// The commit that it looks back from.
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// Says whether the files that it looks back from are the commit's.
    pub fn is_committed(&self) -> bool {
        self.uncommitted.is_empty()
    }

    /// What was done to a file, newest first.
    pub async fn changes_of(&self, file: &str) -> Result<Vec<&Change>, GitError> {
        let log = self.log().await?;
        let changes = log.by_file.get(file).map_or(&[][..], Vec::as_slice);
        Ok(changes.iter().map(|at| &log.changes[*at]).collect())
    }

    /// The commits that a cluster lacks in which this one was applied last.
    pub async fn commits_since(&self, applied: &ObjectId) -> Result<HashSet<ObjectId>, GitError> {
        let range = format!("{applied}..{}", self.commit.id);
        let output = self.git.read(["rev-list", &range, "--"], Vec::new()).await?;
        if !output.status.success() {
            return Err(failed(&self.git, "rev-list", output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// True where a shallow clone holds only the newest commits.
    pub async fn ends_early(&self) -> Result<bool, GitError> {
        Ok(!self.log().await?.is_whole)
    }

    /// What a commit did to all manifests; without one, what was not committed yet.
    pub async fn changes_in(&self, commit: Option<&ObjectId>) -> Result<&[Change], GitError> {
        let log = self.log().await?;
        Ok(log.by_commit.get(&commit.cloned()).map_or(&[], |range| &log.changes[range.clone()]))
    }

    /// Reads contents in their order, up to `limit` bytes: the first that exceeds it is the last that is given.
    pub async fn read_blobs(&self, ids: &[ObjectId], limit: usize) -> Result<Vec<Arc<[u8]>>, GitError> {
        let (mut read, mut bytes): (Vec<Arc<[u8]>>, usize) = (Vec::with_capacity(ids.len()), 0);
        // Sizes are not known before: few are read at first, and twice as many each time.
        let mut at_once = AT_ONCE;
        while read.len() < ids.len() && bytes <= limit {
            let next = &ids[read.len()..ids.len().min(read.len() + at_once)];
            for blob in self.read_all_of(next).await? {
                bytes += blob.len();
                read.push(blob);
                if bytes > limit {
                    break;
                }
            }
            at_once *= 2;
        }
        Ok(read)
    }

    /// How many contents are best read together: of a copy without them each question goes over the network.
    pub fn at_once(&self) -> usize {
        if self.git.is_copy { AT_ONCE } else { 1 }
    }

    async fn read_all_of(&self, ids: &[ObjectId]) -> Result<Vec<Arc<[u8]>>, GitError> {
        let mut distinct: Vec<&ObjectId> = ids.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let wanted: Vec<Wanted> =
            distinct.iter().map(|id| Wanted::new(id, format!("an earlier version in {}", self.path))).collect();
        let read = self.ask(&wanted).await?.into_iter().map(Arc::from);
        let known: HashMap<&ObjectId, Arc<[u8]>> = distinct.into_iter().zip(read).collect();
        Ok(ids.iter().map(|id| Arc::clone(&known[id])).collect())
    }

    async fn ask(&self, wanted: &[Wanted]) -> Result<Vec<Vec<u8>>, GitError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = self.reader.lock().await;
        let mut asked = match reader.take() {
            Some(running) => running,
            None => BlobReader::start(&self.git)?,
        };
        let blobs = asked.read(&self.git, wanted).await?;
        *reader = Some(asked);
        Ok(blobs)
    }

    async fn log(&self) -> Result<&Log, GitError> {
        self.log.get_or_try_init(|| self.read_log()).await
    }

    async fn read_log(&self) -> Result<Log, GitError> {
        let (_, base) = Tree::load(&self.git, &self.commit, &self.path).await?;
        let (path, prefix, whole_folder) = match base {
            Base::Folder(folder) if folder.is_empty() => (folder, 0, true),
            Base::Folder(folder) => (folder.clone(), folder.len() + 1, true),
            Base::File(file) => {
                (file.clone(), file.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1), false)
            }
        };
        let is_read = |file: &[u8]| !whole_folder || (is_manifest(file) && !is_hidden(file));
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
            "--format=tformat:%x01%H %ct %P",
            &limit,
            self.commit.id.as_str(),
            "--",
        ];
        args.extend((!path.is_empty()).then_some(path.as_str()));
        let output = self.git.read(args, Vec::new()).await?;
        if !output.status.success() {
            return Err(failed(&self.git, "log", output));
        }
        let shallow = self.git.read(["rev-parse", "--is-shallow-repository"], Vec::new()).await?;
        let is_whole = shallow.stdout.trim_ascii() == b"false";
        let mut log = Log { is_whole, ..Log::default() };
        self.uncommitted.iter().cloned().for_each(|change| log.push(change));
        log.read(&output.stdout, is_whole, |path| path.get(prefix..).filter(|file| is_read(file)));
        Ok(log)
    }
}

/// All changes, newest first, those of one commit together.
#[derive(Debug, Default)]
struct Log {
    changes: Vec<Change>,
    is_whole: bool,
    by_file: HashMap<Arc<str>, Vec<usize>>,
    by_commit: HashMap<Option<ObjectId>, Range<usize>>,
}

impl Log {
    /// Reads `\x01COMMIT TIME PARENTS` and `:MODE MODE OLD NEW STATUS`, `PATH`, each ended by NUL.
    ///
    /// `file` makes a source's file of a repository's path; nothing of what is none. Unless the history `is_whole`, a
    /// commit without parents is where a shallow clone ends, and what it changed is not known.
    fn read<'a>(&mut self, output: &'a [u8], is_whole: bool, file: impl Fn(&'a [u8]) -> Option<&'a [u8]>) {
        let mut commit: Option<Arc<Commit>> = None;
        let mut parts = output.split(|byte| *byte == 0);
        while let Some(part) = parts.next() {
            let part = String::from_utf8_lossy(part);
            let part = part.trim_start_matches('\n');
            if let Some(head) = part.strip_prefix('\x01') {
                let mut words = head.split_whitespace();
                let read = words.next().zip(words.next());
                let read = read.filter(|_| is_whole || words.next().is_some());
                commit = read
                    .and_then(|(id, time)| Some(Arc::new(Commit { id: id.parse().ok()?, time: time.parse().ok()? })));
            } else if let Some(change) = part.strip_prefix(':') {
                let file = file(parts.next().unwrap_or_default());
                if let (Some(commit), Some(file)) = (&commit, file) {
                    self.add(change, file, commit);
                }
            }
        }
    }

    fn add(&mut self, change: &str, file: &[u8], commit: &Arc<Commit>) {
        let fields: Vec<&str> = change.split(' ').collect();
        let [mode, _, old, new, _] = fields[..] else { return };
        let (Ok(old), Ok(new)) = (old.parse::<ObjectId>(), new.parse::<ObjectId>()) else { return };
        if old == new {
            return;
        }
        let before = (!old.is_null() && mode.starts_with("100")).then_some(old);
        self.push(Change { commit: Some(Arc::clone(commit)), file: Arc::from(path_text(file)), before });
    }

    fn push(&mut self, change: Change) {
        let at = self.changes.len();
        self.by_file.entry(Arc::clone(&change.file)).or_default().push(at);
        let commit = change.commit.as_ref().map(|commit| commit.id.clone());
        self.by_commit.entry(commit).or_insert(at..at).end = at + 1;
        self.changes.push(change);
    }
}
