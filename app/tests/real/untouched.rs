//! A thousand objects that nobody touched, while the built-in controllers do their work on them: not one is drift.

use std::collections::BTreeSet;

use anchorwatch_testbed::Person;
use serde_json::{Value, json};

use crate::world::{Folder, World};

/// Objects of each kind.
const OF_EACH: usize = 30;
const NAMESPACE: &str = "untouched";

/// Three ways to deliver, a third of the objects each.
const WAYS: [&[&str]; 3] = [&["apply", "--server-side", "--field-manager=argocd-controller"], &["create"], &["apply"]];

#[test]
fn a_thousand_untouched_objects_of_thirty_kinds_give_nothing_above_info() {
    let world = World::shared();
    for namespace in [NAMESPACE, "untouched-limits"] {
        world.namespace(namespace);
    }
    let objects: Vec<Value> = (0..OF_EACH).flat_map(objects).collect();
    let kinds: BTreeSet<&str> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert!(kinds.len() >= 25 && objects.len() >= 1000, "{} of {kinds:?}", objects.len());
    let git = Folder::with(&[]);
    std::thread::scope(|scope| {
        for (at, way) in WAYS.into_iter().enumerate() {
            let part: Vec<String> = objects.iter().skip(at).step_by(WAYS.len()).map(Value::to_string).collect();
            let manifests = part.join("\n---\n");
            git.write(&format!("part-{at}.yaml"), &manifests);
            let world = &world;
            scope.spawn(move || world.deliver(way, &manifests));
        }
    });
    settle(&world);
    let scan = world.scan(git.source());
    let lines = scan.lines();
    let loud: Vec<&String> = lines.iter().filter(|line| !line.starts_with("info controller ")).collect();
    assert!(loud.is_empty(), "{loud:#?}");
    assert_eq!(scan.code, 0, "{}\n{:?}", scan.errors, scan.not_compared());
    assert_eq!(usize::try_from(scan.objects()).unwrap(), objects.len());
    assert!(!lines.is_empty(), "the autoscaler was to lift some replicas");
}

/// Gives the controllers time to do their work. What is still waiting then, as for a full node, is as untouched as the
/// rest: nothing here may fail, the scan decides.
fn settle(world: &World) {
    let waits: [&[&str]; 5] = [
        &["--for=condition=Available", "deployments"],
        &["--for=condition=Complete", "jobs"],
        &["--for=jsonpath={.status.observedGeneration}=1", "statefulsets"],
        &["--for=jsonpath={.status.numberReady}=1", "daemonsets"],
        &["--for=condition=Ready", "pods", "--selector=bare=yes"],
    ];
    std::thread::scope(|scope| {
        for what in waits {
            scope.spawn(move || {
                let arguments = [&["wait", "--all", "--timeout=15s", "--namespace", NAMESPACE], what].concat();
                world.kubectl_as(Person::Admin, &arguments, "");
            });
        }
    });
}

/// One object of each kind; `n` varies what they say.
fn objects(n: usize) -> Vec<Value> {
    let mut objects = workloads(n);
    objects.extend(settings(n));
    objects.extend(network(n));
    objects.extend(storage(n));
    objects.extend(rights(n));
    objects.extend(policies(n));
    for object in &mut objects {
        let name = object["metadata"]["name"].as_str().unwrap_or("it").to_owned();
        object["metadata"]["name"] = json!(format!("{name}-{n}"));
    }
    objects
}

/// An object in the namespace.
fn object(api_version: &str, kind: &str, fields: Value) -> Value {
    let mut object = everywhere(api_version, kind, fields);
    object["metadata"]["namespace"] = json!(NAMESPACE);
    object
}

/// An object of the whole cluster.
fn everywhere(api_version: &str, kind: &str, fields: Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": "untouched", "labels": {"made-for": "anchorwatch"}},
    });
    if let Value::Object(fields) = fields {
        for (name, value) in fields {
            object[name] = value;
        }
    }
    object
}

