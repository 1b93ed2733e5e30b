//! People who may not see everything, credentials that are wrong, servers that do not answer.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::PathBuf;

use anchorwatch_testbed::{Person, free_ports};
use serde_json::{Value, json};

use crate::shop;
use crate::watch::Watched;
use crate::world::{Folder, World, until};

/// Delivers the shop and drifts one image; gives what Git says.
fn drifted(world: &World, namespace: &str) -> Folder {
    world.namespace(namespace);
    let manifests = shop::manifests(namespace);
    world.deliver_as_argo_cd(&manifests);
    world.alice(namespace, &["set", "image", "deployment/web", "web=shop/web:9"]);
    Folder::with(&[("shop.yaml", &manifests)])
}

const DRIFT: &str = "high human Deployment/web changed spec.template.spec.containers[name=web].image by kubectl-set";

/// Lets Bob get, list and watch these in one namespace, and nothing else.
fn let_bob_read(world: &World, namespace: &str, resources: &str) {
    let resource = format!("--resource={resources}");
    world.alice(namespace, &["create", "role", "reader", "--verb=get,list,watch", &resource]);
    world.alice(namespace, &["create", "rolebinding", "reader", "--role=reader", "--user=bob"]);
    let question = ["auth", "can-i", "list", "configmaps", "--namespace", namespace];
    until("bob's rights", || world.kubectl_as(Person::Bob, &question, "").status.success());
}

#[test]
fn reading_rights_in_one_namespace_are_enough() {
    let world = World::shared();
    let git = drifted(&world, "rights-enough");
    let all = "deployments.apps,configmaps,secrets,services,networkpolicies.networking.k8s.io";
    let_bob_read(&world, "rights-enough", all);
    world.scan_as(Person::Bob, git.source(), &[]).finds(&[DRIFT]);
}

#[test]
fn a_kind_that_may_not_be_read_is_not_compared_and_the_rest_is() {
    let world = World::shared();
    let git = drifted(&world, "rights-partial");
    let_bob_read(&world, "rights-partial", "deployments.apps,configmaps,services,networkpolicies.networking.k8s.io");
    let scan = world.scan_as(Person::Bob, git.source(), &[]);
    scan.check(3, &[DRIFT]);
    let not_compared = scan.not_compared();
    assert_eq!(not_compared.len(), 1, "{not_compared:?}");
    assert!(not_compared[0].starts_with("secrets: forbidden"), "{not_compared:?}");
    assert_eq!(scan.objects(), 5);
    assert_eq!(scan.reports[0]["state"], "partial");
}

