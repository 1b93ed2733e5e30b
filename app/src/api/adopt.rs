//! `/api/v1/drift/adopt`: what the cluster has is committed to a source's repository, planned and done in two steps.

use std::sync::Arc;

use anchorwatch_edge::store::Role;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::body::Body;
use super::changes::{Answer, blocking, meant, not_this, request_of, source_of, these};
use super::model::{AdoptRequest, AdoptResponse};
use super::{Caller, Problem};
use crate::drift::adopt::publish::{Publication, Publishing, publish};
use crate::serve::{Event, Service};

/// Plans to commit what the cluster has in some items; with the plan's hash, does it.
#[utoipa::path(post, path = "/api/v1/drift/adopt", request_body = AdoptRequest, tag = "changes", responses(
    (status = 200, description = "The plan; and what was pushed, where its hash was said", body = AdoptResponse),
    (status = 409, description = "The plan is another one now, and is in `plan`; or things are otherwise by now than whoever asks could know", body = Problem, content_type = "application/problem+json"),
    (status = 502, description = "Git or the cluster could not be read or written", body = Problem, content_type = "application/problem+json"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn adopt(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Body(request): Body<AdoptRequest>,
) -> Result<Json<AdoptResponse>, Problem> {
    plan_adoption(&service, &caller, request).await.map(Json)
}

/// Plans an adoption; with the plan's hash, does it.
pub(crate) async fn plan_adoption(
    service: &Arc<Service>,
    caller: &Caller,
    request: AdoptRequest,
) -> Result<AdoptResponse, Problem> {
    caller.must_be(Role::Operator)?;
    let items = meant(service, caller, &request.items, request.report_id.as_deref()).await?;
    let source = source_of(service, &items)?;
    if !source.has_repository() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "files on disk get no commit")
            .detail("adopt them on the machine where they are, or name the source by its repository's address"));
    }
    let (wanted, meant) = (request_of(service, &source, &items).await?, these(&items));
    let answer = Answer::of(service, caller, request.plan_hash.clone());
    let (service_of, key) = (service.clone(), service.key.clone());
    let done = blocking(move |runtime| {
        let notes = service_of.notes(runtime);
        let publishing = Publishing {
            scope: source.write_scope(),
            notes: &notes,
            committing: source.committing(),
            may_write: answer.plan_hash.is_some(),
        };
        publish(runtime, (&wanted, &key), &meant, publishing, |publication| {
            Ok(answer.to(publication.plan.hash(&key), publication.plan.level()))
        })
    });
    let publication: Publication = done.await?;
    let response = AdoptResponse::of(&publication, &service.key);
    let Some(hash) = request.plan_hash else { return Ok(response) };
    let Some(record) = &publication.done else {
        return Err(not_this(caller, (&hash, &response.plan.plan_hash), &response.plan));
    };
    tracing::info!(change = record.change_id, by = record.by, "pushed a commit that adopts");
    service.announce(Event::Decided { id: record.change_id.clone() });
    Ok(response)
}
