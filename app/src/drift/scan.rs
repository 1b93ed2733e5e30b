//! Scanning: Git's objects beside the cluster's, into one report per namespace.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use anchorwatch_core::drift::examine::Setting;
use anchorwatch_core::drift::report::{Findings, NotCompared, Trigger};
use anchorwatch_core::drift::DriftReport;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::schema::catalogue::{self, Minor};
use anchorwatch_core::source::{self, Desired};
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::{Cluster, ConnectOptions};
use anchorwatch_edge::files::SourceFile;
use anchorwatch_edge::snapshot;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::examiner::{Examiner, SourceOfFiles, Unreadable};
use super::live::{self, Examined, Unlisted};
use crate::failure::Failure;
use crate::index::{Duplicate, Index};

/// What to scan.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Git, or a path.
    pub(crate) source: String,
    /// The live state.
    pub(crate) live: Live,
    /// Namespace of objects that name none; the context's without it.
    pub(crate) namespace: Option<String>,
}

/// Where the live state is read.
#[derive(Debug, Clone)]
pub(crate) enum Live {
    /// A recorded state.
    Snapshot(PathBuf),
    /// The cluster of a kubeconfig.
    Cluster(ConnectOptions),
}

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// One per namespace, sorted by it.
    pub(crate) reports: Vec<DriftReport>,
    /// Documents of Git's that could not be read: `file:line:column: what is wrong`.
    pub(crate) problems: Vec<String>,
    /// What was looked at.
    pub(crate) extent: Extent,
}

/// What a scan looked at.
#[derive(Debug)]
pub(crate) struct Extent {
    /// Cluster's name, or the snapshot's path.
    pub(crate) live: String,
    /// True for a snapshot.
    pub(crate) recorded: bool,
    /// Objects in Git.
    pub(crate) objects: usize,
    /// Files in Git.
    pub(crate) files: usize,
    /// Kinds in Git.
    pub(crate) kinds: usize,
    /// Objects that came without managedFields.
    pub(crate) unattributed: usize,
    /// The minor release of the cluster, where it is known.
    pub(crate) cluster_minor: Option<Minor>,
    /// The minor release whose defaults were used.
    pub(crate) defaults_minor: Minor,
    /// How long it took.
    pub(crate) elapsed: std::time::Duration,
}

/// Scans. Runs outside of the async runtime, on which it waits.
pub(crate) fn scan(runtime: &Handle, request: &Request, key: &SecretKey) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let now = clock::now();
    let (files, origin) = runtime.block_on(read_source(request))?;
    let mut contents = source::Contents::default();
    for (at, file) in files.iter().enumerate() {
        let mut read = source::read(at, &file.bytes, key);
        contents.objects.append(&mut read.objects);
        contents.problems.append(&mut read.problems);
    }
    let looked = match &request.live {
        Live::Snapshot(path) => look_at_snapshot(runtime, request, path, &contents.objects, &origin, now, key)?,
        Live::Cluster(options) => look_at_cluster(runtime, request, options, &contents.objects, &origin, now, key)?,
    };
    let mut problems: Vec<String> = contents
        .problems
        .iter()
        .map(|p| format!("{}:{}:{}: {}", origin.files[p.file], p.line, p.column, p.message))
        .collect();
    problems.extend(looked.duplicates.iter().map(|d| duplicate(&contents.objects, &origin, *d)));
    let kinds: std::collections::BTreeSet<_> = contents.objects.iter().map(|o| o.identity().group_kind).collect();
    let extent = Extent {
        live: looked.cluster,
        recorded: matches!(request.live, Live::Snapshot(_)),
        objects: contents.objects.len(),
        files: files.len(),
        kinds: kinds.len(),
        unattributed: looked.unattributed,
        cluster_minor: looked.cluster_minor,
        defaults_minor: looked.defaults_minor,
        elapsed: started.elapsed(),
    };
    Ok(Outcome { reports: looked.reports, problems, extent })
}

