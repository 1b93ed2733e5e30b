//! What the API says of a type: its fields, how its lists are keyed, what the server fills in and what it drops.
//!
//! Built-in kinds come from a table that this repository's harvest tool reads off a real API server
//! (`schema/catalogue/`); kinds of CustomResourceDefinitions are added at run time from their own schemas.

pub mod catalogue;
pub mod openapi;

use std::collections::HashMap;

use crate::object::value::{Map, Node, Value};
use crate::object::{GroupKind, split_api_version};

/// A type's place in its [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeId(u32);

/// What a value looks like.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Anything: the API does not say.
    Any,
    /// A string.
    String,
    /// An integer.
    Integer,
    /// A number.
    Number,
    /// A boolean.
    Boolean,
    /// Base64.
    Bytes,
    /// A quantity such as `500m`.
    Quantity,
    /// An integer, or a string such as `25%` or a port's name.
    IntOrString,
    /// A time.
    Time,
    /// A struct.
    Struct(TypeId),
    /// A list.
    List(Box<Self>, ListKind),
    /// A map of strings to something.
    Map(Box<Self>, Ownership),
}

/// How a list's elements are told apart (`x-kubernetes-list-type`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListKind {
    /// As a whole.
    Atomic,
    /// By value.
    Set,
    /// By these fields.
    Keyed(Box<[Box<str>]>),
}

/// Whether a map or struct is owned as a whole or key by key (`x-kubernetes-map-type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Key by key.
    Granular,
    /// As a whole.
    Atomic,
}

/// A struct.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    /// Name, such as `apps.v1.DeploymentSpec`.
    pub name: Box<str>,
    /// How it is owned.
    pub ownership: Ownership,
    /// Fields, sorted by name.
    fields: Vec<Field>,
}

/// A struct's field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Name.
    pub name: Box<str>,
    /// What its values look like.
    pub shape: Shape,
    /// True if the server drops Go's zero value: written or not is the same.
    pub drops_zero: bool,
    /// What the server fills in.
    pub defaults: Vec<Default>,
}

/// A value that the server fills in.
#[derive(Debug, Clone, PartialEq)]
pub struct Default {
    /// The value; an empty map stands for a struct whose fields have defaults of their own.
    pub value: Node<'static>,
    /// Only where this field beside it has one of these values.
    pub when: Option<(Box<str>, Vec<Value<'static>>)>,
    /// Only in objects of these kinds; empty: in all.
    pub under: Vec<GroupKind>,
}

/// A top-level kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// `apiVersion`.
    pub api_version: Box<str>,
    /// Its type.
    pub root: TypeId,
    /// Plural resource name, such as `deployments`.
    pub plural: Box<str>,
    /// True if its objects live in namespaces.
    pub namespaced: bool,
}

/// All types that are known.
#[derive(Debug, Clone)]
pub struct Schema {
    types: Vec<Type>,
    kinds: HashMap<GroupKind, Vec<Kind>>,
    object_meta: TypeId,
    unknown: TypeId,
}

impl Type {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.binary_search_by(|f| f.name.as_ref().cmp(name)).ok().map(|at| &self.fields[at])
    }

    /// True for a part of a custom kind, whose names begin with `GROUP/VERSION/KIND`.
    pub fn is_custom(&self) -> bool {
        self.name.contains('/')
    }

    /// All fields, sorted by name.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

impl Field {
    /// A field without defaults.
    pub(crate) fn plain(name: &str, shape: Shape) -> Self {
        Self { name: name.into(), shape, drops_zero: false, defaults: Vec::new() }
    }
}

impl Schema {
    /// The root type of objects in this version; of unknown kinds only `metadata` is known.
    pub fn root(&self, api_version: &str, group_kind: &GroupKind) -> TypeId {
        self.kind(api_version, group_kind).map_or(self.unknown, |kind| kind.root)
    }

    /// The root type of objects in exactly this version, where it is known.
    pub fn exact_root(&self, api_version: &str, group_kind: &GroupKind) -> Option<TypeId> {
        self.kinds.get(group_kind)?.iter().find(|k| *k.api_version == *api_version).map(|kind| kind.root)
    }

