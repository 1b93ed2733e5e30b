//! An audit of several chains, and everything that can be done to it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::audit::{
    AuditError, AuditKey, Begin, Break, Chain, Checkpoint, Columns, End, Entry, Hash, Head, Outcome, Place, PublicKey,
    Record, Refusal, Reject, Report, Row, SignedCheckpoint, Start, Stored, Tokens, Verifier, prompt_hash,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

fn key() -> AuditKey {
    AuditKey::of(&SecretKey::new([7; 32]))
}

fn at(second: i64) -> Timestamp {
    "2026-11-25T03:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
}

fn begin(attempt: &str, second: i64) -> Entry {
    Entry::Begin(Begin {
        at: at(second),
        attempt: attempt.to_owned(),
        request: "request".to_owned(),
        intent: "diagnose".to_owned(),
        private: true,
        provider: "nemotron".to_owned(),
        model: "nvidia/nemotron".to_owned(),
        address: "nim.models.svc:8000".to_owned(),
        locality: "private".to_owned(),
        prompt_hash: prompt_hash(&SecretKey::new([7; 32]), b"why?"),
        redactions: [("aws-key".to_owned(), 2)].into(),
        asked_by: Some("token".to_owned()),
        attestation: None,
    })
}

fn end(attempt: &str, second: i64) -> Entry {
    Entry::End(End {
        at: at(second),
        attempt: attempt.to_owned(),
        outcome: Outcome::Failed { code: "timeout".to_owned() },
        peer: Some("[fd00::7]:8000".parse().unwrap()),
        model: Some("nemotron \u{202e}evil\u{7f}\n映像".to_owned()),
        model_digest: None,
        tokens: Some(Tokens { prompt: 900, answer: 0 }),
    })
}

fn reject(second: i64) -> Entry {
    Entry::Reject(Reject {
        at: at(second),
        request: "request".to_owned(),
        intent: "diagnose".to_owned(),
        private: true,
        reasons: vec![Refusal { provider: Some("nemotron".to_owned()), code: "timeout".to_owned() }],
        asked_by: None,
    })
}

fn start() -> Entry {
    Entry::Start(Start { at: at(0), program: "0.1.0".to_owned(), key: key().public().id() })
}

/// An audit as a store holds it.
#[derive(Debug, Clone)]
struct Kept {
    rows: Vec<Row>,
    checkpoints: Vec<String>,
}

/// Something that somebody does.
type Deed = fn(&mut Kept);

const CHAINS: [&str; 3] = ["a", "b", "c"];

/// Three chains of 31 rows, written one to four at a time, and a checkpoint after each round; the last round has none.
fn whole() -> Kept {
    static WHOLE: LazyLock<Kept> = LazyLock::new(written);
    WHOLE.clone()
}

fn written() -> Kept {
    let mut kept = Kept { rows: Vec::new(), checkpoints: Vec::new() };
    let mut chains = CHAINS.map(|id| Chain::new(id.to_owned()));
    let mut last: Option<SignedCheckpoint> = None;
    for round in 0..6 {
        for chain in &mut chains {
            if round == 0 {
                kept.rows.extend(chain.append(&[start()], &key()));
            }
            let (one, two) = (format!("{}-{round}-1", chain.id()), format!("{}-{round}-2", chain.id()));
            let at = round * 60;
            kept.rows.extend(chain.append(&[begin(&one, at), begin(&two, at), end(&two, at + 1)], &key()));
            kept.rows.extend(chain.append(&[end(&one, at + 2)], &key()));
            kept.rows.extend(chain.append(&[reject(at + 3)], &key()));
        }
        if round < 5 {
            let heads = chains.iter().map(|c| Head { chain: c.id().to_owned(), seq: c.last(), hash: c.hash() });
            let mut checkpoint = Checkpoint::after(last.as_ref(), "a", at(round * 60 + 30));
            checkpoint.heads = heads.collect();
            let signed = checkpoint.signed(&key());
            kept.checkpoints.push(signed.text().to_owned());
            last = Some(signed);
        }
    }
    kept.rows.sort_by_key(|row| (row.chain.clone(), row.seq));
    kept
}

fn record<'a>(kept: &'a Kept, logged: &[&'a str], key: PublicKey) -> Record {
    Record::read(key, kept.checkpoints.iter().map(String::as_str), logged.iter().copied())
}

