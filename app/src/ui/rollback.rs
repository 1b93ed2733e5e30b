//! `/items/{fingerprint}/rollback`: the plan, as the server has tried it, and then what came of it. An object that Git does not have
//! is deleted here, once its uid is named.

use std::sync::Arc;

use anchorwatch_core::change::dependants::Propagation;
use anchorwatch_core::object::split_api_version;
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum_extra::extract::WithRejection;
use serde::Deserialize;
use serde_json::Value as Json;

use super::address;
use super::changes::{named, text, to_change};
use super::frame::Frame;
use super::html;
use super::item::{place, role_to_ignore, values};
use super::rows::{self, Level, graded};
use super::visit::Visit;
use crate::api::model::{DriftItem, DriftLevel, EvenIf, PlannedResponse, RollbackRequest, RollbackResponse};
use crate::api::{Caller, Deciding, Problem, plan_rollback};
use crate::serve::Service;
use crate::shown;
use crate::words::word;

/// What somebody wants of the plan.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The hash of the plan that was looked at.
    plan_hash: Option<String>,
    /// Of the object that is to be deleted, as Git does not have it.
    uid: String,
    propagation: Option<Propagation>,
    recreate: bool,
    /// Even if the tool that delivers it is.
    paused: bool,
}

impl Asked {
    fn request(self, fingerprint: &str) -> RollbackRequest {
        let uid = self.uid.trim();
        RollbackRequest {
            items: vec![fingerprint.to_owned()],
            uid: (!uid.is_empty()).then(|| uid.to_owned()),
            propagation: self.propagation,
            recreate: self.recreate,
            even_if: self.paused.then_some(EvenIf::Paused).into_iter().collect(),
            plan_hash: self.plan_hash,
            ..RollbackRequest::default()
        }
    }
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
    /// What becomes of it as a whole.
    whole: Option<String>,
    fields: Vec<Field>,
    /// What is said of what belongs to it, where it is deleted.
    belonging: Option<String>,
    dependants: Vec<String>,
    not_listed: Option<String>,
}

/// What becomes of what belongs to an object that is deleted.
struct Choice {
    value: &'static str,
    label: String,
    is_chosen: bool,
}

/// What else may be said, by which more would be written: a reason names the flag of the command line that says so.
struct Flags {
    recreate: bool,
    paused: bool,
}

impl Flags {
    fn of(asked: &Asked, reasons: &[&str]) -> Self {
        let names = |flag: &str| reasons.iter().any(|reason| reason.contains(flag));
        Self { recreate: asked.recreate || names("--recreate"), paused: asked.paused || names("--even-if paused") }
    }
}

#[derive(Template)]
#[template(path = "rollback.html")]
struct Page {
    frame: Frame,
    title: String,
    place: String,
    href: String,
    /// True if it is another plan than the one that was confirmed.
    is_another: bool,
    /// What is asked for; with it the plan is confirmed, too.
    asked: Asked,
    /// Where the object is to be deleted: the command that prints its uid, and what may become of what belongs to it.
    deletion: Option<(String, Vec<Choice>)>,
    flags: Flags,
    plan_hash: String,
    planned: Vec<Planned>,
    left: Vec<(String, String)>,
    may_write: bool,
}

pub(super) async fn show(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
    WithRejection(Query(asked), _): WithRejection<Query<Asked>, Problem>,
) -> Result<Response, Problem> {
    show_plan(&service, visit, &caller, (fingerprint, Asked { plan_hash: None, ..asked }), false).await
}

pub(super) async fn confirm(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
    WithRejection(Form(asked), _): WithRejection<Form<Asked>, Problem>,
) -> Result<Response, Problem> {
    if asked.plan_hash.is_none() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no plan is confirmed")
            .detail("look at the plan, and confirm that"));
    }
    match plan_rollback(&service, &caller, asked.clone().request(&fingerprint)).await {
        Ok(rolled_back) => Ok(to_change(rolled_back.done.map(|done| done.change_id))),
        Err(problem) if problem.has_plan() => {
            let asked = Asked { plan_hash: None, ..asked };
            show_plan(&service, visit, &caller, (fingerprint, asked), true).await
        }
        Err(problem) => Err(problem),
    }
}

