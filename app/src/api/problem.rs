//! What goes wrong, as RFC 9457 has it: `application/problem+json`.

use std::collections::BTreeMap;

use anchorwatch_edge::store::StoreError;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, ToSchema};

/// Why a request was not done, and what to do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says of what kind it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What went wrong.
    title: String,
    /// The HTTP status.
    status: u16,
    /// Why, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// More of it, for programs.
    #[serde(flatten)]
    #[schema(value_type = Object, additional_properties)]
    more: BTreeMap<String, serde_json::Value>,
    /// When to come again.
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, title: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            more: BTreeMap::new(),
            retry_after: None,
        }
    }

    /// Adds why, or what to do.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says when to come again, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds something for programs.
    pub(crate) fn with(mut self, name: &str, value: serde_json::Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// True if another plan than the one that was meant comes with it.
    pub(crate) fn has_plan(&self) -> bool {
        self.more.contains_key("plan")
    }

    /// Nothing is there, or nothing that this caller may see.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }

    /// What went wrong and what to do, a line each.
    pub(crate) fn said(&self) -> Vec<String> {
        let lines = std::iter::once(self.title.as_str()).chain(self.detail.iter().flat_map(|detail| detail.lines()));
        lines.map(str::to_owned).collect()
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // The log has what a stranger need not know.
        tracing::error!(reason = crate::failure::Failure::because(&error).line(), "a request failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
            .detail("try again in a moment; the service's log says why")
            .retry_after(5)
    }
}

impl From<axum::extract::rejection::QueryRejection> for Problem {
    fn from(rejection: axum::extract::rejection::QueryRejection) -> Self {
        Self::new(rejection.status(), "the query cannot be read").detail(rejection.body_text())
    }
}

impl From<axum::extract::rejection::FormRejection> for Problem {
    fn from(rejection: axum::extract::rejection::FormRejection) -> Self {
        Self::new(rejection.status(), "the form cannot be read").detail(rejection.body_text())
    }
}

impl From<axum::extract::rejection::PathRejection> for Problem {
    fn from(rejection: axum::extract::rejection::PathRejection) -> Self {
        Self::new(rejection.status(), "the path cannot be read").detail(rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).expect("a problem is JSON");
        let status = self.status();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        // The page says the same in another form.
        response.extensions_mut().insert(self);
        response
    }
}

/// Says in the document that every operation may fail so, and how to come in.
pub(super) struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components
            .security_schemes
            .insert("token".to_owned(), SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)).into());
    }
}
