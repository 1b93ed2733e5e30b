//! Live objects, from a snapshot or from a cluster, handed to workers while they come in.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Mutex;

use anchorwatch_core::drift::DriftItem;
use anchorwatch_core::drift::compare::Change;
use anchorwatch_core::object::GroupKind;
use anchorwatch_core::object::list::{self, ListPage, RawHead};
use anchorwatch_core::object::split_api_version;
use anchorwatch_core::object::value::Value;
use anchorwatch_core::schema::{Schema, openapi};
use anchorwatch_core::source::Desired;
use anchorwatch_edge::cluster::discover::{Listing, listing};
use anchorwatch_edge::cluster::{Cluster, ClusterError};
use anchorwatch_edge::snapshot::SnapshotFile;
use futures::StreamExt as _;
use rayon::prelude::*;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::examiner::{Examiner, Unreadable, Verdict};
use super::unlisted::{self, Unlisted};
use crate::failure::Failure;
use crate::index::{Index, Wanted};

/// Above this many namespaces of one kind, one list of the whole cluster is asked for.
const MANY_NAMESPACES: usize = 8;
/// Lists that are read at the same time.
const CONCURRENT_LISTS: usize = 4;
/// Pages that may wait for a worker.
const WAITING_PAGES: usize = 2;

/// What the workers found.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// Of each object that differs.
    pub(super) items: Vec<Vec<DriftItem>>,
    pub(super) unreadable: Vec<Unreadable>,
}

impl Examined {
    /// Of each object the last state counts: a list that was begun anew gives it again, and in the meantime it may have
    /// changed. An object that is in no source is in the list of each version that Git writes of its kind.
    pub(super) fn settle<'a>(verdicts: impl Iterator<Item = Verdict<'a>>) -> Self {
        let (mut examined, mut told) = (Self::default(), HashSet::new());
        for verdict in verdicts.filter(|verdict| !verdict.is_clean() && verdict.is_last()) {
            match verdict.result {
                Ok(items) => {
                    let again = |item: &DriftItem| {
                        item.change == Change::UnmanagedObject && !told.insert(item.fingerprint.clone())
                    };
                    if !items.iter().any(again) {
                        examined.items.push(items);
                    }
                }
                Err(error) => examined.unreadable.push(error),
            }
        }
        examined
    }
}

/// Keeps what there is to tell of.
fn keep<'a>(mut all: Vec<Verdict<'a>>, mut verdict: Verdict<'a>) -> Vec<Verdict<'a>> {
    if verdict.is_clean() {
        return all;
    }
    if let Ok(items) = &mut verdict.result {
        items.shrink_to_fit();
    }
    all.push(verdict);
    all
}

/// One object of a snapshot.
#[derive(Debug)]
pub(super) struct Recorded<'a> {
    pub(super) raw: &'a str,
    pub(super) head: RawHead<'a>,
}

/// Takes a snapshot apart. What cannot be read is told; a snapshot of which nothing can be read is a failure.
pub(super) fn recorded(files: &[SnapshotFile]) -> Result<(Vec<Recorded<'_>>, Vec<Unreadable>), Failure> {
    let (mut all, mut unreadable) = (Vec::new(), Vec::new());
    let mut lists = 0;
    for file in files {
        let told = |what: String, reason: String| Unreadable { what, namespace: String::new(), reason, known: false };
        unreadable.extend(file.fault.iter().map(|fault| told(file.path.clone(), fault.to_string())));
        for document in &file.documents {
            let items = match list::items(document) {
                Ok(items) => items,
                Err(error) => {
                    unreadable.push(told(file.path.clone(), error.to_string()));
                    continue;
                }
            };
            lists += 1;
            let objects: Vec<_> = items.par_iter().map(|raw| recorded_object(raw.get())).collect();
            for (at, object) in objects.into_iter().enumerate() {
                match object {
                    Ok(object) => all.push(object),
                    Err(reason) => unreadable.push(told(format!("{} (object {})", file.path, at + 1), reason)),
                }
            }
        }
    }
    if all.is_empty() && (lists == 0 || !unreadable.is_empty()) {
        let Unreadable { what, reason, .. } = match unreadable.into_iter().next() {
            Some(first) => first,
            None => told_empty(files),
        };
        return Err(Failure::new(format!("cannot read the snapshot {what}"))
            .detail(reason)
            .hint("record it with: anchorwatch snapshot, or kubectl get KINDS -o json --show-managed-fields"));
    }
    Ok((all, unreadable))
}

