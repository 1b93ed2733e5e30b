//! Keeps a watch on each source: of several replicas one holds it, and writes down what it sees under its epoch.
//!
//! Reports follow: a namespace in which something changed is scanned a moment later. When Git has changed, the watch
//! begins anew on the new ground.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::drift::report::Trigger;
use anchorwatch_edge::clock;
use anchorwatch_edge::store::{Duty, NewJob, Sighting, StoreError};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{Event, Service, store_failure};
use crate::config::Source;
use crate::drift::scan::Request;
use crate::drift::watch::{Seen, Watching, watch};
use crate::fail_point;
use crate::failure::Failure;

/// How long a watch is held without being renewed; a third of it goes by until it is.
fn lease() -> Duration {
    fail_point::lease(Duration::from_secs(30))
}

/// How often somebody looks whether a watch is to be taken over.
const LOOK: Duration = Duration::from_secs(5);
/// How long it rests after it failed.
const REST: Duration = Duration::from_secs(15);
/// What may wait to be written; then the streams wait.
const WAITING: usize = 256;
/// A namespace is scanned so long after something changed in it, and not more often than that.
const SETTLE: SignedDuration = SignedDuration::from_secs(10);
const APART: SignedDuration = SignedDuration::from_mins(1);

/// Begins a watch for each source that asks for one, and ends those that nobody asks for any more.
pub(super) async fn run(service: Arc<Service>) {
    let mut watches: BTreeMap<String, (Source, tokio::task::JoinHandle<()>, tokio_util::sync::CancellationToken)> =
        BTreeMap::new();
    loop {
        let config = service.config();
        let wanted: Vec<&Source> = config.sources.iter().filter(|source| source.is_watched()).collect();
        watches.retain(|name, (source, _, stop)| {
            let stays = wanted.iter().any(|wanted| wanted.name == *name && *wanted == source);
            if !stays {
                stop.cancel();
            }
            stays
        });
        for source in wanted {
            if !watches.contains_key(&source.name) {
                let stop = service.stop.child_token();
                let task = tokio::spawn(keep(service.clone(), source.clone(), stop.clone()));
                watches.insert(source.name.clone(), (source.clone(), task, stop));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = service.stop.cancelled() => break,
        }
    }
    for (_, task, _) in watches.into_values() {
        let _ = task.await;
    }
}

async fn keep(service: Arc<Service>, source: Source, stop: tokio_util::sync::CancellationToken) {
    let name = format!("watch/{}", source.name);
    let mut faults = service.failing.faults("cannot hold a watch");
    while !stop.is_cancelled() {
        let mut rest = LOOK;
        match service.store.hold_duty(&name, &service.replica, lease(), service.now()).await {
            Ok(Some(duty)) => {
                faults.none();
                match observe(&service, &source, &duty, &stop).await {
                    Ok(()) => rest = Duration::ZERO,
                    Err(failure) => {
                        tracing::error!(
                            source = source.name,
                            reason = failure.line(),
                            "the watch ended; it begins again"
                        );
                        service.watched.lose(&source.name, &failure.line(), service.now());
                        rest = REST;
                    }
                }
                let _ = service.store.release_duty(&duty).await;
            }
            Ok(None) => faults.none(),
            Err(error) => faults.note(&error),
        }
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = stop.cancelled() => {}
        }
    }
    service.watched.end(&source.name);
}

/// Watches until the duty is lost, Git has changed, or it is told to stop.
async fn observe(
    service: &Arc<Service>,
    source: &Source,
    duty: &Duty,
    stop: &tokio_util::sync::CancellationToken,
) -> Result<(), Failure> {
    let policy = service.policy().await.map_err(|error| store_failure(&error))?;
    let open = service.store.open_objects(&source.name).await.map_err(|error| store_failure(&error))?;
    let request = source.request(&[], policy, Trigger::Watch, service.now());
    let request = Request { applied: service.applied(source), ..request };
    let stop = stop.child_token();
    let (send, receive) = mpsc::channel(WAITING);
    let (ask, asked) = mpsc::channel(WAITING);
    service.watched.may_ask(&source.name, ask);
    let thread = {
        let (stop, key, clock) = (stop.clone(), service.key.clone(), service.clock);
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let open = open.into_iter().collect();
            watch(&request, Watching { runtime: &runtime, key: &key, clock, open, seen: send, asked, stop })
        })
    };
    let mut observer = Observer { service, source, duty, receive, version: None, dirty: BTreeMap::new() };
    let written = observer.write(&stop).await;
    stop.cancel();
    drop(observer);
    let watched = thread.await.unwrap_or_else(|panic| {
        tracing::error!(source = source.name, %panic, "a watch broke down");
        Err(Failure::new("the watch broke down"))
    });
    written.and(watched)
}

/// Writes down what a watch sees.
struct Observer<'a> {
    service: &'a Arc<Service>,
    source: &'a Source,
    duty: &'a Duty,
    receive: mpsc::Receiver<Seen>,
    version: Option<u64>,
    /// Namespaces in which something changed: when they are to be scanned.
    dirty: BTreeMap<String, Timestamp>,
}

