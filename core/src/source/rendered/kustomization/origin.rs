//! The object of a resource file that a rendered object was made of.

use super::super::{Aim, Candidates, Draft, Files, Unmade, field, join, list, nth, one};
use super::graph::{Graph, Kustomization};
use crate::object::path::Path;
use crate::object::value::Value;
use crate::object::{GroupKind, Head};
use crate::source::edit::{self, Change, Edit, Place};

/// Where an object comes from.
pub(super) struct Origin {
    pub(super) file: String,
    pub(super) place: Place,
    pub(super) tree: Value<'static>,
    /// True if there is no other object in its file.
    is_alone: bool,
}

/// True if an object that was called so may be called as the rendered one is: names get beginnings and ends.
pub(super) fn may_be(source: Head<'_>, rendered: Head<'_>) -> bool {
    let kind = |head: Head<'_>| GroupKind::of(head.api_version, head.kind);
    !source.name.is_empty() && kind(source) == kind(rendered) && rendered.name.contains(source.name)
}

/// The objects that it may be made of, those with the longest name.
pub(super) fn origins(graph: &Graph<'_>, aim: &Aim<'_>) -> Vec<Origin> {
    let Some(rendered) = aim.head() else { return Vec::new() };
    let mut found: Vec<Origin> = Vec::new();
    for file in graph.all.iter().flat_map(Kustomization::resources) {
        let Some(Ok(objects)) = graph.source.files.get(&file).map(|text| edit::objects(text)) else { continue };
        let is_alone = objects.iter().filter(|(_, node)| !node.value.is_null()).count() == 1;
        for (place, node) in objects {
            if node.value.as_map().and_then(Head::of).is_some_and(|head| may_be(head, rendered)) {
                found.push(Origin { file: file.clone(), place, tree: node.value, is_alone });
            }
        }
    }
    let length = |origin: &Origin| origin.tree.at(&["metadata", "name"]).and_then(Value::as_str).map_or(0, str::len);
    let longest = found.iter().map(length).max().unwrap_or(0);
    found.retain(|origin| length(origin) == longest);
    found
}

/// Changes the file that it comes from, where that is nobody else's.
pub(super) fn resource(graph: &Graph<'_>, aim: &Aim<'_>, found: &mut Candidates) {
    for origin in origins(graph, aim).iter().filter(|origin| graph.is_own(&origin.file)) {
        found.push(match aim.edit {
            Some(edit) => one(graph.source.files, &origin.file, &origin.place, std::slice::from_ref(edit)),
            None => without(graph, origin),
        });
    }
}

/// The object gone: out of its file, or its file out of the list where it is all that the file has.
fn without(graph: &Graph<'_>, origin: &Origin) -> Result<Files, Unmade> {
    let files = graph.source.files;
    if !origin.is_alone {
        let refuse = |refusal| Unmade { file: origin.file.clone(), refusal };
        let after = edit::remove(&files[&origin.file], &origin.place).map_err(refuse)?;
        return Ok([(origin.file.clone(), after)].into());
    }
    let mut draft = Draft::of(files);
    for kustomization in graph.own() {
        for name in ["resources", "bases"] {
            let is_it = |entry: &Value<'_>| {
                let path = entry.as_str().and_then(|entry| join(&kustomization.folder, entry));
                path.as_ref() == Some(&origin.file)
            };
            let at = list(&kustomization.tree, name).iter().position(|node| is_it(&node.value));
            let Some(at) = at else { continue };
            let gone = Edit { path: Path(vec![field(name), nth(at)]), change: Change::Remove };
            draft = draft.edit(&kustomization.file, &kustomization.place, &[gone])?;
        }
    }
    Ok(draft.done())
}
