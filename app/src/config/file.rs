//! The configuration as it is written.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anchorwatch_core::delivery::Tool;
use anchorwatch_core::drift::policy::OwnRule;
use anchorwatch_core::guard::access::ClusterUser;
use anchorwatch_core::route::locality::Attestation;
use anchorwatch_core::route::provider::{Dialect, ReasoningToggle};
use anchorwatch_edge::forge::ForgeKind;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::words;

/// A configuration file. `anchorwatch.example.yaml` shows every setting with its default.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "the settings' names")]
pub(super) struct File {
    pub(super) listen: SocketAddr,
    pub(super) hosts: Vec<String>,
    pub(super) public_url: Option<Spanned<String>>,
    pub(super) behind_proxy: bool,
    pub(super) tls: Option<Tls>,
    pub(super) store: Spanned<String>,
    pub(super) secret_key_file: Option<PathBuf>,
    pub(super) timezone: Option<Spanned<String>>,
    pub(super) scans_at_once: Spanned<usize>,
    pub(super) git: Git,
    pub(super) push_webhook: Option<PushWebhook>,
    pub(super) traces: Option<Traces>,
    pub(super) retention: Retention,
    pub(super) notifications: Notifications,
    pub(super) route: Route,
    pub(super) clusters: Vec<Spanned<Cluster>>,
    pub(super) sources: Vec<Spanned<Source>>,
    pub(super) discover: Vec<Spanned<Discover>>,
    pub(super) people: BTreeMap<String, ClusterUser>,
    pub(super) rules: Vec<OwnRule>,
}

impl Default for File {
    fn default() -> Self {
        let written = serde_saphyr::Location::UNKNOWN;
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8484)),
            hosts: Vec::new(),
            public_url: None,
            behind_proxy: false,
            tls: None,
            store: Spanned::new("sqlite:anchorwatch.db".to_owned(), written, written),
            secret_key_file: None,
            timezone: None,
            scans_at_once: Spanned::new(2, written, written),
            git: Git::default(),
            push_webhook: None,
            traces: None,
            retention: Retention::default(),
            notifications: Notifications::default(),
            route: Route::default(),
            clusters: Vec::new(),
            sources: Vec::new(),
            discover: Vec::new(),
            people: BTreeMap::new(),
            rules: Vec::new(),
        }
    }
}

/// Where the certificate of the service is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) cert_file: PathBuf,
    pub(super) key_file: PathBuf,
}

/// How Git is reached.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Git {
    pub(super) copies: Option<PathBuf>,
    pub(super) known_hosts_file: Option<PathBuf>,
    pub(super) certificate_authority_file: Option<PathBuf>,
    pub(super) credentials: Vec<Spanned<GitCredentials>>,
    pub(super) author: Option<Spanned<String>>,
    pub(super) sign_off: bool,
    pub(super) signing_key_file: Option<PathBuf>,
}

/// What a host of repositories is shown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GitCredentials {
    pub(super) host: String,
    #[serde(default)]
    pub(super) user: Option<String>,
    #[serde(default)]
    pub(super) token_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) ssh_key_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) forge: Option<ForgeKind>,
    #[serde(default)]
    pub(super) api_url: Option<String>,
}

/// A forge says that somebody pushed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PushWebhook {
    #[serde(default)]
    pub(super) secret_file: Option<PathBuf>,
}

/// Where traces go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Traces {
    pub(super) endpoint: Spanned<String>,
}

/// How long reports are kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Retention {
    pub(super) age: Spanned<SignedDuration>,
    pub(super) scans_per_source: Spanned<u32>,
}

impl Default for Retention {
    fn default() -> Self {
        let written = serde_saphyr::Location::UNKNOWN;
        Self {
            age: Spanned::new(SignedDuration::from_hours(90 * 24), written, written),
            scans_per_source: Spanned::new(5000, written, written),
        }
    }
}

/// Who is told, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Notifications {
    pub(super) language: Language,
    pub(super) digest_interval: Spanned<SignedDuration>,
    pub(super) telegram: Option<Spanned<Telegram>>,
    pub(super) slack: Option<Slack>,
    pub(super) webhooks: Vec<Spanned<Webhook>>,
}

impl Default for Notifications {
    fn default() -> Self {
        let written = serde_saphyr::Location::UNKNOWN;
        Self {
            language: Language::English,
            digest_interval: Spanned::new(SignedDuration::from_mins(15), written, written),
            telegram: None,
            slack: None,
            webhooks: Vec::new(),
        }
    }
}

/// A language.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) enum Language {
    #[serde(rename = "en")]
    English,
    #[serde(rename = "zh-TW")]
    TraditionalChinese,
}

impl From<Language> for words::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::English => Self::English,
            Language::TraditionalChinese => Self::TraditionalChinese,
        }
    }
}

/// A bot of Telegram.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Telegram {
    #[serde(default)]
    pub(super) token_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) base_url: Option<String>,
    pub(super) chats: Vec<i64>,
    #[serde(default)]
    pub(super) people: Vec<Spanned<i64>>,
    #[serde(default)]
    pub(super) approvers: Vec<Spanned<i64>>,
}

/// An incoming webhook of Slack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slack {
    #[serde(default)]
    pub(super) url_file: Option<PathBuf>,
}

/// A receiver of signed messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) secret_file: PathBuf,
}

