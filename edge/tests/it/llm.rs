//! Providers: what they answer, and each way in which they fail, in each dialect, streamed and whole.

use std::time::Duration;

use anchorwatch_core::route::dialect::{Gathering, nemotron, ollama, openai};
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::provider::{
    Answer, Ask, Dialect, Finish, Limits, Message, Piece, ReasoningToggle, Role, Schema,
};
use anchorwatch_core::route::shape::Shape;
use anchorwatch_edge::llm::{Local, Open, Provider, Settings};
use anchorwatch_edge::outbound::{InsideOnly, Outbound};
use futures::StreamExt as _;
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use crate::llm_fake::{End, Fake, Model, Reply};

const DIALECTS: [Dialect; 3] = [Dialect::Nemotron, Dialect::OpenAi, Dialect::Ollama];
const KEY: &str = "a-key-of-tests";
const SOON: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

thread_local! {
    /// The client of one test: reading the machine's authorities takes its time.
    static INSIDE: Outbound<InsideOnly> = Outbound::inside_only(anchorwatch_core::route::locality::Networks::loopback());
}

fn inside() -> Outbound<InsideOnly> {
    INSIDE.with(Outbound::clone)
}

fn provider(dialect: Dialect, base_url: &str) -> Local {
    let key = Some(SecretString::from(KEY));
    let settings = Settings { base_url: base_url.to_owned(), model: "m".to_owned(), key };
    match dialect {
        Dialect::Nemotron => {
            let ways = nemotron::Ways { reasoning_toggle: ReasoningToggle::TemplateKwargs, guided_json: false };
            Local::nemotron(inside(), settings, ways)
        }
        Dialect::OpenAi => Local::openai(inside(), settings, openai::Ways::default()),
        Dialect::Ollama => {
            let ways = ollama::Ways { context_tokens: 4096, keep_alive: "30m".to_owned() };
            Local::ollama(inside(), settings, ways)
        }
    }
}

fn ask() -> Ask {
    let schema = Schema { name: "diagnosis".to_owned(), json: json!({ "type": "object" }) };
    Ask {
        messages: vec![Message::new(Role::System, "Be short."), Message::new(Role::User, "Why?")],
        schema: Some(Shape::new(schema).unwrap()),
        max_tokens: Some(100),
        temperature: Some(0.0),
        seed: Some(7),
        ..Ask::default()
    }
}

async fn answer(provider: &dyn Provider, limits: Limits) -> Result<Answer, Failure> {
    let mut answer = provider.stream(&ask(), limits).await?;
    let mut gathering = Gathering::default();
    while let Some(piece) = answer.pieces.next().await {
        gathering.push(piece?);
    }
    gathering.finish(answer.origin)
}

/// An answer of a dialect: what it says, why it ends, and what else is in its last message.
fn said(dialect: Dialect, streamed: bool, message: &Json, finish: &str, more: &Json) -> Reply {
    let mut last = match (dialect, streamed) {
        (Dialect::Ollama, _) => json!({ "model": "m", "message": message, "done": true, "done_reason": finish,
            "prompt_eval_count": 30, "eval_count": 3, "eval_duration": 1_000_000_000 }),
        (_, true) => json!({ "model": "m", "choices": [{ "index": 0, "delta": message, "finish_reason": finish }] }),
        (_, false) => json!({ "model": "m", "choices": [{ "index": 0, "message": message, "finish_reason": finish }],
            "usage": { "prompt_tokens": 30, "completion_tokens": 3 } }),
    };
    last.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    if !streamed {
        return Reply::whole(200, &last);
    }
    stream(dialect, vec![framed(dialect, &last), done(dialect)], End::Clean)
}

fn framed(dialect: Dialect, message: &Json) -> Vec<u8> {
    match dialect {
        Dialect::Ollama => format!("{message}\n").into_bytes(),
        _ => format!("data: {message}\n\n").into_bytes(),
    }
}

fn done(dialect: Dialect) -> Vec<u8> {
    if dialect == Dialect::Ollama { b"\n".to_vec() } else { b"data: [DONE]\n\n".to_vec() }
}

