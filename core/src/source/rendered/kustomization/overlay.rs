//! A patch of the folder that is rendered, for what stands in files that others build upon.

use super::super::{Aim, Candidates, Draft, Files, Unmade, field, join, list, map, text};
use super::graph::{Graph, Kustomization};
use super::merge_patch::{self, Said, deletion};
use super::origin::origins;
use super::{json_patch, patch};
use crate::object::Head;
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Value};
use crate::source::edit::{self, Change, Edit};

/// Patches the object: in a patch that there is for it, or in a new one.
pub(super) fn patches(graph: &Graph<'_>, aim: &Aim<'_>, found: &mut Candidates) {
    let (Some(root), Some(head)) = (graph.all.first(), aim.head()) else { return };
    let Some(object) = called(graph, aim, root) else { return };
    let Some(edit) = aim.edit else {
        let Value::Map(mut gone) = deletion() else { return };
        for (key, node) in object.iter() {
            gone.insert(key.to_owned().into(), node.clone());
        }
        found.push(added(graph, root, (head.kind, &object), &Value::Map(gone)));
        return;
    };
    let said = Said::of(aim, edit);
    for patch in patch::of(graph, root).iter().filter(|patch| merge_patch::is_about(patch, aim)) {
        for said in &said {
            merge_patch::more(patch, said, found);
        }
    }
    for said in &said {
        found.push(added(graph, root, (head.kind, &object), &said.object(&object)));
    }
    if let Some(operation) = json_patch::operation(aim, edit) {
        found.push(operated(graph, root, (head.kind, &object), operation));
    }
}

/// One more resource, in a file of its own, before the folder's names and namespace are given to it.
pub(super) fn resource(graph: &Graph<'_>, object: &Map<'static>, found: &mut Candidates) {
    let (Some(root), Some(head)) = (graph.all.first(), Head::of(object)) else { return };
    let name = without_affixes(root, head.name);
    let stem = format!("{}-{name}", head.kind);
    let mut object = object.clone();
    if let Some(Value::Map(metadata)) = object.get_mut("metadata") {
        metadata.insert("name".into(), text(name).into());
        if root.tree.at(&["namespace"]).and_then(Value::as_str) == metadata.str("namespace") {
            metadata.remove("namespace");
        }
    }
    let (name, file) = free_name(graph, root, &stem);
    let after = edit::append("", &Value::Map(object)).map_err(|refusal| Unmade { file: file.clone(), refusal });
    found.push(after.and_then(|after| listed(graph, root, "resources", (file, after), text(name))));
}

/// The name of what the folder's own prefix and suffix are put around.
fn without_affixes<'n>(root: &Kustomization, name: &'n str) -> &'n str {
    let affix = |key: &str| root.tree.at(&[key]).and_then(Value::as_str).unwrap_or_default();
    let name = name.strip_prefix(affix("namePrefix")).unwrap_or(name);
    name.strip_suffix(affix("nameSuffix")).unwrap_or(name)
}

/// What the object is called where it is patched: `apiVersion`, `kind` and `metadata` with name and namespace.
fn called(graph: &Graph<'_>, aim: &Aim<'_>, root: &Kustomization) -> Option<Map<'static>> {
    let rendered = aim.head()?;
    let of = |tree: &Value<'static>, name: &str| {
        let namespace = tree.at(&["metadata", "namespace"]).cloned().map(|namespace| ("namespace", namespace));
        map([("name", text(name))].into_iter().chain(namespace))
    };
    let metadata = if let Some(origin) = origins(graph, aim).first() {
        of(&origin.tree, origin.tree.at(&["metadata", "name"])?.as_str()?)
    } else {
        let name = without_affixes(root, rendered.name);
        let is_moved = root.tree.at(&["namespace"]).is_some();
        of(if is_moved { &Value::Null } else { aim.object }, name)
    };
    let head = map([("apiVersion", text(rendered.api_version)), ("kind", text(rendered.kind)), ("metadata", metadata)]);
    match head {
        Value::Map(head) => Some(head),
        _ => None,
    }
}

/// One more patch that is merged.
fn added(
    graph: &Graph<'_>,
    root: &Kustomization,
    (kind, object): (&str, &Map<'static>),
    patch: &Value<'static>,
) -> Result<Files, Unmade> {
    let (name, file) = free_name(graph, root, &of_patch(kind, object));
    let after = edit::append("", patch).map_err(|refusal| Unmade { file: file.clone(), refusal })?;
    listed(graph, root, "patches", (file, after), map([("path", text(name))]))
}

/// One more patch of operations.
fn operated(
    graph: &Graph<'_>,
    root: &Kustomization,
    (kind, object): (&str, &Map<'static>),
    operations: String,
) -> Result<Files, Unmade> {
    let (name, file) = free_name(graph, root, &of_patch(kind, object));
    let called = object.map("metadata").and_then(|metadata| metadata.get("name")).cloned().unwrap_or(Value::Null);
    let target = map([("kind", text(kind)), ("name", called)]);
    listed(graph, root, "patches", (file, operations), map([("path", text(name)), ("target", target)]))
}

/// A new file, and its entry in a list of the kustomization's.
fn listed(
    graph: &Graph<'_>,
    root: &Kustomization,
    among: &str,
    (file, after): (String, String),
    entry: Value<'static>,
) -> Result<Files, Unmade> {
    let end = Step::Element { keys: Vec::new(), ordinal: 1, index: list(&root.tree, among).len() };
    let edit = Edit { path: Path(vec![field(among), end]), change: Change::Add(entry) };
    let mut draft = Draft::of(graph.source.files).edit(&root.file, &root.place, &[edit])?;
    draft.changed.insert(file, after);
    Ok(draft.done())
}

/// What a patch's file is called after.
fn of_patch(kind: &str, object: &Map<'static>) -> String {
    let called = object.map("metadata").and_then(|metadata| metadata.str("name")).unwrap_or_default();
    format!("{kind}-{called}-patch")
}

/// A name that no file has: `deployment-web-patch.yaml`.
fn free_name(graph: &Graph<'_>, root: &Kustomization, stem: &str) -> (String, String) {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let stem: String = stem.chars().map(plain).collect();
    let mut names = (1..).map(|number| match number {
        1 => format!("{stem}.yaml"),
        number => format!("{stem}-{number}.yaml"),
    });
    let free = |name: String| {
        let file = join(&root.folder, &name)?;
        (!graph.source.files.contains_key(&file)).then_some((name, file))
    };
    names.find_map(free).expect("there are more names than files")
}
