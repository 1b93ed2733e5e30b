//! The kustomizations that a rendering is made of, and what of their files others build upon.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Files, join, list, parent};
use super::{FILE_NAMES, Kustomized};
use crate::object::value::Value;
use crate::source::edit;

/// All that is rendered, from the folder inwards.
pub(super) struct Graph<'a> {
    pub(super) source: Kustomized<'a>,
    /// The one that is rendered is the first.
    pub(super) all: Vec<Kustomization>,
    shared: BTreeSet<String>,
}

/// One kustomization.
pub(super) struct Kustomization {
    pub(super) file: String,
    pub(super) folder: String,
    pub(super) tree: Value<'static>,
    /// Which of the file's documents it is.
    pub(super) place: edit::Place,
}

impl Kustomization {
    fn read(file: &str, text: &str) -> Option<Self> {
        let (place, node) = edit::objects(text).ok()?.into_iter().find(|(_, node)| node.value.as_map().is_some())?;
        Some(Self { file: file.to_owned(), folder: parent(file).to_owned(), tree: node.value, place })
    }

    /// The files and folders that it builds upon.
    pub(super) fn resources(&self) -> impl Iterator<Item = String> {
        let entries = ["resources", "bases", "components"].into_iter().flat_map(|name| list(&self.tree, name));
        entries.filter_map(|entry| join(&self.folder, entry.value.as_str()?))
    }
}

impl<'a> Graph<'a> {
    pub(super) fn of(source: Kustomized<'a>) -> Self {
        let mut all = Vec::new();
        let mut ahead = vec![source.folder.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(folder) = ahead.pop() {
            let Some(found) = in_folder(source.files, &folder).filter(|_| seen.insert(folder.clone())) else {
                continue;
            };
            let below: Vec<_> = found.resources().filter(|path| !source.files.contains_key(path)).collect();
            ahead.extend(below.into_iter().rev());
            all.push(found);
        }
        Self { source, all, shared: shared(source) }
    }

    /// True if changing the file changes nothing but what is rendered here.
    pub(super) fn is_own(&self, file: &str) -> bool {
        let folder = self.source.folder;
        let is_inside = folder.is_empty() || file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        (is_inside || self.source.saw_all) && !self.shared.contains(file)
    }

    /// The kustomizations that may be changed.
    pub(super) fn own(&self) -> impl Iterator<Item = &Kustomization> {
        self.all.iter().filter(|found| self.is_own(&found.file))
    }
}

fn in_folder(files: &Files, folder: &str) -> Option<Kustomization> {
    FILE_NAMES.iter().find_map(|name| {
        let file = join(folder, name)?;
        Kustomization::read(&file, files.get(&file)?)
    })
}

/// The files that some other kustomization reads, too, by another way than through what is rendered here.
fn shared(source: Kustomized<'_>) -> BTreeSet<String> {
    let mut shared = BTreeSet::new();
    let mut ahead: Vec<Kustomization> =
        source.others.iter().filter_map(|(file, text)| Kustomization::read(file, text)).collect();
    let known: BTreeMap<&str, &str> = source
        .files
        .keys()
        .filter(|file| FILE_NAMES.contains(&file.rsplit('/').next().unwrap_or(file)))
        .map(|file| (parent(file), file.as_str()))
        .collect();
    while let Some(next) = ahead.pop() {
        let mut entries = Vec::new();
        texts(&next.tree, &mut entries);
        let paths = entries.into_iter().filter_map(|entry| join(&next.folder, entry));
        for path in paths.filter(|path| path != source.folder) {
            let file = known.get(path.as_str()).map_or(path.as_str(), |file| file).to_owned();
            let Some(text) = source.files.get(&file).filter(|_| !shared.contains(&file)) else { continue };
            if known.contains_key(path.as_str()) {
                ahead.extend(Kustomization::read(&file, text));
            }
            shared.insert(file);
        }
    }
    shared
}

/// All that could name a file; a generator's may be written `KEY=FILE`.
fn texts<'v>(value: &'v Value<'_>, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => {
            found.push(text);
            found.extend(text.split_once('=').map(|(_, file)| file));
        }
        Value::List(list) => list.iter().for_each(|node| texts(&node.value, found)),
        Value::Map(map) => map.iter().for_each(|(_, node)| texts(&node.value, found)),
        _ => {}
    }
}
