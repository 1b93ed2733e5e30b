//! People's own rules, and the configuration they stand in.

use serde_json::json;

use crate::world::{World, config_map, live_config_map};

fn world(rule: &str) -> World {
    let world = World::comparing(&config_map("a", "k: v"), &[live_config_map("a", &json!({"k": "w"}))]);
    world.write("rules.yaml", format!("rules:\n- id: mine\n  owner: ann\n  reason: because\n{rule}"));
    world
}

const WITH_RULES: [&str; 4] = ["--config", "rules.yaml", "-o", "json"];

#[test]
fn an_ignored_item_is_no_drift_but_is_told() {
    let world = world("  match: {kind: ConfigMap}\n  ignore: true\n");
    let run = world.scan(&WITH_RULES);
    assert_eq!(run.ends(0, &[]).items(), [] as [&str; 0]);
    assert_eq!(run.reports()[0]["ignored"][0]["rule"], "mine");
    world.scan(&WITH_RULES[..2]).ends(0, &[]).shows(&["1 item is ignored by your rules: mine"]);
}

#[test]
fn a_rule_gives_another_level() {
    let world = world("  match: {path: data.*, manager: kubectl-*}\n  level: high\n");
    let run = world.scan(&WITH_RULES);
    let report = &run.ends(1, &[]).reports()[0];
    assert_eq!((&report["high_count"], &report["items"][0]["rule"]), (&json!(1), &json!("mine")));
    world.scan(&["--config", "rules.yaml", "--fail-on", "high"]).ends(1, &[]);
}

#[test]
fn a_rule_that_expired_does_nothing_and_is_told() {
    let world = world("  match: {kind: ConfigMap}\n  ignore: true\n  expires: 2020-01-01\n");
    let run = world.scan(&WITH_RULES);
    run.ends(1, &["warning: the rule mine of ann expired on 2020-01-01", "renew it or take it out"]);
    assert_eq!(run.items(), ["ConfigMap/a changed data.k"]);
}

#[test]
fn a_rule_that_fits_nothing_is_told() {
    let world = world("  match: {kind: Job}\n  ignore: true\n");
    world.scan(&WITH_RULES).ends(1, &["warning: the rule mine fits nothing in this scan"]);
}

#[test]
fn a_configuration_is_checked() {
    let world = world("  match: {kind: Job}\n  ignore: true\n");
    world.run(&["config", "check", "rules.yaml"]).ends(0, &["rules.yaml is fine"]);
    for (text, said) in [
        ("rules:\n- id: a\n  match: {kind: X}\n  level: severe\n  owner: a\n  reason: b\n", "severe"),
        ("colour: red\n", "colour"),
        ("rules: [\n", "rules"),
        (
            "rules:\n- {id: a, match: {kind: X}, ignore: true, owner: a, reason: b}\n- {id: a, match: {kind: Y}, ignore: true, owner: a, reason: b}\n",
            "two rules have the id",
        ),
    ] {
        world.write("bad.yaml", text);
        world
            .run(&["config", "check", "bad.yaml"])
            .ends(2, &["error: cannot use the configuration bad.yaml", said, "hint:"]);
        world.scan(&["--config", "bad.yaml"]).ends(2, &["error: cannot use the configuration bad.yaml"]);
    }
    world
        .run(&["config", "check", "nowhere.yaml"])
        .ends(2, &["error: cannot use the configuration nowhere.yaml", "hint:"]);
}
