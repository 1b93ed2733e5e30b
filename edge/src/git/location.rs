//! Where a Git source lies: `REPO[//PATH][?ref=REV]`, refused where Git could be made to do something else.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use super::tree_path::TreePath;

/// A repository, a path in it and a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitLocation {
    repository: RepositoryAddress,
    path: TreePath,
    revision: Option<String>,
}

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RepositoryAddress {
    /// On this machine's disk.
    Local(PathBuf),
    /// An `https://` or `ssh://` address or `user@host:path`, as Git takes it; it holds no password.
    Remote(String),
}

/// Why a text is no Git location.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ParseLocationError {
    /// There are control characters.
    #[error("the Git source holds a control character")]
    ControlCharacter,
    /// The repository part is empty.
    #[error("the Git source names no repository")]
    ReadRepository,
    /// A part begins with a dash, which Git would take for an option.
    #[error("the {part} of a Git source must not begin with a dash")]
    LeadingDash {
        /// `repository`, `host`, `path` or `revision`.
        part: &'static str,
    },
    /// The scheme is not one that Git is allowed to use.
    #[error("Git sources by {scheme} are not read")]
    ReadScheme {
        /// The scheme or helper.
        scheme: String,
    },
    /// There is user info that does not belong there.
    #[error("the address of a Git source must not hold a user name or password")]
    UserInfo,
    /// The host is missing or holds odd characters.
    #[error("the Git source names no usable host")]
    ReadHost,
    /// The path leads up.
    #[error("the path of a Git source must not hold `..`")]
    ParentFolder,
    /// Something other than `?ref=REV` follows the address.
    #[error("of what may follow a `?`, only `?ref=REV` is understood in a Git source")]
    ReadQuery,
    /// The revision is empty or holds characters that no revision has.
    #[error("the revision of a Git source is no branch, tag or commit")]
    ReadRevision,
}

impl ParseLocationError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::ReadScheme { scheme } if scheme == "http" || scheme == "git" => {
                Some("nothing proves that it is the right repository; use https:// or ssh://")
            }
            Self::ReadScheme { .. } => Some("use https://, ssh://, user@host:path, file:/// or a path"),
            Self::UserInfo => Some("leave it out; a credential helper of git gives the token"),
            Self::LeadingDash { part: "repository" | "path" } => Some("write ./ before it"),
            Self::ReadQuery => Some("as in https://host/repo.git//path?ref=main"),
            _ => None,
        }
    }
}

impl GitLocation {
    /// Says whether a source means Git: it has `?ref=`, `//`, a URL scheme, or is `user@host:path`.
    pub fn is_meant_by(source: &str) -> bool {
        source.contains("?ref=") || source.contains("//") || helper(source).is_some() || scp_host(source).is_some()
            // It is refused, and must not be told as a path that is not there.
            || has_password(source)
    }

    /// The repository.
    pub fn repository(&self) -> &RepositoryAddress {
        &self.repository
    }

    /// The path in it.
    pub fn path(&self) -> &TreePath {
        &self.path
    }

    /// The branch, tag or commit; without one the remote's `HEAD` is meant.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }
}

impl FromStr for GitLocation {
    type Err = ParseLocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().any(char::is_control) {
            return Err(ParseLocationError::ControlCharacter);
        }
        let (address, revision) = split_revision(text)?;
        let (repository, path) = address.split_at(repository_end(address));
        Ok(Self {
            repository: RepositoryAddress::from_str(repository)?,
            path: TreePath::from_str(path)?,
            revision: revision.map(str::to_owned),
        })
    }
}

impl fmt::Display for GitLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if !self.path.as_str().is_empty() {
            write!(f, "//{}", self.path)?;
        }
        self.revision.as_ref().map_or(Ok(()), |revision| write!(f, "?ref={revision}"))
    }
}

/// Splits `?ref=REV` off.
fn split_revision(text: &str) -> Result<(&str, Option<&str>), ParseLocationError> {
    let Some((address, query)) = text.split_once('?') else { return Ok((text, None)) };
    let revision = query.strip_prefix("ref=").ok_or(ParseLocationError::ReadQuery)?;
    check_revision(revision)?;
    Ok((address, Some(revision)))
}

/// Refuses what is no revision, such as options, `REV:PATH`, ranges and message searches.
pub(super) fn check_revision(revision: &str) -> Result<(), ParseLocationError> {
    if revision.starts_with('-') {
        return Err(ParseLocationError::LeadingDash { part: "revision" });
    }
    let odd = |c: char| c.is_control() || c.is_whitespace() || ":?*[\\&".contains(c);
    if revision.is_empty() || revision.starts_with('^') || revision.contains("..") || revision.contains(odd) {
        return Err(ParseLocationError::ReadRevision);
    }
    Ok(())
}

/// Where the repository ends: at the first `//` after the host.
fn repository_end(address: &str) -> usize {
    let host = match address.find("://") {
        Some(at) => at + 3,
        None => scp_host(address).map_or(0, |host| host.len() + 1),
    };
    let after_host = host + address[host..].find('/').unwrap_or(0);
    address[after_host..].find("//").map_or(address.len(), |at| after_host + at)
}

/// `user@host` of `user@host:path`: Git's rule is that no slash comes before the colon.
fn scp_host(address: &str) -> Option<&str> {
    let (host, _) = address.split_once(':')?;
    (!host.contains('/') && host.contains('@')).then_some(host)
}

/// `user:password@host:path` and the like, which Git does not know, and which must not be shown as the path that it is not.
fn has_password(address: &str) -> bool {
    let is_path = address.starts_with(['/', '.']);
    !is_path && address.split_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// `ext` of `ext::command`, the form that makes Git run a transport helper.
fn helper(address: &str) -> Option<&str> {
    let (name, _) = address.split_once("::")?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c)).then_some(name)
}

