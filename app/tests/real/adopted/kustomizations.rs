//! What kustomize renders.

use super::{Bench, Row};

const PROD: &str = "overlays/prod";
const OWN: &str = "overlays/prod/kustomization.yaml";

const WORKER_PATCH: &str = "overlays/prod/deployment-worker-patch.yaml";
const SERVICE_PATCH: &str = "overlays/prod/service-web-patch.yaml";
const PATCHES: &str = "        value: high # not the highest\n";

const RESOURCES: &str = "  - own.yaml\n  - alone.yaml\n";

pub(super) const ROWS: &[(&str, Row)] = &[
    (
        "an object that Git does not have: a resource more",
        Row {
            source: PROD,
            arguments: &["--unmanaged"],
            live: &[(
                "ConfigMap/prod-hand",
                r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "prod-hand", "namespace": "shop", "uid": "1", "resourceVersion": "7"}, "data": {"b": "1", "a": "yes"}}"#,
            )],
            files: &[
                (OWN, RESOURCES, "  - own.yaml\n  - alone.yaml\n  - configmap-hand.yaml\n"),
                (
                    "overlays/prod/configmap-hand.yaml",
                    "",
                    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hand\ndata:\n  a: \"yes\"\n  b: \"1\"\n",
                ),
            ],
            ..Row::NONE
        },
    ),
    (
        "an object that Git does not have, and that would be called otherwise",
        Row {
            source: PROD,
            arguments: &["--unmanaged"],
            live: &[(
                "ConfigMap/hand",
                r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hand", "namespace": "shop"}, "data": {"a": "b"}}"#,
            )],
            left: &[("", "it would not be there by this name and namespace")],
            ..Row::NONE
        },
    ),
    (
        "an image's tag, by the entry that sets it",
        Row {
            source: PROD,
            live: &[(
                "Deployment/prod-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "shop/web:2.0"}]"#,
            )],
            files: &[(OWN, "newTag: \"1.5\"", "newTag: \"2.0\"")],
            ..Row::NONE
        },
    ),
    (
        "another image, with a digest",
        Row {
            source: PROD,
            live: &[(
                "Deployment/prod-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "fork/web@sha256:0f5f8d7a1c2b3e4d5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6"}]"#,
            )],
            files: &[(
                OWN,
                "    newTag: \"1.5\"\n",
                "    newName: fork/web\n    digest: sha256:0f5f8d7a1c2b3e4d5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6\n",
            )],
            ..Row::NONE
        },
    ),
    (
        "an image that an entry gives to another container, too",
        Row {
            source: PROD,
            live: &[(
                "Deployment/prod-worker",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/1/image", "value": "shop/logs:2"}]"#,
            )],
            left: &[(
                "spec.template.spec.containers[name=logs].image",
                "Deployment/prod-worker spec.template.spec.initContainers[name=first].image would differ, too",
            )],
            ..Row::NONE
        },
    ),
    (
        "both of them",
        Row {
            source: PROD,
            live: &[(
                "Deployment/prod-worker",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/1/image", "value": "shop/logs:2"}, {"op": "replace", "path": "/spec/template/spec/initContainers/0/image", "value": "shop/logs:2"}]"#,
            )],
            files: &[(OWN, "newTag: \"1.1\"", "newTag: \"2\"")],
            ..Row::NONE
        },
    ),
    (
        "replicas, by the entry that sets them",
        Row {
            source: PROD,
            live: &[("Deployment/prod-worker", r#"[{"op": "replace", "path": "/spec/replicas", "value": 5}]"#)],
            files: &[(OWN, "count: 3 #", "count: 5 #")],
            ..Row::NONE
        },
    ),
    (
        "replicas that no entry sets, in a base that others build upon",
        Row {
            source: PROD,
            live: &[("Deployment/prod-web", r#"[{"op": "replace", "path": "/spec/replicas", "value": 4}]"#)],
            files: &[(
                "overlays/prod/web.yaml",
                "limits: {memory: 256Mi}\n",
                "limits: {memory: 256Mi}\n  replicas: 4\n",
            )],
            ..Row::NONE
        },
    ),
    (
        "what a patch sets",
        Row {
            source: PROD,
            live: &[(
                "Deployment/prod-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "debug"}]"#,
            )],
            files: &[("overlays/prod/web.yaml", "value: warn ", "value: debug ")],
            ..Row::NONE
        },
    ),
    (
        "an element more, in a list that a patch has",
        Row {
            source: PROD,
            live: &[(
                "Deployment/prod-web",
                r#"[{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "HOTFIX", "value": "1"}}]"#,
            )],
            files: &[(
                "overlays/prod/web.yaml",
                "less of it\n",
                "less of it\n            - name: HOTFIX\n              value: \"1\"\n",
            )],
            ..Row::NONE
        },
    ),
    (
        "an operation that is written in place",
        Row {
            source: PROD,
            live: &[(
                "Deployment/prod-worker",
                r#"[{"op": "replace", "path": "/spec/template/spec/priorityClassName", "value": "low"}]"#,
            )],
            files: &[(OWN, "value: high #", "value: low #")],
            ..Row::NONE
        },
    ),
    (
        "a component's patch that nobody else uses",
        Row {
            source: PROD,
            live: &[(
                "Service/prod-web",
                r#"[{"op": "replace", "path": "/metadata/annotations/prometheus.io~1port", "value": "9090"}]"#,
            )],
            files: &[("components/metrics/scraped.yaml", "\"8080\"", "\"9090\"")],
            ..Row::NONE
        },
    ),
    (
        "a file of the folder",
        Row {
            source: PROD,
            live: &[(
                "ConfigMap/prod-own",
                r#"[{"op": "replace", "path": "/data/k", "value": "w"}, {"op": "add", "path": "/data/more", "value": "yes"}]"#,
            )],
            files: &[(
                "overlays/prod/own.yaml",
                "  k: v   # the old one\n",
                "  k: w   # the old one\n  more: \"yes\"\n",
            )],
            ..Row::NONE
        },
    ),
    (
        "an object of a base that others build upon: a patch",
        Row {
            source: PROD,
            live: &[(
                "Deployment/prod-worker",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "shop/worker:1.1"}]"#,
            )],
            files: &[
                (OWN, PATCHES, "        value: high # not the highest\n  - path: deployment-worker-patch.yaml\n"),
                (
                    WORKER_PATCH,
                    "",
                    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: worker\nspec:\n  template:\n    spec:\n      containers:\n      - name: worker\n        image: shop/worker:1.1\n",
                ),
            ],
            ..Row::NONE
        },
    ),
    (
        "two fields of it: one patch",
        Row {
            source: PROD,
            live: &[(
                "Service/prod-web",
                r#"[{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 9090}, {"op": "remove", "path": "/metadata/annotations/note"}]"#,
            )],
            files: &[
                (OWN, PATCHES, "        value: high # not the highest\n  - path: service-web-patch.yaml\n"),
                (
                    SERVICE_PATCH,
                    "",
                    "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  annotations:\n    note: null\nspec:\n  ports:\n  - name: http\n    port: 80\n    targetPort: 9090\n",
                ),
            ],
            ..Row::NONE
        },
    ),
    (
        "a whole list of such an object",
        Row {
            source: PROD,
            live: &[(
                "Deployment/prod-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": ["serve"]}]"#,
            )],
            files: &[(
                "overlays/prod/web.yaml",
                "limits: {memory: 256Mi}\n",
                "limits: {memory: 256Mi}\n          args:\n            - serve\n",
            )],
            ..Row::NONE
        },
    ),
    (
        "a file that is only used here, though it is elsewhere",
        Row {
            source: "single/overlay",
            live: &[(
                "Deployment/cart",
                r#"[{"op": "replace", "path": "/spec/replicas", "value": 3}, {"op": "replace", "path": "/spec/template/spec/containers/0/args/0", "value": "-q"}]"#,
            )],
            files: &[
                ("single/base/cart.yaml", "replicas: 2 #", "replicas: 3 #"),
                ("single/base/cart.yaml", "[\"-v\"]", "[\"-q\"]"),
            ],
            ..Row::NONE
        },
    ),
    (
        "a literal of a generator",
        Row {
            source: PROD,
            live: &[(
                "ConfigMap/prod-plain",
                r#"[{"op": "replace", "path": "/data/LEVEL", "value": "debug"}, {"op": "add", "path": "/data/NEW", "value": "1"}]"#,
            )],
            files: &[(OWN, "      - LEVEL=info\n", "      - LEVEL=debug\n      - NEW=1\n")],
            ..Row::NONE
        },
    ),
    (
        "files of a generator",
        Row {
            source: PROD,
            live: &[(
                "ConfigMap/prod-plain",
                r#"[{"op": "replace", "path": "/data/motd.txt", "value": "Hello\n"}, {"op": "replace", "path": "/data/FLAG", "value": "off"}]"#,
            )],
            files: &[
                ("overlays/prod/motd.txt", "Welcome", "Hello"),
                ("overlays/prod/plain.env", "FLAG=on", "FLAG=off"),
            ],
            ..Row::NONE
        },
    ),
    (
        "what is named after its contents",
        Row {
            source: PROD,
            live: &[("ConfigMap/prod-hashed-4h2mbtbbt6", r#"[{"op": "replace", "path": "/data/a", "value": "c"}]"#)],
            left: &[(
                "data.a",
                "overlays/prod/kustomization.yaml generates it, and its name ends in a hash of what it holds",
            )],
            ..Row::NONE
        },
    ),
    (
        "objects that are gone",
        Row {
            source: PROD,
            live: &[("ConfigMap/prod-alone", ""), ("ConfigMap/prod-second", ""), ("ConfigMap/prod-settings", "")],
            files: &[
                (OWN, "  - alone.yaml\n", ""),
                (OWN, PATCHES, "        value: high # not the highest\n  - path: configmap-settings-patch.yaml\n"),
                (
                    "overlays/prod/own.yaml",
                    "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: second\ndata: {k: v}\n",
                    "",
                ),
                (
                    "overlays/prod/configmap-settings-patch.yaml",
                    "",
                    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n$patch: delete\n",
                ),
            ],
            ..Row::NONE
        },
    ),
    (
        "several objects and files at once, and what may not be written",
        Row {
            source: PROD,
            live: &[
                (
                    "Deployment/prod-web",
                    r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "shop/web:2.0"}, {"op": "remove", "path": "/spec/template/spec/containers/0/env/1"}, {"op": "remove", "path": "/spec/template/spec/containers/0/resources"}]"#,
                ),
                ("Deployment/prod-worker", r#"[{"op": "replace", "path": "/spec/replicas", "value": 5}]"#),
                (
                    "ConfigMap/prod-own",
                    r#"[{"op": "add", "path": "/data/password", "value": "correct-horse-battery"}]"#,
                ),
            ],
            files: &[
                (OWN, "newTag: \"1.5\"", "newTag: \"2.0\""),
                (OWN, "count: 3", "count: 5"),
                (
                    "overlays/prod/web.yaml",
                    "less of it\n          resources:\n            limits: {memory: 256Mi}\n",
                    "less of it\n            - name: REGION\n              $patch: delete\n",
                ),
            ],
            left: &[("data.password", "looks like a credential")],
            ..Row::NONE
        },
    ),
];

#[test]
fn what_kustomize_renders_is_adopted_where_it_is_said() {
    Bench::of("kustomize").check(ROWS);
}
