//! Doing what was confirmed, one object after the other, and stopping at the first that fails.

use anchorwatch_core::change::{Observed, Plan};
use anchorwatch_core::guard::Confirmation;
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::ClusterError;

use super::confirmed::{Attempt, Confirmed, NotCreated};
use super::draft::{Aim, Draft, Tried, Undraftable};
use super::gone::Became;
use super::record::{ChangeRecord, StepRecord, StepState, What};
use super::{Done, Planning, Sent, WRITTEN_BY_OTHERS, Writing, attempts};
use crate::drift::confirm;
use crate::fail_point;
use crate::failure::Failure;

/// A plan that was confirmed, on its way.
pub(super) struct Carrying<'a> {
    pub(super) planning: &'a Planning<'a>,
    pub(super) plan: &'a Plan,
    pub(super) confirmation: &'a Confirmation,
    pub(super) writing: Writing<'a>,
}

/// Why a step ends without a proof.
enum Ended {
    /// Somebody else has made it so.
    AlreadySo,
    /// Nothing was written.
    NotWritten(String),
    /// It was written, and what was promised is not so.
    NotProven(String),
    /// It was deleted, is going still, and is to be created then.
    Deleted,
    /// It could not be noted; nothing more is done.
    Unnoted(Failure),
}

impl From<Undraftable> for Ended {
    fn from(reason: Undraftable) -> Self {
        match reason {
            Undraftable::Gone => Self::AlreadySo,
            reason => Self::NotWritten(reason.to_string()),
        }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Unnoted(failure)
    }
}

