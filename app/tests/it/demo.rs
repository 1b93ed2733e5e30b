//! The demo, whole: its face is checked in, so that a change of it is seen in a review.

use serde_json::Value;

use crate::world::{World, check_snapshot};

/// The elapsed time, which is another one each time, replaced.
fn without_seconds(text: &str) -> String {
    let line = |line: &str| match line.rsplit_once(" · ") {
        Some((before, after)) if after.ends_with(" s") || after.ends_with(" 秒") => {
            let unit = after.split(' ').next_back().unwrap_or_default();
            [before, " · 0.0 ", unit].concat()
        }
        _ => line.to_owned(),
    };
    text.lines().map(|l| line(l) + "\n").collect()
}

#[test]
fn the_demo_looks_as_it_did() {
    let world = World::new();
    for lang in ["en", "zh-TW"] {
        let run = world.run(&["demo", "--lang", lang]);
        run.ends(0, &[]);
        assert_eq!(run.err, "");
        check_snapshot(&["demo-", lang, ".txt"].concat(), &without_seconds(&run.out));
    }
}

#[test]
fn the_demo_finds_the_same_each_time() {
    let world = World::new();
    let run = || {
        let mut answer = world.run(&["demo", "-o", "json"]).ends(0, &[]).json();
        for report in answer["items"].as_array_mut().unwrap() {
            forget(report, &["report_id"]);
            for item in report["items"].as_array_mut().unwrap() {
                forget(item, &["last_report_id"]);
            }
        }
        answer
    };
    let first = run();
    assert_eq!(first, run());
    assert!(first["items"][0]["items"].as_array().unwrap().len() > 5);
}

fn forget(object: &mut Value, fields: &[&str]) {
    for field in fields {
        object.as_object_mut().unwrap().remove(*field).unwrap();
    }
}

#[test]
fn what_the_demo_keeps_can_be_scanned_and_explained() {
    let world = World::new();
    world.run(&["demo", "--keep", "kept"]).ends(0, &[]).shows(&["cd kept && anchorwatch explain Deployment/web"]);
    world.run(&["demo", "--keep", "kept"]).ends(2, &["kept holds a demo already", "hint: name a new folder"]);
    let target = [
        "--source",
        "kept/shop.git//deploy?ref=main",
        "--live",
        "kept/snapshot.json",
        "--audit",
        "kept/audit.jsonl",
        "-n",
        "shop",
    ];
    let scan = world.run(&[&["scan", "-o", "json"], &target[..]].concat());
    let demo = world.run(&["demo", "-o", "json"]);
    // Levels are not the same: what was a fresh commit for the demo's clock is a stuck one for today's.
    let sorted = |run: &crate::world::Run| {
        let mut items = run.items();
        items.sort();
        items
    };
    assert_eq!(sorted(scan.ends(1, &[])), sorted(&demo));
    world.run(&[&["explain", "Deployment/web"], &target[..]].concat()).ends(1, &[]).shows(&["image"]);
}

#[test]
fn every_face_of_the_demo_can_be_had() {
    let world = World::new();
    for format in ["table", "wide", "json", "yaml", "diff", "sarif"] {
        world.run(&["demo", "-o", format]).ends(0, &[]).shows(&["web"]);
    }
}
