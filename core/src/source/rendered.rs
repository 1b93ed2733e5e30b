//! Which changes of files may make a rendered object say something else.
//!
//! Nothing here knows whether one does: whoever asks renders again, and compares.

pub mod chart;
pub mod kustomization;

use std::collections::BTreeMap;

use super::edit::{self, Change, Edit, Place, Refusal};
use crate::object::Head;
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Node, Value};

/// Texts by their paths from the root of a source, `/`-separated.
pub type Files = BTreeMap<String, String>;

/// What an object of a rendering should say otherwise.
#[derive(Debug, Clone)]
pub struct Aim<'a> {
    /// The object, as it is rendered.
    pub object: &'a Value<'static>,
    /// The change; without one the object goes as a whole.
    pub edit: Option<&'a Edit>,
    /// The object with the change made.
    after: Value<'static>,
}

impl<'a> Aim<'a> {
    /// An aim, if the change can be made in the object.
    pub fn new(object: &'a Value<'static>, edit: Option<&'a Edit>) -> Result<Self, Refusal> {
        let after = edit::made(object, edit.map_or(&[], std::slice::from_ref))?;
        Ok(Self { object, edit, after })
    }

    fn head(&self) -> Option<Head<'a>> {
        Head::of(self.object.as_map()?)
    }

    /// What the field is now.
    fn old(&self) -> Option<&'a Value<'static>> {
        edit::find(self.object, &self.edit?.path)
    }

    /// What it should be; nothing where it should go.
    fn new_value(&self) -> Option<&'a Value<'static>> {
        match &self.edit?.change {
            Change::Set(value) | Change::Add(value) => Some(value),
            Change::Remove => None,
        }
    }
}

/// Changes worth to be tried, the best first, and why others could not be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// The files of each, with their whole new text.
    pub all: Vec<Files>,
    /// `FILE: why`.
    pub refusals: Vec<String>,
}

impl Candidates {
    fn push(&mut self, made: Result<Files, Unmade>) {
        match made {
            Ok(files) if files.is_empty() || self.all.contains(&files) => {}
            Ok(files) => self.all.push(files),
            Err(Unmade { file, refusal }) => {
                let refusal = format!("{file}: {refusal}");
                if !self.refusals.contains(&refusal) {
                    self.refusals.push(refusal);
                }
            }
        }
    }
}

/// A file that could not be changed.
struct Unmade {
    file: String,
    refusal: Refusal,
}

/// Files on their way.
struct Draft<'f> {
    files: &'f Files,
    changed: Files,
}

impl<'f> Draft<'f> {
    fn of(files: &'f Files) -> Self {
        Self { files, changed: Files::new() }
    }

    fn edit(mut self, file: &str, place: &Place, edits: &[Edit]) -> Result<Self, Unmade> {
        let text = self.changed.get(file).or_else(|| self.files.get(file)).map_or("", String::as_str);
        let is_empty = edit::objects(text).is_ok_and(|objects| objects.is_empty());
        let after = if is_empty {
            // A file of comments, which say nothing yet.
            edit::made(&Value::Map(Map::default()), edits).and_then(|first| edit::append(text, &first))
        } else {
            edit::edit(text, place, edits)
        };
        let after = after.map_err(|refusal| Unmade { file: file.to_owned(), refusal })?;
        self.changed.insert(file.to_owned(), after);
        Ok(self)
    }

    /// What is changed at last; nothing if that is what was there.
    fn done(self) -> Files {
        let files = self.files;
        self.changed.into_iter().filter(|(file, text)| files.get(file) != Some(text)).collect()
    }
}

/// One edit of one object of a file.
fn one(files: &Files, file: &str, place: &Place, edits: &[Edit]) -> Result<Files, Unmade> {
    Draft::of(files).edit(file, place, edits).map(Draft::done)
}

fn set(path: Vec<Step>, value: Value<'static>) -> Edit {
    Edit { path: Path(path), change: Change::Set(value) }
}

fn field(name: &str) -> Step {
    Step::Field(name.to_owned())
}

/// An element by its position alone.
fn nth(index: usize) -> Step {
    Step::Element { keys: Vec::new(), ordinal: 1, index }
}

fn text(text: impl Into<String>) -> Value<'static> {
    Value::String(text.into().into())
}

fn map(entries: impl IntoIterator<Item = (&'static str, Value<'static>)>) -> Value<'static> {
    Value::Map(Map::new(entries.into_iter().map(|(key, value)| (key.into(), Node::from(value))).collect()))
}

/// The elements of a list; none where there is no list.
fn list<'v>(tree: &'v Value<'static>, key: &str) -> &'v [Node<'static>] {
    tree.at(&[key]).and_then(Value::as_list).unwrap_or_default()
}

/// A path below a folder, without `.` and `..`; nothing where it leads out of the root, or is no path.
fn join(folder: &str, entry: &str) -> Option<String> {
    if entry.is_empty() || entry.starts_with('/') || entry.contains('\n') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in entry.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The folder of a file.
fn parent(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}
