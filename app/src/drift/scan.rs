//! Scanning: Git's objects beside the cluster's, into one report per namespace.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anchorwatch_core::drift::policy::{Policy, PolicyNote};
use anchorwatch_core::drift::report::{Findings, NotCompared, Trigger};
use anchorwatch_core::drift::rules;
use anchorwatch_core::drift::{DriftItem, DriftReport};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::schema::catalogue::Minor;
use anchorwatch_edge::clock;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::confirm::Confirmation;
use super::examiner::{Examiner, Selector, Told, Unreadable};
use super::ground::{self, Ground};
use super::live::{self, Examined};
use super::side::{Live, Side};
use super::source::{SourceOfFiles, SourceRequest};
use super::unlisted::Unlisted;
use super::unstable::Unstable;
use crate::failure::Failure;
use crate::index::{Duplicate, Index, Wanted};

/// Reasons why something was not compared that need no more words; a face may know them in its language.
pub(crate) const ENCRYPTED: &str = "encrypted in Git; its keys were compared";
pub(crate) const IN_DOUBT: &str = "not found, but it may be in what could not be read";
pub(crate) const NAMELESS: &str = "generateName: the cluster chooses a new name each time";
pub(crate) const SECRET: &str = "a Secret; compared where the source says secrets: compare";
pub(crate) const UNSTABLE: &str = "not deterministic: two renderings of the same commit differ here";

/// What to scan.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// What Git says.
    pub(crate) source: SourceRequest,
    /// The commit that a delivery tool says it has applied last.
    pub(crate) applied: Option<String>,
    /// The live state.
    pub(crate) live: Live,
    /// An audit log of the API server.
    pub(crate) audit: Option<PathBuf>,
    /// Whether objects that no source has are told, too.
    pub(crate) unmanaged: bool,
    /// Whether items in doubt are settled by a dry run.
    pub(crate) confirm: bool,
    /// People's own rules.
    pub(crate) policy: Arc<Policy>,
    /// What is to be explained: of its objects also what was passed over is told.
    pub(crate) explain: Option<Selector>,
    /// What a service calls the two sides; else they are called as the person wrote them.
    pub(crate) named: Option<Named>,
    /// Only what lives in these namespaces; all of the source's where empty.
    pub(crate) namespaces: BTreeSet<String>,
    /// Whether Secrets are compared.
    pub(crate) secrets: bool,
    /// What started it.
    pub(crate) triggered_by: Trigger,
    /// When the scan looks.
    pub(crate) now: Timestamp,
}

/// What a service calls the two sides of a scan: it is in the identity of every item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The cluster.
    pub(crate) cluster: String,
    /// The source.
    pub(crate) source: String,
}

impl Request {
    /// True if the live state is a recorded one.
    pub(crate) fn is_of_a_recording(&self) -> bool {
        matches!(self.live, Live::Snapshot(_))
    }

    /// True if what lives in this namespace is asked for.
    pub(super) fn covers(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(namespace)
    }
}

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// One per namespace, sorted by it.
    pub(crate) reports: Vec<DriftReport>,
    /// Documents of Git's that could not be read; they are in `not_compared`, too.
    pub(crate) problems: Vec<Problem>,
    /// The source as it was named.
    pub(crate) source: String,
    /// The folder in it that files are named from, as a person or code scanning finds it: empty, or with a `/` at its end.
    pub(crate) root: String,
    /// What was passed over in the objects to be explained.
    pub(crate) told: Vec<Told>,
    /// What differs, but admission makes of Git's objects, too: no drift.
    pub(crate) admitted: Vec<DriftItem>,
    /// What was looked at.
    pub(crate) extent: Extent,
    /// What a service keeps of it beside its reports; only where it is named by one.
    pub(crate) kept: Option<Kept>,
}

/// A document of Git's that could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    /// `file:line:column`
    pub(crate) place: String,
    /// What is wrong with it.
    pub(crate) fault: Fault,
}

/// What is wrong with a document of Git's.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It is no Kubernetes object, for this reason. Whose namespace it was meant for nobody knows.
    Malformed(String),
    /// Its object is in the source before it, at `first`.
    Repeated { object: String, namespace: String, first: String },
}

impl Fault {
    /// What it is in a report.
    fn reason(&self) -> String {
        match self {
            Self::Malformed(reason) => reason.clone(),
            Self::Repeated { object, first, .. } => {
                format!("{object} is also in {first}; keep one (the first was compared)")
            }
        }
    }
}

