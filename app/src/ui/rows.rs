//! Items in lines, grouped by workload: what the overview, a report and a workload show.

use anchorwatch_core::drift::item::DriftStatus;
use anchorwatch_core::drift::origin::OriginReason;
use anchorwatch_core::drift::{Change, Origin};
use askama::Template;
use askama::filters::Safe;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::address;
use super::frame::{Frame, Time};
use crate::api::Problem;
use crate::api::model::{Attribution, DriftItem, DriftLevel, DriftReport};
use crate::shown::{self, cut, short_path, value};
use crate::words::word;

/// Characters of a value that a line has room for.
const MOST: usize = 48;

/// A level: a word, and a shape beside its colour. As markup it needs no escaping: its texts went through it.
pub(super) type Level = Safe<Graded>;

/// What a [`Level`] is made of.
#[derive(Clone, Template)]
#[template(
    source = "<span class=\"level {{ class }}\"><span class=\"shape\" aria-hidden=\"true\">{{ shape }}</span>{{ word }}</span>",
    ext = "html"
)]
pub(super) struct Graded {
    class: &'static str,
    shape: &'static str,
    word: String,
}

/// A level in words.
pub(super) fn graded(level: DriftLevel, frame: &Frame) -> Level {
    let (class, shape) = match level {
        DriftLevel::High => ("high", "▲"),
        DriftLevel::Medium => ("medium", "◆"),
        DriftLevel::Info => ("info", "○"),
    };
    Safe(Graded { class, shape, word: frame.say(&format!("level-{class}")) })
}

/// One item.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) href: String,
    pub(super) level: Level,
    /// Without the part that all workloads share; nothing for a whole object.
    pub(super) path: String,
    pub(super) whole_path: String,
    pub(super) tag: String,
    pub(super) git: Option<String>,
    pub(super) live: Option<String>,
    pub(super) who: String,
    pub(super) tool: String,
    pub(super) when: Time,
    /// What became of it, where somebody has dealt with it.
    pub(super) status: Option<String>,
}

/// A workload, and what differs in it.
pub(super) struct Group {
    pub(super) object: String,
    pub(super) href: String,
    pub(super) cluster: String,
    pub(super) namespace: String,
    pub(super) rows: Vec<Row>,
}

/// What is listed: what people have to look at, and, folded, what is allowed.
pub(super) struct Listing {
    pub(super) groups: Vec<Group>,
    pub(super) folded: Vec<Group>,
    pub(super) folded_count: u64,
}

/// How items are listed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// True if INFO is not folded: it was asked for.
    pub(super) unfolds: bool,
}

impl Listing {
    /// Lists items that come the worst first. `cluster`: of items that do not say theirs.
    pub(super) fn of(items: &[DriftItem], cluster: &str, manner: Manner, frame: &Frame) -> Self {
        let is_folded = |item: &&DriftItem| item.drift_level == DriftLevel::Info && !manner.unfolds;
        let (folded, plain): (Vec<&DriftItem>, Vec<&DriftItem>) = items.iter().partition(is_folded);
        let folded_count = folded.len() as u64;
        Self { groups: groups(&plain, cluster, frame), folded: groups(&folded, cluster, frame), folded_count }
    }

    /// True if nothing has to be looked at.
    pub(super) fn is_calm(&self) -> bool {
        self.groups.is_empty()
    }
}

fn groups(items: &[&DriftItem], cluster: &str, frame: &Frame) -> Vec<Group> {
    // The worst item of a workload says where it stands; the others stand by it.
    let mut groups: Vec<Group> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for item in items {
        let cluster = item.cluster.as_deref().unwrap_or(cluster);
        let key = (cluster.to_owned(), &item.namespace, &item.resource_kind, &item.resource_name);
        let at = *places.entry(key).or_insert_with(|| {
            groups.push(Group {
                object: format!("{}/{}", item.resource_kind, item.resource_name),
                href: address::workload(cluster, &item.namespace, &item.resource_kind, &item.resource_name),
                cluster: cluster.to_owned(),
                namespace: item.namespace.clone(),
                rows: Vec::new(),
            });
            groups.len() - 1
        });
        groups[at].rows.push(row(item, frame));
    }
    groups
}

