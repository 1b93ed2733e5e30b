//! What core promises, held against its public face. One binary; each file here is a module of it.

#![expect(clippy::disallowed_methods, reason = "tests make and measure the world that they try things in")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]

mod audit;
mod bans;
mod cases;
mod compare;
mod deliveries;
mod edits;
mod laws;
mod mutations;
mod redaction;
mod rendered;
mod restore;
mod route;
mod text;
mod world;

use std::fs;
use std::path::Path;

#[test]
fn every_test_file_is_part_of_this_binary() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    assert_eq!(strays(&folder, &folder.join("main.rs")), Vec::<String>::new(), "add `mod …;` for these");
}

/// Files of a folder that its front page names no module for.
fn strays(folder: &Path, front: &Path) -> Vec<String> {
    let text = fs::read_to_string(front).unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path == front {
            continue;
        }
        if path.is_dir() {
            found.extend(strays(&path, &folder.join(format!("{name}.rs"))));
        } else if !text.lines().any(|line| line == format!("mod {name};")) {
            found.push(path.display().to_string());
        }
    }
    found
}
