//! Which provider is asked next, and for how long: the first one, and after each failure the same one again, the next one, or
//! nobody.
//!
//! Each gets the smaller of its own time and of what is left of the whole; what it used for a first try is not there for a
//! second one. Times are measured from when the request came.

use std::time::Duration;

use super::failure::Failure;

/// Whoever would get less is not asked.
pub const LEAST: Duration = Duration::from_secs(2);

/// What is done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A provider is asked.
    Ask {
        /// Its place in the chain.
        link: usize,
        /// What it is asked for.
        ask: Ask,
        /// How long to wait before.
        pause: Duration,
        /// How long all of it may take, after the pause.
        time: Duration,
        /// True if `time` is what is left of the whole, and not the provider's own.
        is_rest: bool,
    },
    /// Nobody is left.
    Reject,
    /// All providers say that the request is at fault: the caller gets what the first one said.
    CallersFault,
}

/// What a provider is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// An answer, for the first time.
    First,
    /// The same once more, as it was busy.
    Again,
    /// To mend its answer.
    Repair,
}

/// A try that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The provider's place in the chain.
    pub link: usize,
    /// How.
    pub failure: Failure,
}

/// One request's way along a chain.
#[derive(Debug, Clone)]
pub struct Run {
    /// Each provider's own time.
    times: Vec<Duration>,
    deadline: Duration,
    link: usize,
    /// When the provider at hand was asked first.
    began: Option<Duration>,
    retried: bool,
    repaired: bool,
    failed: Vec<Failed>,
}

impl Run {
    /// Begins at the first of these providers, each with its own time; all of it is over at the deadline.
    pub fn along(times: Vec<Duration>, deadline: Duration) -> Self {
        Self { times, deadline, link: 0, began: None, retried: false, repaired: false, failed: Vec::new() }
    }

    /// The first step. `elapsed`: since the request came.
    pub fn first(&mut self, elapsed: Duration) -> Step {
        self.move_on(elapsed)
    }

    /// What follows a failure of the provider that was asked last.
    pub fn after(&mut self, failure: Failure, elapsed: Duration) -> Step {
        let again = self.again(&failure, elapsed);
        self.failed.push(Failed { link: self.link, failure });
        again.unwrap_or_else(|| {
            self.link += 1;
            (self.began, self.retried, self.repaired) = (None, false, false);
            self.move_on(elapsed)
        })
    }

    /// All that failed so far, in its order; one line for each provider at least once it is over.
    pub fn failed(&self) -> &[Failed] {
        &self.failed
    }

    /// The same provider once more: it said when, or may mend what it wrote.
    fn again(&mut self, failure: &Failure, elapsed: Duration) -> Option<Step> {
        if let Some(pause) = failure.may_retry_after()
            && !self.retried
            && let Some(step) = self.ask(Ask::Again, pause, elapsed)
        {
            self.retried = true;
            return Some(step);
        }
        if failure.is_repairable()
            && !self.repaired
            && let Some(step) = self.ask(Ask::Repair, Duration::ZERO, elapsed)
        {
            self.repaired = true;
            return Some(step);
        }
        None
    }

    fn move_on(&mut self, elapsed: Duration) -> Step {
        while self.link < self.times.len() {
            self.began = Some(elapsed);
            if let Some(step) = self.ask(Ask::First, Duration::ZERO, elapsed) {
                return step;
            }
            let left = self.deadline.saturating_sub(elapsed);
            self.failed.push(Failed { link: self.link, failure: Failure::Skipped(left) });
            self.link += 1;
        }
        if self.is_callers_fault() { Step::CallersFault } else { Step::Reject }
    }

    /// `None` where too little time would be left.
    fn ask(&self, ask: Ask, pause: Duration, elapsed: Duration) -> Option<Step> {
        let link = self.link;
        let used = elapsed.saturating_sub(self.began?).saturating_add(pause);
        let own = self.times[link].saturating_sub(used);
        let rest = self.deadline.saturating_sub(elapsed.saturating_add(pause));
        let (time, is_rest) = (own.min(rest), rest < own);
        (time >= LEAST).then_some(Step::Ask { link, ask, pause, time, is_rest })
    }

