//! `/items/{fingerprint}`: one item. Left Git, right live, only what differs; below it the evidence, and what can be done.

use std::sync::Arc;

use anchorwatch_edge::store::{EpisodesOf, Filter, Role};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::WithRejection;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::address::{self, Address};
use super::frame::{Frame, Time};
use super::html;
use super::reports::{Brief, brief};
use super::rows::{self, Level, graded, origin_reason, tag};
use super::visit::Visit;
use crate::api::model::{DriftItem, DriftLevel, DriftStatus};
use crate::api::{Caller, Deciding, Problem};
use crate::drift::Act;
use crate::serve::Service;
use crate::shown::{self, cut, hunks, short_commit, value};
use crate::words::{Arg::Text, word};

/// Lines around what differs.
const CONTEXT: usize = 2;
/// Reports, and values that it had, that an item's page tells of.
const MOST: u64 = 10;

/// A line of a side; its parts, true where they differ.
pub(super) struct Half {
    is_git: bool,
    parts: Vec<(bool, String)>,
    note: String,
}

/// Lines of both sides that stand beside each other: those that are the same, or those that one side has for the other's.
#[derive(Default)]
pub(super) struct Chunk {
    git: Vec<Half>,
    live: Vec<Half>,
    is_same: bool,
    /// Lines were left out before these, the first of which is this one of Git's.
    from: Option<usize>,
}

