//! GitLab, where a pull request is a merge request: <https://docs.gitlab.com/api/merge_requests/>.

use serde::Deserialize;
use serde_json::json;

use super::{Forge, ForgeError, Proposal, ProposalState, ProposalToMake, encoded};

/// Merge requests of one branch that are looked at.
const LIST_SIZE: usize = 10;

#[derive(Deserialize)]
struct MergeRequest {
    /// The number in the project; `id` is that in the whole server.
    iid: u64,
    web_url: String,
    state: State,
    source_branch: String,
    target_branch: String,
    /// Null if the fork is deleted.
    source_project_id: Option<u64>,
    target_project_id: u64,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    Opened,
    /// While it is being merged.
    Locked,
    Merged,
    Closed,
}

/// The open one, else the newest: the list comes newest first. Its branches are filtered, but those of forks are in it.
pub(super) async fn find(forge: &Forge, branch: &str, base: &str) -> Result<Option<Proposal>, ForgeError> {
    let filter = format!("source_branch={}&target_branch={}", encoded(branch), encoded(base));
    let list = format!("{}?{filter}&state=all&scope=all&per_page={LIST_SIZE}", path(forge));
    let mut merge_requests: Vec<MergeRequest> = forge.get(&list).await?;
    merge_requests.retain(|merge_request| merge_request.is_between(branch, base));
    // In a stable order: the open one comes first, and all others stay as they are.
    merge_requests.sort_by_key(|merge_request| merge_request.state() != ProposalState::Open);
    merge_requests.into_iter().next().map(|merge_request| merge_request.proposal(forge)).transpose()
}

pub(super) async fn make(forge: &Forge, proposal: &ProposalToMake<'_>) -> Result<Proposal, ForgeError> {
    let ProposalToMake { branch, base, title, body } = proposal;
    let body = json!({
        "source_branch": branch, "target_branch": base, "title": title, "description": without_actions(body)
    });
    forge.post::<MergeRequest>(&path(forge), &body).await?.proposal(forge)
}

fn path(forge: &Forge) -> String {
    format!("/projects/{}/merge_requests", encoded(&forge.repository))
}

/// A description in which nothing is done by whoever wrote a part of it: GitLab takes lines that begin with a slash, such
/// as `/merge`, for commands of whoever's token it is (<https://docs.gitlab.com/user/project/quick_actions/>), and looks
/// at them without carriage returns (<https://gitlab.com/gitlab-org/gitlab/-/blob/master/lib/gitlab/quick_actions/extractor.rb>).
fn without_actions(body: &str) -> String {
    let escaped = |line: &str| {
        if line.trim_start().starts_with('/') { format!("\\{}", line.trim_start()) } else { line.to_owned() }
    };
    body.replace('\r', "").split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

impl MergeRequest {
    /// True if it is between these branches of the one project, and not a fork's.
    fn is_between(&self, branch: &str, base: &str) -> bool {
        let is_own = self.source_project_id == Some(self.target_project_id);
        self.source_branch == branch && self.target_branch == base && is_own
    }

    fn state(&self) -> ProposalState {
        match self.state {
            State::Opened | State::Locked => ProposalState::Open,
            State::Merged => ProposalState::Merged,
            State::Closed => ProposalState::Closed,
        }
    }

    fn proposal(self, forge: &Forge) -> Result<Proposal, ForgeError> {
        let state = self.state();
        forge.checked(self.iid, self.web_url, state)
    }
}
