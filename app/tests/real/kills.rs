//! Killed at moments that nobody chose: rolling back and taking back end as if nothing had happened.
//!
//! `ANCHORWATCH_MOMENTS` says how many are tried.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anchorwatch_testbed::Person;
use serde_json::Value;

use crate::edits::WAYS;
use crate::rollback::{command, run, values};
use crate::world::{Folder, World, text};

const FEW: u32 = 3;

fn moments() -> u32 {
    std::env::var("ANCHORWATCH_MOMENTS").map_or(FEW, |moments| moments.parse().unwrap())
}

/// Runs the program, and kills it after a while; true if it had ended by then.
fn killed(world: &World, state: &Folder, arguments: &[&str], after: Duration) -> bool {
    let mut child = command(world, Person::Admin, state, arguments, "");
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    let has_ended = child.try_wait().unwrap().is_some();
    let _ = child.kill();
    child.wait().unwrap();
    has_ended
}

/// All changes that are noted, the newest first.
fn changes(state: &Folder) -> Vec<String> {
    let notes = std::fs::read_dir(state.path().join("anchorwatch/changes"));
    let names = notes.into_iter().flatten().map(|note| note.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
    names.sort_by(|a, b| b.cmp(a));
    names
}

#[test]
fn a_rollback_and_an_undo_end_well_wherever_they_are_killed() {
    let world = World::shared();
    let namespace = "killed-anywhere";
    let git = WAYS[1].deliver(&world, namespace);
    let source = git.source();
    let all = ["rollback", "--all", "--source", &source, "--yes", "--output=json"];
    let scan = || world.scan(&source).items().cloned().collect::<Vec<Value>>();
    let mut whole = [Duration::from_secs(2); 2];
    let moments = moments();
    for moment in 0..=moments {
        // managedFields know seconds.
        std::thread::sleep(Duration::from_millis(1100));
        world.alice(namespace, &["set", "image", "deployment/web", &format!("web=shop/web:9.{moment}")]);
        world.alice(namespace, &["label", "--overwrite", "configmap/conf", &format!("by=hand-{moment}")]);
        let edited = values(&scan());
        assert_eq!(edited.len(), 2, "{edited:?}");
        let state = Folder::with(&[]);
        let part = f64::from(moment) / f64::from(moments.max(1));
        // The first time nobody is killed: so long it takes.
        let started = Instant::now();
        if moment > 0 {
            killed(&world, &state, &all, whole[0].mul_f64(part));
        }
        let done = run(&world, &state, &all);
        if moment == 0 {
            whole[0] = started.elapsed();
        }
        let has_nothing_to_do = text(&done.stdout).contains("\"done\": null");
        assert!(done.status.code() == Some(0) || has_nothing_to_do, "{moment}: {}", text(&done.stderr));
        assert_eq!(values(&scan()), Vec::<String>::new(), "{moment}");

        for change in changes(&state) {
            let undo = ["undo", &change, "--yes", "--output=json"];
            let started = Instant::now();
            if moment > 0 {
                killed(&world, &state, &undo, whole[1].mul_f64(part));
            }
            let undone = run(&world, &state, &undo);
            if moment == 0 {
                whole[1] = started.elapsed();
            }
            let said = text(&undone.stderr);
            let is_well = undone.status.code() == Some(0)
                || said.contains("wrote nothing")
                || said.contains("was taken back already");
            assert!(is_well, "{moment}: {}{said}", text(&undone.stdout));
        }
        assert_eq!(values(&scan()), edited, "{moment}");
        run(&world, &state, &all);
    }
}
