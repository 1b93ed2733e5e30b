//! A process that writes an audit and is killed (SIGKILL) wherever it is: run over SQLite and over PostgreSQL.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use anchorwatch_core::route::audit::{End, Entry, Outcome};
use anchorwatch_edge::clock::now;
use anchorwatch_edge::store::Store;

use crate::audit_suite::{begin, open, rows, verify};

/// Says to this binary, started once more, where to write.
const STORE: &str = "ANCHORWATCH_TEST_AUDIT";
const ROUNDS: usize = 10;

/// Begins attempts from several tasks, says of each that it is sent now, and ends every second one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is what the test below starts and kills"]
async fn a_process_that_sends_for_ever() {
    let Ok(address) = std::env::var(STORE) else { return };
    let (audit, _) = open(&Store::open(&address.parse().unwrap()).await.unwrap()).await;
    let senders = (0..8).map(|_| {
        let audit = audit.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let attempt = audit.begin(begin(), Vec::new()).await.unwrap();
                writeln!(std::io::stdout(), "\nsent {}", attempt.id()).unwrap();
                if number % 2 == 0 {
                    attempt.end(End::new(now(), Outcome::Answered));
                }
            }
        })
    });
    futures::future::join_all(senders.collect::<Vec<_>>()).await;
}

/// Who is killed at any moment has sent nothing that was not written before. The store is empty.
pub(crate) async fn run(address: &str) {
    let store = Store::open(&address.parse().unwrap()).await.unwrap();
    let mut sent = BTreeSet::new();
    for round in 1..=ROUNDS {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "audit_kill::a_process_that_sends_for_ever", "--ignored", "--nocapture"]);
        let mut child = command.env(STORE, address).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (mut before, until) = (0, round * 37);
        for line in lines {
            let Some(id) = line.strip_prefix("sent ") else { continue };
            // The last line may be half of one.
            sent.extend((id.len() == 36).then(|| id.to_owned()));
            before += 1;
            if before == until {
                child.kill().unwrap();
            }
        }
        assert!(!child.wait().unwrap().success());
    }
    let begun: BTreeSet<String> = rows(&store).await.iter().filter_map(|row| begun(&row.body)).collect();
    assert_eq!(sent.difference(&begun).count(), 0, "of {} that were sent", sent.len());
    let report = verify(&store).await;
    assert_eq!((report.breaks, report.chains), (Vec::new(), ROUNDS as u64));
    assert!(report.open > 0 && sent.len() > ROUNDS * 37);
}

fn begun(body: &str) -> Option<String> {
    match Entry::read(body).unwrap() {
        Entry::Begin(begin) => Some(begin.attempt),
        _ => None,
    }
}
