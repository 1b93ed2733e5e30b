//! One hostile object, and secrets of every sort, through every face.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Run, World, managed};

/// Escape, bell, C1, right-to-left override, zero-width, a tag character, a line separator.
const NASTY: &str =
    "x\u{1b}]0;pwned\u{7}\u{1b}[31m\u{9b}1m\u{7f}\u{202e}\u{200b}\u{feff}\u{2066}\u{e0041}\u{2028}\u{180e}\u{fff9}y";

/// What nobody may see.
pub(crate) const SECRETS: [&str; 10] = [
    "hunter2",
    "aHVudGVyMg",
    "correct-horse",
    "Y29ycmVjdC1ob3JzZQ",
    "MIIEvQIBADANBg",
    "battery-staple",
    "opaque-token-of-git",
    "opaque-token-of-live",
    "ghp_abcdefghijklmnopqrst",
    "s3cr3t-in-a-url",
];

pub(crate) fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{61c}' | '\u{ad}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[track_caller]
fn is_plain(face: &str, run: &Run) {
    for (stream, text) in [("stdout", &run.out), ("stderr", &run.err)] {
        if let Some(at) = text.chars().position(is_hidden) {
            let around: String = text.chars().skip(at.saturating_sub(60)).take(80).collect();
            let hidden = text.chars().nth(at);
            assert_eq!(hidden, None, "{face}, {stream}: {around:?}");
        }
    }
}

/// A world whose every text that comes from outside is hostile or secret.
pub(crate) fn world() -> World {
    let world = World::new();
    world.run(&["version"]);
    world.write(&format!("git/{NASTY}.yaml"), git());
    world.write(&format!("git/broken{NASTY}.yaml"), format!("kind: \"{NASTY}\n"));
    world.write("live.json", crate::world::list(&live()));
    world.write("audit.jsonl", audit());
    world
}

/// A string as YAML and JSON write it, with escapes.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' => "\\\"".to_owned(),
            c if c.is_ascii() && !c.is_ascii_control() => c.to_string(),
            c => format!("\\U{:08x}", u32::from(c)),
        })
        .collect();
    format!("\"{escaped}\"")
}

fn git() -> String {
    let nasty = quoted(NASTY);
    let key = quoted("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----\n");
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: shop}}\nstringData: {{password: hunter2, gone: correct-horse}}\n\
         ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: shop}}\ndata:\n  {nasty}: {nasty}\n  plain: {nasty}\n  lines: {}\n  key.pem: {key}\n  api-token: opaque-token-of-git\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d, namespace: shop, labels: {{k: {nasty}}}}}\nspec:\n  selector: {{matchLabels: {{a: b}}}}\n  template:\n    metadata: {{labels: {{a: b}}}}\n    spec:\n      containers:\n      - name: c\n        image: x\n        env:\n        - {{name: DB_PASSWORD, value: battery-staple}}\n        - {{name: URL, value: \"https://u:s3cr3t-in-a-url@host/\"}}\n        - {{name: GONE_PASSWORD, value: hunter2}}\n\
         ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {nasty}, namespace: {nasty}}}\n\
         ---\napiVersion: v1\nkind: {nasty}\nmetadata: {{name: {nasty}}}\n",
        quoted(&format!("one\n{NASTY}\nthree"))
    )
}

fn live() -> Vec<Value> {
    let last_applied = json!({"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"k\":\"hunter2 correct-horse\"}}",
        "example.com/token": "opaque-token-of-live", "example.com/note": NASTY});
    let owner = json!([managed(
        &format!("kubectl-{NASTY}"),
        &json!({"f:data": {}, "f:spec": {}, "f:metadata": {"f:annotations": {}}})
    )]);
    let metadata = |name: &str| json!({"name": name, "namespace": "shop", "annotations": last_applied, "managedFields": owner, "uid": "1"});
    let container = |name: &str, env: Value| json!({"name": name, "image": NASTY, "env": env});
    vec![
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("s"), "type": "Opaque",
            "data": {"password": "Y29ycmVjdC1ob3JzZQ==", "more": "aHVudGVyMg==", "invalid": "hunter2 !"}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("c"),
            "data": {"plain": format!("{NASTY}!"), "lines": format!("one\n{NASTY}{NASTY}\n3"), (NASTY): format!("{NASTY}?"),
                "key.pem": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg+\n-----END PRIVATE KEY-----\n", "api-token": "opaque-token-of-live",
                "script": "curl -H \"Authorization: token ghp_abcdefghijklmnopqrst\""}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("d"), "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [
                container("c", json!([{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "URL", "value": "https://u:hunter2@host/"},
                    {"name": "ADDED_PASSWORD", "value": "correct-horse"}, {"name": "NASTY", "value": NASTY}])),
                container("sidecar", json!([{"name": "DB_PASSWORD", "value": "battery-staple"}]))]}}}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(NASTY), "data": {"k": "hunter2"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("unmanaged"), "data": {"k": "aHVudGVyMg=="}}),
    ]
}

