//! A JSON object in the body of a request. A struct's reader would take an array, too.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::Problem;
use super::guard::MOST_BYTES;

/// What the body says; nothing said is an empty object.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let detail = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => format!("it has at most {} KiB", MOST_BYTES >> 10),
                _ => rejection.body_text(),
            };
            Problem::new(rejection.status(), "the body cannot be read").detail(detail)
        })?;
        let refuse =
            |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the body cannot be read").detail(why);
        let text = match bytes.trim_ascii() {
            b"" | b"null" => b"{}",
            text => text,
        };
        if !text.starts_with(b"{") {
            return Err(refuse("it is to be a JSON object".to_owned()));
        }
        serde_json::from_slice(text).map(Self).map_err(|error| refuse(error.to_string()))
    }
}
