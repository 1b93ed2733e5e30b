//! What earlier commits said of an object, also in another file; read when a difference asks for it, each file once.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use anchorwatch_core::drift::examine::{self, PastVersion};
use anchorwatch_core::object::Identity;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::source::{self, Documents};
use anchorwatch_edge::git::{Change, Commit, GitError, History, ObjectId};
use jiff::Timestamp;
use tokio::runtime::Handle;

/// How many bytes of earlier versions are read for one file.
const BYTES_A_FILE: usize = 32 << 20;
/// How many bytes are read to find out where objects came from, for all commits together.
const BYTES_OF_MOVES: usize = 256 << 20;

/// The files that held objects before a commit.
type Places = HashMap<Identity, Arc<str>>;

/// What a file held until a commit changed it.
#[derive(Clone)]
struct Then {
    /// The newest commit that had it so.
    commit: String,
    /// Nothing if the file was not there.
    contents: Option<Arc<Documents>>,
    /// Nothing if the change is not committed yet.
    followed_by: Option<Arc<Commit>>,
}

/// The past of a source.
pub(crate) struct Past<'a> {
    history: &'a History,
    runtime: &'a Handle,
    key: &'a SecretKey,
    /// The commits that a delivery tool has not applied, where it says so.
    ahead: Option<HashSet<ObjectId>>,
    files: Mutex<HashMap<Arc<str>, Arc<PastOfFile>>>,
    moves: Mutex<Moves>,
    faults: Mutex<Vec<String>>,
}

/// The past of a file, as far as it was read.
#[derive(Default)]
struct PastOfFile {
    /// What was done to it, newest first.
    changes: Vec<Change>,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    /// Contents before the newest changes.
    contents: Vec<Arc<Documents>>,
    bytes: usize,
}

/// Where objects were before the commits that moved them.
#[derive(Default)]
struct Moves {
    /// What a commit changed, as it was before; without a commit, what is not committed yet.
    places: HashMap<Option<ObjectId>, Places>,
    bytes: usize,
}

impl std::fmt::Debug for Past<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Past")
    }
}

impl<'a> Past<'a> {
    /// A past that was not looked at yet.
    ///
    /// `applied`: the commit that a delivery tool applied last. One that is not to be found says nothing.
    pub(crate) fn new(history: &'a History, runtime: &'a Handle, key: &'a SecretKey, applied: Option<&str>) -> Self {
        let (files, moves, faults) = Default::default();
        let applied: Option<ObjectId> = applied.and_then(|id| id.parse().ok());
        let ahead = applied.and_then(|id| runtime.block_on(history.commits_since(&id)).ok());
        Self { history, runtime, key, ahead, files, moves, faults }
    }

    /// What earlier commits said of an object of this file. `identity` is as Git writes it.
    ///
    /// Where a commit brought the object into the file, it is looked for in what the commit changed besides.
    pub(crate) fn of(&self, file: &str, identity: Identity) -> PastOfObject<'_> {
        let walk = Walk { found: Vec::new(), place: Some((Arc::from(file), 0)), documents: None, is_here: true };
        PastOfObject { past: self, identity, walk: RefCell::new(walk) }
    }

    /// What could not be read of the past.
    pub(crate) fn faults(&self) -> Vec<String> {
        held(&self.faults).clone()
    }

    /// True if a delivery tool says that it has applied this commit.
    fn is_applied(&self, commit: Option<&Commit>) -> bool {
        self.ahead.as_ref().zip(commit).is_some_and(|(ahead, commit)| !ahead.contains(&commit.id))
    }

    fn file(&self, file: &Arc<str>) -> Arc<PastOfFile> {
        if let Some(known) = held(&self.files).get(file) {
            return Arc::clone(known);
        }
        let read = self.runtime.block_on(self.history.changes_of(file));
        let changes = self.or_fault(file, read).unwrap_or_default().into_iter().cloned().collect();
        if self.runtime.block_on(self.history.ends_early()).unwrap_or_default() {
            let fault = "this clone is shallow, and holds only the newest commits; run: git fetch --unshallow";
            let mut faults = held(&self.faults);
            if !faults.iter().any(|known| known == fault) {
                faults.push(fault.to_owned());
            }
        }
        let past = PastOfFile { changes, read: Mutex::default() };
        Arc::clone(held(&self.files).entry(Arc::clone(file)).or_insert_with(|| Arc::new(past)))
    }

    /// What a file held before the change at this position.
    fn version(&self, name: &str, file: &PastOfFile, at: usize) -> Option<Then> {
        let change = file.changes.get(at)?;
        let commit = match (&change.commit, &change.before) {
            (None, _) => self.history.commit().id.to_string(),
            (Some(commit), None) => format!("{}^", commit.id),
            // Without an older one it was made before the commits that are looked at.
            (Some(_), Some(_)) => file.changes.get(at + 1)?.commit.as_ref()?.id.to_string(),
        };
        let contents = match change.before {
            Some(_) => Some(self.contents(name, file, at)?),
            None => None,
        };
        Some(Then { commit, contents, followed_by: change.commit.clone() })
    }

    /// The contents before the change at this position.
    fn contents(&self, name: &str, file: &PastOfFile, at: usize) -> Option<Arc<Documents>> {
        let wanted = file.changes[..at].iter().filter(|change| change.before.is_some()).count();
        // Held while reading: a second worker that asks for the same file waits instead of reading it again.
        let mut read = held(&file.read);
        if read.contents.len() <= wanted {
            let ids: Vec<ObjectId> = file.changes.iter().filter_map(|change| change.before.clone()).collect();
            let left = BYTES_A_FILE.checked_sub(read.bytes)?;
            let end = ids.len().min((wanted + self.history.at_once()).max(2 * read.contents.len()));
            let more = self.runtime.block_on(self.history.read_blobs(&ids[read.contents.len()..end], left));
            let more = self.or_fault(name, more)?;
            read.bytes += more.iter().map(|blob| blob.len()).sum::<usize>();
            // What is no text holds no object.
            let text = |blob: &Arc<[u8]>| std::str::from_utf8(blob).unwrap_or_default().to_owned();
            read.contents.extend(more.iter().map(|blob| Arc::new(Documents::new(text(blob)))));
        }
        read.contents.get(wanted).cloned()
    }

    /// The file that a commit moved an object out of.
    fn place_before(&self, commit: Option<&Commit>, identity: &Identity) -> Option<Arc<str>> {
        let mut moves = held(&self.moves);
        let id = commit.map(|commit| commit.id.clone());
        if !moves.places.contains_key(&id) {
            let left = BYTES_OF_MOVES.saturating_sub(moves.bytes);
            let read = self.runtime.block_on(self.read_places(id.as_ref(), left));
            let name = id.as_ref().map_or("uncommitted changes", ObjectId::as_str);
            let (places, bytes) = self.or_fault(name, read).unwrap_or_default();
            moves.bytes += bytes;
            moves.places.insert(id.clone(), places);
        }
        moves.places[&id].get(identity).cloned()
    }

    fn or_fault<T>(&self, what: &str, result: Result<T, GitError>) -> Option<T> {
        result.map_err(|error| held(&self.faults).push(format!("{what}: {error}"))).ok()
    }

    async fn read_places(&self, commit: Option<&ObjectId>, limit: usize) -> Result<(Places, usize), GitError> {
        let changes = self.history.changes_in(commit).await?;
        let (files, ids): (Vec<_>, Vec<_>) =
            changes.iter().filter_map(|change| Some((&change.file, change.before.clone()?))).unzip();
        let blobs = self.history.read_blobs(&ids, limit).await?;
        let (mut places, mut bytes) = (Places::new(), 0);
        for (file, blob) in files.into_iter().zip(blobs) {
            bytes += blob.len();
            places.extend(
                source::read(0, &blob, self.key).objects.iter().map(|object| (object.identity(), Arc::clone(file))),
            );
        }
        Ok((places, bytes))
    }
}

