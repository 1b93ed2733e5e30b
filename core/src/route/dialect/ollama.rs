//! Ollama's own dialect: `/api/chat`, `/api/embed`, `/api/show` and `/api/tags`.
//!
//! Its `/v1` is of no use here: it cannot set the size of the context, and a prompt that does not fit is cut in silence.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::progress::Progress;
use super::{checked, said, unreadable};
use crate::route::failure::{Failure, words};
use crate::route::locality::{NotLocal, Remote};
use crate::route::provider::{Ask, Embeddings, Message, Origin, Role};
/// A prompt that reaches the context's size but for so many tokens was cut.
const MARGIN_TOKENS: u64 = 8;
/// No text has fewer tokens than one for so many bytes, white space and repetitions included.
const BYTES_PER_TOKEN: u64 = 16;

/// How a model is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ways {
    /// Tokens that its context has room for: what is asked and what is answered.
    pub context_tokens: u32,
    /// How long it stays loaded, as Ollama has it: `30m`, or seconds, `-1` for ever.
    pub keep_alive: String,
}

impl Ways {
    fn keep_alive(&self) -> Json {
        self.keep_alive.parse::<i64>().map_or_else(|_| self.keep_alive.as_str().into(), Json::from)
    }
}

/// What is known of a model before it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// What it can do, as `thinking`, `tools` and `vision`.
    pub capabilities: Vec<String>,
    /// Who runs it, where that is not this Ollama.
    pub remote: Option<Remote>,
}

impl Facts {
    /// True if it can be told whether to think; others refuse to be asked so.
    pub fn thinks(&self) -> bool {
        self.capabilities.iter().any(|capability| capability == "thinking")
    }
}

/// A model that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its name, with its tag.
    pub name: String,
    /// Its digest: another one is another model.
    pub digest: String,
}

/// What was asked, as far as it matters to what is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// True if an answer that is cut is one.
    pub may_be_cut: bool,
    /// Tokens that the context has room for.
    pub context_tokens: u64,
    /// Bytes of all that was said to it.
    pub prompt_bytes: u64,
}

impl Asked {
    /// What of an ask matters.
    pub fn of(ask: &Ask, ways: &Ways) -> Self {
        Self {
            may_be_cut: ask.may_be_cut,
            context_tokens: ways.context_tokens.into(),
            prompt_bytes: ask.messages.iter().map(|message| message.text.len() as u64).sum(),
        }
    }
}

/// Settings of the sampling that it has, too.
const SAMPLING: [&str; 3] = ["frequency_penalty", "presence_penalty", "top_p"];

/// What is posted to `/api/chat`. The schema is said in words too, as some models are not held to it.
pub fn body(model: &str, ask: &Ask, ways: &Ways, thinks: bool) -> Result<Json, Failure> {
    let mut messages = ask.messages.iter().map(message).collect::<Result<Vec<_>, _>>()?;
    let options = [
        ("num_ctx", Some(ways.context_tokens.into())),
        ("num_predict", ask.max_tokens.map(Json::from)),
        ("temperature", ask.temperature.map(Json::from)),
        ("seed", ask.seed.map(Json::from)),
        ("stop", (!ask.stop.is_empty()).then(|| ask.stop.clone().into())),
    ];
    let mut options: Map<String, Json> =
        options.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    options.extend(
        SAMPLING.iter().filter_map(|name| ask.sampling.get_key_value(*name)).map(|(n, v)| (n.clone(), v.clone())),
    );
    let mut body = json!({ "model": model, "stream": true, "options": options, "keep_alive": ways.keep_alive() });
    if let Some(schema) = &ask.schema {
        let words = format!("Answer with nothing but JSON as this schema says: {}", schema.json);
        match messages.iter_mut().find(|message| message["role"] == "system") {
            Some(system) => {
                system["content"] = format!("{}\n\n{words}", system["content"].as_str().unwrap_or_default()).into();
            }
            None => messages.insert(0, json!({ "role": "system", "content": words })),
        }
        body["format"] = schema.json.clone();
    }
    if thinks {
        body["think"] = ask.think.into();
    }
    if !ask.tools.is_empty() {
        body["tools"] = ask.tools.clone().into();
    }
    body["messages"] = messages.into();
    Ok(body)
}

