//! Forgets what is old, and gives up jobs that took every one of their holders down.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_edge::store::StoreError;
use jiff::SignedDuration;

use super::Service;
use crate::failure::Faults;
use crate::notify::rest;

const EVERY: Duration = Duration::from_mins(5);

pub(super) async fn run(service: Arc<Service>) {
    let mut faults = Faults::new("cannot forget what is old");
    loop {
        match tidy(&service).await {
            Ok(()) => faults.none(),
            Err(error) => faults.note(&error),
        }
        if rest(EVERY, &service.stop).await {
            return;
        }
    }
}

async fn tidy(service: &Service) -> Result<(), StoreError> {
    service.limits.tidy();
    let now = service.now();
    let given_up = service.store.give_up(now).await?;
    if given_up > 0 {
        tracing::error!(jobs = given_up, "given up: begun again and again, and never ended");
    }
    let keep = service.config().keep;
    let age = SignedDuration::try_from(keep.age).unwrap_or(SignedDuration::MAX);
    let before = now.checked_sub(age).unwrap_or(jiff::Timestamp::MIN);
    service.store.forget_notifications(before).await?;
    let scans = service.store.forget(before, keep.scans_per_source, now).await?;
    if scans > 0 {
        tracing::info!(scans, "old scans forgotten");
    }
    Ok(())
}
