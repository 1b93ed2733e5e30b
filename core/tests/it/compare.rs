//! Pairs of objects written by hand, and the differences between them.

use anchorwatch_core::object::value::{Map, Value};

use crate::world::{differences, object};

/// A rule, Git's object, live's object, and the differences.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

fn check(head: &str, rows: &[Row]) {
    for (rule, git, live, expected) in rows {
        let read = |body: &str| object(&format!("{head}\n{body}"));
        assert_eq!(differences(&read(git), &read(live)), *expected, "{rule}");
    }
}

/// Puts a pod's spec into the template of a Deployment.
fn in_template(spec: &str) -> Map<'static> {
    object(&format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: x}}\nspec: {{template: {{spec: {spec}}}}}"
    ))
}

fn check_pod_specs(rows: &[Row]) {
    for (rule, git, live, expected) in rows {
        let mut found = differences(&in_template(git), &in_template(live));
        for line in &mut found {
            *line = line.replace(" spec.template.spec.", " ");
        }
        assert_eq!(found, *expected, "{rule}");
    }
}

#[test]
fn elements_with_the_same_keys_are_a_multiset() {
    check_pod_specs(&[
        (
            "the same in another order",
            "{containers: [{name: w, env: [{name: A, value: '1'}, {name: A, value: '2'}]}]}",
            "{containers: [{name: w, env: [{name: A, value: '2'}, {name: A, value: '1'}]}]}",
            &[],
        ),
        (
            "one of them is gone",
            "{containers: [{name: w, env: [{name: A, value: '1'}, {name: A, value: '2'}]}]}",
            "{containers: [{name: w, env: [{name: A, value: '2'}]}]}",
            &["removed containers[name=w].env[name=A]"],
        ),
        (
            "one more",
            "{containers: [{name: w, env: [{name: A, value: '1'}]}]}",
            "{containers: [{name: w, env: [{name: A, value: '0'}, {name: A, value: '1'}, {name: A, value: '1'}]}]}",
            &["extra containers[name=w].env[name=A]", "extra containers[name=w].env[name=A]#3"],
        ),
        (
            "one changed",
            "{containers: [{name: w, env: [{name: A, value: '1'}, {name: B}, {name: A, value: '2'}]}]}",
            "{containers: [{name: w, env: [{name: A, value: '3'}, {name: A, value: '1'}, {name: B}]}]}",
            &["changed containers[name=w].env[name=A]#2.value"],
        ),
        (
            "a port that says TCP and one that leaves it to the default",
            "{containers: [{name: w, ports: [{containerPort: 80}, {containerPort: 80, protocol: TCP, name: b}]}]}",
            "{containers: [{name: w, ports: [{containerPort: 80, protocol: TCP, name: b}, {containerPort: 80, protocol: TCP}]}]}",
            &[],
        ),
    ]);
}

#[test]
fn a_key_that_is_missing_is_null_unless_it_has_a_default() {
    check_pod_specs(&[
        (
            "no name",
            "{containers: [{name: w, env: [{value: '1'}]}]}",
            "{containers: [{name: w, env: [{value: '2'}]}]}",
            &["changed containers[name=w].env[name=null].value"],
        ),
        (
            "no protocol",
            "{containers: [{name: w, ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP, name: u}]}]}",
            "{containers: [{name: w, ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53, protocol: TCP, name: t}]}]}",
            &[
                "extra containers[name=w].ports[containerPort=53,protocol=TCP].name",
                "removed containers[name=w].ports[containerPort=53,protocol=UDP].name",
            ],
        ),
        (
            "an empty protocol is none",
            "{containers: [{name: w, ports: [{containerPort: 53, protocol: ''}]}]}",
            "{containers: [{name: w, ports: [{containerPort: 53, protocol: TCP}]}]}",
            &[],
        ),
    ]);
}

