//! `/api/v1/drift/rollback` and `/api/v1/changes`: what is written to clusters, planned and done in two steps.

use std::collections::BTreeSet;
use std::sync::Arc;

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_core::drift::report::Trigger;
use anchorwatch_core::guard::access::ClusterUser;
use anchorwatch_core::guard::{Confirmation, WriteScope};
use anchorwatch_edge::cluster::Cluster;
use anchorwatch_edge::store::{Role, StoreError};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum_extra::extract::WithRejection;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;

use super::body::Body;
use super::model::{ChangeList, ChangeResponse, EvenIf, RollbackRequest, RollbackResponse, UndoRequest, UndoResponse};
use super::{Caller, Problem};
use crate::config::Source;
use crate::drift::examiner::Selector;
use crate::drift::rollback::notes::opened;
use crate::drift::rollback::record::ChangeRecord;
use crate::drift::rollback::{
    Deletion, Done, Meant, RolledBack, Said, Writing, rollback as roll_back, undo as take_back,
};
use crate::drift::scan::Request;
use crate::failure::{Cause, Failure};
use crate::serve::{Event, Service, aside};

/// So many of the last changes are listed.
const LISTED: u32 = 100;

/// Plans to make the cluster as Git says in some items; with the plan's hash, does it.
#[utoipa::path(post, path = "/api/v1/drift/rollback", request_body = RollbackRequest, tag = "changes", responses(
    (status = 200, description = "The plan; and what was done, where its hash was said", body = RollbackResponse),
    (status = 409, description = "The plan is another one now, and is in `plan`; or things are otherwise by now than whoever asks could know", body = Problem, content_type = "application/problem+json"),
    (status = 502, description = "Git or the cluster could not be read", body = Problem, content_type = "application/problem+json"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn rollback(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Body(request): Body<RollbackRequest>,
) -> Result<Json<RollbackResponse>, Problem> {
    plan_rollback(&service, &caller, request).await.map(Json)
}

/// Plans a rollback; with the plan's hash, does it.
pub(crate) async fn plan_rollback(
    service: &Arc<Service>,
    caller: &Caller,
    request: RollbackRequest,
) -> Result<RollbackResponse, Problem> {
    caller.must_be(Role::Operator)?;
    let items = meant(service, caller, &request.items, request.report_id.as_deref()).await?;
    let source = source_of(service, &items)?;
    let meant = aimed(&request, &items)?;
    let said = Said { recreate: request.recreate, even_if_paused: request.even_if.contains(&EvenIf::Paused) };
    let person = person(service, caller);
    let wanted = request_of(service, &source, &items).await?;
    let answer = Answer::of(service, caller, request.plan_hash.clone());
    let (service_of, key) = (service.clone(), service.key.clone());
    let done = blocking(move |runtime| {
        let notes = service_of.notes(runtime);
        let writing = Writing {
            scope: source.write_scope(),
            said,
            person: person.as_ref(),
            notes: &notes,
            may_write: answer.plan_hash.is_some(),
        };
        let rolled_back = roll_back(runtime, (&wanted, &key), &meant, writing, |planned| {
            Ok(answer.to(planned.plan.hash(&key), planned.plan.level()))
        })?;
        // Here, so that whoever hangs up does not keep it from being noted.
        runtime.block_on(settle(&service_of, &rolled_back)).map_err(|error| Failure::because(&error))?;
        Ok(rolled_back)
    });
    let rolled_back = done.await?;
    let response = RollbackResponse::of(&rolled_back, &service.key);
    match request.plan_hash {
        Some(hash) if response.done.is_none() => {
            Err(not_this(caller, (&hash, &response.plan.plan_hash), &response.plan))
        }
        _ => Ok(response),
    }
}

/// The last changes, the newest first.
#[utoipa::path(get, path = "/api/v1/changes", tag = "changes", responses(
    (status = 200, description = "Changes", body = ChangeList),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(service): State<Arc<Service>>, caller: Caller) -> Result<Json<ChangeList>, Problem> {
    Ok(Json(ChangeList { items: changes_of(&service, &caller).await? }))
}

/// The last changes that the caller may see, the newest first.
pub(crate) async fn changes_of(service: &Service, caller: &Caller) -> Result<Vec<ChangeResponse>, Problem> {
    let rows = service.store.last_changes(LISTED).await?;
    let records = rows.iter().filter_map(|row| opened(row, &service.key).ok());
    Ok(records.filter(|record| sees(caller, record)).map(ChangeResponse::of).collect())
}

/// A change that the caller may see.
pub(crate) async fn change_of(service: &Service, caller: &Caller, change_id: &str) -> Result<ChangeResponse, Problem> {
    change(service, caller, change_id).await.map(ChangeResponse::of)
}

async fn change(service: &Service, caller: &Caller, change_id: &str) -> Result<ChangeRecord, Problem> {
    let row = service.store.change(change_id).await?;
    let record = row.and_then(|row| opened(&row, &service.key).ok());
    record.filter(|record| sees(caller, record)).ok_or_else(|| Problem::not_found("change"))
}

