//! Sources that Argo CD's and Flux's objects name, on a real API server with definitions of their kinds.

use std::fs;
use std::process::Command;

use anchorwatch_testbed::{Person, Service};
use serde_json::Value;

use crate::world::{World, until};

const KINDS: [(&str, &str, &str, &str); 3] = [
    ("argoproj.io", "v1alpha1", "applications", "Application"),
    ("kustomize.toolkit.fluxcd.io", "v1", "kustomizations", "Kustomization"),
    ("source.toolkit.fluxcd.io", "v1", "gitrepositories", "GitRepository"),
];

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {flag: 'on'}\n";

/// Definitions that keep whatever is written.
fn definitions() -> String {
    let definition = |(group, version, plural, kind): (&str, &str, &str, &str)| {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {plural}.{group}}}\nspec:\n  \
             group: {group}\n  scope: Namespaced\n  names: {{plural: {plural}, kind: {kind}}}\n  versions:\n  - name: {version}\n    \
             served: true\n    storage: true\n    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}\n---\n"
        )
    };
    KINDS.map(definition).concat()
}

fn application(name: &str, repository: &str, path: &str, more: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, namespace: followed-argocd}}\nspec:\n  \
         project: default\n  destination: {{server: 'https://kubernetes.default.svc', namespace: followed}}\n  \
         source: {{repoURL: 'file://{repository}', path: {path}, targetRevision: main{more}}}\n---\n"
    )
}

struct Followed {
    service: Service,
    token: String,
    folder: tempfile::TempDir,
}

impl Followed {
    fn get(&self, path: &str) -> Value {
        self.service.get(path, &self.token).json()
    }

    fn sources(&self) -> Vec<Value> {
        self.get("/api/v1/sources")["items"].as_array().cloned().unwrap_or_default()
    }

