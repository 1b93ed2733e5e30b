//! The API server, spoken to through `kubectl proxy`: plain HTTP on loopback, whatever the kubeconfig's credentials.
//!
//! Reads and dry runs. On a cluster that is [ours to use](Api::ours_to_use) some objects are really created, and
//! deleted at once.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::HarvestError;
use crate::proxy::Proxy;

const REQUEST_LIMIT: Duration = Duration::from_mins(1);

/// A connection to an API server.
#[derive(Debug)]
pub struct Api {
    url: String,
    agent: ureq::Agent,
    ours_to_use: bool,
    older: bool,
    _proxy: Proxy,
}

/// On whose behalf a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// Whoever the kubeconfig says.
    Own,
    /// An impersonated other administrator, to tell what depends on the person.
    Other,
}

/// What an attempt to create an object answered.
#[derive(Debug, Clone)]
pub enum Trial {
    /// The object as it would be stored.
    Accepted(Value),
    /// The server's message.
    Refused(String),
}

impl Api {
    /// Connects with a kubeconfig, or with kubectl's own choice of one.
    pub fn connect(kubectl: &Path, kubeconfig: Option<&Path>) -> Result<Self, HarvestError> {
        let proxy = Proxy::start(kubectl, kubeconfig).map_err(|message| HarvestError::Proxy { message })?;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_LIMIT))
            .max_idle_connections_per_host(16)
            .proxy(None)
            .build()
            .new_agent();
        Ok(Self { url: proxy.url().to_owned(), agent, ours_to_use: false, older: false, _proxy: proxy })
    }

    /// Says that the cluster is thrown away afterwards, so that objects may be created in it.
    #[must_use]
    pub fn ours_to_use(mut self) -> Self {
        self.ours_to_use = true;
        self
    }

    /// Says that the server is of an older release than the seeds: what it does not know of them it may leave out.
    #[must_use]
    pub fn older(mut self, older: bool) -> Self {
        self.older = older;
        self
    }

    /// True for a server of an older release than the seeds.
    pub fn is_older(&self) -> bool {
        self.older
    }

    /// The server's version, as in `v1.37.2`.
    pub fn version(&self) -> Result<String, HarvestError> {
        let version = self.get("/version")?;
        let text = version["gitVersion"].as_str().map(str::to_owned);
        text.ok_or_else(|| answer_error("/version", "no gitVersion"))
    }

    /// Reads a path.
    pub fn get(&self, path: &str) -> Result<Value, HarvestError> {
        let failed = |source: ureq::Error| request_error(path, source);
        // Asked for explicitly: to a browser-like caller the server pretty-prints.
        let request = self.agent.get(format!("{}{path}", self.url)).header("Accept", "application/json");
        let mut response = request.call().map_err(failed)?;
        let status = response.status();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string().map_err(failed)?;
        if !status.is_success() {
            return Err(answer_error(path, &format!("{status}: {text}")));
        }
        serde_json::from_str(&text).map_err(|failure| answer_error(path, &failure.to_string()))
    }

    /// Asks what creating `object` would store. Nothing is stored.
    pub fn dry_run(&self, collection: &str, object: &Value, speaker: Speaker) -> Result<Trial, HarvestError> {
        self.create(collection, "dryRun=All&", object, speaker)
    }

    /// Creates `object` and deletes it again, if the cluster is ours to use; else a dry run.
    pub fn try_out(&self, collection: &str, object: &Value, speaker: Speaker) -> Result<Trial, HarvestError> {
        if !self.ours_to_use {
            return self.dry_run(collection, object, speaker);
        }
        let trial = self.create(collection, "", object, speaker)?;
        if let Trial::Accepted(stored) = &trial {
            let name = stored["metadata"]["name"].as_str().unwrap_or_default();
            let path = format!("{collection}/{name}");
            let response = self.agent.delete(format!("{}{path}", self.url)).call();
            response.map_err(|source| request_error(&path, source))?;
        }
        Ok(trial)
    }

    fn create(&self, collection: &str, mode: &str, object: &Value, speaker: Speaker) -> Result<Trial, HarvestError> {
        let failed = |source: ureq::Error| request_error(collection, source);
        let validation = if self.older { "Ignore" } else { "Strict" };
        let url = format!("{}{collection}?{mode}fieldManager=harvest&fieldValidation={validation}", self.url);
        let mut request = self.agent.post(url).content_type("application/json").header("Accept", "application/json");
        if speaker == Speaker::Other {
            request = request.header("Impersonate-User", "harvest-other").header("Impersonate-Extra-team", "others");
            request = request.header("Impersonate-Group", "system:masters").header("Impersonate-Group", "others");
        }
        let mut response = request.send(object.to_string()).map_err(failed)?;
        let status = response.status();
        let text = response.body_mut().read_to_string().map_err(failed)?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        match (status.as_u16(), body["message"].as_str()) {
            (200..=299, _) => Ok(Trial::Accepted(body)),
            (400..=499, Some(message)) => Ok(Trial::Refused(message.to_owned())),
            // A zero that makes the server stumble (seen as 500 from a controller's conversion) is no finding either.
            (_, message) => Ok(Trial::Refused(format!("{status}: {}", message.unwrap_or(&text)))),
        }
    }
}

fn request_error(path: &str, source: ureq::Error) -> HarvestError {
    HarvestError::Request { path: path.to_owned(), source: Box::new(source) }
}

fn answer_error(path: &str, message: &str) -> HarvestError {
    HarvestError::Answer { path: path.to_owned(), message: message.to_owned() }
}
