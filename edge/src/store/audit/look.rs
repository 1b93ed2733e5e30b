//! Reading an audit as it is at one moment, in pages.

use anchorwatch_core::route::audit::{Columns, Place, Stored};
use jiff::Timestamp;
use sea_orm::{
    AccessMode, DatabaseTransaction, DbBackend, FromQueryResult, IsolationLevel, TransactionOptions,
    TransactionTrait as _,
};

use super::super::{Store, StoreError, failing, micros};
use super::Text;

/// Rows of a page: about four megabytes.
const PAGE: u64 = 5000;

/// An audit at one moment: what is written or forgotten meanwhile is not seen.
#[derive(Debug)]
pub struct AuditLook {
    read: DatabaseTransaction,
    store: Store,
}

/// A row as the store has it.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct AuditRow {
    /// The chain.
    pub chain: String,
    /// Its number there.
    pub seq: i64,
    /// When, in microseconds.
    pub at: i64,
    /// What it says.
    pub body: String,
    /// Its hash.
    pub hash: String,
    /// Its seal, if it has one.
    pub seal: Option<String>,
}

impl AuditRow {
    /// As a verifier takes it.
    pub fn stored(&self) -> Stored<'_> {
        let place = Place::Store(Columns { chain: &self.chain, seq: self.seq, at: self.at });
        Stored { place, body: &self.body, hash: &self.hash, seal: self.seal.as_deref() }
    }
}

impl Store {
    /// Begins to read the audit.
    pub async fn look_at_audit(&self) -> Result<AuditLook, StoreError> {
        let is_postgres = self.address.backend == DbBackend::Postgres;
        let options = TransactionOptions {
            // SQLite's readers see one moment anyway.
            isolation_level: is_postgres.then_some(IsolationLevel::RepeatableRead),
            access_mode: is_postgres.then_some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        };
        let read = self.db.begin_with_options(options).await.map_err(failing("read the audit"))?;
        Ok(AuditLook { read, store: self.clone() })
    }
}

impl AuditLook {
    /// All checkpoints, in the order of their numbers.
    pub async fn checkpoints(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT text FROM audit_checkpoints ORDER BY number";
        let texts = Text::find_by_statement(self.store.statement(sql, [])).all(&self.read).await;
        Ok(texts.map_err(failing("read checkpoints of the audit"))?.into_iter().map(|row| row.text).collect())
    }

    /// The rows that follow one, chain by chain. The last page is empty.
    pub async fn rows(&self, after: Option<&AuditRow>) -> Result<Vec<AuditRow>, StoreError> {
        let (chain, seq) = after.map_or(("", 0), |row| (row.chain.as_str(), row.seq));
        let sql = format!(
            "SELECT chain, seq, at, body, hash, seal FROM audit_rows WHERE (chain, seq) > ($1, $2) \
             ORDER BY chain, seq LIMIT {PAGE}"
        );
        let rows = AuditRow::find_by_statement(self.store.statement(&sql, [chain.into(), seq.into()]));
        rows.all(&self.read).await.map_err(failing("read the audit"))
    }

    /// The rows from a time on that follow one, in the order of their times. The last page is empty.
    pub async fn rows_since(&self, since: Timestamp, after: Option<&AuditRow>) -> Result<Vec<AuditRow>, StoreError> {
        let (at, chain, seq) = after.map_or((micros(since), "", 0), |row| (row.at, row.chain.as_str(), row.seq));
        let sql = format!(
            "SELECT chain, seq, at, body, hash, seal FROM audit_rows WHERE (at, chain, seq) > ($1, $2, $3) \
             ORDER BY at, chain, seq LIMIT {PAGE}"
        );
        let rows = AuditRow::find_by_statement(self.store.statement(&sql, [at.into(), chain.into(), seq.into()]));
        rows.all(&self.read).await.map_err(failing("read the audit"))
    }
}
