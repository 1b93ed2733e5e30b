//! The real program, without a cluster and without a network: what it does with bad input, and what it shows.
//!
//! Each test has a world of its own: home, state, temporary folder and environment.

#![expect(clippy::disallowed_methods, reason = "tests make and measure the world that they try things in")]
#![expect(clippy::unwrap_used, reason = "where a helper fails, its test fails")]

mod adopt;
mod answers;
mod audit;
mod bans;
mod commands;
mod demo;
mod discover;
mod explain;
mod faces;
mod faults;
mod gateway;
mod gateway_live;
mod gateway_local;
mod hostile;
mod incomplete;
mod page;
mod past;
mod policy;
mod proxies;
mod recorded;
mod remote;
mod rules;
mod server;
mod service;
mod sources;
mod traces;
mod world;

use std::fs;
use std::path::Path;

#[test]
fn every_file_of_this_folder_is_part_of_this_binary() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let this = fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs") else { continue };
        assert!(module == "main" || this.contains(&format!("mod {module};")), "{name} is not part of main.rs");
    }
}

/// A file whose tests start a service, and which `./test` does not name, would never be tried on PostgreSQL.
#[test]
fn every_service_is_tried_on_postgres_too() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let gate = fs::read_to_string(root.join("test")).unwrap();
    let mut files = 0;
    for folder in ["it", "real"] {
        for entry in fs::read_dir(root.join("app/tests").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let Some(module) = path.file_name().unwrap().to_str().unwrap().strip_suffix(".rs") else { continue };
            let starts_one = fs::read_to_string(&path).unwrap().contains(concat!("\"serve", "\", \"--config\""));
            // These have a PostgreSQL of their own, or need none.
            if starts_one && !["replicas", "outages"].contains(&module) {
                assert!(gate.contains(&format!("{module}::")), "{} is not named in ./test", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 4, "only {files} files start a service");
}
