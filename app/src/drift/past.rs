//! What earlier commits said of an object; read when a difference asks for it, and only once a file.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use anchorwatch_core::drift::examine::PastVersion;
use anchorwatch_core::object::Identity;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::source;
use anchorwatch_edge::git::{GitError, History, ObjectId};
use jiff::Timestamp;
use tokio::runtime::Handle;

/// How many bytes of earlier versions are read for one file.
const BYTES_A_FILE: usize = 32 << 20;

/// One commit's objects of a file.
struct Then {
    commit: String,
    objects: HashMap<Identity, Map<'static>>,
    followed_by: (String, Timestamp),
}

/// The past of a source.
pub(crate) struct Past<'a> {
    history: &'a History,
    runtime: &'a Handle,
    key: &'a SecretKey,
    files: Mutex<HashMap<String, Arc<Vec<Then>>>>,
    faults: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Past<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Past")
    }
}

impl<'a> Past<'a> {
    /// A past that was not looked at yet.
    pub(crate) fn new(history: &'a History, runtime: &'a Handle, key: &'a SecretKey) -> Self {
        Self { history, runtime, key, files: Mutex::default(), faults: Mutex::default() }
    }

    /// What earlier commits said of an object of this file, newest first. `identity` is as Git writes it.
    pub(crate) fn of(&self, file: &str, identity: &Identity) -> Vec<PastVersion<'static>> {
        let versions = self.versions(file);
        versions
            .iter()
            .map(|then| PastVersion {
                commit: then.commit.clone(),
                root: then.objects.get(identity).cloned(),
                followed_by: then.followed_by.clone(),
            })
            .collect()
    }

    /// What could not be read of the past.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.lock().expect("no thread panics while it notes a fault").clone()
    }

    fn versions(&self, file: &str) -> Arc<Vec<Then>> {
        // Held while reading: a second worker that asks for the same file waits instead of reading it again.
        let mut files = self.files.lock().expect("no thread panics while it reads the past");
        if let Some(known) = files.get(file) {
            return Arc::clone(known);
        }
        let read = self.runtime.block_on(self.read(file)).unwrap_or_else(|error| {
            self.faults.lock().expect("no thread panics while it notes a fault").push(format!("{file}: {error}"));
            Vec::new()
        });
        let read = Arc::new(read);
        files.insert(file.to_owned(), Arc::clone(&read));
        read
    }

    async fn read(&self, file: &str) -> Result<Vec<Then>, GitError> {
        let Some(current) = self.history.current(file).await? else { return Ok(Vec::new()) };
        let mut newer = (current.commit.as_str().to_owned(), seconds(current.time));
        let mut seen: HashSet<ObjectId> = HashSet::new();
        let (mut all, mut bytes_read) = (Vec::new(), 0);
        for version in self.history.versions(file).await? {
            let commit = version.commit.as_str().to_owned();
            // A state that came back says nothing new; the newest commit that had it is named.
            if seen.insert(version.blob.clone()) {
                let bytes = self.history.read_blob(&version.blob).await?;
                bytes_read += bytes.len();
                if bytes_read > BYTES_A_FILE {
                    return Ok(all);
                }
                all.push(Then { commit: commit.clone(), objects: objects(&bytes, self.key), followed_by: newer });
            }
            newer = (commit, seconds(version.time));
        }
        if !self.history.is_cut_off().await? {
            // Before its first commit the file was not there.
            all.push(Then { commit: format!("{}^", newer.0), objects: HashMap::new(), followed_by: newer });
        }
        Ok(all)
    }
}

fn objects(bytes: &[u8], key: &SecretKey) -> HashMap<Identity, Map<'static>> {
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
