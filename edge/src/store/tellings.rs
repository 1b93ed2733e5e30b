//! `tellings`: what people are to be told of items, and the messages that are made of it.

use std::time::Duration;

use anchorwatch_core::drift::DriftItem;
use anchorwatch_core::drift::item::DriftStatus;
use anchorwatch_core::drift::lifecycle::{Seen, Telling};
use anchorwatch_core::notification::{Told, ToldDrifts, ToldItem};
use jiff::{SignedDuration, Timestamp};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, FromQueryResult, Value};

use super::{Oldest, Store, StoreError, Table, failing, micros, named, word};

/// One composes at a time, and while no scan is recorded: both write tellings and items, and would wait for each other. A
/// number of our own among PostgreSQL's advisory locks; SQLite has one writer anyway.
const COMPOSE_LOCK: i64 = 0x616e_6368_6f73;

pub(super) const TELLINGS: Table = Table {
    name: "tellings",
    columns: &[
        "fingerprint",
        "report_id",
        "source",
        "cluster",
        "namespace",
        "resource_kind",
        "resource_name",
        "level",
        "turn",
        "urgency",
        "due_at",
    ],
};

/// What was not told yet is told as it is now, and no later than it would have been: nobody has to be left alone yet.
pub(super) const REPLACE_TELLING: &str = " ON CONFLICT (fingerprint) DO UPDATE SET report_id = excluded.report_id, \
    level = excluded.level, urgency = excluded.urgency, \
    turn = CASE WHEN tellings.turn = 'new' THEN 'new' ELSE excluded.turn END, \
    due_at = CASE WHEN tellings.due_at < excluded.due_at THEN tellings.due_at ELSE excluded.due_at END";

/// How messages are made of what is due.
#[derive(Debug, Clone, Copy)]
pub struct Composing<'a> {
    /// The channels that each message goes to. Without any, what is due is forgotten, as nobody is there to be told.
    pub channels: &'a [String],
    /// How long what is urgent waits for more of its kind, so that a storm is one message.
    pub window: Duration,
    /// How far apart digests are.
    pub digest_interval: Duration,
}

#[derive(FromQueryResult)]
struct Row {
    fingerprint: String,
    report_id: String,
    source: String,
    cluster: String,
    namespace: String,
    resource_kind: String,
    resource_name: String,
    level: String,
    turn: String,
    /// The item's; none where the item is gone.
    status: Option<String>,
}

impl Store {
    /// Makes messages of what is due, one for each channel and kind. Gives their number.
    ///
    /// What was dealt with meanwhile is told no more.
    pub async fn compose(&self, composing: Composing<'_>, now: Timestamp) -> Result<usize, StoreError> {
        let fail = failing("compose notifications");
        let write = self.begin().await.map_err(&fail)?;
        self.lock_tellings(&write, "pg_advisory_xact_lock").await.map_err(&fail)?;
        let settled = before(now, composing.window);
        let mut told = Vec::new();
        if self.oldest(&write, AT_ONCE, now).await.map_err(&fail)?.is_some_and(|oldest| oldest <= settled) {
            told.extend(self.take(&write, "at_once", now).await?.map(Told::Drift));
        }
        let last = self.oldest(&write, LAST_DIGEST, now).await.map_err(&fail)?;
        if last.is_none_or(|last| last <= before(now, composing.digest_interval)) {
            told.extend(self.take(&write, "digest", now).await?.map(Told::Digest));
        }
        told.extend(self.take_troubles(&write, settled, now).await.map_err(&fail)?);
        let written = self.write_notifications(&write, composing.channels, &told, now).await.map_err(&fail)?;
        write.commit().await.map_err(fail)?;
        Ok(written)
    }

    /// Keeps tellings from being composed until the end of a transaction that writes them.
    pub(super) async fn hold_tellings(&self, write: &DatabaseTransaction) -> Result<(), DbErr> {
        self.lock_tellings(write, "pg_advisory_xact_lock_shared").await
    }