fn told_empty(files: &[SnapshotFile]) -> Unreadable {
    let what = files.first().map(|f| f.path.clone()).unwrap_or_default();
    Unreadable { what, namespace: String::new(), reason: "it is empty".to_owned(), known: false }
}

fn recorded_object(raw: &str) -> Result<Recorded<'_>, String> {
    // The reader of a struct would take an array, too.
    if !raw.starts_with('{') {
        return Err("no Kubernetes object".to_owned());
    }
    let head: RawHead<'_> = serde_json::from_str(raw).map_err(|error| error.to_string())?;
    if head.kind.is_empty() || head.metadata.name.is_empty() {
        return Err("no Kubernetes object: kind or metadata.name is missing".to_owned());
    }
    Ok(Recorded { raw, head })
}

/// Adds the kinds of a snapshot's CustomResourceDefinitions, and of others what the objects themselves tell; gives what
/// could not be recorded.
pub(super) fn learn_recorded_kinds(schema: &mut Schema, objects: &[Recorded<'_>]) -> Unlisted {
    for object in objects.iter().filter(|o| o.head.kind == "CustomResourceDefinition") {
        if let Ok(crd) = serde_json::from_str(object.raw) {
            openapi::add_crd(schema, &crd);
        }
    }
    for RawHead { api_version, kind, metadata } in objects.iter().map(|o| &o.head) {
        if metadata.namespace.is_empty() && !schema.knows(&GroupKind::of(api_version, kind)) {
            schema.add_cluster_scoped(api_version, kind);
        }
    }
    Unlisted::noted(objects.iter().map(|object| (object.raw, &object.head)))
}

/// Takes in the autoscalers of a snapshot.
pub(super) fn learn_recorded_autoscalers(index: &mut Index<'_>, objects: &[Recorded<'_>]) {
    for object in objects.iter().filter(|o| is_autoscaler(&o.head.kind)) {
        if let Ok(Value::Map(root)) = serde_json::from_str::<Value<'_>>(object.raw) {
            index.add_live_autoscaler(&root, &object.head.metadata.namespace);
        }
    }
}

fn is_autoscaler(kind: &str) -> bool {
    matches!(kind, "HorizontalPodAutoscaler" | "ScaledObject")
}

/// Examines a snapshot on all cores.
pub(super) fn examine_recorded(examiner: &Examiner<'_>, objects: &[Recorded<'_>]) -> Examined {
    let (passed_over, ambiguous) = recorded_again(examiner.index, objects);
    let examine = |all, (at, object): (usize, &Recorded<'_>)| {
        if passed_over.contains(&at) || unlisted::is_note(&object.head) {
            return all;
        }
        keep(all, examiner.examine_known(object.raw, &object.head, ("", ""), at as u64 + 1))
    };
    let verdicts = objects.par_iter().enumerate().fold(Vec::new, examine).flatten();
    let verdicts: Vec<Verdict<'_>> = verdicts.collect();
    let mut examined = Examined::settle(examiner.refused().chain(verdicts));
    examined.unreadable.extend(ambiguous);
    examined
}

