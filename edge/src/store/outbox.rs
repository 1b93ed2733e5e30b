//! `notifications`, the outbox: each a message to one channel, sent at least once by whichever replica claims it.
//!
//! A claim is one statement, a lease and an epoch, as that of a job. Whether a message arrived whose sender was lost, or
//! got no answer, nobody knows: it is sent again and marked as repeated, under the same short id.

use std::time::Duration;

use anchorwatch_core::notification::{ATTEMPTS, Told, next_attempt};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, FromQueryResult, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::reports::{Chosen, Listed, page};
use super::{Oldest, Store, StoreError, Table, after, failing, insert, micros, read, timestamp, word};
use crate::clock;

const NOTIFICATIONS: Table = Table {
    name: "notifications",
    columns: &[
        "notification_id",
        "short_id",
        "channel",
        "kind",
        "payload",
        "state",
        "created_at",
        "run_at",
        "attempts",
        "repeated",
        "epoch",
    ],
};

/// What has become of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotificationState {
    /// It waits.
    Queued,
    /// Somebody is at it.
    Sending,
    /// The channel took it.
    Sent,
    /// It was given up.
    Failed,
}

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id.
    pub notification_id: String,
    /// The id that people can read out; the same in all channels.
    pub short_id: String,
    /// The channel's name.
    pub channel: String,
    /// What it tells.
    pub told: Told,
    /// True if it may have arrived before.
    pub repeated: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

/// A notification that this replica has claimed.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What is to be sent.
    pub notification: Notification,
    epoch: i64,
}

/// Notifications of one channel that were tried and not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The channel's name.
    pub channel: String,
    /// True if they were given up; else they are tried again.
    pub given_up: bool,
    /// How many.
    pub count: u64,
    /// When the oldest was made.
    pub since: Timestamp,
    /// What one of them failed of.
    pub reason: String,
}

#[derive(FromQueryResult)]
struct StuckRow {
    channel: String,
    state: String,
    number: i64,
    since: i64,
    reason: Option<String>,
}

impl StuckRow {
    fn read(self) -> Stuck {
        Stuck {
            given_up: self.state == word(NotificationState::Failed),
            count: self.number.unsigned_abs(),
            since: timestamp(self.since),
            channel: self.channel,
            reason: self.reason.unwrap_or_default(),
        }
    }
}

/// Why a notification was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// For people, without secrets.
    pub reason: String,
    /// True if nobody knows whether it arrived.
    pub may_have_arrived: bool,
    /// How long the channel takes nothing at all.
    pub channel_closed_for: Option<Duration>,
}

#[derive(FromQueryResult)]
struct Row {
    notification_id: String,
    short_id: String,
    channel: String,
    payload: String,
    state: String,
    created_at: i64,
    run_at: i64,
    attempts: i64,
    repeated: i64,
    epoch: i64,
    sent_at: Option<i64>,
    external_id: Option<String>,
    last_error: Option<String>,
}

const COLUMNS: &str = "notification_id, short_id, channel, payload, state, created_at, run_at, attempts, repeated, \
    epoch, sent_at, external_id, last_error";

impl Store {
    pub(super) async fn write_notifications(
        &self,
        write: &DatabaseTransaction,
        channels: &[String],
        told: &[Told],
        now: Timestamp,
    ) -> Result<usize, DbErr> {
        let mut rows = Vec::new();
        for told in told {
            let short_id = clock::short_id();
            rows.extend(channels.iter().map(|channel| notification_row(&short_id, channel, told, now)));
        }
        let written = rows.len();
        insert(write, NOTIFICATIONS, rows, "").await?;
        Ok(written)
    }

