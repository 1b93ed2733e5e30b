//! The immutable record of one scan of one namespace.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::item::{DriftItem, DriftStatus};
use super::level::DriftLevel;
use super::policy::IgnoredItem;

/// What started a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// A schedule.
    Cron,
    /// A push to Git.
    Webhook,
    /// A person at the command line.
    Manual,
    /// A request to the API.
    Api,
    /// A change in the cluster.
    Watch,
}

/// How much of a scan was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanState {
    /// All was compared.
    Complete,
    /// Some was not compared.
    Partial,
    /// Nothing could be compared.
    Failed,
}

/// Something that was not compared, and so is not clean.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct NotCompared {
    /// A kind, an object or a file.
    pub what: String,
    /// Namespace, empty where it has none.
    pub namespace: String,
    /// Why.
    pub reason: String,
}

/// Why something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftIntent {
    /// Somebody put out a fire.
    EmergencyHotfix,
    /// Somebody erred.
    HumanError,
    /// A program did it.
    AutomatedChange,
    /// Nobody can say.
    Unknown,
}

/// The record of one scan of one namespace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    /// Id.
    pub report_id: String,
    /// When the scan looked.
    pub scanned_at: Timestamp,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Cluster's name.
    pub cluster: String,
    /// Source as it was named.
    pub source: String,
    /// Commit that was compared; `None` for files on disk that are not as it has them.
    pub revision: Option<String>,
    /// Number of objects compared.
    pub objects: usize,
    /// How much was done.
    pub state: ScanState,
    /// What was not compared.
    pub not_compared: Vec<NotCompared>,
    /// Items, worst first.
    pub items: Vec<DriftItem>,
    /// What people's own rules hide.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<IgnoredItem>,
    /// Items of level HIGH.
    pub high_count: usize,
    /// Items of level MEDIUM.
    pub medium_count: usize,
    /// Items of level INFO.
    pub info_count: usize,
    /// True with an item of level HIGH.
    pub has_critical_drift: bool,
    /// `HIGH×2, MEDIUM×1, INFO×3`, or `no drift`, or that nothing was compared.
    pub summary: String,
    /// Why, where something says so.
    pub interpretation: Option<serde_json::Value>,
    /// `pending` while an item above INFO is, or where nothing was compared.
    pub status: DriftStatus,
    /// What started the scan.
    pub triggered_by: Trigger,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When the last item went away.
    pub resolved_at: Option<Timestamp>,
}

/// All that a report is made of and that is not derived.
#[derive(Debug, Clone)]
pub struct Findings {
    /// Id.
    pub report_id: String,
    /// When the scan looked.
    pub scanned_at: Timestamp,
    /// Namespace.
    pub namespace: String,
    /// Cluster's name.
    pub cluster: String,
    /// Source as it was named.
    pub source: String,
    /// Commit.
    pub revision: Option<String>,
    /// Number of objects compared.
    pub objects: usize,
    /// What was not compared.
    pub not_compared: Vec<NotCompared>,
    /// Items in any order.
    pub items: Vec<DriftItem>,
    /// What people's own rules hide.
    pub ignored: Vec<IgnoredItem>,
    /// What started the scan.
    pub triggered_by: Trigger,
}

impl DriftReport {
    /// Derives counts, summary and status; sorts the items, worst first.
    pub fn new(findings: Findings) -> Self {
        let Findings {
            report_id,
            scanned_at,
            namespace,
            cluster,
            source,
            revision,
            objects,
            mut not_compared,
            mut items,
            mut ignored,
            triggered_by,
        } = findings;
        items.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        for item in &mut items {
            item.last_report_id.clone_from(&report_id);
        }
        ignored.sort();
        not_compared.sort();
        not_compared.dedup();
        let count = |level| items.iter().filter(|i| i.drift_level == level).count();
        let (high, medium, info) = (count(DriftLevel::High), count(DriftLevel::Medium), count(DriftLevel::Info));
        let state = match (not_compared.is_empty(), objects) {
            (true, _) => ScanState::Complete,
            (false, 0) => ScanState::Failed,
            (false, _) => ScanState::Partial,
        };
        let summary = match state {
            ScanState::Failed if items.is_empty() => NOTHING_COMPARED.to_owned(),
            _ => summary(high, medium, info),
        };
        let mut report = Self {
            report_id,
            scanned_at,
            namespace,
            cluster,
            source,
            revision,
            objects,
            state,
            not_compared,
            ignored,
            high_count: high,
            medium_count: medium,
            info_count: info,
            has_critical_drift: high > 0,
            summary,
            interpretation: None,
            status: DriftStatus::Pending,
            resolved_at: None,
            triggered_by,
            created_at: scanned_at,
            items,
        };
        report.derive_status();
        report
    }

    /// Derives the status from that of the items, once it is known what became of them.
    pub fn derive_status(&mut self) {
        let is_open = |i: &DriftItem| i.drift_level > DriftLevel::Info && i.status == DriftStatus::Pending;
        // Where nothing was compared nobody knows, and where only some was the rest may differ.
        let open = self.state == ScanState::Failed || self.items.iter().any(is_open);
        self.status = if open { DriftStatus::Pending } else { DriftStatus::Resolved };
        self.resolved_at = (!open && self.state == ScanState::Complete).then_some(self.scanned_at);
    }
}

fn sort_key(item: &DriftItem) -> impl Ord + '_ {
    (std::cmp::Reverse(item.drift_level), &item.resource_kind, &item.resource_name, &item.stable_path, item.change)
}

/// The summary of a report in which nothing was compared.
pub const NOTHING_COMPARED: &str = "nothing compared";

/// `HIGH×2, MEDIUM×1, INFO×3`; with nothing: `no drift`.
pub fn summary(high: usize, medium: usize, info: usize) -> String {
    let parts: Vec<String> = [("HIGH", high), ("MEDIUM", medium), ("INFO", info)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name}×{count}"))
        .collect();
    if parts.is_empty() { "no drift".to_owned() } else { parts.join(", ") }
}
