//! The one task of a process that writes its chain.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use anchorwatch_core::route::audit::{
    AuditError, Begin, Chain, Checkpoint, Entry, Head, Outcome, Row, SignedCheckpoint, Start,
};
use sea_orm::{DbErr, FromQueryResult as _, Value};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use super::super::{Store, StoreError, failing, insert, micros};
use super::{Attempt, AuditNews, AuditWriting, EndRow, ROWS, malformed, number};
use crate::clock;

/// How often a checkpoint is made, if there is anything new, and after how many rows at the latest.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(1);
const CHECKPOINT_ROWS: u64 = 10_000;
/// How long the store may take for one statement before it is asked what became of it.
const STATEMENT: Duration = Duration::from_secs(5);
/// The first wait after a failure, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// Rows of one statement. Beyond `FINE` only multiples of it, so that databases see few different statements.
const MOST: usize = 256;
const FINE: usize = 16;

pub(super) type Place = OwnedSemaphorePermit;

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Ask {
    /// An attempt, once its row is written.
    Begin { begin: Box<Begin>, give: oneshot::Sender<Attempt>, _place: Place },
    /// A row.
    Write { entry: Box<Entry>, written: Option<(oneshot::Sender<()>, Place)> },
    /// All that was asked for before, and a checkpoint.
    Settle(oneshot::Sender<()>),
}

pub(super) struct Writer {
    store: Store,
    writing: AuditWriting,
    asks: mpsc::WeakUnboundedSender<Ask>,
    chain: Chain,
    waiting: VecDeque<Ask>,
    /// Rows since the last checkpoint.
    unsigned: u64,
    /// Where chains ended at the last one.
    signed: BTreeMap<String, i64>,
    is_failing: bool,
}

impl Writer {
    pub(super) fn new(store: Store, writing: AuditWriting, asks: mpsc::WeakUnboundedSender<Ask>, chain: Chain) -> Self {
        let (waiting, signed) = (VecDeque::new(), BTreeMap::new());
        Self { store, writing, asks, chain, waiting, unsigned: 0, signed, is_failing: false }
    }