impl Chunk {
    fn sides(&self) -> [(&'static str, &[Half]); 2] {
        [("git", &self.git), ("live", &self.live)]
    }
}

/// What is known of an item, in words.
pub(super) struct Fact {
    label: String,
    text: String,
    more: String,
    time: Option<Time>,
    href: Option<String>,
}

/// A value that the item had.
struct Had {
    git: String,
    live: String,
    by: String,
    began: Time,
    ended: Option<Time>,
}

#[derive(Template)]
#[template(path = "item.html")]
struct Page {
    frame: Frame,
    level: Level,
    object: String,
    workload_href: String,
    place: String,
    crumbs: Vec<String>,
    tag: String,
    chunks: Vec<Chunk>,
    git_place: String,
    facts: Vec<Fact>,
    had: Vec<Had>,
    reports: Vec<Brief>,
    reports_href: String,
    reports_total: u64,
    status: String,
    status_class: String,
    decided: Option<(String, Time)>,
    href: String,
    may_acknowledge: bool,
    may_ignore: bool,
    /// How its difference may be ended, and the words for that.
    ways: Vec<(&'static str, String)>,
    /// Why nothing can be done by whoever looks.
    refusal: Option<String>,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
) -> Result<Response, Problem> {
    let deciding = Deciding { service: &service, caller: &caller };
    let item = rows::read(deciding.item(&fingerprint).await?)?;
    let episodes = service.store.episodes(EpisodesOf::Item(&fingerprint), MOST).await?;
    let holding = Filter { holding: Some(fingerprint.clone()), ..Filter::default() };
    let reports = service.store.reports(&caller.limit(holding), MOST, None).await?;
    let reports_total = reports.total;
    let reports = rows::reports(&reports.items)?;
    let frame = Frame::new(visit, Some(&caller), "item");
    let object = format!("{}/{}", item.resource_kind, item.resource_name);
    let actions = Actions::of(&item, &frame);
    let cluster = item.cluster.clone().unwrap_or_default();
    let page = Page {
        level: graded(item.drift_level, &frame),
        workload_href: address::workload(&cluster, &item.namespace, &item.resource_kind, &item.resource_name),
        place: place(&cluster, &item.namespace),
        crumbs: crumbs(&item.stable_path),
        tag: frame.say(tag(&item)),
        chunks: chunks(&item, &frame),
        git_place: git_place(&item),
        facts: facts(&item, &frame),
        had: episodes.iter().filter_map(|episode| had(episode, &frame)).collect(),
        reports: reports.iter().map(|report| brief(report, &frame)).collect(),
        reports_href: Address::of("/reports").with("item", &fingerprint).href(),
        reports_total,
        status: frame.say(&format!("page-status-{}", word(item.status))),
        status_class: word(item.status),
        decided: item.decided_by.clone().zip(item.decided_at).map(|(by, at)| (by, frame.time(at))),
        href: address::item(&fingerprint),
        may_acknowledge: actions.acknowledge,
        may_ignore: actions.ignore,
        ways: ways(&service, &item, &frame),
        refusal: actions.refusal,
        frame: frame.titled(object.clone()),
        object,
    };
    Ok(html(&page))
}

/// Notes that whoever looks knows of it.
pub(super) async fn acknowledge(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
) -> Result<Response, Problem> {
    crate::api::acknowledge(Deciding { service: &service, caller: &caller }, &fingerprint).await?;
    Ok(Redirect::to(&address::item(&fingerprint)).into_response())
}

/// What whoever looks may do with an item. The service refuses all the same what they may not.
pub(super) struct Actions {
    pub(super) acknowledge: bool,
    pub(super) ignore: bool,
    pub(super) refusal: Option<String>,
}

impl Actions {
    pub(super) fn of(item: &DriftItem, frame: &Frame) -> Self {
        let open = matches!(item.status, DriftStatus::Pending | DriftStatus::Acknowledged);
        let needed = role_to_ignore(item.drift_level == DriftLevel::High);
        let refusal = match () {
            () if !open => None,
            () if frame.person.is_none() => Some("page-may-nobody"),
            () if !frame.may(Role::Operator) => Some("page-may-viewer"),
            () if !frame.may(needed) => Some("page-may-operator"),
            () => None,
        };
        Self {
            acknowledge: item.status == DriftStatus::Pending && frame.may(Role::Operator),
            ignore: open && frame.may(needed),
            refusal: refusal.map(|id| frame.say(id)),
        }
    }
}

/// Which plans can be made: the item is open, its source may be written there and can be, and whoever looks may ask for one.
fn ways(service: &Service, item: &DriftItem, frame: &Frame) -> Vec<(&'static str, String)> {
    let config = service.config();
    let source = item.source_name.as_deref().and_then(|name| config.source(name));
    let is_open = matches!(item.status, DriftStatus::Pending | DriftStatus::Acknowledged);
    let Some(source) = source.filter(|_| is_open && frame.may(Role::Operator)) else { return Vec::new() };
    let acts = source.acts(&item.api_version, &item.resource_kind, &item.namespace).into_iter();
    acts.map(|act| match act {
        Act::RollBack if item.is_unmanaged() => ("rollback", frame.say("page-delete")),
        Act::RollBack => ("rollback", frame.say("page-rollback")),
        Act::Adopt => ("adopt", frame.say("page-adopt")),
    })
    .collect()
}

/// Who may ignore what is HIGH, or is not.
pub(super) fn role_to_ignore(is_high: bool) -> Role {
    if is_high { Role::Approver } else { Role::Operator }
}

/// Cluster and namespace.
pub(super) fn place(cluster: &str, namespace: &str) -> String {
    if namespace.is_empty() { cluster.to_owned() } else { format!("{cluster} / {namespace}") }
}

/// A path's steps: parted at dots, but not inside of brackets or quotes.
fn crumbs(path: &str) -> Vec<String> {
    let (mut crumbs, mut crumb) = (Vec::new(), String::new());
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for c in path.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if depth > 0 => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            '.' if depth == 0 => {
                crumbs.push(std::mem::take(&mut crumb));
                continue;
            }
            _ => {}
        }
        crumb.push(c);
    }
    crumbs.push(crumb);
    crumbs.retain(|crumb| !crumb.is_empty());
    crumbs
}

/// File, line and commit of what Git says.
fn git_place(item: &DriftItem) -> String {
    let Some(source) = &item.source else { return String::new() };
    let mut text = source.file.clone().unwrap_or_default();
    if let Some(line) = source.line {
        text = format!("{text}:{line}");
    }
    match &source.commit {
        Some(commit) => format!("{text} @ {}", short_commit(commit)),
        None => text,
    }
}

