//! Looks after open changes: finishes what some process of this service has left because it ended before its time, and follows commits
//! that adopt until the source's branch has them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::drift::report::Trigger;
use anchorwatch_edge::clock;
use anchorwatch_edge::store::{NewJob, StoreError};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;

use super::{Event, Service, aside};
use crate::config::Source;
use crate::drift::adopt::follow::{Following, Known};
use crate::drift::adopt::record::{CommitRecord, CommitState};
use crate::drift::rollback::notes::{StoreNotes, opened};
use crate::drift::rollback::record::ChangeRecord;
use crate::drift::rollback::{Done, Said, Writing, recover};
use crate::fail_point;
use crate::failure::Failure;
use crate::faults::Faults;
use crate::notify::rest;

/// How often is looked.
const LOOK: Duration = Duration::from_secs(5);
/// How long a source is left alone after it was looked at.
const AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// How long its repository is, where a commit waits for being merged.
const REPOSITORY: Duration = Duration::from_mins(1);

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

async fn look(service: &Arc<Service>, looked: &mut HashMap<(String, bool), Timestamp>) -> Result<(), Failure> {
    let open = service.store.open_changes().await.map_err(|error| super::store_failure(&error))?;
    let records = open.iter().filter_map(|row| opened(row, &service.key).ok()).collect::<Vec<_>>();
    let config = service.config();
    for source in &config.sources {
        for of_git in [false, true] {
            let is_such = |record: &&ChangeRecord| record.commit().is_some() == of_git;
            let mut of_source = records.iter().filter(|record| record.plan.source == source.name).filter(is_such);
            let (now, key) = (service.now(), (source.name.clone(), of_git));
            // What cannot be finished now costs a look at Git, or at the cluster too, each time.
            let again = if of_git { again_in_repository() } else { AGAIN };
            if of_source.next().is_none() || looked.get(&key).is_some_and(|at| now.duration_since(*at) < again) {
                continue;
            }
            looked.insert(key, now);
            if of_git { follow(service, source).await? } else { finish_left(service, source).await? }
        }
    }
    Ok(())
}

fn again_in_repository() -> SignedDuration {
    SignedDuration::try_from(fail_point::lease(REPOSITORY)).unwrap_or(AGAIN)
}

/// Finishes what was begun to be written to the cluster.
async fn finish_left(service: &Arc<Service>, source: &Source) -> Result<(), Failure> {
    let (of, one) = (service.clone(), source.clone());
    for done in aside(move |runtime| finish(&of, runtime, &one)).await? {
        tracing::warn!(change = done.change_id, "a change was left unfinished, and is looked after now");
        service.note_done(&done).await.map_err(|error| super::store_failure(&error))?;
    }
    Ok(())
}

/// Looks where commits are that adopt. One that the source's branch has is proven by a scan.
async fn follow(service: &Arc<Service>, source: &Source) -> Result<(), Failure> {
    let (of, one) = (service.clone(), source.clone());
    let following = aside(move |runtime| {
        let scanned = runtime.block_on(of.store.last_scan(&one.name)).map_err(|error| super::store_failure(&error))?;
        let known = OfStore { service: &of, runtime, scanned_at: scanned.map(|scan| scan.began) };
        let request = one.request(&[], Arc::default(), Trigger::Api, of.now());
        let (notes, forge) = (of.notes(runtime), one.committing().forge.as_ref());
        Following { runtime, source: &one.name, notes: &notes, forge }.follow(&request, &known)
    });
    let news = following.await?;
    for record in &news.records {
        let Some(commit) = record.commit() else { continue };
        tracing::info!(change = record.change_id, commit = commit.commit, state = ?commit.state, "a commit that adopts");
        if matches!(commit.state, CommitState::Merged { .. }) {
            let job = NewJob {
                source: source.name.clone(),
                namespaces: Vec::new(),
                triggered_by: Trigger::Api,
                requested_by: Some(record.by.clone()),
            };
            let queued = service.store.enqueue(&clock::new_id(), &job, service.now()).await;
            queued.map_err(|error| super::store_failure(&error))?;
            service.queued.notify_waiters();
        }
        service.announce(Event::Decided { id: record.change_id.clone() });
    }
    news.first_failure()
}

/// What the store knows of a commit's items.
struct OfStore<'a> {
    service: &'a Service,
    runtime: &'a Handle,
    scanned_at: Option<Timestamp>,
}

impl Known for OfStore<'_> {
    fn scanned_at(&self) -> Option<Timestamp> {
        self.scanned_at
    }

    fn differs(&self, commit: &CommitRecord) -> Result<bool, Failure> {
        for fingerprint in commit.fingerprints() {
            let item = self.runtime.block_on(self.service.store.item(fingerprint));
            let item = item.map_err(|error| super::store_failure(&error))?;
            let is_open = |item: serde_json::Value| {
                matches!(item["status"].as_str(), Some("pending" | "acknowledged" | "ignored"))
            };
            if item.is_some_and(is_open) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn settle(&self, by: &str, commit: &CommitRecord) -> Result<(), Failure> {
        let fingerprints: Vec<String> = commit.fingerprints().map(str::to_owned).collect();
        let settled = self.service.store.settle_items(&fingerprints, "adopted", by, self.service.now());
        self.runtime.block_on(settled).map_err(|error| super::store_failure(&error))
    }

    fn now(&self) -> Timestamp {
        self.service.now()
    }
}

fn finish(service: &Service, runtime: &Handle, source: &Source) -> Result<Vec<Done>, Failure> {
    let request = source.request(&[], Arc::default(), Trigger::Api, service.now());
    let notes = service.notes(runtime);
    let writing =
        Writing { scope: source.write_scope(), said: Said::default(), person: None, notes: &notes, may_write: true };
    recover(runtime, (&request, &service.key), writing)
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
