//! Git's past as evidence: what an earlier commit said is not a person's doing.

use serde_json::{Value, json};

use crate::world::{Run, World, config_map, list, managed};

/// A ConfigMap that Argo CD delivered.
fn delivered(name: &str, data: &Value) -> Value {
    let fields = data.as_object().unwrap().keys().map(|key| (["f:", key].concat(), json!({})));
    let owner = managed("argocd-controller", &json!({"f:data": Value::Object(fields.collect())}));
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {"name": name, "namespace": "shop", "managedFields": [owner]}})
}

/// A repository with these commits, each the whole folder; the cluster has `live`.
fn repository(commits: &[&[(&str, String)]], live: &[Value]) -> (World, Vec<String>) {
    let world = World::new();
    world.write("live.json", list(live));
    let mut ids = Vec::new();
    for files in commits {
        let _ = std::fs::remove_dir_all(world.work().join("git/deploy"));
        for (path, text) in *files {
            world.write(&["git/deploy/", path].concat(), text);
        }
        world.write("git/count.txt", ids.len().to_string());
        ids.push(world.commit("git"));
    }
    (world, ids)
}

fn scan(world: &World) -> Run {
    world.run(&["scan", "--source", "git//deploy?ref=main", "--live", "live.json", "-o", "json"])
}

