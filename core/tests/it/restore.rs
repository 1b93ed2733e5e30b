//! What is restored is as Git says, and nothing else is touched: on every recorded case, all of it at once and each difference alone.

use std::fs;
use std::path::Path;

use anchorwatch_core::change::patch::{Operation, between};
use anchorwatch_core::change::restore::{Unrestorable, restore};
use anchorwatch_core::drift::compare::{Change, Difference, Pair, compare};
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::object::{GroupKind, Head, list};
use anchorwatch_core::schema::{Schema, catalogue, openapi};
use anchorwatch_core::source;
use serde_json::Value as Json;

use crate::cases::folders;
use crate::world::{SCHEMA, key, object};

type Named = (Change, String);

fn name(difference: &Difference<'_>) -> Named {
    (difference.change, difference.path.stable())
}

/// Hands each object that differs to `then`, as a pair.
fn each_pair(folder: &Path, mut then: impl FnMut(Pair<'_>)) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let (git, live) = (read("git.yaml"), read("live.json"));
    let contents = source::read(0, git.as_bytes(), &key());
    let items = list::items(&live).unwrap();
    let live: Vec<_> = items.iter().map(|raw| LiveObject::parse(raw.get(), "", "", &key()).unwrap()).collect();
    let mut schema: Schema = catalogue::load(None).0;
    for object in live.iter().filter(|object| object.root.str("kind") == Some("CustomResourceDefinition")) {
        openapi::add_crd(&mut schema, &serde_json::to_value(Value::Map(object.root.clone())).unwrap());
    }
    for desired in &contents.objects {
        let head = desired.head();
        let kind = GroupKind::of(head.api_version, head.kind);
        let is_it = |live: &&LiveObject<'_>| {
            Head::of(&live.root).is_some_and(|h| GroupKind::of(h.api_version, h.kind) == kind && h.name == head.name)
        };
        let Some(live) = live.iter().find(is_it) else { continue };
        let root = schema.root(head.api_version, &kind);
        then(Pair { schema: &schema, kind: &kind, root, git: &desired.root, live: &live.root });
    }
}

/// The patch between two objects makes the one of the other; Secrets have none, as their values are not known.
fn check_patch(before: &Map<'_>, after: &Map<'static>, fault: &mut impl FnMut(String)) {
    let Ok(patch) = between(before, after) else { return };
    let tests_first = patch.iter().map(|op| matches!(op, Operation::Test { .. })).is_sorted_by(|a, b| a >= b);
    let mut json = serde_json::to_value(Value::Map(before.clone())).unwrap();
    let patch: json_patch::Patch = serde_json::from_value(patch.iter().map(Operation::to_json).collect()).unwrap();
    let applied = json_patch::patch(&mut json, &patch).map_err(|error| error.to_string());
    let wanted = serde_json::to_value(Value::Map(after.clone())).unwrap();
    if !tests_first || applied.is_err() || json != wanted {
        fault(format!("the patch {patch} ({applied:?}) makes {json}"));
    }
}

#[derive(Debug, Default)]
struct Tried {
    differences: usize,
    alone: usize,
    not_alone: Vec<String>,
}

fn check(folder: &Path, tried: &mut Tried, faults: &mut Vec<String>) {
    let case = folder.file_name().unwrap().to_string_lossy().into_owned();
    each_pair(folder, |pair| {
        let differences = compare(pair);
        if differences.is_empty() {
            return;
        }
        tried.differences += differences.len();
        let mut fault = |what: String| faults.push(format!("{case}: {what}"));
        match restore(pair, |_| true) {
            Ok(root) => {
                let left: Vec<Named> = compare(Pair { live: &root, ..pair }).iter().map(name).collect();
                if !left.is_empty() {
                    fault(format!("all restored, and {left:?} are left"));
                }
                check_patch(pair.live, &root, &mut fault);
            }
            Err(error) => fault(format!("all: {error}")),
        }
        for chosen in &differences {
            match restore(pair, |difference| name(difference) == name(chosen)) {
                Ok(root) => {
                    let left: Vec<Named> = compare(Pair { live: &root, ..pair }).iter().map(name).collect();
                    let mut others: Vec<Named> = differences.iter().map(name).collect();
                    others.retain(|other| *other != name(chosen));
                    // What may be allocated goes with what asks for it.
                    let excused =
                        |name: &Named| differences.iter().any(|d| d.excuse.is_some() && self::name(d) == *name);
                    others.retain(|other| left.contains(other) || !excused(other));
                    if left != others {
                        fault(format!("{:?} restored, and {left:?} are left", name(chosen)));
                    }
                    tried.alone += 1;
                    check_patch(pair.live, &root, &mut fault);
                }
                Err(Unrestorable::Differs(why) | Unrestorable::NoPlace(why)) => {
                    tried.not_alone.push(format!("{case}: {:?}: {why}", name(chosen)));
                }
            }
        }
        // Nothing is nothing.
        let untouched = restore(pair, |_| false).map(|root| json(&root) == json(pair.live));
        if untouched != Ok(true) {
            fault("touched without being asked".to_owned());
        }
    });
}

