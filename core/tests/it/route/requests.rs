//! What is sent to providers, whole.

use anchorwatch_core::route::dialect::{ollama, openai};
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::provider::{Ask, Message, Role, Schema};
use anchorwatch_core::route::shape::Shape;
use serde_json::{Value as Json, json};

fn schema() -> Shape {
    let json = json!({ "type": "object", "properties": { "cause": { "type": "string" } }, "required": ["cause"], "additionalProperties": false });
    Shape::new(Schema { name: "diagnosis".to_owned(), json }).unwrap()
}

fn call() -> Json {
    json!({ "id": "c1", "type": "function", "function": { "name": "logs", "arguments": "{\"pod\":\"web\"}" } })
}

/// An ask with all that there is.
fn ask() -> Ask {
    let image = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,aGk=" } });
    Ask {
        messages: vec![
            Message::new(Role::System, "Be short."),
            Message { parts: vec![image], ..Message::new(Role::User, "Why?") },
            Message { tool_calls: vec![call()], ..Message::new(Role::Assistant, "") },
            Message { tool_call_id: Some("c1".to_owned()), ..Message::new(Role::Tool, "OOMKilled") },
        ],
        evidence: Vec::new(),
        schema: Some(schema()),
        tools: vec![json!({ "type": "function", "function": { "name": "logs" } })],
        tool_choice: Some(json!("auto")),
        max_tokens: Some(800),
        may_be_cut: false,
        temperature: Some(0.0),
        seed: Some(7),
        stop: vec!["END".to_owned()],
        think: false,
        sampling: serde_json::Map::new(),
    }
}

#[test]
fn other_settings_of_the_sampling_are_passed_on_where_a_dialect_has_them() {
    let sampling = json!({ "top_p": 0.9, "logit_bias": { "50256": -100 } });
    let ask = Ask { sampling: sampling.as_object().unwrap().clone(), ..ask() };
    let body = openai::body("nano", &ask, openai::Ways::default());
    assert_eq!((&body["top_p"], &body["logit_bias"]), (&sampling["top_p"], &sampling["logit_bias"]));
    let ways = ollama::Ways { context_tokens: 4096, keep_alive: "30m".to_owned() };
    let body = ollama::body("qwen3:8b", &ask, &ways, false).unwrap();
    assert_eq!((&body["options"]["top_p"], body["options"].get("logit_bias")), (&sampling["top_p"], None));
}

#[test]
fn openais_dialect_passes_on_what_it_is_given() {
    let image = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,aGk=" } });
    let expected = json!({
        "model": "nano",
        "messages": [
            { "role": "system", "content": "Be short." },
            { "role": "user", "content": [{ "type": "text", "text": "Why?" }, image] },
            { "role": "assistant", "content": null, "tool_calls": [call()] },
            { "role": "tool", "content": "OOMKilled", "tool_call_id": "c1" },
        ],
        "stream": true,
        "stream_options": { "include_usage": true },
        "response_format": { "type": "json_schema", "json_schema": { "name": "diagnosis", "strict": true, "schema": schema().json } },
        "tools": [{ "type": "function", "function": { "name": "logs" } }],
        "tool_choice": "auto",
        "max_tokens": 800,
        "temperature": 0.0,
        "seed": 7,
        "stop": ["END"],
    });
    assert_eq!(openai::body("nano", &ask(), openai::Ways::default()), expected);
    let ways = openai::Ways { max_completion_tokens: true };
    let newer = openai::body("nano", &ask(), ways);
    assert_eq!((&newer["max_completion_tokens"], newer.get("max_tokens")), (&json!(800), None));
    let least = Ask { messages: vec![Message::new(Role::User, "Why?")], ..Ask::default() };
    let least = openai::body("nano", &least, openai::Ways::default());
    let messages = json!([{ "role": "user", "content": "Why?" }]);
    let streamed = json!({ "include_usage": true });
    assert_eq!(least, json!({ "model": "nano", "messages": messages, "stream": true, "stream_options": streamed }));
}

#[test]
fn ollama_is_told_all_that_it_would_choose_by_itself() {
    let ways = ollama::Ways { context_tokens: 16384, keep_alive: "30m".to_owned() };
    let schema_in_words = format!("Be short.\n\nAnswer with nothing but JSON as this schema says: {}", schema().json);
    let expected = json!({
        "model": "qwen3:8b",
        "messages": [
            { "role": "system", "content": schema_in_words },
            { "role": "user", "content": "Why?", "images": ["aGk="] },
            { "role": "assistant", "content": "", "tool_calls": [{ "id": "c1", "function": { "name": "logs", "arguments": { "pod": "web" } } }] },
            { "role": "tool", "content": "OOMKilled", "tool_call_id": "c1" },
        ],
        "format": schema().json,
        "think": false,
        "tools": [{ "type": "function", "function": { "name": "logs" } }],
        "keep_alive": "30m",
        "options": { "num_ctx": 16384, "num_predict": 800, "temperature": 0.0, "seed": 7, "stop": ["END"] },
        "stream": true,
    });
    let mut body = ollama::body("qwen3:8b", &ask(), &ways, true).unwrap();
    body["stream"] = true.into();
    assert_eq!(body, expected);
    assert!(ollama::body("qwen3:8b", &ask(), &ways, false).unwrap().get("think").is_none());
    let forever = ollama::Ways { keep_alive: "-1".to_owned(), ..ways };
    assert_eq!(ollama::warm_up_body("qwen3:8b", &forever)["keep_alive"], -1);
}

#[test]
fn what_ollama_cannot_be_asked_is_the_callers_fault() {
    let ways = ollama::Ways { context_tokens: 4096, keep_alive: "5m".to_owned() };
    let linked = json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } });
    let garbled = json!({ "function": { "name": "logs", "arguments": "{" } });
    for message in [
        Message { parts: vec![linked], ..Message::new(Role::User, "") },
        Message { parts: vec![json!({ "type": "input_audio" })], ..Message::new(Role::User, "") },
        Message { tool_calls: vec![garbled], ..Message::new(Role::Assistant, "") },
    ] {
        let ask = Ask { messages: vec![message.clone()], ..Ask::default() };
        let failure = ollama::body("qwen3:8b", &ask, &ways, false).unwrap_err();
        assert!(matches!(failure, Failure::Unsupported(_)) && failure.is_callers_fault(), "{message:?}");
    }
}
