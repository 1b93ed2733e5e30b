//! The built-in kinds, from the tables that the harvest tool wrote (`catalogue/*.txt`; their heads tell the format).

use std::collections::HashMap;

use serde_json::Value as Json;

use super::{Default, Field, Kind, ListKind, Ownership, Schema, Shape, Type, TypeId};
use crate::object::GroupKind;
use crate::object::value::Value;

const TYPES: &str = include_str!("catalogue/types.txt");

/// Harvested minors, newest first.
const DEFAULTS: &[(u32, &str)] = &[
    (37, include_str!("catalogue/defaults-1.37.txt")),
    (36, include_str!("catalogue/defaults-1.36.txt")),
    (35, include_str!("catalogue/defaults-1.35.txt")),
    (34, include_str!("catalogue/defaults-1.34.txt")),
    (33, include_str!("catalogue/defaults-1.33.txt")),
];

/// A minor release of Kubernetes 1.x whose defaults are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(pub u32);

/// Loads the built-in kinds with the defaults of the minor nearest to the one asked for; the newest without one.
pub fn load(wanted: Option<Minor>) -> (Schema, Minor) {
    let (minor, defaults) = nearest(wanted);
    let mut loader = Loader::default();
    loader.read_types(TYPES);
    loader.read_defaults(defaults);
    let object_meta = *loader.names.get("meta.v1.ObjectMeta").expect("every object has metadata");
    let mut schema = Schema { types: loader.types, kinds: loader.kinds, object_meta, unknown: object_meta };
    schema.unknown =
        schema.add_type("", Ownership::Granular, vec![Field::plain("metadata", Shape::Struct(object_meta))]);
    (schema, minor)
}

/// The minor releases whose defaults are known, newest first.
pub fn minors() -> impl Iterator<Item = Minor> {
    DEFAULTS.iter().map(|(minor, _)| Minor(*minor))
}

fn nearest(wanted: Option<Minor>) -> (Minor, &'static str) {
    let wanted = wanted.map_or(u32::MAX, |m| m.0);
    let (minor, text) =
        DEFAULTS.iter().min_by_key(|(minor, _)| minor.abs_diff(wanted)).expect("at least one minor was harvested");
    (Minor(*minor), text)
}

#[derive(std::default::Default)]
struct Loader {
    types: Vec<Type>,
    kinds: HashMap<GroupKind, Vec<Kind>>,
    names: HashMap<&'static str, TypeId>,
}

impl Loader {
    fn read_types(&mut self, text: &'static str) {
        let heads = text.lines().filter_map(|line| line.strip_prefix("type "));
        for head in heads {
            let mut words = head.split(' ').filter(|w| *w != "!");
            let name = words.next().unwrap_or_default();
            let id = TypeId(u32::try_from(self.types.len()).expect("fewer than 2³² types"));
            self.names.insert(name, id);
            let ownership = if head.ends_with(" !") { Ownership::Atomic } else { Ownership::Granular };
            self.types.push(Type { name: name.into(), ownership, fields: Vec::new() });
            if let (Some(group_version_kind), Some(plural)) = (words.next(), words.next())
                && let Some((api_version, kind)) = group_version_kind.rsplit_once('/')
            {
                let api_version = api_version.trim_start_matches('/');
                let entry = Kind {
                    api_version: api_version.into(),
                    root: id,
                    plural: plural.into(),
                    namespaced: words.next() != Some("cluster"),
                };
                self.kinds.entry(GroupKind::of(api_version, kind)).or_default().push(entry);
            }
        }
        let mut current = 0;
        for line in text.lines() {
            if line.starts_with("type ") {
                current += 1;
            } else if let Some((name, shape)) = line.strip_prefix("  ").and_then(|l| l.split_once(' ')) {
                let shape = self.shape(shape);
                self.types[current - 1].fields.push(Field {
                    name: name.into(),
                    shape,
                    drops_zero: false,
                    defaults: Vec::new(),
                });
            }
        }
        for ty in &mut self.types {
            ty.fields.sort_by(|a, b| a.name.cmp(&b.name));
        }
    }

