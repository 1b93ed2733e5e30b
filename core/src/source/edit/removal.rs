//! An entry or element taken away, with the lines and the comment that are its own.
//!
//! A comment goes with what it stands above if nothing else can be meant: it is directly above, as far to the right,
//! it reads as no key that was switched off, it is not the head of a document, and what follows has a comment or an
//! empty line of its own above it, or does not follow at all.

use super::layout::{Form, Spot};
use super::replacement::{properties_end, replacements};
use super::span::{Splice, column, line, line_end, line_start, next_line, skip_blanks, starts_line, top};
use super::style::Page;
use super::trail::Trail;
use crate::object::value::{Map, Value};

/// A child with its neighbours.
struct Child {
    start: usize,
    end: usize,
    /// End of the child before.
    before: Option<usize>,
    /// Start of the child after.
    after: Option<usize>,
    is_first_of_document: bool,
}

/// The ways to take away what a trail leads to.
pub(super) fn removals(page: Page<'_>, trail: &Trail<'_>) -> Vec<Splice> {
    let text = page.text;
    let (Some(parent), Some(position)) = (trail.parent(), trail.positions.last().copied()) else { return Vec::new() };
    let spans = children(parent);
    if spans.len() == 1 {
        let mut above = Trail { spots: trail.spots.clone(), positions: trail.positions.clone(), stop: None };
        above.spots.pop();
        above.positions.pop();
        let (empty, brackets) = match parent.form {
            Form::List { .. } => (Value::List(Box::new([])), "[]"),
            _ => (Value::Map(Map::default()), "{}"),
        };
        if trail.spots.len() == 2 && parent.is_block() {
            return vec![Splice::new(spans[0].0..spans[0].1, brackets)];
        }
        let mut splices = emptied(page, parent, spans[0], brackets);
        splices.extend(replacements(page, &above, &empty));
        return splices;
    }
    let (start, end) = spans[position];
    let child = Child {
        start,
        end,
        before: position.checked_sub(1).map(|before| spans[before].1),
        after: spans.get(position + 1).map(|after| after.0),
        is_first_of_document: trail.spots.len() == 2 && position == 0,
    };
    if parent.is_flow() { in_flow(text, parent, &child) } else { in_block(text, &child) }
}

/// A block map or list without its only child, and with the comments that are not the child's.
fn emptied(page: Page<'_>, parent: &Spot, child: (usize, usize), brackets: &str) -> Vec<Splice> {
    let Page { text, style } = page;
    let first_line = line_end(text, parent.from);
    let (start, end) = child;
    if !parent.is_block() || start < first_line || !starts_line(text, start) {
        return Vec::new();
    }
    let behind = parent.properties.map_or(parent.from, |_| properties_end(text, parent));
    if behind > first_line {
        return Vec::new();
    }
    let child = Child { start, end, before: None, after: None, is_first_of_document: false };
    let begin = comment_above(text, &child).unwrap_or_else(|| line_start(text, start));
    let kept = text[next_line(text, first_line)..begin].trim_end();
    let kept = if kept.is_empty() { String::new() } else { format!("{}{kept}", style.newline) };
    let comment = text[behind..first_line].trim_end();
    vec![Splice::new(behind..line_end(text, end), format!(" {brackets}{comment}{kept}"))]
}

/// Start and end of each child.
fn children(parent: &Spot) -> Vec<(usize, usize)> {
    match &parent.form {
        Form::Map { entries, .. } => entries.iter().map(|entry| (entry.start, entry.spot.end)).collect(),
        Form::List { items, .. } => items.iter().map(|item| (item.start, item.spot.end)).collect(),
        Form::Scalar { .. } | Form::Alias(_) => Vec::new(),
    }
}

