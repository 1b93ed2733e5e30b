//! The shapes of what the API gives. What is stored was written by core; a test reads every answer by these.

use anchorwatch_core::change::dependants::{Dependant, Propagation};
use anchorwatch_core::change::shown::shown;
use anchorwatch_core::change::{Action, ObjectChange, Plan, Promise, Target, Write};
use anchorwatch_core::drift::{Change, report};
use anchorwatch_core::object::GroupKind;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::redaction::Redactor;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::drift::adopt::AdoptedFile;
use crate::drift::adopt::publish::Publication;
use crate::drift::adopt::record::CommitState;

use crate::drift::rollback::record::{ChangeRecord, StepState};
use crate::drift::rollback::undo::not_kept;
use crate::drift::rollback::{Done, Left, Planned, RolledBack, Step};
use crate::shown::hunks;
use crate::words::word;

/// One scan of one namespace, as it was; only `status` and `resolved_at` change later.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DriftReport {
    pub(crate) report_id: String,
    pub(crate) scanned_at: Timestamp,
    /// Empty for cluster-scoped objects.
    pub(crate) namespace: String,
    pub(crate) cluster: String,
    pub(crate) source: String,
    /// The commit that was compared.
    pub(crate) revision: Option<String>,
    /// How many objects were compared.
    #[schema(minimum = 0)]
    pub(crate) objects: u64,
    pub(crate) state: ScanState,
    pub(crate) not_compared: Vec<NotCompared>,
    /// Left out in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<Vec<DriftItem>>,
    /// What rules of the configuration hide.
    #[serde(default)]
    pub(crate) ignored: Vec<Value>,
    pub(crate) high_count: u64,
    pub(crate) medium_count: u64,
    pub(crate) info_count: u64,
    pub(crate) has_critical_drift: bool,
    /// As in `HIGH×2, MEDIUM×1`, or `no drift`.
    pub(crate) summary: String,
    pub(crate) interpretation: Option<Value>,
    pub(crate) status: DriftStatus,
    pub(crate) triggered_by: Trigger,
    pub(crate) created_at: Timestamp,
    pub(crate) resolved_at: Option<Timestamp>,
}

/// How much of a scan was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScanState {
    Complete,
    Partial,
    Failed,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DriftStatus {
    Pending,
    Acknowledged,
    RolledBack,
    Adopted,
    Ignored,
    Resolved,
}

/// How much an item matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DriftLevel {
    Info,
    Medium,
    High,
}

/// What started a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trigger {
    Cron,
    Webhook,
    Manual,
    Api,
    Watch,
}

/// Something that was not compared, and so is not clean.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotCompared {
    pub(crate) what: String,
    pub(crate) namespace: String,
    pub(crate) reason: String,
}

/// One field, or one whole object, that differs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DriftItem {
    pub(crate) resource_kind: String,
    pub(crate) resource_name: String,
    pub(crate) namespace: String,
    pub(crate) api_version: String,
    /// The path with list positions.
    pub(crate) field_path: String,
    /// The path with list keys.
    pub(crate) stable_path: String,
    /// `changed`, `removed`, `extra`, `missing_object` or `unmanaged_object`.
    pub(crate) change: String,
    /// Masked where it is a secret.
    #[serde(default)]
    pub(crate) git_value: Value,
    /// Masked where it is a secret.
    #[serde(default)]
    pub(crate) actual_value: Value,
    pub(crate) drift_level: DriftLevel,
    pub(crate) is_allowlisted: bool,
    /// `human`, `controller`, `stale` or `unknown`.
    pub(crate) origin: String,
    pub(crate) origin_reason: Value,
    #[serde(default)]
    pub(crate) attribution: Option<Attribution>,
    /// The rule that gave the level.
    pub(crate) rule: String,
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) source: Option<SourceLocation>,
    #[serde(default)]
    pub(crate) was_in_git: Option<Value>,
    pub(crate) status: DriftStatus,
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) last_report_id: String,
    pub(crate) fingerprint: String,
    pub(crate) value_hash: String,
    /// The cluster that has it; in a report the report says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cluster: Option<String>,
    /// The name of the source that says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source_name: Option<String>,
    /// How often it has changed or come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changes: Option<u64>,
    /// Who decided what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decided_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decided_at: Option<Timestamp>,
}

impl DriftItem {
    /// True for an object that Git does not have.
    pub(crate) fn is_unmanaged(&self) -> bool {
        self.change == word(Change::UnmanagedObject)
    }
}

