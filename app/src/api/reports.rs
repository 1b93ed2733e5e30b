//! `/api/v1/drift/reports`

use std::sync::Arc;

use anchorwatch_edge::store::Role;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum_extra::extract::WithRejection;
use serde_json::Value;

use super::body::Body;
use super::model::{DriftListResponse, DriftReport, IgnoreResponse};
use super::paging::{Asked, answer};
use super::{Caller, Deciding, IgnoreRequest, Problem};
use crate::serve::Service;

/// Reports without their items, the newest first.
#[utoipa::path(get, path = "/api/v1/drift/reports", params(Asked), tag = "reports", responses(
    (status = 200, description = "Some reports", body = DriftListResponse),
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
    let listed = service.store.reports(&filter, limit, after.as_deref()).await?;
    Ok(answer(&headers, &listed))
}

/// One report with its items, as they were when it was made.
#[utoipa::path(get, path = "/api/v1/drift/reports/{report_id}", params(("report_id" = String, Path, description = "Its id")),
    tag = "reports", responses(
    (status = 200, description = "The report", body = DriftReport),
    (status = 304, description = "As the caller has it"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn one(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(report_id), _): WithRejection<Path<String>, Problem>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(answer(&headers, &visible(&service, &caller, &report_id).await?))
}

/// Notes that somebody knows of what a report tells: of each of its items that is pending.
#[utoipa::path(post, path = "/api/v1/drift/reports/{report_id}/acknowledge",
    params(("report_id" = String, Path, description = "Its id")), tag = "reports", responses(
    (status = 200, description = "The report as it is now", body = DriftReport),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn acknowledge(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(report_id), _): WithRejection<Path<String>, Problem>,
) -> Result<Json<Value>, Problem> {
    caller.must_be(Role::Operator)?;
    let report = visible(&service, &caller, &report_id).await?;
    for fingerprint in fingerprints(&report) {
        // An item may have been forgotten since.
        service.store.acknowledge(&fingerprint, &caller.0.name, service.now()).await?;
    }
    service.announce(crate::serve::Event::Decided { id: report_id.clone() });
    Ok(Json(visible(&service, &caller, &report_id).await?))
}

/// Ignores what a report tells: makes a rule for each of its items that is pending or acknowledged.
#[utoipa::path(post, path = "/api/v1/drift/reports/{report_id}/ignore", request_body = IgnoreRequest,
    params(("report_id" = String, Path, description = "Its id")), tag = "reports", responses(
    (status = 200, description = "The rules, and what they hide", body = [IgnoreResponse]),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn ignore(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(report_id), _): WithRejection<Path<String>, Problem>,
    Body(request): Body<IgnoreRequest>,
) -> Result<Json<Vec<IgnoreResponse>>, Problem> {
    visible(&service, &caller, &report_id).await?;
    if request.matches.is_some() {
        return Err(Problem::new(
            axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            "match means nothing for a whole report",
        )
        .detail("each of its items gets a rule of its own; ignore an item to say what else the rule is about"));
    }
    let deciding = Deciding { service: &service, caller: &caller };
    let items = service.store.open_items_of(&report_id).await?;
    let made = super::ignore(deciding, &items, request).await?;
    Ok(Json(made.into_iter().map(IgnoreResponse::from).collect()))
}

/// Of a report's items.
fn fingerprints(report: &Value) -> Vec<String> {
    let items = report["items"].as_array().into_iter().flatten();
    items.filter_map(|item| Some(item["fingerprint"].as_str()?.to_owned())).collect()
}

/// A report that this caller may see.
pub(crate) async fn visible(service: &Service, caller: &Caller, report_id: &str) -> Result<Value, Problem> {
    let report = service.store.report(report_id).await?;
    report.filter(|report| caller.sees_told(report)).ok_or_else(|| Problem::not_found("report"))
}