fn chunks(item: &DriftItem, frame: &Frame) -> Vec<Chunk> {
    let present = |value: &Json| (!value.is_null()).then(|| value.clone());
    let (git, live) = (present(&item.git_value), present(&item.actual_value));
    if let (Some(git), Some(live)) = (&git, &live)
        && let Some((git, live)) = texts(git, live)
    {
        return differing(&git, &live, CONTEXT, &frame.say("no-line-end"));
    }
    let lines =
        |value: Option<Json>| value.map_or_else(Vec::new, |value| shown::value_lines(&value, &item.stable_path));
    let (git, live) = (lines(git), lines(live));
    if let ([git], [live]) = (git.as_slice(), live.as_slice()) {
        return differing(&format!("{git}\n"), &format!("{live}\n"), 0, "");
    }
    let half = |is_git| move |line: String| Half { is_git, parts: vec![(false, line)], note: String::new() };
    let (git, live): (Vec<_>, Vec<_>) =
        (git.into_iter().map(half(true)).collect(), live.into_iter().map(half(false)).collect());
    if git.is_empty() && live.is_empty() { Vec::new() } else { vec![Chunk { git, live, ..Chunk::default() }] }
}

/// Both values as texts of several lines.
fn texts(git: &Json, live: &Json) -> Option<(String, String)> {
    if let Some((git, live)) = shown::long_texts(Some(git), Some(live)) {
        return Some((git.to_owned(), live.to_owned()));
    }
    let is_nested = |value: &Json| value.is_array() || value.is_object();
    (is_nested(git) && is_nested(live)).then(|| (value::yaml(git), value::yaml(live)))
}

/// Lines that differ and those around them, Git's beside the cluster's. `no_end`: what is said of a line without its end.
fn differing(git: &str, live: &str, context: usize, no_end: &str) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for hunk in hunks::hunks(git, live, context) {
        let first = chunks.len();
        for line in hunk.lines {
            let is_same = line.sign == ' ';
            // Git's lines come before those that stand for them.
            let is_next = |chunk: &Chunk| chunk.is_same != is_same || (line.sign == '-' && !chunk.live.is_empty());
            if chunks.len() == first || chunks.last().is_none_or(is_next) {
                chunks.push(Chunk { is_same, ..Chunk::default() });
            }
            let chunk = chunks.last_mut().expect("one was pushed where there was none");
            let half = |is_git| Half {
                is_git,
                parts: line.parts.clone(),
                note: if line.is_ended || is_same { String::new() } else { no_end.to_owned() },
            };
            if line.sign != '+' {
                chunk.git.push(half(true));
            }
            if line.sign != '-' {
                chunk.live.push(half(false));
            }
        }
        if let Some(chunk) = chunks.get_mut(first).filter(|_| hunk.old > 0) {
            chunk.from = Some(hunk.old + 1);
        }
    }
    chunks
}

fn facts(item: &DriftItem, frame: &Frame) -> Vec<Fact> {
    let words = frame.words;
    let fact = |label: &str, text: String, more: String, time: Option<Timestamp>| Fact {
        label: frame.say(label),
        text,
        more,
        time: time.map(|time| frame.time(time)),
        href: None,
    };
    let mut facts = Vec::new();
    if let Some(who) = &item.attribution {
        let mut tool = who.manager.clone();
        if let Some(subresource) = who.subresource.as_deref().filter(|s| !s.is_empty()) {
            tool = format!("{tool} ({subresource})");
        }
        let user = who.user.as_ref().map(|user| words.say_with("who-user", &[("user", Text(user))]));
        let (text, more) = match user {
            Some(user) => (user, tool),
            None => (tool, String::new()),
        };
        facts.push(fact("label-who", text, more, who.time));
    }
    let manager = item.attribution.as_ref().map_or("", |who| who.manager.as_str());
    let why = words.say_with(&format!("why-{}", word(&item.origin_reason)), &[("manager", Text(manager))]);
    facts.push(fact("page-origin", frame.say(&format!("origin-{}", item.origin)), why, None));
    if let Some(past) = past(item, frame) {
        facts.push(past);
    } else if let Some(note) = origin_reason(item).and_then(|reason| shown::note(&item.rule, reason)) {
        facts.push(fact("label-note", frame.say(note), String::new(), None));
    }
    let reason = words.reason(&item.rule, &item.reason).into_owned();
    facts.push(fact("page-rule", reason, frame.say_of("page-by-rule", &item.rule), None));
    let place = git_place(item);
    if !place.is_empty() {
        let rendered = item.source.as_ref().is_some_and(|source| source.rendered);
        facts.push(fact("page-in-git", place, if rendered { frame.say("page-rendered") } else { String::new() }, None));
    }
    facts.push(fact("page-first-seen", String::new(), String::new(), Some(item.first_seen)));
    facts.push(fact("page-last-seen", String::new(), String::new(), Some(item.last_seen)));
    if let Some(resolved) = item.resolved_at {
        facts.push(fact("page-resolved-at", String::new(), String::new(), Some(resolved)));
    }
    if let Some(changes) = item.changes.filter(|changes| *changes > 0) {
        facts.push(fact("page-changes", frame.say_count("page-changes-count", changes), String::new(), None));
    }
    if let Some(source) = &item.source_name {
        let href = Some(Address::of("/").with("source", source).href());
        facts.push(Fact { href, ..fact("page-source", source.clone(), String::new(), None) });
    }
    facts
}

