//! Laws of the editor, tried with random edits on the corpus. `PROPTEST_CASES` says how often.

use anchorwatch_core::object::value::{Map, Node, Value};
use anchorwatch_core::source::edit::{Place, append, edit, objects, remove};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;

use super::corpus::CORPUS;
use super::manner::{file, tree};
use super::random::{Dice, edits, throw, wanted};
use super::untouched::{File, fault};
use crate::mutations::{broken, cuts};

/// What became of one throw.
#[derive(Debug, PartialEq)]
enum Outcome {
    Made,
    Refused(String),
    Wrong(String),
}

/// Throws edits at a file, and looks at what comes out: at its values, and where it has its usual form at its lines.
fn attempt(seed: u64, text: &str, usual: bool) -> Outcome {
    let mut dice = Dice(seed | 1);
    dice.below(1);
    let all = objects(text).unwrap();
    let roots: Vec<Node<'static>> = all.iter().map(|(_, node)| node.clone()).collect();
    let at = dice.below(all.len());
    let thrown = throw(&mut dice, &roots[at]);
    let asked = edits(&roots[at], &thrown);
    let after = match edit(text, &all[at].0, &asked) {
        Ok(after) => after,
        Err(refusal) => return Outcome::Refused(format!("{refusal} {asked:?}")),
    };
    let mut trees: Vec<Json> = roots.iter().map(|node| serde_json::to_value(&node.value).unwrap()).collect();
    trees[at] = wanted(&roots[at], &thrown);
    let read: Vec<Json> =
        objects(&after).unwrap().iter().map(|(_, v)| serde_json::to_value(&v.value).unwrap()).collect();
    if read != trees {
        return Outcome::Wrong(format!("reads otherwise than asked\n{thrown:?}\n{after}"));
    }
    // Values behind aliases stand on the lines of their anchors.
    let has_aliases = !usual || text.contains(": *") || text.contains("- *");
    let file = File::new(&roots[at], !all[at].0.items.is_empty(), &roots.iter().collect::<Vec<_>>());
    match fault(text, &after, &file, &thrown).filter(|_| !has_aliases) {
        Some(fault) => Outcome::Wrong(format!("{fault}\n{thrown:?}\n{after}")),
        None => Outcome::Made,
    }
}

/// A file in any manner, and whether it reads as it was meant.
fn written(seed: u64) -> (String, bool) {
    let mut dice = Dice(seed | 1);
    let trees: Vec<Json> = (0..=dice.below(2)).map(|_| tree(&mut dice, 3)).collect();
    let text = file(&mut dice, &trees);
    let read = objects(&text).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"));
    let read: Vec<Json> = read.iter().map(|(_, node)| serde_json::to_value(&node.value).unwrap()).collect();
    let is_meant = read == trees;
    (text, is_meant)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_as_it_was_asked_and_no_other_line_changes(seed in any::<u64>(), chosen in any::<Index>()) {
        let (name, text) = chosen.get(&CORPUS);
        if let Outcome::Wrong(why) = attempt(seed, text, true) {
            prop_assert!(false, "{name}: {why}");
        }
    }

    #[test]
    fn a_broken_file_is_edited_as_it_was_asked_or_refused(
        seed in any::<u64>(), chosen in any::<Index>(), cuts in cuts(),
    ) {
        let (name, text) = chosen.get(&CORPUS);
        let text = broken(text, &cuts);
        let is_read = objects(&text).is_ok_and(|all| !all.is_empty());
        if is_read && let Outcome::Wrong(why) = attempt(seed, &text, false) {
            prop_assert!(false, "{name}: {why}\nof {text}");
        }
        let _ = (append(&text, &Value::Map(Map::default())), remove(&text, &Place::document(0)));
    }

    #[test]
    fn whatever_manner_a_file_is_written_in_it_is_edited_as_it_was_asked(seed in any::<u64>()) {
        let (text, _) = written(seed);
        if let Outcome::Wrong(why) = attempt(seed, &text, false) {
            prop_assert!(false, "{why}\nof {text}");
        }
    }

    #[test]
    fn an_object_comes_and_goes_and_the_others_stay(chosen in any::<Index>(), gone in any::<Index>(), added in any::<Index>()) {
        let (name, text) = chosen.get(&CORPUS);
        let values = |text: &str| -> Vec<Value<'static>> {
            objects(text).unwrap().into_iter().map(|(_, node)| node.value).filter(|value| !value.is_null()).collect()
        };
        let (_, other) = added.get(&CORPUS);
        let object = added.get(&values(other)).clone();
        let mut wanted = values(text);
        if let Ok(after) = append(text, &object) {
            wanted.push(object);
            prop_assert_eq!(values(&after), wanted, "{}", name);
        }
        let (place, object) = gone.get(&objects(text).unwrap()).clone();
        let mut wanted = values(text);
        if let Ok(after) = remove(text, &place) {
            if let Some(at) = wanted.iter().position(|value| *value == object.value) {
                wanted.remove(at);
            }
            prop_assert_eq!(values(&after), wanted, "{}", name);
        }
    }
}

#[test]
fn files_in_any_manner_are_seldom_refused() {
    let count = ProptestConfig::default().cases.max(256) as usize;
    let mut dice = Dice(20_260_303);
    let mut refused = Vec::new();
    let mut misread = 0;
    for _ in 0..count {
        dice.below(1);
        let (text, is_meant) = written(dice.0);
        misread += usize::from(!is_meant);
        if let Outcome::Refused(why) = attempt(dice.0, &text, false) {
            refused.push(format!("{why}\nof {text}"));
        }
    }
    // Empty lines below a text with `+` are part of it, and a last line without its break makes another text.
    assert!(misread * 10 <= count, "{misread} of {count} do not read as they were meant");
    assert!(refused.len() * 200 <= count, "{} of {count} refused:\n{}", refused.len(), refused.join("\n\n"));
}

#[test]
fn one_edit_in_a_hundred_at_most_is_refused() {
    let count = ProptestConfig::default().cases.max(256) as usize;
    let mut dice = Dice(20_260_303);
    let (mut refused, mut wrong) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (name, text) = dice.pick(&CORPUS);
        match attempt(dice.0, text, true) {
            Outcome::Made => {}
            Outcome::Refused(why) => refused.push(format!("{name}: {why}")),
            Outcome::Wrong(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong[..wrong.len().min(4)].join("\n\n"));
    assert!(refused.len() * 100 <= count, "{} of {count} refused:\n{}", refused.len(), refused.join("\n"));
}
