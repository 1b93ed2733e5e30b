//! `/sources`: what is compared, what came of it last, and when next.

use std::collections::BTreeMap;
use std::sync::Arc;

use anchorwatch_core::drift::report::Trigger;
use anchorwatch_edge::store::{JobOutcome, Role, SourceRow};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::WithRejection;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::address::{Address, encoded};
use super::frame::{Frame, Time};
use super::visit::Visit;
use super::{html, messages, rows};
use crate::api::model::{self, DriftReport};
use crate::api::{Caller, Problem};
use crate::config::Discover;
use crate::serve::{ListState, Service};
use crate::shown::short_commit;
use crate::words::Arg::{Count, Text};

/// Things that were not compared, of which a state tells.
const MOST_GAPS: usize = 20;
/// Late by more than this beside its interval, a source is stale.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// How it stands with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Well,
    Partly,
    Stale,
    Unheard,
    Failed,
    Never,
}

/// A source, and how it stands with it.
pub(super) struct SourceState {
    pub(super) name: String,
    pub(super) cluster: String,
    address: String,
    standing: Standing,
    /// In one sentence.
    pub(super) said: String,
    /// Why, and what to do.
    pub(super) why: Vec<String>,
    pub(super) more_gaps: usize,
    success: Option<Time>,
    success_at: Option<Timestamp>,
    failure: Option<Time>,
    due: Option<String>,
    due_full: String,
    objects: u64,
    revision: Option<String>,
    /// Where its scans and what they found are; nothing for a list of sources.
    pub(super) links: Option<Links>,
}

/// Where more of a source is to be found.
pub(super) struct Links {
    scan: String,
    reports: String,
    items: String,
}

impl SourceState {
    pub(super) fn is_trouble(&self) -> bool {
        self.standing != Standing::Well
    }

    /// Tells of what its watch hears nothing.
    fn hears_nothing_of(&mut self, lost: BTreeMap<String, (Timestamp, String)>, frame: &Frame) {
        if self.standing == Standing::Well && !lost.is_empty() {
            self.standing = Standing::Unheard;
            let when = self.success_at.map(|at| crate::shown::when(at, &frame.now, frame.words)).unwrap_or_default();
            self.said = frame.words.say_with("page-source-unheard", &[("when", Text(&when))]);
        }
        self.why.extend(lost.into_iter().map(|(what, (since, reason))| {
            let when = crate::shown::when(since, &frame.now, frame.words);
            let args = [("what", Text(&what)), ("when", Text(&when)), ("reason", Text(&reason))];
            frame.words.say_with("page-unheard", &args)
        }));
    }

    pub(super) fn class(&self) -> &'static str {
        match self.standing {
            Standing::Well => "well",
            Standing::Partly => "partly",
            Standing::Stale | Standing::Unheard => "stale",
            Standing::Failed => "failed",
            Standing::Never => "never",
        }
    }

    pub(super) fn shape(&self) -> &'static str {
        match self.standing {
            Standing::Well => "✓",
            Standing::Partly => "◐",
            Standing::Stale | Standing::Unheard => "◷",
            Standing::Failed => "✕",
            Standing::Never => "○",
        }
    }
}

/// The sources that the caller may see, by name, and lists of sources that cannot be read.
pub(super) async fn states(service: &Service, caller: &Caller, frame: &Frame) -> Result<Vec<SourceState>, Problem> {
    let (mut states, mut last) = (Vec::new(), service.store.last_reports().await?);
    for row in service.store.sources().await? {
        if !caller.sees_cluster(&row.cluster) {
            continue;
        }
        let reports = last.remove(&row.name).unwrap_or_default();
        let reports = rows::reports(&reports)?;
        let seen = reports.into_iter().filter(|report| caller.sees(&report.cluster, &report.namespace)).collect();
        let interval = service.config().source(&row.name).map(|source| source.interval);
        let interval = interval.and_then(|interval| SignedDuration::try_from(interval).ok());
        let lost = service.watched.state(&row.name).unwrap_or_default().lost;
        let mut state = state(row, seen, interval.unwrap_or(SignedDuration::MAX), frame);
        state.hears_nothing_of(lost, frame);
        states.push(state);
    }
    for list in service.config().discover.iter().filter(|list| caller.sees_cluster(&list.cluster)) {
        if let ListState { read_at, fault: Some((since, reason)), .. } = service.discovered.state(&list.name()) {
            states.push(unread(list, read_at, (since, &reason), frame));
        }
    }
    Ok(states)
}

