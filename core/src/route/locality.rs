//! Whether what answers a private request is local: its address, its name, its key, its model, and what it says itself.
//!
//! The connected address is judged where the connection is made, by [`Networks`]. What is judged here is all that an
//! address cannot tell: a server nearby may pass a request on to a cloud.

pub mod cloud;
pub mod endpoint;
pub mod networks;
mod never;
pub mod sign;

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use endpoint::{Endpoint, EndpointError};
pub use networks::{IpNet, NamedNetwork, NetworkError, Networks, Outside, Reason};
pub use sign::{Remote, Sign};

/// What is known of a provider and its model.
#[derive(Debug, Clone, Copy)]
pub struct ModelFacts<'a> {
    /// Where it is.
    pub endpoint: &'a Endpoint,
    /// What it is asked with.
    pub key: Option<&'a str>,
    /// The model's name, as it is asked for.
    pub model: &'a str,
    /// Where Ollama says that the model runs, if elsewhere.
    pub remote: Option<&'a Remote>,
    /// What its answers gave away.
    pub signs: &'a [Sign],
    /// The configuration says that it passes requests on.
    pub is_declared_proxy: bool,
    /// Who answers for a proxy.
    pub attestation: Option<&'a Attestation>,
}

/// Somebody's word that what stands behind a proxy is local.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenAttestation")]
pub struct Attestation {
    owner: String,
    date: Date,
    words: String,
}

/// As it stands in a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAttestation {
    owner: String,
    date: Date,
    words: String,
}

/// Why somebody's word is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// Nobody gives it.
    #[error("an attestation needs an owner")]
    Owner,
    /// It says nothing.
    #[error("an attestation needs words: what stands behind the proxy")]
    Words,
}

impl TryFrom<WrittenAttestation> for Attestation {
    type Error = AttestationError;

    fn try_from(written: WrittenAttestation) -> Result<Self, AttestationError> {
        Self::new(&written.owner, written.date, &written.words)
    }
}

impl Attestation {
    /// Somebody's word, given on a day.
    pub fn new(owner: &str, date: Date, words: &str) -> Result<Self, AttestationError> {
        let (owner, words) = (owner.trim().to_owned(), words.trim().to_owned());
        if owner.is_empty() {
            return Err(AttestationError::Owner);
        }
        if words.is_empty() {
            return Err(AttestationError::Words);
        }
        Ok(Self { owner, date, words })
    }

    /// Whose word.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// When it was given.
    pub fn date(&self) -> Date {
        self.date
    }
}

impl fmt::Display for Attestation {
    /// As in `ann@example.com, 2026-11-26: vLLM on our own machines only`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.owner, self.date, self.words)
    }
}

/// Whether a private request may go there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locality {
    /// It may.
    Local {
        /// Who answers for it, where nothing else does.
        attestation: Option<Attestation>,
    },
    /// It may not.
    NotLocal(NotLocal),
}

/// Why something is not local.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLocal {
    /// Its address is outside.
    #[error(transparent)]
    Address(#[from] Outside),
    /// Its host is a cloud's, whatever the name leads to.
    #[error("its host is {0}'s")]
    Host(&'static str),
    /// Its key is a cloud's.
    #[error("its key is one of {0}")]
    Key(&'static str),
    /// Its name says that it runs in a cloud.
    #[error("the model's name says that it runs in Ollama's cloud")]
    Name,
    /// Ollama passes requests for it on.
    #[error("{0}")]
    Remote(Remote),
    /// It answered with words of a cloud.
    #[error("it passes requests on: its answer has `{0}` in it")]
    Cloud(String),
    /// It is a proxy, and nobody says what stands behind it.
    #[error("it is a proxy ({0}), and nobody attests what stands behind it")]
    Unattested(String),
}

impl NotLocal {
    /// Its name in JSON, metrics and the audit, which stays the same.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "address_not_local",
            Self::Host(_) => "host_not_local",
            Self::Key(_) => "key_not_local",
            Self::Name | Self::Remote(_) => "model_not_local",
            Self::Cloud(_) | Self::Unattested(_) => "proxy_not_local",
        }
    }
}

