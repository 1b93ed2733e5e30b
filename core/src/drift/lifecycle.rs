//! An item's life from scan to scan: new, the same, changed, back or gone, and whether people are told of it.
//!
//! A report is the immutable record of one scan; what lives on is the item, known by its fingerprint (spec 2.1).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::item::{DriftItem, DriftStatus};
use super::level::DriftLevel;
use super::rules;

/// How long people are left alone about an item after they were told of it (spec 2.1).
pub const QUIET: SignedDuration = SignedDuration::from_mins(10);

/// What is known of an item from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What became of it.
    pub status: DriftStatus,
    /// Both values, as a keyed hash.
    pub value_hash: String,
    /// How much it mattered.
    pub level: DriftLevel,
    /// When it was seen first.
    pub first_seen: Timestamp,
    /// When people were, or are to be, told of it last.
    pub told_at: Option<Timestamp>,
    /// How often it changed or came back.
    pub changes: u32,
}

/// What an item is now, beside what was known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Never seen before.
    New,
    /// As it was.
    Same,
    /// Other values, or of a higher level.
    Changed,
    /// It was gone.
    Back,
}

/// How people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Not at all.
    Silent,
    /// With others, some time from now on.
    InDigest(Timestamp),
    /// By itself, from now on.
    AtOnce(Timestamp),
}

impl Telling {
    /// From when on; `None` for not at all.
    pub fn due(self) -> Option<Timestamp> {
        match self {
            Self::Silent => None,
            Self::InDigest(due) | Self::AtOnce(due) => Some(due),
        }
    }
}

/// An item that a scan has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it is now.
    pub turn: Turn,
    /// What becomes of it.
    pub status: DriftStatus,
    /// When it was seen first.
    pub first_seen: Timestamp,
    /// How often it changed or came back so far.
    pub changes: u32,
    /// How people are told.
    pub telling: Telling,
}

/// Judges an item that a scan has seen. Its status is `ignored` where a rule that somebody made of an item fits it.
///
/// Such a rule hides what is new, and what is back; an item that changes afterwards is pending until it is ignored anew.
pub fn seen(known: Option<&Known>, item: &DriftItem, now: Timestamp) -> Seen {
    let hidden = item.status == DriftStatus::Ignored;
    let Some(known) = known else {
        let (status, telling) = if hidden {
            (DriftStatus::Ignored, Telling::Silent)
        } else {
            (DriftStatus::Pending, telling(item, None, now))
        };
        return Seen { turn: Turn::New, status, first_seen: now, changes: 0, telling };
    };
    let turn = turn(known, item);
    let settled = matches!(known.status, DriftStatus::Acknowledged | DriftStatus::Ignored);
    let risen = item.drift_level > known.level;
    let (status, telling) = match turn {
        Turn::Back if hidden => (DriftStatus::Ignored, Telling::Silent),
        // The rule that hid it has ended.
        Turn::Same if known.status == DriftStatus::Ignored && !hidden => {
            (DriftStatus::Pending, telling(item, known.told_at, now))
        }
        Turn::Same => (known.status, Telling::Silent),
        // Somebody has been told, and nobody has dealt with it yet.
        Turn::Changed if !settled && !risen => (known.status, Telling::Silent),
        _ => (DriftStatus::Pending, telling(item, known.told_at, now)),
    };
    let changes = known.changes + u32::from(turn != Turn::Same);
    Seen { turn, status, first_seen: known.first_seen, changes, telling }
}

fn turn(known: &Known, item: &DriftItem) -> Turn {
    match known.status {
        DriftStatus::Resolved | DriftStatus::RolledBack | DriftStatus::Adopted => Turn::Back,
        _ if known.value_hash != item.value_hash || item.drift_level > known.level => Turn::Changed,
        _ => Turn::Same,
    }
}

