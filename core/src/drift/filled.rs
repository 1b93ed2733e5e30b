//! What the API server fills in: the harvested defaults, and the few that follow from other fields.

use super::compare::{Class, Frame, Walk};
use super::{equal, system};
use crate::object::path::Step;
use crate::object::value::{Map, Node, Value};
use crate::schema::{Field, Schema, Shape, TypeId};

/// True if a live-only field holds what the server fills in: for Git's object, or for the live one because the
/// value of another field asks for it.
pub(super) fn is_default<'v>(walk: &mut Walk<'v>, field: Option<&'v Field>, live: &'v Node<'v>) -> bool {
    let Some(frame) = walk.frames.last().copied() else { return false };
    let harvested = field.is_some_and(|field| {
        field.defaults.iter().any(|rule| {
            let kind_fits = rule.under.is_empty() || rule.under.contains(walk.pair.kind);
            let asked_for = rule.when.as_ref().is_none_or(|(sibling, values)| {
                has_value(walk.pair.schema, frame.ty, frame.git, sibling, values)
                    || has_value(walk.pair.schema, frame.ty, frame.live, sibling, values)
            });
            kind_fits && asked_for && walk.equivalent(&rule.value, live, &field.shape)
        })
    });
    harvested || is_computed(walk, frame, &live.value)
}

/// Takes out of an object what the server once filled in because of values that it no longer has: those at these paths of fields
/// were changed. What Git says stays.
pub(crate) fn drop_unasked(
    schema: &Schema,
    ty: TypeId,
    (live, git): (&mut Map<'static>, &Map<'_>),
    changed: &[&[Step]],
) {
    for field in schema.get(ty).fields() {
        let name = &*field.name;
        match (git.get(name).filter(|value| !value.is_null()), &field.shape) {
            (Some(Value::Map(git)), Shape::Struct(id)) => {
                let is_there = |step: &Step| matches!(step, Step::Field(field) if field == name);
                let below = changed.iter().filter_map(|path| path.split_first().filter(|(first, _)| is_there(first)));
                let below: Vec<&[Step]> = below.map(|(_, rest)| rest).filter(|rest| !rest.is_empty()).collect();
                if let (false, Some(Value::Map(live))) = (below.is_empty(), live.get_mut(name)) {
                    drop_unasked(schema, *id, (live, git), &below);
                }
            }
            (None, _) if !field.defaults.is_empty() && live.get(name).is_some() => {
                let is_unasked = |(sibling, values): &(Box<str>, Vec<Value<'static>>)| {
                    let was_changed = |path: &&[Step]| matches!(path, [Step::Field(field)] if **field == **sibling);
                    changed.iter().any(was_changed) && !has_value(schema, ty, Some(live), sibling, values)
                };
                if field.defaults.iter().all(|rule| rule.when.as_ref().is_some_and(is_unasked)) {
                    live.remove(name);
                }
            }
            _ => {}
        }
    }
}

/// The default of a field that has just one, whatever stands around it: for list keys such as `protocol`.
pub(super) fn plain_default<'s>(schema: &'s Schema, item: &Shape, field: &str) -> Option<&'s Value<'s>> {
    let Shape::Struct(id) = item else { return None };
    let rule = schema.get(*id).field(field)?.defaults.first()?;
    (rule.when.is_none() && rule.under.is_empty()).then_some(&rule.value.value)
}

fn has_value(schema: &Schema, ty: TypeId, side: Option<&Map<'_>>, sibling: &str, values: &[Value<'static>]) -> bool {
    let Some(side) = side else { return false };
    let value = match side.get(sibling).filter(|v| !v.is_null()) {
        Some(value) => value,
        None => match plain_default(schema, &Shape::Struct(ty), sibling) {
            Some(value) => value,
            None => return false,
        },
    };
    values.iter().any(|v| v == value)
}

const SCALE_UP_POLICIES: &str =
    r#"[{"periodSeconds":15,"type":"Pods","value":4},{"periodSeconds":15,"type":"Percent","value":100}]"#;
