//! May this be written now? A [`Permit`] is the only thing that lets edge write, and [`decide`] the only maker of one.

pub mod access;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use crate::change::commit::CommitPlan;
use crate::change::dependants::{Dependants, Propagation};
use crate::change::patch::Operation;
use crate::change::{Body, ObjectChange, Observed, Plan, Write};
use crate::drift::{Change, DriftItem, DriftLevel, Origin};
use crate::object::secret::SecretKey;
use crate::object::split_api_version;

/// How long a confirmation counts, and how long a permit.
const CONFIRMED: SignedDuration = SignedDuration::from_mins(15);
const PERMITTED: SignedDuration = SignedDuration::from_secs(30);
/// How far ahead the clock of whoever noted the confirmation may be.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// Kinds that are never deleted: what lies in them would go with them.
const NEVER_DELETED: &[&str] = &["Namespace", "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition"];

/// Leave to write one body to one object, or to push one commit to one branch, once. It cannot be copied or kept beyond the process.
#[derive(Debug)]
pub struct Permit {
    /// The cluster, or the repository.
    place: String,
    /// The object's path, or the reference.
    path: String,
    /// The body's hash, or the commit's id.
    hash: String,
    expires: Timestamp,
}

impl Permit {
    /// A permit from now on, for as long as one counts.
    fn until(now: Timestamp, place: &str, path: String, hash: String) -> Self {
        Self { place: place.to_owned(), path, hash, expires: now.checked_add(PERMITTED).unwrap_or(now) }
    }

    /// True if it lets this be sent to this path of this cluster now. The object's state is in the body, as a precondition.
    pub fn allows(&self, cluster: &str, path: &str, body: &Body, now: Timestamp) -> bool {
        self.holds(cluster, path, &body.hash(), now)
    }

    /// True if it lets this commit be pushed to this branch of this repository now.
    pub fn allows_push(&self, repository: &str, branch: &str, commit: &str, now: Timestamp) -> bool {
        self.holds(repository, &reference(branch), commit, now)
    }

    fn holds(&self, place: &str, path: &str, hash: &str, now: Timestamp) -> bool {
        self.place == place && self.path == path && self.hash == hash && now <= self.expires
    }
}

/// A branch as Git names it in full.
fn reference(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// What may be written of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteScope {
    /// Nothing.
    Nothing,
    /// Whatever a person may write by their own rights.
    Everything,
    /// These kinds in these namespaces. Without namespaces: in all; without kinds: all that live in namespaces, but those of
    /// `rbac.authorization.k8s.io`.
    These {
        /// Names of namespaces.
        namespaces: BTreeSet<String>,
        /// Names, as in `Deployment`; of other groups than Kubernetes' own, and of RBAC, with the group, as in
        /// `Kafka.kafka.strimzi.io`.
        kinds: BTreeSet<String>,
    },
}

impl WriteScope {
    /// True if this object may be. A namespace is empty for objects of the cluster.
    pub fn allows(&self, api_version: &str, kind: &str, namespace: &str) -> bool {
        let (namespaces, kinds) = match self {
            Self::Nothing => return false,
            Self::Everything => return true,
            Self::These { namespaces, kinds } => (namespaces, kinds),
        };
        let group = split_api_version(api_version).0;
        let is_rbac = group == "rbac.authorization.k8s.io";
        // A bare name is that of a kind of Kubernetes itself; others say their group.
        let is_own = matches!(group, "" | "apps" | "autoscaling" | "batch" | "policy") || group.ends_with(".k8s.io");
        let is_named = kinds.contains(&format!("{kind}.{group}")) || (is_own && !is_rbac && kinds.contains(kind));
        let by_kind = if kinds.is_empty() { !namespace.is_empty() && !is_rbac } else { is_named };
        let by_namespace = namespace.is_empty() || namespaces.is_empty() || namespaces.contains(namespace);
        by_kind && by_namespace
    }
}

/// Somebody said yes to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The plan's hash.
    pub plan: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// True for somebody who may approve what is HIGH.
    pub approves: bool,
}

impl Confirmation {
    /// True as long as it counts.
    fn counts(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        -AHEAD <= age && age <= CONFIRMED
    }

    /// True if whoever confirmed may approve what has this level.
    pub fn reaches(&self, level: Option<DriftLevel>) -> bool {
        self.approves || level != Some(DriftLevel::High)
    }
}

/// What the server said of the very bytes that are to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRun {
    body_hash: String,
}

impl DryRun {
    /// The server took this body, and `left` of the fields would still differ from Git: one that does is no proof.
    pub fn proven(body: &Body, left: &[String]) -> Result<Self, Refusal> {
        match left.first() {
            None => Ok(Self { body_hash: body.hash() }),
            Some(path) => Err(Refusal::StaysAsItIs(path.clone())),
        }
    }
}

