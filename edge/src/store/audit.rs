//! `audit_rows`, `audit_checkpoints`, `audit_cuts`: what the router sent where; see [`anchorwatch_core::route::audit`].
//!
//! A process writes a chain of its own, named anew at each start: so no two ever write the same one, and one that was
//! killed leaves a chain that ends where it ended, its last attempts open. One thread writes: what waits is written
//! together, and committed durably before anybody is told. On SQLite that is `synchronous = FULL` on a connection of
//! its own, in PostgreSQL `synchronous_commit = on`.
//!
//! The same thread remembers what was said in private (`private_texts`): what a request leaves behind is written together, and
//! no two tasks of a process wait for each other's lock. It is no task of the runtime, where it would wait for its turn among the
//! requests that wait for it.

mod forget;
mod health;
mod ledger;
mod look;
#[cfg(feature = "memory")]
mod memory;
mod write;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::route::audit::{AuditKey, Begin, End, Entry, Outcome, Reject, SignedCheckpoint};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, FromQueryResult};
use tokio::runtime::{self, Runtime};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Store, StoreError, Table, insert, micros, unopened};
use crate::clock::Clock;

pub use forget::Forgetting;
use health::Health;
pub use look::{AuditLook, AuditRow};
#[cfg(feature = "memory")]
pub use memory::KeptEntries;
use write::{Ask, Author, Writer};

/// How long a row may take. Then nothing is sent.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a server may take for one statement before it is asked what became of it. The rows of a file are waited for.
const STATEMENT: Duration = Duration::from_secs(5);
/// How many may wait at once.
const WAITING: usize = 10_000;
/// Only one replica writes a checkpoint at a time: a number of our own among PostgreSQL's advisory locks.
const CHECKPOINT_LOCK: i64 = 0x6177_6370;

const ROWS: Table = Table { name: "audit_rows", columns: &["chain", "seq", "at", "body", "hash", "seal"] };
const CHECKPOINTS: Table = Table { name: "audit_checkpoints", columns: &["number", "at", "text"] };

/// The row could not be written in time: what it was to tell of must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit cannot be written within {} s: nothing may be sent", PATIENCE.as_secs())]
pub struct AuditUnavailable;

/// What the writing of an audit tells of, for the log.
#[derive(Debug)]
pub enum AuditNews {
    /// A checkpoint was made. Its text has to get where whoever can write to the store cannot.
    Checkpoint(SignedCheckpoint),
    /// The store does not take it. It is tried again.
    Failing(StoreError),
    /// It is written again.
    Recovered,
    /// What is written cannot be moved out of SQLite's journal, which grows.
    JournalStuck(StoreError),
    /// Somebody else has written to the chain of this process, which begins a new one.
    Foreign(String),
}

/// What an audit is written with.
pub struct AuditWriting {
    /// Seals and signs.
    pub key: AuditKey,
    /// The program's version.
    pub program: &'static str,
    /// The clock.
    pub clock: Clock,
    /// Told of what happens.
    pub tell: Box<dyn Fn(AuditNews) + Send + Sync>,
}

/// Writes an audit; its clones write the same chain.
#[derive(Debug, Clone)]
pub struct Audit {
    asks: mpsc::UnboundedSender<Ask>,
    places: Arc<Semaphore>,
    health: Arc<Health>,
}

/// Something that was written to begin, and has to end. Dropped without an end it was cancelled.
#[derive(Debug)]
pub struct Attempt {
    asks: mpsc::UnboundedSender<Ask>,
    clock: Clock,
    id: String,
    /// What a drop would mean; none once it has ended.
    if_dropped: Option<Outcome>,
}

