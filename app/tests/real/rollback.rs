//! Rolling back on a real API server: what differs is made as Git says, the tool that delivers it finds nothing to do, and it can be undone.

use std::process::{Command, Output};
use std::time::Duration;

use anchorwatch_testbed::Person;
use serde_json::Value;

use crate::edits::{EDITS, WAYS, edit};
use crate::world::{Folder, World, text};

const RUN_LIMIT: Duration = Duration::from_mins(2);

/// Runs the program as the administrator, with a state folder of its own.
pub(crate) fn run(world: &World, state: &Folder, arguments: &[&str]) -> Output {
    run_to(world, state, arguments, "")
}

/// The same, to a moment at which something happens to it.
pub(crate) fn run_to(world: &World, state: &Folder, arguments: &[&str], fail_points: &str) -> Output {
    run_as(world, Person::Admin, state, arguments, fail_points)
}

/// The same as somebody.
pub(crate) fn run_as(world: &World, person: Person, state: &Folder, arguments: &[&str], fail_points: &str) -> Output {
    anchorwatch_testbed::run(command(world, person, state, arguments, fail_points), b"", RUN_LIMIT).unwrap()
}

/// The program, about to run so.
pub(crate) fn command(world: &World, person: Person, state: &Folder, arguments: &[&str], fail_points: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
    command.args(arguments).arg("--kubeconfig").arg(world.plane.kubeconfig(person));
    command.env_clear().env("HOME", world.plane.folder()).env("USER", "ann").env("XDG_STATE_HOME", state.path());
    command.env("ANCHORWATCH_FAIL_POINTS", fail_points);
    command
}