/// What is posted to `/api/chat` so that the model is loaded, and nothing else.
pub fn warm_up_body(model: &str, ways: &Ways) -> Json {
    json!({ "model": model, "messages": [], "stream": false, "keep_alive": ways.keep_alive(),
        "options": { "num_ctx": ways.context_tokens } })
}

fn message(message: &Message) -> Result<Json, Failure> {
    let Message { role, text, parts, tool_calls, tool_call_id } = message;
    let mut said = json!({ "role": role.name(), "content": text });
    let images = parts.iter().map(image).collect::<Result<Vec<_>, _>>()?;
    if !images.is_empty() {
        said["images"] = images.into();
    }
    if !tool_calls.is_empty() && *role == Role::Assistant {
        said["tool_calls"] = tool_calls.iter().map(call_sent).collect::<Result<Vec<_>, _>>()?.into();
    }
    if let Some(id) = tool_call_id {
        said["tool_call_id"] = id.as_str().into();
    }
    Ok(said)
}

/// An image as bare base64; it is not fetched from anywhere.
fn image(part: &Json) -> Result<Json, Failure> {
    let url = part["image_url"]["url"].as_str().unwrap_or_default();
    let data = url.strip_prefix("data:").and_then(|data| data.split_once(";base64,"));
    let (_, data) =
        data.ok_or_else(|| Failure::Unsupported("parts that are neither text nor images as data".to_owned()))?;
    Ok(data.into())
}

/// A call as Ollama has it: its arguments are an object, where OpenAI's API has a text.
fn call_sent(call: &Json) -> Result<Json, Failure> {
    let function = &call["function"];
    let arguments = match &function["arguments"] {
        Json::String(text) => serde_json::from_str(text)
            .map_err(|_| Failure::Unsupported("tool calls whose arguments are no JSON".to_owned()))?,
        other => other.clone(),
    };
    let mut sent = json!({ "function": { "name": function["name"], "arguments": arguments } });
    if let Some(id) = call["id"].as_str() {
        sent["id"] = id.into();
    }
    Ok(sent)
}

/// A call as OpenAI's API has it.
fn call_said(call: &Json, index: u64) -> Json {
    let function = &call["function"];
    let id = call["id"].as_str().map_or_else(|| format!("call_{index}"), str::to_owned);
    json!({ "index": index, "id": id, "type": "function",
        "function": { "name": function["name"], "arguments": function["arguments"].to_string() } })
}

/// A whole answer, or a line of one. Durations are nanoseconds.
#[derive(Deserialize)]
struct Line {
    model: Option<String>,
    message: Option<Said>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    error: Option<Json>,
    #[serde(flatten)]
    remote: Remote,
    prompt_eval_count: Option<u64>,
    prompt_eval_duration: Option<u64>,
    eval_count: Option<u64>,
    eval_duration: Option<u64>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    thinking: Option<String>,
    tool_calls: Option<Vec<Json>>,
}

/// Reads messages of this dialect.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) progress: Progress,
    asked: Asked,
    calls: u64,
}

impl Reader {
    pub(super) fn new(asked: Asked) -> Self {
        Self { progress: Progress::new(asked.may_be_cut), asked, calls: 0 }
    }

    pub(super) fn read(&mut self, line: &str) {
        if !self.progress.is_over()
            && let Err(failure) = self.line(line)
        {
            self.progress.fail(failure);
        }
    }

    /// The stream is over: a whole answer would have told its end.
    pub(super) fn finish(&mut self, otherwise: Failure) {
        self.progress.fail(otherwise);
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        let line: Line = serde_json::from_str(line).map_err(|error| unreadable(&error))?;
        if let Some(error) = line.error {
            return Err(Failure::ErrorInside(said(&error)));
        }
        if let Some(remote) = line.remote.told() {
            return Err(Failure::NotLocal(NotLocal::Remote(remote)));
        }
        if let Some(message) = line.message {
            self.progress.think(message.thinking.unwrap_or_default().chars().count());
            self.progress.say(&message.content.unwrap_or_default());
            let calls = message.tool_calls.unwrap_or_default();
            let calls = calls.iter().zip(self.calls..).map(|(call, index)| call_said(call, index)).collect::<Vec<_>>();
            self.calls += calls.len() as u64;
            self.progress.call(calls);
        }
        if !line.done {
            return Ok(());
        }
        self.judge_prompt(line.prompt_eval_count)?;
        let end = &mut self.progress.end;
        end.model = words(&line.model.unwrap_or_default());
        end.usage.prompt_tokens = line.prompt_eval_count;
        end.usage.completion_tokens = line.eval_count;
        end.speed.prompt_tokens_per_second = per_second(line.prompt_eval_count, line.prompt_eval_duration);
        end.speed.tokens_per_second = per_second(line.eval_count, line.eval_duration);
        let finish = self.progress.finish_reason(line.done_reason.as_deref())?;
        self.progress.end(finish);
        Ok(())
    }

