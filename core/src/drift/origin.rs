//! Who a differing value comes from: controller, Git's past, a person, or nobody that can be named.
//!
//! The tables name tools; a name proves nothing alone, because `--field-manager` may claim any. So a controller
//! counts only on its own fields, and a delivery tool only where it delivered the object.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::compare::{Change, Difference, Excuse};
use super::equal;
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Value};
use crate::object::{GroupKind, LAST_APPLIED};
use crate::ownership::{Entry, FieldSet, Operation, PathElement, owner, owner_of_any};
use crate::schema::Shape;

/// Where a live value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A person's tool.
    Human,
    /// A controller, on a field that is its own.
    Controller,
    /// Git said so once, or a delivery tool left it behind.
    Stale,
    /// Nobody can say.
    Unknown,
}

/// Why an origin was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginReason {
    /// The owner stands in the table of controllers' own fields.
    ControllersOwnField,
    /// A delivery tool that applied the object owns it.
    DeliveryToolOwnsIt,
    /// `last-applied-configuration` has it.
    LastApplied,
    /// An earlier commit said so.
    EarlierCommit,
    /// The owner is a tool that people use.
    PersonsTool,
    /// An audit log names a person.
    AuditUser,
    /// The owner's name is a controller's or delivery tool's, but not for this field: anyone may claim a name.
    NameProvesNothing,
    /// Some manager that is in no table owns it.
    UnlistedManager,
    /// Nobody owns it.
    Unowned,
    /// The object came without managedFields.
    NoManagedFields,
    /// It is gone, and managedFields do not tell who took it.
    Gone,
}

/// Who owns the live value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribution {
    /// Field manager: a tool, not a person.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: &'static str,
    /// Subresource it wrote through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    /// When that manager last changed what it owns; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The user, where an audit log says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's groups, where an audit log says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The user agent, where an audit log says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// What is known of an object beyond its two states.
#[derive(Debug, Clone)]
pub struct Witness<'a> {
    /// Group and kind.
    pub kind: &'a GroupKind,
    /// `managedFields`; `None` where the object came without.
    pub entries: Option<&'a [Entry]>,
    /// When the object was made (`metadata.creationTimestamp`).
    pub created: Option<Timestamp>,
    /// The object as Git says.
    pub git: &'a Map<'a>,
    /// What `kubectl apply` applied last, where it did.
    pub last_applied: Option<Map<'a>>,
}

/// The verdict on one difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Where the live value comes from.
    pub origin: Origin,
    /// Why.
    pub reason: OriginReason,
    /// Who owns the live value.
    pub attribution: Option<Attribution>,
    /// True if the owner made the object, and much of it is theirs: they delivered what Git said then, with whatever tool.
    pub by_deliverer: bool,
}

/// A controller's own field. Manager, subresource, kinds (empty: all) and the end of the path must all fit.
struct OwnField {
    manager: &'static str,
    subresource: &'static str,
    kinds: &'static [&'static str],
    path_end: &'static [&'static str],
    /// A field without which in Git the controller has no business here.
    asked_for_by: Option<&'static str>,
}

const ANY: OwnField = OwnField { manager: "", subresource: "", kinds: &[], path_end: &[], asked_for_by: None };
const AGGREGATION: OwnField =
    OwnField { kinds: &["ClusterRole"], path_end: &["rules"], asked_for_by: Some("aggregationRule"), ..ANY };

const WEBHOOKS: &[&str] = &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
const CA_HOLDERS: &[&str] =
    &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "CustomResourceDefinition", "APIService"];

const CONTROLLERS_OWN_FIELDS: &[OwnField] = &[
    // The horizontal pod autoscaler writes through the scale subresource.
    OwnField { manager: "kube-controller-manager", subresource: "scale", path_end: &["spec", "replicas"], ..ANY },
    OwnField { manager: "keda", subresource: "scale", path_end: &["spec", "replicas"], ..ANY },
    OwnField { manager: "keda-operator", subresource: "scale", path_end: &["spec", "replicas"], ..ANY },
    // ClusterRole aggregation; the controller of kube-controller-manager applies under a name of its own.
    OwnField { manager: "clusterrole-aggregation-controller", ..AGGREGATION },
    OwnField { manager: "kube-controller-manager", ..AGGREGATION },
    // CA injection.
    OwnField { manager: "cert-manager-cainjector", kinds: CA_HOLDERS, path_end: &["caBundle"], ..ANY },
    OwnField { manager: "cainjector", kinds: CA_HOLDERS, path_end: &["caBundle"], ..ANY },
    OwnField { manager: "pilot-discovery", kinds: WEBHOOKS, path_end: &["caBundle"], ..ANY },
    // The vertical pod autoscaler resizes Pods in place.
    OwnField { manager: "vpa-updater", subresource: "resize", kinds: &["Pod"], path_end: &["cpu"], ..ANY },
    OwnField { manager: "vpa-updater", subresource: "resize", kinds: &["Pod"], path_end: &["memory"], ..ANY },
];

