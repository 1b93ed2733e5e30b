//! Which stated zeros the server drops: `readOnly: false` in Git and no `readOnly` in the cluster are the same where
//! it does, and differ where it does not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::api::{Speaker, Trial};
use super::observation::{Answer, Site, escape, in_parallel, partner, present};
use super::types::{Field, Scalar, Types};
use super::{Api, HarvestError};

/// In how many places a zero is tried before it counts as never accepted.
const PLACES: usize = 8;

/// A field whose stated zero is not kept: `(type, field)`.
pub type Drop = (String, String);

/// Tries a zero for every field of every struct that a seed states.
pub(crate) fn drops(
    api: &Api,
    types: &Types,
    answers: &[Answer],
    sites: &[Site],
) -> Result<BTreeSet<Drop>, HarvestError> {
    let answers: BTreeMap<&str, &Answer> = answers.iter().map(|answer| (answer.seed.label.as_str(), answer)).collect();
    let candidates = candidates(types, &answers, sites);
    let dropped = in_parallel(&candidates, |candidate| try_places(api, types, candidate))?;
    let named = candidates.into_iter().zip(dropped).filter(|(_, dropped)| *dropped);
    Ok(named.map(|(candidate, _)| (candidate.type_name, candidate.field)).collect())
}

struct Candidate<'a> {
    type_name: String,
    field: String,
    is_struct: bool,
    zero: Value,
    places: Vec<(&'a Answer, &'a str)>,
}

fn candidates<'a>(types: &Types, answers: &BTreeMap<&str, &'a Answer>, sites: &'a [Site]) -> Vec<Candidate<'a>> {
    let mut by_type: BTreeMap<&str, Vec<&'a Site>> = BTreeMap::new();
    for site in sites {
        by_type.entry(&site.type_name).or_default().push(site);
    }
    let mut candidates = Vec::new();
    for (type_name, sites) in by_type {
        for (field, of) in types.get(type_name).into_iter().flat_map(|known| &known.fields) {
            let Some(zero) = zero_of(of) else { continue };
            let places = places(answers, &sites, field);
            if !places.is_empty() {
                let (type_name, field) = (type_name.to_owned(), field.clone());
                let is_struct = matches!(of, Field::Struct { .. });
                candidates.push(Candidate { type_name, field, is_struct, zero, places });
            }
        }
    }
    candidates
}

/// Where the field is not stated comes first: a zero there disturbs least. Then one place of each kind of object.
fn places<'a>(answers: &BTreeMap<&str, &'a Answer>, sites: &[&'a Site], field: &str) -> Vec<(&'a Answer, &'a str)> {
    let mut found = Vec::new();
    for site in sites {
        let Some(answer) = answers.get(site.seed.as_str()) else {
            continue;
        };
        let root = site.path.is_empty() && matches!(field, "status" | "apiVersion" | "kind");
        let name = site.path == "/metadata" && matches!(field, "name" | "generateName");
        if root || name {
            continue;
        }
        let stated = answer.seed.object.pointer(&site.path).and_then(|value| present(value.get(field))).is_some();
        found.push((stated, site.group_kind.as_str(), *answer, site.path.as_str()));
    }
    found.sort_by_key(|(stated, ..)| *stated);
    let mut kinds = BTreeSet::new();
    let (fresh, rest): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|(stated, kind, ..)| kinds.insert((*stated, *kind)));
    fresh.into_iter().chain(rest).take(PLACES).map(|(_, _, answer, path)| (answer, path)).collect()
}

fn zero_of(of: &Field) -> Option<Value> {
    match of {
        Field::Scalar(Scalar::String | Scalar::Bytes) => Some(json!("")),
        Field::Scalar(Scalar::Integer | Scalar::Number | Scalar::IntOrString) => Some(json!(0)),
        Field::Scalar(Scalar::Boolean) => Some(json!(false)),
        Field::Scalar(Scalar::Quantity) => Some(json!("0")),
        Field::Scalar(Scalar::Time | Scalar::Any) => None,
        Field::Struct { .. } | Field::Map { .. } => Some(json!({})),
        Field::List { .. } => Some(json!([])),
    }
}

/// The first place whose object is accepted decides.
fn try_places(api: &Api, types: &Types, candidate: &Candidate<'_>) -> Result<bool, HarvestError> {
    for (answer, path) in &candidate.places {
        let mut object = answer.seed.object.clone();
        let Some(place) = object.pointer_mut(path) else {
            continue;
        };
        place[&candidate.field] = candidate.zero.clone();
        if let Trial::Accepted(stored) = api.dry_run(&answer.seed.collection, &object, Speaker::Own)? {
            let stored = find(types, &answer.seed.type_name, (&object, &stored), path);
            return Ok(stored.is_some_and(|place| candidate.is_dropped(present(place.get(&candidate.field)))));
        }
    }
    Ok(false)
}

impl Candidate<'_> {
    /// An empty struct that comes back with defaults in it was kept; any other zero that comes back as something else
    /// was taken for absent.
    fn is_dropped(&self, stored: Option<&Value>) -> bool {
        stored.is_none_or(|stored| !self.is_struct && *stored != self.zero)
    }
}

/// The stored struct that became of the one sent at `path`, given both objects.
fn find<'a>(types: &Types, type_name: &str, sent_and_stored: (&Value, &'a Value), path: &str) -> Option<&'a Value> {
    let mut of = Field::Struct { name: type_name.to_owned(), atomic: false };
    let (mut sent, mut stored) = sent_and_stored;
    for step in path.split('/').skip(1) {
        let (next, next_sent, next_stored) = match &of {
            Field::Struct { name, .. } => {
                let (field, next) = types.get(name)?.fields.iter().find(|(field, _)| escape(field) == step)?;
                (next.clone(), sent.get(field)?, stored.get(field)?)
            }
            Field::Map { value, .. } => {
                let key = step.replace("~1", "/").replace("~0", "~");
                ((**value).clone(), sent.get(&key)?, stored.get(&key)?)
            }
            Field::List { element, identity } => {
                let (index, list) = (step.parse::<usize>().ok()?, sent.as_array()?);
                ((**element).clone(), list.get(index)?, partner(list, index, stored, identity)?)
            }
            Field::Scalar(_) => return None,
        };
        (of, sent, stored) = (next, next_sent, next_stored);
    }
    Some(stored)
}
