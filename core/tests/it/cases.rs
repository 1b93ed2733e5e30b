//! Runs the folders of `src/cases`: what Git says, what the cluster has, and what must be found; no more and no less.

use std::fs;
use std::path::{Path, PathBuf};

use anchorwatch_core::drift::DriftItem;
use anchorwatch_core::drift::compare::{Pair, compare};
use anchorwatch_core::drift::examine::{NoPast, Setting, Subject, items, missing};
use anchorwatch_core::drift::item::SourceLocation;
use anchorwatch_core::drift::level::Bounds;
use anchorwatch_core::drift::origin::{Witness, created};
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::object::{GroupKind, Head, list};
use anchorwatch_core::ownership::parse_managed_fields;
use anchorwatch_core::schema::Schema;
use anchorwatch_core::schema::{catalogue, openapi};
use anchorwatch_core::source::{self, Desired};
use serde_json::Value as Json;

use crate::world::key;

/// A case must say these of every item; the rest where they matter.
const ALWAYS: &[&str] = &["resource_kind", "resource_name", "stable_path", "change"];

#[test]
fn every_case_finds_what_it_must_and_nothing_else() {
    let all = folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases"));
    assert!(all.len() >= 25, "only {} cases", all.len());
    let faults: Vec<String> = all.iter().flat_map(|folder| run(folder)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

pub(crate) fn folders(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.join("expected.json").exists() {
            found.push(path);
        } else if path.is_dir() {
            found.extend(folders(&path));
        }
    }
    found.sort();
    found
}

/// What is wrong with one case.
fn run(folder: &Path) -> Vec<String> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let expected: Json = serde_json::from_str(&read("expected.json")).unwrap();
    let mut found: Vec<Json> = scan(&read("git.yaml"), &read("live.json"), expected["namespace"].as_str().unwrap())
        .iter()
        .map(|item| serde_json::to_value(item).unwrap())
        .collect();
    let unread = read_managed_fields(&read("live.json"));
    assert_eq!(unread, 0, "{}: entries of managedFields that cannot be read", folder.display());
    let mut faults = hidden_words(&expected, &found);
    for wanted in expected["items"].as_array().unwrap() {
        let place = found.iter().position(|item| ALWAYS.iter().all(|key| item[key] == wanted[key]));
        match place {
            Some(at) => faults.extend(mismatches(wanted, &found.remove(at))),
            None => faults.push(format!("missed: {} {}", wanted["change"], wanted["stable_path"])),
        }
    }
    faults.extend(found.iter().map(|item| format!("false: {} {}", item["change"], item["stable_path"])));
    let name = folder.file_name().unwrap().display();
    faults.iter().map(|fault| format!("{name}: {fault}")).collect()
}

/// Entries of managedFields that cannot be read.
fn read_managed_fields(live: &str) -> usize {
    let items = list::items(live).unwrap();
    let objects = items.iter().map(|raw| LiveObject::parse(raw.get(), "", "", &key()).unwrap());
    objects.filter_map(|object| Some(parse_managed_fields(object.managed_fields?.get()).1)).sum()
}

fn mismatches(wanted: &Json, item: &Json) -> Vec<String> {
    let path = &wanted["stable_path"];
    let wanted = wanted.as_object().unwrap().iter();
    let differs = wanted.filter_map(|(key, value)| {
        let got = match key.as_str() {
            "manager" | "subresource" => &item["attribution"][key],
            "line" => &item["source"]["line"],
            "masked" => &Json::Bool(item["actual_value"].as_str().is_some_and(|v| v.starts_with("<SECRET "))),
            _ => &item[key],
        };
        (got != value).then(|| format!("{path}: {key} is {got}, must be {value}"))
    });
    differs.collect()
}

fn hidden_words(expected: &Json, found: &[Json]) -> Vec<String> {
    let printed = serde_json::to_string(found).unwrap();
    let words = expected["hidden"].as_array().into_iter().flatten().filter_map(Json::as_str);
    words.filter(|word| printed.contains(word)).map(|word| format!("{word:?} is printed")).collect()
}

