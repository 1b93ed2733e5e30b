//! Whether it lives, whether it can answer, and its numbers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Caller, Problem};
use crate::serve::Service;
use crate::serve::metrics::{Metrics, Readings};

/// It lives as long as it answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// It is ready while its store answers, and takes what is to be written.
pub(super) async fn ready(State(service): State<Arc<Service>>) -> Response {
    if service.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if service.store.ping().await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response();
    }
    let doings = service.failing.doings();
    if doings.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("the store does not take everything: {}\n", doings.join(", ")))
        .into_response()
}

/// For Prometheus. Where the store does not say who asks, anybody gets what `/readyz` tells, and nothing else.
pub(super) async fn metrics(
    State(service): State<Arc<Service>>,
    caller: Result<Caller, Problem>,
) -> Result<Response, Problem> {
    let oldest = match caller {
        Ok(_) => service.store.outbox_oldest(service.now()).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    let store_faults = service.failing.doings().len();
    let text = match oldest {
        Ok(outbox_oldest) => service.metrics.text(Readings { outbox_oldest, store_faults, unheard: unheard(&service) }),
        Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => {
            Metrics::of_the_store(store_faults.max(1))
        }
        Err(problem) => return Err(problem),
    };
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Of how much nothing is heard, by cluster and source: of the watches that this replica holds.
fn unheard(service: &Service) -> Vec<(String, String, usize)> {
    let config = service.config();
    let states = config.sources.iter().filter_map(|source| Some((source, service.watched.state(&source.name)?)));
    states.map(|(source, state)| (source.cluster.clone(), source.name.clone(), state.lost.len())).collect()
}

/// The document of this API.
pub(super) fn document(document: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}
