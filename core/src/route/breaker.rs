//! Whether a provider is asked at all: after several failures in a row it is left alone for a while, and then its health is
//! asked for before anybody's text is sent.

use jiff::{SignedDuration, Timestamp};

/// When a provider is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row.
    pub failures: u32,
    /// How long it is left alone; twice as long each time that it is not well afterwards, up to `longest`.
    pub rest: SignedDuration,
    /// See `rest`.
    pub longest: SignedDuration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 3, rest: SignedDuration::from_secs(10), longest: SignedDuration::from_mins(5) }
    }
}

/// What is known of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    policy: BreakerPolicy,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Timestamp,
        rest: SignedDuration,
    },
    /// Somebody asks for its health.
    Probing {
        until: Timestamp,
        rest: SignedDuration,
    },
}

/// Whether a provider may be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admitted,
    /// Not before its health endpoint says that it is well; whoever gets this asks it, and says what came of it.
    AfterProbe,
    /// Not before this time.
    Refused {
        /// When it is probed again.
        until: Timestamp,
    },
}

impl Breaker {
    /// A provider that nothing is known of.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: State::Closed { failures: 0 } }
    }

    /// Whether it may be asked now. One caller at a time probes it.
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Admitted,
            State::Open { until, .. } | State::Probing { until, .. } if now < until => Admission::Refused { until },
            State::Open { rest, .. } | State::Probing { rest, .. } => {
                // A probe that is lost is made again after as long as it may take.
                self.state = State::Probing { until: later(now, self.policy.rest), rest };
                Admission::AfterProbe
            }
        }
    }

    /// It answered, or is healthy.
    pub fn well(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// It failed, or is not healthy.
    pub fn failed(&mut self, now: Timestamp) {
        self.state = match self.state {
            State::Closed { failures } if failures + 1 < self.policy.failures => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } => State::Open { until: later(now, self.policy.rest), rest: self.policy.rest },
            State::Probing { rest, .. } => {
                let rest = rest.saturating_mul(2).min(self.policy.longest);
                State::Open { until: later(now, rest), rest }
            }
            // What was begun before it was opened.
            open @ State::Open { .. } => open,
        };
    }

    /// Until when it is left alone, if it is.
    pub fn open_until(&self) -> Option<Timestamp> {
        match self.state {
            State::Closed { .. } => None,
            State::Open { until, .. } | State::Probing { until, .. } => Some(until),
        }
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn failures_in_a_row_open_it_and_health_closes_it() {
        let mut breaker = Breaker::new(BreakerPolicy::default());
        for _ in 0..2 {
            breaker.failed(at(0));
            breaker.failed(at(0));
            breaker.well();
        }
        assert_eq!(breaker.admit(at(1)), Admission::Admitted);
        for _ in 0..3 {
            breaker.failed(at(1));
        }
        assert_eq!(breaker.admit(at(2)), Admission::Refused { until: at(11) });
        assert_eq!(breaker.admit(at(11)), Admission::AfterProbe);
        // Nobody else asks it meanwhile.
        assert_eq!(breaker.admit(at(12)), Admission::Refused { until: at(21) });
        breaker.well();
        assert_eq!((breaker.admit(at(12)), breaker.open_until()), (Admission::Admitted, None));
    }

    #[test]
    fn it_rests_longer_each_time_that_it_is_not_well() {
        let mut breaker = Breaker::new(BreakerPolicy::default());
        for _ in 0..3 {
            breaker.failed(at(0));
        }
        let mut now = 10;
        for rest in [20, 40, 80, 160, 300, 300] {
            assert_eq!(breaker.admit(at(now)), Admission::AfterProbe);
            breaker.failed(at(now));
            // What was begun before comes to an end, and changes nothing.
            breaker.failed(at(now + 1));
            now += rest;
            assert_eq!(breaker.open_until(), Some(at(now)));
        }
    }

    #[test]
    fn a_probe_that_is_lost_is_made_again() {
        let mut breaker = Breaker::new(BreakerPolicy { failures: 1, ..BreakerPolicy::default() });
        breaker.failed(at(0));
        assert_eq!(breaker.admit(at(10)), Admission::AfterProbe);
        assert_eq!(breaker.admit(at(19)), Admission::Refused { until: at(20) });
        assert_eq!(breaker.admit(at(20)), Admission::AfterProbe);
    }
}
