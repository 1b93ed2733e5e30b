//! A plan that somebody has confirmed: the guard is asked of each write on its way.

use anchorwatch_core::change::dependants::Dependants;
use anchorwatch_core::change::{Body, ObjectChange, Observed, Plan, Write};
use anchorwatch_core::guard::{self, Confirmation, DryRun, Facts, Permit, Refusal, WriteScope};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::apply::Place;

use super::gone::Became;
use super::{Sent, TargetCluster};
use crate::drift::confirm;

/// A plan that was confirmed, and where it may be written.
#[derive(Clone, Copy)]
pub(super) struct Confirmed<'a> {
    pub(super) target: TargetCluster<'a>,
    pub(super) plan: &'a Plan,
    pub(super) confirmation: &'a Confirmation,
    pub(super) scope: &'a WriteScope,
    pub(super) key: &'a SecretKey,
}

/// One write, as it is to be sent.
pub(super) struct Attempt<'a> {
    pub(super) place: &'a Place,
    /// The part of the plan that it is.
    pub(super) change: &'a ObjectChange,
    /// The object as it is; `None` if it is not there.
    pub(super) observed: Option<&'a Observed>,
    pub(super) write: &'a Write,
    /// What belongs to it, where it is deleted.
    pub(super) dependants: &'a Dependants,
    pub(super) body: &'a Body,
    pub(super) dry_run: &'a DryRun,
}

/// Why an object that was deleted is not created.
pub(super) enum NotCreated {
    /// It is being deleted still.
    Going,
    /// For this reason.
    Because(String),
}

impl Confirmed<'_> {
    /// Leave to send it, if the guard gives it.
    pub(super) fn permit(&self, attempt: &Attempt<'_>) -> Result<Permit, Refusal> {
        let Attempt { place, change, observed, write, dependants, body, dry_run } = *attempt;
        let facts = Facts {
            plan: self.plan,
            cluster: &self.target.cluster.identity(),
            path: place.path(body),
            scope: self.scope,
            confirmation: self.confirmation,
            change,
            observed,
            write,
            key: self.key,
            dependants,
            body,
            dry_run,
        };
        guard::decide(&facts, clock::now())
    }

    /// The second half of what is created anew: once the deleted object is gone, another one is created. It is given as it is then.
    pub(super) fn create_again(
        &self,
        place: &Place,
        change: &ObjectChange,
        write: &Write,
    ) -> Result<Vec<u8>, NotCreated> {
        let because = |reason: String| NotCreated::Because(format!("it was deleted, and is not created: {reason}"));
        let told = |error: &_| because(confirm::shown(error));
        match self.target.await_gone(&place.object, change.uid.as_deref()).map_err(|error| told(&error))? {
            Became::Gone => {}
            Became::Going(_) => return Err(NotCreated::Going),
            Became::There => return Err(NotCreated::Because("it is still there".to_owned())),
            Became::Another => return Err(because("somebody else has created it".to_owned())),
        }
        let body = Body::of(write, None);
        let TargetCluster { runtime, cluster, .. } = self.target;
        runtime.block_on(cluster.try_out(place, &body)).map_err(|error| told(&error))?;
        let dry_run = DryRun::proven(&body, &[]).map_err(|refusal| because(refusal.to_string()))?;
        let dependants = &Dependants::default();
        let attempt = Attempt { place, change, observed: None, write, dependants, body: &body, dry_run: &dry_run };
        let permit = self.permit(&attempt).map_err(|refusal| because(refusal.to_string()))?;
        match self.target.send(permit, place, &body, None) {
            Sent::Written(after) => Ok(after),
            Sent::Moved(_) => Err(because("somebody else has created it".to_owned())),
            Sent::Refused(error) => Err(told(&error)),
            // The object knows.
            Sent::Unknown(error) => match runtime.block_on(cluster.object(&place.object)) {
                Ok(Some(after)) => Ok(after),
                _ => Err(told(&error)),
            },
        }
    }
}
