//! What this replica's watches say of themselves.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::drift::watch::Asked;

/// The state of the watches that this replica holds, by source.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    by_source: Mutex<BTreeMap<String, WatchState>>,
    /// Where each of them is asked for a scan.
    askable: Mutex<BTreeMap<String, mpsc::Sender<Asked>>>,
}

/// How a watch does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WatchState {
    /// When it began.
    pub(crate) since: Option<Timestamp>,
    /// True once all lists were whole.
    pub(crate) whole: bool,
    /// Of what nothing is heard: since when, and why.
    pub(crate) lost: BTreeMap<String, (Timestamp, String)>,
}

impl Watched {
    /// How the watch of a source does; nothing if another replica holds it, or nobody.
    pub(crate) fn state(&self, source: &str) -> Option<WatchState> {
        self.states().get(source).cloned()
    }

    pub(super) fn begin(&self, source: &str, now: Timestamp) {
        self.states().insert(source.to_owned(), WatchState { since: Some(now), ..WatchState::default() });
    }

    /// Where the watch of a source is asked for a scan, if this replica holds it.
    pub(super) fn askable(&self, source: &str) -> Option<mpsc::Sender<Asked>> {
        self.asking().get(source).cloned()
    }

    /// A watch may be asked, or may not, as it does not see everything; one that has ended answers nobody.
    pub(super) fn may_ask(&self, source: &str, ask: Option<mpsc::Sender<Asked>>) {
        match ask {
            Some(ask) => self.asking().insert(source.to_owned(), ask),
            None => self.asking().remove(source),
        };
    }

    pub(super) fn whole(&self, source: &str) {
        self.states().entry(source.to_owned()).or_default().whole = true;
    }

    pub(super) fn lost(&self, source: &str, what: &str, reason: &str, since: Timestamp) {
        let mut states = self.states();
        states.entry(source.to_owned()).or_default().lost.insert(what.to_owned(), (since, reason.to_owned()));
    }

    pub(super) fn restored(&self, source: &str, what: &str) {
        self.states().entry(source.to_owned()).or_default().lost.remove(what);
    }

    /// The whole watch failed.
    pub(super) fn lose(&self, source: &str, reason: &str, now: Timestamp) {
        let lost = BTreeMap::from([("everything".to_owned(), (now, reason.to_owned()))]);
        self.states().insert(source.to_owned(), WatchState { since: None, whole: false, lost });
    }

    pub(super) fn end(&self, source: &str) {
        self.states().remove(source);
        self.asking().remove(source);
    }

    fn asking(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, mpsc::Sender<Asked>>> {
        self.askable.lock().expect("nobody panics while it is written")
    }

    fn states(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, WatchState>> {
        self.by_source.lock().expect("nobody panics while it is written")
    }
}