/// Who owns the live value.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Attribution {
    pub(crate) manager: String,
    #[serde(default)]
    pub(crate) operation: Option<String>,
    #[serde(default)]
    pub(crate) subresource: Option<String>,
    #[serde(default)]
    pub(crate) time: Option<Timestamp>,
    /// From an audit log.
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    #[serde(default)]
    pub(crate) user_agent: Option<String>,
}

/// The values that an item had.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct EpisodeList {
    pub(crate) items: Vec<Episode>,
    pub(crate) total: u64,
}

/// One value of an item.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Episode {
    pub(crate) fingerprint: String,
    pub(crate) stable_path: String,
    /// Who wrote it; empty where nobody knows.
    pub(crate) manager: String,
    /// Since when it was so, where its owner says; else when it was seen.
    pub(crate) began_at: Timestamp,
    pub(crate) seen_at: Timestamp,
    /// Until when; nothing while it lasts.
    pub(crate) ended_at: Option<Timestamp>,
    /// Who made it go, where that was seen.
    pub(crate) ended_by: Option<String>,
    /// The item, as it was then.
    pub(crate) item: DriftItem,
}

/// Where Git says the desired value.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SourceLocation {
    #[serde(default)]
    pub(crate) file: Option<String>,
    #[serde(default)]
    pub(crate) line: Option<u32>,
    #[serde(default)]
    pub(crate) commit: Option<String>,
    #[serde(default)]
    pub(crate) rendered: bool,
}

/// Some reports.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct DriftListResponse {
    pub(crate) items: Vec<DriftReport>,
    /// How many there are in all.
    pub(crate) total: u64,
    /// Ask for those after this one for the next page.
    pub(crate) next: Option<String>,
}

/// Some items.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ItemList {
    pub(crate) items: Vec<DriftItem>,
    /// How many there are in all.
    pub(crate) total: u64,
    /// Ask for those after this one for the next page.
    pub(crate) next: Option<String>,
}

/// What is to be scanned.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DriftScanRequest {
    /// Only these; all of the source's where empty.
    #[serde(default)]
    pub(crate) namespaces: Vec<String>,
    /// What started it.
    #[serde(default)]
    #[schema(value_type = Option<Trigger>)]
    pub(crate) triggered_by: Option<report::Trigger>,
    /// Only sources of this cluster.
    #[serde(default)]
    pub(crate) cluster: Option<String>,
    /// Only this source; all where absent.
    #[serde(default)]
    pub(crate) source: Option<String>,
}

/// What a scan found in a namespace.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct DriftScanResponse {
    pub(crate) report_id: String,
    pub(crate) source: String,
    pub(crate) cluster: String,
    pub(crate) namespace: String,
    pub(crate) summary: String,
    pub(crate) high_count: u64,
    pub(crate) medium_count: u64,
    pub(crate) info_count: u64,
    pub(crate) has_critical_drift: bool,
    pub(crate) interpretation: Option<Value>,
    pub(crate) state: ScanState,
    pub(crate) not_compared: Vec<NotCompared>,
}

/// What scans found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct DriftScanResponses {
    pub(crate) items: Vec<DriftScanResponse>,
    /// Sources that could not be scanned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) failures: Vec<ScanFailure>,
}

/// A source that could not be scanned.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ScanFailure {
    pub(crate) source: String,
    pub(crate) reason: String,
}

/// Jobs that were queued.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct JobList {
    pub(crate) items: Vec<JobResponse>,
}

/// A scan that was asked for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct JobResponse {
    pub(crate) job_id: String,
    pub(crate) source: String,
    pub(crate) state: JobState,
    pub(crate) created_at: Timestamp,
    /// Where to ask for it.
    pub(crate) href: String,
    /// The scan, once it is done.
    #[serde(default)]
    pub(crate) scan_id: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub(crate) failure: Option<String>,
}

/// What has come of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobState {
    Queued,
    Running,
    Done,
    Failed,
}

/// The sources.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SourceList {
    pub(crate) items: Vec<SourceResponse>,
    pub(crate) total: u64,
    /// Lists of sources in clusters, as this replica read them last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) discover: Vec<DiscoverResponse>,
}

