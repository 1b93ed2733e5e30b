//! Rolling back: the cluster is made as Git says, in the fields that somebody means, and nowhere else.
//!
//! A scan finds what differs. For each object that is meant a [`Draft`] is made and tried out on the server; together they
//! are the plan that somebody is shown and confirms. Then each object is drafted anew from what it is by that time, and goes on
//! only if that is what was confirmed: it is written with the guard's permit, read back, and proven. What is written is noted
//! before and after, so that it can be taken back, and found after a crash.

pub(crate) mod carry_out;
mod confirmed;
pub(crate) mod dependants;
mod draft;
mod gone;
mod may;
pub(crate) mod notes;
mod pause;
mod proof;
pub(crate) mod record;
mod recover;
mod recreation;
mod removal;
pub(crate) mod undo;

use std::time::{Duration, Instant};

use anchorwatch_core::change::dependants::Dependants;
use anchorwatch_core::change::{Action, Body, Field, Observed, Plan, Target};
use anchorwatch_core::drift::DriftItem;
use anchorwatch_core::guard::access::ClusterUser;
use anchorwatch_core::guard::{self, Confirmation, Permit, Refusal, WriteScope};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::apply::Place;
use anchorwatch_edge::cluster::{Cluster, ClusterError};
use anchorwatch_edge::files::SourceFile;
use tokio::runtime::Handle;

use super::examiner::Examiner;
use super::ground::{self, Ground};
use super::live::cluster_failure;
use super::meant::by_object;
pub(crate) use super::meant::{Deletion, Left, Meant};
use super::scan::{self, Request};
use super::side::Side;
use crate::failure::Failure;
use carry_out::Carrying;
use draft::{Aim, Draft, Undraftable};
use notes::Notes;
use record::{ChangeRecord, StepRecord, StepState};
use removal::Removal;

/// What would be written, and what would not.
#[derive(Debug)]
pub(crate) struct Planned {
    /// What somebody confirms.
    pub(crate) plan: Plan,
    /// The items of each of its changes.
    pub(crate) items: Vec<Vec<DriftItem>>,
    /// What belongs to the object of each of its changes, where that is deleted.
    pub(crate) dependants: Vec<Dependants>,
    /// What was meant too, and is left as it is, with the reason.
    pub(crate) left: Vec<Left>,
    /// What earlier changes had left, and is finished now; of each the objects that were left.
    pub(crate) recovered: Vec<Done>,
    /// True if a scan could not compare everything that is meant.
    pub(crate) is_partial: bool,
}

/// What came of a rollback.
#[derive(Debug)]
pub(crate) struct RolledBack {
    pub(crate) planned: Planned,
    /// What was done; `None` if nobody confirmed it.
    pub(crate) done: Option<Done>,
}

/// What somebody has said may be done beside what usually is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said {
    /// Objects may be deleted and created anew where the server does not let them change.
    pub(crate) recreate: bool,
    /// Objects may be written though the tool that delivers them is paused.
    pub(crate) even_if_paused: bool,
}

/// What may be written, and where it is noted.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub(crate) scope: &'a WriteScope,
    pub(crate) said: Said,
    /// As whom the person is known in the cluster: then that one has to have the rights, too.
    pub(crate) person: Option<&'a ClusterUser>,
    pub(crate) notes: &'a dyn Notes,
    /// False where somebody only looks: then nothing is finished, either.
    pub(crate) may_write: bool,
}

/// What was done.
#[derive(Debug)]
pub(crate) struct Done {
    /// By which it is undone.
    pub(crate) change_id: String,
    /// Who confirmed it.
    pub(crate) by: String,
    /// The change that it took back, if it is an undo.
    pub(crate) undoes: Option<String>,
    /// What came of each object, in the plan's order.
    pub(crate) steps: Vec<Step>,
    /// Items that are as Git says now, by their fingerprints. None of an undo's: it brings back what differs.
    pub(crate) rolled_back: Vec<String>,
}

/// What came of one object.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) target: Target,
    pub(crate) action: Action,
    /// How many fields of it.
    pub(crate) fields: usize,
    pub(crate) state: StepState,
}

