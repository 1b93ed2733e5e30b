//! How a file is written: what a new value has to look like to stand among the others.

use granit_parser::ScalarStyle;

use super::layout::{Form, Layout, Spot};
use super::span::{column, line_start, next_line, skip_blanks, starts_line};

/// The habits of a document.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub(super) newline: &'static str,
    /// Columns that a map within a map stands further right.
    pub(super) step: usize,
    /// Columns that a list's dashes stand further right than their key.
    pub(super) dash: usize,
    /// Whether what needs quotes is written in single ones.
    pub(super) single_quotes: bool,
    /// Whether texts of several lines are written over lines.
    pub(super) literals: bool,
    /// Whether the text is JSON, and has to stay it.
    pub(super) json: bool,
    /// What a JSON text of several lines is indented with; none where it is on one line.
    pub(super) unit: Option<String>,
}

/// A document's text with its habits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'d> {
    pub(super) text: &'d str,
    pub(super) style: &'d Style,
}

impl Style {
    /// The habits of a document, each as it is most often seen.
    pub(super) fn of(text: &str, layout: &Layout) -> Self {
        let mut steps = Counts::default();
        let mut dashes = Counts::default();
        let (mut single, mut double) = (0_usize, 0_usize);
        layout.root.each(&mut |spot| {
            if let Form::Scalar { style, .. } = &spot.form {
                single += usize::from(*style == ScalarStyle::SingleQuoted);
                double += usize::from(*style == ScalarStyle::DoubleQuoted);
            }
            let Form::Map { flow: false, entries } = &spot.form else { return };
            for entry in entries.iter().filter(|entry| entry.spot.is_block() && !entry.explicit) {
                let key = column(text, entry.start);
                let child = column(text, entry.spot.start);
                match &entry.spot.form {
                    Form::Map { .. } if child > key => steps.add(child - key),
                    Form::List { .. } if child >= key => dashes.add(child - key),
                    _ => {}
                }
            }
        });
        let json = layout.root.is_flow() && is_json(text);
        Self {
            newline: newline(text),
            step: steps.most().unwrap_or(2),
            dash: dashes.most().unwrap_or(0),
            single_quotes: single > double,
            literals: true,
            json,
            unit: unit(text, &layout.root),
        }
    }

    /// The habits of most manifests.
    pub(super) fn usual(text: &str) -> Self {
        Self { newline: newline(text), step: 2, dash: 0, single_quotes: false, literals: true, json: false, unit: None }
    }
}

/// True for a text that is JSON.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text.trim_start_matches('\u{feff}')).is_ok()
}

fn newline(text: &str) -> &'static str {
    let first = text.find('\n').unwrap_or(0);
    if text[..first].ends_with('\r') { "\r\n" } else { "\n" }
}

/// What the first child of a flow root is indented with, if it has its own line.
fn unit(text: &str, root: &Spot) -> Option<String> {
    let first = match &root.form {
        Form::Map { flow: true, entries } => entries.first()?.start,
        Form::List { flow: true, items } => items.first()?.start,
        _ => return None,
    };
    if first < next_line(text, root.start) || !starts_line(text, first) {
        return None;
    }
    let start = line_start(text, first);
    Some(text[start..skip_blanks(text, start)].to_owned())
}

#[derive(Default)]
struct Counts(Vec<(usize, usize)>);

impl Counts {
    fn add(&mut self, width: usize) {
        match self.0.iter_mut().find(|(seen, _)| *seen == width) {
            Some((_, times)) => *times += 1,
            None => self.0.push((width, 1)),
        }
    }

    /// The most frequent; of equals the one seen first.
    fn most(&self) -> Option<usize> {
        let best = self.0.iter().map(|(_, times)| *times).max()?;
        self.0.iter().find(|(_, times)| *times == best).map(|(width, _)| *width)
    }
}
