//! `-o diff`: a unified diff, a hunk for each item.

use std::fmt::Write as _;

use anchorwatch_core::drift::{DriftItem, DriftReport};
use anchorwatch_core::object::secret::Shown;

use super::value;
use crate::cli::plain;

/// Prints all reports.
pub(super) fn print(reports: &[DriftReport]) -> String {
    let mut out = String::new();
    for item in reports.iter().flat_map(|r| &r.items) {
        hunk(item, &mut out);
    }
    out
}

fn hunk(item: &DriftItem, out: &mut String) {
    let object = match item.namespace.as_str() {
        "" => format!("{}/{}", item.resource_kind, item.resource_name),
        namespace => format!("{namespace}/{}/{}", item.resource_kind, item.resource_name),
    };
    let source = item.source.as_ref();
    let file = source.and_then(|s| s.file.as_deref()).unwrap_or("");
    let line = source.and_then(|s| s.line).unwrap_or(0);
    let (git, live) = (lines(item.git_value.as_ref()), lines(item.actual_value.as_ref()));
    let _ = writeln!(out, "--- git/{} {}", plain(&object), plain(file));
    let _ = writeln!(out, "+++ live/{}", plain(&object));
    let place = if item.stable_path.is_empty() { "(object)" } else { &item.stable_path };
    let start = |lines: &[String], line: u32| if lines.is_empty() { 0 } else { line.max(1) };
    let _ = writeln!(
        out,
        "@@ -{},{} +{},{} @@ {}",
        start(&git, line),
        git.len(),
        start(&live, 1),
        live.len(),
        plain(place)
    );
    for (sign, lines) in [('-', git), ('+', live)] {
        for line in lines {
            let _ = writeln!(out, "{sign}{}", plain(&line));
        }
    }
}

fn lines(shown: Option<&Shown>) -> Vec<String> {
    let Some(shown) = shown else { return Vec::new() };
    match shown.as_json() {
        serde_json::Value::String(text) if text.contains('\n') => text.lines().map(str::to_owned).collect(),
        other => value::yaml(other).lines().map(str::to_owned).collect(),
    }
}
