//! `/workloads/…`: what differs in a workload now, and all that happened to it on one axis.

use std::sync::Arc;

use anchorwatch_edge::store::{EpisodesOf, Filter};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use axum_extra::extract::WithRejection;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::frame::{Frame, Time};
use super::rows::{self, Listing, Manner};
use super::visit::Visit;
use super::{address, html, item};
use crate::api::model::{DriftItem, DriftStatus};
use crate::api::{Caller, Problem};
use crate::serve::Service;
use crate::shown::{short_commit, short_path};
use crate::words::{Arg::Text, word};

/// Values that items had, that are told.
const MOST: u64 = 200;
/// Items of one workload that are listed.
const MOST_ITEMS: u64 = 500;

/// Something that happened.
struct Happening {
    at: Timestamp,
    time: Time,
    class: &'static str,
    shape: &'static str,
    what: String,
    /// The items' paths and pages.
    items: Vec<(String, String)>,
    values: Option<(String, String)>,
    by: String,
}

#[derive(Template)]
#[template(path = "workload.html")]
struct Page {
    frame: Frame,
    object: String,
    place: String,
    listing: Listing,
    settled: Listing,
    settled_count: usize,
    happenings: Vec<Happening>,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path((cluster, namespace, kind, name)), _): WithRejection<
        Path<(String, String, String, String)>,
        Problem,
    >,
) -> Result<Response, Problem> {
    let namespace = if namespace == "-" { String::new() } else { namespace };
    let is_text = |text: &String| !text.contains('\0');
    if !caller.sees(&cluster, &namespace) || ![&cluster, &namespace, &kind, &name].into_iter().all(is_text) {
        return Err(Problem::not_found("workload"));
    }
    let filter = Filter {
        cluster: Some(cluster.clone()),
        namespace: Some(namespace.clone()),
        kind: Some(kind.clone()),
        name: Some(name.clone()),
        ..Filter::default()
    };
    let listed = service.store.worst_items(&caller.limit(filter), MOST_ITEMS, 0).await?;
    let of = EpisodesOf::Object { cluster: &cluster, namespace: &namespace, kind: &kind, name: &name };
    let episodes = service.store.episodes(of, MOST).await?;
    if listed.items.is_empty() && episodes.is_empty() {
        return Err(Problem::not_found("workload"));
    }
    let items = listed.items.into_iter().map(rows::read).collect::<Result<Vec<_>, _>>()?;
    let frame = Frame::new(visit, Some(&caller), "workload");
    let object = format!("{kind}/{name}");
    let happenings = happenings(&items, &episodes, &frame);
    let is_open = |item: &DriftItem| matches!(item.status, DriftStatus::Pending | DriftStatus::Acknowledged);
    let (open, settled): (Vec<_>, Vec<_>) = items.into_iter().partition(is_open);
    let all = Manner { unfolds: true };
    let page = Page {
        place: item::place(&cluster, &namespace),
        listing: Listing::of(&open, &cluster, all, &frame),
        settled: Listing::of(&settled, &cluster, all, &frame),
        settled_count: settled.len(),
        happenings,
        frame: frame.titled(object.clone()),
        object,
    };
    Ok(html(&page))
}

/// All that happened, the newest first.
fn happenings(items: &[DriftItem], episodes: &[Json], frame: &Frame) -> Vec<Happening> {
    let mut happenings: Vec<Happening> = episodes.iter().flat_map(|episode| of_episode(episode, frame)).collect();
    let mut commits = std::collections::BTreeSet::new();
    for item in items {
        happenings.extend(decision(item, frame));
        let commit = commit(item, frame).filter(|commit| commits.insert(commit.what.clone()));
        happenings.extend(commit);
    }
    happenings.sort_by_key(|happening| std::cmp::Reverse(happening.at));
    // What one scan saw, one person decided, or went away at once is one thing that happened.
    happenings.dedup_by(|later, first| {
        let same = later.at == first.at && later.what == first.what && later.by == first.by && later.class != "edit";
        if same {
            first.items.append(&mut later.items);
        }
        same
    });
    happenings
}

/// A path as short as it can be; a whole object has none.
fn named(path: &str, frame: &Frame) -> String {
    if path.is_empty() { frame.say("page-whole-object") } else { short_path(path).to_owned() }
}

fn of_episode(episode: &Json, frame: &Frame) -> Vec<Happening> {
    let time = |name: &str| episode[name].as_str()?.parse::<Timestamp>().ok();
    let text = |name: &str| episode[name].as_str().unwrap_or_default().to_owned();
    let href = address::item(&text("fingerprint"));
    let path = named(&text("stable_path"), frame);
    let by = text("manager");
    let happening = |at: Timestamp, class, shape, id: &str, by: String| Happening {
        at,
        time: frame.time(at),
        class,
        shape,
        what: frame.say(id),
        items: vec![(path.clone(), href.clone())],
        values: None,
        by,
    };
    let mut all = Vec::new();
    if let Some(began) = time("began_at") {
        let user = episode["item"]["attribution"]["user"].as_str().map(|user| format!("{user} · {by}"));
        let edit = happening(began, "edit", "●", "page-happened-edit", user.unwrap_or_else(|| by.clone()));
        let is_whole = episode["stable_path"] == "";
        let values = (!is_whole).then(|| item::values(&episode["item"]));
        all.push(Happening { values, ..edit });
    }
    if let Some(seen) = time("seen_at") {
        all.push(happening(seen, "seen", "◌", "page-happened-seen", String::new()));
    }
    if let Some(ended) = time("ended_at") {
        all.push(happening(ended, "ended", "✓", "page-happened-ended", text("ended_by")));
    }
    all
}

/// Somebody's decision.
fn decision(item: &DriftItem, frame: &Frame) -> Option<Happening> {
    let (by, at) = item.decided_by.clone().zip(item.decided_at)?;
    let path = named(&item.stable_path, frame);
    Some(Happening {
        at,
        time: frame.time(at),
        class: "decided",
        shape: "◆",
        what: frame.say(&format!("page-status-{}", word(item.status))),
        items: vec![(path, address::item(&item.fingerprint))],
        values: None,
        by,
    })
}

/// The commit since which Git says otherwise.
fn commit(item: &DriftItem, frame: &Frame) -> Option<Happening> {
    let past = item.was_in_git.as_ref()?;
    let commit = short_commit(past["changed_in"].as_str()?);
    let at: Timestamp = past["changed_at"].as_str()?.parse().ok()?;
    Some(Happening {
        at,
        time: frame.time(at),
        class: "commit",
        shape: "◇",
        what: frame.words.say_with("page-happened-commit", &[("commit", Text(commit))]),
        items: Vec::new(),
        values: None,
        by: String::new(),
    })
}
