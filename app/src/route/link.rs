//! A provider as a part of a chain, and what is known of how it is doing; the same in all chains that have it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anchorwatch_core::route::breaker::{Breaker, BreakerPolicy};
use anchorwatch_core::route::dialect;
use anchorwatch_core::route::failure;
use anchorwatch_core::route::locality::{self, Locality, ModelFacts, Networks, NotLocal, Sign};
use anchorwatch_core::route::provider::{Dialect, Speed};
use anchorwatch_edge::llm::{Local, Open, Provider, Settings};
use anchorwatch_edge::outbound::{Anywhere, InsideOnly, Outbound};
use secrecy::SecretString;

use crate::config::{self, route};
use crate::failure::Failure;

/// A provider in a chain.
#[derive(Debug, Clone)]
pub(super) struct Link<P> {
    provider: P,
    pub(super) settings: Arc<route::Provider>,
    pub(super) doing: Arc<Doing>,
    networks: Arc<Networks>,
}

impl<P: Deref<Target = dyn Provider>> Link<P> {
    /// A provider that nothing is known of yet.
    pub(super) fn new(provider: P, settings: route::Provider, networks: Arc<Networks>) -> Self {
        Self { provider, settings: Arc::new(settings), doing: Arc::default(), networks }
    }

    pub(super) fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    /// Fails if it was found not to be local. Before anything of anybody's is sent to it in private, it is asked for its
    /// health, so that whoever passes requests on is seen before there is one.
    pub(super) async fn look(&self, timeout: Duration) -> Result<(), failure::Failure> {
        match self.doing.found() {
            Found::Local => Ok(()),
            Found::NotLocal(reason) => Err(failure::Failure::NotLocal(reason)),
            Found::Nothing => self.health(timeout).await.map(drop),
        }
    }

    /// Asks it for its health, with nothing of anybody's, and judges by what it gives away there. Gives its version, where it
    /// says one. Who has no such path is well enough to say so.
    pub(super) async fn health(&self, timeout: Duration) -> Result<Option<String>, failure::Failure> {
        let version = match self.provider().health(timeout).await {
            Ok(health) => {
                self.judge(&health.signs)?;
                health.version
            }
            Err(failure::Failure::Status { code: 404 | 405 | 501, .. }) => None,
            Err(failure) => return Err(failure),
        };
        self.doing.find(Found::Local);
        Ok(version)
    }

    /// Judges by what an answer gave away. Whoever is found not to be local stays so as long as this process runs.
    pub(super) fn judge(&self, signs: &[Sign]) -> Result<(), failure::Failure> {
        if signs.is_empty() || self.settings.is_cloud {
            return Ok(());
        }
        match locality::judge(&facts(&self.settings, None, signs), &self.networks) {
            Locality::Local { .. } => Ok(()),
            Locality::NotLocal(reason) => {
                self.doing.find(Found::NotLocal(reason.clone()));
                Err(failure::Failure::NotLocal(reason))
            }
        }
    }
}

/// What a provider was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    /// Nobody has looked.
    Nothing,
    /// Nothing speaks against its being local.
    Local,
    /// It passes requests on; why that is known.
    NotLocal(NotLocal),
}

/// How a provider is doing.
#[derive(Debug)]
pub(super) struct Doing {
    breaker: Mutex<Breaker>,
    speed: Mutex<Speed>,
    found: Mutex<Found>,
}

impl Default for Doing {
    fn default() -> Self {
        let breaker = Mutex::new(Breaker::new(BreakerPolicy::default()));
        Self { breaker, speed: Mutex::default(), found: Mutex::new(Found::Nothing) }
    }
}

impl Doing {
    pub(super) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn speed(&self) -> Speed {
        *self.speed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn found(&self) -> Found {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing makes local again what was found not to be.
    fn find(&self, now: Found) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*found, Found::NotLocal(_)) {
            *found = now;
        }
    }

    /// Takes a measurement in: each counts for a fifth.
    pub(super) fn measured(&self, measured: Speed) {
        let mut speed = self.speed.lock().unwrap_or_else(PoisonError::into_inner);
        let mean = |known: Option<f64>, new: Option<f64>| match (known, new) {
            (Some(known), Some(new)) => Some(known.mul_add(0.8, new * 0.2)),
            (known, new) => new.or(known),
        };
        *speed = Speed {
            prompt_tokens_per_second: mean(speed.prompt_tokens_per_second, measured.prompt_tokens_per_second),
            tokens_per_second: mean(speed.tokens_per_second, measured.tokens_per_second),
        };
    }
}

/// All providers, by name.
pub(super) struct Links {
    local: BTreeMap<String, Link<Local>>,
    clouds: BTreeMap<String, Link<Open>>,
}

