//! What is scanned, and the cluster that it is compared with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::drift::policy::Policy;
use anchorwatch_core::drift::report::Trigger;
use anchorwatch_core::guard::WriteScope;
use anchorwatch_edge::cluster::ConnectOptions;
use anchorwatch_edge::git::{GitLocation, ParseLocationError, RepositoryAddress};
use jiff::{SignedDuration, Timestamp};
use serde_saphyr::Spanned;

use super::cluster::{self, Cluster};
use super::file::{self, Secrets};
use super::git::GitHosts;
use super::{at, check_name};
use crate::drift::Act;
use crate::drift::adopt::publish::Committing;
use crate::drift::scan::{Named, Request};
use crate::drift::side::Live;
use crate::drift::source::SourceRequest;

/// How often a source is scanned that does not say.
const HOURLY: SignedDuration = SignedDuration::from_hours(1);
/// More often than this a scan would begin before the one before it has ended.
const SHORTEST: SignedDuration = SignedDuration::from_secs(10);

/// A source, and the cluster that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "settings that are on or off")]
pub(crate) struct Source {
    /// Its name.
    pub(crate) name: String,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// How often it is scanned.
    pub(crate) interval: Duration,
    pub(super) watch: bool,
    pub(super) live: Live,
    pub(super) audit_log: Option<PathBuf>,
    pub(super) reading: SourceRequest,
    pub(super) namespaces: BTreeSet<String>,
    pub(super) unmanaged: bool,
    pub(super) confirm: bool,
    pub(super) secrets: bool,
    pub(super) write: WriteScope,
    pub(super) committing: Committing,
}

impl Source {
    pub(super) fn read(
        written: Spanned<file::Source>,
        clusters: &[Cluster],
        git: &GitHosts,
        folder: &Path,
    ) -> Result<Self, String> {
        let place = written.referenced;
        let file::Source {
            name,
            cluster,
            address,
            namespace,
            namespaces,
            interval,
            values,
            release,
            allow_remote_bases,
            unmanaged,
            confirm,
            secrets,
            watch,
            write,
            push,
        } = written.value;
        check_name(&name, place)?;
        let compared = cluster::find(clusters, &cluster)?;
        if confirm && matches!(compared.live, Live::Snapshot(_)) {
            return Err(at(
                place,
                &format!("source {name:?}: confirm asks a cluster, and {:?} is a snapshot", cluster.value),
            ));
        }
        let interval = checked_interval(interval)?;
        let write = write_scope(write).map_err(|why| at(place, &format!("source {name:?}: {why}")))?;
        // One that is absolute stays as it is.
        let from_here = |path: PathBuf| folder.join(path);
        let address = checked_address(&address, folder)?;
        let committing = git.committing(&address, push).map_err(|why| at(place, &format!("source {name:?}: {why}")))?;
        Ok(Self {
            cluster: cluster.value,
            interval,
            watch,
            live: compared.live.clone(),
            audit_log: compared.audit_log.clone(),
            reading: SourceRequest {
                git: Some(git.access(&address)),
                address,
                values: values.into_iter().map(from_here).collect(),
                release,
                namespace,
                allow_remote_bases,
                delivered: None,
            },
            namespaces: namespaces.into_iter().collect(),
            unmanaged,
            confirm,
            secrets: secrets == Secrets::Compare,
            committing,
            write,
            name,
        })
    }

    /// What may be written of it, to its cluster and to its repository.
    pub(crate) fn write_scope(&self) -> &WriteScope {
        &self.write
    }

    /// How a difference of such an object can be ended.
    pub(crate) fn acts(&self, api_version: &str, kind: &str, namespace: &str) -> Vec<Act> {
        let acts = [(Act::RollBack, self.connect().is_some()), (Act::Adopt, self.has_repository())];
        let is_written = self.write.allows(api_version, kind, namespace);
        acts.into_iter().filter(|(_, can)| is_written && *can).map(|(act, _)| act).collect()
    }

    /// How commits to its repository are made.
    pub(crate) fn committing(&self) -> &Committing {
        &self.committing
    }

    /// Where Git says what the cluster should be.
    pub(crate) fn address(&self) -> &str {
        &self.reading.address
    }