    /// Claims the notification that waits longest, or one whose sender has not been heard of for its lease.
    pub async fn claim_notification(
        &self,
        holder: &str,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, StoreError> {
        let lock = self.skip_locked();
        let sql = format!(
            "UPDATE notifications SET repeated = CASE WHEN state = 'sending' THEN 1 ELSE repeated END, \
             state = 'sending', holder = $1, leased_until = $2, epoch = epoch + 1, attempts = attempts + 1 \
             WHERE notification_id = (SELECT notification_id FROM notifications \
             WHERE (state = 'queued' AND run_at <= $3) OR (state = 'sending' AND leased_until < $3 AND attempts < $4) \
             ORDER BY run_at, notification_id LIMIT 1 {lock}) RETURNING {COLUMNS}"
        );
        let values = [holder.into(), micros(after(now, lease)).into(), micros(now).into(), i64::from(ATTEMPTS).into()];
        let row = Row::find_by_statement(self.statement(&sql, values)).one(&self.db).await;
        let Some(row) = row.map_err(failing("claim a notification"))? else { return Ok(None) };
        let epoch = row.epoch;
        Ok(Some(Outgoing { notification: row.notification()?, epoch }))
    }

    /// Notes that a channel took a notification, and under which id of its own.
    pub async fn sent(&self, outgoing: &Outgoing, external_id: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        let what = "state = 'sent', leased_until = NULL, last_error = NULL, sent_at = $3, external_id = $4";
        let values = [micros(now).into(), external_id.map(str::to_owned).into()];
        self.write_outgoing(&self.db, outgoing, what, values).await
    }

    /// Notes that a notification was not sent; it is tried again at the time that is given, or given up.
    pub async fn unsent(
        &self,
        outgoing: &Outgoing,
        unsent: &Unsent,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let fail = failing("write a notification");
        let Unsent { reason, may_have_arrived, channel_closed_for } = unsent;
        let open_at = channel_closed_for.map(|wait| after(now, wait));
        let next = next_attempt(outgoing.notification.attempts)
            .map(|wait| open_at.map_or_else(|| after(now, wait), |open| open.max(after(now, wait))));
        let state = if next.is_some() { NotificationState::Queued } else { NotificationState::Failed };
        let write = self.begin().await.map_err(&fail)?;
        let what = "state = $3, leased_until = NULL, run_at = $4, last_error = $5, \
                    repeated = CASE WHEN $6 = 1 THEN 1 ELSE repeated END";
        let values = [
            word(state).into(),
            micros(next.unwrap_or(now)).into(),
            reason.as_str().into(),
            i64::from(*may_have_arrived).into(),
        ];
        self.write_outgoing(&write, outgoing, what, values).await?;
        if let Some(open_at) = open_at {
            // Those that somebody claims at this moment are passed over: two that wait for each other would both fail.
            let lock = self.skip_locked();
            let sql = format!(
                "UPDATE notifications SET run_at = $2 WHERE notification_id IN (SELECT notification_id \
                 FROM notifications WHERE channel = $1 AND state = 'queued' AND run_at < $2 {lock})"
            );
            let values = [outgoing.notification.channel.as_str().into(), micros(open_at).into()];
            write.execute_raw(self.statement(&sql, values)).await.map_err(&fail)?;
        }
        write.commit().await.map_err(fail)?;
        Ok(next)
    }

    /// Gives up notifications that took every one of their senders down. Gives their number.
    pub async fn give_up_notifications(&self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "UPDATE notifications SET state = 'failed', leased_until = NULL, last_error = $3 \
                   WHERE state = 'sending' AND leased_until < $2 AND attempts >= $1";
        let why = format!("given up: begun {ATTEMPTS} times, and never ended");
        let values = [i64::from(ATTEMPTS).into(), micros(now).into(), why.into()];
        let done = self.db.execute_raw(self.statement(sql, values)).await.map_err(failing("give up notifications"))?;
        Ok(done.rows_affected())
    }

    /// Forgets what was sent or given up and was made before a time. Gives its number.
    pub async fn forget_notifications(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM notifications WHERE state IN ('sent', 'failed') AND created_at < $1";
        let done = self.db.execute_raw(self.statement(sql, [micros(before).into()])).await;
        Ok(done.map_err(failing("forget notifications"))?.rows_affected())
    }

    /// One notification.
    pub async fn notification(&self, notification_id: &str) -> Result<Option<Notification>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM notifications WHERE notification_id = $1");
        self.by_id(&sql, notification_id, "read a notification").await?.map(Row::notification).transpose()
    }