impl From<ChangeRecord> for Done {
    fn from(record: ChangeRecord) -> Self {
        let undoes = record.undoes().map(str::to_owned);
        let is_proven = |step: &&StepRecord| undoes.is_none() && step.state.is_as_promised();
        let rolled_back = record.steps.iter().filter(is_proven).flat_map(|step| &step.change.fields);
        Self {
            rolled_back: rolled_back.map(|field| field.fingerprint.clone()).collect(),
            undoes,
            change_id: record.change_id,
            by: record.by,
            steps: record.steps.into_iter().map(Step::from).collect(),
        }
    }
}

impl From<StepRecord> for Step {
    fn from(step: StepRecord) -> Self {
        let action = step.change.write.action();
        Self { fields: step.change.fields.len(), target: step.change.target, action, state: step.state }
    }
}

/// Plans, asks, and does what was confirmed. Runs outside of the async runtime, on which it waits.
#[expect(clippy::disallowed_methods, reason = "how long it took decides nothing")]
pub(crate) fn rollback(
    runtime: &Handle,
    (request, key): (&Request, &SecretKey),
    meant: &Meant,
    writing: Writing<'_>,
    confirm: impl FnOnce(&Planned) -> Result<Option<Confirmation>, Failure>,
) -> Result<RolledBack, Failure> {
    let started = Instant::now();
    let request = &Request { unmanaged: request.unmanaged || meant.is_deletion(), ..request.clone() };
    ground::stand_on(runtime, request, key, |mut ground| {
        let Side::Served { cluster, .. } = ground.side else {
            return Err(Failure::unfit("a recorded state cannot be rolled back")
                .hint("leave --live out, and name the cluster by --context; a service needs a kubeconfig for its cluster, not a snapshot"));
        };
        let recovered = if writing.may_write {
            Planning::on(runtime, cluster, &ground, writing).recover(writing.notes)?
        } else {
            Vec::new()
        };
        let outcome = scan::look(runtime, &mut ground, request, started)?;
        let planning = Planning::on(runtime, cluster, &ground, writing);
        let (mut planned, drafts) = planning.plan(&outcome, meant)?;
        planned.recovered = recovered;
        let confirmation = if drafts.is_empty() { None } else { confirm(&planned)? };
        let Some(confirmation) = confirmation else { return Ok(RolledBack { planned, done: None }) };
        let carrying = Carrying { planning: &planning, plan: &planned.plan, confirmation: &confirmation, writing };
        let done = carrying.carry_out(&drafts)?;
        Ok(RolledBack { planned, done: Some(done) })
    })
}

/// Finishes what changes of a source have left that were killed.
pub(crate) fn recover(
    runtime: &Handle,
    (request, key): (&Request, &SecretKey),
    writing: Writing<'_>,
) -> Result<Vec<Done>, Failure> {
    ground::stand_on(runtime, request, key, |ground| match ground.side {
        Side::Served { cluster, .. } => Planning::on(runtime, cluster, &ground, writing).recover(writing.notes),
        Side::Recorded { .. } => Ok(Vec::new()),
    })
}

/// What is to become of an object, and the items that say so.
type Aimed<'a, 'o> = (Aim<'a>, Vec<&'o DriftItem>);

/// What planning needs.
struct Planning<'a> {
    runtime: &'a Handle,
    cluster: &'a Cluster,
    examiner: &'a Examiner<'a>,
    /// The source's files, of which a Secret's own values are read again.
    files: &'a [SourceFile],
    scope: &'a WriteScope,
    said: Said,
    person: Option<&'a ClusterUser>,
}

impl<'a> Planning<'a> {
    fn on(runtime: &'a Handle, cluster: &'a Cluster, ground: &'a Ground<'a>, writing: Writing<'a>) -> Self {
        let Writing { scope, said, person, .. } = writing;
        Self { runtime, cluster, examiner: &ground.examiner, files: &ground.source.files, scope, said, person }
    }

    fn plan(&self, outcome: &scan::Outcome, meant: &Meant) -> Result<(Planned, Vec<Draft<'a>>), Failure> {
        let (aims, mut left) = self.aims(outcome, meant)?;
        let (mut drafts, mut changes, mut items, mut dependants) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (aim, of_object) in aims {
            match self.tried_draft(&aim) {
                Ok((draft, tried)) => {
                    let draft = draft.tried(tried);
                    changes.push(draft.change.clone());
                    items.push(draft.items.clone());
                    dependants.push(draft.dependants.clone());
                    drafts.push(draft);
                }
                Err(reason) => left.extend(of_object.into_iter().map(|item| Left {
                    item: item.clone(),
                    reason: reason.to_string(),
                    is_as_git_says: matches!(reason, Undraftable::Gone),
                })),
            }
        }
        // Whatever else is called like the one object that a uid names is not meant.
        if meant.is_deletion() && !drafts.is_empty() {
            left.clear();
        }
        let plan = Plan {
            cluster: self.examiner.setting.cluster.to_owned(),
            source: self.examiner.setting.source.to_owned(),
            revision: self.examiner.origin.commit.clone(),
            changes,
        };
        let is_partial = !outcome.is_complete();
        Ok((Planned { plan, items, dependants, left, recovered: Vec::new(), is_partial }, drafts))
    }

