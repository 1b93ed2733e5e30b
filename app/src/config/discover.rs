//! Lists of sources in a cluster: which of a delivery tool's objects are followed, and to which repositories.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anchorwatch_core::delivery::{Delivery, Tool, fits_any};
use anchorwatch_core::guard::WriteScope;
use anchorwatch_core::object::name::is_label;
use anchorwatch_edge::cluster::ConnectOptions;
use anchorwatch_edge::git::{GitLocation, RepositoryAddress, TreePath};
use serde_saphyr::{Location, Spanned};

use super::at;
use super::cluster::{self, Cluster};
use super::file::{self, Secrets};
use super::git::GitHosts;
use super::source::{Source, checked_interval};
use crate::drift::adopt::publish::Committing;
use crate::drift::side::Live;
use crate::drift::source::{Delivered, SourceRequest};

/// Objects of a delivery tool that serve as a list of sources.
#[derive(Debug, Clone)]
pub(crate) struct Discover {
    /// The cluster that they are in, and that their sources are compared with.
    pub(crate) cluster: String,
    /// How it is reached.
    pub(crate) connect: ConnectOptions,
    /// Whose objects they are.
    pub(crate) tool: Tool,
    /// The namespaces that they may be in.
    pub(crate) namespaces: BTreeSet<String>,
    /// Patterns of the repositories that may be fetched.
    repositories: Vec<String>,
    git: GitHosts,
    interval: Duration,
    audit_log: Option<PathBuf>,
    unmanaged: bool,
    secrets: bool,
    watch: bool,
}

impl Discover {
    pub(super) fn read(written: Spanned<file::Discover>, clusters: &[Cluster], git: &GitHosts) -> Result<Self, String> {
        let place = written.referenced;
        let file::Discover { cluster, from, namespaces, repositories, interval, unmanaged, secrets, watch } =
            written.value;
        let known = cluster::find(clusters, &cluster)?;
        let Live::Cluster(connect) = &known.live else {
            return Err(at(place, &format!("discover asks a cluster, and {:?} is a snapshot", cluster.value)));
        };
        for (named, what) in [(&namespaces, "namespaces"), (&repositories, "repositories")] {
            if named.value.is_empty() {
                return Err(at(named.referenced, &format!("discover: name at least one of `{what}`")));
            }
        }
        if let Some(odd) = namespaces.value.iter().find(|name| !is_label(name)) {
            return Err(at(namespaces.referenced, &format!("{odd:?} is no name of a namespace")));
        }
        for pattern in &repositories.value {
            host_of_pattern(pattern).map_err(|why| at(repositories.referenced, &why))?;
        }
        Ok(Self {
            connect: connect.clone(),
            tool: from,
            namespaces: namespaces.value.into_iter().collect(),
            repositories: repositories.value,
            git: git.clone(),
            interval: checked_interval(interval)?,
            audit_log: known.audit_log.clone(),
            unmanaged,
            secrets: secrets == Secrets::Compare,
            watch,
            cluster: cluster.value,
        })
    }

    /// What it is called: no other has the same.
    pub(crate) fn name(&self) -> String {
        let namespaces: Vec<&str> = self.namespaces.iter().map(String::as_str).collect();
        format!("{}/{}/{}", self.cluster, self.tool, namespaces.join("+"))
    }

    /// The beginnings of its sources' names. No written source has a `/` in its name.
    pub(crate) fn beginnings(&self) -> impl Iterator<Item = String> {
        self.namespaces.iter().map(|namespace| format!("{}/{}/{namespace}/", self.cluster, self.tool))
    }

    /// True if a source of this name would be one of its own.
    pub(crate) fn names(&self, source: &str) -> bool {
        self.beginnings().any(|beginning| source.starts_with(&beginning))
    }

    /// What the source of a delivery is called.
    pub(crate) fn name_of(&self, delivery: &Delivery) -> String {
        let Delivery { tool, namespace, name, .. } = delivery;
        format!("{}/{tool}/{namespace}/{name}", self.cluster)
    }

    /// The hosts that its repositories may be on.
    pub(super) fn hosts(&self) -> impl Iterator<Item = String> {
        self.repositories.iter().filter_map(|pattern| host_of_pattern(pattern).ok().flatten())
    }

