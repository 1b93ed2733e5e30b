//! Adopting what the real kustomize and Helm render: which files change, to which text, and what is refused.
//!
//! No cluster takes part: the live side is the rendering with something otherwise.

mod charts;
mod kustomizations;
mod layers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anchorwatch_testbed::{Binaries, Tool};
use serde_json::{Value, json};

use crate::world::{Folder, text};

const RUN_LIMIT: Duration = Duration::from_mins(2);

/// One adoption.
struct Row {
    /// The folder that is rendered.
    source: &'static str,
    /// More arguments.
    arguments: &'static [&'static str],
    /// `KIND/NAME`, and how it is otherwise: a JSON patch, nothing where it is gone, or all of it where only the cluster has it.
    live: &'static [(&'static str, &'static str)],
    /// What of a file becomes what: `FILE`, before, after. Where there is nothing before, it is the text of a new file.
    files: &'static [(&'static str, &'static str, &'static str)],
    /// What is left: the path of its field, and a part of the reason.
    left: &'static [(&'static str, &'static str)],
}

impl Row {
    const NONE: Self = Self { source: "", arguments: &[], live: &[], files: &[], left: &[] };

    /// What is adopted: what only the cluster has is named.
    fn meant(&self) -> Vec<&'static str> {
        let only_there = self.live.iter().filter(|(_, how)| how.starts_with('{'));
        let named: Vec<&str> = only_there.map(|(name, _)| *name).collect();
        if named.is_empty() { vec!["--all"] } else { named }
    }
}

/// Where the tools are, and where the program runs.
struct Bench {
    binaries: Binaries,
    fixture: PathBuf,
}

