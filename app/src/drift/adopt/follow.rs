//! Commits that were pushed, or nearly: where they are by now.

use anchorwatch_edge::forge::ProposalState;
use anchorwatch_edge::git::{GitRepository, ObjectId};
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::publish::{ForgeAccess, git_failure, location, open, proposed};
use super::record::{CommitRecord, CommitState};
use crate::drift::rollback::notes::Notes;
use crate::drift::rollback::record::ChangeRecord;
use crate::drift::scan::Request;
use crate::drift::source::hinted;
use crate::failure::Failure;

const ENDED_BEFORE: &str = "whoever was about to push it ended before that";

/// Whoever looks after a source's commits.
#[derive(Clone, Copy)]
pub(crate) struct Following<'a> {
    pub(crate) runtime: &'a Handle,
    /// The source's name.
    pub(crate) source: &'a str,
    pub(crate) notes: &'a dyn Notes,
    /// Where pull requests are.
    pub(crate) forge: Option<&'a ForgeAccess>,
}

impl Following<'_> {
    /// Finds out whether commits were pushed of which nobody knows. Gives those.
    pub(super) fn finish(self, repository: &GitRepository) -> Result<Vec<ChangeRecord>, Failure> {
        let is_unknown = |commit: &CommitRecord| commit.state == CommitState::Intended;
        self.each(is_unknown, |commit| {
            let state = match self.tip(repository, &commit.pushed_to)? {
                Some(tip) if self.has(repository, &tip, commit)? => CommitState::Pushed,
                _ => CommitState::NotPushed { reason: ENDED_BEFORE.to_owned() },
            };
            Ok(Some(CommitRecord { state, ..commit.clone() }))
        })
    }

    /// Looks where commits are that the source's branch does not have yet, and whether a scan began after it had them. Gives those
    /// of which there is news.
    pub(crate) fn follow(
        self,
        request: &Request,
        scanned_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<ChangeRecord>, Failure> {
        let scratch =
            tempfile::tempdir().map_err(|e| Failure::new("cannot make a temporary folder").detail(e.to_string()))?;
        let repository = open(self.runtime, &location(request)?, request.source.git.as_ref(), scratch.path())?;
        let mut news = self.finish(&repository)?;
        news.extend(self.each(
            |commit| commit.state.is_open(),
            |commit| {
                let state = match &commit.state {
                    CommitState::Merged { seen_at } => {
                        scanned_at.is_some_and(|scanned| scanned > *seen_at).then_some(CommitState::Adopted)
                    }
                    CommitState::Pushed => self.merged(&repository, commit, now)?,
                    _ => None,
                };
                if let Some(state) = state {
                    return Ok(Some(CommitRecord { state, ..commit.clone() }));
                }
                let is_to_be_proposed =
                    commit.state == CommitState::Pushed && commit.proposal.is_none() && !commit.plan.is_direct;
                let forge = self.forge.filter(|_| is_to_be_proposed);
                let proposed = forge.map(|forge| proposed(self.runtime, forge, &repository, commit.clone()));
                Ok(proposed.filter(|proposed| proposed != commit))
            },
        )?);
        Ok(news)
    }

    fn merged(
        self,
        repository: &GitRepository,
        commit: &CommitRecord,
        now: Timestamp,
    ) -> Result<Option<CommitState>, Failure> {
        let branch = &commit.plan.branch;
        if let Some(tip) = self.tip(repository, branch)?
            && self.has(repository, &tip, commit)?
        {
            return Ok(Some(CommitState::Merged { seen_at: now }));
        }
        // A squashed commit is another one.
        if let Some(forge) = self.forge.filter(|_| commit.proposal.is_some()) {
            let found = self.runtime.block_on(forge.open()?.proposal(&commit.pushed_to, branch));
            let found = found.map_err(|error| hinted(Failure::because(&error), error.hint()))?;
            match found.map(|found| found.state) {
                Some(ProposalState::Merged) => return Ok(Some(CommitState::Merged { seen_at: now })),
                Some(ProposalState::Closed) => {
                    return Ok(Some(CommitState::Dropped { reason: "its pull request was closed".to_owned() }));
                }
                Some(ProposalState::Open) | None => {}
            }
        }
        if self.tip(repository, &commit.pushed_to)?.is_none() {
            let reason = format!("the branch {} is gone, and {branch} does not have its commit", commit.pushed_to);
            return Ok(Some(CommitState::Dropped { reason }));
        }
        Ok(None)
    }

    /// Looks at each open commit of the source's that fits, and notes what is new of it.
    fn each(
        self,
        fits: impl Fn(&CommitRecord) -> bool,
        look: impl Fn(&CommitRecord) -> Result<Option<CommitRecord>, Failure>,
    ) -> Result<Vec<ChangeRecord>, Failure> {
        let is_its = |record: &ChangeRecord| record.plan.source == self.source && record.commit().is_some_and(&fits);
        let mut news = Vec::new();
        for record in self.notes.open()?.into_iter().filter(is_its) {
            let Some(_held) = self.notes.hold(&record.change_id)? else { continue };
            // Whoever held it may have gone on since.
            let Some(now) = self.notes.read(&record.change_id)?.filter(is_its) else { continue };
            let found = now.commit().map(&look).transpose()?.flatten();
            if let Some(commit) = found {
                let record = now.with_commit(commit);
                self.notes.write(&record)?;
                news.push(record);
            }
        }
        Ok(news)
    }

    fn tip(self, repository: &GitRepository, branch: &str) -> Result<Option<ObjectId>, Failure> {
        self.runtime.block_on(repository.remote_tip(branch)).map_err(git_failure)
    }

    fn has(self, repository: &GitRepository, tip: &ObjectId, commit: &CommitRecord) -> Result<bool, Failure> {
        let Ok(id) = commit.commit.parse() else { return Ok(false) };
        self.runtime.block_on(repository.is_within(&id, tip)).map_err(git_failure)
    }
}
