//! Deleting what Git does not have: only what is named with its uid, with what belongs to it shown, and so that it can be undone.

use anchorwatch_testbed::Person;
use serde_json::{Value, json};

use crate::edits::WAYS;
use crate::rollback::{json as answered, run, run_to};
use crate::rollback_service::{Writing, hash_of};
use crate::world::{Folder, World, text, until};

const LEFTOVER: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: leftover, labels: {by: hand}}
spec:
  selector: {matchLabels: {app: leftover}}
  template:
    metadata: {labels: {app: leftover}}
    spec: {containers: [{name: a, image: "a:1"}]}
"#;

const CLAIMING: &str = r#"apiVersion: apps/v1
kind: StatefulSet
metadata: {name: claiming}
spec:
  selector: {matchLabels: {app: claiming}}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}
  template:
    metadata: {labels: {app: claiming}}
    spec: {containers: [{name: a, image: "a:1"}]}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"#;

fn get(world: &World, namespace: &str, object: &str, path: &str) -> String {
    let path = format!("jsonpath={path}");
    world.kubectl(&["get", object, "--namespace", namespace, "--ignore-not-found", "--output", &path])
}

fn uid(world: &World, namespace: &str, object: &str) -> String {
    get(world, namespace, object, "{.metadata.uid}")
}

/// The shop, and in its namespace what somebody has made by hand.
fn with(world: &World, namespace: &str, by_hand: &str) -> Folder {
    let git = WAYS[1].deliver(world, namespace);
    let made = world.kubectl_as(Person::Alice, &["create", "--namespace", namespace, "-f", "-"], by_hand);
    assert!(made.status.success(), "{}", text(&made.stderr));
    git
}

