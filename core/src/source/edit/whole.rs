//! Whole objects: one more at the end of a file, and one taken away with its document.

use super::Place;
use super::file::File;
use super::layout::{Extent, layout};
use super::operation::{Act, Hop, Operation, at};
use super::refusal::{Reason, Refusal};
use super::span::{Splice, line_end, next_line, skip};
use super::style::Style;
use crate::object::value::Value;

/// The text with one more object at its end: an item where the file is one `List` or one JSON list, else a document.
pub fn append(text: &str, object: &Value<'static>) -> Result<String, Refusal> {
    let Value::Map(map) = object else { return Err(Reason::NoObject.at(0)) };
    let file = File::read(text)?;
    if let [only] = file.trees.as_slice()
        && let Some(hops) = items_of(only)
    {
        return file.proven(0, &insertion(only, &hops, object.clone()), "the object");
    }
    let has_object = file.trees.iter().any(|tree| !tree.is_null());
    let style = match file.trees.iter().position(|tree| !tree.is_null()) {
        Some(first) => {
            let part = file.part(first);
            Style::of(part, &layout(part)?)
        }
        None => Style::usual(text),
    };
    if style.json {
        return Err(Reason::NoRoom.at(0));
    }
    let ends_open =
        file.trees.last().is_some_and(Value::is_null) && file.extents.last().is_some_and(|e| e.mark.is_some());
    let mut after = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        after.push_str(style.newline);
    }
    if has_object && !ends_open {
        after.push_str("---");
        after.push_str(style.newline);
    }
    after.push_str(&style.block_map(map, 0));
    after.push_str(style.newline);
    let mut wanted = file.trees.clone();
    if ends_open || !has_object {
        wanted.pop();
    }
    wanted.push(object.clone());
    File::prove(after, &wanted, "the object")
}

/// One more element of a list that may not be there yet.
fn insertion(tree: &Value<'static>, hops: &[Hop], object: Value<'static>) -> Operation {
    match at(tree, hops) {
        Some(Value::List(list)) => {
            let hops = [hops, &[Hop::Index(list.len())]].concat();
            Operation { hops, act: Act::Insert(object) }
        }
        there => {
            let list = Value::List(Box::new([object.into()]));
            let act = if there.is_some() { Act::Replace(list) } else { Act::Insert(list) };
            Operation { hops: hops.to_vec(), act }
        }
    }
}

/// Where the items of a `List` are, or of a JSON text that is one list.
fn items_of(tree: &Value<'static>) -> Option<Vec<Hop>> {
    match tree {
        Value::List(_) => Some(Vec::new()),
        Value::Map(map) => {
            let kind = map.str("kind")?;
            let items = map.get("items");
            let is_list = kind == "List" && items.is_none_or(|items| items.is_null() || items.as_list().is_some());
            is_list.then(|| vec![Hop::Key("items".to_owned())])
        }
        _ => None,
    }
}

/// The text without an object: without its document, or without its item of a `List`.
///
/// Comments above the first `---` of a file stay. What is left may be no object at all.
pub fn remove(text: &str, place: &Place) -> Result<String, Refusal> {
    let file = File::read(text)?;
    let tree = file.tree(place)?;
    if !place.items.is_empty() {
        let hops = place.hops(tree)?;
        return file.proven(place.document, &Operation { hops, act: Act::Remove }, "the object");
    }
    let extent = &file.extents[place.document];
    let start = beginning(text, extent);
    let after = Splice::new(start..extent.end, "").apply(text);
    let mut wanted = file.trees.clone();
    wanted.remove(place.document);
    // What is left of a file's last document reads as an empty one, or as none.
    File::prove(after, &wanted, "the document")
}

/// Where a document's own lines begin.
fn beginning(text: &str, extent: &Extent) -> usize {
    if let Some(mark) = extent.mark {
        return mark;
    }
    let first = skip(text, extent.start);
    let mut begin = extent.start;
    let mut at = extent.start;
    while at < first {
        if text[at..line_end(text, at)].trim().is_empty() {
            begin = next_line(text, at).min(first);
        }
        at = next_line(text, at);
    }
    begin
}
