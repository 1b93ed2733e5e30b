//! Sources that Argo CD's and Flux's objects in a cluster name: within what is allowed, and never a part in silence.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anchorwatch_testbed::Service;
use serde_json::{Value, json};

use crate::server::{Answer, Server};
use crate::world::{World, config_map, managed};

const APPLICATIONS: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";
const KUSTOMIZATIONS: &str = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations";
const REPOSITORIES: &str = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories";

/// What the cluster has of delivery tools; nothing where it answers no list.
#[derive(Default)]
struct Objects {
    applications: Option<Vec<Value>>,
    kustomizations: Option<Vec<Value>>,
    repositories: Option<Vec<Value>>,
    /// How long it takes to answer a list of them.
    slowness: Duration,
}

struct Followed {
    world: World,
    cluster: Server,
    objects: Arc<Mutex<Objects>>,
    service: Service,
    token: String,
}

impl Followed {
    fn start(world: World, discover: &str, objects: Objects) -> Self {
        Self::start_with(world, discover, objects, &[])
    }

    /// With these variables in the service's environment.
    fn start_with(world: World, discover: &str, objects: Objects, variables: &[(&str, &str)]) -> Self {
        let objects = Arc::new(Mutex::new(objects));
        let held = Arc::clone(&objects);
        let cluster = Server::cluster(move |path, _| {
            let listed = |of: fn(&Objects) -> &Option<Vec<Value>>| {
                let (list, slowness) = {
                    let objects = held.lock().unwrap();
                    (of(&objects).clone(), objects.slowness)
                };
                std::thread::sleep(slowness);
                list
            };
            let list = match path.split('?').next().unwrap_or_default() {
                "/api/v1/namespaces/shop/configmaps" => Some(vec![live("conf")]),
                APPLICATIONS => listed(|objects| &objects.applications),
                KUSTOMIZATIONS => listed(|objects| &objects.kustomizations),
                REPOSITORIES => listed(|objects| &objects.repositories),
                _ => None,
            };
            list.map_or_else(
                || Answer::status(403, "nobody may list this"),
                |items| Answer::ok(json!({"kind": "List", "apiVersion": "v1", "items": items}).to_string()),
            )
        });
        world.write("config", cluster.kubeconfig());
        world.write(
            "anchorwatch.yaml",
            format!("listen: 127.0.0.1:0\nclusters:\n- {{name: lab, kubeconfig: config}}\ndiscover:\n{discover}"),
        );
        let service = serve(&world, variables);
        let token = ["token", "create", "ann", "--role", "approver", "--config", "anchorwatch.yaml"];
        let token = world.command(&token).output().unwrap();
        let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
        Self { world, cluster, objects, service, token }
    }

    /// Ends the service at once, and starts it anew.
    fn restart(&mut self) {
        self.service.kill();
        self.service = serve(&self.world, &[]);
    }

    fn get(&self, path: &str) -> Value {
        self.service.get(path, &self.token).json()
    }

    /// Has the lists read again, and not only in a minute.
    fn reload(&self) {
        let id = self.service.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }

