//! The live side of a scan: a recorded state, or a cluster that was asked for its version.

use std::path::PathBuf;

use anchorwatch_core::schema::catalogue::Minor;
use anchorwatch_edge::cluster::{Cluster, ConnectOptions};
use anchorwatch_edge::snapshot::{self, SnapshotFile};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::live;
use crate::failure::Failure;

/// Where the live state is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Live {
    /// A recorded state.
    Snapshot(PathBuf),
    /// The cluster of a kubeconfig.
    Cluster(ConnectOptions),
}

/// A live side that is being opened while something else is done.
pub(crate) enum Opening {
    Begun(JoinHandle<Result<Side, Failure>>),
    Done(Result<Side, Failure>),
}

impl Opening {
    pub(super) fn begin(runtime: &Handle, live: Live) -> Self {
        Self::Begun(runtime.spawn(Side::open(live)))
    }

    /// Waits for it.
    pub(super) async fn side(&mut self) -> Result<&Side, Failure> {
        if let Self::Begun(task) = self {
            let opened = task.await.expect("opening does not panic, and nobody aborts it");
            *self = Self::Done(opened);
        }
        match self {
            Self::Done(Ok(side)) => Ok(side),
            Self::Done(Err(failure)) => Err(failure.clone()),
            Self::Begun(_) => unreachable!("it was just awaited"),
        }
    }
}

/// The live side, opened.
pub(crate) enum Side {
    Recorded { path: PathBuf, files: Vec<SnapshotFile> },
    Served { cluster: Cluster, minor: Option<Minor> },
}

impl Side {
    async fn open(live: Live) -> Result<Self, Failure> {
        match live {
            Live::Snapshot(path) => {
                let fail = |error: snapshot::SnapshotError| match error.hint() {
                    Some(hint) => Failure::because(&error).hint(hint),
                    None => Failure::because(&error),
                };
                let files = snapshot::read(&path).await.map_err(fail)?;
                Ok(Self::Recorded { path, files })
            }
            Live::Cluster(options) => {
                let fail = |error| live::cluster_failure(&error);
                let cluster = Cluster::connect(&options).await.map_err(fail)?;
                let minor = cluster.minor().await.map_err(fail)?;
                Ok(Self::Served { cluster, minor })
            }
        }
    }

    pub(super) fn served(&self) -> Option<(&Cluster, Option<Minor>)> {
        match self {
            Self::Recorded { .. } => None,
            Self::Served { cluster, minor } => Some((cluster, *minor)),
        }
    }

    pub(super) fn minor(&self) -> Option<Minor> {
        match self {
            Self::Recorded { .. } => None,
            Self::Served { minor, .. } => *minor,
        }
    }

    pub(super) fn cluster(&self) -> &str {
        match self {
            Self::Recorded { .. } => "snapshot",
            Self::Served { cluster, .. } => &cluster.name,
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Recorded { path, .. } => path.display().to_string(),
            Self::Served { cluster, .. } => cluster.name.clone(),
        }
    }

    pub(super) fn default_namespace(&self) -> &str {
        match self {
            Self::Recorded { .. } => "default",
            Self::Served { cluster, .. } => &cluster.default_namespace,
        }
    }
}