/// All that a decision rests on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The plan that somebody has seen.
    pub plan: &'a Plan,
    /// What edge calls the cluster that is written to.
    pub cluster: &'a str,
    /// The path of the API that it is sent to.
    pub path: &'a str,
    /// What may be written at all.
    pub scope: &'a WriteScope,
    /// Who said yes to it.
    pub confirmation: &'a Confirmation,
    /// The part of it that is written now, planned anew from the object as it is.
    pub change: &'a ObjectChange,
    /// The object as it is; `None` if it is not there.
    pub observed: Option<&'a Observed>,
    /// What is written, with a Secret's values in clear.
    pub write: &'a Write,
    /// The key by which a promise without them is known.
    pub key: &'a SecretKey,
    /// What belongs to the object, where it is deleted.
    pub dependants: &'a Dependants,
    /// What is sent.
    pub body: &'a Body,
    /// What the server said of that.
    pub dry_run: &'a DryRun,
}

/// Why something is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody has said yes to exactly this plan, lately.
    #[error("the plan was not confirmed within the last 15 minutes, or is another one now; look at it again")]
    Unconfirmed,
    /// The source may not be written there.
    #[error("nothing of this kind is written there: the source's `write` does not name it")]
    NotWritable,
    /// Somebody has to say yes who may.
    #[error("it is HIGH, and whoever confirmed it may not approve that")]
    NeedsApprover,
    /// The object is another one, or differs otherwise than was planned.
    #[error("it has changed since it was planned; look at the new plan")]
    Conflict,
    /// The server was not asked about these bytes.
    #[error("the server was not asked what would become of it")]
    Untried,
    /// The server would make something else of it, as by an admission webhook.
    #[error(
        "the server would leave {0} as it is: something in the cluster, such as an admission webhook, writes it again"
    )]
    StaysAsItIs(String),
    /// Git is ahead of the cluster.
    #[error("Git is ahead of the cluster there, or was: that is a sync's to end")]
    Stale,
    /// An autoscaler decides.
    #[error("an autoscaler decides how many replicas there are")]
    Autoscaled,
    /// It is never deleted.
    #[error("a {0} is never deleted: what lies in it would go with it")]
    NeverDeleted(String),
    /// What is never deleted would go with it.
    #[error("its deletion would take {0} along, which is never deleted")]
    TakesAlong(String),
    /// What is never deleted may go with it: nobody here may list it.
    #[error(
        "its deletion may take {0} along, which could not be listed; list them, or leave what belongs to it: --cascade orphan"
    )]
    Unseen(&'static str),
    /// Another object has its name.
    #[error("its uid is {0}, and not the one that was named")]
    OfAnotherUid(String),
    /// The tool that delivers it is paused.
    #[error("{0}: somebody may be at work there; --even-if paused says that it is to be written all the same")]
    Paused(String),
    /// They may not do that in the cluster.
    #[error("{user} has no right to it in the cluster; the rule that is missing: {rule}")]
    NoRight {
        /// Who.
        user: String,
        /// What a role would have to say.
        rule: String,
    },
    /// Nothing in Git says what it should be.
    #[error(
        "Git does not have it, and so nothing says what it should be; name it with its uid to delete it, or put it into Git"
    )]
    Unmanaged,
    /// Git says what it should be.
    #[error("Git has it, and so it is not deleted; without a uid it is made as Git says")]
    Managed,
}

/// Decides. Whoever gets a permit may write these bytes to this object.
pub fn decide(facts: &Facts<'_>, now: Timestamp) -> Result<Permit, Refusal> {
    let Facts { plan, cluster, path, scope, confirmation, change, observed, write, key, dependants, body, dry_run } =
        facts;
    if confirmation.plan != plan.hash(key) || !confirmation.counts(now) {
        return Err(Refusal::Unconfirmed);
    }
    let target = &change.target;
    if !scope.allows(&target.api_version, &target.kind, &target.namespace) {
        return Err(Refusal::NotWritable);
    }
    if !confirmation.reaches(plan.level()) {
        return Err(Refusal::NeedsApprover);
    }
    if !plan.changes.iter().any(|planned| planned.writes_as(change)) || !is_of(change, write, *observed) {
        return Err(Refusal::Conflict);
    }
    if !change.write.is_kept_by(write, key) {
        return Err(Refusal::Conflict);
    }
    if **body != Body::of(write, *observed) || dry_run.body_hash != body.hash() {
        return Err(Refusal::Untried);
    }
    if let (Write::Delete(propagation) | Write::Recreate { propagation, .. }, Some(_)) = (write, observed) {
        may_be_deleted(&target.kind, *propagation, dependants)?;
    }
    Ok(Permit::until(now, cluster, (*path).to_owned(), body.hash()))
}

