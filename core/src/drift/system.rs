//! What belongs to the server, to its built-in controllers and to delivery tools, as tables.

use super::compare::{Excuse, Walk};
use crate::object::LAST_APPLIED;
use crate::object::value::{Map, Value};

/// The only fields of `metadata` that people and Git say something with; the rest is the server's or the identity.
const COMPARED_METADATA: &[&str] = &["annotations", "finalizers", "labels", "ownerReferences"];

/// Annotations that built-in controllers keep books in, `*` at the end for all that start so.
const CONTROLLER_ANNOTATIONS: &[&str] = &[
    "autoscaling.alpha.kubernetes.io/*",
    "batch.kubernetes.io/cronjob-scheduled-timestamp",
    "batch.kubernetes.io/job-tracking",
    "control-plane.alpha.kubernetes.io/leader",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deprecated.daemonset.template.generation",
    "endpoints.kubernetes.io/last-change-trigger-time",
    LAST_APPLIED,
    "kubernetes.io/service-account.uid",
    "node.alpha.kubernetes.io/ttl",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "pv.kubernetes.io/migrated-to",
    "pv.kubernetes.io/provisioned-by",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-resizer",
    "volumes.kubernetes.io/controller-managed-attach-detach",
];

/// Finalizers that built-in controllers and admission plugins add to objects of these kinds.
const CONTROLLER_FINALIZERS: &[(&str, &[&str])] = &[
    ("batch.kubernetes.io/job-tracking", &["Job", "Pod"]),
    ("customresourcecleanup.apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("kubernetes", &["Namespace"]),
    ("kubernetes.io/pv-protection", &["PersistentVolume"]),
    ("kubernetes.io/pvc-protection", &["PersistentVolumeClaim"]),
    ("service.kubernetes.io/load-balancer-cleanup", &["Service"]),
    ("storage.k8s.io/vac-protection", &["VolumeAttributesClass"]),
];

/// Finalizers that the server adds to an object that is being deleted.
const DELETION_FINALIZERS: &[&str] = &["foregroundDeletion", "orphan"];

/// (type, field) that the server or a built-in controller allocates, whatever the value.
const ALLOCATED: &[(&str, &str)] = &[
    ("batch.v1.JobSpec", "selector"),
    ("certificates.v1.CertificateSigningRequestSpec", "extra"),
    ("certificates.v1.CertificateSigningRequestSpec", "groups"),
    ("certificates.v1.CertificateSigningRequestSpec", "uid"),
    ("certificates.v1.CertificateSigningRequestSpec", "username"),
    ("core.v1.NodeSpec", "podCIDR"),
    ("core.v1.NodeSpec", "podCIDRs"),
    ("core.v1.NodeSpec", "providerID"),
    ("core.v1.PersistentVolumeClaimSpec", "storageClassName"),
    ("core.v1.PersistentVolumeClaimSpec", "volumeName"),
    ("core.v1.PersistentVolumeSpec", "claimRef"),
    ("core.v1.ServiceAccount", "secrets"),
    ("core.v1.ServicePort", "nodePort"),
    ("core.v1.ServiceSpec", "clusterIP"),
    ("core.v1.ServiceSpec", "clusterIPs"),
    ("core.v1.ServiceSpec", "healthCheckNodePort"),
    ("core.v1.ServiceSpec", "ipFamilies"),
    ("core.v1.ServiceSpec", "ipFamilyPolicy"),
    ("networking.v1.IngressSpec", "ingressClassName"),
    ("resource.v1.DeviceTaint", "timeAdded"),
];

/// Fields of a bare Pod's spec that admission plugins and the scheduler set.
const ALLOCATED_IN_PODS: &[&str] = &[
    "nodeName",
    "imagePullSecrets",
    "priority",
    "priorityClassName",
    "preemptionPolicy",
    "serviceAccountName",
    "tolerations",
];

/// How the LimitRanger admission plugin says that it has set a Pod's resources.
const LIMIT_RANGER: &str = "kubernetes.io/limit-ranger";

/// Annotations that delivery tools stamp, `*` at the end for all that start so.
const STAMP_ANNOTATIONS: &[&str] = &[
    "argocd.argoproj.io/installation-id",
    "argocd.argoproj.io/tracking-id",
    "helm.toolkit.fluxcd.io/*",
    "kustomize.toolkit.fluxcd.io/*",
    "meta.helm.sh/*",
];

/// Labels that delivery tools stamp, and the only value that counts as a stamp where that is known.
const STAMP_LABELS: &[(&str, Option<&str>)] = &[
    ("app.kubernetes.io/instance", None),
    ("app.kubernetes.io/managed-by", Some("Helm")),
    ("argocd.argoproj.io/instance", None),
    ("helm.toolkit.fluxcd.io/*", None),
    ("kustomize.toolkit.fluxcd.io/*", None),
];

/// True for fields that are the server's alone, or the object's identity, or another field's mirror.
pub(super) fn never_compared(walk: &Walk<'_>, name: &str) -> bool {
    let Some(frame) = walk.frames.last() else { return false };
    if walk.frames.len() == 1 {
        // SOPS leaves its own field in what it encrypts.
        return matches!(name, "apiVersion" | "kind" | "status" | "sops");
    }
    let ty = type_name(walk);
    match ty {
        "meta.v1.ObjectMeta" if walk.frames.len() == 2 => !COMPARED_METADATA.contains(&name),
        "core.v1.PersistentVolumeClaim" => name == "status",
        "core.v1.PodSpec" if name == "serviceAccount" => {
            let stated = |side: &Map<'_>| side.get("serviceAccountName").is_some_and(|v| !v.is_null());
            [frame.git, frame.live].into_iter().flatten().any(stated)
        }
        _ => false,
    }
}

/// For a field that the server keeps under two names: the canonical one, and the other.
pub(super) fn mirrored(walk: &Walk<'_>, name: &str) -> Option<(&'static str, &'static str)> {
    let is_account = matches!(name, "serviceAccountName" | "serviceAccount") && type_name(walk) == "core.v1.PodSpec";
    is_account.then_some(("serviceAccountName", "serviceAccount"))
}

fn type_name<'v>(walk: &Walk<'v>) -> &'v str {
    walk.frames.last().map_or("", |f| &walk.pair.schema.get(f.ty).name)
}

