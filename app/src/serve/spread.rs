//! Which replica watches what. The kinds of a source are parted into lots, each of which is a duty. A replica takes its share of all
//! lots, whole sources first: a source that one replica watches whole can answer a scan. When others come it gives up what is more
//! than its share.

use std::cmp::Reverse;
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
/// How long a source is left to others after its watch failed here.
pub(super) const REST: Duration = Duration::from_secs(15);

/// How long a lot is held without being renewed; a third of it goes by until it is.
pub(super) fn lease() -> Duration {
    fail_point::lease(Duration::from_secs(30))
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

    fn named(name: &str) -> Option<Self> {
        let (source, part) = name.strip_prefix(WATCH)?.rsplit_once('/')?;
        Some(Self { source: source.to_owned(), part: part.parse().ok()? })
    }
}

const WATCH: &str = "watch/";
const REPLICA: &str = "replica/";

/// The lots of one source that this replica holds, by their parts.
pub(super) type Share = Arc<BTreeMap<u8, Duty>>;

/// What this replica holds of all lots.
#[derive(Debug, Default)]
pub(super) struct Spread {
    /// By which the others count this replica.
    presence: Option<Duty>,
    held: BTreeMap<Lot, Duty>,
    resting: BTreeMap<String, Instant>,
}

impl Spread {
    /// What is held of a source.
    pub(super) fn share(&self, source: &str) -> Share {
        let lots = self.held.iter().filter(|(lot, _)| lot.source == source);
        Arc::new(lots.map(|(lot, duty)| (lot.part, duty.clone())).collect())
    }

    /// Holds for longer what is held, gives up what is too much or of no source, and takes what nobody holds.
    pub(super) async fn turn(&mut self, service: &Service, sources: &[&str]) -> Result<(), StoreError> {
        let (store, now) = (&service.store, service.now());
        let lost = store.renew_duties(self.presence.iter().chain(self.held.values()), lease(), now).await?;
        self.presence = self.presence.take().filter(|duty| !lost.contains(&duty.name));
        if self.presence.is_none() {
            let name = format!("{REPLICA}{}", service.replica);
            self.presence = store.hold_duty(&name, &service.replica, lease(), now).await?;
        }
        self.held.retain(|lot, duty| {
            let is_lost = lost.contains(&duty.name);
            if is_lost {
                tracing::warn!(source = lot.source, part = lot.part, "another replica has taken the watch over");
            }
            !is_lost
        });
        self.resting.retain(|_, until| *until > Instant::now());
        let sources: Vec<&str> =
            sources.iter().filter(|source| !self.resting.contains_key(**source)).copied().collect();
        let replicas = store.held_duties(REPLICA, now).await?.len();
        let taken: BTreeSet<Lot> =
            store.held_duties(WATCH, now).await?.iter().filter_map(|name| Lot::named(name)).collect();
        let Turn { give_up, take } =
            turn(&service.replica, &sources, &self.held.keys().cloned().collect(), &taken, replicas);
        for lot in give_up {
            if let Some(duty) = self.held.remove(&lot) {
                released(store.release_duty(&duty).await)?;
            }
        }
        for lot in take {
            if let Some(duty) = store.hold_duty(&lot.name(), &service.replica, lease(), now).await? {
                self.held.insert(lot, duty);
            }
        }
        Ok(())
    }

    /// A source cannot be watched from here: others may try, and this replica again after a while.
    pub(super) async fn rest(&mut self, service: &Service, source: &str) -> Result<(), StoreError> {
        self.resting.insert(source.to_owned(), Instant::now() + REST);
        let (given_up, held) = std::mem::take(&mut self.held).into_iter().partition(|(lot, _)| lot.source == source);
        self.held = held;
        release(service, given_up).await
    }

    /// Lets go of everything, so that nobody has to wait for it.
    pub(super) async fn end(self, service: &Service) -> Result<(), StoreError> {
        release(service, self.held).await?;
        match self.presence {
            Some(duty) => released(service.store.release_duty(&duty).await),
            None => Ok(()),
        }
    }
}

async fn release(service: &Service, lots: BTreeMap<Lot, Duty>) -> Result<(), StoreError> {
    for duty in lots.values() {
        released(service.store.release_duty(duty).await)?;
    }
    Ok(())
}

/// Whoever has taken it over meanwhile keeps it.
fn released(written: Result<(), StoreError>) -> Result<(), StoreError> {
    match written {
        Err(StoreError::DutyLost(_)) => Ok(()),
        written => written,
    }
}

/// What changes in what a replica holds.
#[derive(Debug, PartialEq, Eq)]
struct Turn {
    give_up: Vec<Lot>,
    take: Vec<Lot>,
}