fn audit() -> String {
    let event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "verb": "patch", "auditID": "1",
        "user": {"username": format!("ann{NASTY}"), "groups": [NASTY]}, "userAgent": format!("kubectl-{NASTY}"),
        "objectRef": {"resource": "configmaps", "namespace": "shop", "name": "c", "apiVersion": "v1"},
        "requestURI": "/api/v1/namespaces/shop/configmaps/c?fieldManager=kubectl", "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-01T10:00:00.000000Z", "stageTimestamp": "2026-11-01T10:00:00.100000Z",
    });
    event.to_string() + "\n"
}

/// Every face: a scan's formats, explanations, and both languages.
fn faces(world: &World) -> Vec<(String, Run)> {
    let mut faces = Vec::new();
    let target = ["--source", "git", "--live", "live.json", "-n", "shop", "--audit", "audit.jsonl", "--unmanaged"];
    for lang in ["en", "zh-TW"] {
        for format in ["table", "wide", "json", "yaml", "diff", "sarif"] {
            let run = world.run(&[&["scan", "--verbose", "-o", format, "--lang", lang], &target[..]].concat());
            faces.push(([format, " ", lang].concat(), run));
        }
        for object in ["Secret/s", "ConfigMap/c", "Deployment/d", &["ConfigMap/", NASTY].concat()] {
            let run = world.run(&[&["explain", object, "--verbose", "--lang", lang], &target[..]].concat());
            faces.push((["explain ", object, " ", lang].concat(), run));
        }
    }
    faces.push(("rbac".to_owned(), world.run(&["rbac", "--feature", "scan", "--source", "git"])));
    faces.push(("error".to_owned(), world.run(&["scan", "--source", NASTY, "--live", "live.json"])));
    faces.push(("error".to_owned(), world.run(&["explain", NASTY, "--source", "git", "--live", "live.json"])));
    faces
}

#[test]
fn hidden_characters_are_visible_escapes_in_every_face() {
    let world = world();
    for (face, run) in faces(&world) {
        is_plain(&face, &run);
        if !face.starts_with("explain Secret") {
            let escape = ["\\u{1b}", "\\u001b", "%1B", "\\U0000001b", "\\x1b", "\\e"];
            let shown = run.out.clone() + &run.err;
            assert!(escape.iter().any(|e| shown.contains(e)), "{face} shows no escape:\n{shown}");
        }
    }
}

#[test]
fn secrets_are_in_no_face() {
    let world = world();
    for (face, run) in faces(&world) {
        for secret in SECRETS {
            for (stream, text) in [("stdout", &run.out), ("stderr", &run.err)] {
                let around = text.find(secret).map(|at| {
                    let start = text[..at].rfind('\n').unwrap_or(0);
                    text[start..].lines().take(3).collect::<Vec<_>>().join("\n")
                });
                assert_eq!(around, None, "{secret} in {face}, {stream}");
            }
        }
        assert!(!run.out.contains("last-applied-configuration: "), "{face}");
    }
}

#[test]
fn programs_get_back_the_characters_that_were_there() {
    let world = world();
    let target = ["--source", "git", "--live", "live.json", "-n", "shop"];
    let json = world.run(&[&["scan", "-o", "json"], &target[..]].concat()).json();
    let yaml: Value = serde_saphyr::from_str(&world.run(&[&["scan", "-o", "yaml"], &target[..]].concat()).out).unwrap();
    for answer in [&json, &yaml] {
        let items = answer["items"].as_array().unwrap().iter().flat_map(|r| r["items"].as_array().unwrap());
        let plain = items.into_iter().find(|i| i["stable_path"] == "data.plain").unwrap();
        assert_eq!(plain["git_value"], NASTY);
    }
}

