//! What goes wrong at the gateway, in the shape that clients of OpenAI's API read.

use anchorwatch_core::route::completion::{self, Fault};
use anchorwatch_core::route::failure::Failure;
use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::MOST_BYTES;
use crate::api::Problem;
use crate::route::answer::{Refused, Tried};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Error {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
    /// Each provider that was tried, and why it did not answer.
    providers: Option<Box<Value>>,
}

impl Error {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, param: None, message: message.into(), providers: None }
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authentication_error", message)
    }

    /// There is no room for it now.
    pub(super) fn busy() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            "too much is being asked at the same time; try again",
        )
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message)
    }

    /// What another part of the service says.
    pub(super) fn of_problem(problem: &Problem) -> Self {
        let kind = match problem.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "authentication_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            _ => "server_error",
        };
        Self::new(problem.status(), kind, problem.said().join("; "))
    }

    /// In a stream that has begun already.
    pub(super) fn json(&self) -> Value {
        let mut json = completion::error(&self.message, self.kind, (self.param.as_deref(), self.code));
        if let Some(providers) = &self.providers {
            json["error"]["providers"] = Value::clone(providers);
        }
        json
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self { param: fault.param, ..Self::bad_request(fault.said) }
    }
}

impl From<BytesRejection> for Error {
    fn from(rejection: BytesRejection) -> Self {
        let message = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                format!("a request has at most {} MiB with its images; send less of it", MOST_BYTES >> 20)
            }
            _ => rejection.body_text(),
        };
        Self::new(rejection.status(), "invalid_request_error", message)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let unavailable = |code, message: String| Self {
            code: Some(code),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "rejected", message)
        };
        match refused {
            Refused::Rejected(tried) => Self {
                providers: Some(Box::new(tried.iter().map(reason).collect())),
                ..unavailable("rejected", said(&tried))
            },
            Refused::BrokenOff(tried) => {
                let message = match tried.last() {
                    Some(broken) => format!("the answer broke off: {}: {}", broken.provider, broken.failure),
                    None => "the answer broke off".to_owned(),
                };
                let providers = Some(Box::new(tried.iter().map(reason).collect()));
                let error = Self::new(StatusCode::BAD_GATEWAY, "server_error", message);
                Self { code: Some("broken_off"), providers, ..error }
            }
            Refused::AuditUnavailable => {
                let message = "it cannot be written into the audit, so nothing is sent, or given back; the service's log says why";
                unavailable("audit_unavailable", message.to_owned())
            }
            Refused::CallersFault(Tried { failure: Failure::Status { code, words, .. }, .. }) => {
                let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
                Self::new(status, "invalid_request_error", words)
            }
            Refused::CallersFault(Tried { failure, .. }) => Self::bad_request(failure.to_string()),
        }
    }
}

fn said(tried: &[Tried]) -> String {
    if tried.is_empty() {
        return "no provider is configured for this request: see `route` of the configuration".to_owned();
    }
    let each: Vec<String> = tried.iter().map(|tried| format!("{}: {}", tried.provider, tried.failure)).collect();
    format!("no provider answered: {}", each.join("; "))
}

fn reason(tried: &Tried) -> Value {
    json!({"provider": tried.provider, "code": tried.failure.code(), "reason": tried.failure.to_string()})
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        (self.status, Json(self.json())).into_response()
    }
}
