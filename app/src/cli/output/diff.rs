//! `-o diff`: a unified diff of each item's two values.

use std::fmt::Write as _;

use anchorwatch_core::drift::{Change, DriftItem, DriftReport};
use anchorwatch_core::object::secret::Shown;

use crate::cli::plain;
use crate::shown::{hunks, value};

/// Lines around what differs.
const CONTEXT: usize = 3;

/// Prints all reports.
pub(super) fn print(reports: &[DriftReport]) -> String {
    let mut out = String::new();
    for item in reports.iter().flat_map(|r| &r.items) {
        one(item, &mut out);
    }
    out
}

fn one(item: &DriftItem, out: &mut String) {
    let object = match item.namespace.as_str() {
        "" => format!("{}/{}", item.resource_kind, item.resource_name),
        namespace => format!("{namespace}/{}/{}", item.resource_kind, item.resource_name),
    };
    let source = item.source.as_ref();
    let file = source.and_then(|s| s.file.as_deref()).unwrap_or("");
    let line = source.and_then(|s| s.line).unwrap_or(0);
    let (git, live) = texts(item.git_value.as_ref(), item.actual_value.as_ref());
    let _ = writeln!(out, "--- git/{} {}", plain(&object), plain(file));
    let _ = writeln!(out, "+++ live/{}", plain(&object));
    let place = if item.stable_path.is_empty() { "(object)" } else { &item.stable_path };
    let hunks = hunks::hunks(&git, &live, CONTEXT);
    match item.change {
        // A whole object has no value; that it is on one side only is what differs.
        Change::MissingObject => {
            let _ = writeln!(out, "@@ -1,1 +0,0 @@ {place}\n-{}", plain(&object));
        }
        Change::UnmanagedObject => {
            let _ = writeln!(out, "@@ -0,0 +1,1 @@ {place}\n+{}", plain(&object));
        }
        _ if hunks.is_empty() => {
            let _ = writeln!(out, "@@ -0,0 +0,0 @@ {}", plain(place));
        }
        _ => {}
    }
    // A value of one line stands where the file has it; of others the lines are counted within the value.
    let first = if git.lines().count() == 1 { usize::try_from(line).unwrap_or(1).max(1) } else { 1 };
    for hunk in hunks {
        let (old, new) = hunk.counts();
        let start = |at: usize, count: usize, first: usize| if count == 0 { at } else { at + first };
        let (at, beside) = (start(hunk.old, old, first), start(hunk.new, new, 1));
        let _ = writeln!(out, "@@ -{at},{old} +{beside},{new} @@ {}", plain(place));
        for line in hunk.lines {
            let _ = writeln!(out, "{}{}", line.sign, line.text());
            if !line.is_ended {
                let _ = writeln!(out, "\\ No newline at end of file");
            }
        }
    }
}

/// Both values as text; nothing for what is absent. Texts of several lines stay as they are, all else is YAML.
fn texts(git: Option<&Shown>, live: Option<&Shown>) -> (String, String) {
    let is_long = |shown: Option<&Shown>| shown.and_then(|s| s.as_json().as_str()).is_some_and(|t| t.contains('\n'));
    let as_is = is_long(git) || is_long(live);
    let text = |shown: Option<&Shown>| match shown.map(Shown::as_json) {
        Some(serde_json::Value::String(text)) if as_is => text.clone(),
        Some(other) => value::yaml(other),
        None => String::new(),
    };
    (text(git), text(live))
}
