//! Where rows are written: durably, and all that are given at once or none.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anchorwatch_core::route::audit::Row;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Value};
use sqlx::sqlite::SqliteConnectOptions;
use tokio::task::JoinHandle;

use super::super::{
    PATIENCE, SQLITE_JOURNAL, Store, StoreError, failing, insert, insertion, micros, private_texts, unopened,
};
use super::health::Health;
use super::{ROWS, in_time, number};

/// SQLite's journal is moved into the file after so many rows, while others are written to it. It begins anew once all of it was
/// moved, and that somebody has to wait for where rows come all the time: at `SQLITE_JOURNAL` pages.
const MOVE_EVERY: usize = 250;

/// Beyond so many rows PostgreSQL takes only multiples of it.
const FINE: usize = 16;

/// The way of rows into the store.
pub(super) enum Ledger {
    /// A file.
    Sqlite(File),
    /// A server.
    Postgres(Store),
}

/// A file that this thread writes itself. Each attempt waits for that twice, and where a driver has a thread of its own, the two wake
/// each other several times for each row.
pub(super) struct File {
    sqlite: Connection,
    /// For what nobody waits for.
    store: Store,
    /// Rows since the journal was last moved.
    rows: usize,
    moving: Option<JoinHandle<()>>,
    health: Arc<Health>,
}

/// What was said in private, by its hashes, and when at the latest.
pub(super) struct Said<'a> {
    pub(super) hashes: BTreeSet<&'a str>,
    pub(super) at: Timestamp,
}

impl Ledger {
    /// Opens the one of a store.
    pub(super) fn open(store: &Store, health: &Arc<Health>) -> Result<Self, StoreError> {
        if store.address.backend == DbBackend::Postgres {
            return Ok(Self::Postgres(store.clone()));
        }
        let opened = || {
            let options: SqliteConnectOptions = store.address.url.parse().map_err(|error| failure(&error))?;
            open(options.get_filename()).map_err(|error| failure(&error))
        };
        let sqlite = opened().map_err(unopened(&store.address))?;
        let (store, health) = (store.clone(), health.clone());
        Ok(Self::Sqlite(File { sqlite, store, rows: 0, moving: None, health }))
    }

    /// True if so many rows are written at once. PostgreSQL has a statement for each number, and is to see few different ones.
    pub(super) fn takes(&self, rows: usize) -> bool {
        matches!(self, Self::Sqlite(_)) || rows <= FINE || rows.is_multiple_of(FINE)
    }

    /// Writes what there is.
    pub(super) async fn write(&mut self, rows: &[Row], said: &Said<'_>) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(file) => {
                file.write(rows, said).map_err(|error| failure(&error))?;
                if file.is_moving() {
                    // Nothing here waits for anything, and it goes on by this thread.
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Self::Postgres(store) => in_time(send(store, rows, said)).await,
        }
    }
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    // Nobody else has this connection.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sqlite = Connection::open_with_flags(file, flags)?;
    sqlite.busy_timeout(PATIENCE)?;
    // Nothing is committed that a power failure could take back.
    sqlite.pragma_update(None, "synchronous", "FULL")?;
    sqlite.pragma_update(None, "wal_autocheckpoint", SQLITE_JOURNAL)?;
    Ok(sqlite)
}

impl File {
    fn write(&mut self, rows: &[Row], said: &Said<'_>) -> rusqlite::Result<()> {
        // Dropped before its end it is rolled back.
        let write = self.sqlite.transaction_with_behavior(TransactionBehavior::Immediate)?;
        private_texts::remember(&write, &said.hashes, said.at)?;
        {
            let mut insert = write.prepare_cached(&insertion(DbBackend::Sqlite, ROWS, 1, 0))?;
            for Row { chain, seq, at, body, hash, seal } in rows {
                insert.execute((chain, number(*seq), micros(*at), body, hash.to_string(), seal))?;
            }
        }
        write.commit()?;
        self.rows += rows.len();
        if self.rows >= MOVE_EVERY && !self.is_moving() {
            self.rows = 0;
            let (store, health) = (self.store.clone(), self.health.clone());
            // Where this fails it is tried again later, and at the latest by whoever has to wait for it.
            self.moving = Some(tokio::spawn(async move {
                let moved = store.db.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await;
                health.moved(moved.map(drop).map_err(failing("move its journal into its file")));
            }));
        }
        Ok(())
    }

    fn is_moving(&self) -> bool {
        self.moving.as_ref().is_some_and(|moving| !moving.is_finished())
    }
}

/// One statement, as somebody waits for it before each request.
async fn send(store: &Store, rows: &[Row], said: &Said<'_>) -> Result<(), DbErr> {
    let values: Vec<_> = rows.iter().map(columns).collect();
    if said.hashes.is_empty() {
        return insert(&store.db, ROWS, values, "").await;
    }
    let (remembering, texts) = private_texts::remembering(&said.hashes, said.at);
    let sql = if rows.is_empty() {
        remembering.to_owned()
    } else {
        format!("WITH said AS ({remembering}) {}", insertion(DbBackend::Postgres, ROWS, rows.len(), texts.len()))
    };
    let values = texts.into_iter().chain(values.into_iter().flatten());
    store.db.execute_raw(store.statement(&sql, values)).await.map(drop)
}

fn columns(row: &Row) -> Vec<Value> {
    vec![
        row.chain.as_str().into(),
        number(row.seq).into(),
        micros(row.at).into(),
        row.body.as_str().into(),
        row.hash.to_string().into(),
        row.seal.clone().into(),
    ]
}

/// What a driver says, as the store's errors have it.
fn failure(error: &impl ToString) -> DbErr {
    DbErr::Custom(error.to_string())
}
