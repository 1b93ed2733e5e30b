//! However slow providers, their health and the audit are: nobody is asked past the deadline, nor longer than its own time.

use std::time::Duration;

use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::provider::Piece;
use jiff::SignedDuration;

use super::scripted::{Log, NEVER, Scripted, Turn, What};
use super::{Came, Chain, NAMES, WAYS, World, chain, rows, seconds, told};

/// Each provider's own time.
const OWN: [Duration; 3] = [Duration::from_secs(30), Duration::from_mins(1), Duration::from_secs(20)];

/// How a provider takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    /// It says nothing.
    Silent,
    /// It begins, and says no word.
    Wordless,
    /// It says one word.
    Stalled,
    /// A word each nine seconds, without end.
    Endless,
    /// It is busy, and says for how long, each time after four seconds.
    Busy,
    /// Text of no use, each time after nine seconds.
    Useless,
    /// It does not say whether it is well.
    Unwell,
    /// It takes its time to say so, and then a word each nine seconds.
    Hesitant,
    /// The same, after it has failed so often that it is let in by its health only.
    Mending,
    /// It refuses the connection at once.
    Refusing,
}

const SLOW: [Slow; 10] = [
    Slow::Silent,
    Slow::Wordless,
    Slow::Stalled,
    Slow::Endless,
    Slow::Busy,
    Slow::Useless,
    Slow::Unwell,
    Slow::Hesitant,
    Slow::Mending,
    Slow::Refusing,
];

impl Slow {
    fn turn(self) -> Turn {
        let word = |after| (after, Ok(Piece::Text("word ".to_owned())));
        match self {
            Self::Silent => Turn::fails(NEVER, Failure::Empty),
            Self::Wordless => Turn::says(vec![word(NEVER)]),
            Self::Stalled => Turn::says(vec![word(seconds(1)), word(NEVER)]),
            Self::Endless | Self::Hesitant | Self::Mending | Self::Unwell => Turn::says(vec![word(seconds(9)); 100]),
            Self::Busy => Turn::fails(seconds(4), Failure::status(503, Some(seconds(5)), "")),
            Self::Useless => Turn::answers(seconds(9), "no"),
            Self::Refusing => Turn::fails(Duration::ZERO, Failure::ConnectionRefused),
        }
    }

    fn health(self) -> Duration {
        match self {
            Self::Unwell => NEVER,
            Self::Hesitant | Self::Mending => Duration::from_millis(2900),
            _ => Duration::ZERO,
        }
    }
}