/// Decides by what this replica holds and what is `taken` by any, itself too, of so many `replicas`.
fn turn(replica: &str, sources: &[&str], held: &BTreeSet<Lot>, taken: &BTreeSet<Lot>, replicas: usize) -> Turn {
    let share = (sources.len() * usize::from(PARTS)).div_ceil(replicas.max(1));
    let of = |source: &str| held.iter().filter(|lot| lot.source == source).count();
    // Most of it first; then each replica has an order of its own, so that they do not all begin with the same source.
    let mut order = sources.to_vec();
    order.sort_by_cached_key(|source| (Reverse(of(source)), Sha256::digest([replica, source].join("\0"))));
    let lots = |source: &&str| {
        let source = (*source).to_owned();
        (0..PARTS).map(move |part| Lot { source: source.clone(), part })
    };
    let is_wanted = |lot: &&Lot| sources.contains(&lot.source.as_str());
    let mut give_up: Vec<Lot> = held.iter().filter(|lot| !is_wanted(lot)).cloned().collect();
    let stays = held.len() - give_up.len();
    let last_first = order.iter().rev().flat_map(lots).filter(|lot| held.contains(lot));
    give_up.extend(last_first.take(stays.saturating_sub(share)));
    let free = order.iter().flat_map(lots).filter(|lot| !taken.contains(lot));
    Turn { give_up, take: free.take(share.saturating_sub(stays)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of all replicas until nothing changes; what each holds then.
    fn settled<'a>(mut holds: BTreeMap<&'a str, BTreeSet<Lot>>, sources: &[&str]) -> BTreeMap<&'a str, BTreeSet<Lot>> {
        let names: Vec<&str> = holds.keys().copied().collect();
        for _ in 0..20 {
            let before = holds.clone();
            for name in &names {
                let taken = holds.values().flatten().cloned().collect();
                let Turn { give_up, take } = turn(name, sources, &holds[name], &taken, names.len());
                let own = holds.get_mut(name).unwrap();
                own.retain(|lot| !give_up.contains(lot));
                own.extend(take);
            }
            if holds == before {
                return holds;
            }
        }
        holds.clear();
        holds
    }

    #[test]
    fn all_is_watched_once_and_in_equal_shares() {
        for (replicas, sources) in [(1, 1), (2, 1), (3, 1), (9, 1), (2, 3), (3, 2), (3, 50)] {
            let names: Vec<String> = (0..sources).map(|n| format!("source/{n}")).collect();
            let sources: Vec<&str> = names.iter().map(String::as_str).collect();
            let replicas = ["a", "b", "c", "d", "e", "f", "g", "h", "i"][..replicas].iter();
            let holds = settled(replicas.clone().map(|name| (*name, BTreeSet::new())).collect(), &sources);
            let all = sources.len() * usize::from(PARTS);
            assert_eq!(holds.values().map(BTreeSet::len).sum::<usize>(), all, "{holds:?}");
            assert_eq!(holds.values().flatten().collect::<BTreeSet<_>>().len(), all, "{holds:?}");
            assert!(holds.values().all(|held| held.len() <= all.div_ceil(holds.len())), "{holds:?}");
            // Few sources are in several hands.
            let hands =
                |source: &str| holds.values().filter(|held| held.iter().any(|lot| lot.source == source)).count();
            assert!(sources.iter().filter(|source| hands(source) > 1).count() < holds.len().max(2), "{holds:?}");
        }
    }

    #[test]
    fn who_comes_gets_a_share_and_who_goes_leaves_it() {
        let sources = ["one", "two", "three"];
        let alone = settled(BTreeMap::from([("a", BTreeSet::new())]), &sources);
        assert_eq!(alone["a"].len(), 24);
        let both = settled(alone.into_iter().chain([("b", BTreeSet::new())]).collect(), &sources);
        assert_eq!((both["a"].len(), both["b"].len()), (12, 12));
        let left = settled(both.into_iter().filter(|(name, _)| *name == "b").collect(), &["one", "two"]);
        assert_eq!(left["b"].len(), 16, "and nothing of the source that is gone");
    }

    #[test]
    fn a_lot_is_known_by_the_name_of_its_duty() {
        let lot = Lot { source: "team/shop".to_owned(), part: 3 };
        assert_eq!(Lot::named(&lot.name()), Some(lot));
        // What an earlier version called a whole source's.
        assert_eq!(Lot::named("watch/shop"), None);
        // Replicas of several versions have to agree.
        assert_eq!(["Deployment", "ConfigMap", "Service"].map(part_of), [7, 7, 6]);
    }
}
