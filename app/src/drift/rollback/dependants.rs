//! Finding what belongs to an object: the kinds that Git mentions are listed, and those of which controllers make objects.

use std::collections::BTreeSet;

use anchorwatch_core::change::dependants::{self, Dependants, Owned};
use anchorwatch_core::object::GroupKind;
use anchorwatch_core::object::list::ListPage;
use anchorwatch_edge::cluster::discover::{listing, path_in};
use anchorwatch_edge::cluster::{Cluster, ClusterError};
use futures::StreamExt as _;
use serde::Deserialize;

use super::{Planning, TargetCluster};

/// Lists that are read at the same time.
const CONCURRENT: usize = 4;

/// What belongs to other objects most often; (apiVersion, kind).
pub(crate) const USUAL: &[(&str, &str)] = &[
    ("apps/v1", "ControllerRevision"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("v1", "ConfigMap"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
];

impl Planning<'_> {
    /// What belongs to the object of this uid. Whatever belongs to one that lives in a namespace lives there, too.
    pub(super) fn dependants(&self, uid: &str, namespace: &str) -> Dependants {
        let schema = self.examiner.schema;
        let of_git = self.examiner.index.askable().map(|wanted| (wanted.head.api_version, wanted.head.kind));
        let kinds: BTreeSet<(&str, &str)> = of_git.chain(USUAL.iter().copied()).collect();
        let listings = kinds.into_iter().filter_map(|(api_version, kind)| {
            let of = GroupKind::of(api_version, kind);
            let is_there = namespace.is_empty() || schema.kind(api_version, &of).is_some_and(|known| known.namespaced);
            let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
            listing(schema, api_version, &of, namespace).filter(|_| is_there).map(|listing| (kind, listing))
        });
        let lists = futures::stream::iter(listings)
            .map(|(kind, listing)| async move { (owned(self.cluster, &listing.path, kind).await, listing.resource) })
            .buffered(CONCURRENT);
        let (mut all, mut not_listed) = (Vec::new(), BTreeSet::new());
        for (list, resource) in self.runtime.block_on(lists.collect::<Vec<_>>()) {
            match list {
                Ok(owned) => all.extend(owned),
                // A cluster that does not serve them has none.
                Err(error) if error.code() == Some(404) => {}
                Err(_) => {
                    not_listed.insert(resource);
                }
            }
        }
        Dependants { found: dependants::of(uid, &all), not_listed: not_listed.into_iter().collect() }
    }
}

impl TargetCluster<'_> {
    /// The claims that belong to an object itself: they would go with it, and what lies in them. Where they cannot be listed, that is
    /// told with the rest of what could not be.
    pub(super) fn claims_of(self, uid: &str, namespace: &str) -> Dependants {
        let path = if namespace.is_empty() {
            "/api/v1/persistentvolumeclaims".to_owned()
        } else {
            path_in("v1", "persistentvolumeclaims", namespace)
        };
        match self.runtime.block_on(owned(self.cluster, &path, "PersistentVolumeClaim")) {
            Ok(owned) => Dependants { found: dependants::of(uid, &owned), ..Dependants::default() },
            Err(_) => Dependants { not_listed: vec!["persistentvolumeclaims".to_owned()], ..Dependants::default() },
        }
    }
}

/// The objects of a list that say whom they belong to.
async fn owned(cluster: &Cluster, path: &str, kind: &str) -> Result<Vec<Owned>, ClusterError> {
    let pages = cluster.list_metadata(path).all().await?;
    Ok(pages.iter().flat_map(ListPage::items).filter_map(|raw| Item::read(raw, kind)).collect())
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    uid: String,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    uid: String,
}

impl Item {
    fn read(raw: &str, kind: &str) -> Option<Owned> {
        let Metadata { name, uid, owner_references } = serde_json::from_str::<Self>(raw).ok()?.metadata;
        let owners: Vec<String> = owner_references.into_iter().map(|owner| owner.uid).collect();
        (!owners.is_empty()).then(|| Owned { kind: kind.to_owned(), name, uid, owners })
    }
}
