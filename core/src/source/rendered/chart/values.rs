//! The values of a chart, in layers: what lies over others wins.

use super::super::{Draft, Files, Unmade, join};
use super::Chart;
use super::template::Template;
use crate::object::path::{Path, Step};
use crate::object::value::Value;
use crate::source::edit::{self, Change, Edit, Place};

/// Files of values, the highest first.
pub(super) struct Layers<'a> {
    files: &'a Files,
    all: Vec<Layer>,
}

struct Layer {
    file: String,
    place: Place,
    /// True for a file over the chart's own.
    is_given: bool,
    /// The keys that its root stands under: those of a chart in `charts/`, for its own values.
    under: Vec<String>,
    tree: Value<'static>,
}

impl<'a> Layers<'a> {
    pub(super) fn of(chart: Chart<'a>, template: &Template<'_>) -> Self {
        let read = |file: String, is_given: bool, under: &[String]| {
            let first = edit::objects(chart.files.get(&file)?).ok()?.into_iter().next();
            let (place, tree) = first.map_or((Place::document(0), Value::Null), |(place, node)| (place, node.value));
            let is_values = tree.as_map().is_some() || tree.is_null();
            is_values.then(|| Layer { file, place, is_given, under: under.to_vec(), tree })
        };
        let given = chart.values.iter().rev().flatten();
        let mut all: Vec<Layer> = given.filter_map(|file| read(file.clone(), true, &[])).collect();
        let own = std::iter::once(chart.folder).chain(template.folders.iter().map(String::as_str)).enumerate();
        for (depth, folder) in own {
            let file = join(folder, "values.yaml");
            all.extend(file.and_then(|file| read(file, false, &template.scope[..depth])));
        }
        Self { files: chart.files, all }
    }

    /// What a value is, and in which layer it is said.
    fn said(&self, path: &[Step]) -> Option<(usize, &Value<'static>)> {
        self.all.iter().enumerate().find_map(|(at, layer)| Some((at, layer.find(path)?)))
    }

    /// What a value is.
    pub(super) fn get(&self, keys: &[String]) -> Option<&Value<'static>> {
        self.said(&steps(keys)).map(|(_, value)| value)
    }

    /// Every plain value that counts, with its path from the top and the keys on it.
    pub(super) fn leaves(&self) -> Vec<(Vec<Step>, Vec<String>, &Value<'static>)> {
        let mut found = Vec::new();
        for (at, layer) in self.all.iter().enumerate() {
            let mut below = Vec::new();
            leaves(&layer.tree, &mut steps(&layer.under), &mut below);
            below.retain(|(path, _)| self.said(path).is_some_and(|(first, _)| first == at));
            found.extend(below.into_iter().map(|(path, value)| {
                let keys = path.iter().filter_map(|step| match step {
                    Step::Field(name) => Some(name.clone()),
                    _ => None,
                });
                (path.clone(), keys.collect(), value)
            }));
        }
        found
    }

    /// The files with edits of values made, paths from the top.
    pub(super) fn write(&self, edits: &[Edit]) -> Option<Result<Files, Unmade>> {
        let mut draft = Ok(Draft::of(self.files));
        for edit in edits {
            let (layer, edit) = self.placed(edit)?;
            draft = draft.and_then(|draft| draft.edit(&layer.file, &layer.place, &[edit]));
        }
        Some(draft.map(Draft::done))
    }

    /// The layer that an edit is made in, and the edit there.
    ///
    /// That is the file that says the value if it was given; for anything else the highest: it lies over what others use, too.
    fn placed(&self, edit: &Edit) -> Option<(&Layer, Edit)> {
        let steps = &edit.path.0;
        let around = steps.len() - usize::from(matches!(edit.change, Change::Add(_)));
        let said = self.said(&steps[..around]).map(|(at, _)| at);
        let highest = self.all.first()?;
        if let Some(layer) =
            said.map(|at| &self.all[at]).filter(|layer| layer.is_given || std::ptr::eq(*layer, highest))
        {
            return Some((layer, layer.below(edit)?));
        }
        let edit = match steps.iter().position(|step| !matches!(step, Step::Field(_))) {
            // Lists are not merged: over another one it is written whole.
            Some(list) => {
                let (_, value) = self.said(&steps[..list])?;
                let below = Edit { path: Path(steps[list..].to_vec()), change: edit.change.clone() };
                let change = Change::Set(edit::made(value, &[below]).ok()?);
                Edit { path: Path(steps[..list].to_vec()), change }
            }
            // Helm takes null for "not at all".
            None if edit.change == Change::Remove => Edit { change: Change::Set(Value::Null), ..edit.clone() },
            None => edit.clone(),
        };
        Some((highest, highest.below(&edit)?))
    }
}

impl Layer {
    fn find(&self, path: &[Step]) -> Option<&Value<'static>> {
        let rest = path.strip_prefix(steps(&self.under).as_slice())?;
        edit::find(&self.tree, &Path(rest.to_vec())).filter(|value| !rest.is_empty() || value.as_map().is_some())
    }

    fn below(&self, edit: &Edit) -> Option<Edit> {
        let rest = edit.path.0.strip_prefix(steps(&self.under).as_slice())?;
        Some(Edit { path: Path(rest.to_vec()), change: edit.change.clone() })
    }
}

pub(super) fn steps(keys: &[String]) -> Vec<Step> {
    keys.iter().map(|key| Step::Field(key.clone())).collect()
}

fn leaves<'v>(value: &'v Value<'static>, path: &mut Vec<Step>, found: &mut Vec<(Vec<Step>, &'v Value<'static>)>) {
    let mut below = |step: Step, value: &'v Value<'static>| {
        path.push(step);
        leaves(value, path, found);
        path.pop();
    };
    match value {
        Value::Map(map) => map.iter().for_each(|(key, node)| below(super::super::field(key), &node.value)),
        Value::List(list) => {
            list.iter().enumerate().for_each(|(at, node)| below(super::super::nth(at), &node.value));
        }
        _ => found.push((path.clone(), value)),
    }
}