#[test]
fn null_is_absent_and_so_is_empty_where_the_server_drops_it() {
    check(
        "apiVersion: apps/v1\nkind: Deployment",
        &[
            (
                "null in Git",
                "metadata: {name: x, labels: null}\nspec: {paused: null}",
                "metadata: {name: x}\nspec: {}",
                &[],
            ),
            (
                "empty in Git",
                "metadata: {name: x, annotations: {}}\nspec: {paused: false}",
                "metadata: {name: x}\nspec: {}",
                &[],
            ),
            ("empty on both", "metadata: {name: x, annotations: {}}", "metadata: {name: x, annotations: {}}", &[]),
            (
                "zero in Git, something in live",
                "metadata: {name: x, annotations: {}}\nspec: {paused: false, minReadySeconds: 0}",
                "metadata: {name: x, annotations: {a: b}}\nspec: {paused: true, minReadySeconds: 9}",
                &["changed spec.minReadySeconds", "changed spec.paused", "extra metadata.annotations.a"],
            ),
            (
                "an annotation may be empty",
                "metadata: {name: x, annotations: {a: ''}}",
                "metadata: {name: x}",
                &["removed metadata.annotations.a"],
            ),
        ],
    );
    check_pod_specs(&[
        (
            "zeros that are dropped",
            "{serviceAccount: '', hostNetwork: false, containers: [{name: w, env: [], stdin: false, volumeMounts: [{mountPath: /a, name: a, readOnly: false}]}]}",
            "{containers: [{name: w, volumeMounts: [{mountPath: /a, name: a}]}]}",
            &[],
        ),
        (
            "zeros that are values",
            "{automountServiceAccountToken: false, terminationGracePeriodSeconds: 0, volumes: [{name: v, emptyDir: {}}], containers: [{name: w, securityContext: {privileged: false}}]}",
            "{volumes: [{name: v, hostPath: {path: /}}], containers: [{name: w, securityContext: {}}]}",
            &[
                "extra volumes[name=v].hostPath.path",
                "removed automountServiceAccountToken",
                "removed containers[name=w].securityContext.privileged",
                "removed terminationGracePeriodSeconds",
                "removed volumes[name=v].emptyDir",
            ],
        ),
    ]);
    check(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}",
        &[(
            "podSelector: {} selects everything",
            "spec: {podSelector: {}, policyTypes: [Ingress]}",
            "spec: {podSelector: {matchLabels: {a: b}}, policyTypes: [Ingress]}",
            &["extra spec.podSelector.matchLabels.a"],
        )],
    );
    check(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: x}",
        &[(
            "storageClassName: '' asks for none",
            "spec: {storageClassName: ''}",
            "spec: {storageClassName: fast}",
            &["changed spec.storageClassName"],
        )],
    );
}

