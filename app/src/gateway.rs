//! The gateway: what speaks OpenAI's API asks here, and gets the router's guarantee by changing a base URL.
//!
//! Errors have the shape that its clients read. The answer says by its headers who really gave it.

pub(crate) mod asker;
mod chat;
mod embeddings;
mod error;
mod live;
mod models;
pub(crate) mod room;

use std::collections::BTreeSet;
use std::sync::Arc;

use anchorwatch_core::route::completion;
use anchorwatch_core::route::intent::{Intent, Said, decide};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware;
use axum::routing::{any, get, post};

use crate::config::route::Streaming;
use crate::route::answer::{Answered, Question, Wanted};
use crate::serve::Service;
use asker::Asker;
use error::Error;

/// What a prompt may be, with its images.
const MOST_BYTES: usize = 32 << 20;
/// The label that says what a request is for.
const INTENT: HeaderName = HeaderName::from_static("x-anchorwatch-intent");
const PROVIDER: HeaderName = HeaderName::from_static("x-anchorwatch-provider");
/// How a streamed answer is passed on: `verified` or `live`.
const STREAM: HeaderName = HeaderName::from_static("x-anchorwatch-stream");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What stands before an intent in the name of a model.
const MODEL: &str = "anchorwatch/";

/// Every route.
pub(crate) fn routes(service: &Arc<Service>) -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/embeddings", post(embeddings::embed))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*name}", get(models::one))
        // What else OpenAI's API has is not here, and its clients are to read that.
        .route("/v1/{*rest}", any(async || Error::not_found("the gateway has chat/completions, embeddings and models")))
        .layer(middleware::from_fn_with_state(service.clone(), room::admit))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
}

/// Puts a request together: decides what it is for, and whether it stays inside.
async fn question(
    service: &Service,
    asker: &Asker,
    headers: &HeaderMap,
    (model, wanted, is_marked): (&str, Wanted, bool),
) -> Result<Question, Error> {
    let router = &service.router;
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let said = Said { header: text(&INTENT), model: model.strip_prefix(MODEL), tainted: is_marked };
    let listed: BTreeSet<Intent> = asker.intents.iter().map(|name| router.intents.meant_by(name)).collect();
    let mut decided = match &wanted {
        Wanted::Answer(_) => decide(said, &listed, &router.intents),
        Wanted::Embeddings(_) => decide(Said { header: Some("embed"), ..Said::default() }, &listed, &router.intents),
    };
    if decided.private.is_none() && router.is_tainted(&wanted).await {
        decided = decide(Said { tainted: true, ..said }, &listed, &router.intents);
    }
    Ok(Question {
        request_id: text(&REQUEST_ID).unwrap_or_default().to_owned(),
        decided,
        wanted,
        asked_by: Some(asker.token_id.clone()),
    })
}

/// What an answer says of itself beside its body.
fn headers_of(answered: &Answered) -> HeaderMap {
    headers(&answered.provider, &answered.decided.intent)
}

/// The same, of one of which no more is known yet.
fn headers(provider: &str, intent: &Intent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [(PROVIDER, provider), (INTENT, intent.name())] {
        if let Ok(value) = HeaderValue::from_str(value)
            && !value.is_empty()
        {
            headers.insert(name, value);
        }
    }
    headers
}

/// How a streamed answer is passed on: as the request says, else as it is configured. One that has to have a shape can be
/// judged only once it is whole.
fn streaming(service: &Service, headers: &HeaderMap, has_shape: bool) -> Result<Streaming, Error> {
    let said = headers.get(&STREAM).map(|value| value.to_str().unwrap_or_default());
    let streaming = match said {
        None => service.router.streaming,
        Some(name) => {
            let wrong = || Error::bad_request(format!("{STREAM} is live or verified, not {name:?}"));
            Streaming::named(name.trim()).ok_or_else(wrong)?
        }
    };
    Ok(if has_shape { Streaming::Verified } else { streaming })
}

/// The id of an answer.
fn id(request_id: &str) -> String {
    format!("chatcmpl-{request_id}")
}

/// What every answer has at its head.
fn heading(service: &Service, answered: &Answered) -> completion::Heading {
    completion::Heading {
        id: id(&answered.request_id),
        created: service.now(),
        model: answered.model(),
        provider: answered.provider.clone(),
        left_out: answered.left_out,
    }
}
