//! Adopting into a repository: a commit on the branch that the source follows, pushed to that branch or to one of its own.
//!
//! The plan is made of the commit that the branch stands at. Where somebody pushes meanwhile, it is made anew, and goes on only if
//! it is still what was confirmed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anchorwatch_core::change::commit::{Adopted, CommitPlan, FileChange, PLAN_TRAILER, Words};
use anchorwatch_core::change::{Field, Plan, Target};
use anchorwatch_core::drift::DriftItem;
use anchorwatch_core::guard::{self, Confirmation, PushFacts, WriteScope};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::redaction::Redactor;
use anchorwatch_edge::clock;
use anchorwatch_edge::forge::{Forge, ForgeAddress, ProposalToMake};
use anchorwatch_edge::git::{
    Author, CommitWords, FileToWrite, GitError, GitLocation, GitRepository, ObjectId, Push, PushError,
};
use anchorwatch_edge::outbound::Outbound;
use tokio::runtime::Handle;

use super::follow::Following;
use super::record::{CommitRecord, CommitState};
use super::{Adopting, Adoption};
use crate::drift::ground;
use crate::drift::meant::Meant;
use crate::drift::rollback::notes::Notes;
use crate::drift::rollback::record::{ChangeRecord, What};
use crate::drift::scan::{self, Request};
use crate::drift::source::{self, GitAccess, hinted};
use crate::fail_point;
use crate::failure::Failure;
use crate::secret::Secret;
use crate::shown::hunks;

/// How often it is planned anew, as somebody else pushes.
const ATTEMPTS: usize = 5;

/// How commits are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Committing {
    /// By whom; the person at this machine without it.
    pub(crate) author: Option<Author>,
    /// Whether they say `Signed-off-by`.
    pub(crate) is_signed_off: bool,
    /// A key of ssh that signs them.
    pub(crate) signing_key: Option<PathBuf>,
    /// Whether they are pushed to the branch that the source follows, and not to one of their own.
    pub(crate) is_direct: bool,
    /// Where pull requests are made.
    pub(crate) forge: Option<ForgeAccess>,
}

/// A forge, and what it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForgeAccess {
    pub(crate) address: ForgeAddress,
    pub(crate) token: Secret,
    /// Certificates of a server of one's own.
    pub(crate) certificate_authority: Option<PathBuf>,
}

impl ForgeAccess {
    /// The token is read each time: it may be renewed while the service runs.
    #[expect(clippy::disallowed_methods, reason = "one file that the configuration names")]
    pub(super) fn open(&self) -> Result<Forge, Failure> {
        let authorities = self.certificate_authority.as_ref().map(std::fs::read).transpose();
        let authorities = authorities
            .map_err(|error| Failure::new("cannot read the certificates of git").detail(error.to_string()))?;
        let outbound = Outbound::to_own_service(authorities.as_deref()).map_err(|error| Failure::because(&error))?;
        let forge = Forge::new(self.address.clone(), self.token.read()?.into(), outbound);
        forge.map_err(|error| hinted(Failure::because(&error), error.hint()))
    }
}

/// What may be committed, how, and where it is noted.
#[derive(Clone, Copy)]
pub(crate) struct Publishing<'a> {
    pub(crate) scope: &'a WriteScope,
    pub(crate) notes: &'a dyn Notes,
    pub(crate) committing: &'a Committing,
    /// False where somebody only looks: then nothing is finished, either.
    pub(crate) may_write: bool,
}

/// What would be committed, or was.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) adoption: Adoption,
    /// What somebody confirms.
    pub(crate) plan: CommitPlan,
    /// What came of it; `None` if nobody has confirmed this plan.
    pub(crate) done: Option<ChangeRecord>,
}

