//! The HTTP API: every route in one list, and what stands before all of them.

mod adopt;
mod body;
mod caller;
mod changes;
mod decide;
mod episodes;
mod events;
mod guard;
mod health;
mod items;
mod jobs;
mod linger;
pub(crate) mod model;
mod paging;
mod problem;
mod push;
mod reports;
mod route;
mod rules;
mod scan;
mod sources;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::serve::Service;
pub(crate) use adopt::plan_adoption;
pub(crate) use caller::{COOKIE, Caller};
pub(crate) use changes::{change_of, changes_of, plan_rollback, undo_change};
pub(crate) use decide::{Deciding, IgnoreRequest, acknowledge, ignore, once_each};
pub(crate) use guard::guarded;
pub(crate) use paging::legible;
use problem::Everywhere;
pub(crate) use problem::Problem;
pub(crate) use reports::visible;
pub(crate) use route::{ProviderResponse, RouteResponse, condition};
pub(crate) use scan::ask;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Anchorwatch",
        description = "What in a cluster differs from Git: scans, reports, items, and what people decided of them.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Everywhere),
    security(("token" = [])),
)]
struct Document;

/// Every route.
pub(crate) fn routes(service: &Service) -> Router<Arc<Service>> {
    let (api, document) = documented().split_for_parts();
    let document = serde_json::to_string_pretty(&document).expect("the document is JSON");
    let api = if service.push_secret.is_some() { api.route("/api/v1/webhooks/push", post(push::push)) } else { api };
    api.route("/api/v1/openapi.json", get(async move || health::document(document.clone())))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/api/v1/events", get(events::stream))
}

fn documented() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(scan::scan))
        .routes(routes!(jobs::job))
        .routes(routes!(reports::list))
        .routes(routes!(reports::one))
        .routes(routes!(reports::acknowledge))
        .routes(routes!(reports::ignore))
        .routes(routes!(items::list))
        .routes(routes!(items::one))
        .routes(routes!(episodes::list))
        .routes(routes!(items::acknowledge))
        .routes(routes!(items::ignore))
        .routes(routes!(sources::list))
        .routes(routes!(route::show))
        .routes(routes!(changes::rollback))
        .routes(routes!(adopt::adopt))
        .routes(routes!(changes::list))
        .routes(routes!(changes::undo))
        .routes(routes!(rules::list))
        .routes(routes!(rules::end))
}
