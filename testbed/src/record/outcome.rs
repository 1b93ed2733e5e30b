//! What is kept of a recording: the objects as kubectl prints them, and what people wrote.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::{Map, Value};

use super::NAMESPACE;
use super::commit::Commit;
use super::error::{self, RecordError};
use crate::control_plane::{ControlPlane, Person};

/// What an event keeps; the rest is the same in all of them, or is told by these.
const KEPT: [&str; 13] = [
    "kind",
    "apiVersion",
    "level",
    "auditID",
    "stage",
    "requestURI",
    "verb",
    "user",
    "userAgent",
    "objectRef",
    "responseStatus",
    "requestObject",
    "requestReceivedTimestamp",
];

/// All objects of the kinds that Git mentions.
pub(super) fn snapshot(plane: &ControlPlane, commits: &[Commit]) -> Result<String, RecordError> {
    let objects = commits.iter().flat_map(|commit| &commit.objects);
    let kinds: BTreeSet<String> = objects.map(|object| object.kind().to_lowercase()).collect();
    let kinds = Vec::from_iter(kinds).join(",");
    Ok(plane.kubectl(&["get", &kinds, "--namespace", NAMESPACE, "--output=json", "--show-managed-fields"])?)
}

/// This second, RFC 3339.
pub(super) fn now() -> String {
    let now = jiff::Timestamp::now();
    let second = now.round(jiff::Unit::Second).unwrap_or(now);
    format!("{second}\n")
}

/// What people wrote in the namespace, and were allowed to.
pub(super) fn audit(plane: &ControlPlane) -> Result<String, RecordError> {
    let file = plane.audit_log();
    let log = fs::read_to_string(&file).map_err(error::file("read", &file))?;
    let mut kept = String::new();
    for line in log.lines() {
        let event: Value = serde_json::from_str(line)
            .map_err(|failure| RecordError::Read { file: file.display().to_string(), message: failure.to_string() })?;
        if is_a_persons_write(&event) {
            let _ = writeln!(kept, "{}", trimmed(event));
        }
    }
    Ok(kept)
}

fn is_a_persons_write(event: &Value) -> bool {
    let people = [Person::Alice, Person::Bob].map(Person::name);
    let user = event["user"]["username"].as_str().unwrap_or_default();
    let allowed = event["responseStatus"]["code"].as_u64().is_some_and(|code| code < 300);
    people.contains(&user) && allowed && event["objectRef"]["namespace"] == NAMESPACE
}

fn trimmed(mut event: Value) -> Value {
    let kept = |name: &str| (name.to_owned(), event[name].take());
    let mut trimmed: Map<String, Value> = KEPT.map(kept).into_iter().filter(|(_, value)| !value.is_null()).collect();
    // A deletion answers with the object's uid and the like.
    if let Some(code) = trimmed.get("responseStatus").map(|status| status["code"].clone()) {
        trimmed.insert("responseStatus".to_owned(), serde_json::json!({"code": code}));
    }
    Value::Object(trimmed)
}