const SCALE_DOWN_POLICIES: &str = r#"[{"periodSeconds":15,"type":"Percent","value":100}]"#;

fn is_job(walk: &Walk<'_>) -> bool {
    walk.pair.kind.kind == "Job" && walk.pair.kind.group == "batch"
}

/// Defaults that depend on the value of another field; each beside its function in Kubernetes' `defaults.go`.
fn is_computed(walk: &Walk<'_>, frame: Frame<'_>, live: &Value<'_>) -> bool {
    let Some(name) = walk.field_names().next_back() else { return false };
    let ty: &str = &walk.pair.schema.get(frame.ty).name;
    let sides = [frame.git, frame.live];
    let equals_sibling = |sibling: &str, shape: &Shape| {
        sides.iter().flatten().any(|side| side.get(sibling).is_some_and(|v| equal::scalars(v, live, shape)))
    };
    match (ty, name) {
        // SetDefaults_Container: Always for the tag latest or none, else IfNotPresent.
        (
            "core.v1.Container" | "core.v1.EphemeralContainerCommon" | "core.v1.EphemeralContainer",
            "imagePullPolicy",
        ) => sides
            .iter()
            .flatten()
            .filter_map(|side| side.str("image"))
            .any(|image| live.as_str() == Some(pull_policy(image))),
        ("core.v1.ImageVolumeSource", "pullPolicy") => sides
            .iter()
            .flatten()
            .filter_map(|side| side.str("reference"))
            .any(|image| live.as_str() == Some(pull_policy(image))),
        // SetDefaults_Job; a CronJob's template gets none of these.
        ("batch.v1.JobSpec", "completions") if is_job(walk) => {
            live.as_int() == Some(1) && frame.git.is_some_and(|git| git.get("parallelism").is_none_or(Value::is_null))
        }
        ("batch.v1.JobSpec", "podReplacementPolicy") if is_job(walk) => sides.iter().flatten().any(|side| {
            let default = if side.get("podFailurePolicy").is_some() { "Failed" } else { "TerminatingOrFailed" };
            live.as_str() == Some(default)
        }),
        ("batch.v1.JobSpec", "backoffLimit") if is_job(walk) => sides.iter().flatten().any(|side| {
            let default = if side.get("backoffLimitPerIndex").is_some() { i64::from(i32::MAX) } else { 6 };
            live.as_int() == Some(default)
        }),
        // SetDefaults_NetworkPolicy.
        ("networking.v1.NetworkPolicySpec", "policyTypes") => sides.iter().flatten().any(|side| {
            let egress = side.get("egress").is_some_and(|e| !e.is_zero());
            let types: &[&str] = if egress { &["Ingress", "Egress"] } else { &["Ingress"] };
            live.as_list().is_some_and(|l| l.iter().map(|n| n.value.as_str()).eq(types.iter().map(|t| Some(*t))))
        }),
        // SetDefaults_HorizontalPodAutoscaler, GenerateHPAScaleUpRules and GenerateHPAScaleDownRules.
        ("autoscaling.v2.HPAScalingRules", "policies") => {
            let up = walk.field_names().any(|n| n == "scaleUp");
            serde_json::to_string(live)
                .is_ok_and(|text| text == if up { SCALE_UP_POLICIES } else { SCALE_DOWN_POLICIES })
        }
        ("autoscaling.v2.HPAScalingRules", "stabilizationWindowSeconds") => {
            live.as_int() == Some(0) && walk.field_names().any(|n| n == "scaleUp")
        }
        // SetDefaults_Service.
        ("core.v1.ServicePort", "targetPort") => equals_sibling("port", &Shape::IntOrString),
        // SetDefaults_Service by ExternallyAccessible: not by the type alone, which the catalogue knows.
        ("core.v1.ServiceSpec", "externalTrafficPolicy") => {
            let has_external_ips = |side: &&Map<'_>| side.get("externalIPs").is_some_and(|ips| !ips.is_zero());
            live.as_str() == Some("Cluster") && sides.iter().flatten().any(has_external_ips)
        }
        // SetHostNetworkPorts.
        ("core.v1.ContainerPort", "hostPort") => {
            is_pod(walk) && equals_sibling("containerPort", &Shape::Integer) && on_host_network(walk)
        }
        // SetDefaults_Volume: emptyDir for a volume of Git's that has no source.
        ("core.v1.Volume", "emptyDir") => {
            let is_only_a_name = |git: &Map<'_>| git.iter().all(|(name, node)| name == "name" || node.value.is_null());
            live.is_zero() && frame.git.is_some_and(is_only_a_name)
        }
        // Service strategy: clusterIPs mirrors clusterIP.
        ("core.v1.ServiceSpec", "clusterIPs") => sides.iter().flatten().any(|side| {
            let first = live.as_list().and_then(|l| l.first()).map(|n| &n.value);
            first.is_some() && side.get("clusterIP") == first
        }),
        // PVC strategy: dataSourceRef mirrors dataSource.
        ("core.v1.PersistentVolumeClaimSpec", "dataSource" | "dataSourceRef") => {
            let other = if name == "dataSource" { "dataSourceRef" } else { "dataSource" };
            frame.git.is_some_and(|git| git.get(other) == Some(live))
        }
        // A claim template is stored as a whole PersistentVolumeClaim.
        ("core.v1.PersistentVolumeClaim", "apiVersion") => live.as_str() == Some("v1"),
        ("core.v1.PersistentVolumeClaim", "kind") => live.as_str() == Some("PersistentVolumeClaim"),
        // SetDefaults_CustomResourceDefinitionSpec.
        ("apiextensions.v1.CustomResourceDefinitionNames", "listKind") => sides
            .iter()
            .flatten()
            .filter_map(|side| side.str("kind"))
            .any(|kind| live.as_str().and_then(|l| l.strip_suffix("List")) == Some(kind)),
        ("apiextensions.v1.CustomResourceDefinitionNames", "singular") => sides
            .iter()
            .flatten()
            .filter_map(|side| side.str("kind"))
            .any(|kind| live.as_str() == Some(kind.to_lowercase().as_str())),
        _ => false,
    }
}

