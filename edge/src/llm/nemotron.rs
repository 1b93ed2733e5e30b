//! A Nemotron, in a NIM or in another server that runs it. <https://docs.nvidia.com/nim/large-language-models/latest/>

use std::time::Duration;

use anchorwatch_core::route::dialect::nemotron;
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::provider::{Ask, Embeddings, Limits};
use futures::future::BoxFuture;

use super::openai::{Api, split};
use super::server::Server;
use super::{Health, Provider, Settings, Streamed};
use crate::outbound::Outbound;

/// A NIM's own way to say that its model is loaded, that of `LiteLLM`, and that of llama.cpp and vLLM.
const HEALTH: [&str; 3] = ["/v1/health/ready", "/health/readiness", "/health"];

/// A server with a Nemotron.
#[derive(Debug)]
pub(super) struct Nemotron<Reach> {
    model: String,
    api: Api<Reach>,
    ways: nemotron::Ways,
}

impl<Reach> Nemotron<Reach> {
    pub(super) fn new(outbound: Outbound<Reach>, settings: Settings, ways: nemotron::Ways) -> Self {
        let Settings { base_url, model, key } = settings;
        let (root, prefix) = split(&base_url);
        Self { model, api: Api { server: Server::new(outbound, root, key), prefix }, ways }
    }
}

impl<Reach: Send + Sync> Provider for Nemotron<Reach>
where
    Self: std::fmt::Debug,
{
    fn stream<'a>(&'a self, ask: &'a Ask, limits: Limits) -> BoxFuture<'a, Result<Streamed, Failure>> {
        Box::pin(async move {
            let body = nemotron::body(&self.model, ask, self.ways);
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