/// Objects that were recorded more than once: the positions of all but one, and those of which nobody knows which one
/// is the newer. What is in Git's version comes first, as it can always be compared.
fn recorded_again(index: &Index<'_>, objects: &[Recorded<'_>]) -> (HashSet<usize>, Vec<Unreadable>) {
    let (mut kept, mut passed_over, mut ambiguous) = (HashMap::new(), HashSet::new(), Vec::new());
    for (at, object) in objects.iter().enumerate() {
        let RawHead { api_version, kind, metadata } = &object.head;
        let group = split_api_version(api_version).0;
        let Some(wanted) = index.find(group, kind, &metadata.namespace, &metadata.name) else { continue };
        let mut place = match kept.entry((group, &**kind, &*metadata.namespace, &*metadata.name)) {
            Entry::Vacant(place) => {
                place.insert(at);
                continue;
            }
            Entry::Occupied(place) => place,
        };
        let first = &objects[*place.get()];
        let rank = |o: &Recorded<'_>| {
            (o.head.api_version == wanted.head.api_version, o.head.metadata.resource_version.parse::<u64>().ok())
        };
        let unclear = first.head.api_version == *api_version && (rank(first).1.is_none() || rank(object).1.is_none());
        if unclear && first.raw != object.raw {
            ambiguous.push(Unreadable {
                what: format!("{kind}/{}", metadata.name),
                namespace: metadata.namespace.to_string(),
                reason: "recorded twice, and without metadata.resourceVersion nobody knows which one is newer; keep one (the first was compared)".to_owned(),
                known: true,
            });
        }
        let older = if !unclear && rank(object) > rank(first) { place.insert(at) } else { at };
        passed_over.insert(older);
    }
    (passed_over, ambiguous)
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// One list to read: a kind in one namespace, or in all.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) kind: GroupKind,
    pub(super) namespace: Option<String>,
    listing: Listing,
    /// The lists to read where this one, of the whole cluster, is not allowed.
    narrower: Vec<Self>,
}

impl Wish {
    fn new(schema: &Schema, api_version: &str, kind: &GroupKind, namespace: Option<&str>) -> Option<Self> {
        let listing = listing(schema, api_version, kind, namespace)?;
        Some(Self { kind: kind.clone(), namespace: namespace.map(str::to_owned), listing, narrower: Vec::new() })
    }

    /// The list's path.
    pub(super) fn path(&self) -> &str {
        &self.listing.path
    }

    /// `apiVersion` and kind of its items.
    pub(super) fn listed(&self) -> (&str, &str) {
        (&self.listing.api_version, &self.kind.kind)
    }

    /// The resource and where, for people.
    pub(super) fn name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} in {namespace}", self.listing.resource),
            None => self.listing.resource.clone(),
        }
    }

    /// True if the list has objects of this kind and namespace.
    pub(super) fn holds(&self, group: &str, kind: &str, namespace: &str) -> bool {
        self.kind.group == group && self.kind.kind == kind && self.namespace.as_ref().is_none_or(|own| own == namespace)
    }
}

/// Asks the cluster about kinds that the catalogue does not know.
pub(super) async fn learn_served_kinds(
    cluster: &Cluster,
    schema: &mut Schema,
    objects: &[Desired<'_>],
) -> Result<Unlisted, Failure> {
    let mut unlisted = Unlisted::default();
    let unknown: BTreeSet<(String, GroupKind)> = objects
        .iter()
        .map(|object| (object.head().api_version, object.head().kind))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|(api_version, kind)| (api_version.to_owned(), GroupKind::of(api_version, kind)))
        .filter(|(_, kind)| !schema.knows(kind))
        .collect();
    for (api_version, kind) in unknown {
        match cluster.learn_kind(schema, &api_version, &kind.kind).await {
            Ok(true) => {}
            Ok(false) => {
                let reason = format!("{} does not serve {api_version} {}", cluster.name, kind.kind);
                unlisted.add(&kind, None, kind.to_string(), reason);
            }
            Err(error) if error.code() == Some(403) => {
                unlisted.add(&kind, None, kind.to_string(), error.to_string());
            }
            Err(error) => return Err(cluster_failure(&error)),
        }
    }
    Ok(unlisted)
}

