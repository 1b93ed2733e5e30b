//! Runs the folders of `src/cases/edit`: a file, the edits, and the file that must come out, or why none does.

mod corpus;
mod laws;
mod manner;
mod random;
mod refusals;
mod untouched;

use std::fs;
use std::path::{Path as FilePath, PathBuf};

use anchorwatch_core::object::path::{Path, Step};
use anchorwatch_core::object::value::Value;
use anchorwatch_core::source::edit::{Change, Edit, Place, append, edit, remove};
use serde_json::Value as Json;

#[test]
fn every_case_gives_its_file_or_its_reason() {
    let all = folders();
    let faults: Vec<String> = all.iter().filter_map(|folder| fault(folder)).collect();
    assert!(all.len() >= 60, "only {} cases", all.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn few_cases_are_refused() {
    let refused = folders().iter().filter(|folder| folder.join("refused.txt").exists()).count();
    // Each of these is one that nobody could prove, or that has to be refused.
    assert!(refused * 12 <= folders().len(), "{refused} of {} cases are refused", folders().len());
}

fn folders() -> Vec<PathBuf> {
    let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("src/cases/edit");
    let mut all: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// What is wrong with one case. With `UPDATE_SNAPSHOTS` its outcome is written anew, for a review of the difference.
fn fault(folder: &FilePath) -> Option<String> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let kind = if folder.join("before.json").exists() { "json" } else { "yaml" };
    let before = read(&format!("before.{kind}")).unwrap();
    let asked: Json = serde_json::from_str(&read("edit.json").unwrap()).unwrap();
    let (name, text) = match outcome(&before, &asked) {
        Ok(after) => (format!("after.{kind}"), after),
        Err(reason) => ("refused.txt".to_owned(), reason + "\n"),
    };
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        for old in ["refused.txt".to_owned(), format!("after.{kind}")] {
            let _ = fs::remove_file(folder.join(old));
        }
        fs::write(folder.join(&name), &text).unwrap();
    }
    let case = folder.file_name().unwrap().display();
    (read(&name).as_deref() != Some(&text)).then(|| format!("{case}: {name} is\n{text}"))
}

fn outcome(before: &str, asked: &Json) -> Result<String, String> {
    let place = place(asked);
    let result = if asked["append"].is_object() {
        append(before, &value(&asked["append"]))
    } else if asked["remove_object"] == true {
        remove(before, &place)
    } else {
        let edits: Vec<Edit> = asked["edits"].as_array().unwrap().iter().map(read_edit).collect();
        edit(before, &place, &edits)
    };
    result.map_err(|refusal| refusal.to_string())
}

fn place(asked: &Json) -> Place {
    let number = |n: &Json| usize::try_from(n.as_u64().unwrap()).unwrap();
    let items = asked["items"].as_array().map(|items| items.iter().map(number).collect()).unwrap_or_default();
    Place { document: asked.get("document").map_or(0, number), items }
}

fn value(json: &Json) -> Value<'static> {
    serde_json::from_str::<Value<'_>>(&json.to_string()).unwrap().into_owned()
}

fn read_edit(asked: &Json) -> Edit {
    let path = Path(asked["path"].as_array().unwrap().iter().map(step).collect());
    let change = match (asked.get("set"), asked.get("add")) {
        (Some(new), _) => Change::Set(value(new)),
        (_, Some(new)) => Change::Add(value(new)),
        _ => Change::Remove,
    };
    Edit { path, change }
}

/// `"field"`, `2` for a position, `{"name": "web"}` for keys, `["member"]` for a set's member.
fn step(json: &Json) -> Step {
    match json {
        Json::String(name) => Step::Field(name.clone()),
        Json::Number(index) => {
            let index = usize::try_from(index.as_u64().unwrap()).unwrap();
            Step::Element { keys: Vec::new(), ordinal: 1, index }
        }
        Json::Object(keys) => {
            let keys = keys.iter().map(|(key, json)| (key.clone(), value(json))).collect();
            Step::Element { keys, ordinal: 1, index: usize::MAX }
        }
        Json::Array(member) => Step::Member { value: value(&member[0]), index: usize::MAX },
        _ => panic!("{json} is no step"),
    }
}
