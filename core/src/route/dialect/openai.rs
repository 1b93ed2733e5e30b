//! OpenAI's chat completions and embeddings, as its many servers speak them.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::progress::Progress;
use super::{checked, said, unreadable};
use crate::route::failure::{Failure, words};
use crate::route::provider::{Ask, Embeddings, Finish, Message, Origin, Role};
use crate::route::shape::is_strict;

/// What a server of this dialect wants otherwise than others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ways {
    /// The limit is named `max_completion_tokens`, as OpenAI's newer models want it, and not `max_tokens`.
    pub max_completion_tokens: bool,
}

/// What is posted to `/chat/completions`.
pub fn body(model: &str, ask: &Ask, ways: Ways) -> Json {
    let mut body = json!({
        "model": model,
        "messages": ask.messages.iter().map(message).collect::<Vec<_>>(),
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    if let Some(schema) = &ask.schema {
        let named = json!({ "name": schema.name, "strict": is_strict(&schema.json), "schema": schema.json });
        body["response_format"] = json!({ "type": "json_schema", "json_schema": named });
    }
    if !ask.tools.is_empty() {
        body["tools"] = ask.tools.clone().into();
    }
    for (name, value) in &ask.sampling {
        body[name] = value.clone();
    }
    let limit = if ways.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    let settings = [
        ("tool_choice", ask.tool_choice.clone()),
        (limit, ask.max_tokens.map(Json::from)),
        ("temperature", ask.temperature.map(Json::from)),
        ("seed", ask.seed.map(Json::from)),
        ("stop", (!ask.stop.is_empty()).then(|| ask.stop.clone().into())),
    ];
    for (name, value) in settings {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    body
}

fn message(message: &Message) -> Json {
    let Message { role, text, parts, tool_calls, tool_call_id } = message;
    let mut said = json!({ "role": role.name(), "content": text });
    if !parts.is_empty() {
        let mut all = parts.clone();
        if !text.is_empty() {
            all.insert(0, json!({ "type": "text", "text": text }));
        }
        said["content"] = all.into();
    } else if text.is_empty() && !tool_calls.is_empty() {
        said["content"] = Json::Null;
    }
    if !tool_calls.is_empty() && *role == Role::Assistant {
        said["tool_calls"] = tool_calls.clone().into();
    }
    if let Some(id) = tool_call_id {
        said["tool_call_id"] = id.as_str().into();
    }
    said
}

/// A whole answer, or a chunk of one.
#[derive(Deserialize)]
struct Chunk {
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<UsageSaid>,
    timings: Option<Timings>,
    error: Option<Json>,
    object: Option<String>,
    message: Option<Json>,
}

#[derive(Deserialize)]
struct Choice {
    index: Option<u64>,
    #[serde(alias = "message")]
    delta: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<Json>,
    /// What is thought, as older servers call it.
    reasoning_content: Option<String>,
    /// What is thought, as newer ones do.
    reasoning: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<Json>>,
}

#[derive(Deserialize)]
struct UsageSaid {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    completion_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    reasoning_tokens: Option<u64>,
}

/// What llama.cpp measures.
#[derive(Deserialize)]
struct Timings {
    prompt_per_second: Option<f64>,
    predicted_per_second: Option<f64>,
}

/// Reads messages of this dialect.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) progress: Progress,
    finish: Option<Finish>,
}

impl Reader {
    pub(super) fn new(may_be_cut: bool) -> Self {
        Self { progress: Progress::new(may_be_cut), finish: None }
    }

    /// Reads the data of one event.
    pub(super) fn read(&mut self, data: &str) {
        if self.progress.is_over() {
            return;
        }
        if data.trim() == "[DONE]" {
            return self.end(self.told_finish());
        }
        if let Err(failure) = self.chunk(data) {
            self.progress.fail(failure);
        }
    }

    /// Reads an answer that came whole.
    pub(super) fn read_whole(&mut self, body: &str) {
        let no_answer = || Failure::Unreadable("it has no choices".to_owned());
        let read = self.chunk(body).and_then(|has_choices| if has_choices { Ok(()) } else { Err(no_answer()) });
        self.end(read.and_then(|()| self.told_finish()));
    }

    /// The stream is over: the answer is whole if its end was told.
    pub(super) fn finish(&mut self, otherwise: Failure) {
        let finish = self.finish.ok_or(otherwise);
        self.end(finish);
    }

    /// Why it ended, where nothing more comes; some servers never say.
    fn told_finish(&self) -> Result<Finish, Failure> {
        self.finish.map_or_else(|| self.progress.finish_reason(None), Ok)
    }

    fn end(&mut self, finish: Result<Finish, Failure>) {
        match finish {
            Ok(finish) => self.progress.end(finish),
            Err(failure) => self.progress.fail(failure),
        }
    }

    /// Reads a chunk; true if it is one of an answer.
    fn chunk(&mut self, data: &str) -> Result<bool, Failure> {
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| unreadable(&error))?;
        if let Some(error) = chunk.error {
            return Err(Failure::ErrorInside(said(&error)));
        }
        if chunk.object.as_deref() == Some("error") {
            return Err(Failure::ErrorInside(chunk.message.as_ref().map(said).unwrap_or_default()));
        }
        let end = &mut self.progress.end;
        if let Some(model) = chunk.model.filter(|_| end.model.is_empty()) {
            end.model = words(&model);
        }
        if let Some(usage) = chunk.usage {
            end.usage.prompt_tokens = usage.prompt_tokens.or(end.usage.prompt_tokens);
            end.usage.completion_tokens = usage.completion_tokens.or(end.usage.completion_tokens);
            let thought = usage.completion_tokens_details.and_then(|details| details.reasoning_tokens);
            end.usage.thinking_tokens = thought.unwrap_or(end.usage.thinking_tokens);
        }
        if let Some(timings) = chunk.timings {
            end.speed.prompt_tokens_per_second = timings.prompt_per_second;
            end.speed.tokens_per_second = timings.predicted_per_second;
        }
        let has_choices = chunk.choices.is_some();
        for choice in chunk.choices.unwrap_or_default().into_iter().filter(|choice| choice.index.unwrap_or(0) == 0) {
            self.choice(choice)?;
        }
        Ok(has_choices)
    }

    fn choice(&mut self, choice: Choice) -> Result<(), Failure> {
        if let Some(said) = choice.delta {
            let thought = said.reasoning_content.or(said.reasoning).unwrap_or_default();
            self.progress.think(thought.chars().count());
            self.progress.say(&text(said.content));
            self.progress.refuse(&said.refusal.unwrap_or_default());
            self.progress.call(said.tool_calls.unwrap_or_default());
        }
        if let Some(reason) = choice.finish_reason {
            self.finish = Some(self.progress.finish_reason(Some(&reason))?);
        }
        Ok(())
    }
}

/// The text of a content, which some servers send in parts.
fn text(content: Option<Json>) -> String {
    match content {
        Some(Json::String(text)) => text,
        Some(Json::Array(parts)) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// What is posted to `/embeddings`.
pub fn embeddings_body(model: &str, texts: &[String]) -> Json {
    json!({ "model": model, "input": texts, "encoding_format": "float" })
}

/// What `/embeddings` answered to so many texts.
pub fn embeddings(body: &[u8], texts: usize, origin: Origin) -> Result<Embeddings, Failure> {
    #[derive(Deserialize)]
    struct List {
        data: Option<Vec<Vector>>,
        model: Option<String>,
        usage: Option<UsageSaid>,
        error: Option<Json>,
    }
    #[derive(Deserialize)]
    struct Vector {
        index: Option<usize>,
        embedding: Vec<f32>,
    }
    let list: List = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    if let Some(error) = list.error {
        return Err(Failure::ErrorInside(said(&error)));
    }
    let mut data = list.data.unwrap_or_default();
    data.sort_by_key(|vector| vector.index);
    let vectors = checked(data.into_iter().map(|vector| vector.embedding).collect(), texts)?;
    Ok(Embeddings {
        vectors,
        prompt_tokens: list.usage.and_then(|usage| usage.prompt_tokens),
        model: words(&list.model.unwrap_or_default()),
        origin,
    })
}
