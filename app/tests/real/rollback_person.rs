//! For whoever is known in the cluster the service writes nothing that they might not write there themselves.

use anchorwatch_testbed::Person;
use serde_json::{Value, json};

use crate::rollback_service::Writing;
use crate::world::{World, until};

/// Lets bob patch ConfigMaps, or not any more.
fn grant(world: &World, namespace: &str, granted: bool) {
    if granted {
        world.alice(namespace, &["create", "rolebinding", "patcher", "--role=patcher", "--user=bob"]);
    } else {
        world.alice(namespace, &["delete", "rolebinding", "patcher"]);
    }
    let question = ["auth", "can-i", "patch", "configmaps", "--namespace", namespace];
    until("bob's rights", || world.kubectl_as(Person::Bob, &question, "").status.success() == granted);
}

#[test]
fn what_somebody_may_not_do_in_the_cluster_the_service_does_not_do_for_them() {
    let world = World::shared();
    let namespace = "rb-person";
    let people = "people: {operator: {user: bob}}\n";
    let writing = Writing::start_with(&world, namespace, ("true", "unmanaged: false"), people);
    world.alice(namespace, &["create", "role", "patcher", "--verb=patch", "--resource=configmaps"]);
    world.alice(namespace, &["label", "configmap/conf", "by=hand"]);
    let items = writing.scanned(&["metadata.labels.by"]);
    let label = || {
        let path = "-o=jsonpath={.metadata.labels.by}";
        world.kubectl(&["get", "configmap/conf", "--namespace", namespace, path])
    };
    let rule = r#"bob has no right to it in the cluster; the rule that is missing: {apiGroups: [""], resources: [configmaps], verbs: [patch]} in namespace rb-person"#;

    // Who is not known there is not asked about.
    let planned = writing.roll_back(&writing.approver, &json!({"items": items})).json();
    assert_eq!(planned["left"], json!([]), "{planned:#}");
    let left = writing.roll_back(&writing.operator, &json!({"items": items})).json();
    assert_eq!(left["left"][0]["reason"], rule, "{left:#}");

    grant(&world, namespace, true);
    let planned = writing.roll_back(&writing.operator, &json!({"items": items})).json();
    let change = &planned["plan"]["changes"][0];
    let operations: Vec<&Value> = change["write"].as_array().unwrap().iter().collect();
    assert_eq!(
        operations,
        [
            &json!({"op": "test", "path": "/metadata/labels/by", "value": "hand"}),
            &json!({"op": "remove", "path": "/metadata/labels/by"})
        ],
        "{planned:#}"
    );
    let confirmed = json!({"items": items, "plan_hash": planned["plan"]["plan_hash"]});
    // They had the right when it was planned, and have it no more.
    grant(&world, namespace, false);
    let refused = writing.roll_back(&writing.operator, &confirmed);
    assert_eq!((refused.status, label().as_str()), (409, "hand"), "{}", refused.text);
    grant(&world, namespace, true);
    let done = writing.roll_back(&writing.operator, &confirmed).json();
    assert_eq!((&done["done"]["steps"][0]["state"], label().as_str()), (&json!("proven"), ""), "{done:#}");

    let path = format!("/api/v1/changes/{}/undo", done["done"]["change_id"].as_str().unwrap());
    let undo = |token: &str| writing.service.post(&path, token, &json!({})).json();
    let planned = undo(&writing.operator);
    let change = &planned["changes"][0];
    assert_eq!((&change["fields"], &change["refused"]), (&json!(["metadata.labels.by"]), &Value::Null), "{planned:#}");
    assert_eq!(change["write"], json!([{"op": "add", "path": "/metadata/labels/by", "value": "hand"}]), "{planned:#}");
    grant(&world, namespace, false);
    assert_eq!(undo(&writing.operator)["changes"][0]["refused"], rule);
    let hash = &planned["plan_hash"];
    let undone = writing.service.post(&path, &writing.operator, &json!({"plan_hash": hash})).json();
    assert_eq!(undone["done"]["steps"][0]["reason"], rule, "{undone:#}");
    // Somebody else has put something there.
    world.alice(namespace, &["label", "configmap/conf", "by=another"]);
    let refused = undo(&writing.approver);
    let reason = refused["changes"][0]["refused"].as_str().unwrap();
    assert!(reason.contains("somebody has put something else to /metadata/labels/by"), "{reason}");
}