#[test]
fn an_object_goes_only_by_its_uid_with_what_belongs_to_it_and_comes_back_by_undo() {
    let world = World::shared();
    let git = with(&world, "rm-one", LEFTOVER);
    let (folder, source) = (Folder::with(&[]), git.source());
    until("what the Deployment makes", || {
        let pods = world.kubectl(&[
            "get",
            "replicasets,pods",
            "--namespace=rm-one",
            "--selector=app=leftover",
            "--output=name",
        ]);
        pods.contains("replicaset") && pods.contains("pod/")
    });
    let uid = uid(&world, "rm-one", "deployment/leftover");
    let named = ["rollback", "Deployment/leftover", "--source", &source, "--output=json"];
    let is_there = || !self::uid(&world, "rm-one", "deployment/leftover").is_empty();

    // Neither all of it, nor its name alone, nor another uid.
    answered(
        &run(&world, &folder, &["rollback", "--all", "--unmanaged", "--source", &source, "--yes", "--output=json"]),
        0,
    );
    for (arguments, reason) in [
        (&["--unmanaged", "--yes"][..], "name it with its uid to delete it"),
        (&["--uid=0-0", "--yes"], &format!("its uid is {uid}, and not the one that was named")),
    ] {
        let left = answered(&run(&world, &folder, &[&named[..], arguments].concat()), 1);
        assert!(left["left"][0]["reason"].as_str().unwrap().contains(reason), "{left:#}");
    }
    let managed = ["rollback", "Deployment/web", "--uid=0-0", "--source", &source, "--yes", "--output=json"];
    let managed = run(&world, &folder, &managed);
    assert!(text(&managed.stderr).contains("nothing differs that is Deployment/web"), "{}", text(&managed.stderr));

    let planned = answered(&run(&world, &folder, &[&named[..], &["--uid", &uid, "--dry-run"]].concat()), 0);
    let change = &planned["plan"]["changes"][0];
    assert_eq!((&change["action"], &change["uid"]), (&json!("delete"), &json!(uid)), "{planned:#}");
    let dependants: Vec<&str> = change["dependants"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let [pod, set] = dependants[..] else { panic!("{planned:#}") };
    assert!(pod.starts_with("Pod/leftover-") && set.starts_with("ReplicaSet/leftover-"), "{planned:#}");
    assert_eq!(change["not_listed"], json!([]));
    let table = ["rollback", "Deployment/leftover", "--uid", &uid, "--source", &source, "--dry-run"];
    let shown = text(&run(&world, &folder, &table).stdout);
    for words in
        ["Deletion from cluster", "not in Git; it is deleted", "with it go 2 objects that belong to it:", dependants[0]]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(is_there(), "a dry run deletes nothing");

    let spec = || get(&world, "rm-one", "deployment/leftover", "{.spec}{.metadata.labels}");
    let before = spec();
    let done = answered(&run(&world, &folder, &[&named[..], &["--uid", &uid, "--yes"]].concat()), 0);
    assert_eq!(done["done"]["steps"][0]["state"], "proven", "{done:#}");
    assert!(!is_there());
    until("what belonged to it goes", || {
        world
            .kubectl(&["get", "replicasets", "--namespace=rm-one", "--selector=app=leftover", "--output=name"])
            .is_empty()
    });
    let undo = ["undo", done["done"]["change_id"].as_str().unwrap(), "--yes", "--output=json"];
    let shown = text(&run(&world, &folder, &["undo", undo[1], "--dry-run"]).stdout);
    assert!(shown.contains("the object, which was deleted") && !shown.contains("stays as it is"), "{shown}");
    let undone = answered(&run(&world, &folder, &undo), 0);
    assert_eq!(undone["steps"][0]["state"], "proven", "{undone:#}");
    assert_eq!(spec(), before);
}

#[test]
fn what_data_lie_in_is_neither_deleted_nor_taken_along() {
    let world = World::shared();
    let git = with(&world, "rm-claims", CLAIMING);
    let (folder, source) = (Folder::with(&[]), git.source());
    let owner = || get(&world, "rm-claims", "pvc/data-claiming-0", "{.metadata.ownerReferences[0].kind}");
    until("the claim is the StatefulSet's", || owner() == "StatefulSet");
    let set = uid(&world, "rm-claims", "statefulset/claiming");
    let delete = |name: &str, uid: &str, arguments: &[&str], code: i32| {
        let named = ["rollback", name, "--uid", uid, "--source", &source, "--yes", "--output=json"];
        answered(&run(&world, &folder, &[&named[..], arguments].concat()), code)
    };
    let left = delete("StatefulSet/claiming", &set, &[], 1);
    let reason = left["left"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("would take PersistentVolumeClaim/data-claiming-0 along"), "{reason}");
    let done = delete("StatefulSet/claiming", &set, &["--cascade=orphan"], 0);
    assert_eq!(done["done"]["steps"][0]["state"], "proven", "{done:#}");
    let claim = uid(&world, "rm-claims", "pvc/data-claiming-0");
    assert!(!claim.is_empty(), "it stays");
    until("the claim is nobody's", || owner().is_empty());
    let left = delete("PersistentVolumeClaim/data-claiming-0", &claim, &[], 1);
    let reason = left["left"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("a PersistentVolumeClaim is never deleted"), "{reason}");
}

#[test]
fn what_a_finalizer_holds_is_told_with_its_name_and_a_secret_does_not_come_back() {
    let world = World::shared();
    let held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/wait]}\n---\n\
                apiVersion: v1\nkind: Secret\nmetadata: {name: own}\nstringData: {password: not-a-real-password}\n";
    let git = with(&world, "rm-held", held);
    let (folder, source) = (Folder::with(&[]), git.source());
    for (object, name, code) in [("configmap/held", "ConfigMap/held", 2), ("secret/own", "Secret/own", 0)] {
        let uid = uid(&world, "rm-held", object);
        let named = ["rollback", name, "--uid", &uid, "--source", &source, "--yes", "--output=json"];
        let done = answered(&run(&world, &folder, &named), code);
        if code == 2 {
            let reason = done["done"]["steps"][0]["reason"].as_str().unwrap();
            assert!(reason.contains("held by the finalizers example.com/wait"), "{reason}");
            world.alice(
                "rm-held",
                &["patch", object, "--type=json", r#"-p=[{"op":"remove","path":"/metadata/finalizers"}]"#],
            );
            continue;
        }
        let undone = run(&world, &folder, &["undo", done["done"]["change_id"].as_str().unwrap(), "--yes"]);
        assert_eq!(undone.status.code(), Some(2));
        assert!(text(&undone.stderr).contains("Secrets, whose values are not kept"), "{}", text(&undone.stderr));
    }
}

#[test]
fn whoever_is_killed_while_they_delete_leaves_nothing_untold() {
    let world = World::shared();
    let git = WAYS[1].deliver(&world, "rm-killed");
    for (moment, is_gone) in [("rollback-intended", false), ("rollback-sent", true), ("rollback-written", true)] {
        world.alice("rm-killed", &["create", "configmap", moment]);
        let (folder, source) = (Folder::with(&[]), git.source());
        let (object, name) = (format!("configmap/{moment}"), format!("ConfigMap/{moment}"));
        let uid = uid(&world, "rm-killed", &object);
        let named = ["rollback", &name, "--uid", &uid, "--source", &source, "--yes", "--output=json"];
        let killed = run_to(&world, &folder, &named, &format!("{moment}:abort"));
        assert_eq!(killed.status.code(), None, "{}", text(&killed.stdout));
        assert_eq!(self::uid(&world, "rm-killed", &object).is_empty(), is_gone);
        let all = ["rollback", "--all", "--source", &source, "--yes", "--output=json"];
        let done = answered(&run(&world, &folder, &all), 0);
        let expected = if is_gone { "proven" } else { "not_written" };
        assert_eq!(done["recovered"][0]["steps"][0]["state"], expected, "{moment}: {done:#}");
        assert_eq!(self::uid(&world, "rm-killed", &object).is_empty(), is_gone, "it is not begun again");
    }
}

