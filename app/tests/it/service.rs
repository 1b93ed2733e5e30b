//! The service, asked over HTTP: what it tells whom, and what it refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anchorwatch_testbed::Service;
use serde_json::{Value, json};

use crate::world::certify;

const GIT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 2, paused: false, template: {spec: {containers: [{name: web, image: 'web:1'}]}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: shop}
data: {flag: 'on', size: '1'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: back}
data: {flag: 'on'}
";

/// A folder with a source, a recorded state and a configuration; and the service on them.
struct World {
    folder: tempfile::TempDir,
    service: Service,
}

fn live(image: &str, flag: &str) -> Value {
    let config_map = |namespace: &str, flag: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": namespace},
               "data": {"flag": flag, "size": "1"}})
    };
    let mut back = config_map("back", flag);
    back["data"].as_object_mut().unwrap().remove("size");
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
         "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": image}]}}}},
        config_map("shop", flag),
        back,
    ]})
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
    command.env_clear().env("HOME", folder).env("PATH", std::env::var_os("PATH").unwrap()).current_dir(folder);
    anchorwatch_testbed::remember(&mut command, folder).unwrap();
    command
}

impl World {
    fn new() -> Self {
        Self::with("")
    }

    /// With more settings.
    fn with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("git")).unwrap();
        fs::write(path("git/all.yaml"), GIT).unwrap();
        fs::write(path("live.json"), live("web:2", "off").to_string()).unwrap();
        let config = "listen: 127.0.0.1:0\nclusters:\n- {name: lab, snapshot: live.json}\nsources:\n\
                      - {name: shop, cluster: lab, address: git}\n";
        fs::write(path("push.secret"), "between us\n").unwrap();
        fs::write(path("anchorwatch.yaml"), format!("{settings}{config}")).unwrap();
        let service = Self::start(folder.path());
        let world = Self { folder, service };
        world.until_scanned();
        world
    }

    fn start(folder: &Path) -> Service {
        let mut command = program(folder);
        command.args(["serve", "--config", "anchorwatch.yaml"]);
        Service::start("anchorwatch", command, &folder.join("log")).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn until_scanned(&self) {
        let viewer = self.token("waits", &[]);
        for _ in 0..500 {
            let sources = self.service.get("/api/v1/sources", &viewer).json();
            if !sources["items"][0]["last_success_at"].is_null() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        unreachable!("never scanned: {}", self.service.log());
    }

    /// Makes a token with these flags.
    fn token(&self, name: &str, flags: &[&str]) -> String {
        let mut command = program(self.folder.path());
        command.args(["token", "create", name, "--config", "anchorwatch.yaml"]).args(flags);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn approver(&self) -> String {
        self.token("ann", &["--role", "approver"])
    }

    fn items(&self, token: &str, query: &str) -> Vec<Value> {
        let answer = self.service.get(&format!("/api/v1/drift/items?{query}"), token).json();
        answer["items"].as_array().cloned().expect("a list of items")
    }

    fn fingerprint(&self, token: &str, name: &str, path: &str) -> String {
        let items = self.items(token, "");
        let found = items.iter().find(|i| i["resource_name"] == name && i["stable_path"] == path).unwrap();
        found["fingerprint"].as_str().unwrap().to_owned()
    }
}

const IMAGE: &str = "spec.template.spec.containers[name=web].image";

#[test]
fn what_differs_is_told_and_acknowledged_once() {
    let world = World::new();
    let (ann, bob) = (world.approver(), world.token("bob", &["--role", "operator"]));
    let reports = world.service.get("/api/v1/drift/reports", &ann).json();
    let mut summaries: Vec<&str> =
        reports["items"].as_array().unwrap().iter().map(|r| r["summary"].as_str().unwrap()).collect();
    summaries.sort_unstable();
    assert_eq!((summaries, &reports["total"]), (vec!["HIGH×1, MEDIUM×1", "MEDIUM×1"], &json!(2)));
    let report = world.service.get("/api/v1/drift/reports?namespace=shop", &ann).json()["items"][0].clone();
    let whole = world.service.get(&format!("/api/v1/drift/reports/{}", report["report_id"].as_str().unwrap()), &ann);
    assert_eq!(whole.json()["items"].as_array().unwrap().len(), 2);

    let acknowledge = format!("/api/v1/drift/items/{}/acknowledge", world.fingerprint(&ann, "web", IMAGE));
    for token in [&bob, &ann] {
        let item = world.service.post(&acknowledge, token, &json!({})).json();
        assert_eq!((&item["status"], &item["decided_by"]), (&json!("acknowledged"), &json!("bob")));
    }
    let all = world.service.post(
        &format!("/api/v1/drift/reports/{}/acknowledge", report["report_id"].as_str().unwrap()),
        &ann,
        &json!({}),
    );
    assert_eq!(all.json()["status"], "resolved", "{}", all.text);
    assert_eq!(world.items(&ann, "status=pending&namespace=shop"), Vec::<Value>::new());
}

#[test]
fn a_rule_hides_what_was_agreed_and_nothing_else() {
    let world = World::new();
    let (ann, bob) = (world.approver(), world.token("bob", &["--role", "operator"]));
    let flag = format!("/api/v1/drift/items/{}/ignore", world.fingerprint(&ann, "conf", "data.flag"));
    let day = days_ahead(30);
    let every = json!({"reason": "tuned by hand", "expires": day, "match": {"kind": "ConfigMap", "path": "data.flag"}});
    let with = |more: Value| {
        let mut request = every.clone();
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let shown = world.service.post(&flag, &bob, &with(json!({"dry_run": true}))).json();
    assert_eq!((&shown["made"], shown["hides"].as_array().unwrap().len()), (&json!(false), 2));
    let refused = world.service.post(&flag, &bob, &every);
    assert_eq!((refused.status, refused.json()["hides"].as_array().unwrap().len()), (409, 2), "{}", refused.text);
    let agreed: Vec<&Value> = shown["hides"].as_array().unwrap().iter().map(|hidden| &hidden["fingerprint"]).collect();
    let made = world.service.post(&flag, &bob, &with(json!({"agreed": agreed})));
    assert_eq!((made.status, &made.json()["made"]), (200, &json!(true)), "{}", made.text);
    assert_eq!(world.items(&ann, "status=ignored").len(), 2);

    // HIGH takes an approver; no reason, and no end within a year, take nobody.
    let image = format!("/api/v1/drift/items/{}/ignore", world.fingerprint(&ann, "web", IMAGE));
    let plain = json!({"reason": "known", "expires": day});
    assert_eq!(world.service.post(&image, &bob, &plain).status, 403);
    for bad in [
        json!({"reason": " ", "expires": day}),
        json!({"reason": "known", "expires": "2020-01-01"}),
        json!({"reason": "known", "expires": days_ahead(800)}),
        json!({"reason": "known", "expires": day, "match": {}}),
        json!({"reason": "known"}),
    ] {
        assert_eq!(world.service.post(&image, &ann, &bad).status, 422, "{bad}");
    }
    assert_eq!(world.service.post(&image, &ann, &plain).status, 200);

    // It stays hidden while it is as it was, and is pending again once it is another or the rule has ended.
    let scan = || assert_eq!(world.service.post("/api/v1/drift/scan", &ann, &json!({})).status, 200);
    scan();
    assert_eq!(world.items(&ann, "status=ignored").len(), 3);
    fs::write(world.path("live.json"), live("web:3", "off").to_string()).unwrap();
    scan();
    assert_eq!(world.items(&ann, "status=pending").len(), 1);
    let rule = made.json()["rule"]["rule_id"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {bob}");
    assert_eq!(
        world.service.ask("DELETE", &format!("/api/v1/rules/{rule}"), &[("authorization", &bearer)], "").status,
        204
    );
    scan();
    assert_eq!(world.items(&ann, "status=pending").len(), 3);
}

#[test]
fn a_report_is_ignored_whole_or_not_at_all() {
    let world = World::new();
    let (ann, bob) = (world.approver(), world.token("bob", &["--role", "operator"]));
    let report = world.service.get("/api/v1/drift/reports?namespace=shop", &ann).json()["items"][0].clone();
    let ignore = format!("/api/v1/drift/reports/{}/ignore", report["report_id"].as_str().unwrap());
    let (plain, asked) = (
        json!({"reason": "known", "expires": days_ahead(30)}),
        json!({"reason": "known", "expires": days_ahead(30), "dry_run": true}),
    );
    let rules = || world.service.get("/api/v1/rules", &ann).json()["total"].clone();
    // One of its two items is HIGH, which an operator may not ignore: then the other is not ignored either.
    assert_eq!((world.service.post(&ignore, &bob, &plain).status, rules()), (403, json!(0)));
    let made = |answer: &Value| -> Vec<Value> {
        answer.as_array().unwrap().iter().map(|ruling| ruling["made"].clone()).collect()
    };
    assert_eq!(made(&world.service.post(&ignore, &ann, &asked).json()), [json!(false), json!(false)]);
    assert_eq!((world.items(&ann, "status=ignored").len(), rules()), (0, json!(0)));
    assert_eq!(made(&world.service.post(&ignore, &ann, &plain).json()), [json!(true), json!(true)]);
    assert_eq!(world.items(&ann, "status=ignored&namespace=shop").len(), 2);
    assert_eq!(world.service.post(&ignore, &ann, &plain).json(), json!([]));
    assert_eq!(rules(), json!(2));
}

fn days_ahead(days: i64) -> String {
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    then.strftime("%Y-%m-%d").to_string()
}

#[test]
fn what_goes_away_is_resolved_and_a_failed_scan_resolves_nothing() {
    let world = World::new();
    let ann = world.approver();
    let scan = || world.service.post("/api/v1/drift/scan", &ann, &json!({"source": "shop"}));
    fs::write(world.path("live.json"), live("web:1", "off").to_string()).unwrap();
    assert_eq!(scan().json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(world.items(&ann, "status=resolved").len(), 1);
    fs::remove_file(world.path("live.json")).unwrap();
    let failed = scan();
    assert_eq!(failed.status, 502, "{}", failed.text);
    assert!(failed.json()["failures"][0]["reason"].as_str().unwrap().contains("live.json"), "{}", failed.text);
    assert_eq!(world.items(&ann, "status=pending").len(), 2);
    let source = world.service.get("/api/v1/sources", &ann).json()["items"][0].clone();
    assert!(source["last_failure"].as_str().unwrap().contains("live.json"), "{source}");
    let metrics = world.service.get("/metrics", &ann).text;
    assert!(metrics.contains("anchorwatch_scan_failures_total{cluster=\"lab\",source=\"shop\"} 1"), "{metrics}");
    // A document that nobody can read may be about what was there.
    fs::write(world.path("live.json"), live("web:1", "off").to_string()).unwrap();
    let web = GIT.split("---").next().unwrap();
    fs::write(world.path("git/all.yaml"), format!("{web}---\n{{ broken")).unwrap();
    assert_eq!(scan().json()["items"][0]["state"], "partial");
    assert_eq!(world.items(&ann, "status=pending").len(), 2);
}

#[test]
fn a_scan_can_be_asked_for_without_waiting_and_once() {
    let world = World::new();
    let ann = world.approver();
    let bearer = format!("Bearer {ann}");
    let ask = |key: &str| {
        let headers = [("authorization", bearer.as_str()), ("prefer", "respond-async"), ("idempotency-key", key)];
        world.service.ask("POST", "/api/v1/drift/scan", &headers, "{\"namespaces\": [\"shop\"]}")
    };
    let (first, again, other) = (ask("a"), ask("a"), ask("b"));
    assert_eq!((first.status, again.status), (202, 202), "{}", first.text);
    let id = |answer: &anchorwatch_testbed::Answer| answer.json()["items"][0]["job_id"].clone();
    assert_eq!(id(&first), id(&again));
    let _ = other;
    let href = first.header("location").unwrap();
    for _ in 0..500 {
        if world.service.get(href, &ann).json()["state"] == "done" {
            let jobs = world.service.get(href, &ann).json();
            let scan = jobs["scan_id"].as_str().unwrap();
            let reports = world.service.get(&format!("/api/v1/drift/reports?scan={scan}"), &ann).json();
            assert_eq!((&reports["total"], &reports["items"][0]["namespace"]), (&json!(1), &json!("shop")));
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    unreachable!("never done");
}

#[test]
fn nobody_is_let_in_without_a_token_or_beyond_it() {
    let world = World::new();
    let viewer = world.token("eve", &[]);
    let limited = world.token("shopper", &["--role", "operator", "-n", "shop"]);
    let get = |path: &str, headers: &[(&str, &str)]| world.service.ask("GET", path, headers, "").status;
    assert_eq!(get("/api/v1/drift/reports", &[]), 401);
    assert_eq!(get("/metrics", &[]), 401);
    assert_eq!(get("/livez", &[]), 200);
    let evil = [("host", "evil.example.com"), ("authorization", &*format!("Bearer {viewer}"))];
    assert_eq!(get("/api/v1/drift/reports", &evil), 421);
    assert_eq!(world.service.post("/api/v1/drift/scan", &viewer, &json!({})).status, 403);

    let fingerprint = world.fingerprint(&viewer, "web", IMAGE);
    let cross = [("authorization", &*format!("Bearer {limited}")), ("origin", "https://evil.example.com")];
    let path = format!("/api/v1/drift/items/{fingerprint}/acknowledge");
    assert_eq!(world.service.ask("POST", &path, &cross, "").status, 403);

    let seen = world.items(&limited, "");
    assert!(!seen.is_empty() && seen.iter().all(|item| item["namespace"] == "shop"), "{seen:?}");
    let back = world.items(&viewer, "namespace=back")[0]["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(world.service.get(&format!("/api/v1/drift/items/{back}"), &limited).status, 404);
    assert_eq!(
        world.service.post(&format!("/api/v1/drift/items/{back}/acknowledge"), &limited, &json!({})).status,
        404
    );
    assert_eq!(world.service.post("/api/v1/drift/scan", &limited, &json!({"namespaces": ["back"]})).status, 403);
    assert_eq!(world.service.post("/api/v1/drift/scan", &limited, &json!({})).status, 403);
    assert_eq!(world.service.post("/api/v1/drift/scan", &limited, &json!({"namespaces": ["shop"]})).status, 200);

    let mut revoke = program(world.folder.path());
    assert!(revoke.args(["token", "revoke", "eve", "--config", "anchorwatch.yaml"]).status().unwrap().success());
    assert_eq!(world.service.get("/api/v1/drift/reports", &viewer).status, 401);
    let statuses: Vec<u16> = (0..30).map(|_| world.service.get("/api/v1/sources", "aw_guess").status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    // Who has a token is not kept out by who guesses.
    assert_eq!(world.service.get("/api/v1/sources", &limited).status, 200);
}

#[test]
fn bad_requests_get_a_problem_that_says_what_to_do() {
    let world = World::new();
    let ann = world.approver();
    for (path, status) in [
        ("/api/v1/drift/reports?limit=0", 400),
        ("/api/v1/drift/reports?limit=x", 400),
        ("/api/v1/drift/reports?colour=red", 400),
        ("/api/v1/drift/reports?status=gone", 400),
        ("/api/v1/drift/reports/none", 404),
        ("/api/v1/drift/items/%00", 404),
        ("/api/v1/nothing", 404),
    ] {
        let answer = world.service.get(path, &ann);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("application/problem+json")),
            "{path}"
        );
        assert!(!answer.json()["title"].as_str().unwrap().is_empty());
    }
    for (body, status) in [
        (json!({"source": "none"}), 404),
        (json!({"colour": "red"}), 422),
        (json!([]), 422),
        (json!({"namespaces": ["nowhere"]}), 502),
    ] {
        let answer = world.service.post("/api/v1/drift/scan", &ann, &body);
        assert_eq!(answer.status, status, "{body} {}", answer.text);
    }
    let bearer = format!("Bearer {ann}");
    let huge = " ".repeat(2 << 20);
    let answer = world.service.ask("POST", "/api/v1/drift/scan", &[("authorization", &bearer)], &huge);
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["detail"], "it has at most 1024 KiB");
    assert_eq!(world.service.get("/api/v1/sources", &ann).status, 200);
}

#[test]
fn what_was_remembered_is_there_after_a_restart() {
    let mut world = World::new();
    let ann = world.approver();
    let fingerprint = world.fingerprint(&ann, "web", IMAGE);
    world.service.post(&format!("/api/v1/drift/items/{fingerprint}/acknowledge"), &ann, &json!({}));
    let path = world.folder.path().to_owned();
    drop(std::mem::replace(&mut world.service, World::start(&path)));
    let item = world.service.get(&format!("/api/v1/drift/items/{fingerprint}"), &ann).json();
    assert_eq!(item["status"], "acknowledged");
}

#[test]
fn a_push_starts_a_scan_and_nothing_else() {
    let silent = World::new();
    let push = |world: &World, headers: &[(&str, &str)]| {
        let body = json!({"ref": "refs/heads/main", "repository": {"clone_url": "https://git.example.com/none.git"}});
        world.service.ask("POST", "/api/v1/webhooks/push", headers, &body.to_string())
    };
    let signed = [("x-gitlab-event", "Push Hook"), ("x-gitlab-token", "between us")];
    assert_eq!(push(&silent, &signed).status, 404, "without a secret the route is not there");
    let world = World::with("push_webhook: {secret_file: push.secret}\n");
    assert_eq!(push(&world, &[("x-gitlab-event", "Push Hook"), ("x-gitlab-token", "guess")]).status, 401);
    assert_eq!(push(&world, &[("x-gitlab-event", "Push Hook")]).status, 401);
    let taken = push(&world, &signed);
    assert_eq!((taken.status, taken.json()), (202, json!({"sources": []})));
    assert_eq!(push(&world, &[("x-github-event", "ping"), signed[1]]).status, 204);
    let broken = world.service.ask("POST", "/api/v1/webhooks/push", &signed, "{");
    assert_eq!(broken.status, 400, "{}", broken.text);
}

#[test]
fn it_speaks_tls_where_it_has_a_certificate_and_not_in_the_open_without() {
    let folder = tempfile::tempdir().unwrap();
    if !certify(folder.path(), "DNS:localhost", true) {
        return;
    }
    fs::create_dir(folder.path().join("git")).unwrap();
    fs::write(folder.path().join("git/all.yaml"), GIT).unwrap();
    fs::write(folder.path().join("live.json"), live("web:1", "on").to_string()).unwrap();
    let config = |more: &str| {
        let sources =
            "clusters:\n- {name: lab, snapshot: live.json}\nsources:\n- {name: shop, cluster: lab, address: git}\n";
        fs::write(folder.path().join("anchorwatch.yaml"), format!("{more}{sources}")).unwrap();
    };
    config("listen: 0.0.0.0:0\n");
    let mut open = program(folder.path());
    let refused = open.args(["serve", "--config", "anchorwatch.yaml"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("without TLS"), "{said}");

    config("listen: 127.0.0.1:0\ntls: {cert_file: tls.crt, key_file: tls.key}\n");
    let service = World::start(folder.path());
    let address = service.url().strip_prefix("https://").unwrap();
    let port = address.rsplit(':').next().unwrap();
    let mut client = Command::new("openssl");
    client
        .args(["s_client", "-quiet", "-verify_return_error", "-CAfile", "tls.crt", "-servername", "localhost"])
        .args(["-verify_hostname", "localhost", "-connect", address])
        .current_dir(folder.path());
    let log = service.log();
    let code = log.split_once("/login?code=").unwrap().1.split_whitespace().next().unwrap();
    let form = format!("code={code}");
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: localhost:{port}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = anchorwatch_testbed::run(client, request.as_bytes(), std::time::Duration::from_secs(20)).unwrap();
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(text.starts_with("HTTP/1.1 303"), "{text} {}", String::from_utf8_lossy(&answer.stderr));
    let cookie = text.lines().find(|line| line.to_lowercase().starts_with("set-cookie:")).unwrap();
    assert!(cookie.split("; ").any(|part| part == "Secure"), "{cookie}");
}

#[test]
fn a_job_of_another_cluster_is_not_there() {
    // Two clusters: who is limited to one hears nothing of scans of the other, nor why they failed.
    let world = World::with("");
    let config = fs::read_to_string(world.path("anchorwatch.yaml")).unwrap();
    let both = config.replace(
        "sources:\n",
        "- {name: far, snapshot: none.json}\nsources:\n- {name: far, cluster: far, address: git}\n",
    );
    fs::write(world.path("anchorwatch.yaml"), both).unwrap();
    let path = world.folder.path().to_owned();
    let world = World { service: World::start(&path), folder: world.folder };
    let ann = world.approver();
    let near = world.token("near", &["--role", "operator", "--cluster", "lab"]);
    let bearer = format!("Bearer {ann}");
    let headers = [("authorization", bearer.as_str()), ("prefer", "respond-async")];
    let queued = world.service.ask("POST", "/api/v1/drift/scan", &headers, "{\"source\": \"far\"}");
    let href = queued.header("location").unwrap();
    assert_eq!(world.service.get(href, &ann).status, 200);
    assert_eq!(world.service.get(href, &near).status, 404);
}

#[test]
fn the_configuration_is_read_again_and_a_bad_one_is_not_taken() {
    let world = World::new();
    let ann = world.approver();
    let hang_up =
        || assert!(Command::new("kill").args(["-HUP", &world.service.id().to_string()]).status().unwrap().success());
    let says = |what: &str| {
        for _ in 0..500 {
            if world.service.log().contains(what) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        unreachable!("never said {what}: {}", world.service.log());
    };
    let config = fs::read_to_string(world.path("anchorwatch.yaml")).unwrap();
    fs::write(world.path("anchorwatch.yaml"), "sauces: []\n").unwrap();
    hang_up();
    says("the one before it stays");
    let names = || {
        let sources = world.service.get("/api/v1/sources", &ann).json();
        sources["items"].as_array().unwrap().iter().map(|source| source["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["shop"]);
    let more = format!("{config}- {{name: more, cluster: lab, address: git}}\nscans_at_once: 1\n");
    fs::write(world.path("anchorwatch.yaml"), more).unwrap();
    hang_up();
    says("configuration read again");
    assert_eq!(names(), ["more", "shop"]);
    assert!(world.service.log().contains("the rest with a restart"), "{}", world.service.log());
}
