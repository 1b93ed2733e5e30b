//! An audit of many rows: how fast attempts are written, durably, and how fast all is verified.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anchorwatch_core::route::audit::{AuditKey, Begin, End, Outcome, Tokens, prompt_hash};
use anchorwatch_edge::clock::{self, Clock, new_id};
use anchorwatch_edge::store::{Audit, AuditWriting, Store};
use anchorwatch_testbed::Postgres;
use futures::future::try_join_all;

use crate::measure;

/// What was measured.
pub(crate) struct Audited {
    database: &'static str,
    rows: usize,
    clients: usize,
    attempts_per_second: u128,
    /// How long `begin` took: the middle one, one in a hundred, and the longest.
    begin: [Duration; 3],
    /// How long `anchorwatch audit verify` took.
    verify: Duration,
    /// The most memory that it had, in bytes.
    memory: u64,
}

impl fmt::Display for Audited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, rows, clients, attempts_per_second, begin: [middle, hundredth, longest], .. } = self;
        writeln!(
            f,
            "{database}: {attempts_per_second} attempts a second from {clients} clients, each begun and ended;"
        )?;
        writeln!(f, "  begin took {middle:?} (p50), {hundredth:?} (p99), {longest:?} (longest)")?;
        let (verify, memory) = (self.verify, self.memory >> 20);
        writeln!(f, "  {rows} rows verified in {verify:?} with {memory} MiB")
    }
}

type Failed = Box<dyn Error + Send + Sync>;

/// Writes so many rows from so many clients at once, and verifies them with the program.
pub(crate) async fn run(
    program: &Path,
    server: Option<&Postgres>,
    (rows, clients): (usize, usize),
) -> Result<Audited, Failed> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let address = server.map_or_else(|| format!("sqlite:{}", file("store.db").display()), Postgres::url);
    std::fs::write(file("anchorwatch.yaml"), format!("store: {address}\nsecret_key_file: secret.key\n"))?;
    let key = clock::secret_key(&file("secret.key"))?;
    let writing =
        AuditWriting { key: AuditKey::of(&key), program: "bench", clock: Clock::default(), tell: Box::new(|_| ()) };
    let audit = Audit::open(&Store::open(&address.parse()?).await?, writing).await?;
    let prompt: Arc<str> = prompt_hash(&key, b"why?").into();

    let started = Instant::now();
    let each = rows / 2 / clients;
    let waits = try_join_all((0..clients).map(|_| tokio::spawn(attempts(audit.clone(), prompt.clone(), each)))).await?;
    audit.settle().await?;
    let time = started.elapsed();
    let mut waits: Vec<Duration> = waits.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    waits.sort_unstable();
    let begin = [waits[waits.len() / 2], waits[waits.len() * 99 / 100], waits[waits.len() - 1]];

    let mut command = Command::new(program);
    command.args(["audit", "verify", "--config"]).arg(file("anchorwatch.yaml"));
    let ended = measure::peak(command, &file("verified"))?;
    if ended.code != 0 {
        return Err(std::fs::read_to_string(file("verified"))?.into());
    }
    let attempts = each * clients;
    Ok(Audited {
        database: if server.is_some() { "PostgreSQL" } else { "SQLite" },
        rows: attempts * 2 + 1,
        clients,
        attempts_per_second: attempts as u128 * 1000 / time.as_millis().max(1),
        begin,
        verify: ended.time,
        memory: ended.peak,
    })
}

async fn attempts(audit: Audit, prompt: Arc<str>, count: usize) -> Result<Vec<Duration>, Failed> {
    let mut waits = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = Begin {
            at: clock::now(),
            attempt: new_id(),
            request: new_id(),
            intent: "diagnose".to_owned(),
            private: true,
            provider: "nemotron".to_owned(),
            model: "nvidia/llama-3.3-nemotron-super-49b-v1.5".to_owned(),
            address: "nim.models.svc.cluster.local:8000".to_owned(),
            locality: "private".to_owned(),
            prompt_hash: prompt.to_string(),
            redactions: [("token".to_owned(), 2), ("email".to_owned(), 1)].into(),
            asked_by: Some(new_id()),
            attestation: None,
        };
        let asked = Instant::now();
        let attempt = audit.begin(begin, Vec::new()).await?;
        waits.push(asked.elapsed());
        let end = End::new(clock::now(), Outcome::Answered);
        let model = Some("nvidia/llama-3.3-nemotron-super-49b-v1.5".to_owned());
        let tokens = Some(Tokens { prompt: 900, answer: 250 });
        attempt.end(End { peer: "10.1.2.3:8000".parse().ok(), model, tokens, ..end });
    }
    Ok(waits)
}