#[test]
fn a_recording_seals_what_is_secret() {
    let server = crate::server::Server::cluster(|path, _| {
        let items = if path.contains("/secrets") { vec![live()[0].clone()] } else { Vec::new() };
        crate::server::Answer::ok(json!({"kind": "SecretList", "metadata": {}, "items": items}).to_string())
    });
    let world = World::new();
    world.write("git.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\n");
    world.write("config", server.kubeconfig());
    let run = world.run(&["snapshot", "--source", "git.yaml", "--kubeconfig", "config"]);
    run.ends(0, &[]).shows(&["anchorwatch.hmac-sha256:"]).hides(&SECRETS[..4]);
}

#[test]
fn a_secret_under_another_name_is_in_no_face_and_no_recording() {
    let backup = json!({"apiVersion": "v1", "kind": "Secret", "data": {"k": "aHVudGVyMg=="}}).to_string();
    let live = json!({"apiVersion": "v1", "kind": "Secret", "data": {"k": "Y29ycmVjdC1ob3JzZQ=="}, "metadata": {
        "name": "s", "namespace": "shop", "annotations": {"example.com/owner": "team-a", "kapp.k14s.io/original": backup,
        "example.com/was": "correct-horse"}}});
    let world = World::new();
    world.write(
        "git/s.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop, annotations: {example.com/was: correct-horse}}\n\
         stringdata: {password: hunter2}\nspec: {password: battery-staple}\n",
    );
    world.write("live.json", crate::world::list(std::slice::from_ref(&live)));
    let target = ["--source", "git", "--live", "live.json", "-n", "shop"];
    for format in ["table", "wide", "json", "yaml", "diff", "sarif"] {
        let run = world.run(&[&["scan", "-v", "-o", format], &target[..]].concat());
        run.ends(1, &[]).shows(&["team-a"]).hides(&SECRETS);
    }
    // What only one side knows to be a value is no difference between equal texts.
    let items = world.run(&[&["scan", "-o", "json"], &target[..]].concat());
    assert!(!items.items().iter().any(|item| item.contains("example.com/was")), "{:?}", items.items());

    let server = crate::server::Server::cluster(move |path, _| {
        let items = if path.contains("/secrets") { vec![live.clone()] } else { Vec::new() };
        crate::server::Answer::ok(json!({"kind": "SecretList", "metadata": {}, "items": items}).to_string())
    });
    world.write("config", server.kubeconfig());
    let run = world.run(&["snapshot", "--source", "git", "--kubeconfig", "config"]);
    run.ends(0, &[]).shows(&["anchorwatch.hmac-sha256:", "team-a"]).hides(&SECRETS);
    world.write("recorded.json", &run.out);
    let recorded = ["--source", "git", "--live", "recorded.json", "-n", "shop"];
    let again = world.run(&[&["scan", "-o", "json"], &recorded[..]].concat());
    assert_eq!(again.ends(1, &[]).items(), items.items());
}

#[test]
fn nothing_of_a_hostile_repository_is_run() {
    let world = World::new();
    world.write("git/a.yaml", crate::world::config_map("a", "k: v"));
    world.write("live.json", crate::world::list(&[]));
    world.commit("git");
    let git = |arguments: &[&str]| {
        let status = Command::new("git").current_dir(world.work().join("git")).args(arguments).status().unwrap();
        assert!(status.success());
    };
    git(&["config", "core.fsmonitor", "touch ../pwned"]);
    git(&["config", "core.sshCommand", "touch ../pwned"]);
    git(&["config", "uploadpack.packObjectsHook", "touch ../pwned"]);
    git(&["config", "diff.external", "touch ../pwned"]);
    world.run(&["scan", "--source", "git?ref=main", "--live", "live.json"]).ends(1, &[]);
    assert!(!world.work().join("pwned").exists());
}

#[test]
fn no_right_is_smuggled_into_a_role() {
    let world = World::new();
    let kind = "Widget]\n  verbs: [get, list]\n- apiGroups: ['*']\n  resources: ['*']\n  verbs: ['*'] #";
    let object = json!({"apiVersion": "example.com/v1", "kind": kind, "metadata": {"name": "a"}});
    let group = json!({"apiVersion": "x\"]\n  verbs: ['*']/v1", "kind": "Widget", "metadata": {"name": "b"}});
    world.write("git.yaml", format!("{object}\n---\n{group}\n"));
    let run = world.run(&["rbac", "--feature", "scan", "--source", "git.yaml"]);
    run.ends(0, &["warning: left out"]);
    assert!(!run.out.contains('*'), "{}", run.out);
}
