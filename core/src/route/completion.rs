//! A chat completion as OpenAI's API has it: what a client asks, and what it is answered, at once or in pieces.
//!
//! What is asked for and cannot be given (several answers, their probabilities, sound) is refused and not passed over. A setting
//! that nobody knows here is passed over, as servers do.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::budget::Evidence;
use super::provider::{Answer, Ask, End, Message, Role, Schema, Usage};
use super::shape::{self, Shape};

/// Settings of the sampling that are passed on as they are.
const PASSED_ON: [&str; 6] =
    ["frequency_penalty", "logit_bias", "parallel_tool_calls", "presence_penalty", "reasoning_effort", "top_p"];
/// Characters of text in one piece of an answer that is streamed once it is whole.
const PIECE: usize = 2000;

/// What a client asks.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// What a provider is asked.
    pub ask: Ask,
    /// The model's name, as the client writes it.
    pub model: String,
    /// True if the answer is to come in pieces.
    pub is_streamed: bool,
    /// True if the last piece is to say what it took.
    pub with_usage: bool,
    /// True if some of it is marked as private: `"anchorwatch": {"private": true}` in a message, or in a part of one. A part of text with
    /// `"anchorwatch": {"rank": 2}` is evidence.
    pub is_marked: bool,
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct Fault {
    /// The field, as in `messages[2]`; nothing where all of it is wrong.
    pub param: Option<String>,
    /// What is wrong with it, and what to do.
    pub said: String,
}

impl Fault {
    fn of(param: impl Into<String>, said: impl Into<String>) -> Self {
        Self { param: Some(param.into()), said: said.into() }
    }
}

/// What is known of the fields; the rest is looked at by name.
#[derive(Deserialize)]
struct Written {
    model: String,
    messages: Vec<Json>,
    response_format: Option<ResponseFormat>,
    #[serde(default)]
    tools: Option<Vec<Json>>,
    tool_choice: Option<Json>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    temperature: Option<f64>,
    seed: Option<i64>,
    stop: Option<Stop>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat {
    Text,
    JsonObject,
    JsonSchema { json_schema: JsonSchema },
}

#[derive(Deserialize)]
struct JsonSchema {
    name: Option<String>,
    schema: Option<Json>,
}

#[derive(Deserialize)]
struct WrittenMessage {
    role: Role,
    content: Option<Content>,
    tool_calls: Option<Vec<Json>>,
    tool_call_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Map<String, Json>>),
}

impl ChatRequest {
    /// Reads the body of a request.
    pub fn read(body: &[u8]) -> Result<Self, Fault> {
        let unreadable = |error: &serde_json::Error| Fault { param: None, said: error.to_string() };
        let mut json = shape::strict(body).map_err(|error| unreadable(&error))?;
        let fields = json.as_object_mut().ok_or(Fault { param: None, said: "it is to be a JSON object".to_owned() })?;
        refuse_what_is_not_given(fields)?;
        let Marks { is_private, evidence } = Marks::taken_from(fields.get_mut("messages"));
        let sampling = PASSED_ON.iter().filter_map(|name| fields.remove_entry(*name)).filter(|(_, v)| !v.is_null());
        let sampling = sampling.collect();
        let Written {
            model,
            messages,
            response_format,
            tools,
            tool_choice,
            max_tokens,
            max_completion_tokens,
            temperature,
            seed,
            stop,
            stream,
            stream_options,
        } = serde_json::from_value(json).map_err(|error| unreadable(&error))?;
        if messages.is_empty() {
            return Err(Fault::of("messages", "there is to be at least one message"));
        }
        let messages = messages.into_iter().enumerate().map(|(at, written)| {
            let written = serde_json::from_value(written)
                .map_err(|error| Fault::of(format!("messages[{at}]"), error.to_string()))?;
            Ok(message(written))
        });
        Ok(Self {
            ask: Ask {
                messages: messages.collect::<Result<_, Fault>>()?,
                evidence,
                schema: response_format.map(shape_of).transpose()?.flatten(),
                tools: tools.unwrap_or_default(),
                tool_choice,
                max_tokens: max_completion_tokens.or(max_tokens),
                // Whoever says how much may be written takes what fits into it.
                may_be_cut: max_completion_tokens.or(max_tokens).is_some(),
                temperature,
                seed,
                stop: match stop {
                    None => Vec::new(),
                    Some(Stop::One(one)) => vec![one],
                    Some(Stop::Several(several)) => several,
                },
                think: false,
                sampling,
            },
            model,
            is_streamed: stream.unwrap_or_default(),
            with_usage: stream_options.and_then(|options| options.include_usage).unwrap_or_default(),
            is_marked: is_private,
        })
    }
}