    /// What is to become of the objects that are meant, each with its items; in Git's order, so that a namespace comes before what
    /// lies in it.
    fn aims<'o>(&self, outcome: &'o scan::Outcome, meant: &Meant) -> Result<(Vec<Aimed<'a, 'o>>, Vec<Left>), Failure> {
        let Meant::Deleted(deletion) = meant else {
            let (chosen, left) = meant.choose(outcome, |item| guard::may_roll_back(item, self.scope))?;
            let aims = by_object(self.examiner.index, &chosen).into_iter().map(|(wanted, items)| {
                (Aim::AsGitSays(wanted, items.iter().map(|item| Field::from(*item)).collect()), items)
            });
            return Ok((aims.collect(), left));
        };
        let (chosen, left) = meant.choose(outcome, |item| guard::may_delete(item, self.scope))?;
        let aim = |item| Aim::Gone(Box::new(Removal::of(item, deletion)));
        Ok((chosen.into_iter().map(|item| (aim(item), vec![item])).collect(), left))
    }

    fn target(&self) -> TargetCluster<'_> {
        TargetCluster { runtime: self.runtime, cluster: self.cluster, person: self.person }
    }

    /// The object as it is now; `None` if it is not there.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.runtime.block_on(self.cluster.object(path)).map_err(|error| cluster_failure(&error))
    }
}

/// How often an object is read, tried and written anew that somebody else writes meanwhile, its status for example.
const ATTEMPTS: u32 = 8;
/// The first pause between these; each is twice as long as the one before. A rollout writes its status many times a second while it begins.
const PAUSE: Duration = Duration::from_millis(25);

/// Attempts, with pauses between them.
fn attempts(runtime: &Handle) -> impl Iterator<Item = ()> {
    (0..ATTEMPTS).map(|attempt| {
        if let Some(before) = attempt.checked_sub(1) {
            runtime.block_on(async { tokio::time::sleep(PAUSE * 2_u32.pow(before)).await });
        }
    })
}

/// Why one is given up.
const WRITTEN_BY_OTHERS: &str = "others write it all the time";

/// What became of a write.
enum Sent {
    /// It was written, and this is the object.
    Written(Vec<u8>),
    /// Nothing was: the object was no longer what it was when it was read.
    Moved(ClusterError),
    /// Nothing was, for another reason.
    Refused(ClusterError),
    /// Nobody knows whether it arrived.
    Unknown(ClusterError),
}

/// The cluster that is written to.
#[derive(Clone, Copy)]
struct TargetCluster<'a> {
    runtime: &'a Handle,
    cluster: &'a Cluster,
    person: Option<&'a ClusterUser>,
}

impl TargetCluster<'_> {
    /// Writes once.
    fn send(self, permit: Permit, place: &Place, body: &Body, observed: Option<&Observed>) -> Sent {
        match self.runtime.block_on(self.cluster.write(permit, place, body, clock::now())) {
            Ok(after) => Sent::Written(after),
            Err(error) if self.has_moved(&error, &place.object, observed) => Sent::Moved(error),
            Err(error) if error.is_refusal() => Sent::Refused(error),
            Err(error) => Sent::Unknown(error),
        }
    }

    /// True for an error that a precondition may have caused. A test of a patch that fails is told like any other 422.
    fn may_be_conflict(error: &ClusterError) -> bool {
        matches!(error.code(), Some(409 | 422))
    }

    /// True if the error came because the object was no longer what it was when it was read.
    fn has_moved(self, error: &ClusterError, path: &str, observed: Option<&Observed>) -> bool {
        let now = || self.runtime.block_on(self.cluster.object(path)).ok();
        Self::may_be_conflict(error)
            && now().is_some_and(|now| now.and_then(|object| Observed::of(&object).ok()).as_ref() != observed)
    }
}
