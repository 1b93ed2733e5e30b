//! Recorded live states: files, folders, JSON and YAML; good ones and bad ones.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::world::{World, config_map, list, live_config_map};

fn git() -> String {
    format!("{}{}", config_map("a", "k: v"), config_map("b", "k: v"))
}

fn live() -> [Value; 2] {
    [live_config_map("a", &json!({"k": "v"})), live_config_map("b", &json!({"k": "other"}))]
}

const B_DIFFERS: [&str; 1] = ["ConfigMap/b changed data.k"];

#[test]
fn a_folder_of_json_and_yaml_is_one_snapshot() {
    let world = World::new();
    world.write("git.yaml", git());
    let [a, b] = live();
    world.write("live/a.json", a.to_string());
    // JSON is YAML.
    world.write("live/more/b.yaml", format!("# recorded\n---\n{b:#}\n---\n"));
    let run = world.run(&["scan", "--source", "git.yaml", "--live", "live", "-o", "json"]);
    assert_eq!(run.ends(1, &[]).items(), B_DIFFERS);
}

#[test]
fn a_snapshot_in_yaml_is_read() {
    let world = World::new();
    world.write("git.yaml", git());
    world.write(
        "live.yaml",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a, namespace: shop}\n  data:\n    k: v\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b, namespace: shop}\n  data: {k: other}\n",
    );
    let run = world.run(&["scan", "--source", "git.yaml", "--live", "live.yaml", "-o", "json"]);
    assert_eq!(run.ends(1, &[]).items(), B_DIFFERS);
}

#[test]
fn a_snapshot_without_managed_fields_says_that_nobody_can_be_named() {
    let mut items = live();
    for item in &mut items {
        item["metadata"].as_object_mut().unwrap().remove("managedFields");
    }
    let world = World::comparing(&git(), &items);
    world.scan(&[]).ends(1, &[]).shows(&["2 objects were recorded without managedFields", "--show-managed-fields"]);
    let run = world.scan(&["-o", "json"]);
    assert_eq!(run.items(), B_DIFFERS);
    assert_eq!(run.reports()[0]["items"][0]["origin"], "unknown");
}

#[test]
fn an_object_that_cannot_be_read_is_not_compared_and_the_others_are() {
    let tower = format!("{}1{}", "[".repeat(3000), "]".repeat(3000));
    let map_tower = format!("{}1{}", "{\"a\":".repeat(3000), "}".repeat(3000));
    for bad in [
        format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a","namespace":"shop"}},"data":{tower}}}"#
        ),
        format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a","namespace":"shop"}},"data":{map_tower}}}"#
        ),
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop","labels":5},"data":"\ud800"}"#
            .to_owned(),
    ] {
        let world = World::new();
        world.write("git.yaml", git());
        world.write("live.json", format!(r#"{{"kind":"List","apiVersion":"v1","items":[{bad},{}]}}"#, live()[1]));
        let run = world.scan(&["-o", "json"]);
        run.ends(3, &[]);
        assert_eq!(run.items(), B_DIFFERS);
        assert_eq!(run.states(), ["shop partial"]);
        assert!(run.not_compared()[0].starts_with("ConfigMap/a: "), "{:?}", run.not_compared());
        assert_eq!(run.reports()[0]["objects"], 1, "what was not compared is not counted");
        world.scan(&[]).ends(3, &[]).shows(&["not compared in shop: ConfigMap/a", "1 of 1 object differs"]);
    }
}

#[test]
fn an_object_that_does_not_say_which_it_is_makes_nothing_missing() {
    for bad in ["5", "null", "{}", r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":5}}"#, "[]"] {
        let world = World::new();
        world.write("git.yaml", git());
        world.write("live.json", format!(r#"{{"kind":"List","apiVersion":"v1","items":[{bad},{}]}}"#, live()[1]));
        let run = world.scan(&["-o", "json"]);
        run.ends(3, &[]);
        assert_eq!(run.items(), B_DIFFERS, "{bad}: the unreadable object may be a");
        let told = run.not_compared().join("\n");
        assert!(told.contains("live.json") && told.contains("ConfigMap/a"), "{bad}: {told}");
    }
}

#[test]
fn a_broken_file_of_a_folder_does_not_hide_the_others() {
    let world = World::new();
    world.write("git.yaml", git());
    let [a, b] = live();
    world.write("live/a.json", &a.to_string()[..50]);
    world.write("live/b.json", b.to_string());
    world.write("live/c.yaml", "kind: [\n");
    world.write("live/d.json", b"\xff{}");
    let run = world.run(&["scan", "--source", "git.yaml", "--live", "live", "-o", "json"]);
    run.ends(3, &[]);
    assert_eq!(run.items(), B_DIFFERS);
    let told = run.not_compared().join("\n");
    for file in ["a.json", "c.yaml", "d.json"] {
        assert!(told.contains(file), "{told}");
    }
}

#[test]
fn a_snapshot_of_which_nothing_can_be_read_is_an_error_with_its_place() {
    let steps = (0..3000).fold(String::new(), |mut text, depth| {
        let _ = writeln!(text, "{}a:", " ".repeat(depth));
        text
    });
    for (name, bytes, said) in [
        ("live.json", b"{\"kind\": \"List\", \"items\": [{]}".to_vec(), "line 1 column 29"),
        ("live.json", b"{\"kind\": \"List\", \"items\": [".to_vec(), "EOF"),
        ("live.yaml", b"a: 1\nkind: [\n".to_vec(), "live.yaml:"),
        ("live.yaml", steps.into_bytes(), "deep"),
        ("live.yaml", b"kind: \xff\n".to_vec(), "UTF-8"),
        ("live.yaml", b"just text\n".to_vec(), "live.yaml"),
        ("live.yaml", b"".to_vec(), "live.yaml"),
    ] {
        let world = World::new();
        world.write("git.yaml", git());
        world.write(name, bytes);
        let run = world.run(&["scan", "--source", "git.yaml", "--live", name]);
        run.ends(2, &["error:", said, "hint:"]);
        assert_eq!(run.out, "");
    }
    let world = World::new();
    world.write("git.yaml", git());
    world.write("empty/readme.txt", "hello");
    for live in ["nowhere", "empty"] {
        world.run(&["scan", "--source", "git.yaml", "--live", live]).ends(2, &["error:", live, "hint:"]);
    }
}

#[test]
fn an_empty_list_makes_everything_missing() {
    let run = World::comparing(&git(), &[]).scan(&["-o", "json"]);
    assert_eq!(run.ends(1, &[]).items(), ["ConfigMap/a missing_object", "ConfigMap/b missing_object"]);
}

#[test]
fn ten_megabytes_in_a_recorded_object_are_compared() {
    let big = "0123456789abcdef".repeat(640 * 1024);
    let world = World::new();
    world.write("git.yaml", config_map("a", "k: v"));
    world.write("live.json", list(&[live_config_map("a", &json!({"k": big}))]));
    assert!(world.scan(&["-o", "json"]).ends(1, &[]).out.len() > big.len(), "a program gets all of it");
}

#[test]
fn an_object_recorded_in_a_version_with_other_fields_is_not_compared() {
    let git = |api_version: &str, spec: &str| {
        format!(
            "apiVersion: {api_version}\nkind: HorizontalPodAutoscaler\nmetadata: {{name: web, namespace: shop}}\nspec: {{scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}, maxReplicas: 5{spec}}}\n"
        )
    };
    let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
    let live = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop", "managedFields": []},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 9, "metrics": [cpu],
        },
    });
    let v1 =
        World::comparing(&git("autoscaling/v1", ", targetCPUUtilizationPercentage: 80"), std::slice::from_ref(&live));
    let run = v1.scan(&["-o", "json"]);
    assert_eq!(run.ends(3, &[]).items(), [""; 0]);
    let reason = run.reports()[0]["not_compared"][0]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("recorded in autoscaling/v2, but Git says autoscaling/v1"), "{reason}");

    // Without a metric both versions say the same.
    let mut plain = live;
    plain["spec"].as_object_mut().unwrap().remove("metrics");
    let run = World::comparing(&git("autoscaling/v1", ""), &[plain]).scan(&["-o", "json"]);
    assert_eq!(run.items(), ["HorizontalPodAutoscaler/web changed spec.maxReplicas"]);
}

