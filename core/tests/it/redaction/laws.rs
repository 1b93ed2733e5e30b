//! What holds for every text: cutting changes nothing, what was replaced comes back, and no secret is told twice.

use std::sync::Arc;

use anchorwatch_core::route::redaction::{Conversation, Redactor, StreamRedactor, StreamRestorer};
use proptest::prelude::*;

use super::chance::Chance;
use super::{contexts, conversation, innocents, secrets};

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// A text of secrets, innocent strings, placeholders that somebody wrote, and anything.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => any::<u64>().prop_map(secret),
        3 => any::<u64>().prop_map(innocent),
        1 => "<(SECRET|EMAIL|HOST|QUOTED)_[0-9]{1,2}>?",
        1 => "[ -~\n]{0,40}",
        1 => any::<String>(),
        1 => "(password|token: |--password|密碼：|Authorization: |-----BEGIN |eyJ|://|@|\\\\n|\"|=){1,6}",
        1 => "(hvs\\.|SG\\.|dp\\.pt\\.|:AA|8Q~|kind: Secret\n|data:\n  a: |Bearer |-u |<|é|\\.|:){1,6}",
    ];
    prop::collection::vec((part, "[\n ,;]{0,2}"), 0..8)
        .prop_map(|parts| parts.into_iter().map(|(a, b)| a + &b).collect())
}

fn secret(seed: u64) -> String {
    let mut chance = Chance::new(seed);
    let kind = &secrets::KINDS[chance.below(secrets::KINDS.len())];
    let string = (kind.make)(&mut chance);
    contexts::around(&mut chance, kind.place, &string)
}

fn innocent(seed: u64) -> String {
    let mut chance = Chance::new(seed);
    let kind = &innocents::KINDS[chance.below(innocents::KINDS.len())];
    let string = (kind.make)(&mut chance);
    contexts::around(&mut chance, kind.place, &string)
}

fn streamed(conversation: &mut Conversation, chunks: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut stream = StreamRedactor::default();
    let mut out = String::new();
    for chunk in chunks {
        out += &stream.push(conversation, chunk.as_ref());
    }
    out + &stream.finish(conversation)
}

fn cut<'t>(text: &'t str, places: &[prop::sample::Index]) -> Vec<&'t str> {
    let mut places: Vec<usize> =
        places.iter().map(|place| text.floor_char_boundary(place.index(text.len() + 1))).collect();
    places.sort_unstable();
    let mut start = 0;
    let mut chunks: Vec<&str> = places.into_iter().map(|end| &text[std::mem::replace(&mut start, end)..end]).collect();
    chunks.push(&text[start..]);
    chunks
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_stream_comes_out_alike_however_it_is_cut(text in texts(), places in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let whole = streamed(&mut conversation(), [&text]);
        prop_assert_eq!(streamed(&mut conversation(), cut(&text, &places)), whole.clone());
        let letters = text.chars().map(String::from);
        prop_assert_eq!(streamed(&mut conversation(), letters), whole);
    }

    #[test]
    fn a_stream_of_a_text_that_was_learnt_is_the_text_redacted(text in texts()) {
        let mut learnt = conversation();
        learnt.redact(&text);
        prop_assert_eq!(streamed(&mut learnt, [&text]), conversation().redact(&text));
    }

    #[test]
    fn what_was_replaced_comes_back(text in texts(), places in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let mut conversation = conversation();
        let redacted = conversation.redact(&text);
        let restored = conversation.restore(&redacted);
        prop_assert_eq!(restored.reveal(), text.as_str());
        let mut restorer = StreamRestorer::default();
        let mut out = String::new();
        for chunk in cut(&redacted, &places) {
            out += restorer.push(&conversation, chunk).reveal();
        }
        out += restorer.finish(&conversation).reveal();
        prop_assert_eq!(out, text);
    }

    #[test]
    fn an_answer_keeps_the_placeholders_it_was_given(text in texts()) {
        let mut conversation = conversation();
        let redacted = conversation.redact(&text);
        let answer = conversation.redact_answer(&redacted);
        let restored = conversation.restore(&answer);
        prop_assert_eq!(restored.reveal(), text.as_str());
    }
}

#[test]
fn a_long_line_is_redacted_in_pieces_and_comes_out_alike() {
    let mut chance = Chance::new(7);
    let mut line = String::new();
    while line.len() < 300_000 {
        let kind = &secrets::KINDS[chance.below(secrets::KINDS.len())];
        let string = (kind.make)(&mut chance);
        line += &contexts::around(&mut chance, kind.place, &string).replace('\n', " ");
        line.push(' ');
    }
    let whole = streamed(&mut conversation(), [&line]);
    for size in [1, 1_000, 70_000] {
        let chunks: Vec<&str> = line.as_bytes().chunks(size).map(|chunk| std::str::from_utf8(chunk).unwrap()).collect();
        assert!(streamed(&mut conversation(), chunks) == whole, "in chunks of {size}");
    }
    let mut conversation = conversation();
    let redacted = conversation.redact(&line);
    assert!(conversation.restore(&redacted).reveal() == line);
}

