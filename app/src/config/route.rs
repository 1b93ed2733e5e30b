//! Who answers prompts: providers, and the chains that ask one after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anchorwatch_core::object::known_secrets::KnownSecrets;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::intent::{Intents, OpenIntent};
use anchorwatch_core::route::locality::{self, Attestation, Endpoint, NamedNetwork, Networks};
use anchorwatch_core::route::provider::{Dialect, ReasoningToggle};
use anchorwatch_core::route::redaction::{Kind, Redactor};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::{at, check_name, file, unique};
use crate::secret::Secret;

/// How long a NIM may take that does not say, and any other provider.
const NEMOTRON_TIMEOUT: Duration = Duration::from_secs(30);
const OTHER_TIMEOUT: Duration = Duration::from_mins(1);
/// Tokens that Ollama keeps room for.
const CONTEXT_TOKENS: u32 = 16_384;
/// How long it keeps the model.
const KEEP_ALIVE: &str = "30m";

/// Who answers prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// Where private requests may be answered.
    pub(crate) networks: Networks,
    /// All providers, each in some chain.
    pub(crate) providers: Vec<Provider>,
    /// The chain of private intents: names of providers, none of them a cloud.
    pub(crate) private: Vec<String>,
    /// The chains of other intents.
    pub(crate) open: BTreeMap<OpenIntent, Vec<String>>,
    /// How long a request may take on its whole way.
    pub(crate) deadline: Duration,
    /// How long a provider may take until the first token of a streamed answer.
    pub(crate) first_token: Duration,
    /// How long it may take until the next piece.
    pub(crate) idle: Duration,
    /// How a streamed answer is passed on where the request does not say.
    pub(crate) streaming: Streaming,
    /// Domains whose hosts are nobody else's affair.
    pub(crate) internal_domains: Vec<String>,
    /// True if e-mail addresses leave as they are.
    pub(crate) keeps_emails: bool,
}

/// How a streamed answer is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Streaming {
    /// Once it is whole and as it should be.
    #[default]
    Verified,
    /// As it comes.
    Live,
}

impl Streaming {
    /// Its name, in the configuration and in a header.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Live => "live",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Verified, Self::Live].into_iter().find(|streaming| streaming.name() == name)
    }
}

impl Route {
    /// Has the environment say some times instead.
    pub(super) fn obey(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), String> {
        let seconds = |name: &str| seconds_in(name, &variable);
        if let Some(deadline) = seconds("DIAGNOSE_DEADLINE_SECONDS")? {
            self.deadline = deadline;
        }
        for (dialect, name) in [
            (Dialect::Nemotron, "NEMOTRON_DIAGNOSE_TIMEOUT_SECONDS"),
            (Dialect::Ollama, "OLLAMA_DIAGNOSE_TIMEOUT_SECONDS"),
        ] {
            let Some(timeout) = seconds(name)? else { continue };
            for provider in self.providers.iter_mut().filter(|provider| provider.dialect == dialect) {
                provider.timeout = timeout;
            }
        }
        Ok(())
    }

    /// What looks for what must not leave, with the values of Secrets that are known with this key.
    pub(crate) fn redactor(&self, key: SecretKey, known: KnownSecrets) -> Redactor {
        let redactor =
            Redactor::new().with_known(key, known).with_internal_domains(self.internal_domains.iter().cloned());
        redactor.sparing(self.keeps_emails.then_some(Kind::Email))
    }

    /// The open intents that there are.
    pub(crate) fn intents(&self) -> Intents {
        Intents::with(self.open.keys().cloned())
    }
}

/// Something that answers prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provider {
    /// Its name.
    pub(crate) name: String,
    /// How it speaks.
    pub(crate) dialect: Dialect,
    /// Where it is.
    pub(crate) endpoint: Endpoint,
    /// The model that it is asked for.
    pub(crate) model: String,
    /// What it is asked with.
    pub(crate) key: Option<Secret>,
    /// A PEM file of the authorities that vouch for it; the machine's, if there is none.
    pub(crate) authorities: Option<PathBuf>,
    /// True if it is outside.
    pub(crate) is_cloud: bool,
    /// How long it may take; and for some intents, by their names.
    pub(crate) timeout: Duration,
    pub(crate) timeouts: BTreeMap<String, Duration>,
    /// How a NIM is told not to think.
    pub(crate) reasoning_toggle: ReasoningToggle,
    /// True if an old NIM is told the schema in its own way, too.
    pub(crate) guided_json: bool,
    /// Tokens that Ollama keeps room for.
    pub(crate) context_tokens: u32,
    /// How long Ollama keeps the model, in its own words.
    pub(crate) keep_alive: String,
    /// True if it passes requests on.
    pub(crate) is_proxy: bool,
    /// Who answers for what stands behind it.
    pub(crate) attestation: Option<Attestation>,
}