/// A cluster: of a kubeconfig, the one that this runs in, or a recorded state of one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the settings' names")]
pub(super) struct Cluster {
    pub(super) name: String,
    #[serde(default)]
    pub(super) kubeconfig: Option<PathBuf>,
    #[serde(default)]
    pub(super) context: Option<String>,
    #[serde(default)]
    pub(super) in_cluster: bool,
    #[serde(default)]
    pub(super) snapshot: Option<PathBuf>,
    #[serde(default)]
    pub(super) audit_log: Option<PathBuf>,
}

/// A source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "settings that are on or off")]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) cluster: Spanned<String>,
    pub(super) address: Spanned<String>,
    #[serde(default)]
    pub(super) namespace: Option<String>,
    #[serde(default)]
    pub(super) namespaces: Vec<String>,
    #[serde(default)]
    pub(super) interval: Option<Spanned<SignedDuration>>,
    #[serde(default)]
    pub(super) values: Vec<PathBuf>,
    #[serde(default)]
    pub(super) release: Option<String>,
    #[serde(default)]
    pub(super) allow_remote_bases: bool,
    #[serde(default)]
    pub(super) unmanaged: bool,
    #[serde(default)]
    pub(super) confirm: bool,
    #[serde(default)]
    pub(super) secrets: Secrets,
    #[serde(default = "yes")]
    pub(super) watch: bool,
    #[serde(default)]
    pub(super) write: Write,
    #[serde(default)]
    pub(super) push: PushTo,
}

/// Where commits that adopt are pushed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PushTo {
    /// A branch of their own.
    #[default]
    Branch,
    /// The branch that the source follows.
    Direct,
}

/// What the service may write to a source's cluster.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Write {
    /// Nothing; or all kinds that live in namespaces, but those of RBAC.
    Whether(bool),
    /// These kinds in these namespaces.
    Scope(WriteScope),
}

impl Default for Write {
    fn default() -> Self {
        Self::Whether(false)
    }
}

/// Kinds and namespaces that may be written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WriteScope {
    pub(super) namespaces: Option<Vec<String>>,
    pub(super) kinds: Option<Vec<String>>,
}

/// Objects of a delivery tool that serve as a list of sources.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Discover {
    pub(super) cluster: Spanned<String>,
    pub(super) from: Tool,
    pub(super) namespaces: Spanned<Vec<String>>,
    pub(super) repositories: Spanned<Vec<String>>,
    #[serde(default)]
    pub(super) interval: Option<Spanned<SignedDuration>>,
    #[serde(default)]
    pub(super) unmanaged: bool,
    #[serde(default)]
    pub(super) secrets: Secrets,
    #[serde(default = "yes")]
    pub(super) watch: bool,
}

fn yes() -> bool {
    true
}

/// Whether Secrets are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Secrets {
    /// They are not asked for.
    #[default]
    Skip,
    /// They are compared, as fingerprints.
    Compare,
}

/// Who answers prompts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Route {
    pub(super) networks: Vec<Spanned<Network>>,
    pub(super) networks_not: Vec<Spanned<String>>,
    pub(super) providers: Vec<Spanned<Provider>>,
    pub(super) private: Vec<Spanned<String>>,
    pub(super) intents: BTreeMap<String, Vec<Spanned<String>>>,
    pub(super) deadline: Spanned<SignedDuration>,
    pub(super) first_token_timeout: Spanned<SignedDuration>,
    pub(super) idle_timeout: Spanned<SignedDuration>,
    pub(super) stream: super::route::Streaming,
    pub(super) redaction: Redaction,
}

/// What is taken out of prompts beside secrets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Redaction {
    pub(super) internal_domains: Vec<Spanned<String>>,
    pub(super) emails: bool,
}

impl Default for Redaction {
    fn default() -> Self {
        Self { internal_domains: Vec::new(), emails: true }
    }
}

impl Default for Route {
    fn default() -> Self {
        let written = serde_saphyr::Location::UNKNOWN;
        let seconds = |seconds| Spanned::new(SignedDuration::from_secs(seconds), written, written);
        Self {
            networks: Vec::new(),
            networks_not: Vec::new(),
            providers: Vec::new(),
            private: Vec::new(),
            intents: BTreeMap::new(),
            deadline: seconds(90),
            first_token_timeout: seconds(10),
            idle_timeout: seconds(10),
            stream: super::route::Streaming::default(),
            redaction: Redaction::default(),
        }
    }
}

/// A network in which private requests may be answered.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Network {
    Plain(String),
    Ours { network: String, ours_though_public: bool },
}

/// Something that answers prompts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) dialect: Dialect,
    pub(super) url: Spanned<String>,
    pub(super) model: String,
    #[serde(default)]
    pub(super) key_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) cloud: bool,
    #[serde(default)]
    pub(super) timeout: Option<Spanned<SignedDuration>>,
    #[serde(default)]
    pub(super) timeouts: BTreeMap<String, Spanned<SignedDuration>>,
    #[serde(default)]
    pub(super) reasoning_toggle: Option<ReasoningToggle>,
    #[serde(default)]
    pub(super) guided_json: Option<bool>,
    #[serde(default)]
    pub(super) context_tokens: Option<u32>,
    #[serde(default)]
    pub(super) keep_alive: Option<String>,
    #[serde(default)]
    pub(super) proxy: bool,
    #[serde(default)]
    pub(super) attestation: Option<Attestation>,
}