    /// Ollama cuts a prompt that does not fit and says so only by how much it read. Where it does not count, nothing is known.
    fn judge_prompt(&self, read_tokens: Option<u64>) -> Result<(), Failure> {
        let Some(read_tokens) = read_tokens.filter(|count| *count > 0) else { return Ok(()) };
        let context_tokens = self.asked.context_tokens;
        let full = read_tokens + MARGIN_TOKENS >= context_tokens;
        let far_below = read_tokens < self.asked.prompt_bytes / BYTES_PER_TOKEN;
        if full || far_below { Err(Failure::PromptCut { read_tokens, context_tokens }) } else { Ok(()) }
    }
}

fn per_second(tokens: Option<u64>, nanoseconds: Option<u64>) -> Option<f64> {
    let seconds = Duration::from_nanos(nanoseconds.filter(|time| *time > 0)?).as_secs_f64();
    // No machine reads so many tokens that a number of this kind loses some.
    #[expect(clippy::cast_precision_loss, reason = "a speed is rounded anyway")]
    tokens.map(|tokens| tokens as f64 / seconds)
}

/// What `/api/tags` answered: the models that are installed.
pub fn tags(body: &[u8]) -> Result<Vec<Tag>, Failure> {
    #[derive(Deserialize)]
    struct List {
        models: Option<Vec<Model>>,
    }
    #[derive(Deserialize)]
    struct Model {
        name: String,
        digest: Option<String>,
    }
    let list: List = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let tag = |model: Model| Tag { name: model.name, digest: model.digest.unwrap_or_default() };
    Ok(list.models.unwrap_or_default().into_iter().map(tag).collect())
}

/// The tag of a model among those that are installed; without one of its own, `latest` is meant.
pub fn tag_of<'a>(model: &str, tags: &'a [Tag]) -> Option<&'a Tag> {
    let latest = format!("{model}:latest");
    tags.iter().find(|tag| tag.name == model).or_else(|| tags.iter().find(|tag| tag.name == latest))
}

/// What `/api/show` answered.
pub fn facts(body: &[u8]) -> Result<Facts, Failure> {
    #[derive(Deserialize)]
    struct Shown {
        capabilities: Option<Vec<String>>,
        #[serde(flatten)]
        remote: Remote,
    }
    let shown: Shown = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    Ok(Facts { capabilities: shown.capabilities.unwrap_or_default(), remote: shown.remote.told() })
}

/// What `/api/version` answered.
pub fn version(body: &[u8]) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Version {
        version: String,
    }
    let version: Version = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    Ok(words(&version.version))
}

/// What is posted to `/api/embed`. A text that does not fit is refused, and not cut in silence.
pub fn embeddings_body(model: &str, texts: &[String], ways: &Ways) -> Json {
    json!({ "model": model, "input": texts, "truncate": false, "keep_alive": ways.keep_alive() })
}

/// What `/api/embed` answered to so many texts.
pub fn embeddings(body: &[u8], texts: usize, origin: Origin) -> Result<Embeddings, Failure> {
    #[derive(Deserialize)]
    struct Vectors {
        embeddings: Option<Vec<Vec<f32>>>,
        model: Option<String>,
        prompt_eval_count: Option<u64>,
        error: Option<Json>,
        #[serde(flatten)]
        remote: Remote,
    }
    let read: Vectors = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    if let Some(error) = read.error {
        return Err(Failure::ErrorInside(said(&error)));
    }
    if let Some(remote) = read.remote.told() {
        return Err(Failure::NotLocal(NotLocal::Remote(remote)));
    }
    let vectors = checked(read.embeddings.unwrap_or_default(), texts)?;
    Ok(Embeddings {
        vectors,
        prompt_tokens: read.prompt_eval_count,
        model: words(&read.model.unwrap_or_default()),
        origin,
    })
}
