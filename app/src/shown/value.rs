//! Values as people read them: YAML, as short as it can be without being misread.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::plain;

/// A document in YAML, safe for readers of YAML 1.1 and 1.2.
pub(crate) fn yaml(value: &Json) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Json, indent: usize, out: &mut String) {
    let pad = "  ".repeat(indent);
    match value {
        Json::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                out.push_str(&pad);
                out.push_str(&scalar_text(key));
                out.push(':');
                below(value, indent, out);
            }
        }
        Json::Array(list) if !list.is_empty() => {
            for value in list {
                out.push_str(&pad);
                out.push('-');
                if let Json::Object(map) = value
                    && !map.is_empty()
                {
                    let mut nested = String::new();
                    block(value, indent + 1, &mut nested);
                    out.push(' ');
                    out.push_str(nested.trim_start());
                } else if value.as_array().is_some_and(|list| !list.is_empty()) {
                    // At the same depth it would be read as more elements of this list.
                    out.push('\n');
                    block(value, indent + 1, out);
                } else {
                    below(value, indent, out);
                }
            }
        }
        other => {
            out.push_str(&pad);
            out.push_str(&flow(other));
            out.push('\n');
        }
    }
}

fn below(value: &Json, indent: usize, out: &mut String) {
    match value {
        Json::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(value, indent + 1, out);
        }
        Json::Array(list) if !list.is_empty() => {
            out.push('\n');
            block(value, indent, out);
        }
        Json::String(text) if is_literal(text) => {
            out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
            let pad = "  ".repeat(indent + 1);
            for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
                if !line.is_empty() {
                    out.push_str(&pad);
                    out.push_str(line);
                }
                out.push('\n');
            }
        }
        other => {
            out.push(' ');
            out.push_str(&flow(other));
            out.push('\n');
        }
    }
}

/// True for text of several lines that a literal block gives back as it is.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && plain(text).len() == text.len() + text.matches('\n').count() * ("\\u{a}".len() - 1)
}

/// A value on one line.
pub(crate) fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => scalar_text(text),
        Json::Array(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(k, v)| format!("{}: {}", scalar_text(k), flow(v))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A string, quoted where a reader of YAML would take it for something else.
pub(crate) fn scalar_text(text: &str) -> String {
    let safe_start = text.chars().next().is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '<'));
    let safe = safe_start
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains([',', '[', ']', '{', '}', '"', '\n', '\t'])
        && plain(text) == text;
    if safe && !is_other_scalar(text) { text.to_owned() } else { quoted(text) }
}

/// A string in double quotes. YAML knows no surrogate pairs: what lies beyond 16 bits has an escape of its own.
fn quoted(text: &str) -> String {
    let json = Json::from(text).to_string();
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if plain(c.encode_utf8(&mut [0; 4])).len() == c.len_utf8() {
            out.push(c);
        } else if u32::from(c) > 0xffff {
            let _ = write!(out, "\\U{:08x}", u32::from(c));
        } else {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
    }
    out
}

/// True for what YAML 1.1 or 1.2 reads as a number, boolean or null.
fn is_other_scalar(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    matches!(
        lower.as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "~" | ".inf" | ".nan"
    ) || (text.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && !text
            .contains(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | '_' | ':' | 'x' | 'X' | 'o' | '+' | '-'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_only_where_they_could_be_misread() {
        for (text, shown) in [
            ("shop/web:1.4.2", "shop/web:1.4.2"),
            ("on", "\"on\""),
            ("1", "\"1\""),
            ("0644", "\"0644\""),
            ("1.4", "\"1.4\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a b", "a b"),
            ("25%", "25%"),
            ("-x", "\"-x\""),
            ("500m", "500m"),
        ] {
            assert_eq!(scalar_text(text), shown, "{text}");
        }
    }

    #[test]
    fn a_document_reads_back_as_it_was() {
        let value = serde_json::json!({
            "a": {"b": [], "c": {}, "d": [1, {"e": "x", "f": [true]}, [2, 3]]},
            "text": "one\ntwo\n", "no": "no", "empty": "", "null": null, "long": "x\n  y\nz", "odd": "a\n\n",
        });
        let text = yaml(&value);
        let documents = anchorwatch_core::source::to_json(&text).unwrap();
        assert_eq!(documents.len(), 1, "{text}");
        assert_eq!(serde_json::from_str::<Json>(&documents[0]).unwrap(), value, "{text}");
    }
}