/// A list of sources in a cluster.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct DiscoverResponse {
    /// Cluster, tool and namespaces.
    pub(crate) name: String,
    pub(crate) cluster: String,
    /// Sources that it had last.
    pub(crate) sources: u64,
    pub(crate) last_success_at: Option<Timestamp>,
    pub(crate) failing_since: Option<Timestamp>,
    /// Why it cannot be read; its sources stay as they were.
    pub(crate) failure: Option<String>,
}

/// A source, and what came of it last.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SourceResponse {
    pub(crate) name: String,
    pub(crate) cluster: String,
    pub(crate) address: String,
    pub(crate) next_due_at: Option<Timestamp>,
    pub(crate) last_success_at: Option<Timestamp>,
    pub(crate) last_failure: Option<String>,
    pub(crate) last_failure_at: Option<Timestamp>,
    /// How its watch does, where this replica holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) watch: Option<WatchResponse>,
}

/// How a watch does.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct WatchResponse {
    pub(crate) since: Option<Timestamp>,
    /// True once all lists were whole.
    pub(crate) whole: bool,
    /// Of what nothing is heard.
    pub(crate) lost: Vec<LostResponse>,
}

/// Something of which nothing is heard.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct LostResponse {
    pub(crate) what: String,
    pub(crate) since: Timestamp,
    pub(crate) reason: String,
}

/// Which items a rule is about; `*` stands for any characters.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleMatch {
    #[serde(default)]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) namespace: Option<String>,
    /// The stable path.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// The field manager.
    #[serde(default)]
    pub(crate) manager: Option<String>,
}

/// The rules.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RuleList {
    pub(crate) items: Vec<RuleResponse>,
    pub(crate) total: u64,
}

/// A rule, of the configuration or made by somebody.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RuleResponse {
    pub(crate) rule_id: String,
    #[serde(rename = "match")]
    pub(crate) matches: RuleMatch,
    /// `ignore`, or the level that it gives.
    pub(crate) action: String,
    pub(crate) owner: String,
    pub(crate) reason: String,
    /// The last day (UTC) on which it holds.
    #[schema(value_type = Option<String>, format = Date)]
    pub(crate) expires: Option<jiff::civil::Date>,
    /// Who made it; of the configuration's rules nobody.
    #[serde(default)]
    pub(crate) created_by: Option<String>,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
}

/// What a rule hides, or would.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct IgnoreResponse {
    /// False where it was only asked what it would hide.
    pub(crate) made: bool,
    pub(crate) rule: RuleResponse,
    pub(crate) hides: Vec<HiddenItem>,
}

/// An item that a rule hides.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct HiddenItem {
    pub(crate) fingerprint: String,
    pub(crate) source: String,
    pub(crate) cluster: String,
    pub(crate) namespace: String,
    pub(crate) resource_kind: String,
    pub(crate) resource_name: String,
    pub(crate) stable_path: String,
    pub(crate) drift_level: DriftLevel,
}

/// What is to be made as Git says.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RollbackRequest {
    /// Items, by their fingerprints; all of one source.
    pub(crate) items: Vec<String>,
    /// All items of a report.
    pub(crate) report_id: Option<String>,
    /// Of the one item that is named, an object that Git does not have: its uid, so that it can be no other one. It is deleted.
    pub(crate) uid: Option<String>,
    /// What happens to what belongs to it; Background where nothing is said.
    #[schema(value_type = Option<String>)]
    pub(crate) propagation: Option<Propagation>,
    /// Whether objects may be deleted and created as Git says, where the server does not let them change.
    pub(crate) recreate: bool,
    /// What else would keep an object from being written: `paused`, where the tool that delivers it is.
    pub(crate) even_if: Vec<EvenIf>,
    /// The hash of the plan that was looked at: it is done. Without it nothing is written.
    pub(crate) plan_hash: Option<String>,
}

/// What keeps an object from being written, unless it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EvenIf {
    /// The tool that delivers it is paused.
    Paused,
}

/// What was looked at of an undo.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UndoRequest {
    /// The hash of the plan that was looked at: it is done. Without it nothing is written.
    pub(crate) plan_hash: Option<String>,
}

/// An object.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TargetResponse {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// What would be written, as the server has tried it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PlanResponse {
    /// Of all that would be written.
    pub(crate) plan_hash: String,
    pub(crate) cluster: String,
    pub(crate) source: String,
    pub(crate) revision: Option<String>,
    pub(crate) changes: Vec<PlannedResponse>,
}

