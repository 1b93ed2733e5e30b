//! What to compare: the flags that `scan` and `explain` share.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anchorwatch_core::drift::policy::OwnRule;
use anchorwatch_core::drift::report::Trigger;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_edge::clock::{self, KeyError};
use anchorwatch_edge::cluster::ConnectOptions;

use crate::config;
use crate::drift::examiner::Selector;
use crate::drift::scan::Request;
use crate::drift::side::Live;
use crate::drift::source::SourceRequest;
use crate::failure::Failure;
use crate::words::Language;

/// What a service decides for itself, by its configuration: flags that mean nothing where one is asked.
pub(super) const ALONE: [&str; 10] = [
    "live",
    "context",
    "kubeconfig",
    "values",
    "release_name",
    "allow_remote_bases",
    "audit",
    "config",
    "unmanaged",
    "confirm",
];

/// What to compare, and how to speak.
#[derive(Debug, clap::Args)]
pub(super) struct TargetArgs {
    /// A recorded live state: a file or folder of `kubectl get -o json`; `-` for standard input.
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["context", "kubeconfig"])]
    live: Option<PathBuf>,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    reading: Reading,
    /// An audit log of the API server (JSON lines): who did it, where managedFields only know a tool.
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// A configuration with your own rules.
    #[arg(long, value_name = "FILE", env = "ANCHORWATCH_CONFIG")]
    config: Option<PathBuf>,
    /// Tell also about objects that Git does not have, in the namespaces that it mentions.
    #[arg(long)]
    unmanaged: bool,
    /// Settle items in doubt by a server-side dry run of Git's object (needs the right to patch).
    #[arg(long, conflicts_with = "live")]
    confirm: bool,
    /// Language; else that of the locale.
    #[arg(long, value_enum)]
    pub(super) lang: Option<Language>,
}

/// How the source is read.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Reading {
    /// The namespace of objects that name none; else the context's.
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// A values file for a Helm chart; the last one wins.
    #[arg(long, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// The release name for a Helm chart.
    #[arg(long, value_name = "NAME")]
    release_name: Option<String>,
    /// Let a kustomization fetch bases from other repositories.
    #[arg(long)]
    allow_remote_bases: bool,
}

impl Reading {
    /// Nothing special but the namespace.
    pub(super) fn in_namespace(namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..Self::default() }
    }

    /// The source at an address, read so.
    pub(super) fn of(self, address: String) -> SourceRequest {
        let Self { namespace, values, release_name, allow_remote_bases } = self;
        let release = release_name;
        SourceRequest { address, values, release, namespace, allow_remote_bases, git: None, delivered: None }
    }
}

/// Which cluster.
#[derive(Debug, clap::Args)]
pub(super) struct Connect {
    /// A context of the kubeconfig; the current one without it.
    #[arg(long)]
    context: Option<String>,
    /// A kubeconfig; else $KUBECONFIG, ~/.kube/config, or the Pod's service account.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

impl From<Connect> for ConnectOptions {
    fn from(Connect { context, kubeconfig }: Connect) -> Self {
        Self { kubeconfig, context, in_cluster: false }
    }
}

impl TargetArgs {
    /// People's own rules, as they are written.
    pub(super) fn own_rules(&self) -> Result<Vec<OwnRule>, Failure> {
        self.config.as_deref().map_or_else(|| Ok(Vec::new()), config::rules)
    }

    /// The namespace that was named.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.reading.namespace.as_deref()
    }

    /// What the flags ask for of a source.
    pub(super) fn resolve(self, source: String) -> Result<Request, Failure> {
        let Self { live, connect, reading, audit, config, unmanaged, confirm, lang: _ } = self;
        let config = config.as_deref().map(config::read).transpose()?;
        Ok(Request {
            source: reading.of(source),
            applied: None,
            live: live.map_or_else(|| Live::Cluster(connect.into()), Live::Snapshot),
            audit,
            unmanaged,
            confirm,
            policy: config.map(|config| config.policy).unwrap_or_default(),
            explain: None,
            named: None,
            namespaces: BTreeSet::new(),
            secrets: true,
            triggered_by: Trigger::Manual,
            now: clock::now(),
        })
    }
}

/// The key of the fingerprints: one that stays, where the person has a state folder, so that two scans can be compared.
///
/// `recorded`: fingerprints are read from a recording or written to one, so that it matters whether it is the same key.
pub(super) fn secret_key(recorded: bool) -> Result<SecretKey, Failure> {
    let passing = |why: String| {
        if recorded {
            super::tell(&format!(
                "warning: {why}: fingerprints of Secrets in recordings fit no other run; set XDG_STATE_HOME to a folder that can be written"
            ));
        }
        clock::passing_key().map_err(|e| Failure::because(&e))
    };
    match state_folder().map(|folder| clock::secret_key(&folder.join("secret.key"))) {
        Some(Ok(key)) => Ok(key),
        // A read-only home is no reason not to look at a cluster.
        Some(Err(error @ KeyError::File { .. })) => passing(error.to_string()),
        None => passing("there is no folder for the key of the fingerprints".to_owned()),
        Some(Err(error)) => Err(Failure::because(&error)),
    }
}

/// What a text selects.
pub(super) fn selector(text: &str) -> Result<Selector, Failure> {
    text.parse().map_err(|()| {
        Failure::new(format!("{text} selects nothing"))
            .hint("a fingerprint of 8 or more characters, or KIND/NAME, or KIND/NAME:PATH, as scan prints them")
    })
}

/// Where this program keeps what a person's next run is to find; `None` where there is no such place.
pub(super) fn state_folder() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute()).or_else(home);
    Some(state?.join("anchorwatch"))
}
