//! Pull requests on Gitea, Forgejo, GitHub and GitLab, for a branch that was pushed already.
//!
//! Each forge's file knows where it is asked and what it answers; how refusals are understood is the same for all. The
//! token is taken out of an answer before anything is read of it, so that neither an error nor a proposal can hold it.

mod address;
mod error;
mod gitea;
mod github;
mod gitlab;

use std::time::Duration;

use anchorwatch_core::route::failure::{retry_after, words};
use anchorwatch_core::route::locality::{Endpoint, EndpointError};
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::clock;
use crate::outbound::{Answer, Anywhere, Get, Outbound, OutboundError, Post};

pub use address::{ForgeAddress, ForgeKind};
pub use error::ForgeError;

/// How long one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// How long a forge is left alone that does not say for how long, as GitHub asks for.
const USUAL_WAIT: Duration = Duration::from_mins(1);
/// The longest that a forge is believed: whoever answers may be mistaken or malicious.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// A repository's pull requests.
#[derive(Debug)]
pub struct Forge {
    kind: ForgeKind,
    api_url: String,
    repository: String,
    token: SecretString,
    headers: HeaderMap,
    outbound: Outbound<Anywhere>,
}

/// A pull request that is there; on GitLab, a merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its number in the repository.
    pub number: u64,
    /// Its page, http(s).
    pub url: String,
    /// What became of it.
    pub state: ProposalState,
}

/// What became of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProposalState {
    /// It waits, or is being merged right now.
    Open,
    /// It was merged.
    Merged,
    /// It was closed, and not merged.
    Closed,
}

/// A pull request that is to be there.
#[derive(Debug, Clone, Copy)]
pub struct ProposalToMake<'a> {
    /// The branch that was pushed, in the same repository.
    pub branch: &'a str,
    /// The branch that it should get into.
    pub base: &'a str,
    /// One line; 255 characters fit everywhere.
    pub title: &'a str,
    /// Markdown.
    pub body: &'a str,
}

impl Forge {
    /// The pull requests of a repository, looked at and made with this token.
    pub fn new(address: ForgeAddress, token: SecretString, outbound: Outbound<Anywhere>) -> Result<Self, ForgeError> {
        let ForgeAddress { kind, api_url, repository } = address;
        // A query would swallow the path that follows.
        let endpoint =
            if api_url.contains(['?', '#']) { Err(EndpointError::Unreadable) } else { Endpoint::parse(&api_url) };
        if let Err(source) = endpoint {
            return Err(ForgeError::ReadAddress { kind, repository, source });
        }
        if !kind.allows(&repository) {
            return Err(ForgeError::ReadRepository { kind, repository });
        }
        let Some(headers) = headers(kind, &token) else { return Err(ForgeError::ReadToken { repository }) };
        let api_url = api_url.trim_end_matches('/').to_owned();
        Ok(Self { kind, api_url, repository, token, headers, outbound })
    }

    /// The pull request from a branch to a base, both of this repository: the open one, of which there is one at most; else
    /// the newest, merged or closed.
    pub async fn proposal(&self, branch: &str, base: &str) -> Result<Option<Proposal>, ForgeError> {
        match self.kind {
            ForgeKind::Gitea => gitea::find(self, branch, base).await,
            ForgeKind::GitHub => github::find(self, branch, base).await,
            ForgeKind::GitLab => gitlab::find(self, branch, base).await,
        }
    }

    /// Has a pull request be open: the one that is open already, as it is, or a new one. It may be called again after
    /// any error.
    pub async fn propose(&self, proposal: &ProposalToMake<'_>) -> Result<Proposal, ForgeError> {
        if let Some(open) = self.open(proposal).await? {
            return Ok(open);
        }
        let made = match self.kind {
            ForgeKind::Gitea => gitea::make(self, proposal).await,
            ForgeKind::GitHub => github::make(self, proposal).await,
            ForgeKind::GitLab => gitlab::make(self, proposal).await,
        };
        match made {
            // Somebody was faster, such as another replica.
            Err(error) if error.says_that_it_exists() => self.open(proposal).await?.ok_or(error),
            made => made,
        }
    }

    async fn open(&self, proposal: &ProposalToMake<'_>) -> Result<Option<Proposal>, ForgeError> {
        let found = self.proposal(proposal.branch, proposal.base).await?;
        Ok(found.filter(|found| found.state == ProposalState::Open))
    }

