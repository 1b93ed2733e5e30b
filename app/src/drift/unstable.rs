//! What is different each time a source is rendered: a random password in a chart is no drift.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use anchorwatch_core::drift::compare::{Pair, compare};
use anchorwatch_core::object::Identity;
use anchorwatch_core::schema::Schema;
use anchorwatch_core::source::{Contents, Desired};

/// What two renderings of one commit do not agree on.
#[derive(Debug, Default)]
pub(crate) struct Unstable {
    leaves: HashMap<Identity, BTreeSet<String>>,
    /// What only the first rendering has, and what only the second one has.
    vanishing: BTreeSet<Identity>,
    appearing: BTreeSet<Identity>,
}

impl Unstable {
    /// Compares two renderings, whatever order their objects are in.
    pub(super) fn between(first: &Contents<'_>, second: &Contents<'_>, schema: &Schema) -> Self {
        let mut unstable = Self::default();
        let mut others = by_identity(second);
        for (identity, a) in by_identity(first) {
            let Some(b) = others.remove(&identity) else {
                unstable.vanishing.insert(identity);
                continue;
            };
            let kind = &identity.group_kind;
            let root = schema.root(a.head().api_version, kind);
            let differences = compare(Pair { schema, kind, root, git: &a.root, live: &b.root });
            let paths: BTreeSet<String> = differences.iter().map(|difference| difference.path.stable()).collect();
            if !paths.is_empty() {
                unstable.leaves.insert(identity, paths);
            }
        }
        unstable.appearing.extend(others.into_keys());
        unstable
    }

    /// True if no leaf differs.
    pub(super) fn agrees(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Stable paths of an object's leaves that differ.
    pub(super) fn leaves(&self, identity: &Identity) -> impl Iterator<Item = &str> {
        self.leaves.get(identity).into_iter().flatten().map(String::as_str)
    }

    /// True if the leaf at this path differs.
    pub(super) fn has_leaf(&self, identity: &Identity, path: &str) -> bool {
        self.leaves.get(identity).is_some_and(|paths| paths.contains(path))
    }

    /// True for an object that the second rendering does not have.
    pub(super) fn vanishes(&self, object: &Desired<'_>) -> bool {
        !self.vanishing.is_empty() && self.vanishing.contains(&object.identity())
    }

    /// Objects that the first rendering, which is compared, does not have.
    pub(super) fn appearing(&self) -> impl Iterator<Item = &Identity> {
        self.appearing.iter()
    }
}

/// The first of each identity, as that is the one that is compared. Objects without a name are never compared.
fn by_identity<'c, 'a>(contents: &'c Contents<'a>) -> HashMap<Identity, &'c Desired<'a>> {
    let mut found = HashMap::new();
    for object in contents.objects.iter().filter(|object| !object.head().name.is_empty()) {
        if let Entry::Vacant(place) = found.entry(object.identity()) {
            place.insert(object);
        }
    }
    found
}