#[test]
fn rights_in_many_namespaces_are_enough_without_rights_on_the_cluster() {
    let world = World::shared();
    let namespaces: Vec<String> = (0..12).map(|n| format!("rights-many-{n}")).collect();
    let mut manifests = String::new();
    for namespace in &namespaces {
        world.namespace(namespace);
        let conf = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": namespace}, "data": {"a": "b"},
        });
        manifests.extend([conf.to_string().as_str(), "\n---\n"]);
        let_bob_read(&world, namespace, "configmaps");
    }
    world.deliver_as_argo_cd(&manifests);
    world.alice("rights-many-7", &["patch", "configmap/conf", r#"-p={"data":{"a":"c"}}"#]);
    let git = Folder::with(&[("conf.yaml", &manifests)]);
    let drift = ["medium human ConfigMap/conf changed data.a by kubectl-patch"];
    world.scan_as(Person::Admin, git.source(), &[]).finds(&drift);
    world.scan_as(Person::Bob, git.source(), &[]).finds(&drift);

    let watched = Watched::start_as(Person::Bob, &world, &manifests);
    let edited = |namespace: &str| {
        let items = watched.get(&format!("/api/v1/drift/items?status=pending&namespace={namespace}"));
        items["items"].as_array().is_some_and(|items| !items.is_empty())
    };
    watched.service.until("what was edited before", || edited("rights-many-7"));
    world.alice("rights-many-8", &["patch", "configmap/conf", r#"-p={"data":{"a":"c"}}"#]);
    watched.service.until("what is edited now", || edited("rights-many-8"));
}

#[test]
fn without_any_right_nothing_is_compared_and_nothing_is_missing() {
    let world = World::shared();
    let git = drifted(&world, "rights-none");
    let scan = world.scan_as(Person::Bob, git.source(), &[]);
    scan.check(3, &[]);
    assert_eq!((scan.not_compared().len(), scan.objects()), (5, 0));
    assert_eq!(scan.reports[0]["state"], "failed");
}

/// Alice's kubeconfig with something else in it.
fn kubeconfig(world: &World, folder: &Folder, change: impl FnOnce(&mut Value)) -> PathBuf {
    let text = std::fs::read_to_string(world.plane.kubeconfig(Person::Alice)).unwrap();
    let mut config = serde_json::from_str(&text).unwrap();
    change(&mut config);
    folder.write("kubeconfig", &config.to_string());
    folder.path().join("kubeconfig")
}

#[test]
fn a_wrong_token_ends_the_scan_with_an_error_that_says_so() {
    let world = World::shared();
    let git = Folder::with(&[("shop.yaml", &shop::manifests("default"))]);
    let folder = Folder::with(&[]);
    let wrong = kubeconfig(&world, &folder, |config| config["users"][0]["user"]["token"] = json!("wrong"));
    let scan = world.scan_with(&wrong, git.source(), &[]);
    assert_eq!(scan.code, 2, "{}", scan.errors);
    assert!(scan.errors.contains("401"), "{}", scan.errors);
    assert!(scan.errors.contains("hint: the credentials"), "{}", scan.errors);
    assert!(!scan.errors.contains("wrong\""), "the token is nobody's business: {}", scan.errors);
}

#[test]
fn a_certificate_of_somebody_else_is_refused() {
    let world = World::shared();
    let git = Folder::with(&[("shop.yaml", &shop::manifests("default"))]);
    let folder = Folder::with(&[]);
    let trusting_nobody = kubeconfig(&world, &folder, |config| {
        config["clusters"][0]["cluster"].as_object_mut().unwrap().remove("certificate-authority");
    });
    let scan = world.scan_with(&trusting_nobody, git.source(), &[]);
    assert_eq!(scan.code, 2, "{}", scan.errors);
    assert!(scan.errors.to_lowercase().contains("certificate"), "{}", scan.errors);
}

#[test]
fn a_server_that_is_not_there_is_said_with_a_hint() {
    let world = World::shared();
    let git = Folder::with(&[("shop.yaml", &shop::manifests("default"))]);
    let folder = Folder::with(&[]);
    let [port] = free_ports().unwrap();
    let nowhere = kubeconfig(&world, &folder, |config| {
        config["clusters"][0]["cluster"]["server"] = json!(format!("https://127.0.0.1:{port}"));
    });
    let scan = world.scan_with(&nowhere, git.source(), &[]);
    assert_eq!(scan.code, 2, "{}", scan.errors);
    assert!(scan.errors.contains("cannot reach the cluster"), "{}", scan.errors);
    assert!(scan.errors.contains("hint: "), "{}", scan.errors);
}

#[test]
fn a_server_that_takes_the_call_and_is_silent_is_given_up() {
    let world = World::shared();
    let git = Folder::with(&[("shop.yaml", &shop::manifests("default"))]);
    let folder = Folder::with(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for call in listener.incoming() {
            // Hears everything and says nothing, until the caller hangs up.
            std::thread::spawn(move || call.map(|mut call| call.read_to_end(&mut Vec::new())));
        }
    });
    let silent = kubeconfig(&world, &folder, |config| {
        config["clusters"][0]["cluster"]["server"] = json!(format!("https://127.0.0.1:{port}"));
    });
    let scan = world.scan_with(&silent, git.source(), &[]);
    assert_eq!(scan.code, 2, "{}", scan.errors);
    assert!(scan.errors.contains("hint: "), "{}", scan.errors);
}
