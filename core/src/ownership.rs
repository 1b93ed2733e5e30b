//! `managedFields`: which manager owns which path, since when.
//!
//! Format: <https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management> and
//! `sigs.k8s.io/structured-merge-diff/fieldpath`.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::object::GroupKind;
use crate::object::path::{Path, Step};
use crate::object::value::{Key, Map, Number, Value};
use crate::schema::{Schema, Shape};

/// How a manager wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

impl Operation {
    /// `Apply` or `Update`, as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// One entry of `managedFields`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Field manager: a tool's name, which anyone may claim; not a person.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// Subresource that it wrote through, empty for the object itself.
    pub subresource: String,
    /// `apiVersion` that the paths are written in.
    pub api_version: String,
    /// When the manager last changed the *set* of fields it owns; not when it wrote one given field.
    pub time: Option<Timestamp>,
    /// What it owns.
    pub fields: FieldSet,
}

/// A set of paths, as FieldsV1 writes it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldSet {
    /// True if the path that leads here is itself in the set (`".": {}`, or a leaf `{}`).
    pub member: bool,
    /// Steps further down, in the order they were read.
    pub children: Vec<(PathElement, Self)>,
}

/// One step of FieldsV1.
#[derive(Debug, Clone, PartialEq)]
pub enum PathElement {
    /// `f:name`
    Field(String),
    /// `k:{"name":"web"}`
    Key(serde_json::Map<String, Json>),
    /// `v:"text"`
    Value(Json),
    /// `i:3`
    Index(i64),
}

/// What is wrong with a FieldsV1 document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldsError {
    /// A key that is none of `.`, `f:`, `k:`, `v:`, `i:`.
    #[error("fieldsV1 holds the unknown path element {0:?}")]
    UnknownElement(String),
}

impl FieldSet {
    /// Writes FieldsV1.
    pub fn print(&self) -> Json {
        let mut map = serde_json::Map::new();
        if self.member && !self.children.is_empty() {
            map.insert(".".to_owned(), Json::Object(serde_json::Map::new()));
        }
        for (element, below) in &self.children {
            map.insert(element.print(), below.print());
        }
        Json::Object(map)
    }

    /// Those of its paths at which an object has something.
    #[must_use]
    pub fn within_map(&self, map: &Map<'_>) -> Self {
        self.within(|element| match element {
            PathElement::Field(name) => map.get(name),
            _ => None,
        })
    }

    fn within_value(&self, value: &Value<'_>) -> Self {
        match value {
            Value::Map(map) => self.within_map(map),
            Value::List(list) => self.within(|element| {
                let find = |exact| list.iter().map(|node| &node.value).find(|value| element.names(value, exact));
                find(true).or_else(|| find(false))
            }),
            _ => self.within(|_| None),
        }
    }

