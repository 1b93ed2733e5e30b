//! What writes the chain of a process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::route::audit::{
    AuditError, AuditKey, Begin, Chain, Checkpoint, Entry, Head, Outcome, Row, SignedCheckpoint, Start,
};
use jiff::Timestamp;
use sea_orm::FromQueryResult as _;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use super::super::{Store, StoreError, failing};
use super::health::Health;
use super::ledger::{Ledger, Said};
use super::{Attempt, AuditNews, EndRow, STATEMENT, in_time, malformed, no_answer, number};
use crate::clock::{self, Clock};

/// How often a checkpoint is made, if there is anything new, and after how many rows at the latest.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(1);
const CHECKPOINT_ROWS: u64 = 10_000;
/// The first wait after a failure, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// Rows that are written at once, at most.
const MOST: usize = 256;

pub(super) type Place = OwnedSemaphorePermit;

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Ask {
    /// An attempt, once its row is written.
    Begin { begin: Box<Begin>, said: Vec<String>, give: oneshot::Sender<Attempt>, _place: Place },
    /// A row.
    Write { entry: Box<Entry>, said: Vec<String>, written: Option<oneshot::Sender<()>>, _place: Option<Place> },
    /// That texts were said in private, by their hashes, which the others have beside a row.
    Remember { said: Vec<String>, at: Timestamp, written: Option<oneshot::Sender<()>>, _place: Option<Place> },
    /// All that was asked for before, and a checkpoint.
    Settle(oneshot::Sender<()>),
}

/// Who writes, and with what.
pub(super) struct Author {
    pub(super) key: AuditKey,
    pub(super) program: &'static str,
    pub(super) clock: Clock,
    pub(super) health: Arc<Health>,
}

pub(super) struct Writer {
    /// For all but the rows.
    store: Store,
    ledger: Ledger,
    author: Author,
    asks: mpsc::WeakUnboundedSender<Ask>,
    chain: Chain,
    waiting: VecDeque<Ask>,
    /// Rows since the last checkpoint.
    unsigned: u64,
    /// Where chains ended at the last one.
    signed: BTreeMap<String, i64>,
}

