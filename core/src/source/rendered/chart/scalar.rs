//! Plain values that a field may be made of.

use super::super::{Aim, set, text};
use super::Guess;
use super::template::{Template, field_name};
use super::values::{Layers, steps};
use crate::object::value::Value;
use crate::source::edit::{Change, Edit};

/// How likely a value drives a field: less is more.
const SAME: u32 = 0;
const NAMED_ON_ITS_LINE: u32 = 12;
const PART: u32 = 20;
const WHOLE: u32 = 24;
const SPLIT: u32 = 8;
const AROUND: u32 = 28;
const NAMED: u32 = 36;

/// What a template prints of a plain value.
pub(super) fn written(value: &Value<'_>) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Plain values that are the field's, a part of it or around it; and those that its template names, whatever they are.
pub(super) fn guesses(layers: &Layers<'_>, template: &Template<'_>, aim: &Aim<'_>) -> Vec<Guess> {
    let (old, new) = (aim.old().and_then(written), aim.new_value().and_then(written));
    let mut found = Vec::new();
    if let (Some(old), Some(new)) = (&old, &new) {
        for (path, keys, value) in layers.leaves() {
            let Some(here) = written(value) else { continue };
            let called = keys.last().is_some_and(|key| field_name(aim) == Some(key));
            let near = 2 * template.distance(&keys) + u32::from(!called);
            if let Some((rank, wanted)) = replaced(&here, old, new) {
                found.push((rank + near, set(path, like(value, wanted))));
            }
        }
    }
    let plain = aim.new_value().filter(|value| written(value).is_some());
    for reference in &template.references {
        let value = layers.get(&reference.keys);
        let is_plain = value.is_none_or(|value| value.is_null() || written(value).is_some());
        if reference.distance > 1 || reference.keys.is_empty() || !is_plain {
            continue;
        }
        // A text that is a template is not written over as long as it can be changed.
        let is_template = value.and_then(Value::as_str).is_some_and(|text| text.contains("{{"));
        let rank = if reference.distance == 0 && !is_template { NAMED_ON_ITS_LINE } else { NAMED };
        let path = steps(&reference.keys);
        match (plain, value) {
            (Some(new), Some(value)) if !value.is_null() && written(value) != old => {
                found.push((rank, set(path, like(value, written(new).unwrap_or_default()))));
            }
            (Some(new), _) => found.push((rank, set(path, new.clone()))),
            (None, Some(value)) if aim.new_value().is_none() && old.is_some() && written(value) == old => {
                let path = crate::object::path::Path(path);
                found.push((rank, Edit { path: path.clone(), change: Change::Remove }));
                found.push((rank + 1, Edit { path: path.clone(), change: Change::Set(Value::Null) }));
                found.push((rank + 2, Edit { path, change: Change::Set(text("")) }));
            }
            _ => {}
        }
    }
    found
}

/// What a value has to be that is printed as `old`, or as a part of it, so that `new` is printed.
fn replaced(here: &str, old: &str, new: &str) -> Option<(u32, String)> {
    if here == old {
        return Some((SAME, new.to_owned()));
    }
    let wanted = |at: usize| {
        let (before, after) = (&old[..at], &old[at + here.len()..]);
        let rest = new.strip_prefix(before)?.strip_suffix(after)?;
        (!rest.is_empty()).then(|| rest.to_owned())
    };
    if here.is_empty() {
        return None;
    }
    if let Some(wanted) = old.match_indices(here).find_map(|(at, _)| wanted(at)) {
        return Some((PART, wanted));
    }
    let once = |part: &str| !part.is_empty() && here.matches(part).count() == 1;
    if once(old) {
        return Some((WHOLE, here.replacen(old, new, 1)));
    }
    // A text that is a template itself: what differs in it.
    let (old, new) = differing(old, new);
    (here.contains("{{") && once(old)).then(|| (AROUND, here.replacen(old, new, 1)))
}

/// Two texts without the words that both begin and end with.
fn differing<'t>(old: &'t str, new: &'t str) -> (&'t str, &'t str) {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let same = |a: &mut dyn Iterator<Item = (char, char)>| -> usize {
        a.take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum()
    };
    let head = same(&mut old.chars().zip(new.chars()));
    let head = old[..head].rfind(|c| !is_inside(c)).map_or(0, |at| at + 1);
    let (old, new) = (&old[head..], &new[head..]);
    let tail = same(&mut old.chars().rev().zip(new.chars().rev()));
    let kept = &old[old.len() - tail..];
    let tail = kept.find(|c| !is_inside(c)).map_or(0, |at| kept.len() - at);
    (&old[..old.len() - tail], &new[..new.len() - tail])
}

