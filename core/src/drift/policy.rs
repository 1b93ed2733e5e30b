//! People's own rules: another level for some items, or none at all, with an owner, a reason and an end.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::item::{DriftItem, DriftStatus};
use super::level::DriftLevel;

/// A rule of the configuration, or one that somebody made while the service ran.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenRule")]
pub struct OwnRule {
    /// Name, unique.
    pub id: String,
    /// Which items it is about; all that is said must fit.
    pub matches: Match,
    /// What becomes of them.
    pub action: Action,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day (UTC) on which it holds; without it, for ever.
    pub expires: Option<Date>,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `level: high|medium|info`
    Level(DriftLevel),
    /// `ignore: true`
    Ignore,
    /// Somebody ignores an item that is there, and others like it: they stay in reports, as ignored ones.
    SetAside,
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    id: String,
    #[serde(rename = "match")]
    matches: Match,
    #[serde(default)]
    level: Option<DriftLevel>,
    #[serde(default)]
    ignore: bool,
    owner: String,
    reason: String,
    #[serde(default)]
    expires: Option<Date>,
}

impl TryFrom<WrittenRule> for OwnRule {
    type Error = String;

    fn try_from(written: WrittenRule) -> Result<Self, String> {
        let WrittenRule { id, matches, level, ignore, owner, reason, expires } = written;
        let action = match (level, ignore) {
            (Some(level), false) => Action::Level(level),
            (None, true) => Action::Ignore,
            _ => return Err(format!("the rule {id:?} must say either a level or ignore: true")),
        };
        Ok(Self { id, matches, action, owner, reason, expires })
    }
}

/// Which items a rule is about. `*` stands for any characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// Kind.
    #[serde(default)]
    pub kind: Option<String>,
    /// Name.
    #[serde(default)]
    pub name: Option<String>,
    /// Namespace.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Stable path.
    #[serde(default)]
    pub path: Option<String>,
    /// Field manager.
    #[serde(default)]
    pub manager: Option<String>,
}

/// An item that a rule hides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct IgnoredItem {
    /// Kind.
    pub resource_kind: String,
    /// Name.
    pub resource_name: String,
    /// Namespace.
    pub namespace: String,
    /// The path with list keys.
    pub stable_path: String,
    /// Id of the rule.
    pub rule: String,
    /// The item's fingerprint.
    pub fingerprint: String,
}

/// What is wrong with a set of rules, or worth knowing about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyNote {
    /// Its last day is over; it does nothing any more.
    Expired {
        /// Id of the rule.
        rule: String,
        /// Its last day.
        on: Date,
        /// Who answers for it.
        owner: String,
    },
    /// It fitted nothing in this scan.
    NeverMatched {
        /// Id of the rule.
        rule: String,
    },
}

/// Why a set of rules is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Two rules of one name.
    #[error("two rules have the id {0:?}; rename one")]
    DuplicateId(String),
    /// A rule that is about everything.
    #[error("the rule {0:?} matches everything; say at least one of kind, name, namespace, path, manager")]
    MatchesEverything(String),
}

/// People's own rules, with a count of what each fitted.
#[derive(Debug, Default)]
pub struct Policy {
    rules: Vec<(OwnRule, AtomicUsize)>,
}

impl Policy {
    /// Checks rules that were read.
    pub fn new(rules: Vec<OwnRule>) -> Result<Self, PolicyError> {
        for (at, rule) in rules.iter().enumerate() {
            if rules[..at].iter().any(|other| other.id == rule.id) {
                return Err(PolicyError::DuplicateId(rule.id.clone()));
            }
            let Match { kind, name, namespace, path, manager } = &rule.matches;
            if [kind, name, namespace, path, manager].iter().all(|m| m.as_deref().is_none_or(|m| m == "*")) {
                return Err(PolicyError::MatchesEverything(rule.id.clone()));
            }
        }
        Ok(Self { rules: rules.into_iter().map(|rule| (rule, AtomicUsize::new(0))).collect() })
    }

    /// The configuration's rules, and after them those that people made while the service ran.
    #[must_use]
    pub fn with(&self, made: Vec<OwnRule>) -> Self {
        let written = self.rules.iter().map(|(rule, _)| rule.clone());
        Self { rules: written.chain(made).map(|rule| (rule, AtomicUsize::new(0))).collect() }
    }

    /// The rules, in their order.
    pub fn rules(&self) -> impl Iterator<Item = &OwnRule> {
        self.rules.iter().map(|(rule, _)| rule)
    }