/// Controllers that come with Kubernetes, as they name themselves.
const BUILT_IN_CONTROLLERS: &[&str] = &[
    "cloud-controller-manager",
    "clusterrole-aggregation-controller",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
];

/// Tools that deliver what Git says.
const DELIVERY_TOOLS: &[&str] = &[
    "argocd",
    "argocd-application-controller",
    "argocd-controller",
    "configsync",
    "fleet-agent",
    "fleetagent",
    "flux",
    "flux-client-side-apply",
    "helm",
    "helm-controller",
    "kapp",
    "kapp-controller",
    "kustomize-controller",
    "pipecd",
    "terraform",
];

/// Tools that people type or click in. `kubectl-*` is meant too.
const PERSONS_TOOLS: &[&str] = &[
    "HTTPie",
    "Headlamp",
    "Lens",
    "Mozilla",
    "PostmanRuntime",
    "Wget",
    // Only a person can have it write, and an undo is theirs.
    "anchorwatch",
    "aptakube",
    "curl",
    "dashboard",
    "freelens",
    "headlamp",
    "k9s",
    "kubectl",
    "kubernetes-dashboard",
    "lens",
    "node-fetch",
    "oc",
    "octant",
    "openlens",
];

fn is_persons_tool(manager: &str) -> bool {
    manager.starts_with("kubectl-") || manager.starts_with("oc-") || PERSONS_TOOLS.contains(&manager)
}

/// Judges one difference. `None`: it is the server's, or a stamp, and so no drift.
pub fn judge(difference: &Difference<'_>, witness: &Witness<'_>) -> Option<Verdict> {
    let gone = matches!(difference.change, Change::Removed | Change::MissingObject);
    if gone {
        return Some(Verdict {
            origin: Origin::Unknown,
            reason: OriginReason::Gone,
            attribution: None,
            by_deliverer: false,
        });
    }
    let Some(entries) = witness.entries else {
        let excused = difference.excuse.is_some();
        return (!excused).then_some(Verdict {
            origin: Origin::Unknown,
            reason: OriginReason::NoManagedFields,
            attribution: None,
            by_deliverer: false,
        });
    };
    let owner = owner_of(entries, difference, witness.kind);
    if difference.excuse.is_some_and(|excuse| is_excused(excuse, owner, entries, witness.created)) {
        return None;
    }
    let (origin, reason) = origin_of(difference, witness, entries, owner);
    let by_deliverer =
        owner.is_some_and(|owner| is_creator(owner, entries, witness.created) && delivered(owner, witness.git));
    Some(Verdict { origin, reason, attribution: owner.map(attribution), by_deliverer })
}

/// Judges a whole object by who made it.
pub(super) fn of_object(entries: Option<&[Entry]>, created: Option<Timestamp>) -> Verdict {
    let Some(entries) = entries else {
        let reason = OriginReason::NoManagedFields;
        return Verdict { origin: Origin::Unknown, reason, attribution: None, by_deliverer: false };
    };
    let creator = creator(entries, created);
    let (origin, reason) = match creator {
        Some(entry) if is_persons_tool(&entry.manager) => (Origin::Human, OriginReason::PersonsTool),
        Some(_) => (Origin::Unknown, OriginReason::UnlistedManager),
        None => (Origin::Unknown, OriginReason::Unowned),
    };
    Verdict { origin, reason, attribution: creator.map(attribution), by_deliverer: false }
}

