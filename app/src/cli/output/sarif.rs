//! `-o sarif`: SARIF 2.1.0, as code scanning reads it.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anchorwatch_core::drift::report::NotCompared;
use anchorwatch_core::drift::rules;
use anchorwatch_core::drift::{Change, DriftItem, DriftLevel};
use serde_json::{Value as Json, json};

use crate::cli::plain;
use crate::drift::scan::Outcome;
use crate::shown::value;

/// All reports as one run.
pub(super) fn document(outcome: &Outcome) -> Json {
    let items: Vec<&DriftItem> = outcome.reports.iter().flat_map(|r| &r.items).collect();
    let used: BTreeSet<&str> = items.iter().map(|i| i.rule.as_str()).collect();
    let rules: Vec<Json> = used.iter().map(|id| rule(id)).collect();
    let results: Vec<Json> = items.into_iter().map(|item| result(item, &outcome.root)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "anchorwatch",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{
                "executionSuccessful": outcome.is_complete(),
                "toolExecutionNotifications": outcome.not_compared().into_iter().map(notification).collect::<Vec<_>>(),
            }],
            "results": results,
        }],
    })
}

/// A path as a relative reference (RFC 3986); a colon in its first part would be a scheme's.
fn uri(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'/') {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

fn rule(id: &str) -> Json {
    let reason = rules::all().find(|r| r.id == id).map_or(id, |r| r.reason);
    json!({"id": id, "shortDescription": {"text": reason}})
}

/// Something that was not compared: a program that reads results only must not take it for clean.
fn notification(entry: &NotCompared) -> Json {
    let NotCompared { what, namespace, reason } = entry;
    let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
    json!({"level": "warning", "message": {"text": plain(&format!("not compared{place}: {what}: {reason}"))}})
}

/// `root`: the source's folder, by which code scanning finds the file.
fn result(item: &DriftItem, root: &str) -> Json {
    let level = match item.drift_level {
        DriftLevel::High => "error",
        DriftLevel::Medium => "warning",
        DriftLevel::Info => "note",
    };
    let object = format!("{}/{}", item.resource_kind, item.resource_name);
    let shown = |v: &Option<anchorwatch_core::object::secret::Shown>| {
        v.as_ref().map_or_else(|| "(absent)".to_owned(), |v| value::flow(v.as_json()))
    };
    let place = if item.stable_path.is_empty() { String::new() } else { format!(" {}", item.stable_path) };
    let what = match item.change {
        Change::MissingObject => "in Git, gone from the cluster".to_owned(),
        Change::UnmanagedObject => "in no source".to_owned(),
        _ => format!("Git says {}, the cluster has {}", shown(&item.git_value), shown(&item.actual_value)),
    };
    let namespace = if item.namespace.is_empty() { String::new() } else { format!(" ({})", item.namespace) };
    let text = format!("{object}{namespace}{place}: {what}");
    let source = item.source.as_ref();
    let mut location = json!({
        "logicalLocations": [{"fullyQualifiedName": plain(&format!("{}/{object}{place}", item.namespace)), "kind": "resource"}],
    });
    if let Some(file) = source.and_then(|s| s.file.as_deref()) {
        location["physicalLocation"] = json!({
            "artifactLocation": {"uri": uri(&format!("{root}{file}"))},
            "region": {"startLine": source.and_then(|s| s.line).unwrap_or(1)},
        });
    }
    json!({
        "ruleId": item.rule,
        "level": level,
        "message": {"text": plain(&text)},
        "locations": [location],
        "partialFingerprints": {"anchorwatch/v1": item.fingerprint},
    })
}