impl Links {
    pub(super) fn open(config: &config::Route) -> Result<Self, Failure> {
        let mut links = Self { local: BTreeMap::new(), clouds: BTreeMap::new() };
        let networks = Arc::new(config.networks.clone());
        let (inside, anywhere) = (Outbound::inside_only(config.networks.clone()), Outbound::anywhere());
        for provider in &config.providers {
            let key = provider.key.as_ref().map(crate::secret::Secret::read).transpose()?;
            let settings = Settings {
                base_url: provider.endpoint.as_str().to_owned(),
                model: provider.model.clone(),
                key: key.clone().map(SecretString::from),
            };
            let (name, own, networks) = (provider.name.clone(), provider.clone(), networks.clone());
            if provider.is_cloud {
                let provider = cloud(provider, believing(provider, &anywhere)?, settings)?;
                links.clouds.insert(name, Link::new(provider, own, networks));
            } else {
                judge(provider, key.as_deref(), config)?;
                let provider = local(provider, believing(provider, &inside)?, settings);
                links.local.insert(name, Link::new(provider, own, networks));
            }
        }
        Ok(links)
    }

    /// A chain of these; none of them is a cloud, says the configuration.
    pub(super) fn private_chain(&self, names: &[String]) -> Vec<Link<Local>> {
        names.iter().filter_map(|name| self.local.get(name).cloned()).collect()
    }

    /// A chain that may have clouds.
    pub(super) fn open_chain(&self, names: &[String]) -> Vec<Link<Open>> {
        let link = |name: &String| self.clouds.get(name).cloned().or_else(|| self.local.get(name).map(Link::opened));
        names.iter().filter_map(link).collect()
    }
}

impl Link<Local> {
    fn opened(&self) -> Link<Open> {
        let Self { provider, settings, doing, networks } = self.clone();
        Link { provider: provider.into(), settings, doing, networks }
    }
}

/// Fails if what is written of a provider says that it is not local.
fn judge(provider: &route::Provider, key: Option<&str>, config: &config::Route) -> Result<(), Failure> {
    match locality::judge(&facts(provider, key, &[]), &config.networks) {
        Locality::Local { .. } => Ok(()),
        Locality::NotLocal(reason) => {
            let hint =
                "say cloud: true of it, which keeps it out of the private chain; or attest what stands behind a proxy";
            Err(Failure::new(format!("the provider {:?} is not local: {reason}", provider.name)).hint(hint))
        }
    }
}

fn facts<'a>(provider: &'a route::Provider, key: Option<&'a str>, signs: &'a [Sign]) -> ModelFacts<'a> {
    ModelFacts {
        endpoint: &provider.endpoint,
        key,
        model: &provider.model,
        // Ollama is asked for that each time.
        remote: None,
        signs,
        is_declared_proxy: provider.is_proxy,
        attestation: provider.attestation.as_ref(),
    }
}

/// A client that believes whoever vouches for the provider.
#[expect(clippy::disallowed_methods, reason = "one file that the configuration names, read once")]
fn believing<Reach>(provider: &route::Provider, client: &Outbound<Reach>) -> Result<Outbound<Reach>, Failure> {
    let Some(file) = &provider.authorities else { return Ok(client.clone()) };
    let unusable = |reason: String| {
        Failure::new(format!("cannot use the ca_file {} of the provider {:?}", file.display(), provider.name))
            .detail(reason)
            .hint("name a PEM file of the certificate authorities that vouch for it")
    };
    let authorities = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    client.clone().believing(&authorities).map_err(|error| unusable(error.to_string()))
}

fn local(provider: &route::Provider, inside: Outbound<InsideOnly>, settings: Settings) -> Local {
    match provider.dialect {
        Dialect::Nemotron => Local::nemotron(inside, settings, nemotron(provider)),
        Dialect::Ollama => Local::ollama(inside, settings, ollama(provider)),
        Dialect::OpenAi => Local::openai(inside, settings, dialect::openai::Ways::default()),
    }
}

fn cloud(provider: &route::Provider, anywhere: Outbound<Anywhere>, settings: Settings) -> Result<Open, Failure> {
    match provider.dialect {
        Dialect::Nemotron => Ok(Open::nemotron(anywhere, settings, nemotron(provider))),
        Dialect::OpenAi => Ok(Open::openai(anywhere, settings, dialect::openai::Ways { max_completion_tokens: true })),
        Dialect::Ollama => Err(Failure::new(format!("the provider {:?} cannot be a cloud", provider.name))
            .detail("Ollama's own dialect is spoken inside only")
            .hint("a cloud is asked by dialect: openai")),
    }
}

fn nemotron(provider: &route::Provider) -> dialect::nemotron::Ways {
    dialect::nemotron::Ways { reasoning_toggle: provider.reasoning_toggle, guided_json: provider.guided_json }
}

fn ollama(provider: &route::Provider) -> dialect::ollama::Ways {
    dialect::ollama::Ways { context_tokens: provider.context_tokens, keep_alive: provider.keep_alive.clone() }
}

/// What is waited for when a provider's health is asked for.
pub(super) const PROBE: Duration = Duration::from_secs(3);
