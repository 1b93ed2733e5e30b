//! An audit in memory, for tests: it has no store, and so no thread that a paused clock would not wait for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anchorwatch_core::route::audit::Entry;
use tokio::sync::{Semaphore, mpsc};

use super::write::Ask;
use super::{Audit, Health, WAITING};
use crate::clock::Clock;

/// What an audit in memory was told, in its order. Its rows are in no chain.
#[derive(Debug, Clone, Default)]
pub struct KeptEntries(Arc<Mutex<Vec<Entry>>>);

impl Audit {
    /// Keeps what it is told as long as this process runs. `takes`: how long it takes for each row.
    pub fn in_memory(clock: Clock, takes: Duration) -> (Self, KeptEntries) {
        let (asks, mut asked) = mpsc::unbounded_channel::<Ask>();
        let (entries, answering) = (KeptEntries::default(), asks.downgrade());
        let kept = entries.clone();
        tokio::spawn(async move {
            while let Some(ask) = asked.recv().await {
                if !takes.is_zero() {
                    tokio::time::sleep(takes).await;
                }
                // Who has given up waiting is passed over, as by the one that is stored.
                if let Some(ask) = ask.unless_given_up() {
                    kept.keep(&ask);
                    ask.answer(&answering, clock);
                }
            }
        });
        let health = Arc::new(Health::new(Box::new(|_| ())));
        (Self { asks, places: Arc::new(Semaphore::new(WAITING)), health }, entries)
    }
}

impl KeptEntries {
    /// Takes all that was told so far.
    pub fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, ask: &Ask) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(ask.entry());
    }
}