/// True for the one list that is atomic by its schema and a set by its meaning: an HPA's metrics.
pub(super) fn unordered(walk: &Walk<'_>) -> bool {
    walk.pair.kind.kind == "HorizontalPodAutoscaler" && walk.field_names().eq(["spec", "metrics"])
}

/// True for a live-only label or annotation that a built-in controller supplies.
pub(super) fn bookkeeping(walk: &Walk<'_>, map: &str, key: &str, value: &Value<'_>) -> bool {
    let live = walk.pair.live;
    let kind = walk.pair.kind;
    match map {
        "annotations" if key == LIMIT_RANGER => walk.frames.len() == 2 && kind.kind == "Pod",
        "annotations" => walk.frames.len() == 2 && listed(CONTROLLER_ANNOTATIONS, key),
        "labels" if kind.kind == "Job" && kind.group == "batch" => {
            let expected = match key.trim_start_matches("batch.kubernetes.io/") {
                "controller-uid" => "uid",
                "job-name" => "name",
                _ => return false,
            };
            live.map("metadata").and_then(|m| m.str(expected)) == value.as_str()
        }
        "labels" if kind.kind == "Namespace" && kind.group.is_empty() => {
            key == "kubernetes.io/metadata.name" && live.map("metadata").and_then(|m| m.str("name")) == value.as_str()
        }
        _ => false,
    }
}

/// True for a live-only member of a set that a built-in controller supplies.
pub(super) fn member(walk: &Walk<'_>, value: &Value<'_>) -> bool {
    let Some(finalizer) = value.as_str() else { return false };
    let metadata = walk.pair.live.map("metadata");
    let is_being_deleted = metadata.is_some_and(|m| m.get("deletionTimestamp").is_some());
    let kind = walk.pair.kind.kind.as_str();
    walk.field_names().next_back() == Some("finalizers")
        && (CONTROLLER_FINALIZERS.iter().any(|(name, kinds)| *name == finalizer && kinds.contains(&kind))
            || (is_being_deleted && DELETION_FINALIZERS.contains(&finalizer)))
}

/// True for an element that admission adds to an atomic list of a bare Pod, or a controller to one of a Node.
pub(super) fn injected(walk: &Walk<'_>, element: &Value<'_>) -> bool {
    let Some(key) = element.as_map().and_then(|element| element.str("key")) else { return false };
    match walk.pair.kind.kind.as_str() {
        "Pod" if walk.field_names().eq(["spec", "tolerations"]) => {
            matches!(key, "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable")
        }
        "Node" if walk.field_names().eq(["spec", "taints"]) => key.starts_with("node.kubernetes.io/"),
        _ => false,
    }
}

/// What may explain a live-only leaf, if its owner bears that out.
pub(super) fn excuse(walk: &Walk<'_>, value: Option<&Value<'_>>) -> Option<Excuse> {
    let mut names = walk.field_names().rev();
    let (key, map) = (names.next()?, names.next().unwrap_or_default());
    if walk.frames.len() == 2 && type_name(walk) == "meta.v1.ObjectMeta" {
        let stamped = match map {
            "annotations" => listed(STAMP_ANNOTATIONS, key),
            "labels" => STAMP_LABELS.iter().any(|(label, only)| {
                listed(&[label], key) && only.is_none_or(|only| value.and_then(Value::as_str) == Some(only))
            }),
            _ => false,
        };
        return stamped.then_some(Excuse::Stamp);
    }
    let allocated = walk.frames.iter().enumerate().any(|(at, frame)| {
        let ty: &str = &walk.pair.schema.get(frame.ty).name;
        let field = walk.field_at(at).unwrap_or_default();
        // A CronJob's template is no Job, and gets no selector.
        let in_template = ty == "batch.v1.JobSpec" && walk.pair.kind.kind != "Job";
        (ALLOCATED.contains(&(ty, field)) && !in_template)
            || (ty == "core.v1.PodSpec" && walk.pair.kind.kind == "Pod" && ALLOCATED_IN_PODS.contains(&field))
            || (ty == "core.v1.Container" && field == "resources" && was_limited(walk))
    });
    allocated.then_some(Excuse::Allocated)
}

/// True for a Pod whose resources LimitRanger has set.
fn was_limited(walk: &Walk<'_>) -> bool {
    let annotations = walk.pair.live.map("metadata").and_then(|metadata| metadata.map("annotations"));
    walk.pair.kind.kind == "Pod" && annotations.is_some_and(|a| a.get(LIMIT_RANGER).is_some())
}

fn listed(list: &[&str], key: &str) -> bool {
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(prefix) => key.starts_with(prefix),
        None => *entry == key,
    })
}
