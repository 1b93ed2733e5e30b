//! A source file with some values changed, and every other byte as it was.
//!
//! Comments, the order of keys, quotes, anchors, indentation and line ends stay. What comes out was read again by the
//! reader of scans: the edited document reads as the old one with the edits made in its tree, every other document as
//! before. Where that cannot be had, nothing comes out but a reason.

mod file;
mod insertion;
mod layout;
mod operation;
mod refusal;
mod removal;
mod replacement;
mod scalar;
mod span;
mod style;
mod trail;
mod written;

pub use file::{append, remove};
pub use refusal::{Reason, Refusal};

use self::layout::{Extent, extents, layout};
use self::operation::{Act, Hop, Operation, at, operations, wanted};
use self::refusal::unreadable;
use self::span::{Splice, line_number};
use self::style::Style;
use self::trail::{Stop, trail};
use super::yaml;
use crate::object::path::Path;
use crate::object::value::Value;

/// One change of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Where, from the object's root. Positions in lists are those of the file.
    pub path: Path,
    /// What.
    pub change: Change,
}

/// What becomes of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// This value instead of what is there. A field that is not there is added, with the maps around it.
    Set(Value<'static>),
    /// A field that is not there; or an element at the end of its list, whatever position the path says.
    Add(Value<'static>),
    /// Nothing. A map or list that becomes empty stays as `{}` or `[]`.
    Remove,
}

/// Which object of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Position of its document, empty ones counted.
    pub document: usize,
    /// Position in the `items` of a `List`, or in the list that the document is; more than one for a `List` in it.
    pub items: Vec<usize>,
}

/// Makes edits in the object at a place.
pub fn edit(text: &str, place: &Place, edits: &[Edit]) -> Result<String, Refusal> {
    let file = Text::read(text)?;
    let tree = file.tree(place)?;
    let prefix = place.hops(tree)?;
    let steps = operations(tree, &prefix, edits)?;
    let mut trees = file.trees.clone();
    trees[place.document] = wanted(tree, &prefix, edits)?;
    let after = file.with(place.document, &steps)?;
    file.prove(after, &trees, &edits.first().map_or_else(String::new, |edit| edit.path.stable()))
}

/// Every object of a file with its place, and every document that is none; `List`s are taken apart.
pub fn objects(text: &str) -> Result<Vec<(Place, Value<'static>)>, Refusal> {
    let mut found = Vec::new();
    for (document, tree) in trees(text)?.into_iter().enumerate() {
        take_apart(Place::document(document), tree, &mut found);
    }
    Ok(found)
}

fn take_apart(place: Place, mut value: Value<'static>, found: &mut Vec<(Place, Value<'static>)>) {
    let items = match &mut value {
        Value::Map(map) if map.str("kind").is_some_and(|kind| kind.ends_with("List")) => map.get_mut("items"),
        value => Some(value),
    };
    let Some(Value::List(items)) = items else { return found.push((place, value)) };
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        let items = [place.items.as_slice(), &[index]].concat();
        take_apart(Place { items, ..place }, item.value, found);
    }
}

impl Place {
    /// The whole of a document.
    pub fn document(document: usize) -> Self {
        Self { document, items: Vec::new() }
    }

    /// The hops from a document's root to the object.
    fn hops(&self, tree: &Value<'static>) -> Result<Vec<Hop>, Refusal> {
        let mut hops = Vec::new();
        for item in &self.items {
            if at(tree, &hops).is_some_and(|value| value.as_map().is_some()) {
                hops.push(Hop::Key("items".to_owned()));
            }
            hops.push(Hop::Index(*item));
        }
        let missing = || Reason::NoPlace(format!("item {} in document {}", self.items[0] + 1, self.document + 1)).at(0);
        at(tree, &hops).map(|_| hops.clone()).ok_or_else(missing)
    }
}

/// A file that was read.
struct Text<'t> {
    text: &'t str,
    trees: Vec<Value<'static>>,
    extents: Vec<Extent>,
}

impl<'t> Text<'t> {
    fn read(text: &'t str) -> Result<Self, Refusal> {
        let trees = trees(text)?;
        let extents = extents(text)?;
        if trees.len() != extents.len() {
            return Err(Reason::Form("the documents of this file cannot be told apart").at(0));
        }
        Ok(Self { text, trees, extents })
    }

    fn tree(&self, place: &Place) -> Result<&Value<'static>, Refusal> {
        let missing = || Reason::NoPlace(format!("document {}", place.document + 1)).at(0);
        self.trees.get(place.document).ok_or_else(missing)
    }

    /// The text of one document.
    fn part(&self, document: usize) -> &'t str {
        let extent = &self.extents[document];
        &self.text[extent.start..extent.end]
    }

    /// The text with operations made in one document.
    fn with(&self, document: usize, steps: &[Operation]) -> Result<String, Refusal> {
        let extent = &self.extents[document];
        let mut draft = Draft { text: self.part(document).to_owned(), tree: self.trees[document].clone() };
        for step in steps {
            draft = draft.with(step).map_err(|refusal| self.moved(refusal, extent.start))?;
        }
        Ok([&self.text[..extent.start], &draft.text, &self.text[extent.end..]].concat())
    }

    /// The text with one operation made in one document, if all of it reads as it must.
    fn proven(&self, document: usize, step: &Operation, name: &str) -> Result<String, Refusal> {
        let mut wanted = self.trees.clone();
        step.on(&mut wanted[document]);
        let after = self.with(document, std::slice::from_ref(step))?;
        self.prove(after, &wanted, name)
    }

    /// A refusal whose line was counted from a document's start.
    fn moved(&self, refusal: Refusal, start: usize) -> Refusal {
        let line = if refusal.line == 0 { 0 } else { refusal.line + line_number(self.text, start) - 1 };
        Refusal { line, ..refusal }
    }

    /// The text, if it reads as it must.
    fn prove(&self, after: String, wanted: &[Value<'static>], name: &str) -> Result<String, Refusal> {
        let unproven = || Reason::Unproven(name.to_owned()).at(0);
        let read = trees(&after).map_err(|_| unproven())?;
        let as_wanted = read.as_slice() == wanted;
        let is_emptied = wanted.is_empty() && read.iter().all(Value::is_null);
        if as_wanted || is_emptied { Ok(after) } else { Err(unproven()) }
    }
}

