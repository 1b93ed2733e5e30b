//! Laws that hold for every object, tried on objects generated from the schema.
//!
//! Each law is followed by a count that shows that it was tried on what could break it.

mod generator;
mod leaves;
mod rewrite;

use anchorwatch_core::drift::compare::{Change, Difference};
use anchorwatch_core::object::path::{Path, Step};
use anchorwatch_core::object::value::{Map, Number, Value};
use anchorwatch_core::schema::Shape;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::world::{SCHEMA, differences, with_differences};
use generator::{Sample, sample, text};
use leaves::{Hop, Leaf, Place, Role, any_of_equal_keys, at_mut, is_servers, map_mut, survey};

fn samples() -> impl Strategy<Value = Sample> {
    prop::collection::vec(any::<u32>(), 40..1200).prop_map(|choices| sample(&choices))
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, max_global_rejects: 100_000, ..ProptestConfig::default() }
}

/// The differences, each as its change and its path without ordinals.
fn found(git: &Map<'_>, live: &Map<'_>) -> Vec<(Change, String)> {
    let read = |d: &Difference<'_>| (d.change, any_of_equal_keys(&d.path));
    let mut lines: Vec<_> = with_differences(git, live, |all| all.iter().map(read).collect());
    lines.sort();
    lines
}

/// Where a difference at this path is told: there, or at the atomic list around it.
fn told(change: Change, path: &Path, atomic_list: Option<usize>) -> (Change, String) {
    match atomic_list {
        Some(steps) => (Change::Changed, any_of_equal_keys(&Path(path.0[..steps].to_vec()))),
        None => (change, any_of_equal_keys(path)),
    }
}

/// A value of the same shape that no pool, default or rule has.
fn mutated(leaf: &Leaf) -> Value<'static> {
    match (&leaf.shape, &leaf.value) {
        (Shape::Quantity, _) => text("987654321"),
        (Shape::Time, _) => text("2031-01-01T00:00:00Z"),
        (Shape::Bytes, _) => text("bXV0YXRlZA=="),
        (_, Value::Bool(b)) => Value::Bool(!b),
        (_, Value::Number(_)) => Value::Number(Number::Int(1_000_003)),
        (_, Value::String(before)) => text(&format!("{before}~mutated")),
        (_, other) => panic!("{other:?} is no leaf"),
    }
}

/// True if the server fills in just this value.
fn is_default_value(leaf: &Leaf, value: &Value<'_>) -> bool {
    leaf.field.as_ref().is_some_and(|f| f.defaults.iter().any(|rule| rule.value.value == *value))
}

/// True if stating this value is the same as stating none.
fn is_dropped(leaf: &Leaf) -> bool {
    leaf.value.is_zero() && leaf.field.as_ref().is_some_and(|f| f.drops_zero)
}

fn plain_leaves(sample: &Sample) -> Vec<Leaf> {
    let all = survey(sample).leaves.into_iter();
    all.filter(|leaf| leaf.role == Role::Plain && !is_default_value(leaf, &mutated(leaf))).collect()
}

fn removable_leaves(sample: &Sample) -> Vec<Leaf> {
    let all = survey(sample).leaves.into_iter();
    let from_map = |leaf: &Leaf| matches!(leaf.hops.last(), Some(Hop::Key(_)));
    all.filter(|leaf| leaf.role == Role::Plain && from_map(leaf) && !is_dropped(leaf)).collect()
}

fn telling_leaves(sample: &Sample) -> Vec<Leaf> {
    survey(sample).leaves.into_iter().filter(|leaf| leaf.role != Role::Plain).collect()
}

/// A struct, and a scalar field that it has not.
fn free_fields(sample: &Sample) -> Vec<(Place, String, Value<'static>)> {
    let mut free = Vec::new();
    for place in survey(sample).structs {
        let ty = SCHEMA.get(place.type_id);
        let mut root = sample.root.clone();
        let map = map_mut(&mut root, &place.hops);
        for field in ty.fields() {
            let value = match field.shape {
                Shape::String => text("added"),
                Shape::Integer => Value::Number(Number::Int(1_000_003)),
                _ => continue,
            };
            let servers = is_servers(&place.path.0, &ty.name, &field.name);
            if map.get(&field.name).is_none() && !servers && !place.keys.contains(&field.name.to_string()) {
                free.push((place.clone(), field.name.to_string(), value));
            }
        }
    }
    free
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_object_never_differs_from_itself(sample in samples()) {
        prop_assert_eq!(differences(&sample.root, &sample.root), Vec::<String>::new());
    }

    #[test]
    fn one_changed_leaf_is_one_difference_at_its_path_or_the_atomic_list_around_it(
        sample in samples(), chosen in any::<Index>(),
    ) {
        let candidates = plain_leaves(&sample);
        prop_assume!(!candidates.is_empty());
        let leaf = chosen.get(&candidates);
        let mut live = sample.root.clone();
        *at_mut(&mut live, &leaf.hops) = mutated(leaf);
        prop_assert_eq!(found(&sample.root, &live), [told(Change::Changed, &leaf.path, leaf.atomic_list)]);
    }

    #[test]
    fn one_leaf_that_live_lacks_is_one_removed(sample in samples(), chosen in any::<Index>()) {
        let candidates = removable_leaves(&sample);
        prop_assume!(!candidates.is_empty());
        let leaf = chosen.get(&candidates);
        let mut live = sample.root.clone();
        let (Some(Hop::Key(name)), above) = (leaf.hops.last(), &leaf.hops[..leaf.hops.len() - 1]) else { unreachable!() };
        map_mut(&mut live, above).remove(name);
        prop_assert_eq!(found(&sample.root, &live), [told(Change::Removed, &leaf.path, leaf.atomic_list)]);
    }

    #[test]
    fn no_added_leaf_is_passed_over(sample in samples(), chosen in any::<Index>()) {
        let candidates = free_fields(&sample);
        prop_assume!(!candidates.is_empty());
        let (place, name, value) = chosen.get(&candidates);
        let mut live = sample.root.clone();
        map_mut(&mut live, &place.hops).insert(name.clone().into(), value.clone().into());
        let mut path = place.path.clone();
        path.0.push(Step::Field(name.clone()));
        prop_assert_eq!(found(&sample.root, &live), [told(Change::Extra, &path, place.atomic_list)]);
    }

    #[test]
    fn a_changed_list_key_or_member_is_one_removed_and_one_extra(sample in samples(), chosen in any::<Index>()) {
        let candidates = telling_leaves(&sample);
        prop_assume!(!candidates.is_empty());
        let leaf = chosen.get(&candidates);
        let mut live = sample.root.clone();
        *at_mut(&mut live, &leaf.hops) = mutated(leaf);
        let expected = if leaf.atomic_list.is_some() {
            vec![told(Change::Changed, &leaf.path, leaf.atomic_list)]
        } else {
            let (before, after) = renamed(leaf);
            vec![(Change::Removed, any_of_equal_keys(&before)), (Change::Extra, any_of_equal_keys(&after))]
        };
        prop_assert_eq!(found(&sample.root, &live), expected);
    }

    #[test]
    fn order_and_spelling_never_matter(sample in samples(), seed in any::<u64>()) {
        let live = rewrite::reordered(&sample, seed);
        prop_assert_eq!(differences(&sample.root, &live), Vec::<String>::new());
        prop_assert_eq!(differences(&live, &sample.root), Vec::<String>::new());
    }

    #[test]
    fn what_the_server_fills_in_is_no_drift(sample in samples()) {
        let live = rewrite::with_defaults(&sample);
        prop_assert_eq!(differences(&sample.root, &live), Vec::<String>::new());
    }
}

