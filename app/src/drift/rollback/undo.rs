//! Taking a change back: each object is made as it was before, in the fields that were written and in no other.

use anchorwatch_core::change::dependants::Dependants;
use anchorwatch_core::change::rehearsal::Rehearsal;
use anchorwatch_core::change::{Action, Body, ObjectChange, Observed, Plan, Promise, Target, Write};
use anchorwatch_core::guard::{Confirmation, DryRun};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::Cluster;
use tokio::runtime::Handle;

use super::confirmed::{Attempt, Confirmed, NotCreated};
use super::record::{ChangeRecord, StepRecord, StepState, What};
use super::{ATTEMPTS, Done, Sent, TargetCluster, WRITTEN_BY_OTHERS, Writing};
use crate::drift::confirm;
use crate::drift::live::cluster_failure;
use crate::fail_point;
use crate::failure::Failure;

/// What a change has written and can be taken back, the last object first.
fn undoable(record: &ChangeRecord) -> impl Iterator<Item = &StepRecord> {
    let is_kept = |step: &&StepRecord| matches!(step.change.inverse, Promise::Exact(_));
    record.steps.iter().rev().filter(|step| step.was_written()).filter(is_kept)
}

/// What a change has written and cannot be taken back: values of Secrets, which are not kept.
pub(crate) fn not_kept(record: &ChangeRecord) -> Vec<Target> {
    let is_sealed = |step: &&StepRecord| step.was_written() && matches!(step.change.inverse, Promise::Sealed { .. });
    record.steps.iter().filter(is_sealed).map(|step| step.change.target.clone()).collect()
}

/// What takes a change back.
pub(crate) fn plan(record: &ChangeRecord) -> Plan {
    let back = undoable(record).map(|step| {
        let write = inverse(step);
        let observed = step.after.as_ref().or(step.before.as_ref()).map(|observed| observed.uid.clone());
        // What is created is not there.
        let uid = observed.filter(|_| write.action() != Action::Create);
        ObjectChange { uid, write, inverse: step.change.write.clone(), ..step.change.clone() }
    });
    Plan { changes: back.collect(), ..record.plan.clone() }
}

/// What takes a step back. One that was deleted and never created anew is only created.
fn inverse(step: &StepRecord) -> Promise {
    match &step.change.inverse {
        Promise::Exact(Write::Recreate { object, .. }) if step.after.is_none() => {
            Promise::Exact(Write::Create(object.clone()))
        }
        inverse => inverse.clone(),
    }
}

/// Takes a change back that was confirmed to be.
pub(crate) fn undo(
    runtime: &Handle,
    (cluster, key): (&Cluster, &SecretKey),
    undone: &ChangeRecord,
    confirmation: &Confirmation,
    writing: Writing<'_>,
) -> Result<Done, Failure> {
    let busy = || {
        Failure::new("that change is being written, or taken back, at this moment").hint("look at it again in a while")
    };
    let _undone = writing.notes.hold(&undone.change_id)?.ok_or_else(busy)?;
    if let Some(undo) = writing.notes.undone_by(&undone.change_id)? {
        return Err(Failure::new(format!("that change was taken back already, by change {undo}")));
    }
    let plan = plan(undone);
    let steps = plan.changes.iter().zip(undoable(undone)).map(|(change, step)| StepRecord {
        change: change.clone(),
        before: step.after.clone(),
        after: None,
        state: StepState::Waiting,
        ..step.clone()
    });
    let mut record = ChangeRecord {
        change_id: clock::new_id(),
        what: What::Undo { change_id: undone.change_id.clone() },
        by: confirmation.by.clone(),
        begun_at: clock::now(),
        reached: cluster.identity(),
        plan_hash: confirmation.plan.clone(),
        steps: steps.collect(),
        plan,
    };
    let note = |record: &ChangeRecord| writing.notes.write(record);
    let _held = writing.notes.hold(&record.change_id)?;
    note(&record)?;
    for at in 0..record.steps.len() {
        record.steps[at].state = StepState::Intended;
        note(&record)?;
        fail_point::reached("undo-intended");
        let deleted = |record: &mut ChangeRecord| {
            record.steps[at].state = StepState::Deleted;
            note(record)
        };
        let undone = {
            let plan = record.plan.clone();
            let target = TargetCluster { runtime, cluster };
            let undoing =
                Undoing { confirmed: Confirmed { target, plan: &plan, confirmation, scope: writing.scope, key } };
            let step = record.steps[at].clone();
            undoing.one(&step, || deleted(&mut record))
        };
        let (state, after) = undone.unwrap_or_else(|failure| (StepState::NotProven { reason: failure.line() }, None));
        fail_point::reached("undo-written");
        record.steps[at].state = state;
        record.steps[at].after = after;
        note(&record)?;
        if !record.steps[at].state.is_as_promised() {
            break;
        }
    }
    Ok(record.into())
}

struct Undoing<'a> {
    confirmed: Confirmed<'a>,
}

/// What an undo's step had created.
fn created(step: &StepRecord) -> Option<&Write> {
    match &step.change.inverse {
        Promise::Exact(write) => Some(write),
        Promise::Sealed { .. } => None,
    }
}

