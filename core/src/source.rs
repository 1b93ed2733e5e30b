//! What Git says: text into desired objects, each value with the line it stands on.
//!
//! YAML is read exactly as Kubernetes reads it (`sigs.k8s.io/yaml`, YAML 1.1 scalars).

mod document;
pub mod edit;
pub mod rendered;
mod scalar;
mod yaml;

pub use document::Documents;

use crate::object::secret::{SecretKey, as_stored, conceal, is_encrypted};
use crate::object::value::{Map, Node, Value};
use crate::object::{Head, Identity};

/// An object that Git wants.
#[derive(Debug, Clone)]
pub struct Desired<'a> {
    /// The object's fields; Secret values are fingerprints already.
    pub root: Map<'a>,
    /// Index of its file in the list of files that was read.
    pub file: usize,
    /// Line that the object starts on, 1-based.
    pub line: u32,
}

impl Desired<'_> {
    /// Group, kind, namespace and name. `namespace` is empty where the object names none.
    pub fn identity(&self) -> Identity {
        let head = self.head();
        Identity {
            namespace: head.namespace.to_owned(),
            group_kind: crate::object::GroupKind::of(head.api_version, head.kind),
            name: head.name.to_owned(),
        }
    }

    /// Number of values that are encrypted, and so cannot be compared.
    pub fn encrypted_values(&self) -> usize {
        self.root.iter().filter(|(key, _)| *key != "sops").map(|(_, node)| encrypted(&node.value)).sum()
    }

    /// The object's head.
    pub fn head(&self) -> Head<'_> {
        Head::of(&self.root).expect("an object without apiVersion and kind is refused when it is read")
    }
}

fn encrypted(value: &Value<'_>) -> usize {
    match value {
        Value::String(text) => usize::from(is_encrypted(text)),
        Value::List(list) => list.iter().map(|node| encrypted(&node.value)).sum(),
        Value::Map(map) => map.iter().map(|(_, node)| encrypted(&node.value)).sum(),
        _ => 0,
    }
}

/// Something in a file that is no Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Index of the file.
    pub file: usize,
    /// 1-based; 0 where there is no line.
    pub line: u32,
    /// 1-based; 0 where there is no column.
    pub column: u32,
    /// What is wrong, and what to do.
    pub message: String,
}

/// What a file holds.
#[derive(Debug, Clone, Default)]
pub struct Contents<'a> {
    /// Objects, in the file's order; `List`s are taken apart.
    pub objects: Vec<Desired<'a>>,
    /// What could not be read; the rest was.
    pub problems: Vec<Problem>,
}

/// Reads one file of YAML or JSON documents.
pub fn read<'a>(file: usize, bytes: &'a [u8], key: &SecretKey) -> Contents<'a> {
    let mut contents = Contents::default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = bytes[..error.valid_up_to()].split(|b| *b == b'\n').count();
            contents.problems.push(Problem {
                file,
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: 0,
                message: "not UTF-8 here; Kubernetes reads UTF-8 only, convert the file".to_owned(),
            });
            return contents;
        }
    };
    for document in yaml::documents(text) {
        match document {
            Ok(node) => add(&mut contents, file, node, &|root| conceal(root, key)),
            Err(yaml::Error { line, column, message }) => {
                contents.problems.push(Problem { file, line, column, message });
            }
        }
    }
    contents
}

/// The object that starts on a line of a file, its Secret values in clear and as the API server stores them; for the moment
/// in which they are written to a cluster, and for nothing else.
pub fn in_clear(bytes: &[u8], line: u32) -> Option<Map<'static>> {
    let mut contents = Contents::default();
    let text = std::str::from_utf8(bytes).ok()?;
    for node in yaml::documents(text).filter_map(Result::ok) {
        add(&mut contents, 0, node, &as_stored);
    }
    let found = contents.objects.into_iter().find(|object| object.line == line)?;
    match Value::Map(found.root).into_owned() {
        Value::Map(root) => Some(root),
        _ => None,
    }
}