#[track_caller]
pub(crate) fn json(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{}\n{}", text(&output.stdout), text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// All objects of Git's, without what controllers write meanwhile.
fn objects(world: &World, namespace: &str) -> Vec<Value> {
    let kinds = "deployments,configmaps,secrets,services,networkpolicies";
    let listed = world.kubectl(&["get", kinds, "--namespace", namespace, "--output=json", "--show-managed-fields"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let mut objects = listed["items"].as_array().unwrap().clone();
    for object in &mut objects {
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.remove("resourceVersion");
        metadata["managedFields"].as_array_mut().unwrap().retain(|entry| entry.get("subresource").is_none());
        object.as_object_mut().unwrap().remove("status");
    }
    objects
}

/// Items as people know them, with their values; but for credentials, which are fingerprints by a key of each state folder.
pub(crate) fn values(items: &[Value]) -> Vec<String> {
    let value = |item: &Value| {
        if item["resource_kind"] == "Secret" {
            return format!("Secret {} {}", item["change"], item["stable_path"]);
        }
        format!(
            "{}/{} {} {} {} → {}",
            item["resource_kind"],
            item["resource_name"],
            item["change"],
            item["stable_path"],
            without_fingerprints(&item["git_value"]),
            without_fingerprints(&item["actual_value"])
        )
    };
    let mut values: Vec<String> = items.iter().map(value).collect();
    values.sort();
    values
}

fn without_fingerprints(value: &Value) -> String {
    let text = value.to_string();
    let mut parts = text.split("<SECRET ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + "<SECRET>" + part.split_once('>').map_or(part, |(_, rest)| rest))
}

#[test]
fn what_is_rolled_back_is_clean_to_its_own_tool_and_can_be_undone() {
    let world = World::shared();
    std::thread::scope(|scope| {
        for way in WAYS {
            let world = &world;
            let check = move || {
                let namespace = format!("rollback-{}", way.name);
                let git = way.deliver(world, &namespace);
                edit(world, &namespace);
                let state = Folder::with(&[]);
                let before = world.scan(git.source());
                before.finds(EDITS);
                let edited: Vec<Value> = before.items().cloned().collect();

                // A dry run says it all, and changes nothing.
                let all = ["rollback", "--all", "--source", &git.source(), "--output=json"];
                let untouched = objects(world, &namespace);
                let planned = run(world, &state, &[&all[..], &["--dry-run"]].concat());
                assert!(!text(&planned.stdout).contains("password\":"), "{}", text(&planned.stdout));
                let planned = json(&planned, 0);
                assert_eq!(objects(world, &namespace), untouched);
                let of_plan: Vec<Value> = planned["plan"]["changes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .flat_map(|change| change["items"].as_array().unwrap().clone())
                    .collect();
                assert_eq!(values(&of_plan), values(&edited), "{planned:#}");
                assert_eq!(planned["done"], Value::Null);

                // All of it is as Git says.
                let done = json(&run(world, &state, &[&all[..], &["--yes"]].concat()), 0);
                let states: Vec<&Value> =
                    done["done"]["steps"].as_array().unwrap().iter().map(|step| &step["state"]).collect();
                assert!(states.iter().all(|state| **state == "proven") && states.len() == 6, "{done:#}");
                assert_eq!(done["plan"]["plan_hash"], planned["plan"]["plan_hash"]);
                world.scan(git.source()).finds(&[]);

                // The tool that delivers it finds nothing to do.
                if way.arguments[0] == "apply" {
                    let mut rolled_back = objects(world, &namespace);
                    way.apply(world, &namespace);
                    let mut applied = objects(world, &namespace);
                    // It stamps what was created.
                    let is_compared = |object: &Value| object["kind"] != "NetworkPolicy";
                    rolled_back.retain(is_compared);
                    applied.retain(is_compared);
                    let differing = json_patch::diff(&rolled_back.into(), &applied.into());
                    assert!(differing.is_empty(), "its own apply writes: {differing}");
                }

                let change = done["done"]["change_id"].as_str().unwrap();
                let undone = json(&run(world, &state, &["undo", change, "--yes", "--output=json"]), 0);
                assert!(undone["steps"].as_array().unwrap().iter().all(|step| step["state"] == "proven"), "{undone:#}");
                // What was a Secret's value is not kept anywhere.
                let notes = std::fs::read_dir(state.path().join("anchorwatch/changes")).unwrap();
                for note in notes {
                    let note = std::fs::read_to_string(note.unwrap().path()).unwrap();
                    assert!(!note.contains("bm90LWEtcmVhbC1wYXNzd29yZA==") && !note.contains("bmVpdGhlcg=="), "{note}");
                }
                let after = world.scan(git.source());
                let again: Vec<Value> = after.items().cloned().collect();
                let undoable: Vec<Value> =
                    edited.into_iter().filter(|item| item["resource_kind"] != "Secret").collect();
                assert_eq!(values(&again), values(&undoable));
            };
            std::thread::Builder::new().name(way.name.to_owned()).spawn_scoped(scope, check).unwrap();
        }
    });
}

/// Everywhere a process may end.
const MOMENTS: [&str; 6] =
    ["rollback-noted", "rollback-intended", "rollback-sent", "rollback-written", "rollback-owned", "rollback-proven"];

#[test]
fn whoever_is_killed_at_any_moment_leaves_nothing_half_done_lost_or_done_twice() {
    let world = World::shared();
    std::thread::scope(|scope| {
        for moment in MOMENTS {
            let world = &world;
            let check = move || {
                let namespace = format!("killed-{moment}");
                let way = WAYS[1];
                let git = way.deliver(world, &namespace);
                edit(world, &namespace);
                let before: Vec<Value> = world.scan(git.source()).items().cloned().collect();
                let state = Folder::with(&[]);
                let source = git.source();
                let all = ["rollback", "--all", "--source", &source, "--yes", "--output=json"];
                let killed = run_to(world, &state, &all, &format!("{moment}:abort"));
                assert_eq!(killed.status.code(), None, "{}{}", text(&killed.stdout), text(&killed.stderr));
                // What it had written is as Git says, as a whole or not at all.
                let half: Vec<Value> = world.scan(git.source()).items().cloned().collect();
                let written = values(&before).into_iter().filter(|value| !values(&half).contains(value)).count();
                let first_object = ["rollback-noted", "rollback-intended"].contains(&moment);
                assert_eq!(written == 0, first_object, "{moment}: {half:#?}");

                let done = json(&run(world, &state, &all), 0);
                let left =
                    ["rollback-intended", "rollback-sent", "rollback-written", "rollback-owned"].contains(&moment);
                let recovered = done["recovered"].as_array().unwrap();
                assert_eq!(!recovered.is_empty(), left, "{moment}: {done:#}");
                let expected = if moment == "rollback-intended" { "not_written" } else { "proven" };
                assert!(recovered.iter().all(|one| one["steps"][0]["state"] == expected), "{done:#}");
                world.scan(git.source()).finds(&[]);
                let mut rolled_back = objects(world, &namespace);
                way.apply(world, &namespace);
                let mut applied = objects(world, &namespace);
                rolled_back.retain(|object| object["kind"] != "NetworkPolicy");
                applied.retain(|object| object["kind"] != "NetworkPolicy");
                let differing = json_patch::diff(&rolled_back.into(), &applied.into());
                assert!(differing.is_empty(), "{moment}: its own apply writes: {differing}");

                // Both changes are known, and taken back bring all but the Secret back.
                let mut changes: Vec<String> = std::fs::read_dir(state.path().join("anchorwatch/changes"))
                    .unwrap()
                    .filter_map(|file| Some(file.unwrap().file_name().to_str()?.strip_suffix(".json")?.to_owned()))
                    .collect();
                changes.sort();
                assert_eq!(changes.len(), 2);
                for change in changes.iter().rev() {
                    let undone = run(world, &state, &["undo", change, "--yes", "--output=json"]);
                    let wrote_nothing = text(&undone.stderr).contains("wrote nothing");
                    assert!(
                        wrote_nothing || undone.status.code() == Some(0),
                        "{}{}",
                        text(&undone.stdout),
                        text(&undone.stderr)
                    );
                }
                let again: Vec<Value> = world.scan(git.source()).items().cloned().collect();
                let undoable: Vec<Value> =
                    before.into_iter().filter(|item| item["resource_kind"] != "Secret").collect();
                assert_eq!(values(&again), values(&undoable), "{moment}");
            };
            std::thread::Builder::new().name(moment.to_owned()).spawn_scoped(scope, check).unwrap();
        }
    });
}

#[test]
fn what_is_adopted_stands_in_the_files_and_applied_from_there_is_clean() {
    let world = World::shared();
    for way in [WAYS[1], WAYS[3]] {
        let namespace = format!("adopt-{}", way.name);
        let git = way.deliver(&world, &namespace);
        edit(&world, &namespace);
        let state = Folder::with(&[]);
        let source = git.source();
        let file = git.path().join("shop.yaml");
        let before = std::fs::read_to_string(&file).unwrap();
        let all = ["adopt", "--all", "--source", &source, "--output=json"];
        let planned = json(&run(&world, &state, &[&all[..], &["--dry-run"]].concat()), 1);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
        // A Secret never is.
        let left: Vec<&Value> = planned["left"].as_array().unwrap().iter().collect();
        assert_eq!((left.len(), &left[0]["item"]["resource_kind"]), (1, &"Secret".into()), "{planned:#}");
        assert!(left[0]["reason"].as_str().unwrap().contains("not written into Git in clear"), "{planned:#}");
        let done = json(&run(&world, &state, &[&all[..], &["--yes"]].concat()), 1);
        assert_eq!(done["is_written"], true);
        let after = std::fs::read_to_string(&file).unwrap();
        assert_eq!(done["files"][0]["text"], after.as_str());
        world.scan(&source).finds(&["medium human Secret/db changed data.password by kubectl-patch"]);
        // What stood there and was not meant still does.
        for line in ["      port: 80", "  podSelector: {}", "              cpu: 1000m"] {
            assert_eq!(before.contains(line) && !line.contains("podSelector"), after.contains(line), "{line}\n{after}");
        }
        if way.arguments[0] == "apply" {
            world.deliver(way.arguments, &after);
            world.scan(&source).finds(&[]);
        }
    }
}