impl Undoing<'_> {
    /// Takes one step back. `deleted` notes that an object is gone that is created anew.
    fn one(
        &self,
        step: &StepRecord,
        mut deleted: impl FnMut() -> Result<(), Failure>,
    ) -> Result<(StepState, Option<Observed>), Failure> {
        let (place, change) = (step.place(), &step.change);
        let not_written = |reason: String| Ok((StepState::NotWritten { reason }, None));
        let Promise::Exact(write) = &change.write else {
            return not_written("a Secret's values are not kept".to_owned());
        };
        let target = self.confirmed.target;
        let TargetCluster { runtime, cluster } = target;
        for _ in 0..ATTEMPTS {
            let before = runtime.block_on(cluster.object(&place.object));
            let before = before.map_err(|error| cluster_failure(&error))?;
            let observed = before.as_deref().and_then(|object| Observed::of(object).ok());
            let is_delete = matches!(write, Write::Delete(_));
            if before.is_none() && is_delete {
                return Ok((StepState::AlreadySo, None));
            }
            if before.is_some() && matches!(write, Write::Create(_)) {
                return not_written("it is there again already; nothing was taken back".to_owned());
            }
            if observed.as_ref().map(|observed| &observed.uid) != change.uid.as_ref() {
                return not_written("the object is another one by now, or gone; nothing was taken back".to_owned());
            }
            let is_patch = matches!(write, Write::Patch(_));
            if is_patch && before.as_deref().is_some_and(|object| write.left(object).is_empty()) {
                return Ok((StepState::AlreadySo, observed));
            }
            if let Some(path) = before.as_deref().and_then(|object| write.overwrites(object)) {
                return not_written(format!("somebody has put something else to {path} since"));
            }
            let is_ours =
                before.as_deref().is_some_and(|object| created(step).is_some_and(|c| c.is_as_created(object)));
            let is_recreated = write.action() == Action::Recreate;
            if (is_delete || is_recreated) && !is_ours {
                return not_written(
                    "it was changed since it was created; delete it by hand, if it is to go".to_owned(),
                );
            }
            let live = before.as_deref().and_then(|object| serde_json::from_slice(object).ok()).unwrap_or_default();
            if let Some(rehearsal) = Rehearsal::of(write, &live)
                && let Err(error) = runtime.block_on(cluster.try_out(&place, &rehearsal.body))
            {
                return not_written(confirm::shown(&error));
            }
            let body = Body::of(write, observed.as_ref());
            let answer = match runtime.block_on(cluster.try_out(&place, &body)) {
                Ok(answer) => answer,
                Err(error) if target.has_moved(&error, &place.object, observed.as_ref()) => continue,
                Err(error) if error.is_failed_test() => {
                    return not_written("it was changed since, in what would be taken back".to_owned());
                }
                Err(error) => return not_written(confirm::shown(&error)),
            };
            let dry_run = match DryRun::proven(&body, &write.left(&answer)) {
                Ok(dry_run) => dry_run,
                Err(refusal) => return not_written(refusal.to_string()),
            };
            let attempt = Attempt {
                place: &place,
                change,
                observed: observed.as_ref(),
                write,
                dependants: &Dependants::default(),
                body: &body,
                dry_run: &dry_run,
            };
            let permit = match self.confirmed.permit(&attempt) {
                Ok(permit) => permit,
                Err(refusal) => return not_written(refusal.to_string()),
            };
            match target.send(permit, &place, &body, observed.as_ref()) {
                Sent::Written(_) if is_delete => {
                    let became = target.await_gone(&place.object, change.uid.as_deref());
                    return Ok((became.map_err(|error| cluster_failure(&error))?.into(), None));
                }
                Sent::Written(_) if is_recreated => {
                    deleted()?;
                    fail_point::reached("undo-deleted");
                    return Ok(match self.confirmed.create_again(&place, change, write) {
                        Ok(after) => Self::proven(write, &after),
                        Err(NotCreated::Going) => (StepState::Deleted, None),
                        Err(NotCreated::Because(reason)) => (StepState::NotProven { reason }, None),
                    });
                }
                Sent::Written(after) => return Ok(Self::proven(write, &after)),
                Sent::Moved(_) => {}
                Sent::Refused(error) => return not_written(confirm::shown(&error)),
                // The object knows.
                Sent::Unknown(error) => {
                    let now = runtime.block_on(cluster.object(&place.object)).ok().flatten();
                    return match now {
                        Some(now) if !is_delete && !is_recreated => Ok(Self::proven(write, &now)),
                        _ => Ok((StepState::NotProven { reason: error.to_string() }, None)),
                    };
                }
            }
        }
        not_written(WRITTEN_BY_OTHERS.to_owned())
    }

    fn proven(write: &Write, after: &[u8]) -> (StepState, Option<Observed>) {
        match write.left(after).first() {
            None => (StepState::Proven, Observed::of(after).ok()),
            Some(path) => {
                (StepState::NotProven { reason: format!("{path} is otherwise again") }, Observed::of(after).ok())
            }
        }
    }
}
