//! A live cluster: connecting, finding out what it serves, and reading lists of raw objects, and following
//! their changes; and writing, with the guard's permit alone.

mod access;
pub mod apply;
pub mod connect;
pub mod discover;
mod dry_run;
pub mod list;
mod proxy;
mod reason;
mod served;
pub mod watch;

use anchorwatch_core::object::GroupKind;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::client::Body;

pub use connect::{Cluster, ConnectOptions};
pub use served::Served;
pub use watch::{Event, Watches};

const JSON: &str = "application/json";
/// The largest answer that is read: a page of objects as large as etcd takes them is not larger.
const MOST_BYTES: usize = 400 << 20;

/// Why the cluster gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig: {0}")]
    Kubeconfig(String),
    /// The kubeconfig names a proxy that cannot be used.
    #[error("cannot use the proxy of cluster {cluster}: {reason}")]
    Proxy {
        /// Its name.
        cluster: String,
        /// Why.
        reason: String,
    },
    /// The client cannot be set up.
    #[error("cannot set up the connection to {cluster}: {reason}")]
    Client {
        /// Its name.
        cluster: String,
        /// Why.
        reason: String,
    },
    /// No answer.
    #[error("cannot reach the cluster {cluster} at {server}: {reason}")]
    Unreachable {
        /// Its name.
        cluster: String,
        /// Its address.
        server: String,
        /// Why.
        reason: String,
    },
    /// What is to be asked makes no request.
    #[error("cannot ask cluster {cluster} for {path}: {reason}")]
    Ask {
        /// Its name.
        cluster: String,
        /// What was to be asked.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The guard has not permitted to write that.
    #[error("nothing was written to {path} of cluster {cluster}: no permit of the guard's is for it, or not any more")]
    NotPermitted {
        /// Its name.
        cluster: String,
        /// What was to be written.
        path: String,
    },
    /// The answer broke off.
    #[error("the answer of cluster {cluster} broke off: {reason}")]
    BrokenAnswer {
        /// Its name.
        cluster: String,
        /// What the client said.
        reason: String,
    },
    /// The answer is larger than any that is read.
    #[error("cluster {cluster} gave an answer of more than {most_bytes} bytes")]
    TooLarge {
        /// Its name.
        cluster: String,
        /// The limit.
        most_bytes: usize,
    },
    /// The server said no.
    #[error("cluster {cluster} answered {code}: {message}")]
    Refused {
        /// Its name.
        cluster: String,
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
        /// Seconds that the server asked to wait.
        retry_after: Option<u64>,
    },
    /// The answer is not what the API promises.
    #[error("cluster {cluster} gave an answer that cannot be read: {reason}")]
    Malformed {
        /// Its name.
        cluster: String,
        /// Why.
        reason: String,
    },
}

impl ClusterError {
    /// True if nothing was done, for certain: the server said that it would not, or nothing was sent.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused { code, .. } => (400..500).contains(code) && !matches!(code, 408 | 429),
            Self::NotPermitted { .. } | Self::Ask { .. } => true,
            _ => false,
        }
    }

    /// The words in which the server says no more than that some precondition of a patch does not hold.
    pub fn is_failed_test(&self) -> bool {
        match self {
            Self::Refused { code, message, .. } => {
                *code == 409 || (*code == 422 && message.contains("the server rejected our request"))
            }
            _ => false,
        }
    }

    /// True if the server itself says that an object is not valid so: no admission policy or webhook, which say who they are first.
    pub fn is_invalid(&self, kind: &GroupKind, name: &str) -> bool {
        let says = |message: &str| message.starts_with(&format!("{kind} {name:?} is invalid: "));
        matches!(self, Self::Refused { code: 422, message, .. } if says(message))
    }

    /// HTTP status of a refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kubeconfig(_) => {
                Some("name one with --kubeconfig and --context, or a recorded state with --live".to_owned())
            }
            Self::Proxy { .. } => Some(
                "write proxy-url in the kubeconfig as http://HOST:PORT, or take it out to connect directly".to_owned(),
            ),
            Self::Client { .. } => Some("see whether kubectl works with the same kubeconfig and context".to_owned()),
            Self::Unreachable { .. } => {
                Some("see whether kubectl get --raw /readyz answers with the same kubeconfig".to_owned())
            }
            Self::Refused { code: 401, .. } => {
                Some("the credentials have expired or are wrong; log in again".to_owned())
            }
            Self::Refused { code: 403, .. } => {
                Some("the rights that are needed: anchorwatch rbac --feature scan | kubectl apply -f -".to_owned())
            }
            Self::Refused { code: 300..=399, .. } => {
                Some("the server's address in the kubeconfig leads elsewhere, such as to a page to log in".to_owned())
            }
            Self::Refused { code: 410, .. } => Some(
                "the list changes faster than it can be read; try again later, or record a state for --live".to_owned(),
            ),
            Self::Refused { code: 429 | 500..=599, .. } => {
                Some("it was asked several times; try again later, or record a state for --live".to_owned())
            }
            Self::BrokenAnswer { .. } | Self::TooLarge { .. } | Self::Malformed { .. } => {
                Some("see whether something stands between here and the API server, such as a proxy".to_owned())
            }
            _ => None,
        }
    }
}

