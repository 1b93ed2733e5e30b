//! One object's differences into items: judged, graded, masked and named.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::audit::{AuditLog, ObjectAddress};
use super::compare::{Change, Difference};
use super::item::{DriftItem, DriftStatus, Identifying, PastCommit, SourceLocation};
use super::level::{self, Bounds, DriftLevel, Grade};
use super::mask;
use super::origin::{self, Attribution, Origin, OriginReason, Verdict, Witness, value_at};
use super::rules::{self, ObjectFacts};
use crate::object::path::{Path, Step};
use crate::object::secret::{SecretKey, Shown};
use crate::object::value::{Map, Value};
use crate::object::{Head, split_api_version};
use crate::ownership::Entry;

/// How long after a commit a cluster may lag behind it in silence (spec 2.2, `sync_grace`).
pub const SYNC_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// What all objects of a scan have in common.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Cluster's name.
    pub cluster: &'a str,
    /// Source as it was named.
    pub source: &'a str,
    /// When the scan looks.
    pub now: Timestamp,
    /// Key of the fingerprints.
    pub key: &'a SecretKey,
}

/// What an earlier commit said of an object.
#[derive(Debug, Clone)]
pub struct PastVersion {
    /// The commit.
    pub commit: String,
    /// The object then; `None` if it was not there.
    pub root: Option<Map<'static>>,
    /// The next commit that changed the file, and when it was made; nothing if the change is not committed yet.
    pub followed_by: Option<(String, Timestamp)>,
    /// True if a delivery tool says that it has applied that commit.
    pub is_outdated: bool,
}

impl PastVersion {
    /// When it was committed that the object is otherwise.
    fn changed_at(&self) -> Option<Timestamp> {
        self.followed_by.as_ref().map(|(_, at)| *at)
    }
}

/// What Git said of one object before, newest first. A version is read when somebody asks for it.
pub trait Past: fmt::Debug {
    /// The version at this position, from 0; `None` after the last one.
    fn version(&self, at: usize) -> Option<Arc<PastVersion>>;
}

/// No past is known.
#[derive(Debug, Clone, Copy)]
pub struct NoPast;

impl Past for NoPast {
    fn version(&self, _at: usize) -> Option<Arc<PastVersion>> {
        None
    }
}

/// What is known of one object.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// Its head, as Git writes it.
    pub head: Head<'a>,
    /// Namespace that it lives in; empty for cluster-scoped ones.
    pub namespace: &'a str,
    /// The rest of the evidence.
    pub witness: Witness<'a>,
    /// Bounds of the autoscaler that scales it.
    pub bounds: Option<Bounds>,
    /// Where Git says it; the line is filled in per item.
    pub source: SourceLocation,
    /// Who wrote to it, where an audit log says.
    pub audit: Option<(&'a AuditLog, ObjectAddress<'a>)>,
    /// What Git said before.
    pub past: &'a dyn Past,
}

