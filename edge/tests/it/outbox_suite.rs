//! What the outbox of every store has to do: nothing is lost, and people are told once of a storm.

use std::time::Duration;

use anchorwatch_core::drift::lifecycle::Turn;
use anchorwatch_core::drift::{DriftItem, DriftLevel};
use anchorwatch_core::notification::{ATTEMPTS, Told, ToldDrifts};
use anchorwatch_edge::clock::new_id;
use anchorwatch_edge::store::{
    Composing, Notification, NotificationState, Outgoing, Store, StoreAddress, StoreError, Taken, Unsent,
};
use jiff::Timestamp;

use crate::store_suite::{LEASE, after, claimed, item, record, report, scan};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// Runs everything; each part has a day of its own, as they share a store.
pub(crate) async fn run(address: &StoreAddress) {
    let store = Store::open(address).await.unwrap();
    // What other suites left behind.
    compose(&store, &[], DAY).await;
    a_storm_is_one_message_to_each_channel(&store, 10 * DAY).await;
    what_was_dealt_with_meanwhile_is_not_told(&store, 20 * DAY).await;
    what_is_not_urgent_waits_for_its_digest(&store, 30 * DAY).await;
    people_are_left_alone_and_then_told(&store, 40 * DAY).await;
    what_was_not_told_yet_is_told_once_and_not_later(&store, 50 * DAY).await;
    an_interrupted_sending_is_repeated_and_a_late_one_refused(&store, 60 * DAY).await;
    each_is_claimed_once(&store, 70 * DAY).await;
    sending_is_tried_for_a_day_and_then_kept_as_failed(&store, 80 * DAY).await;
    a_channel_that_takes_nothing_is_left_alone(&store, 90 * DAY).await;
    scans_that_fail_are_told_once_and_when_they_succeed(&store, 100 * DAY).await;
    a_duty_has_one_holder(&store, 110 * DAY).await;
    an_offer_is_taken_once_in_time_and_by_whom_it_was_made_to(&store, 115 * DAY).await;
    what_still_waits_is_not_forgotten(&store, 120 * DAY).await;
    nothing_is_lost_or_told_twice_while_scans_are_recorded(&store, 130 * DAY).await;
}

async fn compose(store: &Store, channels: &[&str], seconds: i64) -> usize {
    let channels: Vec<String> = channels.iter().map(|&channel| channel.to_owned()).collect();
    let (window, digest_interval) = (Duration::from_secs(2), Duration::from_mins(15));
    store.compose(Composing { channels: &channels, window, digest_interval }, after(seconds)).await.unwrap()
}

async fn claim(store: &Store, seconds: i64) -> Option<Outgoing> {
    store.claim_notification("replica", LEASE, after(seconds)).await.unwrap()
}

/// Sends all that is due.
async fn sent(store: &Store, seconds: i64) -> Vec<Notification> {
    let mut sent = Vec::new();
    while let Some(outgoing) = claim(store, seconds).await {
        store.sent(&outgoing, Some("chat/1"), after(seconds)).await.unwrap();
        sent.push(outgoing.notification);
    }
    sent
}

/// The objects that a notification names.
fn named(notification: &Notification) -> Vec<&str> {
    let (Told::Drift(drifts) | Told::Digest(drifts)) = &notification.told else { return Vec::new() };
    drifts.objects.iter().map(|object| object.resource_name.as_str()).collect()
}

fn high(source: &str, names: &[&str], value: &str) -> Vec<DriftItem> {
    names.iter().map(|name| item(source, name, value, DriftLevel::High)).collect()
}

fn lost(reason: &str) -> Unsent {
    Unsent { reason: reason.to_owned(), may_have_arrived: false, channel_closed_for: None }
}