/// Judges a provider and its model by all that is known of them.
///
/// An attestation speaks for a proxy, and for nothing that was seen.
pub fn judge(facts: &ModelFacts<'_>, networks: &Networks) -> Locality {
    let ModelFacts { endpoint, key, model, remote, signs, is_declared_proxy, attestation } = *facts;
    if let Err(reason) = reachable(endpoint, networks).and_then(|()| own(key, model, remote)) {
        return Locality::NotLocal(reason);
    }
    let mut proxy = is_declared_proxy.then(|| "says the configuration".to_owned());
    for sign in signs {
        match sign {
            Sign::Cloud(what) => return Locality::NotLocal(NotLocal::Cloud(what.clone())),
            Sign::Proxy(what) => proxy = proxy.or_else(|| Some(what.clone())),
        }
    }
    match (proxy, attestation) {
        (None, _) => Locality::Local { attestation: None },
        (Some(_), Some(attestation)) => Locality::Local { attestation: Some(attestation.clone()) },
        (Some(what), None) => Locality::NotLocal(NotLocal::Unattested(what)),
    }
}

/// Says whether an endpoint may be inside, as far as that is seen without looking its name up.
pub fn reachable(endpoint: &Endpoint, networks: &Networks) -> Result<(), NotLocal> {
    if let Some(owner) = endpoint.name().and_then(cloud::host_of) {
        return Err(NotLocal::Host(owner));
    }
    if let Some(address) = endpoint.address() {
        networks.judge(address)?;
    }
    Ok(())
}

fn own(key: Option<&str>, model: &str, remote: Option<&Remote>) -> Result<(), NotLocal> {
    if let Some(owner) = key.and_then(cloud::key_of) {
        return Err(NotLocal::Key(owner));
    }
    if is_cloud_name(model) {
        return Err(NotLocal::Name);
    }
    remote.map_or(Ok(()), |remote| Err(NotLocal::Remote(remote.clone())))
}

