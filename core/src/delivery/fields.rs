//! The fields of an object, so that none is passed over in silence.

use serde_json::{Map, Value as Json};

/// A map of an object, and where in it that is.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    map: Option<&'a Map<String, Json>>,
    path: String,
}

impl<'a> Fields<'a> {
    pub(super) fn of(object: &'a Json) -> Self {
        Self { map: object.as_object(), path: String::new() }
    }

    /// The map of a field; one without fields where it is absent.
    pub(super) fn below(&self, name: &str) -> Self {
        Self { map: self.get(name).and_then(Json::as_object), path: self.path(name) }
    }

    /// The only element of a list, where it has one.
    pub(super) fn only(&self, name: &str) -> Option<Self> {
        let [only] = self.get(name)?.as_array()?.as_slice() else { return None };
        Some(Self { map: only.as_object(), path: format!("{}[0]", self.path(name)) })
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.map?.get(name).filter(|value| !value.is_null())
    }

    /// A field's path from the object's root.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Why it is not compared: because of this field.
    pub(super) fn uses(&self, name: &str) -> String {
        format!("uses {}", self.path(name))
    }

    /// A text; empty where it is absent. Anything else in its place is a reason.
    pub(super) fn text(&self, name: &str) -> Result<&'a str, String> {
        self.get(name).map_or(Ok(""), |value| value.as_str().ok_or_else(|| self.uses(name)))
    }

    /// The texts of a list.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'a str>, String> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let texts = value.as_array().and_then(|list| list.iter().map(Json::as_str).collect::<Option<Vec<_>>>());
        texts.ok_or_else(|| self.uses(name))
    }

    /// True if the field holds anything but emptiness.
    pub(super) fn says(&self, name: &str) -> bool {
        self.get(name).is_some_and(says)
    }

    /// Refuses every field that says something beside those that are known here.
    pub(super) fn only_known(&self, known: &[&str]) -> Result<(), String> {
        let names = self.map.into_iter().flat_map(Map::keys);
        let mut unknown = names.filter(|name| self.says(name) && !known.contains(&name.as_str()));
        unknown.next().map_or(Ok(()), |name| Err(self.uses(name)))
    }
}

fn says(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => false,
        Json::Bool(true) | Json::Number(_) => true,
        Json::String(text) => !text.is_empty(),
        Json::Array(list) => !list.is_empty(),
        Json::Object(map) => map.values().any(says),
    }
}
