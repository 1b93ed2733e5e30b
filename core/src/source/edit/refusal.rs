//! Why an edit is not made: nothing is written that was not proven.

use crate::source::yaml;

/// An edit that is not made, with the line where the reason stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 1-based line of the file; 0 where there is none.
    pub line: u32,
    /// Why.
    pub reason: Reason,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.reason),
            line => write!(f, "line {line}: {}", self.reason),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why an edit is not made, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The file holds something that no reader understands.
    #[error("the file cannot be read: {0}; mend it first")]
    Unread(String),
    /// A template, which is text for a program before it is YAML.
    #[error("here stands a template {{{{ }}}}; change the values that it is rendered with")]
    Template,
    /// A tab where YAML wants spaces.
    #[error("a tab indents this line; YAML indents with spaces, replace it")]
    Tab,
    /// Line ends of a bare carriage return.
    #[error("a line ends with a bare carriage return; save the file with LF or CRLF")]
    CarriageReturn,
    /// There is no such document, or no such item in it.
    #[error("the file has no {0}; it has changed since it was read, scan again")]
    NoPlace(String),
    /// The path leads nowhere.
    #[error("{0} is not there; the file has changed since it was read, scan again")]
    NotFound(String),
    /// Something is there already where something was to be added.
    #[error("{0} is there already; the file has changed since it was read, scan again")]
    AlreadyThere(String),
    /// A field of what is no map, or an element of what is no list.
    #[error("{0} has another shape than the cluster's: a map, list or plain value; change the file by hand")]
    OtherShape(String),
    /// One edit lies within another.
    #[error("two of the edits change {0}; make them one after the other")]
    Overlap(String),
    /// A fingerprint, which nobody can write back.
    #[error("the value of {0} is known by its fingerprint only; secrets are not written into files")]
    Secret(String),
    /// SOPS sealed the document.
    #[error("SOPS sealed this document, and its checksum covers every value; change it with `sops edit`")]
    Sealed,
    /// The value is behind an anchor that others share.
    #[error("the value stands behind the anchor &{anchor}, which {} elsewhere; write it out in one of these places first", places(*.uses))]
    Shared {
        /// The anchor's name.
        anchor: String,
        /// How many aliases use it.
        uses: usize,
    },
    /// The value comes by `<<`, and cannot be taken away here.
    #[error("{0} comes through a merge key <<; remove it where it is written, or write the map out")]
    Merged(String),
    /// The key is there twice.
    #[error("the key {0:?} is written twice; keep one")]
    Twice(String),
    /// A form of YAML that is read, but not edited.
    #[error("{0}; write it in the common form, or change the file by hand")]
    Form(&'static str),
    /// The file would not read as it was meant to.
    #[error("{0} cannot be changed so that the file provably reads as it must; change it by hand")]
    Unproven(String),
    /// There is no room for one more object.
    #[error("a JSON file of one object has no room for another; make a List of it, or use another file")]
    NoRoom,
    /// What is to be written is no Kubernetes object.
    #[error("only a map can be written as an object")]
    NoObject,
}

fn places(uses: usize) -> String {
    match uses {
        1 => "1 place uses".to_owned(),
        uses => format!("{uses} places use"),
    }
}

/// What the reader says of a document that it cannot read.
pub(super) fn unreadable(error: yaml::Error) -> Refusal {
    Reason::Unread(error.message).at(error.line)
}

impl Reason {
    pub(super) fn at(self, line: u32) -> Refusal {
        Refusal { line, reason: self }
    }
}
