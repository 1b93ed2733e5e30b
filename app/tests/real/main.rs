//! The real program against a real control plane: every test here edits objects by the tools that people use, and
//! says exactly what a scan must find.
//!
//! `cargo test -p anchorwatch --features real --test real`; the first run on a machine builds the control plane.

#![expect(clippy::disallowed_methods, reason = "tests make and measure the world that they try things in")]
#![expect(clippy::unwrap_used, reason = "where a helper fails, its test fails")]

mod admission;
mod adopted;
mod browser;
mod chromium;
mod clients;
mod commits;
mod custom;
mod deploy;
mod discover;
mod edits;
mod gateway;
mod kills;
mod local_model;
mod openapi;
mod outages;
mod paging;
mod policy;
mod recorded;
mod rendered;
mod replicas;
mod rights;
mod rollback;
mod rollback_faults;
mod rollback_pause;
mod rollback_person;
mod rollback_recreation;
mod rollback_removal;
mod rollback_service;
mod shop;
mod unmanaged;
mod untouched;
mod versions;
mod watch;
mod world;

use std::fs;
use std::io::Write as _;
use std::path::Path;

/// Says that a test was none, and why.
fn skipped(why: &str) {
    // Not as a test's output, which nobody sees where it passes.
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "skipped: {why}");
}

#[test]
fn every_file_of_this_folder_is_part_of_this_binary() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real");
    let this = fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || this.contains(&format!("mod {module};")), "{name} is not part of main.rs");
    }
}