/// Why a live-only key of a map is there, where the server or a built-in controller supplies it.
pub(super) fn in_map(walk: &Walk<'_>, key: &str, live: &Node<'_>) -> Option<Class> {
    let frame = walk.frames.last()?;
    let map = walk.field_names().rev().nth(1).unwrap_or_default();
    let ty: &str = &walk.pair.schema.get(frame.ty).name;
    let equals_one_of = |fields: &[&str]| {
        [frame.git, frame.live]
            .iter()
            .flatten()
            .flat_map(|side| fields.iter().filter_map(|field| side.map(field)?.get(key)))
            .any(|bound| equal::scalars(bound, &live.value, &Shape::Quantity))
    };
    let (supplied, class) = match (ty, map) {
        // SetDefaults_Pod: a request that is not written is its limit; in a template it is not.
        ("core.v1.ResourceRequirements", "requests") => (is_pod(walk) && equals_one_of(&["limits"]), Class::Default),
        // SetDefaults_LimitRangeItem: a limit is the maximum; a request the limit, or else the minimum.
        ("core.v1.LimitRangeItem", "default") => (is_of_containers(frame) && equals_one_of(&["max"]), Class::Default),
        ("core.v1.LimitRangeItem", "defaultRequest") => {
            let has = |field: &str| {
                [frame.git, frame.live].iter().flatten().any(|s| s.map(field).is_some_and(|m| m.get(key).is_some()))
            };
            let from = ["default", "max", "min"].into_iter().find(|field| has(field));
            let is_filled = from.is_some_and(|field| equals_one_of(&[field]));
            (is_of_containers(frame) && is_filled, Class::Default)
        }
        // SetDefaults_ReplicationController: what is not written is the template's labels.
        ("core.v1.ReplicationControllerSpec", "selector") => (is_of_template(walk, frame, map, key), Class::Default),
        ("meta.v1.ObjectMeta", "labels") if is_of_template(walk, frame, map, key) => (true, Class::Default),
        ("meta.v1.ObjectMeta", _) => (system::bookkeeping(walk, map, key, &live.value), Class::System),
        _ => return None,
    };
    supplied.then_some(class)
}

