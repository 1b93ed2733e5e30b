//! How the providers are doing: what is known of each, and what it says when it is asked for its health.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::provider::{Dialect, Speed};
use jiff::Timestamp;

use super::Router;
use super::link::{Link, PROBE};
use crate::config::route;
use crate::serve::Service;

/// How long a large model may take to be read from a disk.
const LOADING: Duration = Duration::from_mins(5);

/// A provider, and what is known of it.
#[derive(Debug)]
pub(crate) struct Condition {
    /// Its settings.
    pub(crate) settings: route::Provider,
    /// Until when it is left alone, if it is.
    pub(crate) open_until: Option<Timestamp>,
    /// How fast it was.
    pub(crate) speed: Speed,
    /// What it says of its health, where that was asked: its version, if it has one.
    pub(crate) health: Option<Result<Option<String>, Failure>>,
}

impl Router {
    /// All providers, in the configuration's order; `probes`: whether each is asked for its health.
    pub(crate) async fn conditions(&self, probes: bool) -> Vec<Condition> {
        futures::future::join_all(self.all.iter().map(|link| condition(link, probes))).await
    }
}

/// Has each Ollama of the private chain load its model, so that the first who asks does not wait for that.
pub(crate) async fn warm_up(service: Arc<Service>) {
    let cold = service.router.private.iter().filter(|link| link.settings.dialect == Dialect::Ollama);
    let warming = futures::future::join_all(cold.map(async |link| {
        let provider = &link.settings.name;
        let warmed = async {
            link.look(PROBE).await?;
            link.provider().warm_up(LOADING).await
        };
        match warmed.await {
            Ok(()) => tracing::info!(provider, "its model is loaded"),
            Err(failure) => tracing::warn!(provider, reason = %failure, "its model is not loaded yet"),
        }
    }));
    service.stop.run_until_cancelled(warming).await;
}

async fn condition(link: &Link<anchorwatch_edge::llm::Open>, probes: bool) -> Condition {
    let health = if probes { Some(link.health(PROBE).await) } else { None };
    Condition {
        settings: route::Provider::clone(&link.settings),
        open_until: link.doing.breaker().open_until(),
        speed: link.doing.speed(),
        health,
    }
}