    /// True if the cluster's changes are to be seen as they are made.
    pub(crate) fn is_watched(&self) -> bool {
        self.watch && self.reading.is_read() && matches!(self.live, Live::Cluster(_))
    }

    /// How its cluster is reached; `None` for a recorded state.
    pub(crate) fn connect(&self) -> Option<&ConnectOptions> {
        match &self.live {
            Live::Cluster(connect) => Some(connect),
            Live::Snapshot(_) => None,
        }
    }

    /// True if it is read from a repository, which can get commits.
    pub(crate) fn has_repository(&self) -> bool {
        GitLocation::is_meant_by(self.address())
    }

    /// Host and port that its repository is fetched from; `None` for files on disk.
    pub(crate) fn server(&self) -> Option<(String, u16)> {
        self.address().parse::<GitLocation>().ok()?.repository().server()
    }

    /// How it is read.
    pub(crate) fn reading(&self) -> &SourceRequest {
        &self.reading
    }

    /// True if its Secrets are compared.
    pub(crate) fn compares_secrets(&self) -> bool {
        self.secrets
    }

    /// The namespaces that it is limited to; all where empty.
    pub(crate) fn namespaces(&self) -> &BTreeSet<String> {
        &self.namespaces
    }

    /// What a scan of it asks for, of all its namespaces or of some.
    pub(crate) fn request(
        &self,
        namespaces: &[String],
        policy: Arc<Policy>,
        triggered_by: Trigger,
        now: Timestamp,
    ) -> Request {
        let asked = namespaces.iter().cloned().collect::<BTreeSet<_>>();
        Request {
            source: self.reading.clone(),
            applied: None,
            live: self.live.clone(),
            audit: self.audit_log.clone(),
            unmanaged: self.unmanaged,
            confirm: self.confirm,
            policy,
            explain: None,
            named: Some(Named { cluster: self.cluster.clone(), source: self.name.clone() }),
            namespaces: if asked.is_empty() { self.namespaces.clone() } else { asked },
            secrets: self.secrets,
            triggered_by,
            now,
        }
    }
}

/// A list without anything in it could be read as nothing and as everything.
fn write_scope(written: file::Write) -> Result<WriteScope, &'static str> {
    match written {
        file::Write::Whether(false) => Ok(WriteScope::Nothing),
        file::Write::Whether(true) => Ok(WriteScope::These { namespaces: BTreeSet::new(), kinds: BTreeSet::new() }),
        file::Write::Scope(file::WriteScope { namespaces, kinds }) => {
            let named = [&namespaces, &kinds];
            if named.iter().all(|list| list.is_none()) || named.into_iter().flatten().any(Vec::is_empty) {
                return Err("write: name at least one of `namespaces` or of `kinds`, or say true or false");
            }
            let set = |list: Option<Vec<String>>| list.into_iter().flatten().collect();
            Ok(WriteScope::These { namespaces: set(namespaces), kinds: set(kinds) })
        }
    }
}

pub(super) fn checked_interval(written: Option<Spanned<SignedDuration>>) -> Result<Duration, String> {
    match written {
        Some(interval) if interval.value < SHORTEST => {
            Err(at(interval.referenced, "interval: at least 10s, as in 1h or 90s"))
        }
        Some(interval) => Ok(interval.value.unsigned_abs()),
        None => Ok(HOURLY.unsigned_abs()),
    }
}

/// A path on disk is named from the file's folder.
fn checked_address(written: &Spanned<String>, folder: &Path) -> Result<String, String> {
    let address = &written.value;
    if !GitLocation::is_meant_by(address) {
        return Ok(folder.join(address).to_string_lossy().into_owned());
    }
    let location: GitLocation = address.parse().map_err(|error: ParseLocationError| {
        // What stands before an @ may be a password, and the error does not say it.
        at(written.referenced, &format!("address: {error}"))
    })?;
    let is_path = matches!(location.repository(), RepositoryAddress::Local(_)) && !address.contains("://");
    // A path that is absolute stays as it is.
    Ok(if is_path { folder.join(address).to_string_lossy().into_owned() } else { address.clone() })
}
