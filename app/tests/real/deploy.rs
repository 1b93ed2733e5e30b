//! `deploy/` on a real API server: it is accepted, and the service does its work with the rights that it gives and no other.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anchorwatch_testbed::{Person, Service};
use serde_json::{Value, json};

use crate::world::{World, text, until};

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");
const ACCOUNT: &str = "system:serviceaccount:anchorwatch:anchorwatch";

/// Applies `deploy/`, as its README says, and once more without effect before.
fn deploy(world: &World) {
    apply(world, &["-f", &format!("{DEPLOY}/namespace.yaml")]);
    apply(world, &["-k", DEPLOY, "--dry-run=server"]);
    apply(world, &["-k", DEPLOY]);
}

fn apply(world: &World, what: &[&str]) {
    let arguments = [&["apply", "--server-side", "--validate=strict"], what].concat();
    let output = world.kubectl_as(Person::Admin, &arguments, "");
    let errors = text(&output.stderr);
    // What the namespace's Pod Security would refuse is a warning of a Deployment.
    assert!(output.status.success() && !errors.contains("Warning"), "{arguments:?}: {errors}");
}

fn in_its_namespace(world: &World, arguments: &[&str]) -> String {
    world.kubectl(&[arguments, &["--namespace=anchorwatch"]].concat())
}

fn git(namespace: &str) -> String {
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{name: conf, namespace: {namespace}}}
data: {{flag: 'on'}}
---
apiVersion: v1
kind: Secret
metadata: {{name: hidden, namespace: {namespace}}}
stringData: {{password: of-a-test}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: 'web:1'}}]}}
"
    )
}

/// The service on this machine, with the token of the ServiceAccount and nothing else.
struct Deployed {
    service: Service,
    token: String,
    folder: tempfile::TempDir,
}

impl Deployed {
    fn start(world: &World, namespace: &str, secrets: &str) -> Self {
        deploy(world);
        world.namespace(namespace);
        world.deliver_as_argo_cd(&git(namespace));
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("git")).unwrap();
        fs::write(path("git/all.yaml"), git(namespace)).unwrap();
        fs::write(path("kubeconfig"), kubeconfig(world).to_string()).unwrap();
        let config = format!(
            "listen: 127.0.0.1:0\nclusters:\n- {{name: here, kubeconfig: kubeconfig}}\nsources:\n\
             - {{name: shop, cluster: here, address: git, secrets: {secrets}}}\n"
        );
        fs::write(path("anchorwatch.yaml"), config).unwrap();
        let serve = program(folder.path(), &["serve", "--config", "anchorwatch.yaml"]);
        let service = Service::start("anchorwatch", serve, &path("log")).unwrap();
        let make = ["token", "create", "cron", "--role", "operator", "--config", "anchorwatch.yaml"];
        let made = program(folder.path(), &make).output().unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        fs::write(path("token"), &made.stdout).unwrap();
        let token = text(&made.stdout).trim().to_owned();
        let deployed = Self { service, token, folder };
        until("a scan", || !deployed.source()["last_success_at"].is_null());
        deployed
    }

    fn source(&self) -> Value {
        self.service.get("/api/v1/sources", &self.token).json()["items"][0].clone()
    }

    fn items(&self) -> Vec<Value> {
        let answer = self.service.get("/api/v1/drift/items?status=pending", &self.token).json();
        answer["items"].as_array().cloned().unwrap_or_default()
    }

    /// The command of the `CronJob`, as it is shipped, but for the address and the files.
    fn cron(&self, more: &[&str]) -> Command {
        let mut arguments = cron_arguments();
        for argument in &mut arguments {
            if argument.starts_with("--server=") {
                *argument = format!("--server={}", self.service.url());
            } else if argument.starts_with("--token-file=") {
                *argument = format!("--token-file={}", self.folder.path().join("token").display());
            }
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        program(self.folder.path(), &arguments)
    }
}

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
    command.args(arguments).env_clear().env("HOME", folder).current_dir(folder);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    anchorwatch_testbed::remember(&mut command, folder).unwrap();
    command
}

fn cron_arguments() -> Vec<String> {
    let manifest = fs::read_to_string(format!("{DEPLOY}/drift-cronjob.yaml")).unwrap();
    let arguments = manifest.lines().skip_while(|line| line.trim() != "args:").skip(1);
    arguments.map_while(|line| line.trim().strip_prefix("- ").map(str::to_owned)).collect()
}

