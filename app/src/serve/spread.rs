//! Which replica watches what. The kinds of a source are parted into lots, each of which is a duty. Each replica tells the others which
//! sources it can watch, and all come to the same assignment: whole sources where there are enough of them, for a source that one
//! replica watches whole can answer a scan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_edge::store::{Duty, StoreError};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::Service;
use crate::fail_point;

/// How many lots each source has.
pub(super) const PARTS: u8 = 8;
/// How long a source rests whose watch failed here; and where another replica can watch it.
pub(super) const REST: Duration = Duration::from_secs(15);
const LONG_REST: Duration = Duration::from_mins(5);

const WATCH: &str = "watch/";
const REPLICA: &str = "replica/";

/// How long a lot is held without being renewed.
fn lease() -> Duration {
    fail_point::lease(Duration::from_secs(30))
}

/// How often is looked what is to be watched.
pub(super) fn look() -> Duration {
    Duration::from_secs(5).min(lease() / 3)
}

/// The part that a kind belongs to, by its name; the same in every replica of every version.
pub(super) fn part_of(kind: &str) -> u8 {
    Sha256::digest(kind)[0] % PARTS
}

/// A part of a source's kinds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lot {
    source: String,
    part: u8,
}

impl Lot {
    /// The name of its duty.
    fn name(&self) -> String {
        format!("{WATCH}{}/{}", self.source, self.part)
    }
}

/// The lots of one source that this replica holds, by their parts.
pub(super) type Share = Arc<BTreeMap<u8, Duty>>;

/// The sources that each replica can watch.
type Able = BTreeMap<String, BTreeSet<String>>;

/// What this replica holds of all lots.
#[derive(Debug, Default)]
pub(super) struct Spread {
    /// By which the others know of this replica, and what it can watch.
    presence: Option<Duty>,
    held: BTreeMap<Lot, Duty>,
    /// What is watched no more here, and is let go with the next turn, when that has ended.
    going: Vec<Duty>,
    resting: BTreeMap<String, Instant>,
    renewed: Option<Instant>,
}

impl Spread {
    /// What is held of a source.
    pub(super) fn share(&self, source: &str) -> Share {
        let lots = self.held.iter().filter(|(lot, _)| lot.source == source);
        Arc::new(lots.map(|(lot, duty)| (lot.part, duty.clone())).collect())
    }

    /// Holds for longer what is held, gives up what is another replica's or nobody's, and takes what is this one's and free.
    pub(super) async fn turn(&mut self, service: &Service, sources: &[&str]) -> Result<(), StoreError> {
        self.let_go(service).await?;
        if sources.is_empty() && self.held.is_empty() {
            return match self.presence.take() {
                Some(duty) => released(service.store.release_duty(&duty).await),
                None => Ok(()),
            };
        }
        self.renew(service).await?;
        let mut able = self.able(service).await?;
        let is_watched_elsewhere =
            |source: &str| able.iter().any(|(id, can)| *id != service.replica && can.contains(source));
        self.resting.retain(|source, since| {
            let rest = if is_watched_elsewhere(source) { LONG_REST } else { REST };
            since.elapsed() < rest
        });
        let can =
            sources.iter().filter(|source| !self.resting.contains_key(**source)).map(|source| (*source).to_owned());
        let can: BTreeSet<String> = can.collect();
        if able.get(&service.replica) != Some(&can) {
            self.tell(service, &can).await?;
            able.insert(service.replica.clone(), can);
        }
        let ours: BTreeSet<Lot> = assigned(&able)
            .into_iter()
            .filter(|(_, replica)| *replica == service.replica)
            .map(|(lot, _)| lot)
            .collect();
        let (held, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.held).into_iter().partition(|(lot, _)| ours.contains(lot));
        self.held = held;
        self.going.extend(others.into_values());
        let missing: Vec<Lot> = ours.into_iter().filter(|lot| !self.held.contains_key(lot)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let taken = service.store.held_duties(WATCH, service.now()).await?;
        for lot in missing.into_iter().filter(|lot| !taken.contains_key(&lot.name())) {
            if let Some(duty) = service.store.hold_duty(&lot.name(), &service.replica, lease(), service.now()).await? {
                self.held.insert(lot, duty);
            }
        }
        Ok(())
    }

    /// Holds all for longer, if a third of the lease is over.
    async fn renew(&mut self, service: &Service) -> Result<(), StoreError> {
        if self.renewed.is_some_and(|renewed| renewed.elapsed() + look() / 2 < lease() / 3) {
            return Ok(());
        }
        let held = self.presence.iter().chain(self.held.values());
        let lost = service.store.renew_duties(held, lease(), service.now()).await?;
        self.renewed = Some(Instant::now());
        self.presence = self.presence.take().filter(|duty| !lost.contains(&duty.name));
        self.held.retain(|lot, duty| {
            let is_lost = lost.contains(&duty.name);
            if is_lost {
                tracing::warn!(source = lot.source, part = lot.part, "another replica has taken the watch over");
            }
            !is_lost
        });
        Ok(())
    }

    /// What each replica that is there says that it can watch.
    async fn able(&self, service: &Service) -> Result<Able, StoreError> {
        let there = service.store.held_duties(REPLICA, service.now()).await?;
        let read = |(name, said): (String, Option<String>)| {
            let can = said.and_then(|said| serde_json::from_str(&said).ok()).unwrap_or_default();
            Some((name.strip_prefix(REPLICA)?.to_owned(), can))
        };
        Ok(there.into_iter().filter_map(read).collect())
    }

    /// Tells the others what this replica can watch.
    async fn tell(&mut self, service: &Service, can: &BTreeSet<String>) -> Result<(), StoreError> {
        let (store, id) = (&service.store, &service.replica);
        if self.presence.is_none() {
            self.presence = store.hold_duty(&format!("{REPLICA}{id}"), id, lease(), service.now()).await?;
        }
        match &mut self.presence {
            Some(duty) => store.save_duty(duty, &serde_json::to_string(can).expect("names are JSON")).await,
            None => Ok(()),
        }
    }

    /// A source cannot be watched from here: others may try, and this replica again after a while.
    pub(super) fn rest(&mut self, source: String) {
        let (given_up, held): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.held).into_iter().partition(|(lot, _)| lot.source == source);
        self.held = held;
        self.going.extend(given_up.into_values());
        self.resting.insert(source, Instant::now());
    }

