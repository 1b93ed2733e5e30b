//! What `configMapGenerator` makes.

use super::super::{Aim, Candidates, Files, Unmade, field, join, list, nth, one, set, text};
use super::Unchangeable;
use super::graph::{Graph, Kustomization};
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Value};
use crate::source::edit::{Change, Edit};

const GENERATOR: &str = "configMapGenerator";

/// The literals and files that a ConfigMap's data come from.
pub(super) fn literals(
    graph: &Graph<'_>,
    aim: &Aim<'_>,
    edit: &Edit,
    found: &mut Candidates,
) -> Result<(), Unchangeable> {
    let (Some(head), [Step::Field(data), Step::Field(key)]) = (aim.head(), edit.path.0.as_slice()) else {
        return Ok(());
    };
    if head.kind != "ConfigMap" || data != "data" {
        return Ok(());
    }
    let new = aim.new_value().and_then(Value::as_str);
    let mut generators: Vec<_> = all(graph, GENERATOR)
        .filter(|(.., entry)| entry.str("name").is_some_and(|name| may_be(name, head.name)))
        .collect();
    let name_of = |entry: &Map<'static>| entry.str("name").unwrap_or_default().to_owned();
    let longest = generators.iter().map(|(.., entry)| name_of(entry).len()).max().unwrap_or(0);
    generators.retain(|(.., entry)| name_of(entry).len() == longest);
    let is_plain = generators.iter().any(|(kustomization, _, entry)| is_without_hash(kustomization, entry));
    for (kustomization, at, entry) in generators {
        if !is_plain {
            return Err(Unchangeable::Hashed { file: kustomization.file.clone(), name: name_of(entry) });
        }
        if graph.is_own(&kustomization.file) {
            let generator = Generator { graph, kustomization, at, entry };
            generator.literal(key, new, found);
            generator.file(key, new, found);
            generator.env(key, new, found);
        }
    }
    Ok(())
}

fn may_be(name: &str, rendered: &str) -> bool {
    !name.is_empty() && rendered.contains(name)
}

fn all<'g>(graph: &'g Graph<'_>, name: &'g str) -> impl Iterator<Item = (&'g Kustomization, usize, &'g Map<'static>)> {
    graph.all.iter().flat_map(move |kustomization| {
        let entries = list(&kustomization.tree, name).iter().enumerate();
        entries.filter_map(move |(at, entry)| Some((kustomization, at, entry.value.as_map()?)))
    })
}

fn is_without_hash(kustomization: &Kustomization, entry: &Map<'static>) -> bool {
    let says = |options: Option<&Map<'static>>| {
        options.is_some_and(|options| options.get("disableNameSuffixHash") == Some(&Value::Bool(true)))
    };
    says(entry.map("options")) || says(kustomization.tree.at(&["generatorOptions"]).and_then(Value::as_map))
}

struct Generator<'g> {
    graph: &'g Graph<'g>,
    kustomization: &'g Kustomization,
    at: usize,
    entry: &'g Map<'static>,
}

impl Generator<'_> {
    fn entries(&self, name: &str) -> impl Iterator<Item = (usize, &str)> {
        let list = self.entry.get(name).and_then(Value::as_list).unwrap_or_default();
        list.iter().enumerate().filter_map(|(at, node)| Some((at, node.value.as_str()?)))
    }

    fn one(&self, edit: Edit) -> Result<Files, Unmade> {
        one(self.graph.source.files, &self.kustomization.file, &self.kustomization.place, &[edit])
    }

    /// `KEY=VALUE`.
    fn literal(&self, key: &str, new: Option<&str>, found: &mut Candidates) {
        let is_it = |entry: &str| entry.split_once('=').is_some_and(|(name, _)| name == key);
        let there = self.entries("literals").find(|(_, entry)| is_it(entry)).map(|(at, _)| at);
        let list = [field(GENERATOR), nth(self.at), field("literals")];
        let path = |at: usize| [&list[..], &[nth(at)]].concat();
        let written = new.map(|new| text(format!("{key}={new}")));
        match (there, written) {
            (Some(at), Some(written)) => found.push(self.one(set(path(at), written))),
            (Some(at), None) => found.push(self.one(Edit { path: Path(path(at)), change: Change::Remove })),
            (None, Some(written)) if self.entry.get("literals").is_some() && !self.makes(key) => {
                found.push(self.one(Edit { path: Path(path(usize::MAX)), change: Change::Add(written) }));
            }
            (None, _) => {}
        }
    }

    /// True if a file gives the key its value.
    fn makes(&self, key: &str) -> bool {
        self.entries("files").any(|(_, entry)| key_of(entry).0 == key)
    }

    /// `KEY=FILE`, or a file whose name is the key.
    fn file(&self, key: &str, new: Option<&str>, found: &mut Candidates) {
        for (at, entry) in self.entries("files") {
            let (name, file) = key_of(entry);
            let Some(file) = join(&self.kustomization.folder, file).filter(|_| name == key) else { continue };
            match new {
                Some(new) if self.graph.is_own(&file) && self.graph.source.files.contains_key(&file) => {
                    found.push(Ok([(file, new.to_owned())].into()));
                }
                Some(_) => {}
                None => {
                    let path = Path(vec![field(GENERATOR), nth(self.at), field("files"), nth(at)]);
                    found.push(self.one(Edit { path, change: Change::Remove }));
                }
            }
        }
    }

    /// A line `KEY=VALUE` of a file.
    fn env(&self, key: &str, new: Option<&str>, found: &mut Candidates) {
        let files = self.entries("envs").map(|(_, file)| file).chain(self.entry.str("env"));
        for file in files.filter_map(|file| join(&self.kustomization.folder, file)).filter(|f| self.graph.is_own(f)) {
            let Some(before) = self.graph.source.files.get(&file) else { continue };
            let is_it = |line: &str| line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
            if new.is_some_and(|new| new.contains('\n')) || !before.lines().any(is_it) {
                continue;
            }
            let line = |line: &str| match new {
                _ if !is_it(line) => line.to_owned(),
                Some(new) => format!("{key}={new}{}", &line[line.trim_end_matches(['\r', '\n']).len()..]),
                None => String::new(),
            };
            found.push(Ok([(file, before.split_inclusive('\n').map(line).collect())].into()));
        }
    }
}

/// The key that an entry of `files` gives, and its file.
fn key_of(entry: &str) -> (&str, &str) {
    entry.split_once('=').unwrap_or_else(|| (entry.rsplit('/').next().unwrap_or(entry), entry))
}
