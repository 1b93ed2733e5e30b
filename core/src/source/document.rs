//! The documents of a file, told apart and found by the names in them without reading them.

use std::collections::HashMap;
use std::ops::Range;

use crate::object::Identity;

/// A file, and where in it which names stand.
#[derive(Debug, Clone)]
pub struct Documents {
    text: String,
    by_name: HashMap<String, Vec<Range<usize>>>,
}

impl Documents {
    /// Takes a file apart.
    pub fn new(text: String) -> Self {
        let mut by_name: HashMap<String, Vec<Range<usize>>> = HashMap::new();
        for document in split(&text) {
            let start = document.as_ptr().addr() - text.as_ptr().addr();
            let range = start..start + document.len();
            for name in names(document) {
                let places = by_name.entry(name.to_owned()).or_default();
                if places.last() != Some(&range) {
                    places.push(range.clone());
                }
            }
        }
        Self { text, by_name }
    }

    /// The documents that may hold an object, one after the other: if the file has it, it is in them.
    ///
    /// A name or kind that is written with escapes, or holds what ends one, is not found so; then it is the whole file.
    pub fn about(&self, identity: &Identity) -> String {
        let places = self.by_name.get(&identity.name).map(Vec::as_slice).unwrap_or_default();
        let documents = places.iter().map(|range| &self.text[range.clone()]);
        let near: String = documents.filter(|document| document.contains(&identity.group_kind.kind)).collect();
        let Identity { name, group_kind, .. } = identity;
        let is_hidden = self.text.contains('\\') || name.contains(ends_name) || group_kind.kind.contains(ends_name);
        if near.is_empty() && is_hidden { self.text.clone() } else { near }
    }
}

/// A document starts at a line `---`, also after a block scalar.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let here = rest?;
        let mut marks = here.match_indices("\n---").map(|(at, _)| at + 1);
        let end = marks.find(|at| here[at + 3..].chars().next().is_none_or(char::is_whitespace));
        rest = end.map(|at| &here[at..]);
        Some(end.map_or(here, |at| &here[..at]))
    })
}

/// What stands behind each `name`: `name: web`, `"name":"web"`, `name: &anchor 'web'`.
fn names(document: &str) -> impl Iterator<Item = &str> {
    document.match_indices("name").flat_map(move |(at, word)| {
        let behind = document[at + word.len()..].trim_start_matches(['"', '\'']).trim_start();
        let value = behind.strip_prefix(':').unwrap_or_default();
        // A tag or an anchor may stand before the value.
        value.split(ends_name).filter(|part| !part.is_empty()).take(3)
    })
}

fn ends_name(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '}' | ']' | '#')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::GroupKind;

    #[test]
    fn documents_are_told_apart() {
        for (text, documents) in [
            ("", vec![""]),
            ("a: 1\n", vec!["a: 1\n"]),
            (
                "---\na: 1\n---\nb: |\n  ---\n  x\n--- # next\nc: 1\n---",
                vec!["---\na: 1\n", "---\nb: |\n  ---\n  x\n", "--- # next\nc: 1\n", "---"],
            ),
            ("a: 1\r\n---\r\nb: 1\r\n", vec!["a: 1\r\n", "---\r\nb: 1\r\n"]),
            ("a: x\n----\n", vec!["a: x\n----\n"]),
        ] {
            assert_eq!(split(text).collect::<Vec<_>>(), documents, "{text:?}");
        }
    }

    #[test]
    fn an_object_is_in_one_of_them() {
        let web =
            Identity { group_kind: GroupKind::of("v1", "Service"), namespace: String::new(), name: "web".to_owned() };
        let about = |text: &str| Documents::new(text.to_owned()).about(&web);
        for metadata in [
            "{name: web}",
            "{\"name\":\"web\"}",
            "{\"name\" : 'web'}",
            "\n  name: &x web # the front",
            "\n  name: !!str \"web\"",
            "\n  name:\n    web",
            "\n  name: >-\n    web",
        ] {
            let own = format!("---\nkind: Service\nmetadata: {metadata}\n");
            let text = format!("kind: Service\nmetadata: {{name: db}}\n{own}---\nkind: Pod\nmetadata: {{name: web}}\n");
            assert_eq!(about(&text), own);
        }
        assert_eq!(about("kind: Service\nmetadata: {name: db}\n"), "");
        let escaped = "kind: Service\nmetadata: {name: \"w\\x65b\"}\n";
        assert_eq!(about(escaped), escaped);
    }
}
