//! The API server's audit log: the only place that knows the person behind a field manager.
//!
//! Format: <https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/>. A request's body says what it
//! meant to write; who last meant to write a value at a path wrote it.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use super::compare::{Change, Difference};
use crate::object::path::{Path, Step};

/// Write requests by object.
#[derive(Debug, Clone, Default)]
pub struct AuditLog {
    events: HashMap<ObjectKey, Vec<Event>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ObjectKey {
    group: String,
    resource: String,
    namespace: String,
    name: String,
}

/// One write request.
#[derive(Debug, Clone)]
pub struct Event {
    /// When the server received it.
    pub time: Timestamp,
    /// User name.
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// User agent.
    pub user_agent: String,
    /// Field manager: as the request names it, else the user agent's first part.
    pub manager: String,
    /// Subresource, empty for the object itself.
    pub subresource: String,
    verb: Verb,
    body: Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Update,
    Apply,
    Patch,
    Delete,
}

impl Event {
    /// True if the user is a program's account and no person's.
    pub fn is_program(&self) -> bool {
        self.user.starts_with("system:")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEvent {
    verb: String,
    #[serde(default)]
    stage: String,
    #[serde(default, rename = "requestURI")]
    request_uri: String,
    user: RawUser,
    #[serde(default)]
    user_agent: String,
    object_ref: Option<RawReference>,
    #[serde(default)]
    request_object: Json,
    response_status: Option<RawStatus>,
    request_received_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct RawUser {
    #[serde(default)]
    username: String,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawReference {
    #[serde(default)]
    api_group: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    subresource: String,
}

#[derive(Deserialize)]
struct RawStatus {
    #[serde(default)]
    code: u16,
}

impl AuditLog {
    /// Reads JSON lines; gives also how many lines were no audit events.
    pub fn parse(text: &str) -> (Self, usize) {
        let mut log = Self::default();
        let mut unread = 0;
        for line in text.lines().filter(|l| !l.trim().is_empty()) {
            match serde_json::from_str::<RawEvent>(line) {
                Ok(raw) => log.add(raw),
                Err(_) => unread += 1,
            }
        }
        for events in log.events.values_mut() {
            events.sort_by_key(|e| e.time);
        }
        (log, unread)
    }

    fn add(&mut self, raw: RawEvent) {
        let done = raw.stage.is_empty() || raw.stage == "ResponseComplete";
        let accepted = raw.response_status.is_none_or(|s| (200..300).contains(&s.code));
        let dry_run = raw.request_uri.contains("dryRun=");
        let apply = raw.request_uri.contains("force=") || raw.request_object.get("apiVersion").is_some();
        let verb = match raw.verb.as_str() {
            "create" => Verb::Create,
            "update" => Verb::Update,
            "patch" if apply => Verb::Apply,
            "patch" => Verb::Patch,
            "delete" => Verb::Delete,
            _ => return,
        };
        let (true, true, false, Some(object)) = (done, accepted, dry_run, raw.object_ref) else { return };
        if !matches!(object.subresource.as_str(), "" | "scale" | "resize" | "ephemeralcontainers") {
            return;
        }
        let named = raw.request_uri.split(['?', '&']).find_map(|p| p.strip_prefix("fieldManager="));
        let manager = named.or_else(|| raw.user_agent.split('/').next()).unwrap_or_default().to_owned();
        let key = ObjectKey {
            group: object.api_group,
            resource: object.resource,
            namespace: object.namespace,
            name: object.name,
        };
        self.events.entry(key).or_default().push(Event {
            time: raw.request_received_timestamp,
            user: raw.user.username,
            groups: raw.user.groups,
            user_agent: raw.user_agent,
            manager,
            subresource: object.subresource,
            verb,
            body: raw.request_object,
        });
    }

    /// Who wrote what the cluster has, or took away what it lacks.
    pub fn author(&self, object: ObjectAddress<'_>, difference: &Difference<'_>) -> Option<&Event> {
        let key = ObjectKey {
            group: object.group.to_owned(),
            resource: object.resource.to_owned(),
            namespace: object.namespace.to_owned(),
            name: object.name.to_owned(),
        };
        let events = self.events.get(&key)?;
        if difference.change == Change::MissingObject {
            return events.iter().rev().find(|e| e.verb == Verb::Delete);
        }
        let live = difference.live.map(|v| serde_json::to_value(v).expect("a tree of JSON values is JSON"));
        let mut author = None;
        let mut as_live_is = false;
        for event in events {
            let written = event.writes(&difference.path);
            let now_as_live_is = match (&written, &live) {
                (Written::Nothing, _) => continue,
                (Written::Somewhere, _) | (Written::Gone, None) => true,
                (Written::Value(value), Some(live)) => covers(live, value),
                (Written::Gone, Some(_)) | (Written::Value(_), None) => false,
            };
            // Of several requests in a row that leave it so, the first one made it so; a patch says that it meant it.
            if now_as_live_is && (!as_live_is || event.verb == Verb::Patch) {
                author = Some(event);
            }
            as_live_is = now_as_live_is;
        }
        author.filter(|_| as_live_is)
    }
}

/// Names of an object, as an audit log refers to it.
#[derive(Debug, Clone, Copy)]
pub struct ObjectAddress<'a> {
    /// API group.
    pub group: &'a str,
    /// Plural resource name.
    pub resource: &'a str,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
}

/// What a request writes at a path.
#[derive(Debug)]
enum Written<'a> {
    Nothing,
    /// It touches the path, and the body does not say with which value.
    Somewhere,
    Value(&'a Json),
    Gone,
}

impl Event {
    fn writes(&self, path: &Path) -> Written<'_> {
        if let Json::Array(operations) = &self.body {
            return json_patch(operations, path);
        }
        match (find(&self.body, path), self.verb) {
            (Found::Value(value), _) => Written::Value(value),
            // A whole object without it takes it away, and so does its deletion; a partial one says nothing of it.
            (Found::Null, _) | (Found::Nothing, Verb::Create | Verb::Update | Verb::Delete) => Written::Gone,
            (Found::Nothing, _) => Written::Nothing,
        }
    }
}

enum Found<'a> {
    Nothing,
    Null,
    Value(&'a Json),
}

fn find<'a>(body: &'a Json, path: &Path) -> Found<'a> {
    let mut value = body;
    for step in &path.0 {
        let next = match step {
            Step::Field(name) => match value.get(name) {
                // A Secret's value may be written in clear.
                None if name == "data" => value.get("stringData"),
                next => next,
            },
            Step::Element { keys, .. } => value.as_array().and_then(|list| {
                list.iter().find(|element| {
                    keys.iter().all(|(key, wanted)| {
                        element.get(key).is_none_or(|v| serde_json::to_value(wanted).is_ok_and(|w| w == *v))
                    })
                })
            }),
            Step::Member { value: member, .. } => value
                .as_array()
                .and_then(|list| list.iter().find(|v| serde_json::to_value(member).is_ok_and(|m| m == **v))),
        };
        match next {
            None => return Found::Nothing,
            Some(Json::Null) => return Found::Null,
            Some(next) if next.get("$patch").and_then(Json::as_str) == Some("delete") => return Found::Null,
            Some(next) => value = next,
        }
    }
    Found::Value(value)
}

/// RFC 6902: the last operation on the path, above it or below it. Positions in lists are not followed.
fn json_patch<'a>(operations: &'a [Json], path: &Path) -> Written<'a> {
    let mut written = Written::Nothing;
    for operation in operations {
        let text = |key: &str| operation.get(key).and_then(Json::as_str).unwrap_or_default();
        let pointer: Vec<String> =
            text("path").split('/').skip(1).map(|t| t.replace("~1", "/").replace("~0", "~")).collect();
        let same = pointer.iter().zip(&path.0).all(|(token, step)| match step {
            Step::Field(name) => token == name,
            _ => token == "-" || token.parse::<usize>().is_ok(),
        });
        if !same || text("op") == "test" {
            continue;
        }
        let exact = pointer.len() == path.0.len();
        written = match (text("op"), operation.get("value")) {
            ("remove", _) if pointer.len() <= path.0.len() => Written::Gone,
            (_, Some(value)) if exact => Written::Value(value),
            _ => Written::Somewhere,
        };
    }
    written
}

/// True if all that was written is in live; the server adds to it.
fn covers(live: &Json, written: &Json) -> bool {
    match (live, written) {
        (Json::Object(live), Json::Object(written)) => {
            written.iter().all(|(key, value)| live.get(key).is_some_and(|l| covers(l, value)))
        }
        (Json::Array(live), Json::Array(written)) => {
            live.len() == written.len() && live.iter().zip(written).all(|(l, w)| covers(l, w))
        }
        // Fingerprints of Secrets cannot be told apart here: whoever wrote there last is meant.
        (Json::String(live), _) if live.starts_with("<SECRET ") => true,
        (live, written) => {
            live == written
                || crate::object::quantity::Quantity::parse(&plain(live))
                    .is_some_and(|l| Some(l) == crate::object::quantity::Quantity::parse(&plain(written)))
        }
    }
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
