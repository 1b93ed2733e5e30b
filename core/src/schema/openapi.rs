//! Types out of OpenAPI v3 and out of CustomResourceDefinitions, as far as a comparison needs them.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::catalogue::owned;
use super::{Default, Field, Kind, ListKind, Ownership, Schema, Shape, TypeId};
use crate::object::split_api_version;

/// Adds every version of a CustomResourceDefinition (`apiextensions.k8s.io/v1`); false if it is none.
pub fn add_crd(schema: &mut Schema, crd: &Json) -> bool {
    let Some(group) = crd.pointer("/spec/group").and_then(Json::as_str) else { return false };
    let Some(kind) = crd.pointer("/spec/names/kind").and_then(Json::as_str) else { return false };
    let plural = crd.pointer("/spec/names/plural").and_then(Json::as_str).unwrap_or_default();
    let namespaced = crd.pointer("/spec/scope").and_then(Json::as_str) != Some("Cluster");
    for version in crd.pointer("/spec/versions").and_then(Json::as_array).into_iter().flatten() {
        let Some(name) = version.get("name").and_then(Json::as_str) else { continue };
        let Some(root) = version.pointer("/schema/openAPIV3Schema") else { continue };
        let mut reader = Reader { schema, components: None, known: HashMap::new() };
        let id = reader.root(&format!("{group}/{name}/{kind}"), root);
        let api_version = format!("{group}/{name}");
        schema.add_kind(kind, Kind { api_version: api_version.into(), root: id, plural: plural.into(), namespaced });
    }
    true
}

/// Adds a kind from an OpenAPI v3 document (`/openapi/v3/apis/GROUP/VERSION`); false if the document has none of it.
pub fn add_from_document(schema: &mut Schema, document: &Json, entry: KindToAdd<'_>) -> bool {
    let Some(components) = document.pointer("/components/schemas").and_then(Json::as_object) else { return false };
    let (group, version) = split_api_version(entry.api_version);
    let wanted = |gvk: &Json| {
        gvk.get("group").and_then(Json::as_str) == Some(group)
            && gvk.get("version").and_then(Json::as_str) == Some(version)
            && gvk.get("kind").and_then(Json::as_str) == Some(entry.kind)
    };
    let Some(root) = components.values().find(|s| {
        s.get("x-kubernetes-group-version-kind")
            .and_then(Json::as_array)
            .is_some_and(|list| list.len() == 1 && list.iter().any(wanted))
    }) else {
        return false;
    };
    let mut reader = Reader { schema, components: Some(components), known: HashMap::new() };
    let id = reader.root(&format!("{group}/{version}/{}", entry.kind), root);
    schema.add_kind(
        entry.kind,
        Kind {
            api_version: entry.api_version.into(),
            root: id,
            plural: entry.plural.into(),
            namespaced: entry.namespaced,
        },
    );
    true
}

/// Names of a kind that an OpenAPI document describes; the document does not say them all.
#[derive(Debug, Clone, Copy)]
pub struct KindToAdd<'a> {
    /// `apiVersion`.
    pub api_version: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Plural resource name.
    pub plural: &'a str,
    /// True if its objects live in namespaces.
    pub namespaced: bool,
}

struct Reader<'s> {
    schema: &'s mut Schema,
    components: Option<&'s serde_json::Map<String, Json>>,
    known: HashMap<String, TypeId>,
}