fn json(map: &Map<'_>) -> Json {
    serde_json::to_value(Value::Map(map.clone())).unwrap()
}

#[test]
fn every_case_can_be_restored_as_a_whole_and_in_parts() {
    let more = std::env::var_os("ANCHORWATCH_CASES").map(|folder| folders(Path::new(&folder))).unwrap_or_default();
    let all = [folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases")), more].concat();
    let (mut tried, mut faults) = (Tried::default(), Vec::new());
    for folder in &all {
        check(folder, &mut tried, &mut faults);
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    // Those that cannot be restored alone are few, and what else has to be is said.
    assert!(tried.differences > 60 && tried.not_alone.len() * 10 <= tried.differences, "{tried:#?}");
}

/// What is left of live when all of it is restored.
#[track_caller]
fn restored(git: &str, live: &str) -> Map<'static> {
    let (git, live) = (object(git), object(live));
    let head = Head::of(&git).unwrap();
    let kind = GroupKind::of(head.api_version, head.kind);
    let root = SCHEMA.root(head.api_version, &kind);
    restore(Pair { schema: &SCHEMA, kind: &kind, root, git: &git, live: &live }, |_| true).unwrap()
}

#[test]
fn what_was_filled_in_because_of_a_value_goes_with_it() {
    let deployment = |strategy: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec:\n  selector: {{matchLabels: {{a: b}}}}\n  \
             strategy: {strategy}\n  template:\n    metadata: {{labels: {{a: b}}}}\n    spec: {{containers: [{{name: a, image: a}}]}}\n"
        )
    };
    let live = deployment("{type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}");
    let root = restored(&deployment("{type: Recreate}"), &live);
    let strategy = root.map("spec").and_then(|spec| spec.get("strategy")).unwrap();
    assert_eq!(serde_json::to_value(strategy).unwrap(), serde_json::json!({"type": "Recreate"}));
}

#[test]
fn what_is_not_chosen_survives_wherever_it_stands() {
    let pod = |containers: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{containers}]}}\n")
    };
    let git = pod("{name: web, image: w}, {name: log, image: l}");
    let live = pod("{name: sidecar, image: s}, {name: web, image: w, tty: true}, {name: log, image: l, tty: true}");
    let (git, live) = (object(&git), object(&live));
    let kind = GroupKind::of("v1", "Pod");
    let pair = Pair { schema: &SCHEMA, kind: &kind, root: SCHEMA.root("v1", &kind), git: &git, live: &live };
    let chosen = ["spec.containers[name=sidecar]", "spec.containers[name=web].tty"];
    let root = restore(pair, |difference| chosen.contains(&difference.path.stable().as_str())).unwrap();
    let left: Vec<Named> = compare(Pair { live: &root, ..pair }).iter().map(name).collect();
    assert_eq!(left, [(Change::Extra, "spec.containers[name=log].tty".to_owned())]);
    // Of three of one name the last two are called otherwise once the first is gone: all of them, or none.
    let (git, live) = (
        object(&pod("{name: a, image: i, env: [{name: A, value: '1'}]}")),
        object(&pod("{name: a, image: i, env: [{name: A, value: '1'}, {name: A, value: '2'}, {name: A, value: '3'}]}")),
    );
    let pair = Pair { git: &git, live: &live, ..pair };
    let all: Vec<Named> = compare(pair).iter().map(name).collect();
    assert_eq!(all.len(), 2);
    let one = restore(pair, |difference| difference.path.stable() == all[0].1);
    assert!(one.is_err() || compare(Pair { live: one.as_ref().unwrap(), ..pair }).len() == 1, "{one:?}");
    assert!(restore(pair, |_| true).is_ok());
}
