//! What the server does not let change is deleted and created anew, if somebody says so; and nobody is left without it.

use anchorwatch_testbed::{PatchKind, Person};
use serde_json::{Value, json};

use crate::edits::WAYS;
use crate::rollback::{json as answered, run, run_to};
use crate::rollback_service::{Writing, hash_of};
use crate::shop;
use crate::world::{Folder, World, text, until};

fn get(world: &World, namespace: &str, object: &str, path: &str) -> String {
    let path = format!("jsonpath={path}");
    world.kubectl(&["get", object, "--namespace", namespace, "--ignore-not-found", "--output", &path])
}

fn uid(world: &World, namespace: &str, object: &str) -> String {
    get(world, namespace, object, "{.metadata.uid}")
}

fn create_as_alice(world: &World, namespace: &str, manifest: &str) {
    let made = world.kubectl_as(Person::Alice, &["create", "--namespace", namespace, "-f", "-"], manifest);
    assert!(made.status.success(), "{}", text(&made.stderr));
}

/// What somebody has made by hand, and a folder in which Git says something else.
fn differing(world: &World, namespace: &str, live: &str, git: &str) -> Folder {
    world.namespace(namespace);
    create_as_alice(world, namespace, live);
    Folder::with(&[("object.yaml", git)])
}

/// Somebody makes the worker anew, with another selector.
fn worker_by_hand(world: &World, namespace: &str) {
    world.alice(namespace, &["delete", "deployment/worker"]);
    let manifests = shop::manifests(namespace);
    let worker = manifests.split("---\n").find(|one| one.contains("name: worker")).unwrap();
    create_as_alice(world, namespace, &worker.replace("app: worker", "app: other"));
}

#[test]
fn a_selector_becomes_as_git_says_and_what_runs_goes_on() {
    let world = World::shared();
    let namespace = "rc-selector";
    let git = WAYS[1].deliver(&world, namespace);
    worker_by_hand(&world, namespace);
    let pods = |label: &str| {
        let selector = format!("--selector={label}");
        world.kubectl(&["get", "pods", "--namespace", namespace, &selector, "--output=name"])
    };
    until("Pods", || pods("app=other").contains("pod/"));
    let (before, running) = (uid(&world, namespace, "deployment/worker"), pods("app=other"));
    let (folder, source) = (Folder::with(&[]), git.source());
    let named = ["rollback", "Deployment/worker", "--source", &source, "--output=json"];

    let left = answered(&run(&world, &folder, &[&named[..], &["--yes"]].concat()), 1);
    let reason = left["left"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("field is immutable") && reason.contains("--recreate deletes it"), "{reason}");

    let planned = answered(&run(&world, &folder, &[&named[..], &["--recreate", "--dry-run"]].concat()), 0);
    let change = &planned["plan"]["changes"][0];
    assert_eq!((&change["action"], &change["propagation"]), (&json!("recreate"), &json!("Orphan")), "{planned:#}");
    assert_eq!(change["dependants"].as_array().unwrap().len(), 2, "{planned:#}");
    let table = ["rollback", "Deployment/worker", "--source", &source, "--recreate", "--dry-run"];
    let shown = text(&run(&world, &folder, &table).stdout);
    for words in
        ["it is deleted, and created as Git says in all of this", "2 objects that belong to it stay, without an owner:"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_eq!(uid(&world, namespace, "deployment/worker"), before);

    let done = answered(&run(&world, &folder, &[&named[..], &["--recreate", "--yes"]].concat()), 0);
    assert_eq!(done["done"]["steps"][0]["state"], "proven", "{done:#}");
    let after = uid(&world, namespace, "deployment/worker");
    assert!(!after.is_empty() && after != before);
    assert_eq!(get(&world, namespace, "deployment/worker", "{.spec.selector.matchLabels.app}"), "worker");
    assert_eq!(pods("app=other"), running, "nobody stops them");
    until("new Pods", || pods("app=worker").contains("pod/"));

    let undo = ["undo", done["done"]["change_id"].as_str().unwrap(), "--yes", "--output=json"];
    let undone = answered(&run(&world, &folder, &undo), 0);
    assert_eq!(undone["steps"][0]["state"], "proven", "{undone:#}");
    assert_eq!(get(&world, namespace, "deployment/worker", "{.spec.selector.matchLabels.app}"), "other");
    // The old one's Pods are its own again.
    assert_eq!(pods("app=other"), running);
}

const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec:\n  template:\n    spec:\n      \
                   restartPolicy: Never\n      containers: [{name: a, image: \"a:1\", command: [sleep, inf]}]\n";
const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: NodePort\n  clusterIP: 10.96.0.77\n  \
                       selector: {app: web}\n  ports: [{port: 80, nodePort: 30007}]\n";

const CLAIMING: &str = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: data}\nspec:\n  serviceName: data\n  \
                        selector: {matchLabels: {app: data}}\n  template:\n    metadata: {labels: {app: data}}\n    spec: \
                        {containers: [{name: a, image: \"a:1\"}]}\n  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: \
                        {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";

#[test]
fn jobs_services_and_bindings_become_as_git_says() {
    let world = World::shared();
    let binding = |role: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: web}}\nroleRef: \
             {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}\nsubjects: [{{kind: User, name: x, apiGroup: rbac.authorization.k8s.io}}]\n"
        )
    };
    for (namespace, name, live, git, propagation) in [
        ("rc-job", "Job/once", JOB.to_owned(), JOB.replace("a:1", "a:2"), "Foreground"),
        ("rc-service", "Service/web", SERVICE.to_owned(), SERVICE.replace("10.96.0.77", "10.96.0.78"), "Background"),
        ("rc-claims", "StatefulSet/data", CLAIMING.to_owned(), CLAIMING.replace("1Gi", "2Gi"), "Orphan"),
        ("rc-binding", "RoleBinding/web", binding("view"), binding("edit"), "Background"),
    ] {
        let git = differing(&world, namespace, &live, &git);
        let (folder, source) = (Folder::with(&[]), git.source());
        let before = uid(&world, namespace, name);
        let named =
            ["rollback", name, "--source", &source, "--namespace", namespace, "--recreate", "--yes", "--output=json"];
        let done = answered(&run(&world, &folder, &named), 0);
        assert_eq!(done["plan"]["changes"][0]["propagation"], propagation, "{done:#}");
        assert_eq!(done["done"]["steps"][0]["state"], "proven", "{done:#}");
        assert_ne!(uid(&world, namespace, name), before);
        let undo = ["undo", done["done"]["change_id"].as_str().unwrap(), "--yes", "--output=json"];
        let undone = answered(&run(&world, &folder, &undo), 0);
        assert_eq!(undone["steps"][0]["state"], "proven", "{name}: {undone:#}");
    }
}

const FROZEN: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: frozen}\nimmutable: true\ndata: {a: \"1\"}\n";
const SEALED: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: frozen}\nimmutable: true\nstringData: {a: not-a-password-1}\n";

