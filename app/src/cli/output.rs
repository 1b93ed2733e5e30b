//! What a scan's outcome looks like.

mod diff;
mod sarif;
mod table;

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

use anchorwatch_core::drift::DriftReport;
use anchorwatch_core::drift::origin::Attribution;
use anchorwatch_core::drift::report::NotCompared;
use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use crate::cli::{escaped, plain};
use crate::drift::scan::{Fault, Outcome};
use crate::failure::Failure;
use crate::shown;
use crate::words::Arg::Text;
use crate::words::Words;

pub(super) use crate::shown::value::{flow, yaml};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For people, with whole paths and times.
    Wide,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
    /// Unified, an item after the other.
    Diff,
    /// For code scanning.
    Sarif,
}

/// How to print what has no other form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TableOrJson {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// What printing for people depends on.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub(super) words: Words,
    /// Columns.
    pub(super) width: usize,
    /// Whole paths and absolute times.
    pub(super) wide: bool,
    /// Now, in the zone that times are shown in.
    pub(super) now: jiff::Zoned,
    /// True if a hint may be given.
    pub(super) hints: bool,
}

/// A list of reports, as the API gives it.
#[derive(Debug, Serialize)]
struct DriftListResponse<'a> {
    items: &'a [DriftReport],
    total: usize,
}

/// Prints an outcome to stdout.
pub(super) fn print(outcome: &Outcome, format: Format, style: &Style) -> Result<(), Failure> {
    let list = DriftListResponse { items: &outcome.reports, total: outcome.reports.len() };
    match format {
        Format::Table | Format::Wide => super::print(&table::print(outcome, style)),
        Format::Json => print_json(&list),
        Format::Yaml => {
            super::print(&crate::shown::value::yaml(&serde_json::to_value(&list).expect("a report is JSON")))
        }
        Format::Diff => super::print(&diff::print(&outcome.reports)),
        Format::Sarif => print_json(&sarif::document(outcome)),
    }
}

/// Prints JSON piece by piece: a list of everything that differs may be long.
pub(super) fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    let mut out = Escaping(BufWriter::new(io::stdout().lock()));
    let written = serde_json::to_writer_pretty(&mut out, document).map_err(io::Error::from);
    super::printed(written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

/// Writes JSON with hidden characters as escapes; see [`escaped`].
pub(super) struct Escaping<W>(pub(super) W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_ascii() && !bytes.contains(&0x7f) {
            return self.0.write_all(bytes);
        }
        // A string is written in pieces that end at quotes, backslashes and control characters, never inside a letter.
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_all(escaped(text).as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// An object, and its namespace where it has one.
pub(super) fn object(kind: &str, name: &str, namespace: &str) -> String {
    match namespace {
        "" => plain(&format!("{kind}/{name}")),
        namespace => plain(&format!("{kind}/{name} ({namespace})")),
    }
}

/// Something that was not compared, with its reason.
pub(super) fn not_compared(entry: &NotCompared, outcome: &Outcome, words: Words) -> String {
    let problem = outcome.problems.iter().find(|problem| problem.place == entry.what);
    let reason = problem.map_or_else(|| plain(&words.gap(&entry.reason)), |problem| fault(&problem.fault, words));
    let (what, namespace) = (plain(&entry.what), plain(&entry.namespace));
    let id = if namespace.is_empty() { "not-compared" } else { "not-compared-in" };
    words.say_with(id, &[("what", Text(&what)), ("reason", Text(&reason)), ("namespace", Text(&namespace))])
}

/// What is wrong with a document.
pub(super) fn fault(fault: &Fault, words: Words) -> String {
    match fault {
        Fault::Malformed(reason) => plain(reason),
        Fault::Repeated { object, first, .. } => {
            words.say_with("repeated", &[("object", Text(&plain(object))), ("first", Text(&plain(first)))])
        }
    }
}

/// Says so where the cluster's own defaults are not known.
pub(super) fn nearest_defaults(outcome: &Outcome, words: Words) -> Option<String> {
    let extent = &outcome.extent;
    let minor = extent.cluster_minor.filter(|minor| *minor != extent.defaults_minor)?;
    let (used, cluster) = (extent.defaults_minor.0.to_string(), minor.0.to_string());
    Some(words.say_with("minor-nearest", &[("used", Text(&used)), ("cluster", Text(&cluster))]))
}

/// Who owns a value: tool, time, and person where one is known.
pub(super) fn who(attribution: &Attribution, style: &Style) -> String {
    let mut text = plain(&attribution.manager);
    if !attribution.subresource.is_empty() {
        let _ = write!(text, " ({})", plain(&attribution.subresource));
    }
    if let Some(time) = attribution.time {
        let _ = write!(text, ", {}", when(time, style));
    }
    if let Some(user) = &attribution.user {
        let _ = write!(text, " ({})", style.words.say_with("who-user", &[("user", Text(&plain(user)))]));
    }
    text
}

/// A time: relative for people who look now, absolute where it is asked for.
pub(super) fn when(time: Timestamp, style: &Style) -> String {
    if style.wide { shown::at(time, &style.now) } else { shown::when(time, &style.now, style.words) }
}

/// Text, filled up with blanks to a number of columns.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}
