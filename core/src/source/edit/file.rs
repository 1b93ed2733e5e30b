//! A file of documents: read before an edit, and read again after it.

use super::Place;
use super::draft::Draft;
use super::layout::{Extent, extents};
use super::operation::Operation;
use super::refusal::{Reason, Refusal, unreadable};
use super::span::line_number;
use crate::object::value::{Node, Value};
use crate::source::yaml;

/// A file that was read.
pub(super) struct File<'t> {
    contents: &'t str,
    pub(super) trees: Vec<Value<'static>>,
    pub(super) extents: Vec<Extent>,
}

impl<'t> File<'t> {
    pub(super) fn read(text: &'t str) -> Result<Self, Refusal> {
        let trees = trees(text)?;
        let extents = extents(text)?;
        if trees.len() != extents.len() {
            return Err(Reason::Form("the documents of this file cannot be told apart").at(0));
        }
        Ok(Self { contents: text, trees, extents })
    }

    pub(super) fn tree(&self, place: &Place) -> Result<&Value<'static>, Refusal> {
        let missing = || Reason::NoPlace(format!("document {}", place.document + 1)).at(0);
        self.trees.get(place.document).ok_or_else(missing)
    }

    /// The text of one document.
    pub(super) fn part(&self, document: usize) -> &'t str {
        let extent = &self.extents[document];
        &self.contents[extent.start..extent.end]
    }

    /// The text with operations made in one document.
    pub(super) fn with(&self, document: usize, steps: &[Operation]) -> Result<String, Refusal> {
        let extent = &self.extents[document];
        let mut draft = Draft { text: self.part(document).to_owned(), tree: self.trees[document].clone() };
        for step in steps {
            draft = draft.with(step).map_err(|refusal| self.moved(refusal, extent.start))?;
        }
        Ok([&self.contents[..extent.start], &draft.text, &self.contents[extent.end..]].concat())
    }

    /// The text with one operation made in one document, if all of it reads as it must.
    pub(super) fn proven(&self, document: usize, step: &Operation, name: &str) -> Result<String, Refusal> {
        let mut wanted = self.trees.clone();
        step.on(&mut wanted[document]);
        let after = self.with(document, std::slice::from_ref(step))?;
        Self::prove(after, &wanted, name)
    }

    /// A refusal whose line was counted from a document's start.
    fn moved(&self, refusal: Refusal, start: usize) -> Refusal {
        let line = if refusal.line == 0 { 0 } else { refusal.line + line_number(self.contents, start) - 1 };
        Refusal { line, ..refusal }
    }

    /// The text, if it reads as it must.
    pub(super) fn prove(after: String, wanted: &[Value<'static>], name: &str) -> Result<String, Refusal> {
        let unproven = || Reason::Unproven(name.to_owned()).at(0);
        let read = trees(&after).map_err(|_| unproven())?;
        let as_wanted = read.as_slice() == wanted;
        let is_emptied = wanted.is_empty() && read.iter().all(Value::is_null);
        if as_wanted || is_emptied { Ok(after) } else { Err(unproven()) }
    }
}

/// Reads every document, or says what cannot be read.
pub(super) fn trees(text: &str) -> Result<Vec<Value<'static>>, Refusal> {
    Ok(roots(text)?.into_iter().map(|node| node.value).collect())
}

/// Every document with the line that it begins on.
pub(super) fn roots(text: &str) -> Result<Vec<Node<'static>>, Refusal> {
    let owned = |node: Node<'_>| Node { line: node.line, value: node.value.into_owned() };
    let all: Result<Vec<_>, _> = yaml::documents(text).map(|read| read.map(owned)).collect();
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