/// What would be written to one object.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PlannedResponse {
    pub(crate) target: TargetResponse,
    /// Of the object; none where it is not there, and is created.
    pub(crate) uid: Option<String>,
    /// `patch`, `create`, `delete`, or `recreate`: deleted, and created as Git says.
    pub(crate) action: String,
    /// What belongs to an object that is deleted, as `KIND/NAME`.
    pub(crate) dependants: Vec<String>,
    /// What becomes of that: `Background`, `Foreground` (they go, too) or `Orphan` (they stay).
    pub(crate) propagation: Option<String>,
    /// Resources that could not be listed: whether any of them belong to it is not known.
    pub(crate) not_listed: Vec<String>,
    /// What is written: operations of a JSON patch, without the tests of uid and resourceVersion, or an object. Credentials in it are
    /// fingerprints; of a Secret, and of a deletion, there is nothing.
    pub(crate) write: Value,
    /// What each field is, and what it becomes.
    #[schema(value_type = Vec<DriftItem>)]
    pub(crate) items: Vec<Value>,
}

/// What was meant, and is left as it is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct LeftResponse {
    #[schema(value_type = DriftItem)]
    pub(crate) item: Value,
    pub(crate) reason: String,
    /// True if that is as Git says by now: somebody else has made it so since it was compared.
    #[serde(default)]
    pub(crate) is_as_git_says: bool,
}

impl LeftResponse {
    /// True if none of these differs from Git any more.
    pub(crate) fn are_as_git_says(left: &[Self]) -> bool {
        left.iter().all(|left| left.is_as_git_says)
    }
}

/// What was done.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct DoneResponse {
    /// By which it is taken back.
    pub(crate) change_id: String,
    /// The change that it takes back, if it is an undo.
    pub(crate) undoes: Option<String>,
    pub(crate) steps: Vec<StepResponse>,
}

/// What came of one object.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct StepResponse {
    pub(crate) target: TargetResponse,
    /// `patch`, `create`, `delete` or `recreate`.
    pub(crate) action: String,
    /// How many fields.
    pub(crate) fields: usize,
    /// `proven`, `already_so`, `deleted` for what is to be created once it is gone, `not_written`, `not_proven`, or `waiting` for what was not begun.
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
}

/// A rollback: its plan, and what was done.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RollbackResponse {
    pub(crate) plan: PlanResponse,
    pub(crate) left: Vec<LeftResponse>,
    /// What an earlier one had left, and is finished now.
    pub(crate) recovered: Vec<DoneResponse>,
    /// True if not everything could be compared.
    pub(crate) is_partial: bool,
    /// None where nobody said the plan's hash.
    pub(crate) done: Option<DoneResponse>,
}

/// What is to be committed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdoptRequest {
    /// Items by their fingerprints, all of one source.
    #[serde(default)]
    pub(crate) items: Vec<String>,
    /// All items of a report.
    pub(crate) report_id: Option<String>,
    /// The plan that was looked at; without it, nothing is pushed.
    pub(crate) plan_hash: Option<String>,
}

/// An adoption: its plan, and what was done.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AdoptResponse {
    pub(crate) plan: CommitPlanResponse,
    pub(crate) left: Vec<LeftResponse>,
    /// True if not everything could be compared.
    pub(crate) is_partial: bool,
    /// None where nobody said the plan's hash.
    pub(crate) done: Option<CommitResponse>,
}

/// What would be committed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CommitPlanResponse {
    /// Of the lines and fields that would be committed.
    pub(crate) plan_hash: String,
    pub(crate) cluster: String,
    pub(crate) source: String,
    /// The branch that the source follows.
    pub(crate) branch: String,
    /// The branch that it would be pushed to.
    pub(crate) pushed_to: String,
    pub(crate) files: Vec<AdoptedFileResponse>,
}

/// A file that would be changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AdoptedFileResponse {
    /// From the repository's root.
    pub(crate) path: String,
    /// What changes in it, as a unified diff.
    pub(crate) diff: String,
    /// What it says then.
    #[schema(value_type = Vec<DriftItem>)]
    pub(crate) items: Vec<Value>,
}

/// A commit that was pushed, or nearly.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CommitResponse {
    pub(crate) change_id: String,
    pub(crate) repository: String,
    /// The commit's id.
    pub(crate) commit: String,
    /// The branch that the source follows.
    pub(crate) branch: String,
    /// The branch that it was pushed to.
    pub(crate) pushed_to: String,
    /// `intended`, `pushed`, `merged`, `adopted`, `not_pushed` or `dropped`.
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    /// The pull request's address.
    pub(crate) proposal: Option<String>,
    pub(crate) objects: Vec<TargetResponse>,
}