/// A list of sources that cannot be read: what is in it now nobody knows.
fn unread(list: &Discover, read_at: Option<Timestamp>, fault: (Timestamp, &str), frame: &Frame) -> SourceState {
    let (since, reason) = fault;
    let when = crate::shown::when(since, &frame.now, frame.words);
    SourceState {
        name: list.name(),
        cluster: list.cluster.clone(),
        address: frame.say("page-list-of-sources"),
        standing: Standing::Failed,
        said: frame.say_of("page-list-unread", &when),
        why: vec![reason.to_owned()],
        more_gaps: 0,
        success: read_at.map(|time| frame.time(time)),
        success_at: None,
        failure: Some(frame.time(since)),
        due: None,
        due_full: String::new(),
        objects: 0,
        revision: None,
        links: None,
    }
}

fn state(row: SourceRow, reports: Vec<DriftReport>, interval: SignedDuration, frame: &Frame) -> SourceState {
    let SourceRow { name, cluster, address, next_due_at, last_success_at, last_failure, last_failure_at } = row;
    let now = frame.now.timestamp();
    let objects = reports.iter().map(|report| report.objects).sum();
    let revision = reports.iter().find_map(|report| report.revision.as_deref()).map(|r| short_commit(r).to_owned());
    let mut gaps: Vec<String> = reports.into_iter().flat_map(|r| r.not_compared).map(|g| gap(&g, frame)).collect();
    gaps.sort();
    gaps.dedup();
    let late = interval.saturating_mul(2).saturating_add(GRACE);
    let standing = match last_success_at {
        _ if last_failure.is_some() => Standing::Failed,
        None => Standing::Never,
        Some(at) if now.duration_since(at) > late => Standing::Stale,
        Some(_) if !gaps.is_empty() => Standing::Partly,
        Some(_) => Standing::Well,
    };
    let when = |time: Option<Timestamp>| {
        time.map(|time| crate::shown::when(time, &frame.now, frame.words)).unwrap_or_default()
    };
    let id = match standing {
        Standing::Well => "page-source-well",
        Standing::Partly => "page-source-partly",
        Standing::Stale | Standing::Unheard => "page-source-stale",
        Standing::Failed if last_success_at.is_none() => "page-source-failed-ever",
        Standing::Failed => "page-source-failed",
        Standing::Never => "page-source-never",
    };
    let said = frame.words.say_with(
        id,
        &[
            ("when", Text(&when(last_success_at))),
            ("failed", Text(&when(last_failure_at))),
            ("objects", Count(usize::try_from(objects).unwrap_or(usize::MAX))),
            ("gaps", Count(gaps.len())),
        ],
    );
    let more_gaps = gaps.len().saturating_sub(MOST_GAPS);
    gaps.truncate(MOST_GAPS);
    let failure_lines = last_failure.iter().flat_map(|failure| failure.lines()).map(str::to_owned);
    SourceState {
        why: failure_lines.chain(gaps).collect(),
        more_gaps,
        success: last_success_at.map(|time| frame.time(time)),
        success_at: last_success_at,
        failure: last_failure_at.filter(|_| last_failure.is_some()).map(|time| frame.time(time)),
        due: next_due_at.map(|time| due(time, now, frame)),
        due_full: next_due_at.map(|time| crate::shown::at(time, &frame.now)).unwrap_or_default(),
        links: Some(Links {
            scan: format!("/sources/{}/scan", encoded(&name)),
            reports: Address::of("/reports").with("source", &name).href(),
            items: Address::of("/").with("source", &name).href(),
        }),
        name,
        cluster,
        address,
        standing,
        said,
        objects,
        revision,
    }
}