    async fn lock_tellings(&self, write: &DatabaseTransaction, lock: &str) -> Result<(), DbErr> {
        if self.address.backend == DbBackend::Postgres {
            let sql = format!("SELECT {lock}($1)");
            write.execute_raw(self.statement(&sql, [COMPOSE_LOCK.into()])).await?;
        }
        Ok(())
    }

    async fn oldest(&self, write: &DatabaseTransaction, sql: &str, now: Timestamp) -> Result<Option<Timestamp>, DbErr> {
        let row = Oldest::find_by_statement(self.statement(sql, [micros(now).into()])).one(write).await?;
        Ok(row.and_then(Oldest::time))
    }

    /// Takes the tellings that are due.
    async fn take(
        &self,
        write: &DatabaseTransaction,
        urgency: &str,
        now: Timestamp,
    ) -> Result<Option<ToldDrifts>, StoreError> {
        let fail = failing("compose notifications");
        let sql = "DELETE FROM tellings WHERE urgency = $1 AND due_at <= $2 RETURNING fingerprint, report_id, source, \
                   cluster, namespace, resource_kind, resource_name, level, turn, \
                   (SELECT i.status FROM drift_items i WHERE i.fingerprint = tellings.fingerprint) AS status";
        let values = [urgency.into(), micros(now).into()];
        let rows = Row::find_by_statement(self.statement(sql, values)).all(write).await.map_err(&fail)?;
        let pending = word(DriftStatus::Pending);
        let (open, settled): (Vec<Row>, Vec<Row>) =
            rows.into_iter().partition(|row| row.status.as_deref() == Some(&pending));
        for row in settled {
            // Nobody was told, so nobody has to be left alone where it comes back.
            let sql = "UPDATE drift_items SET told_at = NULL WHERE fingerprint = $1";
            write.execute_raw(self.statement(sql, [row.fingerprint.into()])).await.map_err(&fail)?;
        }
        let items = open.into_iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
        Ok((!items.is_empty()).then(|| ToldDrifts::of(items)))
    }
}

const AT_ONCE: &str = "SELECT MIN(due_at) AS oldest FROM tellings WHERE urgency = 'at_once' AND due_at <= $1";
const LAST_DIGEST: &str =
    "SELECT MAX(created_at) AS oldest FROM notifications WHERE kind = 'digest' AND created_at <= $1";

/// The telling of an item that a scan has seen, if people are told of it.
pub(super) fn telling_row(
    source: &str,
    cluster: &str,
    item: &DriftItem,
    seen: &Seen,
    now: Timestamp,
) -> Option<Vec<Value>> {
    let (urgency, due) = match seen.telling {
        Telling::Silent => return None,
        Telling::InDigest(due) => ("digest", due),
        Telling::AtOnce(due) => ("at_once", due),
    };
    Some(vec![
        item.fingerprint.as_str().into(),
        item.last_report_id.as_str().into(),
        source.into(),
        cluster.into(),
        item.namespace.as_str().into(),
        item.resource_kind.as_str().into(),
        item.resource_name.as_str().into(),
        word(item.drift_level).into(),
        word(seen.turn).into(),
        urgency.into(),
        // From when it is recorded on it waits for others: a long scan looked long ago.
        micros(due.max(now)).into(),
    ])
}

fn before(time: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| time.checked_sub(wait).ok()).unwrap_or(Timestamp::MIN)
}

impl Row {
    fn read(self) -> Result<ToldItem, StoreError> {
        Ok(ToldItem {
            level: named("a telling's level", self.level)?,
            turn: named("a telling's turn", self.turn)?,
            fingerprint: self.fingerprint,
            report_id: self.report_id,
            source: self.source,
            cluster: self.cluster,
            namespace: self.namespace,
            resource_kind: self.resource_kind,
            resource_name: self.resource_name,
        })
    }
}
