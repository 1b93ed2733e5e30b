//! Every failure × its place in the chain × where in the answer it happens × streamed or not × with a schema or not.

use std::collections::BTreeSet;
use std::time::Duration;

use anchorwatch_core::route::failure::{Failure, Wait};
use anchorwatch_core::route::locality::NotLocal;
use anchorwatch_core::route::provider::Piece;
use jiff::SignedDuration;

use super::scripted::{Log, Scripted, Turn, What};
use super::{Came, NAMES, WAYS, Way, World, chain, rows, seconds, told};

const GOOD: &str = "{\"cause\": \"OOMKilled\"}";
const NO_JSON: &str = "it ran out of memory";
const OTHER_JSON: &str = "{\"cause\": 137}";

/// What the specification says of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The next provider.
    Other,
    /// The same one after so many seconds, once.
    Again(u64),
    /// The same one, to mend it, once.
    Repair,
}

/// There is one line for each kind of failure; a new kind does not compile without.
fn next(failure: &Failure) -> Next {
    match failure {
        Failure::Status { code: 408 | 429 | 500.., retry_after: Some(after), .. } if after.as_secs() <= 25 => {
            Next::Again(after.as_secs())
        }
        Failure::InvalidJson(_) | Failure::SchemaViolation { .. } => Next::Repair,
        Failure::Status { .. }
        | Failure::ConnectionRefused
        | Failure::Unreachable(_)
        | Failure::Dns(_)
        | Failure::Tls(_)
        | Failure::Misconfigured(_)
        | Failure::Unsupported(_)
        | Failure::NotLocal(_)
        | Failure::Broken(_)
        | Failure::Timeout(..)
        | Failure::Redirect(_)
        | Failure::Truncated
        | Failure::ErrorInside(_)
        | Failure::Empty
        | Failure::Refusal(_)
        | Failure::Length
        | Failure::ContentFilter
        | Failure::Unreadable(_)
        | Failure::TooLarge(_)
        | Failure::PromptCut { .. }
        | Failure::BreakerOpen
        // Times have a table of their own.
        | Failure::Skipped(_) => Next::Other,
    }
}

fn failures() -> Vec<Failure> {
    let words = || "its words".to_owned();
    let status = |code, after: Option<u64>| Failure::status(code, after.map(seconds), "its words");
    let waits = [Wait::Connect, Wait::FirstByte, Wait::FirstToken, Wait::Idle, Wait::Whole, Wait::Deadline];
    let codes = [307, 400, 401, 403, 404, 408, 413, 418, 422, 429, 500, 502, 503, 504];
    let mut failures = vec![
        Failure::ConnectionRefused,
        Failure::Unreachable(words()),
        Failure::Dns(words()),
        Failure::Tls(words()),
        Failure::Misconfigured(words()),
        Failure::Unsupported(words()),
        Failure::NotLocal(NotLocal::Name),
        Failure::Broken(words()),
        Failure::Truncated,
        Failure::ErrorInside(words()),
        Failure::Empty,
        Failure::Refusal(words()),
        Failure::Length,
        Failure::ContentFilter,
        Failure::Unreadable(words()),
        Failure::InvalidJson(words()),
        Failure::SchemaViolation { place: "/cause".to_owned(), said: words() },
        Failure::TooLarge(1),
        Failure::PromptCut { read_tokens: 1, context_tokens: 2 },
        Failure::BreakerOpen,
    ];
    failures.extend(waits.map(|wait| Failure::Timeout(wait, seconds(10))));
    failures.extend(codes.map(|code| status(code, None)));
    // One that comes back too late is not waited for, nor one that nothing but somebody's work brings back.
    failures.extend(
        [(408, 3), (429, 3), (500, 3), (503, 3), (503, 600), (401, 3), (422, 3)].map(|(c, a)| status(c, Some(a))),
    );
    failures
}

/// Where in an answer a failure happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// After a thought and spaces, which nobody is told.
    Thought,
    /// After the first word.
    Word,
}

const PLACES: [Place; 3] = [Place::Head, Place::Thought, Place::Word];

/// What a provider of the chain does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// Answers as it should.
    Well,
    /// Fails by something else.
    Other,
    /// Fails as the case says.
    This,
    /// Fails so, and is well when it is asked a second time.
    ThisOnce,
}

