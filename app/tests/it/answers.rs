//! Clusters that answer badly, or not at all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::server::{Answer, Server, free_port, kubeconfig};
use crate::world::{Run, World, config_map, list, live_config_map};

const SCAN: [&str; 7] = ["scan", "--source", "git.yaml", "--kubeconfig", "config", "-o", "json"];

fn scan(git: &str, server: &Server) -> Run {
    let world = World::new();
    world.write("git.yaml", git);
    world.write("config", server.kubeconfig());
    world.run(&SCAN)
}

/// A page of ConfigMaps, `a` with this value.
fn page(value: &str, next: &str) -> Answer {
    Answer::ok(
        json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "7", "continue": next},
        "items": [{"metadata": {"name": "a", "namespace": "shop"}, "data": {"k": value}}]})
        .to_string(),
    )
}

fn secret_and_config_map() -> String {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\nstringData: {k: v}\n";
    format!("{}{secret}", config_map("a", "k: v"))
}

#[test]
fn a_cluster_that_is_not_there_is_an_error() {
    let world = World::new();
    world.write("git.yaml", config_map("a", "k: v"));
    world.write("config", kubeconfig(free_port()));
    let run = world.run(&SCAN);
    run.ends(2, &["error: cannot reach the cluster test at http://127.0.0.1:", "nothing was compared", "hint:"]);
    assert_eq!(run.out, "");
}

#[test]
fn credentials_that_expired_are_an_error() {
    let server = Server::start(|_, _| Answer::status(401, "Unauthorized"));
    let run = scan(&config_map("a", "k: v"), &server);
    run.ends(2, &["error: cluster test answered 401", "nothing was compared", "hint:", "log in again"]);
    run.hides(&["opaque-bearer-token"]);
    assert_eq!(run.out, "");
}

#[test]
fn credentials_that_expire_on_the_way_are_an_error_too() {
    let server = Server::cluster(|_, _| Answer::status(401, "Unauthorized"));
    assert_eq!(scan(&config_map("a", "k: v"), &server).ends(2, &["answered 401", "hint:"]).out, "");
}

#[test]
fn a_kind_that_may_not_be_read_is_not_compared_and_the_others_are() {
    let server = Server::cluster(|path, _| {
        if path.contains("/secrets") { Answer::status(403, "bob may not list secrets") } else { page("v", "") }
    });
    let run = scan(&secret_and_config_map(), &server);
    run.ends(3, &[]);
    assert_eq!(run.items(), [] as [&str; 0]);
    assert_eq!(run.states(), ["shop partial"]);
    let told = run.not_compared();
    assert!(told[0].contains("secrets") && told[0].contains("bob may not list secrets"), "{told:?}");
}

#[test]
fn without_any_right_the_scan_has_failed() {
    let server = Server::start(|_, _| Answer::status(403, "bob may do nothing"));
    let run = scan(&config_map("a", "k: v"), &server);
    run.ends(3, &[]);
    assert_eq!(run.states(), ["shop failed"]);
    let report = &run.reports()[0];
    assert_eq!((&report["summary"], &report["status"]), (&json!("nothing compared"), &json!("pending")));
    assert_eq!(report["resolved_at"], json!(null));
}

#[test]
fn one_kind_whose_list_fails_is_not_compared_and_the_others_are() {
    let server = Server::cluster(|path, _| {
        if path.contains("/secrets") { Answer::status(422, "conversion webhook failed") } else { page("v", "") }
    });
    let run = scan(&secret_and_config_map(), &server);
    run.ends(3, &[]);
    assert_eq!(run.states(), ["shop partial"]);
    let told = run.not_compared();
    assert!(told[0].contains("secrets") && told[0].contains("conversion webhook failed"), "{told:?}");
}

#[test]
fn an_answer_that_is_no_list_makes_nothing_missing() {
    for body in [r#"{"code":0,"msg":"please log in"}"#, r#"{"kind":"Status","status":"Success"}"#] {
        let server = Server::cluster(move |_, _| Answer::ok(body.to_owned()));
        let run = scan(&config_map("a", "k: v"), &server);
        assert_eq!(run.ends(2, &["gave an answer that cannot be read", "it is no list with items", "hint:"]).out, "");
    }
}

