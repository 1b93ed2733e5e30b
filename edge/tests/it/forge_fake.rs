//! A forge that a test plays: strict about what it is asked, with the answers of the real ones.
//!
//! A request of an unknown shape is refused as the real one does, and fails the test when the fake is dropped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anchorwatch_edge::forge::{Forge, ForgeAddress, ForgeKind};
use anchorwatch_edge::outbound::{Anywhere, Outbound};
use anchorwatch_testbed::{Received, Receiver, Reply};
use secrecy::SecretString;
use serde_json::{Value as Json, json};

pub(crate) const TOKEN: &str = "a-token-of-tests";
/// With all that means something in a path or a query.
pub(crate) const BRANCH: &str = "anchorwatch/a+b&c#1?%2F";
pub(crate) const BASE: &str = "release/1.0";
pub(crate) const KINDS: [ForgeKind; 3] = [ForgeKind::Gitea, ForgeKind::GitHub, ForgeKind::GitLab];

/// A pull request of the fake's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pull {
    pub(crate) branch: &'static str,
    pub(crate) base: &'static str,
    /// `open`, `locked`, `merged`, `closed`.
    pub(crate) state: &'static str,
    pub(crate) is_of_fork: bool,
    pub(crate) is_branch_deleted: bool,
}

impl Pull {
    pub(crate) fn of(state: &'static str) -> Self {
        Self { branch: BRANCH, base: BASE, state, is_of_fork: false, is_branch_deleted: false }
    }
}

/// The forge; it answers until the test's process ends.
pub(crate) struct Fake {
    kind: ForgeKind,
    pub(crate) receiver: Receiver,
    outbound: Outbound<Anywhere>,
    hub: Arc<Mutex<Hub>>,
}

struct Hub {
    kind: ForgeKind,
    /// Oldest first; the first has number 1.
    pulls: Vec<Pull>,
    /// Made by somebody else, a moment before the next one is to be made.
    rival: Option<Pull>,
    odd: Vec<String>,
}

impl Fake {
    pub(crate) fn start(kind: ForgeKind, pulls: &[Pull]) -> Self {
        let hub = Arc::new(Mutex::new(Hub { kind, pulls: pulls.to_vec(), rival: None, odd: Vec::new() }));
        let asked = Arc::clone(&hub);
        let receiver = Receiver::answering(move |request| asked.lock().unwrap().answer(request)).unwrap();
        Self { kind, receiver, outbound: Outbound::anywhere(), hub }
    }

    pub(crate) fn forge(&self) -> Forge {
        self.forge_with(TOKEN)
    }

    pub(crate) fn forge_with(&self, token: &str) -> Forge {
        let (path, repository) = match self.kind {
            ForgeKind::Gitea => ("/api/v1", "acme/shop"),
            ForgeKind::GitHub => ("", "acme/shop"),
            ForgeKind::GitLab => ("/api/v4/", "acme/team/shop"),
        };
        let api_url = format!("{}{path}", self.receiver.url());
        let address = ForgeAddress { kind: self.kind, api_url, repository: repository.to_owned() };
        Forge::new(address, SecretString::from(token), self.outbound.clone()).unwrap()
    }

    /// Somebody else makes one, a moment before the next one is to be made.
    pub(crate) fn has_a_rival(&self) {
        self.hub.lock().unwrap().rival = Some(Pull::of("open"));
    }

    /// One is there whose answer nobody heard.
    pub(crate) fn has_made(&self) {
        self.hub.lock().unwrap().pulls.push(Pull::of("open"));
    }

    /// How the path ends to which new ones are posted.
    pub(crate) fn making(&self) -> &'static str {
        if self.kind == ForgeKind::GitLab { "/merge_requests" } else { "/pulls" }
    }

    /// What new ones were to be made of.
    pub(crate) fn made(&self) -> Vec<Json> {
        self.receiver.received(self.making()).iter().map(Received::json).collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let hub = self.hub.lock().unwrap();
        assert!(
            std::thread::panicking() || hub.odd.is_empty(),
            "the fake was asked what it does not know: {:?}",
            hub.odd
        );
    }
}

