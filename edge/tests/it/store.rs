//! The embedded store.

use std::path::Path;
use std::time::{Duration, Instant};

use anchorwatch_core::route::audit::{End, Outcome};
use anchorwatch_edge::clock::{new_id, now};
use anchorwatch_edge::store::{AuditNews, AuditRow, Store, StoreAddress, StoreError};
use jiff::Timestamp;

use crate::{audit_kill, audit_suite, outbox_suite, store_suite};

/// Does to the file of a store what the program never does.
fn run_sql(file: &Path, sql: &str) -> rusqlite::Result<()> {
    rusqlite::Connection::open(file)?.execute_batch(sql)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_does_what_every_store_does() {
    let folder = tempfile::tempdir().unwrap();
    store_suite::run(&StoreAddress::of_file(&folder.path().join("store.db"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_of_the_embedded_store_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    outbox_suite::run(&StoreAddress::of_file(&folder.path().join("store.db"))).await;
}

#[tokio::test]
async fn who_is_killed_while_it_writes_the_embedded_store_has_sent_nothing_that_was_not_written_before() {
    let folder = tempfile::tempdir().unwrap();
    audit_kill::run(&format!("sqlite:{}", folder.path().join("store.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_an_audit_that_is_written_all_the_time_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreAddress::of_file(&folder.path().join("store.db"))).await.unwrap();
    let (audit, _) = audit_suite::open(&store).await;
    let attempts = async |count: usize| {
        for number in 0..count {
            let said = vec![format!("{number} {}", new_id())];
            audit.begin(audit_suite::begin(), said).await.unwrap().end(End::new(now(), Outcome::Answered));
        }
    };
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    futures::future::join_all((0..32).map(|_| attempts(40))).await;
    audit.settle().await.unwrap();
    let journal = size("store.db-wal");
    assert!(journal < 30_000_000, "nobody had to wait for it: {journal}");
    // It was moved beside, or is about to be.
    let end = Instant::now() + Duration::from_secs(30);
    while size("store.db") < 1_000_000 {
        assert!(Instant::now() < end, "{}", size("store.db"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    futures::future::join_all((0..32).map(|_| attempts(400))).await;
    audit.settle().await.unwrap();
    let journal = size("store.db-wal");
    assert!(journal < 64_000_000, "{journal}");
    assert_eq!(audit_suite::rows(&store).await.len(), 2 * 32 * 440 + 1);
}

/// The file of a store that the test below starts this binary with, once more.
const STUCK: &str = "ANCHORWATCH_TEST_STUCK";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is what the test below starts, with a limit to its files"]
async fn a_process_whose_store_may_not_grow() {
    let Ok(file) = std::env::var(STUCK) else { return };
    let store = Store::open(&StoreAddress::of_file(file.as_ref())).await.unwrap();
    let (audit, told) = audit_suite::open(&store).await;
    while !told.has(|news| matches!(news, AuditNews::JournalStuck(_))) {
        let attempts = (0..32).map(|_| audit.begin(audit_suite::begin(), Vec::new()));
        futures::future::join_all(attempts).await.into_iter().for_each(|attempt| drop(attempt.unwrap()));
        // The journal has a limit, too, and is moved beside.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!told.has(|news| matches!(news, AuditNews::Failing(_))), "what is written is in the journal");
}

#[tokio::test]
async fn a_journal_that_cannot_be_moved_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    drop(Store::open(&StoreAddress::of_file(&file)).await.unwrap());
    // The file is longer than it may be, and its journal is empty.
    run_sql(&file, "CREATE TABLE filler AS SELECT zeroblob(50000000); PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert_eq!(std::fs::metadata(folder.path().join("store.db-wal")).map_or(0, |journal| journal.len()), 0);
    let mut limited = std::process::Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; exec prlimit --fsize=40000000 \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    limited.args(["--exact", "store::a_process_whose_store_may_not_grow", "--ignored"]).env(STUCK, &file);
    let output = limited.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// A disk that hangs gives no error.
#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_hangs_is_told_of_while_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = Store::open(&StoreAddress::of_file(&file)).await.unwrap();
    let (audit, told) = audit_suite::open(&store).await;
    std::mem::forget(audit.begin(audit_suite::begin(), Vec::new()).await.unwrap());
    let slow = "CREATE TRIGGER slow BEFORE INSERT ON audit_rows WHEN NEW.seq = 3 BEGIN SELECT 1 WHERE ( \
                WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 15000000) SELECT MAX(n) FROM n) = 0; END";
    run_sql(&file, slow).unwrap();
    let refused = audit.begin(audit_suite::begin(), Vec::new()).await;
    assert!(refused.is_err() && told.has(|news| matches!(news, AuditNews::Failing(_))));
    audit.settle().await.unwrap();
    assert!(told.has(|news| matches!(news, AuditNews::Recovered)));
    assert_eq!(audit_suite::verify(&store).await.breaks, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_of_the_embedded_store_can_be_verified() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    // What the store refuses is refused.
    audit_suite::run(&StoreAddress::of_file(&file), |sql| drop(run_sql(&file, sql))).await;
}

/// SQLite waits for no switch of a journal: <https://github.com/elixir-sqlite/exqlite/issues/138>.
#[tokio::test(flavor = "multi_thread")]
async fn several_make_an_embedded_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..20 {
        let address = StoreAddress::of_file(&folder.path().join(format!("{number}.db")));
        for store in futures::future::join_all((0..8).map(|_| Store::open(&address))).await {
            store.unwrap();
        }
    }
}

#[tokio::test]
async fn an_embedded_store_can_be_copied_while_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreAddress::of_file(&folder.path().join("store.db"))).await.unwrap();
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    Store::open(&StoreAddress::of_file(&copy)).await.unwrap().ping().await.unwrap();
    assert!(store.backup(&copy).await.is_err(), "what is there is not written over");
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let address = StoreAddress::of_file(&folder.path().join("store.db"));
    Store::open(&address).await.unwrap();
    run_sql(&folder.path().join("store.db"), "INSERT INTO seaql_migrations VALUES ('9999_later', 0)").unwrap();
    let error = Store::open(&address).await.unwrap_err();
    assert!(matches!(error, StoreError::Migrate { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("newer anchorwatch"));
}

/// The rows lie elsewhere since.
#[tokio::test]
async fn an_audit_of_an_older_program_is_there_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let older = "\
import pathlib, sqlite3, sys
store = sqlite3.connect(sys.argv[1])
store.execute('CREATE TABLE seaql_migrations (version varchar NOT NULL PRIMARY KEY, applied_at bigint NOT NULL)')
for name in ['0001_first', '0002_outbox', '0003_audit', '0004_route', '0005_changes']:
    for text in sorted(pathlib.Path(sys.argv[2]).glob(name + '*.sql'), key=lambda path: len(path.name)):
        if not text.name.endswith('.postgres.sql'):
            store.executescript(text.read_text())
    store.execute('INSERT INTO seaql_migrations VALUES (?, 0)', [name])
for chain, seq in [('b', 1), ('a', 2), ('a', 1), ('a', 3)]:
    store.execute('INSERT INTO audit_rows VALUES (?, ?, ?, ?, ?, ?)', [chain, seq, 10 - seq, chain * seq, 'h', None])
store.execute('INSERT INTO private_texts VALUES (?, ?)', ['said', 5])
store.commit()
";
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let made = std::process::Command::new("python3").args(["-c", older]).arg(&file).arg(migrations).status();
    assert!(made.unwrap().success());
    let store = Store::open(&StoreAddress::of_file(&file)).await.unwrap();
    let look = store.look_at_audit().await.unwrap();
    let shown = |rows: Vec<AuditRow>| {
        rows.into_iter().map(|row| format!("{} {} {} {}", row.chain, row.seq, row.at, row.body)).collect::<Vec<_>>()
    };
    let rows = look.rows(None).await.unwrap();
    assert_eq!(shown(rows), ["a 1 9 a", "a 2 8 aa", "a 3 7 aaa", "b 1 9 b"]);
    let by_time = look.rows_since(Timestamp::UNIX_EPOCH, None).await.unwrap();
    assert_eq!(shown(by_time), ["a 3 7 aaa", "a 2 8 aa", "a 1 9 a", "b 1 9 b"]);
    assert!(store.is_private(&["said".to_owned()], Timestamp::UNIX_EPOCH).await.unwrap());
    drop(look);
    for change in ["UPDATE audit_rows SET body = ''", "DELETE FROM audit_rows"] {
        let said = run_sql(&file, change).unwrap_err().to_string();
        assert!(said.contains("rows of the audit are"), "{change}: {said}");
    }
}

#[tokio::test]
async fn what_is_no_store_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no.db");
    std::fs::write(&file, "this is not a database, and long enough to be none").unwrap();
    for address in [StoreAddress::of_file(&file), StoreAddress::of_file(&folder.path().join("no/where.db"))] {
        let error = Store::open(&address).await.unwrap_err();
        assert!(error.hint().is_some(), "{error:?}");
    }
    for text in ["", "mysql://a:secret@b/c", "sqlite:", "/var/lib/store.db"] {
        let error = text.parse::<StoreAddress>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let address: StoreAddress = "postgres://ann:secret@db.example.com/watch".parse().unwrap();
    assert_eq!(address.to_string(), "postgres://db.example.com/watch");
}
