//! The types as the server publishes them: `/openapi/v3` for their shape, discovery for their plural and scope.

use std::collections::BTreeMap;

use serde_json::Value;

use super::types::{Field, Identity, Kind, Scalar, Struct, Types};
use super::{Api, HarvestError};

/// Where the built-in types' Go packages live; a name is written without these.
const PREFIXES: [&str; 4] = [
    "io.k8s.api.",
    "io.k8s.apimachinery.pkg.apis.",
    "io.k8s.apiextensions-apiserver.pkg.apis.",
    "io.k8s.kube-aggregator.pkg.apis.",
];

/// Reads every type that a built-in kind's object can contain.
pub(crate) fn read(api: &Api) -> Result<Types, HarvestError> {
    let schemas = schemas(api)?;
    let mut types = Types::default();
    for kind in kinds(api)? {
        let root = schemas.iter().find(|(name, schema)| built_in(name) && is_schema_of(schema, &kind));
        let Some((name, _)) = root else { continue };
        add(&mut types, &schemas, name);
        if let Some(known) = types.structs.get_mut(short(name)) {
            known.kind = Some(kind);
        }
    }
    Ok(types)
}

type Schemas = BTreeMap<String, Value>;

fn schemas(api: &Api) -> Result<Schemas, HarvestError> {
    let index = api.get("/openapi/v3")?;
    let mut schemas = Schemas::new();
    for (path, entry) in object(&index["paths"]) {
        // Only group versions: `api/v1`, `apis/apps/v1`; not `api`, `apis/apps`, `version`, `.well-known/…`.
        let versioned = (path.starts_with("api/") && path.matches('/').count() == 1) || path.matches('/').count() == 2;
        if !path.starts_with("api") || !versioned {
            continue;
        }
        let url = entry["serverRelativeURL"].as_str().unwrap_or_default();
        let document = api.get(url)?;
        for (name, schema) in object(&document["components"]["schemas"]) {
            schemas.entry(name.clone()).or_insert_with(|| schema.clone());
        }
    }
    Ok(schemas)
}

/// Every kind that is served as a resource of its own.
fn kinds(api: &Api) -> Result<Vec<Kind>, HarvestError> {
    let mut versions = vec![(String::new(), "v1".to_owned())];
    for group in list(&api.get("/apis")?["groups"]) {
        for version in list(&group["versions"]) {
            versions.push((text(&group["name"]), text(&version["version"])));
        }
    }
    let mut kinds = Vec::new();
    for (group, version) in versions {
        let path = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/{version}") };
        for resource in list(&api.get(&path)?["resources"]) {
            let (plural, kind) = (text(&resource["name"]), text(&resource["kind"]));
            if !plural.contains('/') {
                let cluster = resource["namespaced"] == false;
                kinds.push(Kind { group: group.clone(), version: version.clone(), kind, plural, cluster });
            }
        }
    }
    Ok(kinds)
}

fn is_schema_of(schema: &Value, kind: &Kind) -> bool {
    let named = |entry: &Value| {
        entry["group"] == kind.group.as_str()
            && entry["version"] == kind.version.as_str()
            && entry["kind"] == kind.kind.as_str()
    };
    let ids = &schema["x-kubernetes-group-version-kind"];
    // DeleteOptions and the like name every group version; an object's type names its own.
    list(ids).len() == 1 && list(ids).iter().any(named)
}

/// Adds a struct and everything it refers to.
fn add(types: &mut Types, schemas: &Schemas, name: &str) {
    if types.structs.contains_key(short(name)) {
        return;
    }
    let Some(schema) = schemas.get(name) else {
        return;
    };
    let atomic = schema["x-kubernetes-map-type"] == "atomic";
    // First without fields: types refer to themselves (JSONSchemaProps).
    types.structs.insert(short(name).to_owned(), Struct { atomic, ..Struct::default() });
    let mut fields = BTreeMap::new();
    for (field, schema) in object(&schema["properties"]) {
        fields.insert(field.clone(), field_type(types, schemas, schema));
    }
    let choices = object(&schema["properties"]).filter(|(field, schema)| is_choice(field, schema));
    if let Some(known) = types.structs.get_mut(short(name)) {
        known.fields = fields;
        known.choices = choices.map(|(field, _)| field.clone()).collect();
    }
}

fn field_type(types: &mut Types, schemas: &Schemas, schema: &Value) -> Field {
    let atomic = schema["x-kubernetes-map-type"] == "atomic";
    if let Some(target) = reference(schema) {
        let Some(referred) = schemas.get(target) else {
            return Field::Scalar(Scalar::Any);
        };
        if object(&referred["properties"]).next().is_none() {
            return Field::Scalar(scalar(referred, target));
        }
        add(types, schemas, target);
        return Field::Struct { name: short(target).to_owned(), atomic };
    }
    match schema["type"].as_str() {
        Some("array") => {
            let element = Box::new(field_type(types, schemas, &schema["items"]));
            Field::List { element, identity: identity(schema) }
        }
        Some("object") if schema["additionalProperties"].is_object() => {
            let value = Box::new(field_type(types, schemas, &schema["additionalProperties"]));
            Field::Map { value, atomic }
        }
        _ => Field::Scalar(scalar(schema, "")),
    }
}

/// Whether a string is one word of a few: the document says so of most, and the name of the rest.
fn is_choice(field: &str, schema: &Value) -> bool {
    let named = ["type", "Type", "Policy", "Mode"].iter().any(|ending| field.ends_with(ending));
    schema["type"] == "string" && (schema["enum"].is_array() || named || field == "kind")
}

/// A reference stands alone, or in `allOf` when the field has a description or a default of its own.
fn reference(schema: &Value) -> Option<&str> {
    let direct = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    direct?.strip_prefix("#/components/schemas/")
}

fn identity(schema: &Value) -> Identity {
    match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => Identity::Keys(list(&schema["x-kubernetes-list-map-keys"]).iter().map(text).collect()),
        Some("set") => Identity::Set,
        _ => Identity::Atomic,
    }
}

fn scalar(schema: &Value, name: &str) -> Scalar {
    match (schema["type"].as_str(), schema["format"].as_str()) {
        _ if name.ends_with(".Quantity") => Scalar::Quantity,
        (_, Some("int-or-string")) => Scalar::IntOrString,
        (Some("string"), Some("byte")) => Scalar::Bytes,
        (Some("string"), Some("date-time")) => Scalar::Time,
        (Some("string"), _) => Scalar::String,
        (Some("integer"), _) => Scalar::Integer,
        (Some("number"), _) => Scalar::Number,
        (Some("boolean"), _) => Scalar::Boolean,
        _ => Scalar::Any,
    }
}

fn built_in(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn short(name: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
