//! Finishes changes of clusters that some process of this service has left because it ended before its time.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::drift::report::Trigger;
use tokio::runtime::Handle;

use super::{Event, Service};
use crate::config::Source;
use crate::drift::rollback::notes::{Notes as _, StoreNotes};
use crate::drift::rollback::{Recovered, recover};
use crate::failure::Failure;
use crate::faults::Faults;
use crate::notify::rest;

/// How often is looked.
const LOOK: Duration = Duration::from_secs(5);

pub(super) async fn run(service: Arc<Service>) {
    let mut faults = Faults::new("changes that were left unfinished cannot be looked after");
    loop {
        match look(&service).await {
            Ok(()) => faults.none(),
            Err(failure) => faults.note_failure(&failure),
        }
        if rest(LOOK, &service.stop).await {
            return;
        }
    }
}

async fn look(service: &Arc<Service>) -> Result<(), Failure> {
    let open = service.store.open_changes().await.map_err(|error| super::store_failure(&error))?;
    let config = service.config();
    for source in config.sources.iter().filter(|source| open.iter().any(|row| row.source == source.name)) {
        let (of, source) = (service.clone(), source.clone());
        let finishing = tokio::task::spawn_blocking(move || finish(&of, &Handle::current(), &source));
        let finished = finishing.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        for Recovered { change_id, by, proven, .. } in finished {
            tracing::warn!(change = change_id, "a change was left unfinished, and is looked after now");
            let settled = service.store.settle_items(&proven, "rolled_back", &by, service.now()).await;
            settled.map_err(|error| super::store_failure(&error))?;
            service.announce(Event::Decided { id: change_id });
        }
    }
    Ok(())
}

fn finish(service: &Service, runtime: &Handle, source: &Source) -> Result<Vec<Recovered>, Failure> {
    let notes = service.notes(runtime);
    if notes.unfinished()?.is_empty() {
        return Ok(Vec::new());
    }
    let request = source.request(&[], Arc::default(), Trigger::Api, service.now());
    recover(runtime, (&request, &service.key), &notes)
}

impl Service {
    /// Where its changes are noted. What calls that runs outside of the async runtime.
    pub(crate) fn notes(&self, runtime: &Handle) -> StoreNotes {
        let (store, key, replica) = (self.store.clone(), self.key.clone(), self.replica.clone());
        StoreNotes::new(runtime.clone(), store, key, replica, self.clock)
    }
}
