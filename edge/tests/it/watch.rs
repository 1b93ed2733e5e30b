//! A stream against a server that expires, cuts, refuses, hangs and floods.

use std::time::Duration;

use anchorwatch_edge::cluster::{Cluster, ConnectOptions, Event, Watches};

use crate::server::{Answer, End, Server};

const PATH: &str = "/api/v1/configmaps";
/// Only for tests that would never end.
const LIMIT: Duration = Duration::from_mins(1);

fn list(version: &str, names: &[&str]) -> Answer {
    let items: Vec<String> = names.iter().map(|name| format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).collect();
    let items = items.join(",");
    let body = format!(r#"{{"kind":"ConfigMapList","metadata":{{"resourceVersion":"{version}"}},"items":[{items}]}}"#);
    Answer::ok(body, End::Clean)
}

fn event(of: &str, name: &str, version: &str) -> String {
    format!(
        "{{\"type\":\"{of}\",\"object\":{{\"metadata\":{{\"name\":\"{name}\",\"resourceVersion\":\"{version}\"}}}}}}\n"
    )
}

fn is_watch(target: &str) -> bool {
    target.contains("watch=true")
}

async fn watch(server: &Server) -> Watches {
    let options = ConnectOptions { kubeconfig: Some(server.kubeconfig()), context: None, in_cluster: false };
    Cluster::connect(&options).await.unwrap().watch([PATH.to_owned()])
}

/// What comes, a word each, until so many came.
async fn told(watches: &mut Watches, most: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < most {
        let next = tokio::time::timeout(LIMIT, watches.next()).await;
        let (index, event) = next.unwrap_or_else(|_| panic!("nothing more came after {all:?}")).unwrap();
        assert_eq!(index, 0);
        all.push(word(&event));
    }
    all
}

fn word(event: &Event) -> String {
    let name = |raw: &str| {
        let object: serde_json::Value = serde_json::from_str(raw).unwrap();
        object["metadata"]["name"].as_str().unwrap().to_owned()
    };
    match event {
        Event::Listing => "listing".to_owned(),
        Event::Page(page) => format!("page {}", page.items().map(name).collect::<Vec<_>>().join(" ")),
        Event::Listed { resource_version } => format!("listed {resource_version}"),
        Event::Applied(raw) => format!("applied {}", name(raw)),
        Event::Deleted(raw) => format!("deleted {}", name(raw)),
        Event::Lost { error, .. } => format!("lost {error}"),
        Event::Restored => "restored".to_owned(),
        Event::Reached(probe) => format!("reached {probe}"),
    }
}

/// The versions that watches began from, in order.
fn versions(server: &Server) -> Vec<String> {
    let of = |target: &String| {
        let (_, rest) = target.split_once("resourceVersion=")?;
        Some(rest.split('&').next()?.to_owned())
    };
    server.asked().iter().filter(|target| is_watch(target)).filter_map(of).collect()
}

/// Answers watches one after the other, and each list as the first.
fn playing(answers: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Server {
    let watches = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |target, _| {
        if is_watch(target) {
            return answers(watches.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        }
        list("10", &["a"])
    })
}

#[tokio::test]
async fn a_list_comes_before_its_changes() {
    let server = playing(|_| {
        let events = event("ADDED", "b", "11") + &event("MODIFIED", "a", "12") + &event("DELETED", "b", "13");
        Answer::ok(events, End::Hang)
    });
    let all = told(&mut watch(&server).await, 6).await;
    assert_eq!(all, ["listing", "page a", "listed 10", "applied b", "applied a", "deleted b"]);
    let asked = server.asked();
    assert!(
        asked[1]
            .starts_with("/api/v1/configmaps?watch=true&allowWatchBookmarks=true&resourceVersion=10&timeoutSeconds=")
    );
}

#[tokio::test]
async fn a_probe_comes_after_what_was_sent_before_it() {
    let server = playing(|_| Answer::ok(event("ADDED", "b", "11"), End::Hang));
    let mut watches = watch(&server).await;
    // Also one that is asked for before the stream has begun.
    assert_eq!(watches.probe(), 1);
    let mut all = told(&mut watches, 5).await;
    assert_eq!(all.split_off(3), ["applied b", "reached 1"]);
    assert_eq!((watches.probe(), watches.probe()), (2, 3));
    let all = told(&mut watches, 1).await;
    let last = if all == ["reached 2"] { told(&mut watches, 1).await } else { all };
    assert_eq!(last, ["reached 3"]);
    assert!(server.asked().iter().any(|target| target.ends_with("/configmaps?limit=1")));
}

#[tokio::test]
async fn a_probe_that_is_refused_is_not_reached() {
    let probes = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |target, _| match target {
        watch if is_watch(watch) => Answer::ok(String::new(), End::Hang),
        probe if probe.ends_with("limit=1") && probes.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 => {
            Answer::refusal(403, "")
        }
        _ => list("10", &["a"]),
    });
    let mut watches = watch(&server).await;
    told(&mut watches, 3).await;
    watches.probe();
    while !server.asked().iter().any(|target| target.ends_with("limit=1")) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(watches.probe(), 2);
    assert_eq!(told(&mut watches, 1).await, ["reached 2"]);
}

#[tokio::test]
async fn a_stream_goes_on_from_the_last_event_or_bookmark() {
    let server = playing(|before| match before {
        0 => Answer::ok(event("ADDED", "b", "11") + &event("BOOKMARK", "", "19"), End::Clean),
        1 => Answer::ok(event("ADDED", "c", "20") + "{\"type\":\"ADDED\",\"object\":{\"meta", End::Cut),
        2 => Answer::ok(event("ADDED", "d", "21") + event("ADDED", "lost", "22").trim_end(), End::Clean),
        _ => Answer::ok(event("ADDED", "e", "23"), End::Hang),
    });
    let all = told(&mut watch(&server).await, 7).await;
    assert_eq!(all[3..], ["applied b", "applied c", "applied d", "applied e"]);
    assert_eq!(versions(&server), ["10", "19", "20", "21"]);
}

#[tokio::test]
async fn what_expired_is_listed_anew() {
    let error = |code: u16, reason: &str| {
        let object = serde_json::json!({"kind": "Status", "code": code, "reason": reason, "message": "too old"});
        Answer::ok(format!("{}\n", serde_json::json!({"type": "ERROR", "object": object})), End::Clean)
    };
    let server = playing(move |before| match before {
        0 => Answer::refusal(410, ""),
        1 => error(410, "Expired"),
        2 => error(0, "Gone"),
        _ => Answer::ok(event("ADDED", "b", "11"), End::Hang),
    });
    let all = told(&mut watch(&server).await, 13).await;
    let once = ["listing", "page a", "listed 10"];
    assert_eq!(all, [&once[..], &once, &once, &once, &["applied b"]].concat());
}

#[tokio::test]
async fn a_list_that_expires_between_its_pages_begins_anew() {
    let server = Server::start(|target, before| match before {
        0 => Answer::ok(
            r#"{"kind":"ConfigMapList","metadata":{"resourceVersion":"5","continue":"t"},"items":[{"metadata":{"name":"gone"}}]}"#,
            End::Clean,
        ),
        1 => Answer::refusal(410, ""),
        _ if is_watch(target) => Answer::ok("", End::Hang),
        _ => list("10", &["a"]),
    });
    let all = told(&mut watch(&server).await, 5).await;
    assert_eq!(all, ["listing", "page gone", "listing", "page a", "listed 10"]);
}

#[tokio::test]
async fn a_refusal_is_told_and_tried_again_from_the_same_version() {
    let server = playing(|before| match before {
        0 | 1 => Answer::refusal(403, ""),
        2 => Answer::refusal(429, "Retry-After: 1\r\n"),
        _ => Answer::ok(event("ADDED", "b", "11"), End::Hang),
    });
    let all = told(&mut watch(&server).await, 8).await;
    let refused = |code: u16| format!("lost cluster test answered {code}: as the test says");
    assert_eq!(all[3..], [&refused(403), &refused(403), &refused(429), "restored", "applied b"]);
    assert_eq!(versions(&server), ["10", "10", "10", "10"]);
}

#[tokio::test]
async fn a_kind_that_is_gone_is_listed_when_it_is_back() {
    let server = Server::start(|target, before| match before {
        0 => list("10", &["a"]),
        1 | 2 => Answer::refusal(404, ""),
        _ if is_watch(target) => Answer::ok("", End::Hang),
        _ => list("30", &[]),
    });
    let all = told(&mut watch(&server).await, 9).await;
    let gone = "lost cluster test answered 404: as the test says";
    assert_eq!(all, ["listing", "page a", "listed 10", gone, gone, "listing", "page ", "listed 30", "restored"]);
    assert_eq!(versions(&server), ["10", "30"]);
}

#[tokio::test]
async fn an_event_too_large_or_unreadable_is_told_and_listed() {
    let server = playing(|before| match before {
        0 => Answer::ok("x".repeat(17 << 20), End::Hang),
        1 => Answer::ok("<html>log in</html>\n", End::Clean),
        2 => Answer::ok(event("RENAMED", "b", "11"), End::Clean),
        _ => Answer::ok(event("ADDED", "b", "11"), End::Hang),
    });
    let all = told(&mut watch(&server).await, 19).await;
    let lost: Vec<&String> = all.iter().filter(|word| word.starts_with("lost")).collect();
    assert_eq!(lost.len(), 3, "{all:?}");
    assert!(lost[0].contains("more than 16777216 bytes") && lost[2].contains("RENAMED"), "{lost:?}");
    assert_eq!(all[14..], ["listing", "page a", "listed 10", "restored", "applied b"], "{all:?}");
}

#[tokio::test]
async fn a_stream_that_is_silent_for_too_long_is_begun_again() {
    let server = playing(|before| match before {
        0 => Answer::ok(event("ADDED", "b", "11"), End::Hang),
        _ => Answer::ok(event("ADDED", "c", "12"), End::Hang),
    });
    let mut watches = watch(&server).await;
    assert_eq!(told(&mut watches, 4).await[3], "applied b");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(200)).await;
    tokio::time::resume();
    assert_eq!(told(&mut watches, 1).await, ["applied c"]);
    assert_eq!(versions(&server), ["10", "11"]);
}

#[tokio::test]
async fn a_slow_reader_loses_nothing() {
    let server = playing(|before| match before {
        0 => Answer::ok(
            (0..5000).map(|n| event("ADDED", &format!("n{n}"), &(11 + n).to_string())).collect::<String>(),
            End::Clean,
        ),
        _ => Answer::ok("", End::Hang),
    });
    let mut watches = watch(&server).await;
    told(&mut watches, 3).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let expected: Vec<String> = (0..5000).map(|n| format!("applied n{n}")).collect();
    assert_eq!(told(&mut watches, 5000).await, expected);
}

#[tokio::test]
async fn dropped_streams_ask_no_more() {
    let server = playing(|_| Answer::ok("", End::Clean));
    let mut watches = watch(&server).await;
    told(&mut watches, 3).await;
    drop(watches);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let asked = server.asked().len();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(server.asked().len(), asked);
}