/// What a client says of parts of its request in a field of ours, `anchorwatch`, which is passed on to nobody.
#[derive(Default)]
struct Marks {
    is_private: bool,
    evidence: Vec<Evidence>,
}

impl Marks {
    fn taken_from(messages: Option<&mut Json>) -> Self {
        let mut marks = Self::default();
        for message in messages.and_then(Json::as_array_mut).into_iter().flatten() {
            marks.take(message);
            if let Some(parts) = message.get_mut("content").and_then(Json::as_array_mut) {
                parts.retain_mut(|part| !marks.take(part));
            }
        }
        marks
    }

    /// Takes the mark out; true if the part is evidence, and stands no more where it stood.
    fn take(&mut self, marked: &mut Json) -> bool {
        let mark = marked.as_object_mut().and_then(|object| object.shift_remove("anchorwatch"));
        let Some(mark) = mark else { return false };
        let rank = mark["rank"].as_u64().map(|rank| u32::try_from(rank).unwrap_or(u32::MAX));
        // A mark that says neither is one all the same.
        self.is_private |= match &mark["private"] {
            Json::Bool(is_private) => *is_private,
            Json::Null => rank.is_none(),
            _ => true,
        };
        let (Some(rank), Some(text)) = (rank, marked["text"].as_str()) else { return false };
        self.evidence.push(Evidence { rank, text: text.to_owned() });
        true
    }
}

fn refuse_what_is_not_given(fields: &Map<String, Json>) -> Result<(), Fault> {
    let is_asked =
        |name: &str, usual: &[Json]| fields.get(name).is_some_and(|value| !value.is_null() && !usual.contains(value));
    for (name, usual, said) in [
        ("n", &[json!(1)][..], "one answer is given to a request; ask again for another one"),
        ("logprobs", &[json!(false)], "probabilities are not given"),
        ("audio", &[], "there is no sound"),
        ("modalities", &[json!(["text"])], "there is text and nothing else"),
        ("functions", &[json!([])], "write them as `tools`"),
    ] {
        if is_asked(name, usual) {
            return Err(Fault::of(name, said));
        }
    }
    Ok(())
}

fn shape_of(format: ResponseFormat) -> Result<Option<Shape>, Fault> {
    let schema = match format {
        ResponseFormat::Text => return Ok(None),
        ResponseFormat::JsonObject => Schema { name: "object".to_owned(), json: json!({"type": "object"}) },
        ResponseFormat::JsonSchema { json_schema: JsonSchema { name, schema } } => {
            let json = schema.ok_or_else(|| Fault::of("response_format", "json_schema has no schema"))?;
            Schema { name: name.unwrap_or_else(|| "answer".to_owned()), json }
        }
    };
    Shape::new(schema).map(Some).map_err(|error| Fault::of("response_format", error.to_string()))
}

fn message(written: WrittenMessage) -> Message {
    let WrittenMessage { role, content, tool_calls, tool_call_id } = written;
    let (mut text, mut parts) = (Vec::new(), Vec::new());
    match content {
        None => {}
        Some(Content::Text(one)) => text.push(one),
        Some(Content::Parts(several)) => {
            for part in several {
                match (part.get("type").and_then(Json::as_str), part.get("text").and_then(Json::as_str)) {
                    (Some("text"), Some(said)) => text.push(said.to_owned()),
                    _ => parts.push(Json::Object(part)),
                }
            }
        }
    }
    Message { role, text: text.join("\n"), parts, tool_calls: tool_calls.unwrap_or_default(), tool_call_id }
}

/// What stands in every piece of an answer, and in a whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// The model that answered.
    pub model: String,
    /// The provider that it is one of.
    pub provider: String,
    /// Pieces of evidence that were left out.
    pub left_out: usize,
}

impl Heading {
    /// The answer, whole.
    pub fn whole(&self, answer: &Answer) -> Json {
        let mut message = json!({"role": "assistant", "content": answer.text, "refusal": null});
        if !answer.tool_calls.is_empty() {
            message["tool_calls"] = answer.tool_calls.clone().into();
            if answer.text.is_empty() {
                message["content"] = Json::Null;
            }
        }
        let choice =
            json!({"index": 0, "message": message, "logprobs": null, "finish_reason": answer.end.finish.name()});
        self.signed(self.around("chat.completion", &json!([choice]), Some(usage(answer.end.usage))))
    }

    /// The first piece: who speaks.
    pub fn opening(&self) -> Json {
        self.piece(&json!({"role": "assistant", "content": ""}), None)
    }

    /// A piece of text.
    pub fn text(&self, text: &str) -> Json {
        self.piece(&json!({"content": text}), None)
    }

