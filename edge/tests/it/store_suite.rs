//! What every store has to do, whatever it is made of: run over SQLite and over PostgreSQL.

use std::collections::BTreeSet;
use std::time::Duration;

use anchorwatch_core::drift::compare::Change;
use anchorwatch_core::drift::item::{DriftStatus, Identifying};
use anchorwatch_core::drift::origin::{Origin, OriginReason};
use anchorwatch_core::drift::report::{Findings, ScanState, Trigger};
use anchorwatch_core::drift::{DriftItem, DriftLevel, DriftReport};
use anchorwatch_core::object::secret::{SecretKey, Shown};
use anchorwatch_core::object::value::Value;
use anchorwatch_edge::clock::new_id;
use anchorwatch_edge::store::{
    ChangeRow, Claim, ConfiguredSource, EpisodesOf, Filter, JobOutcome, NewJob, NewToken, OpenItem, Recorded, Role,
    ScanRecord, Sighting, Store, StoreAddress, StoreError,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;

/// The second that tests count from.
fn start() -> Timestamp {
    "2026-11-25T03:00:00Z".parse().unwrap()
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// Runs everything; each part has names of its own, as they share a store.
pub(crate) async fn run(address: &StoreAddress) {
    several_may_open_it_at_once(address).await;
    let store = Store::open(address).await.unwrap();
    store.ping().await.unwrap();
    an_item_lives_on_from_scan_to_scan(&store).await;
    what_was_acknowledged_stays_so_until_it_changes(&store).await;
    what_a_scan_could_not_see_is_not_resolved(&store).await;
    a_report_in_which_nothing_was_compared_stays_open(&store).await;
    a_failed_scan_says_why_and_resolves_nothing(&store).await;
    reports_come_page_by_page(&store).await;
    items_and_reports_are_found_by_what_people_know_of_them(&store).await;
    a_job_is_claimed_once(&store).await;
    a_late_write_is_refused_and_leaves_nothing(&store).await;
    who_asks_while_a_job_is_claimed_is_told_of_one_that_is_there(&store).await;
    of_several_replicas_one_queues_what_is_due(&store).await;
    a_replica_that_starts_asks_for_nothing_again(&store).await;
    scans_of_one_source_do_not_judge_beside_each_other(&store).await;
    a_total_knows_of_what_was_written(address, &store).await;
    a_clock_that_is_set_back_hides_nothing(&store).await;
    a_token_counts_until_it_is_revoked_or_ends(&store).await;
    a_change_is_noted_by_whoever_holds_it_and_read_by_whoever_has_the_key(&store).await;
    what_was_said_in_private_is_known_for_a_while(&store).await;
    a_scan_changes_nothing_that_a_watch_has_seen_since(&store).await;
    who_ended_it_is_known_though_a_scan_was_faster(&store).await;
    a_zero_byte_is_no_id(&store).await;
}

async fn several_may_open_it_at_once(address: &StoreAddress) {
    let opened = futures::future::join_all((0..4).map(|_| Store::open(address))).await;
    for store in opened {
        store.unwrap();
    }
}

pub(crate) fn item(source: &str, name: &str, value: &str, level: DriftLevel) -> DriftItem {
    let identity = Identifying {
        cluster: "test",
        source,
        group: "apps",
        kind: "Deployment",
        namespace: "shop",
        name,
        stable_path: "spec.paused",
        change: Change::Extra,
    };
    DriftItem {
        resource_kind: "Deployment".to_owned(),
        resource_name: name.to_owned(),
        namespace: "shop".to_owned(),
        api_version: "apps/v1".to_owned(),
        field_path: "spec.paused".to_owned(),
        stable_path: "spec.paused".to_owned(),
        change: Change::Extra,
        git_value: None,
        actual_value: Some(Shown::of(&Value::String(value.to_owned().into()), None)),
        drift_level: level,
        is_allowlisted: false,
        origin: Origin::Human,
        origin_reason: OriginReason::PersonsTool,
        attribution: None,
        rule: "any".to_owned(),
        reason: "a test".to_owned(),
        source: None,
        was_in_git: None,
        status: DriftStatus::Pending,
        first_seen: start(),
        last_seen: start(),
        resolved_at: None,
        last_report_id: String::new(),
        fingerprint: identity.fingerprint(),
        value_hash: value.to_owned(),
    }
}

pub(crate) fn report(source: &str, at: Timestamp, items: Vec<DriftItem>) -> DriftReport {
    DriftReport::new(Findings {
        report_id: new_id(),
        scanned_at: at,
        namespace: "shop".to_owned(),
        cluster: "test".to_owned(),
        source: source.to_owned(),
        revision: Some("4f8423".to_owned()),
        objects: 3,
        not_compared: Vec::new(),
        items,
        ignored: Vec::new(),
        triggered_by: Trigger::Api,
    })
}

fn configured(name: &str) -> ConfiguredSource<'_> {
    ConfiguredSource { name, cluster: "test", address: "shop.git", interval: Duration::from_hours(1) }
}

fn job(source: &str) -> NewJob {
    NewJob {
        source: source.to_owned(),
        namespaces: Vec::new(),
        triggered_by: Trigger::Api,
        requested_by: Some("ann".to_owned()),
    }
}

/// Claims the only job that is due.
pub(crate) async fn claimed(store: &Store, source: &str, at: Timestamp) -> Claim {
    store.enqueue(&new_id(), &job(source), at).await.unwrap();
    let claim = store.claim("replica", LEASE, at).await.unwrap().unwrap();
    assert_eq!(claim.job, job(source));
    claim
}

pub(crate) fn record<'a>(
    scan_id: &'a str,
    source: &'a str,
    at: Timestamp,
    result: Result<Vec<DriftReport>, String>,
    would_see: &'a (dyn Fn(&OpenItem) -> bool + Sync),
) -> ScanRecord<'a> {
    ScanRecord {
        scan_id,
        source,
        cluster: "test",
        triggered_by: Trigger::Api,
        requested_by: Some("ann"),
        started_at: at,
        finished_at: at,
        result,
        would_see,
    }
}

