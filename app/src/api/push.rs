//! `POST /api/v1/webhooks/push`: a forge says that somebody pushed. All that follows is a scan of a configured source.
//!
//! GitHub, Gitea and Forgejo sign the body; GitLab sends the secret itself. The route is there only where a secret is.

use std::sync::Arc;

use anchorwatch_core::drift::report::Trigger;
use anchorwatch_edge::clock;
use anchorwatch_edge::git::{GitLocation, RepositoryAddress};
use anchorwatch_edge::store::NewJob;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use super::Problem;
use crate::serve::Service;

/// What the forges have in common of a push; everything may be missing.
#[derive(Debug, Default, Deserialize)]
struct Push {
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    #[serde(default)]
    repository: Option<Repository>,
    /// GitLab.
    #[serde(default)]
    project: Option<Repository>,
}

#[derive(Debug, Default, Deserialize)]
struct Repository {
    #[serde(default)]
    clone_url: Option<String>,
    #[serde(default)]
    ssh_url: Option<String>,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default)]
    git_http_url: Option<String>,
    #[serde(default)]
    git_ssh_url: Option<String>,
    #[serde(default)]
    default_branch: Option<String>,
}

pub(super) async fn push(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let Some(secret) = &service.push_secret else { return Err(Problem::not_found("page")) };
    if !is_signed(&headers, &body, secret.as_bytes()) {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "the signature is missing or wrong")
            .detail("the secret of the forge's webhook is to be that of the service's push_webhook"));
    }
    let event = ["x-github-event", "x-gitea-event", "x-forgejo-event", "x-gitlab-event"]
        .into_iter()
        .find_map(|name| headers.get(name)?.to_str().ok());
    if !matches!(event, Some("push" | "Push Hook" | "Tag Push Hook" | "create")) {
        // As a ping, with which a forge tries whether somebody is there.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let push: Push = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "the push cannot be read").detail(error.to_string()))?;
    let config = service.config();
    let mut queued = Vec::new();
    for source in config.sources.iter().filter(|source| push.is_of(source.address())) {
        let job = NewJob {
            source: source.name.clone(),
            namespaces: Vec::new(),
            triggered_by: Trigger::Webhook,
            requested_by: None,
        };
        service.store.enqueue(&clock::new_id(), &job, service.now()).await?;
        queued.push(source.name.clone());
    }
    service.queued.notify_waiters();
    tracing::info!(sources = queued.join(","), "somebody pushed");
    Ok((StatusCode::ACCEPTED, Json(json!({"sources": queued}))).into_response())
}

/// True for a signature over the body, or the secret itself; compared in constant time.
fn is_signed(headers: &HeaderMap, body: &[u8], secret: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mac = |message: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length will do");
        mac.update(message);
        mac
    };
    let hub = text("x-hub-signature-256").and_then(|value| value.strip_prefix("sha256="));
    let signature = hub.or_else(|| text("x-gitea-signature")).or_else(|| text("x-forgejo-signature"));
    match (signature, text("x-gitlab-token")) {
        (Some(signature), _) => unhex(signature).is_some_and(|signature| mac(body).verify_slice(&signature).is_ok()),
        (None, Some(token)) => mac(token.as_bytes()).verify_slice(&mac(secret).finalize().into_bytes()).is_ok(),
        (None, None) => false,
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2))
        .collect()
}

impl Push {
    /// True if a source at this address may say something else since the push.
    fn is_of(&self, address: &str) -> bool {
        let Ok(location) = address.parse::<GitLocation>() else { return false };
        let own = match location.repository() {
            RepositoryAddress::Remote(url) => place(url),
            RepositoryAddress::Local(path) => place(&path.to_string_lossy()),
        };
        let repositories = [&self.repository, &self.project].into_iter().flatten();
        repositories.into_iter().any(|repository| {
            let Repository { clone_url, ssh_url, html_url, git_http_url, git_ssh_url, default_branch } = repository;
            let named = [clone_url, ssh_url, html_url, git_http_url, git_ssh_url].into_iter().flatten();
            named.into_iter().any(|url| place(url) == own) && self.moves(location.revision(), default_branch.as_deref())
        })
    }

