//! What of an audit is old is forgotten, up to a place that a checkpoint signs; what is left can be verified as before.

use std::collections::BTreeSet;

use anchorwatch_core::route::audit::{AuditKey, Break, Checkpoint, Cut, Record, SignedCheckpoint, Verifier};
use jiff::{SignedDuration, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, Value};

use super::super::{Store, StoreError, failing, micros};
use super::look::AuditRow;
use super::{EndRow, Text, before, malformed, number};

/// Rows of a chain that are forgotten at once. Others wait for it to write.
const AT_ONCE: i64 = 10_000;
/// How much older than it has to be the oldest row is before anything is forgotten: so there is one cut a day.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// What came of forgetting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgetting {
    /// Nothing is old.
    Nothing,
    /// So many rows were forgotten; there may be more. The checkpoint that says so belongs into the log.
    Rows(u64, SignedCheckpoint),
    /// What is old is not as it was written, and is kept as it is.
    Broken(Break),
}

/// A number, if there is one.
#[derive(FromQueryResult)]
struct Number {
    number: Option<i64>,
}

impl Store {
    /// Forgets what of the audit is older than `age`, a part at a time, and signs where it begins now.
    pub async fn forget_audit(
        &self,
        age: SignedDuration,
        key: &AuditKey,
        now: Timestamp,
    ) -> Result<Forgetting, StoreError> {
        let fail = failing("forget what is old of the audit");
        let oldest =
            self.audit_number(&self.db, "SELECT MIN(at) AS number FROM audit_rows", []).await.map_err(&fail)?;
        let keep = before(now, age);
        if oldest.is_none_or(|oldest| oldest >= micros(before(keep, SLACK))) {
            return Ok(Forgetting::Nothing);
        }
        let write = self.begin().await.map_err(&fail)?;
        self.hold_checkpoints(&write).await.map_err(&fail)?;
        let last = self.last_checkpoint(&write).await?;
        let first = self.first_kept(&write, last.as_ref(), keep).await.map_err(&fail)?;
        let cut = match self.what_is_old(&write, (keep, first), key).await? {
            Ok(Some(cut)) => cut,
            Ok(None) => return Ok(Forgetting::Nothing),
            Err(found) => return Ok(Forgetting::Broken(found)),
        };
        let rows = self.delete(&write, &cut).await.map_err(&fail)?;
        let mut checkpoint = Checkpoint::after(last.as_ref(), "retention", now);
        checkpoint.cut = Some(cut);
        let ends = self.audit_ends(&write).await.map_err(&fail)?.into_iter().map(EndRow::head);
        checkpoint.heads = ends.collect::<Result<_, _>>().map_err(|error| malformed("a row of the audit", &error))?;
        let signed = checkpoint.signed(key);
        self.add_checkpoint(&write, &signed).await.map_err(&fail)?;
        self.commit(write).await.map_err(fail)?;
        Ok(Forgetting::Rows(rows, signed))
    }

    async fn audit_number(
        &self,
        ask: &impl ConnectionTrait,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Option<i64>, DbErr> {
        Ok(Number::find_by_statement(self.statement(sql, values)).one(ask).await?.and_then(|row| row.number))
    }

    /// The oldest checkpoint that is kept; of all the last one always is.
    async fn first_kept(
        &self,
        write: &DatabaseTransaction,
        last: Option<&SignedCheckpoint>,
        keep: Timestamp,
    ) -> Result<u64, DbErr> {
        let sql = "SELECT MIN(number) AS number FROM audit_checkpoints WHERE at >= $1";
        let young = self.audit_number(write, sql, [micros(keep).into()]).await?;
        let last = last.map_or(1, |last| last.checkpoint.number);
        Ok(young.and_then(|young| u64::try_from(young).ok()).map_or(last, |young| young.min(last)))
    }

    /// Follows what is old once more before it goes.
    async fn what_is_old(
        &self,
        write: &DatabaseTransaction,
        (keep, first): (Timestamp, u64),
        key: &AuditKey,
    ) -> Result<Result<Option<Cut>, Break>, StoreError> {
        let fail = failing("read what is old of the audit");
        let sql = "SELECT text FROM audit_checkpoints ORDER BY number";
        let texts = Text::find_by_statement(self.statement(sql, [])).all(write).await.map_err(&fail)?;
        let record = Record::read(key.public(), texts.iter().map(|row| row.text.as_str()), []);
        let mut verifier = Verifier::new(record);
        let (mut more, mut is_any) = (BTreeSet::new(), false);
        for end in self.audit_ends(write).await.map_err(&fail)? {
            let up_to = self.old_rows(write, &end.chain, keep).await.map_err(&fail)?;
            if up_to.is_none_or(|up_to| up_to < end.seq) {
                more.insert(end.chain.clone());
            }
            let Some(up_to) = up_to else { continue };
            is_any = true;
            let sql =
                "SELECT chain, seq, at, body, hash, seal FROM audit_rows WHERE chain = $1 AND seq <= $2 ORDER BY seq";
            let old = AuditRow::find_by_statement(self.statement(sql, [end.chain.into(), up_to.into()]));
            for row in old.all(write).await.map_err(&fail)? {
                verifier.row(row.stored());
            }
        }
        Ok(if is_any { verifier.cut(first, &more).map(Some) } else { Ok(None) })
    }

    /// The last old row of a chain that has a seal, if there is one among the oldest.
    async fn old_rows(&self, write: &DatabaseTransaction, chain: &str, keep: Timestamp) -> Result<Option<i64>, DbErr> {
        let sql = format!(
            "SELECT MAX(seq) AS number FROM (SELECT seq, seal FROM audit_rows WHERE chain = $1 AND seq < \
             COALESCE((SELECT MIN(y.seq) FROM (SELECT seq, at FROM audit_rows WHERE chain = $1 ORDER BY seq LIMIT {AT_ONCE}) y \
             WHERE y.at >= $2), 9223372036854775807) ORDER BY seq LIMIT {AT_ONCE}) old WHERE seal IS NOT NULL"
        );
        self.audit_number(write, &sql, [chain.into(), micros(keep).into()]).await
    }

    async fn delete(&self, write: &DatabaseTransaction, cut: &Cut) -> Result<u64, DbErr> {
        let allow = "INSERT INTO audit_cuts (what, up_to) VALUES ($1, $2) \
                     ON CONFLICT (what) DO UPDATE SET up_to = excluded.up_to";
        let mut rows = 0;
        for chain in &cut.chains {
            let values = || [chain.chain.as_str().into(), number(chain.seq).into()];
            write.execute_raw(self.statement(allow, values())).await?;
            let sql = "DELETE FROM audit_rows WHERE chain = $1 AND seq <= $2";
            rows += write.execute_raw(self.statement(sql, values())).await?.rows_affected();
        }
        let before_first = number(cut.first) - 1;
        write.execute_raw(self.statement(allow, ["checkpoints".into(), before_first.into()])).await?;
        let sql = "DELETE FROM audit_checkpoints WHERE number <= $1";
        write.execute_raw(self.statement(sql, [before_first.into()])).await?;
        Ok(rows)
    }
}