/// Scans a source that has these items at this second.
pub(crate) async fn scan(store: &Store, source: &str, seconds: i64, items: Vec<DriftItem>) -> Recorded {
    let at = after(seconds);
    let claim = claimed(store, source, at).await;
    let reports = vec![report(source, at, items)];
    store.record_scan(&claim, record(&new_id(), source, at, Ok(reports), &|_| true)).await.unwrap()
}

fn of(source: &str) -> Filter {
    Filter { source: Some(source.to_owned()), ..Filter::default() }
}

async fn statuses(store: &Store, source: &str) -> Vec<String> {
    let items = store.items(&of(source), 100, None).await.unwrap().items;
    let mut told: Vec<String> = items
        .iter()
        .map(|i| format!("{} {}", i["resource_name"].as_str().unwrap(), i["status"].as_str().unwrap()))
        .collect();
    told.sort();
    told
}

async fn reports(store: &Store, source: &str) -> Vec<String> {
    let listed = store.reports(&of(source), 100, None).await.unwrap();
    listed
        .items
        .iter()
        .map(|report| {
            let r = stored(report);
            format!("{} {}", r["summary"].as_str().unwrap(), r["status"].as_str().unwrap())
        })
        .collect()
}

fn stored(report: &RawValue) -> serde_json::Value {
    serde_json::from_str(report.get()).unwrap()
}

