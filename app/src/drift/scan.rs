//! Scanning: Git's objects beside the cluster's, into one report per namespace.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use anchorwatch_core::drift::examine::Setting;
use anchorwatch_core::drift::report::{Findings, NotCompared, Trigger};
use anchorwatch_core::drift::{DriftItem, DriftReport};
use anchorwatch_core::object::GroupKind;
use anchorwatch_core::object::list;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::object::value::Value;
use anchorwatch_core::schema::catalogue::{self, Minor};
use anchorwatch_core::schema::openapi;
use anchorwatch_core::source;
use anchorwatch_edge::clock;
use anchorwatch_edge::files::SourceFile;
use anchorwatch_edge::snapshot::{self, SnapshotFile};
use jiff::Timestamp;

use super::examiner::{Examiner, SourceOfFiles, Unreadable};
use crate::failure::Failure;
use crate::index::{Duplicate, Index};

/// What to scan.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Git, or a path.
    pub(crate) source: String,
    /// A recorded live state.
    pub(crate) live: PathBuf,
    /// Namespace of objects that name none.
    pub(crate) namespace: String,
}

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// One per namespace, sorted by it.
    pub(crate) reports: Vec<DriftReport>,
    /// Documents of Git's that could not be read: `file:line:column: what is wrong`.
    pub(crate) problems: Vec<String>,
    /// Objects in Git.
    pub(crate) objects: usize,
    /// Files in Git.
    pub(crate) files: usize,
    /// Objects that came without managedFields.
    pub(crate) unattributed: usize,
    /// The minor release whose defaults were used.
    pub(crate) minor: Minor,
}

/// Scans.
pub(crate) async fn scan(request: &Request, key: &SecretKey) -> Result<Outcome, Failure> {
    let now = clock::now();
    let (files, origin) = read_source(request).await?;
    let snapshot = snapshot::read(&request.live).await.map_err(|e| Failure::because(&e))?;
    let documents = live_items(&snapshot)?;

    let mut contents = source::Contents::default();
    for (at, file) in files.iter().enumerate() {
        let mut read = source::read(at, &file.bytes, key);
        contents.objects.append(&mut read.objects);
        contents.problems.append(&mut read.problems);
    }
    let (mut schema, minor) = catalogue::load(None);
    learn_custom_kinds(&mut schema, &documents);
    let (mut index, duplicates) = Index::new(&contents.objects, &request.namespace, &schema);
    for item in &documents {
        if item.head_kind == "HorizontalPodAutoscaler" || item.head_kind == "ScaledObject" {
            if let Ok(Value::Map(root)) = serde_json::from_str::<Value<'_>>(item.raw) {
                index.add_live_autoscaler(&root, &item.namespace);
            }
        }
    }
    let setting = Setting { cluster: "snapshot", source: &request.source, now, key };
    let examiner =
        Examiner { schema: &schema, index: &index, setting, origin: &origin, unattributed: Mutex::new(0) };
    let (mut items, unreadable) = examine_all(&examiner, &documents);
    let found = index.all().iter();
    items.extend(found.filter(|w| !w.was_found() && has_name(w.desired)).map(|w| examiner.missing(w)));

    let mut problems: Vec<String> = contents
        .problems
        .iter()
        .map(|p| format!("{}:{}:{}: {}", origin.files[p.file], p.line, p.column, p.message))
        .collect();
    problems.extend(duplicates.iter().map(|d| duplicate(&contents.objects, &origin, *d)));
    let reports = reports(request, now, &index, &origin, items, unreadable);
    let unattributed = *examiner.unattributed.lock().expect("no thread panics while it counts");
    Ok(Outcome { reports, problems, objects: contents.objects.len(), files: files.len(), unattributed, minor })
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

/// One object of a snapshot.
struct LiveItem<'a> {
    raw: &'a str,
    head_kind: String,
    namespace: String,
}

fn live_items(files: &[SnapshotFile]) -> Result<Vec<LiveItem<'_>>, Failure> {
    let mut all = Vec::new();
    for file in files {
        for document in &file.documents {
            let fail = |error: serde_json::Error| {
                Failure::new(format!("cannot read the snapshot {}", file.path))
                    .detail(error.to_string())
                    .hint("record it with: kubectl get KINDS -o json --show-managed-fields")
            };
            for raw in list::items(document).map_err(fail)? {
                let head: list::RawHead<'_> = serde_json::from_str(raw.get()).map_err(fail)?;
                all.push(LiveItem {
                    raw: raw.get(),
                    head_kind: head.kind.to_string(),
                    namespace: head.metadata.namespace.to_string(),
                });
            }
        }
    }
    Ok(all)
}

fn learn_custom_kinds(schema: &mut anchorwatch_core::schema::Schema, documents: &[LiveItem<'_>]) {
    for item in documents.iter().filter(|i| i.head_kind == "CustomResourceDefinition") {
        if let Ok(crd) = serde_json::from_str(item.raw) {
            openapi::add_crd(schema, &crd);
        }
    }
}

fn has_name(desired: &source::Desired<'_>) -> bool {
    !desired.head().name.is_empty()
}

/// Examines on all cores.
fn examine_all(examiner: &Examiner<'_>, documents: &[LiveItem<'_>]) -> (Vec<DriftItem>, Vec<Unreadable>) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = documents.len().div_ceil(threads).max(1);
    let work = |part: &[LiveItem<'_>]| {
        let (mut items, mut unreadable) = (Vec::new(), Vec::new());
        for item in part {
            match examiner.examine(item.raw, "", "") {
                Ok(mut found) => items.append(&mut found),
                Err(error) => unreadable.push(error),
            }
        }
        (items, unreadable)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = documents.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
        let mut all = (Vec::new(), Vec::new());
        for worker in workers {
            let (items, unreadable) = worker.join().expect("a worker does not panic");
            all.0.extend(items);
            all.1.extend(unreadable);
        }
        all
    })
}

fn duplicate(objects: &[source::Desired<'_>], origin: &SourceOfFiles, Duplicate(first, second): Duplicate) -> String {
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

fn reports(
    request: &Request,
    now: Timestamp,
    index: &Index<'_>,
    origin: &SourceOfFiles,
    items: Vec<DriftItem>,
    unreadable: Vec<Unreadable>,
) -> Vec<DriftReport> {
    let mut by_namespace: BTreeMap<&str, Findings> = BTreeMap::new();
    let empty = |namespace: &str| Findings {
        report_id: clock::new_id(),
        scanned_at: now,
        namespace: namespace.to_owned(),
        cluster: "snapshot".to_owned(),
        source: request.source.clone(),
        revision: origin.commit.clone(),
        objects: 0,
        not_compared: Vec::new(),
        items: Vec::new(),
        triggered_by: Trigger::Manual,
    };
    for wanted in index.all() {
        by_namespace.entry(wanted.namespace).or_insert_with(|| empty(wanted.namespace)).objects += 1;
    }
    for item in items {
        if let Some(findings) = by_namespace.get_mut(item.namespace.as_str()) {
            findings.items.push(item);
        }
    }
    for Unreadable { what, namespace, reason } in unreadable {
        let known = by_namespace.contains_key(namespace.as_str());
        let place = if known { by_namespace.get_mut(namespace.as_str()) } else { by_namespace.values_mut().next() };
        if let Some(findings) = place {
            findings.not_compared.push(NotCompared { what, namespace, reason });
        }
    }
    by_namespace.into_values().map(DriftReport::new).collect()
}

#[expect(dead_code, reason = "used by the cluster side next")]
fn kind_name(kind: &GroupKind) -> String {
    kind.to_string()
}
