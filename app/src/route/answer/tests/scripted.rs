//! A provider that does what a script says, on the test's clock. It keeps the limits that it is given, as the real ones do, and
//! notes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anchorwatch_core::route::failure::{Failure, Wait};
use anchorwatch_core::route::provider::{Ask, Embeddings, End, Limits, Origin, Piece};
use anchorwatch_edge::llm::{Health, Provider, Streamed};
use futures::future::BoxFuture;
use futures::stream;
use tokio::time::{Instant, sleep, timeout_at};

/// Longer than anything is waited for.
pub(super) const NEVER: Duration = Duration::from_hours(48);

/// Something, or a failure, after so long.
type Step<T> = (Duration, Result<T, Failure>);

/// What it does when it is asked once.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    head: Step<()>,
    pieces: Vec<Step<Piece>>,
}

impl Turn {
    /// Fails before it says anything.
    pub(super) fn fails(takes: Duration, failure: Failure) -> Self {
        Self { head: (takes, Err(failure)), pieces: Vec::new() }
    }

    /// Says these pieces.
    pub(super) fn says(pieces: Vec<Step<Piece>>) -> Self {
        Self { head: (Duration::ZERO, Ok(())), pieces }
    }

    /// Says this text, and no more.
    pub(super) fn answers(takes: Duration, text: &str) -> Self {
        let text = Piece::Text(text.to_owned());
        Self::says(vec![(takes, Ok(text)), (Duration::ZERO, Ok(Piece::End(End::default())))])
    }
}

/// What a provider was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum What {
    Health,
    /// A conversation of so many messages.
    Answer(usize, Limits),
}

/// A provider was asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) provider: String,
    pub(super) what: What,
    /// Since the beginning.
    pub(super) from: Duration,
    pub(super) until: Duration,
}

/// What the providers of one request were asked.
#[derive(Debug, Clone)]
pub(super) struct Log {
    began: Instant,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), seen: Arc::default() }
    }

    pub(super) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

/// Notes how long a call took, once it is dropped.
struct Noting(Log, Seen);

impl Drop for Noting {
    fn drop(&mut self) {
        let Self(log, seen) = self;
        seen.until = log.began.elapsed();
        log.seen.lock().unwrap().push(seen.clone());
    }
}

/// A provider with a script.
#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) name: &'static str,
    health: Step<()>,
    turns: Mutex<VecDeque<Turn>>,
    log: Log,
}

impl Scripted {
    /// One that is healthy.
    pub(super) fn new(name: &'static str, turns: Vec<Turn>, log: &Log) -> Self {
        Self { name, health: (Duration::ZERO, Ok(())), turns: Mutex::new(turns.into()), log: log.clone() }
    }

    /// One that takes so long to say how it is.
    pub(super) fn with_health(self, takes: Duration) -> Self {
        Self { health: (takes, Ok(())), ..self }
    }

    /// One that fails when it is asked how it is.
    pub(super) fn whose_health(self, fails: Failure) -> Self {
        Self { health: (Duration::ZERO, Err(fails)), ..self }
    }

    fn note(&self, what: What) -> Noting {
        let from = self.log.began.elapsed();
        Noting(self.log.clone(), Seen { provider: self.name.to_owned(), what, from, until: from })
    }
}

impl Provider for Scripted {
    fn stream<'a>(&'a self, ask: &'a Ask, limits: Limits) -> BoxFuture<'a, Result<Streamed, Failure>> {
        let noting = self.note(What::Answer(ask.messages.len(), limits));
        let turn = self.turns.lock().unwrap().pop_front();
        Box::pin(async move {
            let Turn { head: (takes, head), pieces } = turn.expect("it is asked no more often than the table says");
            let patience = Patience { began: Instant::now(), limits };
            patience.wait(Wait::FirstByte, takes).await?;
            head?;
            let saying = Saying { pieces: pieces.into(), patience, wait: Wait::FirstToken, _noting: noting };
            let pieces = Box::pin(stream::unfold(saying, Saying::next));
            Ok(Streamed { origin: Origin::default(), pieces })
        })
    }

    fn embed<'a>(&'a self, _texts: &'a [String], _limits: Limits) -> BoxFuture<'a, Result<Embeddings, Failure>> {
        unreachable!("nobody asks for vectors here")
    }

    fn health(&self, timeout: Duration) -> BoxFuture<'_, Result<Health, Failure>> {
        let noting = self.note(What::Health);
        Box::pin(async move {
            let _noting = noting;
            let patience = Patience { began: Instant::now(), limits: Limits::within(timeout) };
            patience.wait(Wait::FirstByte, self.health.0).await?;
            self.health.1.clone().map(|()| Health::default())
        })
    }
}

/// An answer on its way.
struct Saying {
    pieces: VecDeque<Step<Piece>>,
    patience: Patience,
    wait: Wait,
    _noting: Noting,
}

impl Saying {
    async fn next(mut self) -> Option<(Result<Piece, Failure>, Self)> {
        let (takes, piece) = self.pieces.pop_front()?;
        let piece = self.patience.wait(self.wait, takes).await.and(piece);
        self.wait = Wait::Idle;
        Some((piece, self))
    }
}

/// How long is waited for it.
#[derive(Clone, Copy)]
struct Patience {
    began: Instant,
    limits: Limits,
}

impl Patience {
    /// Waits for what takes so long, or as long as it may take.
    async fn wait(self, wait: Wait, takes: Duration) -> Result<(), Failure> {
        let Self { began, limits } = self;
        let step = match wait {
            Wait::FirstByte => (wait, began, limits.first_byte),
            Wait::FirstToken => (wait, began, limits.first_token),
            _ => (Wait::Idle, Instant::now(), limits.idle),
        };
        let steps = [step, (Wait::Whole, began, limits.whole), (Wait::Deadline, began, limits.deadline)];
        let (wait, since, limit) = steps.into_iter().min_by_key(|(_, since, limit)| *since + *limit).unwrap();
        timeout_at(since + limit, sleep(takes)).await.map_err(|_| Failure::Timeout(wait, limit))
    }
}
