//! What a process left that ended before its time: it is found by its notes, finished, and noted.

use anchorwatch_core::change::{Action, Observed, Promise, Target, Write};
use anchorwatch_core::guard::Confirmation;
use anchorwatch_edge::clock;
use jiff::SignedDuration;

use super::confirmed::{Confirmed, NotCreated};
use super::gone::Became;
use super::notes::Notes;
use super::record::{ChangeRecord, StepRecord, StepState};
use super::{Done, Planning, Step};
use crate::failure::Failure;
use crate::index::Wanted;

/// How long an object is waited for that is to be created anew; the confirmation has long ceased to count then.
const GIVEN_UP: SignedDuration = SignedDuration::from_mins(30);
const ENDED_BEFORE: &str = "whoever was about to write it ended before that";

impl Planning<'_> {
    /// Finishes what changes of this source in this cluster have left. One that is still on its way is left alone.
    pub(super) fn recover(&self, notes: &dyn Notes) -> Result<Vec<Done>, Failure> {
        let mut recovered = Vec::new();
        for mut record in notes.open()?.into_iter().filter(|record| self.is_left(record)) {
            let Some(_held) = notes.hold(&record.change_id)? else { continue };
            // Whoever held it may have gone on since.
            let Some(now) = notes.read(&record.change_id)? else { continue };
            record = now;
            let mut steps = Vec::new();
            for at in 0..record.steps.len() {
                if record.steps[at].is_unfinished() {
                    let (state, after) = self.finish(&record, at);
                    record.steps[at].state = state;
                    record.steps[at].after = after.or(record.steps[at].after.take());
                    steps.push(Step::from(record.steps[at].clone()));
                    notes.write(&record)?;
                }
            }
            recovered.push(Done { steps, ..record.into() });
        }
        Ok(recovered)
    }

    fn is_left(&self, record: &ChangeRecord) -> bool {
        let setting = &self.examiner.setting;
        record.commit().is_none()
            && record.reached == self.cluster.identity()
            && (record.plan.cluster.as_str(), record.plan.source.as_str()) == (setting.cluster, setting.source)
    }

    /// The object says whether it was written. What was, is proven; what was not, is not begun again: nobody has confirmed it now. What
    /// was deleted to be created anew is created, as long as the confirmation counts.
    fn finish(&self, record: &ChangeRecord, at: usize) -> (StepState, Option<Observed>) {
        let step = &record.steps[at];
        let Target { kind, namespace, name, api_version } = &step.change.target;
        let group = anchorwatch_core::object::split_api_version(api_version).0;
        let reason = |reason: String| (StepState::NotProven { reason }, None);
        // What cannot be read now is looked at again.
        let Ok(mut now) = self.read(&step.object) else { return (step.state.clone(), None) };
        if let Promise::Exact(Write::Delete(_)) = &step.change.write {
            return (deleted(step, now.as_deref()), None);
        }
        let wanted = self.examiner.index.find(group, kind, namespace, name);
        if step.change.write.action() == Action::Recreate && step.state != StepState::Written {
            match Became::of(now.as_deref(), step.change.uid.as_deref()) {
                Became::There => return (StepState::NotWritten { reason: ENDED_BEFORE.to_owned() }, None),
                Became::Going(finalizers) if clock::now().duration_since(record.begun_at) > GIVEN_UP => {
                    let held = finalizers.join(", ");
                    return reason(format!("it is being deleted ({held}), and is not created any more; plan it anew"));
                }
                Became::Going(_) => return (StepState::Deleted, None),
                Became::Another => {}
                Became::Gone => match self.created(record, step, wanted) {
                    Ok(after) => now = Some(after),
                    Err(NotCreated::Going) => return (StepState::Deleted, None),
                    Err(NotCreated::Because(why)) => return reason(why),
                },
            }
        }
        let observed = now.as_deref().and_then(|object| Observed::of(object).ok());
        if record.undoes().is_some() {
            return (undone(step, now.as_deref()), observed);
        }
        let Some(wanted) = wanted else { return reason("Git does not have it any more".to_owned()) };
        let is_recreated = step.change.write.action() == Action::Recreate;
        if step.state == StepState::Intended && !is_recreated && !self.is_written(wanted, &step.change, now.as_deref())
        {
            return (StepState::NotWritten { reason: ENDED_BEFORE.to_owned() }, None);
        }
        let Some(now) = now else { return reason("it is gone".to_owned()) };
        match self.prove(wanted, &step.place(), &step.change.fields, now) {
            Ok(()) => (StepState::Proven, observed),
            Err(why) => (StepState::NotProven { reason: why }, observed),
        }
    }

    /// Creates what was deleted, if that still is what was confirmed. It was approved: else it would not have been deleted.
    fn created(
        &self,
        record: &ChangeRecord,
        step: &StepRecord,
        wanted: Option<&Wanted<'_>>,
    ) -> Result<Vec<u8>, NotCreated> {
        let write = match (&step.change.write, wanted) {
            (Promise::Exact(write), _) => write.clone(),
            (Promise::Sealed { .. }, Some(wanted)) => {
                self.recreating(wanted).map_err(|error| NotCreated::Because(error.to_string()))?
            }
            (Promise::Sealed { .. }, None) => {
                return Err(NotCreated::Because("Git does not have it any more".to_owned()));
            }
        };
        let (plan, by, at) = (record.plan_hash.clone(), record.by.clone(), record.begun_at);
        let confirmation = Confirmation { plan, by, at, approves: true };
        let (target, key) = (self.target(), self.examiner.setting.key);
        let confirmed = Confirmed { target, plan: &record.plan, confirmation: &confirmation, scope: self.scope, key };
        confirmed.create_again(&step.place(), &step.change, &write)
    }
}

/// What came of a deletion: the object itself tells.
fn deleted(step: &StepRecord, object: Option<&[u8]>) -> StepState {
    match Became::of(object, step.change.uid.as_deref()) {
        Became::There => StepState::NotWritten { reason: ENDED_BEFORE.to_owned() },
        became => became.into(),
    }
}

/// What came of an undo: the object itself tells.
fn undone(step: &StepRecord, object: Option<&[u8]>) -> StepState {
    let is_undone = match (&step.change.write, object) {
        (Promise::Exact(Write::Delete(_)), object) => return deleted(step, object),
        (Promise::Exact(write), Some(object)) => write.left(object).is_empty(),
        _ => false,
    };
    if is_undone {
        return StepState::Proven;
    }
    StepState::NotWritten { reason: ENDED_BEFORE.to_owned() }
}
