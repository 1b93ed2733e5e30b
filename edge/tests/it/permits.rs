//! Permits for tests, from the one who makes them.

use std::fmt::Display;

use anchorwatch_core::change::commit::CommitPlan;
use anchorwatch_core::guard::{Confirmation, Permit, PushFacts, WriteScope, decide_push};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_edge::clock;

/// A permit to push a commit to a branch of a repository.
pub(crate) fn permit(repository: &str, branch: &str, commit: &impl Display) -> Permit {
    let key = SecretKey::new([7; 32]);
    let plan = CommitPlan {
        cluster: "lab".to_owned(),
        source: "shop".to_owned(),
        branch: branch.to_owned(),
        is_direct: true,
        files: Vec::new(),
        objects: Vec::new(),
    };
    let confirmation = Confirmation { plan: plan.hash(&key), by: "ann".to_owned(), at: clock::now(), approves: true };
    let commit = commit.to_string();
    let facts = PushFacts {
        plan: &plan,
        confirmation: &confirmation,
        scope: &WriteScope::Everything,
        key: &key,
        repository,
        commit: &commit,
    };
    decide_push(&facts, clock::now()).unwrap()
}