#[test]
fn numbers_strings_times_and_quantities_are_compared_by_what_they_mean() {
    check_pod_specs(&[
        (
            "quantities",
            "{containers: [{name: w, resources: {limits: {cpu: 1000m, memory: 1Gi, gpu: 2}, requests: {cpu: 0.5}}}]}",
            "{containers: [{name: w, resources: {limits: {cpu: '1', memory: 1024Mi, gpu: '2'}, requests: {cpu: 500m}}}]}",
            &[],
        ),
        (
            "another amount",
            "{containers: [{name: w, resources: {limits: {memory: 1Gi}}}]}",
            "{containers: [{name: w, resources: {limits: {memory: 1G}}}]}",
            &["changed containers[name=w].resources.limits.memory"],
        ),
        (
            "a port is a number or a name",
            "{containers: [{name: w, livenessProbe: {httpGet: {port: 8080}}, readinessProbe: {tcpSocket: {port: http}}}]}",
            "{containers: [{name: w, livenessProbe: {httpGet: {port: '8080'}}, readinessProbe: {tcpSocket: {port: https}}}]}",
            &["changed containers[name=w].readinessProbe.tcpSocket.port"],
        ),
        (
            "a version that looks like a number stays text",
            "{containers: [{name: w, env: [{name: A, value: '1.10'}]}]}",
            "{containers: [{name: w, env: [{name: A, value: '1.1'}]}]}",
            &["changed containers[name=w].env[name=A].value"],
        ),
        (
            "a size limit on the way through an empty volume",
            "{volumes: [{name: v, emptyDir: {sizeLimit: 1Gi}}]}",
            "{volumes: [{name: v, emptyDir: {sizeLimit: 1024Mi}}]}",
            &[],
        ),
    ]);
    check(
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: x}",
        &[
            (
                "one instant",
                "spec: {renewTime: '2026-01-02T03:04:05Z'}",
                "spec: {renewTime: '2026-01-02T03:04:05.000000Z'}",
                &[],
            ),
            (
                "another instant",
                "spec: {renewTime: '2026-01-02T03:04:05Z'}",
                "spec: {renewTime: '2026-01-02T03:04:06.000000Z'}",
                &["changed spec.renewTime"],
            ),
        ],
    );
    check(
        "apiVersion: sea.example.com/v1\nkind: Anchor\nmetadata: {name: x}",
        &[
            (
                "a custom resource's quantities, numbers, sets, keyed lists and defaults",
                "spec: {weight: 1000m, ratio: 1.0, crew: [a, b], chain: [{link: l}, {link: l, side: star}], log: [{text: t}]}",
                "spec: {weight: 1, ratio: 1, crew: [b, a], chain: [{link: l, side: star}, {link: l, side: port}], log: [{text: t, level: info}], mode: drop, lines: {count: 2}}",
                &[],
            ),
            (
                "a custom resource that really differs",
                "spec: {weight: 1, ratio: 1.0, crew: [a, b], chain: [{link: l}], log: [{text: t}]}",
                "spec: {weight: 2, ratio: 1.5, crew: [b, c], chain: [{link: l, side: star}], log: [{text: t, level: warn}], mode: drag, lines: {count: 3}}",
                &[
                    "changed spec.log",
                    "changed spec.ratio",
                    "changed spec.weight",
                    "extra spec.chain[link=l,side=star]",
                    "extra spec.crew[=\"c\"]",
                    "extra spec.lines.count",
                    "extra spec.mode",
                    "removed spec.chain[link=l,side=port]",
                    "removed spec.crew[=\"a\"]",
                ],
            ),
            (
                "an unknown field is compared to the letter",
                "spec: {free: {a: 1000m, b: [1, 2], c: {}}}",
                "spec: {free: {a: '1', b: [2, 1], d: x}}",
                &["changed spec.free.a", "changed spec.free.b", "extra spec.free.d", "removed spec.free.c"],
            ),
        ],
    );
}

#[test]
fn a_union_member_that_replaces_gits_is_no_default() {
    check_pod_specs(&[
        (
            "the config map became an empty volume",
            "{volumes: [{name: v, configMap: {name: c}}]}",
            "{volumes: [{name: v, emptyDir: {}}]}",
            &["extra volumes[name=v].emptyDir", "removed volumes[name=v].configMap.name"],
        ),
        (
            "a volume without source becomes an empty one",
            "{volumes: [{name: v}]}",
            "{volumes: [{name: v, emptyDir: {}}]}",
            &[],
        ),
        (
            "the default mode comes with the config map",
            "{volumes: [{name: v, configMap: {name: c}}]}",
            "{volumes: [{name: v, configMap: {name: c, defaultMode: 420}}]}",
            &[],
        ),
        (
            "another probe",
            "{containers: [{name: w, livenessProbe: {httpGet: {port: 80}}}]}",
            "{containers: [{name: w, livenessProbe: {exec: {command: [x]}, periodSeconds: 10, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3}}]}",
            &[
                "extra containers[name=w].livenessProbe.exec.command",
                "removed containers[name=w].livenessProbe.httpGet.port",
            ],
        ),
    ]);
}

#[test]
fn a_probe_added_by_hand_brings_its_defaults_along() {
    check_pod_specs(&[(
        "only what was said is drift",
        "{containers: [{name: w, image: 'w:1'}]}",
        "{containers: [{name: w, image: 'w:1', livenessProbe: {httpGet: {port: 80, path: /, scheme: HTTP}, periodSeconds: 10, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3}}]}",
        &["extra containers[name=w].livenessProbe.httpGet.port"],
    )]);
}