fn in_block(text: &str, child: &Child) -> Vec<Splice> {
    let last_end = line_end(text, child.end);
    if !starts_line(text, child.start) {
        // The first one stands behind a dash: the next one comes to its place, comments between stay.
        let Some(after) = child.after else { return Vec::new() };
        let between = &text[last_end..line_start(text, after).max(last_end)];
        if between.trim().is_empty() {
            return vec![Splice::new(child.start..after, "")];
        }
        let begin = text[..child.start].trim_end_matches([' ', '\t']).len();
        return vec![Splice::new(begin..last_end, "")];
    }
    let begin = comment_above(text, child).unwrap_or_else(|| line_start(text, child.start));
    let next = next_line(text, last_end);
    let is_last_line = next == text.len() && !text.ends_with('\n');
    let whole = Splice::new(begin..next, "");
    let mut splices = Vec::new();
    let is_below_text = begin > top(text) && !line(text, begin - 1).is_empty();
    if is_last_line && is_below_text {
        splices.push(Splice::new(line_end(text, line_start(text, begin - 1))..text.len(), ""));
    }
    splices.push(whole);
    // Empty lines would become part of a text with `+` above.
    let mut blank_end = next;
    while blank_end < text.len() && line(text, blank_end).is_empty() {
        blank_end = next_line(text, blank_end);
    }
    splices.push(Splice::new(begin..blank_end, ""));
    splices
}

/// Where the comment starts that goes with a child.
fn comment_above(text: &str, child: &Child) -> Option<usize> {
    let indent = column(text, child.start);
    let floor = child.before.map_or(top(text), |end| next_line(text, end));
    let mut begin = line_start(text, child.start);
    while begin > floor {
        let above = line_start(text, begin - 1);
        let at = skip_blanks(text, above);
        if !text[at..].starts_with('#') || column(text, at) != indent || is_switched_off(line(text, at)) {
            break;
        }
        begin = above;
    }
    let is_head = child.is_first_of_document || begin == line_start(text, child.start);
    // A comment of which the upper part stays is not taken apart.
    let is_part = begin > floor && line(text, begin - 1).starts_with('#');
    (!is_head && !is_part && stands_alone(text, child)).then_some(begin)
}

/// `# key: value` or `# - element`, and what tools read such as `# yaml-language-server: …`.
fn is_switched_off(comment: &str) -> bool {
    let said = comment.trim_start_matches('#').trim();
    let key = said.split_once(':').filter(|(_, rest)| rest.is_empty() || rest.starts_with(' ')).map(|(key, _)| key);
    said.starts_with("- ") || key.is_some_and(|key| !key.trim().contains(' '))
}

/// True if what follows a child does not share the comment above it.
fn stands_alone(text: &str, child: &Child) -> bool {
    if child.after.is_none() {
        return true;
    }
    let next = next_line(text, line_end(text, child.end));
    let below = line(text, next);
    below.is_empty() || below.starts_with('#')
}

fn in_flow(text: &str, parent: &Spot, child: &Child) -> Vec<Splice> {
    let own_line = starts_line(text, child.start) && child.start > line_end(text, parent.start);
    let comma = text[child.end..].find(',').map(|at| child.end + at);
    let mut splices = Vec::new();
    match (child.before, child.after) {
        (_, Some(after)) => {
            let between = &text[child.end..after];
            if own_line && between.contains('#') {
                splices
                    .push(Splice::new(line_start(text, child.start)..next_line(text, line_end(text, child.end)), ""));
            }
            splices.push(Splice::new(child.start..after, ""));
        }
        (Some(before), None) => {
            let between = &text[before..child.start];
            if own_line && between.contains('#') {
                let line_end = line_end(text, child.end);
                splices.push(Splice::new(line_start(text, child.start)..next_line(text, line_end), ""));
            }
            let close = parent.end - 1;
            let has_trailing_comma = comma.is_some_and(|comma| comma < close);
            if has_trailing_comma && text[child.end..close].trim() == "," {
                let comma = text[before..].find(',').map_or(before, |at| before + at);
                splices.push(Splice::new(comma..child.end + text[child.end..close].find(',').unwrap_or(0), ""));
            }
            splices.push(Splice::new(before..child.end, ""));
        }
        (None, None) => {}
    }
    splices
}
