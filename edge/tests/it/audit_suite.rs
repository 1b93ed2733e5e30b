//! What the audit of every store has to do: run over SQLite and over PostgreSQL.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::audit::{
    AuditKey, Begin, Break, End, Entry, Outcome, Record, Refusal, Reject, Report, SignedCheckpoint, Verifier,
};
use anchorwatch_edge::clock::{Clock, new_id, now};
use anchorwatch_edge::store::{
    Audit, AuditNews, AuditRow, AuditUnavailable, AuditWriting, Forgetting, Store, StoreAddress,
};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

fn key() -> AuditKey {
    AuditKey::of(&SecretKey::new([7; 32]))
}

/// What was told while an audit was written.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<AuditNews>>>);

impl Told {
    fn checkpoints(&self) -> Vec<String> {
        let told = self.0.lock().unwrap();
        let text = |news: &AuditNews| match news {
            AuditNews::Checkpoint(signed) => Some(signed.text().to_owned()),
            _ => None,
        };
        told.iter().filter_map(text).collect()
    }

    pub(crate) fn has(&self, wanted: fn(&AuditNews) -> bool) -> bool {
        self.0.lock().unwrap().iter().any(wanted)
    }
}

async fn open_at(store: &Store, clock: Clock) -> (Audit, Told) {
    let told = Told::default();
    let news = told.clone();
    let tell = Box::new(move |heard| news.0.lock().unwrap().push(heard));
    let audit = Audit::open(store, AuditWriting { key: key(), program: "0.1.0", clock, tell }).await.unwrap();
    (audit, told)
}

pub(crate) async fn open(store: &Store) -> (Audit, Told) {
    open_at(store, Clock::default()).await
}

fn begin_at(at: Timestamp) -> Begin {
    Begin {
        at,
        attempt: new_id(),
        request: new_id(),
        intent: "diagnose".to_owned(),
        private: true,
        provider: "nemotron".to_owned(),
        model: "nvidia/nemotron".to_owned(),
        address: "nim:8000".to_owned(),
        locality: "private".to_owned(),
        prompt_hash: "00".repeat(32),
        redactions: [("aws-key".to_owned(), 1)].into(),
        asked_by: None,
        attestation: None,
    }
}

pub(crate) fn begin() -> Begin {
    begin_at(now())
}

fn answered() -> End {
    End::new(now(), Outcome::Answered)
}