impl RepositoryAddress {
    /// The host that it is fetched from, in small letters, without user and port; `None` on this machine's disk.
    pub fn host(&self) -> Option<String> {
        let Self::Remote(address) = self else { return None };
        let rest = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
        let rest = rest.split('/').next().unwrap_or(rest);
        let host = rest.split_once('@').map_or(rest, |(_, host)| host);
        Some(host.split(':').next().unwrap_or(host).to_ascii_lowercase())
    }

    /// Host (an IPv6 address without brackets) and port that are connected to; `None` on this machine's disk.
    pub fn server(&self) -> Option<(String, u16)> {
        let Self::Remote(address) = self else { return None };
        let Some((scheme, rest)) = address.split_once("://") else { return Some((self.host()?, 22)) };
        let usual = match scheme {
            "https" => 443,
            "http" => 80,
            _ => 22,
        };
        let authority = rest.split('/').next().unwrap_or(rest);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        Some((host.to_ascii_lowercase(), port.and_then(|port| port.parse().ok()).unwrap_or(usual)))
    }
}

impl FromStr for RepositoryAddress {
    type Err = ParseLocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ParseLocationError::ReadRepository);
        }
        if text.starts_with('-') {
            return Err(ParseLocationError::LeadingDash { part: "repository" });
        }
        if text.chars().any(char::is_control) {
            return Err(ParseLocationError::ControlCharacter);
        }
        if let Some(name) = helper(text) {
            return Err(ParseLocationError::ReadScheme { scheme: format!("{name}::") });
        }
        match text.split_once("://") {
            Some((scheme, rest)) => from_url(text, &scheme.to_ascii_lowercase(), rest),
            None => match scp_host(text) {
                Some(host) => from_scp(text, host),
                None if has_password(text) => Err(ParseLocationError::UserInfo),
                None => Ok(Self::Local(PathBuf::from(text))),
            },
        }
    }
}

fn from_url(text: &str, scheme: &str, rest: &str) -> Result<RepositoryAddress, ParseLocationError> {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    match scheme {
        "file" if authority.is_empty() || authority == "localhost" => {
            if path.trim_matches('/').is_empty() {
                return Err(ParseLocationError::ReadRepository);
            }
            return Ok(RepositoryAddress::Local(PathBuf::from(percent_decoded(path)?)));
        }
        "file" => return Err(ParseLocationError::ReadHost),
        "https" if user.is_some() => return Err(ParseLocationError::UserInfo),
        "ssh" => check_user(user.unwrap_or("git"))?,
        "https" => {}
        _ => return Err(ParseLocationError::ReadScheme { scheme: scheme.to_owned() }),
    }
    check_host(host)?;
    if path.trim_matches('/').is_empty() {
        return Err(ParseLocationError::ReadRepository);
    }
    // `user:12/word@host`: what looks like a port may be the beginning of a password.
    if host.contains(':') && path.trim_start_matches('/').split('/').next().is_some_and(|first| first.contains('@')) {
        return Err(ParseLocationError::UserInfo);
    }
    if path.contains(['#', ' ']) {
        return Err(ParseLocationError::ReadQuery);
    }
    Ok(RepositoryAddress::Remote(format!("{scheme}{}", &text[scheme.len()..])))
}

fn from_scp(text: &str, user_and_host: &str) -> Result<RepositoryAddress, ParseLocationError> {
    let (user, host) = user_and_host.rsplit_once('@').ok_or(ParseLocationError::ReadHost)?;
    check_user(user)?;
    check_host(host)?;
    let path = &text[user_and_host.len() + 1..];
    if path.is_empty() {
        return Err(ParseLocationError::ReadRepository);
    }
    if path.starts_with('-') {
        return Err(ParseLocationError::LeadingDash { part: "repository" });
    }
    Ok(RepositoryAddress::Remote(text.to_owned()))
}

/// A user name alone is part of an ssh address; a password is a secret. Neither may look like an option.
fn check_user(user: &str) -> Result<(), ParseLocationError> {
    if user.starts_with('-') {
        return Err(ParseLocationError::LeadingDash { part: "host" });
    }
    let is_name = !user.is_empty() && user.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if is_name { Ok(()) } else { Err(ParseLocationError::UserInfo) }
}

fn check_host(host: &str) -> Result<(), ParseLocationError> {
    // `user:pass/word@host`: what stands before the first slash is no host.
    let port = host.rsplit_once(':').filter(|(name, _)| !name.contains(':')).map(|(_, port)| port);
    if port.is_some_and(|port| !port.chars().all(|c| c.is_ascii_digit())) {
        return Err(ParseLocationError::UserInfo);
    }
    if host.starts_with('-') {
        return Err(ParseLocationError::LeadingDash { part: "host" });
    }
    let usable = |c: char| c.is_alphanumeric() || ".-_:[]".contains(c);
    if host.is_empty() || host.starts_with(':') || !host.chars().all(usable) {
        return Err(ParseLocationError::ReadHost);
    }
    Ok(())
}

/// Git decodes `%20` in `file://` addresses itself; a path on disk is given to it as it is.
fn percent_decoded(path: &str) -> Result<String, ParseLocationError> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| byte == b'%');
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    let text = String::from_utf8(bytes).map_err(|_| ParseLocationError::ReadRepository)?;
    if text.chars().any(char::is_control) { Err(ParseLocationError::ControlCharacter) } else { Ok(text) }
}

impl fmt::Display for RepositoryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Remote(address) => f.write_str(address),
        }
    }
}
