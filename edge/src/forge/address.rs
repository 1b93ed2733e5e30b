//! Which forge a repository is on, and where its API is.

use std::fmt;

use serde::Deserialize;

use crate::git::RepositoryAddress;

/// Whose API it is; in a configuration `gitea` or `forgejo`, `github`, `gitlab`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForgeKind {
    /// Gitea, and Forgejo, which speaks as it does.
    #[serde(alias = "forgejo")]
    Gitea,
    /// GitHub, also on servers of one's own.
    GitHub,
    /// GitLab, also on servers of one's own.
    GitLab,
}

/// Where a repository's pull requests are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeAddress {
    /// Whose API it is.
    pub kind: ForgeKind,
    /// The API, as in `https://git.example.com/api/v1`, `https://api.github.com` or `https://gitlab.example.com/api/v4`.
    pub api_url: String,
    /// `owner/name`; on GitLab with all groups, as in `group/subgroup/name`.
    pub repository: String,
}

impl ForgeKind {
    /// What the API's address looks like.
    pub(super) fn usual_api_url(self) -> &'static str {
        match self {
            Self::Gitea => "https://git.example.com/api/v1",
            Self::GitHub => "https://api.github.com or https://github.example.com/api/v3",
            Self::GitLab => "https://gitlab.example.com/api/v4",
        }
    }

    /// What a token has to have.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::Gitea => "the scope write:repository",
            Self::GitHub => {
                "the permission \"Pull requests: write\" for this repository, or as a classic one the scope repo"
            }
            Self::GitLab => "the scope api, and the role Developer",
        }
    }

    /// Where the API is of a server, with its port, and a path below which the forge is.
    fn api_url(self, server: &str, path: &str) -> String {
        match self {
            Self::Gitea => format!("https://{server}{path}/api/v1"),
            Self::GitHub if server == "github.com" => "https://api.github.com".to_owned(),
            // Enterprise Cloud with data residency: https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency
            Self::GitHub if server.ends_with(".ghe.com") => format!("https://api.{server}"),
            Self::GitHub => format!("https://{server}/api/v3"),
            Self::GitLab => format!("https://{server}{path}/api/v4"),
        }
    }

    /// True if a repository can have this name.
    pub(super) fn allows(self, repository: &str) -> bool {
        let count = repository.split('/').count();
        let fits = if self == Self::GitLab { count >= 2 } else { count == 2 };
        fits && repository.split('/').all(is_usual)
    }
}

impl fmt::Display for ForgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gitea => "Gitea",
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
        })
    }
}

impl ForgeAddress {
    /// What Git's address of a repository says, as in `https://host/owner/name.git`, `ssh://git@host:2222/owner/name.git`
    /// and `git@host:owner/name.git`; `None` where it says nothing.
    ///
    /// The port of ssh is none of the API's. Where Gitea is below a path, only an `https://` address shows it; a GitLab
    /// below a path cannot be told from one with a group more.
    pub fn of(kind: ForgeKind, repository: &RepositoryAddress) -> Option<Self> {
        let RepositoryAddress::Remote(address) = repository else { return None };
        let (host, port) = repository.server()?;
        let host = match host.as_str() {
            // The hosts by which ssh goes through port 443.
            "ssh.github.com" => "github.com".to_owned(),
            "altssh.gitlab.com" => "gitlab.com".to_owned(),
            address if address.contains(':') => format!("[{address}]"),
            name => name.to_owned(),
        };
        let (server, path) = match address.split_once("://") {
            Some(("https", rest)) if port != 443 => (format!("{host}:{port}"), rest.split_once('/')?.1),
            Some(("https" | "ssh", rest)) => (host, rest.split_once('/')?.1),
            Some(_) => return None,
            None => (host, address.split_once(':')?.1),
        };
        let path = path.trim_matches('/');
        let parts: Vec<&str> = path.strip_suffix(".git").unwrap_or(path).split('/').collect();
        let name_at = if kind == ForgeKind::GitLab { 0 } else { parts.len().checked_sub(2)? };
        let (above, name) = parts.split_at(name_at);
        let repository = name.join("/");
        if !kind.allows(&repository) || !above.iter().all(|part| is_usual(part)) {
            return None;
        }
        let above: String = above.iter().flat_map(|part| ["/", part]).collect();
        Some(Self { kind, api_url: kind.api_url(&server, &above), repository })
    }
}

/// True for a part of a repository's name as all forges allow it.
fn is_usual(part: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !part.is_empty() && part.chars().all(is_usual) && part != "." && part != ".."
}