async fn an_item_lives_on_from_scan_to_scan(store: &Store) {
    let source = "life";
    let here = |value: &str| vec![item(source, "a", value, DriftLevel::High)];
    let done = |new, changed, back, resolved| Recorded { new, changed, back, resolved };
    assert_eq!(scan(store, source, 0, here("1")).await, done(1, 0, 0, 0));
    assert_eq!(scan(store, source, 60, here("1")).await, done(0, 0, 0, 0));
    assert_eq!(scan(store, source, 120, here("2")).await, done(0, 1, 0, 0));
    assert_eq!(statuses(store, source).await, ["a pending"]);
    assert_eq!(reports(store, source).await, ["HIGH×1 pending", "HIGH×1 pending", "HIGH×1 pending"]);
    assert_eq!(scan(store, source, 180, Vec::new()).await, done(0, 0, 0, 1));
    assert_eq!(statuses(store, source).await, ["a resolved"]);
    let all = ["no drift resolved", "HIGH×1 resolved", "HIGH×1 resolved", "HIGH×1 resolved"];
    assert_eq!(reports(store, source).await, all);
    assert_eq!(scan(store, source, 240, here("2")).await, done(0, 0, 1, 0));
    let listed = store.items(&of(source), 100, None).await.unwrap();
    assert_eq!((listed.total, listed.next), (1, None));
    let item = &listed.items[0];
    assert_eq!(item["status"], "pending");
    assert_eq!(item["first_seen"], start().to_string());
    assert_eq!(item["last_seen"], after(0).to_string(), "as the scan said");
    assert_eq!(item["resolved_at"], serde_json::Value::Null);
    let newest = stored(&store.reports(&of(source), 1, None).await.unwrap().items[0]);
    let report = store.report(newest["report_id"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(report["items"][0]["fingerprint"], item["fingerprint"]);
    assert_eq!(report["items"][0]["actual_value"], "2");
    assert!(store.report("nobody").await.unwrap().is_none());
}

async fn what_was_acknowledged_stays_so_until_it_changes(store: &Store) {
    let source = "known";
    let here = |value: &str| vec![item(source, "a", value, DriftLevel::Medium)];
    scan(store, source, 0, here("1")).await;
    let fingerprint = here("1")[0].fingerprint.clone();
    let (ann, bob) =
        (store.acknowledge(&fingerprint, "ann", after(5)), store.acknowledge(&fingerprint, "bob", after(5)));
    let (ann, bob) = tokio::join!(ann, bob);
    let (ann, bob) = (ann.unwrap().unwrap(), bob.unwrap().unwrap());
    assert_eq!(ann["decided_by"], bob["decided_by"], "two at once see the same person");
    assert_eq!(reports(store, source).await, ["MEDIUM×1 resolved"]);
    scan(store, source, 60, here("1")).await;
    assert_eq!(statuses(store, source).await, ["a acknowledged"]);
    assert_eq!(reports(store, source).await[0], "MEDIUM×1 resolved");
    scan(store, source, 120, here("2")).await;
    let item = &store.items(&of(source), 1, None).await.unwrap().items[0];
    assert_eq!((&item["status"], item.get("decided_by")), (&"pending".into(), None));
    assert!(store.acknowledge("nobody", "ann", after(200)).await.unwrap().is_none());
}

async fn what_a_scan_could_not_see_is_not_resolved(store: &Store) {
    let source = "partial";
    scan(store, source, 0, vec![item(source, "a", "1", DriftLevel::High), item(source, "b", "1", DriftLevel::High)])
        .await;
    let claim = claimed(store, source, after(60)).await;
    let saw = |open: &OpenItem| open.resource_name == "a" && open.stable_path == "spec.paused";
    let reports = vec![report(source, after(60), Vec::new())];
    let recorded = store.record_scan(&claim, record(&new_id(), source, after(60), Ok(reports), &saw)).await.unwrap();
    assert_eq!(recorded.resolved, 1);
    assert_eq!(statuses(store, source).await, ["a resolved", "b pending"]);
}

async fn a_report_in_which_nothing_was_compared_stays_open(store: &Store) {
    let source = "nothing";
    let claim = claimed(store, source, start()).await;
    let mut nothing = report(source, start(), Vec::new());
    nothing.state = ScanState::Failed;
    store.record_scan(&claim, record(&new_id(), source, start(), Ok(vec![nothing]), &|_| true)).await.unwrap();
    assert_eq!(reports(store, source).await, ["no drift pending"]);
}

async fn a_failed_scan_says_why_and_resolves_nothing(store: &Store) {
    let source = "failing";
    store.configure_sources(&[configured(source)], &[], start()).await.unwrap();
    scan(store, source, 0, vec![item(source, "a", "1", DriftLevel::High)]).await;
    let claim = claimed(store, source, after(60)).await;
    let gone = Err("the cluster is not there".to_owned());
    store.record_scan(&claim, record(&new_id(), source, after(60), gone, &|_| true)).await.unwrap();
    assert_eq!(statuses(store, source).await, ["a pending"]);
    let row = store.sources().await.unwrap().into_iter().find(|row| row.name == source).unwrap();
    assert_eq!(row.last_failure.as_deref(), Some("the cluster is not there"));
    assert_eq!((row.last_failure_at, row.last_success_at), (Some(after(60)), Some(after(0))));
    let failed = JobOutcome::Failed("the cluster is not there".to_owned());
    assert_eq!(store.job(&claim.job_id).await.unwrap().unwrap().outcome, failed);
    scan(store, source, 120, vec![item(source, "a", "1", DriftLevel::High)]).await;
    assert_eq!(store.sources().await.unwrap().iter().find(|row| row.name == source).unwrap().last_failure, None);
}

async fn reports_come_page_by_page(store: &Store) {
    let source = "pages";
    for second in 0..7 {
        let level = if second % 2 == 0 { DriftLevel::High } else { DriftLevel::Info };
        scan(store, source, second, vec![item(source, &format!("a{second}"), "1", level)]).await;
    }
    let (mut seen, mut next) = (BTreeSet::new(), None);
    loop {
        let page = store.reports(&of(source), 3, next.as_deref()).await.unwrap();
        assert_eq!(page.total, 7);
        assert!(page.items.len() <= 3);
        seen.extend(page.items.iter().map(|report| stored(report)["report_id"].as_str().unwrap().to_owned()));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 7);
    let high = Filter { level: Some(DriftLevel::High), ..of(source) };
    assert_eq!(store.reports(&high, 100, None).await.unwrap().total, 4);
    assert_eq!(store.items(&high, 100, None).await.unwrap().total, 4);
    let elsewhere = Filter { cluster: Some("'; DROP TABLE jobs; --".to_owned()), ..Filter::default() };
    assert_eq!(store.reports(&elsewhere, 100, None).await.unwrap().total, 0);
}

async fn items_and_reports_are_found_by_what_people_know_of_them(store: &Store) {
    let source = "found";
    let (web, odd) = (item(source, "web", "1", DriftLevel::High), item(source, "web_100%", "1", DriftLevel::Info));
    scan(store, source, 900, vec![web.clone(), odd.clone()]).await;
    scan(store, source, 910, vec![odd.clone()]).await;
    let count = async |filter: Filter| store.worst_items(&filter, 10, 0).await.unwrap().total;
    let text = |text: &str| Filter { text: Some(text.to_owned()), ..of(source) };
    for (asked, found) in [
        ("WEB", 2),
        ("shop/deployment/web", 2),
        ("spec.paused", 2),
        ("b_1", 1),
        ("0%", 1),
        ("%0", 0),
        ("w_b", 0),
        ("'", 0),
        ("\\", 0),
    ] {
        assert_eq!(count(text(asked)).await, found, "{asked}");
    }
    let named =
        |kind: &str, name: &str| Filter { kind: Some(kind.to_owned()), name: Some(name.to_owned()), ..of(source) };
    assert_eq!(count(named("Deployment", "web")).await, 1);
    assert_eq!(count(named("Service", "web")).await, 0);
    let holding = |item: &DriftItem| Filter { holding: Some(item.fingerprint.clone()), ..of(source) };
    assert_eq!(store.reports(&holding(&web), 10, None).await.unwrap().total, 1);
    assert_eq!(store.reports(&holding(&odd), 10, None).await.unwrap().total, 2);

    // A scan that failed compared nothing: the one before it still says what is known.
    let claim = claimed(store, source, after(920)).await;
    let failed = record("found-failed", source, after(920), Err("no cluster".to_owned()), &|_| true);
    store.record_scan(&claim, failed).await.unwrap();
    let mut all = store.last_reports().await.unwrap();
    let last = all.remove(source).unwrap();
    assert_eq!((last.len(), &stored(&last[0])["scanned_at"]), (1, &serde_json::json!(after(910))));
    assert!(!all.contains_key("nowhere"));
}

async fn a_job_is_claimed_once(store: &Store) {
    let at = after(1000);
    for n in 0..40 {
        store.enqueue(&new_id(), &job(&format!("work-{n}")), at).await.unwrap();
    }
    let first = store.enqueue(&new_id(), &job("work-0"), at).await.unwrap();
    assert_eq!(store.enqueue(&new_id(), &job("work-0"), at).await.unwrap(), first, "one waits already");
    let claims = futures::future::join_all((0..4).map(|replica| async move {
        let mut claimed = Vec::new();
        while let Some(claim) = store.claim(&format!("r{replica}"), LEASE, at).await.unwrap() {
            claimed.push(claim.job.source);
        }
        claimed
    }))
    .await
    .concat();
    assert_eq!(claims.len(), 40);
    assert_eq!(claims.iter().collect::<BTreeSet<_>>().len(), 40);
    // Nobody is heard of any more: each is taken over as often as there is hope, and then given up.
    for round in 1..5 {
        let later = after(1000 + round * 60);
        for _ in 0..40 {
            store.claim("successor", LEASE, later).await.unwrap().unwrap();
        }
        assert!(store.claim("successor", LEASE, later).await.unwrap().is_none());
    }
    store.configure_sources(&[configured("work-0"), configured("work-1")], &[], at).await.unwrap();
    let scanned = claimed(store, "work-1", after(1500)).await;
    let scan_id = new_id();
    store.record_scan(&scanned, record(&scan_id, "work-1", after(1500), Ok(Vec::new()), &|_| true)).await.unwrap();
    let given_up = store.give_up(after(2000)).await.unwrap();
    assert_eq!(given_up.len(), 40);
    // Its source has failed, unless it was scanned since.
    for (row, failed) in store.sources().await.unwrap().iter().zip([true, false]) {
        assert_eq!(row.last_failure.as_ref().is_some_and(|why| why.contains("given up")), failed, "{row:?}");
        assert_eq!(row.last_failure_at, failed.then_some(after(2000)));
        let told = given_up.iter().find(|given_up| given_up.source == row.name).unwrap();
        assert_eq!(told.cluster.as_deref(), failed.then_some("test"));
    }
    assert!(store.claim("successor", LEASE, after(2000)).await.unwrap().is_none());
}

async fn a_late_write_is_refused_and_leaves_nothing(store: &Store) {
    let source = "late";
    let slow = claimed(store, source, after(0)).await;
    store.renew(&slow, LEASE, after(20)).await.unwrap();
    assert!(store.claim("quick", LEASE, after(40)).await.unwrap().is_none(), "it was renewed");
    let quick = store.claim("quick", LEASE, after(60)).await.unwrap().unwrap();
    assert_eq!(quick.job_id, slow.job_id);
    assert!(matches!(store.renew(&slow, LEASE, after(61)).await, Err(StoreError::ClaimLost(_))));
    let write = |items: Vec<DriftItem>| Ok(vec![report(source, after(62), items)]);
    let here = vec![item(source, "a", "1", DriftLevel::High)];
    let late = store.record_scan(&slow, record(&new_id(), source, after(62), write(here.clone()), &|_| true)).await;
    assert!(matches!(late, Err(StoreError::ClaimLost(_))), "{late:?}");
    assert_eq!(store.reports(&of(source), 10, None).await.unwrap().total, 0);
    assert_eq!(store.items(&of(source), 10, None).await.unwrap().total, 0);
    let scan_id = new_id();
    store.record_scan(&quick, record(&scan_id, source, after(62), write(here.clone()), &|_| true)).await.unwrap();
    let again = store.record_scan(&quick, record(&new_id(), source, after(63), write(here), &|_| true)).await;
    assert!(matches!(again, Err(StoreError::ClaimLost(_))), "a job ends once");
    assert_eq!(store.job(&quick.job_id).await.unwrap().unwrap().outcome, JobOutcome::Done(scan_id.clone()));
    let found = store.reports(&Filter { scan: Some(scan_id), ..Filter::default() }, 10, None).await.unwrap();
    assert_eq!(found.total, 1);
}

async fn a_clock_that_is_set_back_hides_nothing(store: &Store) {
    let (source, day) = ("set-back", 24 * 3600);
    let items = ["kept", "gone"].map(|name| item(source, name, "old", DriftLevel::High));
    scan(store, source, day, items.to_vec()).await;
    // What was queued a day later, by a clock that was wrong, is done all the same, and what is found counts.
    store.enqueue(&new_id(), &job(source), after(day)).await.unwrap();
    let claim = store.claim("any", LEASE, after(0)).await.unwrap().unwrap();
    assert_eq!(claim.job, job(source));
    let reports = vec![report(source, after(0), vec![item(source, "kept", "new", DriftLevel::High)])];
    let scan_id = new_id();
    let recorded = store.record_scan(&claim, record(&scan_id, source, after(0), Ok(reports), &|_| true)).await.unwrap();
    assert_eq!((recorded.changed, recorded.resolved), (1, 1));
}

async fn who_asks_while_a_job_is_claimed_is_told_of_one_that_is_there(store: &Store) {
    // Before all others, so that no other is claimed.
    let early = after(-10_000);
    let job = NewJob {
        source: "asked-at-once".to_owned(),
        namespaces: Vec::new(),
        triggered_by: Trigger::Api,
        requested_by: None,
    };
    for _ in 0..50 {
        let ids = [new_id(), new_id(), new_id()];
        let asked = futures::future::join_all(ids.iter().map(|id| store.enqueue(id, &job, early)));
        let claimed = futures::future::join_all((0..3).map(|_| store.claim("any", LEASE, early)));
        let (asked, claimed) = futures::join!(asked, claimed);
        for id in asked {
            let id = id.unwrap();
            assert!(store.job(&id).await.unwrap().is_some(), "{id} is nowhere");
        }
        // The others find nothing of it left.
        let mut claimed: Vec<Claim> = claimed.into_iter().filter_map(Result::unwrap).collect();
        while let Some(claim) = store.claim("any", LEASE, early).await.unwrap() {
            claimed.push(claim);
        }
        for claim in claimed {
            let (scan_id, source) = (new_id(), claim.job.source.clone());
            store.record_scan(&claim, record(&scan_id, &source, early, Ok(Vec::new()), &|_| true)).await.unwrap();
        }
    }
}

async fn of_several_replicas_one_queues_what_is_due(store: &Store) {
    let source = "due";
    store.configure_sources(&[configured(source)], &[], after(3000)).await.unwrap();
    assert_eq!(store.sources().await.unwrap().len(), 1, "those that are no more configured are not listed");
    for hour in 0..3 {
        let at = after(3000 + hour * 3600);
        let queue = (0..4).map(|_| async { store.queue_if_due(source, &new_id(), Duration::from_hours(1), at).await });
        let queued = futures::future::join_all(queue).await;
        assert_eq!(queued.into_iter().filter(|queued| *queued.as_ref().unwrap()).count(), 1);
        let claim = store.claim("replica", LEASE, at).await.unwrap().unwrap();
        assert_eq!((claim.job.source.as_str(), claim.job.triggered_by), (source, Trigger::Cron));
        let reports = Ok(vec![report(source, at, Vec::new())]);
        store.record_scan(&claim, record(&new_id(), source, at, reports, &|_| true)).await.unwrap();
        let early =
            store.queue_if_due(source, &new_id(), Duration::from_hours(1), after(3000 + hour * 3600 + 60)).await;
        assert!(!early.unwrap());
    }
}

async fn a_change_is_noted_by_whoever_holds_it_and_read_by_whoever_has_the_key(store: &Store) {
    let (key, other) = (SecretKey::new([5; 32]), SecretKey::new([6; 32]));
    let row = |change_id: &str, is_open: bool, body: &[u8]| {
        let row = ChangeRow {
            change_id: change_id.to_owned(),
            source: "shop".to_owned(),
            cluster: "prod".to_owned(),
            undoes: None,
            changed_by: "ann".to_owned(),
            begun_at: after(0),
            is_open,
            body: Vec::new(),
        };
        row.sealed(body, &key).unwrap()
    };
    let duty = store.hold_duty("change a", "one", LEASE, after(0)).await.unwrap().unwrap();
    assert!(store.hold_duty("change a", "two", LEASE, after(1)).await.unwrap().is_none());
    store.put_change(&duty, &row("a", true, b"clear text"), LEASE, after(30)).await.unwrap();
    // Noting it holds it for longer.
    assert!(store.hold_duty("change a", "two", LEASE, after(59)).await.unwrap().is_none());
    let open = store.open_changes().await.unwrap();
    assert_eq!(open[0].unsealed(&key).unwrap(), b"clear text");
    assert!(open[0].unsealed(&other).is_none());
    assert!(ChangeRow { change_id: "b".to_owned(), ..open[0].clone() }.unsealed(&key).is_none(), "it is another row's");
    assert!(!String::from_utf8_lossy(&open[0].body).contains("clear"));
    store.put_change(&duty, &row("a", false, b"done"), LEASE, after(31)).await.unwrap();
    assert_eq!((store.open_changes().await.unwrap().len(), store.last_changes(10).await.unwrap().len()), (0, 1));
    assert_eq!(store.change("a").await.unwrap().unwrap().unsealed(&key).unwrap(), b"done");
    assert!(store.change("b").await.unwrap().is_none());
    // Whoever has been silent for too long writes nothing.
    store.hold_duty("change a", "two", LEASE, after(1000)).await.unwrap().unwrap();
    let late = store.put_change(&duty, &row("a", true, b"late"), LEASE, after(1001)).await;
    assert!(matches!(late, Err(StoreError::DutyLost(_))), "{late:?}");
    assert_eq!(store.change("a").await.unwrap().unwrap().unsealed(&key).unwrap(), b"done");
}

async fn what_was_said_in_private_is_known_for_a_while(store: &Store) {
    let hashes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let (audit, _) = crate::audit_suite::open(store).await;
    let hour = 3600;
    audit.remember(hashes(&["b", "a", "b"]), after(0)).await.unwrap();
    // Within an hour it is not noted again, and known an hour longer for that.
    audit.remember(hashes(&["a"]), after(hour)).await.unwrap();
    audit.remember(hashes(&["c"]), after(0)).await.unwrap();
    audit.remember(hashes(&["c"]), after(hour + 1)).await.unwrap();
    for (asked, since, is_private) in [
        (&["x", "a"][..], 0, true),
        (&["a"], hour, true),
        (&["a", "b"], hour + 1, false),
        (&["c"], 2 * hour + 1, true),
        (&["c"], 2 * hour + 2, false),
        (&["x"], 0, false),
        (&[], 0, false),
    ] {
        assert_eq!(store.is_private(&hashes(asked), after(since)).await.unwrap(), is_private, "{asked:?} {since}");
    }
    assert_eq!(store.forget_private(after(hour)).await.unwrap(), 0);
    assert_eq!(store.forget_private(after(hour + 1)).await.unwrap(), 2);
    assert!(store.is_private(&hashes(&["c"]), after(0)).await.unwrap());
    assert!(!store.is_private(&hashes(&["a"]), after(0)).await.unwrap());
}

async fn a_token_counts_until_it_is_revoked_or_ends(store: &Store) {
    let token = |name: &str, seconds: Option<i64>| NewToken {
        name: name.to_owned(),
        role: Role::Operator,
        clusters: vec!["test".to_owned()],
        namespaces: Vec::new(),
        intents: vec!["chat".to_owned()],
        expires_at: seconds.map(after),
    };
    store.add_token(&new_id(), &token("ann", None), "secret-of-ann", start()).await.unwrap();
    store.add_token(&new_id(), &token("bob", Some(60)), "secret-of-bob", start()).await.unwrap();
    let taken = store.add_token(&new_id(), &token("ann", None), "another", start()).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    let found = store.token_of("secret-of-ann", after(100)).await.unwrap().unwrap();
    assert_eq!(found.token, token("ann", None));
    assert!(store.token_of("secret-of-bob", after(59)).await.unwrap().is_some());
    assert!(store.token_of("secret-of-bob", after(61)).await.unwrap().is_none());
    assert!(store.token_of("secret-of", after(1)).await.unwrap().is_none());
    assert!(store.revoke_token("ann", after(10)).await.unwrap());
    assert!(!store.revoke_token("ann", after(11)).await.unwrap());
    assert!(store.token_of("secret-of-ann", after(11)).await.unwrap().is_none());
    store.add_token(&new_id(), &token("ann", None), "her next one", after(12)).await.unwrap();
    let names: Vec<String> = store.tokens().await.unwrap().into_iter().map(|row| row.token.name).collect();
    assert_eq!(names, ["ann", "ann", "bob"]);
}

async fn a_replica_that_starts_asks_for_nothing_again(store: &Store) {
    let (source, other) = (configured("begun"), configured("other"));
    let at = after(20_000);
    store.configure_sources(&[source, other], &[], at).await.unwrap();
    assert_eq!(store.due(at).await.unwrap(), ["begun", "other"]);
    for name in ["begun", "other"] {
        assert!(store.queue_if_due(name, &new_id(), Duration::from_hours(1), at).await.unwrap());
        let claim = store.claim("replica", LEASE, at).await.unwrap().unwrap();
        store.record_scan(&claim, record(&new_id(), name, at, Ok(Vec::new()), &|_| true)).await.unwrap();
    }
    let later = after(20_060);
    store.configure_sources(&[source, other], &[], later).await.unwrap();
    assert_eq!(store.due(later).await.unwrap(), Vec::<String>::new(), "they are due in an hour, as they were");
    // At another address it is another source; a shorter interval brings it forward.
    let (moved, sooner) = (
        ConfiguredSource { address: "moved.git", ..source },
        ConfiguredSource { interval: Duration::from_mins(10), ..other },
    );
    store.configure_sources(&[moved, sooner], &[], later).await.unwrap();
    assert_eq!(store.due(later).await.unwrap(), ["begun"]);
    assert_eq!(store.due(after(20_060 + 660)).await.unwrap(), ["begun", "other"]);
    // What was taken out for a while is due when it is back.
    store.configure_sources(&[sooner], &[], later).await.unwrap();
    assert_eq!(store.due(later).await.unwrap(), Vec::<String>::new());
    store.configure_sources(&[configured("due")], &[], later).await.unwrap();
    store.configure_sources(&[sooner], &[], later).await.unwrap();
    assert_eq!(store.due(later).await.unwrap(), ["other"]);
    // What another replica has discovered stays as long as this one does not know better.
    let found = ConfiguredSource { interval: Duration::from_hours(1), ..configured("prod/flux/apps/web") };
    store.configure_sources(&[sooner, found], &[], later).await.unwrap();
    let names = async || store.sources().await.unwrap().into_iter().map(|row| row.name).collect::<Vec<_>>();
    store.configure_sources(&[sooner], &["prod/flux/apps/".to_owned()], later).await.unwrap();
    assert_eq!(names().await, ["other", "prod/flux/apps/web"]);
    store.configure_sources(&[sooner], &["prod/flux/app/".to_owned()], later).await.unwrap();
    assert_eq!(names().await, ["other"]);
}

async fn scans_of_one_source_do_not_judge_beside_each_other(store: &Store) {
    let (source, at) = ("twice", after(30_000));
    let names: Vec<String> = (0..40).map(|n| format!("app-{n}")).collect();
    let mut claims = Vec::new();
    for round in 0..4 {
        // Each in a job of its own, as of a whole source and of single namespaces.
        let one = NewJob { namespaces: vec![format!("n{round}")], ..job(source) };
        store.enqueue(&new_id(), &one, at).await.unwrap();
        claims.push(store.claim("replica", LEASE, at).await.unwrap().unwrap());
    }
    let record_one = |(at_round, claim): (usize, &Claim)| {
        let mut items: Vec<DriftItem> = names.iter().map(|name| item(source, name, "on", DriftLevel::High)).collect();
        items.rotate_left(at_round * 10);
        let (claim, scan_id) = (claim.clone(), new_id());
        async move {
            let reports = Ok(vec![report(source, at, items)]);
            store.record_scan(&claim, record(&scan_id, source, at, reports, &|_| true)).await.unwrap()
        }
    };
    let recorded = futures::future::join_all(claims.iter().enumerate().map(record_one)).await;
    assert_eq!(recorded.iter().map(|recorded| recorded.new).sum::<usize>(), 40, "{recorded:?}");
}

async fn a_total_knows_of_what_was_written(address: &StoreAddress, store: &Store) {
    let (source, at) = ("counted", after(40_000));
    let filter = Filter { source: Some(source.to_owned()), ..Filter::default() };
    let total = async |store: &Store| store.reports(&filter, 1, None).await.unwrap().total;
    let other = Store::open(address).await.unwrap();
    for scans in 1..=3 {
        let claim = claimed(store, source, at).await;
        let reports = Ok(vec![report(source, at, Vec::new())]);
        store.record_scan(&claim, record(&new_id(), source, at, reports, &|_| true)).await.unwrap();
        assert_eq!(total(store).await, scans);
    }
    // What another process has written is counted a moment later.
    total(&other).await;
    let claim = claimed(store, source, at).await;
    let reports = Ok(vec![report(source, at, Vec::new())]);
    store.record_scan(&claim, record(&new_id(), source, at, reports, &|_| true)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(total(&other).await, 4);
}

async fn a_scan_changes_nothing_that_a_watch_has_seen_since(store: &Store) {
    let source = "watched-and-scanned";
    let duty = store.hold_duty("watch/watched-and-scanned", "replica", LEASE, after(0)).await.unwrap().unwrap();
    let sighting = |name: &str, seconds, items: Vec<DriftItem>| Sighting {
        kind: "Deployment".to_owned(),
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        at: after(seconds),
        items,
        writer: Some("argocd-controller".to_owned()),
    };
    let of = |name: &str, value: &str| item(source, name, value, DriftLevel::High);
    scan(store, source, 100, vec![of("back", "1"), of("other", "1")]).await;
    // A scan begins at 110 and lists everything; then all three change, and only after that it is recorded.
    let sightings = [
        sighting("new", 120, vec![of("new", "1")]),
        sighting("back", 120, Vec::new()),
        sighting("other", 120, vec![of("other", "2")]),
    ];
    store.observe(&[&duty], source, "test", &sightings).await.unwrap();
    scan(store, source, 110, vec![of("back", "1"), of("other", "1")]).await;
    let states = async || {
        let filter = Filter { source: Some(source.to_owned()), ..Filter::default() };
        let items = store.items(&filter, 10, None).await.unwrap().items;
        let text = |item: &serde_json::Value, name: &str| item[name].as_str().unwrap().to_owned();
        let mut states: Vec<String> = items
            .iter()
            .map(|i| format!("{} {} {}", text(i, "resource_name"), text(i, "status"), text(i, "value_hash")))
            .collect();
        states.sort();
        states
    };
    assert_eq!(states().await, ["back resolved 1", "new pending 1", "other pending 2"]);
    let ended = store.episodes(EpisodesOf::Item(&of("back", "1").fingerprint), 10).await.unwrap();
    assert_eq!((ended.len(), &ended[0]["ended_by"]), (1, &serde_json::json!("argocd-controller")));
    // A scan that begins later knows better.
    scan(store, source, 130, vec![of("back", "1")]).await;
    assert_eq!(states().await, ["back pending 1", "new resolved 1", "other resolved 2"]);
}

async fn who_ended_it_is_known_though_a_scan_was_faster(store: &Store) {
    let source = "scanned-before-it-was-heard";
    let duty = store.hold_duty("watch/scanned-before", "replica", LEASE, after(0)).await.unwrap().unwrap();
    let edited = item(source, "web", "1", DriftLevel::High);
    let sighting = |seconds, items: Vec<DriftItem>| Sighting {
        kind: "Deployment".to_owned(),
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
        at: after(seconds),
        items,
        writer: Some("argocd-controller".to_owned()),
    };
    // Nobody watched the first one end.
    scan(store, source, 100, vec![edited.clone()]).await;
    scan(store, source, 200, Vec::new()).await;
    store.observe(&[&duty], source, "test", &[sighting(1000, vec![edited.clone()])]).await.unwrap();
    scan(store, source, 1010, Vec::new()).await;
    store.observe(&[&duty], source, "test", &[sighting(1009, Vec::new())]).await.unwrap();
    let episodes = store.episodes(EpisodesOf::Item(&edited.fingerprint), 10).await.unwrap();
    let ended: Vec<_> = episodes.iter().map(|episode| episode["ended_by"].as_str()).collect();
    assert_eq!(ended, [Some("argocd-controller"), None]);
}

async fn a_zero_byte_is_no_id(store: &Store) {
    assert!(store.item("\0").await.unwrap().is_none());
    assert!(store.report("\0").await.unwrap().is_none());
    assert!(store.job("\0").await.unwrap().is_none());
    assert!(store.notification("\0").await.unwrap().is_none());
}
