//! `POST /api/v1/drift/scan`

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::drift::report::Trigger;
use anchorwatch_edge::clock;
use anchorwatch_edge::store::{Filter, JobOutcome, NewJob, Role};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use serde_json::value::RawValue;

use super::body::Body;
use super::jobs::response;
use super::model::{self, DriftScanRequest, DriftScanResponses, JobList, ScanFailure};
use super::{Caller, Problem};
use crate::config::{Discover, Source};
use crate::serve::Service;

/// How long a scan is waited for.
const PATIENCE: Duration = Duration::from_mins(10);
/// How often the store is asked; what this replica does itself it hears of at once.
const LOOK: Duration = Duration::from_millis(250);
/// The most reports of one scan that are given.
const MOST: u64 = 10_000;

/// Scans, and waits for what comes of it; with `Prefer: respond-async` it does not wait.
#[utoipa::path(post, path = "/api/v1/drift/scan", request_body = Option<DriftScanRequest>, tag = "scan",
    params(
        ("Prefer" = Option<String>, Header, description = "`respond-async`: do not wait"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key by the same caller asks for the same scan"),
    ),
    responses(
    (status = 200, description = "What was found, per namespace", body = DriftScanResponses),
    (status = 202, description = "Queued", body = JobList),
    (status = 502, description = "No source could be scanned", body = Problem, content_type = "application/problem+json"),
    (status = 504, description = "Not ended in time; it goes on", body = Problem, content_type = "application/problem+json"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn scan(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
    Body(request): Body<DriftScanRequest>,
) -> Result<Response, Problem> {
    let request = check(request)?;
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let jobs = ask(&service, &caller, &request, key).await?;
    let prefer = headers.get("prefer").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if prefer.to_ascii_lowercase().contains("respond-async") {
        return queued(&service, &jobs).await;
    }
    match tokio::time::timeout(PATIENCE, all(&service, &jobs)).await {
        Ok(done) => done.map(|mut responses| {
            responses.failures.extend(unread_lists(&service, &caller, &request));
            Json(responses).into_response()
        }),
        Err(_) => Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "the scan has not ended yet")
            .detail("it goes on; ask for its jobs, or for reports")
            .with("jobs", json!(jobs))),
    }
}

/// Queues what is asked for; gives the jobs' ids. `key`: the same one by the same caller asks for the same scan.
pub(crate) async fn ask(
    service: &Service,
    caller: &Caller,
    request: &DriftScanRequest,
    key: Option<&str>,
) -> Result<Vec<String>, Problem> {
    caller.must_be(Role::Operator)?;
    let config = service.config();
    let sources = chosen(&config.sources, request, caller)?;
    if service.limits.scans.check_key(&caller.0.name).is_err() {
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many scans asked for").retry_after(10));
    }
    let mut jobs = Vec::new();
    for source in sources {
        let job = NewJob {
            source: source.name.clone(),
            namespaces: request.namespaces.clone(),
            triggered_by: request.triggered_by.unwrap_or(Trigger::Api),
            requested_by: Some(caller.0.name.clone()),
        };
        let job_id = match key {
            Some(key) => id_of(&[&caller.0.name, key, &source.name]),
            None => clock::new_id(),
        };
        let known = key.is_some() && service.store.job(&job_id).await?.is_some();
        let job_id = if known { job_id } else { service.store.enqueue(&job_id, &job, service.now()).await? };
        jobs.push(job_id);
    }
    service.queued.notify_waiters();
    Ok(jobs)
}

fn check(request: DriftScanRequest) -> Result<DriftScanRequest, Problem> {
    let texts = request.namespaces.iter().chain(&request.source).chain(&request.cluster);
    if texts.into_iter().any(|text| text.chars().any(char::is_control)) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the body cannot be read")
            .detail("control characters stand for nothing"));
    }
    Ok(request)
}