fn row(item: &DriftItem, frame: &Frame) -> Row {
    let (who, tool) = who(item.attribution.as_ref());
    let since = item.attribution.as_ref().and_then(|a| a.time).unwrap_or(item.first_seen);
    Row {
        id: format!("i-{}", item.fingerprint),
        href: address::item(&item.fingerprint),
        level: graded(item.drift_level, frame),
        path: short_path(&item.stable_path).to_owned(),
        whole_path: item.stable_path.clone(),
        tag: frame.say(tag(item)),
        git: brief(&item.git_value, item),
        live: brief(&item.actual_value, item),
        who,
        tool,
        when: frame.time(since),
        status: status(item, frame),
    }
}

/// What became of an item, where it is not pending.
pub(super) fn status(item: &DriftItem, frame: &Frame) -> Option<String> {
    let status = word(item.status);
    (status != "pending").then(|| frame.say(&format!("page-status-{status}")))
}

/// A person where one is known, and the tool.
pub(super) fn who(attribution: Option<&Attribution>) -> (String, String) {
    match attribution {
        Some(Attribution { manager, user: Some(user), .. }) => (user.clone(), manager.clone()),
        Some(Attribution { manager, user: None, .. }) => (manager.clone(), String::new()),
        None => ("–".to_owned(), String::new()),
    }
}

/// The id of the sentence that says how an item differs.
pub(super) fn tag(item: &DriftItem) -> &'static str {
    let (change, origin) = (named(&item.change), named(&item.origin));
    shown::tag(change.unwrap_or(Change::Changed), origin.unwrap_or(Origin::Unknown), item.was_in_git.is_some())
}

/// Why an item has its origin.
pub(super) fn origin_reason(item: &DriftItem) -> Option<OriginReason> {
    serde_json::from_value(item.origin_reason.clone()).ok()
}

/// A name of core's, of its word in JSON.
fn named<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Json::from(word)).ok()
}

/// What the query says of a status or level.
pub(super) fn asked<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Problem> {
    named(text).ok_or_else(|| {
        Problem::new(axum::http::StatusCode::BAD_REQUEST, "the query cannot be read")
            .detail(format!("{name}: there is no {text:?}"))
    })
}

/// A value on one line, as far as there is room.
fn brief(value: &Json, item: &DriftItem) -> Option<String> {
    if value.is_null() || item.stable_path.is_empty() {
        return None;
    }
    let text = match shown::value_lines(value, &item.stable_path).as_slice() {
        [line] if !value.is_array() => line.clone(),
        _ => value::flow(value),
    };
    Some(cut(&text, MOST).into_owned())
}

/// An item as the store gives it.
pub(super) fn read(item: Json) -> Result<DriftItem, Problem> {
    serde_json::from_value(item).map_err(|error| malformed(&error))
}

/// Reports as they were stored.
pub(super) fn reports(stored: &[Box<RawValue>]) -> Result<Vec<DriftReport>, Problem> {
    let reports = stored.iter().map(|report| serde_json::from_str(report.get())).collect::<Result<_, _>>();
    reports.map_err(|error| malformed(&error))
}

/// What the store gives has another shape than it had when it was written.
pub(super) fn malformed(error: &serde_json::Error) -> Problem {
    tracing::error!(%error, "what is stored has another shape");
    Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "what is stored cannot be read")
}

/// All that can become of an item by what people or the cluster did so far.
pub(super) const STATUSES: [DriftStatus; 4] =
    [DriftStatus::Pending, DriftStatus::Acknowledged, DriftStatus::Ignored, DriftStatus::Resolved];