impl Provider {
    /// How long it may take for a request of this intent.
    pub(crate) fn timeout_for(&self, intent: &str) -> Duration {
        self.timeouts.get(intent).copied().unwrap_or(self.timeout)
    }
}

pub(super) fn read(written: file::Route, folder: &Path) -> Result<Route, String> {
    let file::Route {
        networks,
        networks_not,
        providers,
        private,
        intents,
        deadline,
        first_token_timeout,
        idle_timeout,
        stream,
        redaction: file::Redaction { internal_domains, emails },
    } = written;
    let networks = read_networks(networks, &networks_not)?;
    let providers = providers.into_iter().map(|provider| {
        let place = provider.referenced;
        Provider::read(provider, folder, &networks).map(|provider| (place, provider))
    });
    let providers = providers.collect::<Result<Vec<_>, String>>()?;
    unique(providers.iter().map(|(place, provider)| (provider.name.as_str(), *place)), "route.providers")?;
    let known: Vec<&Provider> = providers.iter().map(|(_, provider)| provider).collect();
    let private = read_chain("route.private", private, &known)?;
    for (place, name) in &private {
        if known.iter().any(|provider| provider.name == *name && provider.is_cloud) {
            let why = format!("route.private: {name:?} is a cloud; what is private never leaves the network");
            return Err(at(*place, &why));
        }
    }
    let open = intents.into_iter().map(|(intent, chain)| {
        let named = OpenIntent::new(&intent).ok_or_else(|| {
            let place = chain.first().map_or(Location::UNKNOWN, |first| first.referenced);
            let why =
                format!("route.intents: {intent:?} is private (its chain is `private`), or no name: a-z, 0-9, - and _");
            at(place, &why)
        })?;
        Ok((named, read_chain(&format!("route.intents.{intent}"), chain, &known)?))
    });
    let open = open.collect::<Result<BTreeMap<_, _>, String>>()?;
    let is_used = |name: &str| private.iter().chain(open.values().flatten()).any(|(_, used)| used == name);
    if let Some((place, idle)) = providers.iter().find(|(_, provider)| !is_used(&provider.name)) {
        return Err(at(*place, &format!("no chain of `route` has {:?}; put it into one, or take it out", idle.name)));
    }
    let names = |chain: Vec<(Location, String)>| chain.into_iter().map(|(_, name)| name).collect();
    Ok(Route {
        networks,
        private: names(private),
        open: open.into_iter().map(|(intent, chain)| (intent, names(chain))).collect(),
        deadline: positive("route.deadline", &deadline)?,
        first_token: positive("route.first_token_timeout", &first_token_timeout)?,
        idle: positive("route.idle_timeout", &idle_timeout)?,
        streaming: stream,
        internal_domains: internal_domains.iter().map(read_domain).collect::<Result<_, _>>()?,
        keeps_emails: !emails,
        providers: providers.into_iter().map(|(_, provider)| provider).collect(),
    })
}

/// A domain, as in `corp.example`; one label would take every word of its name out of a text.
fn read_domain(written: &Spanned<String>) -> Result<String, String> {
    let domain = written.value.trim_matches('.');
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if domain.contains('.') && domain.split('.').all(is_label) {
        return Ok(domain.to_owned());
    }
    let why = format!(
        "route.redaction.internal_domains: {:?} is no domain of two labels or more, as in corp.example",
        written.value
    );
    Err(at(written.referenced, &why))
}

fn read_networks(named: Vec<Spanned<file::Network>>, without: &[Spanned<String>]) -> Result<Networks, String> {
    let mut networks = Networks::default();
    for network in named {
        let (text, is_ours_though_public) = match network.value {
            file::Network::Plain(text) => (text, false),
            file::Network::Ours { network, ours_though_public } => (network, ours_though_public),
        };
        let parsed = read_network(&text, network.referenced)?;
        networks = networks
            .and(&[NamedNetwork { network: parsed, is_ours_though_public }])
            .map_err(|error| at(network.referenced, &format!("route.networks: {error}")))?;
    }
    let without = without.iter().map(|network| read_network(&network.value, network.referenced));
    Ok(networks.without(&without.collect::<Result<Vec<_>, String>>()?))
}