fn scan(git: &str, live: &str, namespace: &str) -> Vec<DriftItem> {
    let contents = source::read(0, git.as_bytes(), &key());
    assert_eq!(contents.problems, []);
    let recorded: Vec<LiveObject<'_>> =
        list::items(live).unwrap().iter().map(|raw| LiveObject::parse(raw.get(), "", "", &key()).unwrap()).collect();
    examine(&contents.objects, &recorded, namespace)
}

/// What the app does, on one thread and without files.
pub(crate) fn examine(git: &[Desired<'_>], live: &[LiveObject<'_>], namespace: &str) -> Vec<DriftItem> {
    let mut schema = catalogue::load(None).0;
    for object in live {
        if object.root.str("kind") == Some("CustomResourceDefinition") {
            openapi::add_crd(&mut schema, &serde_json::to_value(Value::Map(object.root.clone())).unwrap());
        }
    }
    let scan = Scan { schema: &schema, git, live, namespace };
    let now = "2026-03-03T00:00:00Z".parse().unwrap();
    let setting = Setting { cluster: "test", source: "git.yaml", now, key: &key() };
    git.iter().flat_map(|desired| scan.examine(setting, desired)).collect()
}

struct Scan<'a> {
    schema: &'a Schema,
    git: &'a [Desired<'a>],
    live: &'a [LiveObject<'a>],
    namespace: &'a str,
}

impl Scan<'_> {
    fn examine(&self, setting: Setting<'_>, desired: &Desired<'_>) -> Vec<DriftItem> {
        let head = desired.head();
        let kind = GroupKind::of(head.api_version, head.kind);
        let namespaced = self.schema.kind(head.api_version, &kind).is_none_or(|k| k.namespaced);
        let subject = |witness| Subject {
            head,
            namespace: if namespaced { self.namespace } else { "" },
            witness,
            bounds: self.bounds(head),
            source: SourceLocation { file: Some("git.yaml".into()), line: None, commit: None, rendered: false },
            past: &NoPast,
            audit: None,
        };
        let witness = Witness { kind: &kind, entries: None, created: None, git: &desired.root, last_applied: None };
        let is_it = |live: &&LiveObject<'_>| {
            Head::of(&live.root)
                .is_some_and(|other| GroupKind::of(other.api_version, other.kind) == kind && other.name == head.name)
        };
        let Some(live) = self.live.iter().find(is_it) else {
            let nameless = head.name.is_empty();
            return if nameless { Vec::new() } else { vec![missing(setting, &subject(witness), desired.line)] };
        };
        let root = self.schema.root(Head::of(&live.root).unwrap().api_version, &kind);
        let differences =
            compare(Pair { schema: self.schema, kind: &kind, root, git: &desired.root, live: &live.root });
        let entries = live.managed_fields.map(|raw| parse_managed_fields(raw.get()).0);
        let applied = last_applied(&live.root);
        let created = created(&live.root);
        let witness = Witness { entries: entries.as_deref(), created, last_applied: applied, ..witness };
        items(setting, &subject(witness), &differences)
    }

    /// Bounds of the autoscaler that scales an object: of Git's, if Git has one.
    fn bounds(&self, head: Head<'_>) -> Option<Bounds> {
        let roots = self.git.iter().map(|d| &d.root).chain(self.live.iter().map(|l| &l.root));
        let mut scalers = roots.filter(|root| root.str("kind") == Some("HorizontalPodAutoscaler"));
        let spec = scalers.find_map(|root| {
            let spec = root.map("spec")?;
            let target = spec.map("scaleTargetRef")?;
            (target.str("kind") == Some(head.kind) && target.str("name") == Some(head.name)).then_some(spec)
        })?;
        let count = |field| spec.get(field).and_then(Value::as_int);
        Some(Bounds { min: count("minReplicas").unwrap_or(1), max: count("maxReplicas")? })
    }
}

fn last_applied(root: &Map<'_>) -> Option<Map<'static>> {
    let annotations = root.map("metadata")?.map("annotations")?;
    let text = annotations.str("kubectl.kubernetes.io/last-applied-configuration")?;
    match serde_json::from_str::<Value<'_>>(text).ok()?.into_owned() {
        Value::Map(map) => Some(map),
        _ => None,
    }
}
