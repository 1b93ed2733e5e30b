//! What the router sent where, as the command line tells it.

use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::audit::{
    AuditKey, Begin, Checkpoint, End, Outcome, Refusal, Reject, SignedCheckpoint, Tokens,
};
use anchorwatch_edge::clock::{Clock, now};
use anchorwatch_edge::store::{Audit, AuditWriting, Store, StoreAddress};
use jiff::SignedDuration;
use serde_json::Value;

use crate::world::{Run, World};

const CONFIG: &str = "listen: 127.0.0.1:0\nstore: sqlite:store.db\nsecret_key_file: secret.key\n";

fn world() -> World {
    let world = World::new();
    world.write("anchorwatch.yaml", CONFIG);
    world.write("secret.key", [7; 32]);
    world
}

fn key() -> AuditKey {
    AuditKey::of(&SecretKey::new([7; 32]))
}

/// Where the program remembers that runs in this world.
fn address(world: &World) -> StoreAddress {
    let command = world.command(&["audit"]);
    let said = command.get_envs().find(|(name, _)| *name == "ANCHORWATCH_STORE").and_then(|(_, url)| url);
    said.map_or_else(
        || StoreAddress::of_file(&world.work().join("store.db")),
        |url| url.to_str().unwrap().parse().unwrap(),
    )
}

fn begin(attempt: &str, provider: &str) -> Begin {
    Begin {
        at: now() - SignedDuration::from_secs(3),
        attempt: attempt.to_owned(),
        request: format!("request-{attempt}"),
        intent: "diagnose".to_owned(),
        private: true,
        provider: provider.to_owned(),
        model: "asked-for".to_owned(),
        address: "nim:8000".to_owned(),
        locality: "private".to_owned(),
        prompt_hash: "00".repeat(32),
        redactions: [("token".to_owned(), 2)].into(),
        asked_by: None,
        attestation: None,
    }
}

/// Two attempts that ended, one that did not, and a request without an answer: eight rows with the first, two checkpoints.
fn written(world: &World) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&address(world)).await.unwrap();
        let tell = Box::new(|_| ());
        let writing = AuditWriting { key: key(), program: "0.1.0", clock: Clock::default(), tell };
        let audit = Audit::open(&store, writing).await.unwrap();
        let failed = audit.begin(begin("one", "nemotron"), Vec::new()).await.unwrap();
        failed.end(End::new(now(), Outcome::Failed { code: "timeout".to_owned() }));
        let answered = audit.begin(begin("two", "ollama"), Vec::new()).await.unwrap();
        answered.end(End {
            peer: Some("10.1.2.3:11434".parse().unwrap()),
            model: Some("qwen\u{202e}3".to_owned()),
            tokens: Some(Tokens { prompt: 9, answer: 3 }),
            ..End::new(now(), Outcome::Answered)
        });
        audit.settle().await.unwrap();
        let reasons = vec![Refusal { provider: Some("nemotron".to_owned()), code: "breaker_open".to_owned() }];
        let (request, intent) = ("request-three".to_owned(), "summarize".to_owned());
        audit
            .reject(Reject { at: now(), request, intent, private: false, reasons, asked_by: None }, Vec::new())
            .await
            .unwrap();
        std::mem::forget(audit.begin(begin("four", "ollama"), Vec::new()).await.unwrap());
        audit.settle().await.unwrap();
    });
}

fn audit(world: &World, arguments: &[&str]) -> Run {
    world.run(&[&["audit"], arguments].concat())
}

fn verify(world: &World, arguments: &[&str]) -> Run {
    audit(world, &[&["verify", "--config", "anchorwatch.yaml"], arguments].concat())
}

fn show(world: &World, arguments: &[&str]) -> Run {
    audit(world, &[&["show", "--config", "anchorwatch.yaml"], arguments].concat())
}

/// The lines of an exported audit.
fn exported(world: &World) -> Vec<String> {
    let run = audit(world, &["export", "--config", "anchorwatch.yaml"]);
    run.ends(0, &[]);
    run.out.lines().map(str::to_owned).collect()
}