    fn within<'v>(&self, find: impl Fn(&PathElement) -> Option<&'v Value<'v>>) -> Self {
        let below = |(element, set): &(PathElement, Self)| {
            let set = set.within_value(find(element)?);
            (!set.is_empty()).then(|| (element.clone(), set))
        };
        Self { member: self.member, children: self.children.iter().filter_map(below).collect() }
    }

    /// Takes out what is at a path or below it, and the leaf that it lies in.
    pub fn cut(&mut self, path: &[Step]) {
        let Some((step, rest)) = path.split_first() else {
            *self = Self::default();
            return;
        };
        if self.children.is_empty() {
            self.member = false;
        }
        if let Some((_, below)) = self.children.iter_mut().find(|(element, _)| element.is(step)) {
            below.cut(rest);
        }
        self.children.retain(|(_, below)| !below.is_empty());
    }

    /// Adds all paths of another set.
    pub fn add(&mut self, other: &Self) {
        self.member |= other.member;
        for (element, set) in &other.children {
            match self.children.iter_mut().find(|(own, _)| own == element) {
                Some((_, own)) => own.add(set),
                None => self.children.push((element.clone(), set.clone())),
            }
        }
    }

    /// Takes all paths of another set out.
    pub fn remove(&mut self, other: &Self) {
        self.member &= !other.member;
        self.children.retain_mut(|(element, own)| {
            if let Some((_, set)) = other.children.iter().find(|(other, _)| other == element) {
                own.remove(set);
            }
            !own.is_empty()
        });
    }

    /// The set below one step.
    pub fn child(&self, step: &Step) -> Option<&Self> {
        self.children.iter().find(|(element, _)| element.is(step)).map(|(_, below)| below)
    }

    /// Number of paths in the set.
    pub fn len(&self) -> usize {
        usize::from(self.member) + self.children.iter().map(|(_, below)| below.len()).sum::<usize>()
    }

    /// True without any path.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PathElement {
    fn parse(key: &str) -> Result<Self, FieldsError> {
        let unknown = || FieldsError::UnknownElement(key.to_owned());
        let (kind, rest) = key.split_once(':').ok_or_else(unknown)?;
        match kind {
            "f" => Ok(Self::Field(rest.to_owned())),
            "k" => serde_json::from_str(rest).map(Self::Key).map_err(|_| unknown()),
            "v" => serde_json::from_str(rest).map(Self::Value).map_err(|_| unknown()),
            "i" => rest.parse().map(Self::Index).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }

    fn print(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => format!("k:{}", Json::Object(keys.clone())),
            Self::Value(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// True if it leads to this element of a list. Unless `exact`, a key that the element does not say is the server's default.
    fn names(&self, value: &Value<'_>, exact: bool) -> bool {
        match self {
            Self::Key(keys) => value.as_map().is_some_and(|map| {
                keys.iter().all(|(key, wanted)| map.get(key).map_or(!exact, |own| same_scalar(wanted, own)))
            }),
            Self::Value(wanted) => same_scalar(wanted, value),
            Self::Field(_) | Self::Index(_) => false,
        }
    }

    fn is(&self, step: &Step) -> bool {
        match (self, step) {
            (Self::Field(a), Step::Field(b)) => a == b,
            (Self::Key(a), Step::Element { keys, .. }) => {
                keys.iter().all(|(key, value)| same_scalar(a.get(key).unwrap_or(&Json::Null), value))
            }
            (Self::Value(a), Step::Member { value, .. }) => same_scalar(a, value),
            _ => false,
        }
    }
}

fn same_scalar(a: &Json, b: &Value<'_>) -> bool {
    match (a, b) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::String(a), Value::String(b)) => a == b,
        (Json::Number(a), Value::Number(b)) => {
            a.as_i64().map(Number::Int).or(a.as_f64().map(Number::Float)) == Some(*b)
        }
        _ => false,
    }
}

impl<'de> Deserialize<'de> for FieldSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldSetVisitor)
    }
}

struct FieldSetVisitor;

impl<'de> Visitor<'de> for FieldSetVisitor {
    type Value = FieldSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fieldsV1, a map of maps")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldSet, A::Error> {
        let mut set = FieldSet::default();
        while let Some(key) = map.next_key_seed(Key)? {
            let below: FieldSet = map.next_value()?;
            if key == "." {
                set.member = true;
            } else {
                set.children.push((PathElement::parse(&key).map_err(de::Error::custom)?, below));
            }
        }
        set.member |= set.children.is_empty();
        Ok(set)
    }
}

/// Reads `metadata.managedFields`. An entry that cannot be read is left out; the count of these is given.
pub fn parse_managed_fields(json: &str) -> (Vec<Entry>, usize) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Raw {
        #[serde(default)]
        manager: String,
        operation: Operation,
        #[serde(default)]
        subresource: String,
        #[serde(default)]
        api_version: String,
        #[serde(default)]
        time: Option<Timestamp>,
        #[serde(default, rename = "fieldsV1")]
        fields: Option<FieldSet>,
    }
    let raw: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    let entries: Vec<Entry> = raw
        .iter()
        .filter_map(|entry| {
            let Raw { manager, operation, subresource, api_version, time, fields } =
                serde_json::from_str(entry.get()).ok()?;
            Some(Entry { manager, operation, subresource, api_version, time, fields: fields.unwrap_or_default() })
        })
        .collect();
    let unread = raw.len() - entries.len();
    (entries, unread)
}

