//! Cuts a text into units that are looked at one by one: lines, blocks of keys, and pieces of long lines.
//!
//! Where a unit ends depends on the text alone, never on how it arrives: so a stream and a whole text come out alike. A
//! piece of a long line is looked at with what stands before and after it.

use std::ops::Range;

use super::line::Carry;
use super::run::Letters;
use super::{Find, Kind, Redactor, key, manifest};

/// A piece of a long line, how far beyond its end is looked, and how far before its begin.
const PIECE: usize = 48 * 1024;
pub(super) const WINDOW: usize = 64 * 1024;
const BEHIND: usize = 4 * 1024;

/// Where a text is, and what its earlier lines left.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    /// The first byte that was not looked at yet.
    pub(super) at: usize,
    line_start: usize,
    is_within_line: bool,
    /// A find reached the end of what could be seen; it goes on in the next unit.
    running: Option<Kind>,
    carry: Carry,
}

struct Unit {
    window: Range<usize>,
    end: usize,
    ends_line: bool,
    /// Lines after this one say that its data are a Secret's.
    is_secret: bool,
}

impl Cursor {
    /// Looks at the next unit: its range, and what was found in it. None if more text has to come first.
    pub(super) fn step(&mut self, redactor: &Redactor, text: &str, is_all: bool) -> Option<(Range<usize>, Vec<Find>)> {
        let unit = self.unit(text, is_all)?;
        let window = &text[unit.window.clone()];
        let offset = unit.window.start;
        let mut carry = (!self.is_within_line && unit.ends_line).then_some(&mut self.carry);
        if let Some(carry) = &mut carry {
            carry.manifest.note(window, unit.is_secret);
        }
        let mut finds = redactor.scan(window, carry);
        for find in &mut finds {
            find.range = find.range.start + offset..find.range.end + offset;
        }
        finds.extend(self.continued(text, &unit));
        let finds = self.accepted(finds, &unit);
        let end = finds.iter().map(|find| find.range.end).max().unwrap_or(0).max(unit.end);
        let reaches = finds.iter().find(|find| find.range.end == unit.window.end && !unit.ends_line);
        self.running = reaches.map(|find| find.kind);
        let range = self.at..end;
        self.at = end;
        self.is_within_line = !unit.ends_line;
        if unit.ends_line {
            self.line_start = end;
        }
        Some((range, finds))
    }

    /// Forgets the text before what is still needed, and says how much that was.
    pub(super) fn release(&mut self, text: &str) -> usize {
        let kept = if self.is_within_line { self.behind(text) } else { self.at };
        self.at -= kept;
        self.line_start = self.line_start.saturating_sub(kept);
        kept
    }

    fn behind(&self, text: &str) -> usize {
        self.line_start.max(text.floor_char_boundary(self.at.saturating_sub(BEHIND)))
    }

    fn unit(&self, text: &str, is_all: bool) -> Option<Unit> {
        if self.at == text.len() {
            return None;
        }
        let start = if self.is_within_line { self.behind(text) } else { self.at };
        let limit = text.floor_char_boundary((self.at + WINDOW).min(text.len()));
        if let Some(line) = text[self.at..limit].find('\n') {
            let end = self.at + line + 1;
            let is_asked = !self.is_within_line && self.carry.manifest.asks(&text[self.at..end]);
            let is_secret = is_asked && manifest::ahead(&text[self.at..end], &text[end..], is_all)?;
            let end = self.block_end(text, end, is_all)?;
            return Some(Unit { window: start..end, end, ends_line: true, is_secret });
        }
        if text.len() < self.at + WINDOW {
            let end = text.len();
            return is_all.then_some(Unit { window: start..end, end, ends_line: true, is_secret: false });
        }
        Some(Unit {
            window: start..limit,
            end: text.floor_char_boundary(self.at + PIECE),
            ends_line: false,
            is_secret: false,
        })
    }

    /// Where the block of a key ends that the line up to `end` opens, or the line.
    fn block_end(&self, text: &str, end: usize, is_all: bool) -> Option<usize> {
        if self.is_within_line || !key::opens(&text[self.at..end]) {
            return Some(end);
        }
        let mut end = end;
        loop {
            let rest = &text[end..];
            let line = match rest.find('\n') {
                Some(line) => &rest[..=line],
                None if !is_all && rest.len() < key::BLOCK_BYTES => return None,
                None => rest,
            };
            let is_full = end + line.len() - self.at > key::BLOCK_BYTES;
            if line.is_empty() || is_full || !key::continues(line) {
                return Some(end);
            }
            end += line.len();
            if key::closes(line) {
                return Some(end);
            }
        }
    }

    /// What goes on from the unit before: letters of a token without end.
    fn continued(&self, text: &str, unit: &Unit) -> Option<Find> {
        let kind = self.running?;
        let end = Letters::Token.end(&text[..unit.window.end], self.at);
        (end > self.at).then_some(Find { range: self.at..end, kind })
    }

    /// What begins in this unit. What begins before it was taken by the unit before.
    fn accepted(&self, finds: Vec<Find>, unit: &Unit) -> Vec<Find> {
        let inside = finds.into_iter().filter(|find| find.range.end > self.at && find.range.start < unit.end);
        let clipped = inside.map(|find| Find { range: find.range.start.max(self.at)..find.range.end, kind: find.kind });
        merged(clipped.collect())
    }
}

/// Joins what overlaps, in order.
pub(super) fn merged(mut finds: Vec<Find>) -> Vec<Find> {
    finds.sort_by(|a, b| (a.range.start, b.range.end, a.kind).cmp(&(b.range.start, a.range.end, b.kind)));
    let mut joined: Vec<Find> = Vec::with_capacity(finds.len());
    for find in finds {
        match joined.last_mut().filter(|last| find.range.start < last.range.end) {
            Some(last) => last.range.end = last.range.end.max(find.range.end),
            None => joined.push(find),
        }
    }
    joined
}
