//! Providers of language models: each a server that is asked in its dialect, and given up in time.
//!
//! What they say is read by core. What leaves here as a failure has neither a key nor an address in it.

mod nemotron;
mod ollama;
mod openai;
mod patience;
mod server;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::route::dialect;
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::locality::Sign;
use anchorwatch_core::route::provider::{Ask, Embeddings, Limits, Origin, Piece};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use secrecy::SecretString;

use crate::outbound::{Anywhere, InsideOnly, Outbound};
use nemotron::Nemotron;
use ollama::Ollama;
use openai::OpenAi;

/// A server with a model. Dropping what it gives ends what it does.
pub trait Provider: fmt::Debug + Send + Sync {
    /// Asks, and gives the answer as it comes.
    fn stream<'a>(&'a self, ask: &'a Ask, limits: Limits) -> BoxFuture<'a, Result<Streamed, Failure>>;

    /// Turns texts into vectors.
    fn embed<'a>(&'a self, texts: &'a [String], limits: Limits) -> BoxFuture<'a, Result<Embeddings, Failure>>;

    /// Asks whether it could answer now, with nothing of anybody's.
    fn health(&self, timeout: Duration) -> BoxFuture<'_, Result<Health, Failure>>;

    /// Has it load its model, where it does not do so by itself.
    fn warm_up(&self, _timeout: Duration) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }
}

/// An answer that is on its way. Its pieces end with [`Piece::End`] or one failure.
pub struct Streamed {
    /// Where it comes from.
    pub origin: Origin,
    /// What is said, as it comes.
    pub pieces: BoxStream<'static, Result<Piece, Failure>>,
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// What a healthy provider says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Its version, where it says.
    pub version: Option<String>,
    /// What gives away that it passes requests on.
    pub signs: Vec<Sign>,
}

/// Where a provider is, and what it is asked for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is, as in `http://nim:8000` or `https://api.example.com/openai/v1`.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// The key that it wants.
    pub key: Option<SecretString>,
}

/// A provider that is reached inside only. Nothing else can be made one:
///
/// ```compile_fail
/// use anchorwatch_edge::{llm::{Local, Settings}, outbound::Outbound};
/// let settings = Settings { base_url: String::new(), model: String::new(), key: None };
/// Local::openai(Outbound::anywhere(), settings, Default::default());
/// ```
#[derive(Debug, Clone)]
pub struct Local(Arc<dyn Provider>);

impl Local {
    /// A NIM with a Nemotron.
    pub fn nemotron(outbound: Outbound<InsideOnly>, settings: Settings, ways: dialect::nemotron::Ways) -> Self {
        Self(Arc::new(Nemotron::new(outbound, settings, ways)))
    }

    /// An Ollama.
    pub fn ollama(outbound: Outbound<InsideOnly>, settings: Settings, ways: dialect::ollama::Ways) -> Self {
        Self(Arc::new(Ollama::new(outbound, settings, ways)))
    }

    /// A server that speaks as OpenAI does.
    pub fn openai(outbound: Outbound<InsideOnly>, settings: Settings, ways: dialect::openai::Ways) -> Self {
        Self(Arc::new(OpenAi::new(outbound, settings, ways)))
    }
}

impl Deref for Local {
    type Target = dyn Provider;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// A provider of a chain that may have clouds.
///
/// ```no_run
/// use anchorwatch_edge::{llm::{Open, Settings}, outbound::Outbound};
/// let settings = Settings { base_url: String::new(), model: String::new(), key: None };
/// Open::openai(Outbound::anywhere(), settings, Default::default());
/// ```
#[derive(Debug, Clone)]
pub struct Open(Arc<dyn Provider>);

impl Open {
    /// A hosted NIM with a Nemotron.
    pub fn nemotron(outbound: Outbound<Anywhere>, settings: Settings, ways: dialect::nemotron::Ways) -> Self {
        Self(Arc::new(Nemotron::new(outbound, settings, ways)))
    }

    /// A server that speaks as OpenAI does.
    pub fn openai(outbound: Outbound<Anywhere>, settings: Settings, ways: dialect::openai::Ways) -> Self {
        Self(Arc::new(OpenAi::new(outbound, settings, ways)))
    }
}

impl From<Local> for Open {
    fn from(Local(provider): Local) -> Self {
        Self(provider)
    }
}

impl Deref for Open {
    type Target = dyn Provider;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
