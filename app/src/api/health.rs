//! Whether it lives, whether it can answer, and its numbers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Caller, Problem};
use crate::serve::Service;

/// It lives as long as it answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// It is ready while its store answers.
pub(super) async fn ready(State(service): State<Arc<Service>>) -> Response {
    if service.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match service.store.ping().await {
        Ok(()) => "ok\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response(),
    }
}

/// For Prometheus.
pub(super) async fn metrics(State(service): State<Arc<Service>>, _caller: Caller) -> Result<Response, Problem> {
    let oldest = service.store.outbox_oldest(service.now()).await?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], service.metrics.text(oldest)).into_response())
}

/// The document of this API.
pub(super) fn document(document: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}
