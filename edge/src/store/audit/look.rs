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
/// What stands between the fields of a row, and between rows, in a page that comes as one text. No row holds either.
const FIELD: char = '\u{1f}';
const LINE: char = '\u{1e}';

/// A page as one text.
#[derive(FromQueryResult)]
struct Page {
    total: i64,
    lines: Option<String>,
}

impl Page {
    fn rows(&self) -> Option<Vec<AuditRow>> {
        let lines = self.lines.iter().flat_map(|lines| lines.split(LINE));
        let rows = lines.map(AuditRow::of_line).collect::<Option<Vec<_>>>()?;
        let are_in_order = rows.is_sorted_by(|a, b| (&a.chain, a.seq) < (&b.chain, b.seq));
        (are_in_order && i64::try_from(rows.len()) == Ok(self.total)).then_some(rows)
    }
}

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
    fn of_line(line: &str) -> Option<Self> {
        let mut fields = line.split(FIELD);
        let mut next = || fields.next();
        let (chain, seq, at) = (next()?.to_owned(), next()?.parse().ok()?, next()?.parse().ok()?);
        let (body, hash, seal) = (next()?.to_owned(), next()?.to_owned(), next()?);
        let seal = (!seal.is_empty()).then(|| seal.to_owned());
        fields.next().is_none().then_some(Self { chain, seq, at, body, hash, seal })
    }

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
    ///
    /// A page comes as one text: to take a million rows out of a driver value by value takes several times longer than to
    /// verify them. Where the text does not read as so many rows in their order, somebody has written what no row holds,
    /// and they are taken one by one.
    pub async fn rows(&self, after: Option<&AuditRow>) -> Result<Vec<AuditRow>, StoreError> {
        let (chain, seq) = after.map_or(("", 0), |row| (row.chain.as_str(), row.seq));
        let sql = format!(
            "SELECT COUNT(*) AS total, string_agg(line, CAST($4 AS TEXT)) AS lines FROM (\
             SELECT chain || CAST($3 AS TEXT) || seq || CAST($3 AS TEXT) || at || CAST($3 AS TEXT) || body || \
             CAST($3 AS TEXT) || hash || CAST($3 AS TEXT) || COALESCE(seal, '') AS line FROM audit_rows \
             WHERE (chain, seq) > ($1, $2) ORDER BY chain, seq LIMIT {PAGE}) page"
        );
        let separators = [FIELD, LINE].map(|letter| letter.to_string().into());
        let values = [chain.into(), seq.into()].into_iter().chain(separators);
        let page = Page::find_by_statement(self.store.statement(&sql, values)).one(&self.read).await;
        let page = page.map_err(failing("read the audit"))?;
        match page.as_ref().and_then(Page::rows) {
            Some(rows) => Ok(rows),
            None => self.rows_one_by_one((chain, seq)).await,
        }
    }

    async fn rows_one_by_one(&self, (chain, seq): (&str, i64)) -> Result<Vec<AuditRow>, StoreError> {
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