#[test]
fn a_token_without_end_is_hidden_to_its_end() {
    let mut chance = Chance::new(9);
    let token = chance.letters(super::chance::ALNUM, 200_000);
    let output = super::redacted(&format!("a {token} b"));
    assert!(output.starts_with("a <SECRET_1>") && output.ends_with(" b") && output.len() < 200, "{}", output.len());
}

#[test]
fn the_same_value_has_the_same_placeholder_and_is_found_where_nothing_tells() {
    let mut conversation = conversation();
    assert_eq!(conversation.redact("it is hunter2, so password=hunter2"), "it is <SECRET_1>, so password=<SECRET_1>");
    assert_eq!(
        conversation.redact("they tried 'hunter2' and mail to a@example.org"),
        "they tried '<SECRET_1>' and mail to <EMAIL_1>"
    );
    assert_eq!(conversation.redact("not xhunter22"), "not xhunter22");
    assert_eq!(conversation.redact("password=hunter3"), "password=<SECRET_2>");
}

#[test]
fn a_placeholder_that_a_person_wrote_is_not_ours() {
    let mut conversation = conversation();
    assert_eq!(
        conversation.redact("<SECRET_1> password=hunter2 <SECRET_1>"),
        "<QUOTED_1> password=<SECRET_1> <QUOTED_1>"
    );
    assert_eq!(conversation.restore("<SECRET_1> <QUOTED_1> <SECRET_9>").reveal(), "hunter2 <SECRET_1> <SECRET_9>");
    assert_eq!(conversation.redact_answer("use <SECRET_1>, not <SECRET_9>"), "use <SECRET_1>, not <QUOTED_2>");
    assert!(!format!("{conversation:?} {:?}", conversation.restore("<SECRET_1>")).contains("hunter2"));
}

#[test]
fn a_value_of_a_scanned_secret_is_found_by_its_fingerprint() {
    use anchorwatch_core::object::secret::SecretKey;
    let key = SecretKey::new([7; 32]);
    let fingerprints = ["blue-Horse", "plain words here"].map(|value| key.fingerprint(value.as_bytes()));
    let mut conversation =
        Conversation::new(Arc::new(Redactor::new().with_known(key, fingerprints.into_iter().collect())));
    for (text, expected) in [
        ("he said blue-Horse.", "he said <SECRET_1>."),
        ("x=blue-Horse&y", "x=<SECRET_1>&y"),
        ("(\"blue-Horse\")", "(\"<SECRET_1>\")"),
        ("in base64: Ymx1ZS1Ib3JzZQ==", "in base64: <SECRET_2>"),
        ("note: plain words here", "note: <SECRET_3>"),
        ("blue horse", "blue horse"),
    ] {
        assert_eq!(conversation.redact(text), expected);
    }
}

#[test]
fn internal_hosts_are_hidden_where_it_is_asked_for() {
    let redactor = Redactor::new().with_internal_domains(["corp.example".to_owned(), "svc.cluster.local".to_owned()]);
    let mut conversation = Conversation::new(Arc::new(redactor));
    assert_eq!(
        conversation.redact("https://db1.corp.example:5432 web.prod.svc.cluster.local. example.org corp.example"),
        "https://<HOST_1>:5432 <HOST_2>. example.org corp.example"
    );
    assert_eq!(super::redacted("db1.corp.example"), "db1.corp.example");
}

#[test]
fn what_was_replaced_is_counted_by_kind() {
    let mut conversation = conversation();
    conversation.redact("password=hunter2, hunter2, https://a:hunter3@b, x@example.org, <SECRET_7>");
    let counts: Vec<_> = conversation.counts().iter().map(|(kind, count)| format!("{kind:?} {count}")).collect();
    assert_eq!(counts, ["UrlPassword 1", "Password 1", "Repeated 1", "Email 1", "Quoted 1"]);
    assert!(Conversation::legend().contains("<SECRET_n>"));
}

#[test]
fn data_of_a_config_map_stay_where_those_of_a_secret_go() {
    let text = |kind: &str| {
        format!("items:\n- apiVersion: v1\n  data:\n    mode: fast\n  kind: {kind}\n- data:\n    mode: slow\n")
    };
    assert_eq!(super::redacted(&text("ConfigMap")), text("ConfigMap"));
    assert_eq!(super::redacted(&text("Secret")), text("Secret").replace("fast", "<SECRET_1>"));
}