fn stream(dialect: Dialect, chunks: Vec<Vec<u8>>, end: End) -> Reply {
    let kind = if dialect == Dialect::Ollama { "application/x-ndjson" } else { "text/event-stream" };
    Reply::Stream { kind, chunks, end }
}

/// The beginning of a streamed answer.
fn token(dialect: Dialect) -> Vec<u8> {
    let message = json!({ "role": "assistant", "content": "{" });
    match dialect {
        Dialect::Ollama => framed(dialect, &json!({ "model": "m", "message": message, "done": false })),
        _ => framed(
            dialect,
            &json!({ "model": "m", "choices": [{ "index": 0, "delta": message, "finish_reason": null }] }),
        ),
    }
}

#[tokio::test]
async fn every_dialect_answers_streamed_and_whole() {
    for dialect in DIALECTS {
        for streamed in [false, true] {
            let reply = said(dialect, streamed, &json!({ "role": "assistant", "content": "{}" }), "stop", &json!({}));
            let fake = Fake::start(Model::of(dialect), reply);
            let provider = provider(dialect, &fake.url());
            let answer = answer(&*provider, Limits::within(LONG)).await.unwrap();
            assert_eq!((answer.text.as_str(), answer.end.finish, answer.end.model.as_str()), ("{}", Finish::Stop, "m"));
            assert_eq!(answer.origin.peer.unwrap().to_string(), fake.url().trim_start_matches("http://"));
            assert_eq!(answer.origin.model_digest.is_some(), dialect == Dialect::Ollama);
            let asked = fake.asked("/completions").into_iter().chain(fake.asked("/api/chat")).next().unwrap();
            assert_eq!(asked.authorization.as_deref(), Some("Bearer a-key-of-tests"));
            assert_eq!((&asked.body["stream"], &asked.body["model"]), (&json!(true), &json!("m")));
        }
    }
}

/// What is answered, as a function of the dialect and of whether it is streamed, and the failure that it is.
type Case = (&'static str, fn(Dialect, bool) -> Reply, &'static str);

const ERROR: &str = "out of memory for key a-key-of-tests";

