//! `/reports/{id}`: what one scan said of one namespace.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use axum_extra::extract::WithRejection;

use super::address::Address;
use super::frame::Frame;
use super::reports::{self, Brief};
use super::rows::{self, Listing, Manner};
use super::visit::Visit;
use super::{html, sources};
use crate::api::model::DriftReport;
use crate::api::{Caller, Problem};
use crate::serve::Service;
use crate::words::word;

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
    let brief = reports::brief(&report, &frame);
    let title = frame.say_of("page-report-of", &brief.place);
    Ok(html(&Page {
        brief,
        source_href: Address::of("/reports").with("source", &report.source).href(),
        state: frame.say(&format!("page-state-{}", word(report.state))),
        not_compared: report.not_compared.iter().map(|gap| sources::gap(gap, &frame)).collect(),
        ignored: report.ignored.len(),
        listing: Listing::of(&items, &report.cluster, Manner::default(), &frame),
        frame: frame.titled(title),
    }))
}
