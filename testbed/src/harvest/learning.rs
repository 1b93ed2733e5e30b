//! From single observations to rules: what a field that nobody stated becomes, and what that depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::observation::{Observation, Outcome};

/// What is known of one field of one type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// The struct's type.
    pub type_name: String,
    /// The field.
    pub field: String,
    /// What it becomes.
    pub becomes: Becomes,
    /// Only in objects of these groups and kinds; empty for all.
    pub under: BTreeSet<String>,
    /// Only if this sibling has one of these values (compact JSON).
    pub when: Option<(String, BTreeSet<String>)>,
}

/// What an unstated field becomes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Becomes {
    /// This value, as compact JSON.
    Default(String),
    /// A value that depends on other fields in a way these rules cannot say.
    Computed,
    /// Another value each time.
    Allocated,
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { type_name, field, becomes, under, when } = self;
        match becomes {
            Becomes::Default(value) => write!(f, "default {type_name} {field} {value}")?,
            Becomes::Computed => write!(f, "computed {type_name} {field}")?,
            Becomes::Allocated => write!(f, "allocated {type_name} {field}")?,
        }
        if let Some((sibling, values)) = when {
            write!(f, " when {sibling} {}", values.iter().map(String::as_str).collect::<Vec<_>>().join(" "))?;
        }
        if !under.is_empty() {
            write!(f, " under {}", under.iter().map(String::as_str).collect::<Vec<_>>().join(" "))?;
        }
        Ok(())
    }
}

/// Every fact that the observations bear out, sorted.
pub fn learn(observations: &[Observation]) -> BTreeSet<Fact> {
    let facts = learn_once(observations);
    // A struct that the server copies from elsewhere (a claim's dataSource from its dataSourceRef) has no defaults.
    let is_copied = |created_in: &Option<(String, String)>| {
        let of_field = |fact: &&Fact| Some((&fact.type_name, &fact.field)) == created_in.as_ref().map(|(t, f)| (t, f));
        facts.iter().find(of_field).is_some_and(|fact| fact.becomes == Becomes::Computed)
    };
    let own: Vec<Observation> = observations.iter().filter(|one| !is_copied(&one.created_in)).cloned().collect();
    learn_once(&own)
}

fn learn_once(observations: &[Observation]) -> BTreeSet<Fact> {
    let mut by_field: BTreeMap<(&str, &str), Vec<&Observation>> = BTreeMap::new();
    for observation in observations {
        by_field.entry((&observation.type_name, &observation.field)).or_default().push(observation);
    }
    by_field.into_iter().flat_map(|((type_name, field), seen)| FieldLearner { type_name, field }.learn(&seen)).collect()
}

type Kinds = BTreeSet<String>;

/// Learns one field of one type.
struct FieldLearner<'a> {
    type_name: &'a str,
    field: &'a str,
}

