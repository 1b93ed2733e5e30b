//! Kustomizations that build upon each other, some of them shared.

use super::{Bench, Row};

const LAYERS: &[(&str, Row)] = &[
    (
        "an image that a shared layer sets: a patch, though its object says another namespace",
        Row {
            source: "east",
            live: &[(
                "StatefulSet/app-east",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "app:9"}]"#,
            )],
            files: &[
                (
                    "east/kustomization.yaml",
                    "namespace: shop\n",
                    "namespace: shop\npatches:\n- path: statefulset-app-patch.yaml\n",
                ),
                (
                    "east/statefulset-app-patch.yaml",
                    "",
                    "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: app\n  namespace: here\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: app:9\n",
                ),
            ],
            ..Row::NONE
        },
    ),
    (
        "a custom resource: a key that goes, and a list as a whole",
        Row {
            source: "east",
            live: &[(
                "Widget/wheel-east",
                r#"[{"op": "remove", "path": "/spec/colours/back"}, {"op": "replace", "path": "/spec/parts/1/size", "value": 3}]"#,
            )],
            files: &[
                (
                    "east/kustomization.yaml",
                    "namespace: shop\n",
                    "namespace: shop\npatches:\n- path: widget-wheel-patch.yaml\n",
                ),
                (
                    "east/widget-wheel-patch.yaml",
                    "",
                    "apiVersion: example.org/v1\nkind: Widget\nmetadata:\n  name: wheel\nspec:\n  colours:\n    back: null\n  parts:\n  - name: rim\n    size: 1\n  - name: hub\n    size: 3\n",
                ),
            ],
            ..Row::NONE
        },
    ),
    (
        "a layer that nobody else uses, and operations in a file",
        Row {
            source: "solo",
            live: &[(
                "StatefulSet/app",
                r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "app:4"}, {"op": "replace", "path": "/spec/replicas", "value": 5}, {"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "c"}]"#,
            )],
            files: &[
                ("solo-middle/kustomization.yaml", "newTag: \"3\"", "newTag: \"4\""),
                ("solo-middle/operations.yaml", "value: 2}", "value: 5}"),
                ("solo-middle/operations.yaml", "value: b", "value: c"),
            ],
            ..Row::NONE
        },
    ),
    (
        "patches of the old form, as a file and in place",
        Row {
            source: "solo",
            live: &[
                (
                    "StatefulSet/app",
                    r#"[{"op": "replace", "path": "/spec/podManagementPolicy", "value": "OrderedReady"}]"#,
                ),
                ("Widget/wheel", r#"[{"op": "replace", "path": "/spec/colours/front", "value": "black"}]"#),
            ],
            files: &[
                ("solo-middle/merged.yaml", "Parallel", "OrderedReady"),
                ("solo-middle/kustomization.yaml", "front: green", "front: black"),
            ],
            ..Row::NONE
        },
    ),
];

#[test]
fn what_lies_in_layers_is_changed_in_the_innermost_that_is_not_shared() {
    Bench::of("layers").check(LAYERS);
}
