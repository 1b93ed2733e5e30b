//! `POST /v1/embeddings`: always private.

use std::sync::Arc;

use anchorwatch_core::route::shape;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use super::asker::Asker;
use super::error::Error;
use crate::route::answer::{Given, Wanted};
use crate::serve::Service;

/// Texts of one request.
const MOST_TEXTS: usize = 2048;

#[derive(Deserialize)]
struct Asked {
    input: Input,
    #[serde(default)]
    model: String,
    encoding_format: Option<String>,
    dimensions: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Several(Vec<String>),
}

pub(super) async fn embed(
    State(service): State<Arc<Service>>,
    asker: Asker,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let json = shape::strict(&body?).map_err(|error| Error::bad_request(error.to_string()))?;
    let asked: Asked = serde_json::from_value(json)
        .map_err(|error| Error::bad_request(format!("{error}; `input` is a text or a list of texts")))?;
    let texts = match asked.input {
        Input::One(text) => vec![text],
        Input::Several(texts) => texts,
    };
    if texts.is_empty() || texts.len() > MOST_TEXTS || texts.iter().any(String::is_empty) {
        return Err(Error::bad_request(format!("`input` has 1 to {MOST_TEXTS} texts, none of them empty")));
    }
    if asked.dimensions.is_some() {
        return Err(Error::bad_request("`dimensions` is not given; the model has its own"));
    }
    let is_base64 = match asked.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(Error::bad_request("`encoding_format` is float or base64")),
    };
    let wanted = (asked.model.as_str(), Wanted::Embeddings(texts), false);
    let question = super::question(&service, &asker, &headers, wanted).await?;
    let answered = service.ask(question).await?;
    let Given::Embeddings(embeddings) = &answered.given else { return Err(Error::bad_request("no texts")) };
    let data = embeddings.vectors.iter().enumerate().map(|(index, vector)| {
        let embedding = if is_base64 { base64_of(vector).into() } else { json!(vector) };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let data = data.collect::<Vec<_>>();
    let tokens = embeddings.prompt_tokens.unwrap_or_default();
    let body = json!({
        "object": "list",
        "data": data,
        "model": answered.model(),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    });
    Ok((super::headers_of(&answered), Json(body)).into_response())
}

/// Numbers as little-endian 32 bits, as OpenAI's own client asks for them.
fn base64_of(vector: &[f32]) -> String {
    use base64::Engine as _;
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
