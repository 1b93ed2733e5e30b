//! Servers that speak as OpenAI does: llama.cpp, vLLM, clouds. <https://platform.openai.com/docs/api-reference/chat>

use std::time::Duration;

use anchorwatch_core::route::dialect::{AnswerReader, openai};
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::locality::sign::signs_of;
use anchorwatch_core::route::provider::{Ask, Embeddings, Limits, Origin};
use futures::future::BoxFuture;
use serde_json::Value as Json;

use super::patience::Patience;
use super::server::Server;
use super::{Health, Provider, Settings, Streamed};
use crate::outbound::Outbound;

/// Where LiteLLM says that it is LiteLLM, and where llama.cpp and vLLM say how they are.
const HEALTH: [&str; 2] = ["/health/readiness", "/health"];

/// Any server of this dialect.
#[derive(Debug)]
pub(super) struct OpenAi<Reach> {
    model: String,
    api: Api<Reach>,
    ways: openai::Ways,
}

impl<Reach> OpenAi<Reach> {
    pub(super) fn new(outbound: Outbound<Reach>, settings: Settings, ways: openai::Ways) -> Self {
        let Settings { base_url, model, key } = settings;
        let (root, prefix) = split(&base_url);
        Self { model, api: Api { server: Server::new(outbound, root, key), prefix }, ways }
    }
}

impl<Reach: Send + Sync> Provider for OpenAi<Reach>
where
    Self: std::fmt::Debug,
{
    fn stream<'a>(&'a self, ask: &'a Ask, limits: Limits) -> BoxFuture<'a, Result<Streamed, Failure>> {
        Box::pin(async move {
            let body = openai::body(&self.model, ask, self.ways);
            self.api.stream(&body, ask.may_be_cut, limits).await
        })
    }

    fn embed<'a>(&'a self, texts: &'a [String], limits: Limits) -> BoxFuture<'a, Result<Embeddings, Failure>> {
        Box::pin(self.api.embed(&self.model, texts, limits))
    }

    fn health(&self, timeout: Duration) -> BoxFuture<'_, Result<Health, Failure>> {
        Box::pin(self.api.health(&HEALTH, timeout))
    }
}

/// The parts of the dialect that all of its servers have.
#[derive(Debug)]
pub(super) struct Api<Reach> {
    pub(super) server: Server<Reach>,
    /// What stands between the root and each path, as in `/v1`.
    pub(super) prefix: &'static str,
}

impl<Reach> Api<Reach> {
    pub(super) async fn stream(&self, body: &Json, may_be_cut: bool, limits: Limits) -> Result<Streamed, Failure> {
        let reader = AnswerReader::openai(may_be_cut);
        self.server.stream(&self.at("/chat/completions"), body, reader, Patience::new(limits)).await
    }

    pub(super) async fn embed(&self, model: &str, texts: &[String], limits: Limits) -> Result<Embeddings, Failure> {
        let body = openai::embeddings_body(model, texts);
        let read = |answered: &[u8], origin| openai::embeddings(answered, texts.len(), origin);
        self.server.post(&self.at("/embeddings"), &body, &Patience::new(limits), read).await
    }

    /// Asks the first of these paths, below the root, that there is; where there is none, for the models.
    pub(super) async fn health(&self, paths: &[&str], timeout: Duration) -> Result<Health, Failure> {
        let patience = Patience::new(Limits::within(timeout));
        for path in paths {
            match self.server.get(path, &patience, healthy).await {
                Err(Failure::Status { code: 404 | 405 | 501, .. }) => {}
                answered => return answered,
            }
        }
        self.server.get(&self.at("/models"), &patience, healthy).await
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

/// Whoever answers so is well, whatever is said.
#[expect(clippy::unnecessary_wraps, reason = "what reads an answer may fail")]
fn healthy(answered: &[u8], origin: Origin) -> Result<Health, Failure> {
    let body = serde_json::from_slice(answered).unwrap_or_default();
    let mut signs = origin.signs;
    signs.extend(signs_of([], &body));
    Ok(Health { version: None, signs })
}

/// The root of a server and what stands before its paths: `/v1`, also where an address has no path; else nothing.
pub(super) fn split(base_url: &str) -> (&str, &'static str) {
    let base_url = base_url.trim_end_matches('/');
    if let Some(root) = base_url.strip_suffix("/v1") {
        return (root, "/v1");
    }
    let place = base_url.split_once("://").map_or(base_url, |(_, place)| place);
    if place.contains('/') { (base_url, "") } else { (base_url, "/v1") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_the_version_or_not() {
        for (base_url, root, prefix) in [
            ("http://nim:8000", "http://nim:8000", "/v1"),
            ("http://nim:8000/", "http://nim:8000", "/v1"),
            ("http://nim:8000/v1/", "http://nim:8000", "/v1"),
            ("https://api.example.com/openai/v1", "https://api.example.com/openai", "/v1"),
            ("https://api.example.com/v1beta/openai", "https://api.example.com/v1beta/openai", ""),
        ] {
            assert_eq!(split(base_url), (root, prefix), "{base_url}");
        }
    }
}
