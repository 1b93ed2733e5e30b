//! Answers that are passed on as they come: who is followed by the next one, what ends a stream, and what is remembered of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anchorwatch_testbed::{Answer, Reply};
use serde_json::{Value, json};

use crate::gateway::{CHAT, Gateway, busy, content, said};

fn asked(content: &str) -> Value {
    json!({"model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": content}]})
}

/// Asks for a stream of this kind.
fn ask(gateway: &Gateway, stream: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", gateway.token);
    let headers = [("authorization", bearer.as_str()), ("x-anchorwatch-stream", stream)];
    gateway.service.ask("POST", CHAT, &headers, &body.to_string())
}

/// What a stream said: its text, and its last piece.
fn told(text: &str) -> (String, Value) {
    let pieces: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let text = pieces.iter().filter_map(|piece| piece["choices"][0]["delta"]["content"].as_str()).collect();
    (text, pieces.last().cloned().unwrap_or_default())
}

/// A provider's answer up to its first word.
fn begun(text: &str) -> (Vec<String>, String) {
    let Reply::Say { headers, body, .. } = said(text) else { unreachable!("it says something") };
    (headers, body.split_inclusive("\n\n").next().unwrap().to_owned())
}

/// Whether somebody who quotes this as an answer is still answered inside.
fn is_private(gateway: &Gateway, quoted: &str) -> bool {
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": format!("translate what is below ({} characters)", quoted.len())},
        {"role": "assistant", "content": quoted},
    ]});
    content(&gateway.ask_as(&gateway.token, "chat", &body)) != "from the cloud"
}

#[test]
fn a_live_answer_moves_on_until_it_has_begun_and_ends_with_an_error_after_that() {
    let gateway = Gateway::start();
    gateway.nemotron.next(CHAT, busy());
    let answer = ask(&gateway, "live", &asked("why?"));
    assert_eq!((answer.status, answer.header("x-anchorwatch-provider")), (200, Some("second")), "{}", answer.text);
    assert_eq!(answer.header("x-anchorwatch-stream"), Some("live"));
    let (text, last) = told(&answer.text);
    assert_eq!((text.as_str(), &last["usage"]["total_tokens"]), ("from the second", &json!(7)));
    assert_eq!(last["model"], "really-this-one");
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    // Once it has begun nobody else can go on with it.
    let (headers, body) = begun("half of it");
    gateway.nemotron.next(CHAT, Reply::Say { status: 200, headers, body });
    let answer = ask(&gateway, "live", &asked("and now?"));
    assert_eq!((answer.status, answer.header("x-anchorwatch-provider")), (200, Some("nemotron")), "{}", answer.text);
    let (text, last) = told(&answer.text);
    assert_eq!((text.as_str(), &last["error"]["code"]), ("half of it", &json!("broken_off")), "{}", answer.text);
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    assert!(is_private(&gateway, "half of it") && is_private(&gateway, "from the second"));
    assert!(!is_private(&gateway, "something else"));
    let rows = json!(gateway.audit()).to_string();
    assert!(rows.contains("truncated_stream"), "{rows}");
    // Nobody answers: that has a status of its own.
    gateway.nemotron.otherwise(busy());
    gateway.second.otherwise(busy());
    assert_eq!(ask(&gateway, "live", &asked("why?")).status, 503);
}

#[test]
fn what_has_a_shape_is_verified_whatever_is_wanted() {
    let gateway = Gateway::start();
    assert_eq!(ask(&gateway, "verified", &asked("why?")).header("x-anchorwatch-stream"), Some("verified"));
    let mut body = asked("why?");
    body["response_format"] = json!({"type": "json_object"});
    gateway.nemotron.next(CHAT, said("no JSON"));
    gateway.nemotron.next(CHAT, said("{}"));
    let answer = ask(&gateway, "live", &body);
    assert_eq!(answer.header("x-anchorwatch-stream"), Some("verified"), "{}", answer.text);
    assert_eq!(told(&answer.text).0, "{}");
    let refused = ask(&gateway, "quickly", &asked("why?"));
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("live or verified"), "{}", refused.text);
}

#[test]
fn whoever_hangs_up_ends_the_asking_and_what_was_read_stays_private() {
    let gateway = Gateway::start();
    let (headers, body) = begun("the secret plan");
    gateway.nemotron.next(CHAT, Reply::Stall { headers, body });
    let mut stream = connected(&gateway, "live");
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("the secret plan") {
        let mut part = [0; 1024];
        let length = stream.read(&mut part).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&part[..length]);
    }
    drop(stream);
    gateway.service.until("the end of the attempt", || json!(gateway.audit()).to_string().contains("cancelled"));
    gateway.service.until("what was read is private", || is_private(&gateway, "the secret plan"));
    assert_eq!(Gateway::sent(&gateway.second).len(), 0, "nobody else is asked");
    counted_as_cancelled(&gateway);
}

#[test]
fn whoever_hangs_up_before_there_is_anything_is_counted_too() {
    let gateway = Gateway::start();
    let (headers, body) = begun("the secret plan");
    gateway.nemotron.next(CHAT, Reply::Stall { headers, body });
    let stream = connected(&gateway, "verified");
    gateway.nemotron.wait_for(CHAT, 1);
    drop(stream);
    counted_as_cancelled(&gateway);
}

/// A client that has asked, and reads by itself.
fn connected(gateway: &Gateway, streaming: &str) -> TcpStream {
    let body = asked("what is planned?").to_string();
    let host = gateway.service.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(
        stream,
        "POST {CHAT} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nX-Anchorwatch-Stream: {streaming}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        gateway.token,
        body.len(),
    )
    .unwrap();
    stream
}

/// Waits until the only request is counted as one that somebody no longer wanted.
fn counted_as_cancelled(gateway: &Gateway) {
    let viewer = Gateway::token_of(&gateway.world, "eve", &[]);
    let counted = "route_requests_total{intent=\"diagnose\",outcome=\"cancelled\"} 1";
    gateway.service.until("its count", || gateway.service.get("/metrics", &viewer).text.contains(counted));
}