/// What an earlier commit said.
fn past(item: &DriftItem, frame: &Frame) -> Option<Fact> {
    let past = item.was_in_git.as_ref()?;
    let commit = short_commit(past["commit"].as_str()?);
    let changed_at: Option<Timestamp> = past["changed_at"].as_str().and_then(|time| time.parse().ok());
    let words = frame.words;
    let text = match past["changed_in"].as_str().map(short_commit) {
        _ if item.change == "extra" => words.say_with("note-past", &[("commit", Text(commit))]),
        Some(since) => {
            let when = changed_at.map(|time| shown::when(time, &frame.now, words)).unwrap_or_default();
            words.say_with("note-past-ahead", &[("commit", Text(since)), ("when", Text(&when))])
        }
        None => words.say_with("note-past-uncommitted", &[("commit", Text(commit))]),
    };
    let more = if item.rule == "sync-stuck" { frame.say("note-stuck") } else { String::new() };
    Some(Fact { label: frame.say("label-note"), text, more, time: None, href: None })
}

fn had(episode: &Json, frame: &Frame) -> Option<Had> {
    let time = |name: &str| episode[name].as_str()?.parse::<Timestamp>().ok();
    let (git, live) = values(&episode["item"]);
    Some(Had {
        git,
        live,
        by: episode["manager"].as_str().filter(|by| !by.is_empty()).unwrap_or("–").to_owned(),
        began: frame.time(time("began_at")?),
        ended: time("ended_at").map(|time| frame.time(time)),
    })
}

/// Both values on a line each, as far as there is room.
pub(super) fn values(item: &Json) -> (String, String) {
    let brief = |value: &Json| {
        let text = if value.is_null() { "–".to_owned() } else { value::flow(value) };
        cut(&text, 80).into_owned()
    };
    (brief(&item["git_value"]), brief(&item["actual_value"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_stand_for_each_other_are_beside_each_other() {
        let text = |halves: &[Half]| {
            let line = |half: &Half| half.parts.iter().map(|(_, part)| part.as_str()).collect::<String>();
            halves.iter().map(line).collect::<Vec<_>>().join("|")
        };
        let told: Vec<_> = differing("a\nb\nc\nd\ne\nf\n", "a\nb\nX\nY\nd\ne\nf", 1, "no end")
            .iter()
            .map(|chunk| (chunk.from, chunk.is_same, text(&chunk.git), text(&chunk.live)))
            .collect();
        let expected =
            [(Some(2), true, "b", "b"), (None, false, "c", "X|Y"), (None, true, "d|e", "d|e"), (None, false, "f", "f")];
        assert_eq!(told, expected.map(|(from, same, git, live)| (from, same, git.to_owned(), live.to_owned())));
    }

    #[test]
    fn a_path_is_parted_at_its_own_dots() {
        let path = r#"metadata.annotations["a.b/c"].x[name=a.b].set["z.\"].3"]"#;
        let expected = ["metadata", r#"annotations["a.b/c"]"#, "x[name=a.b]", r#"set["z.\"].3"]"#];
        assert_eq!(crumbs(path), expected);
        assert!(crumbs("").is_empty());
    }
}
