//! Taking a change back: each object is made as it was before, in the fields that were written and in no other.

use anchorwatch_core::change::dependants::Dependants;
use anchorwatch_core::change::rehearsal::Rehearsal;
use anchorwatch_core::change::{Action, Body, ObjectChange, Observed, Plan, Promise, Target, Write};
use anchorwatch_core::guard::access::ClusterUser;
use anchorwatch_core::guard::{self, Confirmation, DryRun};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::Cluster;
use anchorwatch_edge::cluster::apply::Place;
use tokio::runtime::Handle;

use super::confirmed::{Attempt, Confirmed, NotCreated};
use super::record::{ChangeRecord, StepRecord, StepState, What};
use super::{Done, Sent, TargetCluster, WRITTEN_BY_OTHERS, Writing, attempts};
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

/// Has the server try what takes a change back, and keeps nothing of it. For each change of the plan why it cannot be; `None` if it
/// would be taken.
pub(crate) fn try_out(
    runtime: &Handle,
    cluster: &Cluster,
    person: Option<&ClusterUser>,
    (record, plan): (&ChangeRecord, &Plan),
) -> Result<Vec<Option<String>>, Failure> {
    let target = TargetCluster { runtime, cluster, person };
    let one = |(change, step): (&ObjectChange, &StepRecord)| {
        for () in attempts(runtime) {
            match tried(target, change, &step.place())? {
                Ok(Next::Moved) => {}
                Ok(Next::AlreadySo(_) | Next::Send(_)) => return Ok(None),
                Err(reason) => return Ok(Some(reason)),
            }
        }
        Ok(Some(WRITTEN_BY_OTHERS.to_owned()))
    };
    plan.changes.iter().zip(undoable(record)).map(one).collect()
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
        Failure::conflict("that change is being written, or taken back, at this moment")
            .hint("look at it again in a while")
    };
    let _undone = writing.notes.hold(&undone.change_id)?.ok_or_else(busy)?;
    if let Some(undo) = writing.notes.undone_by(&undone.change_id)? {
        return Err(Failure::conflict(format!("that change was taken back already, by change {undo}")));
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
        plan: plan.clone(),
    };
    let target = TargetCluster { runtime, cluster, person: writing.person };
    let confirmed = Confirmed { target, plan: &plan, confirmation, scope: writing.scope, key };
    let undoing = Undoing { confirmed, writing };
    let _held = writing.notes.hold(&record.change_id)?;
    undoing.note(&record)?;
    for at in 0..record.steps.len() {
        record.steps[at].state = StepState::Intended;
        undoing.note(&record)?;
        fail_point::reached("undo-intended");
        let (state, after) = undoing
            .one(&mut record, at)
            .unwrap_or_else(|failure| (StepState::NotProven { reason: failure.line() }, None));
        fail_point::reached("undo-written");
        record.steps[at].state = state;
        record.steps[at].after = after;
        undoing.note(&record)?;
        if !record.steps[at].state.is_as_promised() {
            break;
        }
    }
    Ok(record.into())
}

/// What comes next with a step.
enum Next {
    /// Nothing has to be written.
    AlreadySo(Option<Observed>),
    /// This may be sent.
    Send(Sendable),
    /// Somebody has written the object in between; it is looked at anew.
    Moved,
}

/// What takes a step back, as the server has tried it.
struct Sendable {
    observed: Option<Observed>,
    /// What would go with it, where it is deleted.
    dependants: Dependants,
    body: Body,
    dry_run: DryRun,
}

