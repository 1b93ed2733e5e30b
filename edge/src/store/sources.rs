//! `sources`: what is scanned, when next, and what came of it last.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anchorwatch_core::drift::report::Trigger;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, FromQueryResult};

use super::{NewJob, Store, StoreError, after, failing, micros, timestamp};

/// A source as it is configured.
#[derive(Debug, Clone, Copy)]
pub struct ConfiguredSource<'a> {
    /// Its name.
    pub name: &'a str,
    /// The cluster that it is compared with.
    pub cluster: &'a str,
    /// Its address.
    pub address: &'a str,
    /// How often it is scanned; a tenth may be added.
    pub interval: Duration,
}

/// A source, and what came of it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Its name.
    pub name: String,
    /// The cluster that it is compared with.
    pub cluster: String,
    /// Its address.
    pub address: String,
    /// When it is scanned next.
    pub next_due_at: Option<Timestamp>,
    /// When a scan of it succeeded last.
    pub last_success_at: Option<Timestamp>,
    /// Why the last scan failed; nothing if it did not.
    pub last_failure: Option<String>,
    /// When it failed.
    pub last_failure_at: Option<Timestamp>,
}

#[derive(FromQueryResult)]
struct Row {
    name: String,
    cluster: String,
    address: String,
    next_due_at: Option<i64>,
    last_success_at: Option<i64>,
    last_failure: Option<String>,
    last_failure_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct Name {
    name: String,
}

const COLUMNS: &str = "name, cluster, address, next_due_at, last_success_at, last_failure, last_failure_at";

impl Store {
    /// Makes the configured sources those of the store. New ones, and those at another address, are due at once; those that
    /// are gone are due no more. The others are due when they were, or sooner where the interval is shorter now: a replica
    /// that starts asks for nothing that was done already. `kept`: beginnings of names of which it is not known whether they
    /// are gone. Where nothing is to be changed nothing is written.
    pub async fn configure_sources(
        &self,
        sources: &[ConfiguredSource<'_>],
        kept: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let fail = failing("write the sources");
        let write = self.begin().await.map_err(&fail)?;
        let sql = format!("SELECT {COLUMNS} FROM sources WHERE removed_at IS NULL");
        let rows = Row::find_by_statement(self.statement(&sql, [])).all(&write).await.map_err(&fail)?;
        let known: BTreeMap<&str, &Row> = rows.iter().map(|row| (row.name.as_str(), row)).collect();
        let named: BTreeSet<&str> = sources.iter().map(|source| source.name).collect();
        let is_gone = |name: &&str| !named.contains(name) && !kept.iter().any(|start| name.starts_with(start));
        for name in known.keys().copied().filter(is_gone) {
            let sql = "UPDATE sources SET removed_at = $1, next_due_at = NULL WHERE name = $2";
            write.execute_raw(self.statement(sql, [micros(now).into(), name.into()])).await.map_err(&fail)?;
        }
        for ConfiguredSource { name, cluster, address, interval } in sources {
            let latest = micros(after(now, *interval + *interval / 10));
            let is_same = |row: &&Row| {
                let is_due = row.next_due_at.is_some_and(|due| due <= latest);
                is_due && row.cluster == *cluster && row.address == *address
            };
            if known.get(name).is_some_and(is_same) {
                continue;
            }
            let sql = "INSERT INTO sources (name, cluster, address, next_due_at) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (name) DO UPDATE SET cluster = excluded.cluster, address = excluded.address, \
                       removed_at = NULL, next_due_at = CASE \
                       WHEN sources.next_due_at IS NULL OR sources.cluster <> excluded.cluster \
                       OR sources.address <> excluded.address THEN excluded.next_due_at \
                       WHEN sources.next_due_at > $5 THEN $5 ELSE sources.next_due_at END";
            let values = [(*name).into(), (*cluster).into(), (*address).into(), micros(now).into(), latest.into()];
            write.execute_raw(self.statement(sql, values)).await.map_err(&fail)?;
        }
        write.commit().await.map_err(fail)
    }

    /// The sources, by name.
    pub async fn sources(&self) -> Result<Vec<SourceRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sources WHERE removed_at IS NULL ORDER BY name");
        let rows = Row::find_by_statement(self.statement(&sql, [])).all(&self.db).await;
        Ok(rows.map_err(failing("list sources"))?.into_iter().map(Row::read).collect())
    }

    /// The names of the sources that are due.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT name FROM sources WHERE next_due_at <= $1 AND removed_at IS NULL ORDER BY next_due_at, name";
        let rows = Name::find_by_statement(self.statement(sql, [micros(now).into()])).all(&self.db).await;
        Ok(rows.map_err(failing("list what is due"))?.into_iter().map(|row| row.name).collect())
    }

    /// Queues a scan of a source if it is due, and sets when it is due next. Of several replicas one does; true if this.
    pub async fn queue_if_due(
        &self,
        name: &str,
        job_id: &str,
        next_in: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let fail = failing("queue a scan that is due");
        let write = self.begin().await.map_err(&fail)?;
        let sql = "UPDATE sources SET next_due_at = $3 WHERE name = $1 AND next_due_at <= $2 AND removed_at IS NULL";
        let values = [name.into(), micros(now).into(), micros(after(now, next_in)).into()];
        let taken = write.execute_raw(self.statement(sql, values)).await.map_err(&fail)?;
        if taken.rows_affected() == 0 {
            return Ok(false);
        }
        let job =
            NewJob { source: name.to_owned(), namespaces: Vec::new(), triggered_by: Trigger::Cron, requested_by: None };
        self.enqueue_within(&write, job_id, &job, now).await?;
        write.commit().await.map_err(fail)?;
        Ok(true)
    }
}

impl Row {
    fn read(self) -> SourceRow {
        SourceRow {
            name: self.name,
            cluster: self.cluster,
            address: self.address,
            next_due_at: self.next_due_at.map(timestamp),
            last_success_at: self.last_success_at.map(timestamp),
            last_failure: self.last_failure,
            last_failure_at: self.last_failure_at.map(timestamp),
        }
    }
}
