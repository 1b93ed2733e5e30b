//! The store: SQLite in a file, or PostgreSQL; the same code and the same migrations.
//!
//! One module per table, each with its row and what is asked of it. What has to happen together happens in one
//! transaction, which other writers of the same rows wait for.

mod audit;
mod changes;
mod duties;
mod jobs;
mod migration;
mod observe;
mod offers;
mod outbox;
mod private_texts;
mod record;
mod reports;
mod retention;
mod rules;
mod sessions;
mod sources;
mod tellings;
mod tokens;
mod totals;
mod troubles;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    FromQueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _, Value,
};
use sea_orm_migration::MigratorTrait as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous};

#[cfg(feature = "memory")]
pub use audit::KeptEntries;
pub use audit::{Attempt, Audit, AuditLook, AuditNews, AuditRow, AuditUnavailable, AuditWriting, Forgetting};
pub use changes::{ChangeRow, LastScan};
pub use duties::Duty;
pub use jobs::{Claim, GivenUp, Job, JobOutcome, NewJob};
pub use observe::{EpisodesOf, OpenObject, Sighting};
pub use offers::Taken;
pub use outbox::{Notification, NotificationState, Outgoing, Stuck, Unsent};
pub use record::{OpenItem, Recorded, ScanRecord};
pub use reports::{Filter, Listed};
pub use rules::{Hidden, MadeRule};
pub use sessions::Person;
pub use sources::{ConfiguredSource, SourceRow};
pub use tellings::Composing;
pub use tokens::{NewToken, Role, TokenRow};
use totals::Totals;

/// How long a connection waits for another one's write, and for a free one of the pool.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long until a file is tried again that somebody else is making.
const AGAIN: Duration = Duration::from_millis(20);
/// SQLite's code for a lock that somebody else has.
const SQLITE_BUSY: u32 = 5;
/// SQLite moves its journal into the file once it has so many pages, 40 MB, and whoever commits next waits for that. Before, a
/// journal that the audit writes is moved while nobody waits: see [`audit`].
const SQLITE_JOURNAL: u32 = 10_000;
/// SQLite writes one at a time; the others read meanwhile.
const SQLITE_CONNECTIONS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 10;
/// How long PostgreSQL waits for the rest of a transaction. A replica that stands still, or that nobody can reach, in the
/// middle of one would keep its successors out for as long as its connection seems to be there.
const POSTGRES_IDLE: &str = "20s";
/// PostgreSQL binds 65,535 values in a statement, SQLite half as many; no table has fifty columns.
const ROWS_AT_A_TIME: usize = 500;
/// Only one process migrates at a time: a number of our own among PostgreSQL's advisory locks.
const MIGRATION_LOCK: i64 = 0x616e_6368_6f72;
/// The class of PostgreSQL's advisory locks that are sources.
const SOURCE_LOCKS: i32 = 0x0061_7773;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is none of a store.
    #[error("no address of a store: {0}")]
    Address(String),
    /// It cannot be opened.
    #[error("cannot open the store {store}")]
    Open {
        /// Its address, without credentials.
        store: String,
        /// Why.
        #[source]
        source: DbErr,
    },
    /// It cannot be brought up to date.
    #[error("cannot bring the store {store} up to date")]
    Migrate {
        /// Its address, without credentials.
        store: String,
        /// Why.
        #[source]
        source: DbErr,
    },
    /// It did not answer, or refused.
    #[error("the store cannot {doing}")]
    Query {
        /// What was attempted, as in `list reports`.
        doing: &'static str,
        /// Why.
        #[source]
        source: DbErr,
    },
    /// What it holds cannot be read.
    #[error("the store holds {what} that cannot be read: {reason}")]
    Malformed {
        /// What.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// Somebody else has taken the work over: nothing was written.
    #[error("the claim on job {0} was lost: somebody else has taken it over")]
    ClaimLost(String),
    /// Somebody else sends the notification by now: nothing was written.
    #[error("the claim on notification {0} was lost: somebody else has taken it over")]
    NotificationLost(String),
    /// Somebody else holds the duty by now: nothing was written.
    #[error("the duty {0} was lost: somebody else has taken it over")]
    DutyLost(String),
    /// A name that is taken.
    #[error("there is a {what} {name:?} already")]
    Taken {
        /// What.
        what: &'static str,
        /// Its name.
        name: String,
    },
}