impl Outcome {
    /// What no report could compare, each said once, however many reports lack it.
    pub(crate) fn not_compared(&self) -> BTreeSet<&NotCompared> {
        self.reports.iter().flat_map(|report| &report.not_compared).collect()
    }

    /// True if all was compared.
    pub(crate) fn is_complete(&self) -> bool {
        self.problems.is_empty() && self.reports.iter().all(|report| report.not_compared.is_empty())
    }
}

/// What a service keeps of a scan beside its reports.
#[derive(Debug)]
pub(crate) struct Kept {
    /// What could not be judged, though it may differ.
    pub(crate) blind: Blind,
    /// What the source was read as; another one when something in it has changed.
    pub(crate) version: u64,
}

/// What a scan could not judge: of an item there that it does not tell, nobody knows whether it is gone.
#[derive(Debug, Default)]
pub(crate) struct Blind {
    /// Objects of Git's that were not compared: kind, namespace, name.
    objects: HashSet<(String, String, String)>,
    /// Where some of Git or of the cluster could not be read, those that were compared; only of them something is known.
    only: Option<HashSet<(String, String, String)>>,
}

impl Blind {
    /// True if the scan would have told an item of this object.
    pub(crate) fn sees(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let object = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        self.only.as_ref().is_none_or(|only| only.contains(&object)) && !self.objects.contains(&object)
    }

    fn of(index: &Index<'_>, reports: &[DriftReport], is_whole: bool) -> Self {
        let told = reports.iter().flat_map(|report| {
            let told = report.items.iter().map(|i| (&i.resource_kind, &i.namespace, &i.resource_name));
            told.chain(report.ignored.iter().map(|i| (&i.resource_kind, &i.namespace, &i.resource_name)))
        });
        let told: HashSet<(&str, &str, &str)> = told.map(|(kind, ns, name)| (&**kind, &**ns, &**name)).collect();
        let (mut objects, mut compared) = (HashSet::new(), HashSet::new());
        for wanted in index.all().iter().filter(|w| !w.repeated && !w.left_out) {
            let object = (wanted.kind.kind.clone(), wanted.namespace.to_owned(), wanted.head.name.to_owned());
            let judged = if wanted.was_found() {
                !wanted.was_unreadable()
            } else {
                told.contains(&(wanted.kind.kind.as_str(), wanted.namespace, wanted.head.name))
            };
            if !judged {
                objects.insert(object);
            } else if !is_whole {
                compared.insert(object);
            }
        }
        Self { objects, only: (!is_whole).then_some(compared) }
    }
}

/// What a scan looked at.
#[derive(Debug)]
pub(crate) struct Extent {
    /// Cluster's name, or the snapshot's path.
    pub(crate) live: String,
    /// True for a snapshot.
    pub(crate) recorded: bool,
    /// True where a watch knew it, and the cluster was not asked for everything.
    pub(crate) from_watch: bool,
    /// Objects in Git.
    pub(crate) objects: usize,
    /// Files in Git.
    pub(crate) files: usize,
    /// Kinds in Git.
    pub(crate) kinds: usize,
    /// Objects that came without managedFields.
    pub(crate) unattributed: usize,
    /// Objects whose doubt a dry run could not settle, and why.
    pub(crate) unconfirmed: Vec<String>,
    /// Own rules that ended, or fitted nothing.
    pub(crate) policy_notes: Vec<PolicyNote>,
    /// What could not be read of Git's past.
    pub(crate) past_faults: Vec<String>,
    /// The minor release of the cluster, where it is known.
    pub(crate) cluster_minor: Option<Minor>,
    /// The minor release whose defaults were used.
    pub(crate) defaults_minor: Minor,
    /// How long it took.
    pub(crate) elapsed: std::time::Duration,
}

/// Scans. Runs outside of the async runtime, on which it waits.
#[expect(clippy::disallowed_methods, reason = "how long it took decides nothing")]
pub(crate) fn scan(runtime: &Handle, request: &Request, key: &SecretKey) -> Result<Outcome, Failure> {
    let started = Instant::now();
    ground::stand_on(runtime, request, key, |mut ground| look(runtime, &mut ground, request, started))
}