/// A text as a value of the kind that is there.
fn like(there: &Value<'_>, written: String) -> Value<'static> {
    let read = || serde_json::from_str::<Value<'_>>(&written).ok().map(Value::into_owned);
    match there {
        Value::Number(_) => read().filter(|value| matches!(value, Value::Number(_))),
        Value::Bool(_) => read().filter(|value| matches!(value, Value::Bool(_))),
        _ => None,
    }
    .unwrap_or_else(|| text(written))
}

/// An image of which the repository and the tag are values of their own, where both are others.
pub(super) fn image(layers: &Layers<'_>, aim: &Aim<'_>) -> Vec<(u32, Vec<Edit>)> {
    let parts = |value: &Value<'static>| {
        let (name, tag) = value.as_str()?.rsplit_once(':')?;
        (!tag.contains('/')).then(|| (name.to_owned(), tag.to_owned()))
    };
    let (Some(old), Some(new)) = (aim.old().and_then(parts), aim.new_value().and_then(parts)) else {
        return Vec::new();
    };
    if field_name(aim) != Some("image") || old.0 == new.0 || old.1 == new.1 {
        return Vec::new();
    }
    let leaves = layers.leaves();
    let of = |old: &str, new: &str| -> Vec<Edit> {
        let fits = leaves.iter().filter_map(|(path, _, value)| {
            let here = written(value)?;
            // The name may stand in two values, too: a registry before it.
            let before = old.strip_suffix(here.as_str()).filter(|before| before.is_empty() || before.ends_with('/'))?;
            Some(set(path.clone(), like(value, new.strip_prefix(before)?.to_owned())))
        });
        fits.collect()
    };
    let (names, tags) = (of(&old.0, &new.0), of(&old.1, &new.1));
    let pairs = names.iter().flat_map(|name| tags.iter().map(move |tag| vec![name.clone(), tag.clone()]));
    pairs.map(|pair| (SPLIT, pair)).collect()
}

/// Values of the template that are true, made false.
pub(super) fn switches<'a>(layers: &'a Layers<'_>, template: &'a Template<'_>) -> impl Iterator<Item = Guess> {
    let on = template.references.iter().filter(|reference| layers.get(&reference.keys) == Some(&Value::Bool(true)));
    on.map(|reference| (reference.distance, set(steps(&reference.keys), Value::Bool(false))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_changed_so_that_the_new_text_is_printed() {
        for (here, old, new, expected) in [
            ("2", "2", "3", Some("3")),
            ("1.0", "shop/web:1.0", "shop/web:2.0", Some("2.0")),
            ("shop/web", "shop/web:1.0", "fork/web:1.0", Some("fork/web")),
            ("shop/web", "shop/web:1.0", "fork/web:2.0", None),
            ("--level=info --fast", "info", "warn", Some("--level=warn --fast")),
            (
                "http://{{ .Release.Name }}:8080/x",
                "http://rel:8080/x",
                "http://rel:9090/x",
                Some("http://{{ .Release.Name }}:9090/x"),
            ),
            ("other", "a", "b", None),
            ("", "a", "b", None),
        ] {
            assert_eq!(replaced(here, old, new).map(|(_, wanted)| wanted).as_deref(), expected, "{here}");
        }
    }
}
