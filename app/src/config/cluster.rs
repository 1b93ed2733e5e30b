//! Clusters that sources are compared with.

use std::path::{Path, PathBuf};

use anchorwatch_edge::cluster::ConnectOptions;
use serde_saphyr::{Location, Spanned};

use super::{at, check_name, file};
use crate::drift::side::Live;

/// A cluster as it is configured.
pub(super) struct Cluster {
    pub(super) name: String,
    pub(super) at: Location,
    pub(super) live: Live,
    pub(super) audit_log: Option<PathBuf>,
}

impl Cluster {
    pub(super) fn read(written: Spanned<file::Cluster>, folder: &Path) -> Result<Self, String> {
        let place = written.referenced;
        let file::Cluster { name, kubeconfig, context, in_cluster, snapshot, audit_log } = written.value;
        check_name(&name, place)?;
        // One that is absolute stays as it is.
        let from_here = |path: PathBuf| folder.join(path);
        let ways = [kubeconfig.is_some() || context.is_some(), in_cluster, snapshot.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            let why = format!("cluster {name:?}: say one of kubeconfig (with context), in_cluster, snapshot");
            return Err(at(place, &why));
        }
        let live = match snapshot {
            Some(snapshot) => Live::Snapshot(from_here(snapshot)),
            None => Live::Cluster(ConnectOptions { kubeconfig: kubeconfig.map(from_here), context, in_cluster }),
        };
        Ok(Self { name, at: place, live, audit_log: audit_log.map(from_here) })
    }
}

/// The cluster that is called so.
pub(super) fn find<'c>(clusters: &'c [Cluster], name: &Spanned<String>) -> Result<&'c Cluster, String> {
    clusters.iter().find(|known| known.name == name.value).ok_or_else(|| {
        let known: Vec<&str> = clusters.iter().map(|known| known.name.as_str()).collect();
        let known = if known.is_empty() { "none is".to_owned() } else { known.join(", ") };
        at(name.referenced, &format!("no cluster is called {:?}; under `clusters` there is: {known}", name.value))
    })
}
