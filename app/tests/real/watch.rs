//! Watch mode on a real API server: what is changed is remembered, also what somebody takes back at once.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anchorwatch_testbed::{Person, Service};
use serde_json::{Value, json};

use crate::world::World;

const GIT: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: watched}
data: {flag: 'on'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: watched}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1'}]}
";

struct Watched {
    service: Service,
    token: String,
    _folder: tempfile::TempDir,
}

impl Watched {
    fn start(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("git")).unwrap();
        fs::write(path("git/all.yaml"), GIT).unwrap();
        let kubeconfig = world.plane.kubeconfig(Person::Admin);
        let config = format!(
            "listen: 127.0.0.1:0\nclusters:\n- {{name: lab, kubeconfig: {}}}\nsources:\n- {{name: shop, cluster: lab, address: git}}\n",
            kubeconfig.display()
        );
        fs::write(path("anchorwatch.yaml"), config).unwrap();
        let program = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
            command.args(arguments).env_clear().env("HOME", folder.path()).current_dir(folder.path());
            command.env("PATH", std::env::var_os("PATH").unwrap());
            command
        };
        let serve = program(&["serve", "--config", "anchorwatch.yaml"]);
        let service = Service::start("anchorwatch", serve, &path("log")).unwrap();
        let token = program(&["token", "create", "ann", "--role", "approver", "--config", "anchorwatch.yaml"]).output();
        let token = String::from_utf8(token.unwrap().stdout).unwrap().trim().to_owned();
        let watched = Self { service, token, _folder: folder };
        watched.until("the watch is whole", || watched.get("/api/v1/sources")["items"][0]["watch"]["whole"] == true);
        watched
    }

    fn get(&self, path: &str) -> Value {
        self.service.get(path, &self.token).json()
    }

    fn items(&self, status: &str) -> Vec<Value> {
        self.get(&format!("/api/v1/drift/items?status={status}"))["items"].as_array().cloned().unwrap_or_default()
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_mins(1);
        while !holds() {
            assert!(Instant::now() < end, "{what} never came\n{}", self.service.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn an_edit_is_remembered_even_if_it_is_taken_back_at_once() {
    let world = World::shared();
    world.namespace("watched");
    world.deliver_as_argo_cd(GIT);
    let watched = Watched::start(&world);
    assert_eq!(watched.items("pending"), Vec::<Value>::new());

    // A person edits, and Argo CD takes it back before any scan could have seen it.
    for round in 1..=3 {
        let image = format!("web=web:{}", round + 1);
        world.alice("watched", &["set", "image", "deployment/web", &image]);
        watched.until("the edit", || watched.items("pending").len() == 1);
        let item = &watched.items("pending")[0];
        assert_eq!(item["stable_path"], "spec.template.spec.containers[name=web].image");
        assert_eq!((&item["attribution"]["manager"], &item["origin"]), (&json!("kubectl-set"), &json!("human")));
        world.deliver_as_argo_cd(GIT);
        watched.until("its end", || watched.items("pending").is_empty());
    }
    let item = watched.items("resolved")[0].clone();
    assert_eq!(item["changes"], 2, "a fight is counted");
    let path = format!("/api/v1/drift/items/{}/episodes", item["fingerprint"].as_str().unwrap());
    let episodes = watched.get(&path)["items"].as_array().cloned().unwrap();
    assert_eq!(episodes.len(), 3);
    for episode in &episodes {
        let who = (&episode["manager"], &episode["ended_by"]);
        assert_eq!(who, (&json!("kubectl-set"), &json!("argocd-controller")), "{episode}");
    }

    // What is deleted is missing; what is there again is not.
    world.alice("watched", &["delete", "configmap", "conf"]);
    watched.until("what is gone", || watched.items("pending").iter().any(|item| item["change"] == "missing_object"));
    world.deliver_as_argo_cd(GIT);
    watched.until("that it is back", || watched.items("pending").is_empty());

    // A report follows when it is quiet.
    watched.until("a report", || {
        let reports = watched.get("/api/v1/drift/reports");
        reports["items"].as_array().unwrap().iter().any(|report| report["triggered_by"] == "watch")
    });
}