fn telling(item: &DriftItem, told_at: Option<Timestamp>, now: Timestamp) -> Telling {
    // A commit that is not applied yet is no news until sync is stuck (spec 2.2).
    if item.rule == rules::NOT_YET_APPLIED.id {
        return Telling::Silent;
    }
    let due = told_at.map_or(now, |told| now.max(told + QUIET));
    match item.drift_level {
        DriftLevel::High => Telling::AtOnce(due),
        DriftLevel::Medium => Telling::InDigest(due),
        DriftLevel::Info => Telling::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::compare::Change;
    use crate::drift::origin::{Origin, OriginReason};

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn item(value_hash: &str, level: DriftLevel, rule: &str) -> DriftItem {
        DriftItem {
            resource_kind: "Deployment".to_owned(),
            resource_name: "web".to_owned(),
            namespace: "shop".to_owned(),
            api_version: "apps/v1".to_owned(),
            field_path: "spec.paused".to_owned(),
            stable_path: "spec.paused".to_owned(),
            change: Change::Changed,
            git_value: None,
            actual_value: None,
            drift_level: level,
            is_allowlisted: false,
            origin: Origin::Human,
            origin_reason: OriginReason::PersonsTool,
            attribution: None,
            rule: rule.to_owned(),
            reason: String::new(),
            source: None,
            was_in_git: None,
            status: DriftStatus::Pending,
            first_seen: at(0),
            last_seen: at(0),
            resolved_at: None,
            last_report_id: String::new(),
            fingerprint: String::new(),
            value_hash: value_hash.to_owned(),
        }
    }

    /// Seen with value `1` as HIGH at minute 0, and told then.
    fn known(status: DriftStatus) -> Known {
        Known {
            status,
            value_hash: "1".to_owned(),
            level: DriftLevel::High,
            first_seen: at(0),
            told_at: Some(at(0)),
            changes: 2,
        }
    }

    #[test]
    fn a_new_item_is_told_as_its_level_asks() {
        for (level, telling) in [
            (DriftLevel::High, Telling::AtOnce(at(5))),
            (DriftLevel::Medium, Telling::InDigest(at(5))),
            (DriftLevel::Info, Telling::Silent),
        ] {
            let seen = seen(None, &item("1", level, "any"), at(5));
            assert_eq!((seen.turn, seen.status, seen.telling), (Turn::New, DriftStatus::Pending, telling));
            assert_eq!((seen.first_seen, seen.changes), (at(5), 0));
        }
    }

    #[test]
    fn what_somebody_has_settled_is_told_again_only_where_it_is_another() {
        use DriftStatus::{Acknowledged, Adopted, Ignored, Pending, Resolved, RolledBack};
        for (status, value, turn, after, telling) in [
            (Pending, "1", Turn::Same, Pending, Telling::Silent),
            (Acknowledged, "1", Turn::Same, Acknowledged, Telling::Silent),
            // It is open, and people were told so.
            (Pending, "2", Turn::Changed, Pending, Telling::Silent),
            (Acknowledged, "2", Turn::Changed, Pending, Telling::AtOnce(at(60))),
            (Ignored, "2", Turn::Changed, Pending, Telling::AtOnce(at(60))),
            (Resolved, "1", Turn::Back, Pending, Telling::AtOnce(at(60))),
            (RolledBack, "1", Turn::Back, Pending, Telling::AtOnce(at(60))),
            (Adopted, "2", Turn::Back, Pending, Telling::AtOnce(at(60))),
        ] {
            let seen = seen(Some(&known(status)), &item(value, DriftLevel::High, "any"), at(60));
            assert_eq!((seen.turn, seen.status, seen.telling), (turn, after, telling), "{status:?} {value}");
            assert_eq!(seen.changes, if turn == Turn::Same { 2 } else { 3 });
            assert_eq!(seen.first_seen, at(0));
        }
    }

    #[test]
    fn a_rule_hides_what_is_new_or_back_and_not_what_has_changed() {
        use DriftStatus::{Ignored, Pending, Resolved};
        let hidden = |value| DriftItem { status: Ignored, ..item(value, DriftLevel::High, "any") };
        let of = |known: Option<DriftStatus>, item: &DriftItem| {
            let seen = seen(known.map(self::known).as_ref(), item, at(60));
            (seen.status, seen.telling.due().is_some())
        };
        assert_eq!(of(None, &hidden("1")), (Ignored, false));
        assert_eq!(of(Some(Resolved), &hidden("1")), (Ignored, false));
        assert_eq!(of(Some(Ignored), &hidden("1")), (Ignored, false));
        assert_eq!(of(Some(Ignored), &hidden("2")), (Pending, true));
        // It is pending because it has changed; the rule does not hide it again.
        assert_eq!(of(Some(Pending), &hidden("1")), (Pending, false));
        // The rule has ended.
        assert_eq!(of(Some(Ignored), &item("1", DriftLevel::High, "any")), (Pending, true));
    }

    #[test]
    fn people_are_left_alone_for_a_while_and_then_told() {
        let other = item("2", DriftLevel::High, "any");
        let telling = |minute| seen(Some(&known(DriftStatus::Acknowledged)), &other, at(minute)).telling;
        assert_eq!(telling(3), Telling::AtOnce(at(10)));
        assert_eq!(telling(10), Telling::AtOnce(at(10)));
        assert_eq!(telling(11), Telling::AtOnce(at(11)));
    }

    #[test]
    fn a_commit_that_is_not_applied_is_news_once_sync_is_stuck() {
        let fresh = item("1", DriftLevel::Medium, rules::NOT_YET_APPLIED.id);
        assert_eq!(seen(None, &fresh, at(0)).telling, Telling::Silent);
        let waiting = Known { level: DriftLevel::Medium, told_at: None, ..known(DriftStatus::Acknowledged) };
        let stuck = seen(Some(&waiting), &item("1", DriftLevel::High, rules::SYNC_STUCK.id), at(16));
        assert_eq!((stuck.turn, stuck.status), (Turn::Changed, DriftStatus::Pending));
        assert_eq!(stuck.telling, Telling::AtOnce(at(16)));
    }
}
