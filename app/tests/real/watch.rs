//! Watch mode on a real API server: what is changed is remembered, also what somebody takes back at once.

use std::fs;
use std::process::Command;

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

pub(crate) struct Watched {
    pub(crate) service: Service,
    token: String,
    _folder: tempfile::TempDir,
}

impl Watched {
    fn start(world: &World, git: &str) -> Self {
        Self::start_as(Person::Admin, world, git)
    }

    /// With the rights that somebody has in the cluster.
    pub(crate) fn start_as(person: Person, world: &World, git: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("git")).unwrap();
        fs::write(path("git/all.yaml"), git).unwrap();
        let kubeconfig = world.plane.kubeconfig(person);
        let config = format!(
            "listen: 127.0.0.1:0\nclusters:\n- {{name: lab, kubeconfig: {}}}\nsources:\n\
             - {{name: shop, cluster: lab, address: git}}\n- {{name: listed, cluster: lab, address: git, watch: false}}\n",
            kubeconfig.display()
        );
        fs::write(path("anchorwatch.yaml"), config).unwrap();
        let program = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
            command.args(arguments).env_clear().env("HOME", folder.path()).current_dir(folder.path());
            command.env("PATH", std::env::var_os("PATH").unwrap());
            anchorwatch_testbed::remember(&mut command, folder.path()).unwrap();
            command
        };
        let serve = program(&["serve", "--config", "anchorwatch.yaml"]);
        let service = Service::start("anchorwatch", serve, &path("log")).unwrap();
        let token = program(&["token", "create", "ann", "--role", "approver", "--config", "anchorwatch.yaml"]).output();
        let token = String::from_utf8(token.unwrap().stdout).unwrap().trim().to_owned();
        let watched = Self { service, token, _folder: folder };
        watched.service.until("the watch is whole", || watched.source("shop")["watch"]["whole"] == true);
        watched
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.service.get(path, &self.token).json()
    }

    fn source(&self, name: &str) -> Value {
        let sources = self.get("/api/v1/sources");
        sources["items"].as_array().unwrap().iter().find(|source| source["name"] == name).unwrap().clone()
    }

    /// What a scan of this source that is asked for now says, without what two scans do not share.
    fn scan(&self, source: &str, namespaces: &Value) -> Value {
        let asked = json!({"source": source, "namespaces": namespaces});
        let answer = self.service.post("/api/v1/drift/scan", &self.token, &asked);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let reports = answer.json()["items"].as_array().unwrap().clone();
        let whole = |brief: &Value| {
            let mut report = self.get(&format!("/api/v1/drift/reports/{}", brief["report_id"].as_str().unwrap()));
            for own in ["report_id", "source", "scanned_at", "created_at", "resolved_at"] {
                report[own].take();
            }
            for item in report["items"].as_array_mut().unwrap() {
                for own in ["fingerprint", "first_seen", "last_seen", "last_report_id", "value_hash"] {
                    item[own].take();
                }
            }
            report
        };
        reports.iter().map(whole).collect()
    }

    fn items(&self, status: &str) -> Vec<Value> {
        self.get(&format!("/api/v1/drift/items?source=shop&status={status}"))["items"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }
}

