//! One differing field, ready to be told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::compare::Change;
use super::level::DriftLevel;
use super::origin::{Attribution, Origin, OriginReason};
use crate::object::secret::Shown;

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftStatus {
    /// Nobody dealt with it yet.
    Pending,
    /// Somebody knows.
    Acknowledged,
    /// The cluster was made as Git says.
    RolledBack,
    /// Git was made as the cluster is.
    Adopted,
    /// A rule says that it is not to be told.
    Ignored,
    /// It went away by itself.
    Resolved,
}

/// Where Git says the desired value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceLocation {
    /// File, relative to the source's root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line, 1-based; `None` for rendered values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Commit; `None` for files on disk that are not as it has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// True where kustomize or Helm made the value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rendered: bool,
}

/// The commit that said what the cluster still has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastCommit {
    /// The newest commit that said so.
    pub commit: String,
    /// When the commit after it was made, which said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// The commit that said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_in: Option<String>,
}

/// One field, or one whole object, whose desired and live values differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftItem {
    /// Kind.
    pub resource_kind: String,
    /// Name.
    pub resource_name: String,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// `apiVersion` as Git writes it.
    pub api_version: String,
    /// The path with list positions.
    pub field_path: String,
    /// The path with list keys.
    pub stable_path: String,
    /// How it differs.
    pub change: Change,
    /// What Git says, fit to be shown.
    pub git_value: Option<Shown>,
    /// What the cluster has, fit to be shown.
    pub actual_value: Option<Shown>,
    /// How much it matters.
    pub drift_level: DriftLevel,
    /// True for level INFO by the allow-list.
    pub is_allowlisted: bool,
    /// Where the live value comes from.
    pub origin: Origin,
    /// Why this origin.
    pub origin_reason: OriginReason,
    /// Who owns the live value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution>,
    /// Id of the rule that gave the level.
    pub rule: String,
    /// The rule's reason.
    pub reason: String,
    /// Where Git says the desired value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLocation>,
    /// The earlier commit that said what the cluster has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_in_git: Option<PastCommit>,
    /// What became of it.
    pub status: DriftStatus,
    /// First seen.
    pub first_seen: Timestamp,
    /// Last seen.
    pub last_seen: Timestamp,
    /// When it went away.
    pub resolved_at: Option<Timestamp>,
    /// The report that saw it last.
    pub last_report_id: String,
    /// Its identity over scans: 64 hex characters.
    pub fingerprint: String,
    /// Its state: a keyed hash of both values, 64 hex characters.
    pub value_hash: String,
}

impl DriftItem {
    /// The field manager that owns the live value; empty where nobody is known to.
    pub fn manager(&self) -> &str {
        self.attribution.as_ref().map_or("", |attribution| &attribution.manager)
    }

    /// True if this item makes a scan's exit status 1 at this threshold; controllers' INFO never does.
    pub fn counts_from(&self, threshold: DriftLevel) -> bool {
        let silent = self.drift_level == DriftLevel::Info && self.origin == Origin::Controller;
        !silent && self.drift_level >= threshold
    }
}

/// What makes an item the same item in the next scan.
#[derive(Debug, Clone, Copy)]
pub struct Identifying<'a> {
    /// Cluster's name.
    pub cluster: &'a str,
    /// Source as it was named.
    pub source: &'a str,
    /// API group.
    pub group: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Namespace.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// The path with list keys.
    pub stable_path: &'a str,
    /// How it differs.
    pub change: Change,
}

impl Identifying<'_> {
    /// SHA-256 over all parts, each ended by a zero byte; hexadecimal.
    pub fn fingerprint(&self) -> String {
        let change = serde_json::to_string(&self.change).expect("an enum of names is JSON");
        let mut hash = Sha256::new();
        for part in
            [self.cluster, self.source, self.group, self.kind, self.namespace, self.name, self.stable_path, &change]
        {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        crate::object::secret::hex(&hash.finalize())
    }
}