    /// True if the push may move this revision; of one without a revision, the default branch.
    fn moves(&self, revision: Option<&str>, default_branch: Option<&str>) -> bool {
        let Some(reference) = self.reference.as_deref() else { return true };
        let short = |name: &str| {
            let name = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")).unwrap_or(name);
            name.to_owned()
        };
        match (revision, default_branch) {
            (Some(revision), _) => short(revision) == short(reference),
            (None, Some(branch)) => branch == short(reference),
            (None, None) => true,
        }
    }
}

/// Host and path of a repository, however it is fetched.
fn place(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = match rest.split_once('@') {
        Some((user, rest)) if !user.contains('/') => rest,
        _ => rest,
    };
    // `git@host:path` is `ssh://git@host/path`; a port says nothing of which repository it is.
    let (host, path) = rest.split_once(['/', ':']).unwrap_or((rest, ""));
    let path = match path.split_once('/') {
        Some((port, path)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && rest.contains(':') => {
            path
        }
        _ => path,
    };
    let path = path.trim_matches('/');
    format!("{}/{}", host.to_ascii_lowercase(), path.strip_suffix(".git").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_the_same_however_it_is_fetched() {
        for url in [
            "https://git.example.com/ops/shop.git",
            "https://GIT.example.com/ops/shop",
            "https://git.example.com:8443/ops/shop.git",
            "git@git.example.com:ops/shop.git",
            "ssh://git@git.example.com/ops/shop.git",
            "ssh://git@git.example.com:2222/ops/shop.git/",
        ] {
            assert_eq!(place(url), "git.example.com/ops/shop", "{url}");
        }
        assert_ne!(place("https://git.example.com/ops/shop2.git"), "git.example.com/ops/shop");
    }

    #[test]
    fn only_a_push_that_can_change_a_source_is_of_it() {
        let push = |reference: &str| Push {
            reference: Some(reference.to_owned()),
            repository: Some(Repository {
                clone_url: Some("https://git.example.com/ops/shop.git".to_owned()),
                default_branch: Some("main".to_owned()),
                ..Repository::default()
            }),
            project: None,
        };
        for (reference, address, is_of) in [
            ("refs/heads/main", "https://git.example.com/ops/shop.git//deploy", true),
            ("refs/heads/main", "https://git.example.com/ops/shop.git//deploy?ref=main", true),
            ("refs/heads/main", "git@git.example.com:ops/shop.git//deploy?ref=main", true),
            ("refs/heads/main", "https://git.example.com/ops/shop.git//deploy?ref=release", false),
            ("refs/heads/side", "https://git.example.com/ops/shop.git//deploy", false),
            ("refs/tags/v1", "https://git.example.com/ops/shop.git?ref=v1", true),
            ("refs/heads/main", "https://git.example.com/ops/other.git", false),
            ("refs/heads/main", "/srv/deploy", false),
        ] {
            assert_eq!(push(reference).is_of(address), is_of, "{reference} {address}");
        }
    }

    #[test]
    fn a_signature_is_checked_over_the_body_as_it_came() {
        // The example of GitHub's documentation on validating deliveries.
        let (secret, body) = (b"It's a Secret to Everybody".as_slice(), b"Hello, World!".as_slice());
        let signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let with =
            |name: &'static str, value: &str| HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
        let hub = with("x-hub-signature-256", &format!("sha256={signature}"));
        assert!(is_signed(&hub, body, secret));
        assert!(!is_signed(&hub, b"Hello, World?", secret));
        assert!(is_signed(&with("x-gitea-signature", signature), body, secret));
        assert!(!is_signed(&with("x-gitea-signature", "75"), body, secret));
        assert!(!is_signed(&with("x-gitea-signature", "757"), body, secret));
        assert!(is_signed(&with("x-gitlab-token", "It's a Secret to Everybody"), body, secret));
        assert!(!is_signed(&with("x-gitlab-token", "guess"), body, secret));
        assert!(!is_signed(&HeaderMap::new(), body, secret));
    }
}