#[test]
fn an_audit_that_nobody_wrote_is_whole() {
    let world = world();
    verify(&world, &[]).ends(0, &[]).shows(&["0 rows in 0 chains", "The audit is as it was written."]);
    show(&world, &[]).ends(0, &[]).shows(&["Nothing was sent"]);
    assert_eq!(exported(&world), [] as [&str; 0]);
}

#[test]
fn an_audit_is_verified_in_both_languages_and_as_json() {
    let world = world();
    written(&world);
    let id = key().public().id();
    verify(&world, &[]).ends(0, &[]).shows(&[
        "7 rows in 1 chain and 2 checkpoints were followed",
        &id,
        "1 attempt is open",
        "The audit is as it was written.",
    ]);
    verify(&world, &["--lang", "zh-TW"]).ends(0, &[]).shows(&["7 列", "稽核記錄與寫入時相同。"]);
    let report: Value = serde_json::from_str(&verify(&world, &["-o", "json"]).out).unwrap();
    assert_eq!(
        (&report["rows"], &report["broken"], &report["open_attempts"][0]["attempt"]),
        (&7.into(), &0.into(), &"four".into())
    );
}

#[test]
fn what_was_sent_is_shown_with_how_it_ended() {
    let world = world();
    written(&world);
    let all = show(&world, &[]);
    all.ends(0, &[]).shows(&[
        "failed: timeout",
        "answered",
        "10.1.2.3:11434",
        "REJECT: breaker_open",
        "open",
        "request-four",
    ]);
    assert_eq!(all.out.lines().count(), 5, "{}", all.out);
    assert!(!all.out.contains('\u{202e}'), "what a server calls its model does no harm");
    let table = [
        (["--provider", "ollama"], vec!["two", "four"]),
        (["--provider", "nemotron"], vec!["one", "three"]),
        (["--intent", "summarize"], vec!["three"]),
        (["--outcome", "failed"], vec!["one"]),
        (["--outcome", "open"], vec!["four"]),
        (["--outcome", "reject"], vec!["three"]),
        (["--request", "request-two"], vec!["two"]),
        (["--limit", "1"], vec!["three"]),
        (["--since", "1s"], vec!["three"]),
    ];
    for (flags, expected) in table {
        let run = show(&world, &[&flags[..], &["-o", "json"]].concat());
        let list: Value = serde_json::from_str(&run.out).unwrap();
        let request = |item: &Value| {
            let request = item["begin"]["request"].as_str().or(item["reject"]["request"].as_str()).unwrap();
            request.trim_start_matches("request-").to_owned()
        };
        let mut shown: Vec<String> = list["items"].as_array().unwrap().iter().map(request).collect();
        shown.sort_by_key(|name| ["one", "two", "three", "four"].iter().position(|known| known == name));
        // A slow machine may take more than that second.
        if flags == ["--since", "1s"] && shown.is_empty() {
            continue;
        }
        assert_eq!(shown, expected, "{flags:?}");
    }
    show(&world, &["--since", "yesterday"]).ends(2, &["--since"]);
}