#[test]
fn a_list_that_never_ends_is_an_error() {
    let server = Server::cluster(|_, _| page("v", "again"));
    scan(&config_map("a", "k: v"), &server).ends(2, &["its next page is the same one again"]);
}

/// A kubeconfig with this user, and this address of the server.
fn kubeconfig_of(user: &str, server: &str) -> String {
    kubeconfig(free_port())
        .replace("{token: opaque-bearer-token}", user)
        .replace("http://127.0.0.1:", &format!("http://{server}127.0.0.1:"))
}

#[test]
fn what_a_kubeconfig_and_its_plugin_hold_is_never_told() {
    let exec = |command: &str| {
        format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: /bin/{command}, \
             args: [-c, \"echo hunter2out; exit 3\", --secret=hunter2arg], env: [{{name: K, value: hunter2env}}]}}}}"
        )
    };
    let broken = kubeconfig(free_port()) + "  token: hunter2token\n password: hunter2password\n";
    for (config, said) in [
        (kubeconfig_of(&exec("false"), ""), "the credential plugin false failed: exit status: 1"),
        (kubeconfig_of(&exec("echo"), ""), "the credential plugin echo printed no credentials that can be read"),
        (kubeconfig_of(&exec("nowhere"), ""), "the credential plugin nowhere cannot be started"),
        (broken, "it is no kubeconfig: see line"),
        (kubeconfig_of("{token: t}", "ann:hunter2user@"), "cannot reach the cluster test at http://127.0.0.1:"),
    ] {
        let world = World::new();
        world.write("git.yaml", config_map("a", "k: v"));
        world.write("config", config);
        world.run(&SCAN).ends(2, &[said, "hint:"]).hides(&["hunter2"]);
    }
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    for status in [429, 503] {
        let server = Server::start(move |path, before| match (path, before) {
            (_, 0) => Answer::status(status, "later").with("Retry-After: 1\r\n"),
            ("/version", _) => Answer::ok(r#"{"major": "1", "minor": "33"}"#),
            _ => page("other", ""),
        });
        let started = Instant::now();
        let run = scan(&config_map("a", "k: v"), &server);
        assert_eq!(run.ends(1, &[]).items(), ["ConfigMap/a changed data.k"]);
        assert!(started.elapsed() >= Duration::from_secs(1), "it did not wait");
    }
}

#[test]
fn a_server_that_stays_busy_is_given_up() {
    let server = Server::cluster(|_, _| Answer::status(429, "too many requests").with("Retry-After: 0\r\n"));
    let run = scan(&config_map("a", "k: v"), &server);
    run.ends(2, &["answered 429: too many requests", "hint:"]);
    assert!(server.asked().len() < 20, "{:?}", server.asked());
}

#[test]
fn a_list_that_expires_on_the_way_is_begun_anew_and_its_objects_count_once() {
    // What it has then is what counts: a changed object is one item, not two, and a repaired one none.
    for (before, after, items) in [("v", "v", 0), ("other", "other", 1), ("other", "v", 0), ("v", "other", 1)] {
        let server = Server::cluster(move |path, asked| match (path.contains("continue="), asked) {
            (false, 0) => page(before, "next"),
            (true, 0) => Answer::status(410, "the continue token is too old"),
            (false, _) => page(after, ""),
            (true, _) => page("v", ""),
        });
        let run = scan(&config_map("a", "k: v"), &server);
        assert_eq!(run.items().len(), items, "{before} {after}: {run:?}");
        assert_eq!(run.states(), ["shop complete"]);
    }
}

#[test]
fn what_is_no_name_is_never_asked_for() {
    let rbac = "rbac.authorization.k8s.io/v1";
    for (api_version, kind, name, namespace, said) in [
        ("v1", "ConfigMap", "a", "default/secrets?x=", "no namespace can be called \"default/secrets?x=\""),
        ("v1", "ConfigMap", "a", "a b", "no namespace can be called \"a b\""),
        ("v1", "ConfigMap", "a", "..", "no namespace can be called \"..\""),
        ("v1", "ConfigMap", "../secrets/s", "shop", "no object can be called"),
        ("v1", "ConfigMap", "..", "shop", "no object can be called"),
        (rbac, "Role", "a%2f", "shop", "no object can be called"),
        ("../v1", "ConfigMap", "a", "shop", "does not serve ../v1 ConfigMap"),
        ("example.com/v1?x=", "Widget", "a", "shop", "does not serve example.com/v1?x= Widget"),
    ] {
        let server = Server::cluster(|_, _| {
            Answer::ok(
                r#"{"kind": "List", "items": [{"metadata": {"name": "a", "namespace": "default"}, "data": {"password": "aHVudGVyMg=="}}]}"#,
            )
        });
        let object =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
        let run = scan(&object.to_string(), &server);
        run.ends(3, &[]).hides(&["aHVudGVyMg", "hunter2"]);
        let told = run.not_compared();
        assert!(told.len() == 1 && told[0].contains(said), "{namespace}/{name}: {told:?}");
        assert_eq!(run.items(), [""; 0]);
        let asked = server.asked();
        assert!(asked.iter().all(|path| path == "/version"), "{namespace}/{name}: {asked:?}");
    }
}

#[test]
fn an_item_of_another_kind_than_its_list_is_refused() {
    let server = Server::cluster(|_, _| {
        Answer::ok(
            r#"{"kind": "AnyList", "items": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "shop"}, "data": {"k": "aHVudGVyMg=="}}]}"#,
        )
    });
    let run = scan(&config_map("a", "k: v"), &server);
    run.ends(3, &[]).hides(&["aHVudGVyMg"]);
    assert!(run.not_compared().join("\n").contains("it says to be v1 Secret"), "{:?}", run.not_compared());
    assert_eq!(run.items(), [""; 0]);
}

#[test]
fn a_list_that_always_expires_is_given_up() {
    let server =
        Server::cluster(
            |path, _| {
                if path.contains("continue=") { Answer::status(410, "too old") } else { page("v", "next") }
            },
        );
    scan(&config_map("a", "k: v"), &server).ends(2, &["answered 410"]);
}

#[test]
fn an_answer_that_is_no_list_is_an_error() {
    for body in ["", "hello", "{\"items\": 5}", "[]"] {
        let server = Server::cluster(move |_, _| Answer::ok(body));
        let run = scan(&config_map("a", "k: v"), &server);
        assert!(run.code > Some(1), "{body:?}: {run:?}");
    }
}

#[test]
fn an_object_that_cannot_be_read_is_not_compared() {
    let tower = format!("{}1{}", "[".repeat(3000), "]".repeat(3000));
    let server = Server::cluster(move |_, _| {
        let good = json!({"metadata": {"name": "b", "namespace": "shop"}, "data": {"k": "other"}});
        Answer::ok(format!(
            r#"{{"kind": "ConfigMapList", "metadata": {{}}, "items": [{{"metadata": {{"name": "a", "namespace": "shop"}}, "data": {tower}}}, {good}]}}"#
        ))
    });
    let run = scan(&format!("{}{}", config_map("a", "k: v"), config_map("b", "k: v")), &server);
    run.ends(3, &[]);
    assert_eq!(run.items(), ["ConfigMap/b changed data.k"]);
    assert_eq!(run.states(), ["shop partial"]);
    assert!(run.not_compared()[0].starts_with("ConfigMap/a"), "{:?}", run.not_compared());
    assert_eq!(run.reports()[0]["objects"], 1);
}

#[test]
fn a_kind_that_the_cluster_does_not_know_is_not_compared() {
    let server =
        Server::cluster(
            |path, _| {
                if path.contains("example.com") { Answer::status(404, "not found") } else { page("v", "") }
            },
        );
    let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\n";
    let run = scan(&format!("{}{widget}", config_map("a", "k: v")), &server);
    run.ends(3, &[]);
    assert!(run.not_compared()[0].contains("does not serve example.com/v1 Widget"), "{:?}", run.not_compared());
    assert!(run.states().iter().all(|state| !state.ends_with("complete")), "{:?}", run.states());
}

#[test]
fn a_kubeconfig_that_cannot_be_used_is_an_error() {
    let world = World::new();
    world.write("git.yaml", config_map("a", "k: v"));
    world.run(&SCAN).ends(2, &["error: cannot use the kubeconfig", "hint:"]);
    world.write("config", "clusters: 5\n");
    world.run(&SCAN).ends(2, &["error: cannot use the kubeconfig", "hint:"]);
    world.write("config", kubeconfig(1));
    world.run(&[&SCAN[..], &["--context", "other"]].concat()).ends(2, &["error:", "other", "hint:"]);
    world.run(&["scan", "--source", "git.yaml"]).ends(2, &["error: cannot use the kubeconfig", "hint:"]);
}

/// What `snapshot` records of a cluster, and what a later scan makes of it.
fn record_and_scan(git: &str, server: &Server) -> (Run, Run) {
    let world = World::new();
    world.write("git.yaml", git);
    world.write("config", server.kubeconfig());
    let recording = world.run(&["snapshot", "--source", "git.yaml", "--kubeconfig", "config", "-o", "live.json"]);
    (recording, world.scan(&["-o", "json"]))
}

#[test]
fn what_a_snapshot_could_not_record_is_not_compared_later() {
    let server = Server::cluster(|path, _| {
        if path.contains("/secrets") { Answer::status(403, "bob may not list secrets") } else { page("v", "") }
    });
    let (recording, scan) = record_and_scan(&secret_and_config_map(), &server);
    recording.ends(3, &["not recorded: secrets in shop", "bob may not list secrets"]);
    assert_eq!(scan.ends(3, &[]).items(), [""; 0], "what nobody could look at is not missing");
    let told = scan.not_compared();
    assert!(told.len() == 1 && told[0].contains("secrets: not recorded: forbidden"), "{told:?}");

    let tower = format!("{}1{}", "{\"a\":".repeat(3000), "}".repeat(3000));
    let secret = format!(r#"{{"metadata": {{"name": "s", "namespace": "shop"}}, "data": {tower}}}"#);
    let secrets = format!(r#"{{"kind": "SecretList", "items": [{secret}]}}"#);
    let server = Server::cluster(
        move |path, _| {
            if path.contains("/secrets") { Answer::ok(secrets.clone()) } else { page("v", "") }
        },
    );
    let (recording, scan) = record_and_scan(&secret_and_config_map(), &server);
    recording.ends(3, &["Secret/s cannot be read"]);
    assert_eq!(scan.ends(3, &[]).items(), [""; 0]);
}

#[test]
fn sealed_fingerprints_are_compared_with_their_own_key_only() {
    let server = Server::cluster(|_, _| {
        Answer::ok(
            r#"{"kind": "AnyList", "items": [{"metadata": {"name": "s", "namespace": "shop"}, "data": {"k": "dg=="}}]}"#,
        )
    });
    let world = World::new();
    world.write("git.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\nstringData: {k: v}\n");
    world.write("config", server.kubeconfig());
    let record = ["snapshot", "--source", "git.yaml", "--kubeconfig", "config", "-o", "live.json"];
    world.run(&record).ends(0, &[]);
    world.scan(&["-o", "json"]).ends(0, &[]);
    fs::write(world.key_file(), [8; 32]).unwrap();
    let run = world.scan(&["-o", "json"]);
    assert_eq!(run.ends(3, &[]).items(), [""; 0]);
    assert!(run.not_compared()[0].contains("Secret/s: recorded with another key"), "{:?}", run.not_compared());

    // A key that cannot be kept fits no recording, and that is said.
    fs::remove_dir_all(world.state()).unwrap();
    fs::write(world.state(), "").unwrap();
    world.scan(&[]).ends(3, &["warning: cannot read or make the key of the fingerprints", "XDG_STATE_HOME"]);
    world.run(&record).ends(0, &["warning: cannot read or make the key of the fingerprints"]);

    // A recording is for its owner only, whatever the file was before.
    assert_eq!(fs::metadata(world.work().join("live.json")).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(world.work().join("live.json"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(world.run(&[&record[..], &["--clear-secrets"]].concat()).ends(0, &[]).err.matches("warning").count(), 0);
    assert_eq!(fs::metadata(world.work().join("live.json")).unwrap().permissions().mode() & 0o777, 0o600);
    world.scan(&["-o", "json"]).ends(0, &[]);
}

#[test]
fn a_snapshot_knows_the_defaults_of_custom_kinds() {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3}}}}});
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]},
    });
    let mut served = schema.clone();
    served["x-kubernetes-group-version-kind"] = json!([{"group": "example.com", "version": "v1", "kind": "Widget"}]);
    let git = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\nspec: {}\n";
    for allowed in [true, false] {
        let (crd, served) = (crd.clone(), served.clone());
        let server = Server::cluster(move |path, _| {
            let path = path.split('?').next().unwrap();
            Answer::ok(match path {
                "/apis/example.com/v1" => json!({"resources": [{"name": "widgets", "kind": "Widget", "namespaced": true}]}).to_string(),
                "/openapi/v3/apis/example.com/v1" => json!({"components": {"schemas": {"Widget": served}}}).to_string(),
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com" if allowed => crd.to_string(),
                "/apis/example.com/v1/namespaces/shop/widgets" => {
                    json!({"kind": "AnyList", "items": [{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "shop"}, "spec": {"size": 3}}]}).to_string()
                }
                _ => return Answer::status(403, "forbidden"),
            })
        });
        let (recording, scan) = record_and_scan(git, &server);
        recording.ends(if allowed { 0 } else { 3 }, &[]);
        assert_eq!(scan.ends(if allowed { 0 } else { 3 }, &[]).items().is_empty(), allowed);
    }
}