    /// The type behind an id.
    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// The kind in this version, or in the newest one that is known.
    pub fn kind(&self, api_version: &str, group_kind: &GroupKind) -> Option<&Kind> {
        let versions = self.kinds.get(group_kind)?;
        versions
            .iter()
            .find(|k| k.api_version.as_ref() == api_version)
            .or_else(|| versions.iter().max_by_key(|k| version_rank(split_api_version(&k.api_version).1)))
    }

    /// True if a kind of this group is known.
    pub fn knows(&self, group_kind: &GroupKind) -> bool {
        self.kinds.contains_key(group_kind)
    }

    /// All kinds in all versions.
    pub fn all_kinds(&self) -> impl Iterator<Item = (&GroupKind, &Kind)> {
        self.kinds.iter().flat_map(|(name, versions)| versions.iter().map(move |kind| (name, kind)))
    }

    /// Adds a kind; one of the same version is replaced.
    pub fn add_kind(&mut self, kind: &str, entry: Kind) {
        let versions = self.kinds.entry(GroupKind::of(&entry.api_version, kind)).or_default();
        versions.retain(|k| k.api_version != entry.api_version);
        versions.push(entry);
    }

    /// Adds a kind of which nothing is known but that its objects live in no namespace.
    pub fn add_cluster_scoped(&mut self, api_version: &str, kind: &str) {
        let entry = Kind { api_version: api_version.into(), root: self.unknown, plural: "".into(), namespaced: false };
        self.add_kind(kind, entry);
    }

    /// True if the type has every field that an object says; its `status` is not looked at.
    pub fn has_fields_of(&self, root: TypeId, object: &Map<'_>) -> bool {
        object
            .iter()
            .filter(|(name, _)| *name != "status")
            .all(|(name, node)| self.has_field_of(root, name, &node.value))
    }

    fn has_field_of(&self, id: TypeId, name: &str, value: &Value<'_>) -> bool {
        self.get(id).field(name).is_some_and(|field| self.has_values_of(&field.shape, value))
    }

    fn has_values_of(&self, shape: &Shape, value: &Value<'_>) -> bool {
        match (shape, value) {
            (Shape::Struct(id), Value::Map(map)) => map.iter().all(|(name, n)| self.has_field_of(*id, name, &n.value)),
            (Shape::Map(item, _), Value::Map(map)) => map.iter().all(|(_, n)| self.has_values_of(item, &n.value)),
            (Shape::List(item, _), Value::List(list)) => list.iter().all(|n| self.has_values_of(item, &n.value)),
            _ => true,
        }
    }

    /// Adds a type.
    pub(crate) fn add_type(&mut self, name: &str, ownership: Ownership, mut fields: Vec<Field>) -> TypeId {
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        let id = TypeId(u32::try_from(self.types.len()).expect("fewer than 2³² types"));
        self.types.push(Type { name: name.into(), ownership, fields });
        id
    }
}

/// Orders versions as Kubernetes does: `v2` > `v1` > `v1beta2` > `v1alpha1` > anything else.
///
/// Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority>.
pub fn version_rank(version: &str) -> (u8, u32, u32) {
    let parse = || -> Option<(u8, u32, u32)> {
        let rest = version.strip_prefix('v')?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..end].parse().ok()?;
        let tail = &rest[end..];
        if tail.is_empty() {
            return Some((3, major, 0));
        }
        let (stage, minor) = match (tail.strip_prefix("beta"), tail.strip_prefix("alpha")) {
            (Some(minor), _) => (2, minor),
            (_, Some(minor)) => (1, minor),
            _ => return None,
        };
        Some((stage, major, if minor.is_empty() { 0 } else { minor.parse().ok()? }))
    };
    parse().unwrap_or((0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_kubernetes_does() {
        let mut versions = ["foo", "v1alpha1", "v2", "v1beta1", "v10", "v1", "v1beta2"];
        versions.sort_by_key(|v| version_rank(v));
        assert_eq!(versions, ["foo", "v1alpha1", "v1beta1", "v1beta2", "v1", "v2", "v10"]);
    }
}