    /// Hosts and ports that its repositories may be fetched from.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (String, u16)> {
        let any = self.repositories.iter().map(|pattern| pattern.replace('*', "x"));
        any.filter_map(|address| address.parse::<RepositoryAddress>().ok()?.server())
    }

    /// True if its sources may have Secrets compared.
    pub(crate) fn compares_secrets(&self) -> bool {
        self.secrets
    }

    /// The source that an object is, within what is allowed; one that is not read says why.
    pub(crate) fn source(&self, delivery: &Delivery) -> Source {
        let located = self.locate(delivery);
        let address = located.as_ref().map_or_else(|refused| refused.address.clone(), Clone::clone);
        // A reason of the object's own comes first: it holds whatever is allowed.
        let reading = match (&delivery.reading, located) {
            (Err(reason), _) => Err(reason.clone()),
            (Ok(_), Err(refused)) => Err(refused.reason),
            (Ok(reading), Ok(_)) => Ok(reading.clone()),
        };
        Source {
            name: self.name_of(delivery),
            cluster: self.cluster.clone(),
            interval: self.interval,
            watch: self.watch,
            live: Live::Cluster(self.connect.clone()),
            audit_log: self.audit_log.clone(),
            reading: SourceRequest {
                git: Some(self.git.access(&address)),
                address,
                values: Vec::new(),
                release: None,
                namespace: reading.as_ref().ok().and_then(|reading| reading.namespace.clone()),
                allow_remote_bases: false,
                delivered: Some(Delivered { object: delivery.object(), reading }),
            },
            namespaces: BTreeSet::new(),
            unmanaged: self.unmanaged,
            confirm: false,
            secrets: self.secrets,
            write: WriteScope::Nothing,
            committing: Committing::default(),
        }
    }

    /// The address of what is delivered. Nobody here wrote it: it must be a repository that is allowed, and a path in it.
    fn locate(&self, delivery: &Delivery) -> Result<String, Refused> {
        let Delivery { repository, path, revision, .. } = delivery;
        let repository = repository.trim_end_matches('/');
        let named = repository.parse::<RepositoryAddress>();
        // What stands before an @ may be a password, and behind a ? a token.
        let is_clear = !repository.contains('?') && (named.is_ok() || !repository.contains('@'));
        let shown = if is_clear { repository } else { "" };
        let refused = |reason: String| Refused { address: shown.to_owned(), reason };
        let named = named.map_err(|error| refused(error.to_string()))?;
        if matches!(named, RepositoryAddress::Local(_)) && !repository.starts_with("file:///") {
            return Err(refused("what it names is no address of a repository".to_owned()));
        }
        if !is_clear {
            return Err(refused("the address of its repository holds a `?`".to_owned()));
        }
        // A pattern would fit what leads elsewhere on the same host.
        let leads_away =
            repository.split('/').any(|part| matches!(part, "." | "..")) || repository.contains(['%', '\\']);
        if leads_away || !fits_any(repository, &self.repositories) {
            return Err(refused(format!("repository {repository} is not allowed by `discover`")));
        }
        let unreadable = |error: anchorwatch_edge::git::ParseLocationError| refused(error.to_string());
        let path: TreePath = path.parse().map_err(unreadable)?;
        let mut address = repository.to_owned();
        if !path.as_str().is_empty() {
            address.extend(["//", path.as_str()]);
        }
        if let Some(revision) = revision {
            address.extend(["?ref=", revision]);
        }
        let location: GitLocation = address.parse().map_err(unreadable)?;
        let is_meant =
            *location.repository() == named && *location.path() == path && location.revision() == revision.as_deref();
        if is_meant {
            Ok(address)
        } else {
            Err(refused("its repository, path and revision make no address".to_owned()))
        }
    }
}

/// Why a repository is not fetched, and how it may be shown.
struct Refused {
    address: String,
    reason: String,
}

/// The host of a pattern, which must be there in full: `*` stands for a `/`, too. A `file:///` has none.
fn host_of_pattern(pattern: &str) -> Result<Option<String>, String> {
    let why = || {
        format!("repositories: {pattern:?}: a whole host, then what may follow, as in https://git.example.com/ops/*")
    };
    let rest = pattern.split_once("://").map_or(pattern, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or(rest);
    let any: RepositoryAddress = pattern.replace('*', "x").parse().map_err(|_| why())?;
    if host.contains('*') || matches!(any, RepositoryAddress::Local(_)) && !pattern.starts_with("file:///") {
        return Err(why());
    }
    Ok(any.host())
}

/// Refuses namespaces that two lists of the same cluster and tool name.
pub(super) fn check_apart(all: &[(Location, Discover)]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (place, discover) in all {
        if let Some(twice) = discover.beginnings().find(|beginning| !seen.insert(beginning.clone())) {
            return Err(at(
                *place,
                &format!("two of `discover` list {}; take it out of one", twice.trim_end_matches('/')),
            ));
        }
    }
    Ok(())
}