async fn read_source(request: &Request) -> Result<(Vec<SourceFile>, SourceOfFiles), Failure> {
    let files = anchorwatch_edge::files::read_tree(request.source.as_ref()).await.map_err(|error| {
        let failure = Failure::because(&error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    let names = files.iter().map(|f| f.path.clone()).collect();
    Ok((files, SourceOfFiles { files: names, commit: None, rendered: false }))
}

/// What came of looking at the live side.
struct Looked {
    cluster: String,
    reports: Vec<DriftReport>,
    duplicates: Vec<Duplicate>,
    unattributed: usize,
    cluster_minor: Option<Minor>,
    defaults_minor: Minor,
}

fn look_at_snapshot(
    runtime: &Handle,
    request: &Request,
    path: &std::path::Path,
    objects: &[Desired<'_>],
    origin: &SourceOfFiles,
    now: Timestamp,
    key: &SecretKey,
) -> Result<Looked, Failure> {
    let files = runtime.block_on(snapshot::read(path)).map_err(|e| Failure::because(&e))?;
    let recorded = live::recorded(&files)?;
    let (mut schema, defaults_minor) = catalogue::load(None);
    live::learn_recorded_kinds(&mut schema, &recorded);
    let namespace = request.namespace.as_deref().unwrap_or("default");
    let (mut index, duplicates) = Index::new(objects, namespace, &schema);
    live::learn_recorded_autoscalers(&mut index, &recorded);
    let cluster = "snapshot".to_owned();
    let setting = Setting { cluster: &cluster, source: &request.source, now, key };
    let examiner = Examiner { schema: &schema, index: &index, setting, origin, unattributed: Mutex::new(0) };
    let examined = live::examine_recorded(&examiner, &recorded);
    let reports = reports(&examiner, examined, Unlisted::default());
    let unattributed = *examiner.unattributed.lock().expect("no thread panics while it counts");
    Ok(Looked { cluster: path.display().to_string(), reports, duplicates, unattributed, cluster_minor: None, defaults_minor })
}

fn look_at_cluster(
    runtime: &Handle,
    request: &Request,
    options: &ConnectOptions,
    objects: &[Desired<'_>],
    origin: &SourceOfFiles,
    now: Timestamp,
    key: &SecretKey,
) -> Result<Looked, Failure> {
    let fail = |error| live::cluster_failure(&error);
    let cluster = runtime.block_on(Cluster::connect(options)).map_err(fail)?;
    let cluster_minor = runtime.block_on(cluster.minor()).map_err(fail)?;
    let (mut schema, defaults_minor) = catalogue::load(cluster_minor);
    let mut unlisted = runtime.block_on(live::learn_served_kinds(&cluster, &mut schema, objects))?;
    let namespace = request.namespace.as_deref().unwrap_or(&cluster.default_namespace);
    let (mut index, duplicates) = Index::new(objects, namespace, &schema);
    runtime.block_on(live::learn_live_autoscalers(&cluster, &schema, &mut index));
    let setting = Setting { cluster: &cluster.name, source: &request.source, now, key };
    let examiner = Examiner { schema: &schema, index: &index, setting, origin, unattributed: Mutex::new(0) };
    let wishes = live::wishes(&schema, &index);
    let examined = live::examine_cluster(runtime, &cluster, &examiner, wishes, &mut unlisted)?;
    let reports = reports(&examiner, examined, unlisted);
    let unattributed = *examiner.unattributed.lock().expect("no thread panics while it counts");
    Ok(Looked { cluster: cluster.name.clone(), reports, duplicates, unattributed, cluster_minor, defaults_minor })
}

fn duplicate(objects: &[Desired<'_>], origin: &SourceOfFiles, Duplicate(first, second): Duplicate) -> String {
    let (a, b) = (&objects[first], &objects[second]);
    format!(
        "{}:{}:1: {} is also in {}:{}; keep one (the first was compared)",
        origin.files[b.file],
        b.line,
        b.identity(),
        origin.files[a.file],
        a.line
    )
}

/// Sorts what was found into one report per namespace; what was not found is missing, unless nobody could look.
fn reports(examiner: &Examiner<'_>, examined: Examined, unlisted: Unlisted) -> Vec<DriftReport> {
    let mut by_namespace: BTreeMap<String, Findings> = BTreeMap::new();
    let mut items = examined.items;
    for wanted in examiner.index.all() {
        let findings = by_namespace
            .entry(wanted.namespace.to_owned())
            .or_insert_with(|| findings(examiner, wanted.namespace));
        if wanted.was_found() {
            findings.objects += 1;
        } else if wanted.desired.head().name.is_empty() {
            findings.not_compared.push(NotCompared {
                what: format!("{}/{}*", wanted.kind.kind, wanted.desired.head().generate_name),
                namespace: wanted.namespace.to_owned(),
                reason: "generateName: the cluster chooses a new name each time".to_owned(),
            });
        } else if !unlisted.covers(&wanted.kind, wanted.namespace) {
            findings.objects += 1;
            items.push(examiner.missing(wanted));
        }
    }
    for item in items {
        if let Some(findings) = by_namespace.get_mut(&item.namespace) {
            findings.items.push(item);
        }
    }
    let unreadable = examined.unreadable.into_iter();
    let entries = unreadable.map(|Unreadable { what, namespace, reason }| NotCompared { what, namespace, reason });
    for entry in entries.chain(unlisted.entries) {
        match by_namespace.contains_key(&entry.namespace) {
            true => by_namespace.entry(entry.namespace.clone()),
            false => by_namespace.entry(String::new()),
        }
        .or_insert_with(|| findings(examiner, ""))
        .not_compared
        .push(entry);
    }
    by_namespace.into_values().map(DriftReport::new).collect()
}

fn findings(examiner: &Examiner<'_>, namespace: &str) -> Findings {
    Findings {
        report_id: clock::new_id(),
        scanned_at: examiner.setting.now,
        namespace: namespace.to_owned(),
        cluster: examiner.setting.cluster.to_owned(),
        source: examiner.setting.source.to_owned(),
        revision: examiner.origin.commit.clone(),
        objects: 0,
        not_compared: Vec::new(),
        items: Vec::new(),
        triggered_by: Trigger::Manual,
    }
}