impl Audit {
    /// Begins to write. The first row is written with the first that is asked for.
    pub async fn open(store: &Store, writing: AuditWriting) -> Result<Self, StoreError> {
        let (asks, asked) = mpsc::unbounded_channel();
        let (tell, opened) = oneshot::channel();
        let AuditWriting { key, program, clock, tell: news } = writing;
        let health = Arc::new(Health::new(news));
        let author = Author { key, program, clock, health: health.clone() };
        let (asking, own) = (asks.downgrade(), store.clone());
        let write = move || match writer(&own, author, asking) {
            Ok((runtime, writer)) => {
                if tell.send(Ok(())).is_ok() {
                    runtime.block_on(writer.run(asked));
                }
            }
            Err(error) => drop(tell.send(Err(error))),
        };
        let thread = std::thread::Builder::new().name("audit".to_owned());
        thread.spawn(write).map_err(no_thread(store))?;
        opened.await.unwrap_or_else(|_| Err(no_thread(store)(io::Error::other("it broke down"))))?;
        Ok(Self { asks, places: Arc::new(Semaphore::new(WAITING)), health })
    }

    /// Writes that something is about to be sent, and remembers these hashes of texts as said in private. Nothing may be sent
    /// before this has given an attempt.
    pub async fn begin(&self, begin: Begin, said: Vec<String>) -> Result<Attempt, AuditUnavailable> {
        let (give, given) = oneshot::channel();
        let begin = Box::new(begin);
        let mut attempt = self.written(|place| Ask::Begin { begin, said, give, _place: place }, given).await?;
        attempt.if_dropped = Some(Outcome::Cancelled);
        Ok(attempt)
    }

    /// Writes that a request got no answer, and remembers these hashes of texts as said in private.
    pub async fn reject(&self, reject: Reject, said: Vec<String>) -> Result<(), AuditUnavailable> {
        let (give, given) = oneshot::channel();
        let (entry, written) = (Box::new(Entry::Reject(reject)), Some(give));
        self.written(|place| Ask::Write { entry, said, written, _place: Some(place) }, given).await
    }

    /// Remembers these hashes of texts as said in private, where there is nothing to write beside.
    pub async fn remember(&self, said: Vec<String>, at: Timestamp) -> Result<(), AuditUnavailable> {
        let (give, given) = oneshot::channel();
        self.written(|place| Ask::Remember { said, at, written: Some(give), _place: Some(place) }, given).await
    }

    /// Writes all that was asked for so far, and a checkpoint; as before the process ends.
    pub async fn settle(&self) -> Result<(), AuditUnavailable> {
        let (give, given) = oneshot::channel();
        self.asks.send(Ask::Settle(give)).map_err(|_| AuditUnavailable)?;
        given.await.map_err(|_| AuditUnavailable)
    }

    async fn written<T>(
        &self,
        ask: impl FnOnce(write::Place) -> Ask,
        given: oneshot::Receiver<T>,
    ) -> Result<T, AuditUnavailable> {
        let waiting = async {
            let place = self.places.clone().acquire_owned().await.ok()?;
            self.asks.send(ask(place)).ok()?;
            given.await.ok()
        };
        let written = tokio::time::timeout(PATIENCE, waiting).await.ok().flatten();
        written.ok_or_else(|| {
            self.health.refused();
            AuditUnavailable
        })
    }
}

impl Attempt {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Writes how it ended, as soon as the store takes it. Nobody waits for that.
    pub fn end(mut self, end: End) {
        self.write(end, Vec::new(), None);
    }

    /// Writes how it ended, and remembers these hashes of texts as said in private; nobody may have the answer before this has
    /// succeeded.
    pub async fn end_remembering(mut self, end: End, said: Vec<String>) -> Result<(), AuditUnavailable> {
        let (give, given) = oneshot::channel();
        self.write(end, said, Some(give));
        tokio::time::timeout(PATIENCE, given).await.ok().and_then(Result::ok).ok_or(AuditUnavailable)
    }

    fn write(&mut self, mut end: End, said: Vec<String>, written: Option<oneshot::Sender<()>>) {
        self.if_dropped = None;
        end.attempt = std::mem::take(&mut self.id);
        // Where nobody writes any more, the attempt stays open.
        let _ = self.asks.send(Ask::Write { entry: Box::new(Entry::End(end)), said, written, _place: None });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(outcome) = self.if_dropped.take() {
            self.write(End::new(self.clock.now(), outcome), Vec::new(), None);
        }
    }
}