/// Plans, asks, and publishes what was confirmed. Runs outside of the async runtime, on which it waits.
#[expect(clippy::disallowed_methods, reason = "how long it took decides nothing")]
pub(crate) fn publish(
    runtime: &Handle,
    (request, key): (&Request, &SecretKey),
    meant: &Meant,
    publishing: Publishing<'_>,
    confirm: impl FnOnce(&Publication) -> Result<Option<Confirmation>, Failure>,
) -> Result<Publication, Failure> {
    let location = location(request)?;
    let scratch = crate::drift::scratch()?;
    let repository = open(runtime, &location, request.source.git.as_ref(), scratch.path())?;
    let branch = runtime.block_on(repository.branch(location.revision())).map_err(git_failure)?;
    let branch = branch.ok_or_else(|| {
        Failure::unfit(format!("{} names no branch, so nothing can be committed onto it", request.source.address))
            .hint("name a branch by ?ref=BRANCH, or a folder of files on disk")
    })?;
    if publishing.may_write {
        let source = request.named.as_ref().map_or(&request.source.address, |named| &named.source);
        let following = Following { runtime, source, notes: publishing.notes, forge: None };
        following.finish(&repository).first_failure()?;
    }
    let mut confirm = Some(confirm);
    let mut confirmation: Option<Confirmation> = None;
    for _ in 0..ATTEMPTS {
        let started = Instant::now();
        let (mut publication, base) = ground::stand_on(runtime, request, key, |mut ground| {
            let outcome = scan::look(runtime, &mut ground, request, started)?;
            let adopting = Adopting { runtime, ground: &ground, key };
            let adoption = adopting.plan(&outcome, meant, publishing.scope)?;
            let plan = plan_of(&adoption, &branch, publishing.committing.is_direct);
            Ok((Publication { adoption, plan, done: None }, ground.examiner.origin.commit.clone()))
        })?;
        if publication.adoption.files.is_empty() {
            return Ok(publication);
        }
        if let Some(confirm) = confirm.take() {
            confirmation = confirm(&publication)?;
        }
        let base = base.and_then(|base| base.parse().ok());
        let (Some(confirmation), Some(base)) = (&confirmation, base) else { return Ok(publication) };
        if confirmation.plan != publication.plan.hash(key) {
            // It is another one by now, and whoever asked sees it.
            return Ok(publication);
        }
        let publisher = Publisher { runtime, repository: &repository, key, publishing, confirmation };
        if let Some(done) = publisher.publish(&publication, &base)? {
            publication.done = Some(done);
            return Ok(publication);
        }
    }
    Err(Failure::conflict("others push all the time, and nothing was pushed").hint("try again"))
}

/// The repository of a source, which has to have one.
pub(super) fn location(request: &Request) -> Result<GitLocation, Failure> {
    let address = &request.source.address;
    let no_repository = || Failure::unfit(format!("{address} is no repository's address"));
    if !GitLocation::is_meant_by(address) {
        return Err(no_repository().hint("files on disk are written in place; REPO//PATH?ref=BRANCH gets a commit"));
    }
    address.parse().map_err(|_| no_repository())
}

pub(super) fn open(
    runtime: &Handle,
    location: &GitLocation,
    access: Option<&GitAccess>,
    scratch: &Path,
) -> Result<GitRepository, Failure> {
    let (options, copies) = source::reached(access, scratch)?;
    runtime.block_on(GitRepository::open_to_push(location, options, copies)).map_err(git_failure)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
pub(super) fn git_failure(error: GitError) -> Failure {
    hinted(Failure::because(&error), error.hint())
}

fn plan_of(adoption: &Adoption, branch: &str, is_direct: bool) -> CommitPlan {
    let mut objects: Vec<Adopted> = Vec::new();
    for item in adoption.items() {
        let target = Target {
            api_version: item.api_version.clone(),
            kind: item.resource_kind.clone(),
            namespace: item.namespace.clone(),
            name: item.resource_name.clone(),
        };
        match objects.iter_mut().find(|object| object.target == target) {
            Some(object) => object.fields.push(Field::from(item)),
            None => objects.push(Adopted { target, fields: vec![Field::from(item)] }),
        }
    }
    let file = |file: &super::AdoptedFile| FileChange {
        path: file.path.clone(),
        lines: hunks::changed_lines(&file.before, &file.after),
    };
    CommitPlan {
        cluster: adoption.cluster.clone(),
        source: adoption.source.clone(),
        branch: branch.to_owned(),
        is_direct,
        files: adoption.files.iter().map(file).collect(),
        objects,
    }
}

/// A plan that was confirmed, on its way.
struct Publisher<'a> {
    runtime: &'a Handle,
    repository: &'a GitRepository,
    key: &'a SecretKey,
    publishing: Publishing<'a>,
    confirmation: &'a Confirmation,
}