impl Hub {
    fn answer(&mut self, request: &Received) -> Reply {
        let (token, accept) = match self.kind {
            ForgeKind::Gitea => (request.header("authorization"), "application/json"),
            ForgeKind::GitHub => (request.header("authorization"), "application/vnd.github+json"),
            ForgeKind::GitLab => (request.header("private-token"), "application/json"),
        };
        let scheme = ["token ", "Bearer ", ""][self.kind as usize];
        if token != Some(&format!("{scheme}{TOKEN}")) {
            return Reply::json(401, &json!({ "message": self.words("Unauthorized") }));
        }
        let version = (self.kind == ForgeKind::GitHub).then_some("2022-11-28");
        if request.header("x-github-api-version") != version
            || request.header("accept") != Some(accept)
            || request.header("user-agent") != Some("anchorwatch")
        {
            return self.is_odd(request, 400);
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let query: BTreeMap<&str, String> = query.map(|(name, value)| (name, decoded(value))).collect();
        let pulls = match self.kind {
            ForgeKind::Gitea => "/api/v1/repos/acme/shop/pulls",
            ForgeKind::GitHub => "/repos/acme/shop/pulls",
            ForgeKind::GitLab => "/api/v4/projects/acme%2Fteam%2Fshop/merge_requests",
        };
        match (request.method.as_str(), path.strip_prefix(pulls)) {
            ("GET", Some("")) => self.list(request, &query),
            ("GET", Some(path)) if self.kind == ForgeKind::Gitea && query.is_empty() => self.by_name(path),
            ("POST", Some("")) if query.is_empty() => self.make(request),
            _ => self.is_odd(request, 404),
        }
    }

    fn is_odd(&mut self, request: &Received, status: u16) -> Reply {
        self.odd.push(format!("{request:?}"));
        Reply::json(status, &json!({ "message": "what is this?" }))
    }

    fn words(&self, words: &str) -> Json {
        match self.kind {
            ForgeKind::Gitea => "invalid username, password or token".into(),
            ForgeKind::GitHub => "Bad credentials".into(),
            ForgeKind::GitLab => format!("401 {words}").into(),
        }
    }

    /// Newest first, filtered as the real one filters.
    fn list(&mut self, request: &Received, query: &BTreeMap<&str, String>) -> Reply {
        let known: &[&str] = match self.kind {
            ForgeKind::Gitea => &["base_branch", "limit", "page", "state"],
            ForgeKind::GitHub => &["base", "head", "per_page", "state"],
            ForgeKind::GitLab => &["per_page", "scope", "source_branch", "state", "target_branch"],
        };
        if !query.keys().eq(known) {
            return self.is_odd(request, 422);
        }
        let is_listed = |pull: &Pull| match self.kind {
            // Older servers know no `base_branch`, and pass over it.
            ForgeKind::Gitea => {
                query["state"] == "open" && pull.state == "open" || query["state"] == "closed" && pull.state != "open"
            }
            // What has no owner filters nothing.
            ForgeKind::GitHub => {
                let owner = if pull.is_of_fork { "bob" } else { "acme" };
                let fits = !query["head"].contains(':') || query["head"] == format!("{owner}:{}", pull.branch);
                query["state"] == "all" && fits && query["base"] == pull.base
            }
            ForgeKind::GitLab => {
                let fits = query["source_branch"] == pull.branch && query["target_branch"] == pull.base;
                query["state"] == "all" && query["scope"] == "all" && fits
            }
        };
        let mut pulls: Vec<Json> =
            self.numbered().filter(|(_, pull)| is_listed(pull)).map(|(number, pull)| self.json(number, pull)).collect();
        pulls.reverse();
        let page: usize = query.get("page").map_or(1, |page| page.parse().unwrap());
        let asked: usize = query.get("limit").unwrap_or_else(|| &query["per_page"]).parse().unwrap();
        // An operator of Gitea may allow less for a page than is asked for.
        let size = if self.kind == ForgeKind::Gitea { asked.min(2) } else { asked };
        let page: Vec<Json> = pulls.into_iter().skip((page - 1) * size).take(size).collect();
        Reply::json(200, &page.into())
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &Pull)> {
        (1..).zip(&self.pulls)
    }

    /// Gitea's answer to a base and a branch: the first that its database comes upon, in whatever state.
    fn by_name(&self, path: &str) -> Reply {
        let (base, branch) = path.trim_start_matches('/').split_once('/').unwrap();
        let (base, branch) = (decoded(base), decoded(branch));
        let found = self.numbered().find(|(_, pull)| pull.base == base && pull.branch == branch && !pull.is_of_fork);
        match found {
            Some((number, pull)) => Reply::json(200, &self.json(number, pull)),
            None => Reply::json(
                404,
                &json!({ "errors": null, "message": "not found", "url": "https://git.example.com/api/swagger" }),
            ),
        }
    }

    fn make(&mut self, request: &Received) -> Reply {
        let body = request.json();
        let known: &[&str] = match self.kind {
            ForgeKind::GitLab => &["description", "source_branch", "target_branch", "title"],
            _ => &["base", "body", "head", "title"],
        };
        let mut names: Vec<&String> = body.as_object().map(|fields| fields.keys().collect()).unwrap_or_default();
        names.sort();
        let (branch, base) = if self.kind == ForgeKind::GitLab {
            (&body["source_branch"], &body["target_branch"])
        } else {
            (&body["head"], &body["base"])
        };
        if names != known
            || (branch, base) != (&BRANCH.into(), &BASE.into())
            || request.header("content-type") != Some("application/json")
        {
            return self.is_odd(request, 422);
        }
        self.pulls.extend(self.rival.take());
        let open = self
            .numbered()
            .find(|(_, pull)| pull.state == "open" && pull.branch == BRANCH && pull.base == BASE && !pull.is_of_fork);
        if let Some((number, _)) = open {
            return self.exists(number);
        }
        self.pulls.push(Pull::of("open"));
        Reply::json(201, &self.json(self.pulls.len(), &Pull::of("open")))
    }

    fn exists(&self, number: usize) -> Reply {
        match self.kind {
            ForgeKind::Gitea => {
                let said = format!(
                    "pull request already exists for these targets [id: 9{number}, issue_id: {number}, head_repo_id: 7, base_repo_id: 7, head_branch: {BRANCH}, base_branch: {BASE}]"
                );
                Reply::json(409, &json!({ "message": said, "url": "https://git.example.com/api/swagger" }))
            }
            ForgeKind::GitHub => {
                let said = format!("A pull request already exists for acme:{BRANCH}.");
                Reply::json(
                    422,
                    &json!({
                        "message": "Validation Failed",
                        "errors": [{ "resource": "PullRequest", "code": "custom", "message": said }],
                        "documentation_url": "https://docs.github.com/rest/pulls/pulls#create-a-pull-request",
                        "status": "422",
                    }),
                )
            }
            ForgeKind::GitLab => {
                let said = format!("Another open merge request already exists for this source branch: !{number}");
                Reply::json(409, &json!({ "message": [said] }))
            }
        }
    }

    fn json(&self, number: usize, pull: &Pull) -> Json {
        let Pull { branch, base, state, is_of_fork, is_branch_deleted } = *pull;
        let is_open = state == "open" || state == "locked";
        let merged_at = (state == "merged").then_some("2026-11-27T13:40:00Z");
        let state_here = if is_open { "open" } else { "closed" };
        let url = url(self.kind, number as u64);
        match self.kind {
            ForgeKind::Gitea => {
                let gone = format!("refs/pull/{number}/head");
                let reference = if is_branch_deleted { gone.as_str() } else { branch };
                json!({
                    "id": 90 + number, "number": number, "url": url, "html_url": url, "title": "t", "state": state_here,
                    "user": { "id": 1, "login": "ann" }, "merged": merged_at.is_some(), "merged_at": merged_at,
                    "base": { "label": base, "ref": base, "sha": "0a", "repo_id": 7, "repo": { "id": 7 } },
                    "head": { "label": branch, "ref": reference, "sha": "0b", "repo_id": if is_of_fork { -1 } else { 7 }, "repo": null },
                })
            }
            ForgeKind::GitHub => json!({
                "id": 90 + number, "number": number, "html_url": url, "title": "t", "state": state_here,
                "user": { "login": "ann" }, "merged_at": merged_at, "draft": false,
                "base": { "label": format!("acme:{base}"), "ref": base, "sha": "0a", "repo": { "id": 7, "name": "shop" } },
                "head": { "label": "x", "ref": branch, "sha": "0b", "repo": (!is_of_fork).then(|| json!({ "id": 7, "name": "shop" })) },
            }),
            ForgeKind::GitLab => json!({
                "id": 90 + number, "iid": number, "web_url": url, "title": "t",
                "state": if state == "open" { "opened" } else { state }, "merged_at": merged_at, "draft": false,
                "source_branch": branch, "target_branch": base,
                "source_project_id": if is_of_fork { Json::Null } else { 7.into() }, "target_project_id": 7, "project_id": 7,
            }),
        }
    }
}

/// The page of a pull request.
pub(crate) fn url(kind: ForgeKind, number: u64) -> String {
    match kind {
        ForgeKind::Gitea => format!("https://git.example.com/acme/shop/pulls/{number}"),
        ForgeKind::GitHub => format!("https://github.com/acme/shop/pull/{number}"),
        ForgeKind::GitLab => format!("https://gitlab.example.com/acme/team/shop/-/merge_requests/{number}"),
    }
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).unwrap()
}
