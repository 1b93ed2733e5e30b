//! Who asks the gateway: by a token, and by nothing else.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::error::Error;
use crate::serve::Service;

/// The holder of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) token_id: String,
    /// Intents that it may use beside the private ones.
    pub(super) intents: Vec<String>,
}

impl FromRequestParts<Arc<Service>> for Asker {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Error> {
        let said = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(secret) = said.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim) else {
            return Err(Error::unauthorized(
                "a token is needed: make one with anchorwatch token create --role gateway",
            ));
        };
        match service.store.token_of(secret, service.now()).await {
            Ok(Some(row)) => Ok(Self { token_id: row.token_id, intents: row.token.intents }),
            Ok(None) => Err(Error::of_problem(&service.turn_away(parts))),
            Err(error) => Err(Error::of_problem(&error.into())),
        }
    }
}
