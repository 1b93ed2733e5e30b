//! Maps and lists of values that a template prints as they are, such as resources and annotations.

use super::super::{Aim, field};
use super::Guess;
use super::template::Template;
use super::values::{Layers, steps};
use crate::object::path::{Path, Step};
use crate::object::value::Value;
use crate::source::edit::{self, Change, Edit};

/// After the plain values that are the field's own.
const PRINTED: u32 = 10;

/// The change, made in a map or list of values that may be printed around the field.
pub(super) fn guesses(layers: &Layers<'_>, template: &Template<'_>, aim: &Aim<'_>, edit: &Edit) -> Vec<Guess> {
    let steps_to = &edit.path.0;
    let mut found = Vec::new();
    for reference in template.references.iter().filter(|reference| !reference.keys.is_empty()) {
        let value = layers.get(&reference.keys);
        for length in (1..steps_to.len()).rev() {
            let around = &steps_to[..length];
            let Some(likeness) = likeness(value, edit::find(aim.object, &Path(around.to_vec())), around, reference)
            else {
                continue;
            };
            let rank = PRINTED + likeness + reference.distance + u32::try_from(steps_to.len() - length).unwrap_or(0);
            let path = Path([&steps(&reference.keys), &steps_to[length..]].concat());
            found.push((rank, Edit { path, change: edit.change.clone() }));
            found.extend(by_name(&reference.keys, &steps_to[length..], edit).map(|edit| (rank + 1, edit)));
        }
    }
    found
}

/// How much a value is like what is rendered around a field; nothing if it is something else.
fn likeness(
    value: Option<&Value<'static>>,
    rendered: Option<&Value<'static>>,
    around: &[Step],
    reference: &super::template::Reference,
) -> Option<u32> {
    let is_part = match (value, rendered) {
        (Some(Value::Map(value)), Some(Value::Map(rendered))) => {
            value.iter().any(|(key, node)| rendered.get(key) == Some(&node.value))
        }
        (Some(Value::List(value)), Some(Value::List(rendered))) => value.iter().any(|node| rendered.contains(node)),
        (Some(Value::Map(value)), None) if value.is_empty() => false,
        (Some(Value::List(value)), None) if value.is_empty() => false,
        // The names and values of a list may be a map.
        (Some(Value::Map(value)), Some(Value::List(rendered))) => {
            let has =
                |name: &str| rendered.iter().any(|node| node.value.at(&["name"]).and_then(Value::as_str) == Some(name));
            value.iter().any(|(name, _)| has(name))
        }
        (None | Some(Value::Null), _) => false,
        _ => return None,
    };
    let name = around.iter().rev().find_map(|step| match step {
        Step::Field(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    })?;
    let called = reference.keys.last()?.to_ascii_lowercase();
    match (is_part, called == name, called.contains(&name) || name.contains(&called)) {
        (true, true, _) => Some(0),
        (true, _, true) => Some(1),
        (false, true, _) => Some(2),
        (true, ..) => Some(3),
        (false, _, true) => Some(4),
        _ => None,
    }
}

/// The change of a map of names and values of which a template makes a list.
fn by_name(keys: &[String], rest: &[Step], edit: &Edit) -> Option<Edit> {
    let [Step::Element { keys: called, .. }, below @ ..] = rest else { return None };
    let name = called.iter().find(|(key, _)| key == "name").and_then(|(_, name)| name.as_str())?;
    let change = match (&edit.change, below) {
        (Change::Remove, []) => Change::Remove,
        (Change::Add(Value::Map(map)), []) => Change::Set(map.get("value")?.clone()),
        (Change::Set(value), [Step::Field(value_of)]) if value_of == "value" => Change::Set(value.clone()),
        _ => return None,
    };
    Some(Edit { path: Path([steps(keys), vec![field(name)]].concat()), change })
}
