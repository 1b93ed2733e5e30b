//! What is noted of a commit that adopts: before it is pushed and after it, and until the source's branch has it.

use anchorwatch_core::change::commit::CommitPlan;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A commit, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitRecord {
    /// What was confirmed.
    pub(crate) plan: CommitPlan,
    /// The repository.
    pub(crate) repository: String,
    /// The commit that it was made on.
    pub(crate) base: String,
    /// The commit.
    pub(crate) commit: String,
    /// The branch that it is pushed to.
    pub(crate) pushed_to: String,
    /// How far it is.
    pub(crate) state: CommitState,
    /// The pull request's address.
    pub(crate) proposal: Option<String>,
    /// Why there is none, where there was to be one.
    pub(crate) unproposed: Option<String>,
}

/// How far a commit is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CommitState {
    /// It is about to be pushed, or was: nobody knows.
    Intended,
    /// It was pushed, and the source's branch does not have it yet.
    Pushed,
    /// The source's branch has it since then at the latest; a scan that begins later tells whether it ends the drift.
    Merged {
        /// When that was seen.
        seen_at: Timestamp,
    },
    /// A scan has seen that, and its items are adopted where they differ no more.
    Adopted,
    /// It was not pushed, and this is why.
    NotPushed {
        /// Why.
        reason: String,
    },
    /// It was pushed, and nobody wants it: its pull request was closed, or its branch is gone.
    Dropped {
        /// What was seen.
        reason: String,
    },
}

impl CommitRecord {
    /// Its items.
    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = &str> {
        self.plan.objects.iter().flat_map(|object| &object.fields).map(|field| field.fingerprint.as_str())
    }
}

impl CommitState {
    /// True while nobody knows whether it was pushed.
    pub(crate) fn is_unfinished(&self) -> bool {
        matches!(self, Self::Intended)
    }

    /// True while it has to be looked after.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Intended | Self::Pushed | Self::Merged { .. })
    }
}