/// When something is to come.
fn due(time: Timestamp, now: Timestamp, frame: &Frame) -> String {
    let minutes = time.duration_since(now).as_secs().max(0).div_euclid(60);
    match u64::try_from(minutes).unwrap_or(0) {
        0 => frame.say("page-due-now"),
        n @ 1..60 => frame.say_count("page-due-minutes", n),
        n => frame.say_count("page-due-hours", n / 60),
    }
}

/// Something that was not compared, with its reason.
pub(super) fn gap(gap: &model::NotCompared, frame: &Frame) -> String {
    let model::NotCompared { what, namespace, reason } = gap;
    let reason = frame.words.gap(reason);
    let id = if namespace.is_empty() { "not-compared" } else { "not-compared-in" };
    frame.words.say_with(id, &[("what", Text(what)), ("reason", Text(&reason)), ("namespace", Text(namespace))])
}

/// When somebody looked last, and at how much; nothing before anybody did.
pub(super) fn looked(states: &[SourceState], frame: &Frame) -> Option<String> {
    let oldest = states.iter().filter_map(|state| state.success_at).min()?;
    let objects: u64 = states.iter().map(|state| state.objects).sum();
    let when = crate::shown::when(oldest, &frame.now, frame.words);
    let args = [("when", Text(&when)), ("objects", Count(usize::try_from(objects).unwrap_or(usize::MAX)))];
    Some(frame.words.say_with("page-source-well", &args))
}

/// What is said where nothing differs; true if it is certain.
pub(super) fn calm(states: &[SourceState], frame: &Frame) -> (String, bool) {
    let all = |standing| states.iter().all(|state| state.standing == standing);
    match looked(states, frame) {
        Some(looked) if all(Standing::Well) => (frame.say_of("page-calm", &looked), true),
        Some(looked) => (frame.say_of("page-calm-partly", &looked), false),
        None if states.is_empty() => (frame.say("page-nothing-here"), false),
        None if all(Standing::Never) => (frame.say("page-not-looked"), false),
        None => (frame.say("page-nothing-known"), false),
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    job: String,
}

#[derive(Template)]
#[template(path = "sources.html")]
struct Page {
    frame: Frame,
    states: Vec<SourceState>,
    messages: Vec<String>,
    may_scan: bool,
    /// What has come of a scan that was asked for.
    job: Option<String>,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Query(asked), _): WithRejection<Query<Asked>, Problem>,
) -> Result<Response, Problem> {
    let frame = Frame::new(visit, Some(&caller), "sources");
    let states = states(&service, &caller, &frame).await?;
    let job = if asked.job.is_empty() { None } else { service.store.job(&asked.job).await? };
    let job = job.filter(|job| states.iter().any(|state| state.name == job.job.source)).map(|job| {
        let id = match job.outcome {
            JobOutcome::Queued => "page-job-queued",
            JobOutcome::Running => "page-job-running",
            JobOutcome::Done(_) => "page-job-done",
            JobOutcome::Failed(_) => "page-job-failed",
        };
        frame.say_of(id, &job.job.source)
    });
    let messages = messages::stuck(&service, &frame).await?;
    Ok(html(&Page { may_scan: frame.may(Role::Operator), states, messages, job, frame }))
}

/// Queues a scan, of the namespaces that the caller may see.
pub(super) async fn scan(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(name), _): WithRejection<Path<String>, Problem>,
) -> Result<Response, Problem> {
    let request = model::DriftScanRequest {
        namespaces: caller.0.namespaces.clone(),
        triggered_by: Some(Trigger::Manual),
        cluster: None,
        source: Some(name),
    };
    let jobs = crate::api::ask(&service, &caller, &request, None).await?;
    let address = Address::of("/sources").with_some("job", jobs.first().map(String::as_str));
    Ok(Redirect::to(&address.href()).into_response())
}
