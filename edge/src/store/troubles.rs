//! `troubles`: what goes wrong again and again, such as the scans of a source; told of once, and when it is over.
//!
//! One failure is often none: a server restarts, a token is renewed. So the third in a row is told.

use anchorwatch_core::notification::{Told, ToldRejection, ToldSource};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, FromQueryResult};

use super::{Store, StoreError, failing, micros, timestamp};

/// How many failures in a row people are told of.
const TOLD_FROM: i64 = 3;

#[derive(FromQueryResult)]
struct Row {
    subject: String,
    cluster: String,
    since: i64,
    times: i64,
    told_at: Option<i64>,
    detail: String,
}

const COLUMNS: &str = "subject, cluster, since, times, told_at, detail";

impl Store {
    pub(super) async fn scan_failed_within(
        &self,
        write: &DatabaseTransaction,
        source: &str,
        cluster: &str,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        let sql = "INSERT INTO troubles (kind, subject, cluster, since, changed_at, times) \
                   VALUES ('scan', $1, $2, $3, $3, 1) ON CONFLICT (kind, subject) DO UPDATE SET \
                   cluster = excluded.cluster, changed_at = excluded.changed_at, \
                   since = CASE WHEN troubles.over_at IS NULL THEN troubles.since ELSE excluded.since END, \
                   times = CASE WHEN troubles.over_at IS NULL THEN troubles.times + 1 ELSE 1 END, \
                   told_at = CASE WHEN troubles.over_at IS NULL THEN troubles.told_at ELSE NULL END, over_at = NULL";
        let values = [source.into(), cluster.into(), micros(now).into()];
        write.execute_raw(self.statement(sql, values)).await.map(drop)
    }

    pub(super) async fn scan_succeeded_within(
        &self,
        write: &DatabaseTransaction,
        source: &str,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        // What nobody was told of is over in silence.
        let sql = "DELETE FROM troubles WHERE kind = 'scan' AND subject = $1 AND told_at IS NULL";
        write.execute_raw(self.statement(sql, [source.into()])).await?;
        let sql = "UPDATE troubles SET over_at = $2 WHERE kind = 'scan' AND subject = $1 AND over_at IS NULL";
        write.execute_raw(self.statement(sql, [source.into(), micros(now).into()])).await.map(drop)
    }

    /// Notes that no provider answered a request. `why`: names and codes. People are told of the first, until
    /// requests are answered again.
    pub async fn note_rejected(&self, intent: &str, why: &str, now: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT INTO troubles (kind, subject, cluster, since, changed_at, times, detail) \
                   VALUES ('route', $1, '', $2, $2, 1, $3) ON CONFLICT (kind, subject) DO UPDATE SET \
                   times = troubles.times + 1, detail = excluded.detail";
        let values = [intent.into(), micros(now).into(), why.into()];
        let done = self.db.execute_raw(self.statement(sql, values)).await;
        done.map(drop).map_err(failing("note that a request was rejected"))
    }

    /// Notes that requests are answered again.
    pub async fn note_answered(&self) -> Result<(), StoreError> {
        let sql = "DELETE FROM troubles WHERE kind = 'route'";
        let done = self.db.execute_raw(self.statement(sql, [])).await;
        done.map(drop).map_err(failing("note that requests are answered"))
    }

    /// Takes what is to be told: troubles that began, and those that ended, up to a time.
    pub(super) async fn take_troubles(
        &self,
        write: &DatabaseTransaction,
        settled: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Told>, DbErr> {
        let sql = format!(
            "UPDATE troubles SET told_at = $1 WHERE kind = 'scan' AND times >= $2 AND told_at IS NULL \
             AND over_at IS NULL AND changed_at <= $3 RETURNING {COLUMNS}"
        );
        let values = [micros(now).into(), TOLD_FROM.into(), micros(settled).into()];
        let failing = Row::find_by_statement(self.statement(&sql, values)).all(write).await?;
        let sql = format!("DELETE FROM troubles WHERE kind = 'scan' AND over_at <= $1 RETURNING {COLUMNS}");
        let over = Row::find_by_statement(self.statement(&sql, [micros(settled).into()])).all(write).await?;
        let (failing, over) = (sources(failing), sources(over));
        let mut told = Vec::new();
        if !failing.is_empty() {
            told.push(Told::ScanFailed { sources: failing });
        }
        if !over.is_empty() {
            told.push(Told::ScanRecovered { sources: over });
        }
        let sql = format!(
            "UPDATE troubles SET told_at = $1 WHERE kind = 'route' AND told_at IS NULL AND changed_at <= $2 \
             RETURNING {COLUMNS}"
        );
        let values = [micros(now).into(), micros(settled).into()];
        let rejected = Row::find_by_statement(self.statement(&sql, values)).all(write).await?;
        if !rejected.is_empty() {
            told.push(Told::Rejected { requests: rejections(rejected) });
        }
        Ok(told)
    }
}

fn rejections(rows: Vec<Row>) -> Vec<ToldRejection> {
    let told = rows.into_iter().map(|row| ToldRejection {
        intent: row.subject,
        since: timestamp(row.since),
        times: u32::try_from(row.times).unwrap_or(u32::MAX),
        reasons: row.detail,
    });
    let mut requests: Vec<ToldRejection> = told.collect();
    requests.sort();
    requests
}

fn sources(rows: Vec<Row>) -> Vec<ToldSource> {
    let told = rows.into_iter().filter(|row| row.told_at.is_some());
    let mut sources: Vec<ToldSource> = told
        .map(|row| ToldSource {
            source: row.subject,
            cluster: row.cluster,
            since: timestamp(row.since),
            failures: u32::try_from(row.times).unwrap_or(u32::MAX),
        })
        .collect();
    sources.sort();
    sources
}