fn verify_with(kept: &Kept, logged: &[&str], key: PublicKey) -> Report {
    let mut verifier = Verifier::new(record(kept, logged, key));
    for (line, row) in kept.rows.iter().enumerate() {
        let (hash, place) = (row.hash.to_string(), Place::Line(line as u64 + 1));
        verifier.row(Stored { place, body: &row.body, hash: &hash, seal: row.seal.as_deref() });
    }
    verifier.finish()
}

fn verify(kept: &Kept) -> Report {
    verify_with(kept, &[], key().public())
}

fn breaks(kept: &Kept) -> Vec<Break> {
    verify(kept).breaks
}

fn place(kept: &Kept, chain: &str, seq: u64) -> usize {
    kept.rows.iter().position(|row| row.chain == chain && row.seq == seq).unwrap()
}

/// Writes rows of a chain anew, as somebody can who has everything but the key.
fn forge(kept: &mut Kept, chain: &str, from: u64) {
    let first = place(kept, chain, from);
    let mut before = if from == 1 { Hash::NONE } else { kept.rows[first - 1].hash };
    for row in kept.rows[first..].iter_mut().take_while(|row| row.chain == chain) {
        before = before.followed_by(row.body.as_bytes());
        row.hash = before;
    }
}

#[test]
fn an_audit_as_it_was_written_is_whole() {
    let report = verify(&whole());
    assert_eq!(report.breaks, []);
    assert_eq!((report.rows, report.chains, report.checkpoints), (93, 3, 5));
    assert_eq!((report.open, report.after_checkpoint, report.is_cut), (0, 15, false));
}