/// The paths of a list's element before and after one of its keys, or itself as a member, was changed.
fn renamed(leaf: &Leaf) -> (Path, Path) {
    let (mut before, mut after) = (leaf.path.clone(), leaf.path.clone());
    match &leaf.role {
        Role::Key { element, name } => {
            before.0.truncate(element + 1);
            after.0.truncate(element + 1);
            let Some(Step::Element { keys, .. }) = after.0.last_mut() else { unreachable!("a key is an element's") };
            keys.iter_mut().find(|(key, _)| key == name).unwrap().1 = mutated(leaf);
        }
        Role::Member => *after.0.last_mut().unwrap() = Step::Member { value: mutated(leaf), index: 0 },
        Role::Plain => unreachable!("only keys and members are renamed"),
    }
    (before, after)
}

/// The laws are worth something only on objects that could break them.
#[test]
fn the_generated_objects_have_what_could_break_a_law() {
    let mut runner = TestRunner::deterministic();
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    let mut count = |what, true_here: bool| *counts.entry(what).or_default() += usize::from(true_here);
    for _ in 0..800 {
        let sample = samples().new_tree(&mut runner).unwrap().current();
        let all = survey(&sample);
        let has = |wanted: &dyn Fn(&Leaf) -> bool| all.leaves.iter().any(wanted);
        let plain = plain_leaves(&sample);
        count("plain leaf", !plain.is_empty());
        count("leaf in an atomic list", plain.iter().any(|l| l.atomic_list.is_some()));
        count("leaf in a keyed list", plain.iter().any(|l| l.path.0.iter().any(is_keyed)));
        count("list key", has(&|l| matches!(l.role, Role::Key { .. }) && l.atomic_list.is_none()));
        count("list key in an atomic list", has(&|l| matches!(l.role, Role::Key { .. }) && l.atomic_list.is_some()));
        count("set member", has(&|l| l.role == Role::Member));
        count("quantity", has(&|l| l.shape == Shape::Quantity));
        count("int or string", has(&|l| l.shape == Shape::IntOrString));
        count("time", has(&|l| l.shape == Shape::Time));
        count("free form", has(&|l| l.shape == Shape::Any));
        count("dropped zero", has(&is_dropped));
        count("kept zero", has(&|l| l.value.is_zero() && !is_dropped(l)));
        count("removable leaf", !removable_leaves(&sample).is_empty());
        count("free field", !free_fields(&sample).is_empty());
        count("key that has a default", has(&|l| l.path.0.iter().any(|s| is_keyed_by(s, "protocol"))));
        count("several elements with one key", has_duplicates(&all.leaves));
        count("reordered", written(&rewrite::reordered(&sample, 1)) != written(&sample.root));
        count("filled in", rewrite::with_defaults(&sample) != sample.root);
    }
    let rare: Vec<_> = counts.iter().filter(|(_, count)| **count < 20).collect();
    assert!(rare.is_empty(), "too rare in 800 objects: {rare:?}; all: {counts:?}");
}

fn is_keyed(step: &Step) -> bool {
    matches!(step, Step::Element { keys, .. } if !keys.is_empty())
}

fn is_keyed_by(step: &Step, name: &str) -> bool {
    matches!(step, Step::Element { keys, .. } if keys.iter().any(|(key, _)| key == name))
}

fn has_duplicates(leaves: &[Leaf]) -> bool {
    let mut seen = std::collections::HashSet::new();
    leaves.iter().any(|leaf| is_keyed_leaf(leaf) && !seen.insert(any_of_equal_keys(&leaf.path)))
}

fn is_keyed_leaf(leaf: &Leaf) -> bool {
    leaf.atomic_list.is_none() && leaf.path.0.iter().any(is_keyed)
}

fn written(root: &Map<'static>) -> String {
    serde_json::to_string(&Value::Map(root.clone())).unwrap()
}
