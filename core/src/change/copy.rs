//! An object as it was, without what the server alone writes: what an object is compared with, and what is created again.

use crate::object::split_api_version;
use crate::object::value::{Map, Value};

/// Fields of `metadata` that the server alone writes.
const SERVERS: &[&str] =
    &["creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "resourceVersion", "uid"];

/// Labels by which a Job's Pods name it by its uid: another one has another.
const LABELS_OF_A_JOB: &[&str] =
    &["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];

/// An object without what the server alone writes.
pub fn stated<'v>(root: &Map<'v>) -> Map<'v> {
    let mut root = root.clone();
    root.remove("status");
    if let Some(Value::Map(metadata)) = root.get_mut("metadata") {
        for field in SERVERS {
            metadata.remove(field);
        }
    }
    root
}

/// An object as it can be created again: also without what is tied to the one that it was.
pub fn again<'v>(root: &Map<'v>) -> Map<'v> {
    let mut root = stated(root);
    let group = split_api_version(root.str("apiVersion").unwrap_or_default()).0.to_owned();
    let kind = root.str("kind").unwrap_or_default().to_owned();
    let Some(Value::Map(spec)) = root.get_mut("spec") else { return root };
    match (group.as_str(), kind.as_str()) {
        // The scheduler finds it a node anew.
        ("", "Pod") => {
            spec.remove("nodeName");
        }
        ("batch", "Job") if spec.get("manualSelector") != Some(&Value::Bool(true)) => {
            spec.remove("selector");
            if let Some(Value::Map(template)) = spec.get_mut("template") {
                forget_the_job(template);
            }
            forget_the_job(&mut root);
        }
        _ => {}
    }
    root
}

/// Takes the labels out by which a Job finds its Pods.
fn forget_the_job(holder: &mut Map<'_>) {
    let Some(Value::Map(metadata)) = holder.get_mut("metadata") else { return };
    let Some(Value::Map(labels)) = metadata.get_mut("labels") else { return };
    for label in LABELS_OF_A_JOB {
        labels.remove(label);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_tied_to_the_object_that_was_is_not_created_again() {
        for (before, after) in [
            (
                json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}, "status": {},
                       "metadata": {"name": "a", "uid": "u", "resourceVersion": "1", "generation": 2,
                                    "creationTimestamp": "2026-11-27T00:00:00Z", "labels": {"controller-uid": "x"}}}),
                json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"},
                       "metadata": {"name": "a", "labels": {"controller-uid": "x"}}}),
            ),
            (
                json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "labels": {"job-name": "a"}},
                       "spec": {"selector": {"matchLabels": {"controller-uid": "u"}},
                                "template": {"metadata": {"labels": {"controller-uid": "u", "app": "a"}}}}}),
                json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "labels": {}},
                       "spec": {"template": {"metadata": {"labels": {"app": "a"}}}}}),
            ),
            (
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"nodeName": "n", "dnsPolicy": "Default"}}),
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"dnsPolicy": "Default"}}),
            ),
        ] {
            let text = before.to_string();
            let Value::Map(root) = serde_json::from_str(&text).unwrap() else { unreachable!("it is a map") };
            assert_eq!(json!(Value::Map(again(&root))), after);
        }
    }
}
