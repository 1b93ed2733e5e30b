//! A new entry of a map, or a new element of a list.

use granit_parser::ScalarStyle;

use super::layout::{Entry, Form, Item, Spot};
use super::operation::Hop;
use super::replacement::replacements;
use super::span::{Splice, column, line, line_end, line_start, next_line, skip_blanks, starts_line};
use super::style::Page;
use super::trail::Trail;
use super::written::{Behind, Flow, spaces};
use crate::object::value::{Map, Value};

/// The ways to write a new entry or element into the last map or list of a trail, the best first.
pub(super) fn insertions(page: Page<'_>, trail: &Trail<'_>, hop: &Hop, value: &Value<'static>) -> Vec<Splice> {
    let text = page.text;
    let holder = trail.last();
    match (&holder.form, hop) {
        (Form::Map { entries, .. }, Hop::Key(key)) if entries.is_empty() => {
            let map = Value::Map(Map::new(vec![(key.clone().into(), value.clone().into())]));
            replacements(page, trail, &map)
        }
        (Form::List { items, .. }, Hop::Index(_)) if items.is_empty() => {
            replacements(page, trail, &Value::List(Box::new([value.clone().into()])))
        }
        (Form::Map { flow: false, entries }, Hop::Key(key)) => block_entry(page, entries, key, value),
        (Form::List { flow: false, items }, Hop::Index(index)) => block_item(page, items, *index, value),
        (Form::Map { flow: true, entries }, Hop::Key(key)) => {
            let flow = flow_of(page, holder);
            let last = &entries[entries.len() - 1];
            vec![flow_child(text, &flow, (last.start, last.spot.end), &flow.inner().entry(key, value))]
        }
        (Form::List { flow: true, items }, Hop::Index(index)) => {
            let flow = flow_of(page, holder);
            let new = flow.inner_text(value);
            vec![match index.checked_sub(1) {
                Some(before) => flow_child(text, &flow, (items[before].start, items[before].spot.end), &new),
                None => first_flow_item(text, &flow, items[0].start, &new),
            }]
        }
        _ => Vec::new(),
    }
}

/// Behind the last entry of a block map, else before it.
fn block_entry(page: Page<'_>, entries: &[Entry], key: &str, value: &Value<'static>) -> Vec<Splice> {
    let Page { text, style } = page;
    let (first, last) = (&entries[0], &entries[entries.len() - 1]);
    let indent = column(text, first.start);
    let quotes = quotes_of(entries.iter().map(|entry| &entry.spot), 2);
    let entry = style.block_entry(key, value, indent, quotes);
    let at = behind_lines(text, last.spot.end, indent);
    let spans: Vec<_> = entries.iter().map(|entry| (entry.start, entry.spot.end)).collect();
    let gap = gap_between(page, &spans);
    let mut splices = vec![Splice::new(at..at, format!("{gap}{}{entry}", spaces(indent)))];
    if starts_line(text, last.start) {
        let at = line_start(text, last.start);
        splices.push(Splice::new(at..at, format!("{}{entry}{}", spaces(indent), style.newline)));
    }
    splices
}

/// Behind the element before, else before the first one.
fn block_item(page: Page<'_>, items: &[Item], index: usize, value: &Value<'static>) -> Vec<Splice> {
    let Page { text, style } = page;
    let indent = column(text, items[0].start);
    let quotes = quotes_of(items.iter().map(|item| &item.spot), 1);
    let dash = Behind::Dash(indent, dash_width(text, &items[items.len() - 1]));
    let item = style.block_item(value, dash, quotes);
    let spans: Vec<_> = items.iter().map(|item| (item.start, item.spot.end)).collect();
    let gap = gap_between(page, &spans);
    let Some(before) = index.checked_sub(1) else {
        let at = items[0].start;
        return vec![Splice::new(at..at, format!("{item}{gap}{}", spaces(indent)))];
    };
    let at = behind_lines(text, items[before].spot.end, indent);
    vec![Splice::new(at..at, format!("{gap}{}{item}", spaces(indent)))]
}

