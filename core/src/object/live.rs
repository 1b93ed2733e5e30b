//! An object as the API server gives it, with `managedFields` left unparsed until somebody asks.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::secret::SecretKey;
use super::value::{Key, Map, Value};

/// One object of a LIST, borrowed from the answer's bytes.
#[derive(Debug)]
pub struct LiveObject<'a> {
    /// The object's fields but `metadata.managedFields`; Secret values are fingerprints already.
    pub root: Map<'a>,
    /// `metadata.managedFields` as it came; `None` where there is none.
    pub managed_fields: Option<&'a RawValue>,
    /// True for a recorded Secret whose fingerprints were made with another key.
    pub sealed_elsewhere: bool,
}

impl<'a> LiveObject<'a> {
    /// Reads one object; values of Secrets become fingerprints at once.
    ///
    /// `api_version` and `kind` are filled in where the object names none, as in the items of a typed LIST.
    pub fn parse(
        json: &'a str,
        api_version: &'a str,
        kind: &'a str,
        key: &SecretKey,
    ) -> Result<Self, serde_json::Error> {
        let mut object: Self = serde_json::from_str(json)?;
        for (name, text) in [("apiVersion", api_version), ("kind", kind)] {
            if object.root.get(name).is_none() {
                object.root.insert(Cow::Borrowed(name), Value::String(Cow::Borrowed(text)).into());
            }
        }
        object.sealed_elsewhere = super::secret::is_sealed_elsewhere(&object.root, key);
        super::secret::conceal(&mut object.root, key);
        Ok(object)
    }
}

impl LiveObject<'_> {
    /// The object with whole fingerprints in place of secret values, to be written to a file.
    pub fn sealed(&self, key: &SecretKey) -> Map<'static> {
        let mut root = match Value::Map(self.root.clone()).into_owned() {
            Value::Map(root) => root,
            _ => Map::default(),
        };
        super::secret::seal(&mut root, key);
        root
    }
}

impl<'de> Deserialize<'de> for LiveObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = LiveObject<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        let mut managed_fields = None;
        while let Some(key) = map.next_key_seed(Key)? {
            let value = if key == "metadata" {
                let metadata: Metadata<'de> = map.next_value()?;
                managed_fields = metadata.managed_fields;
                Value::Map(metadata.rest)
            } else {
                map.next_value()?
            };
            entries.push((key, value.into()));
        }
        Ok(LiveObject { root: Map::new(entries), managed_fields, sealed_elsewhere: false })
    }
}

struct Metadata<'a> {
    rest: Map<'a>,
    managed_fields: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Metadata<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object's metadata")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Metadata { rest: Map::default(), managed_fields: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries: Vec<(Cow<'de, str>, _)> = Vec::new();
        let mut managed_fields = None;
        while let Some(key) = map.next_key_seed(Key)? {
            if key == "managedFields" {
                managed_fields = Some(map.next_value()?);
            } else {
                entries.push((key, map.next_value::<Value<'de>>()?.into()));
            }
        }
        Ok(Metadata { rest: Map::new(entries), managed_fields })
    }
}
