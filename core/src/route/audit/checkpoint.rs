//! Signed statements of where all chains end.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::row::Ascii;
use super::{AuditError, AuditKey, Hash, PublicKey};

const VERSION: u32 = 1;
/// What the text of a checkpoint begins with, by which it is found in a log.
const BEGINNING: &str = "awc1.";

/// Says where chains ended at a time.
///
/// The first one that a process makes names all chains that there are; the later ones those that have grown since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    v: u32,
    /// Its number, from 1 on, one sequence for all replicas.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The chain of the process that made it.
    pub by: String,
    /// Which key signed it.
    pub key: String,
    /// The hash of the text of the checkpoint before it.
    pub previous: Hash,
    /// Where chains end.
    pub heads: Vec<Head>,
    /// What was forgotten with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cut: Option<Cut>,
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The chain.
    pub chain: String,
    /// Its last row.
    pub seq: u64,
    /// That row's hash.
    pub hash: Hash,
}

/// What was forgotten because it was old. It takes the place of all cuts before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The oldest checkpoint that was kept.
    pub first: u64,
    /// Where chains begin now.
    pub chains: Vec<ChainCut>,
}

/// Where a chain begins after its older rows were forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainCut {
    /// The chain.
    pub chain: String,
    /// The last row that was forgotten.
    pub seq: u64,
    /// That row's hash, which the first one that is left follows.
    pub hash: Hash,
    /// Attempts that had begun up to there and not ended.
    pub open: Vec<String>,
}

/// A checkpoint and its text, as it is kept and logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    text: String,
}

impl Checkpoint {
    /// The one after `before`.
    pub fn after(before: Option<&SignedCheckpoint>, by: &str, at: Timestamp) -> Self {
        Self {
            v: VERSION,
            number: before.map_or(1, |before| before.checkpoint.number + 1),
            at,
            by: by.to_owned(),
            key: String::new(),
            previous: before.map_or(Hash::NONE, SignedCheckpoint::hash),
            heads: Vec::new(),
            cut: None,
        }
    }

    /// Signs it.
    pub fn signed(mut self, key: &AuditKey) -> SignedCheckpoint {
        self.key = key.public().id();
        let mut body = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut body, Ascii);
        self.serialize(&mut serializer).expect("a checkpoint is JSON");
        let text = format!("{BEGINNING}{}.{}", URL_SAFE_NO_PAD.encode(&body), key.sign_checkpoint(&body));
        SignedCheckpoint { checkpoint: self, text }
    }
}

impl SignedCheckpoint {
    /// Reads the text of one; its signature is not looked at.
    pub fn read(text: &str) -> Result<Self, AuditError> {
        let fail = |reason: &str| AuditError::Checkpoint(reason.to_owned());
        let (body, _) = parts(text).ok_or_else(|| fail("it is `awc1.`, a body, a dot and a signature"))?;
        let checkpoint: Checkpoint = serde_json::from_slice(&body).map_err(|error| fail(&error.to_string()))?;
        if checkpoint.v != VERSION {
            return Err(AuditError::Version(checkpoint.v));
        }
        Ok(Self { checkpoint, text: text.to_owned() })
    }

    /// All that stand in some text, as in a log.
    pub fn find(text: &str) -> impl Iterator<Item = &str> {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
        text.match_indices(BEGINNING).map(move |(start, _)| {
            let rest = &text[start..];
            &rest[..rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())]
        })
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The hash of its text, signature and all.
    pub fn hash(&self) -> Hash {
        Hash::of(self.text.as_bytes())
    }

    /// True if the key's holder has signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        parts(&self.text).is_some_and(|(body, signature)| key.has_signed_checkpoint(&body, signature))
    }
}

fn parts(text: &str) -> Option<(Vec<u8>, &str)> {
    let (body, signature) = text.strip_prefix(BEGINNING)?.split_once('.')?;
    Some((URL_SAFE_NO_PAD.decode(body).ok()?, signature))
}
