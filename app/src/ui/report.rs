//! `/reports/{id}`: what one scan said of one namespace.

use std::cmp::Reverse;
use std::sync::Arc;

use anchorwatch_core::drift::DriftLevel;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum_extra::extract::WithRejection;
use serde::Deserialize;

use super::address::{self, Address};
use super::frame::Frame;
use super::item::role_to_ignore;
use super::reports::{self, Brief};
use super::rows::{self, Listing, Manner};
use super::visit::Visit;
use super::{html, sources};
use crate::api::model::DriftReport;
use crate::api::{Caller, Problem};
use crate::serve::Service;
use crate::words::word;

/// Items on a page.
const MOST: usize = 200;

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    frame: Frame,
    brief: Brief,
    source_href: String,
    state: String,
    not_compared: Vec<String>,
    ignored: usize,
    listing: Listing,
    /// Where all of its items can be ignored, by who may.
    ignore_href: Option<String>,
    previous: Option<String>,
    next: Option<String>,
}

/// What is asked for of it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// How many items come before.
    #[serde(default)]
    at: u32,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(report_id), _): WithRejection<Path<String>, Problem>,
    WithRejection(Query(asked), _): WithRejection<Query<Asked>, Problem>,
) -> Result<Response, Problem> {
    let report = crate::api::visible(&service, &caller, &report_id).await?;
    let mut report: DriftReport = serde_json::from_value(report).map_err(|error| rows::malformed(&error))?;
    let mut items = report.items.take().unwrap_or_default();
    // The worst are on the first page.
    items.sort_by_key(|item| Reverse(item.drift_level));
    let before = usize::try_from(asked.at).unwrap_or(usize::MAX).min(items.len());
    let end = before.saturating_add(MOST).min(items.len());
    let place = |at: usize| {
        Address::of(&address::report(&report_id))
            .with_some("at", Some(at.to_string().as_str()).filter(|_| at > 0))
            .href()
    };
    let frame = Frame::new(visit, Some(&caller), "report");
    let worst = service.store.worst_open_of(&report_id).await?;
    let may_ignore = worst.is_some_and(|worst| frame.may(role_to_ignore(worst == DriftLevel::High)));
    let brief = reports::brief(&report, &frame);
    let title = frame.say_of("page-report-of", &brief.place);
    Ok(html(&Page {
        brief,
        source_href: Address::of("/reports").with("source", &report.source).href(),
        state: frame.say(&format!("page-state-{}", word(report.state))),
        not_compared: report.not_compared.iter().map(|gap| sources::gap(gap, &frame)).collect(),
        ignored: report.ignored.len(),
        listing: Listing::of(&items[before..end], &report.cluster, Manner::default(), &frame),
        ignore_href: may_ignore.then(|| address::report(&report_id) + "/ignore"),
        previous: (before > 0).then(|| place(before.saturating_sub(MOST))),
        next: (end < items.len()).then(|| place(end)),
        frame: frame.titled(title),
    }))
}