    /// True if the last that each provider said is that the request is at fault.
    fn is_callers_fault(&self) -> bool {
        let last = |link: usize| self.failed.iter().rev().find(|failed| failed.link == link);
        !self.times.is_empty()
            && (0..self.times.len()).all(|link| last(link).is_some_and(|failed| failed.failure.is_callers_fault()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::Wait;
    use super::super::locality::NotLocal;
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn status(code: u16, retry_after: Option<u64>) -> Failure {
        Failure::status(code, retry_after.map(seconds), "busy")
    }

    /// NEMOTRON for 30 s, OLLAMA for 60 s, 90 s in all.
    fn usual() -> Run {
        Run::along(vec![seconds(30), seconds(60)], seconds(90))
    }

    fn ask(link: usize, time: u64) -> Step {
        Step::Ask { link, ask: Ask::First, pause: Duration::ZERO, time: seconds(time), is_rest: false }
    }

    /// Each kind of failure, and whether the same provider is asked once more.
    fn failures() -> Vec<(Failure, Option<Ask>)> {
        let words = String::new;
        let violation = Failure::SchemaViolation { place: "/cause".to_owned(), said: "no such cause".to_owned() };
        vec![
            (Failure::ConnectionRefused, None),
            (Failure::Unreachable(words()), None),
            (Failure::Dns(words()), None),
            (Failure::Tls(words()), None),
            (Failure::Misconfigured(words()), None),
            (Failure::NotLocal(NotLocal::Name), None),
            (Failure::Broken(words()), None),
            (Failure::Timeout(Wait::FirstToken, seconds(10)), None),
            (Failure::Timeout(Wait::Idle, seconds(10)), None),
            (status(408, None), None),
            (status(429, None), None),
            (status(429, Some(3)), Some(Ask::Again)),
            (status(503, Some(3)), Some(Ask::Again)),
            (status(503, Some(600)), None),
            (status(401, Some(3)), None),
            (status(404, None), None),
            (status(422, None), None),
            (status(307, None), None),
            (Failure::Truncated, None),
            (Failure::ErrorInside(words()), None),
            (Failure::Empty, None),
            (Failure::Refusal(words()), None),
            (Failure::Length, None),
            (Failure::ContentFilter, None),
            (Failure::Unreadable(words()), None),
            (Failure::InvalidJson(words()), Some(Ask::Repair)),
            (violation, Some(Ask::Repair)),
            (Failure::TooLarge(1), None),
            (Failure::PromptCut { read_tokens: 1, context_tokens: 2 }, None),
            (Failure::BreakerOpen, None),
        ]
    }

    #[test]
    fn each_failure_leads_to_the_right_next_step_wherever_it_happens() {
        for (failure, same) in failures() {
            for position in 0..3 {
                let mut run = Run::along(vec![seconds(30); 3], seconds(90));
                run.first(Duration::ZERO);
                for _ in 0..position {
                    run.after(Failure::Empty, seconds(1));
                }
                let mut step = run.after(failure.clone(), seconds(2));
                if let Some(kind) = same {
                    let Step::Ask { link, ask, .. } = step else { panic!("{failure:?} at {position}: {step:?}") };
                    assert_eq!((link, ask), (position, kind));
                    // Once, and not twice.
                    step = run.after(failure.clone(), seconds(8));
                }
                let next = if position == 2 { Step::Reject } else { ask(position + 1, 30) };
                assert_eq!(step, next, "{failure:?} at {position}");
            }
        }
    }

    #[test]
    fn each_gets_its_own_time_or_what_is_left() {
        let mut run = usual();
        assert_eq!(run.first(Duration::ZERO), ask(0, 30));
        assert_eq!(run.after(Failure::Timeout(Wait::Whole, seconds(30)), seconds(30)), ask(1, 60));
        let mut run = usual();
        run.first(Duration::ZERO);
        let late = run.after(Failure::Empty, seconds(45));
        let rest = Step::Ask { link: 1, ask: Ask::First, pause: Duration::ZERO, time: seconds(45), is_rest: true };
        assert_eq!(late, rest);
        // Below two seconds nobody is asked.
        let mut run = usual();
        run.first(Duration::ZERO);
        assert_eq!(run.after(Failure::Empty, Duration::from_millis(88_001)), Step::Reject);
        assert_eq!(run.failed()[1].failure, Failure::Skipped(Duration::from_millis(1999)));
        assert_eq!(Run::along(Vec::new(), seconds(90)).first(Duration::ZERO), Step::Reject);
    }

    #[test]
    fn a_second_try_has_what_the_first_one_left() {
        let mut run = usual();
        run.first(Duration::ZERO);
        let again = run.after(status(503, Some(5)), seconds(10));
        let expected = Step::Ask { link: 0, ask: Ask::Again, pause: seconds(5), time: seconds(15), is_rest: false };
        assert_eq!(again, expected);
        let repair = run.after(Failure::InvalidJson(String::new()), seconds(20));
        let expected =
            Step::Ask { link: 0, ask: Ask::Repair, pause: Duration::ZERO, time: seconds(10), is_rest: false };
        assert_eq!(repair, expected);
        assert_eq!(run.after(Failure::InvalidJson(String::new()), seconds(25)), ask(1, 60));
        // A pause that leaves too little is not made.
        let mut run = usual();
        run.first(Duration::ZERO);
        assert_eq!(run.after(status(503, Some(28)), seconds(1)), ask(1, 60));
    }

    #[test]
    fn the_caller_hears_of_a_fault_that_all_agree_on() {
        let mut run = usual();
        run.first(Duration::ZERO);
        run.after(status(422, None), seconds(1));
        assert_eq!(run.after(status(400, None), seconds(2)), Step::CallersFault);
        assert_eq!(run.failed()[0].failure, status(422, None));
        for other in [Failure::Empty, Failure::BreakerOpen, status(404, None)] {
            let mut run = usual();
            run.first(Duration::ZERO);
            run.after(status(422, None), seconds(1));
            assert_eq!(run.after(other, seconds(2)), Step::Reject);
        }
    }

    mod laws {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn nobody_is_asked_past_the_deadline(
                times in proptest::collection::vec(1u64..120_000, 0..5),
                deadline in 0u64..120_000,
                turns in proptest::collection::vec((0usize..30, 0u64..=1000), 60),
            ) {
                let kinds = failures();
                let deadline = Duration::from_millis(deadline);
                let mut run = Run::along(times.iter().copied().map(Duration::from_millis).collect(), deadline);
                let mut elapsed = Duration::ZERO;
                let mut step = run.first(elapsed);
                let mut asked = 0;
                for (kind, used) in turns {
                    let Step::Ask { pause, time, .. } = step else { break };
                    asked += 1;
                    prop_assert!(elapsed + pause + time <= deadline && time >= LEAST);
                    elapsed += pause + time.mul_f64(f64::from(u32::try_from(used).unwrap()) / 1000.0);
                    step = run.after(kinds[kind].0.clone(), elapsed);
                }
                // Each at most three times, and then it is over.
                let is_over = !matches!(step, Step::Ask { .. });
                prop_assert!(is_over && asked <= 3 * times.len());
                prop_assert_eq!((0..times.len()).all(|link| run.failed().iter().any(|f| f.link == link)), true);
            }
        }
    }
}
