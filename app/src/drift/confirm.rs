//! Tier two: a server-side dry run of Git's object tells what admission would do to it. What it would do to Git's
//! object too is no drift.

use std::sync::Mutex;

use anchorwatch_core::drift::compare::Difference;
use anchorwatch_core::drift::origin::value_at;
use anchorwatch_core::drift::{Change, DriftItem, Origin};
use anchorwatch_core::object::value::Value;
use anchorwatch_core::schema::Schema;
use anchorwatch_edge::cluster::discover::listing;
use anchorwatch_edge::cluster::{Cluster, ClusterError};
use tokio::runtime::Handle;

use crate::index::Wanted;

/// Asks the cluster about items in doubt.
pub(crate) struct Confirmation<'a> {
    cluster: &'a Cluster,
    runtime: &'a Handle,
    schema: &'a Schema,
    unconfirmed: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Confirmation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Confirmation")
    }
}

impl<'a> Confirmation<'a> {
    /// Nothing is asked yet.
    pub(crate) fn new(cluster: &'a Cluster, runtime: &'a Handle, schema: &'a Schema) -> Self {
        Self { cluster, runtime, schema, unconfirmed: Mutex::default() }
    }

    /// Objects whose doubt could not be settled, and why.
    pub(crate) fn unconfirmed(&self) -> Vec<String> {
        self.unconfirmed.lock().expect("no worker panics while it notes a doubt").clone()
    }

    /// Takes out the items that admission makes of Git's object, too.
    pub(crate) fn drop_admitted(
        &self,
        wanted: &Wanted<'_>,
        differences: &[Difference<'_>],
        items: &mut Vec<DriftItem>,
    ) {
        // A Secret's clear values are not at hand, and never sent anywhere.
        let is_secret = wanted.kind.kind == "Secret" && wanted.kind.group.is_empty();
        if is_secret || items.iter().all(|item| !in_doubt(item)) {
            return;
        }
        let predicted = match self.runtime.block_on(self.predict(wanted)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return,
            Err(error) => {
                let note = format!("{}: {error}", wanted.desired.identity());
                self.unconfirmed.lock().expect("no worker panics while it notes a doubt").push(note);
                return;
            }
        };
        let Ok(Value::Map(predicted)) = serde_json::from_slice::<Value<'_>>(&predicted) else { return };
        let admitted = |item: &DriftItem| {
            differences.iter().filter(|d| d.path.stable() == item.stable_path).any(|d| {
                match (value_at(&predicted, &d.path), d.live) {
                    (Some(would_be), Some(is)) => would_be == is,
                    (None, None) => true,
                    _ => false,
                }
            })
        };
        items.retain(|item| !(in_doubt(item) && admitted(item)));
    }

    async fn predict(&self, wanted: &Wanted<'_>) -> Result<Option<Vec<u8>>, ClusterError> {
        let head = wanted.desired.head();
        let namespace = Some(wanted.namespace).filter(|n| !n.is_empty());
        let Some(listing) = listing(self.schema, head.api_version, &wanted.kind, namespace) else { return Ok(None) };
        let body = serde_json::to_vec(&Value::Map(wanted.desired.root.clone())).expect("a tree of JSON values is JSON");
        self.cluster.dry_run_apply(&format!("{}/{}", listing.path, head.name), body).await.map(Some)
    }
}

/// Admission leaves values that nobody who is known owns, or takes some away.
fn in_doubt(item: &DriftItem) -> bool {
    item.origin == Origin::Unknown && matches!(item.change, Change::Changed | Change::Extra | Change::Removed)
}
