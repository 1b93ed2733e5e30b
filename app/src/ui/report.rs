//! `/reports/{id}`: what one scan said of one namespace.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use axum_extra::extract::WithRejection;

use super::address::Address;
use super::frame::{Frame, Time};
use super::rows::{self, Listing, Manner};
use super::visit::Visit;
use super::{html, item, reports, sources};
use crate::api::model::DriftReport;
use crate::api::{Caller, Problem};
use crate::serve::Service;
use crate::shown::short_commit;
use crate::words::word;

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    frame: Frame,
    place: String,
    source: String,
    source_href: String,
    scanned: Time,
    summary: String,
    class: &'static str,
    state: String,
    revision: String,
    trigger: String,
    objects: u64,
    not_compared: Vec<String>,
    ignored: usize,
    listing: Listing,
    calm: String,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(report_id), _): WithRejection<Path<String>, Problem>,
) -> Result<Response, Problem> {
    let report = crate::api::visible(&service, &caller, &report_id).await?;
    let mut report: DriftReport = serde_json::from_value(report).map_err(|error| rows::malformed(&error))?;
    let items = report.items.take().unwrap_or_default();
    let frame = Frame::new(visit, Some(&caller), "report");
    let title = frame.say_of("page-report-of", &item::place(&report.cluster, &report.namespace));
    Ok(html(&Page {
        place: item::place(&report.cluster, &report.namespace),
        source_href: Address::of("/reports").with("source", &report.source).href(),
        source: report.source.clone(),
        scanned: frame.time(report.scanned_at),
        summary: reports::summary(&report, &frame),
        class: reports::class(&report),
        state: frame.say(&format!("page-state-{}", word(report.state))),
        revision: report.revision.as_deref().map(short_commit).unwrap_or_default().to_owned(),
        trigger: frame.say(&format!("page-trigger-{}", word(report.triggered_by))),
        objects: report.objects,
        not_compared: report.not_compared.iter().map(|gap| sources::gap(gap, &frame)).collect(),
        ignored: report.ignored.len(),
        listing: Listing::of(&items, &report.cluster, Manner::default(), &frame),
        calm: reports::summary(&report, &frame),
        frame: frame.titled(title),
    }))
}