#[test]
fn what_another_fields_value_asks_for_is_a_default() {
    check(
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}",
        &[
            (
                "a balancer by hand brings its own defaults; the node port is allocated",
                "spec: {ports: [{port: 80}]}",
                "spec: {type: LoadBalancer, externalTrafficPolicy: Cluster, internalTrafficPolicy: Cluster, allocateLoadBalancerNodePorts: true, sessionAffinity: None, clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, ports: [{port: 80, protocol: TCP, targetPort: 80, nodePort: 30080}]}",
                &[
                    "extra spec.clusterIP (allocated)",
                    "extra spec.ipFamilies (allocated)",
                    "extra spec.ipFamilyPolicy (allocated)",
                    "extra spec.ports[port=80,protocol=TCP].nodePort (allocated)",
                    "extra spec.type",
                ],
            ),
            (
                "a default of another type is none",
                "spec: {type: ClusterIP, ports: [{port: 80, targetPort: web}]}",
                "spec: {type: ClusterIP, externalTrafficPolicy: Cluster, ports: [{port: 80, protocol: TCP, targetPort: web}]}",
                &["extra spec.externalTrafficPolicy"],
            ),
            (
                "client affinity asks for a timeout",
                "spec: {sessionAffinity: ClientIP, ports: [{port: 80}]}",
                "spec: {sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}, ports: [{port: 80, protocol: TCP, targetPort: 80}]}",
                &[],
            ),
        ],
    );
    check(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}",
        &[
            (
                "Recreate has no rolling update",
                "spec: {strategy: {type: Recreate}}",
                "spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}, replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600}",
                &["changed spec.strategy.type"],
            ),
            ("Recreate by hand", "spec: {}", "spec: {strategy: {type: Recreate}}", &["extra spec.strategy.type"]),
        ],
    );
    check_pod_specs(&[
        (
            "the pull policy follows the tag",
            "{containers: [{name: a, image: 'a'}, {name: b, image: 'b:1'}, {name: c, image: 'c:1'}]}",
            "{containers: [{name: a, image: 'a', imagePullPolicy: Always}, {name: b, image: 'b:1', imagePullPolicy: IfNotPresent}, {name: c, image: 'c:1', imagePullPolicy: Always}]}",
            &["extra containers[name=c].imagePullPolicy"],
        ),
        (
            "the pull policy follows the tag of the live image too",
            "{containers: [{name: a, image: 'a:1'}]}",
            "{containers: [{name: a, image: 'a:latest', imagePullPolicy: Always}]}",
            &["changed containers[name=a].image"],
        ),
        (
            "a host port off the host's network is somebody's",
            "{containers: [{name: w, ports: [{containerPort: 80}]}]}",
            "{containers: [{name: w, ports: [{containerPort: 80, hostPort: 80, protocol: TCP}]}]}",
            &["extra containers[name=w].ports[containerPort=80,protocol=TCP].hostPort"],
        ),
        (
            "a request of another amount, or of something without limit, is not",
            "{containers: [{name: w, resources: {limits: {cpu: 1}}}]}",
            "{containers: [{name: w, resources: {limits: {cpu: '1'}, requests: {cpu: 500m, memory: 1Gi}}}]}",
            &["extra containers[name=w].resources.requests.cpu", "extra containers[name=w].resources.requests.memory"],
        ),
        (
            "of mirrored fields only the canonical one is told",
            "{serviceAccountName: a}",
            "{serviceAccountName: b, serviceAccount: b}",
            &["changed serviceAccountName"],
        ),
        (
            "an account that only live has",
            "{}",
            "{serviceAccountName: b, serviceAccount: b}",
            &["extra serviceAccountName"],
        ),
        ("the deprecated name in Git", "{serviceAccount: a}", "{serviceAccountName: a, serviceAccount: a}", &[]),
        (
            "the deprecated name in Git, another account live",
            "{serviceAccount: a}",
            "{serviceAccountName: b, serviceAccount: b}",
            &["changed serviceAccountName"],
        ),
        ("the deprecated name in Git, no account live", "{serviceAccount: a}", "{}", &["removed serviceAccountName"]),
    ]);
}

