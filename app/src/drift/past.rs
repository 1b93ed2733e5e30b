//! What earlier commits said of an object, also in another file; read when a difference asks for it, each file once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anchorwatch_core::drift::examine::PastVersion;
use anchorwatch_core::object::Identity;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::source;
use anchorwatch_edge::git::{Commit, GitError, History, ObjectId};
use jiff::Timestamp;
use tokio::runtime::Handle;

/// How many bytes of earlier versions are read for one file.
const BYTES_A_FILE: usize = 32 << 20;
/// How many bytes are read to find out where objects came from, for all commits together.
const BYTES_OF_MOVES: usize = 256 << 20;

/// The objects of a file.
type Objects = HashMap<Identity, Map<'static>>;
/// The files that held objects before a commit.
type Places = HashMap<Identity, Arc<str>>;

/// What a file held until a commit changed it.
struct Then {
    /// The newest commit that had it so.
    commit: String,
    objects: Arc<Objects>,
    followed_by: Arc<Commit>,
}

/// The past of a source.
pub(crate) struct Past<'a> {
    history: &'a History,
    runtime: &'a Handle,
    key: &'a SecretKey,
    known: Mutex<Known>,
}

/// What was read so far.
#[derive(Default)]
struct Known {
    /// The earlier versions of a file, newest first.
    files: HashMap<String, Arc<Vec<Then>>>,
    /// What a commit changed, as it was before.
    places: HashMap<ObjectId, Places>,
    bytes_of_moves: usize,
    faults: Vec<String>,
}

impl std::fmt::Debug for Past<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Past")
    }
}

impl<'a> Past<'a> {
    /// A past that was not looked at yet.
    pub(crate) fn new(history: &'a History, runtime: &'a Handle, key: &'a SecretKey) -> Self {
        Self { history, runtime, key, known: Mutex::default() }
    }

    /// What earlier commits said of an object of this file, newest first. `identity` is as Git writes it.
    ///
    /// Where a commit brought the object into the file, it is looked for in what the commit changed besides.
    pub(crate) fn of(&self, file: &str, identity: &Identity) -> Vec<PastVersion<'static>> {
        // Held while reading: a second worker that asks for the same file waits instead of reading it again.
        let mut known = self.known.lock().expect("no thread panics while it reads the past");
        let mut past: Vec<PastVersion<'static>> = Vec::new();
        let mut place = Some((Arc::from(file), None));
        while let Some((file, moved_in)) = place.take() {
            let versions = self.versions(&mut known, &file);
            let mut is_here = true;
            for then in
                versions.iter().skip_while(|then| moved_in.as_ref().is_some_and(|id| then.followed_by.id != *id))
            {
                let root = then.objects.get(identity);
                if root.is_none() && is_here {
                    place = self.place_before(&mut known, &then.followed_by.id, identity);
                    if place.is_some() {
                        break;
                    }
                }
                is_here = root.is_some();
                if past.last().is_none_or(|newer| newer.root.as_ref() != root) {
                    past.push(PastVersion {
                        commit: then.commit.clone(),
                        root: root.cloned(),
                        followed_by: (then.followed_by.id.to_string(), seconds(then.followed_by.time)),
                    });
                }
            }
        }
        past
    }

    /// What could not be read of the past.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.known.lock().expect("no thread panics while it reads the past").faults.clone()
    }

    fn versions(&self, known: &mut Known, file: &str) -> Arc<Vec<Then>> {
        if let Some(versions) = known.files.get(file) {
            return Arc::clone(versions);
        }
        let read = self.runtime.block_on(self.read_versions(file)).unwrap_or_else(|error| {
            known.faults.push(format!("{file}: {error}"));
            Vec::new()
        });
        let read = Arc::new(read);
        known.files.insert(file.to_owned(), Arc::clone(&read));
        read
    }

    async fn read_versions(&self, file: &str) -> Result<Vec<Then>, GitError> {
        let changes = self.history.changes_of(file).await?;
        let ids: Vec<ObjectId> = changes.iter().filter_map(|change| change.before.clone()).collect();
        let blobs = self.history.read_blobs(&ids, BYTES_A_FILE).await?;
        let mut blobs: HashMap<&ObjectId, Arc<[u8]>> = ids.iter().zip(blobs).collect();
        let mut parsed: HashMap<&ObjectId, Arc<Objects>> = HashMap::new();
        let mut versions = Vec::with_capacity(changes.len());
        for (at, change) in changes.iter().enumerate() {
            let (commit, objects) = match (&change.before, changes.get(at + 1)) {
                (None, _) => (format!("{}^", change.commit.id), Arc::default()),
                (Some(id), Some(older)) => {
                    if let Some(blob) = blobs.remove(id) {
                        parsed.insert(id, Arc::new(objects(&blob, self.key)));
                    }
                    let Some(objects) = parsed.get(id) else { break };
                    (older.commit.id.to_string(), Arc::clone(objects))
                }
                // Made before the commits that are looked at.
                (Some(_), None) => break,
            };
            versions.push(Then { commit, objects, followed_by: Arc::clone(&change.commit) });
        }
        Ok(versions)
    }

    /// The file that a commit moved an object out of, with the commit.
    fn place_before(
        &self,
        known: &mut Known,
        commit: &ObjectId,
        identity: &Identity,
    ) -> Option<(Arc<str>, Option<ObjectId>)> {
        if !known.places.contains_key(commit) {
            let left = BYTES_OF_MOVES.saturating_sub(known.bytes_of_moves);
            let (places, bytes) = self.runtime.block_on(self.read_places(commit, left)).unwrap_or_else(|error| {
                known.faults.push(format!("{commit}: {error}"));
                Default::default()
            });
            known.bytes_of_moves += bytes;
            known.places.insert(commit.clone(), places);
        }
        let file = known.places[commit].get(identity)?;
        Some((Arc::clone(file), Some(commit.clone())))
    }

    async fn read_places(&self, commit: &ObjectId, limit: usize) -> Result<(Places, usize), GitError> {
        let changes = self.history.changes_in(commit).await?;
        let (files, ids): (Vec<_>, Vec<_>) =
            changes.iter().filter_map(|change| Some((&change.file, change.before.clone()?))).unzip();
        let blobs = self.history.read_blobs(&ids, limit).await?;
        let (mut places, mut bytes) = (Places::new(), 0);
        for (file, blob) in files.into_iter().zip(blobs) {
            bytes += blob.len();
            places.extend(objects(&blob, self.key).into_keys().map(|identity| (identity, Arc::clone(file))));
        }
        Ok((places, bytes))
    }
}

fn objects(bytes: &[u8], key: &SecretKey) -> Objects {
    source::read(0, bytes, key)
        .objects
        .into_iter()
        .filter_map(|object| {
            let identity = object.identity();
            match Value::Map(object.root).into_owned() {
                Value::Map(root) => Some((identity, root)),
                _ => None,
            }
        })
        .collect()
}

fn seconds(time: i64) -> Timestamp {
    Timestamp::from_second(time).unwrap_or(Timestamp::UNIX_EPOCH)
}
