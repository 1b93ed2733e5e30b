//! Gitea and Forgejo: <https://docs.gitea.com/api/>.

use serde::Deserialize;
use serde_json::json;

use super::{Forge, ForgeError, Proposal, ProposalState, ProposalToMake, encoded};

/// Pull requests of a page: each is about 10 KiB, and texts of any length come on top.
const PAGE_SIZE: usize = 10;
/// Pages that are looked through.
const PAGE_LIMIT: usize = 50;

#[derive(Deserialize)]
struct Pull {
    number: u64,
    html_url: String,
    state: String,
    merged: bool,
    head: Side,
    base: Side,
}

/// One of the two branches.
#[derive(Deserialize)]
struct Side {
    /// The branch. Once it is deleted, `ref` says `refs/pull/7/head` instead:
    /// <https://github.com/go-gitea/gitea/blob/main/services/convert/pull.go>.
    label: String,
    /// -1 if there is no such repository any more.
    repo_id: i64,
}

/// The open one, else the newest.
///
/// The server can be asked by name, and answers any pull request of these branches, whatever its state and age:
/// `GetPullRequestByBaseHeadInfo` in <https://github.com/go-gitea/gitea/blob/main/models/issues/pull.go>. So that tells
/// only whether there is one, which saves looking through all that were ever closed.
pub(super) async fn find(forge: &Forge, branch: &str, base: &str) -> Result<Option<Proposal>, ForgeError> {
    if let Some(open) = newest(forge, branch, base, "open").await? {
        return Ok(Some(open));
    }
    // A slash in a base is encoded; what follows the base is the branch, with its slashes.
    let branch_path = branch.split('/').map(encoded).collect::<Vec<_>>().join("/");
    let any = match forge.get::<Pull>(&format!("{}/{}/{branch_path}", path(forge), encoded(base))).await {
        Err(ForgeError::Refused { status: 404, .. }) => return Ok(None),
        Ok(pull) if !pull.is_between(branch, base) => return Ok(None),
        any => any?.proposal(forge)?,
    };
    if any.state == ProposalState::Open {
        return Ok(Some(any));
    }
    Ok(newest(forge, branch, base, "closed").await?.or(Some(any)))
}

pub(super) async fn make(forge: &Forge, proposal: &ProposalToMake<'_>) -> Result<Proposal, ForgeError> {
    let ProposalToMake { branch, base, title, body } = proposal;
    let body = json!({ "head": branch, "base": base, "title": title, "body": body });
    forge.post::<Pull>(&path(forge), &body).await?.proposal(forge)
}

/// The newest one of this state. The list comes newest first; of branches, newer servers filter it by the base.
async fn newest(forge: &Forge, branch: &str, base: &str, state: &str) -> Result<Option<Proposal>, ForgeError> {
    let list = format!("{}?state={state}&base_branch={}&limit={PAGE_SIZE}", path(forge), encoded(base));
    for page in 1..=PAGE_LIMIT {
        // One that the server cannot load is null.
        let pulls: Vec<Option<Pull>> = forge.get(&format!("{list}&page={page}")).await?;
        // A page may be shorter than it was asked for (`MAX_RESPONSE_ITEMS`), so only an empty one is the end.
        if pulls.is_empty() {
            break;
        }
        if let Some(pull) = pulls.into_iter().flatten().find(|pull| pull.is_between(branch, base)) {
            return pull.proposal(forge).map(Some);
        }
    }
    Ok(None)
}

fn path(forge: &Forge) -> String {
    format!("/repos/{}/pulls", forge.repository)
}

impl Pull {
    /// True if it is between these branches of the one repository, and not a fork's.
    fn is_between(&self, branch: &str, base: &str) -> bool {
        self.head.label == branch && self.base.label == base && self.head.repo_id == self.base.repo_id
    }

    fn proposal(self, forge: &Forge) -> Result<Proposal, ForgeError> {
        let state = match self.state.as_str() {
            "open" => ProposalState::Open,
            _ if self.merged => ProposalState::Merged,
            _ => ProposalState::Closed,
        };
        forge.checked(self.number, self.html_url, state)
    }
}
