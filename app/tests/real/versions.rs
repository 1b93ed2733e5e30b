//! Manifests in an older version of their API, served or not, and other ways to write the same objects.

use anchorwatch_testbed::Person;

use crate::shop;
use crate::world::{Folder, World};

const OLDER: &str = r"apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: versions}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
  targetCPUUtilizationPercentage: 70
";

#[test]
fn an_older_version_that_is_served_is_compared_in_that_version() {
    let world = World::shared();
    world.namespace("versions");
    world.deliver_as_argo_cd(OLDER);
    let git = Folder::with(&[("hpa.yaml", OLDER)]);
    world.scan(git.source()).finds(&[]);
    world.alice("versions", &["patch", "hpa/web", r#"-p={"spec":{"maxReplicas":50}}"#]);
    world
        .scan(git.source())
        .finds(&["medium human HorizontalPodAutoscaler/web changed spec.maxReplicas by kubectl-patch"]);
}

#[test]
fn two_versions_of_one_kind_do_not_get_into_each_others_way() {
    let world = World::shared();
    world.namespace("mixed");
    let older = OLDER.replace("versions", "mixed");
    let newer = r"apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: worker, namespace: mixed}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}
  maxReplicas: 5
  metrics:
    - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 500Mi}}}
";
    world.deliver_as_argo_cd(&format!("{older}---\n{newer}"));
    let git = Folder::with(&[("older.yaml", &older), ("newer.yaml", newer)]);
    world.scan(git.source()).finds(&[]);
    for name in ["hpa/web", "hpa/worker"] {
        world.alice("mixed", &["patch", name, r#"-p={"spec":{"maxReplicas":50}}"#]);
    }
    let scan = world.scan(git.source());
    scan.finds(&[
        "medium human HorizontalPodAutoscaler/web changed spec.maxReplicas by kubectl-patch",
        "medium human HorizontalPodAutoscaler/worker changed spec.maxReplicas by kubectl-patch",
    ]);
    assert_eq!(scan.objects(), 2);
}

const BUDGET: &str = r"apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: unserved}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: web}}
";

#[test]
fn a_version_that_is_no_longer_served_is_compared_with_the_newest() {
    let world = World::shared();
    world.namespace("unserved");
    world.deliver_as_argo_cd(BUDGET);
    let git = Folder::with(&[("pdb.yaml", &BUDGET.replace("policy/v1", "policy/v1beta1"))]);
    world.scan(git.source()).finds(&[]);
    world.alice("unserved", &["patch", "pdb/web", r#"-p={"spec":{"minAvailable":0}}"#]);
    world
        .scan(git.source())
        .finds(&["medium human PodDisruptionBudget/web changed spec.minAvailable by kubectl-patch"]);
}

#[test]
fn objects_that_name_no_namespace_live_in_the_one_that_is_given() {
    let world = World::shared();
    world.namespace("given");
    world.deliver_as_argo_cd(&shop::manifests("given"));
    world.alice("given", &["delete", "service/web"]);
    let git = Folder::with(&[("shop.yaml", &shop::manifests("given").replace("  namespace: given\n", ""))]);
    let scan = world.scan_as(Person::Admin, git.source(), &["--namespace=given"]);
    scan.finds(&["high unknown Service/web missing_object"]);
    assert_eq!(scan.reports[0]["namespace"], "given");
}

#[test]
fn a_list_in_git_is_its_objects() {
    let world = World::shared();
    world.namespace("listed");
    let manifests = shop::manifests("listed");
    world.deliver_as_argo_cd(&manifests);
    let objects: Vec<serde_json::Value> = serde_saphyr::from_multiple(&manifests).unwrap();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let git = Folder::with(&[("shop.json", &list.to_string())]);
    let clean = world.scan(git.source());
    clean.finds(&[]);
    assert_eq!(clean.objects(), 6);
    world.alice("listed", &["set", "env", "deployment/web", "HOTFIX=1"]);
    world.scan(git.source()).finds(&[
        "high human Deployment/web extra spec.template.spec.containers[name=web].env[name=HOTFIX] by kubectl-set",
    ]);
}
