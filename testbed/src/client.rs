//! A program that is not kubectl: raw requests to the API server in a person's name, under a user agent of its own.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::http::Request;

use crate::control_plane::ControlPlaneError;
use crate::proxy::Proxy;

const REQUEST_LIMIT: Duration = Duration::from_mins(1);

/// Makes requests; the API server takes the field manager from its user agent where a request names none.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    proxy: Proxy,
}

/// How a patch is meant: the content type of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 7386.
    Merge,
    /// RFC 6902.
    Json,
    /// Server-side apply; the path's query names the field manager.
    Apply,
}

impl PatchKind {
    fn content_type(self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::Json => "application/json-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

impl Client {
    pub(crate) fn connect(kubectl: &Path, kubeconfig: &Path, user_agent: &str) -> Result<Self, ControlPlaneError> {
        let proxy = Proxy::start(kubectl, Some(kubeconfig)).map_err(|message| ControlPlaneError::Proxy { message })?;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_LIMIT))
            .user_agent(user_agent)
            .proxy(None)
            .build()
            .new_agent();
        Ok(Self { agent, proxy })
    }

    /// Patches the object at `path`, which may have a query; gives the object as it is then.
    pub fn patch(&self, path: &str, kind: PatchKind, body: &Value) -> Result<Value, ControlPlaneError> {
        let request = Request::patch(format!("{}{path}", self.proxy.url()))
            .header("Content-Type", kind.content_type())
            .header("Accept", "application/json")
            .body(body.to_string());
        let refused = |message: String| ControlPlaneError::Request { path: path.to_owned(), message };
        let request = request.map_err(|failure| refused(failure.to_string()))?;
        let mut response = self.agent.run(request).map_err(|failure| refused(failure.to_string()))?;
        let status = response.status();
        let text = response.body_mut().read_to_string().map_err(|failure| refused(failure.to_string()))?;
        if !status.is_success() {
            return Err(refused(format!("{status}: {text}")));
        }
        serde_json::from_str(&text).map_err(|failure| refused(failure.to_string()))
    }
}