/// True for a live-only element of a keyed list that the server supplies.
pub(super) fn element(walk: &Walk<'_>, element: &Node<'_>) -> bool {
    // The ServiceAccount admission plugin's token volume, with a random suffix.
    let list = walk.field_names().next_back().unwrap_or_default();
    is_pod(walk)
        && matches!(list, "volumes" | "volumeMounts")
        && element.value.as_map().and_then(|m| m.str("name")).is_some_and(|n| n.starts_with("kube-api-access-"))
}

fn is_pod(walk: &Walk<'_>) -> bool {
    walk.pair.kind.kind == "Pod" && walk.pair.kind.group.is_empty()
}

fn is_of_containers(frame: &Frame<'_>) -> bool {
    [frame.git, frame.live].iter().flatten().any(|side| side.str("type") == Some("Container"))
}

/// True for a key that a ReplicationController without such a map has of its template's labels, as long as it has all of
/// them.
fn is_of_template(walk: &Walk<'_>, frame: &Frame<'_>, map: &str, key: &str) -> bool {
    let is_its_own = walk.pair.kind.kind == "ReplicationController" && walk.frames.len() == 2;
    let is_stated = frame.git.and_then(|git| git.map(map)).is_some_and(|stated| !stated.is_empty());
    let (Some(labels), Some(live)) = (template_labels(walk), frame.live.and_then(|live| live.map(map))) else {
        return false;
    };
    let has_all = || labels.iter().all(|(label, node)| live.get(label) == Some(&node.value));
    is_its_own && !is_stated && labels.get(key).is_some() && has_all()
}

fn on_host_network(walk: &Walk<'_>) -> bool {
    walk.frames
        .iter()
        .filter(|f| walk.pair.schema.get(f.ty).name.as_ref() == "core.v1.PodSpec")
        .flat_map(|f| [f.git, f.live])
        .flatten()
        .any(|spec| spec.get("hostNetwork") == Some(&Value::Bool(true)))
}

fn template_labels<'v>(walk: &Walk<'v>) -> Option<&'v Map<'v>> {
    walk.pair.git.map("spec")?.map("template")?.map("metadata")?.map("labels")
}

/// Source: `SetDefaults_Container` and `parsers.ParseImageName`; what is no image reference has no tag, not `latest`.
fn pull_policy(image: &str) -> &'static str {
    let (name, has_digest) = match image.split_once('@') {
        Some((name, _)) => (name, true),
        None => (image, false),
    };
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name[start..].split_once(':') {
        Some((last, tag)) => (&name[..start + last.len()], Some(tag)),
        None => (name, None),
    };
    match tag {
        _ if !is_repository(repository) => "IfNotPresent",
        Some("latest") => "Always",
        None if !has_digest => "Always",
        _ => "IfNotPresent",
    }
}

/// `[domain/]path`, the path in lower case.
/// Grammar: <https://pkg.go.dev/github.com/distribution/reference#pkg-overview>.
fn is_repository(text: &str) -> bool {
    let path = match text.split_once('/') {
        Some((first, rest))
            if first == "localhost"
                || first.contains(['.', ':'])
                || first.contains(|c: char| c.is_ascii_uppercase()) =>
        {
            rest
        }
        _ => text,
    };
    path.split('/').all(|part| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        part.chars().all(inner) && edge(part.chars().next()) && edge(part.chars().next_back())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pull_policy_follows_the_tag() {
        for (image, policy) in [
            ("web", "Always"),
            ("web:latest", "Always"),
            ("web:1", "IfNotPresent"),
            ("reg:5000/web", "Always"),
            ("reg:5000/web:1", "IfNotPresent"),
            ("web@sha256:abc", "IfNotPresent"),
            ("web:1@sha256:abc", "IfNotPresent"),
            ("<YOUR-CONTAINER>", "IfNotPresent"),
            ("ghcr.io/org/web", "Always"),
            ("Web", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }
}
