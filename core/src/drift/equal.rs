//! When two scalars mean the same.

use jiff::Timestamp;

use crate::object::quantity::Quantity;
use crate::object::secret::is_encrypted;
use crate::object::value::Value;
use crate::schema::Shape;

/// True if two values that are no maps and no lists mean the same to the API server.
///
/// What Git holds encrypted is taken to be equal here; that it was not compared is said by whoever read the source.
pub(super) fn scalars(git: &Value<'_>, live: &Value<'_>, shape: &Shape) -> bool {
    if git == live || git.as_str().is_some_and(is_encrypted) {
        return true;
    }
    match shape {
        Shape::Quantity => both(Quantity::of, git, live),
        Shape::IntOrString => printed(git).zip(printed(live)).is_some_and(|(a, b)| a == b),
        Shape::Time => both(|v| v.as_str()?.parse::<Timestamp>().ok(), git, live),
        Shape::Bytes => both(bytes, git, live),
        _ => false,
    }
}

fn both<T: PartialEq>(read: impl Fn(&Value<'_>) -> Option<T>, git: &Value<'_>, live: &Value<'_>) -> bool {
    read(git).zip(read(live)).is_some_and(|(a, b)| a == b)
}

/// Base64 without its line ends, which Go's decoder skips: Git may fold it. `null` is no bytes at all.
fn bytes(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.replace(['\n', '\r'], "")),
        _ => None,
    }
}

fn printed(value: &Value<'_>) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
