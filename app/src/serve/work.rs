//! Does what is queued: claims a scan, runs it on a thread of its own, and records what came of it.
//!
//! The claim is a lease that is renewed while the scan runs. Whoever lost it writes nothing. A store that is gone for a
//! while is waited for: what was found is not thrown away.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::drift::report::Trigger;
use anchorwatch_edge::clock;
use anchorwatch_edge::store::{Claim, ScanRecord, StoreError};
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::{Event, Service, aside};
use crate::config::Source;
use crate::drift;
use crate::drift::scan::{Outcome, Request, scan};
use crate::drift::watch::Asked;
use crate::fail_point;
use crate::failure::Failure;
use crate::words::word;

/// How long a claim holds without being renewed; a quarter of it goes by until it is.
fn lease() -> Duration {
    fail_point::lease(Duration::from_mins(1))
}

/// How long a watch is waited for, before everything is listed.
const ANSWER: Duration = Duration::from_secs(2);
/// How often somebody looks whether another replica has queued something.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(service: Arc<Service>) {
    let mut faults = service.failing.faults("cannot claim work");
    while !service.stop.is_cancelled() {
        let queued = service.queued.notified();
        match service.store.claim(&service.replica, lease(), service.now()).await {
            Ok(Some(claim)) => {
                faults.none();
                let span = tracing::info_span!(
                    "scan",
                    otel.name = format!("scan {}", claim.job.source),
                    otel.status_code = Empty,
                    anchorwatch.source = claim.job.source,
                    anchorwatch.cluster = Empty,
                    anchorwatch.job = claim.job_id,
                    anchorwatch.triggered_by = word(claim.job.triggered_by),
                    anchorwatch.objects = Empty,
                );
                perform(&service, claim).instrument(span).await;
                continue;
            }
            Ok(None) => faults.none(),
            Err(error) => faults.note(&error),
        }
        tokio::select! {
            () = queued => {}
            () = tokio::time::sleep(LOOK) => {}
            () = service.stop.cancelled() => {}
        }
    }
}

async fn perform(service: &Arc<Service>, claim: Claim) {
    let started_at = service.now();
    let (result, cluster) = match source_of(service, &claim.job.source).await {
        Ok(source) => match service.policy().await {
            Ok(policy) => {
                let request = source.request(&claim.job.namespaces, policy, claim.job.triggered_by, started_at);
                let request = Request { applied: service.applied(&source), ..request };
                let scanning = tokio::spawn(look(service.clone(), source.name.clone(), request).in_current_span());
                let Some(result) = finish(service, &claim, scanning).await else { return };
                (result, source.cluster.clone())
            }
            Err(error) => (Err(super::store_failure(&error)), source.cluster.clone()),
        },
        Err(failure) => (Err(failure), String::new()),
    };
    let record = Record { scan_id: clock::new_id(), cluster, started_at, finished_at: service.now(), result };
    let span = Span::current();
    span.record("anchorwatch.cluster", &record.cluster);
    match &record.result {
        Ok(outcome) => span.record("anchorwatch.objects", outcome.extent.objects),
        Err(_) => span.record("otel.status_code", "ERROR"),
    };
    record.write(service, &claim).instrument(tracing::info_span!("record")).await;
}

/// Scans: by what the source's watch knows, or else by asking the cluster for everything.
async fn look(service: Arc<Service>, source: String, request: Request) -> Result<Outcome, Failure> {
    let asking = ask_watch(&service, &source, &request).instrument(tracing::info_span!("ask watch"));
    if let Some(known) = asking.await {
        return known;
    }
    let (span, key) = (Span::current(), service.key.clone());
    let scanning = aside(move |runtime| {
        let _entered = span.enter();
        fail_point::reached("before-scan");
        scan(runtime, &request, &key)
    });
    scanning.await
}

/// What a watch answers, where this replica holds one that knows everything. What comes by the clock is asked of the
/// cluster: it shows that the watch misses nothing. After a push Git is another, and the watch stands on the old one.
async fn ask_watch(service: &Service, source: &str, request: &Request) -> Option<Result<Outcome, Failure>> {
    let may_know = matches!(request.triggered_by, Trigger::Api | Trigger::Manual | Trigger::Watch);
    // Nor does it hear what a delivery tool says that it applied.
    let asks_more = request.confirm || request.audit.is_some() || request.source.delivered.is_some();
    let watch = service.watched.askable(source).filter(|_| may_know && !asks_more)?;
    let (answer, answered) = oneshot::channel();
    watch.send(Asked { request: request.clone(), answer }).await.ok()?;
    let answered = tokio::time::timeout(ANSWER, answered);
    let (version, answered) = tokio::join!(drift::source::version(&request.source), answered);
    let answer = answered.ok()?.ok()?;
    (version? == answer.version).then_some(answer.told)
}