fn owner_of<'e>(entries: &'e [Entry], difference: &Difference<'_>, kind: &GroupKind) -> Option<&'e Entry> {
    let (path, atomic_from) = (&difference.path, difference.atomic_from);
    if kind.kind != "Secret" || !kind.group.is_empty() || path.0.first() != Some(&Step::Field("data".to_owned())) {
        return owner(entries, path, atomic_from);
    }
    let mut written = path.clone();
    written.0[0] = Step::Field("stringData".to_owned());
    owner_of_any(entries, &[path, &written], atomic_from)
}

fn is_excused(excuse: Excuse, owner: Option<&Entry>, entries: &[Entry], created: Option<Timestamp>) -> bool {
    let Some(owner) = owner else { return true };
    is_creator(owner, entries, created)
        || match excuse {
            Excuse::Allocated => BUILT_IN_CONTROLLERS.contains(&owner.manager.as_str()),
            Excuse::Stamp => DELIVERY_TOOLS.contains(&owner.manager.as_str()),
        }
}

fn is_creator(entry: &Entry, entries: &[Entry], created: Option<Timestamp>) -> bool {
    creator(entries, created).is_some_and(|creator| std::ptr::eq(creator, entry))
}

/// Who made the object: the entry of the second in which it was made, which owns most where an edit followed at once.
///
/// An entry's time moves when its manager applies something else. Then it is whoever owns most of the object: an edit,
/// which owns little, may be older than the last change of the tool that made the object.
fn creator(entries: &[Entry], created: Option<Timestamp>) -> Option<&Entry> {
    let own = entries.iter().filter(|e| e.subresource.is_empty() && e.time.is_some());
    own.max_by_key(|e| (created.is_some() && e.time == created, e.fields.len()))
}

fn origin_of(
    difference: &Difference<'_>,
    witness: &Witness<'_>,
    entries: &[Entry],
    owner: Option<&Entry>,
) -> (Origin, OriginReason) {
    let Some(owner) = owner else {
        let reason = if entries.is_empty() { OriginReason::NoManagedFields } else { OriginReason::Unowned };
        return (Origin::Unknown, reason);
    };
    let manager = owner.manager.as_str();
    if CONTROLLERS_OWN_FIELDS.iter().any(|own| own.fits(owner, witness, &difference.path)) {
        return (Origin::Controller, OriginReason::ControllersOwnField);
    }
    let delivers = DELIVERY_TOOLS.contains(&manager);
    let made_it = || owner.operation == Operation::Apply && is_creator(owner, entries, witness.created);
    if delivers && (delivered(owner, witness.git) || made_it()) {
        return (Origin::Stale, OriginReason::DeliveryToolOwnsIt);
    }
    if applies_client_side(owner) && was_applied(difference, witness.last_applied.as_ref()) {
        return (Origin::Stale, OriginReason::LastApplied);
    }
    if is_persons_tool(manager) {
        return (Origin::Human, OriginReason::PersonsTool);
    }
    if delivers || BUILT_IN_CONTROLLERS.contains(&manager) {
        return (Origin::Unknown, OriginReason::NameProvesNothing);
    }
    (Origin::Unknown, OriginReason::UnlistedManager)
}

