//! Whether the person for whom the service writes may do that in the cluster themselves. Who is not known there is not asked about.

use anchorwatch_core::change::{Action, Target};
use anchorwatch_core::guard::Refusal;
use anchorwatch_core::guard::access::Question;
use anchorwatch_edge::cluster::ClusterError;
use anchorwatch_edge::cluster::apply::Place;

use super::TargetCluster;
use crate::drift::confirm;

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Denied {
    #[error(transparent)]
    Refused(Refusal),
    /// The cluster gave no answer, and so no leave.
    #[error("whether they may do that in the cluster could not be asked: {}", confirm::shown(.0))]
    Unasked(ClusterError),
}

impl TargetCluster<'_> {
    /// Asks the cluster whether the person may do all that an action takes.
    pub(super) fn may(self, action: Action, place: &Place, target: &Target) -> Result<(), Denied> {
        let Some(user) = self.person else { return Ok(()) };
        for question in Question::all(user, action, place.resource(), target) {
            let answer = self.runtime.block_on(self.cluster.review_access(&question.review()));
            question.answered(&answer.map_err(Denied::Unasked)?).map_err(Denied::Refused)?;
        }
        Ok(())
    }
}
