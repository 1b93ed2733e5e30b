//! Strategic-merge patches: a part of an object, that is laid over it.

use super::super::{Aim, Candidates, text};
use super::origin::may_be;
use super::patch::Patch;
use crate::object::Head;
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Node, Value};
use crate::source::edit::{self, Change, Edit};

/// True if the patch may be laid over the object.
pub(super) fn is_about(patch: &Patch<'_>, aim: &Aim<'_>) -> bool {
    let (Some(head), Some(rendered)) = (patch.tree.as_map().and_then(Head::of), aim.head()) else { return false };
    // With a target the name may be any.
    may_be(head, rendered) || (patch.target.is_some() && head.kind == rendered.kind)
}

/// Changes the field where the patch has it.
pub(super) fn existing(patch: &Patch<'_>, edit: &Edit, found: &mut Candidates) {
    let there = edit::find(&patch.tree, &edit.path).is_some();
    match &edit.change {
        Change::Remove if there => {
            found.push(patch.edited(std::slice::from_ref(edit)));
            found.push(patch.edited(&[gone(&edit.path)]));
        }
        Change::Set(_) if there => found.push(patch.edited(std::slice::from_ref(edit))),
        Change::Add(_) => {
            let list = Path(edit.path.0[..edit.path.0.len() - 1].to_vec());
            if edit::find(&patch.tree, &list).is_some() {
                found.push(patch.edited(std::slice::from_ref(edit)));
            }
        }
        _ => {}
    }
}

/// Says it in the patch, with all around it that the patch does not have yet.
pub(super) fn more(patch: &Patch<'_>, said: &Said, found: &mut Candidates) {
    let steps = &said.path.0;
    let there = |length: &usize| edit::find(&patch.tree, &Path(steps[..*length].to_vec())).is_some();
    let length = (1..=steps.len()).find(|length| !there(length)).unwrap_or(steps.len());
    let value = around(&steps[length..], said.value.clone());
    let (path, change) = match &steps[length - 1] {
        Step::Element { keys, .. } => (length, Change::Add(with_keys(keys, value))),
        Step::Field(_) | Step::Member { .. } => (length, Change::Set(value)),
    };
    found.push(patch.edited(&[Edit { path: Path(steps[..path].to_vec()), change }]));
}

/// What a patch has to say, and where.
pub(super) struct Said {
    path: Path,
    value: Value<'static>,
}

impl Said {
    /// How a change is said: element by element where lists are merged, and with whole lists where they are not.
    pub(super) fn of(aim: &Aim<'_>, edit: &Edit) -> Vec<Self> {
        let steps = &edit.path.0;
        let is_in_list = |step: &Step| !matches!(step, Step::Field(_));
        let by_key = match (&edit.change, steps.last()) {
            (_, Some(Step::Member { .. })) => None,
            (Change::Remove, _) => Some(Edit { change: gone(&edit.path).change, ..edit.clone() }),
            _ => Some(edit.clone()),
        };
        let by_key = by_key.filter(|_| !steps.iter().any(|step| matches!(step, Step::Member { .. })));
        let by_key = by_key.and_then(|edit| match edit.change {
            Change::Set(value) | Change::Add(value) => Some(Self { path: edit.path, value }),
            Change::Remove => None,
        });
        let whole = steps.iter().position(is_in_list).and_then(|at| {
            let path = Path(steps[..at].to_vec());
            let value = edit::find(&aim.after, &path)?.clone();
            Some(Self { path, value })
        });
        by_key.into_iter().chain(whole).collect()
    }

    /// The whole patch, of an object that is called so where it is patched.
    pub(super) fn object(&self, head: &Map<'static>) -> Value<'static> {
        let Value::Map(mut said) = around(&self.path.0, self.value.clone()) else { return Value::Null };
        merge(&mut said, head);
        Value::Map(said)
    }
}

/// The change that takes away what a patch is laid over.
fn gone(path: &Path) -> Edit {
    let value = match path.0.last() {
        Some(Step::Element { keys, .. }) => with_keys(keys, deletion()),
        _ => Value::Null,
    };
    Edit { path: path.clone(), change: Change::Set(value) }
}

/// `$patch: delete`.
pub(super) fn deletion() -> Value<'static> {
    super::super::map([("$patch", text("delete"))])
}

/// A value with the maps and lists that steps lead through.
fn around(steps: &[Step], value: Value<'static>) -> Value<'static> {
    steps.iter().rev().fold(value, |value, step| match step {
        Step::Field(name) => Value::Map(Map::new(vec![(name.clone().into(), value.into())])),
        Step::Element { keys, .. } => Value::List(Box::new([with_keys(keys, value).into()])),
        Step::Member { .. } => Value::List(Box::new([value.into()])),
    })
}

/// An element with what tells it from others.
fn with_keys(keys: &[(String, Value<'static>)], mut value: Value<'static>) -> Value<'static> {
    if let Value::Map(map) = &mut value {
        for (key, value) in keys.iter().filter(|(_, value)| !value.is_null()) {
            if map.get(key).is_none() {
                map.insert(key.clone().into(), Node::from(value.clone()));
            }
        }
    }
    value
}

fn merge(into: &mut Map<'static>, from: &Map<'static>) {
    for (key, node) in from.iter() {
        match (into.get_mut(key), &node.value) {
            (Some(Value::Map(into)), Value::Map(from)) => merge(into, from),
            (Some(_), _) => {}
            (None, _) => drop(into.insert(key.to_owned().into(), node.clone())),
        }
    }
}