/// Where Git said what the cluster has, and where it said otherwise, of the only item.
#[track_caller]
fn was_in_git(run: &Run) -> [Value; 2] {
    run.ends(1, &[]);
    let reports = run.reports();
    let items = reports[0]["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["origin"]), (1, &json!("stale")), "{items:?}");
    ["commit", "changed_in"].map(|name| items[0]["was_in_git"][name].clone())
}

#[test]
fn an_object_that_moved_to_another_file_keeps_its_past() {
    let (old, new) = (config_map("a", "k: old"), config_map("a", "k: new"));
    let other = |value: &str| config_map("b", &["k: ", value].concat());
    let live = [delivered("a", &json!({"k": "old"})), delivered("b", &json!({"k": "two"}))];
    for (name, commits, [said, changed]) in [
        ("renamed", vec![vec![("a.yaml", old.clone())], vec![("front/web.yaml", new.clone())]], [0, 1]),
        (
            "moved to a file that was there",
            vec![
                vec![("a.yaml", old.clone() + &other("one")), ("b.yaml", String::new())],
                vec![("a.yaml", other("two")), ("b.yaml", new.clone())],
            ],
            [0, 1],
        ),
        (
            "renamed, changed later",
            vec![
                vec![("a.yaml", old.clone())],
                vec![("b.yaml", old.clone())],
                vec![("b.yaml", new.clone()), ("c.yaml", other("two"))],
            ],
            [1, 2],
        ),
        (
            "renamed twice, changed between",
            vec![
                vec![("a.yaml", old.clone())],
                vec![("b.yaml", new.clone())],
                vec![("c/c.yaml", new.clone() + &other("two"))],
            ],
            [0, 1],
        ),
        (
            "moved there and back",
            vec![
                vec![("a.yaml", old.clone())],
                vec![("b.yaml", new.clone())],
                vec![("a.yaml", new.clone()), ("b.yaml", other("two"))],
            ],
            [0, 1],
        ),
    ] {
        let commits: Vec<&[_]> = commits.iter().map(Vec::as_slice).collect();
        let (world, ids) = repository(&commits, &live);
        assert_eq!(was_in_git(&scan(&world)), [said, changed].map(|at| json!(ids[at])), "{name}");
    }
}

#[test]
fn an_object_of_the_same_name_that_stays_where_it_is_is_another_one() {
    let other = |value: &str| config_map("b", &["k: ", value].concat());
    let commits: [&[_]; 2] =
        [&[("b.yaml", other("one"))], &[("a.yaml", config_map("a", "k: new")), ("b.yaml", other("two"))]];
    let live = [delivered("a", &json!({"k": "one"})), delivered("b", &json!({"k": "two"}))];
    let (world, _) = repository(&commits, &live);
    let run = scan(&world);
    let item = &run.reports()[0]["items"][0];
    assert_eq!((&item["resource_name"], &item["was_in_git"]), (&json!("a"), &Value::Null), "{item}");
}

/// Scans what lies on disk.
fn scan_disk(world: &World, more: &[&str]) -> Run {
    world.run(&[&["scan", "--source", "git/deploy", "--live", "live.json"], more].concat())
}

#[test]
fn files_on_disk_that_are_committed_have_a_revision_and_a_past() {
    let commits: [&[_]; 2] = [&[("a.yaml", config_map("a", "k: old"))], &[("a.yaml", config_map("a", "k: new"))]];
    let (world, ids) = repository(&commits, &[delivered("a", &json!({"k": "old"}))]);
    let run = scan_disk(&world, &["-o", "json"]);
    assert_eq!(was_in_git(&run), [json!(ids[0]), json!(ids[1])]);
    let report = &run.reports()[0];
    assert_eq!((&report["revision"], &report["items"][0]["source"]["commit"]), (&json!(ids[1]), &json!(ids[1])));
}

#[test]
fn files_on_disk_that_are_not_committed_have_no_revision_and_the_commit_is_their_past() {
    let old = config_map("a", "k: old");
    for (name, path) in [("changed", "a.yaml"), ("moved and changed", "front/web.yaml")] {
        let (world, ids) = repository(&[&[("a.yaml", old.clone())]], &[delivered("a", &json!({"k": "old"}))]);
        std::fs::remove_file(world.work().join("git/deploy/a.yaml")).unwrap();
        world.write(&["git/deploy/", path].concat(), config_map("a", "k: new"));
        let run = scan_disk(&world, &["-o", "json"]);
        assert_eq!(was_in_git(&run), [json!(ids[0]), Value::Null], "{name}");
        let report = &run.reports()[0];
        assert_eq!((&report["revision"], &report["items"][0]["source"]["commit"]), (&Value::Null, &Value::Null));
        let note = ["as in Git at ", &ids[0][..7], "; the change on disk is not committed"].concat();
        scan_disk(&world, &[]).ends(1, &[]).shows(&[&note]);
    }
}

#[test]
fn a_past_that_cannot_be_read_is_a_warning() {
    let (world, _) = repository(&[&[("a.yaml", config_map("a", "k: v"))]], &[delivered("a", &json!({"k": "v"}))]);
    std::fs::write(world.work().join("git/.git/HEAD"), "no reference").unwrap();
    scan_disk(&world, &[]).ends(0, &["warning: Git's past could not be read: "]);
}

#[test]
fn files_on_disk_that_were_never_committed_have_no_past_and_nothing_is_amiss() {
    let (world, _) = repository(&[&[]], &[delivered("a", &json!({"k": "v"}))]);
    world.write("git/deploy/a.yaml", config_map("a", "k: v"));
    assert_eq!(scan_disk(&world, &[]).ends(0, &[]).err, "");
    std::fs::remove_dir_all(world.work().join("git/.git")).unwrap();
    assert_eq!(scan_disk(&world, &[]).ends(0, &[]).err, "");
}

#[test]
fn a_shallow_clone_is_warned_of_where_its_past_was_asked_for() {
    let world = World::new();
    for value in ["v", "w"] {
        world.write("all/a.yaml", config_map("a", &format!("k: {value}")));
        world.commit("all");
    }
    let url = format!("file://{}", world.work().join("all").display());
    let clone = std::process::Command::new("git")
        .args(["clone", "--quiet", "--depth=1", &url, "clone"])
        .current_dir(world.work())
        .status();
    assert!(clone.unwrap().success());
    for (value, warned) in [("v", true), ("w", false)] {
        world.write("live.json", crate::world::list(&[crate::world::live_config_map("a", &json!({"k": value}))]));
        let run = world.run(&["scan", "--source", "clone", "--live", "live.json", "-n", "shop"]);
        assert_eq!(run.err.contains("git fetch --unshallow"), warned, "{}", run.err);
    }
}
