//! Whether an answer is JSON of the shape that was asked for.
//!
//! The text is the JSON, or has it in one fenced block (```` ```json ````), whatever is said around it; of two blocks nobody
//! knows which is meant. A key that stands twice in an object is refused, as readers disagree on which one counts.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use jsonschema::{ValidationError, Validator};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use super::failure::{Failure, words};
use super::provider::Schema;

/// A schema that can be asked; it was compiled once, and its clones share that.
#[derive(Debug, Clone)]
pub struct Shape {
    schema: Schema,
    validator: Arc<Validator>,
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.schema == other.schema
    }
}

impl Deref for Shape {
    type Target = Schema;

    fn deref(&self) -> &Schema {
        &self.schema
    }
}

/// A schema that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema {name} cannot be used: {said}")]
pub struct ShapeError {
    /// The schema's name.
    pub name: String,
    /// What is wrong with it.
    pub said: String,
}

impl Shape {
    /// Reads a schema. One that refers to another by its address is refused: nothing is fetched.
    pub fn new(schema: Schema) -> Result<Self, ShapeError> {
        let unusable = |said: String| ShapeError { name: schema.name.clone(), said: words(&said) };
        let validator = jsonschema::options().build(&schema.json).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { schema, validator: Arc::new(validator) })
    }

    /// The JSON of an answer, where it is as the schema says.
    pub fn judge(&self, text: &str) -> Result<Json, Failure> {
        let json = json_of(text)?;
        match self.validator.validate(&json) {
            Ok(()) => Ok(json),
            Err(error) => {
                Err(Failure::SchemaViolation { place: error.instance_path().to_string(), said: words(&breach(&error)) })
            }
        }
    }
}

/// What is wrong, without values and names of the answer's own: it is one to a private question.
fn breach(error: &ValidationError<'_>) -> String {
    match error.kind().keyword() {
        keyword @ ("additionalProperties" | "unevaluatedProperties" | "propertyNames") => {
            format!("it has a name that `{keyword}` does not allow")
        }
        _ => error.masked().to_string(),
    }
}

/// The JSON that a text is, or that it has in its only fenced block.
pub fn json_of(text: &str) -> Result<Json, Failure> {
    let text = text.trim();
    let json = if text.contains("```") { fenced(text)? } else { text };
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| Failure::InvalidJson(words(&error.to_string())))
}

/// The JSON that a body is, in which no object has a key twice.
pub fn strict(body: &[u8]) -> Result<Json, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value))
}

/// What is in the only fenced block of a text; all of it where a fence stands inside of a JSON string.
fn fenced(text: &str) -> Result<&str, Failure> {
    if text.starts_with(['{', '[', '"']) {
        return Ok(text);
    }
    let mut blocks = text.split("```").skip(1).step_by(2);
    match (text.matches("```").count(), blocks.next()) {
        (2, Some(block)) => Ok(block.strip_prefix("json").unwrap_or(block)),
        _ => Err(Failure::InvalidJson("it has more or less than one fenced block".to_owned())),
    }
}

/// Reads JSON in which no object has a key twice.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Self)? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Self)?;
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice in one object"));
            }
        }
        Ok(map.into())
    }
}

/// True if OpenAI's strict mode takes a schema: each object names all of its properties as required, and allows no others.
pub fn is_strict(schema: &Json) -> bool {
    let own = match schema.get("properties").and_then(Json::as_object) {
        Some(properties) => {
            let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
            schema["additionalProperties"] == Json::Bool(false)
                && properties.keys().all(|name| required.iter().any(|required| required == name))
        }
        None => schema["type"] != "object",
    };
    let inner = |value: &Json| match value {
        Json::Object(_) => is_strict(value),
        Json::Array(items) => items.iter().all(|item| !item.is_object() || is_strict(item)),
        _ => true,
    };
    let named = ["properties", "$defs", "definitions"];
    own && schema.as_object().is_none_or(|fields| {
        fields.iter().all(|(name, value)| match value.as_object() {
            Some(schemas) if named.contains(&name.as_str()) => schemas.values().all(inner),
            // What is compared with, and not a schema.
            _ if matches!(name.as_str(), "const" | "default" | "enum" | "examples") => true,
            _ => inner(value),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shape(json: Json) -> Shape {
        Shape::new(Schema { name: "test".to_owned(), json }).unwrap()
    }

    fn diagnosis() -> Shape {
        shape(json!({
            "type": "object", "required": ["cause", "steps"], "additionalProperties": false,
            "properties": { "cause": { "type": "string", "minLength": 1 },
                "steps": { "type": "array", "items": { "enum": ["look", "wait"] } } },
        }))
    }

    #[test]
    fn an_answer_is_the_json_or_has_it_in_one_fence() {
        let good = r#"{"cause": "a ``` b", "steps": ["look"]}"#;
        for text in [good.to_owned(), format!("\n {good}\n"), r#"{"cause":"a","steps":[]}"#.to_owned()] {
            diagnosis().judge(&text).unwrap();
        }
        let plain = r#"{"cause":"a","steps":[]}"#;
        for text in [format!("```json\n{plain}\n```"), format!("Here it is:\n```\n{plain}\n```\nGood luck!")] {
            diagnosis().judge(&text).unwrap();
        }
        for text in [
            format!("```json\n{plain}\n```\n```json\n{plain}\n```"),
            format!("```json\n{plain}"),
            format!("{plain} and more"),
            format!("Here: {plain}"),
            r#"{"cause":"a","cause":"b","steps":[]}"#.to_owned(),
            r#"{"cause":"a","steps":[]"#.to_owned(),
            "[".repeat(100_000),
            String::new(),
        ] {
            let failure = diagnosis().judge(&text).unwrap_err();
            assert!(matches!(failure, Failure::InvalidJson(_)), "{text}: {failure:?}");
        }
    }

    #[test]
    fn a_violation_says_where_and_not_what() {
        for (text, place) in [
            (r#"{"cause":"a","steps":["look","hidden"]}"#, "/steps/1"),
            (r#"{"cause":"","steps":[]}"#, "/cause"),
            (r#"{"steps":[]}"#, ""),
            (r#""hidden""#, ""),
            (r#"{"cause":"a","steps":[],"hidden":1}"#, ""),
        ] {
            let Err(Failure::SchemaViolation { place: found, said }) = diagnosis().judge(text) else {
                panic!("{text}")
            };
            assert_eq!(found, place, "{text}");
            assert!(!said.is_empty() && !said.contains("hidden"), "{said}");
        }
    }

    #[test]
    fn a_schema_that_is_none_or_leads_elsewhere_is_refused() {
        for json in [json!({ "type": 5 }), json!({ "$ref": "http://192.0.2.1/schema.json" }), json!({ "pattern": "(" })]
        {
            let schema = Schema { name: "test".to_owned(), json: json.clone() };
            assert!(Shape::new(schema).is_err(), "{json}");
        }
    }

    #[test]
    fn strict_is_what_names_all_and_allows_no_more() {
        let strict = json!({ "type": "object", "properties": { "a": { "type": "string", "default": {} } },
            "required": ["a"], "additionalProperties": false });
        assert!(is_strict(&strict));
        assert!(is_strict(&json!({ "type": "array", "items": strict })));
        for loose in [
            json!({ "type": "object" }),
            json!({ "type": "object", "properties": { "a": {} }, "required": ["a"] }),
            json!({ "type": "object", "properties": { "a": {} }, "required": [], "additionalProperties": false }),
            json!({ "anyOf": [strict, { "type": "object" }] }),
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "type": "object" } } }),
        ] {
            assert!(!is_strict(&loose), "{loose}");
        }
    }
}
