//! The table of levels: what a difference can do to a running system. Read from top to bottom; the first rule that
//! fits gives the level. People's own rules of the configuration come before these.

use super::compare::Change;
use super::level::DriftLevel::{self, High, Info, Medium};

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Name, stable over releases.
    pub id: &'static str,
    /// Kinds that it is about; empty: all.
    pub kinds: &'static [&'static str],
    /// Paths that it is about. `[]` is any list element, `*` any one field, `**` any number of steps.
    pub paths: &'static [&'static str],
    /// Only values that hold this field.
    pub holds: Option<&'static str>,
    /// Only where the path ends in a key that begins so.
    pub key: Option<&'static str>,
    /// The level it gives.
    pub level: DriftLevel,
    /// Why, in a few words.
    pub reason: &'static str,
}

const fn rule(
    id: &'static str,
    kinds: &'static [&'static str],
    paths: &'static [&'static str],
    level: DriftLevel,
    reason: &'static str,
) -> Rule {
    Rule { id, kinds, paths, holds: None, key: None, level, reason }
}

/// The table.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule("image", &[], &["spec.**.containers[].image", "spec.**.initContainers[].image", "spec.**.ephemeralContainers[].image"], High, "other code runs"),
    rule("container", &[], &["spec.**.containers[]", "spec.**.initContainers[]", "spec.**.ephemeralContainers[]", "spec.**.containers", "spec.**.initContainers"], High, "a container more or less runs"),
    rule("command", &[], &["spec.**.command", "spec.**.args", "spec.**.workingDir", "spec.**.lifecycle.**"], High, "the container runs something else"),
    rule("env", &[], &["spec.**.env[].**", "spec.**.env[]", "spec.**.env", "spec.**.envFrom.**", "spec.**.envFrom"], High, "the program is configured otherwise"),
    rule("privilege", &[], &["automountServiceAccountToken", "spec.**.securityContext.**", "spec.**.securityContext", "spec.**.serviceAccountName", "spec.**.automountServiceAccountToken", "spec.**.runtimeClassName"], High, "what the container may do changes"),
    rule("host", &[], &["spec.**.hostNetwork", "spec.**.hostPID", "spec.**.hostIPC", "spec.**.hostUsers", "spec.**.volumes[].hostPath.**", "spec.**.hostAliases.**", "spec.**.hostAliases"], High, "it reaches into the node"),
    Rule { id: "host-volume", kinds: &[], paths: &["spec.**.volumes[]"], holds: Some("hostPath"), key: None, level: High, reason: "it reaches into the node's files" },
    rule("ports", &[], &["spec.**.containers[].ports.**", "spec.**.containers[].ports[].**", "spec.**.containers[].ports[]", "spec.**.initContainers[].ports[].**"], High, "it listens elsewhere"),
    rule("resources", &[], &["spec.**.resources.limits.**", "spec.**.resources.requests.**"], Info, "tuned within the node's limits"),
    rule("service", &["Service"], &["spec.type", "spec.ports[].**", "spec.ports[]", "spec.selector.**", "spec.selector", "spec.externalIPs", "spec.externalIPs[]", "spec.externalName", "spec.clusterIP", "spec.loadBalancerIP", "spec.loadBalancerClass", "spec.loadBalancerSourceRanges", "spec.loadBalancerSourceRanges[]", "spec.publishNotReadyAddresses", "spec.externalTrafficPolicy"], High, "who can reach it, and what answers, changes"),
    rule("endpoints", &["Endpoints", "EndpointSlice"], &["subsets.**", "subsets", "endpoints.**", "endpoints", "ports.**", "ports", "ports[].**", "ports[]"], High, "traffic goes elsewhere"),
    rule("ingress", &["Ingress", "Gateway", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "VirtualService"], &["spec.**"], High, "traffic from outside goes elsewhere"),
    rule("rbac", &["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"], &["rules", "rules.**", "subjects", "subjects.**", "roleRef.**", "aggregationRule.**", "aggregationRule"], High, "who may do what changes"),
    Rule { id: "rbac-aggregation", kinds: &["ClusterRole"], paths: &["metadata.labels.*"], holds: None, key: Some("rbac.authorization.k8s.io/aggregate-to-"), level: High, reason: "aggregated roles gain or lose these rights" },
    rule("network-policy", &["NetworkPolicy", "AdminNetworkPolicy", "CiliumNetworkPolicy", "AuthorizationPolicy"], &["spec.**"], High, "who may talk to whom changes"),
    rule("webhook", &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"], &["webhooks.**", "webhooks", "webhooks[].**", "webhooks[]"], High, "what the cluster admits or changes is another"),
    rule("admission", &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"], &["spec.**"], High, "what the cluster admits or changes is another"),
    rule("api", &["APIService", "CertificateSigningRequest"], &["spec.**"], High, "requests to the API go elsewhere"),
    rule("pod-security", &["Namespace"], &["metadata.labels.**"], Medium, "labels of a namespace select policies"),
    rule("any", &[], &["**"], Medium, "not critical by itself"),
];

/// Kinds whose absence is felt at once.
#[rustfmt::skip]
const VITAL_KINDS: &[&str] = &[
    "ClusterRole", "ClusterRoleBinding", "ConfigMap", "CronJob", "CustomResourceDefinition", "DaemonSet", "Deployment",
    "Ingress", "Job", "NetworkPolicy", "PersistentVolumeClaim", "Pod", "ReplicaSet", "ReplicationController", "Role",
    "RoleBinding", "Secret", "Service", "StatefulSet",
];

const MISSING_VITAL: Rule = rule("missing-vital", &[], &[], High, "something depends on it");
const MISSING: Rule = rule("missing", &[], &[], Medium, "Git has it, the cluster does not");
const FINISHED_JOB: Rule =
    rule("finished-job", &["Job"], &[], Info, "a finished Job with a TTL is deleted by the cluster");
const UNMANAGED_POWER: Rule = rule("unmanaged-power", &[], &[], High, "it can change what the cluster does");
const UNMANAGED: Rule = rule("unmanaged", &[], &[], Medium, "no source has it");

pub(super) const CONTROLLER: Rule = rule("controller", &[], &[], Info, "a controller keeps its own field");
/// Replicas that no known autoscaler keeps.
pub const REPLICAS: Rule = rule("replicas", &[], &[], Info, "scaling is allowed");
pub(super) const AUTOSCALED: Rule = rule("replicas-autoscaled", &[], &[], Info, "inside the autoscaler's bounds");
pub(super) const OUTSIDE_AUTOSCALER: Rule =
    rule("replicas-outside-autoscaler", &[], &[], High, "outside the autoscaler's bounds");
pub(super) const SCALED_TO_ZERO: Rule = rule("scaled-to-zero", &[], &[], High, "nothing runs any more");
pub(super) const NOT_YET_APPLIED: Rule =
    rule("not-yet-applied", &[], &[], Medium, "a fresh change that was not applied yet");
pub(super) const SYNC_STUCK: Rule =
    rule("sync-stuck", &[], &[], High, "Git said otherwise a while ago, and it was not applied");

/// Rules that look at more than kind and path.
const BEYOND_THE_TABLE: &[Rule] = &[
    MISSING_VITAL,
    MISSING,
    FINISHED_JOB,
    UNMANAGED_POWER,
    UNMANAGED,
    CONTROLLER,
    REPLICAS,
    AUTOSCALED,
    OUTSIDE_AUTOSCALER,
    SCALED_TO_ZERO,
    NOT_YET_APPLIED,
    SYNC_STUCK,
];

/// All rules of our own.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().chain(BEYOND_THE_TABLE)
}

/// The rule for a whole object that one side lacks.
pub(super) fn for_object(change: Change, kind: &str, facts: ObjectFacts) -> Rule {
    let power = matches!(
        kind,
        "Role"
            | "ClusterRole"
            | "RoleBinding"
            | "ClusterRoleBinding"
            | "MutatingWebhookConfiguration"
            | "ValidatingWebhookConfiguration"
    );
    match change {
        Change::UnmanagedObject if power || facts.privileged => UNMANAGED_POWER,
        Change::UnmanagedObject => UNMANAGED,
        _ if kind == "Job" && facts.has_ttl => FINISHED_JOB,
        _ if VITAL_KINDS.contains(&kind) => MISSING_VITAL,
        _ => MISSING,
    }
}

/// What must be known of a whole object to grade its absence or presence.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObjectFacts {
    /// A Job that the cluster deletes when it has finished.
    pub has_ttl: bool,
    /// A workload with a privileged container or host access.
    pub privileged: bool,
}
