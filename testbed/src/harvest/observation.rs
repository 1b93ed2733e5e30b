//! What the server made of fields that a seed does not state.
//!
//! Every seed is sent three times: twice the same, to see what is random, and once under another name, by another person
//! and to another cluster, to see what depends on these.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Map, Value};

use super::api::{Speaker, Trial};
use super::seed::Seed;
use super::types::{Field, Identity, Scalar, Struct, Types};
use super::{Api, Clusters, HarvestError};

/// How many requests run at a time.
const PARALLEL: usize = 4;

/// What `ObjectMeta` fields say is the server's own affair on every object.
const SERVER_OWNED: [&str; 8] =
    ["uid", "creationTimestamp", "managedFields", "resourceVersion", "generation", "selfLink", "namespace", "name"];

/// A seed with what its dry runs stored.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was sent.
    pub seed: Seed,
    /// What came back.
    pub stored: Value,
    /// What came back for the same once more.
    pub again: Value,
    /// The same under another name, and what came back for another person elsewhere; not every name may be changed.
    pub otherwise: Option<(Value, Value)>,
}

/// One field that one struct instance does not state.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The struct's type.
    pub type_name: String,
    /// The field.
    pub field: String,
    /// Group and kind of the object it was seen in.
    pub group_kind: String,
    /// The struct's strings of a choice and booleans, as stored: what a default may depend on.
    pub siblings: BTreeMap<String, Value>,
    /// What became of it.
    pub outcome: Outcome,
    /// If the struct itself was not stated: the struct type and the field that the server created it in.
    pub created_in: Option<(String, String)>,
}

/// What became of a field that was not stated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is not there.
    Absent,
    /// This value, as compact JSON.
    Value(String),
    /// Another value each time.
    Random,
}

/// A struct instance that a seed states: where zeros can be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Which answer's seed.
    pub seed: String,
    /// JSON pointer to the struct.
    pub path: String,
    /// Its type.
    pub type_name: String,
    /// Group and kind of the object.
    pub group_kind: String,
}

/// Sends every seed; refused ones are an error that names them all, unless the server is older than they are.
pub(crate) fn ask(clusters: &Clusters, seeds: &[Seed]) -> Result<Vec<Answer>, HarvestError> {
    let answers = in_parallel(seeds, |seed| ask_one(clusters, seed))?;
    let mut accepted = Vec::new();
    let mut refusals = Vec::new();
    for answer in answers {
        match answer {
            Ok(answer) => accepted.push(answer),
            Err(refusal) => refusals.push(refusal),
        }
    }
    if refusals.is_empty() || clusters.first.is_older() {
        Ok(accepted)
    } else {
        Err(HarvestError::Refused { refusals })
    }
}

fn ask_one(clusters: &Clusters, seed: &Seed) -> Result<Result<Answer, String>, HarvestError> {
    let send = |api: &Api, object: &Value, speaker| {
        if seed.allocates {
            return api.try_out(&seed.collection, object, speaker);
        }
        api.dry_run(&seed.collection, object, speaker)
    };
    let stored = match send(&clusters.first, &seed.object, Speaker::Own)? {
        Trial::Accepted(stored) => stored,
        Trial::Refused(message) => return Ok(Err(format!("{}: {message}", seed.label))),
    };
    let Trial::Accepted(again) = send(&clusters.first, &seed.object, Speaker::Own)? else {
        return Ok(Err(format!("{}: accepted once, refused the second time", seed.label)));
    };
    let mut renamed = seed.object.clone();
    if let Some(name) = seed.object["metadata"]["name"].as_str() {
        renamed["metadata"]["name"] = format!("{name}-b").into();
    }
    let other = clusters.other.as_ref().unwrap_or(&clusters.first);
    let otherwise = match send(other, &renamed, Speaker::Other)? {
        Trial::Accepted(stored) => Some((renamed, stored)),
        Trial::Refused(_) => None,
    };
    Ok(Ok(Answer { seed: seed.clone(), stored, again, otherwise }))
}

/// Applies `task` to every item on a few threads; the results are in the items' order.
pub(crate) fn in_parallel<Item: Sync, Done: Send>(
    items: &[Item],
    task: impl Fn(&Item) -> Result<Done, HarvestError> + Sync,
) -> Result<Vec<Done>, HarvestError> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let result = task(item);
                    if result.is_err() {
                        next.store(items.len(), Ordering::Relaxed);
                    }
                    done.lock().expect("no task panics holding it").insert(index, result);
                }
            });
        }
    });
    done.into_inner().expect("no task panics holding it").into_values().collect()
}

/// What one answer shows, and the struct instances its seed states.
pub fn observe(types: &Types, answer: &Answer) -> (Vec<Observation>, Vec<Site>) {
    let first = Walk::of(types, &answer.seed, &answer.seed.object, &answer.stored);
    let second = Walk::of(types, &answer.seed, &answer.seed.object, &answer.again);
    let mut seen = BTreeMap::new();
    for (path, mut observation) in first.observations {
        if second.observations.get(&path).is_none_or(|again| again.outcome != observation.outcome) {
            observation.outcome = Outcome::Random;
        }
        seen.insert(path, observation);
    }
    let mut observations: Vec<Observation> = seen.values().cloned().collect();
    if let Some((object, stored)) = &answer.otherwise {
        let third = Walk::of(types, &answer.seed, object, stored);
        // What is known to be random says nothing of the name or the person.
        let telling = third.observations.into_iter();
        let telling = telling.filter(|(path, _)| seen.get(path).is_none_or(|first| first.outcome != Outcome::Random));
        observations.extend(telling.map(|(_, observation)| observation));
    }
    (observations, first.sites)
}

