//! What the harvester concludes from what it has seen.

use anchorwatch_testbed::harvest::learning::learn;
use anchorwatch_testbed::harvest::observation::{Observation, Outcome};
use serde_json::Value;

/// One observation of `T.field`; siblings as in `type="A" on=true`.
fn seen(kind: &str, siblings: &str, becomes: Option<&str>) -> Observation {
    let sibling = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), serde_json::from_str::<Value>(value).unwrap())
    };
    Observation {
        type_name: "T".to_owned(),
        field: "field".to_owned(),
        group_kind: kind.to_owned(),
        siblings: siblings.split_whitespace().map(sibling).collect(),
        outcome: becomes.map_or(Outcome::Absent, |value| Outcome::Value(value.to_owned())),
        created_in: None,
    }
}

fn random(kind: &str) -> Observation {
    Observation { outcome: Outcome::Random, ..seen(kind, "", None) }
}

fn learned(observations: &[Observation]) -> Vec<String> {
    learn(observations).iter().map(ToString::to_string).collect()
}

#[test]
fn what_stays_absent_teaches_nothing() {
    assert!(learned(&[seen("/A", "", None), seen("/B", "", None)]).is_empty());
}

#[test]
fn one_value_everywhere_is_a_default() {
    assert_eq!(learned(&[seen("/A", "", Some("1")), seen("/B", "", Some("1"))]), ["default T field 1"]);
}

#[test]
fn a_value_in_one_kind_only_is_a_default_under_it() {
    assert_eq!(learned(&[seen("/A", "", Some("1")), seen("/B", "", None)]), ["default T field 1 under /A"]);
}

#[test]
fn two_kinds_may_have_two_defaults() {
    let facts = learned(&[seen("/A", "", Some("1")), seen("/B", "", Some("2"))]);
    assert_eq!(facts, ["default T field 1 under /A", "default T field 2 under /B"]);
}

#[test]
fn a_sibling_with_two_values_can_decide() {
    let facts = learned(&[seen("/A", "type=\"X\"", Some("1")), seen("/A", "type=\"Y\"", None)]);
    assert_eq!(facts, ["default T field 1 when type \"X\""]);
}

#[test]
fn the_sibling_called_type_is_preferred_to_a_boolean() {
    let facts = learned(&[seen("/A", "on=true type=\"X\"", Some("1")), seen("/A", "on=false type=\"Y\"", None)]);
    assert_eq!(facts, ["default T field 1 when type \"X\""]);
}

#[test]
fn a_sibling_decides_within_a_kind_where_another_kind_goes_its_own_way() {
    let facts = learned(&[
        seen("/A", "on=true", Some("1")),
        seen("/A", "on=false", None),
        seen("/B", "on=true", None),
        seen("/B", "on=false", None),
    ]);
    assert_eq!(facts, ["default T field 1 when on true under /A"]);
}

#[test]
fn a_sibling_that_a_struct_lacks_cannot_have_caused_its_default() {
    let facts =
        learned(&[seen("/A", "type=\"X\"", Some("1")), seen("/A", "type=\"Y\"", None), seen("/A", "", Some("1"))]);
    assert_eq!(facts, ["computed T field"]);
}

#[test]
fn different_values_without_a_reason_are_computed() {
    assert_eq!(learned(&[seen("/A", "", Some("1")), seen("/A", "", Some("2"))]), ["computed T field"]);
}

#[test]
fn a_computed_field_is_computed_only_where_it_was_seen_to_be() {
    let facts = learned(&[seen("/A", "", Some("1")), seen("/A", "", Some("2")), seen("/B", "", None)]);
    assert_eq!(facts, ["computed T field under /A"]);
}

#[test]
fn a_kind_with_few_seeds_does_not_turn_a_computed_value_into_its_default() {
    let facts = learned(&[seen("/A", "", Some("1")), seen("/A", "", Some("2")), seen("/B", "", Some("1"))]);
    assert_eq!(facts, ["computed T field"]);
}

#[test]
fn a_copy_of_a_sibling_is_computed_and_not_three_rules() {
    let facts = learned(&[
        seen("/A", "kind=\"X\"", Some("1")),
        seen("/A", "kind=\"Y\"", Some("2")),
        seen("/A", "kind=\"Z\"", Some("3")),
    ]);
    assert_eq!(facts, ["computed T field"]);
}

#[test]
fn another_value_each_time_is_allocated() {
    let facts = learned(&[random("/A"), seen("/A", "", None), seen("/B", "", Some("1"))]);
    assert_eq!(facts, ["default T field 1 under /B", "allocated T field under /A"]);
}

#[test]
fn a_struct_that_is_a_computed_copy_has_no_defaults_inside() {
    let copied = Observation {
        type_name: "Inner".to_owned(),
        field: "name".to_owned(),
        created_in: Some(("T".to_owned(), "field".to_owned())),
        ..seen("/A", "", Some("\"x\""))
    };
    assert_eq!(learned(&[seen("/A", "", Some("{}")), seen("/A", "", None), copied]), ["computed T field"]);
}
