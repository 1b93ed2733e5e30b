//! Watching: each change of the cluster is compared with Git when it is made, even if a tool takes it back a second later.
//!
//! It stands on the same ground as a scan and asks the same questions of one object at a time. It runs on a thread of
//! its own; what it sees goes through a bounded channel, so that whoever writes it down makes the streams wait.
//!
//! A watch that is whole also answers a scan: it keeps the objects that differ, compares them anew, and knows of all
//! others that they are as Git says. It answers once each stream has reached what the server knew when it was asked.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use anchorwatch_core::drift::{DriftItem, rules};
use anchorwatch_core::object::list::{RawHead, head_of_item};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::ownership;
use anchorwatch_edge::clock::Clock;
use anchorwatch_edge::cluster::watch::{Event, Watches};
use anchorwatch_edge::store::Sighting;
use jiff::Timestamp;
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::examiner::Verdict;
use super::ground;
use super::live::{self, Examined, Wish};
use super::scan::{self, Outcome, Request};
use super::side::Side;
use crate::failure::Failure;
use crate::index::Wanted;

/// What a watch tells.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The source as it was read.
    Ground(Ground),
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

/// What a watch stands on.
#[derive(Debug)]
pub(crate) struct Ground {
    /// Another number than a later scan's means that Git has changed; see `Outcome::version`.
    pub(crate) version: u64,
    /// The commit; `None` for files on disk.
    pub(crate) commit: Option<String>,
}

/// A scan that a watch is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What is wanted of it.
    pub(crate) request: Request,
    /// Where the answer goes; dropped where the watch cannot tell, and everything is to be listed.
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// What a watch answers.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What the source was when the watch began; see `Outcome::version`. Where it is another now, the rest means nothing.
    pub(crate) version: u64,
    /// What a scan would tell.
    pub(crate) told: Result<Outcome, Failure>,
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
    /// True for the kinds that are watched here.
    pub(crate) is_ours: &'a dyn Fn(&str) -> bool,
    /// The objects of these that were said to differ before: they are told when they do no more.
    pub(crate) open: HashSet<Place>,
    /// Where it tells what it sees.
    pub(crate) seen: mpsc::Sender<Seen>,
    /// The scans that it is asked for.
    pub(crate) asked: mpsc::Receiver<Asked>,
    /// Ends it.
    pub(crate) stop: CancellationToken,
}

/// Watches until it is told to stop, or nobody listens any more. Runs outside of the async runtime.
pub(crate) fn watch(request: &Request, watching: Watching<'_>) -> Result<(), Failure> {
    let Watching { runtime, key, clock, is_ours, open, seen, asked, stop } = watching;
    // Who wrote what a moment ago stands in the object; an audit log is read by the scan that follows.
    let request = Request { audit: None, ..request.clone() };
    ground::stand_on(runtime, &request, key, |ground| {
        let Side::Served { cluster, .. } = ground.side else {
            return Err(Failure::new("a recorded state cannot be watched"));
        };
        let version = ground.source.version();
        let mut wishes = live::all_wishes(ground.examiner.schema, ground.examiner.index, request.unmanaged);
        wishes.retain(|wish| is_ours(&wish.kind.kind));
        let wishes = runtime.block_on(live::allowed(cluster, wishes));
        let watches = runtime.block_on(async { cluster.watch(wishes.iter().map(|wish| wish.path().to_owned())) });
        let listing = wishes.iter().map(|_| Some(HashSet::new())).collect();
        let known = open.into_iter().map(|place| (place, None)).collect();
        let mut watch = Watch {
            ground,
            version,
            request: &request,
            wishes: &wishes,
            clock,
            known,
            held: HashMap::new(),
            listing,
            lost: HashSet::new(),
            blurred: false,
            whole: false,
            at: 0,
            pending: Vec::new(),
        };
        let commit = watch.ground.examiner.origin.commit.clone();
        let told = seen.blocking_send(Seen::Ground(Ground { version, commit }));
        if told.is_err() {
            return Ok(());
        }
        watch.follow(runtime, watches, &seen, asked, &stop);
        Ok(())
    })
}

/// What a watch goes on with.
enum Next {
    Event((usize, Event)),
    Asked(Box<Asked>),
}

/// What the items of an object are known by: fingerprint and value.
type Mark = Vec<(String, String)>;