#[test]
fn an_edit_is_remembered_even_if_it_is_taken_back_at_once() {
    let world = World::shared();
    world.namespace("watched");
    world.deliver_as_argo_cd(GIT);
    let watched = Watched::start(&world, GIT);
    assert_eq!(watched.items("pending"), Vec::<Value>::new());

    // A person edits, and Argo CD takes it back before any scan could have seen it.
    for round in 1..=3 {
        let image = format!("web=web:{}", round + 1);
        world.alice("watched", &["set", "image", "deployment/web", &image]);
        watched.service.until("the edit", || watched.items("pending").len() == 1);
        let item = &watched.items("pending")[0];
        assert_eq!(item["stable_path"], "spec.template.spec.containers[name=web].image");
        assert_eq!((&item["attribution"]["manager"], &item["origin"]), (&json!("kubectl-set"), &json!("human")));
        world.deliver_as_argo_cd(GIT);
        watched.service.until("its end", || watched.items("pending").is_empty());
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
    watched
        .service
        .until("what is gone", || watched.items("pending").iter().any(|item| item["change"] == "missing_object"));
    world.deliver_as_argo_cd(GIT);
    watched.service.until("that it is back", || watched.items("pending").is_empty());

    // A report follows when it is quiet.
    watched.service.until("a report", || {
        let reports = watched.get("/api/v1/drift/reports");
        reports["items"].as_array().unwrap().iter().any(|report| report["triggered_by"] == "watch")
    });
}

#[test]
fn a_watch_answers_a_scan_as_the_cluster_would() {
    let world = World::shared();
    let git = GIT.replace("watched", "known");
    // What no cluster has, what nobody can read, and what Argo CD only makes for a moment.
    let git = format!(
        "{git}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: key, namespace: known}}\n---\napiVersion: v1\nkind: ConfigMap\n\
         metadata: {{name: not/a/name, namespace: known}}\n---\napiVersion: example.com/v1\nkind: Nothing\n\
         metadata: {{name: a, namespace: known}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hook\n  namespace: known\n  \
         annotations: {{argocd.argoproj.io/hook: PreSync}}\n---\napiVersion: v1\nkind: Service\n\
         metadata: {{name: web, namespace: other}}\nspec: {{ports: [{{port: 80}}]}}\n"
    );
    world.namespace("known");
    world.namespace("other");
    let delivered: Vec<&str> =
        git.split("---\n").filter(|text| !text.contains("not/a/name") && !text.contains("Nothing")).collect();
    world.deliver_as_argo_cd(&delivered.join("---\n"));
    let watched = Watched::start(&world, &git);
    let mut known = 0;
    let mut agree = |namespaces: Value| {
        let told = watched.scan("shop", &namespaces);
        assert_eq!(told, watched.scan("listed", &namespaces));
        known += 1;
        let log = watched.service.log();
        let answered = log.lines().filter(|line| line.contains("scanned") && line.contains("from_watch=true"));
        assert_eq!(answered.count(), known, "{log}");
        told
    };
    let count = |told: &Value| told[0]["items"].as_array().unwrap().len();
    assert_eq!(count(&agree(json!(["known"]))), 0);
    // At once: the watch waits until it knows of what was written before it was asked.
    for round in 2..=10 {
        world.alice("known", &["set", "image", "deployment/web", &format!("web=web:{round}")]);
        let told = agree(json!(["known"]));
        assert_eq!((count(&told), &told[0]["items"][0]["actual_value"]), (1, &json!(format!("web:{round}"))));
    }
    for (arguments, items) in [
        (&["annotate", "deployment/web", "by=hand"][..], 2),
        (&["patch", "configmap/conf", r#"-p={"data":{"flag":"off","more":"1"}}"#], 4),
        (&["delete", "configmap", "conf"], 3),
        (&["create", "configmap", "conf", "--from-literal=flag=on"], 2),
    ] {
        world.alice("known", arguments);
        assert_eq!(count(&agree(json!(["known"]))), items, "{arguments:?}");
    }
    let all = agree(json!([]));
    assert_eq!(all.as_array().unwrap().len(), 2, "{all}");

    // Bounds of autoscalers are not watched: where replicas differ the cluster is asked.
    world.alice("known", &["scale", "deployment/web", "--replicas=3"]);
    let answered = known;
    assert_eq!(watched.scan("shop", &json!(["known"])), watched.scan("listed", &json!(["known"])));
    // A namespace that the source does not have is refused as ever.
    let strange = json!({"source": "shop", "namespaces": ["strange"]});
    let answer = watched.service.post("/api/v1/drift/scan", &watched.token, &strange);
    assert_eq!(answer.status, 502, "{}", answer.text);
    assert_eq!(watched.service.log().matches("from_watch=true").count(), answered);
}