    /// Gets what is at a path of the API.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ForgeError> {
        let url = self.url(path);
        let get = Get { url: &url, headers: self.headers.clone(), timeout: CALL_LIMIT };
        self.read(self.outbound.get(get).await)
    }

    /// Posts to a path of the API.
    async fn post<T: DeserializeOwned>(&self, path: &str, body: &Json) -> Result<T, ForgeError> {
        let url = self.url(path);
        let body = body.to_string().into_bytes();
        let post = Post { url: &url, headers: self.headers.clone(), body, timeout: CALL_LIMIT };
        self.read(self.outbound.post(post).await)
    }

    fn url(&self, path: &str) -> SecretString {
        format!("{}{path}", self.api_url).into()
    }

    fn read<T: DeserializeOwned>(&self, answer: Result<Answer, OutboundError>) -> Result<T, ForgeError> {
        let Self { kind, ref repository, .. } = *self;
        let Answer { status, headers, body, .. } =
            answer.map_err(|source| ForgeError::Ask { kind, repository: repository.clone(), source })?;
        let body = self.clean(&body);
        if status.is_success() {
            return serde_json::from_str(&body).map_err(|error| {
                // What was found instead is a part of the answer, and is not repeated.
                let what = if error.is_data() { "it is JSON of another form" } else { "it is no JSON" };
                self.unreadable(format!("{what}, at line {} column {}", error.line(), error.column()))
            });
        }
        let repository = repository.clone();
        if status.is_redirection() {
            let to = headers.get(LOCATION).map(|to| self.clean(to.as_bytes())).unwrap_or_default();
            let to = words(to.split(['?', '#']).next().unwrap_or_default());
            return Err(ForgeError::Redirect { kind, repository, to });
        }
        let (status, said) = (status.as_u16(), said(&body));
        Err(match wait(status, &headers, &said) {
            Some(retry_after) => ForgeError::Busy { kind, repository, retry_after },
            None => ForgeError::Refused { kind, repository, status, said },
        })
    }

    /// A text of the forge's without the token, which some repeat.
    fn clean(&self, text: &[u8]) -> String {
        String::from_utf8_lossy(text).replace(self.token.expose_secret(), "***")
    }

    /// A proposal as it was answered, if people can be sent to its page.
    fn checked(&self, number: u64, url: String, state: ProposalState) -> Result<Proposal, ForgeError> {
        if Endpoint::parse(&url).is_err() {
            return Err(self.unreadable("a pull request's page has no http(s) address".to_owned()));
        }
        Ok(Proposal { number, url, state })
    }

    fn unreadable(&self, reason: String) -> ForgeError {
        ForgeError::ReadAnswer { kind: self.kind, repository: self.repository.clone(), reason }
    }
}

/// The headers of each call; `None` if the token can be in none.
fn headers(kind: ForgeKind, token: &SecretString) -> Option<HeaderMap> {
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let (name, value, accept) = match kind {
        ForgeKind::Gitea => (AUTHORIZATION, format!("token {token}"), "application/json"),
        ForgeKind::GitHub => (AUTHORIZATION, format!("Bearer {token}"), "application/vnd.github+json"),
        ForgeKind::GitLab => (HeaderName::from_static("private-token"), token.to_owned(), "application/json"),
    };
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    let mut headers = HeaderMap::from_iter([(name, value), (ACCEPT, HeaderValue::from_static(accept))]);
    if kind == ForgeKind::GitHub {
        headers.insert("x-github-api-version", HeaderValue::from_static("2022-11-28"));
    }
    Some(headers)
}

/// How long to leave a forge alone that answered so; `None` if that would not help.
///
/// GitHub says 403 or 429 where too much was asked; then `Retry-After`, or no calls left and when there are again (seconds
/// of 1970), or only words:
/// <https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#rate-limit-errors>.
fn wait(status: u16, headers: &HeaderMap, said: &str) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let now = clock::now();
    let asked = text(RETRY_AFTER.as_str()).and_then(|value| retry_after(value, now));
    let is_used_up = text("x-ratelimit-remaining") == Some("0");
    let is_busy = match status {
        429 => true,
        403 => asked.is_some() || is_used_up || said.contains("rate limit"),
        503 => asked.is_some(),
        _ => false,
    };
    let reset = || {
        let reset = text("x-ratelimit-reset").filter(|_| is_used_up)?.parse().ok()?;
        Some(Timestamp::from_second(reset).ok()?.duration_since(now).try_into().unwrap_or_default())
    };
    let wait = || asked.or_else(reset).unwrap_or(USUAL_WAIT).clamp(Duration::from_secs(1), LONGEST_WAIT);
    is_busy.then(wait)
}

/// What a refusal says, in the shapes of all three; nothing of a page of HTML.
fn said(body: &str) -> String {
    let Ok(json) = serde_json::from_str::<Json>(body) else {
        let text = body.trim();
        return if text.starts_with('<') { String::new() } else { words(text) };
    };
    let mut texts = Vec::new();
    for field in ["message", "error", "error_description", "errors"] {
        gather(&json[field], &mut texts);
    }
    words(&texts.join(", "))
}

/// All texts in a value.
fn gather<'a>(value: &'a Json, texts: &mut Vec<&'a str>) {
    match value {
        Json::String(text) => texts.push(text),
        Json::Array(items) => items.iter().for_each(|item| gather(item, texts)),
        Json::Object(fields) => fields.values().for_each(|field| gather(field, texts)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// A text for one part of a path, or for a value of a query.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
