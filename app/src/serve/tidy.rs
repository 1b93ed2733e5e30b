//! Forgets what is old, and gives up jobs that took every one of their holders down.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_edge::store::{GivenUp, StoreError};
use jiff::SignedDuration;

use super::Service;
use crate::notify::rest;
use crate::route;

const EVERY: Duration = Duration::from_mins(5);
/// How long until it is tried again where it failed: it is said to until it does not.
const AGAIN: Duration = Duration::from_secs(10);

pub(super) async fn run(service: Arc<Service>) {
    let mut faults = service.failing.faults("cannot forget what is old");
    loop {
        let wait = if faults.took(&tidy(&service).await) { EVERY } else { AGAIN };
        if rest(wait, &service.stop).await {
            return;
        }
    }
}

async fn tidy(service: &Service) -> Result<(), StoreError> {
    service.limits.tidy();
    let now = service.now();
    for GivenUp { source, cluster } in service.store.give_up(now).await? {
        tracing::error!(source, "a scan was given up: begun again and again, and never ended");
        if let Some(cluster) = cluster {
            service.metrics.scan_failed(&cluster, &source);
        }
    }
    let keep = service.config().keep;
    let age = SignedDuration::try_from(keep.age).unwrap_or(SignedDuration::MAX);
    let before = now.checked_sub(age).unwrap_or(jiff::Timestamp::MIN);
    service.store.forget_notifications(before).await?;
    let scans = service.store.forget(before, keep.scans_per_source, now).await?;
    if scans > 0 {
        tracing::info!(scans, "old scans forgotten");
    }
    service.store.forget_private(route::taint::earliest(now)).await?;
    route::audit::forget(&service.store, age, &service.key, now).await
}