fn workloads(n: usize) -> Vec<Value> {
    let labels = |kind: &str| json!({"app": format!("{kind}-{n}")});
    let template = |kind: &str| json!({"metadata": {"labels": labels(kind)}, "spec": pod(n)});
    let selector = |kind: &str| json!({"matchLabels": labels(kind)});
    let strategies = [
        json!({"type": "Recreate"}),
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}),
        json!({"type": "RollingUpdate"}),
    ];
    let mut finite = pod(n);
    finite["restartPolicy"] = json!(pick(n, &["Never", "OnFailure"]));
    let job = json!({"template": {"spec": finite}, "backoffLimit": n, "completions": 1 + n % 2});
    let mut bare = object("v1", "Pod", json!({"spec": pod(n)}));
    bare["metadata"]["labels"] = json!({"bare": "yes"});
    vec![
        object(
            "apps/v1",
            "Deployment",
            json!({"spec": {
                "replicas": 1, "selector": selector("d"), "template": template("d"), "strategy": strategies[n % 3],
            }}),
        ),
        object(
            "apps/v1",
            "StatefulSet",
            json!({"spec": {
                "serviceName": "s", "selector": selector("s"), "template": template("s"),
                "podManagementPolicy": pick(n, &["OrderedReady", "Parallel"]),
                "volumeClaimTemplates": claims(n),
            }}),
        ),
        object(
            "apps/v1",
            "DaemonSet",
            json!({"spec": {
                "selector": selector("ds"), "template": template("ds"), "updateStrategy": {"type": pick(n, &["RollingUpdate", "OnDelete"])},
            }}),
        ),
        object(
            "apps/v1",
            "ReplicaSet",
            json!({"spec": {
                "replicas": n % 2, "selector": selector("rs"), "template": template("rs"),
            }}),
        ),
        object("v1", "ReplicationController", json!({"spec": {"replicas": n % 2, "template": template("rc")}})),
        object("batch/v1", "Job", json!({"spec": job})),
        object(
            "batch/v1",
            "CronJob",
            json!({"spec": {
                "schedule": "0 3 1 1 *", "jobTemplate": {"spec": job}, "successfulJobsHistoryLimit": 0,
            }}),
        ),
        bare,
        object("v1", "PodTemplate", json!({"template": template("pt")})),
        object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"spec": {
                // Every third lifts its Deployment to two.
                "minReplicas": 1 + usize::from(n.is_multiple_of(3)), "maxReplicas": 4,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": format!("untouched-{n}")},
                "metrics": [
                    {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "0.5Gi"}}},
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
                ],
            }}),
        ),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {
                "maxUnavailable": pick(n, &["25%", "1%"]), "selector": selector("d"),
            }}),
        ),
    ]
}

/// Some claim volumes that nobody provides; their Pods stay pending.
fn claims(n: usize) -> Value {
    if !n.is_multiple_of(5) {
        return json!([]);
    }
    json!([{"metadata": {"name": "claimed"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}, "storageClassName": "none",
    }}])
}

/// One of these by turns.
fn pick<'t>(n: usize, choices: &[&'t str]) -> &'t str {
    choices[n % choices.len()]
}

/// A Pod's spec: each `n` shows other features, spelled as people do.
fn pod(n: usize) -> Value {
    let probes = [
        json!({"httpGet": {"path": "/healthz", "port": "http"}}),
        json!({"tcpSocket": {"port": 8080}, "periodSeconds": 3}),
        json!({"exec": {"command": ["true"]}}),
        json!({"grpc": {"port": 8080}}),
    ];
    let mut main = json!({
        "name": "main",
        "image": pick(n, &["shop/web:1", "shop/web", "shop/web:latest", "shop/web@sha256:0000000000000000000000000000000000000000000000000000000000000000"]),
        "ports": [{"name": "http", "containerPort": 8080}, {"name": "dns", "containerPort": 8080, "protocol": "UDP"}],
        "env": [
            {"name": "PLAIN", "value": "1"},
            {"name": "EMPTY", "value": ""},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ],
        "resources": {"limits": {"cpu": pick(n, &["1000m", "0.5"]), "memory": "0.5Gi"}, "requests": {"cpu": "0.1"}},
        "readinessProbe": probes[n % 4],
        "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": false}],
    });
    let mut pod = json!({
        "volumes": [{"name": "data", "emptyDir": {}}],
        "securityContext": {},
        "terminationGracePeriodSeconds": 0,
    });
    match n % 6 {
        0 => {
            main["lifecycle"] = json!({"preStop": {"httpGet": {"path": "/bye", "port": 8080}}});
            pod["volumes"] = json!([{"name": "data", "projected": {"sources": [
                {"serviceAccountToken": {"path": "token"}},
                {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            ]}}]);
        }
        1 => {
            main["securityContext"] = json!({"capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true});
            pod["initContainers"] = json!([{"name": "first", "image": "shop/init:1", "args": ["-x"]},
                {"name": "beside", "image": "shop/sidecar:1", "restartPolicy": "Always"}]);
            pod["serviceAccountName"] = json!("default");
        }
        2 => {
            pod["volumes"] = json!([{"name": "data", "configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca"}]}},
                {"name": "host", "hostPath": {"path": "/tmp"}}]);
            pod["tolerations"] = json!([{"operator": "Exists"}, {"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"}]);
            pod["hostNetwork"] = json!(false);
        }
        3 => {
            pod["affinity"] = json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}},
            ]}});
            pod["topologySpreadConstraints"] =
                json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]);
            pod["automountServiceAccountToken"] = json!(false);
        }
        4 => {
            main["startupProbe"] = probes[(n + 1) % 4].clone();
            main["livenessProbe"] = probes[(n + 2) % 4].clone();
            pod["volumes"] = json!([{"name": "data", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]);
            pod["enableServiceLinks"] = json!(true);
        }
        _ => {
            pod["volumes"] = json!([{"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "1024Mi"}}]);
            pod["nodeSelector"] = json!({"kubernetes.io/os": "linux"});
            pod["securityContext"] = json!({"seccompProfile": {"type": "RuntimeDefault"}, "fsGroup": 0});
        }
    }
    pod["containers"] = json!([main]);
    pod
}

fn settings(n: usize) -> Vec<Value> {
    let mut limits =
        object("v1", "LimitRange", json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "2000m"}}]}}));
    let mut quota = object("v1", "ResourceQuota", json!({"spec": {"hard": {"requests.cpu": "1000m", "pods": "0"}}}));
    for object in [&mut limits, &mut quota] {
        object["metadata"]["namespace"] = json!("untouched-limits");
    }
    vec![
        object(
            "v1",
            "ConfigMap",
            json!({"data": {"a.yaml": format!("n: {n}\n"), "empty": ""}, "binaryData": {"b": "AAE="}}),
        ),
        object("v1", "Secret", json!({"stringData": {"password": format!("not-real-{n}"), "empty": ""}})),
        object("v1", "ServiceAccount", json!({"automountServiceAccountToken": n.is_multiple_of(2)})),
        limits,
        quota,
        object(
            "coordination.k8s.io/v1",
            "Lease",
            json!({"spec": {"holderIdentity": "nobody", "leaseDurationSeconds": 9}}),
        ),
        everywhere("v1", "Namespace", json!({})),
    ]
}