async fn show_plan(
    service: &Arc<Service>,
    visit: Visit,
    caller: &Caller,
    (fingerprint, asked): (String, Asked),
    is_another: bool,
) -> Result<Response, Problem> {
    let item = rows::read(Deciding { service, caller }.item(&fingerprint).await?)?;
    let frame = Frame::new(visit, Some(caller), "item");
    let deletion = item.is_unmanaged().then(|| (asks_uid(&item), choices(&asked, &frame)));
    let (plan_hash, changes, left) = if deletion.is_some() && asked.uid.trim().is_empty() {
        // Before the uid is named there is nothing to plan.
        Default::default()
    } else {
        let RollbackResponse { plan, left, .. } =
            plan_rollback(service, caller, asked.clone().request(&fingerprint)).await?;
        (plan.plan_hash, plan.changes, left)
    };
    let cluster = item.cluster.clone().unwrap_or_default();
    let planned: Vec<Planned> = changes.into_iter().map(|change| planned(&change, &cluster, &frame)).collect();
    let object = format!("{}/{}", item.resource_kind, item.resource_name);
    let page = Page {
        title: frame.say_of(if deletion.is_some() { "page-delete-of" } else { "page-rollback-of" }, &object),
        place: place(&cluster, &item.namespace),
        href: address::item(&fingerprint),
        is_another,
        flags: Flags::of(&asked, &left.iter().map(|left| left.reason.as_str()).collect::<Vec<_>>()),
        may_write: !planned.is_empty() && frame.may(role_to_ignore(item.drift_level == DriftLevel::High)),
        left: left.into_iter().map(|left| (text(&left.item, "stable_path"), left.reason)).collect(),
        asked,
        deletion,
        plan_hash,
        planned,
        frame,
    };
    Ok(html(&page))
}

fn planned(change: &PlannedResponse, cluster: &str, frame: &Frame) -> Planned {
    let items: Vec<(DriftItem, &Json)> =
        change.items.iter().filter_map(|item| Some((rows::read(item.clone()).ok()?, item))).collect();
    let field = |(read, item): &(DriftItem, &Json)| {
        let (then, now) = values(item);
        Field { level: graded(read.drift_level, frame), path: read.stable_path.clone(), now, then }
    };
    let whole = match change.action.as_str() {
        "create" => Some("rollback-create"),
        "delete" => Some("rollback-delete"),
        "recreate" => Some("rollback-recreate"),
        _ => None,
    };
    let has_fields = !matches!(change.action.as_str(), "create" | "delete");
    let (belonging, not_listed) = shown::belonging(change, frame.words).unzip();
    Planned {
        object: named(&change.target),
        place: place(cluster, &change.target.namespace),
        whole: whole.map(|id| frame.say(id)),
        fields: items.iter().filter(|_| has_fields).map(field).collect(),
        belonging,
        dependants: change.dependants.clone(),
        not_listed: not_listed.flatten(),
    }
}

/// The command that prints an object's uid.
fn asks_uid(item: &DriftItem) -> String {
    let group = split_api_version(&item.api_version).0;
    let dot = if group.is_empty() { "" } else { "." };
    let kind = item.resource_kind.to_ascii_lowercase();
    let namespace = if item.namespace.is_empty() { String::new() } else { format!(" -n {}", item.namespace) };
    format!("kubectl get {kind}{dot}{group}/{}{namespace} -o jsonpath={{.metadata.uid}}", item.resource_name)
}

fn choices(asked: &Asked, frame: &Frame) -> Vec<Choice> {
    let chosen = asked.propagation.unwrap_or_default();
    let all = [
        (Propagation::Background, "Background", "page-belonging-background"),
        (Propagation::Foreground, "Foreground", "page-belonging-foreground"),
        (Propagation::Orphan, "Orphan", "page-belonging-orphan"),
    ];
    let choice = |(one, value, label): (Propagation, &'static str, &str)| {
        debug_assert_eq!(word(one), value, "as the form is read");
        Choice { value, label: frame.say(label), is_chosen: one == chosen }
    };
    all.into_iter().map(choice).collect()
}
