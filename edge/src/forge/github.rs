//! GitHub: <https://docs.github.com/en/rest/pulls/pulls>.

use serde::Deserialize;
use serde_json::json;

use super::{Forge, ForgeError, Proposal, ProposalState, ProposalToMake, encoded};

/// Pull requests of one branch that are looked at: each is about 20 KiB.
const LIST_SIZE: usize = 10;

#[derive(Deserialize)]
struct Pull {
    number: u64,
    html_url: String,
    state: String,
    /// Whether it was merged: lists have no `merged`.
    merged_at: Option<String>,
    head: Side,
    base: Side,
}

/// One of the two branches.
#[derive(Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    /// Null if the fork is deleted.
    repo: Option<Repository>,
}

#[derive(Deserialize, PartialEq)]
struct Repository {
    id: u64,
}

/// The open one, else the newest: the list comes newest first.
///
/// A `head` without an owner filters nothing, and nobody says so
/// (<https://github.com/argoproj-labs/gitops-promoter/pull/1417>); one with an owner was seen to answer another branch of
/// the same commit (<https://github.com/octokit/octokit.js/issues/2056>). So what comes is looked at.
pub(super) async fn find(forge: &Forge, branch: &str, base: &str) -> Result<Option<Proposal>, ForgeError> {
    let owner = forge.repository.split('/').next().unwrap_or_default();
    let head = encoded(&format!("{owner}:{branch}"));
    let list = format!("{}?head={head}&base={}&state=all&per_page={LIST_SIZE}", path(forge), encoded(base));
    let mut pulls: Vec<Pull> = forge.get(&list).await?;
    pulls.retain(|pull| pull.is_between(branch, base));
    // In a stable order: the open one comes first, and all others stay as they are.
    pulls.sort_by_key(|pull| pull.state != "open");
    pulls.into_iter().next().map(|pull| pull.proposal(forge)).transpose()
}

pub(super) async fn make(forge: &Forge, proposal: &ProposalToMake<'_>) -> Result<Proposal, ForgeError> {
    let ProposalToMake { branch, base, title, body } = proposal;
    let body = json!({ "head": branch, "base": base, "title": title, "body": body });
    forge.post::<Pull>(&path(forge), &body).await?.proposal(forge)
}

fn path(forge: &Forge) -> String {
    format!("/repos/{}/pulls", forge.repository)
}

impl Pull {
    /// True if it is between these branches of the one repository, and not a fork's.
    fn is_between(&self, branch: &str, base: &str) -> bool {
        self.head.branch == branch && self.base.branch == base && self.head.repo == self.base.repo
    }

    fn proposal(self, forge: &Forge) -> Result<Proposal, ForgeError> {
        let state = match self.state.as_str() {
            "open" => ProposalState::Open,
            _ if self.merged_at.is_some() => ProposalState::Merged,
            _ => ProposalState::Closed,
        };
        forge.checked(self.number, self.html_url, state)
    }
}
