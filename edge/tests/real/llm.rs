//! A real model on a real server: llama.cpp with `SmolLM2`, from Python's package index. Nothing is said of what it answers,
//! but of its shape.

use std::io::Write as _;
use std::time::Duration;

use anchorwatch_core::route::dialect::{Gathering, nemotron, openai};
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::provider::{Answer, Ask, Dialect, Limits, Message, Piece, Role, Schema};
use anchorwatch_core::route::shape::Shape;
use anchorwatch_edge::llm::{Local, Settings};
use anchorwatch_edge::outbound::Outbound;
use anchorwatch_testbed::Llama;
use futures::StreamExt as _;
use serde_json::json;

const LONG: Duration = Duration::from_mins(2);

fn provider(dialect: Dialect, url: &str) -> Local {
    let inside = Outbound::inside_only(anchorwatch_core::route::locality::Networks::loopback());
    let settings = Settings { base_url: url.to_owned(), model: Llama::MODEL.to_owned(), key: None };
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

/// The answer, and in how many pieces it came.
async fn answer(provider: &Local, ask: &Ask, limits: Limits) -> Result<(Answer, usize), Failure> {
    let mut streamed = provider.stream(ask, limits).await?;
    let (mut gathering, mut pieces) = (Gathering::default(), 0);
    while let Some(piece) = streamed.pieces.next().await {
        gathering.push(piece?);
        pieces += 1;
    }
    gathering.finish(streamed.origin).map(|answer| (answer, pieces))
}

#[tokio::test]
async fn a_real_server_answers_as_a_nemotron_and_as_openai_does() {
    let llama = match Llama::start() {
        Ok(llama) => llama,
        Err(why) => return writeln!(std::io::stderr(), "skipped: {why}").unwrap(),
    };
    for dialect in [Dialect::OpenAi, Dialect::Nemotron] {
        let provider = provider(dialect, llama.url());
        provider.health(LONG).await.unwrap();
        let shape = schema();

        let (said, pieces) = answer(&provider, &ask(), Limits::within(LONG)).await.unwrap();
        shape.judge(&said.text).unwrap();
        assert!(pieces > 3 && said.end.usage.prompt_tokens > Some(10) && said.end.usage.completion_tokens > Some(5));
        assert!(said.end.speed.tokens_per_second > Some(0.0));
        assert_eq!(format!("http://{}", said.origin.peer.unwrap()), llama.url());
        assert_eq!(said.end.model, "m");
        let (again, _) = answer(&provider, &ask(), Limits::within(LONG)).await.unwrap();
        assert_eq!(again.text, said.text, "nothing in it is by chance");

        let cut = answer(&provider, &Ask { max_tokens: Some(3), ..ask() }, Limits::within(LONG)).await;
        assert_eq!(cut, Err(Failure::Length));
        let soon = Limits { whole: Duration::from_millis(50), ..Limits::within(LONG) };
        assert_eq!(answer(&provider, &long_ask(), soon).await.unwrap_err().code(), "provider_timeout");

        // Its only slot is free again for the next question as soon as nobody listens any more.
        let mut dropped = provider.stream(&long_ask(), Limits::within(LONG)).await.unwrap();
        assert!(matches!(dropped.pieces.next().await, Some(Ok(Piece::Text(_)))));
        drop(dropped);
        let (next, _) = answer(&provider, &ask(), Limits::within(LONG)).await.unwrap();
        shape.judge(&next.text).unwrap();

        let vectors = provider.embed(&["a".to_owned()], Limits::within(LONG)).await.unwrap_err();
        assert_eq!(vectors.code(), "server_error", "it was not started for that");
    }
    drop(llama);
}