/// Each way to come to the failure of a case, in chains of one to three; behind the first that is well nobody is asked.
const CHAINS: [&[Does]; 23] = {
    use Does::{Other, This, ThisOnce, Well};
    [
        &[This],
        &[ThisOnce],
        &[This, Well],
        &[ThisOnce, Well],
        &[Other, This],
        &[Other, ThisOnce],
        &[This, Other],
        &[This, This],
        &[This, ThisOnce],
        &[This, Well, Well],
        &[ThisOnce, Well, Well],
        &[Other, This, Well],
        &[Other, ThisOnce, Well],
        &[This, Other, Well],
        &[This, This, Well],
        &[Other, Other, This],
        &[Other, Other, ThisOnce],
        &[Other, This, Other],
        &[This, Other, Other],
        &[Other, This, This],
        &[This, Other, This],
        &[This, This, Other],
        &[This, This, This],
    ]
};

#[derive(Debug, Clone, Copy)]
struct Case<'f> {
    failure: &'f Failure,
    place: Place,
    chain: &'static [Does],
    way: Way,
}

impl Case<'_> {
    /// A text fails by what it says, and has its word before.
    fn text(self) -> Option<&'static str> {
        match self.failure {
            Failure::InvalidJson(_) => Some(NO_JSON),
            Failure::SchemaViolation { .. } => Some(OTHER_JSON),
            _ => None,
        }
    }

    fn turn(self) -> Turn {
        let fails = || (Duration::ZERO, Err(self.failure.clone()));
        let said = |piece| (Duration::ZERO, Ok(piece));
        let text = |text: &str| said(Piece::Text(text.to_owned()));
        match (self.text(), self.place) {
            (Some(text), _) => Turn::answers(Duration::ZERO, text),
            (None, Place::Head) => Turn::fails(Duration::ZERO, self.failure.clone()),
            (None, Place::Thought) => Turn::says(vec![said(Piece::Thinking(5)), text(" \n"), fails()]),
            (None, Place::Word) => Turn::says(vec![said(Piece::Thinking(5)), text("{\"ca"), fails()]),
        }
    }

    fn turns(self, does: Does) -> Vec<Turn> {
        match does {
            Does::Well => vec![Turn::answers(Duration::ZERO, GOOD)],
            Does::Other => vec![Turn::fails(Duration::ZERO, Failure::ConnectionRefused)],
            Does::This => vec![self.turn(); 2],
            Does::ThisOnce => vec![self.turn(), Turn::answers(Duration::ZERO, GOOD)],
        }
    }

    /// Whether it fails at all: any text is an answer where no schema is asked for.
    fn fails(self) -> bool {
        self.text().is_none() || self.way.has_schema
    }

    /// Whether somebody has a part of the answer when it fails.
    fn is_passed_on(self) -> bool {
        self.way.is_live && (self.text().is_some() || self.place == Place::Word)
    }
}

/// What should come of a case.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    asked: Vec<String>,
    rows: Vec<String>,
    told: String,
}

/// A provider's attempts, up to the one that ends it.
enum Ended {
    Answered,
    Failed,
    BrokenOff,
}

impl Expected {
    fn of(case: Case<'_>) -> Self {
        let (mut expected, mut tried) = (Self::default(), Vec::new());
        for (name, does) in NAMES.into_iter().zip(case.chain) {
            match expected.provider(name, *does, case, &mut tried) {
                Ended::Failed => {}
                Ended::Answered => {
                    expected.told = format!("{name} answered after{}", tried.concat());
                    return expected;
                }
                Ended::BrokenOff => {
                    expected.told = format!("broken off{}", tried.concat());
                    return expected;
                }
            }
        }
        expected.rows.push(format!("reject{}", tried.concat()));
        let is_callers_fault = case.chain.iter().all(|does| matches!(does, Does::This | Does::ThisOnce))
            && matches!(case.failure.code(), "bad_request" | "request_too_large" | "unprocessable" | "unsupported");
        expected.told = match tried.first() {
            Some(first) if is_callers_fault => format!("callers fault{first}"),
            _ => format!("rejected{}", tried.concat()),
        };
        expected
    }