impl Publisher<'_> {
    /// Commits and pushes. `None` if somebody else has pushed meanwhile.
    fn publish(&self, publication: &Publication, base: &ObjectId) -> Result<Option<ChangeRecord>, Failure> {
        let Publication { adoption, plan, .. } = publication;
        let hash = plan.hash(self.key);
        let pushed_to = plan.pushed_to(self.key);
        if self.tip(&plan.branch)?.as_ref() != Some(base) {
            return Ok(None);
        }
        let change_id = clock::new_id();
        let items: Vec<&DriftItem> = adoption.items().collect();
        let author = self.author()?;
        let signed_off_by = self.publishing.committing.is_signed_off.then(|| author.to_string());
        let words = Words::of(&plan.cluster, &items, &Redactor::new().for_logs());
        let words = CommitWords {
            time: self.confirmation.at.as_second(),
            message: words.message(&change_id, &hash, signed_off_by.as_deref()),
            signing_key: self.publishing.committing.signing_key.clone(),
            author,
        };
        let files: Vec<FileToWrite> = adoption
            .files
            .iter()
            .map(|file| FileToWrite {
                path: file.path.clone(),
                before: (!file.is_new).then(|| file.before.clone().into_bytes()),
                after: file.after.clone().into_bytes(),
            })
            .collect();
        let commit = self.ask(self.repository.commit(base, &files, &words))?;
        let lease = if plan.is_direct { Some(base.clone()) } else { self.tip(&pushed_to)? };
        let noted = self.commit_record(plan, base, &commit);
        let record = self.record(change_id, plan, base, noted.clone());
        // Held until this process ends, however that is.
        let _held = self.publishing.notes.hold(&record.change_id)?;
        if let Some(there) = lease.as_ref().filter(|_| !plan.is_direct) {
            // Whoever amends a commit keeps its trailers: ours is what was noted before it was pushed, or the same again.
            let is_same = self.ask(self.repository.is_same(there, &commit))?;
            let open = self.publishing.notes.open()?;
            let is_noted = open.iter().filter_map(ChangeRecord::commit).any(|noted| noted.commit == there.as_str());
            let says = self.ask(self.repository.trailer(there, PLAN_TRAILER))?;
            if says.as_deref() != Some(&hash) || !(is_same || is_noted) {
                return Err(Failure::conflict(format!(
                    "the branch {pushed_to} is there already, and somebody has added to it"
                ))
                .hint("merge it, or delete it, and try again"));
            }
            if is_same {
                // It is asked for twice; or whoever began it ended before that was noted.
                return self.pushed(record, CommitRecord { commit: there.to_string(), ..noted }).map(Some);
            }
        }
        let push = Push { commit: commit.clone(), branch: pushed_to, lease };
        let facts = PushFacts {
            plan,
            confirmation: self.confirmation,
            scope: self.publishing.scope,
            key: self.key,
            repository: self.repository.name(),
            commit: commit.as_str(),
        };
        let permit = guard::decide_push(&facts, clock::now())
            .map_err(|refusal| Failure::conflict("nothing was pushed").detail(refusal.to_string()))?;
        self.note(&record)?;
        fail_point::reached("adopt-intended");
        match self.runtime.block_on(self.repository.push(permit, &push)) {
            Ok(()) => {
                fail_point::reached("adopt-sent");
                self.pushed(record, noted).map(Some)
            }
            Err(error) => self.unpushed(record, noted, &push, &error),
        }
    }

    /// What came of a push that did not end well.
    fn unpushed(
        &self,
        record: ChangeRecord,
        commit: CommitRecord,
        push: &Push,
        error: &PushError,
    ) -> Result<Option<ChangeRecord>, Failure> {
        let failure = || hinted(Failure::because(error), error.hint());
        let is_certain = !matches!(error, PushError::Git(_));
        match self.tip(&push.branch) {
            Ok(Some(tip)) if tip == push.commit => return self.pushed(record, commit).map(Some),
            Ok(_) | Err(_) if is_certain => {}
            // Somebody may have pushed on top of it, or the server be at work.
            Ok(_) | Err(_) => {
                return Err(failure()
                    .detail("nobody knows whether it arrived")
                    .detail("the next adopt of this source looks, and notes what it finds"));
            }
        }
        let state = CommitState::NotPushed { reason: error.to_string() };
        self.note(&record.with_commit(CommitRecord { state, ..commit }))?;
        if matches!(error, PushError::Moved { .. }) { Ok(None) } else { Err(failure()) }
    }

    /// Notes that it is where it was to go.
    fn pushed(&self, record: ChangeRecord, commit: CommitRecord) -> Result<ChangeRecord, Failure> {
        let commit = CommitRecord { state: CommitState::Pushed, ..commit };
        let record = record.with_commit(commit.clone());
        self.note(&record)?;
        fail_point::reached("adopt-pushed");
        let Some(forge) = self.publishing.committing.forge.as_ref().filter(|_| !commit.plan.is_direct) else {
            return Ok(record);
        };
        // That it is pushed is true whatever the forge says; whoever follows it asks again.
        let commit = proposed(self.runtime, forge, self.repository, commit);
        fail_point::reached("adopt-proposed");
        let record = record.with_commit(commit);
        self.note(&record)?;
        Ok(record)
    }

    fn record(&self, change_id: String, plan: &CommitPlan, base: &ObjectId, commit: CommitRecord) -> ChangeRecord {
        ChangeRecord {
            change_id,
            by: self.confirmation.by.clone(),
            begun_at: self.confirmation.at,
            reached: self.repository.name().to_owned(),
            plan_hash: self.confirmation.plan.clone(),
            plan: Plan {
                cluster: plan.cluster.clone(),
                source: plan.source.clone(),
                revision: Some(base.to_string()),
                changes: Vec::new(),
            },
            steps: Vec::new(),
            what: What::Adopt(Box::new(commit)),
        }
    }

    fn commit_record(&self, plan: &CommitPlan, base: &ObjectId, commit: &ObjectId) -> CommitRecord {
        CommitRecord {
            plan: plan.clone(),
            repository: self.repository.name().to_owned(),
            base: base.to_string(),
            commit: commit.to_string(),
            pushed_to: plan.pushed_to(self.key),
            state: CommitState::Intended,
            proposal: None,
            unproposed: None,
        }
    }

    fn author(&self) -> Result<Author, Failure> {
        if let Some(author) = &self.publishing.committing.author {
            return Ok(author.clone());
        }
        self.ask(self.repository.person())?.ok_or_else(|| {
            Failure::unfit("Git does not know who you are, and a commit needs an author")
                .hint("git config --global user.name NAME, and user.email ADDRESS")
        })
    }

    fn tip(&self, branch: &str) -> Result<Option<ObjectId>, Failure> {
        self.ask(self.repository.remote_tip(branch))
    }

    fn note(&self, record: &ChangeRecord) -> Result<(), Failure> {
        self.publishing.notes.write(record)
    }

    fn ask<T>(&self, asking: impl Future<Output = Result<T, GitError>>) -> Result<T, Failure> {
        self.runtime.block_on(asking).map_err(git_failure)
    }
}

