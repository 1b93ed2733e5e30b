//! `/items/{fingerprint}/rollback`: the plan, as the server has tried it, and then what came of it. `/changes`: what was written
//! to clusters, each with what takes it back.

use std::sync::Arc;

use anchorwatch_edge::store::Role;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::WithRejection;
use serde::Deserialize;
use serde_json::Value as Json;

use super::address::{self, encoded};
use super::frame::{Frame, Time};
use super::html;
use super::item::{place, values};
use super::rows::{self, Level, graded};
use super::visit::Visit;
use crate::api::model::{
    ChangeResponse, CommitResponse, PlanResponse, RollbackRequest, StepResponse, TargetResponse, UndoResponse,
    UndoneResponse,
};
use crate::api::{Caller, Problem, change_of, changes_of, plan_rollback, undo_change};
use crate::serve::Service;

/// The hash of the plan that was looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Confirmed {
    pub(super) plan_hash: String,
}

/// A field, as it is and as it becomes.
struct Field {
    level: Level,
    path: String,
    now: String,
    then: String,
}

/// An object, and what is written to it.
struct Planned {
    object: String,
    place: String,
    is_created: bool,
    fields: Vec<Field>,
}

#[derive(Template)]
#[template(path = "rollback.html")]
struct RollbackPage {
    frame: Frame,
    object: String,
    place: String,
    href: String,
    /// True if it is another plan than the one that was confirmed.
    is_another: bool,
    plan_hash: String,
    planned: Vec<Planned>,
    left: Vec<(String, String)>,
    may_write: bool,
}

pub(super) async fn rollback(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
) -> Result<Response, Problem> {
    show_plan(&service, visit, &caller, fingerprint, false).await
}

pub(super) async fn confirm(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
    WithRejection(Form(confirmed), _): WithRejection<Form<Confirmed>, Problem>,
) -> Result<Response, Problem> {
    let request = asked(&fingerprint, Some(confirmed.plan_hash));
    match plan_rollback(&service, &caller, request).await {
        Ok(rolled_back) => {
            let change = rolled_back.done.map(|done| done.change_id).unwrap_or_default();
            Ok(Redirect::to(&format!("/changes/{}", encoded(&change))).into_response())
        }
        Err(problem) if problem.status() == StatusCode::CONFLICT => {
            show_plan(&service, visit, &caller, fingerprint, true).await
        }
        Err(problem) => Err(problem),
    }
}

fn asked(fingerprint: &str, plan_hash: Option<String>) -> RollbackRequest {
    RollbackRequest { items: vec![fingerprint.to_owned()], plan_hash, ..RollbackRequest::default() }
}

async fn show_plan(
    service: &Arc<Service>,
    visit: Visit,
    caller: &Caller,
    fingerprint: String,
    is_another: bool,
) -> Result<Response, Problem> {
    let rolled_back = plan_rollback(service, caller, asked(&fingerprint, None)).await?;
    let deciding = crate::api::Deciding { service, caller };
    let item = rows::read(deciding.item(&fingerprint).await?)?;
    let frame = Frame::new(visit, Some(caller), "item");
    let PlanResponse { plan_hash, cluster, changes, .. } = rolled_back.plan;
    let planned: Vec<Planned> = changes
        .into_iter()
        .map(|change| {
            let items: Vec<_> =
                change.items.iter().filter_map(|item| Some((rows::read(item.clone()).ok()?, item))).collect();
            let field = |(read, item): &(crate::api::model::DriftItem, &Json)| {
                let (then, now) = values(item);
                Field { level: graded(read.drift_level, &frame), path: read.stable_path.clone(), now, then }
            };
            Planned {
                object: named(&change.target),
                place: place(&cluster, &change.target.namespace),
                is_created: change.uid.is_none(),
                fields: items.iter().map(field).collect(),
            }
        })
        .collect();
    let is_high = item.drift_level == crate::api::model::DriftLevel::High;
    let page = RollbackPage {
        object: format!("{}/{}", item.resource_kind, item.resource_name),
        place: place(&cluster, &item.namespace),
        href: address::item(&fingerprint),
        is_another,
        may_write: !planned.is_empty() && frame.may(super::item::role_to_ignore(is_high)),
        plan_hash,
        planned,
        left: rolled_back.left.into_iter().map(|left| (text(&left.item, "stable_path"), left.reason)).collect(),
        frame,
    };
    Ok(html(&page))
}

pub(super) fn text(item: &Json, name: &str) -> String {
    item[name].as_str().unwrap_or_default().to_owned()
}

fn named(target: &TargetResponse) -> String {
    format!("{}/{}", target.kind, target.name)
}

/// What came of one object.
struct Stepped {
    object: String,
    place: String,
    class: &'static str,
    said: String,
    reason: String,
}