/// Looks at the object, and has the server try what takes a step back; or says why that cannot be.
fn tried(target: TargetCluster<'_>, change: &ObjectChange, place: &Place) -> Result<Result<Next, String>, Failure> {
    let no = |reason: &str| Ok(Err(reason.to_owned()));
    let Promise::Exact(write) = &change.write else { return no("a Secret's values are not kept") };
    let TargetCluster { runtime, cluster, .. } = target;
    let before = runtime.block_on(cluster.object(&place.object)).map_err(|error| cluster_failure(&error))?;
    let before = before.as_deref();
    let observed = before.and_then(|object| Observed::of(object).ok());
    let action = write.action();
    match (before, action) {
        (None, Action::Delete) => return Ok(Ok(Next::AlreadySo(None))),
        (Some(_), Action::Create) => return no("it is there again already; nothing was taken back"),
        _ => {}
    }
    if observed.as_ref().map(|observed| &observed.uid) != change.uid.as_ref() {
        return no("the object is another one by now, or gone; nothing was taken back");
    }
    if action == Action::Patch && before.is_some_and(|object| write.left(object).is_empty()) {
        return Ok(Ok(Next::AlreadySo(observed)));
    }
    if let Some(path) = before.and_then(|object| write.overwrites(object)) {
        return Ok(Err(format!("somebody has put something else to {path} since")));
    }
    let is_ours = before.is_some_and(|object| created(change).is_some_and(|created| created.is_as_created(object)));
    if matches!(action, Action::Delete | Action::Recreate) && !is_ours {
        return no("it was changed since it was created; delete it by hand, if it is to go");
    }
    let dependants = match (action, &change.uid) {
        (Action::Delete | Action::Recreate, Some(uid)) => target.claims_of(uid, &change.target.namespace),
        _ => Dependants::default(),
    };
    if let Write::Delete(propagation) | Write::Recreate { propagation, .. } = write
        && let Err(refusal) = guard::may_be_deleted(&change.target.kind, *propagation, &dependants)
    {
        return Ok(Err(refusal.to_string()));
    }
    if let Err(denied) = target.may(action, place, &change.target) {
        return Ok(Err(denied.to_string()));
    }
    let live = before.and_then(|object| serde_json::from_slice(object).ok()).unwrap_or_default();
    if let Some(rehearsal) = Rehearsal::of(write, &live)
        && let Err(error) = runtime.block_on(cluster.try_out(place, &rehearsal.body))
    {
        return Ok(Err(confirm::shown(&error)));
    }
    let body = Body::of(write, observed.as_ref());
    let answer = match runtime.block_on(cluster.try_out(place, &body)) {
        Ok(answer) => answer,
        Err(error) if target.has_moved(&error, &place.object, observed.as_ref()) => return Ok(Ok(Next::Moved)),
        Err(error) if error.is_failed_test() => return no("it was changed since, in what would be taken back"),
        Err(error) => return Ok(Err(confirm::shown(&error))),
    };
    Ok(DryRun::proven(&body, &write.left(&answer))
        .map(|dry_run| Next::Send(Sendable { observed, dependants, body, dry_run }))
        .map_err(|refusal| refusal.to_string()))
}

/// What an undo's step had created.
fn created(change: &ObjectChange) -> Option<&Write> {
    match &change.inverse {
        Promise::Exact(write) => Some(write),
        Promise::Sealed { .. } => None,
    }
}

struct Undoing<'a> {
    confirmed: Confirmed<'a>,
    writing: Writing<'a>,
}

impl Undoing<'_> {
    fn note(&self, record: &ChangeRecord) -> Result<(), Failure> {
        self.writing.notes.write(record)
    }

    fn one(&self, record: &mut ChangeRecord, at: usize) -> Result<(StepState, Option<Observed>), Failure> {
        let (place, change) = (record.steps[at].place(), record.steps[at].change.clone());
        let not_written = |reason: String| Ok((StepState::NotWritten { reason }, None));
        let Promise::Exact(write) = &change.write else {
            return not_written("a Secret's values are not kept".to_owned());
        };
        let target = self.confirmed.target;
        for () in attempts(target.runtime) {
            let Sendable { observed, dependants, body, dry_run } = match tried(target, &change, &place)? {
                Ok(Next::Send(sendable)) => sendable,
                Ok(Next::AlreadySo(observed)) => return Ok((StepState::AlreadySo, observed)),
                Ok(Next::Moved) => continue,
                Err(reason) => return not_written(reason),
            };
            let attempt = Attempt {
                place: &place,
                change: &change,
                observed: observed.as_ref(),
                write,
                dependants: &dependants,
                body: &body,
                dry_run: &dry_run,
            };
            let permit = match self.confirmed.permit(&attempt) {
                Ok(permit) => permit,
                Err(refusal) => return not_written(refusal.to_string()),
            };
            match (target.send(permit, &place, &body, observed.as_ref()), write.action()) {
                (Sent::Written(_), Action::Delete) => {
                    let became = target.await_gone(&place.object, change.uid.as_deref());
                    return Ok((became.map_err(|error| cluster_failure(&error))?.into(), None));
                }
                (Sent::Written(_), Action::Recreate) => {
                    record.steps[at].state = StepState::Deleted;
                    self.note(record)?;
                    fail_point::reached("undo-deleted");
                    return Ok(match self.confirmed.create_again(&place, &change, write) {
                        Ok(after) => proven(write, &after),
                        Err(NotCreated::Going) => (StepState::Deleted, None),
                        Err(NotCreated::Because(reason)) => (StepState::NotProven { reason }, None),
                    });
                }
                (Sent::Written(after), _) => return Ok(proven(write, &after)),
                (Sent::Moved(_), _) => {}
                (Sent::Refused(error), _) => return not_written(confirm::shown(&error)),
                // The object knows.
                (Sent::Unknown(error), action) => {
                    let now = target.runtime.block_on(target.cluster.object(&place.object)).ok().flatten();
                    return match now {
                        Some(now) if matches!(action, Action::Patch | Action::Create) => Ok(proven(write, &now)),
                        _ => Ok((StepState::NotProven { reason: error.to_string() }, None)),
                    };
                }
            }
        }
        not_written(WRITTEN_BY_OTHERS.to_owned())
    }
}

fn proven(write: &Write, after: &[u8]) -> (StepState, Option<Observed>) {
    let observed = Observed::of(after).ok();
    match write.left(after).first() {
        None => (StepState::Proven, observed),
        Some(path) => (StepState::NotProven { reason: format!("{path} is otherwise again") }, observed),
    }
}
