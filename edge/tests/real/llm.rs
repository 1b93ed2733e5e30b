//! A real model on a real server: llama.cpp with `SmolLM2`, from Python's package index. Nothing is said of what it answers,
//! but of its shape.

use std::io::Write as _;
use std::time::Duration;

use anchorwatch_core::route::dialect::{Gathering, nemotron, openai};
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::provider::{Ask, Dialect, Limits, Message, Piece, Role, Schema};
use anchorwatch_core::route::shape::Shape;
use anchorwatch_edge::llm::{Local, Settings};
use anchorwatch_edge::outbound::Outbound;
use anchorwatch_testbed::Llama;
use futures::StreamExt as _;
use serde_json::json;

const LONG: Duration = Duration::from_mins(2);

fn provider(dialect: Dialect, url: &str) -> Local {
    let inside = Outbound::inside_only(anchorwatch_core::route::locality::Networks::loopback());
    let settings =
        Settings { name: "llama".to_owned(), base_url: url.to_owned(), model: Llama::MODEL.to_owned(), key: None };
    match dialect {
        Dialect::Nemotron => Local::nemotron(inside, settings, nemotron::Ways::default()),
        _ => Local::openai(inside, settings, openai::Ways::default()),
    }
}

fn schema() -> Shape {
    let json = json!({
        "type": "object", "additionalProperties": false, "required": ["level", "is_urgent"],
        "properties": { "level": { "enum": ["high", "low"] }, "is_urgent": { "type": "boolean" } },
    });
    Shape::new(Schema { name: "diagnosis".to_owned(), json }).unwrap()
}

fn ask() -> Ask {
    let messages = vec![
        Message::new(Role::System, "You judge alerts, in JSON."),
        Message::new(Role::User, "The pod web-0 was killed because it was out of memory."),
    ];
    let temperature = Some(0.0);
    Ask { messages, schema: Some(schema()), max_tokens: Some(100), temperature, seed: Some(7), ..Ask::default() }
}

/// A question that is answered at length.
fn long_ask() -> Ask {
    let messages = vec![Message::new(Role::User, "Tell a long story of a ship and its anchor.")];
    Ask { messages, max_tokens: Some(2000), temperature: Some(0.0), seed: Some(7), ..Ask::default() }
}

#[tokio::test]
async fn a_real_server_answers_as_a_nemotron_and_as_openai_does() {
    let llama = match Llama::start() {
        Ok(llama) => llama,
        Err(why) => return writeln!(std::io::stderr(), "skipped: {why}").unwrap(),
    };
    for dialect in [Dialect::OpenAi, Dialect::Nemotron] {
        let provider = provider(dialect, llama.url());
        assert_eq!(provider.models(LONG).await.unwrap(), ["m"]);
        let shape = schema();

        let whole = provider.chat(&ask(), Limits::within(LONG)).await.unwrap();
        shape.judge(&whole.text).unwrap();
        assert!(whole.end.usage.prompt_tokens > Some(10) && whole.end.usage.completion_tokens > Some(5));
        assert!(whole.end.speed.tokens_per_second > Some(0.0));
        assert_eq!(format!("http://{}", whole.origin.peer.unwrap()), llama.url());

        let mut streamed = provider.stream(&ask(), Limits::within(LONG)).await.unwrap();
        let (mut gathering, mut pieces) = (Gathering::default(), 0);
        while let Some(piece) = streamed.pieces.next().await {
            gathering.push(piece.unwrap());
            pieces += 1;
        }
        let streamed = gathering.finish(streamed.origin).unwrap();
        assert_eq!((streamed.text, streamed.end.model.as_str()), (whole.text, "m"), "nothing in it is by chance");
        assert!(pieces > 3 && streamed.end.usage.prompt_tokens > Some(10));

        let cut = provider.chat(&Ask { max_tokens: Some(3), ..ask() }, Limits::within(LONG)).await;
        assert_eq!(cut, Err(Failure::Length));
        let soon = Limits { whole: Duration::from_millis(50), ..Limits::within(LONG) };
        assert_eq!(provider.chat(&long_ask(), soon).await.unwrap_err().code(), "provider_timeout");

        // Its only slot is free again for the next question as soon as nobody listens any more.
        let mut dropped = provider.stream(&long_ask(), Limits::within(LONG)).await.unwrap();
        assert!(matches!(dropped.pieces.next().await, Some(Ok(Piece::Text(_)))));
        drop(dropped);
        let next = provider.chat(&ask(), Limits::within(LONG)).await.unwrap();
        shape.judge(&next.text).unwrap();

        let vectors = provider.embed(&["a".to_owned()], Limits::within(LONG)).await.unwrap_err();
        assert_eq!(vectors.code(), "server_error", "it was not started for that");
    }
    drop(llama);
}
