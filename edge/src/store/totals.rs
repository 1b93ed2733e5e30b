//! How many rows there are of what is listed. To count a hundred thousand takes ten times as long as to read a page of them, and
//! a page that is asked for again and again is counted once.
//!
//! What this process writes counts at once; of what others write into the same database a total may know a second later.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::{DatabaseTransaction, DbErr, Value};

use super::{Store, StoreError};

/// How long another process's writes may stay uncounted.
const FRESH: Duration = Duration::from_secs(1);
/// More different questions than people ask within that time.
const MOST: usize = 256;

/// Totals by what was asked of which table, and the values in it.
#[derive(Debug, Default)]
pub(super) struct Totals {
    writes: AtomicU64,
    known: Mutex<HashMap<(String, String), Counted>>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    total: u64,
    /// How much had been written before it was counted.
    writes: u64,
    at: Instant,
}

impl Totals {
    fn known(&self) -> MutexGuard<'_, HashMap<(String, String), Counted>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Commits what may have changed how many reports or items there are.
    pub(super) async fn commit(&self, write: DatabaseTransaction) -> Result<(), DbErr> {
        let committed = write.commit().await;
        // Also where nobody knows whether it did.
        self.totals.writes.fetch_add(1, Ordering::AcqRel);
        committed
    }

    /// The total of what is asked of a table, as it was counted a moment ago, or as `count` counts it.
    pub(super) async fn counted(
        &self,
        asked: &str,
        values: &[Value],
        count: impl Future<Output = Result<u64, StoreError>>,
    ) -> Result<u64, StoreError> {
        let question = (asked.to_owned(), format!("{values:?}"));
        // Read before it is counted: what is written meanwhile makes it old.
        let (writes, at) = (self.totals.writes.load(Ordering::Acquire), Instant::now());
        let known = self.totals.known().get(&question).copied();
        if let Some(known) = known.filter(|known| known.writes == writes && at.duration_since(known.at) < FRESH) {
            return Ok(known.total);
        }
        let total = count.await?;
        let mut known = self.totals.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(question, Counted { total, writes, at });
        Ok(total)
    }
}