/// Rewrites YAML documents as JSON texts, for what is recorded in YAML.
pub fn to_json(text: &str) -> Result<Vec<String>, Problem> {
    yaml::documents(text)
        .map(|document| match document {
            Ok(node) => Ok(serde_json::to_string(&node.value).expect("a tree of JSON values is JSON")),
            Err(yaml::Error { line, column, message }) => Err(Problem { file: 0, line, column, message }),
        })
        .filter(|document| document.as_ref().ok().is_none_or(|json| json != "null"))
        .collect()
}

fn add<'a>(contents: &mut Contents<'a>, file: usize, node: Node<'a>, finish: &dyn Fn(&mut Map<'a>)) {
    let Node { line, value } = node;
    let mut problem = |message: &str| {
        contents.problems.push(Problem { file, line, column: 1, message: message.to_owned() });
    };
    let mut root = match value {
        Value::Null => return,
        Value::Map(map) if map.is_empty() => return,
        Value::Map(map) => map,
        _ => return problem("a document that is no map; a Kubernetes object starts with apiVersion and kind"),
    };
    let Some(head) = Head::of(&root) else {
        return problem("no Kubernetes object: apiVersion or kind is missing or no string");
    };
    let has_items = root.get("items").is_some_and(|i| i.as_list().is_some());
    let is_list = head.kind == "List" || (head.kind.ends_with("List") && has_items);
    if is_list {
        match root.remove("items").map(|node| node.value) {
            Some(Value::List(items)) => items.into_iter().for_each(|item| add(contents, file, item, finish)),
            None | Some(Value::Null) => {}
            Some(_) => problem("a List whose items are no list; each item starts with a dash"),
        }
        return;
    }
    if head.name.is_empty() && head.generate_name.is_empty() {
        return problem("an object without metadata.name");
    }
    finish(&mut root);
    contents.objects.push(Desired { root, file, line });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(text: &str) -> (Vec<String>, Vec<(u32, String)>) {
        let contents = read(0, text.as_bytes(), &SecretKey::new([0; 32]));
        (
            contents.objects.iter().map(|o| format!("{} {}", o.identity(), o.line)).collect(),
            contents.problems.into_iter().map(|p| (p.line, p.message)).collect(),
        )
    }

    #[test]
    fn lists_are_taken_apart_and_empty_documents_skipped() {
        let (objects, problems) = contents(
            "---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n---\napiVersion: v1\nkind: List\n",
        );
        assert_eq!(objects, ["ConfigMap/a 7", "ConfigMap/b 10"]);
        assert_eq!(problems, []);
    }

    #[test]
    fn one_broken_document_does_not_hide_the_others() {
        let (objects, problems) = contents(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\na: [1\nb: }\n---\nkind: X\n---\n- 1\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
        );
        assert_eq!(objects, ["ConfigMap/a 1", "ConfigMap/b 12"]);
        assert_eq!(problems.iter().map(|p| p.0).collect::<Vec<_>>(), [6, 8, 10], "{problems:?}");
    }

    #[test]
    fn a_secret_is_read_in_clear_as_the_server_stores_it() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {k: djE=, l: dzE=}\nstringData: {k: v2}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\n";
        let root = in_clear(text.as_bytes(), 1).unwrap();
        let said = serde_json::to_string(&Value::Map(root)).unwrap();
        assert_eq!(
            said,
            r#"{"apiVersion":"v1","data":{"k":"djI=","l":"dzE="},"kind":"Secret","metadata":{"name":"a"}}"#
        );
        assert!(in_clear(text.as_bytes(), 2).is_none());
    }

    #[test]
    fn text_that_is_no_utf8_names_its_line() {
        let contents = read(0, b"a: 1\nb: \xff\n", &SecretKey::new([0; 32]));
        assert_eq!(contents.problems[0].line, 2);
    }
}