impl Reader<'_> {
    /// The root type: as the schema says, but `metadata` is always Kubernetes' own.
    fn root(&mut self, name: &str, root: &Json) -> TypeId {
        let mut fields = self.fields(name, root);
        fields.retain(|f| !matches!(f.name.as_ref(), "metadata" | "apiVersion" | "kind"));
        fields.push(Field::plain("metadata", Shape::Struct(self.schema.object_meta)));
        fields.push(Field::plain("apiVersion", Shape::String));
        fields.push(Field::plain("kind", Shape::String));
        self.schema.add_type(name, Ownership::Granular, fields)
    }

    fn fields(&mut self, name: &str, schema: &Json) -> Vec<Field> {
        let Some(properties) = schema.get("properties").and_then(Json::as_object) else { return Vec::new() };
        properties
            .iter()
            .map(|(key, property)| Field {
                name: key.as_str().into(),
                shape: self.shape(&format!("{name}.{key}"), property),
                drops_zero: false,
                defaults: property
                    .get("default")
                    .map(|value| Default { value: owned(value).into(), when: None, under: Vec::new() })
                    .into_iter()
                    .collect(),
            })
            .collect()
    }

    fn shape(&mut self, name: &str, schema: &Json) -> Shape {
        let flag = |key: &str| schema.get(key).and_then(Json::as_bool) == Some(true);
        let text = |key: &str| schema.get(key).and_then(Json::as_str).unwrap_or_default();
        if let Some(reference) = reference(schema) {
            return self.referenced(reference);
        }
        if flag("x-kubernetes-embedded-resource") && schema.get("properties").is_none() {
            return Shape::Any;
        }
        if flag("x-kubernetes-int-or-string") {
            return if text("pattern").is_empty() { Shape::IntOrString } else { Shape::Quantity };
        }
        let ownership = if text("x-kubernetes-map-type") == "atomic" { Ownership::Atomic } else { Ownership::Granular };
        match text("type") {
            "string" if text("format") == "byte" => Shape::Bytes,
            "string" => Shape::String,
            "integer" => Shape::Integer,
            "number" => Shape::Number,
            "boolean" => Shape::Boolean,
            "array" => {
                let item = schema.get("items").map_or(Shape::Any, |items| self.shape(&format!("{name}[]"), items));
                Shape::List(Box::new(item), list_kind(schema))
            }
            _ if schema.get("properties").is_some() => {
                let fields = self.fields(name, schema);
                Shape::Struct(self.schema.add_type(name, ownership, fields))
            }
            "object" => match schema.get("additionalProperties") {
                Some(items @ Json::Object(_)) => {
                    Shape::Map(Box::new(self.shape(&format!("{name}{{}}"), items)), ownership)
                }
                _ if flag("x-kubernetes-preserve-unknown-fields") => Shape::Map(Box::new(Shape::Any), ownership),
                _ => Shape::Any,
            },
            _ => Shape::Any,
        }
    }

    fn referenced(&mut self, reference: &str) -> Shape {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        match name.rsplit('.').next() {
            Some("Quantity") => return Shape::Quantity,
            Some("IntOrString") => return Shape::IntOrString,
            Some("Time" | "MicroTime") => return Shape::Time,
            _ => {}
        }
        if let Some(id) = self.known.get(name) {
            return Shape::Struct(*id);
        }
        let Some(target) = self.components.and_then(|all| all.get(name)) else { return Shape::Any };
        if target.get("properties").is_none() {
            return self.shape(name, target);
        }
        // The id is known before the fields are read: types may contain themselves.
        let id = self.schema.add_type(name, Ownership::Granular, Vec::new());
        self.known.insert(name.to_owned(), id);
        let mut fields = self.fields(name, target);
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        self.schema.types[id.0 as usize].fields = fields;
        Shape::Struct(id)
    }
}

/// `$ref`, also where it hides in a one-element `allOf`, as Kubernetes writes it beside a default.
fn reference(schema: &Json) -> Option<&str> {
    let direct = schema.get("$ref").and_then(Json::as_str);
    direct.or_else(|| match schema.get("allOf").and_then(Json::as_array).map(Vec::as_slice) {
        Some([only]) => only.get("$ref").and_then(Json::as_str),
        _ => None,
    })
}

fn list_kind(schema: &Json) -> ListKind {
    match schema.get("x-kubernetes-list-type").and_then(Json::as_str) {
        Some("set") => ListKind::Set,
        Some("map") => ListKind::Keyed(
            schema
                .get("x-kubernetes-list-map-keys")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .map(Into::into)
                .collect(),
        ),
        _ => ListKind::Atomic,
    }
}