/// The past of one object, read as far as somebody asks.
pub(crate) struct PastOfObject<'p> {
    past: &'p Past<'p>,
    identity: Identity,
    walk: RefCell<Walk>,
}

struct Walk {
    found: Vec<Arc<PastVersion>>,
    /// The file, and the position of the change to look at next; nothing at the end.
    place: Option<(Arc<str>, usize)>,
    /// What the next newer version of the file had about the object.
    documents: Option<String>,
    /// True if the next newer version had the object.
    is_here: bool,
}

impl std::fmt::Debug for PastOfObject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PastOfObject({})", self.identity)
    }
}

impl examine::Past for PastOfObject<'_> {
    fn version(&self, at: usize) -> Option<Arc<PastVersion>> {
        let mut walk = self.walk.borrow_mut();
        while walk.found.len() <= at {
            let place = walk.place.take()?;
            self.step(&mut walk, place);
        }
        walk.found.get(at).cloned()
    }
}

impl PastOfObject<'_> {
    /// Looks at one version of a file. Without another one the walk is at its end.
    fn step(&self, walk: &mut Walk, (name, at): (Arc<str>, usize)) {
        let file = self.past.file(&name);
        let Some(then) = self.past.version(&name, &file, at) else { return };
        walk.place = Some((name, at + 1));
        let documents = then.contents.map(|contents| contents.about(&self.identity)).unwrap_or_default();
        if walk.documents.as_ref() == Some(&documents) {
            return;
        }
        let root = self.object(&documents);
        let came_here = root.is_none() && std::mem::replace(&mut walk.is_here, root.is_some());
        if came_here && let Some(older) = self.past.place_before(then.followed_by.as_deref(), &self.identity) {
            let changes = &self.past.file(&older).changes;
            let moved = changes.iter().position(|change| change.commit == then.followed_by);
            walk.place = moved.map(|at| (older, at));
            walk.is_here = true;
            return;
        }
        walk.documents = Some(documents);
        walk.is_here = root.is_some();
        if walk.found.last().is_none_or(|newer| newer.root != root) {
            walk.found.push(Arc::new(PastVersion {
                commit: then.commit,
                root,
                is_outdated: self.past.is_applied(then.followed_by.as_deref()),
                followed_by: then.followed_by.map(|commit| (commit.id.to_string(), seconds(commit.time))),
            }));
        }
    }

    fn object(&self, documents: &str) -> Option<Map<'static>> {
        let read = source::read(0, documents.as_bytes(), self.past.key);
        let object = read.objects.into_iter().find(|object| object.identity() == self.identity)?;
        match Value::Map(object.root).into_owned() {
            Value::Map(root) => Some(root),
            _ => None,
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it reads the past")
}

fn seconds(time: i64) -> Timestamp {
    Timestamp::from_second(time).unwrap_or(Timestamp::UNIX_EPOCH)
}
