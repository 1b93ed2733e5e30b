//! The generated files: written, or held against those that are checked in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::HarvestError;
use super::learning::Fact;
use super::types::Types;
use super::zero::Drop;

/// What a harvest yields: file names with their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    files: Vec<(String, String)>,
    unshown: Vec<String>,
}

/// A checked-in file that differs from what the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staleness {
    /// The file.
    pub file: PathBuf,
    /// The lines that differ, `-` as checked in, `+` as harvested.
    pub difference: String,
}

impl Catalogue {
    pub(crate) fn new(version: &str, types: &Types, facts: &BTreeSet<Fact>, drops: &BTreeSet<Drop>) -> Self {
        let mut lines: Vec<String> = facts.iter().map(ToString::to_string).collect();
        lines.extend(drops.iter().map(|(type_name, field)| format!("drops {type_name} {field}")));
        lines.sort();
        let minor: Vec<&str> = version.trim_start_matches('v').split('.').take(2).collect();
        let head =
            format!("# Kubernetes {version}, by `cargo run -p anchorwatch-testbed --bin harvest`. Do not edit.\n");
        let types = format!("{head}{TYPES_HEAD}{types}");
        let defaults = format!("{head}{DEFAULTS_HEAD}{}\n", lines.join("\n"));
        let defaults_name = format!("defaults-{}.txt", minor.join("."));
        Self { files: vec![("types.txt".to_owned(), types), (defaults_name, defaults)], unshown: Vec::new() }
    }

    /// Notes which types the seeds have shown.
    pub(crate) fn with_shown(mut self, types: &Types, shown: &BTreeSet<String>) -> Self {
        self.unshown = types.structs.keys().filter(|name| !shown.contains(*name)).cloned().collect();
        self
    }

    /// The types that no seed states: nothing is known of their defaults. Statuses, mostly.
    pub fn unshown(&self) -> &[String] {
        &self.unshown
    }

    /// How many lines of each sort there are, for people.
    pub fn counts(&self) -> Vec<(String, usize)> {
        let words = ["type", "default", "drops", "computed", "allocated"];
        let starts = |word: &str| {
            let of_word = |line: &&str| line.split(' ').next() == Some(word);
            self.files.iter().map(|(_, text)| text.lines().filter(of_word).count()).sum()
        };
        words.into_iter().map(|word| (word.to_owned(), starts(word))).collect()
    }

    /// Without the types, which are checked in for the newest release only.
    #[must_use]
    pub fn defaults_only(mut self) -> Self {
        self.files.retain(|(name, _)| name.starts_with("defaults-"));
        self
    }

    /// Writes the files.
    pub fn write(&self, folder: &Path) -> Result<(), HarvestError> {
        for (name, text) in &self.files {
            let file = folder.join(name);
            fs::write(&file, text).map_err(|source| HarvestError::File {
                attempted: "write",
                file: file.display().to_string(),
                source,
            })?;
        }
        Ok(())
    }

    /// Which of the checked-in files are stale.
    pub fn compare(&self, folder: &Path) -> Vec<Staleness> {
        let stale = |(name, text): &(String, String)| {
            let file = folder.join(name);
            let checked_in = fs::read_to_string(&file).unwrap_or_default();
            (checked_in != *text).then(|| Staleness { difference: difference(&checked_in, text), file })
        };
        self.files.iter().filter_map(stale).collect()
    }
}

/// Enough of a diff for two sorted files; a field's line is shown with its type's.
fn difference(old: &str, new: &str) -> String {
    let (old, new) = (with_owners(old), with_owners(new));
    let gone = old.difference(&new).map(|line| format!("-{line}\n"));
    gone.chain(new.difference(&old).map(|line| format!("+{line}\n"))).collect()
}

fn with_owners(text: &str) -> BTreeSet<String> {
    let mut owner = "";
    let mut lines = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with(' ') {
            lines.insert(format!("{owner} {}", line.trim()));
        } else {
            owner = line;
            lines.insert(line.to_owned());
        }
    }
    lines
}

const TYPES_HEAD: &str = "\
#
# type NAME [GROUP/VERSION/KIND PLURAL [cluster]] [!]   a struct; with kind and resource if objects are of it; ! if atomic
#   FIELD TYPE
# TYPE: string integer number boolean bytes quantity intstr time any, or the NAME of a struct; [T] atomic list, [T]= set,
#   [T]{k1,k2} list keyed by these fields, <T> map; <T>! atomic map, NAME! where the field itself is declared atomic
";

const DEFAULTS_HEAD: &str = "\
#
# default TYPE FIELD JSON [when SIBLING JSON ...] [under GROUP/KIND ...]   what an unstated field becomes, only if the
#   stored sibling has one of these values, only in objects of these kinds; {} is a struct whose own fields have lines
# computed TYPE FIELD [under GROUP/KIND ...]    it becomes something that depends on other fields
# allocated TYPE FIELD [under GROUP/KIND ...]   it becomes something else each time
# drops TYPE FIELD    a stated zero (\"\" 0 false [] {}) is not kept: stating it is the same as not stating it
";
