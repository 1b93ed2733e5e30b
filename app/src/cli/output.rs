//! What a scan's outcome looks like.

mod diff;
mod sarif;
mod table;
mod value;

use anchorwatch_core::drift::DriftReport;
use clap::ValueEnum;
use serde::Serialize;

use crate::drift::scan::Outcome;
use crate::words::Words;

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
    /// Unified, a hunk an item.
    Diff,
    /// For code scanning.
    Sarif,
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

/// Prints an outcome. The text may hold colours, which are taken out where they are not wanted.
pub(super) fn print(outcome: &Outcome, format: Format, style: &Style) -> String {
    let list = DriftListResponse { items: &outcome.reports, total: outcome.reports.len() };
    match format {
        Format::Table | Format::Wide => table::print(outcome, style),
        Format::Json => serde_json::to_string_pretty(&list).expect("a report is JSON") + "\n",
        Format::Yaml => value::yaml(&serde_json::to_value(&list).expect("a report is JSON")),
        Format::Diff => diff::print(&outcome.reports),
        Format::Sarif => sarif::print(&outcome.reports),
    }
}
