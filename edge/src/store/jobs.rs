//! `jobs`: work that is to be done once, by whichever replica claims it.
//!
//! A claim is one statement, so that no two replicas hold a job; it is a lease, so that a lost replica's job is taken
//! over; and it has an epoch, so that a replica that was only slow cannot write over its successor.

use std::time::Duration;

use anchorwatch_core::drift::report::Trigger;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, FromQueryResult};
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, after, failing, micros, read, timestamp};

/// How often a job is begun before it is given up.
const ATTEMPTS: i64 = 5;

/// A scan that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewJob {
    /// The source's name.
    pub source: String,
    /// Namespaces; all of the source's where empty.
    pub namespaces: Vec<String>,
    /// What started it.
    pub triggered_by: Trigger,
    /// Who asked, where a person did.
    pub requested_by: Option<String>,
}

/// A job that this replica has claimed.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The job's id.
    pub job_id: String,
    /// What is to be done.
    pub job: NewJob,
    epoch: i64,
}

/// A job, and what has come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub job_id: String,
    /// What is to be done.
    pub job: NewJob,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// What has come of it.
    pub outcome: JobOutcome,
}

/// What has come of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    /// Nobody has begun it.
    Queued,
    /// Somebody is at it.
    Running,
    /// It is done: the id of its scan.
    Done(String),
    /// It failed, for this reason.
    Failed(String),
}

/// A source whose scan was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// Its name.
    pub source: String,
    /// Its cluster; nothing if it was scanned since, or is there no more.
    pub cluster: Option<String>,
}

#[derive(FromQueryResult)]
struct Row {
    job_id: String,
    payload: String,
    state: String,
    created_at: i64,
    epoch: i64,
    outcome: Option<String>,
}

const COLUMNS: &str = "job_id, payload, state, created_at, epoch, outcome";

impl Store {
    /// Queues a scan. A source that has one waiting gets no second one of the same namespaces: that one's id is given.
    pub async fn enqueue(&self, job_id: &str, job: &NewJob, now: Timestamp) -> Result<String, StoreError> {
        let fail = failing("queue a scan");
        let write = self.begin().await.map_err(&fail)?;
        let job_id = self.enqueue_within(&write, job_id, job, now).await?;
        write.commit().await.map_err(fail)?;
        Ok(job_id)
    }

    pub(super) async fn enqueue_within(
        &self,
        write: &DatabaseTransaction,
        job_id: &str,
        job: &NewJob,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let fail = failing("queue a scan");
        let subject = format!("{}/{}", job.source, job.namespaces.join(","));
        let payload = serde_json::to_string(job).expect("a job is JSON");
        // What waits already is held until it is known to the end: it would be claimed meanwhile, and nobody would wait for it.
        let sql = "INSERT INTO jobs (job_id, kind, subject, payload, state, run_at, created_at, attempts, epoch) \
                   VALUES ($1, 'scan', $2, $3, 'queued', $4, $4, 0, 0) \
                   ON CONFLICT (kind, subject) WHERE state = 'queued' DO UPDATE SET kind = excluded.kind RETURNING job_id";
        let values = [job_id.into(), subject.into(), payload.into(), micros(now).into()];
        let row = write.query_one_raw(self.statement(sql, values)).await.map_err(&fail)?;
        row.map_or_else(|| Ok(job_id.to_owned()), |row| row.try_get("", "job_id")).map_err(fail)
    }

    /// Claims the oldest job that waits, whatever the clock showed when it was queued, or one whose holder has not been heard of for its lease.
    pub async fn claim(&self, holder: &str, lease: Duration, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        let lock = self.skip_locked();
        let sql = format!(
            "UPDATE jobs SET state = 'running', holder = $1, leased_until = $2, epoch = epoch + 1, attempts = attempts + 1 \
             WHERE job_id = (SELECT job_id FROM jobs WHERE state = 'queued' \
             OR (state = 'running' AND leased_until < $3 AND attempts < $4) ORDER BY run_at, job_id LIMIT 1 {lock}) RETURNING {COLUMNS}"
        );
        let values = [holder.into(), micros(after(now, lease)).into(), micros(now).into(), ATTEMPTS.into()];
        let row = Row::find_by_statement(self.statement(&sql, values)).one(&self.db).await;
        row.map_err(failing("claim a job"))?.map(Row::claim).transpose()
    }

