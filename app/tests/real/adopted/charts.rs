//! What Helm renders.

use super::{Bench, Row};

const CHART: Row = Row { source: "shop", arguments: &["--release-name=rel"], ..Row::NONE };
const PROD: Row = Row { source: "shop", arguments: &["--release-name=rel", "--values", "envs/prod.yaml"], ..Row::NONE };

const OWN: &str = "shop/values.yaml";
const GIVEN: &str = "envs/prod.yaml";

pub(super) const ROWS: &[(&str, Row)] = &[
    (
        "an object that Git does not have",
        Row {
            arguments: &["--release-name=rel", "--unmanaged"],
            live: &[(
                "ConfigMap/hand",
                r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hand", "namespace": "shop"}, "data": {"a": "b"}}"#,
            )],
            left: &[("", "nobody knows where the chart's templates should")],
            ..CHART
        },
    ),
    (
        "a number",
        Row {
            live: &[("Deployment/rel-web", r#"[{"op": "replace", "path": "/spec/replicas", "value": 3}]"#)],
            files: &[(OWN, "replicas: 2 #", "replicas: 3 #")],
            ..CHART
        },
    ),
    (
        "a number that a values file sets",
        Row {
            live: &[("Deployment/rel-web", r#"[{"op": "replace", "path": "/spec/replicas", "value": 5}]"#)],
            files: &[(GIVEN, "replicas: 4", "replicas: 5")],
            ..PROD
        },
    ),
    (
        "the tag of an image",
        Row {
            live: &[(
                "Deployment/rel-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "shop/web:2.0"}]"#,
            )],
            files: &[(OWN, "tag: \"1.0\"", "tag: \"2.0\"")],
            ..CHART
        },
    ),
    (
        "the tag of an image, over what others use",
        Row {
            live: &[(
                "Deployment/rel-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "shop/web:2.0"}]"#,
            )],
            files: &[(GIVEN, "      value: warn\n", "      value: warn\n  image:\n    tag: \"2.0\"\n")],
            ..PROD
        },
    ),
    (
        "the whole of an image",
        Row {
            live: &[(
                "Deployment/rel-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "fork/web:2.0"}]"#,
            )],
            files: &[(OWN, "shop/web", "fork/web"), (OWN, "tag: \"1.0\"", "tag: \"2.0\"")],
            ..CHART
        },
    ),
    (
        "elements of a list that is printed as it is",
        Row {
            live: &[(
                "Deployment/rel-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "debug"}, {"op": "remove", "path": "/spec/template/spec/containers/0/env/1"}, {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "HOTFIX", "value": "1"}}]"#,
            )],
            files: &[
                (OWN, "value: info ", "value: debug "),
                (OWN, "    - name: REGION\n      value: eu\n", "    - name: HOTFIX\n      value: \"1\"\n"),
            ],
            ..CHART
        },
    ),
    (
        "an element of a values file's list",
        Row {
            live: &[(
                "Deployment/rel-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "debug"}]"#,
            )],
            files: &[(GIVEN, "value: warn", "value: debug")],
            ..PROD
        },
    ),
    (
        "a map of which the template makes a list",
        Row {
            live: &[(
                "Deployment/rel-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/env/2/value", "value": "slow"}, {"op": "remove", "path": "/spec/template/spec/containers/0/env/3"}]"#,
            )],
            files: &[(OWN, "{MODE: fast, ZONE: a}", "{MODE: slow}")],
            ..CHART
        },
    ),
    (
        "a values file that says nothing yet",
        Row {
            source: "shop",
            arguments: &["--release-name=rel", "--values", "envs/empty.yaml"],
            live: &[("Deployment/rel-web", r#"[{"op": "replace", "path": "/spec/replicas", "value": 3}]"#)],
            files: &[("envs/empty.yaml", "# Nothing yet.\n", "# Nothing yet.\nweb:\n  replicas: 3\n")],
            ..Row::NONE
        },
    ),
    (
        "a value that drives another object, too",
        Row {
            live: &[(
                "Deployment/rel-web",
                r#"[{"op": "replace", "path": "/spec/progressDeadlineSeconds", "value": 60}]"#,
            )],
            left: &[("spec.progressDeadlineSeconds", "ConfigMap/rel-settings data.grace would differ, too")],
            ..CHART
        },
    ),
    (
        "a value that drives two fields that are meant",
        Row {
            live: &[
                ("Deployment/rel-web", r#"[{"op": "replace", "path": "/spec/progressDeadlineSeconds", "value": 60}]"#),
                ("ConfigMap/rel-settings", r#"[{"op": "replace", "path": "/data/grace", "value": "60"}]"#),
            ],
            files: &[(OWN, "grace: 30", "grace: 60")],
            ..CHART
        },
    ),
    (
        "what a template has a default for",
        Row {
            live: &[("Deployment/rel-web", r#"[{"op": "replace", "path": "/spec/minReadySeconds", "value": 10}]"#)],
            files: &[(OWN, "port 8080\"\n", "port 8080\"\n  minReady: 10\n")],
            ..CHART
        },
    ),
    (
        "a text that is a template",
        Row {
            live: &[(
                "Deployment/rel-web",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/env/4/value", "value": "rel at port 9090"}]"#,
            )],
            files: &[(OWN, "port 8080", "port 9090")],
            ..CHART
        },
    ),
    (
        "values of a chart in the chart",
        Row {
            live: &[(
                "StatefulSet/rel-db",
                r#"[{"op": "replace", "path": "/spec/replicas", "value": 2}, {"op": "replace", "path": "/spec/template/spec/containers/0/resources/requests/memory", "value": "2Gi"}]"#,
            )],
            files: &[(OWN, "  size: 1Gi\n", "  size: 2Gi\n  replicas: 2\n")],
            ..CHART
        },
    ),
    (
        "annotations and resources that are printed as they are",
        Row {
            live: &[(
                "Deployment/rel-web",
                r#"[{"op": "add", "path": "/spec/template/metadata/annotations", "value": {"team": "a"}}, {"op": "add", "path": "/spec/template/spec/containers/0/resources/limits/cpu", "value": "1"}, {"op": "remove", "path": "/spec/template/spec/containers/0/resources/limits/memory"}]"#,
            )],
            files: &[
                (OWN, "annotations: {}", "annotations:\n    team: a"),
                (OWN, "limits: {memory: 256Mi}", "limits: {cpu: \"1\"}"),
            ],
            ..CHART
        },
    ),
    (
        "a loop",
        Row {
            live: &[(
                "ConfigMap/rel-settings",
                r#"[{"op": "replace", "path": "/data/motto", "value": "one for all"}, {"op": "remove", "path": "/data/colour"}, {"op": "add", "path": "/data/more", "value": "yes"}]"#,
            )],
            files: &[(OWN, "  motto: all for one\n  colour: blue\n", "  motto: one for all\n  more: \"yes\"\n")],
            ..CHART
        },
    ),
    (
        "what is not to be, over what others use",
        Row {
            live: &[("ConfigMap/rel-settings", r#"[{"op": "remove", "path": "/data/colour"}]"#)],
            files: &[(GIVEN, "      value: warn\n", "      value: warn\nsettings:\n  colour: null\n")],
            ..PROD
        },
    ),
    (
        "objects that are gone",
        Row {
            live: &[("ConfigMap/rel-settings", ""), ("StatefulSet/rel-db", "")],
            files: &[(
                OWN,
                "config:\n  enabled: true\ndb:\n  enabled: true",
                "config:\n  enabled: false\ndb:\n  enabled: false",
            )],
            ..CHART
        },
    ),
    (
        "what a template says itself",
        Row {
            live: &[
                (
                    "Deployment/rel-web",
                    r#"[{"op": "replace", "path": "/spec/template/spec/terminationGracePeriodSeconds", "value": 60}, {"op": "add", "path": "/spec/template/spec/hostNetwork", "value": true}, {"op": "replace", "path": "/spec/replicas", "value": 3}]"#,
                ),
                (
                    "ConfigMap/rel-settings",
                    r#"[{"op": "add", "path": "/data/password", "value": "correct-horse-battery"}]"#,
                ),
            ],
            files: &[(OWN, "replicas: 2 #", "replicas: 3 #")],
            left: &[
                ("data.password", "looks like a credential"),
                ("spec.template.spec.hostNetwork", "templates/web.yaml"),
                ("spec.template.spec.terminationGracePeriodSeconds", "templates/web.yaml:23 hard-codes it"),
            ],
            ..CHART
        },
    ),
];

#[test]
fn what_helm_renders_is_adopted_in_the_values_that_drive_it() {
    Bench::of("helm").check(ROWS);
}