pub(crate) async fn rows(store: &Store) -> Vec<AuditRow> {
    let look = store.look_at_audit().await.unwrap();
    let mut rows: Vec<AuditRow> = Vec::new();
    loop {
        let page = look.rows(rows.last()).await.unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

async fn verify_with(store: &Store, logged: &[String]) -> Report {
    let checkpoints = store.look_at_audit().await.unwrap().checkpoints().await.unwrap();
    let logged = logged.iter().map(String::as_str);
    let record = Record::read(key().public(), checkpoints.iter().map(String::as_str), logged);
    let mut verifier = Verifier::new(record);
    for row in &rows(store).await {
        verifier.row(row.stored());
    }
    verifier.finish()
}

pub(crate) async fn verify(store: &Store) -> Report {
    verify_with(store, &[]).await
}

/// The outcomes of all that ended.
async fn outcomes(store: &Store) -> Vec<&'static str> {
    let entries = rows(store).await.into_iter().map(|row| Entry::read(&row.body).unwrap());
    let mut names: Vec<_> = entries
        .filter_map(|entry| match entry {
            Entry::End(end) => Some(end.outcome.name()),
            _ => None,
        })
        .collect();
    names.sort_unstable();
    names
}

/// Runs everything, one after the other in one store.
pub(crate) async fn run(address: &StoreAddress, tamper: impl Fn(&str)) {
    let store = Store::open(address).await.unwrap();
    nothing_is_whole(&store).await;
    what_begins_is_there_before_anybody_is_told(&store).await;
    an_attempt_that_is_dropped_was_cancelled(&store).await;
    replicas_write_chains_of_their_own_at_once(&store).await;
    an_attempt_that_nobody_ends_stays_open(&store).await;
    retention_leaves_what_can_be_verified(&store).await;
    what_is_said_in_private_is_remembered_with_the_row(&store).await;
    the_store_itself_refuses_changes(&store, &tamper).await;
    who_cannot_write_in_time_sends_nothing(&store, &tamper).await;
    what_somebody_else_has_written_is_found(&store, &tamper).await;
    what_no_row_holds_is_found(&store, &tamper).await;
}

async fn nothing_is_whole(store: &Store) {
    let report = verify(store).await;
    assert_eq!((report.rows, report.broken), (0, 0));
    let (audit, told) = open(store).await;
    audit.settle().await.unwrap();
    assert_eq!((rows(store).await.len(), told.checkpoints().len()), (0, 0), "who sends nothing writes nothing");
}

async fn what_begins_is_there_before_anybody_is_told(store: &Store) {
    let (audit, told) = open(store).await;
    let asked = begin();
    let attempt = audit.begin(asked.clone(), Vec::new()).await.unwrap();
    assert_eq!(attempt.id(), asked.attempt);
    let written = rows(store).await;
    assert!(matches!(Entry::read(&written[0].body).unwrap(), Entry::Start(start) if start.program == "0.1.0"));
    assert_eq!(Entry::read(&written[1].body).unwrap(), Entry::Begin(asked));
    assert_eq!(verify(store).await.open, 1);
    attempt.end(answered());
    let reasons = vec![Refusal { provider: None, code: "audit_unavailable".to_owned() }];
    let (at, request, intent) = (now(), new_id(), "diagnose".to_owned());
    audit.reject(Reject { at, request, intent, private: true, reasons, asked_by: None }, Vec::new()).await.unwrap();
    audit.settle().await.unwrap();
    let report = verify_with(store, &told.checkpoints()).await;
    assert_eq!((report.rows, report.open, report.checkpoints, report.after_checkpoint), (4, 0, 1, 0));
    assert_eq!(report.breaks, []);
}

async fn an_attempt_that_is_dropped_was_cancelled(store: &Store) {
    let (audit, _) = open(store).await;
    drop(audit.begin(begin(), Vec::new()).await.unwrap());
    // A caller that goes away while its row is written, or just when it is.
    let mut asking = Box::pin(audit.begin(begin(), Vec::new()));
    drop(futures::poll!(&mut asking));
    drop(asking);
    audit.settle().await.unwrap();
    // What it was dropped with may have come behind that.
    audit.settle().await.unwrap();
    let outcomes = outcomes(store).await;
    assert!(outcomes.starts_with(&["answered", "cancelled"]), "{outcomes:?}");
    let report = verify(store).await;
    assert_eq!((report.open, report.breaks), (0, Vec::new()));
}

async fn replicas_write_chains_of_their_own_at_once(store: &Store) {
    let before = verify(store).await;
    let replicas: Vec<(Audit, Told)> = join_all((0..3).map(|_| open(store))).await;
    let attempts = replicas.iter().flat_map(|(audit, _)| (0..200).map(move |_| audit.clone())).map(|audit| {
        tokio::spawn(async move {
            let attempt = audit.begin(begin(), Vec::new()).await.unwrap();
            attempt.end(answered());
        })
    });
    for attempt in join_all(attempts.collect::<Vec<_>>()).await {
        attempt.unwrap();
    }
    join_all(replicas.iter().map(|(audit, _)| audit.settle())).await.into_iter().for_each(Result::unwrap);
    let logged: Vec<String> = replicas.iter().flat_map(|(_, told)| told.checkpoints()).collect();
    let report = verify_with(store, &logged).await;
    assert_eq!((report.rows - before.rows, report.chains - before.chains), (3 * 401, 3));
    assert_eq!((report.open, report.after_checkpoint, report.breaks), (0, 0, Vec::new()));
    let chains: BTreeSet<String> = rows(store).await.into_iter().map(|row| row.chain).collect();
    assert_eq!(chains.len() as u64, report.chains);
}

async fn what_is_said_in_private_is_remembered_with_the_row(store: &Store) {
    let (audit, _) = open(store).await;
    let knows = async |text: String| store.is_private(&[text], Timestamp::MIN).await.unwrap();
    let many = (0..200).map(|number| {
        let (audit, knows) = (&audit, &knows);
        async move {
            let asked = vec![format!("asked {number}"), format!("asked {}", number / 2)];
            let attempt = audit.begin(begin(), asked).await.unwrap();
            assert!(knows(format!("asked {number}")).await, "{number}");
            attempt.end_remembering(answered(), vec![format!("given {number}")]).await.unwrap();
            assert!(knows(format!("given {number}")).await, "{number}");
        }
    });
    join_all(many).await;
    let (at, request, intent) = (now(), new_id(), "diagnose".to_owned());
    let reject = Reject { at, request, intent, private: true, reasons: Vec::new(), asked_by: None };
    audit.reject(reject, vec!["rejected".to_owned()]).await.unwrap();
    assert!(knows("rejected".to_owned()).await);
    // Who asked may be gone before it is written: what was said stays private.
    let mut asking = Box::pin(audit.begin(begin(), vec!["given up".to_owned()]));
    drop(futures::poll!(&mut asking));
    drop(asking);
    audit.settle().await.unwrap();
    // What it was dropped with may have come behind that.
    audit.settle().await.unwrap();
    assert!(knows("given up".to_owned()).await);
    assert_eq!(verify(store).await.breaks, Vec::new());
}

/// As those of a process that was killed do: `audit_kill` kills some.
async fn an_attempt_that_nobody_ends_stays_open(store: &Store) {
    let (audit, _) = open(store).await;
    // Dropped it would end as cancelled.
    std::mem::forget(audit.begin(begin(), Vec::new()).await.unwrap());
    let report = verify(store).await;
    assert_eq!((report.open, report.breaks), (1, Vec::new()));
    assert_eq!(report.after_checkpoint, 2);
    // The first checkpoint of the next process covers what was left.
    let (audit, _) = open(store).await;
    audit.begin(begin(), Vec::new()).await.unwrap().end(answered());
    audit.settle().await.unwrap();
    assert_eq!(verify(store).await.after_checkpoint, 0);
}

async fn retention_leaves_what_can_be_verified(store: &Store) {
    let total = verify(store).await.rows;
    let age = SignedDuration::from_hours(24 * 90);
    assert_eq!(store.forget_audit(age, &key(), now()).await.unwrap(), Forgetting::Nothing);
    let later = now() + SignedDuration::from_hours(24 * 100);
    let (audit, _) = open_at(store, Clock::starting_at(later)).await;
    audit.begin(begin_at(later), Vec::new()).await.unwrap().end(End::new(later, Outcome::Answered));
    audit.settle().await.unwrap();
    let (mut forgotten, mut logged) = (0, Vec::new());
    while let Forgetting::Rows(rows, signed) = store.forget_audit(age, &key(), later).await.unwrap() {
        forgotten += rows;
        logged.push(signed.text().to_owned());
    }
    assert_eq!(forgotten, total);
    let report = verify_with(store, &logged).await;
    assert_eq!((report.rows, report.is_cut, report.breaks), (3, true, Vec::new()));
    assert!(logged.iter().all(|text| SignedCheckpoint::read(text).unwrap().is_signed_by(&key().public())));
}

async fn the_store_itself_refuses_changes(store: &Store, tamper: &impl Fn(&str)) {
    let before = rows(store).await;
    for sql in [
        "UPDATE audit_rows SET body = 'x'",
        "DELETE FROM audit_rows",
        "UPDATE audit_checkpoints SET text = 'x'",
        "DELETE FROM audit_checkpoints",
    ] {
        tamper(sql);
        assert_eq!(rows(store).await, before, "{sql}");
    }
    assert_eq!(verify(store).await.breaks, []);
}

/// Takes the table away for a while, so that nothing can be written.
async fn who_cannot_write_in_time_sends_nothing(store: &Store, tamper: &impl Fn(&str)) {
    let (audit, told) = open(store).await;
    audit.begin(begin(), Vec::new()).await.unwrap().end(answered());
    audit.settle().await.unwrap();
    let unsent = async || outcomes(store).await.iter().filter(|name| **name == "unsent").count();
    let before = unsent().await;
    tamper("ALTER TABLE audit_rows RENAME TO elsewhere");
    // What was said is written before the rows that fail: neither is there before both are.
    let said = |number: usize| vec![format!("said in vain {number}")];
    let refused = join_all((0..5).map(|number| audit.begin(begin(), said(number)))).await;
    assert!(!store.is_private(&said(0), Timestamp::MIN).await.unwrap());
    assert!(refused.iter().all(|answer| matches!(answer, Err(AuditUnavailable))));
    assert!(told.has(|news| matches!(news, AuditNews::Failing(_))));
    tamper("ALTER TABLE elsewhere RENAME TO audit_rows");
    // What waits longest is tried again after a second.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    audit.begin(begin(), Vec::new()).await.unwrap().end(answered());
    audit.settle().await.unwrap();
    assert!(told.has(|news| matches!(news, AuditNews::Recovered)));
    let report = verify(store).await;
    assert_eq!((report.open, report.breaks), (0, Vec::new()), "what was written too late says that nothing was sent");
    let unsent = unsent().await - before;
    assert!(unsent <= 5, "{unsent} of five");
    assert!(store.is_private(&said(0), Timestamp::MIN).await.unwrap(), "it stays private though nobody was asked");
}

async fn what_somebody_else_has_written_is_found(store: &Store, tamper: &impl Fn(&str)) {
    let (audit, told) = open(store).await;
    audit.begin(begin(), Vec::new()).await.unwrap().end(answered());
    audit.settle().await.unwrap();
    let chain = rows(store).await.pop().unwrap().chain;
    tamper(&format!(
        "INSERT INTO audit_rows SELECT chain, seq + 1, at, REPLACE(body, '\"seq\":3', '\"seq\":4'), hash, seal FROM audit_rows \
         WHERE chain = '{chain}' AND seq = 3"
    ));
    let attempt = audit.begin(begin(), vec!["said beside others".to_owned()]).await.unwrap();
    assert!(told.has(|news| matches!(news, AuditNews::Foreign(_))));
    attempt.end(answered());
    audit.settle().await.unwrap();
    let report = verify_with(store, &told.checkpoints()).await;
    assert_eq!(report.breaks[0], Break::RowChanged { chain, seq: 4 });
}

/// Pages come as one text; what separates rows there must not make two of one.
async fn what_no_row_holds_is_found(store: &Store, tamper: &impl Fn(&str)) {
    let before = verify(store).await;
    for letter in ['\u{1e}', '\u{1f}'] {
        let id = new_id();
        tamper(&format!("INSERT INTO audit_rows VALUES ('{id}', 1, 0, 'a{letter}b', 'c{letter}', NULL)"));
        let odd = rows(store).await.into_iter().find(|row| row.chain == id).unwrap();
        assert_eq!((odd.body, odd.hash), (format!("a{letter}b"), format!("c{letter}")));
    }
    let report = verify(store).await;
    assert_eq!(report.rows, before.rows + 2);
    let unreadable = report.breaks.iter().filter(|found| matches!(found, Break::RowUnreadable { .. }));
    assert_eq!(unreadable.count(), 2, "{:?}", report.breaks);
}