/// Compares all that a ground has.
pub(super) fn look(
    runtime: &Handle,
    ground: &mut Ground<'_>,
    request: &Request,
    started: Instant,
) -> Result<Outcome, Failure> {
    let examiner = &ground.examiner;
    // Lists are read meanwhile; they are beside it, not in it.
    let comparing = tracing::info_span!("compare", anchorwatch.objects = examiner.index.all().len());
    let mut examined = match ground.side {
        Side::Recorded { .. } => live::examine_recorded(examiner, ground.recorded),
        Side::Served { cluster, .. } => {
            let wishes = live::all_wishes(examiner.schema, examiner.index, request.unmanaged);
            live::examine_cluster(runtime, cluster, examiner, wishes, &mut ground.unlisted)?
        }
    };
    drop(comparing);
    examined.unreadable.append(&mut ground.unread);
    Ok(tell(ground, request, examined, started))
}

/// Tells what was found, to whom a request says.
pub(super) fn tell(ground: &Ground<'_>, request: &Request, examined: Examined, started: Instant) -> Outcome {
    let Ground { side, source, contents, unlisted, duplicates, defaults_minor, examiner, .. } = ground;
    let (index, origin) = (examiner.index, &source.origin);
    let mut problems: Vec<Problem> = contents
        .problems
        .iter()
        .map(|p| Problem {
            place: format!("{}:{}:{}", origin.files[p.file], p.line, p.column),
            fault: Fault::Malformed(p.message.clone()),
        })
        .collect();
    problems.extend(duplicates.iter().map(|d| duplicate(index, origin, *d)));
    let mut gaps =
        Gaps { anywhere: source.not_compared.clone(), placed: unlisted.placed(index, &without_bounds(&examined)) };
    gaps.placed.extend(unstable_leaves(examiner.unstable, index));
    for problem in &problems {
        gaps.add_problem(problem);
    }
    let is_whole = gaps.anywhere.is_empty() && examined.unreadable.iter().all(|unreadable| unreadable.known);
    let reports = reports(examiner, request, examined, unlisted, gaps);
    let kept = request
        .named
        .is_some()
        .then(|| Kept { blind: Blind::of(index, &reports, is_whole), version: source.version() });

    let past_faults = examiner.past.iter().flat_map(|past| past.faults());
    let extent = Extent {
        live: side.name(),
        recorded: matches!(side, Side::Recorded { .. }),
        from_watch: false,
        objects: contents.objects.len(),
        files: source.files.len(),
        kinds: index.kinds(),
        unattributed: *examiner.unattributed.lock().expect("no thread panics while it counts"),
        unconfirmed: examiner.confirm.map(Confirmation::unconfirmed).unwrap_or_default(),
        policy_notes: request.policy.notes(request.now),
        past_faults: source.history_fault.iter().cloned().chain(past_faults).collect(),
        cluster_minor: side.minor(),
        defaults_minor: *defaults_minor,
        elapsed: started.elapsed(),
    };
    let told = std::mem::take(&mut *examiner.told.lock().expect("no thread panics while it tells"));
    let admitted = examiner.confirm.map(Confirmation::admitted).unwrap_or_default();
    let (source, root) = (request.source.address.clone(), origin.root.clone());
    Outcome { reports, problems, source, root, told, admitted, extent, kept }
}

/// Namespaces in which replicas differ and no autoscaler is known.
fn without_bounds(examined: &Examined) -> BTreeSet<String> {
    let items = examined.items.iter().flatten();
    items.filter(|item| item.rule == rules::REPLICAS.id).map(|item| item.namespace.clone()).collect()
}

/// What was not compared.
#[derive(Debug, Default)]
struct Gaps {
    /// Files and documents that may hold an object of any namespace.
    anywhere: Vec<NotCompared>,
    /// What is known to be of one namespace.
    placed: Vec<NotCompared>,
}

impl Gaps {
    fn add_problem(&mut self, problem: &Problem) {
        let (what, reason) = (problem.place.clone(), problem.fault.reason());
        match &problem.fault {
            Fault::Malformed(_) => self.anywhere.push(NotCompared { what, namespace: String::new(), reason }),
            Fault::Repeated { namespace, .. } => {
                self.placed.push(NotCompared { what, namespace: namespace.clone(), reason });
            }
        }
    }

    fn add_unreadable(&mut self, unreadable: Unreadable) {
        let Unreadable { what, namespace, reason, known } = unreadable;
        let entry = NotCompared { what, namespace, reason };
        if known { self.placed.push(entry) } else { self.anywhere.push(entry) }
    }
}