    /// Applies the first rule that fits and holds. An ignored item comes back as such.
    pub fn apply(&self, item: &mut DriftItem, now: Timestamp) -> Option<IgnoredItem> {
        let (rule, hits) = self.rules.iter().find(|(rule, _)| rule.holds(now) && rule.matches.fits(subject(item)))?;
        hits.fetch_add(1, Ordering::Relaxed);
        match rule.action {
            Action::Level(level) => {
                item.drift_level = level;
                item.is_allowlisted = level == DriftLevel::Info;
                item.rule.clone_from(&rule.id);
                item.reason = format!("{} ({})", rule.reason, rule.owner);
                None
            }
            Action::SetAside => {
                item.status = DriftStatus::Ignored;
                None
            }
            Action::Ignore => Some(IgnoredItem {
                resource_kind: item.resource_kind.clone(),
                resource_name: item.resource_name.clone(),
                namespace: item.namespace.clone(),
                stable_path: item.stable_path.clone(),
                rule: rule.id.clone(),
                fingerprint: item.fingerprint.clone(),
            }),
        }
    }

    /// Rules that have ended, and rules that fitted nothing since the policy was made.
    pub fn notes(&self, now: Timestamp) -> Vec<PolicyNote> {
        self.rules
            .iter()
            .filter_map(|(rule, hits)| match rule.expires {
                Some(on) if !rule.holds(now) => {
                    Some(PolicyNote::Expired { rule: rule.id.clone(), on, owner: rule.owner.clone() })
                }
                _ if hits.load(Ordering::Relaxed) == 0 => Some(PolicyNote::NeverMatched { rule: rule.id.clone() }),
                _ => None,
            })
            .collect()
    }
}

impl OwnRule {
    /// True if it is about an item of this kind, name, namespace, stable path and field manager.
    pub fn fits(&self, of: [&str; 5]) -> bool {
        self.matches.fits(of)
    }

    /// True until its last day is over.
    pub fn holds(&self, now: Timestamp) -> bool {
        holds(self.expires, now)
    }
}

/// True until the last day of a rule is over; without one, always.
pub fn holds(expires: Option<Date>, now: Timestamp) -> bool {
    expires.is_none_or(|last| day(now) <= last)
}

/// The first and the last day on which a rule may end that somebody makes now: within a year somebody is to look again.
pub fn ends(now: Timestamp) -> RangeInclusive<Date> {
    let today = day(now);
    today..=today.saturating_add(1.year())
}

/// The day by which rules end: that of UTC.
fn day(now: Timestamp) -> Date {
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// What rules look at of an item.
fn subject(item: &DriftItem) -> [&str; 5] {
    [&item.resource_kind, &item.resource_name, &item.namespace, &item.stable_path, item.manager()]
}

impl Match {
    fn fits(&self, of: [&str; 5]) -> bool {
        let Self { kind, name, namespace, path, manager } = self;
        let patterns = [kind, name, namespace, path, manager];
        let fits = |(pattern, text): (&Option<String>, &str)| {
            pattern.as_deref().is_none_or(|pattern| glob(pattern.as_bytes(), text.as_bytes()))
        };
        patterns.into_iter().zip(of).all(fits)
    }
}

/// `*` matches any characters, everything else itself. Linear in the text for each star.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_any_characters() {
        for (pattern, text, fits) in [
            ("web", "web", true),
            ("web", "web2", false),
            ("web-*", "web-1", true),
            ("*", "", true),
            ("spec.*.image", "spec.template.spec.containers[name=a].image", true),
            ("*.image", "spec.images", false),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_rule_holds_on_its_last_day_and_ends_within_a_year() {
        let now: Timestamp = "2027-03-01T23:59:59Z".parse().unwrap();
        let last: Date = "2027-03-01".parse().unwrap();
        assert!(holds(None, now) && holds(Some(last), now));
        assert!(!holds(Some(last), now + jiff::SignedDuration::from_secs(1)));
        // A year that has a 29th of February, too.
        assert_eq!(ends(now), last..="2028-03-01".parse().unwrap());
    }

    #[test]
    fn rules_that_say_too_little_are_refused() {
        let rule = |id: &str, kind: Option<&str>, action| OwnRule {
            id: id.to_owned(),
            matches: Match { kind: kind.map(str::to_owned), ..Match::default() },
            action,
            owner: "shop".to_owned(),
            reason: "because".to_owned(),
            expires: None,
        };
        let ignore = Action::Ignore;
        assert!(Policy::new(vec![rule("a", Some("Job"), ignore)]).is_ok());
        assert_eq!(Policy::new(vec![rule("a", None, ignore)]).unwrap_err(), PolicyError::MatchesEverything("a".into()));
        assert!(matches!(
            Policy::new(vec![rule("a", Some("Job"), ignore), rule("a", Some("Pod"), ignore)]),
            Err(PolicyError::DuplicateId(_))
        ));
    }
}
