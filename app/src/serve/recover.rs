//! Finishes changes of clusters that some process of this service has left because it ended before its time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::drift::report::Trigger;
use anchorwatch_edge::store::StoreError;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;

use super::{Event, Service};
use crate::config::Source;
use crate::drift::rollback::notes::StoreNotes;
use crate::drift::rollback::{Done, recover};
use crate::failure::Failure;
use crate::faults::Faults;
use crate::notify::rest;

/// How often is looked.
const LOOK: Duration = Duration::from_secs(5);
/// How long a source is left alone after it was looked at.
const AGAIN: SignedDuration = SignedDuration::from_secs(15);

pub(super) async fn run(service: Arc<Service>) {
    let mut faults = Faults::new("changes that were left unfinished cannot be looked after");
    let mut looked = HashMap::new();
    loop {
        match look(&service, &mut looked).await {
            Ok(()) => faults.none(),
            Err(failure) => faults.note_failure(&failure),
        }
        if rest(LOOK, &service.stop).await {
            return;
        }
    }
}

async fn look(service: &Arc<Service>, looked: &mut HashMap<String, Timestamp>) -> Result<(), Failure> {
    let open = service.store.open_changes().await.map_err(|error| super::store_failure(&error))?;
    let config = service.config();
    for source in config.sources.iter().filter(|source| open.iter().any(|row| row.source == source.name)) {
        // What cannot be finished now costs a look at Git and at the cluster each time.
        let now = service.now();
        if looked.get(&source.name).is_some_and(|at| now.duration_since(*at) < AGAIN) {
            continue;
        }
        let (of, one) = (service.clone(), source.clone());
        let finishing = tokio::task::spawn_blocking(move || finish(&of, &Handle::current(), &one));
        let finished = finishing.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        looked.insert(source.name.clone(), now);
        for done in finished? {
            tracing::warn!(change = done.change_id, "a change was left unfinished, and is looked after now");
            service.note_done(&done).await.map_err(|error| super::store_failure(&error))?;
        }
    }
    Ok(())
}

fn finish(service: &Service, runtime: &Handle, source: &Source) -> Result<Vec<Done>, Failure> {
    let request = source.request(&[], Arc::default(), Trigger::Api, service.now());
    recover(runtime, (&request, &service.key), &service.notes(runtime))
}

impl Service {
    /// Notes in the items what a change has made as Git says, so that nobody is told of them again.
    pub(crate) async fn note_done(&self, done: &Done) -> Result<(), StoreError> {
        self.store.settle_items(&done.rolled_back, "rolled_back", &done.by, self.now()).await?;
        self.announce(Event::Decided { id: done.change_id.clone() });
        Ok(())
    }

    /// Where its changes are noted. What calls that runs outside of the async runtime.
    pub(crate) fn notes(&self, runtime: &Handle) -> StoreNotes {
        let (store, key, replica) = (self.store.clone(), self.key.clone(), self.replica.clone());
        StoreNotes::new(runtime.clone(), store, key, replica, self.clock)
    }
}