/// A Deployment of 50 replicas under an autoscaler that allows 6, as one who may read this in `shop` sees it.
fn scaled(autoscalers: fn(&str) -> Answer) -> Server {
    Server::cluster(move |path, _| {
        match path.split('/').next_back().unwrap().split('?').next().unwrap() {
        "horizontalpodautoscalers" => autoscalers(path),
        "deployments" => Answer::ok(
            json!({"kind": "AnyList", "items": [{"metadata": {"name": "web", "namespace": "shop"}, "spec": {"replicas": 50}}]})
                .to_string(),
        ),
        _ => Answer::ok(r#"{"kind": "AnyList", "items": []}"#),
    }
    })
}

fn autoscaler(_: &str) -> Answer {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let item =
        json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"scaleTargetRef": target, "maxReplicas": 6}});
    Answer::ok(json!({"kind": "AnyList", "items": [item]}).to_string())
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 2, template: {}}\n---\n";

#[test]
fn an_autoscaler_that_may_not_be_read_is_no_autoscaler_that_is_not_there() {
    for (autoscalers, code, level, not_compared) in [
        (autoscaler as fn(&str) -> Answer, 1, "high", 0),
        (|_: &str| Answer::status(404, "not found"), 1, "info", 0),
        (|_: &str| Answer::status(403, "bob may not list them"), 3, "info", 1),
    ] {
        let run = scan(DEPLOYMENT, &scaled(autoscalers));
        run.ends(code, &[]);
        assert_eq!(run.not_compared().len(), not_compared, "{:?}", run.not_compared());
        let items = run.reports()[0]["items"].as_array().unwrap().clone();
        let replicas = items.iter().find(|item| item["stable_path"] == "spec.replicas").unwrap();
        assert_eq!(replicas["drift_level"], level);
    }
    let run = scan(DEPLOYMENT, &scaled(|_| Answer::status(403, "bob may not list them")));
    assert!(run.not_compared()[0].starts_with("horizontalpodautoscalers"), "{:?}", run.not_compared());
}

