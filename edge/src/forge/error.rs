//! Why a forge did not do what was asked.

use std::time::Duration;

use anchorwatch_core::route::locality::EndpointError;

use super::ForgeKind;
use crate::outbound::OutboundError;

/// Why a forge did not do what was asked. No text holds the token.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The API's address was read.
    #[error("the address of {kind}'s API for {repository} cannot be used: {source}")]
    ReadAddress {
        /// Whose API.
        kind: ForgeKind,
        /// The repository.
        repository: String,
        /// What is wrong with it.
        source: EndpointError,
    },
    /// The repository's name was read.
    #[error("`{repository}` is the name of no repository on {kind}")]
    ReadRepository {
        /// Whose API.
        kind: ForgeKind,
        /// What was given.
        repository: String,
    },
    /// The token was read.
    #[error("the token for {repository} is empty, or holds what no token does")]
    ReadToken {
        /// The repository.
        repository: String,
    },
    /// The forge was asked, and there was no answer.
    #[error("cannot ask {kind} about {repository}: {source}")]
    Ask {
        /// Whose API.
        kind: ForgeKind,
        /// The repository.
        repository: String,
        /// Why.
        source: OutboundError,
    },
    /// Too much was asked, or it is overloaded: it answers nothing for a while.
    #[error("{kind} answers nothing about {repository} for {} s", retry_after.as_secs())]
    Busy {
        /// Whose API.
        kind: ForgeKind,
        /// The repository.
        repository: String,
        /// When to come back: between a second and an hour.
        retry_after: Duration,
    },
    /// It sends elsewhere, where nobody follows with the token.
    #[error("{kind} redirects from {repository} to {to}, which is not followed")]
    Redirect {
        /// Whose API.
        kind: ForgeKind,
        /// The repository.
        repository: String,
        /// Where to, without a query.
        to: String,
    },
    /// It answered with a status that is none of success.
    #[error("{kind} answered {status} about {repository}{}{said}", if said.is_empty() { "" } else { ": " })]
    Refused {
        /// Whose API.
        kind: ForgeKind,
        /// The repository.
        repository: String,
        /// The status.
        status: u16,
        /// What it said; empty where that was nothing, or a page of HTML.
        said: String,
    },
    /// It answered something that nobody understands.
    #[error("what {kind} answered about {repository} cannot be read: {reason}")]
    ReadAnswer {
        /// Whose API.
        kind: ForgeKind,
        /// The repository.
        repository: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ForgeError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::ReadAddress { kind, .. } => format!("as in {}", kind.usual_api_url()),
            Self::ReadRepository { kind: ForgeKind::GitLab, .. } => "group/name, with all groups above it".to_owned(),
            Self::ReadRepository { .. } => "owner/name".to_owned(),
            Self::ReadToken { .. } => "give the token alone, on one line".to_owned(),
            Self::Ask { source: OutboundError::Tls(_), .. } => {
                "the certificate authority of the server has to be known".to_owned()
            }
            Self::Ask { source, .. } if source.may_have_arrived() => {
                "try again: what was made is found then, and not made twice".to_owned()
            }
            Self::Ask { .. } => return None,
            Self::Busy { retry_after, .. } => format!("try again in {} s", retry_after.as_secs()),
            Self::Redirect { .. } => "the repository or its server has moved; use the name that it has now".to_owned(),
            Self::Refused { kind, status, .. } => return refused_hint(*kind, *status),
            Self::ReadAnswer { kind, .. } => format!("check the address of the API, as in {}", kind.usual_api_url()),
        })
    }

    /// True if there is one already of what was to be made.
    pub(super) fn says_that_it_exists(&self) -> bool {
        match self {
            Self::Refused { status: 409, .. } => true,
            // GitHub has one status for all that is wrong, and no code for this: https://github.com/google/go-github/issues/1441
            Self::Refused { status: 422, said, .. } => said.contains("already exists"),
            _ => false,
        }
    }
}

fn refused_hint(kind: ForgeKind, status: u16) -> Option<String> {
    let scope = kind.scope();
    Some(match status {
        401 => format!("the token is wrong, or has ended; make one with {scope}"),
        403 => format!("the token, or whose it is, may not do this; it needs {scope}"),
        // Forges hide so what a token may not see.
        404 => format!(
            "there is no such repository, pull requests are turned off there, or the token may not see it: it needs {scope}"
        ),
        400 | 409 | 422 => "see that both branches are there and differ".to_owned(),
        500.. => "try again later: what was made is found then, and not made twice".to_owned(),
        _ => return None,
    })
}
