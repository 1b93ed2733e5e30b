//! Watching: each change of the cluster is compared with Git when it is made, even if a tool takes it back a second later.
//!
//! It stands on the same ground as a scan and asks the same questions of one object at a time. It runs on a thread of
//! its own; what it sees goes through a bounded channel, so that whoever writes it down makes the streams wait.

use std::collections::{HashMap, HashSet};

use anchorwatch_core::drift::DriftItem;
use anchorwatch_core::object::list::{RawHead, head_of_item};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::ownership;
use anchorwatch_edge::clock::Clock;
use anchorwatch_edge::cluster::watch::{Event, Watches};
use anchorwatch_edge::store::Sighting;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::examiner::{Examiner, Verdict};
use super::ground::{self, Ground};
use super::live::{self, Wish};
use super::scan::Request;
use super::side::Side;
use crate::failure::Failure;
use crate::index::Wanted;

/// What a watch tells.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The source as it was read; another number than a later scan's means that Git has changed.
    Ground {
        /// See `Outcome::version`.
        version: u64,
    },
    /// An object differs otherwise than before, or no more.
    Sighting(Sighting),
    /// All lists are whole: what is told from now on happens now.
    Whole,
    /// Nothing is heard of some kind; it is tried again.
    Lost {
        /// The kind, and where.
        what: String,
        /// Why.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
    /// It is heard again.
    Restored {
        /// The kind, and where.
        what: String,
    },
}

/// An object of the cluster: kind, namespace, name.
type Place = (String, String, String);

/// What a watch needs beside the request.
pub(crate) struct Watching<'a> {
    /// The runtime that it waits on.
    pub(crate) runtime: &'a Handle,
    /// The key of the fingerprints.
    pub(crate) key: &'a SecretKey,
    /// The clock.
    pub(crate) clock: Clock,
    /// The objects that were said to differ before: they are told when they do no more.
    pub(crate) open: HashSet<Place>,
    /// Where it tells what it sees.
    pub(crate) seen: mpsc::Sender<Seen>,
    /// Ends it.
    pub(crate) stop: CancellationToken,
}

/// Watches until it is told to stop, or nobody listens any more. Runs outside of the async runtime.
pub(crate) fn watch(request: &Request, watching: Watching<'_>) -> Result<(), Failure> {
    let Watching { runtime, key, clock, open, seen, stop } = watching;
    // Who wrote what a moment ago stands in the object; an audit log is read by the scan that follows.
    let request = Request { audit: None, ..request.clone() };
    ground::stand_on(runtime, &request, key, |ground| {
        let Ground { side, source, examiner, .. } = ground;
        let Side::Served { cluster, .. } = side else { return Err(Failure::new("a recorded state cannot be watched")) };
        let version = source.version();
        let wishes = live::all_wishes(examiner.schema, examiner.index, request.unmanaged);
        let watches = runtime.block_on(async { cluster.watch(wishes.iter().map(|wish| wish.path().to_owned())) });
        let listing = wishes.iter().map(|_| Some(HashSet::new())).collect();
        let known = open.into_iter().map(|place| (place, None)).collect();
        let mut watch =
            Watch { examiner, request: &request, wishes: &wishes, clock, known, listing, whole: false, at: 0 };
        let told = seen.blocking_send(Seen::Ground { version });
        if told.is_err() {
            return Ok(());
        }
        watch.follow(runtime, watches, &seen, &stop);
        Ok(())
    })
}

/// What the items of an object are known by: fingerprint and value.
type Mark = Vec<(String, String)>;

struct Watch<'a> {
    examiner: Examiner<'a>,
    request: &'a Request,
    wishes: &'a [Wish],
    clock: Clock,
    /// Objects that differ, and how; `None` where that is not known yet.
    known: HashMap<Place, Option<Mark>>,
    /// Of each list that is not whole yet, the objects that were in it.
    listing: Vec<Option<HashSet<Place>>>,
    whole: bool,
    /// Counts what was seen.
    at: u64,
}