/// The source of a job, wherever it was queued.
async fn source_of(service: &Service, name: &str) -> Result<Source, Failure> {
    if let Some(source) = service.config().source(name) {
        return Ok(source.clone());
    }
    let found = super::discover::find(service, name).await?;
    found.ok_or_else(|| Failure::new(format!("no source is called {name} any more")))
}

/// Waits for a scan, and holds its claim meanwhile. `None` if the claim was lost.
async fn finish(
    service: &Service,
    claim: &Claim,
    mut scanning: JoinHandle<Result<Outcome, Failure>>,
) -> Option<Result<Outcome, Failure>> {
    loop {
        tokio::select! {
            done = &mut scanning => {
                return Some(done.unwrap_or_else(|panic| {
                    tracing::error!(source = claim.job.source, %panic, "a scan broke down");
                    Err(Failure::new("the scan broke down").detail("this is a defect of anchorwatch; its log says more"))
                }));
            }
            () = tokio::time::sleep(lease() / 4) => {
                if !hold(service, claim).await {
                    return None;
                }
            }
        }
    }
}

/// Holds a claim for longer; false if somebody else has it.
async fn hold(service: &Service, claim: &Claim) -> bool {
    match service.store.renew(claim, lease(), service.now()).await {
        Err(StoreError::ClaimLost(_)) => {
            tracing::warn!(source = claim.job.source, job = claim.job_id, "another replica has taken this scan over");
            false
        }
        Err(error) => {
            tracing::warn!(source = claim.job.source, %error, "cannot renew the claim on a scan");
            true
        }
        Ok(()) => true,
    }
}

/// What came of a scan, to be written.
struct Record {
    scan_id: String,
    cluster: String,
    started_at: Timestamp,
    finished_at: Timestamp,
    result: Result<Outcome, Failure>,
}

impl Record {
    /// Writes it as soon as the store takes it.
    async fn write(self, service: &Service, claim: &Claim) {
        let source = &claim.job.source;
        let kept = self.result.as_ref().ok().and_then(|outcome| outcome.kept.as_ref());
        let would_see = |item: &anchorwatch_edge::store::OpenItem| {
            kept.is_some_and(|kept| kept.blind.sees(&item.resource_kind, &item.namespace, &item.resource_name))
        };
        let mut faults = service.failing.faults("cannot record a scan; trying again");
        let recorded = loop {
            let record = ScanRecord {
                scan_id: &self.scan_id,
                source,
                cluster: &self.cluster,
                triggered_by: claim.job.triggered_by,
                requested_by: claim.job.requested_by.as_deref(),
                started_at: self.started_at,
                finished_at: self.finished_at,
                result: match &self.result {
                    Ok(outcome) => Ok(outcome.reports.clone()),
                    Err(failure) => Err(failure.body()),
                },
                would_see: &would_see,
            };
            match service.store.record_scan(claim, record).await {
                Ok(recorded) => {
                    faults.none();
                    break recorded;
                }
                Err(StoreError::ClaimLost(_)) => {
                    tracing::warn!(
                        source,
                        job = claim.job_id,
                        "another replica has taken this scan over; not recorded"
                    );
                    return;
                }
                Err(error) => {
                    faults.note(&error);
                    tokio::select! {
                        () = tokio::time::sleep(LOOK) => {}
                        () = service.stop.cancelled() => return,
                    }
                    if !hold(service, claim).await {
                        return;
                    }
                }
            }
        };
        let seconds = self.finished_at.duration_since(self.started_at).as_secs_f64();
        match &self.result {
            Ok(outcome) => {
                tracing::info!(
                    source,
                    cluster = self.cluster,
                    scan = self.scan_id,
                    seconds,
                    objects = outcome.extent.objects,
                    from_watch = outcome.extent.from_watch,
                    not_compared = outcome.not_compared().len(),
                    new = recorded.new,
                    changed = recorded.changed,
                    back = recorded.back,
                    resolved = recorded.resolved,
                    "scanned"
                );
                service.metrics.scanned(&self.cluster, source, self.finished_at, seconds, outcome);
            }
            Err(failure) => {
                tracing::error!(source, cluster = self.cluster, seconds, reason = failure.line(), "scan failed");
                service.metrics.scan_failed(&self.cluster, source);
            }
        }
        let version = kept.map(|kept| kept.version);
        service.announce(Event::Scanned {
            scan_id: self.scan_id,
            source: source.clone(),
            cluster: self.cluster,
            version,
        });
    }
}

impl Service {
    /// The configuration's rules, and those that people made.
    pub(crate) async fn policy(&self) -> Result<Arc<anchorwatch_core::drift::policy::Policy>, StoreError> {
        let made = self.store.rules().await?;
        let written = self.config().policy.clone();
        if made.is_empty() {
            return Ok(written);
        }
        Ok(Arc::new(written.with(made.iter().map(anchorwatch_edge::store::MadeRule::rule).collect())))
    }
}
