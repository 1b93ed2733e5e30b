//! Traces, as a collector gets them; and what becomes of the service where it does not take them.

use std::time::{Duration, Instant};

use anchorwatch_testbed::{Receiver, Reply, Service};
use serde_json::{Value, json};

use crate::server::{Answer, Server};
use crate::world::{World, config_map, list, live_config_map};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const CONFIG: &str = "store: sqlite:state.db
listen: 127.0.0.1:0
clusters:
- {name: recorded, snapshot: live.json}
- {name: served, kubeconfig: served.kubeconfig}
sources:
- {name: shop, cluster: recorded, address: git}
- {name: bank, cluster: served, address: git, watch: false}
";

/// A collector, and a service that sends its traces there and its notifications elsewhere.
struct Traced {
    collector: Receiver,
    service: Service,
    _world: World,
}

impl Traced {
    /// `replies`: what the collector says first.
    fn start(replies: Vec<Reply>) -> Self {
        let collector = Receiver::start(Reply::json(200, &json!({}))).unwrap();
        for reply in replies {
            collector.next("/v1/traces", reply);
        }
        let cluster = Server::cluster(|_, _| Answer::ok(json!({"kind": "List", "items": []}).to_string()));
        let world = World::new();
        world.write("git/a.yaml", config_map("a", "k: from-git"));
        world.write("live.json", list(&[live_config_map("a", &json!({"k": "by-hand"}))]));
        world.write("served.kubeconfig", cluster.kubeconfig());
        world.write("hook.secret", "between us");
        let url = collector.url();
        let more = format!(
            "traces: {{endpoint: '{url}'}}\nnotifications:\n  webhooks: [{{name: hook, url: '{url}/hook', secret_file: hook.secret}}]\n"
        );
        world.write("config.yaml", format!("{CONFIG}{more}"));
        let command = world.command(&["serve", "--config", "config.yaml"]);
        let service = Service::start("anchorwatch", command, &world.state().join("log")).unwrap();
        Self { collector, service, _world: world }
    }

    fn spans(&self) -> Vec<Value> {
        let each = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        let bodies = self.collector.received("/v1/traces");
        let resources = bodies.iter().flat_map(|body| each(&body.json(), "resourceSpans"));
        let scopes = resources.flat_map(|resource| each(&resource, "scopeSpans"));
        scopes.flat_map(|scope| each(&scope, "spans")).collect()
    }

    /// Waits for a span of this name.
    #[track_caller]
    fn span(&self, name: &str) -> Value {
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            let spans = self.spans();
            if let Some(found) = spans.iter().find(|span| span["name"] == name) {
                return found.clone();
            }
            assert!(Instant::now() < until, "no {name:?} in {spans:#?}\n{}", self.service.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Names of the spans below one, which have ended before it.
    fn below(&self, parent: &Value) -> Vec<String> {
        let is_below = |span: &Value| span["parentSpanId"] == parent["spanId"] && span["traceId"] == parent["traceId"];
        let spans = self.spans();
        let mut names: Vec<String> =
            spans.iter().filter(|span| is_below(span)).map(|span| span["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}

/// An attribute as text.
fn attribute(span: &Value, key: &str) -> String {
    let found = span["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == key);
    let value = &found.unwrap_or(&Value::Null)["value"];
    ["stringValue", "intValue"]
        .iter()
        .find_map(|kind| Some(value.get(kind)?.to_string()))
        .unwrap_or_default()
        .replace('"', "")
}

#[test]
fn scans_requests_and_notifications_are_traced_by_names_and_counts() {
    let traced = Traced::start(Vec::new());
    let caller = format!("00-{TRACE}-{CALLER}-01");
    assert_eq!(traced.service.ask("GET", "/livez", &[("traceparent", &caller)], "").status, 200);
    let request = traced.span("GET /livez");
    assert_eq!((&request["traceId"], &request["parentSpanId"]), (&json!(TRACE), &json!(CALLER)));
    assert_eq!(
        [attribute(&request, "http.route"), attribute(&request, "http.response.status_code")],
        ["/livez".to_owned(), "200".to_owned()]
    );
    for (source, cluster, below) in [
        ("shop", "recorded", &["ask watch", "compare", "read source", "record"][..]),
        ("bank", "served", &["ask watch", "compare", "list configmaps in shop", "read source", "record"]),
    ] {
        let scan = traced.span(&format!("scan {source}"));
        let said =
            ["source", "cluster", "triggered_by", "objects"].map(|key| attribute(&scan, &format!("anchorwatch.{key}")));
        assert_eq!(said, [source, cluster, "cron", "1"]);
        assert_eq!(traced.below(&scan), below);
        assert_ne!(scan["traceId"], json!(TRACE));
    }
    let sent = traced.span("send notification");
    assert_eq!(
        (attribute(&sent, "anchorwatch.channel"), attribute(&sent, "anchorwatch.attempt")),
        ("hook".into(), "1".into())
    );
    let bodies: String =
        traced.collector.received("/v1/traces").iter().map(|received| received.body.as_str()).collect();
    assert!(bodies.contains("service.name"), "{bodies}");
    for value in ["from-git", "by-hand", "data.k", "between us"] {
        assert!(!bodies.contains(value), "{value}: {bodies}");
    }
}

#[test]
fn a_collector_that_takes_nothing_is_said_once_and_what_was_lost_is_counted() {
    let traced = Traced::start(vec![Reply::json(503, &json!({})), Reply::Cut]);
    for count in 1..=3 {
        assert_eq!(traced.service.ask("GET", "/livez", &[], "").status, 200);
        traced.collector.wait_for("/v1/traces", count);
    }
    let until = Instant::now() + Duration::from_mins(1);
    while !traced.service.log().contains("spans were lost") {
        assert!(Instant::now() < until, "{}", traced.service.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = traced.service.log();
    // Once for each way in which it fails, whatever is lost meanwhile.
    for said in ["reason=\"the collector answered with status 503\"", "reason=\"the connection broke", "over: traces"] {
        assert_eq!(log.matches(said).count(), 1, "{said}: {log}");
    }
}