/// A text of a column.
#[derive(FromQueryResult)]
struct Text {
    text: String,
}

/// Where a chain ends, as the store has it.
#[derive(FromQueryResult)]
struct EndRow {
    chain: String,
    seq: i64,
    hash: String,
}

/// Opens what writes, on a runtime of this thread's own.
fn writer(
    store: &Store,
    author: Author,
    asks: mpsc::WeakUnboundedSender<Ask>,
) -> Result<(Runtime, Writer), StoreError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread(store))?;
    let writer = runtime.block_on(Writer::open(store, author, asks))?;
    Ok((runtime, writer))
}

/// For `map_err`: nobody can write.
fn no_thread(store: &Store) -> impl Fn(io::Error) -> StoreError {
    let unopened = unopened(&store.address);
    move |error| unopened(DbErr::Custom(format!("it has no thread that writes the audit: {error}")))
}

impl Store {
    /// Lets one checkpoint after the other be made. On SQLite the transaction itself is the lock.
    async fn hold_checkpoints(&self, write: &DatabaseTransaction) -> Result<(), DbErr> {
        if self.address.backend == DbBackend::Postgres {
            let sql = "SELECT pg_advisory_xact_lock($1)";
            write.execute_raw(self.statement(sql, [CHECKPOINT_LOCK.into()])).await?;
        }
        Ok(())
    }

    async fn last_checkpoint(&self, write: &DatabaseTransaction) -> Result<Option<SignedCheckpoint>, StoreError> {
        let sql = "SELECT text FROM audit_checkpoints ORDER BY number DESC LIMIT 1";
        let last = Text::find_by_statement(self.statement(sql, [])).one(write).await;
        let Some(last) = last.map_err(super::failing("read a checkpoint of the audit"))? else { return Ok(None) };
        SignedCheckpoint::read(&last.text).map(Some).map_err(|error| malformed("a checkpoint of the audit", &error))
    }

    async fn add_checkpoint(&self, write: &DatabaseTransaction, signed: &SignedCheckpoint) -> Result<(), DbErr> {
        let checkpoint = &signed.checkpoint;
        let row = vec![number(checkpoint.number).into(), micros(checkpoint.at).into(), signed.text().into()];
        insert(write, CHECKPOINTS, vec![row], "").await
    }

    /// Where all chains end. Only the ends are read, whatever the number of rows.
    async fn audit_ends(&self, write: &DatabaseTransaction) -> Result<Vec<EndRow>, DbErr> {
        let sql = "WITH RECURSIVE chains (chain) AS (SELECT MIN(chain) FROM audit_rows UNION ALL \
                   SELECT (SELECT MIN(r.chain) FROM audit_rows r WHERE r.chain > chains.chain) FROM chains \
                   WHERE chains.chain IS NOT NULL) \
                   SELECT r.chain, r.seq, r.hash FROM chains JOIN audit_rows r ON r.chain = chains.chain \
                   AND r.seq = (SELECT MAX(m.seq) FROM audit_rows m WHERE m.chain = chains.chain) ORDER BY r.chain";
        EndRow::find_by_statement(self.statement(sql, [])).all(write).await
    }
}

fn malformed(what: &'static str, reason: &dyn std::error::Error) -> StoreError {
    StoreError::Malformed { what, reason: reason.to_string() }
}

/// A number of a row as it is stored.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The oldest that is kept.
fn before(now: Timestamp, age: jiff::SignedDuration) -> Timestamp {
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

/// A server that hangs must not hold up everything for ever.
async fn in_time<T>(statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    tokio::time::timeout(STATEMENT, statement).await.unwrap_or_else(|_| Err(no_answer(STATEMENT)))
}

fn no_answer(time: Duration) -> DbErr {
    DbErr::Custom(format!("no answer for {} s", time.as_secs()))
}
