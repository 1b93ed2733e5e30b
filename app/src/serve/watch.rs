//! Keeps watches on each source: of several replicas each holds some kinds of it, and writes down what it sees under their epochs.
//!
//! Reports follow: a namespace in which something changed is scanned a moment later. When Git has changed, the watch
//! begins anew on the new ground.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::drift::report::Trigger;
use anchorwatch_edge::clock;
use anchorwatch_edge::store::{Duty, NewJob, Sighting, StoreError};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::spread::{self, PARTS, Share, Spread, part_of};
use super::{Event, Service, store_failure};
use crate::config::Source;
use crate::drift;
use crate::drift::scan::Request;
use crate::drift::watch::{Ground, Seen, Watching};
use crate::failure::Failure;

/// What may wait to be written; then the streams wait.
const WAITING: usize = 256;
/// A namespace is scanned so long after something changed in it, and not more often than that.
const SETTLE: SignedDuration = SignedDuration::from_secs(10);
const APART: SignedDuration = SignedDuration::from_mins(1);

/// The watch of one source.
struct Kept {
    source: Source,
    share: watch::Sender<Share>,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

/// Watches this replica's share of all sources that ask for it.
pub(super) async fn run(service: Arc<Service>) {
    let mut watches: BTreeMap<String, Kept> = BTreeMap::new();
    let mut spread = Spread::default();
    let (failed, mut failing) = mpsc::channel::<String>(WAITING);
    let mut faults = service.failing.faults("cannot hold a watch");
    while !service.stop.is_cancelled() {
        let config = service.config();
        let wanted: Vec<&Source> = config.sources.iter().filter(|source| source.is_watched()).collect();
        for (name, kept) in &watches {
            if !wanted.iter().any(|wanted| wanted.name == *name && **wanted == kept.source) {
                kept.stop.cancel();
            }
        }
        // One that ends has ended before the next of its name begins: both would write under the same duties.
        watches.retain(|_, kept| !kept.task.is_finished());
        let names: Vec<&str> = wanted.iter().map(|source| source.name.as_str()).collect();
        faults.took(&spread.turn(&service, &names).await);
        for source in wanted {
            let share = spread.share(&source.name);
            let kept = watches.entry(source.name.clone()).or_insert_with(|| {
                let (send, receive) = watch::channel(Share::default());
                let stop = service.stop.child_token();
                let keeping =
                    Keeping { service: service.clone(), source: source.clone(), share: receive, stop: stop.clone() };
                Kept { source: source.clone(), share: send, task: tokio::spawn(keeping.run(failed.clone())), stop }
            });
            if !kept.stop.is_cancelled() {
                kept.share.send_if_modified(|held| std::mem::replace(held, share.clone()) != share);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(spread::look()) => {}
            Some(source) = failing.recv() => spread.rest(source),
            () = service.stop.cancelled() => {}
        }
    }
    for kept in watches.into_values() {
        let _ = kept.task.await;
    }
    faults.took(&spread.end(&service).await);
}

/// Why an observation ended well.
enum Ended {
    /// Git is another one, or the share is, or it was told to stop.
    Anew,
    /// Another replica has taken some of it over, and the share is about to be another one.
    Lost,
}

/// Watches what this replica holds of a source.
struct Keeping {
    service: Arc<Service>,
    source: Source,
    share: watch::Receiver<Share>,
    stop: CancellationToken,
}

impl Keeping {
    async fn run(mut self, failed: mpsc::Sender<String>) {
        let watched = &self.service.clone().watched;
        while !self.stop.is_cancelled() {
            let share = self.share.borrow_and_update().clone();
            if share.is_empty() {
                self.another_share(Duration::MAX).await;
                continue;
            }
            match self.observe(share).await {
                Ok(Ended::Anew) => {}
                Ok(Ended::Lost) => self.another_share(spread::look() * 2).await,
                Err(_) if self.stop.is_cancelled() => {}
                Err(failure) => {
                    let reason = failure.line();
                    tracing::error!(source = self.source.name, reason, "the watch ended; it begins again");
                    watched.lose(&self.source.name, &reason, self.service.now());
                    let _ = failed.send(self.source.name.clone()).await;
                    // That nothing is watched is said until somebody tries again, or another replica does.
                    self.another_share(Duration::MAX).await;
                    self.another_share(spread::REST * 2).await;
                }
            }
            if self.share.borrow().is_empty() {
                watched.end(&self.source.name);
            }
        }
        watched.end(&self.source.name);
    }

    /// Waits for another share.
    async fn another_share(&mut self, limit: Duration) {
        tokio::select! {
            Ok(()) = self.share.changed() => {}
            () = tokio::time::sleep(limit) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Watches until the share changes, Git has changed, or it is told to stop.
    async fn observe(&mut self, share: Share) -> Result<Ended, Failure> {
        let Self { service, source, .. } = &*self;
        let policy = service.policy().await.map_err(|error| store_failure(&error))?;
        let open = service.store.open_objects(&source.name).await.map_err(|error| store_failure(&error))?;
        let began = service.now();
        let request = source.request(&[], policy, Trigger::Watch, began);
        let request = Request { applied: service.applied(source), ..request };
        let stop = self.stop.child_token();
        let (send, receive) = mpsc::channel(WAITING);
        let (ask, asked) = mpsc::channel(WAITING);
        // What others watch of it nobody here can tell.
        let is_whole = share.len() == usize::from(PARTS);
        service.watched.may_ask(&source.name, is_whole.then_some(ask));
        let parts: BTreeSet<u8> = share.keys().copied().collect();
        let thread = {
            let (stop, key, clock) = (stop.clone(), service.key.clone(), service.clock);
            let runtime = Handle::current();
            tokio::task::spawn_blocking(move || {
                let is_ours = |kind: &str| parts.contains(&part_of(kind));
                let open = open.into_iter().filter(|(kind, ..)| is_ours(kind)).collect();
                let watching =
                    Watching { runtime: &runtime, key: &key, clock, is_ours: &is_ours, open, seen: send, asked, stop };
                drift::watch::watch(&request, watching)
            })
        };
        let name = source.name.clone();
        let (service, source) = (service.clone(), source.clone());
        let mut observer = Observer {
            service: &service,
            source: &source,
            share,
            receive,
            began,
            ground: None,
            dirty: BTreeMap::new(),
        };
        let ended = observer.write(&mut self.share, &stop).await;
        stop.cancel();
        drop(observer);
        let watched = thread.await.unwrap_or_else(|panic| {
            tracing::error!(source = name, %panic, "a watch broke down");
            Err(Failure::new("the watch broke down"))
        });
        watched.map(|()| ended)
    }
}

/// Writes down what a watch sees.
struct Observer<'a> {
    service: &'a Arc<Service>,
    source: &'a Source,
    share: Share,
    receive: mpsc::Receiver<Seen>,
    /// When it began to read what it stands on.
    began: Timestamp,
    ground: Option<Ground>,
    /// Namespaces in which something changed: when they are to be scanned.
    dirty: BTreeMap<String, Timestamp>,
}

impl Observer<'_> {
    async fn write(&mut self, share: &mut watch::Receiver<Share>, stop: &CancellationToken) -> Ended {
        let mut events = self.service.events.subscribe();
        let mut look = tokio::time::interval(spread::look());
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let mut scanned: BTreeMap<String, Timestamp> = BTreeMap::new();
        loop {
            tokio::select! {
                seen = self.receive.recv() => match seen {
                    Some(seen) => if let Some(ended) = self.take(seen, stop).await {
                        return ended;
                    },
                    None => return Ended::Anew,
                },
                Ok(()) = share.changed() => return Ended::Anew,
                _ = tick.tick() => self.scan_dirty(&mut scanned).await,
                _ = look.tick() => if self.is_left_behind().await {
                    return Ended::Anew;
                },
                event = events.recv() => {
                    if let Ok(Event::Scanned { source, version: Some(version), .. }) = event
                        && source == self.source.name
                        && self.ground.as_ref().is_some_and(|own| own.version != version)
                    {
                        tracing::info!(source, "Git has changed; the watch begins anew");
                        return Ended::Anew;
                    }
                }
                () = stop.cancelled() => return Ended::Anew,
            }
        }
    }

    /// True if another replica has scanned another commit since.
    async fn is_left_behind(&self) -> bool {
        let Some(Ground { commit: Some(own), .. }) = &self.ground else { return false };
        let scanned = self.service.store.last_scan(&self.source.name).await.ok().flatten();
        let is_left_behind = scanned
            .is_some_and(|scan| scan.began > self.began && scan.revision.is_some_and(|revision| revision != *own));
        if is_left_behind {
            tracing::info!(
                source = self.source.name,
                "Git has changed, as another replica has seen; the watch begins anew"
            );
        }
        is_left_behind
    }

    async fn take(&mut self, first: Seen, stop: &CancellationToken) -> Option<Ended> {
        let mut sightings = Vec::new();
        let mut next = Some(first);
        while let Some(seen) = next {
            match seen {
                Seen::Ground(ground) => {
                    self.ground = Some(ground);
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
        if sightings.is_empty() { None } else { self.note(&sightings, stop).await }
    }

    /// Writes sightings as soon as the store takes them.
    async fn note(&mut self, sightings: &[Sighting], stop: &CancellationToken) -> Option<Ended> {
        let Source { name, cluster, .. } = self.source;
        let parts: BTreeSet<u8> = sightings.iter().map(|sighting| part_of(&sighting.kind)).collect();
        let duties: Vec<&Duty> = parts.iter().filter_map(|part| self.share.get(part)).collect();
        let mut faults = self.service.failing.faults("cannot write down what a watch sees; trying again");
        loop {
            match self.service.store.observe(&duties, name, cluster, sightings).await {
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
                    return None;
                }
                Err(StoreError::DutyLost(_)) => return Some(Ended::Lost),
                Err(error) => faults.note(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = stop.cancelled() => return Some(Ended::Anew),
            }
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