/// Each kind of answer that is none.
const CASES: [Case; 31] = [
    ("400", |_, _| Reply::whole(400, &json!({ "error": ERROR })), "bad_request"),
    ("401", |_, _| Reply::whole(401, &json!({ "error": { "message": ERROR } })), "unauthorized"),
    ("403", |_, _| Reply::whole(403, &json!({ "detail": ERROR })), "forbidden"),
    ("404", |_, _| Reply::whole(404, &json!({ "object": "error", "message": ERROR })), "not_found"),
    ("408", |_, _| Reply::whole(408, &json!({})), "request_timeout"),
    ("413", |_, _| Reply::said(413, "", ERROR), "request_too_large"),
    ("422", |_, _| Reply::whole(422, &json!({ "detail": [{ "msg": ERROR }] })), "unprocessable"),
    ("429", |_, _| Reply::said(429, "Retry-After: 3\r\n", "{}"), "too_many_requests"),
    ("500", |_, _| Reply::said(500, "", "<html>"), "server_error"),
    ("503", |_, _| Reply::said(503, "Retry-After: Thu, 01 Jan 2099 00:00:00 GMT\r\n", ""), "server_error"),
    ("418", |_, _| Reply::said(418, "", ""), "unexpected_status"),
    ("307", |_, _| Reply::said(307, "Location: http://192.0.2.1/leak\r\n", ""), "redirect"),
    ("cut before the answer", |_, _| Reply::Cut, "connection_broken"),
    (
        "a body that is cut",
        |dialect, streamed| match (dialect, streamed) {
            (_, true) => stream(dialect, vec![token(dialect)], End::Cut),
            (_, false) => Reply::said(200, "Content-Length: 1000\r\n", "{"),
        },
        "connection_broken",
    ),
    ("a stream that ends early", |dialect, _| stream(dialect, vec![token(dialect)], End::Clean), "truncated_stream"),
    (
        "a whole answer that is not over",
        |dialect, _| match dialect {
            Dialect::Ollama => Reply::whole(200, &json!({ "message": { "content": "{" }, "done": false })),
            _ => {
                Reply::whole(200, &json!({ "choices": [{ "message": { "content": "{" }, "finish_reason": "abort" }] }))
            }
        },
        "truncated_stream|error_inside",
    ),
    ("an error as the answer", |_, _| Reply::whole(200, &json!({ "error": { "message": ERROR } })), "error_inside"),
    (
        "an error within the answer",
        |dialect, streamed| match (dialect, streamed) {
            (_, true) => stream(dialect, vec![token(dialect), framed(dialect, &json!({ "error": ERROR }))], End::Hang),
            (_, false) => Reply::whole(200, &json!({ "choices": [], "done": true, "error": ERROR })),
        },
        "error_inside",
    ),
    (
        "nothing said",
        |dialect, streamed| said(dialect, streamed, &json!({ "content": "" }), "stop", &json!({})),
        "empty",
    ),
    (
        "thoughts only",
        |dialect, streamed| said(dialect, streamed, &json!({ "content": "<think>hm</think>" }), "stop", &json!({})),
        "empty",
    ),
    (
        "too long",
        |dialect, streamed| said(dialect, streamed, &json!({ "content": "{" }), "length", &json!({})),
        "length",
    ),
    ("no JSON", |dialect, streamed| garbled(dialect, streamed, b"data: no\n\n"), "unreadable"),
    ("no UTF-8", |dialect, streamed| garbled(dialect, streamed, b"data: \"\xff\"\n\n"), "unreadable"),
    ("compressed", |_, _| Reply::said(200, "Content-Encoding: gzip\r\n", &b"\x1f\x8b\x08\x00"[..]), "unreadable"),
    ("a gigabyte", |dialect, _| endless(dialect), "too_large"),
    ("headers of a megabyte", |_, _| Reply::said(200, &huge_headers(), "{}"), "connection_broken"),
    ("no answer", |_, _| Reply::Hang, "first_byte_timeout"),
    ("no token", |dialect, _| stream(dialect, vec![b"\n".to_vec()], End::Hang), "first_token_timeout"),
    ("no more tokens", |dialect, _| stream(dialect, vec![token(dialect)], End::Hang), "idle_timeout"),
    ("an empty body", |_, _| Reply::said(200, "", ""), "unreadable|truncated_stream"),
    ("a page", |_, _| Reply::said(200, "", "<html>Welcome</html>"), "unreadable"),
];

fn garbled(dialect: Dialect, streamed: bool, bytes: &[u8]) -> Reply {
    let bytes = if dialect == Dialect::Ollama { &bytes[b"data: ".len()..] } else { bytes };
    if streamed {
        stream(dialect, vec![token(dialect), bytes.to_vec()], End::Clean)
    } else {
        Reply::said(200, "", bytes)
    }
}

/// Tokens without end; where it is read whole, a body without end.
fn endless(dialect: Dialect) -> Reply {
    let many = token(dialect).repeat(200);
    stream(dialect, Vec::new(), End::Endless(many))
}

fn huge_headers() -> String {
    format!("X-Long: {}\r\n", "x".repeat(1024 * 1024))
}

/// Little time for what the case hangs in, and enough for all else.
fn limits(expected: &str) -> Limits {
    let mut limits = Limits { answer_bytes: 256 * 1024, ..Limits::within(LONG) };
    match expected {
        "first_byte_timeout" => limits.first_byte = SOON,
        "first_token_timeout" => limits.first_token = SOON,
        "idle_timeout" => limits.idle = SOON,
        _ => {}
    }
    limits
}

#[tokio::test]
async fn each_way_to_fail_is_told_apart_in_every_dialect() {
    for (name, reply, expected) in CASES {
        let tries = DIALECTS.into_iter().flat_map(|dialect| [(dialect, false), (dialect, true)]);
        // Side by side, as some wait until their time is over.
        let tries = tries.map(|(dialect, streamed)| async move {
            let fake = Fake::start(Model::of(dialect), reply(dialect, streamed));
            let failure = answer(&*provider(dialect, &fake.url()), limits(expected)).await.unwrap_err();
            let told = format!("{name}, {dialect}, streamed: {streamed}: {failure:?}");
            assert!(expected.split('|').any(|code| code == failure.code()), "{told}");
            assert!(!format!("{failure} {failure:?}").contains(KEY), "{told}");
            assert!(!format!("{failure} {failure:?}").contains("127.0.0.1"), "{told}");
        });
        futures::future::join_all(tries).await;
    }
}