#[test]
fn a_row_says_the_same_when_it_is_read_again_and_is_printable_ascii() {
    for entry in [start(), begin("x", 1), end("x", 2), reject(3)] {
        let row = &Chain::new("chain".to_owned()).append(std::slice::from_ref(&entry), &key())[0];
        assert_eq!(Entry::read(&row.body).unwrap(), entry);
        assert!(row.body.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{}", row.body);
        assert!(!row.body.contains("why?"));
    }
    assert!(matches!(
        Entry::read(r#"{"v":2,"chain":"a","seq":1,"kind":"start","at":"2026-11-25T03:00:00Z"}"#),
        Err(AuditError::Version(2))
    ));
}

/// What other programs verify by must not change unseen.
#[test]
fn the_bytes_of_a_row_are_those_that_are_documented() {
    let mut chain = Chain::new("chain".to_owned());
    let rows = chain.append(&[start(), end("x", 2)], &key());
    assert_eq!(
        rows[0].body,
        format!(
            r#"{{"v":1,"chain":"chain","seq":1,"kind":"start","at":"2026-11-25T03:00:00Z","program":"0.1.0","key":"{}"}}"#,
            key().public().id()
        )
    );
    assert_eq!(
        rows[1].body,
        concat!(
            r#"{"v":1,"chain":"chain","seq":2,"kind":"end","at":"2026-11-25T03:00:02Z","attempt":"x","outcome":"failed","#,
            r#""code":"timeout","peer":"[fd00::7]:8000","model":"nemotron \u202eevil\u007f\n\u6620\u50cf","#,
            r#""tokens":{"prompt":900,"answer":0}}"#
        )
    );
    assert_eq!(rows[1].hash, rows[0].hash.followed_by(rows[1].body.as_bytes()));
    assert!(rows[0].seal.is_none() && key().public().has_sealed(rows[1].hash, rows[1].seal.as_deref().unwrap()));
}

#[test]
fn what_a_server_says_of_itself_is_cut_short() {
    let entry = Entry::End(End {
        at: at(0),
        attempt: "x".to_owned(),
        outcome: Outcome::Answered,
        peer: None,
        model: Some("é".repeat(100_000)),
        model_digest: None,
        tokens: None,
    });
    assert!(Chain::new("c".to_owned()).append(&[entry], &key())[0].body.len() < 2000);
}

#[test]
fn everything_that_is_done_to_rows_is_named() {
    let chain = || "b".to_owned();
    let table: [(&str, Deed, Vec<Break>); 10] = [
        (
            "a word is changed",
            |kept| {
                let at = place(kept, "b", 5);
                kept.rows[at].body = kept.rows[at].body.replace("timeout", "refused");
            },
            vec![Break::RowChanged { chain: chain(), seq: 5 }],
        ),
        (
            "a word and its hash are changed",
            |kept| {
                let at = place(kept, "b", 5);
                kept.rows[at].body = kept.rows[at].body.replace("timeout", "refused");
                kept.rows[at].hash = kept.rows[at - 1].hash.followed_by(kept.rows[at].body.as_bytes());
            },
            vec![Break::RowChanged { chain: chain(), seq: 6 }],
        ),
        (
            "all that follows is written anew",
            |kept| {
                let at = place(kept, "b", 5);
                kept.rows[at].body = kept.rows[at].body.replace("timeout", "refused");
                forge(kept, "b", 5);
            },
            [6, 11, 16, 21, 26]
                .into_iter()
                .enumerate()
                .map(|(n, seq)| Break::RowNotAsSigned { chain: chain(), seq, checkpoint: n as u64 + 1 })
                .chain([Break::RowsForged { chain: chain(), from: 5, to: 31 }])
                .collect(),
        ),
        (
            "what follows the last checkpoint is written anew",
            |kept| {
                let at = place(kept, "b", 28);
                kept.rows[at].body = kept.rows[at].body.replace("nemotron", "ollama");
                forge(kept, "b", 28);
            },
            vec![Break::RowsForged { chain: chain(), from: 27, to: 31 }],
        ),
        (
            "a row is added at the end",
            |kept| {
                let at = place(kept, "b", 31);
                let mut row = kept.rows[at].clone();
                row.body = row.body.replace("\"seq\":31", "\"seq\":32");
                (row.seq, row.hash) = (32, row.hash.followed_by(row.body.as_bytes()));
                kept.rows.insert(at + 1, row);
            },
            vec![Break::RowsForged { chain: chain(), from: 32, to: 32 }],
        ),
        (
            "rows are gone",
            |kept| kept.rows.retain(|row| row.chain != "b" || !(11..=13).contains(&row.seq)),
            vec![
                Break::EndWithoutBegin { chain: chain(), seq: 14, attempt: "b-2-2".to_owned() },
                Break::EndWithoutBegin { chain: chain(), seq: 15, attempt: "b-2-1".to_owned() },
                Break::RowsMissing { chain: chain(), from: 11, to: 13 },
            ],
        ),
        (
            "two rows change places",
            |kept| {
                let at = place(kept, "b", 10);
                kept.rows.swap(at, at + 1);
            },
            vec![Break::RowReordered { chain: chain(), seq: 10 }],
        ),
        (
            "a row comes twice",
            |kept| {
                let at = place(kept, "b", 10);
                kept.rows.insert(at, kept.rows[at].clone());
            },
            vec![Break::RowRepeated { chain: chain(), seq: 10 }],
        ),
        (
            "the end is cut off",
            |kept| kept.rows.retain(|row| row.chain != "b" || row.seq <= 16),
            vec![Break::EndMissing { chain: chain(), from: 17, to: 26, checkpoint: 5 }],
        ),
        (
            "a chain is gone",
            |kept| kept.rows.retain(|row| row.chain != "b"),
            vec![Break::ChainMissing { chain: chain(), rows: 26, checkpoint: 5 }],
        ),
    ];
    for (deed, doing, expected) in table {
        let mut kept = whole();
        doing(&mut kept);
        assert_eq!(breaks(&kept), expected, "{deed}");
    }
}

#[test]
fn everything_that_is_done_to_checkpoints_is_named() {
    let another = || {
        let signed = Checkpoint::after(None, "a", at(0)).signed(&key());
        signed.text().to_owned()
    };
    let mut kept = whole();
    kept.checkpoints[2] = another();
    assert_eq!(
        breaks(&kept),
        [Break::CheckpointMisplaced { number: 1 }, Break::CheckpointsMissing { from: 3, to: 3 }],
        "one of another time"
    );
    let table: [(&str, Deed, Vec<Break>); 4] = [
        ("one is gone", |kept| drop(kept.checkpoints.remove(2)), vec![Break::CheckpointsMissing { from: 3, to: 3 }]),
        (
            "its signature is another one",
            |kept| {
                let text = &mut kept.checkpoints[2];
                let other = if text.ends_with("AA") { "Aw" } else { "AA" };
                text.truncate(text.len() - 2);
                text.push_str(other);
            },
            vec![Break::CheckpointChanged { number: 3 }, Break::CheckpointForged { number: 3 }],
        ),
        (
            "two change places",
            |kept| kept.checkpoints.swap(2, 3),
            vec![Break::CheckpointMisplaced { number: 3 }, Break::CheckpointsMissing { from: 3, to: 3 }],
        ),
        (
            "it is cut short",
            |kept| kept.checkpoints[4].truncate(20),
            vec![Break::CheckpointUnreadable {
                text: String::new(),
                reason: "no checkpoint: it is `awc1.`, a body, a dot and a signature".to_owned(),
            }],
        ),
    ];
    for (deed, doing, expected) in table {
        let mut kept = whole();
        doing(&mut kept);
        let mut found = breaks(&kept);
        if let Some(Break::CheckpointUnreadable { text, .. }) = found.first_mut() {
            text.clear();
        }
        assert_eq!(found, expected, "{deed}");
    }
}

#[test]
fn a_log_knows_of_what_was_cut_off_with_its_checkpoints() {
    let whole = whole();
    let mut kept = whole.clone();
    kept.checkpoints.truncate(2);
    kept.rows.retain(|row| row.seq <= 11);
    assert_eq!(breaks(&kept), [], "nothing in the store tells");
    let log = format!(
        "2026-11-25T03:04:30Z INFO audit checkpoint text={}\n{{\"checkpoint\":\"{}\"}}\nawc1.\n",
        whole.checkpoints[2], whole.checkpoints[4]
    );
    let logged: Vec<&str> = SignedCheckpoint::find(&log).take(2).collect();
    let end = |chain: &str| Break::EndMissing { chain: chain.to_owned(), from: 12, to: 26, checkpoint: 5 };
    assert_eq!(
        verify_with(&kept, &logged, key().public()).breaks,
        [vec![Break::CheckpointsMissing { from: 3, to: 5 }], CHAINS.map(end).to_vec()].concat()
    );
    let logged: Vec<&str> = whole.checkpoints.iter().map(String::as_str).collect();
    assert_eq!(verify_with(&whole, &logged, key().public()).breaks, []);
}

#[test]
fn another_key_is_named() {
    let other = AuditKey::of(&SecretKey::new([8; 32])).public();
    let report = verify_with(&whole(), &[], other);
    let (signed_by, given) = (key().public().id(), other.id());
    assert_eq!(report.breaks[0], Break::OtherKey { signed_by, given });
    assert_eq!(report.breaks.len(), 4, "and no chain has a seal by it: {:?}", report.breaks);
    let text = key().public().to_string();
    assert_eq!(text.parse::<PublicKey>().unwrap(), key().public());
    assert!(text[1..].parse::<PublicKey>().is_err());
}

#[test]
fn an_attempt_that_has_not_ended_is_open() {
    let mut chain = Chain::new("a".to_owned());
    let rows = chain.append(&[start(), begin("x", 1), begin("y", 1), end("y", 2)], &key());
    let report = verify(&Kept { rows, checkpoints: Vec::new() });
    assert_eq!((report.breaks, report.open), (Vec::new(), 1));
    assert_eq!((report.open_attempts[0].attempt.as_str(), report.open_attempts[0].seq), ("x", Some(2)));
}

#[test]
fn an_attempt_begins_once_and_ends_once() {
    let mut chain = Chain::new("a".to_owned());
    let rows = chain.append(&[begin("x", 1), begin("x", 1), end("x", 2), end("x", 3), end("z", 3)], &key());
    let named = |seq, attempt: &str| (("a".to_owned(), seq), attempt.to_owned());
    let found = breaks(&Kept { rows, checkpoints: Vec::new() });
    let read = |found: &Break| match found.clone() {
        Break::BeginRepeated { chain, seq, attempt } | Break::EndWithoutBegin { chain, seq, attempt } => {
            ((chain, seq), attempt)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(found.iter().map(read).collect::<Vec<_>>(), [named(2, "x"), named(4, "x"), named(5, "z")]);
}

#[test]
fn what_a_store_says_beside_a_row_is_what_the_row_says() {
    let kept = whole();
    let of = |row: &Row| (row.chain.clone(), i64::try_from(row.seq).unwrap(), row.at.as_microsecond());
    let verify = |change: fn(&mut (String, i64, i64))| {
        let mut verifier = Verifier::new(record(&kept, &[], key().public()));
        for row in &kept.rows {
            let mut columns = of(row);
            if (row.chain.as_str(), row.seq) == ("b", 5) {
                change(&mut columns);
            }
            let place = Place::Store(Columns { chain: &columns.0, seq: columns.1, at: columns.2 });
            let hash = row.hash.to_string();
            verifier.row(Stored { place, body: &row.body, hash: &hash, seal: row.seal.as_deref() });
        }
        verifier.finish().breaks
    };
    assert_eq!(verify(|_| ()), []);
    assert!(matches!(&verify(|(_, _, at)| *at += 1)[..], [Break::RowMisplaced { seq: 5, .. }]));
    assert!(
        matches!(&verify(|(_, seq, _)| *seq = -1)[0], Break::RowMisplaced { seq: 0, says, .. } if says.starts_with("b 5"))
    );
}

/// Forgets what comes before a time, as a store does.
fn forget(kept: &mut Kept, up_to: u64, first: u64) -> Result<(), Break> {
    let mut verifier = Verifier::new(record(kept, &[], key().public()));
    for row in kept.rows.iter().filter(|row| row.seq <= up_to) {
        let hash = row.hash.to_string();
        verifier.row(Stored { place: Place::Line(1), body: &row.body, hash: &hash, seal: row.seal.as_deref() });
    }
    let more: BTreeSet<String> = kept.rows.iter().filter(|row| row.seq > up_to).map(|row| row.chain.clone()).collect();
    let cut = verifier.cut(first, &more)?;
    let last = SignedCheckpoint::read(kept.checkpoints.last().unwrap()).unwrap();
    let mut checkpoint = Checkpoint::after(Some(&last), "a", at(1000));
    checkpoint.cut = Some(cut);
    kept.checkpoints.push(checkpoint.signed(&key()).text().to_owned());
    kept.checkpoints.drain(..usize::try_from(first).unwrap() - 1);
    kept.rows.retain(|row| row.seq > up_to);
    Ok(())
}

#[test]
fn what_is_left_after_retention_can_be_verified() {
    // In the middle of attempts, at a checkpoint, and everything.
    for (up_to, left) in [(9, 66), (16, 45), (31, 0)] {
        let mut kept = whole();
        forget(&mut kept, up_to, 1).unwrap();
        let report = verify(&kept);
        assert_eq!((report.breaks, report.rows, report.is_cut), (Vec::new(), left, true), "{up_to}");
        if left > 0 {
            kept.rows.remove(0);
            assert!(!breaks(&kept).is_empty(), "nor can more be taken away");
        }
    }
    let mut kept = whole();
    let logged = kept.checkpoints.clone();
    let logged: Vec<&str> = logged.iter().map(String::as_str).collect();
    forget(&mut kept, 16, 4).unwrap();
    assert_eq!(kept.checkpoints.len(), 3);
    assert_eq!(verify_with(&kept, &logged, key().public()).breaks, [], "old log lines do no harm");
    kept.checkpoints.remove(0);
    assert_eq!(breaks(&kept), [Break::CheckpointsMissing { from: 4, to: 4 }]);
}

#[test]
fn what_is_broken_is_not_forgotten() {
    let mut kept = whole();
    assert!(forget(&mut kept.clone(), 8, 1).is_err(), "no seal covers it");
    kept.rows.remove(3);
    assert!(forget(&mut kept, 9, 1).is_err());
}

#[test]
fn what_was_cut_once_can_be_cut_again() {
    let mut kept = whole();
    forget(&mut kept, 9, 1).unwrap();
    // Only two of them go on.
    kept.rows.sort_by_key(|row| (row.chain.clone(), row.seq));
    let mut verifier = Verifier::new(record(&kept, &[], key().public()));
    for row in kept.rows.iter().filter(|row| row.chain != "b" && row.seq <= 16) {
        let hash = row.hash.to_string();
        verifier.row(Stored { place: Place::Line(1), body: &row.body, hash: &hash, seal: row.seal.as_deref() });
    }
    let cut = verifier.cut(5, &CHAINS.map(str::to_owned).into()).unwrap();
    let seqs: Vec<(&str, u64, usize)> = cut.chains.iter().map(|c| (c.chain.as_str(), c.seq, c.open.len())).collect();
    assert_eq!(seqs, [("a", 16, 0), ("b", 9, 1), ("c", 16, 0)]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// One byte of one row, wherever it is.
    #[test]
    fn any_changed_byte_is_found(row in any::<Index>(), byte in any::<Index>(), with in 0x20u8..0x7f) {
        let mut kept = whole();
        let at = row.index(kept.rows.len());
        let mut bytes = std::mem::take(&mut kept.rows[at].body).into_bytes();
        let place = byte.index(bytes.len());
        prop_assume!(bytes[place] != with);
        bytes[place] = with;
        kept.rows[at].body = String::from_utf8(bytes).unwrap();
        prop_assert!(!breaks(&kept).is_empty());
    }

    /// Any rows but those after the last checkpoint, up to the end of their chain.
    #[test]
    fn any_missing_rows_are_found(chain in 0..3usize, from in 1u64..=31, count in 1u64..31) {
        let mut kept = whole();
        let gone = from..from + count;
        kept.rows.retain(|row| row.chain != CHAINS[chain] || !gone.contains(&row.seq));
        // Whole parts at the very end are what only the next checkpoint tells of.
        prop_assume!(!(gone.end > 31 && [27, 30, 31].contains(&from)));
        prop_assert!(!breaks(&kept).is_empty(), "{gone:?}");
    }

    #[test]
    fn any_row_in_another_place_is_found(from in any::<Index>(), to in any::<Index>(), twice in any::<bool>()) {
        let mut kept = whole();
        let (from, to) = (from.index(kept.rows.len()), to.index(kept.rows.len()));
        let row = if twice { kept.rows[from].clone() } else { kept.rows.remove(from) };
        let before: Vec<(String, u64)> = kept.rows.iter().map(|row| (row.chain.clone(), row.seq)).collect();
        kept.rows.insert(to.min(kept.rows.len()), row);
        let order = |chain: &str| -> Vec<u64> {
            kept.rows.iter().filter(|row| row.chain == chain).map(|row| row.seq).collect()
        };
        // Chains may lie between each other's rows.
        let moved = CHAINS.iter().any(|chain| !order(chain).is_sorted() || order(chain).len() != 31);
        prop_assert_eq!(!breaks(&kept).is_empty(), moved, "{:?}", before);
    }

    #[test]
    fn any_changed_hash_or_seal_at_the_end_is_found(chain in 0..3usize, with in any::<[u8; 32]>(), seal in any::<bool>()) {
        let mut kept = whole();
        let at = place(&kept, CHAINS[chain], 31);
        if seal {
            kept.rows[at].seal = Some(AuditKey::of(&SecretKey::new(with)).seal(kept.rows[at].hash));
            // The seal before it covers those before it.
            let from = 31;
            prop_assert_eq!(breaks(&kept), [Break::RowsForged { chain: CHAINS[chain].to_owned(), from, to: 31 }]);
        } else {
            kept.rows[at].hash = Hash::of(&with);
            prop_assert!(!breaks(&kept).is_empty());
        }
    }

    /// Whatever stands there, it is an error and no panic.
    #[test]
    fn nothing_that_can_be_read_ends_the_verifier(body in ".{0,80}", hash in "[0-9a-f]{0,64}", number in any::<i64>()) {
        let mut verifier = Verifier::new(Record::read(key().public(), [body.as_str(), &format!("awc1.{body}")], [body.as_str()]));
        let place = Place::Store(Columns { chain: &body, seq: number, at: number });
        for body in [body.as_str(), &format!(r#"{{"v":1,"chain":"a","seq":{},"kind":"end","at":"2026-11-25T03:00:00Z"}}"#, number.unsigned_abs())] {
            verifier.row(Stored { place, body, hash: &hash, seal: Some(&hash) });
            verifier.row(Stored { place: Place::Line(1), body, hash: &hash, seal: Some(&hash) });
        }
        prop_assert!(verifier.finish().broken > 0);
    }
}
