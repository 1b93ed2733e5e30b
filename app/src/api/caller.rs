//! Who asks: by a token, by the page's session, or, where everybody may read, nobody in particular.

use std::sync::Arc;

use anchorwatch_edge::store::{Filter, Person, Role};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum_extra::extract::CookieJar;

use super::Problem;
use crate::serve::{Peer, Service};
use crate::words::word;

/// The session's cookie.
pub(crate) const COOKIE: &str = "anchorwatch_session";

/// Who asks, and what they may do where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller(pub(crate) Person);

impl Caller {
    /// Nobody in particular, who may read.
    fn anyone() -> Self {
        Self(Person {
            name: "anyone".to_owned(),
            role: Role::Viewer,
            clusters: Vec::new(),
            namespaces: Vec::new(),
            token_id: None,
        })
    }

    /// True for nobody in particular.
    pub(crate) fn is_anyone(&self) -> bool {
        *self == Self::anyone()
    }

    /// Fails unless they may do what this role may.
    pub(crate) fn must_be(&self, role: Role) -> Result<(), Problem> {
        if self.0.role >= role {
            return Ok(());
        }
        let needs = word(role);
        Err(Problem::new(StatusCode::FORBIDDEN, format!("{} may not do this", self.0.name)).detail(format!(
            "it takes the role {needs}; anchorwatch token create --role {needs} makes a token that has it"
        )))
    }

    /// True if they may see this place.
    pub(crate) fn sees(&self, cluster: &str, namespace: &str) -> bool {
        self.sees_cluster(cluster) && within(&self.0.namespaces, namespace)
    }

    /// True if they may see something of this cluster.
    pub(crate) fn sees_cluster(&self, cluster: &str) -> bool {
        within(&self.0.clusters, cluster)
    }

    /// True if they may see a report or an item, which says its place.
    pub(crate) fn sees_told(&self, told: &serde_json::Value) -> bool {
        let text = |name: &str| told[name].as_str().unwrap_or_default();
        self.sees(text("cluster"), text("namespace"))
    }

    /// True if they may make and end rules that are about this namespace, or about all. A rule is about all clusters.
    pub(crate) fn may_rule(&self, namespace: Option<&str>) -> bool {
        let names = &self.0.namespaces;
        self.0.clusters.is_empty() && (names.is_empty() || namespace.is_some_and(|name| within(names, name)))
    }

    /// A filter, narrowed to what they may see.
    pub(crate) fn limit(&self, filter: Filter) -> Filter {
        Filter { within_clusters: self.0.clusters.clone(), within_namespaces: self.0.namespaces.clone(), ..filter }
    }
}

fn within(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|n| n == name)
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let now = service.now();
        if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
            let secret = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
            let found = match secret {
                Some(secret) => service.store.token_of(secret, now).await?,
                None => None,
            };
            return match found {
                Some(row) if row.token.role == Role::Gateway => {
                    Err(Problem::new(StatusCode::FORBIDDEN, "this token is for the gateway, and for nothing else")
                        .detail("anchorwatch token create --role viewer makes one that reads"))
                }
                Some(row) => Ok(Self(row.into())),
                None => Err(service.turn_away(parts)),
            };
        }
        let jar = CookieJar::from_headers(&parts.headers);
        if let Some(cookie) = jar.get(COOKIE)
            && let Some(person) = service.store.session_of(cookie.value(), now).await?
        {
            return Ok(Self(person));
        }
        if service.open {
            return Ok(Self::anyone());
        }
        Err(Problem::new(StatusCode::UNAUTHORIZED, "a token is needed")
            .detail("send Authorization: Bearer TOKEN; make one with: anchorwatch token create"))
    }
}

impl Service {
    /// A token that is none. Who sends many is made to wait.
    pub(crate) fn turn_away(&self, parts: &Parts) -> Problem {
        let peer = parts.extensions.get::<axum::extract::ConnectInfo<Peer>>().map(|peer| peer.0.0.ip());
        if let Some(ip) = peer
            && self.limits.wrong_tokens.check_key(&ip).is_err()
        {
            tracing::warn!(%ip, "many wrong tokens from one address");
            return Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens").retry_after(60);
        }
        Problem::new(StatusCode::UNAUTHORIZED, "the token is wrong, revoked or has ended")
            .detail("anchorwatch token list shows the tokens there are")
    }
}
