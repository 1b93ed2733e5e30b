//! JSON patches (RFC 6902): operations on an object.

use super::super::{Aim, Candidates, field};
use super::patch::Patch;
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Value};
use crate::source::edit::{self, Change, Edit};

/// Changes the field where an operation sets it, or something around it.
pub(super) fn existing(patch: &Patch<'_>, aim: &Aim<'_>, edit: &Edit, found: &mut Candidates) {
    let Some(operation) = patch.tree.as_map().filter(|_| is_for(patch.target, aim)) else { return };
    let (Some("add" | "replace"), Some(at)) = (operation.str("op"), operation.str("path")) else { return };
    let steps = &edit.path.0;
    for length in (1..=steps.len()).rev() {
        let Some(rest) = leads_to(aim, &steps[..length], at, operation).then(|| &steps[length..]) else { continue };
        if rest.is_empty() && edit.change == Change::Remove {
            return found.push(patch.removed());
        }
        let path = Path([&[field("value")], rest].concat());
        let change = match &edit.change {
            Change::Add(value) if rest.is_empty() => Change::Set(value.clone()),
            change => change.clone(),
        };
        return found.push(patch.edited(&[Edit { path, change }]));
    }
}

/// True if the operation sets what these steps lead to.
fn leads_to(aim: &Aim<'_>, steps: &[Step], at: &str, operation: &Map<'static>) -> bool {
    let path = Path(steps.to_vec());
    let here = edit::pointer(aim.object, &Edit { path, change: Change::Set(Value::Null) });
    let Ok(here) = here else { return false };
    if here == at {
        return true;
    }
    // An element that is put behind the others has another position than those before it knew.
    let (Some(Step::Element { keys, .. }), Some(list)) = (steps.last(), at.rsplit_once('/')) else { return false };
    let has = |(key, wanted): &(String, Value<'static>)| {
        wanted.is_null() || operation.map("value").and_then(|value| value.get(key)) == Some(wanted)
    };
    here.rsplit_once('/').is_some_and(|(here, _)| here == list.0) && !keys.is_empty() && keys.iter().all(has)
}

/// True unless the target is certainly something else.
fn is_for(target: Option<&Map<'static>>, aim: &Aim<'_>) -> bool {
    let (Some(target), Some(head)) = (target, aim.head()) else { return false };
    target.str("kind").is_none_or(|kind| kind == head.kind)
}

/// The operation that makes a change, as text of a patch.
pub(super) fn operation(aim: &Aim<'_>, edit: &Edit) -> Option<String> {
    let path = edit::pointer(aim.object, edit).ok()?;
    let op = match &edit.change {
        Change::Remove => "remove",
        Change::Set(_) if aim.old().is_some() => "replace",
        Change::Add(_) | Change::Set(_) => "add",
    };
    let json = |value: &Value<'_>| serde_json::to_string(value).expect("a tree of JSON values is JSON");
    let value = aim.new_value().map(|value| format!("  value: {}\n", json(value)));
    let path = json(&Value::String(path.into()));
    Some(format!("- op: {op}\n  path: {path}\n{}", value.unwrap_or_default()))
}