    /// Items of a source and what was not compared of it, a line each.
    fn lines(&self, source: &str) -> Vec<String> {
        let listed = self.get(&format!("/api/v1/drift/reports?source={}", source.replace('/', "%2F")));
        let Some(report) = listed["items"][0]["report_id"].as_str() else { return Vec::new() };
        let report = self.get(&format!("/api/v1/drift/reports/{report}"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let items = report["items"].as_array().into_iter().flatten();
        let items = items.map(|item| format!("{} {}", text(&item["resource_name"]), text(&item["stable_path"])));
        let gaps = report["not_compared"].as_array().into_iter().flatten();
        items.chain(gaps.map(|gap| format!("{}: {}", text(&gap["what"]), text(&gap["reason"])))).collect()
    }
}

/// Has the cluster serve the kinds of delivery tools.
pub(crate) fn serve_kinds(world: &World) {
    world.deliver(&["apply", "--server-side"], &definitions());
    for (group, _, plural, _) in KINDS {
        let definition = format!("crd/{plural}.{group}");
        world.kubectl(&["wait", "--for=condition=Established", &definition, "--timeout=30s"]);
        let served = ["get", plural, "--all-namespaces"];
        until("the kind is served", || world.kubectl_as(Person::Admin, &served, "").status.success());
    }
}

#[test]
fn what_delivery_tools_deliver_is_followed_within_the_fences() {
    let world = World::shared();
    for namespace in ["followed", "followed-argocd", "followed-flux"] {
        world.namespace(namespace);
    }
    serve_kinds(&world);

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (at, name) in [("plain", "plain"), ("made", "made"), ("fluxed", "fluxed"), ("fluxed/below", "below")] {
        fs::create_dir_all(path("git").join(at)).unwrap();
        fs::write(path("git").join(at).join("conf.yaml"), CONFIG.replace("NAME", name)).unwrap();
    }
    fs::write(path("git/made/kustomization.yaml"), "resources: [conf.yaml]\nnamePrefix: pre-\n").unwrap();
    let commit = "git init -q -b main && git add -A && git -c user.name=a -c user.email=a@b commit -qm all";
    let status = Command::new("sh").args(["-c", commit]).current_dir(path("git")).status();
    assert!(status.unwrap().success());
    let live = ["plain", "pre-made"].map(|name| format!("{}---\n", CONFIG.replace("NAME", name))).concat();
    world.deliver(&["apply", "--namespace", "followed"], &live);
    world.alice("followed", &["patch", "configmap/plain", "-p", r#"{"data": {"flag": "off"}}"#]);
    world.alice("followed", &["patch", "configmap/pre-made", "-p", r#"{"data": {"by": "hand"}}"#]);

    let (allowed, other) = (path("git").display().to_string(), path("other").display().to_string());
    let flux = |kind: &str, name: &str, spec: &str| {
        let api_version =
            if kind == "GitRepository" { "source.toolkit.fluxcd.io/v1" } else { "kustomize.toolkit.fluxcd.io/v1" };
        format!(
            "apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: followed-flux}}\nspec: {spec}\n---\n"
        )
    };
    let objects = [
        application("plain", &allowed, "plain", ""),
        application("made", &allowed, "made", ""),
        application("patched", &allowed, "made", ", kustomize: {patches: [{patch: x}]}"),
        application("elsewhere", &other, "plain", ""),
        flux("GitRepository", "fleet", &format!("{{url: 'file://{allowed}', ref: {{branch: main}}, interval: 1m}}")),
        flux(
            "Kustomization",
            "fluxed",
            "{path: ./fluxed, prune: true, interval: 1m, sourceRef: {kind: GitRepository, name: fleet}}",
        ),
    ];
    world.deliver(&["apply"], &objects.concat());

    let kubeconfig = world.plane.kubeconfig(Person::Admin);
    let config = format!(
        "listen: 127.0.0.1:0\nclusters:\n- {{name: lab, kubeconfig: {}}}\ndiscover:\n\
         - {{cluster: lab, from: argo-cd, namespaces: [followed-argocd], repositories: ['file://{allowed}']}}\n\
         - {{cluster: lab, from: flux, namespaces: [followed-flux], repositories: ['file://{allowed}']}}\n",
        kubeconfig.display()
    );
    fs::write(path("anchorwatch.yaml"), config).unwrap();
    let tools = world.plane.binaries().folder().to_owned();
    let system = std::env::var_os("PATH").unwrap();
    let search = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&system))).unwrap();
    let program = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
        command.args(arguments).env_clear().env("HOME", folder.path()).current_dir(folder.path()).env("PATH", &search);
        command
    };
    let service =
        Service::start("anchorwatch", program(&["serve", "--config", "anchorwatch.yaml"]), &path("log")).unwrap();
    let token = program(&["token", "create", "ann", "--role", "approver", "--config", "anchorwatch.yaml"]).output();
    let token = String::from_utf8(token.unwrap().stdout).unwrap().trim().to_owned();
    let followed = Followed { service, token, folder };

    followed.service.until("a scan of each", || {
        let sources = followed.sources();
        sources.len() == 5 && sources.iter().all(|source| !source["last_success_at"].is_null())
    });
    let name = |name: &str| format!("lab/argo-cd/followed-argocd/{name}");
    assert_eq!(followed.lines(&name("plain")), ["plain data.flag"]);
    assert_eq!(followed.lines(&name("made")), ["pre-made data.by"]);
    assert_eq!(
        followed.lines(&name("patched")),
        ["Application followed-argocd/patched: uses spec.source.kustomize.patches"]
    );
    assert_eq!(
        followed.lines(&name("elsewhere")),
        [format!("Application followed-argocd/elsewhere: repository file://{other} is not allowed by `discover`")]
    );
    assert_eq!(followed.lines("lab/flux/followed-flux/fluxed"), ["below ", "fluxed "]);

    // What is discovered is watched, too.
    followed.service.until("the watch", || {
        followed.sources().iter().any(|source| source["name"] == name("plain") && source["watch"]["whole"] == true)
    });
    world.alice("followed", &["patch", "configmap/plain", "-p", r#"{"data": {"flag": "on"}}"#]);
    let open = || followed.get("/api/v1/drift/items?status=pending")["total"].clone();
    followed.service.until("the end of the drift", || open() == 3);
    // An object that is gone takes its source along.
    world.kubectl(&["delete", "application/made", "--namespace", "followed-argocd"]);
    let id = followed.service.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    followed.service.until("the end of a source", || followed.sources().len() == 4);
    assert!(followed.folder.path().exists());
}
