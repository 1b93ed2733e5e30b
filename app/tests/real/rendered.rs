//! Charts and overlays, rendered by the tools that people use: what they render and nothing else is Git's word.

use std::process::Command;
use std::time::Duration;

use anchorwatch_testbed::{Person, Tool};

use crate::shop;
use crate::world::{Folder, World, text};

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.0.0\n";

const DEPLOYMENT: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
  namespace: {{ .Release.Namespace }}
  labels: {app.kubernetes.io/managed-by: {{ .Release.Service }}, kube: "{{ .Capabilities.KubeVersion.Minor }}"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "shop/web:{{ .Values.tag }}", resources: {limits: {cpu: 1000m}}}
"#;

const HOOK: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: hook, annotations: {"helm.sh/hook": pre-install}}
"#;

fn chart() -> Folder {
    Folder::with(&[
        ("Chart.yaml", CHART),
        ("values.yaml", "replicas: 1\ntag: \"1.0\"\n"),
        ("templates/web.yaml", DEPLOYMENT),
        ("templates/hook.yaml", HOOK),
    ])
}

/// Helm as Alice; it must succeed.
fn helm(world: &World, arguments: &[&str]) {
    let mut command = Command::new(world.plane.binaries().path(Tool::Helm).unwrap());
    command.args(arguments).arg("--kubeconfig").arg(world.plane.kubeconfig(Person::Alice));
    command.env("HOME", world.plane.folder());
    let output = anchorwatch_testbed::run(command, b"", Duration::from_mins(2)).unwrap();
    assert!(output.status.success(), "helm {arguments:?}: {}", text(&output.stderr));
}

#[test]
fn a_chart_that_helm_installed_is_clean_until_somebody_edits_it() {
    let world = World::shared();
    world.namespace("chart");
    let chart = chart();
    let values = Folder::with(&[("production.yaml", "replicas: 2\n")]);
    let values = values.path().join("production.yaml").display().to_string();
    let arguments = ["--namespace=chart", "--release-name=shop", "--values", &values];
    helm(&world, &["install", "shop", &chart.source(), "--namespace=chart", "--values", &values]);
    world.scan_as(Person::Admin, chart.source(), &arguments).finds(&[]);

    world.alice("chart", &["set", "image", "deployment/shop-web", "web=shop/web:evil"]);
    let scan = world.scan_as(Person::Admin, chart.source(), &arguments);
    scan.finds(&[
        "high human Deployment/shop-web changed spec.template.spec.containers[name=web].image by kubectl-set",
    ]);
    let source = &scan.at("spec.template.spec.containers[name=web].image")["source"];
    assert_eq!((source["rendered"].as_bool(), source["line"].as_u64()), (Some(true), None));
    assert_eq!(source["file"], "templates/web.yaml");

    // Other values are another word of Git's.
    let scan = world.scan_as(Person::Admin, chart.source(), &arguments[..2]);
    assert!(scan.lines().iter().any(|line| line.contains("spec.replicas")), "{:?}", scan.lines());
}

const OVERLAY: &str = r"namespace: overlay
namePrefix: prod-
resources: [../base]
images: [{name: shop/web, newTag: 1.5.0}]
configMapGenerator: [{name: extra, literals: [a=b]}]
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: worker}
      spec: {replicas: 3}
";

#[test]
fn an_overlay_is_clean_once_its_rendering_is_applied() {
    let world = World::shared();
    world.namespace("overlay");
    let git = Folder::with(&[
        ("base/shop.yaml", &shop::manifests("default")),
        ("base/kustomization.yaml", "resources: [shop.yaml]\n"),
        ("overlay/kustomization.yaml", OVERLAY),
    ]);
    let overlay = git.path().join("overlay").display().to_string();
    world.deliver_as_argo_cd(&world.kubectl(&["kustomize", &overlay]));
    let clean = world.scan(&overlay);
    clean.finds(&[]);
    assert_eq!(clean.objects(), 7);
    world.alice("overlay", &["set", "env", "deployment/prod-worker", "HOTFIX=1"]);
    world.scan(&overlay).finds(&[
        "high human Deployment/prod-worker extra spec.template.spec.containers[name=worker].env[name=HOTFIX] by kubectl-set",
    ]);
}

#[test]
fn what_is_adopted_into_an_overlay_is_clean_and_applied_from_there_still_is() {
    let world = World::shared();
    world.namespace("adopted");
    let git = Folder::with(&[
        ("base/shop.yaml", &shop::manifests("default")),
        ("base/kustomization.yaml", "resources: [shop.yaml]\n"),
        ("other/kustomization.yaml", "resources: [../base]\n"),
        ("overlay/kustomization.yaml", &OVERLAY.replace("namespace: overlay", "namespace: adopted")),
    ]);
    let overlay = git.path().join("overlay").display().to_string();
    world.deliver_as_argo_cd(&world.kubectl(&["kustomize", &overlay]));
    world.alice("adopted", &["set", "env", "deployment/prod-worker", "HOTFIX=1"]);
    world.alice("adopted", &["set", "image", "deployment/prod-web", "web=shop/web:1.5.1"]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
    command.args(["adopt", "--all", "--yes", "--source", &overlay, "--kubeconfig"]);
    command.arg(world.plane.kubeconfig(Person::Admin)).env_clear().env("HOME", world.plane.folder());
    let system = std::env::var_os("PATH").unwrap_or_default();
    let tools = std::iter::once(world.plane.binaries().folder().to_owned()).chain(std::env::split_paths(&system));
    command.env("PATH", std::env::join_paths(tools).unwrap());
    let output = anchorwatch_testbed::run(command, b"", Duration::from_mins(2)).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    world.scan(&overlay).finds(&[]);
    world.deliver_as_argo_cd(&world.kubectl(&["kustomize", &overlay]));
    world.scan(&overlay).finds(&[]);
}