impl Watch<'_> {
    fn follow(&mut self, runtime: &Handle, mut watches: Watches, seen: &mpsc::Sender<Seen>, stop: &CancellationToken) {
        loop {
            let next = runtime.block_on(async {
                tokio::select! {
                    next = watches.next() => next,
                    () = stop.cancelled() => None,
                    () = seen.closed() => None,
                }
            });
            let Some((index, event)) = next else { return };
            self.examiner.setting.now = self.clock.now();
            for told in self.take(index, event) {
                if seen.blocking_send(told).is_err() {
                    return;
                }
            }
        }
    }

    fn take(&mut self, index: usize, event: Event) -> Vec<Seen> {
        let wish = &self.wishes[index];
        match event {
            Event::Listing => {
                self.listing[index] = Some(HashSet::new());
                Vec::new()
            }
            Event::Page(page) => page.items().filter_map(|raw| self.applied(index, raw, true)).collect(),
            Event::Applied(raw) => self.applied(index, &raw, false).into_iter().collect(),
            Event::Deleted(raw) => self.deleted(wish, &raw).into_iter().collect(),
            Event::Listed { .. } => self.listed(index),
            Event::Lost { error, since } => vec![Seen::Lost { what: wish.name(), reason: error.to_string(), since }],
            Event::Restored => vec![Seen::Restored { what: wish.name() }],
        }
    }

    /// An object that is there.
    fn applied(&mut self, index: usize, raw: &str, listed: bool) -> Option<Seen> {
        let wish = &self.wishes[index];
        let (api_version, kind) = wish.listed();
        self.at += 1;
        let place = place(raw, api_version, kind);
        if let (true, Some(objects)) = (listed, &mut self.listing[index]) {
            objects.extend(place.clone());
        }
        let Verdict { result, .. } = self.examiner.examine(raw, (api_version, kind), self.at);
        // What cannot be read is told by the next scan as not compared; nobody knows what became of it.
        let items = result.ok()?;
        self.tell(place?, items, Some(raw))
    }

    /// An object that is gone.
    fn deleted(&mut self, wish: &Wish, raw: &str) -> Option<Seen> {
        let (api_version, kind) = wish.listed();
        let place = place(raw, api_version, kind)?;
        let items = self.missing(wish, &place);
        self.tell(place, items, None)
    }

    /// What is missing where an object is not there.
    fn missing(&self, wish: &Wish, (kind, namespace, name): &Place) -> Vec<DriftItem> {
        let wanted = self.examiner.index.find(&wish.kind.group, kind, namespace, name);
        let counts = |wanted: &&Wanted<'_>| {
            let of_another = wanted.is_of_another_list(self.examiner.schema, wish.listed().0);
            !wanted.repeated && !wanted.is_hook() && wanted.misnamed.is_none() && !of_another
        };
        wanted.filter(counts).map(|wanted| self.examiner.missing(wanted)).into_iter().collect()
    }

    /// A list is whole: what Git has of it and it has not is missing, and what differed and is not in it is gone.
    fn listed(&mut self, index: usize) -> Vec<Seen> {
        let Some(objects) = self.listing[index].take() else { return Vec::new() };
        let wish = &self.wishes[index];
        let wanted = self
            .examiner
            .index
            .askable()
            .filter(|wanted| wish.holds(&wanted.kind.group, &wanted.kind.kind, wanted.namespace));
        let wanted = wanted.map(|w| (w.kind.kind.clone(), w.namespace.to_owned(), w.head.name.to_owned()));
        let known =
            self.known.keys().filter(|(kind, namespace, _)| wish.holds(&wish.kind.group, kind, namespace)).cloned();
        let absent: HashSet<Place> = wanted.chain(known).filter(|place| !objects.contains(place)).collect();
        let mut told: Vec<Seen> = absent
            .into_iter()
            .filter_map(|place| {
                let items = self.missing(wish, &place);
                self.tell(place, items, None)
            })
            .collect();
        if !self.whole && self.listing.iter().all(Option::is_none) {
            self.whole = true;
            // What was said to differ, and is in no list at all, is in Git no more.
            let unknown = |(place, mark): (&Place, &Option<Mark>)| mark.is_none().then(|| place.clone());
            let gone: Vec<Place> = self.known.iter().filter_map(unknown).collect();
            told.extend(gone.into_iter().filter_map(|place| self.tell(place, Vec::new(), None)));
            told.push(Seen::Whole);
        }
        told
    }

    /// Tells an object if it differs otherwise than it was known to.
    fn tell(&mut self, place: Place, mut items: Vec<DriftItem>, raw: Option<&str>) -> Option<Seen> {
        let now = self.examiner.setting.now;
        items.retain_mut(|item| self.request.policy.apply(item, now).is_none());
        let mark: Mark = items.iter().map(|item| (item.fingerprint.clone(), item.value_hash.clone())).collect();
        let unchanged = match self.known.get(&place) {
            Some(known) => known.as_ref() == Some(&mark),
            None => mark.is_empty(),
        };
        if unchanged {
            return None;
        }
        if mark.is_empty() {
            self.known.remove(&place);
        } else {
            self.known.insert(place.clone(), Some(mark));
        }
        let writer = raw.and_then(last_writer);
        let (kind, namespace, name) = place;
        Some(Seen::Sighting(Sighting { kind, namespace, name, at: now, items, writer }))
    }
}

fn place(raw: &str, api_version: &str, kind: &str) -> Option<Place> {
    let RawHead { metadata, .. } = head_of_item(raw, api_version, kind).ok()?;
    Some((kind.to_owned(), metadata.namespace.into_owned(), metadata.name.into_owned()))
}

/// The field manager that wrote to an object last, other than to its status: of what is as Git says again, who made it so.
fn last_writer(raw: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        metadata: Metadata<'a>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata<'a> {
        #[serde(borrow)]
        managed_fields: Option<&'a RawValue>,
    }
    let object: Object<'_> = serde_json::from_str(raw).ok()?;
    let (entries, _) = ownership::parse_managed_fields(object.metadata.managed_fields?.get());
    let writers = entries.into_iter().filter(|entry| entry.subresource.is_empty());
    writers.max_by_key(|entry| entry.time).map(|entry| entry.manager)
}
