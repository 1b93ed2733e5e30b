//! Where a value stands in an object: `spec.template.spec.containers[name=web].env[name=HOTFIX]`.
//!
//! A path is written in two ways. The *stable* one names list elements by their keys, so that it means the same
//! after a reordering; the *field* one counts, so that it leads to the value in one given object.

use std::fmt::Write as _;

use super::value::Value;

/// One step down.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Into a map's or struct's field.
    Field(String),
    /// To a keyed list's element.
    Element {
        /// Key fields and their values, in the schema's order; `Null` where the element lacks one.
        keys: Vec<(String, Value<'static>)>,
        /// 1 for the first element with these keys, 2 for the second, …
        ordinal: usize,
        /// Position in the list.
        index: usize,
    },
    /// To a set's member.
    Member {
        /// The member itself.
        value: Value<'static>,
        /// Position in the list.
        index: usize,
    },
}

/// A path from an object's root.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// A path of plain fields.
    pub fn of_fields(fields: &[&str]) -> Self {
        Self(fields.iter().map(|f| Step::Field((*f).to_owned())).collect())
    }

    /// The path with list elements named by their keys; empty for the whole object.
    pub fn stable(&self) -> String {
        let mut out = String::new();
        for step in &self.0 {
            match step {
                Step::Field(name) => push_field(&mut out, name),
                Step::Element { keys, ordinal, .. } => {
                    out.push('[');
                    for (at, (key, value)) in keys.iter().enumerate() {
                        if at > 0 {
                            out.push(',');
                        }
                        out.push_str(key);
                        out.push('=');
                        push_key_value(&mut out, value);
                    }
                    out.push(']');
                    if *ordinal > 1 {
                        let _ = write!(out, "#{ordinal}");
                    }
                }
                Step::Member { value, .. } => {
                    let _ = write!(out, "[={}]", json(value));
                }
            }
        }
        out
    }

    /// The path as RFC 6901 writes it, with list positions.
    pub fn pointer(&self) -> String {
        let mut out = String::new();
        for step in &self.0 {
            match step {
                Step::Field(name) => push_token(&mut out, name),
                Step::Element { index, .. } | Step::Member { index, .. } => {
                    let _ = write!(out, "/{index}");
                }
            }
        }
        out
    }

    /// The path with list positions, which leads to the value in the object that the positions were taken from.
    pub fn field(&self) -> String {
        let mut out = String::new();
        for step in &self.0 {
            match step {
                Step::Field(name) => push_field(&mut out, name),
                Step::Element { index, .. } | Step::Member { index, .. } => {
                    let _ = write!(out, "[{index}]");
                }
            }
        }
        out
    }
}

/// Lengthens a pointer (RFC 6901) by the name of a field.
pub(crate) fn push_token(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

fn push_field(out: &mut String, name: &str) {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if plain {
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(name);
    } else {
        let _ = write!(out, "[{}]", serde_json::Value::from(name));
    }
}

/// Bare where it cannot be misread, else as JSON.
fn push_key_value(out: &mut String, value: &Value<'_>) {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains([']', ',', '=', '"', ' ']) => out.push_str(text),
        other => out.push_str(&json(other)),
    }
}

fn json(value: &Value<'_>) -> String {
    serde_json::to_string(value).expect("a tree of JSON values is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(keys: &[(&str, Value<'static>)], ordinal: usize) -> Step {
        Step::Element { keys: keys.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(), ordinal, index: 3 }
    }

    #[test]
    fn a_path_is_written_with_keys_and_with_positions() {
        let text = |t: &'static str| Value::String(t.into());
        for (steps, stable, field) in [
            (vec![Step::Field("spec".into()), Step::Field("replicas".into())], "spec.replicas", "spec.replicas"),
            (
                vec![Step::Field("annotations".into()), Step::Field("a.b/c\"".into())],
                r#"annotations["a.b/c\""]"#,
                r#"annotations["a.b/c\""]"#,
            ),
            (
                vec![
                    Step::Field("ports".into()),
                    element(
                        &[
                            ("containerPort", Value::Number(super::super::value::Number::Int(80))),
                            ("protocol", text("TCP")),
                        ],
                        1,
                    ),
                ],
                "ports[containerPort=80,protocol=TCP]",
                "ports[3]",
            ),
            (vec![Step::Field("env".into()), element(&[("name", text("a b"))], 2)], "env[name=\"a b\"]#2", "env[3]"),
            (vec![Step::Field("env".into()), element(&[("name", Value::Null)], 1)], "env[name=null]", "env[3]"),
            (
                vec![Step::Field("zones".into()), Step::Member { value: text("z3"), index: 2 }],
                "zones[=\"z3\"]",
                "zones[2]",
            ),
        ] {
            let path = Path(steps);
            assert_eq!(path.stable(), stable);
            assert_eq!(path.field(), field);
        }
    }
}
