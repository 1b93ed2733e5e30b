//! An object that Git does not have, as somebody would write it: the least that the cluster would make the same of.

use super::adopt::Unadoptable;
use crate::drift::compare::{Pair, compare};
use crate::drift::mask;
use crate::object::path::Path;
use crate::object::value::{Map, Value};
use crate::object::{GroupKind, LAST_APPLIED};
use crate::schema::{Schema, TypeId};

/// What people write of an object's metadata; all else is the server's.
const METADATA: [&str; 5] = ["name", "namespace", "labels", "annotations", "finalizers"];
/// How many parts of an object are looked at, whether the server would fill them in; what is beyond is written.
const MOST: usize = 4_000;

/// The object without what the server keeps for itself, fills in or allocates.
pub fn as_written(
    (schema, kind, root): (&Schema, &GroupKind, TypeId),
    live: &Map<'_>,
) -> Result<Map<'static>, Unadoptable> {
    let Value::Map(mut object) = Value::Map(live.clone()).into_owned() else { unreachable!("a map stays one") };
    object.remove("status");
    if let Some(Value::Map(metadata)) = object.get_mut("metadata") {
        let names: Vec<String> = metadata.iter().map(|(name, _)| name.to_owned()).collect();
        for name in names.iter().filter(|name| !METADATA.contains(&name.as_str())) {
            metadata.remove(name);
        }
        if let Some(Value::Map(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(LAST_APPLIED);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    let is_same = |git: &Map<'_>| {
        let differences = compare(Pair { schema, kind, root, git, live });
        differences.iter().all(|difference| difference.excuse.is_some())
    };
    let mut pruning = Pruning { object, is_same, looked_at: 0 };
    pruning.prune(&mut Vec::new());
    let object = pruning.object;
    let whole = Value::Map(object.clone());
    if kind.is_secret() || mask::is_credential(&kind.kind, &Path(Vec::new()), &whole) {
        return Err(Unadoptable::Credential(format!("the {}", kind.kind)));
    }
    Ok(object)
}

/// A hop into an object: a key, or a position.
#[derive(Clone)]
enum Hop {
    Key(String),
    At(usize),
}

struct Pruning<F> {
    object: Map<'static>,
    is_same: F,
    looked_at: usize,
}

impl<F: Fn(&Map<'_>) -> bool> Pruning<F> {
    /// Takes out what is the same without it, from here on down; the last of a list first, so that positions stay.
    fn prune(&mut self, way: &mut Vec<Hop>) {
        let keys = |map: &Map<'_>| map.iter().map(|(key, _)| Hop::Key(key.to_owned())).collect::<Vec<_>>();
        let hops = match at(&self.object, way) {
            _ if way.is_empty() => keys(&self.object),
            Some(Value::Map(map)) => keys(map),
            Some(Value::List(list)) => (0..list.len()).rev().map(Hop::At).collect(),
            _ => return,
        };
        let is_named = |way: &[Hop], hop: &Hop| match (way, hop) {
            ([], Hop::Key(key)) => matches!(key.as_str(), "apiVersion" | "kind" | "metadata"),
            ([Hop::Key(parent)], Hop::Key(key)) => parent == "metadata" && matches!(key.as_str(), "name" | "namespace"),
            _ => false,
        };
        for hop in hops {
            if self.looked_at >= MOST {
                return;
            }
            self.looked_at += 1;
            let stays = is_named(way, &hop);
            way.push(hop);
            if stays || !self.taken_out(way) {
                self.prune(way);
            }
            way.pop();
        }
    }

    fn taken_out(&mut self, way: &[Hop]) -> bool {
        let mut without = self.object.clone();
        remove(&mut without, way);
        let is_same = (self.is_same)(&without);
        if is_same {
            self.object = without;
        }
        is_same
    }
}

fn at<'m>(object: &'m Map<'static>, way: &[Hop]) -> Option<&'m Value<'static>> {
    let (first, rest) = way.split_first()?;
    let Hop::Key(key) = first else { return None };
    rest.iter().try_fold(object.get(key)?, |value, hop| match hop {
        Hop::Key(key) => value.as_map()?.get(key),
        Hop::At(index) => Some(&value.as_list()?.get(*index)?.value),
    })
}

fn remove(object: &mut Map<'static>, way: &[Hop]) {
    match way {
        [Hop::Key(key)] => {
            object.remove(key);
        }
        [Hop::Key(key), rest @ ..] => {
            if let Some(value) = object.get_mut(key) {
                remove_in(value, rest);
            }
        }
        _ => {}
    }
}

fn remove_in(value: &mut Value<'static>, way: &[Hop]) {
    match (value, way) {
        (Value::Map(map), way) => remove(map, way),
        (Value::List(list), [Hop::At(index)]) => {
            let kept = std::mem::take(list).into_iter().enumerate().filter(|(at, _)| at != index);
            *list = kept.map(|(_, node)| node).collect();
        }
        (Value::List(list), [Hop::At(index), rest @ ..]) => remove_in(&mut list[*index].value, rest),
        _ => {}
    }
}