/// A walk down what was sent and what was stored, side by side, guided by the types.
struct Walk<'a> {
    types: &'a Types,
    seed: &'a Seed,
    observations: BTreeMap<String, Observation>,
    sites: Vec<Site>,
}

impl<'a> Walk<'a> {
    fn of(types: &'a Types, seed: &'a Seed, sent: &Value, stored: &Value) -> Self {
        let mut walk = Self { types, seed, observations: BTreeMap::new(), sites: Vec::new() };
        walk.structure(&seed.type_name, Instance { sent: Some(sent), stored, created_in: None }, "");
        walk
    }

    fn structure(&mut self, type_name: &str, instance: Instance<'_>, path: &str) {
        let (Some(known), Some(stored)) = (self.types.get(type_name), instance.stored.as_object()) else {
            return;
        };
        if instance.sent.is_some() {
            self.sites.push(Site {
                seed: self.seed.label.clone(),
                path: path.to_owned(),
                type_name: type_name.to_owned(),
                group_kind: self.seed.group_kind.clone(),
            });
        }
        for (field, of) in &known.fields {
            if is_server_owned(type_name, field, path) {
                continue;
            }
            let path = format!("{path}/{}", escape(field));
            let sent = instance.sent.and_then(|sent| present(sent.get(field)));
            let stored_value = present(stored.get(field));
            match (sent, stored_value) {
                (Some(sent), Some(stored)) => self.value(of, sent, stored, &path),
                (Some(_), None) => {}
                (None, stored_value) => {
                    let outcome = self.unstated(of, stored_value, (type_name, field), &path);
                    let observation = Observation {
                        type_name: type_name.to_owned(),
                        field: field.clone(),
                        group_kind: self.seed.group_kind.clone(),
                        siblings: siblings(known, stored),
                        outcome,
                        created_in: instance.created_in.map(|(owner, field)| (owner.to_owned(), field.to_owned())),
                    };
                    self.observations.insert(path, observation);
                }
            }
        }
    }

    fn unstated(&mut self, of: &Field, stored: Option<&Value>, field: (&str, &str), path: &str) -> Outcome {
        match (of, stored) {
            (_, None) => Outcome::Absent,
            // Two requests of one second would agree.
            (Field::Scalar(Scalar::Time), Some(_)) => Outcome::Random,
            (Field::Struct { name, .. }, Some(stored)) => {
                self.structure(name, Instance { sent: None, stored, created_in: Some(field) }, path);
                Outcome::Value("{}".to_owned())
            }
            (_, Some(stored)) => Outcome::Value(compact(stored)),
        }
    }

    fn value(&mut self, of: &Field, sent: &Value, stored: &Value, path: &str) {
        match of {
            Field::Scalar(_) => {}
            Field::Struct { name, .. } => {
                self.structure(name, Instance { sent: Some(sent), stored, created_in: None }, path);
            }
            Field::Map { value, .. } => {
                for (key, sent) in sent.as_object().into_iter().flatten() {
                    if let Some(stored) = stored.get(key) {
                        self.value(value, sent, stored, &format!("{path}/{}", escape(key)));
                    }
                }
            }
            Field::List { element, identity } => {
                let sent = sent.as_array().map_or(&[][..], Vec::as_slice);
                for (index, sent_element) in sent.iter().enumerate() {
                    if let Some(stored) = partner(sent, index, stored, identity) {
                        self.value(element, sent_element, stored, &format!("{path}/{index}"));
                    }
                }
            }
        }
    }
}

/// A struct as sent, if it was, and as stored.
#[derive(Clone, Copy)]
struct Instance<'a> {
    sent: Option<&'a Value>,
    stored: &'a Value,
    created_in: Option<(&'a str, &'a str)>,
}

/// The stored element that a sent one became. The server keeps a list's order, and appends.
pub(crate) fn partner<'a>(sent: &[Value], index: usize, stored: &'a Value, identity: &Identity) -> Option<&'a Value> {
    let stored = stored.as_array()?;
    if sent.len() == stored.len() {
        return stored.get(index);
    }
    let Identity::Keys(keys) = identity else {
        return None;
    };
    let element = sent.get(index)?;
    let agrees = |candidate: &&Value| {
        keys.iter().all(|key| element.get(key).is_none_or(|value| candidate.get(key) == Some(value)))
    };
    stored.iter().find(agrees)
}

fn is_server_owned(type_name: &str, field: &str, path: &str) -> bool {
    let root = path.is_empty();
    (root && matches!(field, "status" | "apiVersion" | "kind"))
        || (type_name == "meta.v1.ObjectMeta" && SERVER_OWNED.contains(&field))
}

/// Booleans, and strings that are one word of a few. Never free text, numbers, names.
fn siblings(known: &Struct, stored: &Map<String, Value>) -> BTreeMap<String, Value> {
    let decides = |name: &String, of: &Field| *of == Field::Scalar(Scalar::Boolean) || known.choices.contains(name);
    let deciding = known.fields.iter().filter(|(name, of)| decides(name, of));
    deciding.filter_map(|(name, _)| Some((name.clone(), present(stored.get(name))?.clone()))).collect()
}

/// Null is how the server writes "not there".
pub(crate) fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

/// Compact JSON with sorted keys.
pub(crate) fn compact(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

/// A name as one step of a JSON pointer.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