impl Carrying<'_> {
    pub(super) fn carry_out(&self, drafts: &[Draft<'_>]) -> Result<Done, Failure> {
        let mut record = ChangeRecord {
            change_id: clock::new_id(),
            what: What::Rollback,
            by: self.confirmation.by.clone(),
            begun_at: clock::now(),
            reached: self.planning.cluster.identity(),
            plan_hash: self.confirmation.plan.clone(),
            plan: self.plan.clone(),
            steps: drafts.iter().map(step_of).collect(),
        };
        // Held until this process ends, however that is.
        let _held = self.writing.notes.hold(&record.change_id)?;
        self.note(&record)?;
        fail_point::reached("rollback-noted");
        for (at, draft) in drafts.iter().enumerate() {
            let ended = self.one(draft, at, &mut record);
            record.steps[at].state = match ended {
                Ok(()) => StepState::Proven,
                Err(Ended::AlreadySo) => StepState::AlreadySo,
                Err(Ended::NotWritten(reason)) => StepState::NotWritten { reason },
                Err(Ended::NotProven(reason)) => StepState::NotProven { reason },
                Err(Ended::Deleted) => StepState::Deleted,
                Err(Ended::Unnoted(failure)) => return Err(failure),
            };
            self.note(&record)?;
            fail_point::reached("rollback-proven");
            if !record.steps[at].state.is_as_promised() {
                break;
            }
        }
        Ok(record.into())
    }

    fn note(&self, record: &ChangeRecord) -> Result<(), Failure> {
        self.writing.notes.write(record)
    }

    /// Writes one object. One that somebody else has written meanwhile is read, drafted and tried anew: if the draft is the same, so is
    /// what was confirmed.
    fn one(&self, first: &Draft<'_>, at: usize, record: &mut ChangeRecord) -> Result<(), Ended> {
        for () in attempts(self.planning.runtime) {
            let (draft, Tried { dry_run, inverse }) = self.planning.tried_draft(&first.aim)?;
            for item in &draft.items {
                let may = draft.aim.may(item, self.writing.scope);
                may.map_err(|refusal| Ended::NotWritten(refusal.to_string()))?;
            }
            let observed = draft.before.as_ref().map(|before| &before.observed);
            let attempt = Attempt {
                place: &draft.place,
                change: &draft.change,
                observed,
                write: &draft.write,
                dependants: &draft.dependants,
                body: &draft.body,
                dry_run: &dry_run,
            };
            let permit = self.confirmed().permit(&attempt);
            let permit = permit.map_err(|refusal| Ended::NotWritten(refusal.to_string()))?;
            record.steps[at] = StepRecord { state: StepState::Intended, ..step_of(&draft) };
            record.steps[at].change.inverse = inverse;
            self.note(record)?;
            fail_point::reached("rollback-intended");
            match self.planning.target().send(permit, &draft.place, &draft.body, observed) {
                Sent::Written(_) if matches!(draft.aim, Aim::Recreated(..)) => {
                    return self.create_again(&draft, at, record);
                }
                Sent::Written(after) => {
                    fail_point::reached("rollback-sent");
                    record.steps[at].state = StepState::Written;
                    record.steps[at].after = Observed::of(&after).ok();
                    self.note(record)?;
                    fail_point::reached("rollback-written");
                    return self.prove(&draft, after);
                }
                Sent::Moved(_) => {}
                Sent::Refused(error) => return Err(Ended::NotWritten(confirm::shown(&error))),
                Sent::Unknown(error) => return self.settle(&draft, &error, (at, record)),
            }
        }
        Err(Ended::NotWritten(WRITTEN_BY_OTHERS.to_owned()))
    }

    fn confirmed(&self) -> Confirmed<'_> {
        let Planning { examiner, .. } = self.planning;
        Confirmed {
            target: self.planning.target(),
            plan: self.plan,
            confirmation: self.confirmation,
            scope: self.writing.scope,
            key: examiner.setting.key,
        }
    }

    /// What was deleted is created anew, once it is gone.
    fn create_again(&self, draft: &Draft<'_>, at: usize, record: &mut ChangeRecord) -> Result<(), Ended> {
        fail_point::reached("rollback-deleted");
        record.steps[at].state = StepState::Deleted;
        self.note(record)?;
        fail_point::reached("rollback-deleted-noted");
        let created = self.confirmed().create_again(&draft.place, &draft.change, &draft.write);
        let after = created.map_err(|not_created| match not_created {
            NotCreated::Going => Ended::Deleted,
            NotCreated::Because(reason) => Ended::NotProven(reason),
        })?;
        fail_point::reached("rollback-created");
        record.steps[at].state = StepState::Written;
        record.steps[at].after = Observed::of(&after).ok();
        self.note(record)?;
        self.prove(draft, after)
    }

    fn prove(&self, draft: &Draft<'_>, after: Vec<u8>) -> Result<(), Ended> {
        match draft.aim {
            Aim::AsGitSays(wanted, _) | Aim::Recreated(wanted, _) => {
                self.planning.prove(wanted, &draft.place, &draft.change.fields, after).map_err(Ended::NotProven)
            }
            Aim::Gone(_) => {
                let became = self.planning.target().await_gone(&draft.place.object, draft.change.uid.as_deref());
                let became = became.map_err(|error| Ended::NotProven(confirm::shown(&error)))?;
                became.why_not().map_or(Ok(()), |reason| Err(Ended::NotProven(reason)))
            }
        }
    }

    /// A request without an answer: the object itself says whether it was written. What was not may still be on its way.
    fn settle(
        &self,
        draft: &Draft<'_>,
        error: &ClusterError,
        (at, record): (usize, &mut ChangeRecord),
    ) -> Result<(), Ended> {
        let as_before =
            || Err(Ended::NotProven(format!("{error}; when it was looked at after that, it was as before")));
        let now = self.planning.read(&draft.place.object);
        let now = now.map_err(|_| Ended::NotProven(format!("{error}; nobody knows whether it arrived")))?;
        let became = Became::of(now.as_deref(), draft.change.uid.as_deref());
        match (&draft.aim, now) {
            (Aim::AsGitSays(wanted, _), Some(now)) if self.planning.is_written(wanted, &draft.change, Some(&now)) => {
                record.steps[at].after = Observed::of(&now).ok();
                self.prove(draft, now)
            }
            (Aim::AsGitSays(..), _) => as_before(),
            _ if became == Became::There => as_before(),
            (Aim::Recreated(..), _) => self.create_again(draft, at, record),
            (Aim::Gone(_), _) => self.prove(draft, Vec::new()),
        }
    }
}

fn step_of(draft: &Draft<'_>) -> StepRecord {
    StepRecord {
        change: draft.change.clone(),
        collection: draft.place.collection.clone(),
        object: draft.place.object.clone(),
        before: draft.before.as_ref().map(|before| before.observed.clone()),
        after: None,
        state: StepState::Waiting,
    }
}
