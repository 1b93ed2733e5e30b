//! The lists of sources in clusters, as this replica read them last.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use anchorwatch_core::delivery::Delivery;
use jiff::Timestamp;

/// What this replica knows of each list, by the list's name.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    by_list: Mutex<BTreeMap<String, ListState>>,
}

/// How it stands with a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListState {
    /// When it was read last.
    pub(crate) read_at: Option<Timestamp>,
    /// Since when it cannot be read, and why.
    pub(crate) fault: Option<(Timestamp, String)>,
    /// What was in it.
    pub(crate) deliveries: Vec<Delivery>,
}

impl Discovered {
    /// How it stands with a list; one that was never tried is in the beginning.
    pub(crate) fn state(&self, list: &str) -> ListState {
        self.states().get(list).cloned().unwrap_or_default()
    }

    /// True if nobody here knows what is in a list now.
    pub(super) fn is_unknown(&self, list: &str) -> bool {
        self.states().get(list).is_none_or(|state| state.read_at.is_none() || state.fault.is_some())
    }

    /// A list was read.
    pub(super) fn read(&self, list: &str, deliveries: Vec<Delivery>, now: Timestamp) {
        self.states().insert(list.to_owned(), ListState { read_at: Some(now), fault: None, deliveries });
    }

    /// A list could not be read; what was in it last stays. True if that is news.
    pub(super) fn fail(&self, list: &str, reason: &str, now: Timestamp) -> bool {
        let mut states = self.states();
        let state = states.entry(list.to_owned()).or_default();
        let since = state.fault.as_ref().map_or(now, |(since, _)| *since);
        let before = state.fault.replace((since, reason.to_owned()));
        before.is_none_or(|(_, before)| before != reason)
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, ListState>> {
        self.by_list.lock().expect("nobody panics while it is written")
    }
}