/// Makes items of an object's differences. Those that turn out to be the server's own are left out.
pub fn items(setting: Setting<'_>, subject: &Subject<'_>, differences: &[Difference<'_>]) -> Vec<DriftItem> {
    differences
        .iter()
        .filter_map(|difference| {
            let verdict = origin::judge(difference, &subject.witness)?;
            let (verdict, past) = remember(subject, difference, verdict, setting.now);
            let verdict = name_the_person(subject, difference, verdict);
            let grade = grade(setting, subject, difference, &verdict, past.as_ref());
            Some(item(setting, subject, difference, verdict, grade, past))
        })
        .collect()
}

/// The item for an object that Git has and the cluster does not.
pub fn missing(setting: Setting<'_>, subject: &Subject<'_>, line: u32) -> DriftItem {
    let difference = whole_object(Change::MissingObject, line);
    let verdict =
        Verdict { origin: Origin::Unknown, reason: OriginReason::Gone, attribution: None, by_deliverer: false };
    let (verdict, past) = remember(subject, &difference, verdict, setting.now);
    let verdict = name_the_person(subject, &difference, verdict);
    let spec = subject.witness.git.map("spec");
    let facts =
        ObjectFacts { has_ttl: spec.is_some_and(|s| s.get("ttlSecondsAfterFinished").is_some()), privileged: false };
    let grade = match &past {
        Some(_) => ahead(past.as_ref(), setting.now),
        None => rules::for_object(Change::MissingObject, subject.head.kind, facts).into(),
    };
    item(setting, subject, &difference, verdict, grade, past)
}

/// The item for an object that the cluster has and Git does not.
pub fn unmanaged(setting: Setting<'_>, subject: &Subject<'_>, live: &Map<'_>) -> DriftItem {
    let difference = whole_object(Change::UnmanagedObject, 0);
    let verdict = origin::of_object(subject.witness.entries, subject.witness.created);
    let verdict = name_the_person(subject, &difference, verdict);
    let grade = rules::for_object(Change::UnmanagedObject, subject.head.kind, super::unmanaged::facts(live)).into();
    item(setting, subject, &difference, verdict, grade, None)
}

/// A difference of whole objects, with an empty path.
fn whole_object(change: Change, line: u32) -> Difference<'static> {
    Difference { path: Path::default(), change, git: None, live: None, line, atomic_from: usize::MAX, excuse: None }
}

fn grade(
    setting: Setting<'_>,
    subject: &Subject<'_>,
    difference: &Difference<'_>,
    verdict: &Verdict,
    past: Option<&PastCommit>,
) -> Grade {
    let by_effect = level::grade(difference, subject.head.kind, verdict.origin, subject.bounds);
    let git_is_ahead = past.is_some() && difference.change != Change::Extra;
    if git_is_ahead && by_effect.level > DriftLevel::Info { ahead(past, setting.now) } else { by_effect }
}

fn ahead(past: Option<&PastCommit>, now: Timestamp) -> Grade {
    let late = past.and_then(|p| p.changed_at).is_some_and(|at| now.duration_since(at) > SYNC_GRACE);
    if late { rules::SYNC_STUCK.into() } else { rules::NOT_YET_APPLIED.into() }
}

/// Looks into Git's past for what the cluster has. Where Git says otherwise now, what a person owns is a person's, whatever
/// Git once said; unless they made the object, and so delivered it. What Git says no more is left over, whoever owns it.
fn remember(
    subject: &Subject<'_>,
    difference: &Difference<'_>,
    verdict: Verdict,
    now: Timestamp,
) -> (Verdict, Option<PastCommit>) {
    let is_a_persons = verdict.origin == Origin::Human && difference.change != Change::Extra && !verdict.by_deliverer;
    if is_a_persons || verdict.origin == Origin::Controller {
        return (verdict, None);
    }
    let said_so = |past: &Arc<PastVersion>| match (&past.root, difference.change) {
        // What was applied is not late: the cluster was as Git says, and is otherwise since.
        (_, change) if past.is_outdated && change != Change::Extra => false,
        (None, Change::MissingObject) => past.changed_at().is_none_or(|at| now.duration_since(at) <= SYNC_GRACE),
        (Some(root), Change::Removed) => {
            value_at(root, &difference.path).is_none() && past.changed_at().is_none_or(|at| !applied_since(subject, at))
        }
        (Some(root), Change::Changed | Change::Extra) => {
            value_at(root, &difference.path).is_some_and(|then| origin::was_said(then, difference))
        }
        _ => false,
    };
    match (0..).map_while(|at| subject.past.version(at)).find(said_so) {
        Some(past) => {
            let commit = PastCommit {
                commit: past.commit.clone(),
                changed_at: past.changed_at(),
                changed_in: past.followed_by.as_ref().map(|(commit, _)| commit.clone()),
            };
            (Verdict { origin: Origin::Stale, reason: OriginReason::EarlierCommit, ..verdict }, Some(commit))
        }
        None => (verdict, None),
    }
}

