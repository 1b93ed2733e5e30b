//! Files to try edits on: those of this repository, and `tests/corpus`, written in the styles of public ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anchorwatch_core::source::edit::objects;

/// Each file's name and text, if it can be read.
pub(crate) static CORPUS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["core/tests/corpus", "testbed", "deploy", "app/demo", "benches/src/objects", "core/src/cases/drift"];
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    // Recorded states are long and all alike; one in eight will do.
    let (recorded, mut paths): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.ends_with("live.json"));
    paths.extend(recorded.into_iter().step_by(8));
    let mut all = Vec::new();
    for path in paths {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if text.len() < 30_000 && objects(&text).is_ok_and(|all| !all.is_empty()) {
            all.push((name, text));
        }
    }
    all
});

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        if path.is_dir() {
            collect(&path, paths);
        } else if matches!(kind, Some("yaml" | "yml" | "json")) && !path.ends_with("expected.json") {
            paths.push(path);
        }
    }
}

#[test]
fn every_file_of_the_corpus_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let own = CORPUS.iter().filter(|(name, _)| name.starts_with("core/tests/corpus")).count();
    assert_eq!(own, fs::read_dir(folder).unwrap().count());
    assert!(CORPUS.len() > 100, "only {} files", CORPUS.len());
}