impl FieldLearner<'_> {
    fn learn(&self, seen: &[&Observation]) -> Vec<Fact> {
        let all = kinds_of(seen);
        let random: Kinds = kinds_of(seen.iter().filter(|one| one.outcome == Outcome::Random));
        let settled: Vec<&Observation> = seen.iter().copied().filter(|one| !random.contains(&one.group_kind)).collect();
        let mut facts = Vec::new();
        if !random.is_empty() {
            facts.push(self.fact(Becomes::Allocated, only(&random, &all), None));
        }
        facts.extend(self.learn_settled(&settled, &all));
        facts
    }

    fn learn_settled(&self, seen: &[&Observation], all: &Kinds) -> Vec<Fact> {
        let outcomes: BTreeSet<&Outcome> = seen.iter().map(|one| &one.outcome).collect();
        if let [Outcome::Value(value)] = outcomes.iter().copied().collect::<Vec<_>>()[..] {
            return vec![self.fact(Becomes::Default(value.clone()), only(&kinds_of(seen), all), None)];
        }
        let mixed = mixed_kinds(seen);
        if mixed.is_empty() {
            return self.by_kind(seen, &Kinds::new());
        }
        if let Some(facts) = self.by_sibling(seen, &only(&kinds_of(seen), all)) {
            return facts;
        }
        let unclear: Vec<&Observation> = seen.iter().copied().filter(|one| mixed.contains(&one.group_kind)).collect();
        let rest = || self.by_kind(seen, &mixed);
        let facts = self.by_sibling(&unclear, &only(&mixed, all));
        let facts = facts.unwrap_or_else(|| vec![self.fact(Becomes::Computed, only(&mixed, all), None)]);
        facts.into_iter().chain(rest()).collect()
    }

    /// One default per kind, the kinds of one value together.
    fn by_kind(&self, seen: &[&Observation], except: &Kinds) -> Vec<Fact> {
        let mut kinds: BTreeMap<&String, Kinds> = BTreeMap::new();
        for one in seen.iter().filter(|one| !except.contains(&one.group_kind)) {
            if let Outcome::Value(value) = &one.outcome {
                kinds.entry(value).or_default().insert(one.group_kind.clone());
            }
        }
        let fact = |(value, kinds): (&String, Kinds)| self.fact(Becomes::Default(value.clone()), kinds, None);
        kinds.into_iter().map(fact).collect()
    }

    /// The sibling whose value decides, if there is one that was seen with two values.
    fn by_sibling(&self, seen: &[&Observation], under: &Kinds) -> Option<Vec<Fact>> {
        let mut names: Vec<&String> =
            seen.iter().flat_map(|one| one.siblings.keys()).collect::<BTreeSet<_>>().into_iter().collect();
        // A field that one seed states and another does not is no reason for itself.
        names.retain(|name| *name != self.field);
        names.sort_by_key(|name| (rank(name), *name));
        names.into_iter().find_map(|name| self.by_this_sibling(seen, under, name))
    }

    fn by_this_sibling(&self, seen: &[&Observation], under: &Kinds, name: &String) -> Option<Vec<Fact>> {
        let mut decided: BTreeMap<String, &Outcome> = BTreeMap::new();
        for one in seen {
            let Some(value) = one.siblings.get(name) else {
                // A rule cannot say "when it is absent", so nothing may happen then.
                if one.outcome == Outcome::Absent {
                    continue;
                }
                return None;
            };
            let known = decided.entry(value.to_string()).or_insert(&one.outcome);
            if **known != one.outcome {
                return None;
            }
        }
        if decided.len() < 2 {
            return None;
        }
        let mut values: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
        for (sibling, outcome) in decided {
            if let Outcome::Value(value) = outcome {
                values.entry(value).or_default().insert(sibling);
            }
        }
        // What differs with every value of the sibling is made from it (a CRD's listKind from its kind), not chosen by it.
        if values.len() > 2 {
            return None;
        }
        let fact = |(value, when): (&String, BTreeSet<String>)| {
            self.fact(Becomes::Default(value.clone()), under.clone(), Some((name.clone(), when)))
        };
        Some(values.into_iter().map(fact).collect())
    }

    fn fact(&self, becomes: Becomes, under: Kinds, when: Option<(String, BTreeSet<String>)>) -> Fact {
        Fact { type_name: self.type_name.to_owned(), field: self.field.to_owned(), becomes, under, when }
    }
}

fn kinds_of<'a>(seen: impl IntoIterator<Item = impl std::ops::Deref<Target = &'a Observation>>) -> Kinds {
    seen.into_iter().map(|one| one.group_kind.clone()).collect()
}

/// No condition if it would name every kind.
fn only(kinds: &Kinds, all: &Kinds) -> Kinds {
    if kinds == all { Kinds::new() } else { kinds.clone() }
}

/// The kinds in which the field became different things, and those that share a value with them: what such a kind's
/// few seeds have in common is not its rule.
fn mixed_kinds(seen: &[&Observation]) -> Kinds {
    let mut by_kind: BTreeMap<&String, BTreeSet<&Outcome>> = BTreeMap::new();
    for one in seen {
        by_kind.entry(&one.group_kind).or_default().insert(&one.outcome);
    }
    let unclear: BTreeSet<&Outcome> =
        by_kind.values().filter(|outcomes| outcomes.len() > 1).flatten().copied().collect();
    let shares = |outcomes: &BTreeSet<&Outcome>| {
        outcomes.len() > 1 || outcomes.iter().any(|outcome| **outcome != Outcome::Absent && unclear.contains(outcome))
    };
    by_kind.into_iter().filter(|(_, outcomes)| shares(outcomes)).map(|(kind, _)| kind.clone()).collect()
}

/// `type`, then what is named like one, then the rest.
fn rank(name: &str) -> u8 {
    match name {
        "type" => 0,
        name if ["Type", "Policy", "Mode"].iter().any(|ending| name.ends_with(ending)) => 1,
        "kind" => 3,
        _ => 2,
    }
}
