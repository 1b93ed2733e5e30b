//! Fields of a kustomization that set one field of objects: `images` and `replicas`.

use super::super::{Aim, Candidates, field, list, nth, one, set, text};
use super::graph::{Graph, Kustomization};
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Value};
use crate::source::edit::{Change, Edit};

/// An image's name, tag and digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Image<'t> {
    name: &'t str,
    tag: Option<&'t str>,
    digest: Option<&'t str>,
}

impl<'t> Image<'t> {
    /// Taken apart as kustomize does: <https://github.com/kubernetes-sigs/kustomize/blob/master/api/internal/image/image.go>.
    fn of(text: &'t str) -> Self {
        let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[last..].find(':') {
            Some(at) => (&rest[..last + at], Some(&rest[last + at + 1..])),
            None => (rest, None),
        };
        Self { name, tag, digest }
    }
}

/// The entry of `images` that names a container's image.
pub(super) fn images(graph: &Graph<'_>, aim: &Aim<'_>, edit: &Edit, found: &mut Candidates) {
    let Some(Step::Field(last)) = edit.path.0.last() else { return };
    let (Some(old), Some(new)) = (aim.old().and_then(Value::as_str), aim.new_value().and_then(Value::as_str)) else {
        return;
    };
    if last != "image" {
        return;
    }
    let (old, new) = (Image::of(old), Image::of(new));
    for (kustomization, at, entry) in entries(graph, "images") {
        let name = entry.str("name").unwrap_or_default();
        if entry.str("newName").unwrap_or(name) == old.name {
            let edits = of_image(at, entry, name, new);
            found.push(one(graph.source.files, &kustomization.file, &kustomization.place, &edits));
        }
    }
}

fn of_image(at: usize, entry: &Map<'static>, name: &str, new: Image<'_>) -> Vec<Edit> {
    let here = |key: &str| vec![field("images"), nth(at), field(key)];
    let name = (entry.get("newName").is_some() || new.name != name).then_some(new.name);
    let keys = [("newName", name), ("newTag", new.tag), ("digest", new.digest)];
    let edit = |(key, value): (&str, Option<&str>)| match value {
        Some(value) if entry.str(key) == Some(value) => None,
        Some(value) => Some(set(here(key), text(value))),
        None => entry.get(key).map(|_| Edit { path: Path(here(key)), change: Change::Remove }),
    };
    keys.into_iter().filter_map(edit).collect()
}

/// The entry of `replicas` that names an object.
pub(super) fn replicas(graph: &Graph<'_>, aim: &Aim<'_>, edit: &Edit, found: &mut Candidates) {
    let is_replicas = edit.path == Path::of_fields(&["spec", "replicas"]);
    let (Some(head), Some(new)) = (aim.head().filter(|_| is_replicas), aim.new_value()) else { return };
    for (kustomization, at, entry) in entries(graph, "replicas") {
        if entry.str("name").is_some_and(|name| !name.is_empty() && head.name.contains(name)) {
            let edit = set(vec![field("replicas"), nth(at), field("count")], new.clone());
            found.push(one(graph.source.files, &kustomization.file, &kustomization.place, &[edit]));
        }
    }
}

/// The entries of a list in all kustomizations that may be changed.
pub(super) fn entries<'g>(
    graph: &'g Graph<'_>,
    name: &'g str,
) -> impl Iterator<Item = (&'g Kustomization, usize, &'g Map<'static>)> {
    graph.own().flat_map(move |kustomization| {
        let entries = list(&kustomization.tree, name).iter().enumerate();
        entries.filter_map(move |(at, entry)| Some((kustomization, at, entry.value.as_map()?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_taken_apart() {
        let image = |name, tag, digest| Image { name, tag, digest };
        for (text, expected) in [
            ("web", image("web", None, None)),
            ("shop/web:1.0", image("shop/web", Some("1.0"), None)),
            ("reg:5000/web", image("reg:5000/web", None, None)),
            ("reg:5000/web:1@sha256:ab", image("reg:5000/web", Some("1"), Some("sha256:ab"))),
        ] {
            assert_eq!(Image::of(text), expected, "{text}");
        }
    }
}
