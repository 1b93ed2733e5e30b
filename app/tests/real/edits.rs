//! Objects delivered in every way, edited by every tool: exactly the edits are found, with who made them.

use anchorwatch_testbed::{PatchKind, Person};
use serde_json::{Value, json};

use crate::shop;
use crate::world::{Folder, World};

/// What each way of delivering is told by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// Labels and annotations that the tool stamps.
    stamps: fn(&Value) -> Value,
}

pub(crate) const WAYS: [Way; 5] = [
    Way {
        name: "argo-cd",
        arguments: &["apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller"],
        stamps: |object| {
            let id = format!("shop:{}/{}", object["kind"], object["metadata"]["name"]);
            json!({"annotations": {"argocd.argoproj.io/tracking-id": id}, "labels": {"app.kubernetes.io/instance": "shop"}})
        },
    },
    Way {
        name: "flux",
        arguments: &["apply", "--server-side", "--force-conflicts", "--field-manager=kustomize-controller"],
        stamps: |_| {
            json!({"labels": {
                "kustomize.toolkit.fluxcd.io/name": "shop",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }})
        },
    },
    Way {
        name: "helm",
        arguments: &["create", "--field-manager=helm"],
        stamps: |_| {
            json!({
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "shop"},
            })
        },
    },
    Way { name: "kubectl-apply", arguments: &["apply"], stamps: |_| json!({}) },
    Way { name: "kubectl-create", arguments: &["create"], stamps: |_| json!({}) },
];

impl Way {
    /// Delivers the shop to a namespace of its own, and gives what Git says.
    pub(crate) fn deliver(self, world: &World, namespace: &str) -> Folder {
        world.namespace(namespace);
        let manifests = shop::manifests(namespace);
        self.apply(world, namespace);
        Folder::with(&[("shop.yaml", &manifests)])
    }

    /// Makes the cluster what Git says, as the tool does it.
    pub(crate) fn apply(self, world: &World, namespace: &str) {
        let objects: Vec<Value> = serde_saphyr::from_multiple(&shop::manifests(namespace)).unwrap();
        let stamped: Vec<String> = objects.into_iter().map(|object| self.stamp(object).to_string()).collect();
        world.deliver(self.arguments, &stamped.join("\n---\n"));
    }

    fn stamp(self, mut object: Value) -> Value {
        let stamps = (self.stamps)(&object);
        for map in ["labels", "annotations"] {
            for (key, value) in stamps[map].as_object().into_iter().flatten() {
                object["metadata"][map][key] = value.clone();
            }
        }
        object
    }
}

#[test]
fn every_edit_is_found_and_nothing_else_however_the_objects_were_delivered() {
    let world = World::shared();
    std::thread::scope(|scope| {
        for way in WAYS {
            let world = &world;
            let check = move || {
                let namespace = format!("edits-{}", way.name);
                let git = way.deliver(world, &namespace);
                world.scan(git.source()).finds(&[]);
                edit(world, &namespace);
                world.scan(git.source()).finds(EDITS);
            };
            // A failure is told with its thread's name.
            std::thread::Builder::new().name(way.name.to_owned()).spawn_scoped(scope, check).unwrap();
        }
    });
}

pub(crate) const EDITS: &[&str] = &[
    "high human Deployment/web changed spec.template.spec.containers[name=web].image by kubectl-set",
    "high human Deployment/web extra spec.template.spec.containers[name=web].env[name=HOTFIX] by kubectl-set",
    "high unknown Deployment/web removed spec.template.spec.containers[name=web].env[name=LOG_LEVEL]",
    "info human Deployment/web changed spec.template.spec.containers[name=web].resources.limits.memory by kubectl-set",
    "info human Deployment/worker changed spec.replicas by kubectl/scale",
    "medium human Deployment/worker extra metadata.annotations[\"example.com/incident\"] by kubectl-annotate",
    "medium human Deployment/worker extra spec.template.metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"] by kubectl-rollout",
    "medium human ConfigMap/conf changed data.flag by kubectl-edit",
    "medium human ConfigMap/conf extra metadata.labels.by-hand by kubectl-label",
    "medium unknown ConfigMap/conf extra data.colour by colour-operator",
    "medium unknown ConfigMap/conf removed data.level",
    "high human Service/web changed spec.ports[port=80,protocol=TCP].targetPort by kubectl-patch",
    "medium human Service/web extra metadata.annotations[\"example.com/note\"] by curl",
    "medium human Secret/db changed data.password by kubectl-patch",
    "high unknown NetworkPolicy/web missing_object",
];