/// Which lists Git's objects need.
fn wishes(schema: &Schema, index: &Index<'_>) -> Vec<Wish> {
    let mut namespaces: BTreeMap<(&str, &GroupKind), BTreeSet<&str>> = BTreeMap::new();
    for wanted in index.askable() {
        // By the version that is listed: no object is to come twice, whichever versions Git writes.
        let Some(known) = schema.kind(wanted.head.api_version, &wanted.kind) else { continue };
        namespaces.entry((&known.api_version, &wanted.kind)).or_default().insert(wanted.namespace);
    }
    namespaces
        .iter()
        .flat_map(|((api_version, kind), in_these)| wishes_for(schema, api_version, kind, in_these))
        .collect()
}

/// The lists of one kind in these namespaces; the empty one stands for objects of the cluster.
fn wishes_for(schema: &Schema, api_version: &str, kind: &GroupKind, namespaces: &BTreeSet<&str>) -> Vec<Wish> {
    let wish = |namespace| Wish::new(schema, api_version, kind, namespace);
    let each = namespaces.iter().filter(|n| !n.is_empty()).filter_map(|n| wish(Some(*n))).collect();
    if namespaces.len() <= MANY_NAMESPACES && !namespaces.contains("") {
        return each;
    }
    wish(None).map(|everywhere| Wish { narrower: each, ..everywhere }).into_iter().collect()
}

/// Which lists a comparison needs; with `unmanaged` also those in which objects are looked for that no source has.
pub(super) fn all_wishes(schema: &Schema, index: &Index<'_>, unmanaged: bool) -> Vec<Wish> {
    let mut wishes = wishes(schema, index);
    if unmanaged {
        add_unmanaged_wishes(schema, index, &mut wishes);
    }
    wishes
}

/// The lists that may be read: of one of the whole cluster that may not, the narrower ones. The shortest list tells.
pub(super) async fn allowed(cluster: &Cluster, wishes: Vec<Wish>) -> Vec<Wish> {
    let mut allowed = Vec::new();
    for wish in wishes {
        let shortest = format!("{}?limit=1", wish.path());
        if !wish.narrower.is_empty() && cluster.get(&shortest).await.is_err_and(|error| error.code() == Some(403)) {
            allowed.extend(wish.narrower);
        } else {
            allowed.push(wish);
        }
    }
    allowed
}

/// What people make by hand beside what Git says; (apiVersion, kind).
const MADE_BY_HAND: &[(&str, &str)] = &[
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("v1", "ConfigMap"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
];

/// More lists, in which unmanaged objects are looked for: in the namespaces of Git's lists.
fn add_unmanaged_wishes(schema: &Schema, index: &Index<'_>, wishes: &mut Vec<Wish>) {
    let namespaces: BTreeSet<&str> = index.askable().map(|w| w.namespace).filter(|n| !n.is_empty()).collect();
    for (api_version, kind) in MADE_BY_HAND {
        let kind = GroupKind::of(api_version, kind);
        for namespace in &namespaces {
            let known = wishes.iter().any(|w| w.kind == kind && w.namespace.as_deref().is_none_or(|n| n == *namespace));
            wishes.extend(Wish::new(schema, api_version, &kind, Some(namespace)).filter(|_| !known));
        }
    }
}

/// Which lists a recording needs: also the autoscalers beside Git's workloads.
pub(super) fn wishes_with_autoscalers(schema: &Schema, index: &Index<'_>) -> Vec<Wish> {
    let mut wishes = wishes(schema, index);
    let kind = GroupKind::of("autoscaling/v2", "HorizontalPodAutoscaler");
    let listed: Vec<Option<String>> =
        wishes.iter().filter(|w| w.kind == kind).map(|wish| wish.namespace.clone()).collect();
    let is_listed = |namespace: &str| listed.iter().any(|l| l.as_ref().is_none_or(|l| l == namespace));
    let namespaces = scaled_namespaces(index).into_iter().filter(|namespace| !is_listed(namespace)).collect();
    wishes.extend(wishes_for(schema, "autoscaling/v2", &kind, &namespaces));
    wishes
}

/// Namespaces in which Git has something that an autoscaler can scale.
fn scaled_namespaces<'i>(index: &'i Index<'_>) -> BTreeSet<&'i str> {
    let is_scaled = |wanted: &&Wanted<'_>| {
        let has_template = wanted.desired.root.map("spec").is_some_and(|spec| spec.get("template").is_some());
        has_template && !matches!(wanted.kind.kind.as_str(), "CronJob" | "DaemonSet" | "Job")
    };
    index.askable().filter(is_scaled).map(|wanted| wanted.namespace).collect()
}

