//! Ollama, by its own API: <https://github.com/ollama/ollama/blob/main/docs/api.md>
//!
//! Before a model is told anything, Ollama is asked which one it is: one that it only passes on is not local.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anchorwatch_core::route::dialect::AnswerReader;
use anchorwatch_core::route::dialect::ollama::{self, Asked, Facts, Ways};
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::locality::NotLocal;
use anchorwatch_core::route::provider::{Ask, Embeddings, Limits, Origin};
use futures::future::BoxFuture;
use serde_json::json;

use super::patience::Patience;
use super::server::Server;
use super::{Health, Provider, Settings, Streamed};
use crate::outbound::{InsideOnly, Outbound};

/// An Ollama with one of its models.
#[derive(Debug)]
pub(super) struct Ollama {
    model: String,
    server: Server<InsideOnly>,
    ways: Ways,
    /// What is known of the model, as long as it is the same one.
    known: Mutex<Option<Known>>,
}

/// A model, by its digest.
#[derive(Debug, Clone)]
struct Known {
    digest: Option<String>,
    facts: Facts,
}

impl Ollama {
    pub(super) fn new(outbound: Outbound<InsideOnly>, settings: Settings, ways: Ways) -> Self {
        let Settings { base_url, model, key } = settings;
        Self { model, server: Server::new(outbound, &base_url, key), ways, known: Mutex::default() }
    }

    /// Which model it is by now; a failure if it is run elsewhere.
    async fn model_now(&self, patience: &Patience) -> Result<Known, Failure> {
        let digest = self.digest(patience).await?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = match known.filter(|known| digest.is_some() && known.digest == digest) {
            Some(known) => known,
            None => self.learn(digest, patience).await?,
        };
        match known.facts.remote {
            Some(remote) => Err(Failure::NotLocal(NotLocal::Remote(remote))),
            None => Ok(known),
        }
    }

    async fn digest(&self, patience: &Patience) -> Result<Option<String>, Failure> {
        let tags = self.server.get("/api/tags", patience, |answered, _| ollama::tags(answered)).await?;
        let digest = ollama::tag_of(&self.model, &tags).map(|tag| tag.digest.clone());
        Ok(digest.filter(|digest| !digest.is_empty()))
    }

    /// Asks what the model is; Ollama itself says so if there is none.
    async fn learn(&self, digest: Option<String>, patience: &Patience) -> Result<Known, Failure> {
        let asked = json!({ "model": self.model });
        let facts = self.server.post("/api/show", &asked, patience, |answered, _| ollama::facts(answered)).await?;
        let known = Known { digest, facts };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Ok(known)
    }

    async fn chat(&self, ask: &Ask, limits: Limits) -> Result<Streamed, Failure> {
        let patience = Patience::new(limits);
        let known = patience.head(self.model_now(&patience)).await?;
        let body = ollama::body(&self.model, ask, &self.ways, known.facts.thinks())?;
        let reader = AnswerReader::ollama(Asked::of(ask, &self.ways));
        let mut streamed = self.server.stream("/api/chat", &body, reader, patience).await?;
        streamed.origin.model_digest = known.digest;
        Ok(streamed)
    }

    async fn vectors(&self, texts: &[String], limits: Limits) -> Result<Embeddings, Failure> {
        let patience = Patience::new(limits);
        let known = self.model_now(&patience).await?;
        let body = ollama::embeddings_body(&self.model, texts, &self.ways);
        let read = |answered: &[u8], origin| {
            let origin = Origin { model_digest: known.digest, ..origin };
            ollama::embeddings(answered, texts.len(), origin)
        };
        self.server.post("/api/embed", &body, &patience, read).await
    }

    async fn is_healthy(&self, timeout: Duration) -> Result<Health, Failure> {
        let patience = Patience::new(Limits::within(timeout));
        let read = |answered: &[u8], origin: Origin| ollama::version(answered).map(|version| (version, origin.signs));
        let (version, signs) = self.server.get("/api/version", &patience, read).await?;
        self.model_now(&patience).await?;
        Ok(Health { version: Some(version), signs })
    }

    async fn load(&self, timeout: Duration) -> Result<(), Failure> {
        let patience = Patience::new(Limits::within(timeout));
        self.model_now(&patience).await?;
        let body = ollama::warm_up_body(&self.model, &self.ways);
        self.server.post("/api/chat", &body, &patience, |_, _| Ok(())).await
    }
}

impl Provider for Ollama {
    fn stream<'a>(&'a self, ask: &'a Ask, limits: Limits) -> BoxFuture<'a, Result<Streamed, Failure>> {
        Box::pin(self.chat(ask, limits))
    }

    fn embed<'a>(&'a self, texts: &'a [String], limits: Limits) -> BoxFuture<'a, Result<Embeddings, Failure>> {
        Box::pin(self.vectors(texts, limits))
    }

    fn health(&self, timeout: Duration) -> BoxFuture<'_, Result<Health, Failure>> {
        Box::pin(self.is_healthy(timeout))
    }

    fn warm_up(&self, timeout: Duration) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.load(timeout))
    }
}
