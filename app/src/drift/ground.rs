//! What a comparison stands on: the source as it was read, the live side as it was opened, and what both say of types.

use std::collections::BTreeSet;
use std::sync::Mutex;

use anchorwatch_core::drift::audit::AuditLog;
use anchorwatch_core::drift::examine::Setting;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::schema::catalogue::{self, Minor};
use anchorwatch_core::source::Contents;
use tokio::runtime::Handle;
use tracing::field::Empty;

use super::confirm::Confirmation;
use super::examiner::{Examiner, Unreadable};
use super::live::{self, Recorded};
use super::past::Past;
use super::scan::Request;
use super::side::{Opening, Side};
use super::source::ReadSource;
use super::unlisted::Unlisted;
use crate::failure::Failure;
use crate::index::{Duplicate, Index, Scope};

/// Both sides, and who compares them.
pub(super) struct Ground<'a> {
    pub(super) side: &'a Side,
    pub(super) source: &'a ReadSource,
    pub(super) contents: &'a Contents<'a>,
    /// The objects of a recorded state.
    pub(super) recorded: &'a [Recorded<'a>],
    /// What could not be read of it.
    pub(super) unread: Vec<Unreadable>,
    /// Kinds that cannot be listed.
    pub(super) unlisted: Unlisted,
    /// Objects that the source has twice.
    pub(super) duplicates: Vec<Duplicate>,
    /// The minor release whose defaults are used.
    pub(super) defaults_minor: Minor,
    pub(super) examiner: Examiner<'a>,
}

/// Reads the source and opens the live side, and gives both to `then`. Runs outside of the async runtime.
pub(super) fn stand_on<T>(
    runtime: &Handle,
    request: &Request,
    key: &SecretKey,
    then: impl FnOnce(Ground<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let scratch = super::scratch()?;
    let mut opening = Opening::begin(runtime, request.live.clone());
    let reading = tracing::info_span!("read source", anchorwatch.files = Empty, anchorwatch.objects = Empty).entered();
    let source = runtime.block_on(super::source::read(&request.source, Some(&mut opening), scratch.path()))?;
    let contents = source.contents(key);
    reading.record("anchorwatch.files", source.files.len());
    reading.record("anchorwatch.objects", contents.objects.len());
    drop(reading);
    if contents.objects.is_empty() && contents.problems.is_empty() && source.not_compared.is_empty() {
        return Err(Failure::new(format!("the source {} holds no Kubernetes object", request.source.address))
            .detail(format!("files that were read: {}", source.files.len()))
            .hint("name the folder that holds the manifests (.yaml, .yml, .json)"));
    }
    let side = runtime.block_on(opening.side())?;
    let (recorded, unread) = match side {
        Side::Recorded { files, .. } => live::recorded(files)?,
        Side::Served { .. } => Default::default(),
    };

    let (mut schema, defaults_minor) = catalogue::load(side.minor());
    let mut unlisted = match side {
        Side::Recorded { .. } => live::learn_recorded_kinds(&mut schema, &recorded),
        Side::Served { cluster, .. } => {
            runtime.block_on(live::learn_served_kinds(cluster, &mut schema, &contents.objects))?
        }
    };
    let namespace = request.source.namespace.as_deref().unwrap_or_else(|| side.default_namespace());
    let scope = Scope { namespaces: &request.namespaces, secrets: request.secrets };
    let (mut index, duplicates) = Index::new(&contents.objects, namespace, &schema, scope);
    check_namespaces(&index, request)?;
    match side {
        Side::Recorded { .. } => live::learn_recorded_autoscalers(&mut index, &recorded),
        Side::Served { cluster, .. } => {
            runtime.block_on(live::learn_live_autoscalers(cluster, &schema, &mut index, &mut unlisted))?;
        }
    }
    let audit = request.audit.as_deref().map(read_audit).transpose()?;
    let past = source.history.as_ref().map(|history| Past::new(history, runtime, key, request.applied.as_deref()));
    let unstable = source.unstable(&contents, &schema, key);
    let confirmation = match side {
        Side::Served { cluster, .. } if request.confirm => Some(Confirmation::new(cluster, runtime, &schema)),
        _ => None,
    };
    let examiner = Examiner {
        schema: &schema,
        index: &index,
        setting: Setting {
            cluster: request.named.as_ref().map_or(side.cluster(), |named| &named.cluster),
            source: request.named.as_ref().map_or(&request.source.address, |named| &named.source),
            now: request.now,
            key,
        },
        origin: &source.origin,
        past: past.as_ref(),
        unstable: &unstable,
        audit: audit.as_ref(),
        unmanaged: request.unmanaged,
        confirm: confirmation.as_ref(),
        explain: request.explain.as_ref(),
        told: Mutex::default(),
        unattributed: Mutex::new(0),
    };
    then(Ground {
        side,
        source: &source,
        contents: &contents,
        recorded: &recorded,
        unread,
        unlisted,
        duplicates,
        defaults_minor,
        examiner,
    })
}

/// Refuses to look into a namespace in which the source has nothing.
pub(super) fn check_namespaces(index: &Index<'_>, request: &Request) -> Result<(), Failure> {
    let Some(stranger) = request.namespaces.iter().find(|namespace| !index.has_namespace(namespace)) else {
        return Ok(());
    };
    let has: BTreeSet<&str> = index.all().iter().map(|wanted| wanted.namespace).collect();
    Err(Failure::new(format!("the source {} has nothing in namespace {stranger}", request.source.address))
        .detail(format!("it has objects in: {}", Vec::from_iter(has).join(", ")))
        .hint("name one of these, or none for all"))
}

#[expect(clippy::disallowed_methods, reason = "one file that a person named")]
fn read_audit(path: &std::path::Path) -> Result<AuditLog, Failure> {
    let fail = |reason: String| {
        Failure::new(format!("cannot read the audit log {}", path.display()))
            .detail(reason)
            .hint("JSON lines, as kube-apiserver --audit-log-path writes them")
    };
    let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
    let (log, unread) = AuditLog::parse(&text);
    if unread > 0 { Err(fail(format!("{unread} lines are no audit events"))) } else { Ok(log) }
}