/// Characters that fit everywhere: <https://docs.github.com/en/rest/pulls/pulls> takes 65,536 of a body.
const TITLE_LIMIT: usize = 255;
const BODY_LIMIT: usize = 60_000;

/// A text's beginning, up to a line's end where there are several.
fn beginning(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(limit - 1).collect();
    let whole = beginning.rfind('\n').map_or(&*beginning, |end| &beginning[..end]);
    format!("{whole}…")
}

/// The commit with its pull request, or why there is none. Its words are the commit's own.
pub(super) fn proposed(
    runtime: &Handle,
    access: &ForgeAccess,
    repository: &GitRepository,
    commit: CommitRecord,
) -> CommitRecord {
    let proposal = || {
        let forge = access.open()?;
        let id: ObjectId = commit.commit.parse().map_err(|_| Failure::new("the note of it is damaged"))?;
        let (title, body) = runtime.block_on(repository.message(&id)).map_err(git_failure)?;
        let (title, body) = (beginning(&title, TITLE_LIMIT), beginning(&body, BODY_LIMIT));
        let make = ProposalToMake { branch: &commit.pushed_to, base: &commit.plan.branch, title: &title, body: &body };
        let made = runtime.block_on(forge.propose(&make));
        made.map_err(|error| hinted(Failure::because(&error), error.hint()))
    };
    match proposal() {
        Ok(proposal) => CommitRecord { proposal: Some(proposal.url), unproposed: None, ..commit },
        Err(failure) => CommitRecord { unproposed: Some(failure.line()), ..commit },
    }
}
