//! What admission makes of Git's objects, settled by a dry run; and what nobody admitted, which must not hide behind it.

use anchorwatch_testbed::{PatchKind, Person};
use serde_json::json;

use crate::shop;
use crate::world::{Folder, World, until};

/// Labels every Deployment of the namespace.
const POLICY: &str = r#"apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: inject}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: admitted}}
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], resources: [deployments], operations: [CREATE, UPDATE]}]
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: 'Object{metadata: Object.metadata{labels: {"cost-centre": "shop"}}}'
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: inject}
spec: {policyName: inject}
"#;

#[test]
fn a_dry_run_tells_what_admission_adds_and_hides_nothing_else() {
    let world = World::shared();
    world.namespace("admitted");
    world.deliver(&["apply", "--server-side"], POLICY);
    let manifests = shop::manifests("admitted");
    until("the admission policy", || {
        world.deliver_as_argo_cd(&manifests);
        let label = "jsonpath={.metadata.labels.cost-centre}";
        world.kubectl(&["get", "deployment/worker", "--namespace=admitted", "--output", label]) == "shop"
    });
    // Once more, for what was delivered a moment too early.
    world.deliver_as_argo_cd(&manifests);
    let git = Folder::with(&[("shop.yaml", &manifests)]);
    let confirmed = || world.scan_as(Person::Admin, git.source(), &["--confirm"]);
    world.scan(git.source()).finds(&[
        "medium unknown Deployment/web extra metadata.labels.cost-centre",
        "medium unknown Deployment/worker extra metadata.labels.cost-centre",
    ]);
    confirmed().finds(&[]);

    let operator = world.plane.client_as(Person::Admin, "operator").unwrap();
    let apply = |path: &str, object| {
        let path = format!("{path}?fieldManager=operator&force=true");
        operator.patch(&path, PatchKind::Apply, &object).unwrap();
    };
    apply(
        "/api/v1/namespaces/admitted/configmaps/conf",
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"colour": "green"},
        }),
    );
    apply(
        "/apis/apps/v1/namespaces/admitted/deployments/web",
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"owner": "nobody"}},
            "spec": {"template": {"spec": {"containers": [
                {"name": "web", "image": "shop/web:2", "env": [{"name": "SPY", "value": "1"}]},
            ]}}},
        }),
    );
    world
        .alice("admitted", &["patch", "configmap/conf", "--type=json", r#"-p=[{"op":"remove","path":"/data/level"}]"#]);
    confirmed().finds(&[
        "high unknown Deployment/web changed spec.template.spec.containers[name=web].image by operator",
        "high unknown Deployment/web extra spec.template.spec.containers[name=web].env[name=SPY] by operator",
        "medium unknown ConfigMap/conf extra data.colour by operator",
        "medium unknown ConfigMap/conf removed data.level",
        "medium unknown Deployment/web extra metadata.labels.owner by operator",
    ]);
}

#[test]
fn without_the_right_to_patch_a_doubt_stays_and_says_so() {
    let world = World::shared();
    world.namespace("unconfirmed");
    let manifests = shop::manifests("unconfirmed");
    world.deliver_as_argo_cd(&manifests);
    world.alice("unconfirmed", &["create", "rolebinding", "reader", "--clusterrole=view", "--user=bob"]);
    let (image, manager) = ("web=shop/web:2", "--field-manager=operator");
    world.alice("unconfirmed", &["set", "image", "deployment/web", image, manager]);
    let may = ["auth", "can-i", "list", "deployments", "--namespace=unconfirmed"];
    until("bob's rights", || world.kubectl_as(Person::Bob, &may, "").status.success());
    let git = Folder::with(&[(
        "shop.yaml",
        &manifests.replace("kind: Secret", "kind: ConfigMap").replace("stringData", "data"),
    )]);
    let scan = world.scan_as(Person::Bob, git.source(), &["--confirm"]);
    scan.check(
        1,
        &[
            "high unknown ConfigMap/db missing_object",
            "high unknown Deployment/web changed spec.template.spec.containers[name=web].image by operator",
        ],
    );
    assert!(scan.errors.contains("not confirmed by a dry run"), "{}", scan.errors);
}
