//! When two scalars mean the same.

use jiff::Timestamp;

use crate::object::quantity::Quantity;
use crate::object::value::Value;
use crate::schema::Shape;

/// True if two values that are no maps and no lists mean the same to the API server.
pub(super) fn scalars(git: &Value<'_>, live: &Value<'_>, shape: &Shape) -> bool {
    if git == live {
        return true;
    }
    match shape {
        Shape::Quantity => both(Quantity::of, git, live),
        Shape::IntOrString => printed(git).zip(printed(live)).is_some_and(|(a, b)| a == b),
        Shape::Time => both(|v| v.as_str()?.parse::<Timestamp>().ok(), git, live),
        Shape::Bytes => git.is_zero() && live.is_zero(),
        _ => false,
    }
}

fn both<T: PartialEq>(read: impl Fn(&Value<'_>) -> Option<T>, git: &Value<'_>, live: &Value<'_>) -> bool {
    read(git).zip(read(live)).is_some_and(|(a, b)| a == b)
}

fn printed(value: &Value<'_>) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