impl StoreError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Address(_) => Some("sqlite:FILE, or postgres://USER@HOST/DATABASE with the password in PGPASSWORD"),
            Self::Open { .. } => Some("see whether the folder can be written, or the database answers"),
            Self::Migrate { .. } => Some(
                "a newer anchorwatch may have used it before: this one goes forward only; restore a backup, or use the newer one",
            ),
            _ => None,
        }
    }
}

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreAddress {
    url: String,
    backend: DbBackend,
}

impl std::str::FromStr for StoreAddress {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if let Some(file) = text.strip_prefix("sqlite:") {
            let file = file.strip_prefix("//").unwrap_or(file);
            if file.is_empty() || file.contains('?') {
                return Err(StoreError::Address(text.to_owned()));
            }
            return Ok(Self { url: format!("sqlite://{file}"), backend: DbBackend::Sqlite });
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self { url: text.to_owned(), backend: DbBackend::Postgres });
        }
        Err(StoreError::Address(text.split('@').next_back().unwrap_or_default().to_owned()))
    }
}

impl StoreAddress {
    /// A SQLite file.
    pub fn of_file(path: &Path) -> Self {
        Self { url: format!("sqlite://{}", path.display()), backend: DbBackend::Sqlite }
    }
}

impl StoreAddress {
    /// The file of an embedded store.
    pub fn file(&self) -> Option<&Path> {
        if self.backend == DbBackend::Sqlite { self.url.strip_prefix("sqlite://").map(Path::new) } else { None }
    }

    /// Host and port of a database that is reached by the network.
    pub fn server(&self) -> Option<(String, u16)> {
        if self.backend != DbBackend::Postgres {
            return None;
        }
        let options: sqlx::postgres::PgConnectOptions = self.url.parse().ok()?;
        let host = options.get_host().trim_matches(['[', ']']);
        let is_socket = options.get_socket().is_some() || host.starts_with('/');
        (!is_socket).then(|| (host.to_owned(), options.get_port()))
    }
}

impl std::fmt::Display for StoreAddress {
    /// Without user and password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.url.split_once("://"), self.url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) if self.backend == DbBackend::Postgres => {
                write!(f, "{scheme}://{host}")
            }
            _ => f.write_str(&self.url),
        }
    }
}

/// A store that can be asked.
#[derive(Debug, Clone)]
pub struct Store {
    db: DatabaseConnection,
    address: StoreAddress,
    totals: Arc<Totals>,
}

impl Store {
    /// Opens a store, makes it where it is a file that is not there yet, and brings it up to date.
    pub async fn open(address: &StoreAddress) -> Result<Self, StoreError> {
        let store = Self::connect(address, SqliteSynchronous::Normal).await?;
        store.migrate().await.map_err(|source| StoreError::Migrate { store: address.to_string(), source })?;
        Ok(store)
    }

    /// Connections of its own to a store that is up to date, by which nothing is committed that a power failure could take
    /// back. Others wait for the disk now and then only, and may lose their last transactions, but never a part of one.
    async fn durable(&self) -> Result<Self, StoreError> {
        Self::connect(&self.address, SqliteSynchronous::Full).await
    }