impl OwnField {
    fn fits(&self, entry: &Entry, witness: &Witness<'_>, path: &Path) -> bool {
        let fields: Vec<&str> = path
            .0
            .iter()
            .filter_map(|step| match step {
                Step::Field(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        entry.manager == self.manager
            && entry.subresource == self.subresource
            && (self.kinds.is_empty() || self.kinds.contains(&witness.kind.kind.as_str()))
            && self.asked_for_by.is_none_or(|field| witness.git.get(field).is_some())
            && fields.ends_with(self.path_end)
    }
}

/// True for the name of a tool that delivers, which anyone may claim.
pub(crate) fn is_delivery_tool(manager: &str) -> bool {
    DELIVERY_TOOLS.contains(&manager)
}

/// True if this entry owns at least half of what Git says: then its manager delivered the object.
pub(crate) fn delivered(entry: &Entry, git: &Map<'_>) -> bool {
    let (mut all, mut owned) = (0, 0);
    for (key, node) in git.iter() {
        if !matches!(key, "apiVersion" | "kind") {
            count(&node.value, child(Some(&entry.fields), key), &mut all, &mut owned);
        }
    }
    // Name and namespace are in every object and owned by nobody.
    owned > 0 && owned * 2 >= all.saturating_sub(2)
}

fn child<'f>(set: Option<&'f FieldSet>, key: &str) -> Option<&'f FieldSet> {
    set?.child(&Step::Field(key.to_owned()))
}

fn count(value: &Value<'_>, set: Option<&FieldSet>, all: &mut usize, owned: &mut usize) {
    match (value, set) {
        (_, Some(set)) if set.children.is_empty() => {
            *all += 1;
            *owned += 1;
        }
        (Value::Map(map), _) if !map.is_empty() => {
            for (key, node) in map.iter() {
                count(&node.value, child(set, key), all, owned);
            }
        }
        (Value::List(list), Some(set)) => {
            for node in list {
                let element = set.children.iter().find(|(element, _)| is_element(element, &node.value));
                count(&node.value, element.map(|(_, below)| below), all, owned);
            }
        }
        _ => *all += 1,
    }
}

fn is_element(element: &PathElement, value: &Value<'_>) -> bool {
    let PathElement::Key(keys) = element else { return false };
    let Value::Map(map) = value else { return false };
    keys.iter().all(|(key, wanted)| {
        map.get(key).is_none_or(|v| serde_json::to_value(v).is_ok_and(|written| written == *wanted))
    })
}

/// True for client-side `kubectl apply`, whatever name it was given: it writes down what it applied.
fn applies_client_side(entry: &Entry) -> bool {
    if entry.manager == "kubectl-client-side-apply" {
        return true;
    }
    // `kubectl replace` and `edit` own the annotation, too, with what was in it.
    let annotation = Path::of_fields(&["metadata", "annotations", LAST_APPLIED]);
    let writes_it = entry.operation == Operation::Update && entry.covers(&annotation, usize::MAX).is_some();
    writes_it && !is_persons_tool(&entry.manager)
}

/// True if `last-applied-configuration` says what the cluster has here.
fn was_applied(difference: &Difference<'_>, last_applied: Option<&Map<'_>>) -> bool {
    let Some(applied) = last_applied else { return false };
    value_at(applied, &difference.path).is_some_and(|then| was_said(then, difference))
}

/// True if the live value came of what was said then, and Git says something else now.
pub(super) fn was_said(then: &Value<'_>, difference: &Difference<'_>) -> bool {
    let is_the_same = |git: &Value<'_>| came_of(then, git) && came_of(git, then);
    !difference.git.is_some_and(is_the_same) && difference.live.is_some_and(|live| came_of(then, live))
}

/// True if the server can have made a live value of one that was written once: in maps and their lists it has filled in
/// the rest, and quantities are spelled its way.
pub(super) fn came_of(then: &Value<'_>, live: &Value<'_>) -> bool {
    match (then, live) {
        (Value::Map(a), Value::Map(b)) => a.iter().all(|(k, v)| b.get(k).is_some_and(|l| came_of(&v.value, l))),
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| came_of(&a.value, &b.value))
        }
        (a, b) => equal::scalars(a, b, &Shape::Quantity),
    }
}

/// The value at a path of another version of the object; list elements are found by their keys.
pub fn value_at<'m>(root: &'m Map<'m>, path: &Path) -> Option<&'m Value<'m>> {
    let (first, rest) = path.0.split_first()?;
    let Step::Field(name) = first else { return None };
    rest.iter().try_fold(root.get(name)?, |value, step| match step {
        Step::Field(name) => value.as_map()?.get(name),
        Step::Element { keys, ordinal, .. } => {
            let fits = |v: &Value<'_>| {
                let map = v.as_map();
                // A key that is not written has its default, which the path holds.
                keys.iter().all(|(key, wanted)| map.is_some_and(|m| m.get(key).is_none_or(|written| written == wanted)))
            };
            value.as_list()?.iter().map(|n| &n.value).filter(|v| fits(v)).nth(ordinal - 1)
        }
        Step::Member { value: member, .. } => value.as_list()?.iter().map(|n| &n.value).find(|v| *v == member),
    })
}

fn attribution(entry: &Entry) -> Attribution {
    Attribution {
        manager: entry.manager.clone(),
        operation: entry.operation.as_str(),
        subresource: entry.subresource.clone(),
        time: entry.time,
        user: None,
        groups: Vec::new(),
        user_agent: None,
    }
}

/// When an object was made; `None` where it does not say.
pub fn created(root: &Map<'_>) -> Option<Timestamp> {
    root.map("metadata")?.str("creationTimestamp")?.parse().ok()
}