/// Reads the autoscalers of the namespaces that have something to scale. Where they may not be read, that is told: what
/// is outside of their bounds cannot be known.
pub(super) async fn learn_live_autoscalers(
    cluster: &Cluster,
    schema: &Schema,
    index: &mut Index<'_>,
    unlisted: &mut Unlisted,
) -> Result<(), Failure> {
    let kind = GroupKind::of("autoscaling/v2", "HorizontalPodAutoscaler");
    let mut wishes = wishes_for(schema, "autoscaling/v2", &kind, &scaled_namespaces(index));
    while let Some(wish) = wishes.pop() {
        match cluster.list(&wish.listing.path).all().await {
            Ok(pages) => pages.iter().flat_map(ListPage::items).for_each(|raw| add_autoscaler(index, raw)),
            Err(error) if error.code() == Some(403) && !wish.narrower.is_empty() => wishes.extend(wish.narrower),
            // A cluster that does not serve them has none.
            Err(error) if error.code() == Some(404) => {}
            Err(error) if matches!(error.code(), Some(403 | 405)) => {
                unlisted.add(&kind, wish.namespace.as_deref(), wish.listing.resource, why_not(&error));
            }
            Err(error) => return Err(cluster_failure(&error)),
        }
    }
    Ok(())
}

fn add_autoscaler(index: &mut Index<'_>, raw: &str) {
    if let Ok(Value::Map(mut root)) = serde_json::from_str::<Value<'_>>(raw) {
        let namespace = root.map("metadata").and_then(|m| m.str("namespace")).unwrap_or_default().to_owned();
        root.insert("kind".into(), Value::String("HorizontalPodAutoscaler".into()).into());
        index.add_live_autoscaler(&root, &namespace);
    }
}

/// A page of a list of one kind.
pub(super) struct Page {
    /// As they came, from 1: a later one knows the newer state of an object.
    pub(super) number: u64,
    pub(super) list: ListPage,
    pub(super) api_version: String,
    pub(super) kind: String,
}

/// Reads all lists, and examines each page while the next ones come in. Runs outside of the async runtime.
pub(super) fn examine_cluster(
    runtime: &Handle,
    cluster: &Cluster,
    examiner: &Examiner<'_>,
    wishes: Vec<Wish>,
    unlisted: &mut Unlisted,
) -> Result<Examined, Failure> {
    let verdicts: Mutex<Vec<Vec<Verdict<'_>>>> = Mutex::default();
    let take = |page: &Page| {
        let listed = (page.api_version.as_str(), page.kind.as_str());
        let items = (page.number << 32..).zip(page.list.items());
        let of_page = items.fold(Vec::new(), |all, (at, raw)| keep(all, examiner.examine(raw, listed, at)));
        verdicts.lock().expect("no worker panics while it collects").push(of_page);
    };
    read_pages(runtime, cluster, wishes, unlisted, &take)?;
    let verdicts = verdicts.into_inner().expect("no worker panics while it collects");
    Ok(Examined::settle(examiner.refused().chain(verdicts.into_iter().flatten())))
}