    fn sources(&self) -> Vec<Value> {
        self.get("/api/v1/sources")["items"].as_array().cloned().unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        self.sources().iter().map(|source| source["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until these are the sources, and each was scanned.
    fn until_scanned(&self, names: &[&str]) {
        self.until(names.join(", ").as_str(), || {
            self.names() == names && self.sources().iter().all(|source| !source["last_success_at"].is_null())
        });
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_mins(2);
        while !holds() {
            assert!(Instant::now() < end, "never: {what}\n{:#?}\n{}", self.sources(), self.service.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// State, objects, items and what was not compared, of the last report of a source.
    fn report(&self, source: &str) -> (String, u64, Vec<String>, Vec<String>) {
        let listed = self.get(&format!("/api/v1/drift/reports?source={}", source.replace('/', "%2F")));
        let report = &listed["items"][0];
        let whole = self.get(&format!("/api/v1/drift/reports/{}", report["report_id"].as_str().unwrap()));
        let items = whole["items"].as_array().unwrap().iter();
        let gaps = whole["not_compared"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (
            text(&whole["state"]),
            whole["objects"].as_u64().unwrap(),
            items.map(|item| format!("{} {}", text(&item["resource_name"]), text(&item["stable_path"]))).collect(),
            gaps.map(|gap| format!("{}: {}", text(&gap["what"]), text(&gap["reason"]))).collect(),
        )
    }
}

/// A ConfigMap that Argo CD delivered, with another value than Git says.
fn live(name: &str) -> Value {
    let owner = managed("argocd-controller", &json!({"f:data": {"f:flag": {}}}));
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"flag": "off"},
        "metadata": {"name": name, "namespace": "shop", "managedFields": [owner]}})
}

fn serve(world: &World, variables: &[(&str, &str)]) -> Service {
    let mut command = world.command(&["serve", "--config", "anchorwatch.yaml"]);
    command.envs(variables.iter().copied());
    Service::start("anchorwatch", command, &world.work().join("log")).unwrap()
}

/// A repository with the same ConfigMap in a folder of plain files, and another one below it.
fn repository() -> World {
    let world = World::new();
    world.write("git/deploy/conf.yaml", config_map("conf", "flag: 'on'"));
    world.write("git/deploy/below/other.yaml", config_map("other", "a: b"));
    world.write("git/deploy/other.json", r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}}"#);
    world.write("git/charted/Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n");
    world.commit("git");
    world
}

fn url(world: &World, repository: &str) -> String {
    format!("file://{}/{repository}", world.work().display())
}

fn application(name: &str, source: &Value) -> Value {
    let destination = json!({"server": "https://kubernetes.default.svc", "namespace": "shop"});
    json!({
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {"project": "default", "destination": destination, "source": source},
    })
}

fn discover(world: &World, from: &str, namespace: &str) -> String {
    let allowed = url(world, "git");
    format!("- {{cluster: lab, from: {from}, namespaces: [{namespace}], repositories: ['{allowed}'], watch: false}}\n")
}

#[test]
fn applications_are_sources_as_far_as_they_can_be_read_whole() {
    let world = repository();
    let (allowed, other) = (url(&world, "git"), url(&world, "other"));
    let from = |source: Value| {
        let mut whole = json!({"repoURL": allowed, "path": "deploy"});
        whole.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
        whole
    };
    let applications = vec![
        application("below", &from(json!({"directory": {"recurse": true}}))),
        application("chart", &from(json!({"path": "charted", "directory": {}}))),
        application("elsewhere", &from(json!({"repoURL": other}))),
        application("plain", &from(json!({}))),
        application("plugin", &from(json!({"plugin": {"name": "x"}}))),
    ];
    let settings = discover(&world, "argo-cd", "argocd");
    let objects = Objects { applications: Some(applications), ..Objects::default() };
    let followed = Followed::start(world, &settings, objects);
    let name = |name: &str| format!("lab/argo-cd/argocd/{name}");
    let names = ["below", "chart", "elsewhere", "plain", "plugin"].map(name);
    followed.until_scanned(&names.each_ref().map(String::as_str));

    // Without `recurse` only the folder's own files count, and what names no namespace is in the destination's.
    let (state, objects, items, gaps) = followed.report(&name("plain"));
    assert_eq!((state.as_str(), objects, gaps), ("complete", 2, vec![]));
    assert_eq!(items, ["conf data.flag", "extra "]);
    let (state, objects, items, _) = followed.report(&name("below"));
    assert_eq!((state.as_str(), objects), ("complete", 3));
    assert_eq!(items, ["conf data.flag", "extra ", "other "]);

    let refused = [
        ("chart", "uses spec.source.directory, and its folder is a chart".to_owned()),
        ("elsewhere", format!("repository {other} is not allowed by `discover`")),
        ("plugin", "uses spec.source.plugin".to_owned()),
    ];
    for (application, reason) in refused {
        let (state, objects, items, gaps) = followed.report(&name(application));
        assert_eq!((state.as_str(), objects, items.len()), ("failed", 0, 0), "{application}");
        assert_eq!(gaps, [format!("Application argocd/{application}: {reason}")]);
    }
    let page = followed.service.get("/sources", &followed.token).text;
    assert!(page.contains("uses spec.source.plugin") && page.contains(&other), "{page}");
    let metrics = followed.service.get("/metrics", &followed.token).text;
    let said = "anchorwatch_not_compared{cluster=\"lab\",source=\"lab/argo-cd/argocd/plugin\"} 1";
    assert!(metrics.contains(said), "{metrics}");
    // Their Secrets with credentials are none of ours.
    assert!(!followed.cluster.asked().iter().any(|path| path.contains("secrets")));
}

#[test]
fn a_list_that_cannot_be_read_leaves_its_sources_as_they_were() {
    let world = repository();
    let source = json!({"repoURL": url(&world, "git"), "path": "deploy"});
    let (web, shop) = (application("web", &source), application("shop", &source));
    let settings = discover(&world, "argo-cd", "argocd");
    let mut followed = Followed::start(world, &settings, Objects::default());
    let failure = |followed: &Followed| followed.get("/api/v1/sources")["discover"][0]["failure"].clone();
    followed
        .until("the failure", || failure(&followed).as_str().is_some_and(|why| why.contains("nobody may list this")));
    let page = followed.service.get("/", &followed.token).text;
    assert!(page.contains("This list of sources cannot be read") && !page.contains("No drift"), "{page}");

    let set = |followed: &Followed, applications: Option<Vec<Value>>| {
        followed.objects.lock().unwrap().applications = applications;
        followed.reload();
    };
    set(&followed, Some(vec![shop.clone(), web]));
    followed.until_scanned(&["lab/argo-cd/argocd/shop", "lab/argo-cd/argocd/web"]);
    set(&followed, None);
    followed.until("another failure", || !failure(&followed).is_null());
    assert_eq!(followed.names(), ["lab/argo-cd/argocd/shop", "lab/argo-cd/argocd/web"]);
    let page = followed.service.get("/sources", &followed.token).text;
    assert!(page.contains("This list of sources cannot be read") && page.contains("nobody may list this"), "{page}");
    assert!(!page.contains("<dt>next</dt><dd>never</dd>"), "it is read again in a minute: {page}");
    let metrics = followed.service.get("/metrics", &followed.token).text;
    assert!(metrics.contains("anchorwatch_discover_failures_total{cluster=\"lab\",list=\"lab/argo-cd/argocd\"}"));

    // Nor is a scan of everything one of everything.
    let scanned = followed.service.post("/api/v1/drift/scan", &followed.token, &json!({})).json();
    assert_eq!(scanned["failures"][0]["source"], "lab/argo-cd/argocd", "{scanned}");
    // A service that starts anew does not know better, either, and forgets nothing.
    followed.restart();
    followed.until("the failure", || !failure(&followed).is_null());
    assert_eq!(followed.names(), ["lab/argo-cd/argocd/shop", "lab/argo-cd/argocd/web"]);
    // An object that is gone takes its source along.
    set(&followed, Some(vec![shop]));
    followed.until("the end of web", || followed.names() == ["lab/argo-cd/argocd/shop"]);
}

#[test]
fn kustomizations_are_sources_with_the_repository_that_they_refer_to() {
    let world = repository();
    let object =
        |name: &str, spec: &Value| json!({"metadata": {"name": name, "namespace": "flux-system"}, "spec": spec});
    let reference = json!({"kind": "GitRepository", "name": "shop"});
    let spec = json!({"path": "./deploy", "sourceRef": reference, "prune": true, "interval": "10m"});
    let mut moved = spec.clone();
    moved["targetNamespace"] = json!("shop");
    let settings = discover(&world, "flux", "flux-system");
    let repository = json!({"url": url(&world, "git"), "ref": {"branch": "main"}, "secretRef": {"name": "token"}});
    let objects = Objects {
        kustomizations: Some(vec![object("moved", &moved), object("shop", &spec)]),
        repositories: Some(vec![object("shop", &repository)]),
        ..Objects::default()
    };
    let followed = Followed::start(world, &settings, objects);
    followed.until_scanned(&["lab/flux/flux-system/moved", "lab/flux/flux-system/shop"]);
    let (state, objects, items, gaps) = followed.report("lab/flux/flux-system/shop");
    assert_eq!((state.as_str(), objects, gaps), ("complete", 2, vec![]));
    assert_eq!(items, ["conf data.flag", "other "]);
    let (state, _, _, gaps) = followed.report("lab/flux/flux-system/moved");
    assert_eq!(state, "failed");
    assert_eq!(gaps, ["Kustomization flux-system/moved: uses spec.targetNamespace"]);
}

#[test]
fn a_job_of_a_source_that_is_not_known_yet_waits_for_the_list() {
    let world = repository();
    let shop = application("shop", &json!({"repoURL": url(&world, "git"), "path": "deploy"}));
    let settings = discover(&world, "argo-cd", "argocd");
    let objects = Objects { applications: Some(vec![shop]), ..Objects::default() };
    let slow = [("ANCHORWATCH_FAIL_POINTS", "before-scan:60000"), ("ANCHORWATCH_LEASE_SECONDS", "1")];
    let mut followed = Followed::start_with(world, &settings, objects, &slow);
    followed.until("the source", || followed.names() == ["lab/argo-cd/argocd/shop"]);
    let bearer = format!("Bearer {}", followed.token);
    let headers = [("authorization", bearer.as_str()), ("prefer", "respond-async")];
    let queued = followed.service.ask("POST", "/api/v1/drift/scan", &headers, "{}");
    let job = queued.header("location").unwrap().to_owned();
    followed.objects.lock().unwrap().slowness = Duration::from_secs(3);
    followed.restart();
    followed.until("the end of the job", || followed.get(&job)["state"] == "done");
    let failed = followed.get("/api/v1/sources")["items"][0]["last_failure"].clone();
    assert!(failed.is_null(), "{failed}\n{}", followed.service.log());
}

#[test]
fn what_was_applied_is_not_late() {
    let world = repository();
    world.write("git/deploy/conf.yaml", config_map("conf", "flag: 'off'"));
    let older = world.commit("git");
    world.write("git/deploy/conf.yaml", config_map("conf", "flag: 'on'"));
    let newer = world.commit("git");
    let source = json!({"repoURL": url(&world, "git"), "path": "deploy"});
    let applied = |name: &str, commit: &str| {
        let mut application = application(name, &source);
        application["status"] = json!({"sync": {"status": "Synced", "revision": commit}});
        application
    };
    let settings = discover(&world, "argo-cd", "argocd");
    let applications = Some(vec![applied("newer", &newer), applied("older", &older)]);
    let followed = Followed::start(world, &settings, Objects { applications, ..Objects::default() });
    followed.until_scanned(&["lab/argo-cd/argocd/newer", "lab/argo-cd/argocd/older"]);
    let rule = |application: &str| {
        let items = followed.get(&format!("/api/v1/drift/items?source=lab%2Fargo-cd%2Fargocd%2F{application}"));
        let items = items["items"].as_array().unwrap().clone();
        items.iter().find(|item| item["stable_path"] == "data.flag").unwrap()["rule"].clone()
    };
    // The cluster has what the older commit says.
    assert_eq!(rule("older"), "not-yet-applied");
    assert_ne!(rule("newer"), "not-yet-applied");
}
