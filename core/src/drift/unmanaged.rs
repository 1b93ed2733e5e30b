//! Objects that the cluster has and no source does.

use super::rules::ObjectFacts;
use crate::object::value::{Map, Value};

/// Kinds of which the cluster makes all objects itself.
const KINDS_OF_THE_CLUSTER: &[&str] = &[
    "CertificateRequest",
    "ControllerRevision",
    "Endpoints",
    "EndpointSlice",
    "Event",
    "Lease",
    "Node",
    "PodMetrics",
    "PolicyReport",
];

/// (kind, name) of what every cluster has by itself.
const OF_THE_CLUSTER: &[(&str, &str)] = &[
    ("ConfigMap", "istio-ca-root-cert"),
    ("ConfigMap", "kube-root-ca.crt"),
    ("ConfigMap", "openshift-service-ca.crt"),
    ("Namespace", "default"),
    ("Namespace", "kube-node-lease"),
    ("Namespace", "kube-public"),
    ("Namespace", "kube-system"),
    ("PriorityClass", "system-cluster-critical"),
    ("PriorityClass", "system-node-critical"),
    ("ServiceAccount", "default"),
];

/// The label of what the API server makes at its start. Anybody may write it, so it counts on what it is made for only.
const BOOTSTRAPPING: &str = "kubernetes.io/bootstrapping";

/// Roles for people that the API server makes, too.
const USER_ROLES: &[&str] = &["admin", "cluster-admin", "edit", "view"];

/// The label of an `APIService` that the API server registers itself.
const AUTOMANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";

/// Labels and annotations by which another delivery names itself, `*` for all that begin so.
const DELIVERED_ELSEWHERE: &[&str] =
    &["argocd.argoproj.io/tracking-id", "helm.toolkit.fluxcd.io/", "kustomize.toolkit.fluxcd.io/", "meta.helm.sh/"];

/// True if an object that is not in Git stands on its own: no owner, not the cluster's, not another delivery's.
pub fn stands_alone(root: &Map<'_>) -> bool {
    let (Some(kind), Some(metadata)) = (root.str("kind"), root.map("metadata")) else { return false };
    let name = metadata.str("name").unwrap_or_default();
    let owned = metadata.get("ownerReferences").is_some_and(|o| !o.is_zero());
    let of_cluster = KINDS_OF_THE_CLUSTER.contains(&kind) || OF_THE_CLUSTER.contains(&(kind, name));
    let has_label = |key| metadata.map("labels").is_some_and(|labels| labels.get(key).is_some());
    let made_at_start = match kind {
        "APIService" => has_label(AUTOMANAGED),
        "ClusterRole" => has_label(BOOTSTRAPPING) && (name.starts_with("system:") || USER_ROLES.contains(&name)),
        "ClusterRoleBinding" => has_label(BOOTSTRAPPING) && (name.starts_with("system:") || name == "cluster-admin"),
        "Role" | "RoleBinding" => {
            let namespace = metadata.str("namespace").unwrap_or_default();
            has_label(BOOTSTRAPPING) && matches!(namespace, "kube-system" | "kube-public")
        }
        _ => false,
    };
    let of_delivery = ["labels", "annotations"]
        .iter()
        .filter_map(|field| metadata.map(field))
        .any(|map| map.iter().any(|(key, _)| DELIVERED_ELSEWHERE.iter().any(|start| key.starts_with(start))));
    let token = kind == "Secret"
        && matches!(root.str("type"), Some("kubernetes.io/service-account-token" | "helm.sh/release.v1"));
    !(owned || of_cluster || made_at_start || of_delivery || token)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_cluster_has_by_itself_is_passed_over() {
        for (kind, namespace, name, bootstrapping, alone) in [
            ("ServiceAccount", "shop", "default", false, false),
            ("ServiceAccount", "shop", "default-deployer", false, true),
            ("Namespace", "", "kube-system", false, false),
            ("Namespace", "", "default-x", false, true),
            ("Namespace", "", "kube-backdoor", false, true),
            ("ConfigMap", "shop", "kube-root-ca.crt", false, false),
            ("ConfigMap", "shop", "kube-root-ca.crt-2", false, true),
            ("PriorityClass", "", "system-mine", false, true),
            ("ClusterRole", "", "system:node", true, false),
            ("ClusterRole", "", "view", true, false),
            ("ClusterRole", "", "system:backdoor", false, true),
            ("ClusterRole", "", "backdoor", true, true),
            ("RoleBinding", "kube-system", "system:controller:token-cleaner", true, false),
            ("RoleBinding", "kube-system", "system:backdoor", false, true),
            ("RoleBinding", "shop", "system:backdoor", true, true),
            ("Deployment", "shop", "web", true, true),
            ("Lease", "shop", "any", false, false),
        ] {
            let label = if bootstrapping { r#""kubernetes.io/bootstrapping":"rbac-defaults""# } else { "" };
            let json = format!(
                r#"{{"kind":"{kind}","metadata":{{"name":"{name}","namespace":"{namespace}","labels":{{{label}}}}}}}"#
            );
            let Value::Map(root) = serde_json::from_str(&json).unwrap() else { unreachable!("it is a map") };
            assert_eq!(stands_alone(&root), alone, "{kind} {namespace}/{name}, label: {bootstrapping}");
        }
    }
}
