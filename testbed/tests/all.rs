//! Every test of the testbed, in one binary: each file here is a module.

#![expect(clippy::unwrap_used, reason = "where a helper fails, its test fails")]

mod control_plane;
mod learning;
mod processes;

use std::fs;
use std::path::Path;

#[test]
fn every_test_file_is_part_of_this_binary() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let this = fs::read_to_string(folder.join("all.rs")).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "all" || this.contains(&format!("mod {module};")), "{name} is not part of all.rs");
    }
}