/// As in `gpt-oss:120b-cloud`, `kimi-k2:cloud`; the tag `latest` goes without saying.
fn is_cloud_name(model: &str) -> bool {
    let model = model.trim().to_lowercase();
    let model = model.strip_suffix(":latest").unwrap_or(&model);
    model.ends_with("-cloud") || model.ends_with(":cloud")
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn word() -> Attestation {
        Attestation::new("ann@example.com", date(2026, 11, 26), "vLLM on our own machines only").unwrap()
    }

    fn judged(url: &str, change: impl Fn(&mut ModelFacts<'_>)) -> Result<Option<String>, String> {
        let endpoint = Endpoint::parse(url).unwrap();
        let mut facts = ModelFacts {
            endpoint: &endpoint,
            key: None,
            model: "nemotron",
            remote: None,
            signs: &[],
            is_declared_proxy: false,
            attestation: None,
        };
        change(&mut facts);
        match judge(&facts, &Networks::default()) {
            Locality::Local { attestation } => Ok(attestation.map(|attestation| attestation.to_string())),
            Locality::NotLocal(reason) => Err(reason.to_string()),
        }
    }

    #[test]
    fn a_server_inside_with_a_model_of_its_own_is_local() {
        for url in ["http://127.0.0.1:8000/v1", "http://nim.models.svc:8000", "http://[fd00::1]", "http://10.0.0.7"] {
            assert_eq!(judged(url, |_| {}), Ok(None), "{url}");
            // Where nothing needs it, nobody's word is shown.
            let attestation = word();
            let endpoint = Endpoint::parse(url).unwrap();
            let facts = ModelFacts {
                endpoint: &endpoint,
                key: Some("sk-local"),
                model: "nvidia/llama-3.3-nemotron-super-49b-v1.5",
                remote: None,
                signs: &[],
                is_declared_proxy: false,
                attestation: Some(&attestation),
            };
            assert_eq!(judge(&facts, &Networks::default()), Locality::Local { attestation: None });
        }
    }

    #[test]
    fn a_clouds_host_is_not_local_whatever_it_leads_to() {
        for url in
            ["https://integrate.api.nvidia.com/v1", "https://x.invocation.api.NVCF.nvidia.com.", "https://ollama.com"]
        {
            assert!(judged(url, |_| {}).unwrap_err().starts_with("its host is"), "{url}");
        }
        for url in ["http://8.8.8.8", "http://0x08.8.8.8", "http://169.254.169.254", "http://[64:ff9b::a00:1]"] {
            assert!(judged(url, |_| {}).is_err(), "{url}");
        }
    }

    #[test]
    fn a_key_of_a_cloud_makes_its_server_not_local() {
        let refused = judged("http://127.0.0.1:8000", |facts| facts.key = Some("nvapi-hunter2")).unwrap_err();
        assert_eq!(refused, "its key is one of NVIDIA");
    }

    #[test]
    fn a_model_that_runs_elsewhere_is_not_local() {
        for model in ["gpt-oss:120b-cloud", "kimi-k2:cloud", "Kimi-K2:CLOUD", "mine-cloud", "mine-cloud:latest"] {
            let endpoint = Endpoint::parse("http://127.0.0.1:11434").unwrap();
            let facts = ModelFacts {
                endpoint: &endpoint,
                key: None,
                model,
                remote: None,
                signs: &[],
                is_declared_proxy: false,
                attestation: None,
            };
            assert_eq!(judge(&facts, &Networks::default()), Locality::NotLocal(NotLocal::Name), "{model}");
        }
        for model in ["cloud", "cloudy:7b", "my-cloud:7b", "gpt-oss:20b", "nimbus"] {
            assert!(!is_cloud_name(model), "{model}");
        }
    }

    #[test]
    fn nobodys_word_speaks_for_what_was_seen() {
        let (attestation, endpoint) = (word(), Endpoint::parse("http://127.0.0.1:4000").unwrap());
        let remote = Remote { host: "https://ollama.com:443".into(), model: "gpt-oss:120b".into() };
        let (cloud, proxy) = ([Sign::Cloud("openai-organization".into())], [Sign::Proxy("x-litellm-version".into())]);
        let facts = ModelFacts {
            endpoint: &endpoint,
            key: None,
            model: "nemotron",
            remote: None,
            signs: &proxy,
            is_declared_proxy: true,
            attestation: Some(&attestation),
        };
        let local = |facts: &ModelFacts<'_>| matches!(judge(facts, &Networks::default()), Locality::Local { .. });
        assert!(local(&facts));
        assert!(!local(&ModelFacts { attestation: None, ..facts }));
        assert!(!local(&ModelFacts { attestation: None, signs: &[], ..facts }));
        assert!(!local(&ModelFacts { attestation: None, is_declared_proxy: false, ..facts }));
        assert!(!local(&ModelFacts { signs: &cloud, ..facts }));
        assert!(!local(&ModelFacts { remote: Some(&remote), ..facts }));
        assert!(!local(&ModelFacts { key: Some("nvapi-1"), ..facts }));
        assert!(!local(&ModelFacts { model: "kimi-k2:cloud", ..facts }));
        let hosted = Endpoint::parse("https://integrate.api.nvidia.com").unwrap();
        assert!(!local(&ModelFacts { endpoint: &hosted, ..facts }));
    }

    #[test]
    fn an_attestation_says_who_when_and_what() {
        assert_eq!(word().to_string(), "ann@example.com, 2026-11-26: vLLM on our own machines only");
        let read = |json| serde_json::from_str::<Attestation>(json).map_err(|error| error.to_string());
        assert_eq!(
            read(r#"{"owner": "ann@example.com", "date": "2026-11-26", "words": " vLLM on our own machines only "}"#),
            Ok(word())
        );
        for (json, why) in [
            (r#"{"owner": " ", "date": "2026-11-26", "words": "x"}"#, "needs an owner"),
            (r#"{"owner": "ann", "date": "2026-11-26", "words": ""}"#, "needs words"),
            (r#"{"owner": "ann", "words": "x"}"#, "missing field `date`"),
            (r#"{"owner": "ann", "date": "2026-11-31", "words": "x"}"#, "day"),
            (r#"{"owner": "ann", "date": "2026-11-26", "words": "x", "more": 1}"#, "unknown field"),
        ] {
            assert!(read(json).unwrap_err().contains(why), "{json}");
        }
    }
}