/// The sources that are meant, as far as the caller may.
fn chosen<'s>(sources: &'s [Source], request: &DriftScanRequest, caller: &Caller) -> Result<Vec<&'s Source>, Problem> {
    let DriftScanRequest { namespaces, triggered_by: _, cluster, source } = request;
    let meant: Vec<&Source> = sources
        .iter()
        .filter(|s| source.as_ref().is_none_or(|name| *name == s.name))
        .filter(|s| cluster.as_ref().is_none_or(|name| *name == s.cluster))
        .filter(|s| caller.sees_cluster(&s.cluster))
        .collect();
    if meant.is_empty() {
        return Err(Problem::not_found("source").detail("GET /api/v1/sources lists them"));
    }
    let strangers = namespaces.iter().any(|namespace| !meant.iter().all(|s| caller.sees(&s.cluster, namespace)));
    if strangers || (namespaces.is_empty() && !caller.0.namespaces.is_empty()) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "these namespaces are not all yours to scan")
            .detail(format!("name some of: {}", caller.0.namespaces.join(", "))));
    }
    let beyond = |s: &&&Source| namespaces.iter().any(|n| !s.namespaces().is_empty() && !s.namespaces().contains(n));
    if let Some(source) = meant.iter().find(beyond) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the source {} is limited", source.name))
            .detail(format!("to: {}", source.namespaces().iter().cloned().collect::<Vec<_>>().join(", "))));
    }
    Ok(meant)
}

/// Lists of sources that were meant and cannot be read now: what is in them nobody has scanned.
fn unread_lists(service: &Service, caller: &Caller, request: &DriftScanRequest) -> Vec<ScanFailure> {
    let config = service.config();
    let is_meant = |list: &&Discover| {
        request.source.is_none()
            && request.cluster.as_ref().is_none_or(|name| *name == list.cluster)
            && caller.sees_cluster(&list.cluster)
    };
    let unread = config.discover.iter().filter(is_meant).filter_map(|list| {
        let (_, reason) = service.discovered.state(&list.name()).fault?;
        Some(ScanFailure { source: list.name(), reason })
    });
    unread.collect()
}

/// The same for the same parts, in every replica.
fn id_of(parts: &[&str]) -> String {
    let mut hash = sha2::Sha256::default();
    for part in parts {
        sha2::Digest::update(&mut hash, part.as_bytes());
        sha2::Digest::update(&mut hash, [0]);
    }
    anchorwatch_core::object::secret::hex(&sha2::Digest::finalize(hash))[..32].to_owned()
}

async fn queued(service: &Service, jobs: &[String]) -> Result<Response, Problem> {
    let mut items = Vec::new();
    for job in jobs {
        items.extend(service.store.job(job).await?.map(response));
    }
    let first = items.first().map(|job| job.href.clone()).unwrap_or_default();
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, first)], Json(JobList { items })).into_response())
}

/// What comes of all jobs.
async fn all(service: &Service, jobs: &[String]) -> Result<DriftScanResponses, Problem> {
    let mut responses = DriftScanResponses { items: Vec::new(), failures: Vec::new() };
    for job_id in jobs {
        let mut events = service.events.subscribe();
        let (source, outcome) = loop {
            let Some(job) = service.store.job(job_id).await? else { return Err(Problem::not_found("job")) };
            match job.outcome {
                JobOutcome::Queued | JobOutcome::Running => {}
                done => break (job.job.source, done),
            }
            let _ = tokio::time::timeout(LOOK, events.recv()).await;
        };
        match outcome {
            JobOutcome::Done(scan) => {
                let filter = Filter { scan: Some(scan), ..Filter::default() };
                let listed = service.store.reports(&filter, MOST, None).await?;
                responses
                    .items
                    .extend(listed.items.iter().rev().map(|report| brief(report)).collect::<Result<Vec<_>, _>>()?);
            }
            JobOutcome::Failed(reason) => responses.failures.push(ScanFailure { source, reason }),
            JobOutcome::Queued | JobOutcome::Running => unreachable!("the loop ends when it is done"),
        }
    }
    if responses.items.is_empty() && !responses.failures.is_empty() {
        let said: Vec<String> = responses.failures.iter().map(|f| format!("{}: {}", f.source, f.reason)).collect();
        let failures = serde_json::to_value(responses.failures).expect("failures are JSON");
        return Err(Problem::new(StatusCode::BAD_GATEWAY, "nothing was scanned")
            .detail(said.join("\n"))
            .with("failures", failures));
    }
    Ok(responses)
}

fn brief(report: &RawValue) -> Result<model::DriftScanResponse, Problem> {
    serde_json::from_str(report.get()).map_err(|error| {
        tracing::error!(%error, "a stored report has another shape");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "a stored report cannot be read")
    })
}
