//! `scan --server`: what a running service is asked, what is made of its answers, and of none.

use std::time::Instant;

use anchorwatch_testbed::{Receiver, Reply, Service};
use serde_json::{Value, json};

use crate::server::free_port;
use crate::world::{Run, World, config_map, live_config_map};

/// A world with a running service, and the tokens `operator` and `viewer` in files.
struct Served {
    world: World,
    service: Service,
}

impl Served {
    /// What a source says, against what was recorded.
    fn start(git: &str, items: &[Value]) -> Self {
        let world = World::comparing(git, items);
        world.write(
            "anchorwatch.yaml",
            "listen: 127.0.0.1:0\nclusters:\n- {name: lab, snapshot: live.json}\nsources:\n\
             - {name: shop, cluster: lab, address: git.yaml}\n",
        );
        let command = world.command(&["serve", "--config", "anchorwatch.yaml"]);
        let service = Service::start("anchorwatch", command, &world.work().join("log")).unwrap();
        for role in ["operator", "viewer"] {
            let made = world.run(&["token", "create", role, "--role", role, "--config", "anchorwatch.yaml"]);
            world.write(role, &made.ends(0, &[]).out);
        }
        Self { world, service }
    }

    fn drifted() -> Self {
        let git = [config_map("a", "k: v"), config_map("b", "k: v")].concat();
        Self::start(&git, &[live_config_map("a", &json!({"k": "other"})), live_config_map("b", &json!({"k": "v"}))])
    }

    fn scan(&self, arguments: &[&str]) -> Run {
        let asking = ["scan", "--server", self.service.url(), "--token-file", "operator"];
        self.world.run(&[&asking[..], arguments].concat())
    }
}

/// Asks somebody who only looks like a service.
fn ask(url: &str) -> Run {
    let world = World::new();
    world.write("token", "aw_hidden\n");
    let run = world.run(&["scan", "--server", url, "--token-file", "token"]);
    run.hides(&["aw_hidden"]);
    run
}

#[test]
fn a_service_is_asked_and_its_reports_are_printed() {
    let served = Served::drifted();
    let run = served.scan(&["-o", "json", "--triggered-by", "cron", "--source", "shop", "--cluster", "lab"]);
    assert_eq!(run.ends(1, &[]).items(), ["ConfigMap/a changed data.k"]);
    let report = &run.reports()[0];
    assert_eq!((&report["triggered_by"], &report["source"]), (&json!("cron"), &json!("shop")));
    let line = |run: &Run, start: &str| run.out.lines().find(|l| l.starts_with(start)).unwrap_or_default().to_owned();
    let table = served.scan(&[]);
    table.ends(1, &[]);
    assert_eq!(line(&table, "shop"), "shop    shop       MEDIUM×1  complete  -");
    assert_eq!(line(&table, "MEDIUM"), "MEDIUM  ConfigMap/a (shop)  data.k  v → other  kubectl-edit");
    served.scan(&["-o", "wide", "-n", "shop"]).ends(1, &[]).shows(&["CLUSTER", "REPORT", "lab"]);
    served.scan(&["-o", "yaml"]).ends(1, &[]).shows(&["stable_path: data.k\n"]);
    assert_eq!(served.scan(&["--quiet"]).ends(1, &[]).out, "");
    served.scan(&["--fail-on", "high"]).ends(0, &[]);
}

#[test]
fn what_was_not_compared_is_no_success() {
    let git = [config_map("a", "k: v"), "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\n".into()];
    let served = Served::start(&git.concat(), &[live_config_map("a", &json!({"k": "v"}))]);
    served.scan(&[]).ends(3, &[]).shows(&["partial", "not compared in shop: Secret"]);
    served.scan(&["-q"]).ends(3, &["not compared: 1"]);
}

#[test]
fn nothing_that_differs_is_a_success() {
    let served = Served::start(&config_map("a", "k: v"), &[live_config_map("a", &json!({"k": "v"}))]);
    assert!(served.scan(&[]).ends(0, &[]).out.contains("no drift"));
    // What a source says is gone: it fails, and a failure is an error.
    std::fs::remove_file(served.world.work().join("git.yaml")).unwrap();
    served.scan(&[]).ends(2, &["nothing was scanned", "shop: ", "hint: "]);
}

#[test]
fn two_who_ask_at_once_are_both_answered() {
    let served = Served::drifted();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| served.scan(&["--triggered-by", "cron"]))).collect();
        for run in runs {
            run.join().unwrap().ends(1, &[]).shows(&["MEDIUM×1"]);
        }
    });
}

#[test]
fn a_refusal_says_what_to_do() {
    let served = Served::drifted();
    served.scan(&["--source", "shpo"]).ends(2, &["refuses: there is no such source", "hint: with --server, --source"]);
    served.scan(&["-n", "\u{7}"]).ends(2, &["control characters", "hint: "]);
    served.world.write("wrong", "aw_nobody");
    for (file, said) in [("viewer", "role operator"), ("wrong", "anchorwatch token create")] {
        let run = served.world.run(&["scan", "--server", served.service.url(), "--token-file", file]);
        run.ends(2, &["refuses: ", "hint: ", said]).hides(&["aw_nobody"]);
    }
}

