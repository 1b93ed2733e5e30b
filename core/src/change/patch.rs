//! JSON patches (RFC 6902) that test before they write.
//!
//! A list whose length changes is written whole. So the positions in a patch are those of the object before it, all of them, and the
//! tests can all stand first.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::object::path::push_token;
use crate::object::value::{Map, Node, Value};

/// One operation of a patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Fails the whole patch where another value is there.
    Test {
        /// RFC 6901.
        path: String,
        /// What has to be there.
        value: Json,
    },
    /// Adds a field.
    Add {
        /// RFC 6901.
        path: String,
        /// Its value.
        value: Json,
    },
    /// Replaces a value.
    Replace {
        /// RFC 6901.
        path: String,
        /// What it becomes.
        value: Json,
    },
    /// Takes a field out.
    Remove {
        /// RFC 6901.
        path: String,
    },
}

impl Operation {
    /// As it is sent.
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("an operation is JSON")
    }

    /// Where it reads or writes.
    pub fn path(&self) -> &str {
        match self {
            Self::Test { path, .. } | Self::Add { path, .. } | Self::Replace { path, .. } | Self::Remove { path } => {
                path
            }
        }
    }
}

/// A value of which no more than its fingerprint is known: it cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is a Secret's value, of which only the fingerprint is known here")]
pub struct Concealed(String);

/// What makes `after` of `before`: tests of all that it changes, and then the changes.
pub fn between(before: &Map<'_>, after: &Map<'_>) -> Result<Vec<Operation>, Concealed> {
    let mut patch = Patch::default();
    patch.maps(&mut String::new(), before, after)?;
    Ok(patch.tests.into_iter().chain(patch.writes).collect())
}