#[test]
fn claim_templates_are_compared_as_the_claims_that_they_become() {
    check(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x}",
        &[
            (
                "what the server stores beside them",
                "spec: {volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}}]}",
                "spec: {volumeClaimTemplates: [{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: d, creationTimestamp: null}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, volumeMode: Filesystem}, status: {phase: Pending}}]}",
                &[],
            ),
            (
                "one difference at the list",
                "spec: {volumeClaimTemplates: [{metadata: {name: d}, spec: {resources: {requests: {storage: 1Gi}}}}]}",
                "spec: {volumeClaimTemplates: [{metadata: {name: d}, spec: {storageClassName: slow, resources: {requests: {storage: 2Gi}}}}]}",
                &["changed spec.volumeClaimTemplates"],
            ),
            (
                "a class that only live has is somebody's",
                "spec: {volumeClaimTemplates: [{metadata: {name: d}, spec: {volumeMode: Filesystem}}]}",
                "spec: {volumeClaimTemplates: [{metadata: {name: d}, spec: {volumeMode: Filesystem, storageClassName: slow}}]}",
                &["changed spec.volumeClaimTemplates"],
            ),
        ],
    );
}

#[test]
fn inside_atomic_lists_defaults_do_not_count_and_the_rest_is_one_difference() {
    check(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}",
        &[
            (
                "a protocol is filled in",
                "spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}], policyTypes: [Ingress]}",
                "spec: {podSelector: {}, ingress: [{ports: [{port: 80, protocol: TCP}]}], policyTypes: [Ingress]}",
                &[],
            ),
            (
                "another order is another list",
                "spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}, {ports: [{port: 81}]}]}",
                "spec: {podSelector: {}, ingress: [{ports: [{port: 81}]}, {ports: [{port: 80}]}]}",
                &["changed spec.ingress"],
            ),
        ],
    );
}

#[test]
fn an_autoscalers_metrics_are_a_set() {
    let cpu = "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}";
    let memory = "{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 512Mi}}}";
    let same_memory = "{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 0.5Gi}}}";
    let scaler = |metrics: &[&str]| {
        object(&format!(
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: x}}\nspec: {{maxReplicas: 9, metrics: [{}]}}",
            metrics.join(", ")
        ))
    };
    assert_eq!(differences(&scaler(&[cpu, memory]), &scaler(&[same_memory, cpu])), Vec::<String>::new());
    assert_eq!(differences(&scaler(&[cpu, memory]), &scaler(&[cpu, cpu])), ["changed spec.metrics"]);
}

#[test]
fn finalizers_are_a_set_and_built_in_ones_are_the_servers() {
    check(
        "apiVersion: v1\nkind: PersistentVolumeClaim",
        &[
            (
                "in any order",
                "metadata: {name: x, finalizers: [a/b, c/d]}",
                "metadata: {name: x, finalizers: [kubernetes.io/pvc-protection, c/d, a/b]}",
                &[],
            ),
            (
                "one more, one less",
                "metadata: {name: x, finalizers: [a/b]}",
                "metadata: {name: x, finalizers: [c/d]}",
                &["extra metadata.finalizers[=\"c/d\"]", "removed metadata.finalizers[=\"a/b\"]"],
            ),
            (
                "on an object without any",
                "metadata: {name: x}",
                "metadata: {name: x, finalizers: [kubernetes.io/pvc-protection, hold/on]}",
                &["extra metadata.finalizers[=\"hold/on\"]"],
            ),
        ],
    );
}

