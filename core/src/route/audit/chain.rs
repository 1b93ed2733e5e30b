//! The end of a chain, where rows are added.

use super::row::body;
use super::{AuditKey, Entry, Hash, Row};

/// What is to be known of a chain to go on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    id: String,
    last: u64,
    hash: Hash,
}

impl Chain {
    /// A chain without rows.
    pub fn new(id: String) -> Self {
        Self { id, last: 0, hash: Hash::NONE }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The number of its last row; 0 where there is none.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The hash of its last row.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The rows of what is to be written at once, the last one sealed. The chain ends with them then.
    pub fn append(&mut self, entries: &[Entry], key: &AuditKey) -> Vec<Row> {
        let mut rows: Vec<Row> = entries.iter().map(|entry| self.add(entry)).collect();
        if let Some(last) = rows.last_mut() {
            last.seal = Some(key.seal(last.hash));
        }
        rows
    }

    fn add(&mut self, entry: &Entry) -> Row {
        self.last += 1;
        let body = body(&self.id, self.last, entry);
        self.hash = self.hash.followed_by(body.as_bytes());
        Row { chain: self.id.clone(), seq: self.last, at: entry.at(), body, hash: self.hash, seal: None }
    }
}
