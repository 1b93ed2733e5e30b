//! What people are told, as data: ids, names and counts, and never a value, a path, a user or evidence.
//!
//! A path is left out since the member of a set is part of it (`[="z3"]`). What is told leaves the network.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::drift::DriftLevel;
use crate::drift::lifecycle::Turn;

/// How many objects one notification names: as many as a message of Telegram has room for (4,096 characters).
pub const NAMED: usize = 15;
/// How many items can be acknowledged by one notification.
pub const ACKNOWLEDGED: usize = 200;
/// How many items can be ignored by one notification: no more than somebody looks at before they agree.
pub const IGNORED: usize = 20;
/// How often sending is tried before it is given up: with [`next_attempt`] for about a day.
pub const ATTEMPTS: u32 = 32;

const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// An item that people are to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldItem {
    /// The item's identity.
    pub fingerprint: String,
    /// The report that has it.
    pub report_id: String,
    /// The source's name.
    pub source: String,
    /// The cluster's name.
    pub cluster: String,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Kind.
    pub resource_kind: String,
    /// Name.
    pub resource_name: String,
    /// How much it matters.
    pub level: DriftLevel,
    /// What it is beside what was known of it.
    pub turn: Turn,
}

/// An object with its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldObject {
    /// The cluster's name.
    pub cluster: String,
    /// The source's name.
    pub source: String,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Kind.
    pub resource_kind: String,
    /// Name.
    pub resource_name: String,
    /// The worst of its items'.
    pub level: DriftLevel,
    /// The turn of its items; none where they differ.
    pub turn: Option<Turn>,
    /// The report that has its items.
    pub report_id: String,
    /// Its items.
    pub fingerprints: Vec<String>,
}

/// Drifts that are told together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldDrifts {
    /// Items of level HIGH, those of objects that are not named too.
    pub high: usize,
    /// Items of level MEDIUM, those of objects that are not named too.
    pub medium: usize,
    /// The first objects, the worst first.
    pub objects: Vec<ToldObject>,
    /// How many more there are.
    pub more_objects: usize,
}

/// A source whose scans fail, or do so no more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ToldSource {
    /// The source's name.
    pub source: String,
    /// The cluster's name.
    pub cluster: String,
    /// When the first of these scans failed.
    pub since: Timestamp,
    /// How many failed in a row.
    pub failures: u32,
}

/// Requests of one intent that no provider answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ToldRejection {
    /// The intent.
    pub intent: String,
    /// When the first was rejected.
    pub since: Timestamp,
    /// How many were.
    pub times: u32,
    /// Providers, and how each failed the last time: names and codes.
    pub reasons: String,
}

/// What one notification tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Told {
    /// Drifts that are urgent.
    Drift(ToldDrifts),
    /// Drifts that could wait for others.
    Digest(ToldDrifts),
    /// Scans fail.
    ScanFailed {
        /// Of these sources.
        sources: Vec<ToldSource>,
    },
    /// Scans of which it was told that they fail succeed again.
    ScanRecovered {
        /// Of these sources.
        sources: Vec<ToldSource>,
    },
    /// Requests that no provider answered.
    Rejected {
        /// By what they were for.
        requests: Vec<ToldRejection>,
    },
}

impl Told {
    /// The word of its kind, as JSON has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Drift(_) => "drift",
            Self::Digest(_) => "digest",
            Self::ScanFailed { .. } => "scan_failed",
            Self::ScanRecovered { .. } => "scan_recovered",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// What somebody acknowledges who acknowledges it: all of its items, or none where it does not name all of them.
    pub fn acknowledgeable(&self) -> Vec<&str> {
        let (Self::Drift(drifts) | Self::Digest(drifts)) = self else { return Vec::new() };
        let fingerprints: Vec<&str> =
            drifts.objects.iter().flat_map(|object| &object.fingerprints).map(String::as_str).collect();
        let whole = drifts.more_objects == 0 && fingerprints.len() <= ACKNOWLEDGED;
        if whole { fingerprints } else { Vec::new() }
    }

    /// The item of an urgent message that tells of that one alone, which is HIGH.
    pub fn one_high(&self) -> Option<&str> {
        let Self::Drift(ToldDrifts { high: 1, medium: 0, objects, more_objects: 0 }) = self else { return None };
        let [object] = &objects[..] else { return None };
        let [fingerprint] = &object.fingerprints[..] else { return None };
        Some(fingerprint)
    }

    /// What somebody ignores who ignores it: all of its items, or none where these are not named, or too many.
    pub fn ignorable(&self) -> Vec<&str> {
        Some(self.acknowledgeable()).filter(|items| items.len() <= IGNORED).unwrap_or_default()
    }
}