#[test]
fn what_the_cluster_keeps_of_an_object_is_no_drift() {
    check(
        "apiVersion: v1\nkind: PersistentVolumeClaim",
        &[(
            "a bound claim",
            "metadata: {name: x}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}",
            "metadata: {name: x, uid: u, resourceVersion: '1', annotations: {pv.kubernetes.io/bind-completed: 'yes', pv.kubernetes.io/bound-by-controller: 'yes', volume.kubernetes.io/storage-provisioner: p, volume.kubernetes.io/selected-node: n}, finalizers: [kubernetes.io/pvc-protection]}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, volumeName: pv-1, volumeMode: Filesystem, storageClassName: standard}\nstatus: {phase: Bound}",
            &["extra spec.storageClassName (allocated)", "extra spec.volumeName (allocated)"],
        )],
    );
    let job = |labels: &str, more: &str| {
        object(&format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: x, uid: u-1{labels}}}\nspec: {{template: {{metadata: {{{}}}, spec: {{restartPolicy: Never}}}}{more}}}",
            labels.trim_start_matches(", ")
        ))
    };
    let generated = ", labels: {batch.kubernetes.io/controller-uid: u-1, batch.kubernetes.io/job-name: x, controller-uid: u-1, job-name: x}";
    let filled = ", selector: {matchLabels: {batch.kubernetes.io/controller-uid: u-1}}, completions: 1, parallelism: 1, backoffLimit: 6, completionMode: NonIndexed, manualSelector: false, suspend: false, podReplacementPolicy: TerminatingOrFailed";
    let selector = "extra spec.selector.matchLabels[\"batch.kubernetes.io/controller-uid\"] (allocated)";
    assert_eq!(differences(&job("", ""), &job(generated, filled)), [selector]);
    let by_hand = job(", labels: {job-name: other, controller-uid: u-1}", "");
    assert_eq!(
        differences(&job("", ""), &by_hand),
        ["extra metadata.labels.job-name", "extra spec.template.metadata.labels.job-name"]
    );
}

#[test]
fn secrets_are_compared_as_fingerprints_under_data() {
    check(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}",
        &[
            ("one value in two spellings", "stringData: {a: hello}", "data: {a: aGVsbG8=}\ntype: Opaque", &[]),
            ("stringData wins", "data: {a: eA==}\nstringData: {a: hello}", "data: {a: aGVsbG8=}", &[]),
            ("null is the empty value", "data: {a: null}", "data: {a: ''}", &[]),
            (
                "another value, one more and one less",
                "stringData: {a: hello, b: x}",
                "data: {a: eA==, c: ''}",
                &["changed data.a", "extra data.c", "removed data.b"],
            ),
            ("base64 may be folded", "data: {a: \"aGVs\\nbG8=\"}", "data: {a: aGVsbG8=}", &[]),
            ("an absent key is not an empty one", "stringData: {a: ''}", "data: {}", &["removed data.a"]),
        ],
    );
}

#[test]
fn base64_may_be_folded_in_git() {
    check(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}",
        &[
            ("the same bytes", "binaryData: {a: \"aGVs\\nbG8=\\n\"}", "binaryData: {a: aGVsbG8=}", &[]),
            (
                "other bytes",
                "binaryData: {a: aGVsbG8=, b: eA==}",
                "binaryData: {a: eA==, b: ''}",
                &["changed binaryData.a", "changed binaryData.b"],
            ),
        ],
    );
}

#[test]
fn delivery_tools_stamps_and_built_in_bookkeeping_are_told_apart_from_peoples_marks() {
    check(
        "apiVersion: apps/v1\nkind: Deployment",
        &[(
            "labels and annotations",
            "metadata: {name: x}",
            "metadata: {name: x, labels: {app.kubernetes.io/managed-by: Helm, argocd.argoproj.io/instance: i, mine: m}, annotations: {deployment.kubernetes.io/revision: '3', argocd.argoproj.io/tracking-id: t, meta.helm.sh/release-name: r, mine: m, kubectl.kubernetes.io/last-applied-configuration: '{}'}}",
            &[
                "extra metadata.annotations.mine",
                "extra metadata.annotations[\"argocd.argoproj.io/tracking-id\"] (stamp)",
                "extra metadata.annotations[\"meta.helm.sh/release-name\"] (stamp)",
                "extra metadata.labels.mine",
                "extra metadata.labels[\"app.kubernetes.io/managed-by\"] (stamp)",
                "extra metadata.labels[\"argocd.argoproj.io/instance\"] (stamp)",
            ],
        )],
    );
}

#[test]
fn an_unknown_kind_is_compared_to_the_letter() {
    check(
        "apiVersion: nowhere.example.com/v1\nkind: Thing",
        &[(
            "maps are descended, lists are whole",
            "metadata: {name: x}\nspec: {a: 1000m, list: [{name: a}, {name: b}], map: {x: 1}}",
            "metadata: {name: x, uid: u}\nspec: {a: '1', list: [{name: b}, {name: a}], map: {x: 1, z: 2}}\nstatus: {a: 1}",
            &["changed spec.a", "changed spec.list", "extra spec.map.z"],
        )],
    );
}

