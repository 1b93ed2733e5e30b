//! A Kubernetes object: its identity and its tree of values.

pub mod known_secrets;
pub mod list;
pub mod live;
pub mod name;
pub mod path;
pub mod quantity;
pub mod secret;
pub mod value;

use std::fmt;

use serde::{Deserialize, Serialize};

use value::Map;

/// Group and kind, the part of a type's name that all its versions share.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupKind {
    /// API group, empty for the core group.
    pub group: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
}

impl GroupKind {
    /// Makes one from an `apiVersion` such as `apps/v1` or `v1`, and a kind.
    pub fn of(api_version: &str, kind: &str) -> Self {
        Self { group: split_api_version(api_version).0.to_owned(), kind: kind.to_owned() }
    }

    /// True for Kubernetes' own `Secret`.
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && self.kind == "Secret"
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(&self.kind) } else { write!(f, "{}.{}", self.kind, self.group) }
    }
}

/// Splits `apps/v1` into `("apps", "v1")`, and `v1` into `("", "v1")`.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// What makes an object one and the same in Git and in the cluster, whatever version it is written in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Identity {
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Group and kind.
    #[serde(flatten)]
    pub group_kind: GroupKind,
    /// Name.
    pub name: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group_kind.kind, self.name)
    }
}

/// The annotation in which `kubectl apply` repeats the whole object, credentials and all. Never compared, never shown.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Fields of an object's head, borrowed from its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// `apiVersion`.
    pub api_version: &'a str,
    /// `kind`.
    pub kind: &'a str,
    /// `metadata.name`, empty where there is none.
    pub name: &'a str,
    /// `metadata.namespace`, empty where there is none.
    pub namespace: &'a str,
    /// `metadata.generateName`, empty where there is none.
    pub generate_name: &'a str,
}

impl<'a> Head<'a> {
    /// Reads the head; `None` if `apiVersion` or `kind` is missing or no string.
    pub fn of(root: &'a Map<'_>) -> Option<Self> {
        let metadata = root.map("metadata");
        let text = |key| metadata.and_then(|m| m.str(key)).unwrap_or("");
        Some(Self {
            api_version: root.str("apiVersion")?,
            kind: root.str("kind")?,
            name: text("name"),
            namespace: text("namespace"),
            generate_name: text("generateName"),
        })
    }
}