/// Adds what the audit log knows. A person behind an unknown origin makes it human.
fn name_the_person(subject: &Subject<'_>, difference: &Difference<'_>, mut verdict: Verdict) -> Verdict {
    let Some((log, address)) = subject.audit else { return verdict };
    let Some(event) = log.author(address, difference) else { return verdict };
    let attribution = verdict.attribution.get_or_insert_with(|| Attribution {
        manager: event.manager.clone(),
        operation: "Update",
        subresource: event.subresource.clone(),
        time: Some(event.time),
        user: None,
        groups: Vec::new(),
        user_agent: None,
    });
    attribution.user = Some(event.user.clone());
    attribution.groups.clone_from(&event.groups);
    attribution.user_agent = Some(event.user_agent.clone());
    if verdict.origin == Origin::Unknown && !event.is_program() {
        verdict.origin = Origin::Human;
        verdict.reason = OriginReason::AuditUser;
    }
    verdict
}

/// True if whoever delivers the object did so after `time`: then a field that is gone was taken away, not late.
fn applied_since(subject: &Subject<'_>, time: Timestamp) -> bool {
    let entries: &[Entry] = subject.witness.entries.unwrap_or_default();
    entries.iter().any(|e| e.time.is_some_and(|t| t >= time) && origin::delivered(e, subject.witness.git))
}

fn item(
    setting: Setting<'_>,
    subject: &Subject<'_>,
    difference: &Difference<'_>,
    verdict: Verdict,
    grade: Grade,
    was_in_git: Option<PastCommit>,
) -> DriftItem {
    let head = subject.head;
    let stable_path = path_to_show(setting.key, &difference.path).stable();
    let identifying = Identifying {
        cluster: setting.cluster,
        source: setting.source,
        group: split_api_version(head.api_version).0,
        kind: head.kind,
        namespace: subject.namespace,
        name: head.name,
        stable_path: &stable_path,
        change: difference.change,
    };
    let shown = |value: &Value<'_>| {
        Shown::of(
            value,
            mask::is_credential(head.kind, &difference.path, value).then(|| fingerprint(setting.key, value)),
        )
    };
    let line = (difference.line > 0 && !subject.source.rendered).then_some(difference.line);
    let in_git = !matches!(difference.change, Change::Extra | Change::UnmanagedObject);
    DriftItem {
        resource_kind: head.kind.to_owned(),
        resource_name: head.name.to_owned(),
        namespace: subject.namespace.to_owned(),
        api_version: head.api_version.to_owned(),
        field_path: difference.path.field(),
        change: difference.change,
        git_value: difference.git.map(shown),
        actual_value: difference.live.map(shown),
        drift_level: grade.level,
        is_allowlisted: grade.level == DriftLevel::Info,
        origin: verdict.origin,
        origin_reason: verdict.reason,
        attribution: verdict.attribution,
        rule: grade.rule.to_owned(),
        reason: grade.reason.to_owned(),
        source: in_git.then(|| SourceLocation { line, ..subject.source.clone() }),
        was_in_git,
        status: DriftStatus::Pending,
        first_seen: setting.now,
        last_seen: setting.now,
        resolved_at: None,
        last_report_id: String::new(),
        fingerprint: identifying.fingerprint(),
        value_hash: value_hash(setting.key, difference),
        stable_path,
    }
}

/// The path with fingerprints in place of set members that are credentials.
fn path_to_show(key: &SecretKey, path: &Path) -> Path {
    let step = |step: &Step| match step {
        Step::Member { value, index } if mask::is_credential("", path, value) => {
            Step::Member { value: Value::Secret(Box::new(fingerprint(key, value))), index: *index }
        }
        step => step.clone(),
    };
    Path(path.0.iter().map(step).collect())
}

fn fingerprint(key: &SecretKey, value: &Value<'_>) -> crate::object::secret::Fingerprint {
    match value {
        Value::String(text) => key.fingerprint(text.as_bytes()),
        other => key.fingerprint(serde_json::to_string(other).unwrap_or_default().as_bytes()),
    }
}

fn value_hash(key: &SecretKey, difference: &Difference<'_>) -> String {
    let values = (difference.git, difference.live);
    key.fingerprint(serde_json::to_string(&values).expect("a tree of JSON values is JSON").as_bytes()).to_hex()
}
