//! What a provider is asked and what it answers, whatever its dialect.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::budget::Evidence;
use super::locality::Sign;
use super::shape::Shape;

/// How a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// A NIM on one's own hardware: as OpenAI, with ways of its own.
    Nemotron,
    /// Ollama's own.
    Ollama,
    /// Any server that speaks as OpenAI does.
    #[serde(rename = "openai")]
    OpenAi,
}

impl Dialect {
    /// Its name in the configuration, in metrics and in the audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nemotron => "nemotron",
            Self::Ollama => "ollama",
            Self::OpenAi => "openai",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a model is told whether to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningToggle {
    /// It is not told.
    #[default]
    None,
    /// By `detailed thinking off` as the whole system message (Llama-Nemotron v1).
    SystemPhrase,
    /// By `/no_think` in the system message (Nemotron 1.5, Nano 2).
    Slash,
    /// By `chat_template_kwargs.enable_thinking` (Nemotron 3).
    TemplateKwargs,
}

/// What a provider is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ask {
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// What the question rests on, which may be left out where time is short; see [`super::budget`].
    pub evidence: Vec<Evidence>,
    /// The shape of the answer; any text where there is none.
    pub schema: Option<Shape>,
    /// Tools that may be called, as OpenAI's API has them; passed through.
    pub tools: Vec<Json>,
    /// Which of them, as OpenAI's API says it; passed through.
    pub tool_choice: Option<Json>,
    /// How much may be written.
    pub max_tokens: Option<u32>,
    /// True if an answer that is cut at `max_tokens` is one: where the caller chose that limit.
    pub may_be_cut: bool,
    /// How much chance there is in it.
    pub temperature: Option<f64>,
    /// What the chance begins with.
    pub seed: Option<i64>,
    /// Where to stop.
    pub stop: Vec<String>,
    /// True if the model may think before it answers.
    pub think: bool,
    /// Other settings of the sampling, as OpenAI's API has them; passed through, or left out where a dialect has none of the kind.
    pub sampling: Map<String, Json>,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: String,
    /// Images and other parts that are no text, as OpenAI's API has them (`{"type": "image_url", …}`); passed through.
    pub parts: Vec<Json>,
    /// Tools that the model called, as OpenAI's API has them; passed through.
    pub tool_calls: Vec<Json>,
    /// The call that a tool answers.
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A turn of nothing but text.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into(), parts: Vec::new(), tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever sets the rules.
    #[serde(alias = "developer")]
    System,
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
    /// A tool.
    #[serde(alias = "function")]
    Tool,
}

impl Role {
    /// Its name in every dialect.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// The shape that an answer has to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Its name: up to 64 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// The JSON schema.
    pub json: Json,
}

/// How long an attempt may take, each counted from its beginning but for `idle`; and how much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the first byte of an answer that is streamed; one that is not comes only when it is whole.
    pub first_byte: Duration,
    /// Until the first token of an answer that is streamed; thinking counts.
    pub first_token: Duration,
    /// Between two pieces of an answer that is streamed.
    pub idle: Duration,
    /// Until the whole answer, by the provider's own measure.
    pub whole: Duration,
    /// Until the whole answer, by what is left to the chain.
    pub deadline: Duration,
    /// Bytes of an answer.
    pub answer_bytes: usize,
}

impl Limits {
    /// So long for everything.
    pub fn within(time: Duration) -> Self {
        Self { first_byte: time, first_token: time, idle: time, whole: time, deadline: time, ..Self::default() }
    }

    /// What is left of the whole after so long.
    #[must_use]
    pub fn less(self, used: Duration) -> Self {
        let (whole, deadline) = (self.whole.saturating_sub(used), self.deadline.saturating_sub(used));
        Self { whole, deadline, ..self }
    }

    /// Until the whole answer has to be there, by whichever measure.
    pub fn left(self) -> Duration {
        self.whole.min(self.deadline)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(10),
            first_token: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            whole: Duration::from_secs(30),
            deadline: Duration::from_secs(90),
            answer_bytes: 4 * 1024 * 1024,
        }
    }
}

/// What a provider answered, whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The text, without what the model thought.
    pub text: String,
    /// Tools that the model calls, as OpenAI's API has them.
    pub tool_calls: Vec<Json>,
    /// What is known of it beside.
    pub end: End,
    /// Where it came from.
    pub origin: Origin,
}

/// A piece of an answer, as it comes.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// More text.
    Text(String),
    /// So many characters of thought, which are dropped.
    Thinking(usize),
    /// More of the tools that the model calls: deltas, as OpenAI's API has them.
    ToolCalls(Vec<Json>),
    /// The answer is whole.
    End(End),
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct End {
    /// Why.
    pub finish: Finish,
    /// What it took.
    pub usage: Usage,
    /// The model that answered, as the provider calls it; empty where it does not say.
    pub model: String,
    /// How fast it was, by its own clock.
    pub speed: Speed,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Finish {
    /// All was said.
    #[default]
    Stop,
    /// It was cut, where it may be.
    Length,
    /// Tools are to be called.
    ToolCalls,
}

impl Finish {
    /// Its name in OpenAI's API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// Tokens, as far as the provider counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Of what was asked.
    pub prompt_tokens: Option<u64>,
    /// Of what was written, thoughts among it.
    pub completion_tokens: Option<u64>,
    /// Of what was thought: as the provider says, else estimated by its length.
    pub thinking_tokens: u64,
}

/// Tokens in a second, as far as the provider measures them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Speed {
    /// Reading.
    pub prompt_tokens_per_second: Option<f64>,
    /// Writing.
    pub tokens_per_second: Option<f64>,
}

/// Where an answer came from, for the audit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The other end of the connection.
    pub peer: Option<SocketAddr>,
    /// The digest of the model, where the provider has one.
    pub model_digest: Option<String>,
    /// What gives away that it came from elsewhere.
    pub signs: Vec<Sign>,
}

/// Texts as vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// One for each text, in their order, all of one length.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of all texts.
    pub prompt_tokens: Option<u64>,
    /// The model that made them.
    pub model: String,
    /// Where they came from.
    pub origin: Origin,
}