    async fn connect(address: &StoreAddress, synchronous: SqliteSynchronous) -> Result<Self, StoreError> {
        let mut options = ConnectOptions::new(&address.url);
        let is_durable = matches!(synchronous, SqliteSynchronous::Full);
        let connections = match address.backend {
            // Rows of the audit have a connection of their own: what uses this one does one thing after the other.
            DbBackend::Sqlite if is_durable => 1,
            DbBackend::Sqlite => SQLITE_CONNECTIONS,
            _ => POSTGRES_CONNECTIONS,
        };
        options.max_connections(connections).acquire_timeout(PATIENCE).sqlx_logging(false).map_sqlx_sqlite_opts(
            move |sqlite| {
                sqlite
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(synchronous)
                    .busy_timeout(PATIENCE)
                    .pragma("wal_autocheckpoint", SQLITE_JOURNAL.to_string())
                    .foreign_keys(true)
            },
        );
        // A file does not hang up.
        options.test_before_acquire(address.backend != DbBackend::Sqlite);
        options.map_sqlx_sqlite_pool_opts(|pool| pool.after_release(|connection, _| Box::pin(is_whole(connection))));
        options.map_sqlx_postgres_opts(move |postgres| {
            let postgres = postgres.options([("idle_in_transaction_session_timeout", POSTGRES_IDLE)]);
            // As it is without a word, but for servers on which somebody has set it otherwise.
            if is_durable { postgres.options([("synchronous_commit", "on")]) } else { postgres }
        });
        let mut tries = PATIENCE.as_millis() / AGAIN.as_millis();
        let db = loop {
            match Database::connect(options.clone()).await {
                Err(error) if is_busy(&error) && tries > 0 => {
                    tries -= 1;
                    tokio::time::sleep(AGAIN).await;
                }
                connected => break connected.map_err(unopened(address))?,
            }
        };
        Ok(Self { db, address: address.clone(), totals: Arc::default() })
    }

    async fn migrate(&self) -> Result<(), DbErr> {
        // On SQLite the transaction itself is the lock.
        let write = self.begin().await?;
        if self.address.backend == DbBackend::Postgres {
            write.execute_raw(self.statement("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK.into()])).await?;
        }
        migration::Migrator::up(&write, None).await?;
        write.commit().await
    }

    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        // A transaction that reads first and writes later would fail where another one has written meanwhile.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.db.begin_with_options(options).await
    }

    /// Lets one transaction at a time write what becomes of a source's items: two scans of it, or a scan and a watch, would
    /// each judge beside what the other is about to change. On SQLite the transaction itself is the lock.
    async fn hold_source(&self, write: &DatabaseTransaction, source: &str) -> Result<(), DbErr> {
        if self.address.backend == DbBackend::Postgres {
            let sql = "SELECT pg_advisory_xact_lock($1, hashtext($2))";
            write.execute_raw(self.statement(sql, [SOURCE_LOCKS.into(), source.into()])).await?;
        }
        Ok(())
    }

    /// Passes over rows that somebody else is just claiming. SQLite has one writer, and no word for it.
    fn skip_locked(&self) -> &'static str {
        if self.address.backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" }
    }

    fn statement(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.address.backend, sql, values)
    }

    /// The row of an id; none for a zero byte, which PostgreSQL takes for no text at all.
    async fn by_id<R: FromQueryResult>(
        &self,
        sql: &str,
        id: &str,
        doing: &'static str,
    ) -> Result<Option<R>, StoreError> {
        if id.contains('\0') {
            return Ok(None);
        }
        R::find_by_statement(self.statement(sql, [id.into()])).one(&self.db).await.map_err(failing(doing))
    }

    /// Where it is.
    pub fn address(&self) -> &StoreAddress {
        &self.address
    }

    /// Answers if the store does.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.db.ping().await.map_err(failing("answer"))
    }

    /// What is wrong with it; nothing where it is whole.
    pub async fn check(&self) -> Result<Vec<String>, StoreError> {
        self.ping().await?;
        let mut faults = Vec::new();
        if self.address.backend == DbBackend::Sqlite {
            let fail = failing("be checked");
            let rows = self.db.query_all_raw(self.statement("PRAGMA integrity_check(20)", [])).await.map_err(&fail)?;
            for row in rows {
                let said: String = row.try_get_by_index(0).map_err(&fail)?;
                faults.extend((said != "ok").then_some(said));
            }
        }
        let sql = "SELECT COUNT(*) AS total FROM drift_report_items i \
                   WHERE NOT EXISTS (SELECT 1 FROM drift_reports r WHERE r.report_id = i.report_id)";
        let fail = failing("be checked");
        let row = self.db.query_one_raw(self.statement(sql, [])).await.map_err(&fail)?;
        let lost: i64 = row.map_or(Ok(0), |row| row.try_get("", "total")).map_err(fail)?;
        if lost > 0 {
            faults.push(format!("{lost} items belong to no report"));
        }
        Ok(faults)
    }

    /// Copies an embedded store to a file, as it is at one moment.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        if self.address.backend != DbBackend::Sqlite {
            return Err(StoreError::Address(format!("{} is backed up by pg_dump", self.address)));
        }
        let statement = self.statement("VACUUM INTO $1", [to.display().to_string().into()]);
        self.db.execute_raw(statement).await.map_err(failing("be copied"))?;
        Ok(())
    }
}

