//! All that a cluster serves, as charts ask for it.

use serde_json::Value as Json;

use super::discover::root_path;
use super::{Cluster, ClusterError};

/// Aggregated discovery: everything in two answers. An older server gives what it always gave.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// What is served.
#[derive(Debug, Default)]
pub struct Served {
    /// As `helm template --api-versions` wants it, sorted: `v1`, `v1/Pod`, `apps/v1`, `apps/v1/Deployment`, …
    pub versions: Vec<String>,
    /// Versions whose own API server does not answer now, and what was said.
    pub faults: Vec<(String, String)>,
}

impl Cluster {
    /// Asks for all groups, versions and kinds. One API server behind the cluster's that fails is no failure of this.
    pub async fn served(&self) -> Result<Served, ClusterError> {
        let mut served = Served::default();
        for root in ["/api", "/apis"] {
            let body = self.get_patiently_as(root, AGGREGATED).await?;
            let answer: Json = serde_json::from_slice(&body)
                .map_err(|error| ClusterError::Malformed { cluster: self.name.clone(), reason: error.to_string() })?;
            if text(&answer, "kind") == "APIGroupDiscoveryList" {
                served.add_groups(&answer);
                continue;
            }
            for version in versions_of(&answer) {
                match self.get(&root_path(&version)).await {
                    Ok(body) => served.add_resources(&version, &serde_json::from_slice(&body).unwrap_or_default()),
                    Err(error @ ClusterError::Refused { .. }) => {
                        served.faults.push((version.clone(), error.to_string()));
                        served.versions.push(version);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        served.versions.sort();
        served.versions.dedup();
        Ok(served)
    }
}

impl Served {
    /// Takes in an `APIGroupDiscoveryList`.
    fn add_groups(&mut self, answer: &Json) {
        for group in list(answer, "items") {
            let name = group.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
            for version in list(group, "versions") {
                let number = text(version, "version");
                let version_name = if name.is_empty() { number.to_owned() } else { format!("{name}/{number}") };
                if text(version, "freshness") == "Stale" {
                    self.faults.push((version_name.clone(), "its API server does not answer".to_owned()));
                }
                let kinds = list(version, "resources")
                    .map(|resource| resource.pointer("/responseKind/kind").and_then(Json::as_str).unwrap_or_default());
                self.add(&version_name, kinds);
            }
        }
    }

    /// Takes in an `APIResourceList`.
    fn add_resources(&mut self, version: &str, answer: &Json) {
        let resources = list(answer, "resources").filter(|resource| !text(resource, "name").contains('/'));
        self.add(version, resources.map(|resource| text(resource, "kind")));
    }

    fn add<'a>(&mut self, version: &str, kinds: impl Iterator<Item = &'a str>) {
        self.versions.extend(kinds.filter(|kind| !kind.is_empty()).map(|kind| format!("{version}/{kind}")));
        self.versions.push(version.to_owned());
    }
}

/// The versions of an `APIVersions` or an `APIGroupList`.
fn versions_of(answer: &Json) -> Vec<String> {
    let core = list(answer, "versions").filter_map(Json::as_str);
    let of_groups = list(answer, "groups").flat_map(|group| list(group, "versions"));
    core.chain(of_groups.map(|version| text(version, "groupVersion"))).map(str::to_owned).collect()
}

fn list<'a>(value: &'a Json, field: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    value.get(field).and_then(Json::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Json, field: &str) -> &'a str {
    value.get(field).and_then(Json::as_str).unwrap_or_default()
}