/// The value as JSON, to be written.
pub fn plain(path: &str, value: &Value<'_>) -> Result<Json, Concealed> {
    fn is_plain(value: &Value<'_>) -> bool {
        match value {
            Value::Secret(_) => false,
            Value::List(list) => list.iter().all(|node| is_plain(&node.value)),
            Value::Map(map) => map.iter().all(|(_, node)| is_plain(&node.value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        }
    }
    if is_plain(value) { Ok(json!(value)) } else { Err(Concealed(path.to_owned())) }
}

/// What elements of lists are told apart by, in any built-in kind.
const KEYS: &[&str] = &[
    "containerPort",
    "devicePath",
    "ip",
    "key",
    "mountPath",
    "name",
    "port",
    "protocol",
    "topologyKey",
    "type",
    "uid",
];

fn keys_of<'v>(element: &'v Value<'v>) -> Vec<(&'static str, &'v Value<'v>)> {
    let map = element.as_map();
    KEYS.iter().filter_map(|key| Some((*key, map?.get(key)?))).collect()
}

/// True if each position has the same element in both, as far as keys tell.
fn are_the_same(before: &[Node<'_>], after: &[Node<'_>]) -> bool {
    before.len() == after.len() && before.iter().zip(after).all(|(b, a)| keys_of(&b.value) == keys_of(&a.value))
}

#[derive(Default)]
struct Patch {
    tests: Vec<Operation>,
    writes: Vec<Operation>,
}

impl Patch {
    fn maps(&mut self, path: &mut String, before: &Map<'_>, after: &Map<'_>) -> Result<(), Concealed> {
        let gone = before.iter().filter(|(key, _)| after.node(key).is_none()).map(|(key, _)| key);
        let kept = after.iter().map(|(key, _)| key);
        for key in gone.chain(kept) {
            let length = path.len();
            push_token(path, key);
            match (before.get(key), after.get(key)) {
                (Some(before), Some(after)) => self.values(path, before, after)?,
                (Some(before), None) => {
                    self.test(path, before)?;
                    self.writes.push(Operation::Remove { path: path.clone() });
                }
                (None, Some(after)) => {
                    self.writes.push(Operation::Add { path: path.clone(), value: plain(path, after)? });
                }
                (None, None) => {}
            }
            path.truncate(length);
        }
        Ok(())
    }

    fn values(&mut self, path: &mut String, before: &Value<'_>, after: &Value<'_>) -> Result<(), Concealed> {
        match (before, after) {
            (before, after) if before == after => Ok(()),
            (Value::Map(before), Value::Map(after)) => self.maps(path, before, after),
            (Value::List(before), Value::List(after)) if are_the_same(before, after) => self.lists(path, before, after),
            (before, after) => {
                self.test(path, before)?;
                self.writes.push(Operation::Replace { path: path.clone(), value: plain(path, after)? });
                Ok(())
            }
        }
    }

    fn lists(&mut self, path: &mut String, before: &[Node<'_>], after: &[Node<'_>]) -> Result<(), Concealed> {
        for (at, (before, after)) in before.iter().zip(after).enumerate() {
            if before.value == after.value {
                continue;
            }
            let length = path.len();
            path.push('/');
            path.push_str(&at.to_string());
            self.pin(path, &before.value)?;
            self.values(path, &before.value, &after.value)?;
            path.truncate(length);
        }
        Ok(())
    }

    /// Tests that it is this element that stands there, by what elements are told apart by.
    fn pin(&mut self, path: &str, element: &Value<'_>) -> Result<(), Concealed> {
        let keys = keys_of(element);
        for (key, value) in &keys {
            self.test(&format!("{path}/{key}"), value)?;
        }
        if keys.is_empty() { self.test(path, element) } else { Ok(()) }
    }

    fn test(&mut self, path: &str, value: &Value<'_>) -> Result<(), Concealed> {
        self.tests.push(Operation::Test { path: path.to_owned(), value: plain(path, value)? });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: &str) -> Map<'_> {
        match serde_json::from_str(json).unwrap() {
            Value::Map(map) => map,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_is_tested_that_is_written_and_before_anything_is() {
        let before = map(r#"{"a": 1, "b": {"c/d": "x", "e": [1, 2]}, "f": [{"g": 1}, {"g": 2}], "h": 1}"#);
        let after = map(r#"{"a": 1, "b": {"c/d": "y", "e": [1]}, "f": [{"g": 1}, {"g": 3}], "i": {}}"#);
        let patch: Vec<Json> = between(&before, &after).unwrap().iter().map(Operation::to_json).collect();
        assert_eq!(
            Json::from(patch),
            json!([
                {"op": "test", "path": "/h", "value": 1},
                {"op": "test", "path": "/b/c~1d", "value": "x"},
                {"op": "test", "path": "/b/e", "value": [1, 2]},
                {"op": "test", "path": "/f/1", "value": {"g": 2}},
                {"op": "test", "path": "/f/1/g", "value": 2},
                {"op": "remove", "path": "/h"},
                {"op": "replace", "path": "/b/c~1d", "value": "y"},
                {"op": "replace", "path": "/b/e", "value": [1]},
                {"op": "replace", "path": "/f/1/g", "value": 3},
                {"op": "add", "path": "/i", "value": {}},
            ])
        );
        assert_eq!(between(&before, &before).unwrap(), []);
    }

    #[test]
    fn an_element_is_written_where_it_is_that_one_and_no_other() {
        let env =
            |value: &str| format!(r#"{{"env": [{{"name": "A", "value": "1"}}, {{"name": "B", "value": "{value}"}}]}}"#);
        let (before, after) = (env("2"), env("3"));
        let patch = between(&map(&before), &map(&after)).unwrap();
        let patch: Vec<Json> = patch.iter().map(Operation::to_json).collect();
        assert_eq!(
            Json::from(patch),
            json!([
                {"op": "test", "path": "/env/1/name", "value": "B"},
                {"op": "test", "path": "/env/1/value", "value": "2"},
                {"op": "replace", "path": "/env/1/value", "value": "3"},
            ])
        );
        // Another element in its place: the list is written whole.
        let other = r#"{"env": [{"name": "A", "value": "1"}, {"name": "C", "value": "2"}]}"#;
        let patch = between(&map(&before), &map(other)).unwrap();
        assert!(patch.iter().all(|operation| operation.path() == "/env"), "{patch:?}");
    }

    #[test]
    fn a_fingerprint_is_never_written() {
        let fingerprint = crate::object::secret::SecretKey::new([1; 32]).fingerprint(b"x");
        let secret = Map::new(vec![("data".into(), Value::Secret(Box::new(fingerprint)).into())]);
        let other = map("{}");
        assert!(between(&secret, &other).is_err() && between(&other, &secret).is_err());
    }
}