/// True where somebody else is switching the journal of the same file, as whoever makes it does: SQLite waits for any other lock, and
/// gives up that one at once (<https://github.com/elixir-sqlite/exqlite/issues/138>).
fn is_busy(error: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(error)) = error else { return false };
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    // The lowest byte is the primary code, of which there are several kinds.
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

/// False for a connection to be thrown away. Where the disk is full, SQLite rolls back by itself, the rollback that follows
/// fails, and sqlx takes the connection to be in a transaction ever after: what is written there would wait for itself.
async fn is_whole(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A rollback may be on its way to the connection; it answers when that is done.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// For `map_err`: what cannot be opened.
fn unopened(address: &StoreAddress) -> impl Fn(DbErr) -> StoreError {
    let store = address.to_string();
    move |source| StoreError::Open { store: store.clone(), source }
}

/// For `map_err`: what was attempted.
fn failing(doing: &'static str) -> impl Fn(DbErr) -> StoreError {
    move |source| StoreError::Query { doing, source }
}

/// Inserts rows of a table, many at a time; `suffix` says what becomes of those that are there.
async fn insert(write: &impl ConnectionTrait, table: Table, rows: Vec<Vec<Value>>, suffix: &str) -> Result<(), DbErr> {
    let backend = write.get_database_backend();
    debug_assert!(rows.iter().all(|row| row.len() == table.columns.len()), "a value for each column of {}", table.name);
    for rows in rows.chunks(ROWS_AT_A_TIME) {
        let sql = insertion(backend, table, rows.len(), 0) + suffix;
        let values = rows.iter().flatten().cloned();
        write.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    Ok(())
}

/// The statement that inserts so many rows, whose values stand after so many others.
fn insertion(backend: DbBackend, Table { name, columns }: Table, rows: usize, after: usize) -> String {
    // SQLite takes `$1` for a name, and looks through all names for each.
    let is_numbered = backend == DbBackend::Postgres;
    let mut sql = format!("INSERT INTO {name} ({}) VALUES ", columns.join(", "));
    let mut place = after;
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns.len() {
            place += 1;
            sql.push_str(if column == 0 { "" } else { ", " });
            sql.push(if is_numbered { '$' } else { '?' });
            if is_numbered {
                sql.push_str(&place.to_string());
            }
        }
        sql.push(')');
    }
    sql
}

/// Places for so many values after the first ones, as in `$3, $4`.
fn places(after: usize, count: usize) -> String {
    let places: Vec<String> = (after + 1..=after + count).map(|place| format!("${place}")).collect();
    places.join(", ")
}

/// What is stored as JSON.
fn read<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Malformed { what, reason: error.to_string() })
}

/// Names as they are stored.
fn names(names: &[String]) -> Value {
    serde_json::to_string(names).expect("names are JSON").into()
}

/// When the oldest of some rows was made, or is due.
#[derive(FromQueryResult)]
struct Oldest {
    oldest: Option<i64>,
}

impl Oldest {
    fn time(self) -> Option<Timestamp> {
        self.oldest.map(timestamp)
    }
}

/// A table, and the columns that are inserted.
#[derive(Debug, Clone, Copy)]
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
}

/// A name of an enum, as it is stored and as JSON has it.
fn word(name: impl Serialize) -> String {
    match serde_json::to_value(name) {
        Ok(Json::String(word)) => word,
        other => unreachable!("an enum of names is a JSON string, not {other:?}"),
    }
}

fn named<T: DeserializeOwned>(what: &'static str, word: String) -> Result<T, StoreError> {
    serde_json::from_value(Json::String(word))
        .map_err(|error| StoreError::Malformed { what, reason: error.to_string() })
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| time.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// Times as they are stored.
fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}