/// Reads every document, or says what cannot be read.
fn trees(text: &str) -> Result<Vec<Value<'static>>, Refusal> {
    let all: Result<Vec<_>, _> = yaml::documents(text).map(|read| read.map(|node| node.value.into_owned())).collect();
    all.map_err(|error| {
        let line = text.lines().nth((error.line as usize).saturating_sub(1)).unwrap_or_default();
        let reason = if line.contains("{{") {
            Reason::Template
        } else if line.trim_start_matches(' ').starts_with('\t') {
            Reason::Tab
        } else {
            return unreadable(error);
        };
        reason.at(error.line)
    })
}

/// One document on the way from what it was to what it is to be.
struct Draft {
    text: String,
    tree: Value<'static>,
}

impl Draft {
    /// Makes one change, in the first of the ways that reads as it must.
    fn with(self, step: &Operation) -> Result<Self, Refusal> {
        let Self { text, tree: before } = self;
        if let Some(at) = text.find('\r').filter(|_| text.replace("\r\n", "\n").contains('\r')) {
            return Err(Reason::CarriageReturn.at(line_number(&text, at)));
        }
        let mut tree = before;
        step.on(&mut tree);
        let layout = layout(&text)?;
        let style = Style::of(&text, &layout);
        let step = written_out(&text, &layout, step, &tree)?;
        let splices = splices(&text, &layout, &style, &step)?;
        for splice in &splices {
            let candidate = splice.apply(&text);
            if trees(&candidate).is_ok_and(|read| read == [tree.clone()]) {
                return Ok(Self { text: candidate, tree });
            }
        }
        Err(Reason::Unproven(name_of(&step.hops)).at(splices.first().map_or(0, |s| line_number(&text, s.range.start))))
    }
}

/// The step, or where it leads behind an alias or a merge key, the one that writes the value out in front of it.
fn written_out(
    text: &str,
    layout: &layout::Layout,
    step: &Operation,
    tree: &Value<'static>,
) -> Result<Operation, Refusal> {
    let way = trail(text, layout, &step.hops)?;
    let depth = way.positions.len();
    let value = |hops: &[Hop]| at(tree, hops).cloned().unwrap_or(Value::Null);
    match way.stop {
        Some(Stop::Alias) => {
            let hops = step.hops[..depth].to_vec();
            Ok(Operation { act: Act::Replace(value(&hops)), hops })
        }
        Some(Stop::Merge) if depth + 1 == step.hops.len() && step.act == Act::Remove => {
            Err(Reason::Merged(name_of(&step.hops)).at(line_number(text, way.last().start)))
        }
        Some(Stop::Merge) => {
            let hops = step.hops[..=depth].to_vec();
            Ok(Operation { act: Act::Insert(value(&hops)), hops })
        }
        Some(Stop::Missing) | None => Ok(step.clone()),
    }
}

/// The ways to make one step in the text, the best first.
fn splices(text: &str, layout: &layout::Layout, style: &Style, step: &Operation) -> Result<Vec<Splice>, Refusal> {
    match (&step.act, step.hops.split_last()) {
        (Act::Insert(value), Some((last, parents))) => {
            let way = trail(text, layout, parents)?;
            layout.refuse_shared(text, &way.spots)?;
            Ok(insertion::insertions(text, style, &way, last, value))
        }
        (Act::Replace(value), _) => {
            let way = trail(text, layout, &step.hops)?;
            layout.refuse_shared(text, &way.spots)?;
            layout.refuse_used(text, way.last())?;
            Ok(replacement::replacements(text, style, &way, value))
        }
        (Act::Remove, _) => {
            let way = trail(text, layout, &step.hops)?;
            layout.refuse_shared(text, &way.spots)?;
            layout.refuse_used(text, way.last())?;
            Ok(removal::removals(text, style, &way))
        }
        (Act::Insert(_), None) => Ok(Vec::new()),
    }
}

/// Hops as a person reads them.
fn name_of(hops: &[Hop]) -> String {
    let mut out = String::new();
    for hop in hops {
        match hop {
            Hop::Key(key) if out.is_empty() => out.push_str(key),
            Hop::Key(key) => {
                out.push('.');
                out.push_str(key);
            }
            Hop::Index(index) => out.push_str(&format!("[{index}]")),
            Hop::End => out.push_str("[]"),
        }
    }
    out
}
