//! `/api/v1/sources`

use std::sync::Arc;

use anchorwatch_edge::store::SourceRow;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::model::{DiscoverResponse, LostResponse, SourceList, SourceResponse, WatchResponse};
use super::paging::answer;
use super::{Caller, Problem};
use crate::config::Discover;
use crate::serve::{ListState, Service, WatchState};

/// The sources, and what came of each last.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources", responses(
    (status = 200, description = "The sources", body = SourceList),
    (status = 304, description = "As the caller has it"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let rows = service.store.sources().await?;
    let within = |row: &SourceRow| caller.sees_cluster(&row.cluster);
    let items: Vec<SourceResponse> = rows.into_iter().filter(within).map(|row| response(&service, row)).collect();
    let config = service.config();
    let lists = config.discover.iter().filter(|list| caller.sees_cluster(&list.cluster));
    let discover = lists.map(|list| discovered(&service, list)).collect();
    Ok(answer(&headers, &SourceList { total: items.len() as u64, items, discover }))
}

fn discovered(service: &Service, list: &Discover) -> DiscoverResponse {
    let (name, cluster) = (list.name(), list.cluster.clone());
    let ListState { read_at, fault, deliveries } = service.discovered.state(&name);
    let (failing_since, failure) = fault.unzip();
    let sources = deliveries.len() as u64;
    DiscoverResponse { name, cluster, sources, last_success_at: read_at, failing_since, failure }
}

fn response(service: &Service, row: SourceRow) -> SourceResponse {
    let SourceRow { name, cluster, address, next_due_at, last_success_at, last_failure, last_failure_at } = row;
    let watch = service.watched.state(&name).map(|WatchState { since, whole, lost }| WatchResponse {
        since,
        whole,
        lost: lost.into_iter().map(|(what, (since, reason))| LostResponse { what, since, reason }).collect(),
    });
    SourceResponse { name, cluster, address, next_due_at, last_success_at, last_failure, last_failure_at, watch }
}