    /// A piece of tool calls.
    pub fn tool_calls(&self, deltas: &[Json]) -> Json {
        self.piece(&json!({"tool_calls": deltas}), None)
    }

    /// The last piece but for what it took.
    pub fn closing(&self, end: &End) -> Json {
        self.signed(self.piece(&json!({}), Some(end.finish.name())))
    }

    /// What it took, where that is asked for: a piece of its own, as clients expect.
    pub fn usage(&self, end: &End) -> Json {
        self.around("chat.completion.chunk", &json!([]), Some(usage(end.usage)))
    }

    /// All pieces of an answer that is whole already.
    pub fn pieces(&self, answer: &Answer, with_usage: bool) -> Vec<Json> {
        let mut pieces = vec![self.opening()];
        let characters: Vec<char> = answer.text.chars().collect();
        pieces.extend(characters.chunks(PIECE).map(|chunk| self.text(&chunk.iter().collect::<String>())));
        if !answer.tool_calls.is_empty() {
            let deltas = answer.tool_calls.iter().enumerate().map(|(at, call)| {
                let mut call = call.clone();
                call["index"] = at.into();
                call
            });
            pieces.push(self.tool_calls(&deltas.collect::<Vec<_>>()));
        }
        pieces.push(self.closing(&answer.end));
        pieces.extend(with_usage.then(|| self.usage(&answer.end)));
        pieces
    }

    /// With what only we say: who answered, and what was left out of the question.
    fn signed(&self, mut json: Json) -> Json {
        json["anchorwatch"] = json!({"provider": self.provider, "left_out": self.left_out});
        json
    }

    fn piece(&self, delta: &Json, finish: Option<&str>) -> Json {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        self.around("chat.completion.chunk", &json!([choice]), None)
    }

    fn around(&self, object: &str, choices: &Json, usage: Option<Json>) -> Json {
        let mut json = json!({
            "id": self.id,
            "object": object,
            "created": self.created.as_second(),
            "model": self.model,
            "choices": choices,
        });
        if let Some(usage) = usage {
            json["usage"] = usage;
        }
        json
    }
}

fn usage(usage: Usage) -> Json {
    let Usage { prompt_tokens, completion_tokens, thinking_tokens } = usage;
    let (prompt, completion) = (prompt_tokens.unwrap_or_default(), completion_tokens.unwrap_or_default());
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
        "completion_tokens_details": {"reasoning_tokens": thinking_tokens},
    })
}