/// Keeps of the entries that were written in another version of the API only what means the same in the object's.
///
/// A path means the same where both versions' types lead to the same; of a version that is unknown only `metadata` does.
pub fn keep_common(entries: &mut [Entry], schema: &Schema, kind: &GroupKind, api_version: &str) {
    for entry in entries.iter_mut().filter(|e| !e.api_version.is_empty() && e.api_version != api_version) {
        let root = |version: &str| schema.exact_root(version, kind).map(Shape::Struct);
        match (root(api_version), root(&entry.api_version)) {
            (Some(here), Some(there)) => _ = entry.fields.keep_common(schema, &here, &there),
            _ => entry.fields.children.retain(|(element, _)| *element == PathElement::Field("metadata".to_owned())),
        }
    }
}

impl FieldSet {
    /// False if the two shapes have nothing in common.
    fn keep_common(&mut self, schema: &Schema, here: &Shape, there: &Shape) -> bool {
        match (here, there) {
            (Shape::Struct(a), Shape::Struct(b)) if a != b => {
                let (a, b) = (schema.get(*a), schema.get(*b));
                self.children.retain_mut(|(element, below)| {
                    let PathElement::Field(name) = element else { return false };
                    a.field(name).zip(b.field(name)).is_some_and(|(a, b)| below.keep_common(schema, &a.shape, &b.shape))
                });
                self.member || !self.children.is_empty()
            }
            (Shape::List(a, of_a), Shape::List(b, of_b)) if of_a == of_b => self.keep_common_below(schema, a, b),
            (Shape::Map(a, of_a), Shape::Map(b, of_b)) if of_a == of_b => self.keep_common_below(schema, a, b),
            _ => here == there,
        }
    }

    fn keep_common_below(&mut self, schema: &Schema, here: &Shape, there: &Shape) -> bool {
        self.children.retain_mut(|(_, below)| below.keep_common(schema, here, there));
        self.member || !self.children.is_empty()
    }
}

/// The deepest place on a path that a manager owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Depth(usize);

impl Entry {
    /// How deep along `path` this entry owns something that covers its end; `None` if it does not.
    ///
    /// `atomic_from` is the number of steps from which on the path lies inside something that is owned whole
    /// (an atomic map or list). An empty map (`f:limits: {}`) above that owns itself and not its keys.
    pub fn covers(&self, path: &Path, atomic_from: usize) -> Option<Depth> {
        let mut set = &self.fields;
        let mut deepest = None;
        for (at, step) in path.0.iter().enumerate() {
            let Some(below) = set.child(step) else { return deepest };
            set = below;
            let steps = at + 1;
            let owned_whole = set.member && set.children.is_empty();
            if (steps == path.0.len() && set.member) || (owned_whole && steps >= atomic_from) {
                deepest = Some(Depth(steps));
            }
        }
        // An element or map that is nobody's as such belongs to whoever owns what is in it; before one who owns it so
        // counts any who owns it itself.
        deepest.or_else(|| (!set.is_empty()).then_some(Depth(0)))
    }
}

/// The owner of a path: the deepest owned ancestor; then the latest time; then a manager that is not the applier.
pub fn owner<'e>(entries: &'e [Entry], path: &Path, atomic_from: usize) -> Option<&'e Entry> {
    owner_of_any(entries, &[path], atomic_from)
}

