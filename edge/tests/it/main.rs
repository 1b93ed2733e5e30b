//! What edge does to files and Git, tried with the real things, and to a cluster that a test plays.

#[cfg(test)]
mod audit_kill;
#[cfg(test)]
mod audit_suite;
#[cfg(test)]
mod bans;
#[cfg(test)]
mod fakes;
#[cfg(test)]
mod files;
#[cfg(test)]
mod forge;
#[cfg(test)]
mod forge_fake;
#[cfg(test)]
mod git_export;
#[cfg(test)]
mod git_history;
#[cfg(test)]
mod git_hostile;
#[cfg(test)]
mod git_location;
#[cfg(test)]
mod git_open;
#[cfg(test)]
mod git_process;
#[cfg(test)]
mod git_publish;
#[cfg(test)]
mod git_read;
#[cfg(test)]
mod git_work_tree;
#[cfg(test)]
mod llm;
#[cfg(test)]
mod llm_fake;
#[cfg(test)]
mod notify;
#[cfg(test)]
mod outbound;
#[cfg(test)]
mod outbound_inside;
#[cfg(test)]
mod outbound_namespace;
#[cfg(test)]
mod outbound_proxies;
#[cfg(test)]
mod outbox_suite;
#[cfg(test)]
mod permits;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod server;
#[cfg(test)]
mod store;
#[cfg(test)]
mod store_suite;
#[cfg(test)]
mod watch;

/// A file that no `mod` names would never be compiled, and nobody would miss its tests.
#[test]
fn every_test_file_is_part_of_this_binary() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs") else { continue };
        assert!(module == "main" || main.contains(&format!("mod {module};")), "{name} is not compiled");
    }
}
