//! `/changes`: what was written to clusters and to Git, each with what takes it back.

use std::sync::Arc;

use anchorwatch_edge::store::Role;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::WithRejection;
use serde::Deserialize;
use serde_json::Value as Json;

use super::address;
use super::frame::{Frame, Time};
use super::html;
use super::item::place;
use super::visit::Visit;
use crate::api::model::{ChangeResponse, CommitResponse, StepResponse, TargetResponse, UndoResponse, UndoneResponse};
use crate::api::{Caller, Problem, change_of, changes_of, undo_change};
use crate::serve::Service;

/// The hash of the plan that was looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Confirmed {
    pub(super) plan_hash: String,
}

pub(super) fn text(item: &Json, name: &str) -> String {
    item[name].as_str().unwrap_or_default().to_owned()
}

pub(super) fn named(target: &TargetResponse) -> String {
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
        href: format!("{}/undo", address::change(change_id)),
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
    Ok(to_change(undone.done.map(|done| done.change_id)))
}

/// What was confirmed is shown once it is done; all changes are where nothing was.
pub(super) fn to_change(change_id: Option<String>) -> Response {
    let href = change_id.map_or_else(|| "/changes".to_owned(), |change_id| address::change(&change_id));
    Redirect::to(&href).into_response()
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
        href: address::change(&done.change_id),
        title: frame.say(title),
        at: frame.time(begun_at),
        undoes: done.undoes.map(|undoes| address::change(&undoes)),
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