pub(crate) fn edit(world: &World, namespace: &str) {
    let alice = |arguments: &[&str]| world.alice(namespace, arguments);
    alice(&["set", "image", "deployment/web", "web=shop/web:1.4.3-hotfix"]);
    alice(&["set", "env", "deployment/web", "HOTFIX=1", "LOG_LEVEL-"]);
    alice(&["set", "resources", "deployment/web", "--limits=memory=2Gi"]);
    alice(&["scale", "deployment/worker", "--replicas=3"]);
    alice(&["annotate", "deployment/worker", "example.com/incident=INC-7"]);
    alice(&["rollout", "restart", "deployment/worker"]);
    alice(&["label", "configmap/conf", "by-hand=1"]);
    alice(&[
        "patch",
        "service/web",
        "--type=json",
        r#"-p=[{"op":"replace","path":"/spec/ports/0/targetPort","value":9}]"#,
    ]);
    alice(&["patch", "secret/db", r#"-p={"stringData":{"password":"neither"}}"#]);
    alice(&["delete", "networkpolicy/web"]);
    let edited = ["configmap/conf", "--namespace", namespace];
    let output = world.plane.kubectl_edit_as(Person::Alice, &edited, "sed -i /flag:/s/on/off/").unwrap();
    assert!(output.status.success(), "{output:?}");
    let colour = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "conf", "namespace": namespace}, "data": {"colour": "green"},
    });
    let curl = world.plane.client_as(Person::Alice, "curl/8.5.0").unwrap();
    let conf = format!("/api/v1/namespaces/{namespace}/configmaps/conf");
    // Not by kubectl: where it finds its own client-side apply, its server-side apply takes that over.
    curl.patch(&format!("{conf}?fieldManager=colour-operator"), PatchKind::Apply, &colour).unwrap();
    let note = json!({"metadata": {"annotations": {"example.com/note": "by hand"}}});
    curl.patch(&format!("/api/v1/namespaces/{namespace}/services/web"), PatchKind::Merge, &note).unwrap();
    let without = json!([{"op": "remove", "path": "/data/level"}]);
    curl.patch(&conf, PatchKind::Json, &without).unwrap();
}

#[test]
fn the_audit_log_names_the_person_of_every_edit() {
    let world = World::shared();
    let git = WAYS[0].deliver(&world, "edits-audited");
    edit(&world, "edits-audited");
    let log = world.plane.audit_log();
    let scan = world.scan_as(Person::Admin, git.source(), &["--audit", log.to_str().unwrap()]);
    assert_eq!(scan.items().count(), EDITS.len());
    for item in scan.items().filter(|item| item["attribution"]["manager"] != "colour-operator") {
        assert_eq!(item["attribution"]["user"], "alice", "{item:#}");
        assert_eq!(item["origin"], "human", "{item:#}");
    }
}

#[test]
fn an_image_set_under_a_controllers_name_is_high_and_of_unknown_origin() {
    let world = World::shared();
    let git = WAYS[0].deliver(&world, "spoofed");
    for (workload, manager) in [("web", "kube-controller-manager"), ("worker", "kustomize-controller")] {
        let (deployment, image) = (format!("deployment/{workload}"), format!("{workload}=evil/image:1"));
        world.alice("spoofed", &["set", "image", &deployment, &image, "--field-manager", manager]);
    }
    world.scan(git.source()).finds(&[
        "high unknown Deployment/web changed spec.template.spec.containers[name=web].image by kube-controller-manager",
        "high unknown Deployment/worker changed spec.template.spec.containers[name=worker].image by kustomize-controller",
    ]);
}

#[test]
fn replicas_that_an_autoscaler_keeps_are_info_inside_its_bounds_and_high_outside() {
    let world = World::shared();
    let git = WAYS[0].deliver(&world, "autoscaled");
    git.write("hpa.yaml", HPA);
    world.deliver_as_argo_cd(HPA);
    let autoscaler = world.plane.client_as(Person::Admin, "kube-controller-manager/v1.37.2").unwrap();
    let scale = |replicas: u32| {
        let path = "/apis/apps/v1/namespaces/autoscaled/deployments/worker/scale";
        autoscaler.patch(path, PatchKind::Merge, &json!({"spec": {"replicas": replicas}})).unwrap();
    };
    scale(4);
    let inside = ["info controller Deployment/worker changed spec.replicas by kube-controller-manager/scale"];
    world.scan(git.source()).check(0, &inside);
    world.alice("autoscaled", &["delete", "hpa/worker"]);
    scale(9);
    world.scan(git.source()).finds(&[
        "high controller Deployment/worker changed spec.replicas by kube-controller-manager/scale",
        "medium unknown HorizontalPodAutoscaler/worker missing_object",
    ]);
}

const HPA: &str = r"apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: worker, namespace: autoscaled}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}
  minReplicas: 1
  maxReplicas: 5
";
