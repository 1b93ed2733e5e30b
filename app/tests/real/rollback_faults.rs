//! Rolling back where others write too, or do not let it: nothing is half-done, and nobody's edit is lost.

use std::time::Duration;

use anchorwatch_testbed::{PatchKind, Person};
use serde_json::{Value, json};

use crate::edits::WAYS;
use crate::rollback::{json as answered, run, run_as, run_to};
use crate::shop;
use crate::world::{Folder, World, text, until};

const IMAGE: &str = "Deployment/web:spec.template.spec.containers[name=web].image";

/// The shop, delivered by Flux, with another image.
fn drifted(world: &World, namespace: &str) -> Folder {
    let git = WAYS[1].deliver(world, namespace);
    world.alice(namespace, &["set", "image", "deployment/web", "web=shop/web:9"]);
    git
}

fn get(world: &World, namespace: &str, object: &str, path: &str) -> String {
    world.kubectl(&["get", object, "--namespace", namespace, "--output", &format!("jsonpath={path}")])
}

fn image(world: &World, namespace: &str) -> String {
    get(world, namespace, "deployment/web", "{.spec.template.spec.containers[0].image}")
}

#[test]
fn an_edit_of_the_same_field_meanwhile_is_kept_and_one_beside_it_is_no_conflict() {
    let world = World::shared();
    std::thread::scope(|scope| {
        for (namespace, edit, state, left) in [
            ("rb-same", &["set", "image", "deployment/web", "web=shop/web:10"][..], "not_written", "shop/web:10"),
            ("rb-beside", &["label", "deployment/web", "by=hand"], "proven", "shop/web:1.4.2"),
        ] {
            let world = &world;
            scope.spawn(move || {
                let git = drifted(world, namespace);
                let (folder, source) = (Folder::with(&[]), git.source());
                let arguments = ["rollback", IMAGE, "--source", &source, "--yes", "--output=json"];
                let output = std::thread::scope(|scope| {
                    let running = scope.spawn(|| run_to(world, &folder, &arguments, "rollback-noted:4000"));
                    let noted = folder.path().join("anchorwatch/changes");
                    until("a note of what is to come", || {
                        noted.read_dir().is_ok_and(|mut files| files.next().is_some())
                    });
                    world.alice(namespace, edit);
                    running.join().unwrap()
                });
                let done = answered(&output, if state == "proven" { 0 } else { 2 });
                assert_eq!(done["done"]["steps"][0]["state"], state, "{done:#}");
                assert_eq!(image(world, namespace), left);
                if state == "proven" {
                    assert_eq!(get(world, namespace, "deployment/web", "{.metadata.labels.by}"), "hand");
                }
            });
        }
    });
}

#[test]
fn two_at_once_end_well_and_undo_takes_back_what_each_has_written() {
    let world = World::shared();
    let git = drifted(&world, "rb-two");
    world.alice("rb-two", &["scale", "deployment/worker", "--replicas=3"]);
    world.alice("rb-two", &["label", "configmap/conf", "by=hand"]);
    let before = world.scan(git.source()).lines();
    let (folder, source) = (Folder::with(&[]), git.source());
    let arguments = ["rollback", "--all", "--source", &source, "--yes", "--output=json"];
    let both: Vec<Value> = std::thread::scope(|scope| {
        let run = || scope.spawn(|| answered(&run(&world, &folder, &arguments), 0));
        [run(), run()].map(|running| running.join().unwrap()).into()
    });
    world.scan(git.source()).finds(&[]);
    for done in both.iter().filter(|done| !done["done"].is_null()) {
        let change = done["done"]["change_id"].as_str().unwrap();
        let undone = run(&world, &folder, &["undo", change, "--yes", "--output=json"]);
        assert!(text(&undone.stderr).contains("wrote nothing") || undone.status.success(), "{}", text(&undone.stderr));
        let again = run(&world, &folder, &["undo", change, "--yes"]);
        assert_eq!(again.status.code(), Some(2), "{}", text(&again.stdout));
        let said = text(&again.stderr);
        assert!(said.contains("wrote nothing") || said.contains("taken back already, by change"), "{said}");
    }
    // By this program's hand now, and otherwise the same.
    let by = |line: &String| line.split(" by ").next().unwrap().to_owned();
    let after = world.scan(git.source()).lines();
    assert_eq!(after.iter().map(by).collect::<Vec<_>>(), before.iter().map(by).collect::<Vec<_>>());
}

#[test]
fn a_tool_that_applies_all_the_time_is_not_fought_with() {
    let world = World::shared();
    for way in [WAYS[0], WAYS[1]] {
        let namespace = format!("rb-applied-{}", way.name);
        let git = way.deliver(&world, &namespace);
        world.alice(&namespace, &["set", "env", "deployment/web", "HOTFIX=1"]);
        world.alice(&namespace, &["label", "configmap/conf", "by=hand"]);
        let (folder, source) = (Folder::with(&[]), git.source());
        std::thread::scope(|scope| {
            let applying = scope.spawn(|| {
                for _ in 0..8 {
                    way.apply(&world, &namespace);
                    std::thread::sleep(Duration::from_millis(500));
                }
            });
            let arguments = ["rollback", "--all", "--source", &source, "--yes", "--output=json"];
            answered(&run_to(&world, &folder, &arguments, "rollback-intended:700"), 0);
            applying.join().unwrap();
        });
        world.scan(git.source()).finds(&[]);
        let version = || get(&world, &namespace, "configmap/conf", "{.metadata.resourceVersion}");
        let before = version();
        way.apply(&world, &namespace);
        assert_eq!(version(), before);
        world.scan(git.source()).finds(&[]);
    }
}