impl Bench {
    fn of(fixture: &str) -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/adopted");
        Self { binaries: Binaries::find_or_build().unwrap(), fixture: fixtures.join(fixture) }
    }

    fn command(&self, program: &Path, arguments: &[&str], work: &Path, home: &Path) -> Command {
        let mut command = Command::new(program);
        let system = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.binaries.folder().to_owned()).chain(std::env::split_paths(&system));
        command.args(arguments).current_dir(work).env_clear().env("HOME", home);
        command.env("PATH", std::env::join_paths(folders).unwrap());
        command
    }

    /// What is wrong with a row.
    fn fault(&self, row: &Row) -> Option<String> {
        let (work, home) = (Folder::with(&[]), Folder::with(&[]));
        copy(&self.fixture, &work.path());
        let before = texts(&work.path());
        let live = self.live(row, &work.path(), &home.path());
        home.write("live.json", &live.to_string());
        let live = home.path().join("live.json").display().to_string();
        let common = ["--source", row.source, "--live", &live, "-n", "shop", "--output=json"];
        let common = [&common[..], row.arguments].concat();
        let run = |arguments: &[&str]| {
            let program = Path::new(env!("CARGO_BIN_EXE_anchorwatch"));
            let command = self.command(program, &[arguments, &common].concat(), &work.path(), &home.path());
            anchorwatch_testbed::run(command, b"", RUN_LIMIT).unwrap()
        };
        let output = run(&[&["adopt", "--yes"], &row.meant()[..]].concat());
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        let Ok(answer) = serde_json::from_slice::<Value>(&output.stdout) else { return Some(said) };
        let mut expected = before;
        for (file, from, to) in row.files {
            let text = expected.entry((*file).to_owned()).or_default();
            assert!(text.contains(from), "{file} has no {from}");
            *text = if from.is_empty() { (*to).to_owned() } else { text.replacen(from, to, 1) };
        }
        let found = texts(&work.path());
        if found != expected {
            let other = |(file, text): (&String, &String)| {
                (expected.get(file) != Some(text)).then(|| format!("{file}:\n{text}"))
            };
            let others: Vec<String> = found.iter().filter_map(other).collect();
            return Some(format!("{}\n{}", others.join("\n"), answer["left"]));
        }
        let mut reasons: Vec<(&str, &str)> = answer["left"]
            .as_array()
            .unwrap()
            .iter()
            .map(|left| (left["item"]["stable_path"].as_str().unwrap(), left["reason"].as_str().unwrap()))
            .collect();
        reasons.sort_unstable();
        let fits =
            |((path, reason), (wanted, part)): (&(&str, &str), &(&str, &str))| path == wanted && reason.contains(part);
        let all_fit = reasons.len() == row.left.len() && reasons.iter().zip(row.left).all(fits);
        if !all_fit {
            return Some(format!("left: {reasons:?}"));
        }
        // Nothing else differs any more.
        let report: Value = serde_json::from_slice(&run(&["scan"]).stdout).unwrap();
        let items = report["items"].as_array().unwrap().iter().flat_map(|report| report["items"].as_array().unwrap());
        let mut differs: Vec<&str> = items.map(|item| item["stable_path"].as_str().unwrap()).collect();
        differs.sort_unstable();
        let left: Vec<&str> = row.left.iter().map(|(path, _)| *path).collect();
        (differs != left).then(|| format!("differs still: {differs:?}"))
    }

    /// Fails unless the same row, of a repository, gets one commit with these changes and no other.
    fn is_committed(&self, row: &Row) {
        let (work, home) = (Folder::with(&[]), Folder::with(&[]));
        let tree = work.path().join("tree");
        copy(&self.fixture, &tree);
        home.write(".gitconfig", "[user]\n\tname = Ann\n\temail = ann@example.com\n");
        home.write("live.json", &self.live(row, &tree, &home.path()).to_string());
        let run = |program: &str, arguments: &[&str]| {
            let mut command = self.command(Path::new(program), arguments, &work.path(), &home.path());
            command.env("XDG_STATE_HOME", home.path().join("state"));
            let output = anchorwatch_testbed::run(command, b"", RUN_LIMIT).unwrap();
            assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
            text(&output.stdout)
        };
        run("git", &["init", "--quiet", "--initial-branch=main", "tree"]);
        run("git", &["-C", "tree", "add", "--all"]);
        run("git", &["-C", "tree", "commit", "--quiet", "-m", "all"]);
        run("git", &["clone", "--quiet", "--bare", "tree", "shop.git"]);
        let (source, live) = (format!("shop.git//{}?ref=main", row.source), home.path().join("live.json"));
        let adopt =
            ["adopt", "--yes", "--source", &source, "--live", live.to_str().unwrap(), "-n", "shop", "--output=json"];
        let output = run(env!("CARGO_BIN_EXE_anchorwatch"), &[&adopt[..], &row.meant(), row.arguments].concat());
        let answer: Value = serde_json::from_str(&output).unwrap();
        let mut expected = texts(&self.fixture);
        for (file, from, to) in row.files {
            let text = expected.entry((*file).to_owned()).or_default();
            *text = if from.is_empty() { (*to).to_owned() } else { text.replacen(from, to, 1) };
        }
        let branch = answer["done"]["pushed_to"].as_str().unwrap();
        run("git", &["clone", "--quiet", "--branch", branch, "shop.git", "after"]);
        assert_eq!(texts(&work.path().join("after")), expected);
    }

    /// A recorded state: what is rendered, with something otherwise.
    fn live(&self, row: &Row, work: &Path, home: &Path) -> Value {
        let (tool, arguments) = if self.fixture.join(row.source).join("Chart.yaml").exists() {
            (Tool::Helm, [&["template", "rel", row.source, "--namespace=shop"], &values(row)[..]].concat())
        } else {
            (Tool::Kubectl, vec!["kustomize", row.source])
        };
        let command = self.command(&self.binaries.path(tool).unwrap(), &arguments, work, home);
        let output = anchorwatch_testbed::run(command, b"", RUN_LIMIT).unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text(&output.stdout)).unwrap();
        for object in &mut objects {
            if object["metadata"].get("namespace").is_none() {
                object["metadata"]["namespace"] = "shop".into();
            }
        }
        for (name, patch) in row.live {
            if patch.starts_with('{') {
                objects.push(serde_json::from_str(patch).expect(patch));
                continue;
            }
            let is_it = |object: &Value| {
                let (kind, called) = (&object["kind"], &object["metadata"]["name"]);
                *name == format!("{}/{}", kind.as_str().unwrap(), called.as_str().unwrap())
            };
            let at = objects.iter().position(is_it).expect(name);
            if patch.is_empty() {
                objects.remove(at);
            } else {
                let patch: json_patch::Patch = serde_json::from_str(patch).expect(patch);
                json_patch::patch(&mut objects[at], &patch).expect(name);
            }
        }
        json!({"apiVersion": "v1", "kind": "List", "items": objects})
    }

    /// Fails with what is wrong with each row.
    fn check(&self, rows: &[(&str, Row)]) {
        let faults: Vec<String> =
            rows.iter().filter_map(|(name, row)| Some(format!("== {name}\n{}", self.fault(row)?))).collect();
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    }
}

/// The values files of a row.
fn values(row: &Row) -> Vec<&'static str> {
    let pairs = row.arguments.windows(2).filter(|pair| pair[0] == "--values");
    pairs.flatten().copied().collect()
}

fn copy(from: &Path, to: &Path) {
    for (path, text) in texts(from) {
        let file = to.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

/// Every file below a folder.
fn texts(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![root.to_owned()];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != ".git") {
                ahead.push(path);
            } else if path.is_file() {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_repository_gets_the_change_of_what_is_rendered() {
    for (fixture, rows, name) in [
        ("kustomize", kustomizations::ROWS, "an image's tag, by the entry that sets it"),
        ("kustomize", kustomizations::ROWS, "an object of a base that others build upon: a patch"),
        ("kustomize", kustomizations::ROWS, "an object that Git does not have: a resource more"),
        ("helm", charts::ROWS, "a number"),
    ] {
        let (_, row) = rows.iter().find(|(row, _)| *row == name).unwrap();
        Bench::of(fixture).is_committed(row);
    }
}
