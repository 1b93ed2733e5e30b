//! Whether an audit can be written, told once when it changes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::{StoreError, failing};
use super::{AuditNews, PATIENCE, no_answer};

/// Who waits in vain while rows have been written for so long waits for them.
const HANGS: Duration = Duration::from_millis(500);

/// What the thread that writes knows of itself, and those who wait for it may look at: a disk that hangs does not let it say so.
pub(super) struct Health {
    tell: Box<dyn Fn(AuditNews) + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_failing: bool,
    /// Since when rows are being written, while they are.
    writing: Option<Instant>,
    /// Whether the journal could not be moved the last time.
    is_stuck: bool,
}

impl Health {
    pub(super) fn new(tell: Box<dyn Fn(AuditNews) + Send + Sync>) -> Self {
        Self { tell, state: Mutex::default() }
    }

    pub(super) fn tell(&self, news: AuditNews) {
        (self.tell)(news);
    }

    /// Rows are about to be written.
    pub(super) fn writing(&self) {
        self.change(|state| state.writing = Some(Instant::now()));
    }

    /// They were not.
    pub(super) fn failed(&self, error: StoreError) {
        let is_new = self.change(|state| {
            state.writing = None;
            !std::mem::replace(&mut state.is_failing, true)
        });
        if is_new {
            self.tell(AuditNews::Failing(error));
        }
    }

    /// They were.
    pub(super) fn written(&self) {
        let was_failing = self.change(|state| {
            state.writing = None;
            std::mem::take(&mut state.is_failing)
        });
        if was_failing {
            self.tell(AuditNews::Recovered);
        }
    }

    /// Somebody has waited in vain. No error comes of a disk that hangs.
    pub(super) fn refused(&self) {
        let hangs = self.change(|state| {
            let hangs = state.writing.is_some_and(|since| since.elapsed() >= HANGS);
            hangs && !std::mem::replace(&mut state.is_failing, true)
        });
        if hangs {
            self.tell(AuditNews::Failing(failing("write the audit")(no_answer(PATIENCE))));
        }
    }

    /// What became of moving the journal.
    pub(super) fn moved(&self, moved: Result<(), StoreError>) {
        let was_stuck = self.change(|state| std::mem::replace(&mut state.is_stuck, moved.is_err()));
        if let (false, Err(error)) = (was_stuck, moved) {
            self.tell(AuditNews::JournalStuck(error));
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").finish_non_exhaustive()
    }
}