#[test]
fn a_list_is_taken_apart_wherever_it_stands() {
    use anchorwatch_core::source;
    let text = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}]}
    ]}"#;
    let contents = source::read(0, text.as_bytes(), &crate::world::key());
    let names: Vec<_> = contents.objects.iter().map(|o| o.head().name.to_owned()).collect();
    assert_eq!((names, contents.problems), (vec!["a".to_owned(), "b".to_owned()], Vec::new()));
}

#[test]
fn a_config_map_of_ten_megabytes_is_one_difference() {
    let text = "x".repeat(10 << 20);
    let with = |value: String| {
        let mut root = object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}");
        let Some(Value::Map(data)) = root.get_mut("data") else { unreachable!("it was written so") };
        data.insert("big".into(), Value::String(value.into()).into());
        root
    };
    let (git, live) = (with(text.clone()), with(text.clone() + "y"));
    assert_eq!(differences(&git, &live), ["changed data.big"]);
    assert_eq!(differences(&git, &with(text)), Vec::<String>::new());
}

/// Takes minutes if it is quadratic in anything but what a cache line holds.
#[test]
fn long_lists_in_reversed_order_are_compared_at_once() {
    let list = |element: &dyn Fn(usize) -> String, reversed: bool| {
        let mut all: Vec<String> = (0..5_000).map(element).collect();
        if reversed {
            all.reverse();
        }
        format!("[{}]", all.join(", "))
    };
    let keyed = |n: usize| format!("{{name: E{n}, value: v}}");
    let with_one_key = |n: usize| format!("{{name: E, value: v{n}}}");
    for element in [&keyed as &dyn Fn(usize) -> String, &with_one_key] {
        let spec = |reversed| in_template(&format!("{{containers: [{{name: w, env: {}}}]}}", list(element, reversed)));
        assert_eq!(differences(&spec(false), &spec(true)), Vec::<String>::new());
    }
    let crew = |reversed| {
        let members = list(&|n| format!("m{n}"), reversed);
        object(&format!(
            "apiVersion: sea.example.com/v1\nkind: Anchor\nmetadata: {{name: x}}\nspec: {{crew: {members}}}"
        ))
    };
    assert_eq!(differences(&crew(false), &crew(true)), Vec::<String>::new());
}

/// What `SetDefaults_Pod` fills in for a Pod, and for no template of Pods: harvested from every minor.
#[test]
fn requests_and_host_ports_are_filled_in_for_pods_only() {
    let rows: &[Row] = &[
        (
            "a request that is not written is its limit",
            "spec: {containers: [{name: w, resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 0.5}}}]}",
            "spec: {containers: [{name: w, resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 500m, memory: 1Gi}}}]}",
            &[],
        ),
        (
            "on the host's network a port is the host's",
            "spec: {hostNetwork: true, containers: [{name: w, ports: [{containerPort: 80}]}]}",
            "spec: {hostNetwork: true, containers: [{name: w, ports: [{containerPort: 80, hostPort: 80, protocol: TCP}]}]}",
            &[],
        ),
    ];
    check("apiVersion: v1\nkind: Pod\nmetadata: {name: x}", rows);
    check_pod_specs(&[
        (
            "a request like its limit is somebody's",
            "{containers: [{name: w, resources: {limits: {cpu: 1}}}]}",
            "{containers: [{name: w, resources: {limits: {cpu: 1}, requests: {cpu: 1}}}]}",
            &["extra containers[name=w].resources.requests.cpu"],
        ),
        (
            "a host port like its port is somebody's",
            "{hostNetwork: true, containers: [{name: w, ports: [{containerPort: 80}]}]}",
            "{hostNetwork: true, containers: [{name: w, ports: [{containerPort: 80, hostPort: 80, protocol: TCP}]}]}",
            &["extra containers[name=w].ports[containerPort=80,protocol=TCP].hostPort"],
        ),
        (
            "a volume whose source is null has none",
            "{volumes: [{name: v, emptyDir: null}]}",
            "{volumes: [{name: v, emptyDir: {}}]}",
            &[],
        ),
    ]);
}