fn unstable_leaves(unstable: &Unstable, index: &Index<'_>) -> Vec<NotCompared> {
    if unstable.agrees() {
        return Vec::new();
    }
    let leaves = |wanted: &Wanted<'_>| {
        let object = wanted.desired.identity();
        let leaves = unstable.leaves(&object).map(|path| NotCompared {
            what: format!("{object} {path}"),
            namespace: wanted.namespace.to_owned(),
            reason: UNSTABLE.to_owned(),
        });
        leaves.collect::<Vec<_>>()
    };
    index.all().iter().filter(|wanted| !wanted.repeated).flat_map(leaves).collect()
}

fn duplicate(index: &Index<'_>, origin: &SourceOfFiles, Duplicate(first, second): Duplicate) -> Problem {
    let (a, b) = (index.all()[first].desired, index.all()[second].desired);
    Problem {
        place: format!("{}:{}:1", origin.files[b.file], b.line),
        fault: Fault::Repeated {
            object: b.identity().to_string(),
            namespace: index.all()[second].namespace.to_owned(),
            first: format!("{}:{}", origin.files[a.file], a.line),
        },
    }
}

/// Sorts what was found into one report per namespace; what was not found is missing, unless nobody could look.
fn reports(
    examiner: &Examiner<'_>,
    request: &Request,
    examined: Examined,
    unlisted: &Unlisted,
    mut gaps: Gaps,
) -> Vec<DriftReport> {
    let mut by_namespace: BTreeMap<String, Findings> = BTreeMap::new();
    let mut items = examined.items;
    let in_doubt = examined.unreadable.iter().any(|u| !u.known);
    let findings = |namespace: &str| findings(examiner, namespace, request.triggered_by);
    for wanted in examiner.index.all().iter().filter(|w| !w.repeated) {
        if !request.covers(wanted.namespace) {
            continue;
        }
        if !by_namespace.contains_key(wanted.namespace) {
            by_namespace.insert(wanted.namespace.to_owned(), findings(wanted.namespace));
        }
        let findings = by_namespace.get_mut(wanted.namespace).expect("it was put there");
        if wanted.is_hook {
            continue;
        }
        if wanted.left_out {
            findings.not_compared.push(NotCompared {
                what: wanted.desired.identity().to_string(),
                namespace: wanted.namespace.to_owned(),
                reason: SECRET.to_owned(),
            });
            continue;
        }
        if wanted.encrypted > 0 {
            findings.not_compared.push(NotCompared {
                what: format!("{} ({} values)", wanted.desired.identity(), wanted.encrypted),
                namespace: wanted.namespace.to_owned(),
                reason: ENCRYPTED.to_owned(),
            });
        }
        if wanted.was_found() {
            findings.objects += usize::from(!wanted.was_unreadable());
        } else if wanted.head.name.is_empty() {
            findings.not_compared.push(NotCompared {
                what: format!("{}/{}*", wanted.kind.kind, wanted.head.generate_name),
                namespace: wanted.namespace.to_owned(),
                reason: NAMELESS.to_owned(),
            });
        } else if unlisted.covers(&wanted.kind, wanted.namespace) {
            // Its kind's entry says so.
        } else if in_doubt {
            findings.not_compared.push(NotCompared {
                what: format!("{}/{}", wanted.kind.kind, wanted.head.name),
                namespace: wanted.namespace.to_owned(),
                reason: IN_DOUBT.to_owned(),
            });
        } else {
            findings.objects += 1;
            items.push(vec![examiner.missing(wanted)]);
        }
    }
    for mut item in items.into_iter().flatten() {
        let Some(findings) = by_namespace.get_mut(&item.namespace) else { continue };
        match request.policy.apply(&mut item, examiner.setting.now) {
            Some(ignored) => findings.ignored.push(ignored),
            None => findings.items.push(item),
        }
    }
    for unreadable in examined.unreadable {
        gaps.add_unreadable(unreadable);
    }
    for entry in gaps.placed.into_iter().filter(|entry| request.covers(&entry.namespace)) {
        match by_namespace.get_mut(&entry.namespace) {
            Some(findings) => findings.not_compared.push(entry),
            None => gaps.anywhere.push(entry),
        }
    }
    if by_namespace.is_empty() {
        by_namespace.insert(String::new(), findings(""));
    }
    for findings in by_namespace.values_mut() {
        findings.not_compared.extend_from_slice(&gaps.anywhere);
    }
    by_namespace.into_values().map(DriftReport::new).collect()
}

fn findings(examiner: &Examiner<'_>, namespace: &str, triggered_by: Trigger) -> Findings {
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
        ignored: Vec::new(),
        triggered_by,
    }
}