    fn shape(&self, text: &str) -> Shape {
        if let Some(inner) = text.strip_prefix('[') {
            let end = inner.rfind(']').expect("a list's shape is closed");
            let kind = match &inner[end + 1..] {
                "" => ListKind::Atomic,
                "=" => ListKind::Set,
                keys => ListKind::Keyed(keys.trim_matches(['{', '}']).split(',').map(Into::into).collect()),
            };
            return Shape::List(Box::new(self.shape(&inner[..end])), kind);
        }
        if let Some(inner) = text.strip_prefix('<') {
            let end = inner.rfind('>').expect("a map's shape is closed");
            let ownership = if inner.ends_with('!') { Ownership::Atomic } else { Ownership::Granular };
            return Shape::Map(Box::new(self.shape(&inner[..end])), ownership);
        }
        match text {
            "string" => Shape::String,
            "integer" => Shape::Integer,
            "number" => Shape::Number,
            "boolean" => Shape::Boolean,
            "bytes" => Shape::Bytes,
            "quantity" => Shape::Quantity,
            "intstr" => Shape::IntOrString,
            "time" => Shape::Time,
            name => self.names.get(name.trim_end_matches('!')).map_or(Shape::Any, |id| Shape::Struct(*id)),
        }
    }

    fn read_defaults(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.splitn(4, ' ');
            let (Some(what), Some(ty), Some(name)) = (words.next(), words.next(), words.next()) else { continue };
            let Some(field) = self.field(ty, name) else { continue };
            match what {
                "drops" => field.drops_zero = true,
                "default" => field.defaults.extend(words.next().and_then(parse_default)),
                _ => {}
            }
        }
    }

    fn field(&mut self, ty: &str, name: &str) -> Option<&mut Field> {
        let id = self.names.get(ty)?;
        self.types[id.0 as usize].fields.iter_mut().find(|f| f.name.as_ref() == name)
    }
}

/// Reads `JSON [when SIBLING JSON…] [under GROUP/KIND…]`.
fn parse_default(text: &str) -> Option<Default> {
    let (value, rest) = take_json(text)?;
    let mut default = Default { value: owned(&value).into(), when: None, under: Vec::new() };
    let mut rest = rest.trim_start();
    if let Some((sibling, mut values)) = rest.strip_prefix("when ").and_then(|w| w.split_once(' ')) {
        let mut wanted = Vec::new();
        while let Some((value, next)) = take_json(values) {
            wanted.push(owned(&value));
            values = next.trim_start();
        }
        default.when = Some((sibling.into(), wanted));
        rest = values;
    }
    let kinds = rest.strip_prefix("under ").unwrap_or_default().split(' ').filter_map(|word| word.split_once('/'));
    default.under = kinds.map(|(group, kind)| GroupKind { group: group.to_owned(), kind: kind.to_owned() }).collect();
    Some(default)
}

/// Takes one JSON value off the front of a text.
fn take_json(text: &str) -> Option<(Json, &str)> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    let value = stream.next()?.ok()?;
    let rest = &text[stream.byte_offset()..];
    Some((value, rest))
}

pub(super) fn owned(json: &Json) -> Value<'static> {
    let text = json.to_string();
    serde_json::from_str::<Value<'_>>(&text).expect("JSON that was just printed").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_read_with_its_conditions() {
        let default = parse_default(r#"6 when completionMode "NonIndexed" "x y" under batch/Job /Pod"#).unwrap();
        assert_eq!(default.under, [GroupKind::of("batch/v1", "Job"), GroupKind::of("v1", "Pod")]);
        let (sibling, values) = default.when.unwrap();
        assert_eq!((sibling.as_ref(), values.len()), ("completionMode", 2));
        assert_eq!(parse_default(r#""a b""#).unwrap().value.value.as_str(), Some("a b"));
    }

    #[test]
    fn the_tables_are_small_and_know_the_built_in_kinds() {
        assert!(TYPES.len() + DEFAULTS.iter().map(|(_, text)| text.len()).sum::<usize>() <= 1 << 20);
        let (schema, minor) = load(None);
        assert_eq!(minor, Minor(37));
        let nearest = |wanted| load(Some(Minor(wanted))).1.0;
        assert_eq!([20, 33, 34, 35, 36, 37, 40].map(nearest), [33, 33, 34, 35, 36, 37, 37]);
        let deployment = schema.kind("apps/v1", &GroupKind::of("apps/v1", "Deployment")).unwrap();
        assert_eq!((deployment.plural.as_ref(), deployment.namespaced), ("deployments", true));
        let old = schema.kind("apps/v1beta1", &GroupKind::of("apps/v1beta1", "Deployment")).unwrap();
        assert_eq!(old.api_version.as_ref(), "apps/v1");
    }
}