async fn a_storm_is_one_message_to_each_channel(store: &Store, day: i64) {
    let many: Vec<String> = (0..100).map(|n| format!("a{n:03}")).collect();
    scan(store, "storm", day, high("storm", &many.iter().map(String::as_str).collect::<Vec<_>>(), "1")).await;
    scan(store, "storm-2", day + 1, high("storm-2", &["b"], "1")).await;
    assert_eq!(compose(store, &["one", "two"], day + 1).await, 0, "more may come");
    assert_eq!(compose(store, &["one", "two"], day + 2).await, 2);
    assert_eq!(compose(store, &["one", "two"], day + 60).await, 0);
    assert_eq!(store.outbox_oldest(after(day + 10)).await.unwrap(), Some(Duration::from_secs(8)));
    let sent = sent(store, day + 3).await;
    assert_eq!(sent.iter().map(|n| n.channel.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(sent[0].short_id, sent[1].short_id);
    assert_eq!(sent[0].told, sent[1].told);
    let Told::Drift(ToldDrifts { high, medium, objects, more_objects }) = &sent[0].told else { unreachable!() };
    assert_eq!((*high, *medium, objects.len() + more_objects), (101, 0, 101));
    assert_eq!(objects[0].turn, Some(Turn::New));
    assert_eq!(store.outbox_oldest(after(day + 10)).await.unwrap(), None);
    let listed = store.notifications(Some(NotificationState::Sent), 1, None).await.unwrap();
    assert_eq!((listed.total, listed.items.len()), (2, 1));
    assert_eq!(listed.items[0]["external_id"], "chat/1");
    let next = store.notifications(None, 5, listed.next.as_deref()).await.unwrap();
    assert_eq!((next.total, next.items.len(), next.next), (2, 1, None));
}

async fn what_was_dealt_with_meanwhile_is_not_told(store: &Store, day: i64) {
    let source = "meanwhile";
    let here = high(source, &["known", "gone", "open"], "1");
    scan(store, source, day, here.clone()).await;
    store.acknowledge(&here[0].fingerprint, "ann", after(day + 1)).await.unwrap();
    scan(store, source, day + 1, high(source, &["known", "open"], "1")).await;
    assert_eq!(compose(store, &["one"], day + 5).await, 1);
    assert_eq!(named(&sent(store, day + 5).await[0]), ["open"]);
    // Nobody was told of it before, so nobody is left alone about it.
    scan(store, source, day + 20, here).await;
    assert_eq!(compose(store, &["one"], day + 30).await, 1);
    assert_eq!(named(&sent(store, day + 30).await[0]), ["gone"]);
}

async fn what_is_not_urgent_waits_for_its_digest(store: &Store, day: i64) {
    let medium = |name: &str| vec![item(name, name, "1", DriftLevel::Medium)];
    scan(store, "d1", day, medium("d1")).await;
    assert_eq!(compose(store, &["one"], day + 1).await, 1, "the last digest was long ago");
    scan(store, "d2", day + 5, medium("d2")).await;
    scan(store, "d3", day + 5 * MINUTE, medium("d3")).await;
    assert_eq!(compose(store, &["one"], day + 14 * MINUTE).await, 0);
    assert_eq!(compose(store, &["one"], day + 16 * MINUTE).await, 1);
    let sent = sent(store, day + 16 * MINUTE).await;
    assert_eq!(sent.iter().map(named).collect::<Vec<_>>(), [vec!["d1"], vec!["d2", "d3"]]);
    assert!(sent.iter().all(|n| n.told.kind() == "digest"));
}

async fn people_are_left_alone_and_then_told(store: &Store, day: i64) {
    let source = "quiet";
    scan(store, source, day, high(source, &["a"], "1")).await;
    assert_eq!(compose(store, &["one"], day + 2).await, 1);
    scan(store, source, day + MINUTE, Vec::new()).await;
    scan(store, source, day + 2 * MINUTE, high(source, &["a"], "1")).await;
    assert_eq!(compose(store, &["one"], day + 9 * MINUTE).await, 0);
    assert_eq!(compose(store, &["one"], day + 11 * MINUTE).await, 1);
    let told: Vec<Told> = sent(store, day + 11 * MINUTE).await.into_iter().map(|n| n.told).collect();
    let turns = told.iter().map(|told| match told {
        Told::Drift(drifts) => drifts.objects[0].turn,
        _ => None,
    });
    assert_eq!(turns.collect::<Vec<_>>(), [Some(Turn::New), Some(Turn::Back)]);
}

async fn what_was_not_told_yet_is_told_once_and_not_later(store: &Store, day: i64) {
    let source = "flapping";
    scan(store, source, day, high(source, &["a"], "1")).await;
    scan(store, source, day + 1, Vec::new()).await;
    scan(store, source, day + 2, high(source, &["a"], "1")).await;
    assert_eq!(compose(store, &["one"], day + 3).await, 1);
    let sent = sent(store, day + 3).await;
    let Told::Drift(drifts) = &sent[0].told else { unreachable!() };
    assert_eq!((drifts.high, drifts.objects[0].turn), (1, Some(Turn::New)));
    assert_eq!(compose(store, &["one"], day + 30 * MINUTE).await, 0);
}

async fn an_interrupted_sending_is_repeated_and_a_late_one_refused(store: &Store, day: i64) {
    scan(store, "interrupted", day, high("interrupted", &["a"], "1")).await;
    compose(store, &["one"], day + 2).await;
    let slow = claim(store, day + 3).await.unwrap();
    assert!(!slow.notification.repeated);
    assert!(claim(store, day + 20).await.is_none(), "it is held");
    let quick = claim(store, day + 60).await.unwrap();
    assert!(quick.notification.repeated, "nobody knows whether it arrived");
    assert_eq!(quick.notification.short_id, slow.notification.short_id);
    let late = store.sent(&slow, None, after(day + 61)).await;
    assert!(matches!(late, Err(StoreError::NotificationLost(_))), "{late:?}");
    let late = store.unsent(&slow, &lost("slow"), after(day + 61)).await;
    assert!(matches!(late, Err(StoreError::NotificationLost(_))), "{late:?}");
    // What may have arrived is repeated too, what certainly did not is not.
    let unsure = Unsent { may_have_arrived: true, ..lost("no answer") };
    assert_eq!(store.unsent(&quick, &unsure, after(day + 62)).await.unwrap(), Some(after(day + 82)));
    let last = claim(store, day + 82).await.unwrap();
    assert!(last.notification.repeated);
    store.sent(&last, None, after(day + 83)).await.unwrap();
    assert!(store.sent(&last, None, after(day + 84)).await.is_err(), "it is sent once");

    scan(store, "refused", day, high("refused", &["a"], "1")).await;
    compose(store, &["one"], day + 100).await;
    let first = claim(store, day + 100).await.unwrap();
    store.unsent(&first, &lost("refused"), after(day + 100)).await.unwrap();
    let stuck = store.stuck_notifications(after(day)).await.unwrap();
    let [waiting] = stuck.iter().filter(|stuck| !stuck.given_up).collect::<Vec<_>>()[..] else { panic!("{stuck:?}") };
    assert_eq!((waiting.channel.as_str(), waiting.count, waiting.since), ("one", 1, after(day + 100)));
    assert_eq!(waiting.reason, "refused");
    assert!(!sent(store, day + 110).await[0].repeated);
}

async fn each_is_claimed_once(store: &Store, day: i64) {
    let channels: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
    scan(store, "many", day, high("many", &["a"], "1")).await;
    compose(store, &channels.iter().map(String::as_str).collect::<Vec<_>>(), day + 2).await;
    let composed = futures::future::join_all((0..4).map(|_| compose(store, &["one"], day + 2))).await;
    assert_eq!(composed.iter().sum::<usize>(), 0);
    let mut sent = futures::future::join_all((0..4).map(|_| sent(store, day + 3))).await.concat();
    sent.sort_by(|a, b| a.channel.cmp(&b.channel));
    sent.dedup_by(|a, b| a.channel == b.channel);
    assert_eq!(sent.len(), 40);

    for n in 0..10 {
        let source = format!("race-{n}");
        scan(store, &source, day + 100, high(&source, &["a"], "1")).await;
    }
    let composed = futures::future::join_all((0..4).map(|_| compose(store, &["one"], day + 110))).await;
    assert_eq!(composed.iter().sum::<usize>(), 1, "of several replicas one composes");
    self::sent(store, day + 110).await;
}

async fn sending_is_tried_for_a_day_and_then_kept_as_failed(store: &Store, day: i64) {
    scan(store, "refusing", day, high("refusing", &["a"], "1")).await;
    compose(store, &["one"], day + 2).await;
    let mut now: Timestamp = after(day + 2);
    let mut attempts = 0;
    while let Some(outgoing) = store.claim_notification("replica", LEASE, now).await.unwrap() {
        attempts += 1;
        match store.unsent(&outgoing, &lost("chat not found"), now).await.unwrap() {
            Some(next) => now = next,
            None => break,
        }
    }
    assert_eq!(attempts, ATTEMPTS);
    let hours = now.duration_since(after(day)).as_hours();
    assert!((20..28).contains(&hours), "{hours} h");
    assert!(claim(store, day + 3 * DAY).await.is_none());
    let failed = store.notifications(Some(NotificationState::Failed), 10, None).await.unwrap();
    assert_eq!((failed.total, &failed.items[0]["last_error"]), (1, &"chat not found".into()));
    assert_eq!(store.outbox_oldest(now).await.unwrap(), None);
    let given_up = store.stuck_notifications(after(day)).await.unwrap();
    assert_eq!(
        given_up.iter().map(|stuck| (stuck.given_up, stuck.reason.as_str())).collect::<Vec<_>>(),
        [(true, "chat not found")]
    );
    assert_eq!(store.stuck_notifications(now).await.unwrap(), []);

    scan(store, "deadly", day + 3 * DAY, high("deadly", &["a"], "1")).await;
    compose(store, &["one"], day + 3 * DAY + 2).await;
    for round in 0..i64::from(ATTEMPTS) {
        claim(store, day + 3 * DAY + 2 + round * MINUTE).await.unwrap();
    }
    let end = day + 3 * DAY + 2 + i64::from(ATTEMPTS) * MINUTE;
    assert!(claim(store, end).await.is_none());
    assert_eq!(store.give_up_notifications(after(end)).await.unwrap(), 1);
}

async fn a_channel_that_takes_nothing_is_left_alone(store: &Store, day: i64) {
    scan(store, "busy", day, high("busy", &["a"], "1")).await;
    compose(store, &["busy", "free"], day + 2).await;
    scan(store, "busy-2", day + 3, high("busy-2", &["a"], "1")).await;
    compose(store, &["busy"], day + 5).await;
    let first = claim(store, day + 5).await.unwrap();
    assert_eq!(first.notification.channel, "busy");
    let closed = Unsent { channel_closed_for: Some(Duration::from_secs(35)), ..lost("too many requests") };
    assert_eq!(store.unsent(&first, &closed, after(day + 5)).await.unwrap(), Some(after(day + 40)));
    let channels = |sent: Vec<Notification>| sent.into_iter().map(|n| n.channel).collect::<Vec<_>>();
    assert_eq!(channels(sent(store, day + 39).await), ["free"]);
    assert_eq!(channels(sent(store, day + 40).await), ["busy", "busy"]);
}

async fn scans_that_fail_are_told_once_and_when_they_succeed(store: &Store, day: i64) {
    let fail = async |source: &str, seconds: i64| {
        let claim = claimed(store, source, after(seconds)).await;
        let gone = Err("https://ann:secret@git.example.com is not there".to_owned());
        store.record_scan(&claim, record(&new_id(), source, after(seconds), gone, &|_| true)).await.unwrap();
    };
    for (n, minutes) in [0, 5].into_iter().enumerate() {
        fail("broken", day + minutes * MINUTE).await;
        assert_eq!(compose(store, &["one"], day + minutes * MINUTE + 10).await, 0, "{n}");
    }
    for minutes in [10, 15, 20] {
        fail("broken", day + minutes * MINUTE).await;
        compose(store, &["one"], day + minutes * MINUTE + 10).await;
    }
    // Twice is none, and over in silence.
    fail("hiccup", day + 21 * MINUTE).await;
    scan(store, "hiccup", day + 22 * MINUTE, Vec::new()).await;
    scan(store, "broken", day + 25 * MINUTE, Vec::new()).await;
    compose(store, &["one"], day + 25 * MINUTE + 10).await;
    scan(store, "broken", day + 30 * MINUTE, Vec::new()).await;
    compose(store, &["one"], day + 30 * MINUTE + 10).await;
    let told: Vec<Told> = sent(store, day + 31 * MINUTE).await.into_iter().map(|n| n.told).collect();
    let [Told::ScanFailed { sources: failed }, Told::ScanRecovered { sources: over }] = &told[..] else {
        unreachable!("{told:?}")
    };
    assert_eq!((failed[0].source.as_str(), failed[0].failures, failed[0].since), ("broken", 3, after(day)));
    assert_eq!((over[0].source.as_str(), over[0].failures), ("broken", 5));
    let text = serde_json::to_string(&told).unwrap();
    assert!(!text.contains("secret") && !text.contains("git.example.com"), "{text}");
}

async fn a_duty_has_one_holder(store: &Store, day: i64) {
    let hold = async |holder: &str, seconds: i64| {
        store.hold_duty("telegram-poll", holder, LEASE, after(day + seconds)).await.unwrap()
    };
    let holders = futures::future::join_all(["a", "b", "c"].map(|holder| hold(holder, 0))).await;
    let mut held: Vec<_> = holders.into_iter().flatten().collect();
    assert_eq!(held.len(), 1);
    let mut first = held.remove(0);
    assert_eq!(first.state, None);
    store.save_duty(&mut first, "7").await.unwrap();
    store.renew_duty(&first, LEASE, after(day + 20)).await.unwrap();
    assert!(hold("d", 40).await.is_none(), "it was renewed");
    let mut second = hold("d", 60).await.unwrap();
    assert_eq!(second.state.as_deref(), Some("7"));
    let late = store.save_duty(&mut first, "6").await;
    assert!(matches!(late, Err(StoreError::DutyLost(_))), "{late:?}");
    assert!(store.renew_duty(&first, LEASE, after(day + 61)).await.is_err());
    store.save_duty(&mut second, "8").await.unwrap();
    store.release_duty(&second).await.unwrap();
    let last = hold("e", 62).await.unwrap();
    assert_eq!(last.state.as_deref(), Some("8"));
    let held = async |beginning: &str, seconds: i64| {
        let held = store.held_duties(beginning, after(day + seconds)).await.unwrap();
        held.into_iter().map(|(name, said)| format!("{name} {}", said.unwrap_or_default())).collect::<Vec<_>>()
    };
    let mut other = store.hold_duty("telegram_other", "f", LEASE, after(day + 62)).await.unwrap().unwrap();
    store.save_duty(&mut other, "[]").await.unwrap();
    assert_eq!(held("telegram", 70).await, ["telegram-poll 8", "telegram_other []"]);
    assert_eq!(held("telegram_", 70).await, ["telegram_other []"]);
    let lost = store.renew_duties([&second, &last].into_iter(), LEASE, after(day + 80)).await.unwrap();
    assert_eq!(Vec::from_iter(lost), Vec::<String>::new(), "one of that name was renewed");
    assert_eq!(
        Vec::from_iter(store.renew_duties([&second].into_iter(), LEASE, after(day)).await.unwrap()),
        ["telegram-poll"]
    );
    assert_eq!(held("telegram", 100).await, ["telegram-poll 8"]);
    store.release_duty(&other).await.unwrap();
}

async fn an_offer_is_taken_once_in_time_and_by_whom_it_was_made_to(store: &Store, day: i64) {
    for offer_id in ["one", "late"] {
        store.offer(offer_id, "ann", "a plan", after(day + MINUTE)).await.unwrap();
    }
    let take =
        async |offer_id, person, seconds| store.take_offer(offer_id, person, after(day + seconds)).await.unwrap();
    for none in ["none", "\0"] {
        assert_eq!(take(none, "ann", 0).await, Taken::Gone);
    }
    assert_eq!(take("one", "ben", 1).await, Taken::NotTheirs);
    let takers = futures::future::join_all([take("one", "ann", 2), take("one", "ann", 2), take("one", "ann", 2)]).await;
    let taken = takers.iter().filter(|taken| **taken == Taken::Now("a plan".to_owned())).count();
    assert_eq!((taken, takers.iter().filter(|taken| **taken == Taken::Gone).count()), (1, 2), "{takers:?}");
    assert_eq!(take("late", "ann", MINUTE).await, Taken::Late);
    store.forget(after(0), 1000, after(day + MINUTE)).await.unwrap();
    assert_eq!(take("late", "ann", MINUTE).await, Taken::Late);
    store.forget(after(0), 1000, after(day + MINUTE + 1)).await.unwrap();
    assert_eq!(take("late", "ann", MINUTE).await, Taken::Gone);
}

async fn what_still_waits_is_not_forgotten(store: &Store, day: i64) {
    let before = store.notifications(None, 1, None).await.unwrap().total;
    scan(store, "waiting", day, high("waiting", &["a"], "1")).await;
    compose(store, &["one"], day + 2).await;
    assert_eq!(store.forget_notifications(after(day + DAY)).await.unwrap(), before);
    assert_eq!(sent(store, day + 2).await.len(), 1);
    assert_eq!(store.forget_notifications(after(day)).await.unwrap(), 0, "it is younger");
}

async fn nothing_is_lost_or_told_twice_while_scans_are_recorded(store: &Store, day: i64) {
    const SOURCES: usize = 12;
    const ITEMS: usize = 40;
    let mut claims = Vec::new();
    for n in 0..SOURCES {
        let source = format!("busy-{n}");
        claims.push((claimed(store, &source, after(day)).await, source));
    }
    let record_all = futures::future::join_all(claims.iter().map(|(claim, source)| async move {
        let names: Vec<String> = (0..ITEMS).map(|n| format!("a{n}")).collect();
        let items = high(source, &names.iter().map(String::as_str).collect::<Vec<_>>(), "1");
        let result = Ok(vec![report(source, after(day), items)]);
        store.record_scan(claim, record(&new_id(), source, after(day), result, &|_| true)).await.unwrap();
    }));
    let compose_all = futures::future::join_all((0..3).map(|_| async {
        for _ in 0..10 {
            compose(store, &["one"], day + 2).await;
        }
    }));
    tokio::join!(record_all, compose_all);
    compose(store, &["one"], day + 2).await;
    let told = sent(store, day + 2).await.into_iter().map(|n| match n.told {
        Told::Drift(drifts) => drifts.high,
        _ => 0,
    });
    assert_eq!(told.sum::<usize>(), SOURCES * ITEMS);
}