/// What takes a change back, and what was done.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct UndoResponse {
    /// Of all that would be written.
    pub(crate) plan_hash: String,
    /// What is taken back.
    pub(crate) objects: Vec<TargetResponse>,
    /// The same, with what is written.
    pub(crate) changes: Vec<UndoneResponse>,
    /// What is not: values of Secrets, which are not kept.
    pub(crate) not_kept: Vec<TargetResponse>,
    /// None where nobody said the plan's hash.
    pub(crate) done: Option<DoneResponse>,
}

/// What takes back what was written to one object.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct UndoneResponse {
    pub(crate) target: TargetResponse,
    /// `patch`, `create`, `delete` or `recreate`.
    pub(crate) action: String,
    /// The fields that become as they were, by their stable paths; an empty one is the whole object.
    pub(crate) fields: Vec<String>,
    /// What is written: operations of a JSON patch, or an object; credentials in it are fingerprints.
    pub(crate) write: Value,
    /// Why it cannot be now, where the server was asked and would not take it.
    pub(crate) refused: Option<String>,
}

/// Changes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ChangeList {
    pub(crate) items: Vec<ChangeResponse>,
}

/// Something that was written to a cluster, or into Git.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ChangeResponse {
    pub(crate) cluster: String,
    pub(crate) source: String,
    /// Who confirmed it.
    pub(crate) by: String,
    pub(crate) begun_at: Timestamp,
    #[serde(flatten)]
    pub(crate) done: DoneResponse,
    /// The commit, where it changed Git and not the cluster.
    pub(crate) commit: Option<CommitResponse>,
}

impl From<&Target> for TargetResponse {
    fn from(target: &Target) -> Self {
        let Target { api_version, kind, namespace, name } = target.clone();
        Self { api_version, kind, namespace, name }
    }
}

impl PlanResponse {
    pub(crate) fn of(planned: &Planned, key: &SecretKey) -> Self {
        let Planned { plan, items, dependants, .. } = planned;
        let named = |Dependant { kind, name }: &Dependant| format!("{kind}/{name}");
        let changes =
            plan.changes.iter().zip(items).zip(dependants).map(|((change, items), dependants)| PlannedResponse {
                target: (&change.target).into(),
                uid: change.uid.clone(),
                action: word(change.write.action()),
                propagation: propagation(change).map(word),
                dependants: dependants.found.iter().map(named).collect(),
                not_listed: dependants.not_listed.clone(),
                write: shown(&change.write, &change.target.kind, key),
                items: items.iter().map(told).collect(),
            });
        Self {
            plan_hash: plan.hash(key),
            cluster: plan.cluster.clone(),
            source: plan.source.clone(),
            revision: plan.revision.clone(),
            changes: changes.collect(),
        }
    }
}

/// What becomes of what belongs to an object that is deleted.
fn propagation(change: &ObjectChange) -> Option<Propagation> {
    let Target { api_version, kind, .. } = &change.target;
    match &change.write {
        Promise::Exact(Write::Delete(propagation)) => Some(*propagation),
        write if write.action() == Action::Recreate => {
            Some(Propagation::of_recreation(&GroupKind::of(api_version, kind)))
        }
        _ => None,
    }
}

impl From<&Left> for LeftResponse {
    fn from(left: &Left) -> Self {
        Self { item: told(&left.item), reason: left.reason.clone(), is_as_git_says: left.is_as_git_says }
    }
}

impl RollbackResponse {
    /// What would be done.
    pub(crate) fn planned(planned: &Planned, key: &SecretKey) -> Self {
        Self {
            plan: PlanResponse::of(planned, key),
            left: planned.left.iter().map(LeftResponse::from).collect(),
            recovered: planned.recovered.iter().map(DoneResponse::from).collect(),
            is_partial: planned.is_partial,
            done: None,
        }
    }

    pub(crate) fn of(RolledBack { planned, done }: &RolledBack, key: &SecretKey) -> Self {
        Self { done: done.as_ref().map(DoneResponse::from), ..Self::planned(planned, key) }
    }
}

impl AdoptedFileResponse {
    pub(crate) fn of(file: &AdoptedFile) -> Self {
        // Lines around what changes may be of anything.
        let redactor = Redactor::new().for_logs();
        Self {
            path: file.path.clone(),
            // Each text as a whole: a hunk does not say what its lines belong to.
            diff: hunks::unified(&file.path, &redactor.clean(&file.before), &redactor.clean(&file.after)),
            items: file.items.iter().map(told).collect(),
        }
    }
}

