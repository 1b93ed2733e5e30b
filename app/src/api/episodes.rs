//! `/api/v1/drift/items/{fingerprint}/episodes`: the flight recorder.

use std::sync::Arc;

use anchorwatch_edge::store::EpisodesOf;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum_extra::extract::WithRejection;
use serde_json::json;

use super::model::EpisodeList;
use super::paging::answer;
use super::{Caller, Deciding, Problem};
use crate::serve::Service;

/// The most that are given; the newest.
const MOST: u64 = 500;

/// The values that an item had, the newest first: from when to when, who wrote each, and who ended it.
#[utoipa::path(get, path = "/api/v1/drift/items/{fingerprint}/episodes", tag = "items",
    params(("fingerprint" = String, Path, description = "Its fingerprint")), responses(
    (status = 200, description = "The values", body = EpisodeList),
    (status = 304, description = "As the caller has it"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Deciding { service: &service, caller: &caller }.item(&fingerprint).await?;
    let items = service.store.episodes(EpisodesOf::Item(&fingerprint), MOST).await?;
    Ok(answer(&headers, &json!({"items": items, "total": items.len()})))
}