/// A kubeconfig with a token of the ServiceAccount, made as the kubelet has one made.
fn kubeconfig(world: &World) -> Value {
    let token = in_its_namespace(world, &["create", "token", "anchorwatch"]);
    let cluster = json!({"server": world.plane.server_url(), "certificate-authority": world.plane.ca_file()});
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": cluster}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "anchorwatch"}}],
        "users": [{"name": "anchorwatch", "user": {"token": token.trim()}}],
    })
}

fn ended(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), [text(&output.stdout), text(&output.stderr)].concat())
}

#[test]
fn the_manifests_are_accepted_and_their_pods_too() {
    let world = World::shared();
    deploy(&world);
    // The namespace admits what is restricted only, so a Pod that exists was admitted.
    let pods = |label: &str| {
        let label = format!("--selector=app.kubernetes.io/component={label}");
        in_its_namespace(&world, &["get", "pods", "--output=name", &label]).lines().count()
    };
    until("the service's Pod", || pods("service") == 1);
    in_its_namespace(&world, &["create", "job", "try", "--from=cronjob/anchorwatch-drift"]);
    until("the Job's Pod", || pods("drift-cronjob") == 1);
    in_its_namespace(&world, &["delete", "job", "try"]);

    let cron_job: Value =
        serde_json::from_str(&in_its_namespace(&world, &["get", "cronjob/anchorwatch-drift", "-o", "json"])).unwrap();
    let spec = &cron_job["spec"];
    assert_eq!(spec["concurrencyPolicy"], "Forbid");
    assert!(spec["jobTemplate"]["spec"]["activeDeadlineSeconds"].as_u64().is_some_and(|seconds| seconds < 3600));
    assert_eq!(spec["schedule"].as_str().unwrap().split_once(' ').unwrap().1, "* * * *", "every hour");
    let arguments = &spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(*arguments, json!(cron_arguments()));

    let config =
        in_its_namespace(&world, &["get", "configmap/anchorwatch", "-o", "jsonpath={.data.anchorwatch\\.yaml}"]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("anchorwatch.yaml"), config).unwrap();
    let checked = program(folder.path(), &["config", "check", "anchorwatch.yaml"]).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}

#[test]
fn the_account_reads_what_is_no_secret_and_writes_nothing() {
    let world = World::shared();
    deploy(&world);
    let may = |verb: &str, what: &str| {
        let arguments = ["auth", "can-i", verb, what, "--all-namespaces", &format!("--as={ACCOUNT}")];
        world.kubectl_as(Person::Admin, &arguments, "").status.success()
    };
    until("the account's rights", || may("watch", "deployments.apps"));
    for verb in ["get", "list", "watch"] {
        assert!(may(verb, "configmaps") && !may(verb, "secrets"), "{verb}");
    }
    for (verb, what) in [
        ("create", "deployments.apps"),
        ("patch", "deployments.apps"),
        ("update", "configmaps"),
        ("delete", "pods"),
        ("create", "pods/exec"),
        ("create", "serviceaccounts/token"),
        ("impersonate", "users"),
        ("*", "*"),
    ] {
        assert!(!may(verb, what), "{verb} {what}");
    }
}

