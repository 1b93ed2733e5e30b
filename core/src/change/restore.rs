//! An object as it would be with some of its fields as Git says, and all others as they are.

use std::borrow::Cow;

use crate::drift::compare::{Change, Class, Difference, Pair, Silent, compare, compare_and_tell};
use crate::drift::filled;
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Node, Value};

/// How often is looked again for what the restored values leave behind.
const ROUNDS: usize = 4;

/// Why an object cannot be restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrestorable {
    /// There is no such place.
    #[error("there is no place for {0} in the object as it is; restore what it lies in, too")]
    NoPlace(String),
    /// Something else would be otherwise, which nobody has chosen.
    #[error("with that restored, {0} would be otherwise; restore it, too")]
    Differs(String),
}

/// The live object with these differences as Git says. All other differences stay, and no new ones are made.
///
/// What only the cluster has is taken out with all that the server filled in around it, and with what was a default because of it.
pub fn restore(pair: Pair<'_>, is_chosen: impl Fn(&Difference<'_>) -> bool) -> Result<Map<'static>, Unrestorable> {
    let (differences, silent) = compare_and_tell(pair);
    let mut root = owned(pair.live);
    for difference in differences.iter().filter(|d| d.change == Change::Changed && is_chosen(d)) {
        let place = at_mut(&mut root, &difference.path.0).ok_or_else(|| no_place(difference))?;
        *place = value_of(difference.git);
    }
    let changed = differences.iter().filter(|d| d.change == Change::Changed && is_chosen(d));
    let changed: Vec<&[Step]> = changed.map(|d| d.path.0.as_slice()).collect();
    filled::drop_unasked(pair.schema, pair.root, (&mut root, pair.git), &changed);
    let extras = differences.iter().filter(|d| d.change == Change::Extra && is_chosen(d));
    let whole = extras.map(|d| lifted(&d.path, pair.git, (&differences, &silent), &is_chosen)).collect();
    take_all(&mut root, whole);
    for difference in differences.iter().filter(|d| d.change == Change::Removed && is_chosen(d)) {
        put(&mut root, difference).ok_or_else(|| no_place(difference))?;
    }
    let named = |d: &Difference<'_>| (d.path.stable(), d.change);
    let left: Vec<&Difference<'_>> = differences.iter().filter(|d| !is_chosen(d)).collect();
    for _ in 0..ROUNDS {
        let before = root.clone();
        let now = compare(Pair { live: &before, ..pair });
        // With others of the same keys an element is called otherwise once one of them is gone: so the values have to be the same, too.
        let stays = |d: &&Difference<'_>| now.iter().any(|n| named(n) == named(d) && n.live == d.live);
        if let Some(gone) = left.iter().find(|d| d.excuse.is_none() && !stays(d)) {
            return Err(Unrestorable::Differs(gone.path.stable()));
        }
        let unwanted: Vec<_> = now.iter().filter(|n| !left.iter().any(|d| named(d) == named(n))).collect();
        let Some(first) = unwanted.first() else { return Ok(root) };
        if let Some(other) = unwanted.iter().find(|d| d.change != Change::Extra) {
            return Err(Unrestorable::Differs(other.path.stable()));
        }
        if !take_all(&mut root, unwanted.iter().map(|d| d.path.0.as_slice()).collect()) {
            return Err(Unrestorable::Differs(first.path.stable()));
        }
    }
    Err(Unrestorable::Differs("more than what it leaves behind".to_owned()))
}

/// Takes values out, by positions of before any was: what lies deepest first, and of one list the last. True if one was there.
fn take_all(root: &mut Map<'static>, mut places: Vec<&[Step]>) -> bool {
    let positions = |place: &[Step]| -> Vec<usize> {
        let position = |step: &Step| match step {
            Step::Field(_) => 0,
            Step::Element { index, .. } | Step::Member { index, .. } => *index,
        };
        place.iter().map(position).collect()
    };
    places.sort_by_key(|place| std::cmp::Reverse((place.len(), positions(place))));
    places.dedup();
    let taken = places.into_iter().filter(|place| take(root, place)).count();
    taken > 0
}

fn no_place(difference: &Difference<'_>) -> Unrestorable {
    Unrestorable::NoPlace(difference.path.stable())
}