/// All that the decision of a push rests on.
#[derive(Debug)]
pub struct PushFacts<'a> {
    /// The plan as it is now, made of the commit that the branch stands at.
    pub plan: &'a CommitPlan,
    /// Who said yes to it.
    pub confirmation: &'a Confirmation,
    /// What may be written of this source at all.
    pub scope: &'a WriteScope,
    /// The key by which the plan is known.
    pub key: &'a SecretKey,
    /// The repository that it is pushed to.
    pub repository: &'a str,
    /// The commit that carries it out.
    pub commit: &'a str,
}

/// Decides whether a commit is pushed. Whoever gets a permit may push it to the plan's branch.
pub fn decide_push(facts: &PushFacts<'_>, now: Timestamp) -> Result<Permit, Refusal> {
    let PushFacts { plan, confirmation, scope, key, repository, commit } = facts;
    if confirmation.plan != plan.hash(key) {
        return Err(Refusal::Conflict);
    }
    if !confirmation.counts(now) {
        return Err(Refusal::Unconfirmed);
    }
    let mut targets = plan.objects.iter().map(|object| &object.target);
    if !targets.all(|target| scope.allows(&target.api_version, &target.kind, &target.namespace)) {
        return Err(Refusal::NotWritable);
    }
    if !confirmation.reaches(plan.level()) {
        return Err(Refusal::NeedsApprover);
    }
    Ok(Permit::until(now, repository, reference(&plan.pushed_to(key)), (*commit).to_owned()))
}

/// True if this is the object that was planned for. What is to be created anew may be gone: by our own hand, or by another's.
fn is_of(change: &ObjectChange, write: &Write, observed: Option<&Observed>) -> bool {
    let is_deleted = matches!(write, Write::Recreate { .. }) && observed.is_none();
    is_deleted || change.uid.as_deref() == observed.map(|observed| observed.uid.as_str())
}

/// Whether an object of this kind may be deleted, with what becomes of what belongs to it: neither what is never deleted, nor what would
/// take such a thing along.
pub fn may_be_deleted(kind: &str, propagation: Propagation, dependants: &Dependants) -> Result<(), Refusal> {
    if NEVER_DELETED.contains(&kind) {
        return Err(Refusal::NeverDeleted(kind.to_owned()));
    }
    let kept = dependants.found.iter().find(|dependant| NEVER_DELETED.contains(&dependant.kind.as_str()));
    let takes_along = propagation != Propagation::Orphan;
    if takes_along && dependants.not_listed.iter().any(|resource| resource == "persistentvolumeclaims") {
        return Err(Refusal::Unseen("persistentvolumeclaims"));
    }
    match kept.filter(|_| takes_along) {
        Some(kept) => Err(Refusal::TakesAlong(format!("{}/{}", kept.kind, kept.name))),
        None => Ok(()),
    }
}

/// Lets the ownership of what was written to an object be given back, and nothing else: what is sent is made here. It belongs to a
/// write that was decided before.
pub fn hand_back(
    (cluster, object): (&str, &str),
    observed: &Observed,
    managed_fields: Json,
    now: Timestamp,
) -> (Permit, Body) {
    let path = "/metadata/managedFields".to_owned();
    let write = Write::Patch(vec![Operation::Replace { path, value: managed_fields }]);
    let body = Body::of(&write, Some(observed));
    (Permit::until(now, cluster, object.to_owned(), body.hash()), body)
}

/// Whether an item may be part of a plan at all.
pub fn may_roll_back(item: &DriftItem, scope: &WriteScope) -> Result<(), Refusal> {
    if item.change == Change::UnmanagedObject {
        return Err(Refusal::Unmanaged);
    }
    may_adopt(item, scope)
}

/// Whether an object may be deleted to be created anew as Git says; so it becomes in all that differs. What may not become so is told;
/// true if it may, and false if it stays as it is.
pub fn may_recreate(item: &DriftItem, scope: &WriteScope) -> Result<bool, Refusal> {
    may_delete_kind(&item.resource_kind)?;
    match may_roll_back(item, scope) {
        Ok(()) => Ok(true),
        Err(Refusal::Autoscaled) => Ok(false),
        Err(refusal) => Err(refusal),
    }
}

/// Whether an object may be written while the tool that delivers it is paused, for this reason; `said`: somebody has said that it may.
pub fn may_disturb(paused: Option<String>, said: bool) -> Result<(), Refusal> {
    paused.filter(|_| !said).map_or(Ok(()), |why| Err(Refusal::Paused(why)))
}

