//! Where a path in a commit's tree leads when its symbolic links are followed.

use std::collections::{BTreeMap, VecDeque};

use super::tree::{Entry, Kind};
use crate::files::LinkFault;

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// What lies at the end of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    File(Vec<u8>),
    /// Empty for the root.
    Folder(Vec<u8>),
    Submodule,
}

/// Entries by path, and what the symbolic links among them say.
pub(super) struct Map<'a> {
    pub(super) entries: &'a BTreeMap<Vec<u8>, Entry>,
    pub(super) links: &'a BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Map<'_> {
    /// Follows a path from the root of the tree.
    pub(super) fn follow(&self, path: &[u8]) -> Result<Found, LinkFault> {
        let mut ahead: VecDeque<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let mut at: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(part) = ahead.pop_front() {
            match part {
                b"" | b"." => continue,
                b".." if at.is_empty() => return Err(LinkFault::LeavesRepository),
                b".." => at.truncate(parent_length(&at)),
                part => self.step(&mut at, part)?,
            }
            let Some(target) = self.links.get(&at) else { continue };
            links += 1;
            if links > MAX_LINKS {
                return Err(LinkFault::Loop);
            }
            if target.starts_with(b"/") {
                return Err(LinkFault::Absolute);
            }
            at.truncate(parent_length(&at));
            target.split(|byte| *byte == b'/').rev().for_each(|part| ahead.push_front(part));
        }
        self.at(at)
    }

    /// Goes down by one name; a file has nothing below it, and nothing above an absent folder is found either.
    fn step(&self, at: &mut Vec<u8>, part: &[u8]) -> Result<(), LinkFault> {
        if self.entries.get(at.as_slice()).is_some_and(|entry| entry.kind != Kind::Submodule) {
            return Err(LinkFault::Missing);
        }
        if !at.is_empty() {
            at.push(b'/');
        }
        at.extend_from_slice(part);
        if self.entries.contains_key(at.as_slice()) || self.is_folder(at) { Ok(()) } else { self.below_submodule(at) }
    }

    fn below_submodule(&self, at: &[u8]) -> Result<(), LinkFault> {
        let above = at.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| &at[..end]);
        let mut entries = above.filter_map(|path| self.entries.get(path));
        if entries.any(|entry| entry.kind == Kind::Submodule) { Ok(()) } else { Err(LinkFault::Missing) }
    }

    fn at(&self, path: Vec<u8>) -> Result<Found, LinkFault> {
        match self.entries.get(&path).map(|entry| entry.kind) {
            Some(Kind::File | Kind::Program) => Ok(Found::File(path)),
            Some(Kind::Submodule) => Ok(Found::Submodule),
            Some(Kind::Link) => Err(LinkFault::Missing),
            None if self.is_folder(&path) => Ok(Found::Folder(path)),
            None => self.below_submodule(&path).map(|()| Found::Submodule),
        }
    }

    fn is_folder(&self, path: &[u8]) -> bool {
        path.is_empty() || below(self.entries, path).next().is_some()
    }
}

/// The entries below a folder, with the part of their path after it.
pub(super) fn below<'a>(
    entries: &'a BTreeMap<Vec<u8>, Entry>,
    folder: &[u8],
) -> impl Iterator<Item = (&'a [u8], &'a Entry)> {
    let mut start = folder.to_vec();
    if !start.is_empty() {
        start.push(b'/');
    }
    entries.range(start.clone()..).map_while(move |(path, entry)| Some((path.strip_prefix(start.as_slice())?, entry)))
}

fn parent_length(path: &[u8]) -> usize {
    path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_inside_the_tree_only() {
        let files = ["a/b/c.yaml", "a/d.yaml", "z"];
        let links = [
            ("a/up", ".."),
            ("a/same", "./b/../d.yaml"),
            ("out", "../x"),
            ("deep/out", "../a/../../x"),
            ("abs", "/etc"),
            ("dangling", "a/none"),
            ("loop", "loop"),
            ("one", "two"),
            ("two", "one"),
            ("folder", "a"),
            ("through", "z/y"),
            ("to-module", "module/inside"),
        ];
        let mut entries: BTreeMap<Vec<u8>, Entry> = BTreeMap::new();
        let mut add = |path: &str, kind| {
            let id = "0".repeat(40).parse().expect("forty digits");
            entries.insert(path.into(), Entry { kind, id });
        };
        for path in files {
            add(path, Kind::File);
        }
        for (path, _) in links {
            add(path, Kind::Link);
        }
        add("module", Kind::Submodule);
        let links = links.iter().map(|(path, to)| ((*path).into(), (*to).into())).collect();
        let map = Map { entries: &entries, links: &links };
        let cases = [
            ("a/same", Ok(Found::File(b"a/d.yaml".to_vec()))),
            ("a/up/folder/b", Ok(Found::Folder(b"a/b".to_vec()))),
            ("a/up", Ok(Found::Folder(Vec::new()))),
            ("folder/b/c.yaml", Ok(Found::File(b"a/b/c.yaml".to_vec()))),
            ("", Ok(Found::Folder(Vec::new()))),
            ("to-module", Ok(Found::Submodule)),
            ("out", Err(LinkFault::LeavesRepository)),
            ("deep/out", Err(LinkFault::LeavesRepository)),
            ("abs", Err(LinkFault::Absolute)),
            ("abs/passwd", Err(LinkFault::Absolute)),
            ("dangling", Err(LinkFault::Missing)),
            ("through", Err(LinkFault::Missing)),
            ("loop", Err(LinkFault::Loop)),
            ("one/x", Err(LinkFault::Loop)),
        ];
        for (path, expected) in cases {
            assert_eq!(map.follow(path.as_bytes()), expected, "{path}");
        }
    }
}
