//! Another value in the place of one.

use granit_parser::ScalarStyle;

use super::insertion::flow_of;
use super::layout::{Form, Spot};
use super::scalar::{Context, is_plain, on_one_line};
use super::span::{Splice, column, line_end, line_start, next_line};
use super::style::Page;
use super::trail::{Holder, Trail};
use super::written::{Behind, Written};
use crate::object::value::Value;

/// The ways to write a value in the place of another, the one closest to the old first.
pub(super) fn replacements(page: Page<'_>, trail: &Trail<'_>, value: &Value<'static>) -> Vec<Splice> {
    let Page { text, style } = page;
    let old = trail.last();
    if trail.is_in_flow() || (matches!(trail.holder(), Holder::Root) && old.is_flow()) {
        return in_flow(page, trail, value);
    }
    let Some(behind) = behind(text, trail) else { return Vec::new() };
    let mut splices = Vec::new();
    splices.extend(kept_style(page, old, behind, value));
    let written = style.behind(value, behind);
    splices.push(instead(page, old, &written, is_scalar(value)));
    // A tag that makes something else of the new value goes.
    splices.extend(old.properties.map(|_| instead(page, old, &written, false)));
    splices
}

fn is_scalar(value: &Value<'_>) -> bool {
    !matches!(value, Value::List(_) | Value::Map(_))
}

/// What a value of a block map or list stands behind.
pub(super) fn behind(text: &str, trail: &Trail<'_>) -> Option<Behind> {
    match trail.holder() {
        Holder::Root => None,
        Holder::Entry(entry) => Some(Behind::Key(column(text, entry.start))),
        Holder::Item(item) => Some(Behind::Dash(column(text, item.start), 2)),
    }
}

/// The same style, where the old value is a scalar and the new one a string that can be written so.
fn kept_style(page: Page<'_>, old: &Spot, behind: Behind, value: &Value<'static>) -> Option<Splice> {
    let Form::Scalar { style: kept, indent } = old.form else { return None };
    let string = value.as_str()?;
    let (Behind::Key(parent) | Behind::Dash(parent, _)) = behind;
    match kept {
        ScalarStyle::Literal | ScalarStyle::Folded => {
            let indent = indent.filter(|indent| *indent > parent).unwrap_or(parent + page.style.step);
            let written = page.style.block_scalar(string, kept, (parent, indent))?;
            Some(instead(page, old, &written, true))
        }
        ScalarStyle::Plain if old.is_empty() || !is_plain(string, Context::Block) => None,
        _ if string.contains('\n') && kept == ScalarStyle::SingleQuoted => None,
        _ => {
            let written = Written::line(on_one_line(value, kept, Context::Block));
            Some(instead(page, old, &written, true))
        }
    }
}

/// The splice that puts what is written in the place of the old value, and leaves the comment of its line.
fn instead(page: Page<'_>, old: &Spot, written: &Written, keeps_properties: bool) -> Splice {
    let Page { text, style } = page;
    let keeps_properties = keeps_properties && matches!(old.form, Form::Scalar { .. });
    let is_inline = !old.is_block() && !old.is_block_scalar() && !old.is_empty();
    if is_inline
        && written.body.is_none()
        && !written.head.starts_with("- ")
        && (keeps_properties || old.properties.is_none())
    {
        return Splice::new(old.start..old.end, written.head.trim_start());
    }
    let begin = match old.properties {
        Some(_) if keeps_properties => properties_end(text, old),
        _ => old.from,
    };
    let gap = if written.head.is_empty() { "" } else { " " };
    let body = written.body.as_ref().map_or_else(String::new, |body| format!("{}{body}", style.newline));
    let (comment, end) = comment_of(text, old);
    let between = if written.head.is_empty() { comments_between(text, old) } else { "" };
    let between = if between.is_empty() { String::new() } else { format!("{}{between}", style.newline) };
    let comment =
        if comment.is_empty() { String::new() } else { format!("{}{comment}", blanks_before(text, comment, old)) };
    Splice::new(begin..end, format!("{gap}{}{comment}{between}{body}", written.head))
}

/// The comment on the line of the key or dash, or behind the value; and where the old value's lines end.
fn comment_of<'t>(text: &'t str, old: &Spot) -> (&'t str, usize) {
    let header_end = line_end(text, old.from);
    let is_below = old.start > header_end;
    let comment_in = |from: usize, to: usize| {
        let rest = &text[from.min(to)..to];
        let at = rest.match_indices('#').map(|(at, _)| at).find(|at| *at == 0 || rest[..*at].ends_with([' ', '\t']));
        at.map_or("", |at| &rest[at..])
    };
    if old.is_block_scalar() {
        return (comment_in(old.start + 1, line_end(text, old.start)), old.end);
    }
    let end = line_end(text, old.end);
    let above = if is_below { comment_in(old.from, header_end) } else { "" };
    if old.is_block() {
        return (above, end);
    }
    let behind = comment_in(old.end, end);
    (if behind.is_empty() { above } else { behind }, end)
}

/// The lines of comment between a key and its value, where that is a scalar below it.
fn comments_between<'t>(text: &'t str, old: &Spot) -> &'t str {
    let begin = next_line(text, old.from);
    if old.is_block() || begin >= old.outset() {
        return "";
    }
    let lines = &text[begin..line_start(text, old.outset())];
    if lines.contains('#') { lines.trim_end_matches(['\n', '\r']) } else { "" }
}

/// The blanks that stand before a comment now; one at least.
fn blanks_before<'t>(text: &'t str, comment: &str, old: &Spot) -> &'t str {
    let Some(at) = text[old.from..].find(comment).map(|at| old.from + at) else { return " " };
    let blanks =
        text[line_start(text, at)..at].len() - text[line_start(text, at)..at].trim_end_matches([' ', '\t']).len();
    if blanks == 0 { " " } else { &text[at - blanks..at] }
}

/// Where anchor and tag end.
pub(super) fn properties_end(text: &str, old: &Spot) -> usize {
    let start = old.properties.unwrap_or(old.from);
    let before = text[start..old.start].trim_end();
    start + before.len()
}

/// A value within brackets or braces.
fn in_flow(page: Page<'_>, trail: &Trail<'_>, value: &Value<'static>) -> Vec<Splice> {
    let Page { text, style } = page;
    let old = trail.last();
    let flow = flow_of(page, trail.parent().unwrap_or(old));
    let mut texts = Vec::new();
    if let (Form::Scalar { style: kept, .. }, Some(string)) = (&old.form, value.as_str())
        && !(style.json || old.is_empty() || *kept == ScalarStyle::Plain && !is_plain(string, Context::Flow))
    {
        texts.push(on_one_line(value, *kept, Context::Flow));
    }
    texts.push(if trail.parent().is_some() { flow.inner_text(value) } else { flow.text(value) });
    let keeps_properties = is_scalar(value) && matches!(old.form, Form::Scalar { .. });
    let splice = |new: String| {
        if !old.is_empty() {
            let begin = if keeps_properties { old.start } else { old.outset() };
            return Splice::new(begin..old.end, new);
        }
        let has_colon = text[..old.from].ends_with(':');
        let colon = if has_colon { "" } else { ":" };
        let gap = if text[old.start..].starts_with(' ') { "" } else { " " };
        let at = if has_colon { old.start + 1 - gap.len() } else { old.start };
        Splice::new(at..at, format!("{colon}{gap}{new}"))
    };
    texts.into_iter().map(splice).collect()
}
