//! What each dialect's bytes say, as a stream and whole.

use std::time::Duration;

use anchorwatch_core::route::dialect::ollama::Asked;
use anchorwatch_core::route::dialect::{AnswerReader, Gathering, ollama, openai};
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::locality::{NotLocal, Remote};
use anchorwatch_core::route::provider::{Answer, Finish, Origin, Piece, Speed, Usage};
use serde_json::{Value as Json, json};

pub(super) fn asked() -> Asked {
    Asked { may_be_cut: false, context_tokens: 4096, prompt_bytes: 400 }
}

/// All pieces of a stream, up to its end or failure.
pub(super) fn pieces(mut reader: AnswerReader, chunks: &[&[u8]], end: Option<Failure>) -> Vec<Result<Piece, Failure>> {
    for chunk in chunks {
        reader.push(chunk);
    }
    reader.finish(end);
    std::iter::from_fn(|| reader.next_piece()).collect()
}

fn gathered(pieces: Vec<Result<Piece, Failure>>) -> Result<Answer, Failure> {
    let mut gathering = Gathering::default();
    for piece in pieces {
        gathering.push(piece?);
    }
    gathering.finish(Origin::default())
}

fn events(messages: &[Json]) -> String {
    messages.iter().flat_map(|message| ["data: ".to_owned(), message.to_string(), "\n\n".to_owned()]).collect()
}

fn lines(messages: &[Json]) -> String {
    messages.iter().flat_map(|message| [message.to_string(), "\n".to_owned()]).collect()
}