/// Plans to take a change back; with the plan's hash, does it.
#[utoipa::path(post, path = "/api/v1/changes/{change_id}/undo", request_body = Option<UndoRequest>,
    params(("change_id" = String, Path, description = "Its id")), tag = "changes", responses(
    (status = 200, description = "What would be taken back; and what was, where the hash was said", body = UndoResponse),
    (status = 409, description = "The hash is of another plan, or the change cannot be taken back any more", body = Problem, content_type = "application/problem+json"),
    (status = 502, description = "The cluster could not be asked", body = Problem, content_type = "application/problem+json"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn undo(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(change_id), _): WithRejection<Path<String>, Problem>,
    Body(request): Body<UndoRequest>,
) -> Result<Json<UndoResponse>, Problem> {
    undo_change(&service, &caller, &change_id, request.plan_hash).await.map(Json)
}

/// Plans to take a change back; with the plan's hash, does it.
pub(crate) async fn undo_change(
    service: &Arc<Service>,
    caller: &Caller,
    change_id: &str,
    plan_hash: Option<String>,
) -> Result<UndoResponse, Problem> {
    caller.must_be(Role::Operator)?;
    let record = change(service, caller, change_id).await?;
    let plan = take_back::plan(&record);
    let planned = UndoResponse::of(&record, &plan, &service.key);
    if plan.changes.is_empty() {
        return Ok(planned);
    }
    if plan_hash.as_ref().is_some_and(|hash| *hash != plan.hash(&service.key)) {
        return Err(Problem::new(StatusCode::CONFLICT, "the hash is of another plan, and nothing was written"));
    }
    let config = service.config();
    let source = config.source(&record.plan.source).ok_or_else(|| Problem::not_found("source"))?.clone();
    let Some(connect) = source.connect().cloned() else { return Err(Problem::not_found("cluster")) };
    let (key, hash) = (service.key.clone(), plan.hash(&service.key));
    let is_confirmed = plan_hash.is_some();
    let answer = Answer::of(service, caller, plan_hash);
    let (service_of, person) = (service.clone(), person(service, caller));
    let done = blocking(move |runtime| {
        let cluster = runtime.block_on(Cluster::connect(&connect)).map_err(|error| Failure::because(&error))?;
        if cluster.identity() != record.reached {
            return Err(Failure::conflict("the source's cluster is another one by now"));
        }
        if !is_confirmed {
            return take_back::try_out(runtime, &cluster, person.as_ref(), (&record, &plan)).map(Err);
        }
        let notes = service_of.notes(runtime);
        let writing = Writing {
            scope: source.write_scope(),
            said: Said::default(),
            person: person.as_ref(),
            notes: &notes,
            may_write: true,
        };
        take_back::undo(runtime, (&cluster, &key), &record, &answer.yes(hash), writing).map(Ok)
    });
    let done = match done.await? {
        Ok(done) => done,
        Err(refused) => return Ok(planned.tried(refused)),
    };
    tracing::info!(change = done.change_id, undoes = change_id, by = caller.0.name, "a change was taken back");
    service.announce(Event::Decided { id: change_id.to_owned() });
    Ok(UndoResponse { done: Some((&done).into()), ..planned })
}

/// What is asked of a scan that finds these items.
pub(super) async fn request_of(service: &Service, source: &Source, items: &[Value]) -> Result<Request, Problem> {
    let namespaces: BTreeSet<String> = items.iter().map(|item| text(item, "namespace").to_owned()).collect();
    // Objects of the cluster are in every scan, or in none that is limited.
    let namespaces: Vec<String> = if namespaces.contains("") { Vec::new() } else { namespaces.into_iter().collect() };
    Ok(source.request(&namespaces, service.policy().await?, Trigger::Api, service.now()))
}

/// These items.
pub(super) fn these(items: &[Value]) -> Meant {
    let selector = |item: &Value| Selector::Fingerprint(text(item, "fingerprint").to_owned());
    Meant::These(items.iter().map(selector).collect())
}

/// The items that are meant: those that are named, and those of a report.
pub(super) async fn meant(
    service: &Service,
    caller: &Caller,
    named: &[String],
    report_id: Option<&str>,
) -> Result<Vec<Value>, Problem> {
    let mut fingerprints: BTreeSet<String> = named.iter().cloned().collect();
    if let Some(report_id) = report_id {
        let report = super::visible(service, caller, report_id).await?;
        let of_report = report["items"].as_array().into_iter().flatten();
        fingerprints.extend(of_report.map(|item| text(item, "fingerprint").to_owned()));
    }
    let mut items = Vec::new();
    for fingerprint in &fingerprints {
        let found = service.store.item(fingerprint).await?.filter(|item| caller.sees_told(item));
        items.push(found.ok_or_else(|| Problem::not_found("item").detail(fingerprint.clone()))?);
    }
    if items.is_empty() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "nothing is meant")
            .detail("name items by their fingerprints, or a report by its id"));
    }
    Ok(items)
}