struct Watch<'a> {
    ground: ground::Ground<'a>,
    version: u64,
    request: &'a Request,
    wishes: &'a [Wish],
    clock: Clock,
    /// Objects that differ, and how; `None` where that is not known yet.
    known: HashMap<Place, Option<Mark>>,
    /// Objects that differ, or could not be compared, whatever rules say of them: the wish that they came with, and their JSON.
    held: HashMap<Place, (usize, Box<str>)>,
    /// Of each list that is not whole yet, the objects that were in it.
    listing: Vec<Option<HashSet<Place>>>,
    /// Wishes of which nothing is heard.
    lost: HashSet<usize>,
    /// True once something came that nobody knows the name of.
    blurred: bool,
    whole: bool,
    /// Counts what was seen.
    at: u64,
    /// Scans that wait until their probe has been reached.
    pending: Vec<Pending>,
}

/// A scan that waits for the streams.
struct Pending {
    asked: Asked,
    probe: u64,
    /// Those that have not reached it.
    waiting: HashSet<usize>,
}

impl Watch<'_> {
    fn follow(
        &mut self,
        runtime: &Handle,
        mut watches: Watches,
        seen: &mpsc::Sender<Seen>,
        mut asked: mpsc::Receiver<Asked>,
        stop: &CancellationToken,
    ) {
        // Without any list all of them are whole.
        for told in self.all_listed() {
            if seen.blocking_send(told).is_err() {
                return;
            }
        }
        loop {
            let next = runtime.block_on(async {
                tokio::select! {
                    // Without any list there is nothing to be heard, and no end.
                    next = watches.next(), if !self.wishes.is_empty() => next.map(Next::Event),
                    Some(asked) = asked.recv() => Some(Next::Asked(Box::new(asked))),
                    () = stop.cancelled() => None,
                    () = seen.closed() => None,
                }
            });
            let told = match next {
                None => return,
                Some(Next::Asked(asked)) => {
                    self.ask(*asked, &watches);
                    continue;
                }
                Some(Next::Event((index, event))) => {
                    self.ground.examiner.setting.now = self.clock.now();
                    self.take(index, event)
                }
            };
            for told in told {
                if seen.blocking_send(told).is_err() {
                    return;
                }
            }
        }
    }

    /// Asks the streams how far they are, for a scan that this watch can answer.
    fn ask(&mut self, asked: Asked, watches: &Watches) {
        self.pending.retain(|pending| !pending.asked.answer.is_closed());
        if self.sees_all() {
            let waiting = (0..self.wishes.len()).collect();
            self.pending.push(Pending { asked, probe: watches.probe(), waiting });
            self.answer();
        }
    }

    fn reach(&mut self, index: usize, probe: u64) {
        for pending in self.pending.iter_mut().filter(|pending| pending.probe <= probe) {
            pending.waiting.remove(&index);
        }
        self.answer();
    }

    /// True if it knows of every object what it is now, as far as the streams are.
    fn sees_all(&self) -> bool {
        self.whole && !self.blurred && self.lost.is_empty() && self.listing.iter().all(Option::is_none)
    }

    /// Answers the scans whose probe all streams have reached.
    fn answer(&mut self) {
        let (due, pending): (Vec<_>, _) = self.pending.drain(..).partition(|pending| pending.waiting.is_empty());
        self.pending = pending;
        // What was lost meanwhile is not known.
        let sees_all = self.sees_all();
        for Pending { asked: Asked { request, answer, .. }, .. } in due.into_iter().filter(|_| sees_all) {
            if let Some(told) = self.tell_all(&request) {
                // Who asked may have gone.
                let _ = answer.send(Answer { version: self.version, told });
            }
        }
    }

    /// What a scan would tell. `None` where that takes what is not watched: the bounds of autoscalers.
    #[expect(clippy::disallowed_methods, reason = "how long it took decides nothing")]
    fn tell_all(&mut self, request: &Request) -> Option<Result<Outcome, Failure>> {
        let started = Instant::now();
        self.ground.examiner.setting.now = request.now;
        if let Err(stranger) = ground::check_namespaces(self.ground.examiner.index, request) {
            return Some(Err(stranger));
        }
        let (first, examiner, wishes) = (self.at + 1, &self.ground.examiner, self.wishes);
        let held: Vec<&(usize, Box<str>)> =
            self.held.iter().filter(|(place, _)| request.covers(&place.1)).map(|(_, held)| held).collect();
        self.at += held.len() as u64;
        let verdicts: Vec<Verdict<'_>> = held
            .into_par_iter()
            .enumerate()
            .map(|(at, (wish, raw))| examiner.examine(raw, wishes[*wish].listed(), first + at as u64))
            .collect();
        let examined = Examined::settle(examiner.refused().chain(verdicts));
        if examined.items.iter().flatten().any(|item| item.rule == rules::REPLICAS.id) {
            return None;
        }
        let mut outcome = scan::tell(&self.ground, request, examined, started);
        outcome.extent.from_watch = true;
        Some(Ok(outcome))
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
            Event::Lost { error, since } => {
                self.lost.insert(index);
                vec![Seen::Lost { what: wish.name(), reason: error.to_string(), since }]
            }
            Event::Restored => {
                self.lost.remove(&index);
                vec![Seen::Restored { what: wish.name() }]
            }
            Event::Reached(probe) => {
                self.reach(index, probe);
                Vec::new()
            }
        }
    }

    /// An object that is there.
    fn applied(&mut self, index: usize, raw: &str, listed: bool) -> Option<Seen> {
        let wish = &self.wishes[index];
        let (api_version, kind) = wish.listed();
        self.at += 1;
        let Some(place) = place(raw, api_version, kind) else {
            self.blurred = true;
            return None;
        };
        if let (true, Some(objects)) = (listed, &mut self.listing[index]) {
            objects.insert(place.clone());
        }
        if self.is_of_another_list(wish, &place) {
            return None;
        }
        let verdict = self.ground.examiner.examine(raw, (api_version, kind), self.at);
        if verdict.is_clean() {
            self.held.remove(&place);
        } else {
            self.held.insert(place.clone(), (index, raw.into()));
        }
        // What cannot be read is told by the next scan as not compared; nobody knows what became of it.
        let items = verdict.result.ok()?;
        self.tell(place, items, Some(raw))
    }

    /// An object that is gone.
    fn deleted(&mut self, wish: &Wish, raw: &str) -> Option<Seen> {
        let (api_version, kind) = wish.listed();
        let place = place(raw, api_version, kind)?;
        self.gone(wish, place)
    }

    fn gone(&mut self, wish: &Wish, place: Place) -> Option<Seen> {
        if self.is_of_another_list(wish, &place) {
            return None;
        }
        self.held.remove(&place);
        let items = self.missing(wish, &place);
        self.tell(place, items, None)
    }

    /// Git's object of this name, if it has one.
    fn wanted(&self, wish: &Wish, (kind, namespace, name): &Place) -> Option<&Wanted<'_>> {
        self.ground.examiner.index.find(&wish.kind.group, kind, namespace, name)
    }

    /// True if the object is followed in the list of another version, in which Git writes it.
    fn is_of_another_list(&self, wish: &Wish, place: &Place) -> bool {
        let wanted = self.wanted(wish, place);
        wanted.is_some_and(|wanted| wanted.is_of_another_list(self.ground.examiner.schema, wish.listed().0))
    }

    /// What is missing where an object is not there.
    fn missing(&self, wish: &Wish, place: &Place) -> Vec<DriftItem> {
        let Some(wanted) = self.wanted(wish, place) else { return Vec::new() };
        wanted.mark_gone();
        let counts = !wanted.repeated && !wanted.is_hook && wanted.misnamed.is_none();
        counts.then(|| self.ground.examiner.missing(wanted)).into_iter().collect()
    }

    /// A list is whole: what Git has of it and it has not is missing, and what differed and is not in it is gone.
    fn listed(&mut self, index: usize) -> Vec<Seen> {
        let Some(objects) = self.listing[index].take() else { return Vec::new() };
        let wish = &self.wishes[index];
        let wanted = self
            .ground
            .examiner
            .index
            .askable()
            .filter(|wanted| wish.holds(&wanted.kind.group, &wanted.kind.kind, wanted.namespace));
        let wanted = wanted.map(|w| (w.kind.kind.clone(), w.namespace.to_owned(), w.head.name.to_owned()));
        let known = self.known.keys().chain(self.held.keys());
        let known = known.filter(|(kind, namespace, _)| wish.holds(&wish.kind.group, kind, namespace)).cloned();
        let absent: HashSet<Place> = wanted.chain(known).filter(|place| !objects.contains(place)).collect();
        let mut told: Vec<Seen> = absent.into_iter().filter_map(|place| self.gone(wish, place)).collect();
        told.extend(self.all_listed());
        told
    }

    /// Once all lists are whole: what was said to differ, and is in none of them, is in Git no more.
    fn all_listed(&mut self) -> Vec<Seen> {
        if self.whole || self.listing.iter().any(Option::is_some) {
            return Vec::new();
        }
        self.whole = true;
        let unknown = |(place, mark): (&Place, &Option<Mark>)| mark.is_none().then(|| place.clone());
        let gone: Vec<Place> = self.known.iter().filter_map(unknown).collect();
        let mut told: Vec<Seen> = gone.into_iter().filter_map(|place| self.tell(place, Vec::new(), None)).collect();
        told.push(Seen::Whole);
        told
    }

    /// Tells an object if it differs otherwise than it was known to.
    fn tell(&mut self, place: Place, mut items: Vec<DriftItem>, raw: Option<&str>) -> Option<Seen> {
        let now = self.ground.examiner.setting.now;
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