#[test]
fn a_limit_range_is_filled_in_from_the_maximum_and_the_minimum() {
    let rows: &[Row] = &[
        (
            "limits are maxima, and requests limits",
            "spec: {limits: [{type: Container, max: {cpu: 2}, min: {cpu: 100m}}]}",
            "spec: {limits: [{type: Container, max: {cpu: '2'}, min: {cpu: 100m}, default: {cpu: '2'}, defaultRequest: {cpu: '2'}}]}",
            &[],
        ),
        (
            "requests are minima without any limit",
            "spec: {limits: [{type: Container, min: {cpu: 100m}}]}",
            "spec: {limits: [{type: Container, min: {cpu: 100m}, defaultRequest: {cpu: 100m}}]}",
            &[],
        ),
        (
            "a limit like the minimum is somebody's",
            "spec: {limits: [{type: Container, max: {cpu: 2}, min: {cpu: 100m}}]}",
            "spec: {limits: [{type: Container, max: {cpu: 2}, min: {cpu: 100m}, default: {cpu: 100m}, defaultRequest: {cpu: 100m}}]}",
            &["changed spec.limits"],
        ),
        (
            "a request like the maximum is somebody's",
            "spec: {limits: [{type: Container, max: {cpu: 2}, default: {cpu: 500m}}]}",
            "spec: {limits: [{type: Container, max: {cpu: 2}, default: {cpu: 500m}, defaultRequest: {cpu: 2}}]}",
            &["changed spec.limits"],
        ),
        (
            "a Pod's limits have no defaults",
            "spec: {limits: [{type: Pod, max: {cpu: 2}}]}",
            "spec: {limits: [{type: Pod, max: {cpu: 2}, default: {cpu: 2}}]}",
            &["changed spec.limits"],
        ),
    ];
    check("apiVersion: v1\nkind: LimitRange\nmetadata: {name: x}", rows);
}

#[test]
fn a_replication_controller_has_its_templates_labels_until_somebody_changes_them() {
    let template = "template: {metadata: {labels: {app: a, tier: b}}, spec: {containers: []}}";
    let git = format!("metadata: {{name: x}}\nspec: {{{template}}}");
    let live = |labels: &str, selector: &str| {
        format!("metadata: {{name: x, labels: {labels}}}\nspec: {{selector: {selector}, {template}}}")
    };
    let own = "{app: a, tier: b}";
    for (labels, selector, expected) in [
        (own, own, vec![]),
        ("{app: a, tier: b, by-hand: c}", own, vec!["extra metadata.labels.by-hand"]),
        (own, "{app: a, tier: b, by-hand: c}", vec!["extra spec.selector.by-hand"]),
        (own, "{app: a}", vec!["extra spec.selector.app"]),
    ] {
        let read = |body: &str| object(&format!("apiVersion: v1\nkind: ReplicationController\n{body}"));
        assert_eq!(differences(&read(&git), &read(&live(labels, selector))), expected, "{labels} {selector}");
    }
}

#[test]
fn a_controllers_finalizer_is_its_own_on_its_own_kind() {
    for (kind, metadata, expected) in [
        ("PersistentVolumeClaim", "finalizers: [kubernetes.io/pvc-protection]", vec![]),
        (
            "ConfigMap",
            "finalizers: [kubernetes.io/pvc-protection]",
            vec!["extra metadata.finalizers[=\"kubernetes.io/pvc-protection\"]"],
        ),
        ("ConfigMap", "finalizers: [foregroundDeletion]", vec!["extra metadata.finalizers[=\"foregroundDeletion\"]"]),
        ("ConfigMap", "finalizers: [foregroundDeletion], deletionTimestamp: '2026-01-01T00:00:00Z'", vec![]),
        (
            "ConfigMap",
            "annotations: {deployment.kubernetes.io/note: hi}",
            vec!["extra metadata.annotations[\"deployment.kubernetes.io/note\"]"],
        ),
    ] {
        let read = |more: &str| object(&format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: x{more}}}"));
        assert_eq!(differences(&read(""), &read(&format!(", {metadata}"))), expected, "{kind} {metadata}");
    }
}
