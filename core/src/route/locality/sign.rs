//! What a server's own answers say of where a model runs.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use super::cloud;
use super::endpoint::Endpoint;
use crate::route::failure::words;

/// Where Ollama says that a model runs, where that is elsewhere.
///
/// It is read out of `/api/show`, an entry of `/api/tags`, or an answer. A value of another type than text is none that Ollama
/// sends, and counts as one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Remote {
    /// May be empty.
    #[serde(rename = "remote_host", default, deserialize_with = "said")]
    pub host: String,
    /// May be empty.
    #[serde(rename = "remote_model", default, deserialize_with = "said")]
    pub model: String,
}

impl Remote {
    /// Nothing if Ollama says nothing of the kind.
    pub fn told(self) -> Option<Self> {
        (!self.host.is_empty() || !self.model.is_empty()).then_some(self)
    }
}

fn said<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    Ok(match Json::deserialize(value)? {
        Json::Null => String::new(),
        Json::String(text) => words(&text),
        odd => words(&odd.to_string()),
    })
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.is_empty() { "another host" } else { &self.host };
        write!(f, "Ollama passes requests for it on to {host}")?;
        if self.model.is_empty() { Ok(()) } else { write!(f, ", as {}", self.model) }
    }
}

/// What an answer gives away, with the words that do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// It came from a proxy, which may have asked anybody.
    Proxy(String),
    /// It came from a cloud.
    Cloud(String),
}

/// Beginnings of names of headers that proxies in front of models add.
const PROXY_HEADERS: [&str; 7] =
    ["cf-aig-", "helicone-", "llm_provider-", "x-bifrost-", "x-kong-llm-", "x-litellm-", "x-portkey-"];

/// Beginnings of names of headers that clouds add.
const CLOUD_HEADERS: [&str; 12] = [
    "anthropic-",
    "apim-request-id",
    "azureml-",
    "cf-ray",
    "nvcf-",
    "openai-organization",
    "openai-processing-ms",
    "openai-project",
    "x-amzn-bedrock-",
    "x-goog-",
    "x-groq-",
    "x-ms-region",
];

/// What proxies put before the name of a header that a provider sent them.
const PASSED_ON: &str = "llm_provider-";

/// In it LiteLLM says whom it asked.
const LITELLM_BASE: &str = "x-litellm-model-api-base";

/// In it the answer of LiteLLM's `/health/readiness` has its version.
const LITELLM_VERSION: &str = "litellm_version";

/// Reads an answer: to a request, or to a question after its health. Headers' names are in lower case.
pub fn signs_of<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>, body: &Json) -> Vec<Sign> {
    let mut signs: Vec<Sign> = headers.into_iter().filter_map(|(name, value)| sign_of(name, value)).collect();
    if body.get(LITELLM_VERSION).is_some() {
        signs.push(Sign::Proxy(LITELLM_VERSION.to_owned()));
    }
    signs.sort();
    signs.dedup();
    signs
}

fn sign_of(name: &str, value: &str) -> Option<Sign> {
    let begins = |starts: &[&str], name: &str| starts.iter().any(|start| name.starts_with(start));
    let is_cloud = begins(&CLOUD_HEADERS, name.strip_prefix(PASSED_ON).unwrap_or(name));
    if is_cloud || (name == LITELLM_BASE && is_cloud_address(value)) {
        return Some(Sign::Cloud(name.to_owned()));
    }
    begins(&PROXY_HEADERS, name).then(|| Sign::Proxy(name.to_owned()))
}

fn is_cloud_address(text: &str) -> bool {
    Endpoint::parse(text.trim()).is_ok_and(|endpoint| endpoint.name().and_then(cloud::host_of).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ollama_says_itself_where_a_model_runs() {
        let shown = json!({"remote_model": "gpt-oss:120b", "remote_host": "https://ollama.com:443", "details": {}});
        let remote = Remote::deserialize(&shown).unwrap();
        assert_eq!(remote.to_string(), "Ollama passes requests for it on to https://ollama.com:443, as gpt-oss:120b");
        for (body, is_remote) in [
            (json!({"model": "qwen3:8b", "details": {}}), false),
            (json!({"remote_host": "", "remote_model": ""}), false),
            (json!({"remote_host": null}), false),
            (json!({"remote_host": "http://10.0.0.1:11434"}), true),
            (json!({"remote_model": "x"}), true),
            (json!({"remote_host": {"url": "https://ollama.com"}}), true),
        ] {
            assert_eq!(Remote::deserialize(&body).unwrap().told().is_some(), is_remote, "{body}");
        }
    }

    #[test]
    fn proxies_and_clouds_give_themselves_away() {
        let proxy = |name: &str| vec![Sign::Proxy(name.to_owned())];
        let cloud = |name: &str| vec![Sign::Cloud(name.to_owned())];
        for (name, value, expected) in [
            ("x-litellm-version", "1.80.0", proxy("x-litellm-version")),
            ("x-litellm-model-api-base", "http://127.0.0.1:8000/v1", proxy("x-litellm-model-api-base")),
            ("x-litellm-model-api-base", "https://api.openai.com/v1", cloud("x-litellm-model-api-base")),
            ("llm_provider-server", "uvicorn", proxy("llm_provider-server")),
            ("llm_provider-openai-organization", "acme", cloud("llm_provider-openai-organization")),
            ("openai-organization", "acme", cloud("openai-organization")),
            ("nvcf-reqid", "1", cloud("nvcf-reqid")),
            ("server", "istio-envoy", vec![]),
            ("server", "llama.cpp", vec![]),
            ("x-request-id", "1", vec![]),
        ] {
            assert_eq!(signs_of([(name, value)], &Json::Null), expected, "{name}: {value}");
        }
        let health = json!({"status": "healthy", "db": "Not connected", "litellm_version": "1.80.0"});
        assert_eq!(signs_of([], &health), proxy("litellm_version"));
        assert_eq!(signs_of([], &json!({"status": "ok"})), []);
    }
}