impl AdoptResponse {
    pub(crate) fn of(Publication { adoption, plan, done }: &Publication, key: &SecretKey) -> Self {
        Self {
            plan: CommitPlanResponse {
                plan_hash: plan.hash(key),
                cluster: plan.cluster.clone(),
                source: plan.source.clone(),
                branch: plan.branch.clone(),
                pushed_to: plan.pushed_to(key),
                files: adoption.files.iter().map(AdoptedFileResponse::of).collect(),
            },
            left: adoption.left.iter().map(LeftResponse::from).collect(),
            is_partial: adoption.is_partial,
            done: done.as_ref().and_then(CommitResponse::of),
        }
    }
}

impl CommitResponse {
    /// Of a change that is a commit.
    pub(crate) fn of(record: &ChangeRecord) -> Option<Self> {
        let commit = record.commit()?;
        let (state, reason) = match &commit.state {
            CommitState::NotPushed { reason } => ("not_pushed", Some(reason)),
            CommitState::Dropped { reason } => ("dropped", Some(reason)),
            CommitState::Intended => ("intended", None),
            CommitState::Pushed => ("pushed", commit.unproposed.as_ref()),
            CommitState::Merged { .. } => ("merged", None),
            CommitState::Adopted => ("adopted", None),
        };
        Some(Self {
            change_id: record.change_id.clone(),
            repository: commit.repository.clone(),
            commit: commit.commit.clone(),
            branch: commit.plan.branch.clone(),
            pushed_to: commit.pushed_to.clone(),
            state: state.to_owned(),
            reason: reason.cloned(),
            proposal: commit.proposal.clone(),
            objects: commit.plan.objects.iter().map(|object| (&object.target).into()).collect(),
        })
    }
}

impl UndoResponse {
    pub(crate) fn of(record: &ChangeRecord, plan: &Plan, key: &SecretKey) -> Self {
        Self {
            plan_hash: plan.hash(key),
            objects: plan.changes.iter().map(|change| (&change.target).into()).collect(),
            changes: plan.changes.iter().map(|change| UndoneResponse::of(change, key)).collect(),
            not_kept: not_kept(record).iter().map(TargetResponse::from).collect(),
            done: None,
        }
    }
}

impl UndoResponse {
    /// With what the server has said of each change.
    pub(crate) fn tried(mut self, refused: Vec<Option<String>>) -> Self {
        for (change, refused) in self.changes.iter_mut().zip(refused) {
            change.refused = refused;
        }
        self
    }
}

impl UndoneResponse {
    fn of(change: &ObjectChange, key: &SecretKey) -> Self {
        Self {
            target: (&change.target).into(),
            action: word(change.write.action()),
            fields: change.fields.iter().map(|field| field.stable_path.clone()).collect(),
            write: shown(&change.write, &change.target.kind, key),
            refused: None,
        }
    }
}

impl ChangeResponse {
    pub(crate) fn of(record: ChangeRecord) -> Self {
        Self {
            cluster: record.plan.cluster.clone(),
            source: record.plan.source.clone(),
            by: record.by.clone(),
            begun_at: record.begun_at,
            commit: CommitResponse::of(&record),
            done: (&Done::from(record)).into(),
        }
    }
}

impl DoneResponse {
    /// True if each object is as it was to be.
    pub(crate) fn is_as_promised(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.state.as_str(), "proven" | "already_so"))
    }
}

impl From<&Done> for DoneResponse {
    fn from(done: &Done) -> Self {
        let step = |step: &Step| {
            let (state, reason) = match &step.state {
                StepState::NotWritten { reason } => ("not_written".to_owned(), Some(reason.clone())),
                StepState::NotProven { reason } => ("not_proven".to_owned(), Some(reason.clone())),
                state => (word(state), None),
            };
            let action = word(step.action);
            StepResponse { target: (&step.target).into(), action, fields: step.fields, state, reason }
        };
        Self {
            change_id: done.change_id.clone(),
            undoes: done.undoes.clone(),
            steps: done.steps.iter().map(step).collect(),
        }
    }
}

fn told(item: &anchorwatch_core::drift::DriftItem) -> Value {
    serde_json::to_value(item).expect("an item is JSON")
}
