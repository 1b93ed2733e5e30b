//! Objects that no source has: told when asked for, and only those that stand on their own.

use anchorwatch_testbed::Person;

use crate::shop;
use crate::world::{Folder, World};

const PRIVILEGED: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: miner, namespace: unmanaged}
spec:
  selector: {matchLabels: {app: miner}}
  template:
    metadata: {labels: {app: miner}}
    spec:
      containers: [{name: miner, image: "evil/miner:1", securityContext: {privileged: true}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: elsewhere, namespace: unmanaged, annotations: {argocd.argoproj.io/tracking-id: "other:apps/Deployment:unmanaged/elsewhere"}}
spec:
  selector: {matchLabels: {app: elsewhere}}
  template:
    metadata: {labels: {app: elsewhere}}
    spec:
      containers: [{name: a, image: "a:1"}]
"#;

#[test]
fn objects_that_git_does_not_have_are_told_when_asked_for() {
    let world = World::shared();
    world.namespace("unmanaged");
    let manifests = shop::manifests("unmanaged");
    world.deliver_as_argo_cd(&manifests);
    let alice = |arguments: &[&str]| world.alice("unmanaged", arguments);
    alice(&["create", "configmap", "by-hand", "--from-literal=a=b"]);
    alice(&["create", "rolebinding", "back-door", "--clusterrole=admin", "--user=mallory"]);
    alice(&["expose", "deployment/web", "--name=open", "--port=80"]);
    world.deliver(&["apply"], PRIVILEGED);
    let git = Folder::with(&[("shop.yaml", &manifests)]);
    world.scan(git.source()).finds(&[]);
    world.scan_as(Person::Admin, git.source(), &["--unmanaged"]).finds(&[
        "high human Deployment/miner unmanaged_object by kubectl-client-side-apply",
        "high human RoleBinding/back-door unmanaged_object by kubectl-create",
        "medium human ConfigMap/by-hand unmanaged_object by kubectl-create",
        "medium human Service/open unmanaged_object by kubectl-expose",
    ]);
}
