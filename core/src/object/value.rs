//! A tree of values as JSON and YAML know it, small enough to hold a cluster's worth of objects.
//!
//! Text is borrowed from the bytes it was read from where it can be. Maps are sorted by key, so two of them
//! are walked side by side in one pass.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::secret::Fingerprint;

/// How deep a tree may be nested before it is refused: as deep as `serde_json` goes; Kubernetes objects stay far below.
pub const MAX_DEPTH: usize = 128;

/// A value of a Kubernetes object.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Cow<'a, str>),
    /// A list.
    List(Box<[Node<'a>]>),
    /// A map.
    Map(Map<'a>),
    /// What is left of a Secret's value: enough to compare it, too little to know it.
    Secret(Box<Fingerprint>),
}

/// A value and the line that it starts on. Two are equal if their values are.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    /// Line in the file, 1-based; 0 where there is none.
    pub line: u32,
    /// The value.
    pub value: Value<'a>,
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<'a> From<Value<'a>> for Node<'a> {
    fn from(value: Value<'a>) -> Self {
        Self { line: 0, value }
    }
}

/// A map, sorted by key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map<'a> {
    // A vector's third word would make every value a third larger.
    entries: Box<[(Cow<'a, str>, Node<'a>)]>,
}

/// A number; integers stay exact, and `1` equals `1.0`.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// An integer within `i64`.
    Int(i64),
    /// An integer above `i64::MAX`.
    UInt(u64),
    /// Any other number.
    Float(f64),
}

impl PartialEq for Number {
    #[expect(clippy::cast_precision_loss, reason = "a float is compared as the float that the integer would print as")]
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::UInt(a), Self::UInt(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Int(_), Self::UInt(_)) | (Self::UInt(_), Self::Int(_)) => false,
            (Self::Int(a), Self::Float(b)) | (Self::Float(b), Self::Int(a)) => a as f64 == b,
            (Self::UInt(a), Self::Float(b)) | (Self::Float(b), Self::UInt(a)) => a as f64 == b,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(n) => write!(f, "{n}"),
            Self::UInt(n) => write!(f, "{n}"),
            Self::Float(n) => write!(f, "{n}"),
        }
    }
}

impl<'a> Value<'a> {
    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map<'a>> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Node<'a>]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one within `i64`.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Number(Number::Int(n)) => Some(*n),
            _ => None,
        }
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// True for Go's zero values: null, `""`, 0, false, `[]`, `{}`.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(b) => !b,
            Self::Number(n) => *n == Number::Int(0),
            Self::String(s) => s.is_empty(),
            Self::List(l) => l.is_empty(),
            Self::Map(m) => m.is_empty(),
            Self::Secret(_) => false,
        }
    }

    /// Follows map keys; `None` where one is missing.
    pub fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |value, key| value.as_map()?.get(key))
    }

    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Number(n) => Value::Number(n),
            Self::String(s) => Value::String(Cow::Owned(s.into_owned())),
            Self::List(l) => {
                Value::List(l.into_iter().map(|n| Node { line: n.line, value: n.value.into_owned() }).collect())
            }
            Self::Map(m) => Value::Map(Map {
                entries: m
                    .entries
                    .into_iter()
                    .map(|(k, n)| (Cow::Owned(k.into_owned()), Node { line: n.line, value: n.value.into_owned() }))
                    .collect(),
            }),
            Self::Secret(f) => Value::Secret(f),
        }
    }
}

impl<'a> Map<'a> {
    /// Makes a map of entries in any order; of a key that is there twice the last one stays, as in Go's JSON.
    pub fn new(mut entries: Vec<(Cow<'a, str>, Node<'a>)>) -> Self {
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.reverse();
            entries.dedup_by(|a, b| a.0 == b.0);
            entries.reverse();
        }
        Self { entries: entries.into_boxed_slice() }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Node<'a>)> {
        self.entries.iter().map(|(key, node)| (key.as_ref(), node))
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(k, _)| k.as_ref().cmp(key))
    }

    /// The node under a key.
    pub fn node(&self, key: &str) -> Option<&Node<'a>> {
        self.position(key).ok().map(|at| &self.entries[at].1)
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.node(key).map(|node| &node.value)
    }

    /// The map under a key.
    pub fn map(&self, key: &str) -> Option<&Self> {
        self.get(key)?.as_map()
    }

    /// The text under a key.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// The value under a key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value<'a>> {
        let at = self.position(key).ok()?;
        Some(&mut self.entries[at].1.value)
    }

    /// Sets a key, and gives back what was there.
    pub fn insert(&mut self, key: Cow<'a, str>, node: Node<'a>) -> Option<Node<'a>> {
        match self.position(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.entries[at].1, node)),
            Err(at) => {
                self.change(|entries| entries.insert(at, (key, node)));
                None
            }
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Node<'a>> {
        let at = self.position(key).ok()?;
        Some(self.change(|entries| entries.remove(at)).1)
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Vec<(Cow<'a, str>, Node<'a>)>) -> T) -> T {
        let mut entries = std::mem::take(&mut self.entries).into_vec();
        let changed = change(&mut entries);
        self.entries = entries.into_boxed_slice();
        changed
    }

    /// Keys, with their values to change in place.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value<'a>)> {
        self.entries.iter_mut().map(|(key, node)| (&**key, &mut node.value))
    }

    /// Changes every value in place.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value<'a>> {
        self.entries.iter_mut().map(|(_, node)| &mut node.value)
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Number(Number::Int(n)) => serializer.serialize_i64(*n),
            Self::Number(Number::UInt(n)) => serializer.serialize_u64(*n),
            Self::Number(Number::Float(n)) => serializer.serialize_f64(*n),
            Self::String(s) => serializer.serialize_str(s),
            Self::List(l) => serializer.collect_seq(l.iter().map(|n| &n.value)),
            Self::Map(m) => {
                let mut map = serializer.serialize_map(Some(m.len()))?;
                for (key, node) in m.iter() {
                    map.serialize_entry(key, &node.value)?;
                }
                map.end()
            }
            Self::Secret(f) => serializer.collect_str(f),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// Reads a key without a copy where it stands in the bytes as it is.
pub(crate) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(b))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(Number::Int(n)))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(i64::try_from(n).map_or(Number::UInt(n), Number::Int)))
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(Number::Float(n)))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element::<Value<'de>>()? {
            list.push(value.into());
        }
        Ok(Value::List(list.into_boxed_slice()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            entries.push((key, map.next_value::<Value<'de>>()?.into()));
        }
        Ok(Value::Map(Map::new(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_equal_by_value() {
        assert_eq!(Number::Int(1), Number::Float(1.0));
        assert_ne!(Number::Int(1), Number::Float(1.5));
        assert_eq!(Number::UInt(u64::MAX), Number::UInt(u64::MAX));
    }

    #[test]
    fn of_a_key_written_twice_the_last_one_counts() {
        let value: Value<'_> = serde_json::from_str(r#"{"b":1,"a":2,"b":3}"#).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"a":2,"b":3}"#);
    }

    #[test]
    fn json_goes_through_unchanged() {
        let text = r#"{"a":[1,-2,1.5,18446744073709551615,null,true],"b":{"c":"x\ny"}}"#;
        let value: Value<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
    }
}
