//! Commits that were pushed, or nearly: where they are by now.

use anchorwatch_edge::forge::ProposalState;
use anchorwatch_edge::git::{GitRepository, ObjectId};
use jiff::{SignedDuration, Timestamp};
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

/// What is new of commits, and why something could not be seen.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) records: Vec<ChangeRecord>,
    pub(crate) failures: Vec<Failure>,
}

impl News {
    /// The first reason why something could not be seen.
    pub(crate) fn first_failure(self) -> Result<(), Failure> {
        self.failures.into_iter().next().map_or(Ok(()), Err)
    }
}

/// What the service knows of a commit that the source's branch has.
pub(crate) trait Known {
    /// When the last scan of the source began that could tell.
    fn scanned_at(&self) -> Option<Timestamp>;

    /// True if one of these items still differs.
    fn differs(&self, commit: &CommitRecord) -> Result<bool, Failure>;

    /// Notes that its items are adopted, where they differ no more. It may be called again.
    fn settle(&self, by: &str, commit: &CommitRecord) -> Result<(), Failure>;

    /// The time.
    fn now(&self) -> Timestamp;
}

/// How long a scan is waited for that finds no difference; after that somebody has made another one.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

impl Following<'_> {
    /// Finds out whether commits were pushed of which nobody knows. Gives those.
    pub(super) fn finish(self, repository: &GitRepository) -> News {
        let is_unknown = |commit: &CommitRecord| commit.state == CommitState::Intended;
        self.each(repository, is_unknown, |_, commit| {
            let tip = self.tip(repository, &commit.pushed_to)?;
            let state = match tip {
                Some(tip) if tip.as_str() == commit.commit => CommitState::Pushed,
                Some(tip) => match self.has(repository, &tip, commit)? {
                    Some(true) => CommitState::Pushed,
                    Some(false) => CommitState::NotPushed { reason: ENDED_BEFORE.to_owned() },
                    None => return Ok(None),
                },
                None => CommitState::NotPushed { reason: ENDED_BEFORE.to_owned() },
            };
            Ok(Some(CommitRecord { state, ..commit.clone() }))
        })
    }

    /// Looks where commits are that the source's branch does not have yet, and whether a scan began after it had them. Gives those
    /// of which there is news.
    pub(crate) fn follow(self, request: &Request, known: &dyn Known) -> Result<News, Failure> {
        let scratch = crate::drift::scratch()?;
        let repository = open(self.runtime, &location(request)?, request.source.git.as_ref(), scratch.path())?;
        let mut news = self.finish(&repository);
        let more = self.each(
            &repository,
            |commit| commit.state.is_open(),
            |by, commit| {
                let state = match &commit.state {
                    CommitState::Merged { seen_at } if is_seen(known, *seen_at, commit)? => {
                        known.settle(by, commit)?;
                        Some(CommitState::Adopted)
                    }
                    CommitState::Pushed => self.merged(&repository, commit, known)?,
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
        );
        news.records.extend(more.records);
        news.failures.extend(more.failures);
        Ok(news)
    }

    fn merged(
        self,
        repository: &GitRepository,
        commit: &CommitRecord,
        known: &dyn Known,
    ) -> Result<Option<CommitState>, Failure> {
        let branch = &commit.plan.branch;
        let merged = || Ok(Some(CommitState::Merged { seen_at: known.now() }));
        if let Some(tip) = self.tip(repository, branch)? {
            match self.has(repository, &tip, commit)? {
                Some(true) => return merged(),
                Some(false) => {}
                // Somebody has pushed since the copy was fetched: it is looked at again.
                None => return Ok(None),
            }
        }
        // A squashed commit is another one.
        if let Some(forge) = self.forge.filter(|_| commit.proposal.is_some()) {
            let found = self.runtime.block_on(forge.open()?.proposal(&commit.pushed_to, branch));
            let found = found.map_err(|error| hinted(Failure::because(&error), error.hint()))?;
            match found.map(|found| found.state) {
                Some(ProposalState::Merged) => return merged(),
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

    /// Looks at each open commit of the source's that fits, and notes what is new of it. One that cannot be looked at holds up no
    /// other.
    fn each(
        self,
        repository: &GitRepository,
        fits: impl Fn(&CommitRecord) -> bool,
        look: impl Fn(&str, &CommitRecord) -> Result<Option<CommitRecord>, Failure>,
    ) -> News {
        let is_its = |record: &ChangeRecord| {
            let is_there = |commit: &CommitRecord| commit.repository == repository.name() && fits(commit);
            record.plan.source == self.source && record.commit().is_some_and(is_there)
        };
        let mut news = News::default();
        let open = match self.notes.open() {
            Ok(open) => open,
            Err(failure) => return News { failures: vec![failure], ..news },
        };
        for record in open.into_iter().filter(is_its) {
            let looked_at = || {
                let Some(_held) = self.notes.hold(&record.change_id)? else { return Ok(None) };
                // Whoever held it may have gone on since.
                let Some(now) = self.notes.read(&record.change_id)?.filter(is_its) else { return Ok(None) };
                let found = now.commit().map(|commit| look(&now.by, commit)).transpose()?.flatten();
                let Some(commit) = found else { return Ok(None) };
                let record = now.with_commit(commit);
                self.notes.write(&record)?;
                Ok(Some(record))
            };
            match looked_at() {
                Ok(found) => news.records.extend(found),
                Err(failure) => news.failures.push(failure),
            }
        }
        news
    }

    fn tip(self, repository: &GitRepository, branch: &str) -> Result<Option<ObjectId>, Failure> {
        self.runtime.block_on(repository.remote_tip(branch)).map_err(git_failure)
    }

    /// Whether a branch that stands there has the commit; `None` where the copy does not know what stands there.
    fn has(self, repository: &GitRepository, tip: &ObjectId, commit: &CommitRecord) -> Result<Option<bool>, Failure> {
        let Ok(id) = commit.commit.parse() else { return Ok(Some(false)) };
        let looking = async {
            if !repository.has(tip).await? {
                return Ok(None);
            }
            repository.is_within(&id, tip).await.map(Some)
        };
        self.runtime.block_on(looking).map_err(git_failure)
    }
}

/// True if a scan has seen the branch with the commit: nothing differs there, or still does after a long time.
fn is_seen(known: &dyn Known, seen_at: Timestamp, commit: &CommitRecord) -> Result<bool, Failure> {
    let has_scanned = known.scanned_at().is_some_and(|scanned| scanned > seen_at);
    let is_over = known.now().duration_since(seen_at) > PATIENCE;
    Ok(has_scanned && (is_over || !known.differs(commit)?))
}