#[test]
fn without_the_right_to_write_nothing_is_and_the_missing_rule_is_named() {
    let world = World::shared();
    let git = drifted(&world, "rb-rights");
    let all = "--resource=deployments.apps,configmaps,secrets,services,networkpolicies.networking.k8s.io";
    world.alice("rb-rights", &["create", "role", "reader", "--verb=get,list", all]);
    world.alice("rb-rights", &["create", "rolebinding", "reader", "--role=reader", "--user=bob"]);
    let question = ["auth", "can-i", "list", "configmaps", "--namespace", "rb-rights"];
    until("bob's rights", || world.kubectl_as(Person::Bob, &question, "").status.success());
    let (folder, source) = (Folder::with(&[]), git.source());
    let arguments = ["rollback", "--all", "--source", &source, "--yes", "--output=json"];
    let done = answered(&run_as(&world, Person::Bob, &folder, &arguments, ""), 1);
    let reason = done["left"][0]["reason"].as_str().unwrap();
    let rule = r#"User "bob" cannot patch resource "deployments" in API group "apps" in the namespace "rb-rights""#;
    assert!(reason.contains(rule), "{reason}");
    assert_eq!((&done["done"], image(&world, "rb-rights").as_str()), (&Value::Null, "shop/web:9"));
}

/// Nobody changes an image here, and each ConfigMap has a label.
const POLICIES: &str = r#"apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: rb-frozen}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: rb-admitted}}
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], resources: [deployments], operations: [UPDATE]}]
  validations:
    - expression: object.spec.template.spec.containers[0].image == oldObject.spec.template.spec.containers[0].image
      message: the freeze lasts until Monday
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: rb-frozen}
spec: {policyName: rb-frozen, validationActions: [Deny]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: rb-labelled}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: rb-admitted}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE, UPDATE]}]
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: 'Object{metadata: Object.metadata{labels: {"cost-centre": "shop"}}}'
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: rb-labelled}
spec: {policyName: rb-labelled}
"#;

#[test]
fn what_admission_denies_or_writes_again_is_left_as_it_is_with_its_words() {
    let world = World::shared();
    let git = drifted(&world, "rb-admitted");
    world.deliver(&["apply", "--server-side"], POLICIES);
    until("the policies", || {
        let refused =
            ["set", "image", "deployment/web", "web=shop/web:7", "--namespace=rb-admitted", "--dry-run=server"];
        !world.kubectl_as(Person::Alice, &refused, "").status.success()
    });
    until("the label", || {
        world.alice("rb-admitted", &["annotate", "--overwrite", "configmap/conf", "a=b"]);
        get(&world, "rb-admitted", "configmap/conf", "{.metadata.labels.cost-centre}") == "shop"
    });
    let (folder, source) = (Folder::with(&[]), git.source());
    let deployment = || get(&world, "rb-admitted", "deployment/web", "{.metadata.uid}");
    let before = deployment();
    // What a policy forbids is not gone around by a new object.
    let all = ["rollback", "--all", "--recreate", "--source", &source, "--yes", "--output=json"];
    let done = answered(&run(&world, &folder, &all), 1);
    assert_eq!(deployment(), before);
    let left = |kind: &str| {
        let found = done["left"].as_array().unwrap().iter().find(|left| left["item"]["resource_kind"] == kind);
        found.unwrap_or_else(|| panic!("{done:#}"))["reason"].as_str().unwrap()
    };
    assert!(left("Deployment").contains("the freeze lasts until Monday"), "{}", left("Deployment"));
    assert!(left("ConfigMap").contains("writes it again"), "{}", left("ConfigMap"));
    assert_eq!(image(&world, "rb-admitted"), "shop/web:9");
}

#[test]
fn what_an_autoscaler_decides_and_what_git_is_ahead_of_is_no_rollbacks() {
    let world = World::shared();
    let git = WAYS[0].deliver(&world, "rb-scaled");
    let hpa = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: worker, namespace: rb-scaled}\nspec:\n  \
               scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}\n  minReplicas: 1\n  maxReplicas: 5\n";
    git.write("hpa.yaml", hpa);
    world.deliver_as_argo_cd(hpa);
    let autoscaler = world.plane.client_as(Person::Admin, "kube-controller-manager/v1.37.2").unwrap();
    let path = "/apis/apps/v1/namespaces/rb-scaled/deployments/worker/scale";
    autoscaler.patch(path, PatchKind::Merge, &json!({"spec": {"replicas": 4}})).unwrap();
    let (folder, source) = (Folder::with(&[]), git.source());
    let done =
        answered(&run(&world, &folder, &["rollback", "--all", "--source", &source, "--yes", "--output=json"]), 1);
    assert_eq!(done["left"][0]["item"]["stable_path"], "spec.replicas", "{done:#}");
    assert!(done["left"][0]["reason"].as_str().unwrap().contains("autoscaler"), "{done:#}");
    assert_eq!(get(&world, "rb-scaled", "deployment/worker", "{.spec.replicas}"), "4");
    // What the tool has applied and Git says no more is the tool's to take away.
    git.write("shop.yaml", &shop::manifests("rb-scaled").replace("  level: info\n", ""));
    let done = answered(
        &run(&world, &folder, &["rollback", "ConfigMap/conf", "--source", &source, "--yes", "--output=json"]),
        1,
    );
    assert!(done["left"][0]["reason"].as_str().unwrap().contains("Git is ahead"), "{done:#}");
}