    /// Notifications, the newest first; all of them, or those in one state.
    pub async fn notifications(
        &self,
        state: Option<NotificationState>,
        limit: u64,
        after: Option<&str>,
    ) -> Result<Listed, StoreError> {
        let mut chosen = Chosen::all();
        if let Some(state) = state {
            chosen.and("state =", word(state));
        }
        let total = self.count("notifications", &chosen).await?;
        if let Some(after) = after {
            chosen.and("notification_id <", after);
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM notifications WHERE {} ORDER BY notification_id DESC LIMIT {}",
            chosen.sql,
            limit.saturating_add(1),
        );
        let rows = Row::find_by_statement(self.statement(&sql, chosen.values)).all(&self.db).await;
        let mut rows = rows.map_err(failing("list notifications"))?;
        let next = page(&mut rows, limit, |row| row.notification_id.clone());
        Ok(Listed { items: rows.into_iter().map(Row::json).collect::<Result<_, _>>()?, total, next })
    }

    /// Notifications that were tried and not sent, by channel; of those that were given up, what was made since a time.
    pub async fn stuck_notifications(&self, given_up_since: Timestamp) -> Result<Vec<Stuck>, StoreError> {
        let sql = "SELECT channel, state, COUNT(*) AS number, MIN(created_at) AS since, MAX(last_error) AS reason \
                   FROM notifications WHERE (state = 'queued' AND attempts > 0) OR (state = 'failed' AND created_at >= $1) \
                   GROUP BY channel, state ORDER BY channel, state";
        let rows =
            StuckRow::find_by_statement(self.statement(sql, [micros(given_up_since).into()])).all(&self.db).await;
        Ok(rows.map_err(failing("read the outbox"))?.into_iter().map(StuckRow::read).collect())
    }

    /// How long the oldest notification that was neither sent nor given up has been waiting.
    pub async fn outbox_oldest(&self, now: Timestamp) -> Result<Option<Duration>, StoreError> {
        let sql = "SELECT MIN(created_at) AS oldest FROM notifications WHERE state IN ('queued', 'sending')";
        let row = Oldest::find_by_statement(self.statement(sql, [])).one(&self.db).await;
        let oldest = row.map_err(failing("read the outbox"))?.and_then(Oldest::time);
        Ok(oldest.map(|oldest| Duration::try_from(now.duration_since(oldest)).unwrap_or_default()))
    }

    /// Writes `$3` and following, if the claim still holds.
    async fn write_outgoing(
        &self,
        write: &impl sea_orm::ConnectionTrait,
        outgoing: &Outgoing,
        what: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<(), StoreError> {
        let sql =
            format!("UPDATE notifications SET {what} WHERE notification_id = $1 AND epoch = $2 AND state = 'sending'");
        let id = &outgoing.notification.notification_id;
        let values = [id.as_str().into(), outgoing.epoch.into()].into_iter().chain(values);
        let done = write.execute_raw(self.statement(&sql, values)).await.map_err(failing("write a notification"))?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotificationLost(id.clone())) }
    }
}

fn notification_row(short_id: &str, channel: &str, told: &Told, now: Timestamp) -> Vec<Value> {
    vec![
        clock::new_id().into(),
        short_id.into(),
        channel.into(),
        told.kind().into(),
        serde_json::to_string(told).expect("what is told is JSON").into(),
        word(NotificationState::Queued).into(),
        micros(now).into(),
        micros(now).into(),
        0_i64.into(),
        0_i64.into(),
        0_i64.into(),
    ]
}

impl Row {
    fn notification(self) -> Result<Notification, StoreError> {
        let told = read("a notification", &self.payload)?;
        Ok(Notification {
            told,
            notification_id: self.notification_id,
            short_id: self.short_id,
            channel: self.channel,
            repeated: self.repeated != 0,
            created_at: timestamp(self.created_at),
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
        })
    }

    fn json(self) -> Result<Json, StoreError> {
        Ok(json!({
            "notification_id": self.notification_id,
            "short_id": self.short_id,
            "channel": self.channel,
            "state": self.state,
            "told": read::<Json>("a notification", &self.payload)?,
            "created_at": timestamp(self.created_at),
            "run_at": timestamp(self.run_at),
            "attempts": self.attempts,
            "repeated": self.repeated != 0,
            "sent_at": self.sent_at.map(timestamp),
            "external_id": self.external_id,
            "last_error": self.last_error,
        }))
    }
}
