//! What a service does while its database, its cluster or its renderer is gone: it stays up, says what is wrong, and goes on
//! where it was when they are back.

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anchorwatch_testbed::{Answer, ControlPlane, Options, Person, Postgres, Service};
use serde_json::{Value, json};

const GIT: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: shop}
data: {flag: 'on', size: '1'}
";

/// A service, and an operator's token.
struct Served {
    service: Service,
    token: String,
    folder: tempfile::TempDir,
}

impl Served {
    /// On a folder with a configuration.
    fn start(folder: tempfile::TempDir) -> Self {
        let program = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
            command.args(arguments).env_clear().env("HOME", folder.path()).current_dir(folder.path());
            let path = std::env::var_os("PATH").unwrap();
            let folders = std::iter::once(folder.path().join("bin")).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(folders).unwrap());
            anchorwatch_testbed::remember(&mut command, folder.path()).unwrap();
            command
        };
        let serve = program(&["serve", "--config", "anchorwatch.yaml"]);
        let service = Service::start("anchorwatch", serve, &folder.path().join("log")).unwrap();
        let make = ["token", "create", "ann", "--role", "approver", "--config", "anchorwatch.yaml"];
        let token = String::from_utf8(program(&make).output().unwrap().stdout).unwrap().trim().to_owned();
        Self { service, token, folder }
    }

    fn get(&self, path: &str) -> Answer {
        self.service.get(path, &self.token)
    }

    fn ready(&self) -> Answer {
        self.service.ask("GET", "/readyz", &[], "")
    }

    /// A page, as a browser asks for it.
    fn page(&self, path: &str) -> Answer {
        self.service.page("GET", path, &self.token, "")
    }

    fn source(&self, name: &str) -> Value {
        let sources = self.get("/api/v1/sources").json();
        let found = sources["items"].as_array().and_then(|items| items.iter().find(|source| source["name"] == name));
        found.cloned().unwrap_or_default()
    }

    fn pending(&self) -> usize {
        let items = self.get("/api/v1/drift/items?status=pending").json();
        items["items"].as_array().map_or(usize::MAX, Vec::len)
    }

    fn scan(&self) -> Answer {
        self.service.post("/api/v1/drift/scan", &self.token, &json!({}))
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_mins(2);
        while !holds() {
            assert!(Instant::now() < end, "{what} never came\n{}", self.service.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn live(flag: &str) -> String {
    let live = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "shop"},
                      "data": {"flag": flag, "size": "1"}});
    json!({"apiVersion": "v1", "kind": "List", "items": [live]}).to_string()
}

/// A service on a recorded state that differs, which remembers in a PostgreSQL of its own.
fn on_postgres() -> Option<(Postgres, Served)> {
    let Some(postgres) = Postgres::start().unwrap() else {
        writeln!(std::io::stderr().lock(), "skipped: PostgreSQL is not installed (Debian: postgresql-15)").unwrap();
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("git")).unwrap();
    fs::write(path("git/all.yaml"), GIT).unwrap();
    fs::write(path("live.json"), live("off")).unwrap();
    let config = format!(
        "listen: 127.0.0.1:0\nstore: {}\nclusters:\n- {{name: lab, snapshot: live.json}}\nsources:\n\
         - {{name: shop, cluster: lab, address: git, interval: 10s}}\n",
        postgres.url()
    );
    fs::write(path("anchorwatch.yaml"), config).unwrap();
    let served = Served::start(folder);
    served.until("the first scan", || served.pending() == 1);
    Some((postgres, served))
}

#[test]
fn a_database_that_is_gone_is_said_and_waited_for() {
    let Some((mut postgres, served)) = on_postgres() else { return };
    let fingerprint = served.get("/api/v1/drift/items").json()["items"][0]["fingerprint"].as_str().unwrap().to_owned();
    let acknowledge = format!("/api/v1/drift/items/{fingerprint}/acknowledge");
    postgres.stop().unwrap();
    served.until("what cannot be done", || served.service.log().contains("cannot claim work"));
    assert_eq!((served.ready().status, served.service.ask("GET", "/livez", &[], "").status), (503, 200));
    let page = served.page("/");
    assert_eq!(page.status, 503);
    for said in ["The store does not answer", "The store does not take everything since"] {
        assert!(page.text.contains(said), "{said:?} is not on the page: {}", page.text);
    }
    // Nobody can be asked who asks: of sources and their numbers nothing is said.
    let metrics = served.get("/metrics");
    assert!(metrics.status == 200 && metrics.text.contains("\nanchorwatch_store_faults "), "{}", metrics.text);
    assert!(!metrics.text.contains("anchorwatch_store_faults 0") && !metrics.text.contains("shop"), "{}", metrics.text);
    assert_eq!(served.service.ask("GET", "/metrics", &[], "").status, 401);
    let refused = served.service.post(&acknowledge, &served.token, &json!({}));
    assert!(refused.status == 503 && refused.header("retry-after").is_some(), "{}", refused.text);

    fs::write(served.folder.path().join("live.json"), live("on")).unwrap();
    postgres.start_again().unwrap();
    served.until("that it is well", || served.ready().status == 200);
    served.until("what has changed meanwhile", || served.pending() == 0);
    assert!(served.service.log().contains("over: cannot claim work"), "{}", served.service.log());
    assert!(served.get("/metrics").text.contains("anchorwatch_store_faults 0"));
    assert!(!served.page("/").text.contains("does not take everything"));
    assert_eq!(served.source("shop")["last_failure"], Value::Null);
}

