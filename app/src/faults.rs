//! What fails again and again: said in the log when it begins and when it is over. What the store keeps the service from doing is
//! listed meanwhile, for the page, `/readyz` and the numbers.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anchorwatch_edge::clock::Clock;
use jiff::Timestamp;

use crate::failure::Failure;

/// Says that something goes wrong when it begins and when it ends, not each time.
pub(crate) struct Faults {
    doing: &'static str,
    last: Option<String>,
    listed: Option<Failing>,
}

impl Faults {
    /// `doing`: what is said to go wrong.
    pub(crate) fn new(doing: &'static str) -> Self {
        Self { doing, last: None, listed: None }
    }

    /// It went wrong.
    pub(crate) fn note(&mut self, error: &(dyn Error + 'static)) {
        self.note_failure(&Failure::because(error));
    }

    /// It went wrong.
    pub(crate) fn note_failure(&mut self, failure: &Failure) {
        let said = failure.line();
        if self.last.as_ref() == Some(&said) {
            return;
        }
        tracing::error!(reason = said, "{}", self.doing);
        if self.last.replace(said).is_none()
            && let Some(failing) = &self.listed
        {
            failing.begin(self.doing);
        }
    }

    /// It went well.
    pub(crate) fn none(&mut self) {
        if self.last.is_some() {
            self.end();
            tracing::info!("over: {}", self.doing);
        }
    }

    /// It went as it did; true if well.
    pub(crate) fn took(&mut self, done: &Result<(), impl Error + 'static>) -> bool {
        match done {
            Ok(()) => self.none(),
            Err(error) => self.note(error),
        }
        done.is_ok()
    }

    fn end(&mut self) {
        if self.last.take().is_some()
            && let Some(failing) = &self.listed
        {
            failing.end(self.doing);
        }
    }
}

impl Drop for Faults {
    /// Nobody tries it any more.
    fn drop(&mut self) {
        self.end();
    }
}

/// What the store does not let be done now.
#[derive(Debug, Clone)]
pub(crate) struct Failing {
    clock: Clock,
    by_doing: Arc<Mutex<BTreeMap<&'static str, Began>>>,
}

#[derive(Debug)]
struct Began {
    since: Timestamp,
    /// How many try it and fail.
    trying: usize,
}

impl Failing {
    /// Nothing fails yet.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, by_doing: Arc::default() }
    }

    /// For something that is tried until the store lets it be done.
    pub(crate) fn faults(&self, doing: &'static str) -> Faults {
        Faults { doing, last: None, listed: Some(self.clone()) }
    }

    /// Each thing that cannot be done, as in `cannot claim work`.
    pub(crate) fn doings(&self) -> Vec<&'static str> {
        self.by_doing().keys().copied().collect()
    }

    /// Since when something cannot be done.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.by_doing().values().map(|began| began.since).min()
    }

    fn begin(&self, doing: &'static str) {
        let since = self.clock.now();
        self.by_doing().entry(doing).or_insert(Began { since, trying: 0 }).trying += 1;
    }

    fn end(&self, doing: &'static str) {
        let mut by_doing = self.by_doing();
        if let Some(began) = by_doing.get_mut(doing) {
            began.trying -= 1;
            if began.trying == 0 {
                by_doing.remove(doing);
            }
        }
    }

    fn by_doing(&self) -> MutexGuard<'_, BTreeMap<&'static str, Began>> {
        self.by_doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