#[test]
fn what_could_not_be_created_is_not_deleted() {
    let world = World::shared();
    let git = differing(&world, "rc-quota", FROZEN, &FROZEN.replace("\"1\"", "\"2\""));
    // It has one already, and so may not have another; the cluster's own does not count twice.
    world.alice("rc-quota", &["create", "quota", "few", "--hard=count/configmaps=1"]);
    until("the quota is known", || get(&world, "rc-quota", "quota/few", "{.status.used}").contains("count/configmaps"));
    let (folder, source, before) = (Folder::with(&[]), git.source(), uid(&world, "rc-quota", "configmap/frozen"));
    let named = ["rollback", "ConfigMap/frozen", "--source", &source, "--namespace=rc-quota", "--recreate", "--yes"];
    let left = answered(&run(&world, &folder, &[&named[..], &["--output=json"]].concat()), 1);
    assert!(left["left"][0]["reason"].as_str().unwrap().contains("exceeded quota"), "{left:#}");
    assert_eq!(uid(&world, "rc-quota", "configmap/frozen"), before);
}

#[test]
fn whoever_is_killed_between_both_halves_leaves_nobody_without_it() {
    let world = World::shared();
    for (kind, live) in [("ConfigMap", FROZEN), ("Secret", SEALED)] {
        for moment in ["rollback-intended", "rollback-deleted", "rollback-deleted-noted", "rollback-created"] {
            let namespace = format!("rc-{moment}-{}", kind.to_lowercase());
            let git = live.replace("\"1\"", "\"2\"").replace("password-1", "password-2");
            let git = differing(&world, &namespace, live, &git);
            let (folder, source) = (Folder::with(&[]), git.source());
            let object = format!("{kind}/frozen");
            let before = uid(&world, &namespace, &object);
            let all = ["rollback", "--all", "--source", &source, "--namespace", &namespace, "--recreate", "--yes"];
            let all = [&all[..], &["--output=json"]].concat();
            let killed = run_to(&world, &folder, &all, &format!("{moment}:abort"));
            assert_eq!(killed.status.code(), None, "{}{}", text(&killed.stdout), text(&killed.stderr));
            let half = uid(&world, &namespace, &object);
            match moment {
                "rollback-intended" => assert_eq!(half, before),
                "rollback-created" => assert!(!half.is_empty() && half != before),
                _ => assert_eq!(half, "", "{moment}"),
            }
            let done = answered(&run(&world, &folder, &all), 0);
            let expected = if moment == "rollback-intended" { "not_written" } else { "proven" };
            assert_eq!(done["recovered"][0]["steps"][0]["state"], expected, "{moment}: {done:#}");
            let after = uid(&world, &namespace, &object);
            assert!(!after.is_empty() && after != before);
            for note in std::fs::read_dir(folder.path().join("anchorwatch/changes")).unwrap() {
                let note = std::fs::read_to_string(note.unwrap().path()).unwrap();
                assert!(
                    kind == "ConfigMap" || !note.contains("not-a-password") && !note.contains("bm90LWEt"),
                    "{note}"
                );
            }
        }
    }
}