/// A change.
struct Shown {
    href: String,
    title: String,
    at: Time,
    by: String,
    undoes: Option<String>,
    steps: Vec<Stepped>,
    commit: Option<Committed>,
}

/// A commit that adopts.
struct Committed {
    objects: Vec<String>,
    repository: String,
    id: String,
    pushed_to: String,
    class: &'static str,
    said: String,
    reason: String,
    /// The pull request.
    proposal: Option<String>,
}

#[derive(Template)]
#[template(path = "changes.html")]
struct ChangesPage {
    frame: Frame,
    changes: Vec<Shown>,
    /// Where there is one change only: what takes it back.
    undo: Option<Undo>,
}

/// What takes a change back.
struct Undo {
    href: String,
    plan_hash: String,
    /// What would be taken back, with its fields.
    objects: Vec<(String, String)>,
    /// What cannot be, and why.
    refused: Vec<(String, String)>,
    not_kept: Vec<String>,
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
) -> Result<Response, Problem> {
    let frame = Frame::new(visit, Some(&caller), "changes");
    let changes = changes_of(&service, &caller).await?.into_iter().map(|change| shown(change, &frame)).collect();
    Ok(html(&ChangesPage { frame, changes, undo: None }))
}

pub(super) async fn one(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(change_id), _): WithRejection<Path<String>, Problem>,
) -> Result<Response, Problem> {
    let frame = Frame::new(visit, Some(&caller), "changes");
    let change = change_of(&service, &caller, &change_id).await?;
    let undo = if frame.may(Role::Operator) {
        // Where the cluster cannot be asked, the change is shown without it.
        undo_change(&service, &caller, &change_id, None).await.ok().map(|planned| undoing(planned, &change_id))
    } else {
        None
    };
    Ok(html(&ChangesPage { changes: vec![shown(change, &frame)], undo, frame }))
}

fn undoing(planned: UndoResponse, change_id: &str) -> Undo {
    let UndoResponse { plan_hash, changes, not_kept, .. } = planned;
    let (refused, taken): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| change.refused.is_some());
    let fields = |change: UndoneResponse| (named(&change.target), change.fields.join(", "));
    Undo {
        href: format!("/changes/{}/undo", encoded(change_id)),
        plan_hash,
        objects: taken.into_iter().map(fields).collect(),
        refused: refused.into_iter().map(|one| (named(&one.target), one.refused.unwrap_or_default())).collect(),
        not_kept: not_kept.iter().map(named).collect(),
    }
}

pub(super) async fn undo(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(change_id), _): WithRejection<Path<String>, Problem>,
    WithRejection(Form(confirmed), _): WithRejection<Form<Confirmed>, Problem>,
) -> Result<Response, Problem> {
    let undone = undo_change(&service, &caller, &change_id, Some(confirmed.plan_hash)).await?;
    let change = undone.done.map(|done| done.change_id).unwrap_or_default();
    Ok(Redirect::to(&format!("/changes/{}", encoded(&change))).into_response())
}

fn shown(change: ChangeResponse, frame: &Frame) -> Shown {
    let ChangeResponse { cluster, by, begun_at, done, commit, .. } = change;
    let title = match (&commit, &done.undoes) {
        (Some(_), _) => "page-change-adopt",
        (None, Some(_)) => "page-change-undo",
        (None, None) => "page-change-rollback",
    };
    let step = |step: StepResponse| Stepped {
        object: named(&step.target),
        place: place(&cluster, &step.target.namespace),
        class: match step.state.as_str() {
            "proven" | "already_so" => "well",
            "waiting" => "stale",
            _ => "failed",
        },
        said: frame.say(&format!("page-step-{}", step.state.replace('_', "-"))),
        reason: step.reason.unwrap_or_default(),
    };
    Shown {
        href: format!("/changes/{}", encoded(&done.change_id)),
        title: frame.say(title),
        at: frame.time(begun_at),
        undoes: done.undoes.map(|undoes| format!("/changes/{}", encoded(&undoes))),
        steps: done.steps.into_iter().map(step).collect(),
        commit: commit.map(|commit| committed(commit, frame)),
        by,
    }
}

fn committed(commit: CommitResponse, frame: &Frame) -> Committed {
    Committed {
        objects: commit.objects.iter().map(named).collect(),
        id: commit.commit.chars().take(12).collect(),
        class: match commit.state.as_str() {
            "adopted" => "well",
            "not_pushed" | "dropped" => "failed",
            _ => "stale",
        },
        said: frame.say(&format!("page-commit-{}", commit.state.replace('_', "-"))),
        reason: commit.reason.unwrap_or_default(),
        repository: commit.repository,
        pushed_to: commit.pushed_to,
        proposal: commit.proposal,
    }
}