/// Reads all lists, and hands each page to a worker while the next ones come in.
pub(super) fn read_pages(
    runtime: &Handle,
    cluster: &Cluster,
    wishes: Vec<Wish>,
    unlisted: &mut Unlisted,
    take: &(impl Fn(&Page) + Sync),
) -> Result<(), Failure> {
    let (send, receive) = mpsc::channel::<Page>(WAITING_PAGES);
    let receive = Mutex::new((receive, 0));
    let refused = std::thread::scope(|scope| {
        for _ in 0..workers() {
            scope.spawn(|| {
                loop {
                    let (number, page) = {
                        let (receive, number) = &mut *receive.lock().expect("no worker panics while it waits");
                        *number += 1;
                        (*number, receive.blocking_recv())
                    };
                    let Some(page) = page else { return };
                    take(&Page { number, ..page });
                }
            });
        }
        // On the runtime's own thread, with its connections: each piece of an answer would otherwise wake another thread.
        let lists = runtime.spawn(read_lists(cluster.clone(), wishes, send).in_current_span());
        runtime.block_on(lists).expect("reading does not panic, and nobody aborts it")
    })?;
    for (wish, error) in refused {
        unlisted.add(&wish.kind, wish.namespace.as_deref(), wish.listing.resource, why_not(&error));
    }
    Ok(())
}

async fn read_lists(
    cluster: Cluster,
    wishes: Vec<Wish>,
    send: mpsc::Sender<Page>,
) -> Result<Vec<(Wish, ClusterError)>, Failure> {
    let lists = futures::stream::iter(wishes).map(|wish| {
        let span = tracing::info_span!("list", otel.name = format!("list {}", wish.name()), anchorwatch.pages = Empty);
        read_list(cluster.clone(), wish, send.clone()).instrument(span)
    });
    let (mut refused, mut failed, mut narrower, mut answered) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut lists = lists.buffer_unordered(CONCURRENT_LISTS);
    while let Some((wish, result)) = lists.next().await {
        match result {
            Ok(()) => answered += 1,
            // Who may not list the cluster may well list each of its namespaces that Git mentions.
            Err(error) if error.code() == Some(403) && !wish.narrower.is_empty() => narrower.extend(wish.narrower),
            Err(error) if matches!(error.code(), Some(403..=405)) => refused.push((wish, error)),
            Err(error) if is_of_one_kind(&error) => failed.push((wish, error)),
            Err(error) => return Err(cluster_failure(&error)),
        }
    }
    drop(lists);
    // Where nothing answers, it is not this or that kind that fails.
    if answered == 0 && narrower.is_empty() && refused.is_empty() && !failed.is_empty() {
        return Err(cluster_failure(&failed.swap_remove(0).1));
    }
    refused.extend(failed);
    if !narrower.is_empty() {
        refused.extend(Box::pin(read_lists(cluster, narrower, send)).await?);
    }
    Ok(refused)
}

async fn read_list(cluster: Cluster, wish: Wish, send: mpsc::Sender<Page>) -> (Wish, Result<(), ClusterError>) {
    let mut pages = cluster.list(&wish.listing.path);
    let mut count = 0;
    loop {
        let list = match pages.next().await {
            Ok(Some(list)) => list,
            Ok(None) => return (wish, Ok(())),
            Err(error) => return (wish, Err(error)),
        };
        let page =
            Page { number: 0, list, api_version: wish.listing.api_version.clone(), kind: wish.kind.kind.clone() };
        count += 1;
        Span::current().record("anchorwatch.pages", count);
        // Workers live as long as somebody sends.
        let _ = send.send(page).await;
    }
}

/// True for an answer that says something of one list only, such as that of a conversion webhook which fails. Who is not
/// let in, or not answered, gets no list.
fn is_of_one_kind(error: &ClusterError) -> bool {
    let is_let_in = error.code().is_some_and(|code| code != 401);
    is_let_in || matches!(error, ClusterError::BrokenAnswer { .. } | ClusterError::Malformed { .. })
}

fn why_not(error: &ClusterError) -> String {
    match error.code() {
        Some(403) => format!("forbidden: {error}"),
        Some(404) => format!("not served: {error}"),
        _ => error.to_string(),
    }
}

/// An error of the cluster that ends the scan.
pub(super) fn cluster_failure(error: &ClusterError) -> Failure {
    let failure = Failure::because(error).detail("nothing was compared");
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