fn owned(map: &Map<'_>) -> Map<'static> {
    match Value::Map(map.clone()).into_owned() {
        Value::Map(map) => map,
        _ => Map::default(),
    }
}

fn value_of(value: Option<&Value<'_>>) -> Value<'static> {
    value.map_or(Value::Null, |value| value.clone().into_owned())
}

/// The highest place around a value that Git knows nothing of, and in which nothing is but what is chosen and defaults.
fn lifted<'p>(
    path: &'p Path,
    git: &Map<'_>,
    (differences, silent): (&[Difference<'_>], &[Silent<'_>]),
    is_chosen: &impl Fn(&Difference<'_>) -> bool,
) -> &'p [Step] {
    let steps = &path.0;
    let goes_whole = |whole: &[Step]| {
        let is_below = |path: &Path| path.0.starts_with(whole);
        !says(git, whole)
            && differences.iter().filter(|d| is_below(&d.path)).all(|d| d.change == Change::Extra && is_chosen(d))
            && silent.iter().filter(|s| is_below(&s.path)).all(|s| s.class == Class::Default)
    };
    let length = (1..steps.len()).find(|length| goes_whole(&steps[..*length]));
    &steps[..length.unwrap_or(steps.len())]
}

/// True if an object has something there; elements are found by their keys.
pub(super) fn says(git: &Map<'_>, steps: &[Step]) -> bool {
    let Some((Step::Field(first), rest)) = steps.split_first() else { return true };
    let Some(first) = git.get(first) else { return false };
    let found = rest.iter().try_fold(first, |value, step| match (step, value) {
        (Step::Field(name), Value::Map(map)) => map.get(name),
        (Step::Element { .. } | Step::Member { .. }, Value::List(list)) => {
            position(list, step).map(|at| &list[at].value)
        }
        _ => None,
    });
    found.is_some_and(|value| !value.is_null())
}

/// Where a list has the element, by its keys. One that does not say a key is what the server's default makes of it.
fn position(list: &[Node<'_>], step: &Step) -> Option<usize> {
    match step {
        Step::Element { keys, ordinal, .. } => {
            let has = |node: &Node<'_>, (key, value): &(String, Value<'_>), exact: bool| {
                node.value.as_map().is_some_and(|map| map.get(key).map_or(!exact, |own| own == value))
            };
            let at = |exact| {
                let fits = |(_, node): &(usize, &Node<'_>)| keys.iter().all(|key| has(node, key, exact));
                list.iter().enumerate().filter(fits).nth(ordinal.saturating_sub(1)).map(|(at, _)| at)
            };
            at(true).or_else(|| at(false))
        }
        Step::Member { value, .. } => list.iter().position(|node| node.value == *value),
        Step::Field(_) => None,
    }
}

/// The value at a path, by live's positions.
fn at_mut<'m>(root: &'m mut Map<'static>, steps: &[Step]) -> Option<&'m mut Value<'static>> {
    let (first, rest) = steps.split_first()?;
    let Step::Field(first) = first else { return None };
    rest.iter().try_fold(root.get_mut(first)?, |value, step| match (step, value) {
        (Step::Field(name), Value::Map(map)) => map.get_mut(name),
        (Step::Element { index, .. } | Step::Member { index, .. }, Value::List(list)) => {
            list.get_mut(*index).map(|node| &mut node.value)
        }
        _ => None,
    })
}

/// Takes a value out, by live's positions; false if it is not there any more.
fn take(root: &mut Map<'static>, steps: &[Step]) -> bool {
    let Some((last, before)) = steps.split_last() else { return false };
    match (last, before) {
        (Step::Field(name), []) => root.remove(name).is_some(),
        (Step::Field(name), _) => {
            let Some(Value::Map(map)) = at_mut(root, before) else { return false };
            // The server keeps this field under two names, and makes each of the other.
            let mirror = (name == "serviceAccountName").then(|| map.remove("serviceAccount"));
            map.remove(name).is_some() || mirror.flatten().is_some()
        }
        (Step::Element { index, .. } | Step::Member { index, .. }, _) => {
            let Some(Value::List(list)) = at_mut(root, before) else { return false };
            if *index >= list.len() {
                return false;
            }
            let mut nodes = std::mem::take(list).into_vec();
            nodes.remove(*index);
            *list = nodes.into_boxed_slice();
            true
        }
    }
}

/// Puts in what Git has and the object lacks, with the maps and lists that it lies in. Elements are found by their keys.
fn put(root: &mut Map<'static>, difference: &Difference<'_>) -> Option<()> {
    let (Step::Field(first), rest) = difference.path.0.split_first()? else { return None };
    let wanted = value_of(difference.git);
    let Some(next) = rest.first() else {
        root.insert(Cow::Owned(first.clone()), wanted.into());
        return Some(());
    };
    let mut value = entry(root, first, next);
    for (at, step) in rest.iter().enumerate() {
        let next = rest.get(at + 1);
        value = match (step, value) {
            (Step::Field(name), Value::Map(map)) => match next {
                None => {
                    map.insert(Cow::Owned(name.clone()), wanted.into());
                    return Some(());
                }
                Some(next) => entry(map, name, next),
            },
            (Step::Element { index, .. } | Step::Member { index, .. }, Value::List(list)) => {
                if next.is_none() {
                    let mut nodes = std::mem::take(list).into_vec();
                    nodes.insert((*index).min(nodes.len()), wanted.into());
                    *list = nodes.into_boxed_slice();
                    return Some(());
                }
                let at = position(list, step)?;
                &mut list.get_mut(at)?.value
            }
            _ => return None,
        };
    }
    None
}

/// The value under a key; where there is none, an empty one that the next step fits into.
fn entry<'m>(map: &'m mut Map<'static>, key: &str, next: &Step) -> &'m mut Value<'static> {
    if map.get(key).is_none_or(Value::is_null) {
        let empty = match next {
            Step::Field(_) => Value::Map(Map::default()),
            Step::Element { .. } | Step::Member { .. } => Value::List(Box::default()),
        };
        map.insert(Cow::Owned(key.to_owned()), empty.into());
    }
    map.get_mut(key).expect("it was put in just now")
}