    fn provider(&mut self, name: &str, does: Does, case: Case<'_>, tried: &mut Vec<String>) -> Ended {
        match does {
            Does::Well => return self.answered(name, "first"),
            Does::Other => return self.failed(name, "first", "connection_refused", tried),
            Does::This | Does::ThisOnce if *case.failure == Failure::BreakerOpen => {
                tried.push(format!(" {name}:breaker_open"));
                return Ended::Failed;
            }
            Does::This | Does::ThisOnce if !case.fails() => return self.answered(name, "first"),
            Does::This | Does::ThisOnce => {}
        }
        let code = case.failure.code();
        self.failed(name, "first", code, tried);
        let second = match next(case.failure) {
            _ if case.is_passed_on() => return Ended::BrokenOff,
            Next::Other => return Ended::Failed,
            Next::Again(_) => "again",
            Next::Repair => "repair",
        };
        if does == Does::ThisOnce { self.answered(name, second) } else { self.failed(name, second, code, tried) }
    }

    fn answered(&mut self, name: &str, kind: &str) -> Ended {
        self.asked.push(format!("{name} {kind}"));
        self.rows.extend([format!("begin {name}"), "answered".to_owned()]);
        Ended::Answered
    }

    fn failed(&mut self, name: &str, kind: &str, code: &str, tried: &mut Vec<String>) -> Ended {
        self.asked.push(format!("{name} {kind}"));
        let outcome = if code == "model_not_local" { "rejected" } else { "failed" };
        self.rows.extend([format!("begin {name}"), format!("{outcome} {code}")]);
        tried.push(format!(" {name}:{code}"));
        Ended::Failed
    }

    /// What really came of it.
    fn found(came: &Came) -> Self {
        let mut asked: Vec<String> = Vec::new();
        for seen in &came.seen {
            let What::Answer(messages, _) = seen.what else { continue };
            let is_second = asked.iter().any(|before| before.starts_with(&seen.provider));
            let kind = if messages > 1 {
                "repair"
            } else if is_second {
                "again"
            } else {
                "first"
            };
            asked.push(format!("{} {kind}", seen.provider));
        }
        Self { asked, rows: rows(&came.entries), told: told(&came.answered) }
    }
}

async fn came_of(world: &World, case: Case<'_>) -> Came {
    let log = Log::new();
    let own = |(name, does): (&'static str, &Does)| (Scripted::new(name, case.turns(*does), &log), seconds(30));
    let chain = chain(NAMES.into_iter().zip(case.chain).map(own).collect());
    let left_alone = chain.iter().zip(case.chain).filter(|(_, does)| matches!(does, Does::This | Does::ThisOnce));
    for (link, _) in left_alone.filter(|_| *case.failure == Failure::BreakerOpen) {
        (0..3).for_each(|_| link.doing.breaker().failed(world.router.clock.now() + SignedDuration::from_hours(1)));
    }
    world.ask(&chain, &log, case.way).await
}

#[tokio::test(start_paused = true)]
async fn each_failure_leads_to_the_right_next_step_wherever_it_happens() {
    let (world, failures, mut cases) = (World::new(Duration::ZERO), failures(), 0);
    for failure in &failures {
        let asked_twice = next(failure) != Next::Other;
        for chain in CHAINS.into_iter().filter(|chain| asked_twice || !chain.contains(&Does::ThisOnce)) {
            for (place, way) in PLACES.into_iter().flat_map(|place| WAYS.map(|way| (place, way))) {
                let case = Case { failure, place, chain, way };
                let came = came_of(&world, case).await;
                assert_eq!(Expected::found(&came), Expected::of(case), "{case:?}");
                assert_eq!(came.took, pauses(&came, failure), "{case:?}");
                cases += 1;
            }
        }
    }
    assert!(cases > 9000, "{cases}");
}

/// What is waited before somebody is asked again.
fn pauses(came: &Came, failure: &Failure) -> Duration {
    let Next::Again(after) = next(failure) else { return Duration::ZERO };
    let again = Expected::found(came).asked.iter().filter(|asked| asked.ends_with("again")).count();
    seconds(after) * u32::try_from(again).unwrap()
}

#[test]
fn the_table_has_every_kind_of_failure() {
    let failures = failures();
    let kinds: BTreeSet<String> =
        failures.iter().map(|failure| format!("{:?}", std::mem::discriminant(failure))).collect();
    // All but `Skipped`, which the table of times has.
    assert_eq!(kinds.len(), 23, "{kinds:?}");
    let codes: BTreeSet<&str> = failures.iter().map(Failure::code).collect();
    assert_eq!(codes.len(), 37, "{codes:?}");
}
