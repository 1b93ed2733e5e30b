//! One document on its way from what it was to what it is to be, step by step.

use std::fmt::Write as _;

use super::file::trees;
use super::insertion::insertions;
use super::layout::{Form, Layout, layout};
use super::operation::{Act, Hop, Operation, at};
use super::refusal::{Reason, Refusal};
use super::removal::removals;
use super::replacement::replacements;
use super::span::{Splice, line_number};
use super::style::{Page, Style, is_json};
use super::trail::{Stop, trail};
use crate::object::value::Value;

/// One document on the way from what it was to what it is to be.
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) tree: Value<'static>,
}

impl Draft {
    /// Makes one change, in the first of the ways that reads as it must.
    pub(super) fn with(self, step: &Operation) -> Result<Self, Refusal> {
        let Self { text, tree: before } = self;
        if let Some(at) = text.find('\r').filter(|_| text.replace("\r\n", "\n").contains('\r')) {
            return Err(Reason::CarriageReturn.at(line_number(&text, at)));
        }
        let mut tree = before;
        step.on(&mut tree);
        let layout = layout(&text)?;
        let style = Style::of(&text, &layout);
        let step = written_out(&text, &layout, step, &tree)?;
        let page = |style| Page { text: &text, style };
        let mut splices = splices(page(&style), &layout, &step)?;
        // A text over lines would be another one at the end of a file that ends without a line break.
        let quoted = Style { literals: false, ..style.clone() };
        splices.extend(self::splices(page(&quoted), &layout, &step)?);
        for splice in &splices {
            let candidate = splice.apply(&text);
            let is_still_json = !style.json || is_json(&candidate);
            if is_still_json && trees(&candidate).is_ok_and(|read| read == [tree.clone()]) {
                return Ok(Self { text: candidate, tree });
            }
        }
        let line = splices.first().map_or(0, |splice| line_number(&text, splice.range.start));
        let name = name_of(&step.hops);
        let was_hidden = step.act == Act::Remove && is_in_merged_map(&text, &layout, &step.hops)?;
        Err(if was_hidden { Reason::Merged(name) } else { Reason::Unproven(name) }.at(line))
    }
}

/// True if the map around a value has a merge key, which may bring back what is removed.
fn is_in_merged_map(text: &str, layout: &Layout, hops: &[Hop]) -> Result<bool, Refusal> {
    let way = trail(text, layout, hops)?;
    Ok(way.parent().is_some_and(|parent| match &parent.form {
        Form::Map { entries, .. } => entries.iter().any(|entry| entry.is_merge),
        _ => false,
    }))
}

/// The step, or where it leads behind an alias or a merge key, the one that writes the value out in front of it.
fn written_out(text: &str, layout: &Layout, step: &Operation, tree: &Value<'static>) -> Result<Operation, Refusal> {
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
fn splices(page: Page<'_>, layout: &Layout, step: &Operation) -> Result<Vec<Splice>, Refusal> {
    let text = page.text;
    match (&step.act, step.hops.split_last()) {
        (Act::Insert(value), Some((last, parents))) => {
            let way = trail(text, layout, parents)?;
            layout.refuse_shared(text, &way.spots)?;
            Ok(insertions(page, &way, last, value))
        }
        (Act::Replace(value), _) => {
            let way = trail(text, layout, &step.hops)?;
            layout.refuse_shared(text, &way.spots)?;
            layout.refuse_used(text, way.last())?;
            Ok(replacements(page, &way, value))
        }
        (Act::Remove, _) => {
            let way = trail(text, layout, &step.hops)?;
            layout.refuse_shared(text, &way.spots)?;
            layout.refuse_used(text, way.last())?;
            Ok(removals(page, &way))
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
            Hop::Index(index) => {
                let _ = write!(out, "[{index}]");
            }
            Hop::End => out.push_str("[]"),
        }
    }
    out
}