    async fn let_go(&mut self, service: &Service) -> Result<(), StoreError> {
        while let Some(duty) = self.going.last() {
            released(service.store.release_duty(duty).await)?;
            self.going.pop();
        }
        Ok(())
    }

    /// Lets go of everything, so that nobody has to wait for it.
    pub(super) async fn end(mut self, service: &Service) -> Result<(), StoreError> {
        self.going.extend(std::mem::take(&mut self.held).into_values().chain(self.presence.take()));
        self.let_go(service).await
    }
}

/// Whoever has taken it over meanwhile keeps it.
fn released(written: Result<(), StoreError>) -> Result<(), StoreError> {
    match written {
        Err(StoreError::DutyLost(_)) => Ok(()),
        written => written,
    }
}

/// The replica that is to hold each lot: of those that can watch the source the first in an order of the source's own that has not got
/// its share of all lots yet. Whoever comes or goes changes little.
fn assigned(able: &Able) -> BTreeMap<Lot, &str> {
    let sources: BTreeSet<&String> = able.values().flatten().collect();
    let share = (sources.len() * usize::from(PARTS)).div_ceil(able.len().max(1));
    let mut load: BTreeMap<&str, usize> = BTreeMap::new();
    let mut assigned = BTreeMap::new();
    for source in sources {
        let mut order: Vec<&str> =
            able.iter().filter(|(_, can)| can.contains(source)).map(|(replica, _)| replica.as_str()).collect();
        order.sort_by_cached_key(|replica| Sha256::digest([*replica, source].join("\0")));
        for part in 0..PARTS {
            let of = |replica: &str| load.get(replica).copied().unwrap_or_default();
            let first = order.iter().find(|replica| of(replica) < share);
            // Where only those are able who have their share, somebody has more.
            let Some(replica) = first.or_else(|| order.iter().min_by_key(|replica| of(replica))).copied() else {
                continue;
            };
            *load.entry(replica).or_default() += 1;
            assigned.insert(Lot { source: source.clone(), part }, replica);
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn able(replicas: &[(&str, &[&str])]) -> Able {
        let can = |sources: &[&str]| sources.iter().map(|source| (*source).to_owned()).collect();
        replicas.iter().map(|(name, sources)| ((*name).to_owned(), can(sources))).collect()
    }

    /// How many lots each replica has; and the sources that are in several hands.
    fn told(able: &Able) -> (BTreeMap<&str, usize>, usize) {
        let assigned = assigned(able);
        let (mut load, mut hands) = (BTreeMap::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
        for (lot, replica) in &assigned {
            *load.entry(*replica).or_default() += 1;
            hands.entry(&lot.source).or_default().insert(replica);
        }
        (load, hands.values().filter(|hands| hands.len() > 1).count())
    }

    #[test]
    fn all_is_watched_in_equal_shares_and_few_sources_are_in_several_hands() {
        let replicas = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        for (count, sources) in [(1, 1), (2, 1), (3, 1), (9, 1), (2, 2), (2, 3), (3, 2), (3, 50)] {
            let names: Vec<String> = (0..sources).map(|n| format!("team/{n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let replicas: Vec<(&str, &[&str])> = replicas[..count].iter().map(|name| (*name, &names[..])).collect();
            let able = able(&replicas);
            let (load, split) = told(&able);
            let all = sources * usize::from(PARTS);
            assert_eq!(load.values().sum::<usize>(), all, "{count} {sources}");
            assert!(load.values().all(|held| *held <= all.div_ceil(count)), "{count} {sources}: {load:?}");
            assert!(split < count.max(2), "{count} {sources}: {split} in several hands");
        }
    }

    #[test]
    fn what_one_replica_cannot_watch_the_others_do() {
        let one_resting = able(&[("a", &["y"]), ("b", &["x", "y"])]);
        let (load, split) = told(&one_resting);
        assert_eq!((load["a"], load["b"], split), (8, 8, 0), "y goes to the one that cannot watch x");
        let both_resting = able(&[("a", &["y"]), ("b", &["y"])]);
        assert_eq!(told(&both_resting).0.values().sum::<usize>(), 8);
        // More than its share, where nobody else can.
        let most = able(&[("a", &[]), ("b", &["x", "y", "z"])]);
        assert_eq!(told(&most).0, BTreeMap::from([("b", 24)]));
    }

    #[test]
    fn who_comes_changes_little() {
        let names: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (two, three) =
            (able(&[("a", &names), ("b", &names)]), able(&[("a", &names), ("b", &names), ("c", &names)]));
        let (before, after) = (assigned(&two), assigned(&three));
        let moved = before.iter().filter(|(lot, replica)| after[*lot] != **replica && after[*lot] != "c").count();
        assert!(moved <= 2 * usize::from(PARTS), "{moved} lots went from one of the old ones to the other");
    }

    #[test]
    fn replicas_of_several_versions_part_kinds_alike() {
        assert_eq!(["Deployment", "ConfigMap", "Service"].map(part_of), [7, 7, 6]);
    }
}