impl Cluster {
    /// GETs a path, and gives back the whole body.
    pub async fn get(&self, path: &str) -> Result<Vec<u8>, ClusterError> {
        self.get_as(path, JSON).await
    }

    async fn get_as(&self, path: &str, accept: &str) -> Result<Vec<u8>, ClusterError> {
        let request = Request::get(path).header(header::ACCEPT, accept).body(Body::empty());
        self.send(path, request).await
    }

    async fn send(&self, path: &str, request: http::Result<Request<Body>>) -> Result<Vec<u8>, ClusterError> {
        let request = request.map_err(|error| ClusterError::Ask {
            cluster: self.name.clone(),
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let response = self.client.send(request).await.map_err(|error| ClusterError::Unreachable {
            cluster: self.name.clone(),
            server: self.server.clone(),
            reason: reason::of_client(&error, self.plugin.as_deref()),
        })?;
        let (parts, body) = response.into_parts();
        let bytes = self.collect(body, MOST_BYTES).await?;
        if parts.status == StatusCode::OK || parts.status == StatusCode::CREATED {
            return Ok(bytes);
        }
        Err(self.refusal(&parts, &bytes))
    }

    async fn collect(&self, body: Body, most_bytes: usize) -> Result<Vec<u8>, ClusterError> {
        let cluster = self.name.clone();
        match Limited::new(body, most_bytes).collect().await {
            Ok(body) => Ok(body.to_bytes().into()),
            // Asked again, it would be as large.
            Err(error) if error.is::<LengthLimitError>() => Err(ClusterError::TooLarge { cluster, most_bytes }),
            Err(error) => Err(ClusterError::BrokenAnswer { cluster, reason: error.to_string() }),
        }
    }

    fn refusal(&self, parts: &http::response::Parts, body: &[u8]) -> ClusterError {
        ClusterError::Refused {
            cluster: self.name.clone(),
            code: parts.status.as_u16(),
            message: status_message(body),
            retry_after: parts.headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok()),
        }
    }

    /// GETs a path and reads the JSON.
    pub async fn get_json(&self, path: &str) -> Result<serde_json::Value, ClusterError> {
        let bytes = self.get_patiently(path).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| ClusterError::Malformed { cluster: self.name.clone(), reason: error.to_string() })
    }
}

/// Percent-encodes one segment of a path, or one value of a query: whatever it is called, it stays one.
pub fn encode(segment: &str) -> String {
    use std::fmt::Write as _;
    segment.bytes().fold(String::with_capacity(segment.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

/// The message of a `Status` body, or the start of whatever else it is.
fn status_message(body: &[u8]) -> String {
    let status: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = status.as_ref().and_then(|s| s.get("message")).and_then(serde_json::Value::as_str);
    message.map_or_else(|| String::from_utf8_lossy(body).chars().take(200).collect(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_too_large_is_no_broken_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let text = "{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}";
        std::fs::write(&file, text).unwrap();
        let options = ConnectOptions { kubeconfig: Some(file), context: None, in_cluster: false };
        let cluster = Cluster::connect(&options).await.unwrap();
        assert_eq!(cluster.collect(Body::from(vec![0; 10]), 10).await.unwrap(), [0; 10]);
        let error = cluster.collect(Body::from(vec![0; 11]), 10).await.unwrap_err();
        assert!(matches!(error, ClusterError::TooLarge { most_bytes: 10, .. }), "{error}");
    }
}