impl Observer<'_> {
    async fn write(&mut self, stop: &tokio_util::sync::CancellationToken) -> Result<(), Failure> {
        let mut events = self.service.events.subscribe();
        let mut renew = tokio::time::interval(lease() / 3);
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let mut scanned: BTreeMap<String, Timestamp> = BTreeMap::new();
        loop {
            tokio::select! {
                seen = self.receive.recv() => match seen {
                    Some(seen) => self.take(seen, stop).await?,
                    None => return Ok(()),
                },
                _ = renew.tick() => {
                    if self.renew().await.is_err() {
                        return Ok(());
                    }
                }
                _ = tick.tick() => self.scan_dirty(&mut scanned).await,
                event = events.recv() => {
                    if let Ok(Event::Scanned { source, version: Some(version), .. }) = event
                        && source == self.source.name
                        && self.version.is_some_and(|own| own != version)
                    {
                        tracing::info!(source, "Git has changed; the watch begins anew");
                        return Ok(());
                    }
                }
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    async fn renew(&self) -> Result<(), ()> {
        match self.service.store.renew_duty(self.duty, lease(), self.service.now()).await {
            Err(StoreError::DutyLost(_)) => {
                tracing::warn!(source = self.source.name, "another replica has taken the watch over");
                Err(())
            }
            Err(error) => {
                tracing::warn!(source = self.source.name, %error, "cannot renew the duty of a watch");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn take(&mut self, first: Seen, stop: &tokio_util::sync::CancellationToken) -> Result<(), Failure> {
        let mut sightings = Vec::new();
        let mut next = Some(first);
        while let Some(seen) = next {
            match seen {
                Seen::Ground { version } => {
                    self.version = Some(version);
                    self.service.watched.begin(&self.source.name, self.service.now());
                }
                Seen::Sighting(sighting) => sightings.push(sighting),
                Seen::Whole => self.service.watched.whole(&self.source.name),
                Seen::Lost { what, reason, since } => {
                    tracing::warn!(source = self.source.name, what, reason, "nothing is heard; trying again");
                    self.service.watched.lost(&self.source.name, &what, &reason, since);
                }
                Seen::Restored { what } => {
                    tracing::info!(source = self.source.name, what, "heard again");
                    self.service.watched.restored(&self.source.name, &what);
                }
            }
            next = if sightings.len() < WAITING { self.receive.try_recv().ok() } else { None };
        }
        if sightings.is_empty() { Ok(()) } else { self.note(&sightings, stop).await }
    }

    /// Writes sightings as soon as the store takes them.
    async fn note(
        &mut self,
        sightings: &[Sighting],
        stop: &tokio_util::sync::CancellationToken,
    ) -> Result<(), Failure> {
        let Source { name, cluster, .. } = self.source;
        let mut faults = self.service.failing.faults("cannot write down what a watch sees; trying again");
        loop {
            match self.service.store.observe(self.duty, name, cluster, sightings).await {
                Ok(recorded) => {
                    faults.none();
                    let (new, changed, back, resolved) =
                        (recorded.new, recorded.changed, recorded.back, recorded.resolved);
                    if new + changed + back + resolved > 0 {
                        tracing::info!(source = name, cluster, new, changed, back, resolved, "seen");
                        self.service.announce(Event::Seen { source: name.clone(), cluster: cluster.clone() });
                    }
                    let due = self.service.now() + SETTLE;
                    for sighting in sightings {
                        self.dirty.entry(sighting.namespace.clone()).or_insert(due);
                    }
                    return Ok(());
                }
                Err(error @ StoreError::DutyLost(_)) => return Err(store_failure(&error)),
                Err(error) => faults.note(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = stop.cancelled() => return Ok(()),
            }
            // The lease is held while the store is waited for, as far as that goes.
            let _ = self.renew().await;
        }
    }

    /// Asks for a scan of each namespace in which something changed a moment ago.
    async fn scan_dirty(&mut self, scanned: &mut BTreeMap<String, Timestamp>) {
        let now = self.service.now();
        let is_due = |namespace: &String, due: &Timestamp| {
            *due <= now && scanned.get(namespace).is_none_or(|last| *last + APART <= now)
        };
        let due: Vec<String> = self
            .dirty
            .iter()
            .filter(|(namespace, due)| is_due(namespace, due))
            .map(|(namespace, _)| namespace.clone())
            .collect();
        for namespace in due {
            let job = NewJob {
                source: self.source.name.clone(),
                namespaces: vec![namespace.clone()],
                triggered_by: Trigger::Watch,
                requested_by: None,
            };
            match self.service.store.enqueue(&clock::new_id(), &job, now).await {
                Ok(_) => {
                    self.service.queued.notify_waiters();
                    self.dirty.remove(&namespace);
                    scanned.insert(namespace, now);
                }
                Err(error) => tracing::warn!(source = self.source.name, %error, "cannot ask for a scan"),
            }
        }
    }
}
