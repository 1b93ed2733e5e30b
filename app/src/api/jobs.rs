//! `/api/v1/jobs`

use std::sync::Arc;

use anchorwatch_edge::store::{Job, JobOutcome};
use axum::Json;
use axum::extract::{Path, State};
use axum_extra::extract::WithRejection;

use super::model::{JobResponse, JobState};
use super::{Caller, Problem};
use crate::serve::Service;

/// What has come of a scan that was asked for.
#[utoipa::path(get, path = "/api/v1/jobs/{job_id}", tag = "scan",
    params(("job_id" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The job", body = JobResponse),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn job(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(job_id), _): WithRejection<Path<String>, Problem>,
) -> Result<Json<JobResponse>, Problem> {
    let job = service.store.job(&job_id).await?;
    let config = service.config();
    let seen = |job: &Job| {
        let source = config.source(&job.job.source);
        let cluster = source.map_or("", |source| source.cluster.as_str());
        // A job without namespaces is about all of its source's.
        caller.sees_cluster(cluster) && job.job.namespaces.iter().all(|namespace| caller.sees(cluster, namespace))
    };
    job.filter(seen).map(response).map(Json).ok_or_else(|| Problem::not_found("job"))
}

pub(super) fn response(job: Job) -> JobResponse {
    let (state, scan_id, failure) = match job.outcome {
        JobOutcome::Queued => (JobState::Queued, None, None),
        JobOutcome::Running => (JobState::Running, None, None),
        JobOutcome::Done(scan) => (JobState::Done, Some(scan), None),
        JobOutcome::Failed(reason) => (JobState::Failed, None, Some(reason)),
    };
    JobResponse {
        href: format!("/api/v1/jobs/{}", job.job_id),
        job_id: job.job_id,
        source: job.job.source,
        state,
        created_at: job.created_at,
        scan_id,
        failure,
    }
}