#[test]
fn an_exported_audit_is_verified_without_store_and_secret() {
    let world = world();
    written(&world);
    let lines = exported(&world);
    assert_eq!(lines.len(), 9, "two checkpoints and seven rows");
    let public = audit(&world, &["key", "--config", "anchorwatch.yaml"]).out;
    let verify = |lines: &[String]| {
        world.write("audit.ndjson", lines.join("\n") + "\n");
        audit(&world, &["verify", "--file", "audit.ndjson", "--public-key", public.trim()])
    };
    verify(&lines).ends(0, &[]).shows(&["7 rows in 1 chain and 2 checkpoints", "as it was written"]);

    let mut changed = lines.clone();
    changed[4] = changed[4].replace("timeout", "refused");
    verify(&changed).ends(1, &[]).shows(&["NOT as it was written", "row 3, or the one before it, was changed"]);
    let mut missing = lines.clone();
    missing.remove(4);
    verify(&missing).ends(1, &[]).shows(&["rows 3 to 3 are gone"]);
    let mut swapped = lines.clone();
    swapped.swap(5, 6);
    verify(&swapped).ends(1, &[]).shows(&["row 4 stands after one that came later"]);
    let mut twice = lines.clone();
    twice.insert(5, twice[4].clone());
    verify(&twice).ends(1, &[]).shows(&["row 3 comes twice"]);
    let mut garbled = lines.clone();
    garbled.push("no JSON \u{202e}".to_owned());
    verify(&garbled).ends(1, &[]).shows(&["line 10 cannot be read"]);
    verify(&lines[..7]).ends(1, &[]).shows(&["rows 6 to 7 at its end are gone; checkpoint 2 knows of them"]);

    audit(&world, &["verify", "--file", "audit.ndjson"]).ends(2, &["no key to verify with", "--public-key"]);
    audit(&world, &["verify", "--file", "nowhere", "--public-key", public.trim()]).ends(2, &["nowhere"]);
    audit(&world, &["verify"]).ends(2, &["--config"]);
    audit(&world, &["verify", "--file", "audit.ndjson", "--public-key", "00"]).ends(2, &["no public key"]);
}

/// What is documented is enough to follow a chain without this program.
#[test]
fn a_few_lines_of_python_find_the_same_hashes() {
    let world = world();
    written(&world);
    world.write("audit.ndjson", exported(&world).join("\n"));
    let script = "import hashlib, json\n\
                  before, rows = bytes(32), 0\n\
                  for line in open('audit.ndjson'):\n\
                  \x20   if not line.startswith('{\"row\":'): continue\n\
                  \x20   body = line[len('{\"row\":'):line.index(',\"hash\":')]\n\
                  \x20   before, rows = hashlib.sha256(before + body.encode()).digest(), rows + 1\n\
                  \x20   row = json.loads(line)\n\
                  \x20   assert row['hash'] == before.hex() and row['row']['seq'] == rows, line\n\
                  print(rows)\n";
    let output = std::process::Command::new("python3").args(["-c", script]).current_dir(world.work()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "7\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_log_tells_of_what_was_cut_off_with_its_checkpoint() {
    let world = world();
    written(&world);
    let lines = exported(&world);
    let log: String = lines[..2].join("\n2026-11-25 INFO checkpoint of the audit ");
    world.write("service.log", log);
    verify(&world, &["--log", "service.log"]).ends(0, &[]);
    // Without the last checkpoint and the two rows that it was made for.
    let cut: Vec<String> = [&lines[..1], &lines[2..7]].concat();
    world.write("cut.ndjson", cut.join("\n") + "\n");
    verify(&world, &["--file", "cut.ndjson"]).ends(0, &[]);
    let told = verify(&world, &["--file", "cut.ndjson", "--log", "service.log"]);
    told.ends(1, &[]).shows(&["checkpoints 2 to 2 are gone", "rows 6 to 7 at its end are gone"]);
    // One that somebody has made up is not believed.
    let other = AuditKey::of(&SecretKey::new([8; 32]));
    let last = SignedCheckpoint::read(lines[1].split('"').nth(3).unwrap()).unwrap();
    let forged = Checkpoint::after(Some(&last), "a", now()).signed(&other);
    world.write("service.log", forged.text());
    verify(&world, &["--log", "service.log"]).ends(1, &[]).shows(&["signed with the key", &other.public().id()]);
}

#[test]
fn the_key_of_an_audit_is_never_made_by_looking_at_it() {
    let world = world();
    std::fs::remove_file(world.work().join("secret.key")).unwrap();
    for command in ["verify", "key"] {
        audit(&world, &[command, "--config", "anchorwatch.yaml"]).ends(2, &["there is no key in", "--public-key"]);
    }
    assert!(!world.work().join("secret.key").exists());
}
