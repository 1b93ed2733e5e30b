//! What was not compared is named by every face, and no report that lacks something is called complete.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::world::{Run, World, config_map, list, live_config_map};

/// Two namespaces and a cluster-scoped object; beside them a broken document, a link, and an encrypted value.
fn world() -> World {
    let world = World::new();
    let team = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: t, namespace: team}\ndata: {k: v}\n---\n";
    let space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
    let sealed = config_map("sealed", "k: ENC[AES256_GCM,data:abc,type:str]");
    world.write("git/a.yaml", [&config_map("a", "k: v"), team, space, &sealed].concat());
    world.write("git/b.yaml", "kind: [\n");
    symlink("/etc/passwd", world.work().join("git/c.yaml")).unwrap();
    let mut other = live_config_map("t", &json!({"k": "v"}));
    other["metadata"]["namespace"] = json!("team");
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "managedFields": []}});
    let sealed = live_config_map("sealed", &json!({"k": "plain"}));
    world.write("live.json", list(&[live_config_map("a", &json!({"k": "v"})), other, space, sealed]));
    world
}

fn scan(world: &World, more: &[&str]) -> Run {
    world.run(&[&["scan", "--source", "git", "--live", "live.json", "-n", "shop"], more].concat())
}

#[test]
fn what_may_be_of_any_namespace_is_lacking_in_every_report() {
    let run = scan(&world(), &["-o", "json"]);
    assert_eq!(run.ends(3, &[]).states(), [" partial", "shop partial", "team partial"]);
    for report in run.reports() {
        let told = report["not_compared"].to_string();
        assert!(told.contains("b.yaml:") && told.contains("c.yaml"), "{told}");
        assert_eq!(told.contains("encrypted"), report["namespace"] == "shop", "{told}");
    }
}

#[test]
fn a_diff_says_on_stderr_what_it_does_not_compare() {
    let run = scan(&world(), &["-o", "diff"]);
    run.ends(3, &["error: b.yaml:", "not compared: c.yaml", "not compared in shop: ConfigMap/sealed", "encrypted"]);
    assert_eq!(run.err.matches("b.yaml:").count(), 1, "said once:\n{}", run.err);
}

#[test]
fn a_quiet_scan_says_how_much_was_not_compared() {
    let run = scan(&world(), &["-q"]);
    run.ends(3, &["not compared: 3"]).hides(&["ConfigMap/sealed", "c.yaml"]);
    assert_eq!(run.out, "");
    let clean = World::comparing(&config_map("a", "k: v"), &[live_config_map("a", &json!({"k": "v"}))]);
    assert_eq!(clean.scan(&["-q"]).ends(0, &[]).err, "");
}

#[test]
fn the_table_says_each_thing_once() {
    let run = scan(&world(), &[]);
    run.ends(3, &[]).shows(&["not compared: c.yaml", "No drift in what was compared: 4 objects"]);
    assert_eq!(run.out.matches("c.yaml").count(), 1, "{}", run.out);
}

#[test]
fn sarif_notifies_of_what_was_not_compared() {
    let log = scan(&world(), &["-o", "sarif"]).json();
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notes = invocation["toolExecutionNotifications"].as_array().unwrap();
    let texts: Vec<&str> = notes.iter().map(|n| n["message"]["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("ConfigMap/sealed") && text.contains("encrypted")), "{texts:?}");
    let clean = World::comparing(&config_map("a", "k: v"), &[live_config_map("a", &json!({"k": "v"}))]);
    let log = clean.scan(&["-o", "sarif"]).json();
    assert_eq!(log["runs"][0]["invocations"], json!([{"executionSuccessful": true, "toolExecutionNotifications": []}]));
}

#[test]
fn defaults_of_another_release_are_told_beside_every_format() {
    let server = crate::server::Server::start(|path, _| match path {
        "/version" => crate::server::Answer::ok(r#"{"major": "1", "minor": "12"}"#),
        _ => crate::server::Answer::ok(json!({"kind": "ConfigMapList", "metadata": {}, "items": []}).to_string()),
    });
    let world = World::new();
    world.write("git.yaml", config_map("a", "k: v"));
    world.write("config", server.kubeconfig());
    let target = ["scan", "--source", "git.yaml", "--kubeconfig", "config"];
    let said = "those of 1.12 are not known";
    for format in ["json", "yaml", "diff", "sarif"] {
        world.run(&[&target[..], &["-o", format]].concat()).ends(1, &[said]);
    }
    world.run(&target).ends(1, &[]).shows(&[said]);
    world.run(&[&target[..], &["-q"]].concat()).ends(1, &[]).hides(&[said]);
}

#[test]
fn what_the_program_says_itself_is_in_the_language_asked_for() {
    let twice = [config_map("a", "k: v"), config_map("a", "k: w"), "kind: [\n".to_owned()].concat();
    let world = World::comparing(&twice, &[live_config_map("a", &json!({"k": "v"}))]);
    world.write("rules.yaml", "rules:\n- {id: mine, owner: ann, reason: r, match: {kind: Job}, ignore: true}\n");
    let words = ["--config", "rules.yaml", "--lang", "zh-TW"];
    let run = world.scan(&[&words[..], &["-o", "diff"]].concat());
    run.ends(3, &["錯誤：git.yaml:9:1：ConfigMap/a 也在 git.yaml:1", "警告：規則 mine"]);
    run.hides(&["error:", "warning:", "is also in"]);
    let table = world.scan(&words);
    table.ends(3, &["警告："]).shows(&["未比對", "也在"]).hides(&["is also in"]);
}

#[test]
fn no_report_of_nothing_is_made_beside_others() {
    let reports: Vec<Value> = scan(&world(), &["-o", "json"]).reports();
    assert!(reports.iter().all(|report| report["objects"].as_u64() > Some(0)), "{reports:?}");
}