fn slow_chain(world: &World, slow: &[Slow], log: &Log) -> Chain {
    let own = |((name, slow), time): ((&'static str, &Slow), Duration)| {
        (Scripted::new(name, vec![slow.turn(); 3], log).with_health(slow.health()), time)
    };
    let chain = chain(NAMES.into_iter().zip(slow).zip(OWN).map(own).collect());
    let before = world.router.clock.now() - SignedDuration::from_mins(1);
    for (link, _) in chain.iter().zip(slow).filter(|(_, slow)| **slow == Slow::Mending) {
        (0..3).for_each(|_| link.doing.breaker().failed(before));
    }
    chain
}

/// Nobody was asked past the deadline, nor longer than its own time.
fn check(came: &Came, deadline: Duration, case: &str) {
    for seen in &came.seen {
        assert!(seen.until <= deadline, "past the deadline: {seen:?}; {case}");
        if let What::Answer(_, limits) = seen.what {
            let given = seen.from + limits.whole.min(limits.deadline);
            assert!(given <= deadline, "it may go on past the deadline: {seen:?}; {case}");
        }
    }
    for (name, own) in NAMES.into_iter().zip(OWN) {
        let its = || came.seen.iter().filter(|seen| seen.provider == name);
        let (from, until) = (its().map(|seen| seen.from).min(), its().map(|seen| seen.until).max());
        assert!(until <= from.map(|from| from + own), "{name} took longer than {own:?}: {from:?} to {until:?}; {case}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_past_the_deadline_nor_longer_than_its_own_time() {
    let mut world = World::new(Duration::ZERO);
    for deadline in [90, 45, 33, 12, 5, 2, 1] {
        world.router.deadline = seconds(deadline);
        for slow in SLOW.iter().flat_map(|a| SLOW.iter().flat_map(move |b| SLOW.iter().map(move |c| [*a, *b, *c]))) {
            // A schema is judged in no time; it is what is mended that takes some.
            for way in [WAYS[1], WAYS[2]] {
                let case = format!("{slow:?} within {deadline} s, {way:?}");
                let log = Log::new();
                let came = world.ask(&slow_chain(&world, &slow, &log), &log, way).await;
                check(&came, world.router.deadline, &case);
                assert!(came.took <= world.router.deadline, "{:?}; {case}", came.took);
                // Each attempt that began has ended.
                drop(rows(&came.entries));
                assert_eq!(deadline < 2, came.seen.is_empty(), "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_gets_its_own_time_or_what_is_left_of_the_whole() {
    use Slow::{Busy, Endless, Hesitant, Mending, Refusing, Silent, Stalled, Unwell, Useless, Wordless};
    let mut world = World::new(Duration::ZERO);
    let cases: [(&[Slow], u64, u64, &str); 16] = [
        (&[Endless, Endless], 90, 90_000, "rejected a:provider_timeout b:provider_timeout"),
        (&[Endless, Endless], 80, 80_000, "rejected a:provider_timeout b:deadline"),
        (&[Endless, Endless, Endless], 90, 90_000, "rejected a:provider_timeout b:provider_timeout c:skipped"),
        (
            &[Endless, Refusing, Endless],
            90,
            50_000,
            "rejected a:provider_timeout b:connection_refused c:provider_timeout",
        ),
        (&[Endless, Endless], 32, 32_000, "rejected a:provider_timeout b:deadline"),
        (&[Endless, Endless], 31, 30_000, "rejected a:provider_timeout b:skipped"),
        (&[Endless, Endless], 10, 10_000, "rejected a:deadline b:skipped"),
        (&[Endless, Endless], 1, 0, "rejected a:skipped b:skipped"),
        (&[Silent, Silent], 90, 20_000, "rejected a:first_byte_timeout b:first_byte_timeout"),
        (&[Wordless, Stalled], 90, 21_000, "rejected a:first_token_timeout b:idle_timeout"),
        (&[Stalled, Silent], 15, 15_000, "rejected a:idle_timeout b:deadline"),
        (&[Busy, Endless], 90, 73_000, "rejected a:server_error a:server_error b:provider_timeout"),
        (&[Useless, Endless], 90, 78_000, "rejected a:invalid_json a:invalid_json b:provider_timeout"),
        (&[Unwell, Unwell], 90, 6_000, "rejected a:first_byte_timeout b:first_byte_timeout"),
        (&[Hesitant, Mending], 90, 90_000, "rejected a:provider_timeout b:provider_timeout"),
        (&[Endless, Mending], 32, 32_000, "rejected a:provider_timeout b:first_byte_timeout"),
    ];
    for (slow, deadline, took, expected) in cases {
        world.router.deadline = seconds(deadline);
        let log = Log::new();
        let came = world.ask(&slow_chain(&world, slow, &log), &log, WAYS[1]).await;
        let found = (told(&came.answered), came.took);
        assert_eq!(found, (expected.to_owned(), Duration::from_millis(took)), "{slow:?} within {deadline} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_audit_takes_of_the_time_and_adds_none() {
    let mut world = World::new(Duration::from_millis(900));
    for deadline in [90, 45, 33, 12, 5, 3, 2] {
        world.router.deadline = seconds(deadline);
        for slow in SLOW.iter().flat_map(|a| SLOW.iter().map(move |b| [*a, *b])) {
            for way in WAYS {
                let case = format!("{slow:?} within {deadline} s, {way:?}");
                let log = Log::new();
                let came = world.ask(&slow_chain(&world, &slow, &log), &log, way).await;
                check(&came, world.router.deadline, &case);
                // Only the row that nobody answered is waited for beyond it: for a second at most.
                assert!(came.took <= world.router.deadline + seconds(1), "{:?}; {case}", came.took);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_where_it_cannot_be_written_down() {
    let world = World::new(Duration::from_millis(1100));
    for way in WAYS {
        let log = Log::new();
        let came = world.ask(&slow_chain(&world, &[Slow::Endless; 2], &log), &log, way).await;
        assert_eq!((told(&came.answered).as_str(), came.seen.len()), ("AuditUnavailable", 0));
        assert_eq!(came.took, seconds(1));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_failed_three_times_is_left_alone_by_the_next_request() {
    let world = World::new(Duration::ZERO);
    let log = Log::new();
    let chain = slow_chain(&world, &[Slow::Silent, Slow::Refusing], &log);
    for expected in ["first_byte_timeout"; 3].into_iter().chain(["breaker_open"]) {
        let came = world.ask(&chain, &log, WAYS[0]).await;
        assert_eq!(told(&came.answered).split(' ').nth(1), Some(format!("a:{expected}").as_str()));
        let asked = |name: &str| came.seen.iter().any(|s| s.provider == name && matches!(s.what, What::Answer(..)));
        assert_eq!(asked("a"), expected != "breaker_open");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_has_no_word_for_its_health_is_let_in_again_and_asked_for_it_once() {
    let world = World::new(Duration::ZERO);
    let log = Log::new();
    let no_such_path = Failure::status(404, None, "not found");
    let provider = Scripted::new(NAMES[0], vec![Turn::answers(Duration::ZERO, "{}")], &log).whose_health(no_such_path);
    let chain = chain(vec![(provider, seconds(30))]);
    let before = world.router.clock.now() - SignedDuration::from_mins(1);
    (0..3).for_each(|_| chain[0].doing.breaker().failed(before));
    let came = world.ask(&chain, &log, WAYS[0]).await;
    assert!(came.answered.is_ok(), "{}", told(&came.answered));
    let seen: Vec<bool> = came.seen.iter().map(|seen| seen.what == What::Health).collect();
    assert_eq!(seen, [true, false]);
}