#[test]
fn with_these_rights_it_scans_and_watches_and_secrets_are_left_alone() {
    let world = World::shared();
    let deployed = Deployed::start(&world, "deployed-skip", "skip");
    until("a whole watch", || deployed.source()["watch"]["whole"] == true);
    let output = deployed.cron(&["--output=json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &reports["items"][0];
    assert_eq!((&report["state"], &report["triggered_by"]), (&json!("partial"), &json!("cron")));
    let not_compared = report["not_compared"].as_array().unwrap();
    let told: Vec<&str> = not_compared.iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    assert!(matches!(told[..], [only] if only.contains("Secret")), "{told:?}");
    assert!(!not_compared[0]["reason"].as_str().unwrap().contains("forbidden"), "{not_compared:?}");

    world.alice("deployed-skip", &["set", "image", "deployment/web", "web=web:2"]);
    until("the edit, by the watch", || deployed.items().len() == 1);
    assert_eq!(deployed.items()[0]["stable_path"], "spec.template.spec.containers[name=web].image");
    let log = deployed.service.log();
    let troubles: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("WARN") || line.contains("ERROR") || line.contains("forbidden"))
        .collect();
    assert!(troubles.is_empty(), "{troubles:?}");
}

#[test]
fn secrets_without_a_right_are_not_compared_and_it_stays_up() {
    let world = World::shared();
    let mut deployed = Deployed::start(&world, "deployed-compare", "compare");
    let (code, said) = ended(&deployed.cron(&[]).output().unwrap());
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("secrets forbidden"), "{said}");
    assert!(!said.contains("of-a-test"), "{said}");
    world.alice("deployed-compare", &["patch", "configmap/conf", r#"-p={"data":{"flag":"off"}}"#]);
    until("the edit, by the watch", || deployed.items().len() == 1);
    assert!(!deployed.service.has_ended());
    assert_eq!(deployed.service.get("/readyz", "").status, 200);
}

#[test]
fn the_cron_job_ends_as_a_scan_does_also_twice_at_once() {
    let world = World::shared();
    let deployed = Deployed::start(&world, "deployed-cron", "skip");
    // Without the Secret, of which nobody can say that it is as it should be.
    let without: String =
        git("deployed-cron").split("---\n").filter(|text| !text.contains("Secret")).collect::<Vec<_>>().join("---\n");
    fs::write(deployed.folder.path().join("git/all.yaml"), without).unwrap();
    let twice = |code: i32| {
        let children: Vec<_> = (0..2)
            .map(|_| {
                let mut command = deployed.cron(&[]);
                std::thread::spawn(move || command.output().unwrap())
            })
            .collect();
        for child in children {
            let (ended, said) = ended(&child.join().unwrap());
            assert_eq!(ended, Some(code), "{said}");
        }
    };
    twice(0);
    world.alice("deployed-cron", &["patch", "configmap/conf", r#"-p={"data":{"flag":"off"}}"#]);
    twice(1);
    world.deliver_as_argo_cd(&git("deployed-cron"));
    twice(0);
}

#[test]
fn the_certificate_of_the_readme_is_believed_by_the_cron_job() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let readme = fs::read_to_string(format!("{DEPLOY}/README.md")).unwrap();
    let make = readme.lines().map(str::trim).find(|line| line.starts_with("openssl req ")).unwrap();
    let made = Command::new("sh").args(["-c", make]).current_dir(folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    fs::write(path("git.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n").unwrap();
    fs::copy(path("git.yaml"), path("live.yaml")).unwrap();
    let config = "listen: 127.0.0.1:0\ntls: {cert_file: tls.crt, key_file: tls.key}\nclusters:\n- {name: lab, snapshot: live.yaml}\n\
                  sources:\n- {name: shop, cluster: lab, address: git.yaml}\n";
    fs::write(path("anchorwatch.yaml"), config).unwrap();
    let serve = program(folder.path(), &["serve", "--config", "anchorwatch.yaml"]);
    let service = Service::start("anchorwatch", serve, &path("log")).unwrap();
    let make = ["token", "create", "cron", "--role", "operator", "--config", "anchorwatch.yaml"];
    fs::write(path("token"), program(folder.path(), &make).output().unwrap().stdout).unwrap();
    // The certificate is for names, as the CronJob calls it.
    let server = service.url().replace("127.0.0.1", "localhost");
    let ask = |server: &str, more: &[&str]| {
        let arguments = [&["scan", "--token-file", "token", "--server", server], more].concat();
        ended(&program(folder.path(), &arguments).output().unwrap())
    };
    let (code, said) = ask(&server, &["--server-ca", "tls.crt"]);
    assert_eq!(code, Some(0), "{said}");
    for (server, more) in [(server.as_str(), &[][..]), (service.url(), &["--server-ca", "tls.crt"][..])] {
        let (code, said) = ask(server, more);
        assert!(code == Some(2) && said.contains("no TLS with it"), "{said}");
    }
}

#[test]
fn a_server_is_believed_by_the_authority_that_was_named() {
    let world = World::shared();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "aw_of-nobody").unwrap();
    let ask = |more: &[&str]| {
        let server = world.plane.server_url();
        let arguments = [&["scan", "--server", &server, "--token-file", "token"], more].concat();
        ended(&program(folder.path(), &arguments).output().unwrap())
    };
    let (code, said) = ask(&[]);
    assert!(code == Some(2) && said.contains("no TLS with it") && said.contains("--server-ca"), "{said}");
    // Its certificate is good, but it is another server.
    let authority = world.plane.ca_file();
    let (code, said) = ask(&["--server-ca", authority.to_str().unwrap()]);
    assert!(code == Some(2) && said.contains("is no Anchorwatch"), "{said}");
}