#[test]
fn a_snapshot_has_each_autoscaler_once_and_those_of_all_namespaces() {
    let hpa = |version: &str, name: &str, namespace: &str| {
        format!(
            "apiVersion: autoscaling/{version}\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}, maxReplicas: 6}}\n---\n"
        )
    };
    let server = Server::cluster(|path, _| match path {
        path if path.contains("/shop/horizontalpodautoscalers") => {
            let item = |name: &str| json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, "minReplicas": 1, "maxReplicas": 6}});
            Answer::ok(json!({"kind": "AnyList", "items": [item("a"), item("b"), item("c")]}).to_string())
        }
        path if path.contains("/horizontalpodautoscalers") => autoscaler(path),
        _ => Answer::ok(r#"{"kind": "AnyList", "items": []}"#),
    });
    let elsewhere = DEPLOYMENT.replace("shop", "other");
    let git = format!("{}{}{elsewhere}", hpa("v1", "a", "shop"), hpa("v2", "b", "shop"));
    let world = World::new();
    world.write("git.yaml", git);
    world.write("config", server.kubeconfig());
    let run = world.run(&["snapshot", "--source", "git.yaml", "--kubeconfig", "config"]);
    let items = run.ends(0, &[]).json()["items"].as_array().unwrap().clone();
    let lines: Vec<String> = items.iter().map(|i| format!("{} {}", i["apiVersion"], i["metadata"]["name"])).collect();
    assert_eq!(items.len(), 4, "{lines:?}");
    assert!(lines.contains(&r#""autoscaling/v1" "a""#.to_owned()), "{lines:?}");
    assert!(lines.contains(&r#""autoscaling/v2" "b""#.to_owned()), "{lines:?}");
    assert!(server.asked().iter().any(|path| path.contains("/other/horizontalpodautoscalers")), "{:?}", server.asked());
}

/// A folder with a chart, and a Helm of its own.
fn world_with_helm(server: &Server, script: &str) -> World {
    let world = World::new();
    world.write("config", server.kubeconfig());
    world.write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    world.write("more.yaml", "a: b\n");
    world.program("helm", script);
    world
}

const SAY_WHAT_WAS_ASKED: &str =
    "echo \"$*\" > WORK/asked\nprintf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a, namespace: shop}\\n'";

fn aggregated(path: &str) -> Answer {
    let resource = |kind: &str| json!({"resource": kind, "responseKind": {"kind": kind}});
    let group = |name: &str, freshness: &str, resources: serde_json::Value| json!({"metadata": {"name": name}, "versions": [{"version": "v1", "freshness": freshness, "resources": resources}]});
    let groups = match path {
        "/api" => json!([group("", "Current", json!([resource("Pod")]))]),
        _ => json!([
            group("gateway.networking.k8s.io", "Current", json!([resource("HTTPRoute")])),
            group("metrics.k8s.io", "Stale", json!([])),
        ]),
    };
    Answer::ok(json!({"kind": "APIGroupDiscoveryList", "items": groups}).to_string())
}

fn one_by_one(path: &str) -> Answer {
    match path {
        "/api" => Answer::ok(r#"{"kind": "APIVersions", "versions": ["v1"]}"#),
        "/api/v1" => Answer::ok(
            r#"{"resources": [{"name": "pods", "kind": "Pod"}, {"name": "pods/exec", "kind": "PodExecOptions"}]}"#,
        ),
        "/apis" => Answer::ok(
            r#"{"kind": "APIGroupList", "groups": [{"versions": [{"groupVersion": "gateway.networking.k8s.io/v1"}]}, {"versions": [{"groupVersion": "metrics.k8s.io/v1"}]}]}"#,
        ),
        "/apis/gateway.networking.k8s.io/v1" => {
            Answer::ok(r#"{"resources": [{"name": "httproutes", "kind": "HTTPRoute"}]}"#)
        }
        _ => Answer::status(503, "the server is currently unable to handle the request"),
    }
}

#[test]
fn a_chart_is_rendered_for_all_that_the_cluster_serves() {
    for discovery in [aggregated as fn(&str) -> Answer, one_by_one] {
        let server = Server::cluster(move |path, _| {
            if path.contains("configmaps") {
                Answer::ok(r#"{"kind": "AnyList", "items": []}"#)
            } else {
                discovery(path)
            }
        });
        let world = world_with_helm(&server, SAY_WHAT_WAS_ASKED);
        let common = ["--source", "chart", "--kubeconfig", "config"];
        let options = ["--values", "more.yaml", "--release-name", "web", "-n", "shop"];
        let run = world.run(&[&["scan"], &common[..], &options[..], &["-o", "json"]].concat());
        assert_eq!(run.ends(3, &[]).items(), ["ConfigMap/a missing_object"]);
        assert!(run.not_compared().join("\n").contains("metrics.k8s.io/v1"), "{:?}", run.not_compared());
        let log = fs::read_to_string(world.work().join("asked")).unwrap();
        for asked in [
            "v1",
            "v1/Pod",
            "gateway.networking.k8s.io/v1",
            "gateway.networking.k8s.io/v1/HTTPRoute",
            "metrics.k8s.io/v1",
        ] {
            assert!(log.split_whitespace().any(|word| word == format!("--api-versions={asked}")), "{asked}: {log}");
        }
        assert!(!log.contains("PodExecOptions"), "{log}");
    }
}

#[test]
fn snapshot_and_rbac_look_at_the_rendering_that_scan_looks_at() {
    let server = Server::cluster(|path, _| {
        if path.contains("configmaps") { Answer::ok(r#"{"kind": "AnyList", "items": []}"#) } else { aggregated(path) }
    });
    let world = world_with_helm(&server, SAY_WHAT_WAS_ASKED);
    let options =
        ["--source", "chart", "--values", "more.yaml", "--release-name", "web", "-n", "shop", "--allow-remote-bases"];
    for command in [&["snapshot", "--kubeconfig", "config"][..], &["rbac", "--feature", "scan"]] {
        world.run(&[command, &options[..]].concat()).ends(0, &[]);
        let log = fs::read_to_string(world.work().join("asked")).unwrap();
        assert!(log.contains("--namespace=shop") && log.contains("--values=") && log.contains("-- web "), "{log}");
    }
}

#[test]
fn a_refused_dry_run_is_told_without_what_looks_like_a_credential() {
    for (answer, told) in
        [("metadata.name: Invalid value", "Invalid value"), ("password: hunter2 is too short", "not shown")]
    {
        let server =
            Server::cluster(
                move |path, _| {
                    if path.contains("dryRun") { Answer::status(422, answer) } else { page("other", "") }
                },
            );
        let world = World::new();
        world.write("git.yaml", config_map("a", "k: v"));
        world.write("config", server.kubeconfig());
        let run = world.run(&[&SCAN[..], &["--confirm"]].concat());
        run.ends(1, &["warning: not confirmed by a dry run: ConfigMap/a", told]).hides(&["hunter2"]);
    }
}

#[test]
fn two_renderings_are_compared_object_by_object() {
    let world = World::new();
    world.write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    let map =
        |namespace: &str, name: &str, value: &str| config_map(name, &format!("k: {value}")).replace("shop", namespace);
    let first = [map("a", "m", "random-1"), map("b", "m", "v"), map("b", "once", "v")].concat();
    let second = [map("b", "then", "v"), map("a", "m", "random-2"), map("b", "m", "v")].concat();
    world.write("first", first);
    world.write("second", second);
    world.program(
        "helm",
        "PATH=/usr/bin:/bin\nif [ -e WORK/done ]; then cat WORK/second; else touch WORK/done; cat WORK/first; fi",
    );
    let live = |namespace: &str, name: &str| {
        let mut object = live_config_map(name, &json!({"k": "other"}));
        object["metadata"]["namespace"] = namespace.into();
        object
    };
    for items in [vec![live("a", "m"), live("b", "m")], vec![live("a", "m"), live("b", "m"), live("b", "once")]] {
        world.write("live.json", list(&items));
        let _ = fs::remove_file(world.work().join("done"));
        let run =
            world.run(&["scan", "--source", "chart", "--release-name", "web", "--live", "live.json", "-o", "json"]);
        assert_eq!(run.ends(3, &[]).items(), ["ConfigMap/m changed data.k"]);
        let reports = run.reports();
        assert_eq!(reports[1]["items"][0]["namespace"], "b", "{reports:?}");
        let told = run.not_compared();
        assert_eq!(told.len(), 3, "{told:?}");
        for (what, told) in ["ConfigMap/m data.k", "ConfigMap/once", "ConfigMap/then"].iter().zip(&told) {
            assert!(told.starts_with(&format!("{what}: not deterministic")), "{told}");
        }
    }
}
