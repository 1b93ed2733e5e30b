//! `POST /v1/chat/completions`: whole, or in pieces.
//!
//! An answer in pieces is verified like a whole one, and passed on once it is known to be as it should be: a provider that fails in
//! the middle costs time, and not the answer. Meanwhile comments keep the connection alive. Whoever would rather have it as it
//! comes says so, and gets it live.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::route::completion::ChatRequest;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt as _};
use serde_json::Value;

use super::asker::Asker;
use super::error::Error;
use super::{STREAM, live};
use crate::config::route::Streaming;
use crate::route::answer::{Answered, Given, Question, Refused, Wanted};
use crate::serve::Service;

/// How long an answer in pieces may take until the headers are sent without it: so long a failure has a status of its own.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How far apart comments are.
const COMMENTS: Duration = Duration::from_secs(5);

pub(super) async fn complete(
    State(service): State<Arc<Service>>,
    asker: Asker,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let ChatRequest { ask, model, is_streamed, with_usage, is_marked } = ChatRequest::read(&body?)?;
    let streaming = super::streaming(&service, &headers, ask.schema.is_some())?;
    let question =
        super::question(&service, &asker, &headers, (&model, Wanted::Answer(Box::new(ask)), is_marked)).await?;
    match streaming {
        Streaming::Live if is_streamed => return live::pass_on(service, question, with_usage).await,
        Streaming::Verified if is_streamed => return in_pieces(service, question, with_usage).await,
        _ => {}
    }
    let answered = service.ask(question).await?;
    let whole = answer(&answered).map(|answer| super::heading(&service, &answered).whole(answer));
    Ok((super::headers_of(&answered), Json(whole.unwrap_or_default())).into_response())
}

async fn in_pieces(service: Arc<Service>, question: Question, with_usage: bool) -> Result<Response, Error> {
    let asking = service.clone();
    let mut answering = Box::pin(async move { asking.ask(question).await });
    let early = tokio::time::timeout(PATIENCE, &mut answering).await;
    if let Ok(answered) = early {
        let answered = answered?;
        let pieces = stream::iter(pieces(&service, Ok(&answered), with_usage));
        let headers = super::headers_of(&answered);
        return Ok((headers, sse(pieces, Streaming::Verified)).into_response());
    }
    let late = stream::once(answering).flat_map(move |answered: Result<Answered, Refused>| {
        let pieces = pieces(&service, answered.as_ref().map_err(Clone::clone), with_usage);
        stream::iter(pieces)
    });
    Ok(sse(late, Streaming::Verified).into_response())
}

/// All pieces of an answer, or the error that it ended in.
fn pieces(service: &Service, answered: Result<&Answered, Refused>, with_usage: bool) -> Vec<Event> {
    let pieces: Vec<Value> = match answered {
        Ok(answered) => {
            let heading = super::heading(service, answered);
            answer(answered).map(|answer| heading.pieces(answer, with_usage)).unwrap_or_default()
        }
        Err(refused) => vec![Error::from(refused).json()],
    };
    pieces.iter().map(event).chain([done()]).collect()
}

pub(super) fn event(piece: &Value) -> Event {
    Event::default().data(piece.to_string())
}

/// The last one of every stream.
pub(super) fn done() -> Event {
    Event::default().data("[DONE]")
}

pub(super) fn sse(events: impl Stream<Item = Event> + Send + 'static, streaming: Streaming) -> impl IntoResponse {
    let keep_alive = KeepAlive::new().interval(COMMENTS).text("the answer is on its way");
    ([(STREAM, streaming.name())], Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(keep_alive))
}

pub(super) fn answer(answered: &Answered) -> Option<&anchorwatch_core::route::provider::Answer> {
    match &answered.given {
        Given::Answer(answer) => Some(answer),
        Given::Embeddings(_) => None,
    }
}
