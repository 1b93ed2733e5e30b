//! The tree of a commit: which files are to be read, and where its links lead.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use super::command::Git;
use super::error::GitError;
use super::link::{Found, Map, below};
use super::nearest::nearest;
use super::objects::{ObjectId, Wanted, read_all};
use super::tree_path::TreePath;
use super::{Commit, failed};
use crate::files::{LinkFault, SkipReason, Skipped, is_manifest, path_text};
use crate::render::Renderer;

/// What a tree's entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Program,
    Link,
    Submodule,
}

/// One entry of a tree; folders have none of their own.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) id: ObjectId,
}

/// The entries of a commit's tree, by path.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) entries: BTreeMap<Vec<u8>, Entry>,
    /// The targets of the links among them.
    links: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What a source's path means in a commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Base {
    File(Vec<u8>),
    Folder(Vec<u8>),
}

/// The files of a source: what people see, and where its contents are.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) files: BTreeMap<String, ObjectId>,
    pub(super) skipped: BTreeSet<Skipped>,
}

impl Tree {
    /// Lists what `path` holds, and the whole tree if `path` or a link needs it.
    pub(super) async fn load(git: &Git, commit: &Commit, path: &TreePath) -> Result<(Self, Base), GitError> {
        let entries = list(git, commit, Some(path)).await?;
        let plain = entries.values().all(|entry| entry.kind != Kind::Link);
        if plain && !entries.is_empty() {
            let tree = Self { entries, links: BTreeMap::new() };
            let base = tree.base(git, commit, path)?;
            return Ok((tree, base));
        }
        let tree = Self::load_all(git, commit).await?;
        let base = tree.base(git, commit, path)?;
        Ok((tree, base))
    }

    /// Lists the whole tree.
    pub(super) async fn load_all(git: &Git, commit: &Commit) -> Result<Self, GitError> {
        let entries = list(git, commit, None).await?;
        let links = entries.iter().filter(|(_, entry)| entry.kind == Kind::Link);
        let wanted: Vec<Wanted> = links.map(|(path, entry)| Wanted::new(&entry.id, path_text(path))).collect();
        let paths: Vec<Vec<u8>> =
            entries.iter().filter(|(_, entry)| entry.kind == Kind::Link).map(|(path, _)| path.clone()).collect();
        let targets = read_all(git, wanted).await?;
        Ok(Self { entries, links: paths.into_iter().zip(targets).collect() })
    }

    /// Finds a source's path, through links too.
    pub(super) fn base(&self, git: &Git, commit: &Commit, path: &TreePath) -> Result<Base, GitError> {
        let repository = git.repository.clone();
        match self.follow(path.as_str().as_bytes()) {
            Ok(Found::File(path)) => Ok(Base::File(path)),
            Ok(Found::Folder(path)) => Ok(Base::Folder(path)),
            Ok(Found::Submodule) => Err(GitError::EnterSubmodule { repository, path: path.to_string() }),
            Err(LinkFault::Missing) => Err(GitError::FindPath {
                repository,
                path: path.to_string(),
                commit: commit.id.to_string(),
                near: self.near(path.as_str()),
            }),
            Err(fault) => Err(GitError::FollowLink { repository, link: path.to_string(), fault }),
        }
    }

    pub(super) fn follow(&self, path: &[u8]) -> Result<Found, LinkFault> {
        Map { entries: &self.entries, links: &self.links }.follow(path)
    }

    /// What a link says.
    pub(super) fn target(&self, link: &[u8]) -> &[u8] {
        self.links.get(link).map_or(&[], Vec::as_slice)
    }

    /// Why a link is left out.
    pub(super) fn broken_link(&self, link: &[u8], fault: LinkFault) -> SkipReason {
        SkipReason::Link { target: path_text(self.target(link)), fault }
    }

    /// Chooses the manifests of a source: each once, at its own place where it has one there.
    pub(super) fn manifests(&self, base: &Base) -> Selection {
        let mut selection = Selection::default();
        match base {
            Base::File(path) => {
                let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
                selection.files.insert(path_text(name), self.entries[path].id.clone());
            }
            Base::Folder(folder) => self.folder(folder, &mut selection),
        }
        selection
    }

    fn folder(&self, folder: &[u8], selection: &mut Selection) {
        let mut seen = HashSet::new();
        let mut ahead = VecDeque::from([(folder.to_vec(), Vec::new())]);
        while let Some((folder, shown)) = ahead.pop_front() {
            let mut links = Vec::new();
            let rendered = self.rendered(&folder);
            for (of_renderer, renderer) in &rendered {
                note(selection, &joined(&shown, of_renderer), SkipReason::Rendered(*renderer));
            }
            let is_rendered = |rest: &[u8]| rendered.iter().any(|(folder, _)| is_in(rest, folder));
            let plain = |rest: &[u8]| !is_hidden(rest) && !is_rendered(rest);
            for (rest, entry) in below(&self.entries, &folder).filter(|(rest, _)| plain(rest)) {
                let (real, shown) = (joined(&folder, rest), joined(&shown, rest));
                match entry.kind {
                    Kind::Link => links.push((real, shown)),
                    Kind::Submodule => note(selection, &shown, SkipReason::Submodule),
                    Kind::File | Kind::Program if is_manifest(rest) && seen.insert(real.clone()) => {
                        selection.files.insert(path_text(&shown), entry.id.clone());
                    }
                    Kind::File | Kind::Program => {}
                }
            }
            for (real, shown) in links {
                match self.follow(&real) {
                    Ok(Found::File(target)) if is_manifest(&shown) && seen.insert(target.clone()) => {
                        selection.files.insert(path_text(&shown), self.entries[&target].id.clone());
                    }
                    Ok(Found::File(_)) => {}
                    Ok(Found::Folder(target)) if let Some(renderer) = self.renderer_of(&target) => {
                        note(selection, &shown, SkipReason::Rendered(renderer));
                    }
                    Ok(Found::Folder(target)) => {
                        let mut mark = target.clone();
                        mark.push(b'/');
                        if seen.insert(mark) {
                            ahead.push_back((target, shown));
                        }
                    }
                    Ok(Found::Submodule) => note(selection, &shown, SkipReason::Submodule),
                    Err(fault) => note(selection, &shown, self.broken_link(&real, fault)),
                }
            }
        }
    }