#[test]
fn an_object_of_an_unknown_kind_is_found_outside_of_namespaces_too() {
    let git = "apiVersion: example.com/v1\nkind: Tenant\nmetadata: {name: acme}\nspec: {plan: small}\n";
    let live = json!({
        "apiVersion": "example.com/v1", "kind": "Tenant", "metadata": {"name": "acme", "managedFields": []},
        "spec": {"plan": "large"},
    });
    let run = World::comparing(git, &[live]).scan(&["-o", "json"]);
    assert_eq!(run.ends(1, &[]).items(), ["Tenant/acme changed spec.plan"]);
}

#[test]
fn a_key_that_is_none_is_said() {
    let world = World::comparing(&git(), &live());
    std::fs::write(world.key_file(), "short").unwrap();
    world.scan(&[]).ends(2, &["does not hold a key of 32 bytes", "move it away"]);
}

#[test]
fn an_object_that_was_recorded_twice_is_compared_once() {
    let at = |version: &str, value: &str| {
        let mut object = live_config_map("a", &json!({"k": value}));
        object["metadata"]["resourceVersion"] = version.into();
        object
    };
    let git = config_map("a", "k: v");
    for (first, second, items) in [
        (at("1", "other"), at("1", "other"), 1),
        (at("9", "v"), at("10", "other"), 1),
        (at("10", "v"), at("9", "other"), 0),
    ] {
        let run = World::comparing(&git, &[first, second]).scan(&["-o", "json"]);
        assert_eq!(run.ends(i32::from(items > 0), &[]).items().len(), items);
    }
    let run = World::comparing(&git, &[at("", "other"), at("", "v")]).scan(&["-o", "json"]);
    assert_eq!(run.ends(3, &[]).items().len(), 1);
    assert!(run.not_compared()[0].contains("recorded twice"), "{:?}", run.not_compared());
}

#[test]
fn a_snapshot_may_come_through_a_pipe() {
    let world = World::comparing(&config_map("a", "k: v"), &[]);
    let live = list(&[live_config_map("a", &json!({"k": "w"}))]);
    for pipe in ["-", "/dev/stdin"] {
        let command = world.command(&["scan", "--source", "git.yaml", "--live", pipe, "-n", "shop"]);
        let output = anchorwatch_testbed::run(command, live.as_bytes(), std::time::Duration::from_mins(1)).unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!((output.status.code(), told.contains("data.k")), (Some(1), true), "{pipe}: {told}");
    }
    world.run(&["scan", "--source", "git.yaml", "--live", "-", "-n", "shop"]).ends(2, &["cannot read the snapshot"]);
}
