//! Patches that a kustomization has, as files or written in place.

use super::super::{Aim, Candidates, Files, Unmade, field, join, list, nth, one, set, text};
use super::graph::{Graph, Kustomization};
use super::{json_patch, merge_patch};
use crate::object::path::Step;
use crate::object::value::{Map, Value};
use crate::source::edit::{self, Edit, Place};

/// A document of a patch: an object to merge, or one operation (RFC 6902).
pub(super) struct Patch<'g> {
    graph: &'g Graph<'g>,
    kustomization: &'g Kustomization,
    /// Where its text is: a file, or this field of the kustomization.
    file: Option<String>,
    written_at: Vec<Step>,
    text: &'g str,
    place: Place,
    pub(super) tree: Value<'static>,
    pub(super) target: Option<&'g Map<'static>>,
}

impl Patch<'_> {
    /// The files with edits made in the patch.
    pub(super) fn edited(&self, edits: &[Edit]) -> Result<Files, Unmade> {
        if let Some(file) = &self.file {
            return one(self.graph.source.files, file, &self.place, edits);
        }
        let refuse = |refusal| Unmade { file: self.kustomization.file.clone(), refusal };
        let after = edit::edit(self.text, &self.place, edits).map_err(refuse)?;
        self.rewritten(after)
    }

    /// The files without this document of the patch.
    pub(super) fn removed(&self) -> Result<Files, Unmade> {
        let file = self.file.as_ref().unwrap_or(&self.kustomization.file).clone();
        let after = edit::remove(self.text, &self.place).map_err(|refusal| Unmade { file: file.clone(), refusal })?;
        match &self.file {
            Some(_) => Ok([(file, after)].into()),
            None => self.rewritten(after),
        }
    }

    fn rewritten(&self, after: String) -> Result<Files, Unmade> {
        let edit = set(self.written_at.clone(), text(after));
        one(self.graph.source.files, &self.kustomization.file, &self.kustomization.place, &[edit])
    }
}

/// The patches of a kustomization that may be changed.
pub(super) fn of<'g>(graph: &'g Graph<'g>, kustomization: &'g Kustomization) -> Vec<Patch<'g>> {
    let mut found = Vec::new();
    for name in ["patches", "patchesJson6902", "patchesStrategicMerge"] {
        for (at, node) in list(&kustomization.tree, name).iter().enumerate() {
            let here = vec![field(name), nth(at)];
            let (written, written_at, target) = match &node.value {
                Value::String(entry) => (Some(&**entry), here, None),
                Value::Map(entry) => {
                    let inline = entry.str("patch");
                    let at = [here, vec![field("patch")]].concat();
                    (inline.or_else(|| entry.str("path")), at, entry.map("target"))
                }
                _ => continue,
            };
            let Some(written) = written else { continue };
            let file = join(&kustomization.folder, written).filter(|file| graph.source.files.contains_key(file));
            if file.as_ref().is_some_and(|file| !graph.is_own(file)) {
                continue;
            }
            let text = file.as_ref().map_or(written, |file| &graph.source.files[file]);
            for (place, node) in edit::objects(text).unwrap_or_default() {
                found.push(Patch {
                    graph,
                    kustomization,
                    file: file.clone(),
                    written_at: written_at.clone(),
                    text,
                    place,
                    tree: node.value,
                    target,
                });
            }
        }
    }
    found
}

/// Changes the patches that set the field, those of the folder that is rendered first.
pub(super) fn existing(graph: &Graph<'_>, aim: &Aim<'_>, edit: &Edit, found: &mut Candidates) {
    for patch in graph.own().flat_map(|kustomization| of(graph, kustomization)) {
        if merge_patch::is_about(&patch, aim) {
            merge_patch::existing(&patch, edit, found);
        } else {
            json_patch::existing(&patch, aim, edit, found);
        }
    }
}