fn read_network(text: &str, place: Location) -> Result<locality::IpNet, String> {
    text.parse().map_err(|_| at(place, &format!("{text:?} is no network, as in 10.42.0.0/16")))
}

impl Provider {
    fn read(written: Spanned<file::Provider>, folder: &Path, networks: &Networks) -> Result<Self, String> {
        let place = written.referenced;
        let file::Provider {
            name,
            dialect,
            url,
            model,
            key_file,
            ca_file,
            cloud,
            timeout,
            timeouts,
            reasoning_toggle,
            guided_json,
            context_tokens,
            keep_alive,
            proxy,
            attestation,
        } = written.value;
        check_name(&name, place)?;
        let fail = |why: &str| at(place, &format!("route.providers: {name:?}: {why}"));
        let endpoint = Endpoint::parse(&url.value).map_err(|error| at(url.referenced, &error.to_string()))?;
        let reachable = locality::reachable(&endpoint, networks);
        match (&reachable, cloud) {
            (Err(reason), false) => return Err(fail(&format!("{reason}; if it may be, say cloud: true"))),
            (_, true) if proxy || attestation.is_some() => return Err(fail("of a cloud nobody attests anything")),
            _ => {}
        }
        let is = |own: Dialect| own == dialect;
        if !is(Dialect::Nemotron) && (reasoning_toggle.is_some() || guided_json.is_some()) {
            return Err(fail("reasoning_toggle and guided_json are for the dialect nemotron"));
        }
        if !is(Dialect::Ollama) && (context_tokens.is_some() || keep_alive.is_some()) {
            return Err(fail("context_tokens and keep_alive are for the dialect ollama"));
        }
        if ca_file.is_some() && !endpoint.as_str().starts_with("https:") {
            return Err(fail("ca_file is for an https address"));
        }
        if model.trim().is_empty() {
            return Err(fail("which model?"));
        }
        let usual = if is(Dialect::Nemotron) { NEMOTRON_TIMEOUT } else { OTHER_TIMEOUT };
        let timeouts = timeouts.into_iter().map(|(intent, time)| Ok((intent, positive("timeouts", &time)?)));
        Ok(Self {
            timeouts: timeouts.collect::<Result<_, String>>()?,
            dialect,
            endpoint,
            model,
            // One that is absolute stays as it is.
            key: key_file.map(|file: PathBuf| Secret::File(folder.join(file))),
            authorities: ca_file.map(|file| folder.join(file)),
            is_cloud: cloud,
            timeout: timeout.map_or(Ok(usual), |timeout| positive("timeout", &timeout))?,
            reasoning_toggle: reasoning_toggle.unwrap_or_default(),
            guided_json: guided_json.unwrap_or_default(),
            context_tokens: context_tokens.unwrap_or(CONTEXT_TOKENS),
            keep_alive: keep_alive.unwrap_or_else(|| KEEP_ALIVE.to_owned()),
            is_proxy: proxy,
            attestation,
            name,
        })
    }
}

/// Names of providers, each there and only once.
fn read_chain(
    what: &str,
    written: Vec<Spanned<String>>,
    known: &[&Provider],
) -> Result<Vec<(Location, String)>, String> {
    for name in &written {
        if !known.iter().any(|provider| provider.name == name.value) {
            let known: Vec<&str> = known.iter().map(|provider| provider.name.as_str()).collect();
            let known = if known.is_empty() { "none is".to_owned() } else { known.join(", ") };
            let why =
                format!("{what}: no provider is called {:?}; under route.providers there is: {known}", name.value);
            return Err(at(name.referenced, &why));
        }
    }
    let chain: Vec<(Location, String)> = written.into_iter().map(|name| (name.referenced, name.value)).collect();
    unique(chain.iter().map(|(place, name)| (name.as_str(), *place)), what)?;
    Ok(chain)
}

fn positive(what: &str, time: &Spanned<SignedDuration>) -> Result<Duration, String> {
    if time.value < SignedDuration::from_secs(1) {
        return Err(at(time.referenced, &format!("{what}: at least 1s, as in 30s")));
    }
    Ok(time.value.unsigned_abs())
}

/// Whole seconds that a variable of the environment says.
fn seconds_in(name: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Duration>, String> {
    let Some(said) = variable(name) else { return Ok(None) };
    match said.trim().parse() {
        Ok(seconds @ 1..) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(format!("{name} is {said:?}; it takes whole seconds, at least 1")),
    }
}
