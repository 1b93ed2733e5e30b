//! What `explain` says of what has no item, and what it selects.

use serde_json::json;

use crate::world::{Run, World, config_map, live_config_map};

fn explain(world: &World, selector: &str, more: &[&str]) -> Run {
    world.run(&[&["explain", selector, "--source", "git.yaml", "--live", "live.json", "-n", "shop"], more].concat())
}

#[test]
fn what_own_rules_ignore_is_not_as_git_says() {
    let world = World::comparing(&config_map("a", "k: v"), &[live_config_map("a", &json!({"k": "w"}))]);
    let rule = "{id: mine, owner: ann, reason: a canary, match: {kind: ConfigMap}, ignore: true, expires: 2999-12-31}";
    world.write("rules.yaml", format!("rules:\n- {rule}\n"));
    let run = explain(&world, "ConfigMap/a", &["--config", "rules.yaml"]);
    run.ends(0, &[]).shows(&["ConfigMap/a data.k is ignored by the rule mine of ann until 2999-12-31: a canary"]);
    run.hides(&["is as Git says"]);
}

#[test]
fn what_was_not_compared_is_not_as_git_says() {
    let git = config_map("a", "k: ENC[AES256_GCM,data:abc,type:str]");
    let world = World::comparing(&git, &[live_config_map("a", &json!({"k": "w"}))]);
    let run = explain(&world, "ConfigMap/a", &[]);
    run.ends(3, &[]).shows(&["not compared in shop: ConfigMap/a", "encrypted in Git"]).hides(&["is as Git says"]);
}

#[test]
fn what_nobody_could_look_at_is_no_error_of_the_selector() {
    let world = World::comparing(&format!("{}kind: [\n", config_map("a", "k: v")), &[]);
    explain(&world, "ConfigMap/b", &[]).ends(3, &[]).shows(&["not compared: git.yaml:"]);
}

#[test]
fn one_path_that_is_the_same_does_not_make_the_object_clean() {
    let world = World::comparing(&config_map("a", "k: v"), &[live_config_map("a", &json!({"k": "w"}))]);
    explain(&world, "ConfigMap/a:data.other", &[]).hides(&["is as Git says"]);
}

#[test]
fn a_name_may_hold_a_colon() {
    let role = |verb: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:foo:bar"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": [verb]}]})
    };
    let world = World::comparing(&role("get").to_string(), &[role("list")]);
    for selector in ["ClusterRole/system:foo:bar", "ClusterRole/system:foo:bar:rules"] {
        explain(&world, selector, &[]).ends(1, &[]).shows(&["ClusterRole/system:foo:bar  rules"]);
    }
    for selector in ["ClusterRole/system:foo", "ClusterRole/system", "ClusterRole/system:foo:ba"] {
        explain(&world, selector, &[]).ends(2, &["nothing in this scan is"]);
    }
}
