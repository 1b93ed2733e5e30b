//! Two texts beside each other: what differs, with some lines around it, and in lines the words that differ.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::plain;

/// How long two texts may be compared; after it, more than what differs may be shown.
const PATIENCE: Duration = Duration::from_millis(300);

/// Lines that differ, and those around them. Positions count from 0.
pub(crate) struct Hunk {
    pub(crate) old: usize,
    pub(crate) new: usize,
    pub(crate) lines: Vec<Line>,
}

/// One line, fit to be printed.
pub(crate) struct Line {
    /// `-`, `+` or a blank.
    pub(crate) sign: char,
    /// Its text; true where it differs from its counterpart.
    pub(crate) parts: Vec<(bool, String)>,
    /// False for a last line without its end.
    pub(crate) is_ended: bool,
}

impl Line {
    /// The whole line.
    pub(crate) fn text(&self) -> String {
        self.parts.iter().map(|(_, part)| part.as_str()).collect()
    }
}

impl Hunk {
    /// How many lines it has of Git's text, and of live's.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let without = |sign| self.lines.iter().filter(|line| line.sign != sign).count();
        (without('+'), without('-'))
    }
}

/// The lines that differ, as they are and as they are to be, from the top; the same whatever stands around them.
pub(crate) fn changed_lines(before: &str, after: &str) -> Vec<(String, String)> {
    let diff = TextDiff::from_lines(before, after);
    let groups = diff.grouped_ops(0);
    let lines = |group: &[similar::DiffOp], sign| {
        let changes = group.iter().flat_map(|op| diff.iter_changes(op)).filter(|change| change.tag() == sign);
        changes.map(|change| change.value()).collect::<String>()
    };
    groups.iter().map(|group| (lines(group, ChangeTag::Delete), lines(group, ChangeTag::Insert))).collect()
}

/// What differs, as a unified diff of one file.
pub(crate) fn unified(path: &str, before: &str, after: &str) -> String {
    let (a, b) = (format!("a/{path}"), format!("b/{path}"));
    TextDiff::from_lines(before, after).unified_diff().context_radius(3).header(&a, &b).to_string()
}

/// Finds what differs. `context`: lines around it.
pub(crate) fn hunks(git: &str, live: &str, context: usize) -> Vec<Hunk> {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(git, live);
    let groups = diff.grouped_ops(context);
    let hunk = |group: &Vec<similar::DiffOp>| {
        let first = group.first()?;
        let changes = group.iter().flat_map(|op| diff.iter_inline_changes(op));
        let lines = changes.map(|change| Line {
            sign: match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            },
            is_ended: !change.missing_newline(),
            parts: change
                .iter_strings_lossy()
                .map(|(differs, part)| (differs, plain(part.strip_suffix('\n').unwrap_or(&part))))
                .collect(),
        });
        Some(Hunk { old: first.old_range().start, new: first.new_range().start, lines: lines.collect() })
    };
    groups.iter().filter_map(hunk).collect()
}
