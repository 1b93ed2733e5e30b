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

/// A Deployment with one default and one image that differs.
fn deployment() -> World {
    let git = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: a}}\n  template:\n    metadata: {labels: {app: a}}\n    spec:\n      containers: [{name: c, image: \"c:1\"}]\n";
    let live = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop"},
        "spec": {
            "replicas": 2, "progressDeadlineSeconds": 600, "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "c:2"}]}},
        },
    });
    World::comparing(git, &[live])
}

#[test]
fn a_path_is_meant_by_either_spelling_and_with_all_that_lies_below_it() {
    for path in [
        "spec.template.spec.containers",
        "containers[name=c]",
        "spec.template.spec.containers[0].image",
        "[name=c].image",
    ] {
        explain(&deployment(), &format!("Deployment/a:{path}"), &[])
            .ends(1, &[])
            .shows(&["containers[name=c].image", "HIGH by rule image"]);
    }
}

#[test]
fn a_path_that_is_no_drift_is_told_why() {
    let world = deployment();
    for (path, why) in [
        ("spec.progressDeadlineSeconds", "default   spec.progressDeadlineSeconds  600"),
        ("spec.replicas", "as Git    spec.replicas  2"),
    ] {
        let run = explain(&world, &format!("Deployment/a:{path}"), &[]);
        run.ends(0, &[]).shows(&["Deployment/a (shop)", why]).hides(&["is as Git says", "image", "-v"]);
    }
}

#[test]
fn objects_of_two_namespaces_are_told_apart() {
    let of = |namespace: &str, k: &str| {
        let mut object = live_config_map("a", &json!({"k": k}));
        object["metadata"]["namespace"] = namespace.into();
        object
    };
    let git = |namespace: &str| {
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: {namespace}}}\ndata: {{k: v}}\n")
    };
    let world = World::comparing(&(git("blue") + &git("green")), &[of("blue", "v"), of("green", "w")]);
    world.scan(&[]).ends(1, &[]).shows(&["ConfigMap/a (green)"]).hides(&["(blue)"]);
    explain(&world, "ConfigMap/a", &[]).ends(1, &[]).shows(&["ConfigMap/a (green)", "ConfigMap/a (blue)"]);
    assert!(world.scan(&["-o", "sarif"]).out.contains("ConfigMap/a (green) data.k: Git says"));
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
