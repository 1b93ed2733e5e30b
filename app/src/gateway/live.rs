//! An answer in pieces that is passed on as it comes. What fails after the first piece is said in the stream, and ends it.

use std::sync::Arc;

use anchorwatch_core::route::completion::Heading;
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response};
use futures::stream::{self, StreamExt as _};
use tracing::Instrument as _;

use super::chat::{PATIENCE, answer, done, event, sse};
use super::error::Error;
use crate::config::route::Streaming;
use crate::route::answer::{Answered, Question, Refused};
use crate::route::live::{Passed, outlet};
use crate::serve::Service;

/// Passes an answer on. Whoever hangs up ends the asking: it waits for nothing but for somebody who reads.
pub(super) async fn pass_on(service: Arc<Service>, question: Question, with_usage: bool) -> Result<Response, Error> {
    let (outlet, mut passed) = outlet();
    let heading = Heading {
        id: super::id(&question.request_id),
        created: service.now(),
        model: String::new(),
        provider: String::new(),
        left_out: 0,
    };
    let intent = question.decided.intent.clone();
    let asking = async move { service.ask_live(question, outlet).await };
    tokio::spawn(asking.in_current_span());
    let first = match tokio::time::timeout(PATIENCE, passed.recv()).await {
        Ok(Some(Passed::Over(Err(refused)))) => return Err(refused.into()),
        Ok(first) => first,
        Err(_late) => None,
    };
    let headers = match &first {
        Some(Passed::Begun { provider, .. }) => super::headers(provider, &intent),
        _ => super::headers("", &intent),
    };
    let mut pieces = Pieces { heading, with_usage };
    let passed = stream::iter(first).chain(stream::poll_fn(move |context| passed.poll_recv(context)));
    let events = passed.flat_map(move |passed| stream::iter(pieces.of(passed)));
    Ok((headers, sse(events, Streaming::Live)).into_response())
}

/// Puts what is passed on into the shape that clients read.
struct Pieces {
    heading: Heading,
    with_usage: bool,
}

impl Pieces {
    fn of(&mut self, passed: Passed) -> Vec<Event> {
        match passed {
            Passed::Begun { provider, asked_model } => {
                (self.heading.provider, self.heading.model) = (provider, asked_model);
                vec![event(&self.heading.opening())]
            }
            Passed::Text(text) => vec![event(&self.heading.text(&text))],
            Passed::ToolCalls(deltas) => vec![event(&self.heading.tool_calls(&deltas))],
            Passed::Over(Ok(answered)) => self.end(&answered),
            Passed::Over(Err(refused)) => vec![error(refused), done()],
        }
    }

    /// The last pieces say which model it really was.
    fn end(&mut self, answered: &Answered) -> Vec<Event> {
        let Some(answer) = answer(answered) else { return vec![done()] };
        if let Some(model) = answered.given.model() {
            self.heading.model = model;
        }
        self.heading.left_out = answered.left_out;
        let mut events = vec![event(&self.heading.closing(&answer.end))];
        events.extend(self.with_usage.then(|| event(&self.heading.usage(&answer.end))));
        events.push(done());
        events
    }
}

fn error(refused: Refused) -> Event {
    event(&Error::from(refused).json())
}