/// The quotes that all plain values beside a new one are in, if there are so many.
fn quotes_of<'l>(spots: impl Iterator<Item = &'l Spot>, least: usize) -> Option<ScalarStyle> {
    let styles: Vec<ScalarStyle> = spots
        .filter_map(|spot| match spot.form {
            Form::Scalar { style, .. } => Some(style),
            _ => None,
        })
        .collect();
    let first = *styles.first()?;
    let is_quoted = matches!(first, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
    (is_quoted && styles.len() >= least && styles.iter().all(|style| *style == first)).then_some(first)
}

/// The line break before a new child; with an empty line where there is one between all others.
fn gap_between(page: Page<'_>, spans: &[(usize, usize)]) -> String {
    let Page { text, style } = page;
    let has_empty_line = |pair: &[(usize, usize)]| {
        // What stands behind the last line break is the next child's indentation.
        let lines: Vec<&str> = text[line_end(text, pair[0].1)..pair[1].0].split('\n').collect();
        lines.iter().skip(1).rev().skip(1).any(|line| line.trim().is_empty())
    };
    let apart = spans.len() > 1 && spans.windows(2).all(has_empty_line);
    style.newline.repeat(if apart { 2 } else { 1 })
}

/// Columns from a dash to what follows it on its line.
fn dash_width(text: &str, item: &Item) -> usize {
    let next = skip_blanks(text, item.start + 1);
    let is_content = next < line_end(text, item.start) && !text[next..].starts_with('#');
    let width = next - item.start;
    if is_content && (2..=8).contains(&width) { width } else { 2 }
}

/// The end of the line that a value ends on, or of the comments below it that are indented more than what is to come.
fn behind_lines(text: &str, end: usize, indent: usize) -> usize {
    let mut end = line_end(text, end);
    let mut next = next_line(text, end);
    while next < text.len() {
        let at = skip_blanks(text, next);
        if !text[at..].starts_with('#') || column(text, at) <= indent {
            break;
        }
        end = line_end(text, next);
        next = next_line(text, end);
    }
    end
}

/// Behind a child of a flow map or list; on its own line if that child is.
fn flow_child(text: &str, flow: &Flow<'_>, before: (usize, usize), new: &str) -> Splice {
    let (start, end) = before;
    let rest = skip_blanks(text, end);
    let has_comma = text[rest..].starts_with(',');
    if !starts_line(text, start) || line_start(text, start) == 0 && line(text, start).starts_with(['{', '[']) {
        return Splice::new(end..end, format!(",{}{new}", flow.comma));
    }
    let indent = &text[line_start(text, start)..start];
    let stop = line_end(text, end);
    let tail = if has_comma { &text[rest + 1..stop] } else { &text[end..stop] };
    // What closes the bracket on the same line stays behind the new child.
    if !(tail.trim().is_empty() || tail.trim_start().starts_with('#')) {
        return Splice::new(end..end, format!(",{}{indent}{new}", flow.style.newline));
    }
    let last_comma = if has_comma { "," } else { "" };
    Splice::new(end..stop, format!(",{tail}{}{indent}{new}{last_comma}", flow.style.newline))
}

fn first_flow_item(text: &str, flow: &Flow<'_>, at: usize, new: &str) -> Splice {
    if starts_line(text, at) {
        let indent = &text[line_start(text, at)..at];
        return Splice::new(at..at, format!("{new},{}{indent}", flow.style.newline));
    }
    Splice::new(at..at, format!("{new},{}", flow.comma))
}

/// How the children of a flow map or list are written.
pub(super) fn flow_of<'s>(page: Page<'s>, holder: &Spot) -> Flow<'s> {
    let Page { text, style } = page;
    let starts: Vec<usize> = match &holder.form {
        Form::Map { entries, .. } => entries.iter().map(|entry| entry.start).collect(),
        Form::List { items, .. } => items.iter().map(|item| item.start).collect(),
        Form::Scalar { .. } | Form::Alias(_) => Vec::new(),
    };
    let has_json_quotes = !starts.is_empty() && starts.iter().all(|start| text[*start..].starts_with('"'));
    let has_lines = match starts.first() {
        Some(&first) => starts_line(text, first) && first > line_end(text, holder.start),
        None => style.unit.is_some(),
    };
    let minified = style.json && style.unit.is_none() && !text.contains(": ");
    let indent = text[line_start(text, holder.start)..].chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    let step = style.unit.clone().unwrap_or_else(|| spaces(style.step));
    Flow {
        json: style.json || has_json_quotes,
        colon: if minified { "" } else { " " },
        comma: if style.json && style.unit.is_none() && !text.contains(", ") { "" } else { " " },
        lines: has_lines.then_some((indent, step)),
        style,
    }
}