#[test]
fn a_busy_service_is_asked_again_when_it_says_so() {
    let report = json!({"report_id": "1", "source": "s", "cluster": "c", "namespace": "", "summary": "no drift", "high_count": 0,
        "medium_count": 0, "info_count": 0, "state": "complete", "not_compared": [], "more": 1});
    let receiver = Receiver::start(Reply::json(200, &json!({"items": [report]}))).unwrap();
    let busy =
        |after: &str| Reply::Say { status: 429, headers: vec![format!("Retry-After: {after}")], body: "{}".into() };
    receiver.next("/scan", busy("1"));
    receiver.next("/scan", busy("2"));
    let started = Instant::now();
    ask(&receiver.url()).ends(0, &["again in 1 s", "again in 2 s"]);
    assert!(started.elapsed().as_secs() >= 3);
    let keys: Vec<Option<String>> =
        receiver.received("/scan").iter().map(|r| r.header("idempotency-key").map(str::to_owned)).collect();
    assert!(keys.len() == 3 && keys[0].is_some() && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    // Who is busy for an hour is not waited for.
    receiver.next("/scan", busy("3600"));
    ask(&receiver.url()).ends(2, &["429"]);
}

#[test]
fn a_source_that_could_not_be_scanned_is_an_error_beside_the_others() {
    let report = json!({"report_id": "r-1", "source": "good", "cluster": "c", "namespace": "n", "summary": "INFO×1",
        "high_count": 0, "medium_count": 0, "info_count": 1, "state": "complete", "not_compared": []});
    let failures = json!([{"source": "bad", "reason": "no \u{1b}[31mrepository"}]);
    let receiver = Receiver::start(Reply::json(200, &json!({"items": [report], "failures": failures}))).unwrap();
    receiver.next("/reports/r-1", Reply::json(200, &json!({"items": []})));
    let run = ask(&receiver.url());
    run.ends(2, &["error: bad: no ", "repository"]).shows(&["good"]).hides(&["\u{1b}"]);
    // An id that leads elsewhere is not followed.
    let mut elsewhere = report;
    elsewhere["report_id"] = json!("../../x");
    receiver.otherwise(Reply::json(200, &json!({"items": [elsewhere]})));
    ask(&receiver.url()).ends(2, &["cannot be understood"]);
}

#[test]
fn whoever_is_no_service_is_told_so() {
    let page = Receiver::start(Reply::Say { status: 200, headers: Vec::new(), body: "<html>".into() }).unwrap();
    ask(&page.url()).ends(2, &["is no Anchorwatch", "hint: "]);
    ask(&format!("http://127.0.0.1:{}", free_port())).ends(2, &["cannot ask the service", "refused", "hint: "]);
    ask(&format!("{}/", page.url().replace("http:", "https:"))).ends(2, &["tls handshake", "hint: "]);
    let cut = Receiver::start(Reply::Cut).unwrap();
    ask(&cut.url()).ends(2, &["cannot ask the service", "hint: "]);
}

#[test]
fn a_token_does_not_leave_the_machine_in_clear() {
    for url in ["http://192.0.2.1:8484", "http://anchorwatch.anchorwatch.svc:8484", "http://localhost.example.com"] {
        ask(url).ends(2, &["in clear", "hint: "]);
    }
    for url in ["ftp://127.0.0.1", "127.0.0.1:8484", "https://", "https://ann:aw_hidden@127.0.0.1"] {
        ask(url).ends(2, &["cannot use the address", "hint: "]);
    }
}

#[test]
fn what_means_nothing_to_a_service_is_refused() {
    let world = World::new();
    world.write("token", "aw_hidden");
    let asking = ["scan", "--server", "https://127.0.0.1:1", "--token-file", "token"];
    for flags in [
        &["--live", "x"][..],
        &["--kubeconfig", "x"],
        &["--context", "x"],
        &["--config", "x"],
        &["--audit", "x"],
        &["--values", "x"],
        &["--unmanaged"],
        &["--confirm"],
        &["--verbose"],
    ] {
        world.run(&[&asking[..], flags].concat()).ends(2, &["cannot be used with"]);
    }
    world.run(&[&asking[..], &["-o", "sarif"]].concat()).ends(2, &["-o sarif", "hint: "]);
    world.run(&["scan", "--source", "x", "--triggered-by", "cron"]).ends(2, &["--server"]);
    world.run(&["scan"]).ends(2, &["--source"]);
    world.run(&["scan", "--server", "https://127.0.0.1:1"]).ends(2, &["--token-file"]);
    world.write("empty", " \n");
    let with_ca = [&asking[..], &["--server-ca", "empty"]].concat();
    world.run(&with_ca).ends(2, &["cannot use empty", "PEM", "hint: "]);
    world
        .run(&["scan", "--server", "https://127.0.0.1:1", "--token-file", "empty"])
        .ends(2, &["it is empty", "hint: "]);
}