/// The same of a value that may be owned through several paths of the same length.
pub fn owner_of_any<'e>(entries: &'e [Entry], paths: &[&Path], atomic_from: usize) -> Option<&'e Entry> {
    let covered = |entry: &Entry| paths.iter().filter_map(|path| entry.covers(path, atomic_from)).max();
    entries
        .iter()
        .filter_map(|entry| covered(entry).map(|depth| (depth, entry)))
        .max_by_key(|(depth, entry)| (*depth, entry.time, entry.operation != Operation::Apply))
        .map(|(_, entry)| entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::catalogue;

    fn entry(manager: &str, operation: &str, time: Option<&str>, fields: &str) -> String {
        let time = time.map(|t| format!(r#""time":"{t}","#)).unwrap_or_default();
        format!(
            r#"{{"manager":"{manager}","operation":"{operation}",{time}"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{fields}}}"#
        )
    }

    fn entries(list: &[String]) -> Vec<Entry> {
        let (entries, unread) = parse_managed_fields(&format!("[{}]", list.join(",")));
        assert_eq!(unread, 0);
        entries
    }

    #[test]
    fn what_was_parsed_prints_the_same() {
        for text in [
            r"{}",
            r#"{"f:data":{".":{},"f:a":{}}}"#,
            r#"{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}}"#,
            r#"{"f:metadata":{"f:finalizers":{".":{},"v:\"a/b\"":{}}},"f:l":{"i:3":{}}}"#,
        ] {
            let json: Json = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::from_str::<FieldSet>(text).unwrap().print(), json);
        }
        assert!(serde_json::from_str::<FieldSet>(r#"{"x:a":{}}"#).is_err());
        assert!(serde_json::from_str::<FieldSet>(r#"{"f:a":1}"#).is_err());
    }

    #[test]
    fn the_deepest_then_the_latest_then_the_one_that_is_not_the_applier_owns() {
        let path = Path::of_fields(&["spec", "replicas"]);
        let fields = r#"{"f:spec":{"f:replicas":{}}}"#;
        let early = entry("early", "Update", Some("2026-01-01T00:00:00Z"), fields);
        let late = entry("late", "Update", Some("2026-01-02T00:00:00Z"), fields);
        let applier = entry("applier", "Apply", Some("2026-01-02T00:00:00Z"), fields);
        let above = entry("above", "Update", Some("2026-01-03T00:00:00Z"), r#"{"f:spec":{}}"#);
        let all = entries(&[early.clone(), late, applier, above]);
        assert_eq!(owner(&all, &path, 2).unwrap().manager, "late");
        assert_eq!(owner(&entries(&[early]), &path, 2).unwrap().manager, "early");
        assert!(owner(&[], &path, 2).is_none());
    }

    #[test]
    fn an_empty_map_owns_itself_and_not_its_keys_unless_it_is_atomic() {
        let all = entries(&[entry("creator", "Update", None, r#"{"f:spec":{"f:limits":{}}}"#)]);
        let key = Path::of_fields(&["spec", "limits", "cpu"]);
        assert!(owner(&all, &key, usize::MAX).is_none());
        assert_eq!(owner(&all, &key, 2).unwrap().manager, "creator");
        assert!(owner(&all, &Path::of_fields(&["spec", "limits"]), usize::MAX).is_some());
    }

    #[test]
    fn an_entry_of_another_version_counts_where_the_path_means_the_same() {
        let (schema, _) = catalogue::load(None);
        let kind = GroupKind::of("autoscaling/v2", "HorizontalPodAutoscaler");
        let fields = r#"{"f:metadata":{"f:labels":{"f:a":{}}},"f:spec":{"f:maxReplicas":{},"f:targetCPUUtilizationPercentage":{},"f:scaleTargetRef":{"f:name":{}}}}"#;
        let kept = |api_version: &str| {
            let mut all = entries(&[entry("kubectl", "Update", None, fields)]);
            api_version.clone_into(&mut all[0].api_version);
            keep_common(&mut all, &schema, &kind, "autoscaling/v2");
            all[0].fields.print().to_string()
        };
        let common =
            r#"{"f:metadata":{"f:labels":{"f:a":{}}},"f:spec":{"f:maxReplicas":{},"f:scaleTargetRef":{"f:name":{}}}}"#;
        assert_eq!(kept("autoscaling/v1"), common);
        assert_eq!(kept("autoscaling/v2"), fields);
        assert_eq!(kept("autoscaling/v7"), r#"{"f:metadata":{"f:labels":{"f:a":{}}}}"#);
    }

    #[test]
    fn entries_without_time_and_merged_ones_are_read() {
        let all = entries(&[
            entry("kubectl", "Update", None, r#"{"f:spec":{"f:replicas":{}}}"#),
            entry("ancient-changes", "Update", Some("2026-01-02T00:00:00Z"), r"{}"),
            entry("before-first-apply", "Update", Some("2026-01-02T00:00:00Z"), r#"{"f:data":{"f:a":{}}}"#),
        ]);
        assert_eq!(all[0].time, None);
        assert_eq!(owner(&all, &Path::of_fields(&["data", "a"]), 2).unwrap().manager, "before-first-apply");
    }
}
