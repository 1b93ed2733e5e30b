//! One row: what it says, and the bytes that it is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::{AuditError, Hash};

/// How bodies are written. A reader that knows no other refuses the rest.
const VERSION: u32 = 1;
/// Characters of a text that a server or a client has sent.
const LONGEST: usize = 200;

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// A process began to write this chain. Always the first row.
    Start(Start),
    /// Something is about to be sent to a provider. Written before it is.
    Begin(Begin),
    /// What became of that.
    End(End),
    /// A request was refused without asking any provider, or after the last one.
    Reject(Reject),
}

/// Who writes a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// When it began.
    pub at: Timestamp,
    /// The program's version.
    pub program: String,
    /// Which key seals it.
    pub key: String,
}

/// What is about to be sent, and where; never the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// When.
    pub at: Timestamp,
    /// The attempt's id.
    pub attempt: String,
    /// The id of the request that it belongs to.
    pub request: String,
    /// The intent, as in `diagnose`.
    pub intent: String,
    /// True if the request may go to local providers only.
    pub private: bool,
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model that is asked for.
    pub model: String,
    /// Host and port as configured.
    pub address: String,
    /// What kind of address that is, as in `loopback`.
    pub locality: String,
    /// See [`prompt_hash`](super::prompt_hash).
    pub prompt_hash: String,
    /// How many places of each kind were redacted.
    pub redactions: BTreeMap<String, u32>,
    /// The id of the token that asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked_by: Option<String>,
    /// Who vouches for a provider that cannot be seen to be local.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attestation: Option<Attestation>,
}

/// Somebody's word that a proxy is local.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// Whose word.
    pub owner: String,
    /// Since when.
    pub date: String,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// The attempt's id.
    pub attempt: String,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The address that was really connected to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peer: Option<SocketAddr>,
    /// The model that says it has answered.
    #[serde(skip_serializing_if = "Option::is_none", default, serialize_with = "shortened")]
    pub model: Option<String>,
    /// That model's digest, where its server tells.
    #[serde(skip_serializing_if = "Option::is_none", default, serialize_with = "shortened")]
    pub model_digest: Option<String>,
    /// What the server has counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<Tokens>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// With an answer that was passed on.
    Answered,
    /// With a failure of the provider; its code.
    Failed {
        /// As in `timeout`.
        code: String,
    },
    /// Who asked went away, or the program gave it up.
    Cancelled,
    /// It was refused before anything was sent, as where the address turned out to be none that is allowed.
    Rejected {
        /// Why.
        codes: Vec<String>,
    },
    /// Its `begin` was written too late: nothing was sent.
    Unsent,
}

impl Outcome {
    /// Its name, as in a row.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
            Self::Rejected { .. } => "rejected",
            Self::Unsent => "unsent",
        }
    }
}

/// How many tokens went each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Of the prompt.
    pub prompt: u64,
    /// Of the answer.
    pub answer: u64,
}

/// A request that got no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// When.
    pub at: Timestamp,
    /// The request's id.
    pub request: String,
    /// The intent.
    pub intent: String,
    /// True if it might have gone to local providers only.
    pub private: bool,
    /// Why not, provider by provider.
    pub reasons: Vec<Refusal>,
    /// The id of the token that asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked_by: Option<String>,
}

/// Why one provider did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The provider; none where it is not about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    /// As in `timeout`.
    pub code: String,
}

impl End {
    /// An end of which no more is known. Whose it is, the attempt itself says.
    pub fn new(at: Timestamp, outcome: Outcome) -> Self {
        Self { at, attempt: String::new(), outcome, peer: None, model: None, model_digest: None, tokens: None }
    }
}

impl Entry {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Start(start) => start.at,
            Self::Begin(begin) => begin.at,
            Self::End(end) => end.at,
            Self::Reject(reject) => reject.at,
        }
    }
}

/// A row as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The chain that it is of.
    pub chain: String,
    /// Its number there, from 1 on.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What it says.
    pub body: String,
    /// The hash of the row before it and the body.
    pub hash: Hash,
    /// The seal of the hash, on the last row of what was written at once.
    pub seal: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    v: u32,
    chain: &'a str,
    seq: u64,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// The body of a row.
pub(super) fn body(chain: &str, seq: u64, entry: &Entry) -> String {
    let mut bytes = Vec::with_capacity(640);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Ascii);
    Body { v: VERSION, chain, seq, entry }.serialize(&mut serializer).expect("an entry is JSON");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

impl Entry {
    /// Reads what the body of a row says.
    pub fn read(body: &str) -> Result<Self, AuditError> {
        Header::read(body)?;
        serde_json::from_str(body).map_err(|error| AuditError::Row(error.to_string()))
    }
}

/// What of a body says where it belongs. Reading no more than that is several times faster.
#[derive(Debug, Deserialize)]
pub(super) struct Header<'a> {
    v: u32,
    #[serde(borrow)]
    pub(super) chain: Cow<'a, str>,
    pub(super) seq: u64,
    pub(super) kind: Kind,
    pub(super) at: Timestamp,
    /// Empty where it is about none.
    #[serde(borrow, default)]
    pub(super) attempt: Cow<'a, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Start,
    Begin,
    End,
    Reject,
}

impl<'a> Header<'a> {
    pub(super) fn read(body: &'a str) -> Result<Self, AuditError> {
        let header: Self = serde_json::from_str(body).map_err(|error| AuditError::Row(error.to_string()))?;
        if header.v == VERSION { Ok(header) } else { Err(AuditError::Version(header.v)) }
    }
}

#[expect(clippy::ref_option, reason = "this is how serde calls it")]
fn shortened<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = text.as_deref().unwrap_or_default();
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(end, _)| end);
    serializer.serialize_str(&text[..end])
}

/// Writes all but printable ASCII as `\uXXXX`: no terminal, log or tool makes anything else of such a text.
pub(super) struct Ascii;

impl serde_json::ser::Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return out.write_all(fragment.as_bytes());
        }
        for letter in fragment.chars() {
            if matches!(letter, ' '..='~') {
                write!(out, "{letter}")?;
                continue;
            }
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}