    /// How the files of a folder are rendered; nothing if they are plain.
    fn renderer_of(&self, folder: &[u8]) -> Option<Renderer> {
        let names = below(&self.entries, folder).map(|(rest, _)| rest).filter(|rest| !rest.contains(&b'/'));
        Renderer::detect(names.filter_map(|name| std::str::from_utf8(name).ok()))
    }

    /// The folders below this one whose files are rendered, the outermost only.
    fn rendered(&self, folder: &[u8]) -> Vec<(Vec<u8>, Renderer)> {
        let mut names: BTreeMap<&[u8], Vec<&str>> = BTreeMap::new();
        for (rest, _) in below(&self.entries, folder).filter(|(rest, _)| !is_hidden(rest)) {
            if let Some(end) = rest.iter().rposition(|byte| *byte == b'/') {
                names.entry(&rest[..end]).or_default().extend(std::str::from_utf8(&rest[end + 1..]).ok());
            }
        }
        let mut found: Vec<(Vec<u8>, Renderer)> = Vec::new();
        for (folder, names) in names {
            if let Some(renderer) =
                Renderer::detect(names).filter(|_| !found.iter().any(|(outer, _)| is_in(folder, outer)))
            {
                found.push((folder.to_vec(), renderer));
            }
        }
        found
    }

    fn near(&self, path: &str) -> Vec<String> {
        let mut paths: BTreeSet<String> = BTreeSet::new();
        for entry in self.entries.keys() {
            let text = path_text(entry);
            paths.extend(text.match_indices('/').map(|(end, _)| text[..end].to_owned()));
            if is_manifest(entry) {
                paths.insert(text);
            }
        }
        nearest(path, paths.iter().map(String::as_str))
    }
}

/// Runs `ls-tree` on a path, or on all.
pub(super) async fn list(
    git: &Git,
    commit: &Commit,
    path: Option<&TreePath>,
) -> Result<BTreeMap<Vec<u8>, Entry>, GitError> {
    let path = path.map_or("", TreePath::as_str);
    let commit = commit.id.as_str();
    let output = if path.is_empty() {
        git.read(["ls-tree", "-r", "-z", "--full-tree", commit], Vec::new()).await?
    } else {
        git.read(["ls-tree", "-r", "-z", "--full-tree", commit, "--", path], Vec::new()).await?
    };
    if !output.status.success() {
        return Err(failed(git, "ls-tree", output));
    }
    let lines = output.stdout.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    lines.map(|line| entry(git, line)).collect()
}

/// Reads `MODE TYPE ID\tPATH`.
fn entry(git: &Git, line: &[u8]) -> Result<(Vec<u8>, Entry), GitError> {
    let unsafe_path = |path: &[u8]| GitError::ReadPath { repository: git.repository.clone(), path: path_text(path) };
    let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(|| unsafe_path(line))?;
    let (head, path) = (&line[..tab], &line[tab + 1..]);
    if path.split(|byte| *byte == b'/').any(is_unsafe) {
        return Err(unsafe_path(path));
    }
    let head = String::from_utf8_lossy(head);
    let mut head = head.split(' ');
    let kind = match head.next() {
        Some("120000") => Kind::Link,
        Some("160000") => Kind::Submodule,
        Some("100755") => Kind::Program,
        _ => Kind::File,
    };
    let id = head.nth(1).and_then(|id| id.parse().ok()).ok_or_else(|| unsafe_path(line))?;
    Ok((path.to_vec(), Entry { kind, id }))
}

/// Names that Git itself refuses to check out; a tree made by hand can hold them.
fn is_unsafe(name: &[u8]) -> bool {
    name.is_empty() || name == b"." || name == b".." || name.eq_ignore_ascii_case(b".git")
}

/// Says whether a path goes through a hidden folder.
pub(super) fn is_hidden(path: &[u8]) -> bool {
    let mut folders = path.rsplit(|byte| *byte == b'/').skip(1);
    folders.any(|name| name.starts_with(b"."))
}

/// True for a path below a folder.
fn is_in(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"))
}

fn joined(folder: &[u8], rest: &[u8]) -> Vec<u8> {
    if folder.is_empty() { rest.to_vec() } else { [folder, b"/", rest].concat() }
}

fn note(selection: &mut Selection, path: &[u8], reason: SkipReason) {
    selection.skipped.insert(Skipped { path: path_text(path), reason });
}
