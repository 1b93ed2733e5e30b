//! A source file with some values changed, and every other byte as it was.
//!
//! Comments, the order of keys, quotes, anchors, indentation and line ends stay. What comes out was read again by the
//! reader of scans: the edited document reads as the old one with the edits made in its tree, every other document as
//! before. Where that cannot be had, nothing comes out but a reason.

mod draft;
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
mod whole;
mod written;

pub use refusal::{Reason, Refusal};
pub use whole::{append, remove};

use self::file::{File, roots};
use self::operation::{Hop, at, follow, operations, wanted};
use crate::object::path::{Path, push_token};
use crate::object::value::{Node, Value};

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
    let file = File::read(text)?;
    let tree = file.tree(place)?;
    let prefix = place.hops(tree)?;
    let is_sealed = |value: &Value<'_>| value.at(&["sops", "mac"]).is_some();
    if is_sealed(tree) || at(tree, &prefix).is_some_and(is_sealed) {
        return Err(Reason::Sealed.at(0));
    }
    let steps = operations(tree, &prefix, edits)?;
    let mut trees = file.trees.clone();
    trees[place.document] = wanted(tree, &prefix, edits)?;
    let after = file.with(place.document, &steps)?;
    File::prove(after, &trees, &edits.first().map_or_else(String::new, |edit| edit.path.stable()))
}

/// Every object of a file with its place and line, and every document that is none; `List`s are taken apart.
///
/// Values of Secrets are in the clear: this is what the file says, not what is compared or shown.
pub fn objects(text: &str) -> Result<Vec<(Place, Node<'static>)>, Refusal> {
    let mut found = Vec::new();
    for (document, tree) in roots(text)?.into_iter().enumerate() {
        take_apart(Place::document(document), tree, &mut found);
    }
    Ok(found)
}

/// The value that a path leads to, elements found by their keys.
pub fn find<'t>(tree: &'t Value<'static>, path: &Path) -> Option<&'t Value<'static>> {
    let hops = follow(tree, &[], &Edit { path: path.clone(), change: Change::Set(Value::Null) }).ok()?;
    at(tree, &hops)
}

/// What a tree is with edits made in it.
pub fn made(tree: &Value<'static>, edits: &[Edit]) -> Result<Value<'static>, Refusal> {
    wanted(tree, &[], edits)
}

/// Where an edit is made in a tree, as RFC 6901 writes it; behind the last element is `-`.
pub fn pointer(tree: &Value<'static>, edit: &Edit) -> Result<String, Refusal> {
    let mut pointer = String::new();
    for hop in follow(tree, &[], edit)? {
        match hop {
            Hop::Key(key) => push_token(&mut pointer, &key),
            Hop::Index(index) => push_token(&mut pointer, &index.to_string()),
            Hop::End => push_token(&mut pointer, "-"),
        }
    }
    Ok(pointer)
}

fn take_apart(place: Place, mut node: Node<'static>, found: &mut Vec<(Place, Node<'static>)>) {
    let items = match &mut node.value {
        Value::Map(map) if map.str("kind").is_some_and(|kind| kind.ends_with("List")) => map.get_mut("items"),
        value => Some(value),
    };
    let Some(Value::List(items)) = items else { return found.push((place, node)) };
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        let items = [place.items.as_slice(), &[index]].concat();
        take_apart(Place { items, ..place }, item, found);
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