#[tokio::test]
async fn what_a_provider_says_of_a_failure_is_kept_without_its_key() {
    for dialect in DIALECTS {
        let fake = Fake::start(Model::of(dialect), Reply::whole(401, &json!({ "error": { "message": ERROR } })));
        let failure = answer(&*provider(dialect, &fake.url()), Limits::within(LONG)).await.unwrap_err();
        assert_eq!(failure.to_string(), "it answered 401: out of memory for key <key>");
        assert!(failure.tells_operator());
        let fake = Fake::start(Model::of(dialect), Reply::said(429, "Retry-After: 3\r\n", "{}"));
        let failure = answer(&*provider(dialect, &fake.url()), Limits::within(LONG)).await.unwrap_err();
        assert_eq!(failure.may_retry_after(), Some(Duration::from_secs(3)));
    }
}

/// Failures that only one of the dialects has.
#[tokio::test]
async fn each_dialect_has_failures_of_its_own() {
    let said_openai =
        |message: Json, finish| move |streamed| said(Dialect::OpenAi, streamed, &message, finish, &json!({}));
    let refusal = said_openai(json!({ "content": null, "refusal": "I will not" }), "stop");
    let filtered = said_openai(json!({ "content": "{" }), "content_filter");
    let said_ollama =
        |more: Json| move |streamed| said(Dialect::Ollama, streamed, &json!({ "content": "{}" }), "stop", &more);
    let cut = said_ollama(json!({ "prompt_eval_count": 4096 }));
    let remote = said_ollama(json!({ "remote_host": "https://ollama.com:443" }));
    for streamed in [false, true] {
        for (dialect, reply, expected) in [
            (Dialect::OpenAi, refusal(streamed), "refusal"),
            (Dialect::Nemotron, refusal(streamed), "refusal"),
            (Dialect::OpenAi, filtered(streamed), "content_filter"),
            (Dialect::Ollama, cut(streamed), "prompt_cut"),
            (Dialect::Ollama, remote(streamed), "model_not_local"),
        ] {
            let fake = Fake::start(Model::of(dialect), reply);
            let failure = answer(&*provider(dialect, &fake.url()), Limits::within(LONG)).await.unwrap_err();
            assert_eq!(failure.code(), expected, "{dialect}, streamed: {streamed}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_connected_to_says_why() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for dialect in DIALECTS {
        let plain = Fake::start(Model::of(dialect), Reply::Cut);
        for (url, expected) in [
            (format!("http://{nobody}"), "connection_refused"),
            ("http://nobody.invalid".to_owned(), "dns"),
            ("http://192.0.2.1".to_owned(), "address_not_local"),
            (plain.url().replace("http:", "https:"), "tls"),
            ("http://user:secret@127.0.0.1".to_owned(), "misconfigured"),
            ("127.0.0.1".to_owned(), "misconfigured"),
        ] {
            let failure = answer(&*provider(dialect, &url), Limits::within(LONG)).await.unwrap_err();
            assert_eq!(failure.code(), expected, "{dialect} at {url}: {failure:?}");
            assert!(!format!("{failure} {failure:?}").contains("secret"), "{failure:?}");
        }
        drop(plain.asked(""));
    }
}

#[tokio::test]
async fn the_deadline_of_all_is_told_apart_from_a_providers_own_time() {
    for dialect in DIALECTS {
        for hangs in [
            Reply::Hang,
            stream(dialect, vec![b"\n".to_vec()], End::Hang),
            stream(dialect, vec![token(dialect)], End::Hang),
        ] {
            let fake = Fake::start(Model::of(dialect), hangs);
            for (limits, code) in [
                (Limits { deadline: SOON, ..Limits::within(LONG) }, "deadline"),
                (Limits { whole: SOON, ..Limits::within(LONG) }, "provider_timeout"),
            ] {
                let failure = answer(&*provider(dialect, &fake.url()), limits).await.unwrap_err();
                assert_eq!(failure.code(), code, "{dialect}");
            }
        }
    }
}

#[tokio::test]
async fn whoever_hangs_up_ends_what_the_provider_does() {
    for dialect in DIALECTS {
        let fake = Fake::start(Model::of(dialect), stream(dialect, vec![token(dialect)], End::Hang));
        let provider = provider(dialect, &fake.url());
        let mut streamed = provider.stream(&ask(), Limits::within(LONG)).await.unwrap();
        assert_eq!(streamed.pieces.next().await, Some(Ok(Piece::Text("{".to_owned()))));
        drop(streamed);
        assert!(fake.is_hung_up_on().await, "{dialect}, in the middle");
        let silent = Fake::start(Model::of(dialect), Reply::Hang);
        let (provider, ask) = (self::provider(dialect, &silent.url()), ask());
        tokio::select! {
            streamed = provider.stream(&ask, Limits::within(LONG)) => panic!("{dialect}: {streamed:?}"),
            () = silent.is_asked_to_answer() => {}
        }
        assert!(silent.is_hung_up_on().await, "{dialect}, before it begins");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_hung_up_on() {
    let fake = Fake::start(Model::of(Dialect::OpenAi), endless(Dialect::OpenAi));
    let failure = answer(&*provider(Dialect::OpenAi, &fake.url()), limits("too_large")).await.unwrap_err();
    assert_eq!(failure, Failure::TooLarge(256 * 1024));
    assert!(fake.is_hung_up_on().await);
}

#[tokio::test]
async fn a_stream_that_is_answered_whole_is_taken() {
    for dialect in DIALECTS {
        let reply = said(dialect, false, &json!({ "content": "{}" }), "stop", &json!({}));
        let fake = Fake::start(Model::of(dialect), reply);
        assert_eq!(answer(&*provider(dialect, &fake.url()), Limits::within(LONG)).await.unwrap().text, "{}");
    }
}

#[tokio::test]
async fn ollama_is_asked_once_what_a_model_is_until_it_is_another_one() {
    let model = Model::of(Dialect::Ollama);
    let digest = std::sync::Arc::clone(&model.digest);
    let fake = Fake::start(model, said(Dialect::Ollama, false, &json!({ "content": "{}" }), "stop", &json!({})));
    let provider = provider(Dialect::Ollama, &fake.url());
    for _ in 0..3 {
        let answer = answer(&*provider, Limits::within(LONG)).await.unwrap();
        assert_eq!(answer.origin.model_digest.as_deref(), Some("sha256:abc"));
    }
    assert_eq!((fake.asked("/api/show").len(), fake.asked("/api/tags").len()), (1, 3));
    "sha256:def".clone_into(&mut digest.lock().unwrap());
    let answer = answer(&*provider, Limits::within(LONG)).await.unwrap();
    assert_eq!((fake.asked("/api/show").len(), answer.origin.model_digest.as_deref()), (2, Some("sha256:def")));
}

#[tokio::test]
async fn a_model_that_ollama_only_passes_on_is_told_nothing() {
    let shown = json!({ "capabilities": ["completion"], "remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b" });
    let model = Model { shown, ..Model::of(Dialect::Ollama) };
    let fake = Fake::start(model, said(Dialect::Ollama, false, &json!({ "content": "{}" }), "stop", &json!({})));
    let provider = provider(Dialect::Ollama, &fake.url());
    for failure in [
        answer(&*provider, Limits::within(LONG)).await.unwrap_err(),
        provider.embed(&["a".to_owned()], Limits::within(LONG)).await.unwrap_err(),
        provider.warm_up(LONG).await.unwrap_err(),
        provider.health(LONG).await.unwrap_err(),
    ] {
        assert_eq!(failure.code(), "model_not_local");
    }
    assert!(fake.asked("/api/chat").is_empty() && fake.asked("/api/embed").is_empty());
}

#[tokio::test]
async fn only_a_model_that_thinks_is_told_whether_to() {
    for (capability, told) in [("thinking", Some(&json!(false))), ("tools", None)] {
        let model = Model { shown: json!({ "capabilities": [capability] }), ..Model::of(Dialect::Ollama) };
        let fake = Fake::start(model, said(Dialect::Ollama, false, &json!({ "content": "{}" }), "stop", &json!({})));
        answer(&*provider(Dialect::Ollama, &fake.url()), Limits::within(LONG)).await.unwrap();
        assert_eq!(fake.asked("/api/chat")[0].body.get("think"), told, "{capability}");
    }
}

#[tokio::test]
async fn a_model_is_loaded_before_it_is_needed() {
    let fake = Fake::start(
        Model::of(Dialect::Ollama),
        Reply::whole(200, &json!({ "model": "m", "done": true, "done_reason": "load" })),
    );
    provider(Dialect::Ollama, &fake.url()).warm_up(LONG).await.unwrap();
    let asked = &fake.asked("/api/chat")[0].body;
    assert_eq!(
        (&asked["messages"], &asked["keep_alive"], &asked["options"]["num_ctx"]),
        (&json!([]), &json!("30m"), &json!(4096))
    );
    let other = Fake::start(Model::of(Dialect::OpenAi), Reply::Cut);
    provider(Dialect::OpenAi, &other.url()).warm_up(LONG).await.unwrap();
    assert!(other.asked("").is_empty());
}

#[tokio::test]
async fn health_says_whether_it_could_answer_and_tells_nobodys_data() {
    for dialect in DIALECTS {
        let fake = Fake::start(Model::of(dialect), Reply::Cut);
        let provider = provider(dialect, &fake.url());
        let health = provider.health(LONG).await.unwrap();
        assert_eq!(health.version.is_some(), dialect == Dialect::Ollama);
        let said: Vec<Json> =
            fake.asked("").into_iter().map(|asked| asked.body).filter(|body| !body.is_null()).collect();
        assert!(said.iter().all(|body| *body == json!({ "model": "m" })), "{said:?}");
        let loading = Fake::start(Model { ready: 503, ..Model::of(dialect) }, Reply::Cut);
        let failure = self::provider(dialect, &loading.url()).health(LONG).await.unwrap_err();
        assert_eq!(failure.code(), "server_error", "{dialect}");
    }
}

#[tokio::test]
async fn texts_become_vectors() {
    let texts = ["one".to_owned(), "two".to_owned()];
    for dialect in DIALECTS {
        let body = match dialect {
            Dialect::Ollama => json!({ "model": "m", "embeddings": [[1.0, 2.0], [3.0, 4.0]] }),
            _ => {
                json!({ "model": "m", "data": [{ "index": 0, "embedding": [1.0, 2.0] }, { "index": 1, "embedding": [3.0, 4.0] }] })
            }
        };
        let fake = Fake::start(Model::of(dialect), Reply::whole(200, &body));
        let provider = provider(dialect, &fake.url());
        let embeddings = provider.embed(&texts, Limits::within(LONG)).await.unwrap();
        assert_eq!(embeddings.vectors, [[1.0, 2.0], [3.0, 4.0]], "{dialect}");
        assert!(embeddings.origin.peer.is_some());
        let one = provider.embed(&texts[..1], Limits::within(LONG)).await.unwrap_err();
        assert_eq!(one.code(), "unreadable", "{dialect}");
    }
}

#[tokio::test]
async fn a_chain_that_may_have_clouds_takes_local_ones_too() {
    let reply = said(Dialect::OpenAi, false, &json!({ "content": "{}" }), "stop", &json!({}));
    let fake = Fake::start(Model::of(Dialect::OpenAi), reply);
    let settings = Settings { base_url: fake.url(), model: "m".to_owned(), key: None };
    let cloud = Open::openai(Outbound::anywhere(), settings, openai::Ways::default());
    for provider in [cloud, Open::from(provider(Dialect::OpenAi, &fake.url()))] {
        assert_eq!(answer(&*provider, Limits::within(LONG)).await.unwrap().text, "{}");
    }
    assert_eq!(fake.asked("/completions")[0].authorization, None);
}

#[test]
fn a_key_is_in_no_debug_output() {
    for dialect in DIALECTS {
        assert!(!format!("{:?}", provider(dialect, "http://127.0.0.1:1")).contains(KEY));
    }
}