/// Whether an object that Git does not have may be deleted, once it is named with its uid.
pub fn may_delete(item: &DriftItem, scope: &WriteScope) -> Result<(), Refusal> {
    if item.change != Change::UnmanagedObject {
        return Err(Refusal::Managed);
    }
    if !scope.allows(&item.api_version, &item.resource_kind, &item.namespace) {
        return Err(Refusal::NotWritable);
    }
    may_delete_kind(&item.resource_kind)
}

/// Whether an object of this kind may be deleted at all.
pub fn may_delete_kind(kind: &str) -> Result<(), Refusal> {
    may_be_deleted(kind, Propagation::Orphan, &Dependants::default())
}

/// Whether an item may be written into Git at all.
pub fn may_adopt(item: &DriftItem, scope: &WriteScope) -> Result<(), Refusal> {
    if !scope.allows(&item.api_version, &item.resource_kind, &item.namespace) {
        return Err(Refusal::NotWritable);
    }
    if item.origin == Origin::Stale {
        return Err(Refusal::Stale);
    }
    if item.origin == Origin::Controller {
        return Err(Refusal::Autoscaled);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::dependants::Dependant;

    #[test]
    fn what_data_lie_in_is_never_deleted_nor_taken_along() {
        let with = |kind: &str| Dependants {
            found: vec![Dependant { kind: kind.to_owned(), name: "a".to_owned() }],
            ..Dependants::default()
        };
        for (kind, propagation, dependants, refused) in [
            ("StatefulSet", Propagation::Background, with("Pod"), None),
            ("StatefulSet", Propagation::Orphan, with("PersistentVolumeClaim"), None),
            (
                "StatefulSet",
                Propagation::Foreground,
                with("PersistentVolumeClaim"),
                Some(Refusal::TakesAlong("PersistentVolumeClaim/a".to_owned())),
            ),
            (
                "Namespace",
                Propagation::Orphan,
                Dependants::default(),
                Some(Refusal::NeverDeleted("Namespace".to_owned())),
            ),
        ] {
            assert_eq!(may_be_deleted(kind, propagation, &dependants).err(), refused, "{kind} {propagation:?}");
        }
    }

    #[test]
    fn what_may_be_written_is_named() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let these =
            |namespaces: &[&str], kinds: &[&str]| WriteScope::These { namespaces: set(namespaces), kinds: set(kinds) };
        let all = these(&[], &[]);
        let some = these(&["shop"], &["Deployment", "Service", "Role", "Kafka.kafka.strimzi.io"]);
        let rbac = these(&[], &["Role.rbac.authorization.k8s.io"]);
        for (scope, api_version, kind, namespace, allowed) in [
            (&all, "apps/v1", "Deployment", "shop", true),
            (&all, "v1", "Namespace", "", false),
            (&all, "rbac.authorization.k8s.io/v1", "Role", "shop", false),
            (&some, "apps/v1", "Deployment", "shop", true),
            (&some, "apps/v1", "Deployment", "bank", false),
            (&some, "v1", "ConfigMap", "shop", false),
            (&some, "serving.knative.dev/v1", "Service", "shop", false),
            (&some, "kafka.strimzi.io/v1beta2", "Kafka", "shop", true),
            (&some, "rbac.authorization.k8s.io/v1", "Role", "shop", false),
            (&rbac, "rbac.authorization.k8s.io/v1", "Role", "shop", true),
            (&WriteScope::Nothing, "v1", "ConfigMap", "shop", false),
            (&WriteScope::Everything, "v1", "Namespace", "", true),
        ] {
            assert_eq!(scope.allows(api_version, kind, namespace), allowed, "{scope:?} {kind}");
        }
    }

    #[test]
    fn a_permit_is_for_one_body_to_one_path_for_a_while() {
        let now = Timestamp::UNIX_EPOCH;
        let observed = Observed { uid: "u".to_owned(), resource_version: "1".to_owned() };
        let (permit, body) = hand_back(("prod", "/a"), &observed, Json::Null, now);
        let later = Observed { resource_version: "2".to_owned(), ..observed.clone() };
        assert!(permit.allows("prod", "/a", &body, now));
        assert!(!permit.allows("lab", "/a", &body, now) && !permit.allows("prod", "/b", &body, now));
        assert!(!permit.allows("prod", "/a", &Body::of(&Write::Patch(Vec::new()), Some(&later)), now));
        assert!(!permit.allows("prod", "/a", &Body::of(&Write::DELETE, Some(&observed)), now));
        assert!(!permit.allows("prod", "/a", &body, now + SignedDuration::from_mins(1)));
    }
}