fn network(n: usize) -> Vec<Value> {
    let ports =
        json!([{"name": "http", "port": 80, "targetPort": "http"}, {"name": "dns", "port": 80, "protocol": "UDP"}]);
    let services = [
        json!({"selector": {"app": "x"}, "ports": ports}),
        json!({"clusterIP": "None", "selector": {"app": "x"}, "ports": [{"port": 80}]}),
        json!({"type": "NodePort", "selector": {"app": "x"}, "ports": ports}),
        json!({"type": "LoadBalancer", "selector": {"app": "x"}, "ports": ports, "externalTrafficPolicy": "Local"}),
        json!({"type": "ExternalName", "externalName": "example.com"}),
        json!({"selector": {"app": "x"}, "ports": ports, "sessionAffinity": "ClientIP"}),
    ];
    let path =
        json!({"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}});
    vec![
        object("v1", "Service", json!({"spec": services[n % 6]})),
        object(
            "networking.k8s.io/v1",
            "Ingress",
            json!({"spec": {"rules": [{"host": "a.example.com", "http": {"paths": [path]}}]}}),
        ),
        everywhere("networking.k8s.io/v1", "IngressClass", json!({"spec": {"controller": "example.com/none"}})),
        object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {
                "podSelector": {}, "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 80}]}, {}],
                "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
            }}),
        ),
        object(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            json!({
                "addressType": "IPv4", "endpoints": [{"addresses": ["10.1.2.3"]}], "ports": [{"port": 80}, {"name": "b", "port": 81}],
            }),
        ),
    ]
}

fn storage(n: usize) -> Vec<Value> {
    // Each claim finds its volume: the class is nobody's but theirs.
    let class = format!("by-hand-{n}");
    vec![
        everywhere(
            "storage.k8s.io/v1",
            "StorageClass",
            json!({"provisioner": "example.com/none", "parameters": {"a": "b"}}),
        ),
        everywhere(
            "v1",
            "PersistentVolume",
            json!({"spec": {
                "capacity": {"storage": "1024Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": class,
                "hostPath": {"path": "/tmp"},
            }}),
        ),
        object(
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": class, "resources": {"requests": {"storage": "1Gi"}},
            }}),
        ),
        everywhere("storage.k8s.io/v1", "CSIDriver", json!({"spec": {"attachRequired": n.is_multiple_of(2)}})),
    ]
}

fn rights(n: usize) -> Vec<Value> {
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]);
    let name = format!("untouched-{n}");
    let subjects = json!([{"kind": "ServiceAccount", "name": "default", "namespace": NAMESPACE},
        {"kind": "User", "name": "nobody"}]);
    let binding = |kind: &str| {
        json!({
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}, "subjects": subjects,
        })
    };
    let group = "rbac.authorization.k8s.io/v1";
    vec![
        object(group, "Role", json!({"rules": rules})),
        object(group, "RoleBinding", binding("Role")),
        everywhere(group, "ClusterRole", json!({"rules": rules})),
        everywhere(group, "ClusterRoleBinding", binding("ClusterRole")),
    ]
}

fn policies(n: usize) -> Vec<Value> {
    let webhook = json!([{
        "name": "a.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore",
        "clientConfig": {"service": {"name": "none", "namespace": NAMESPACE}},
        "rules": [{"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "resources": ["nones"], "operations": ["CREATE"]}],
    }]);
    let group = "admissionregistration.k8s.io/v1";
    vec![
        everywhere("scheduling.k8s.io/v1", "PriorityClass", json!({"value": n})),
        everywhere("node.k8s.io/v1", "RuntimeClass", json!({"handler": "runc"})),
        everywhere(group, "ValidatingWebhookConfiguration", json!({"webhooks": webhook})),
        everywhere(group, "MutatingWebhookConfiguration", json!({"webhooks": webhook})),
        everywhere(
            group,
            "ValidatingAdmissionPolicy",
            json!({"spec": {
                "matchConstraints": {"resourceRules": [{"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "resources": ["nones"], "operations": ["CREATE"]}]},
                "validations": [{"expression": "true"}],
            }}),
        ),
    ]
}
