//! `/api/v1/drift/items`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum_extra::extract::WithRejection;
use serde_json::Value;

use super::body::Body;
use super::model::{DriftItem, IgnoreResponse, ItemList};
use super::paging::{Asked, answer};
use super::{Caller, Deciding, IgnoreRequest, Problem};
use crate::serve::Service;

/// Items as they are now.
#[utoipa::path(get, path = "/api/v1/drift/items", params(Asked), tag = "items", responses(
    (status = 200, description = "Some items", body = ItemList),
    (status = 304, description = "As the caller has it"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Query(asked), _): WithRejection<Query<Asked>, Problem>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (filter, limit, after) = asked.read(&caller)?;
    let listed = service.store.items(&filter, limit, after.as_deref()).await?;
    Ok(answer(&headers, &listed))
}

/// One item as it is now.
#[utoipa::path(get, path = "/api/v1/drift/items/{fingerprint}", tag = "items",
    params(("fingerprint" = String, Path, description = "Its fingerprint")), responses(
    (status = 200, description = "The item", body = DriftItem),
    (status = 304, description = "As the caller has it"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn one(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let deciding = Deciding { service: &service, caller: &caller };
    Ok(answer(&headers, &deciding.item(&fingerprint).await?))
}

/// Notes that somebody knows of an item. Of two who do so at once one is noted, and both see who.
#[utoipa::path(post, path = "/api/v1/drift/items/{fingerprint}/acknowledge", tag = "items",
    params(("fingerprint" = String, Path, description = "Its fingerprint")), responses(
    (status = 200, description = "The item as it is now", body = DriftItem),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn acknowledge(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
) -> Result<Json<Value>, Problem> {
    super::acknowledge(Deciding { service: &service, caller: &caller }, &fingerprint).await.map(Json)
}

/// Ignores an item: makes a rule, with an owner, a reason and an end. With `dry_run` it is only told what it would hide.
#[utoipa::path(post, path = "/api/v1/drift/items/{fingerprint}/ignore", request_body = IgnoreRequest, tag = "items",
    params(("fingerprint" = String, Path, description = "Its fingerprint")), responses(
    (status = 200, description = "The rule, and what it hides", body = IgnoreResponse),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn ignore(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
    Body(request): Body<IgnoreRequest>,
) -> Result<Json<IgnoreResponse>, Problem> {
    let deciding = Deciding { service: &service, caller: &caller };
    let item = deciding.item(&fingerprint).await?;
    let made = super::ignore(deciding, &[item], request).await?;
    Ok(Json(made.into_iter().map(IgnoreResponse::from).next().expect("an item of its own has a rule of its own")))
}