fn delta(delta: &Json, finish: Option<&str>) -> Json {
    json!({ "object": "chat.completion.chunk", "model": "nano", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
}

fn openai_stream(messages: &[Json], done: bool) -> Result<Answer, Failure> {
    let text = events(messages) + if done { "data: [DONE]\n\n" } else { "" };
    gathered(pieces(AnswerReader::openai(false), &[text.as_bytes()], None))
}

fn openai_whole(message: &Json, finish: Option<&str>) -> Result<Answer, Failure> {
    let choice = json!({ "index": 0, "message": message, "finish_reason": finish });
    let body = json!({ "object": "chat.completion", "model": "nano", "choices": [choice] });
    AnswerReader::openai(false).whole(body.to_string().as_bytes(), Origin::default())
}

fn line(message: &Json) -> Json {
    json!({ "model": "qwen3:8b", "created_at": "2026-11-26T17:00:00Z", "message": message, "done": false })
}

fn done(reason: &str) -> Json {
    json!({ "model": "qwen3:8b", "created_at": "2026-11-26T17:00:00Z", "message": { "role": "assistant", "content": "" },
        "done": true, "done_reason": reason, "total_duration": 5_000_000_000_u64, "load_duration": 1, "prompt_eval_count": 100,
        "prompt_eval_duration": 500_000_000, "eval_count": 20, "eval_duration": 2_000_000_000 })
}

fn ollama_stream(messages: &[Json]) -> Result<Answer, Failure> {
    gathered(pieces(AnswerReader::ollama(asked()), &[lines(messages).as_bytes()], None))
}

fn ollama_whole(body: &Json) -> Result<Answer, Failure> {
    AnswerReader::ollama(asked()).whole(body.to_string().as_bytes(), Origin::default())
}

fn with(mut json: Json, more: &Json) -> Json {
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json
}

#[test]
fn a_stream_of_llama_cpp_is_an_answer_with_usage_and_speed() {
    // Recorded of llama.cpp's server.
    let usage = json!({ "choices": [], "model": "smol", "object": "chat.completion.chunk",
        "usage": { "completion_tokens": 6, "prompt_tokens": 32, "total_tokens": 38, "prompt_tokens_details": { "cached_tokens": 31 } },
        "timings": { "cache_n": 31, "prompt_per_second": 100.5, "predicted_per_second": 98.25 } });
    let answer = openai_stream(
        &[
            delta(&json!({ "role": "assistant", "content": null }), None),
            delta(&json!({ "content": "Hello" }), None),
            delta(&json!({ "content": " there" }), None),
            delta(&json!({}), Some("stop")),
            usage,
        ],
        true,
    )
    .unwrap();
    assert_eq!((answer.text.as_str(), answer.end.model.as_str()), ("Hello there", "nano"));
    assert_eq!(answer.end.usage, Usage { prompt_tokens: Some(32), completion_tokens: Some(6), thinking_tokens: 0 });
    let speed = Speed { prompt_tokens_per_second: Some(100.5), tokens_per_second: Some(98.25) };
    assert_eq!(answer.end.speed, speed);
}

#[test]
fn thoughts_are_dropped_and_counted_wherever_they_stand() {
    for said in [
        json!({ "content": "yes", "reasoning_content": "a thought" }),
        json!({ "content": "yes", "reasoning": "a thought" }),
        json!({ "content": "<think>a thought</think>\n\nyes" }),
        json!({ "content": [{ "type": "text", "text": "<think>a thought</think>yes" }] }),
        json!({ "content": "a thought\n</think>\nyes" }),
    ] {
        let streamed = openai_stream(&[delta(&said, Some("stop"))], true).unwrap();
        let whole = openai_whole(&said, Some("stop")).unwrap();
        for answer in [streamed, whole] {
            assert_eq!((answer.text.as_str(), answer.end.usage.thinking_tokens), ("yes", 3), "{said}");
        }
    }
    let counted = json!({ "model": "nano", "choices": [{ "message": { "content": "yes", "reasoning": "a thought" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 9, "completion_tokens_details": { "reasoning_tokens": 7 } } });
    let answer = AnswerReader::openai(false).whole(counted.to_string().as_bytes(), Origin::default()).unwrap();
    assert_eq!(answer.end.usage.thinking_tokens, 7);
    let thinking = line(&json!({ "role": "assistant", "content": "", "thinking": "a thought" }));
    let answer = ollama_stream(&[thinking, line(&json!({ "content": "yes" })), done("stop")]).unwrap();
    assert_eq!((answer.text.as_str(), answer.end.usage.thinking_tokens), ("yes", 3));
}

#[test]
fn an_answer_of_ollama_has_its_speeds() {
    let streamed =
        ollama_stream(&[line(&json!({ "content": "Hel" })), line(&json!({ "content": "lo" })), done("stop")]);
    let whole = ollama_whole(&with(done("stop"), &json!({ "message": { "role": "assistant", "content": "Hello" } })));
    for answer in [streamed.unwrap(), whole.unwrap()] {
        assert_eq!((answer.text.as_str(), answer.end.finish), ("Hello", Finish::Stop));
        assert_eq!(
            answer.end.usage,
            Usage { prompt_tokens: Some(100), completion_tokens: Some(20), thinking_tokens: 0 }
        );
        let speed = Speed { prompt_tokens_per_second: Some(200.0), tokens_per_second: Some(10.0) };
        assert_eq!(answer.end.speed, speed);
    }
}

#[test]
fn tool_calls_have_one_form_whoever_makes_them() {
    let call =
        json!({ "id": "call_0", "type": "function", "function": { "name": "logs", "arguments": "{\"pod\":\"web\"}" } });
    let begun = json!({ "tool_calls": [{ "index": 0, "id": "call_0", "type": "function", "function": { "name": "logs", "arguments": "{\"pod\"" } }] });
    let more = json!({ "tool_calls": [{ "index": 0, "function": { "arguments": ":\"web\"}" } }] });
    let native =
        json!({ "content": "", "tool_calls": [{ "function": { "name": "logs", "arguments": { "pod": "web" } } }] });
    for answer in [
        openai_stream(&[delta(&begun, None), delta(&more, Some("tool_calls"))], true),
        openai_whole(&json!({ "content": null, "tool_calls": [call] }), Some("tool_calls")),
        ollama_stream(&[line(&native), done("stop")]),
        ollama_whole(&with(done("stop"), &json!({ "message": native }))),
    ] {
        let answer = answer.unwrap();
        assert_eq!((&answer.tool_calls[..], answer.end.finish), (&[call.clone()][..], Finish::ToolCalls));
    }
}

/// What goes wrong in the dialect of OpenAI, as a stream and whole.
#[test]
fn what_is_wrong_with_an_answer_of_openais_dialect_is_found() {
    let text = json!({ "content": "half" });
    let error = json!({ "error": { "message": "out of memory", "type": "server_error", "code": 500 } });
    let vllm = json!({ "object": "error", "message": "out of memory", "type": "x", "code": 500 });
    let inside = || Failure::ErrorInside("out of memory".to_owned());
    let refusal = json!({ "content": null, "refusal": "I will not" });
    for (what, said, finish, failure) in [
        ("empty", json!({ "content": "" }), Some("stop"), Failure::Empty),
        ("white space", json!({ "content": " \n" }), Some("stop"), Failure::Empty),
        ("nothing", json!({ "content": null }), Some("stop"), Failure::Empty),
        ("thoughts only", json!({ "content": "<think>hm" }), Some("stop"), Failure::Empty),
        ("refusal", refusal, Some("stop"), Failure::Refusal("I will not".to_owned())),
        ("length", text.clone(), Some("length"), Failure::Length),
        ("filter", text.clone(), Some("content_filter"), Failure::ContentFilter),
        ("abort", text.clone(), Some("abort"), Failure::ErrorInside("abort".to_owned())),
    ] {
        assert_eq!(openai_stream(&[delta(&said, finish)], true), Err(failure.clone()), "{what}, streamed");
        assert_eq!(openai_whole(&said, finish), Err(failure), "{what}, whole");
    }
    for (what, body) in [("error", &error), ("vLLM's error", &vllm)] {
        assert_eq!(openai_stream(&[delta(&text, None), body.clone()], true), Err(inside()), "{what}, streamed");
        let whole = AnswerReader::openai(false).whole(body.to_string().as_bytes(), Origin::default());
        assert_eq!(whole, Err(inside()), "{what}, whole");
    }
    assert_eq!(openai_stream(&[delta(&text, None)], false), Err(Failure::Truncated));
    assert!(openai_stream(&[delta(&text, None)], true).is_ok(), "some servers give no reason");
    assert!(openai_stream(&[delta(&text, Some("stop"))], false).is_ok(), "some servers do not say that it is done");
    for body in ["", "{", "[]", "{}", "<html>", "{\"choices\":5}", "{\"detail\":\"no\"}", "\u{0}"] {
        let whole = AnswerReader::openai(false).whole(body.as_bytes(), Origin::default());
        assert!(matches!(whole, Err(Failure::Unreadable(_))), "{body}: {whole:?}");
    }
    let garbled = pieces(AnswerReader::openai(false), &[b"data: {\"choices\":\xff}\n\ndata: [DONE]\n\n"], None);
    assert!(matches!(garbled.as_slice(), [Err(Failure::Unreadable(_))]), "{garbled:?}");
}

#[test]
fn what_is_wrong_with_an_answer_of_ollama_is_found() {
    let half = || line(&json!({ "content": "half" }));
    let elsewhere = NotLocal::Remote(Remote { host: "https://ollama.com:443".to_owned(), model: String::new() });
    let cut = |read_tokens| Failure::PromptCut { read_tokens, context_tokens: 4096 };
    for (what, last, failure) in [
        ("length", done("length"), Failure::Length),
        ("error", json!({ "error": "llama runner died" }), Failure::ErrorInside("llama runner died".to_owned())),
        (
            "remote",
            with(done("stop"), &json!({ "remote_host": "https://ollama.com:443" })),
            Failure::NotLocal(elsewhere),
        ),
        ("full", with(done("stop"), &json!({ "prompt_eval_count": 4096 })), cut(4096)),
        ("nearly full", with(done("stop"), &json!({ "prompt_eval_count": 4090 })), cut(4090)),
        ("far below", with(done("stop"), &json!({ "prompt_eval_count": 24 })), cut(24)),
    ] {
        assert_eq!(ollama_stream(&[half(), last.clone()]), Err(failure.clone()), "{what}, streamed");
        assert_eq!(
            ollama_whole(&with(last, &json!({ "message": { "content": "half" } }))),
            Err(failure),
            "{what}, whole"
        );
    }
    assert_eq!(ollama_stream(&[half()]), Err(Failure::Truncated));
    assert_eq!(ollama_whole(&half()), Err(Failure::Truncated));
    for reason in ["stop", "load", "unload"] {
        assert_eq!(ollama_stream(&[done(reason)]), Err(Failure::Empty), "{reason}");
    }
    let uncounted = with(done("stop"), &json!({ "prompt_eval_count": null }));
    assert!(ollama_stream(&[half(), uncounted]).is_ok(), "where nothing is counted, nothing is known");
    for body in ["{", "[]", "<html>", "{\"done\":\"yes\"}"] {
        let streamed = gathered(pieces(AnswerReader::ollama(asked()), &[body.as_bytes(), b"\n"], None));
        assert!(matches!(streamed, Err(Failure::Unreadable(_))), "{body}: {streamed:?}");
    }
}

#[test]
fn an_answer_that_may_be_cut_is_one() {
    let text = events(&[delta(&json!({ "content": "half" }), Some("length"))]);
    let answer = gathered(pieces(AnswerReader::openai(true), &[text.as_bytes()], None)).unwrap();
    assert_eq!((answer.text.as_str(), answer.end.finish), ("half", Finish::Length));
    let text = lines(&[line(&json!({ "content": "half" })), done("length")]);
    let reader = AnswerReader::ollama(Asked { may_be_cut: true, ..asked() });
    assert_eq!(gathered(pieces(reader, &[text.as_bytes()], None)).unwrap().end.finish, Finish::Length);
}

#[test]
fn what_ends_a_stream_matters_only_before_its_end_is_told() {
    let broken = || Some(Failure::Broken("reset".to_owned()));
    let half = events(&[delta(&json!({ "content": "half" }), None)]);
    let whole = events(&[delta(&json!({ "content": "all" }), Some("stop"))]);
    assert_eq!(gathered(pieces(AnswerReader::openai(false), &[half.as_bytes()], broken())), Err(broken().unwrap()));
    assert!(gathered(pieces(AnswerReader::openai(false), &[whole.as_bytes()], broken())).is_ok());
    // A message that was cut is not what is wrong.
    for cut in [&b"data: {\"choi"[..], b"data: \xe6\xbc", b"data: ", b"dat"] {
        let chunks = [half.as_bytes(), cut];
        assert_eq!(gathered(pieces(AnswerReader::openai(false), &chunks, None)), Err(Failure::Truncated), "{cut:?}");
    }
}

#[test]
fn vectors_come_in_the_order_of_their_texts() {
    let body = json!({ "object": "list", "model": "embed", "usage": { "prompt_tokens": 4, "total_tokens": 4 },
        "data": [{ "index": 1, "embedding": [2.0, 0.5] }, { "index": 0, "embedding": [1.0, 0.5] }] });
    let read = openai::embeddings(body.to_string().as_bytes(), 2, Origin::default()).unwrap();
    assert_eq!((read.vectors, read.prompt_tokens), (vec![vec![1.0, 0.5], vec![2.0, 0.5]], Some(4)));
    let native = json!({ "model": "embed", "embeddings": [[1.0], [2.0]], "total_duration": 1, "prompt_eval_count": 4 });
    let read = ollama::embeddings(native.to_string().as_bytes(), 2, Origin::default()).unwrap();
    assert_eq!((read.vectors, read.prompt_tokens), (vec![vec![1.0], vec![2.0]], Some(4)));
    for body in [json!({ "error": { "message": "no" } }), json!({ "error": "no" })] {
        let body = body.to_string();
        let inside = Err(Failure::ErrorInside("no".to_owned()));
        assert_eq!(openai::embeddings(body.as_bytes(), 1, Origin::default()), inside);
        assert_eq!(ollama::embeddings(body.as_bytes(), 1, Origin::default()), inside);
    }
    let remote = json!({ "embeddings": [[1.0]], "remote_host": "ollama.com" }).to_string();
    let failure = ollama::embeddings(remote.as_bytes(), 1, Origin::default()).unwrap_err();
    assert_eq!(failure.code(), "model_not_local");
}

#[test]
fn ollama_says_what_is_installed_and_what_it_can_do() {
    let tags = json!({ "models": [{ "name": "qwen3:8b", "model": "qwen3:8b", "digest": "abc", "size": 1 }, { "name": "nano:latest", "digest": "def" }] });
    let tags = ollama::tags(tags.to_string().as_bytes()).unwrap();
    for (model, digest) in
        [("qwen3:8b", Some("abc")), ("nano", Some("def")), ("nano:latest", Some("def")), ("qwen3", None)]
    {
        assert_eq!(ollama::tag_of(model, &tags).map(|tag| tag.digest.as_str()), digest, "{model}");
    }
    assert_eq!(ollama::tags(br#"{"models":null}"#), Ok(Vec::new()));
    for (shown, thinks, elsewhere) in [
        (json!({ "capabilities": ["completion", "thinking"] }), true, None),
        (json!({ "capabilities": ["completion"], "remote_host": "", "remote_model": "" }), false, None),
        (json!({ "remote_host": "https://ollama.com:443" }), false, Some("https://ollama.com:443")),
        (json!({ "remote_model": "gpt-oss:120b" }), false, Some("")),
    ] {
        let facts = ollama::facts(shown.to_string().as_bytes()).unwrap();
        assert_eq!(
            (facts.thinks(), facts.remote.as_ref().map(|remote| remote.host.as_str())),
            (thinks, elsewhere),
            "{shown}"
        );
    }
    assert_eq!(ollama::version(br#"{"version":"0.13.1"}"#).unwrap(), "0.13.1");
}

#[test]
fn a_message_has_an_end() {
    let endless = vec![b'x'; 2 * 1024 * 1024];
    for reader in [AnswerReader::openai(false), AnswerReader::ollama(asked())] {
        let read = pieces(reader, &[b"data: ", &endless], Some(Failure::Timeout(wait(), Duration::ZERO)));
        assert_eq!(read, [Err(Failure::TooLarge(1024 * 1024))]);
    }
}

fn wait() -> anchorwatch_core::route::failure::Wait {
    anchorwatch_core::route::failure::Wait::Whole
}

#[test]
fn what_cannot_be_read_is_not_repeated() {
    for body in [
        r#"{"choices":"hidden"}"#,
        r#"{"choices":[{"message":"hidden"}]}"#,
        r#"{"choices":[{"index":"hidden"}]}"#,
        "hidden",
    ] {
        let failure = AnswerReader::openai(false).whole(body.as_bytes(), Origin::default()).unwrap_err();
        assert!(!failure.to_string().contains("hidden"), "{failure}");
        let failure = AnswerReader::ollama(asked())
            .whole(body.replace("choices", "message").as_bytes(), Origin::default())
            .unwrap_err();
        assert!(!failure.to_string().contains("hidden"), "{failure}");
    }
}
