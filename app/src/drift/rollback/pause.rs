//! Whether whoever delivers an object is paused: then somebody is at work there, and no rollback is to come in between.

use anchorwatch_core::delivery::pause::Deliverer;
use anchorwatch_core::object::value::Map;
use anchorwatch_edge::cluster::discover::{all_named, path_in};
use anchorwatch_edge::cluster::encode;
use serde_json::Value as Json;

use super::Planning;

/// Where Argo CD is, most often: asked where the whole cluster may not be.
const ARGO_CD: &str = "argocd";

impl Planning<'_> {
    /// Why the tool that delivers a live object does not at the moment; `None` if it does, or if nobody here can tell: no claim is made
    /// of what cannot be read.
    pub(super) fn why_paused(&self, live: &Map<'_>) -> Option<String> {
        let deliverer = Deliverer::of(live)?;
        let Deliverer { api_version, plural, namespace, name, .. } = &deliverer;
        let get = |path: &str| self.runtime.block_on(self.cluster.get_json(path)).ok();
        let one = |namespace: &str| get(&format!("{}/{}", path_in(api_version, plural, namespace), encode(name)));
        let found: Vec<Json> = match namespace {
            Some(namespace) => one(namespace).into_iter().collect(),
            None => match get(&all_named(api_version, plural, name)) {
                Some(list) => list["items"].as_array().cloned().unwrap_or_default(),
                None => one(ARGO_CD).into_iter().collect(),
            },
        };
        found.iter().find_map(|object| deliverer.why_paused(object))
    }
}
