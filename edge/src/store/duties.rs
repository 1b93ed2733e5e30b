//! `duties`: what one replica does for all: a poll, a watch, the retention.
//!
//! A duty is held by a lease and under an epoch, like a job's claim, but it never ends: what has to be remembered from
//! holder to holder is its state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, QueryResult, Value};

use super::{Store, StoreError, after, failing, micros};

/// So many are renewed by one statement: SQLite's expressions are no deeper than a thousand.
const AT_A_TIME: usize = 200;

/// A duty that this replica holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// Its name, as in `telegram-poll`.
    pub name: String,
    /// What was saved last, by whichever holder.
    pub state: Option<String>,
    epoch: i64,
}

#[derive(FromQueryResult)]
struct Row {
    epoch: i64,
    state: Option<String>,
}

impl Store {
    /// Takes a duty over if nobody holds it, or its holder has not been heard of for its lease.
    pub async fn hold_duty(
        &self,
        name: &str,
        holder: &str,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Option<Duty>, StoreError> {
        let sql = "INSERT INTO duties (name, holder, leased_until, epoch) VALUES ($1, $2, $3, 1) \
                   ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until, \
                   epoch = duties.epoch + 1 WHERE duties.leased_until < $4 RETURNING epoch, state";
        let values = [name.into(), holder.into(), micros(after(now, lease)).into(), micros(now).into()];
        let row = Row::find_by_statement(self.statement(sql, values)).one(&self.db).await;
        let row = row.map_err(failing("take a duty over"))?;
        Ok(row.map(|Row { epoch, state }| Duty { name: name.to_owned(), state, epoch }))
    }

    /// The duties that somebody holds now, of those whose names begin so, with what was saved of each.
    pub async fn held_duties(
        &self,
        beginning: &str,
        now: Timestamp,
    ) -> Result<BTreeMap<String, Option<String>>, StoreError> {
        // The beginning is compared as it stands; to LIKE some characters are wildcards.
        let sql = "SELECT name, state FROM duties WHERE substr(name, 1, $1) = $2 AND leased_until >= $3";
        let length = i32::try_from(beginning.chars().count()).unwrap_or(i32::MAX);
        let statement = self.statement(sql, [length.into(), beginning.into(), micros(now).into()]);
        let fail = failing("read duties");
        let rows = self.db.query_all_raw(statement).await.map_err(&fail)?;
        let read = |row: &QueryResult| Ok((row.try_get("", "name")?, row.try_get("", "state")?));
        rows.iter().map(read).collect::<Result<_, DbErr>>().map_err(fail)
    }

    /// Holds a duty for longer.
    pub async fn renew_duty(&self, duty: &Duty, lease: Duration, now: Timestamp) -> Result<(), StoreError> {
        self.write_duty(&self.db, duty, "leased_until = $3", [micros(after(now, lease)).into()]).await
    }

    /// Holds duties for longer, many by one statement; gives the names of those that somebody else has taken over.
    pub async fn renew_duties(
        &self,
        duties: impl Iterator<Item = &Duty>,
        lease: Duration,
        now: Timestamp,
    ) -> Result<BTreeSet<String>, StoreError> {
        let fail = failing("renew duties");
        let duties: Vec<&Duty> = duties.collect();
        let mut lost: BTreeSet<String> = duties.iter().map(|duty| duty.name.clone()).collect();
        for duties in duties.chunks(AT_A_TIME) {
            let each = (0..duties.len()).map(|at| format!("(name = ${} AND epoch = ${})", 2 * at + 2, 2 * at + 3));
            let which = each.collect::<Vec<_>>().join(" OR ");
            let sql = format!("UPDATE duties SET leased_until = $1 WHERE {which} RETURNING name");
            let until: Value = micros(after(now, lease)).into();
            let values = duties.iter().flat_map(|duty| [duty.name.as_str().into(), duty.epoch.into()]);
            let statement = self.statement(&sql, std::iter::once(until).chain(values));
            for row in self.db.query_all_raw(statement).await.map_err(&fail)? {
                lost.remove(&row.try_get::<String>("", "name").map_err(&fail)?);
            }
        }
        Ok(lost)
    }

    /// Saves what the next holder has to know, if this one still holds the duty.
    pub async fn save_duty(&self, duty: &mut Duty, state: &str) -> Result<(), StoreError> {
        self.write_duty(&self.db, duty, "state = $3", [state.into()]).await?;
        duty.state = Some(state.to_owned());
        Ok(())
    }

    /// Lets go of a duty, so that nobody has to wait for the end of its lease.
    pub async fn release_duty(&self, duty: &Duty) -> Result<(), StoreError> {
        self.write_duty(&self.db, duty, "leased_until = $3", [0_i64.into()]).await
    }

    /// Holds a duty for longer, if it is still held; until the transaction ends nobody takes it over.
    pub(super) async fn renew_within(
        &self,
        write: &DatabaseTransaction,
        duty: &Duty,
        lease: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write_duty(write, duty, "leased_until = $3", [micros(after(now, lease)).into()]).await
    }

    /// Fails unless a duty is still held; until the transaction ends nobody takes it over.
    pub(super) async fn hold_within(&self, write: &DatabaseTransaction, duty: &Duty) -> Result<(), StoreError> {
        self.write_duty(write, duty, "holder = holder", []).await
    }

    async fn write_duty(
        &self,
        write: &impl ConnectionTrait,
        duty: &Duty,
        what: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<(), StoreError> {
        let sql = format!("UPDATE duties SET {what} WHERE name = $1 AND epoch = $2");
        let values = [duty.name.as_str().into(), duty.epoch.into()].into_iter().chain(values);
        let done = write.execute_raw(self.statement(&sql, values)).await.map_err(failing("write a duty"))?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::DutyLost(duty.name.clone())) }
    }
}
