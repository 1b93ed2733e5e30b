//! What is worth a try to change a rendering, without a tool that renders.

use anchorwatch_core::object::path::{Path, Step};
use anchorwatch_core::object::value::Value;
use anchorwatch_core::source::edit::{Change, Edit, objects};
use anchorwatch_core::source::rendered::kustomization::{Kustomized, candidates};
use anchorwatch_core::source::rendered::{Aim, Files};

const BASE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n";
const RENDERED: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: my-a}\ndata: {k: v}\n";

fn files(files: &[(&str, &str)]) -> Files {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn set(path: &[&str], value: &'static str) -> Edit {
    let path = Path(path.iter().map(|name| Step::Field((*name).to_owned())).collect());
    Edit { path, change: Change::Set(Value::String(value.into())) }
}

/// The files that each candidate changes, in their order.
fn changed(own: &[(&str, &str)], others: &[(&str, &str)], saw_all: bool) -> Vec<String> {
    let (own, others) = (files(own), files(others));
    let source = Kustomized { files: &own, folder: "prod", others: &others, saw_all };
    let object = objects(RENDERED).unwrap().remove(0).1.value;
    let edit = set(&["data", "k"], "w");
    let found = candidates(source, &Aim::new(&object, Some(&edit)).unwrap()).unwrap();
    let names = found.all.iter().map(|files| files.keys().cloned().collect::<Vec<_>>().join("+"));
    names.chain(found.refusals).collect()
}

const PROD: (&str, &str) = ("prod/kustomization.yaml", "resources: [../base]\nnamePrefix: my-\n");
const OF_BASE: [(&str, &str); 2] = [("base/kustomization.yaml", "resources: [a.yaml]\n"), ("base/a.yaml", BASE)];
const PATCHED: &str = "prod/configmap-a-patch.yaml+prod/kustomization.yaml";

#[test]
fn a_base_is_changed_only_where_nobody_else_builds_upon_it() {
    let own = [&[PROD], &OF_BASE[..]].concat();
    let patches = [PATCHED, PATCHED];
    assert_eq!(changed(&own, &[], true), [&["base/a.yaml"], &patches[..]].concat());
    let elsewhere = [
        ("directly", vec![("test/kustomization.yaml", "resources: [../base/]\n")]),
        ("as a file", vec![("test/kustomization.yaml", "patches: [{path: ../base/a.yaml}]\n")]),
        (
            "by another one",
            vec![
                ("test/kustomization.yaml", "bases: [../middle]\n"),
                ("middle/kustomization.yaml", "components: [../base]\n"),
            ],
        ),
    ];
    for (how, others) in elsewhere {
        assert_eq!(changed(&own, &others, true), patches, "{how}");
    }
    assert_eq!(changed(&own, &[], false), patches, "nobody knows");
}

#[test]
fn what_others_take_from_within_the_folder_is_not_changed_but_what_they_have_through_it_is() {
    let own = [
        ("prod/kustomization.yaml", "resources: [inner]\nnamePrefix: my-\n"),
        ("prod/inner/kustomization.yaml", "resources: [a.yaml]\n"),
        ("prod/inner/a.yaml", BASE),
    ];
    let through = [("test/kustomization.yaml", "resources: [../prod]\n")];
    assert_eq!(changed(&own, &through, true)[0], "prod/inner/a.yaml");
    assert_eq!(changed(&own, &[], false)[0], "prod/inner/a.yaml");
    let within = [("test/kustomization.yaml", "resources: [../prod/inner]\n")];
    assert_eq!(changed(&own, &within, true), [PATCHED, PATCHED]);
}

#[test]
fn what_is_fetched_is_patched() {
    let own = [("prod/kustomization.yaml", "resources: ['https://h/x?ref=a']\nnamePrefix: my-\n")];
    assert_eq!(changed(&own, &[], true), [PATCHED, PATCHED]);
}

#[test]
fn a_new_patch_is_merged_or_else_an_operation() {
    let own = files(&[("prod/kustomization.yaml", "resources: ['https://h/x?ref=a']\nnamePrefix: my-\n")]);
    let source = Kustomized { files: &own, folder: "prod", others: &Files::new(), saw_all: true };
    let object = objects(RENDERED).unwrap().remove(0).1.value;
    let edit = set(&["data", "k"], "w");
    let found = candidates(source, &Aim::new(&object, Some(&edit)).unwrap()).unwrap();
    let patches: Vec<&str> = found.all.iter().map(|files| files["prod/configmap-a-patch.yaml"].as_str()).collect();
    let merged = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: w\n";
    assert_eq!(patches, [merged, "- op: replace\n  path: \"/data/k\"\n  value: \"w\"\n"]);
    let listed = &found.all[1]["prod/kustomization.yaml"];
    assert!(
        listed.ends_with("patches:\n- path: configmap-a-patch.yaml\n  target:\n    kind: ConfigMap\n    name: a\n"),
        "{listed}"
    );
}

#[test]
fn a_sealed_file_is_not_changed_and_said_to_be_so() {
    let sealed = format!("{BASE}sops: {{mac: x}}\n");
    let own = [("prod/kustomization.yaml", "resources: [a.yaml]\n"), ("prod/a.yaml", &sealed)];
    let found = changed(&own, &[], true);
    assert!(!found.contains(&"prod/a.yaml".to_owned()), "{found:?}");
    assert!(found.last().unwrap().starts_with("prod/a.yaml: SOPS sealed"), "{found:?}");
}

#[test]
fn a_patch_that_sets_the_field_comes_first() {
    let patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n";
    let kustomization = "resources: [../base]\nnamePrefix: my-\npatches: [{path: p.yaml}]\n";
    let own = [&[("prod/kustomization.yaml", kustomization), ("prod/p.yaml", patch)], &OF_BASE[..]].concat();
    assert_eq!(changed(&own, &[], true)[..2], ["prod/p.yaml", "base/a.yaml"]);
}

#[test]
fn a_patch_in_place_is_changed_where_it_is_written() {
    let kustomization = "resources: [../base]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: a} # ours\n    data: {k: v}\n";
    let own = files(&[&[("prod/kustomization.yaml", kustomization)], &OF_BASE[..]].concat());
    let source = Kustomized { files: &own, folder: "prod", others: &Files::new(), saw_all: true };
    let object = objects(RENDERED).unwrap().remove(0).1.value;
    let edit = set(&["data", "k"], "w");
    let found = candidates(source, &Aim::new(&object, Some(&edit)).unwrap()).unwrap();
    assert_eq!(found.all[0]["prod/kustomization.yaml"], kustomization.replace("{k: v}", "{k: w}"));
}