#[test]
fn the_replicas_of_an_autoscaler_stay() {
    let world = World::shared();
    let namespace = "rc-scaled";
    let git = WAYS[1].deliver(&world, namespace);
    worker_by_hand(&world, namespace);
    let hpa = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: worker, namespace: rc-scaled}\nspec:\n  \
               scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}\n  minReplicas: 1\n  maxReplicas: 5\n";
    git.write("hpa.yaml", hpa);
    world.deliver_as_argo_cd(hpa);
    let autoscaler = world.plane.client_as(Person::Admin, "kube-controller-manager/v1.37.2").unwrap();
    let path = "/apis/apps/v1/namespaces/rc-scaled/deployments/worker/scale";
    autoscaler.patch(path, PatchKind::Merge, &json!({"spec": {"replicas": 4}})).unwrap();
    let (folder, source) = (Folder::with(&[]), git.source());
    let named = ["rollback", "Deployment/worker:selector", "--source", &source, "--recreate", "--yes", "--output=json"];
    let done = answered(&run(&world, &folder, &named), 0);
    assert_eq!(done["done"]["steps"][0]["state"], "proven", "{done:#}");
    let is = get(&world, namespace, "deployment/worker", "{.spec.selector.matchLabels.app} {.spec.replicas}");
    assert_eq!(is, "worker 4");
}

#[test]
fn an_undo_that_was_killed_between_both_halves_is_finished() {
    let world = World::shared();
    let git = differing(&world, "rc-undo", FROZEN, &FROZEN.replace("\"1\"", "\"2\""));
    let (folder, source) = (Folder::with(&[]), git.source());
    let all = ["rollback", "--all", "--source", &source, "--namespace=rc-undo", "--yes", "--output=json"];
    let done = answered(&run(&world, &folder, &[&all[..], &["--recreate"]].concat()), 0);
    let undo = ["undo", done["done"]["change_id"].as_str().unwrap(), "--yes"];
    let killed = run_to(&world, &folder, &undo, "undo-deleted:abort");
    assert_eq!(killed.status.code(), None, "{}", text(&killed.stderr));
    assert_eq!(uid(&world, "rc-undo", "configmap/frozen"), "");
    // It finishes what was confirmed, and leaves what it brought back.
    let recovered = answered(&run(&world, &folder, &all), 1);
    assert_eq!(recovered["recovered"][0]["steps"][0]["state"], "proven", "{recovered:#}");
    assert_eq!(get(&world, "rc-undo", "configmap/frozen", "{.data.a}"), "1");
}

#[test]
fn the_service_recreates_only_where_it_is_said_each_time() {
    let world = World::shared();
    let writing = Writing::start(&world, "rc-served", "true");
    worker_by_hand(&world, "rc-served");
    let items = writing.scanned(&["spec.selector.matchLabels.app"]);
    let left = writing.roll_back(&writing.approver, &json!({"items": items})).json();
    assert!(left["left"][0]["reason"].as_str().unwrap().contains("field is immutable"), "{left:#}");
    let planned = writing.roll_back(&writing.approver, &json!({"items": items, "recreate": true})).json();
    assert_eq!(planned["plan"]["changes"][0]["action"], "recreate", "{planned:#}");
    let hash: &Value = &planned["plan"]["plan_hash"];
    let unsaid = writing.roll_back(&writing.approver, &json!({"items": items, "plan_hash": hash}));
    assert_eq!(unsaid.status, 409, "{}", unsaid.text);
    // The page offers it where something is left, and says what becomes of it.
    let path = format!("/items/{}/rollback", items[0]);
    let page = |method: &str, way: &str, form: &str| {
        writing.service.page(method, &format!("{path}{way}"), &writing.approver, form)
    };
    let left = page("GET", "", "").text;
    assert!(left.contains("field is immutable") && left.contains("name=\"recreate\" value=\"true\">"), "{left}");
    let plan = page("GET", "?recreate=true", "");
    assert!(plan.text.contains("it is deleted, and created as Git says"), "{}", plan.text);
    let unsaid = page("POST", "", &format!("plan_hash={}", hash_of(&plan)));
    assert!(unsaid.text.contains("nothing was written"), "{}", unsaid.text);
    let done = page("POST", "", &format!("recreate=true&paused=false&plan_hash={}", hash_of(&plan)));
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(get(&world, "rc-served", "deployment/worker", "{.spec.selector.matchLabels.app}"), "worker");
}
