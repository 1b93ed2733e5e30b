//! `/items/{fingerprint}/adopt`: the lines that would be committed, and then what was pushed.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use axum_extra::extract::WithRejection;

use super::address;
use super::changes::{Confirmed, text, to_change};
use super::frame::Frame;
use super::html;
use super::item::{place, role_to_ignore};
use super::rows;
use super::visit::Visit;
use crate::api::model::{AdoptRequest, AdoptedFileResponse, CommitPlanResponse, DriftLevel};
use crate::api::{Caller, Problem, plan_adoption};
use crate::serve::Service;

/// A line of a diff.
struct Line {
    /// `old`, `new` or nothing.
    class: &'static str,
    text: String,
}

/// A file that would be changed.
struct File {
    path: String,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "adopt.html")]
struct AdoptPage {
    frame: Frame,
    object: String,
    place: String,
    href: String,
    /// True if it is another plan than the one that was confirmed.
    is_another: bool,
    plan_hash: String,
    branch: String,
    pushed_to: String,
    files: Vec<File>,
    left: Vec<(String, String)>,
    may_write: bool,
}

pub(super) async fn show(
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
    match plan_adoption(&service, &caller, asked(&fingerprint, Some(confirmed.plan_hash))).await {
        Ok(adopted) => Ok(to_change(adopted.done.map(|done| done.change_id))),
        Err(problem) if problem.has_plan() => show_plan(&service, visit, &caller, fingerprint, true).await,
        Err(problem) => Err(problem),
    }
}

fn asked(fingerprint: &str, plan_hash: Option<String>) -> AdoptRequest {
    AdoptRequest { items: vec![fingerprint.to_owned()], report_id: None, plan_hash }
}

async fn show_plan(
    service: &Arc<Service>,
    visit: Visit,
    caller: &Caller,
    fingerprint: String,
    is_another: bool,
) -> Result<Response, Problem> {
    let adoption = plan_adoption(service, caller, asked(&fingerprint, None)).await?;
    let deciding = crate::api::Deciding { service, caller };
    let item = rows::read(deciding.item(&fingerprint).await?)?;
    let frame = Frame::new(visit, Some(caller), "item");
    let CommitPlanResponse { plan_hash, cluster, branch, pushed_to, files, .. } = adoption.plan;
    let page = AdoptPage {
        object: format!("{}/{}", item.resource_kind, item.resource_name),
        place: place(&cluster, &item.namespace),
        href: address::item(&fingerprint),
        is_another,
        may_write: !files.is_empty() && frame.may(role_to_ignore(item.drift_level == DriftLevel::High)),
        plan_hash,
        branch,
        pushed_to,
        files: files.into_iter().map(file).collect(),
        left: adoption.left.into_iter().map(|left| (text(&left.item, "stable_path"), left.reason)).collect(),
        frame,
    };
    Ok(html(&page))
}

fn file(AdoptedFileResponse { path, diff, .. }: AdoptedFileResponse) -> File {
    // Two lines name the file, and are followed by hunks.
    let lines = diff.lines().skip(2).map(|line| Line {
        class: match line.chars().next() {
            Some('-') => "old",
            Some('+') => "new",
            _ => "",
        },
        text: line.to_owned(),
    });
    File { path, lines: lines.collect() }
}
