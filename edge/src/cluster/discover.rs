//! What a cluster is: its version, and the resources behind kinds that the catalogue does not know.

use anchorwatch_core::object::name::is_api_version;
use anchorwatch_core::object::{GroupKind, split_api_version};
use anchorwatch_core::schema::Schema;
use anchorwatch_core::schema::catalogue::Minor;
use anchorwatch_core::schema::openapi::{self, KindToAdd};
use serde_json::Value as Json;

use super::{Cluster, ClusterError, encode};

impl Cluster {
    /// The minor release; `None` where the server names none that can be read.
    pub async fn minor(&self) -> Result<Option<Minor>, ClusterError> {
        let version = match self.get_json("/version").await {
            // Clusters that hide it from most people can be compared all the same.
            Err(error) if error.code() == Some(403) => return Ok(None),
            version => version?,
        };
        let minor = version.get("minor").and_then(Json::as_str).unwrap_or_default();
        Ok(minor.trim_end_matches('+').parse().ok().map(Minor))
    }

    /// Adds a kind that the schema does not know, from discovery and OpenAPI v3. False if the cluster does not serve it.
    pub async fn learn_kind(&self, schema: &mut Schema, api_version: &str, kind: &str) -> Result<bool, ClusterError> {
        if !is_api_version(api_version) {
            return Ok(false);
        }
        let root = root_path(api_version);
        let resources = match self.get_json(&root).await {
            Ok(resources) => resources,
            Err(error) if error.code() == Some(404) => return Ok(false),
            Err(error) => return Err(error),
        };
        let text =
            |resource: &Json, field: &str| resource.get(field).and_then(Json::as_str).unwrap_or_default().to_owned();
        let list = resources.get("resources").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let found = list.iter().find(|r| text(r, "kind") == kind && !text(r, "name").contains('/'));
        let Some(resource) = found else { return Ok(false) };
        let plural = text(resource, "name");
        let namespaced = resource.get("namespaced").and_then(Json::as_bool).unwrap_or(true);
        let document = self.get_json(&format!("/openapi/v3{root}")).await?;
        let entry = KindToAdd { api_version, kind, plural: &plural, namespaced };
        Ok(openapi::add_from_document(schema, &document, entry))
    }
}

/// `/api/v1` or `/apis/GROUP/VERSION`.
pub(super) fn root_path(api_version: &str) -> String {
    match split_api_version(api_version) {
        ("", version) => format!("/api/{}", encode(version)),
        (group, version) => format!("/apis/{}/{}", encode(group), encode(version)),
    }
}

/// The path of the objects of a resource in a namespace.
pub fn path_in(api_version: &str, plural: &str, namespace: &str) -> String {
    format!("{}/namespaces/{}/{}", root_path(api_version), encode(namespace), encode(plural))
}

/// The path, with its query, of all objects of a resource that have this name, whichever namespace they are in.
pub fn all_named(api_version: &str, plural: &str, name: &str) -> String {
    let selector = encode(&format!("metadata.name={name}"));
    format!("{}/{}?fieldSelector={selector}", root_path(api_version), encode(plural))
}

/// What to ask for to list a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Path of the request.
    pub path: String,
    /// `apiVersion` of the items.
    pub api_version: String,
    /// Resource and group, such as `deployments.apps`, for people.
    pub resource: String,
}

impl Listing {
    /// Path of one of its objects.
    pub fn object(&self, name: &str) -> String {
        format!("{}/{}", self.path, encode(name))
    }
}

/// How to list a kind in one namespace, or (with `None`) in all; `None` if the schema does not know the kind.
pub fn listing(schema: &Schema, api_version: &str, kind: &GroupKind, namespace: Option<&str>) -> Option<Listing> {
    let known = schema.kind(api_version, kind)?;
    let root = root_path(&known.api_version);
    let plural = &known.plural;
    let path = match namespace.filter(|_| known.namespaced) {
        Some(namespace) => path_in(&known.api_version, plural, namespace),
        None => format!("{root}/{}", encode(plural)),
    };
    let resource = if kind.group.is_empty() { plural.to_string() } else { format!("{plural}.{}", kind.group) };
    Some(Listing { path, api_version: known.api_version.to_string(), resource })
}

#[cfg(test)]
mod tests {
    use anchorwatch_core::schema::catalogue;

    use super::*;

    #[test]
    fn a_name_stays_one_segment_of_the_path() {
        let (schema, _) = catalogue::load(None);
        let kind = GroupKind::of("rbac.authorization.k8s.io/v1", "Role");
        let roles = listing(&schema, "rbac.authorization.k8s.io/v1", &kind, Some("a b?x=/c")).unwrap();
        assert_eq!(roles.path, "/apis/rbac.authorization.k8s.io/v1/namespaces/a%20b%3Fx%3D%2Fc/roles");
        assert_eq!(roles.object("system:a?b"), format!("{}/system%3Aa%3Fb", roles.path));
    }
}