impl Writer {
    pub(super) async fn open(
        store: &Store,
        author: Author,
        asks: mpsc::WeakUnboundedSender<Ask>,
    ) -> Result<Self, StoreError> {
        let store = store.durable().await?;
        let (ledger, chain) = (Ledger::open(&store, &author.health)?, Chain::new(clock::new_id()));
        let (waiting, signed) = (VecDeque::new(), BTreeMap::new());
        Ok(Self { store, ledger, author, asks, chain, waiting, unsigned: 0, signed })
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

    /// Writes what was asked for first, as much as is written at once.
    async fn write_some(&mut self) {
        let taken = self.take();
        if taken.is_empty() {
            if let Some(settle) = self.waiting.pop_front() {
                self.checkpoint().await;
                settle.answer(&self.asks, self.author.clock);
            }
            return;
        }
        let mut entries = Vec::with_capacity(taken.len() + 1);
        if self.chain.last() == 0 && taken.iter().any(Ask::is_row) {
            let (program, key) = (self.author.program.to_owned(), self.author.key.public().id());
            entries.push(Entry::Start(Start { at: self.author.clock.now(), program, key }));
        }
        entries.extend(taken.iter().filter_map(Ask::entry));
        let mut after = self.chain.clone();
        let rows = after.append(&entries, &self.author.key);
        let is_written = self.write(&rows, &Said::of(&taken), &after).await;
        if is_written {
            self.author.health.written();
            self.unsigned += rows.len() as u64;
            self.chain = after;
            for ask in taken {
                ask.answer(&self.asks, self.author.clock);
            }
        } else {
            self.author.health.tell(AuditNews::Foreign(self.chain.id().to_owned()));
            self.chain = Chain::new(clock::new_id());
            for ask in taken.into_iter().rev() {
                self.waiting.push_front(ask);
            }
        }
    }

    /// What is next, up to where all has to be settled. Who has given up waiting is passed over: nothing was sent.
    fn take(&mut self) -> Vec<Ask> {
        let mut taken = Vec::new();
        while taken.len() < MOST
            && let Some(ask) = self.waiting.pop_front_if(|ask| !matches!(ask, Ask::Settle(_)))
        {
            taken.extend(ask.unless_given_up());
        }
        let mut rows = taken.iter().filter(|ask| ask.is_row()).count();
        while !self.ledger.takes(rows) {
            let Some(last) = taken.pop() else { break };
            rows -= usize::from(last.is_row());
            self.waiting.push_front(last);
        }
        taken
    }

    /// Writes rows until they are there; false if others are in their place.
    ///
    /// A statement whose outcome nobody knows may be committed later. So it is the same rows that are tried again, and before
    /// that the store is asked where the chain ends.
    async fn write(&mut self, rows: &[Row], said: &Said<'_>, after: &Chain) -> bool {
        let mut wait = WAITS.0;
        loop {
            self.author.health.writing();
            match self.ledger.write(rows, said).await.map_err(failing("write the audit")) {
                Ok(()) => return true,
                Err(error) => self.author.health.failed(error),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAITS.1);
            if rows.is_empty() {
                continue;
            }
            match self.end_of_chain().await {
                Ok(Some(end)) if end.seq == number(after.last()) && end.hash == after.hash().to_string() => {
                    return true;
                }
                Ok(Some(end)) if end.seq > number(self.chain.last()) => return false,
                Ok(_) => {}
                Err(error) => self.author.health.failed(error),
            }
        }
    }

    async fn end_of_chain(&self) -> Result<Option<EndRow>, StoreError> {
        let sql = "SELECT chain, seq, hash FROM audit_rows WHERE chain = $1 ORDER BY seq DESC LIMIT 1";
        let end = EndRow::find_by_statement(self.store.statement(sql, [self.chain.id().into()])).one(&self.store.db);
        in_time(end).await.map_err(failing("read the audit"))
    }

    async fn checkpoint(&mut self) {
        if self.chain.last() == 0 || self.unsigned == 0 {
            return;
        }
        match tokio::time::timeout(STATEMENT, self.try_checkpoint()).await {
            Ok(Ok(signed)) => {
                self.signed.extend(signed.checkpoint.heads.iter().map(|head| (head.chain.clone(), number(head.seq))));
                self.unsigned = 0;
                self.author.health.tell(AuditNews::Checkpoint(signed));
            }
            Ok(Err(error)) => self.author.health.tell(AuditNews::Failing(error)),
            Err(_) => {
                let error = failing("make a checkpoint of the audit")(no_answer(STATEMENT));
                self.author.health.tell(AuditNews::Failing(error));
            }
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
        let mut checkpoint = Checkpoint::after(last.as_ref(), self.chain.id(), self.author.clock.now());
        checkpoint.heads = heads.map_err(|error| malformed("a row of the audit", &error))?;
        // Of its own chain it says what it has written, and not what the store has.
        checkpoint.heads.retain(|head| head.chain != self.chain.id());
        let (chain, seq, hash) = (self.chain.id().to_owned(), self.chain.last(), self.chain.hash());
        checkpoint.heads.push(Head { chain, seq, hash });
        let signed = checkpoint.signed(&self.author.key);
        self.store.add_checkpoint(&write, &signed).await.map_err(&fail)?;
        self.store.commit(write).await.map_err(fail)?;
        Ok(signed)
    }
}

impl<'a> Said<'a> {
    fn of(asks: &'a [Ask]) -> Self {
        let mut said = Self { hashes: BTreeSet::new(), at: Timestamp::MIN };
        for ask in asks {
            let (hashes, at) = match ask {
                Ask::Begin { begin, said, .. } => (said, begin.at),
                Ask::Write { entry, said, .. } => (said, entry.at()),
                Ask::Remember { said, at, .. } => (said, *at),
                Ask::Settle(_) => continue,
            };
            said.hashes.extend(hashes.iter().map(String::as_str));
            said.at = said.at.max(at);
        }
        said
    }
}

impl Ask {
    /// Tells who waits that it is written. Whoever waited may have gone.
    pub(super) fn answer(self, asks: &mpsc::WeakUnboundedSender<Self>, clock: Clock) {
        match self {
            Self::Begin { begin, give, .. } => {
                let Some(asks) = asks.upgrade() else { return };
                // Where nobody takes it any more, it is dropped, and that is written.
                let attempt = Attempt { asks, clock, id: begin.attempt, if_dropped: Some(Outcome::Unsent) };
                let _ = give.send(attempt);
            }
            Self::Write { written: Some(told), .. }
            | Self::Remember { written: Some(told), .. }
            | Self::Settle(told) => {
                let _ = told.send(());
            }
            Self::Write { .. } | Self::Remember { .. } => {}
        }
    }

    pub(super) fn entry(&self) -> Option<Entry> {
        match self {
            Self::Begin { begin, .. } => Some(Entry::Begin(Begin::clone(begin))),
            Self::Write { entry, .. } => Some(Entry::clone(entry)),
            Self::Remember { .. } | Self::Settle(_) => None,
        }
    }

    fn is_row(&self) -> bool {
        matches!(self, Self::Begin { .. } | Self::Write { .. })
    }

    /// What is left of it where whoever waits for it has given up: nothing was sent, and what was said stays private. How an
    /// attempt ended is written whoever waits.
    pub(super) fn unless_given_up(self) -> Option<Self> {
        let (said, at) = match self {
            Self::Begin { begin, said, give, .. } if give.is_closed() => (said, begin.at),
            Self::Write { entry, said, written: Some(written), .. }
                if written.is_closed() && !matches!(*entry, Entry::End(_)) =>
            {
                (said, entry.at())
            }
            ask => return Some(ask),
        };
        (!said.is_empty()).then_some(Self::Remember { said, at, written: None, _place: None })
    }
}

impl EndRow {
    pub(super) fn head(self) -> Result<Head, AuditError> {
        let Self { chain, seq, hash } = self;
        Ok(Head { chain, seq: u64::try_from(seq).unwrap_or(0), hash: hash.parse()? })
    }
}