/// An error in the shape that clients of OpenAI's API read.
pub fn error(message: &str, kind: &str, (param, code): (Option<&str>, Option<&str>)) -> Json {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

#[cfg(test)]
mod tests {
    use super::super::provider::{Finish, Origin};
    use super::*;

    fn read(body: &Json) -> Result<ChatRequest, Fault> {
        ChatRequest::read(body.to_string().as_bytes())
    }

    #[test]
    fn what_clients_send_is_read() {
        let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
        let call = json!({"id": "c1", "type": "function", "function": {"name": "get", "arguments": "{}"}});
        let request = read(&json!({
            "model": "anchorwatch/chat",
            "messages": [
                {"role": "developer", "content": "be short"},
                {"role": "user", "content": [{"type": "text", "text": "what is"}, image, {"type": "text", "text": "this?"}]},
                {"role": "assistant", "content": null, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
            ],
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
            "tools": [{"type": "function", "function": {"name": "get"}}],
            "tool_choice": "auto",
            "max_completion_tokens": 50,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 7,
            "stop": "END",
            "stream": true,
            "stream_options": {"include_usage": true},
            "user": "somebody",
            "n": 1,
            "logprobs": false,
        }))
        .unwrap();
        assert!(request.is_streamed && request.with_usage && request.ask.may_be_cut);
        assert_eq!(request.model, "anchorwatch/chat");
        let ask = request.ask;
        assert_eq!(ask.messages[0], Message::new(Role::System, "be short"));
        assert_eq!((ask.messages[1].text.as_str(), &ask.messages[1].parts), ("what is\nthis?", &vec![image]));
        assert_eq!(ask.messages[2].tool_calls, [call]);
        assert_eq!(ask.messages[3].tool_call_id.as_deref(), Some("c1"));
        assert_eq!((ask.max_tokens, ask.temperature, ask.seed), (Some(50), Some(0.5), Some(7)));
        assert_eq!((ask.stop.as_slice(), ask.sampling["top_p"].as_f64()), (&["END".to_owned()][..], Some(0.9)));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let message = json!([{"role": "user", "content": "hi"}]);
        let with = |name: &str, value: Json| {
            let mut body = json!({"model": "m", "messages": message});
            body[name] = value;
            read(&body).map(drop).map_err(|fault| fault.param)
        };
        assert_eq!(with("stream", json!(false)), Ok(()));
        assert_eq!(with("response_format", json!({"type": "text"})), Ok(()));
        for (name, value, param) in [
            ("n", json!(2), Some("n")),
            ("logprobs", json!(true), Some("logprobs")),
            ("audio", json!({}), Some("audio")),
            ("functions", json!([{}]), Some("functions")),
            ("messages", json!([]), Some("messages")),
            (
                "messages",
                json!([{"role": "user", "content": "a"}, {"role": "bee", "content": "b"}]),
                Some("messages[1]"),
            ),
            ("messages", json!([{"role": "user", "content": 1}]), Some("messages[0]")),
            ("response_format", json!({"type": "json_schema", "json_schema": {"name": "n"}}), Some("response_format")),
            (
                "response_format",
                json!({"type": "json_schema", "json_schema": {"schema": {"type": 1}}}),
                Some("response_format"),
            ),
            ("model", json!(null), None),
            ("max_tokens", json!(-1), None),
        ] {
            assert_eq!(with(name, value), Err(param.map(str::to_owned)), "{name}");
        }
        for body in ["", "[]", "{", "{\"model\": \"a\", \"model\": \"b\", \"messages\": []}", "\u{0}"] {
            assert!(ChatRequest::read(body.as_bytes()).is_err(), "{body:?}");
        }
        assert!(ChatRequest::read(b"{\"model\": \"\xff\"}").is_err());
    }

    #[test]
    fn a_mark_is_seen_and_not_passed_on() {
        let marked = |mark: Json| {
            let part = json!({"type": "image_url", "image_url": {"url": "data:,"}, "anchorwatch": mark});
            let request = read(&json!({"model": "m", "messages": [{"role": "user", "content": [part]}]})).unwrap();
            assert_eq!(request.ask.messages[0].parts[0].get("anchorwatch"), None);
            request.is_marked
        };
        assert!(marked(json!({"private": true})) && marked(json!({})) && marked(json!("private")));
        assert!(!marked(json!({"private": false})));
        let ranked =
            json!([{"type": "text", "text": "why?"}, {"type": "text", "text": "a log", "anchorwatch": {"rank": 2}}]);
        let request = read(&json!({"model": "m", "messages": [{"role": "user", "content": ranked}]})).unwrap();
        assert_eq!(request.ask.evidence, [Evidence { rank: 2, text: "a log".to_owned() }]);
        assert_eq!((request.ask.messages[0].text.as_str(), request.is_marked), ("why?", false));
        let message = json!({"role": "user", "content": "a", "anchorwatch": {"private": true}});
        assert!(read(&json!({"model": "m", "messages": [message]})).unwrap().is_marked);
        assert!(!read(&json!({"model": "m", "messages": [{"role": "user", "content": "a"}]})).unwrap().is_marked);
    }

    fn heading() -> Heading {
        Heading {
            id: "chatcmpl-1".to_owned(),
            created: Timestamp::UNIX_EPOCH,
            model: "m".to_owned(),
            provider: "p".to_owned(),
            left_out: 2,
        }
    }

    #[test]
    fn an_answer_is_the_same_whole_and_in_pieces() {
        let call = json!({"id": "c1", "type": "function", "function": {"name": "get", "arguments": "{}"}});
        let usage = Usage { prompt_tokens: Some(3), completion_tokens: Some(4), thinking_tokens: 1 };
        let end = End { finish: Finish::ToolCalls, usage, ..End::default() };
        let text = "貓".repeat(PIECE + 1);
        let answer = Answer { text: text.clone(), tool_calls: vec![call.clone()], end, origin: Origin::default() };
        let whole = heading().whole(&answer);
        assert_eq!(whole["choices"][0]["message"]["content"], text);
        assert_eq!(
            (&whole["usage"]["total_tokens"], &whole["choices"][0]["finish_reason"]),
            (&json!(7), &json!("tool_calls"))
        );
        assert_eq!(whole["anchorwatch"], json!({"provider": "p", "left_out": 2}));
        let pieces = heading().pieces(&answer, true);
        assert_eq!(pieces[4]["anchorwatch"], whole["anchorwatch"]);
        let said: String = pieces.iter().filter_map(|piece| piece["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(said, text);
        assert_eq!(pieces[3]["choices"][0]["delta"]["tool_calls"][0]["index"], 0);
        assert_eq!((&pieces[5]["choices"], &pieces[5]["usage"]), (&json!([]), &whole["usage"]));
        assert_eq!((pieces.len(), heading().pieces(&answer, false).len()), (6, 5));
        assert!(pieces.iter().all(|piece| piece["id"] == "chatcmpl-1" && piece["object"] == "chat.completion.chunk"));
    }
}
