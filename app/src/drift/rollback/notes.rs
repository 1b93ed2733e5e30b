//! Where changes are noted: in a folder of the person's, or in the service's store.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_edge::clock::Clock;
use anchorwatch_edge::journal::{Journal, JournalError};
use anchorwatch_edge::store::{ChangeRow, Duty, Store, StoreError};
use tokio::runtime::Handle;

use super::record::ChangeRecord;
use crate::fail_point;
use crate::failure::Failure;

/// Whoever holds a change is not to be disturbed; dropped, or not heard of for a while, it is let go.
pub(crate) type Held = Box<dyn Any>;

/// Where changes are noted.
pub(crate) trait Notes {
    /// Holds a change; `None` if somebody else does.
    fn hold(&self, change_id: &str) -> Result<Option<Held>, Failure>;

    /// Notes how far a change is. It is kept when this returns.
    fn write(&self, record: &ChangeRecord) -> Result<(), Failure>;

    /// A change; `None` if none is called so.
    fn read(&self, change_id: &str) -> Result<Option<ChangeRecord>, Failure>;

    /// Changes that have to be looked after. What cannot be read is said in the log, and passed over.
    fn open(&self) -> Result<Vec<ChangeRecord>, Failure>;

    /// The undo that has taken a change back as a whole, if there is one.
    fn undone_by(&self, change_id: &str) -> Result<Option<String>, Failure>;
}

/// A note that can be read; one that cannot is said in the log.
fn passed_over<T>(read: Result<T, Failure>) -> Option<T> {
    read.inspect_err(|failure| tracing::error!(reason = failure.line(), "the note of a change is passed over")).ok()
}

fn undoes(record: &ChangeRecord, change_id: &str) -> bool {
    record.undoes() == Some(change_id) && record.steps.iter().all(|step| step.state.is_as_promised())
}

fn unnoted(error: &JournalError) -> Failure {
    Failure::because(error)
        .detail("what was not noted before is not written")
        .hint("make room, or give the rights to write there")
}

impl Notes for Journal {
    fn hold(&self, change_id: &str) -> Result<Option<Held>, Failure> {
        let held = self.lock(change_id).map_err(|error| unnoted(&error))?;
        Ok(held.map(|file| Box::new(file) as Held))
    }

    fn write(&self, record: &ChangeRecord) -> Result<(), Failure> {
        Self::write(self, &record.change_id, record).map_err(|error| unnoted(&error))
    }

    fn read(&self, change_id: &str) -> Result<Option<ChangeRecord>, Failure> {
        Self::read(self, change_id).map_err(|error| unnoted(&error))
    }

    fn open(&self) -> Result<Vec<ChangeRecord>, Failure> {
        let names = self.names().map_err(|error| unnoted(&error))?;
        let read = names.iter().filter_map(|name| passed_over(Notes::read(self, name)).flatten());
        Ok(read.filter(ChangeRecord::is_open).collect())
    }

    fn undone_by(&self, change_id: &str) -> Result<Option<String>, Failure> {
        let names = self.names().map_err(|error| unnoted(&error))?;
        let mut read = names.iter().filter_map(|name| passed_over(Notes::read(self, name)).flatten());
        Ok(read.find(|record| undoes(record, change_id)).map(|record| record.change_id))
    }
}

/// How long a change is held without a sign of life.
fn lease() -> Duration {
    fail_point::lease(Duration::from_mins(2))
}

/// Notes in the service's store, sealed. What calls them runs outside of the async runtime.
pub(crate) struct StoreNotes {
    pub(crate) runtime: Handle,
    pub(crate) store: Store,
    pub(crate) key: SecretKey,
    pub(crate) replica: String,
    pub(crate) clock: Clock,
    held: Arc<Mutex<Vec<Duty>>>,
}

/// Lets go of a change.
struct LetGo {
    runtime: Handle,
    store: Store,
    held: Arc<Mutex<Vec<Duty>>>,
    name: String,
}

impl Drop for LetGo {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for duty in held.extract_if(.., |duty| duty.name == self.name) {
            // Where it cannot be, its lease ends.
            let _ = self.runtime.block_on(self.store.release_duty(&duty));
        }
    }
}

impl StoreNotes {
    pub(crate) fn new(runtime: Handle, store: Store, key: SecretKey, replica: String, clock: Clock) -> Self {
        Self { runtime, store, key, replica, clock, held: Arc::default() }
    }

    fn opened(&self, row: &ChangeRow) -> Result<ChangeRecord, Failure> {
        opened(row, &self.key)
    }
}

/// What a row of the store holds.
pub(crate) fn opened(row: &ChangeRow, key: &SecretKey) -> Result<ChangeRecord, Failure> {
    let unreadable =
        |why: String| Failure::new(format!("the note of change {} cannot be read", row.change_id)).detail(why);
    let body = row.unsealed(key).ok_or_else(|| unreadable("it was sealed with another key".to_owned()))?;
    serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))
}

fn failed(error: &StoreError) -> Failure {
    Failure::because(error).detail("what was not noted before is not written")
}

impl Notes for StoreNotes {
    fn hold(&self, change_id: &str) -> Result<Option<Held>, Failure> {
        let name = format!("change {change_id}");
        let duty = self.store.hold_duty(&name, &self.replica, lease(), self.clock.now());
        let Some(duty) = self.runtime.block_on(duty).map_err(|error| failed(&error))? else { return Ok(None) };
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(duty);
        let (runtime, store, held) = (self.runtime.clone(), self.store.clone(), self.held.clone());
        Ok(Some(Box::new(LetGo { runtime, store, held, name })))
    }

    fn write(&self, record: &ChangeRecord) -> Result<(), Failure> {
        let name = format!("change {}", record.change_id);
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let duty = held.iter().find(|duty| duty.name == name).cloned();
        drop(held);
        let Some(duty) = duty else { return Err(Failure::new("a change that nobody holds is not noted")) };
        let body = serde_json::to_vec(record).expect("a note is JSON");
        let row = ChangeRow::sealed(
            ChangeRow {
                change_id: record.change_id.clone(),
                source: record.plan.source.clone(),
                cluster: record.plan.cluster.clone(),
                undoes: record.undoes().map(str::to_owned),
                changed_by: record.by.clone(),
                begun_at: record.begun_at,
                is_open: record.is_open(),
                body: Vec::new(),
            },
            &body,
            &self.key,
        );
        let row = row.map_err(|error| Failure::because(&error))?;
        let written = self.store.put_change(&duty, &row, lease(), self.clock.now());
        self.runtime.block_on(written).map_err(|error| failed(&error))
    }

    fn read(&self, change_id: &str) -> Result<Option<ChangeRecord>, Failure> {
        let row = self.runtime.block_on(self.store.change(change_id)).map_err(|error| failed(&error))?;
        row.as_ref().map(|row| self.opened(row)).transpose()
    }

    fn open(&self) -> Result<Vec<ChangeRecord>, Failure> {
        let rows = self.runtime.block_on(self.store.open_changes()).map_err(|error| failed(&error))?;
        Ok(rows.iter().filter_map(|row| passed_over(self.opened(row))).collect())
    }

    fn undone_by(&self, change_id: &str) -> Result<Option<String>, Failure> {
        let rows = self.runtime.block_on(self.store.undos_of(change_id)).map_err(|error| failed(&error))?;
        let mut read = rows.iter().filter_map(|row| passed_over(self.opened(row)));
        Ok(read.find(|record| undoes(record, change_id)).map(|record| record.change_id))
    }
}