    /// Holds a claim for longer.
    pub async fn renew(&self, claim: &Claim, lease: Duration, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE jobs SET leased_until = $3 WHERE job_id = $1 AND epoch = $2 AND state = 'running'";
        let values = [claim.job_id.as_str().into(), claim.epoch.into(), micros(after(now, lease)).into()];
        let done = self.db.execute_raw(self.statement(sql, values)).await.map_err(failing("renew a claim"))?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::ClaimLost(claim.job_id.clone())) }
    }

    /// Ends a job in the transaction of its results; without the claim nothing is written.
    pub(super) async fn finish_within<T>(
        &self,
        write: &DatabaseTransaction,
        claim: &Claim,
        now: Timestamp,
        result: &Result<T, String>,
        scan_id: &str,
    ) -> Result<(), StoreError> {
        let (state, outcome) = match result {
            Ok(_) => ("done", scan_id),
            Err(reason) => ("failed", reason.as_str()),
        };
        let sql = "UPDATE jobs SET state = $3, outcome = $4, finished_at = $5, leased_until = NULL \
                   WHERE job_id = $1 AND epoch = $2 AND state = 'running'";
        let values =
            [claim.job_id.as_str().into(), claim.epoch.into(), state.into(), outcome.into(), micros(now).into()];
        let done = write.execute_raw(self.statement(sql, values)).await.map_err(failing("end a job"))?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::ClaimLost(claim.job_id.clone())) }
    }

    /// One job.
    pub async fn job(&self, job_id: &str) -> Result<Option<Job>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE job_id = $1");
        self.by_id(&sql, job_id, "read a job").await?.map(Row::job).transpose()
    }

    /// Gives up jobs that took every one of their holders down: their sources have failed. Gives these, by name, one for
    /// each job.
    pub async fn give_up(&self, now: Timestamp) -> Result<Vec<GivenUp>, StoreError> {
        let fail = failing("give up jobs");
        let why = format!("given up: begun {ATTEMPTS} times, and never ended");
        let write = self.begin().await.map_err(&fail)?;
        let lock = self.skip_locked();
        let sql = format!(
            "UPDATE jobs SET state = 'failed', outcome = $3, finished_at = $2, leased_until = NULL WHERE job_id IN \
             (SELECT job_id FROM jobs WHERE state = 'running' AND leased_until < $2 AND attempts >= $1 {lock}) \
             RETURNING {COLUMNS}"
        );
        let values = [ATTEMPTS.into(), micros(now).into(), why.as_str().into()];
        let rows = Row::find_by_statement(self.statement(&sql, values)).all(&write).await.map_err(&fail)?;
        let jobs = rows.into_iter().map(Row::job).collect::<Result<Vec<_>, _>>()?;
        let mut jobs: Vec<(String, Timestamp)> = jobs.into_iter().map(|job| (job.job.source, job.created_at)).collect();
        // Sources are held in one order, so that nobody waits for somebody who waits for him.
        jobs.sort();
        let mut given_up = Vec::new();
        for (source, asked_at) in jobs {
            self.hold_source(&write, &source).await.map_err(&fail)?;
            // What was scanned since has not failed.
            let sql = "UPDATE sources SET last_failure = $2, last_failure_at = $3 WHERE name = $1 \
                       AND (last_success_at IS NULL OR last_success_at < $4) RETURNING cluster";
            let values = [source.as_str().into(), why.as_str().into(), micros(now).into(), micros(asked_at).into()];
            let row = write.query_one_raw(self.statement(sql, values)).await.map_err(&fail)?;
            let cluster: Option<String> = row.map(|row| row.try_get("", "cluster")).transpose().map_err(&fail)?;
            if let Some(cluster) = &cluster {
                self.scan_failed_within(&write, &source, cluster, now).await.map_err(&fail)?;
            }
            given_up.push(GivenUp { source, cluster });
        }
        write.commit().await.map_err(fail)?;
        Ok(given_up)
    }
}

impl Row {
    fn read_job(&self) -> Result<NewJob, StoreError> {
        read("a job", &self.payload)
    }

    fn claim(self) -> Result<Claim, StoreError> {
        Ok(Claim { job: self.read_job()?, job_id: self.job_id, epoch: self.epoch })
    }

    fn job(self) -> Result<Job, StoreError> {
        let job = self.read_job()?;
        let said = self.outcome.unwrap_or_default();
        let outcome = match self.state.as_str() {
            "done" => JobOutcome::Done(said),
            "failed" => JobOutcome::Failed(said),
            "running" => JobOutcome::Running,
            _ => JobOutcome::Queued,
        };
        Ok(Job { job, job_id: self.job_id, created_at: timestamp(self.created_at), outcome })
    }
}