impl ToldDrifts {
    /// Gathers items by their objects.
    pub fn of(items: Vec<ToldItem>) -> Self {
        let count = |level| items.iter().filter(|item| item.level == level).count();
        let (high, medium) = (count(DriftLevel::High), count(DriftLevel::Medium));
        let mut objects = BTreeMap::new();
        for item in items {
            let ToldItem { cluster, source, namespace, resource_kind, resource_name, .. } = item;
            let object = objects
                .entry((
                    cluster.clone(),
                    source.clone(),
                    namespace.clone(),
                    resource_kind.clone(),
                    resource_name.clone(),
                ))
                .or_insert_with(|| ToldObject {
                    cluster,
                    source,
                    namespace,
                    resource_kind,
                    resource_name,
                    level: item.level,
                    turn: Some(item.turn),
                    report_id: item.report_id.clone(),
                    fingerprints: Vec::new(),
                });
            object.level = object.level.max(item.level);
            object.turn = object.turn.filter(|turn| *turn == item.turn);
            // Ids begin with the time: the newest report has them all.
            object.report_id = item.report_id.max(std::mem::take(&mut object.report_id));
            object.fingerprints.push(item.fingerprint);
        }
        let mut objects: Vec<ToldObject> = objects.into_values().collect();
        // Stable: those of a level stay in the order of their names.
        objects.sort_by_key(|object| std::cmp::Reverse(object.level));
        for object in &mut objects {
            object.fingerprints.sort();
        }
        let more_objects = objects.len().saturating_sub(NAMED);
        objects.truncate(NAMED);
        Self { high, medium, objects, more_objects }
    }
}

/// How long to wait after so many attempts failed; `None` to give up.
pub fn next_attempt(attempts: u32) -> Option<Duration> {
    let doubled = FIRST_WAIT.saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
    (attempts < ATTEMPTS).then(|| doubled.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, field: usize, level: DriftLevel, turn: Turn) -> ToldItem {
        ToldItem {
            fingerprint: format!("{name}-{field}"),
            report_id: format!("report-{field}"),
            source: "shop".to_owned(),
            cluster: "prod".to_owned(),
            namespace: "shop".to_owned(),
            resource_kind: "Deployment".to_owned(),
            resource_name: name.to_owned(),
            level,
            turn,
        }
    }

    #[test]
    fn items_are_told_by_their_objects_the_worst_first() {
        let told = ToldDrifts::of(vec![
            item("a", 1, DriftLevel::Medium, Turn::New),
            item("b", 1, DriftLevel::Medium, Turn::New),
            item("b", 2, DriftLevel::High, Turn::Back),
        ]);
        assert_eq!((told.high, told.medium, told.more_objects), (1, 2, 0));
        let objects: Vec<_> = told.objects.iter().map(|o| (o.resource_name.as_str(), o.level, o.turn)).collect();
        assert_eq!(objects, [("b", DriftLevel::High, None), ("a", DriftLevel::Medium, Some(Turn::New))]);
        assert_eq!(told.objects[0].report_id, "report-2");
        assert_eq!(Told::Drift(told).acknowledgeable(), ["b-1", "b-2", "a-1"]);
    }

    #[test]
    fn a_storm_is_counted_whole_and_named_in_part() {
        let items = (0..100).map(|n| item(&format!("a{n:03}"), 1, DriftLevel::High, Turn::New)).collect();
        let told = ToldDrifts::of(items);
        assert_eq!((told.high, told.objects.len(), told.more_objects), (100, NAMED, 100 - NAMED));
        assert!(Told::Drift(told).acknowledgeable().is_empty(), "nobody acknowledges what was not named");
    }

    #[test]
    fn what_nobody_would_read_through_is_not_ignored_at_once() {
        for (count, ignorable) in [(IGNORED, IGNORED), (IGNORED + 1, 0)] {
            let items = (0..count).map(|field| item("web", field, DriftLevel::High, Turn::New)).collect();
            let told = Told::Drift(ToldDrifts::of(items));
            assert_eq!((told.acknowledgeable().len(), told.ignorable().len()), (count, ignorable));
        }
    }

    #[test]
    fn one_item_that_is_high_is_told_alone() {
        let (high, medium) =
            (|name| item(name, 1, DriftLevel::High, Turn::New), item("b", 1, DriftLevel::Medium, Turn::New));
        for (items, one) in [
            (vec![high("a")], Some("a-1")),
            (vec![high("a"), high("b")], None),
            (vec![high("a"), medium.clone()], None),
            (vec![medium], None),
        ] {
            assert_eq!(Told::Drift(ToldDrifts::of(items)).one_high(), one);
        }
        assert_eq!(Told::Digest(ToldDrifts::of(vec![high("a")])).one_high(), None);
    }

    #[test]
    fn sending_is_tried_for_about_a_day() {
        let waits: Vec<Duration> = (1..).map_while(next_attempt).collect();
        assert_eq!(waits[..3], [10, 20, 40].map(Duration::from_secs));
        assert_eq!(waits.len(), 31);
        let hours = waits.iter().sum::<Duration>().as_secs() / 3600;
        assert!((22..=26).contains(&hours), "{hours} h");
    }

    #[test]
    fn what_is_told_has_its_kind_beside_its_fields() {
        let told = Told::Digest(ToldDrifts::of(vec![item("a", 1, DriftLevel::Medium, Turn::New)]));
        let json = serde_json::to_value(&told).unwrap();
        assert_eq!((&json["kind"], &json["medium"]), (&told.kind().into(), &1.into()));
        assert_eq!(serde_json::from_value::<Told>(json).unwrap(), told);
    }
}
