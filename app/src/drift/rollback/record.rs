//! What is noted of a change: before each step and after it, so that a crash leaves nothing that nobody knows of.

use anchorwatch_core::change::{ObjectChange, Observed, Plan};
use anchorwatch_edge::cluster::apply::Place;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::drift::adopt::record::CommitRecord;

/// One change of a cluster: a plan that somebody confirmed, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChangeRecord {
    /// Its id, by which it is undone.
    pub(crate) change_id: String,
    /// What it does.
    pub(crate) what: What,
    /// Who confirmed it.
    pub(crate) by: String,
    /// When it began.
    pub(crate) begun_at: Timestamp,
    /// What edge calls the cluster.
    pub(crate) reached: String,
    /// The plan's hash.
    pub(crate) plan_hash: String,
    /// What was confirmed.
    pub(crate) plan: Plan,
    /// How far each object is, in the plan's order.
    pub(crate) steps: Vec<StepRecord>,
}

/// What a change does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// It makes the cluster as Git says.
    Rollback,
    /// It takes another change back.
    Undo {
        /// That change's id.
        change_id: String,
    },
    /// It makes Git as the cluster is: a commit, and no step.
    Adopt(Box<CommitRecord>),
}

/// How far one object is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepRecord {
    /// What is written, with what takes it back.
    pub(crate) change: ObjectChange,
    /// Its paths in the API.
    pub(crate) collection: String,
    pub(crate) object: String,
    /// The object before and after; nothing where it was not there.
    pub(crate) before: Option<Observed>,
    pub(crate) after: Option<Observed>,
    /// How far it is.
    pub(crate) state: StepState,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepState {
    /// Nothing was sent.
    Waiting,
    /// It is about to be sent, or was: nobody knows.
    Intended,
    /// It was deleted to be created anew; that is about to be sent, or was: nobody knows.
    Deleted,
    /// It was written.
    Written,
    /// It was written, and the object was read back and is as was promised.
    Proven,
    /// Nothing had to be written: by the time it was to be, it was as was promised.
    AlreadySo,
    /// Nothing was written, and this is why.
    NotWritten {
        /// Why.
        reason: String,
    },
    /// It was written, and what was promised is not so.
    NotProven {
        /// What is otherwise.
        reason: String,
    },
}

impl ChangeRecord {
    /// The change that it takes back, if it does.
    pub(crate) fn undoes(&self) -> Option<&str> {
        match &self.what {
            What::Rollback | What::Adopt(_) => None,
            What::Undo { change_id } => Some(change_id),
        }
    }

    /// The commit, of a change of Git.
    pub(crate) fn commit(&self) -> Option<&CommitRecord> {
        match &self.what {
            What::Adopt(commit) => Some(commit),
            What::Rollback | What::Undo { .. } => None,
        }
    }

    /// The same with its commit as it is now.
    pub(crate) fn with_commit(self, commit: CommitRecord) -> Self {
        Self { what: What::Adopt(Box::new(commit)), ..self }
    }

    /// True if some part of it was begun, and nobody has noted how that ended.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.steps.iter().any(StepRecord::is_unfinished)
            || self.commit().is_some_and(|commit| commit.state.is_unfinished())
    }

    /// True while it has to be looked after: it is unfinished, or its commit is not where it is to be.
    pub(crate) fn is_open(&self) -> bool {
        self.is_unfinished() || self.commit().is_some_and(|commit| commit.state.is_open())
    }
}

impl StepState {
    /// True if the object is as it was to be.
    pub(crate) fn is_as_promised(&self) -> bool {
        matches!(self, Self::Proven | Self::AlreadySo)
    }
}

impl StepRecord {
    /// Its paths.
    pub(crate) fn place(&self) -> Place {
        Place { collection: self.collection.clone(), object: self.object.clone() }
    }

    /// True if it was begun, and nobody has noted how it ended.
    pub(crate) fn is_unfinished(&self) -> bool {
        matches!(self.state, StepState::Intended | StepState::Deleted | StepState::Written)
    }

    /// True if something was written, as far as is known.
    pub(crate) fn was_written(&self) -> bool {
        matches!(self.state, StepState::Deleted | StepState::Written | StepState::Proven | StepState::NotProven { .. })
    }
}
