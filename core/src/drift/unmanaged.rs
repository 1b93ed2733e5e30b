//! Objects that the cluster has and no source does.

use super::rules::ObjectFacts;
use crate::object::value::{Map, Value};

/// (kind, beginning of the name) of what every cluster has by itself; an empty beginning means all of the kind.
const OF_THE_CLUSTER: &[(&str, &str)] = &[
    ("APIService", "v"),
    ("CertificateRequest", ""),
    ("ClusterRole", "system:"),
    ("ClusterRoleBinding", "system:"),
    ("ConfigMap", "istio-ca-root-cert"),
    ("ConfigMap", "kube-root-ca.crt"),
    ("ConfigMap", "openshift-service-ca.crt"),
    ("ControllerRevision", ""),
    ("Endpoints", ""),
    ("EndpointSlice", ""),
    ("Event", ""),
    ("Lease", ""),
    ("Namespace", "default"),
    ("Namespace", "kube-"),
    ("Node", ""),
    ("PodMetrics", ""),
    ("PolicyReport", ""),
    ("PriorityClass", "system-"),
    ("Role", "system:"),
    ("RoleBinding", "system:"),
    ("ServiceAccount", "default"),
];

/// Labels and annotations by which another delivery names itself, `*` for all that begin so.
const DELIVERED_ELSEWHERE: &[&str] = &[
    "argocd.argoproj.io/tracking-id",
    "helm.toolkit.fluxcd.io/",
    "kustomize.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "kubernetes.io/bootstrapping",
];

/// True if an object that is not in Git stands on its own: no owner, not the cluster's, not another delivery's.
pub fn stands_alone(root: &Map<'_>) -> bool {
    let (Some(kind), Some(metadata)) = (root.str("kind"), root.map("metadata")) else { return false };
    let name = metadata.str("name").unwrap_or_default();
    let owned = metadata.get("ownerReferences").is_some_and(|o| !o.is_zero());
    let of_cluster = OF_THE_CLUSTER.iter().any(|(k, start)| *k == kind && name.starts_with(start));
    let of_delivery = ["labels", "annotations"]
        .iter()
        .filter_map(|field| metadata.map(field))
        .any(|map| map.iter().any(|(key, _)| DELIVERED_ELSEWHERE.iter().any(|start| key.starts_with(start))));
    let token = kind == "Secret"
        && matches!(root.str("type"), Some("kubernetes.io/service-account-token" | "helm.sh/release.v1"));
    !(owned || of_cluster || of_delivery || token)
}

/// What must be known to grade it.
pub fn facts(root: &Map<'_>) -> ObjectFacts {
    let spec = root.map("spec");
    let pod = match root.str("kind") {
        Some("Pod") => spec,
        Some("CronJob") => spec.and_then(|s| s.map("jobTemplate")?.map("spec")?.map("template")?.map("spec")),
        _ => spec.and_then(|s| s.map("template")?.map("spec")),
    };
    ObjectFacts { has_ttl: false, privileged: pod.is_some_and(is_privileged) }
}

fn is_privileged(pod: &Map<'_>) -> bool {
    let on_host = ["hostNetwork", "hostPID", "hostIPC"].iter().any(|f| pod.get(f) == Some(&Value::Bool(true)));
    let elements = |field: &str| pod.get(field).and_then(Value::as_list).unwrap_or_default().iter();
    let host_path = elements("volumes").any(|v| v.value.as_map().is_some_and(|v| v.get("hostPath").is_some()));
    let container = elements("containers").chain(elements("initContainers")).any(|c| {
        let context = c.value.as_map().and_then(|c| c.map("securityContext"));
        context.is_some_and(|s| s.get("privileged") == Some(&Value::Bool(true)))
    });
    on_host || host_path || container
}
