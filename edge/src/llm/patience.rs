//! How long an attempt is waited for, step by step; what ran out first is what it failed by.

use std::future::Future;
use std::time::Duration;

use anchorwatch_core::route::failure::{Failure, Wait};
use anchorwatch_core::route::provider::Limits;
use tokio::time::{Instant, timeout_at};

/// The time of one attempt, which runs since it was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    began: Instant,
    limits: Limits,
}

/// A limit of a step beside those of the whole.
type Step = (Wait, Instant, Duration);

impl Patience {
    pub(super) fn new(limits: Limits) -> Self {
        Self { began: Instant::now(), limits }
    }

    pub(super) fn answer_bytes(&self) -> usize {
        self.limits.answer_bytes
    }

    /// Waits for something that is whole.
    pub(super) async fn whole<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        self.within(None, work).await
    }

    /// Waits for the head of an answer that is streamed.
    pub(super) async fn head<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        self.within(Some(step(Wait::FirstByte, self.began, self.limits.first_byte)), work).await
    }

    /// Waits for more of an answer that is streamed: before its first token since the beginning, then since now, so that
    /// a slow reader is not held against the provider.
    pub(super) async fn more<T>(
        &self,
        has_begun: bool,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let step = if has_begun {
            step(Wait::Idle, Instant::now(), self.limits.idle)
        } else {
            step(Wait::FirstToken, self.began, self.limits.first_token)
        };
        self.within(Some(step), work).await
    }

    async fn within<T>(
        &self,
        narrower: Option<Step>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let whole = step(Wait::Whole, self.began, self.limits.whole);
        let deadline = step(Wait::Deadline, self.began, self.limits.deadline);
        let steps = narrower.into_iter().chain([whole, deadline]);
        let (wait, until, limit) = steps.min_by_key(|(_, until, _)| *until).expect("there are two of them always");
        timeout_at(until, work).await.unwrap_or(Err(Failure::Timeout(wait, limit)))
    }
}

/// A limit that no clock reaches is one of a year.
fn step(wait: Wait, since: Instant, limit: Duration) -> Step {
    (wait, since.checked_add(limit).unwrap_or(since + Duration::from_hours(24 * 365)), limit)
}
