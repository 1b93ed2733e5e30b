//! `/reports`: each scan of each namespace, the newest first.

use std::sync::Arc;

use anchorwatch_edge::store::Filter;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use axum_extra::extract::WithRejection;
use serde::Deserialize;

use super::address::{self, Address};
use super::chips::{self, Chip, Chips};
use super::frame::{Frame, Time};
use super::html;
use super::rows;
use super::visit::Visit;
use crate::api::model::{DriftReport, ScanState};
use crate::api::{Caller, Problem, legible};
use crate::serve::Service;
use crate::shown::short_commit;
use crate::words::word;

/// Reports on a page.
const MOST: u64 = 50;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    level: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    namespace: Option<String>,
    /// Only those that hold this item.
    #[serde(default)]
    item: String,
    #[serde(default)]
    after: String,
}

/// A report in one line.
pub(super) struct Brief {
    pub(super) href: String,
    pub(super) scanned: Time,
    pub(super) source: String,
    pub(super) place: String,
    pub(super) summary: String,
    pub(super) class: &'static str,
    pub(super) objects: u64,
    pub(super) revision: String,
    pub(super) trigger: String,
    pub(super) not_compared: usize,
}

#[derive(Template)]
#[template(path = "reports.html")]
struct Page {
    frame: Frame,
    reports: Vec<Brief>,
    total: u64,
    chips: Vec<Chips>,
    taken: Vec<Chip>,
    first: Option<String>,
    next: Option<String>,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Query(asked), _): WithRejection<Query<Asked>, Problem>,
) -> Result<Response, Problem> {
    let filter = caller.limit(asked.filter()?);
    let after = Some(asked.after.as_str()).filter(|after| !after.is_empty());
    let listed = service.store.reports(&filter, MOST, after).await?;
    let frame = Frame::new(visit, Some(&caller), "reports");
    let reports = rows::reports(&listed.items)?;
    let address = asked.address();
    Ok(html(&Page {
        reports: reports.iter().map(|report| brief(report, &frame)).collect(),
        total: listed.total,
        chips: asked.chips(&address, &frame),
        taken: asked.taken(&address, &frame),
        first: after.map(|_| address.href()),
        next: listed.next.map(|next| address.with("after", &next).href()),
        frame,
    }))
}

impl Asked {
    fn filter(&self) -> Result<Filter, Problem> {
        let texts = [Some(&self.source), self.namespace.as_ref(), Some(&self.item), Some(&self.after)];
        legible(texts.into_iter().flatten())?;
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Filter {
            level: some(&self.level).map(|level| rows::asked("level", &level)).transpose()?,
            source: some(&self.source),
            namespace: self.namespace.clone(),
            holding: some(&self.item),
            ..Filter::default()
        })
    }

    fn address(&self) -> Address {
        let texts = [("level", &self.level), ("source", &self.source), ("item", &self.item)];
        let address = texts.iter().fold(Address::of("/reports"), |address, (name, text)| address.with_text(name, text));
        address.with_some("namespace", self.namespace.as_deref())
    }

    fn chips(&self, address: &Address, frame: &Frame) -> Vec<Chips> {
        let chips = chips::levels(address, &self.level, frame);
        vec![Chips { label: frame.say("page-with-level"), chips }]
    }

    fn taken(&self, address: &Address, frame: &Frame) -> Vec<Chip> {
        let namespace = self.namespace.as_ref().map(|namespace| ("namespace", chips::in_namespace(namespace, frame)));
        let source = (!self.source.is_empty()).then(|| ("source", frame.say_of("page-of-source", &self.source)));
        let item = (!self.item.is_empty()).then(|| ("item", frame.say("page-of-item")));
        chips::taken([source, namespace, item].into_iter().flatten(), address)
    }
}

/// A report in one line.
pub(super) fn brief(report: &DriftReport, frame: &Frame) -> Brief {
    Brief {
        href: address::report(&report.report_id),
        scanned: frame.time(report.scanned_at),
        source: report.source.clone(),
        place: super::item::place(&report.cluster, &report.namespace),
        summary: summary(report, frame),
        class: class(report),
        objects: report.objects,
        revision: report.revision.as_deref().map(short_commit).unwrap_or_default().to_owned(),
        trigger: frame.say(&format!("page-trigger-{}", word(report.triggered_by))),
        not_compared: report.not_compared.len(),
    }
}

/// How many of which level, in words; what was not compared is not clean.
fn summary(report: &DriftReport, frame: &Frame) -> String {
    let counts = [("high", report.high_count), ("medium", report.medium_count), ("info", report.info_count)];
    let parts = counts.iter().filter(|(_, count)| *count > 0);
    let parts: Vec<String> = parts.map(|(level, n)| format!("{}×{n}", frame.say(&format!("level-{level}")))).collect();
    match report.state {
        ScanState::Failed => frame.say("page-nothing-compared"),
        _ if !parts.is_empty() => parts.join(", "),
        ScanState::Partial => frame.say("page-no-drift-partly"),
        ScanState::Complete => frame.say("no-drift"),
    }
}

/// The worst that a report tells.
fn class(report: &DriftReport) -> &'static str {
    match report {
        DriftReport { state: ScanState::Failed, .. } => "failed",
        DriftReport { high_count: 1.., .. } => "high",
        DriftReport { medium_count: 1.., .. } => "medium",
        DriftReport { state: ScanState::Partial, .. } => "partly",
        _ => "calm",
    }
}