    pub(super) async fn run(mut self, mut asked: mpsc::UnboundedReceiver<Ask>) {
        let mut ticks = tokio::time::interval_at(Instant::now() + CHECKPOINT_EVERY, CHECKPOINT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ask = asked.recv() => match ask {
                    Some(ask) => self.waiting.push_back(ask),
                    None => break,
                },
                _ = ticks.tick() => self.checkpoint().await,
            }
            while let Ok(ask) = asked.try_recv() {
                self.waiting.push_back(ask);
            }
            while !self.waiting.is_empty() {
                self.write_some().await;
            }
            if self.unsigned >= CHECKPOINT_ROWS {
                self.checkpoint().await;
            }
        }
        self.checkpoint().await;
    }

    /// Writes what was asked for first, as much as goes into one statement.
    async fn write_some(&mut self) {
        let taken = self.take();
        if taken.is_empty() {
            if let Some(Ask::Settle(settled)) = self.waiting.pop_front() {
                self.checkpoint().await;
                // Whoever waited for it may have gone.
                let _ = settled.send(());
            }
            return;
        }
        let mut entries = Vec::with_capacity(taken.len() + 1);
        if self.chain.last() == 0 {
            let (program, key) = (self.writing.program.to_owned(), self.writing.key.public().id());
            entries.push(Entry::Start(Start { at: self.writing.clock.now(), program, key }));
        }
        entries.extend(taken.iter().map(Ask::entry));
        let mut after = self.chain.clone();
        let rows = after.append(&entries, &self.writing.key);
        let is_written = self.write(&rows, &after).await;
        if is_written {
            self.unsigned += rows.len() as u64;
            self.chain = after;
            for ask in taken {
                self.tell(ask);
            }
        } else {
            AuditNews::Foreign(self.chain.id().to_owned()).told(&self.writing);
            self.chain = Chain::new(clock::new_id());
            self.put_back(taken);
        }
    }

    /// What is next, up to where all has to be settled. Who has given up waiting is passed over: nothing was sent.
    fn take(&mut self) -> Vec<Ask> {
        let mut taken = Vec::new();
        while taken.len() < MOST {
            match self.waiting.pop_front() {
                None => break,
                Some(settle @ Ask::Settle(_)) => {
                    self.waiting.push_front(settle);
                    break;
                }
                Some(ask) if ask.was_given_up() => {}
                Some(ask) => taken.push(ask),
            }
        }
        let more = if taken.len() > FINE { taken.len() % FINE } else { 0 };
        let rest = taken.split_off(taken.len() - more);
        self.put_back(rest);
        taken
    }

    fn put_back(&mut self, asks: Vec<Ask>) {
        for ask in asks.into_iter().rev() {
            self.waiting.push_front(ask);
        }
    }

    /// Writes rows until they are there; false if others are in their place.
    ///
    /// A statement whose outcome nobody knows may be committed later. So it is the same rows that are tried again, and before
    /// that the store is asked where the chain ends.
    async fn write(&mut self, rows: &[Row], after: &Chain) -> bool {
        let mut wait = WAITS.0;
        loop {
            let insertion = insert(&self.store.db, ROWS, rows.iter().map(columns).collect(), "");
            let written = in_time(insertion).await.map_err(failing("write the audit"));
            let error = match written {
                Ok(()) => return self.recovered(),
                Err(error) => error,
            };
            self.failing(error);
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAITS.1);
            match self.end_of_chain().await {
                Ok(Some(end)) if end.seq == number(after.last()) && end.hash == after.hash().to_string() => {
                    return self.recovered();
                }
                Ok(Some(end)) if end.seq > number(self.chain.last()) => return false,
                Ok(_) => {}
                Err(error) => self.failing(error),
            }
        }
    }

    async fn end_of_chain(&self) -> Result<Option<EndRow>, StoreError> {
        let sql = "SELECT chain, seq, hash FROM audit_rows WHERE chain = $1 ORDER BY seq DESC LIMIT 1";
        let end = EndRow::find_by_statement(self.store.statement(sql, [self.chain.id().into()])).one(&self.store.db);
        in_time(end).await.map_err(failing("read the audit"))
    }

    fn failing(&mut self, error: StoreError) {
        if !std::mem::replace(&mut self.is_failing, true) {
            AuditNews::Failing(error).told(&self.writing);
        }
    }

    fn recovered(&mut self) -> bool {
        if std::mem::take(&mut self.is_failing) {
            AuditNews::Recovered.told(&self.writing);
        }
        true
    }

    /// Tells who waits that it is written.
    fn tell(&self, ask: Ask) {
        match ask {
            Ask::Begin { begin, give, _place } => {
                let Some(asks) = self.asks.upgrade() else { return };
                let clock = self.writing.clock;
                // Where nobody takes it any more, it is dropped, and that is written.
                let attempt = Attempt { asks, clock, id: begin.attempt, if_dropped: Some(Outcome::Unsent) };
                let _ = give.send(attempt);
            }
            Ask::Write { written: Some((written, _place)), .. } => drop(written.send(())),
            Ask::Write { .. } | Ask::Settle(_) => {}
        }
    }

    async fn checkpoint(&mut self) {
        if self.chain.last() == 0 || self.unsigned == 0 {
            return;
        }
        match tokio::time::timeout(STATEMENT, self.try_checkpoint()).await {
            Ok(Ok(signed)) => {
                self.signed.extend(signed.checkpoint.heads.iter().map(|head| (head.chain.clone(), number(head.seq))));
                self.unsigned = 0;
                AuditNews::Checkpoint(signed).told(&self.writing);
            }
            Ok(Err(error)) => AuditNews::Failing(error).told(&self.writing),
            Err(_) => AuditNews::Failing(failing("make a checkpoint of the audit")(too_long())).told(&self.writing),
        }
    }

    async fn try_checkpoint(&self) -> Result<SignedCheckpoint, StoreError> {
        let fail = failing("make a checkpoint of the audit");
        let write = self.store.begin().await.map_err(&fail)?;
        self.store.hold_checkpoints(&write).await.map_err(&fail)?;
        let last = self.store.last_checkpoint(&write).await?;
        let ends = self.store.audit_ends(&write).await.map_err(&fail)?;
        let grown = ends.into_iter().filter(|end| self.signed.get(&end.chain).is_none_or(|seq| *seq < end.seq));
        let heads = grown.map(EndRow::head).collect::<Result<_, _>>();
        let mut checkpoint = Checkpoint::after(last.as_ref(), self.chain.id(), self.writing.clock.now());
        checkpoint.heads = heads.map_err(|error| malformed("a row of the audit", &error))?;
        // Of its own chain it says what it has written, and not what the store has.
        checkpoint.heads.retain(|head| head.chain != self.chain.id());
        let (chain, seq, hash) = (self.chain.id().to_owned(), self.chain.last(), self.chain.hash());
        checkpoint.heads.push(Head { chain, seq, hash });
        let signed = checkpoint.signed(&self.writing.key);
        self.store.add_checkpoint(&write, &signed).await.map_err(&fail)?;
        self.store.commit(write).await.map_err(fail)?;
        Ok(signed)
    }
}

impl Ask {
    fn entry(&self) -> Entry {
        match self {
            Self::Begin { begin, .. } => Entry::Begin(Begin::clone(begin)),
            Self::Write { entry, .. } => Entry::clone(entry),
            Self::Settle(_) => unreachable!("what is taken to be written is a row"),
        }
    }

    fn was_given_up(&self) -> bool {
        match self {
            Self::Begin { give, .. } => give.is_closed(),
            Self::Write { written, .. } => written.as_ref().is_some_and(|(written, _)| written.is_closed()),
            Self::Settle(_) => false,
        }
    }
}

impl AuditNews {
    pub(super) fn told(self, writing: &AuditWriting) {
        (writing.tell)(self);
    }
}

impl EndRow {
    pub(super) fn head(self) -> Result<Head, AuditError> {
        let Self { chain, seq, hash } = self;
        Ok(Head { chain, seq: u64::try_from(seq).unwrap_or(0), hash: hash.parse()? })
    }
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

/// A connection that hangs must not hold up everything for ever.
async fn in_time<T>(statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    tokio::time::timeout(STATEMENT, statement).await.unwrap_or_else(|_| Err(too_long()))
}

fn too_long() -> DbErr {
    DbErr::Custom(format!("no answer for {} s", STATEMENT.as_secs()))
}