#[test]
fn a_database_that_takes_no_writes_is_said_and_can_be_read() {
    let Some((postgres, served)) = on_postgres() else { return };
    let read_only = |state: &str| {
        postgres.query(&format!("ALTER SYSTEM SET default_transaction_read_only = {state}")).unwrap();
        postgres.query("SELECT pg_reload_conf()").unwrap();
    };
    read_only("on");
    served.until("what cannot be done", || served.ready().text.contains("cannot claim work"));
    assert_eq!(served.ready().status, 503);
    assert!(served.service.log().contains("read-only"), "{}", served.service.log());
    let page = served.page("/");
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("The store does not take everything since") && page.text.contains("1 item"),
        "{}",
        page.text
    );
    let metrics = served.get("/metrics").text;
    assert!(!metrics.contains("anchorwatch_store_faults 0") && metrics.contains("source=\"shop\""), "{metrics}");

    fs::write(served.folder.path().join("live.json"), live("on")).unwrap();
    postgres.query("BEGIN READ WRITE; ALTER ROLE watch SET default_transaction_read_only = off; COMMIT").unwrap();
    postgres.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()").unwrap();
    served.until("what has changed meanwhile", || served.pending() == 0);
    served.until("that it is well", || served.ready().status == 200);
}

#[test]
fn a_cluster_that_is_gone_is_said_and_its_edits_are_seen_when_it_is_back() {
    let mut plane = ControlPlane::start(&Options::with_controllers()).unwrap();
    plane.kubectl(&["create", "namespace", "shop"]).unwrap();
    let apply = ["apply", "--server-side", "--field-manager=argocd-controller", "-f", "-"];
    plane.kubectl_with_input(&apply, GIT).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("git")).unwrap();
    fs::write(folder.path().join("git/all.yaml"), GIT).unwrap();
    let config = format!(
        "listen: 127.0.0.1:0\nclusters:\n- {{name: lab, kubeconfig: {}}}\nsources:\n- {{name: shop, cluster: lab, address: git}}\n",
        plane.kubeconfig(Person::Admin).display()
    );
    fs::write(folder.path().join("anchorwatch.yaml"), config).unwrap();
    let served = Served::start(folder);
    let whole = |served: &Served| {
        let watch = &served.source("shop")["watch"];
        watch["whole"] == true && watch["lost"].as_array().is_some_and(Vec::is_empty)
    };
    served.until("a clean scan", || served.page("/").text.contains("No drift. Last looked"));
    served.until("the watch is whole", || whole(&served));
    assert!(served.get("/metrics").text.contains("anchorwatch_watch_unheard{cluster=\"lab\",source=\"shop\"} 0"));

    plane.stop_api_server().unwrap();
    // Before anybody scans again, what was clean is not called so any more.
    served.until("that nothing is heard", || served.page("/").text.contains("Nothing is heard of"));
    let page = served.page("/").text;
    assert!(page.contains("What changes since then may be unheard of.") && !page.contains("No drift. "), "{page}");
    let metrics = served.get("/metrics").text;
    assert!(metrics.contains("anchorwatch_watch_unheard{cluster=\"lab\",source=\"shop\"} 1"), "{metrics}");
    assert!(served.service.log().contains("nothing is heard"), "{}", served.service.log());
    let failed = served.scan();
    assert_eq!(failed.status, 502, "{}", failed.text);
    assert!(served.page("/").text.contains("The scan failed just now."));
    assert_eq!(served.ready().status, 200, "the service itself is well");

    plane.start_api_server().unwrap();
    served.until("the API server", || plane.kubectl(&["get", "--raw", "/readyz"]).is_ok());
    plane
        .kubectl(&["patch", "configmap", "conf", "-n", "shop", "--type=merge", "-p", r#"{"data": {"flag": "off"}}"#])
        .unwrap();
    served.until("the edit", || served.pending() == 1);
    served.until("the watch is whole again", || whole(&served));
    assert_eq!(served.scan().status, 200);
    assert_eq!(served.source("shop")["last_failure"], Value::Null);
}

#[test]
fn a_rendering_that_hangs_is_killed_and_keeps_no_other_source_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["bin", "git", "hangs"] {
        fs::create_dir(path(name)).unwrap();
    }
    fs::write(path("git/all.yaml"), GIT).unwrap();
    fs::write(path("hangs/kustomization.yaml"), "resources: [all.yaml]\n").unwrap();
    fs::write(path("hangs/all.yaml"), GIT).unwrap();
    fs::write(path("live.json"), live("off")).unwrap();
    // Written by another process: one that is still open here could not be started.
    let script = "printf '#!/bin/sh\\nexec sleep 7654\\n' > \"$0\" && chmod 755 \"$0\"";
    for name in ["kubectl", "kustomize"] {
        assert!(Command::new("sh").args(["-c", script]).arg(path("bin").join(name)).status().unwrap().success());
    }
    let config = "listen: 127.0.0.1:0\nclusters:\n- {name: lab, snapshot: live.json}\nsources:\n\
                  - {name: hangs, cluster: lab, address: hangs}\n- {name: shop, cluster: lab, address: git}\n";
    fs::write(path("anchorwatch.yaml"), config).unwrap();
    let served = Served::start(folder);
    served.until("the other source's scan", || served.pending() == 1);
    assert_eq!(served.source("hangs")["last_failure"], Value::Null, "it hangs no more");
    served.until("the end of what hangs", || !served.source("hangs")["last_failure"].is_null());
    let why = served.source("hangs")["last_failure"].to_string();
    assert!(why.contains("60 s") || why.contains("minute"), "{why}");
    assert!(served.page("/").text.contains("<strong>hangs</strong> The scan failed"));
    let left = Command::new("pgrep").args(["-f", "sleep 7654"]).output().unwrap();
    assert_eq!(String::from_utf8(left.stdout).unwrap(), "", "it was not killed");
}
