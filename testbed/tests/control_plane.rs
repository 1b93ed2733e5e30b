//! What a started control plane does.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anchorwatch_testbed::{ControlPlane, Options, Person};
use serde_json::Value;

const CRASH: &str = r#"
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: crash}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: '.spec.containers.[].image', operator: In, values: ["example.org/web:broken"]}
    - {key: '.status.podIP', operator: DoesNotExist}
  weight: 10000
  next:
    statusTemplate: |
      containerStatuses:
      - {name: web, image: "example.org/web:broken", imageID: "", ready: false, restartCount: 5, state: {waiting: {reason: CrashLoopBackOff}}}
      podIP: 10.0.0.99
      phase: Running
"#;

fn until(limit: Duration, mut happened: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if happened() {
            return true;
        }
        thread::sleep(Duration::from_millis(100));
    }
    false
}

#[test]
fn a_deployment_becomes_ready_and_a_broken_image_crashes_its_pod() {
    let plane = ControlPlane::start(&Options::whole().stages(CRASH)).unwrap();
    plane.kubectl(&["create", "deployment", "web", "--image=example.org/web:1"]).unwrap();
    plane.kubectl(&["rollout", "status", "deployment/web", "--timeout=30s"]).unwrap();
    plane.kubectl(&["set", "image", "deployment/web", "web=example.org/web:broken"]).unwrap();
    let reasons = "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}";
    let crashes = || plane.kubectl(&["get", "pods", "-o", reasons]).unwrap().contains("CrashLoopBackOff");
    assert!(until(Duration::from_secs(30), crashes));
}

#[test]
fn alice_may_do_nothing_until_it_is_granted() {
    let plane = ControlPlane::start(&Options::api_only()).unwrap();
    let attempt = || plane.kubectl_as(Person::Alice, &["create", "configmap", "a"], "").unwrap();
    let refusal = attempt();
    assert!(!refusal.status.success());
    assert!(String::from_utf8_lossy(&refusal.stderr).contains("\"alice\" cannot create"));
    let grant = ["create", "clusterrolebinding", "alice", "--clusterrole=cluster-admin", "--user=alice"];
    plane.kubectl(&grant).unwrap();
    assert!(until(Duration::from_secs(10), || attempt().status.success()));
}

#[test]
fn the_audit_log_says_who_wrote_what() {
    let plane = ControlPlane::start(&Options::api_only()).unwrap();
    plane.kubectl(&["create", "configmap", "a", "--from-literal=colour=blue"]).unwrap();
    plane.kubectl(&["get", "configmaps"]).unwrap();
    let log = fs::read_to_string(plane.audit_log()).unwrap();
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let admins: Vec<&Value> = events.iter().filter(|event| event["user"]["username"] == "admin").collect();
    assert_eq!(admins.len(), 1, "one write, and reads are not logged: {admins:?}");
    assert_eq!(admins[0]["requestObject"]["data"]["colour"], "blue");
}

#[test]
fn with_controllers_the_default_service_account_is_there() {
    let plane = ControlPlane::start(&Options::with_controllers()).unwrap();
    plane.kubectl(&["get", "serviceaccount", "default"]).unwrap();
}