/// What is to become of the items: they are made as Git says, or the one that a uid names goes.
fn aimed(request: &RollbackRequest, items: &[Value]) -> Result<Meant, Problem> {
    let selector = |item: &Value| Selector::Fingerprint(text(item, "fingerprint").to_owned());
    match (&request.uid, items) {
        (None, items) => Ok(these(items)),
        (Some(uid), [item]) => {
            let propagation = request.propagation.unwrap_or_default();
            Ok(Meant::Deleted(Deletion { selector: selector(item), uid: uid.clone(), propagation }))
        }
        (Some(_), _) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "a uid names one object")
            .detail("name one item, and no report")),
    }
}

/// The one source of all items, which may be written.
pub(super) fn source_of(service: &Service, items: &[Value]) -> Result<Source, Problem> {
    let names: BTreeSet<&str> = items.iter().map(|item| text(item, "source_name")).collect();
    let [name] = names.into_iter().collect::<Vec<_>>()[..] else {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "these items are of several sources")
            .detail("name those of one source"));
    };
    let config = service.config();
    let source = config.source(name).ok_or_else(|| Problem::not_found("source"))?;
    if *source.write_scope() == WriteScope::Nothing {
        return Err(Problem::new(StatusCode::FORBIDDEN, format!("the source {name} is not written"))
            .detail("its `write` in the configuration says what may be"));
    }
    Ok(source.clone())
}

/// What a caller says to a plan.
pub(super) struct Answer {
    by: String,
    approves: bool,
    at: Timestamp,
    /// The hash of the plan that they want to be done; `None` if they only look.
    pub(super) plan_hash: Option<String>,
}

impl Answer {
    pub(super) fn of(service: &Service, caller: &Caller, plan_hash: Option<String>) -> Self {
        let (by, approves) = (caller.0.name.clone(), caller.0.role >= Role::Approver);
        Self { by, approves, at: service.now(), plan_hash }
    }

    /// Yes, if it is the plan that they have looked at; what is HIGH an operator may plan, and no more.
    pub(super) fn to(self, plan: String, level: Option<DriftLevel>) -> Option<Confirmation> {
        let is_meant = self.plan_hash.as_ref() == Some(&plan);
        Some(self.yes(plan)).filter(|yes| is_meant && yes.reaches(level))
    }

    fn yes(self, plan: String) -> Confirmation {
        Confirmation { plan, by: self.by, at: self.at, approves: self.approves }
    }
}

/// Why nothing was done, although somebody has said a plan's hash: they may not approve it, or it is another one now.
pub(super) fn not_this(caller: &Caller, (said, now): (&str, &str), plan: &impl Serialize) -> Problem {
    if said == now
        && let Err(problem) = caller.must_be(Role::Approver)
    {
        return problem;
    }
    Problem::new(StatusCode::CONFLICT, "the plan is another one now, and nothing was done")
        .detail("look at the plan, and say its hash to have it done")
        .with("plan", serde_json::to_value(plan).unwrap_or_default())
}

/// As whom the caller is known in clusters, where the configuration says so.
fn person(service: &Service, caller: &Caller) -> Option<ClusterUser> {
    service.config().people.get(&caller.0.name).cloned()
}

/// Runs a story that waits, on a thread of its own: whoever hangs up does not break it off.
pub(super) async fn blocking<T: Send + 'static>(
    story: impl FnOnce(&Handle) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Problem> {
    aside(story).await.map_err(|failure| {
        let (status, title) = match failure.cause {
            Cause::Broken => (StatusCode::BAD_GATEWAY, "it could not be done, or not be seen to its end"),
            Cause::Conflict => (StatusCode::CONFLICT, "it cannot be done as things are by now"),
            Cause::Unfit => (StatusCode::UNPROCESSABLE_ENTITY, "it cannot be done there"),
        };
        Problem::new(status, title).detail(failure.body())
    })
}

/// Notes what was proven in the items, so that nobody is told of them again; also what was left of another change, and is finished.
async fn settle(service: &Service, rolled_back: &RolledBack) -> Result<(), StoreError> {
    for done in rolled_back.planned.recovered.iter().chain(&rolled_back.done) {
        service.note_done(done).await?;
    }
    if let Some(Done { change_id, by, rolled_back, .. }) = &rolled_back.done {
        tracing::info!(change = change_id, by, fields = rolled_back.len(), "rolled back");
    }
    Ok(())
}

/// True if the caller may see all that a change has written.
fn sees(caller: &Caller, record: &ChangeRecord) -> bool {
    let cluster = &record.plan.cluster;
    let written = record.plan.changes.iter().map(|change| &change.target);
    let adopted = record.commit().into_iter().flat_map(|commit| &commit.plan.objects).map(|object| &object.target);
    written.chain(adopted).all(|target| caller.sees(cluster, &target.namespace))
}

fn text<'v>(item: &'v Value, name: &str) -> &'v str {
    item[name].as_str().unwrap_or_default()
}
