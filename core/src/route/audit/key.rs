//! The key that seals chains and signs checkpoints. It is never in the store.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::{AuditError, Hash};
use crate::object::secret::{SecretKey, hex};

const SEAL: &[u8] = b"anchorwatch audit seal v1\0";
const CHECKPOINT: &[u8] = b"anchorwatch audit checkpoint v1\0";

/// Seals and signs (Ed25519). It is made of the secret key that replicas share, so they need no second file, and whoever
/// verifies needs only the [`PublicKey`].
#[derive(Debug, Clone)]
pub struct AuditKey(Arc<Ed25519KeyPair>);

impl AuditKey {
    /// The one that belongs to a secret key.
    pub fn of(key: &SecretKey) -> Self {
        let seed = key.derived(b"anchorwatch: the key of the audit, Ed25519");
        Self(Arc::new(Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed is 32 bytes")))
    }

    /// What others verify with.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.public_key().as_ref().try_into().expect("a public key is 32 bytes"))
    }

    /// Says of a chain's last row that this key's holder has written all up to it.
    pub fn seal(&self, hash: Hash) -> String {
        self.sign(SEAL, hash.as_bytes())
    }

    pub(super) fn sign_checkpoint(&self, body: &[u8]) -> String {
        self.sign(CHECKPOINT, body)
    }

    fn sign(&self, purpose: &[u8], bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(&[purpose, bytes].concat()))
    }
}

/// Tells whether a seal or a checkpoint is by its key; printed as 64 hexadecimal characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Tells keys apart: 16 hexadecimal characters.
    pub fn id(&self) -> String {
        hex(&self.0[..8])
    }

    /// True if the key's holder has sealed this hash.
    pub fn has_sealed(&self, hash: Hash, seal: &str) -> bool {
        self.has_signed(SEAL, hash.as_bytes(), seal)
    }

    pub(super) fn has_signed_checkpoint(&self, body: &[u8], signature: &str) -> bool {
        self.has_signed(CHECKPOINT, body, signature)
    }

    fn has_signed(&self, purpose: &[u8], bytes: &[u8], signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        UnparsedPublicKey::new(&ED25519, self.0).verify(&[purpose, bytes].concat(), &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = AuditError;

    fn from_str(text: &str) -> Result<Self, AuditError> {
        let bytes: Hash = text.parse().map_err(|_| AuditError::PublicKey)?;
        Ok(Self(*bytes.as_bytes()))
    }
}

/// How a prompt stands in the audit: keyed, since a plain hash would tell whoever guesses a short prompt that it was this
/// one. With the key one can prove of a prompt that it was sent.
pub fn prompt_hash(key: &SecretKey, prompt: &[u8]) -> String {
    SecretKey::new(key.derived(b"anchorwatch: prompts in the audit")).fingerprint(prompt).to_hex()
}