#[test]
fn the_service_deletes_what_an_approver_names_with_its_uid() {
    let world = World::shared();
    let writing = Writing::start_with(&world, "rm-served", ("true", "unmanaged: true"), "");
    let made = world.kubectl_as(Person::Alice, &["create", "--namespace=rm-served", "-f", "-"], LEFTOVER);
    assert!(made.status.success(), "{}", text(&made.stderr));
    world.alice("rm-served", &["create", "configmap", "by-hand", "--from-literal=a=b"]);
    writing.scanned(&[]);
    let item = |kind: &str| {
        let items = writing.items("pending");
        items.iter().find(|item| item["resource_kind"] == kind).unwrap()["fingerprint"].clone()
    };
    let (workload, settings) = (item("Deployment"), item("ConfigMap"));
    let uid = |object: &str| uid(&world, "rm-served", object);
    let asking = |item: &Value, object: &str| json!({"items": [item], "uid": uid(object)});

    let left = writing.roll_back(&writing.operator, &json!({"items": [settings]})).json();
    assert!(left["left"][0]["reason"].as_str().unwrap().contains("name it with its uid"), "{left:#}");
    let both = writing.roll_back(&writing.operator, &json!({"items": [settings, workload], "uid": "0"}));
    assert_eq!(both.status, 422, "{}", both.text);

    let path = format!("/items/{}/rollback", settings.as_str().unwrap());
    let page = |way: &str, form: &str| {
        let (method, path) = if form.is_empty() { ("GET", format!("{path}{way}")) } else { ("POST", path.clone()) };
        writing.service.page(method, &path, &writing.operator, form)
    };
    let unnamed = page("", "").text;
    let command = "kubectl get configmap/by-hand -n rm-served -o jsonpath={.metadata.uid}";
    assert!(unnamed.contains(command) && !unnamed.contains("plan_hash"), "{unnamed}");
    assert!(page("?uid=0", "").text.contains("its uid is "), "{}", page("?uid=0", "").text);
    let named = format!("uid={}&propagation=Orphan", uid("configmap/by-hand"));
    let plan = page(&format!("?{named}"), "");
    assert!(
        plan.text.contains("id=\"confirm\"") && plan.text.contains("nothing that was found belongs"),
        "{}",
        plan.text
    );
    let otherwise = page("", &format!("{}&plan_hash={}", named.replace("Orphan", "Foreground"), hash_of(&plan)));
    assert!(otherwise.text.contains("nothing was written"), "{}", otherwise.text);
    let done = page("", &format!("{named}&plan_hash={}", hash_of(&plan)));
    assert_eq!((done.status, uid("configmap/by-hand").as_str()), (303, ""), "{}", done.text);

    let mut request = asking(&workload, "deployment/leftover");
    let planned = writing.roll_back(&writing.approver, &request).json();
    assert_eq!(planned["plan"]["changes"][0]["action"], "delete", "{planned:#}");
    request["plan_hash"] = planned["plan"]["plan_hash"].clone();
    let done = writing.roll_back(&writing.approver, &request);
    assert_eq!(done.json()["done"]["steps"][0]["state"], "proven", "{}", done.text);
    assert_eq!(uid("deployment/leftover"), "");
    assert_eq!(writing.items("rolled_back").len(), 2);
    let listed = writing.service.get("/api/v1/changes", &writing.viewer).json();
    let path = format!("/api/v1/changes/{}/undo", listed["items"][1]["change_id"].as_str().unwrap());
    let hash = writing.service.post(&path, &writing.operator, &json!({})).json()["plan_hash"].clone();
    let undone = writing.service.post(&path, &writing.operator, &json!({"plan_hash": hash}));
    assert_eq!(undone.json()["done"]["steps"][0]["state"], "proven", "{}", undone.text);
    assert_eq!(get(&world, "rm-served", "configmap/by-hand", "{.data.a}"), "b");
}
