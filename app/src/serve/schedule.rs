//! Queues the scans that are due: each source's interval, and a tenth of it by chance, so that they do not all come at once.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_edge::clock;
use anchorwatch_edge::store::StoreError;

use jiff::SignedDuration;

use super::Service;
use crate::notify::rest;

const EVERY: Duration = Duration::from_secs(1);
/// A clock that is set back by less than this is being corrected.
const JUMP: SignedDuration = SignedDuration::from_mins(1);

pub(super) async fn run(service: Arc<Service>) {
    let mut faults = service.failing.faults("cannot see what is due");
    let mut last = service.now();
    loop {
        let now = service.now();
        if now < last - JUMP {
            tracing::warn!(seconds = last.duration_since(now).as_secs(), "the clock was set back");
            // Else nothing would be due until the clock shows again what it has shown.
            match service.configure_sources().await {
                Ok(()) => last = now,
                Err(error) => faults.note(&error),
            }
        } else {
            last = now;
        }
        match queue(&service).await {
            Ok(0) => faults.none(),
            Ok(_) => {
                faults.none();
                service.queued.notify_waiters();
            }
            Err(error) => faults.note(&error),
        }
        if rest(EVERY, &service.stop).await {
            return;
        }
    }
}

/// Gives how many were queued by this replica.
async fn queue(service: &Service) -> Result<usize, StoreError> {
    let config = service.config();
    let now = service.now();
    let mut queued = 0;
    for name in service.store.due(now).await? {
        let Some(source) = config.source(&name) else { continue };
        let millis = u64::try_from(source.interval.as_millis()).unwrap_or(u64::MAX);
        let next_in = source.interval + Duration::from_millis(clock::chance(millis / 10));
        queued += usize::from(service.store.queue_if_due(&name, &clock::new_id(), next_in, now).await?);
    }
    Ok(queued)
}
