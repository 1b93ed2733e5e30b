//! Clients that other people wrote, at the gateway, with nothing but a base URL and a key. The provider behind it is played.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anchorwatch_testbed::{Receiver, Reply, python};
use serde_json::{Value, json};

use crate::gateway::Gateway;

/// The releases that are used, together and each with what it needs.
const CLIENTS: [&str; 2] = ["openai==3.57.0", "litellm==1.110.2"];
const HOLMES: [&str; 1] = ["holmesgpt==0.45.0"];
const CHAT: &str = "/v1/chat/completions";
const EMBEDDINGS: &str = "/v1/embeddings";
/// Long enough for Python on a busy machine.
const RUN_LIMIT: Duration = Duration::from_mins(2);

/// An answer in pieces, as OpenAI's servers send them.
fn stream(deltas: &[Value], finish: &str) -> Reply {
    let piece = |choices: &Value| json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "really-this-one", "choices": choices});
    let delta = |delta: &Value| piece(&json!([{"index": 0, "delta": delta, "finish_reason": null}]));
    let mut usage = piece(&json!([]));
    usage["usage"] = json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7});
    let end = piece(&json!([{"index": 0, "delta": {}, "finish_reason": finish}]));
    let mut body = String::new();
    for piece in deltas.iter().map(delta).chain([end, usage]) {
        let _ = write!(body, "data: {piece}\n\n");
    }
    let headers = vec!["Content-Type: text/event-stream".to_owned()];
    Reply::Say { status: 200, headers, body: format!("{body}data: [DONE]\n\n") }
}

fn said(text: &str) -> Reply {
    stream(&[json!({"role": "assistant", "content": text})], "stop")
}

/// A call whose arguments come in two pieces.
fn called(name: &str, arguments: (&str, &str)) -> Reply {
    let first = json!({"role": "assistant", "content": null, "tool_calls": [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments.0}}]});
    let second = json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments.1}}]});
    stream(&[first, second], "tool_calls")
}

fn logs() -> Reply {
    called("logs", ("{\"pod\": ", "\"web-0\"}"))
}

fn vectors() -> Reply {
    let vector = |index: usize, numbers: [f64; 2]| json!({"object": "embedding", "index": index, "embedding": numbers});
    let data = [vector(0, [0.5, -1.0]), vector(1, [1.0, 2.0])];
    let usage = json!({"prompt_tokens": 2, "total_tokens": 2});
    Reply::json(200, &json!({"object": "list", "model": "small", "usage": usage, "data": data}))
}

/// A gateway before one provider, which says this in its order, and is busy then.
fn before(chat: Vec<Reply>) -> (Gateway, Receiver) {
    let played = Receiver::start(Reply::json(503, &json!({"error": {"message": "too many", "type": "busy"}}))).unwrap();
    // It is well, and asked for that once.
    played.next("/health/readiness", Reply::json(200, &json!({"status": "ok"})));
    for reply in chat {
        played.next(CHAT, reply);
    }
    let provider = format!("{{name: played, dialect: openai, url: '{}', model: small}}", played.url());
    (Gateway::start(&format!("providers: [{provider}]\nprivate: [played]"), &[]), played)
}

/// Somebody's environment of Python; without one, a test is none.
fn installed(name: &str, packages: &[&str]) -> Option<PathBuf> {
    python::environment(name, packages).map_err(|why| crate::skipped(&why)).ok()
}

/// Runs a program that finds the gateway by its environment; what it prints.
#[track_caller]
fn run(gateway: &Gateway, program: &Path, arguments: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(home.path()).env_clear().env("HOME", home.path());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let url = format!("{}/v1", gateway.service.url());
    command.env("OPENAI_BASE_URL", &url).env("OPENAI_API_BASE", &url).env("OPENAI_API_KEY", &gateway.token);
    // Nothing is asked of the internet.
    command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    let output = anchorwatch_testbed::run(command, b"", RUN_LIMIT).unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{out}\n{err}\n{}", gateway.service.log());
    out
}

fn script(name: &str) -> String {
    format!("{}/tests/real/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn openais_own_client_is_served() {
    let Some(folder) = installed("clients", &CLIENTS) else { return };
    let text = || said("out of memory");
    let shaped = || said("{\"cause\": \"oom\", \"is_urgent\": true}");
    let (gateway, played) = before(vec![text(), text(), logs(), text(), logs(), shaped(), shaped(), text(), text()]);
    played.next(EMBEDDINGS, vectors());
    played.next(EMBEDDINGS, vectors());
    run(&gateway, &folder.join("bin/python"), &[&script("openai_client.py")]);
    let asked: Vec<Value> = played.received(CHAT).iter().map(anchorwatch_testbed::Received::json).collect();
    assert_eq!(asked[2]["tools"][0]["function"]["name"], "logs");
    assert_eq!(
        (&asked[3]["messages"][2]["role"], &asked[3]["messages"][2]["content"]),
        (&json!("tool"), &json!("killed"))
    );
    assert_eq!(asked[5]["response_format"]["type"], "json_schema");
    gateway.audit();
}

#[test]
fn litellms_client_is_served() {
    let Some(folder) = installed("clients", &CLIENTS) else { return };
    let text = || said("out of memory");
    let (gateway, played) =
        before(vec![text(), text(), logs(), text(), said("{\"cause\": \"oom\", \"is_urgent\": true}")]);
    played.next(EMBEDDINGS, vectors());
    run(&gateway, &folder.join("bin/python"), &[&script("litellm_client.py")]);
    gateway.audit();
}

#[test]
fn holmesgpt_looks_into_something_by_the_gateway() {
    let Some(folder) = installed("holmes", &HOLMES) else { return };
    // It takes a note by a tool of its own, and then it knows.
    let note = ("{\"todos\": [{\"id\": \"1\", \"content\": \"look at ", "the logs\", \"status\": \"pending\"}]}");
    let (gateway, played) = before(vec![called("TodoWrite", note), said("it is out of memory")]);
    let ask = ["ask", "why does web crash?", "--model", "openai/anchorwatch/diagnose", "--no-interactive"];
    let out = run(&gateway, &folder.join("bin/holmes"), &ask);
    assert!(out.contains("it is out of memory"), "{out}");
    let asked: Vec<Value> = played.received(CHAT).iter().map(anchorwatch_testbed::Received::json).collect();
    let [first, second] = &asked[..] else { panic!("{}", asked.len()) };
    assert!(first["tools"].as_array().unwrap().iter().any(|tool| tool["function"]["name"] == "TodoWrite"), "{first}");
    let messages = second["messages"].as_array().unwrap();
    let [call, result] = messages.last_chunk().unwrap();
    assert_eq!(call["tool_calls"][0]["function"]["arguments"], [note.0, note.1].concat());
    assert!(result["role"] == "tool" && result["content"].as_str().unwrap().contains("look at the logs"), "{result}");
    gateway.audit();
}
