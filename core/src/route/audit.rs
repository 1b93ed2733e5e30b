//! The audit of the router: what was sent where, in rows that cannot be changed unseen.
//!
//! Each process writes a [`Chain`] of its own: rows with numbers from 1 on, each with the hash of the one before it. What
//! is written in one transaction ends with a [seal](AuditKey::seal) of its last hash, so nobody without the key can add a
//! row or write the end of a chain anew. [`Checkpoint`]s name the last rows of all chains and are signed; each holds the
//! hash of the one before it. They are in the store and in the log, so an end that was cut off is found. [`Verifier`]
//! follows all of it, row by row.
//!
//! ```text
//! hash of a row = SHA-256(hash of the row before it ‖ body)      the first row follows 32 zero bytes
//! seal          = Ed25519("anchorwatch audit seal v1\0" ‖ hash)
//! checkpoint    = "awc1." ‖ base64url(body) ‖ "." ‖ base64url(Ed25519("anchorwatch audit checkpoint v1\0" ‖ body))
//! ```
//!
//! A body is JSON without blanks, in printable ASCII, keys in the order of the fields here. Its bytes are kept and hashed
//! as they are, so that nobody has to write them again to verify them. It never holds a prompt.

mod chain;
mod checkpoint;
mod hash;
mod key;
mod record;
mod row;
mod verify;
mod walk;

pub use chain::Chain;
pub use checkpoint::{ChainCut, Checkpoint, Cut, Head, SignedCheckpoint};
pub use hash::Hash;
pub use key::{AuditKey, PublicKey, prompt_hash};
pub use record::Record;
pub use row::{Attestation, Begin, End, Entry, Outcome, Refusal, Reject, Row, Start, Tokens};
pub use verify::{Break, Columns, Open, Place, Report, Stored, Verifier};

/// Why something of an audit cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// A row's body.
    #[error("no row of an audit: {0}")]
    Row(String),
    /// A row's or a checkpoint's version, which another program has written.
    #[error("written in version {0}, which is not known here")]
    Version(u32),
    /// A hash.
    #[error("no hash: 64 hexadecimal characters")]
    Hash,
    /// A checkpoint.
    #[error("no checkpoint: {0}")]
    Checkpoint(String),
    /// A public key.
    #[error("no public key: 64 hexadecimal characters, as `anchorwatch audit key` prints them")]
    PublicKey,
}
