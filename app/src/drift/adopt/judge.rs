//! Says whether two renderings differ in exactly what is meant, and whether it then agrees with the cluster.

use std::collections::BTreeMap;

use anchorwatch_core::drift::compare::{Difference, Pair, compare};
use anchorwatch_core::drift::{Change, DriftItem};
use anchorwatch_core::object::Identity;
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::source::{Contents, Desired};

use super::super::examiner::Examiner;
use crate::index::Wanted;

/// An object with items that are meant.
pub(super) struct Target<'a> {
    pub(super) wanted: &'a Wanted<'a>,
    pub(super) items: &'a [&'a DriftItem],
    /// As the cluster has it, if it does.
    pub(super) live: Option<LiveObject<'a>>,
}

/// What may change, and has changed already.
pub(super) struct Judge<'a> {
    pub(super) examiner: &'a Examiner<'a>,
    pub(super) targets: &'a [Target<'a>],
    /// Fingerprints of the items that are taken in.
    pub(super) taken: Vec<String>,
}

/// Objects by what they are called; those without a name are called alike.
type ByName<'c, 'a> = BTreeMap<Identity, Vec<&'c Desired<'a>>>;

impl<'a> Judge<'a> {
    pub(super) fn is_taken(&self, item: &DriftItem) -> bool {
        self.taken.contains(&item.fingerprint)
    }

    /// The items that another rendering takes in, among them all that are aimed at; or what else it would change.
    pub(super) fn takes(
        &self,
        before: &Contents<'_>,
        after: &Contents<'_>,
        aimed: &[&DriftItem],
    ) -> Result<Vec<&'a DriftItem>, String> {
        let taken = self.changes(before, after, None)?;
        match aimed.iter().find(|item| !taken.iter().any(|taken| taken.fingerprint == item.fingerprint)) {
            Some(missing) => Err(format!("{} would stay as it is", missing.stable_path)),
            None => Ok(taken),
        }
    }

    /// Whether another rendering has this object more, and is the same otherwise.
    pub(super) fn adds(&self, before: &Contents<'_>, after: &Contents<'_>, added: &Identity) -> Result<(), String> {
        match self.changes(before, after, Some(added))?.first() {
            Some(item) => Err(format!("{} would differ, too", item.stable_path)),
            None => Ok(()),
        }
    }

    /// The items that another rendering takes in, which may have one object more; or what else it would change.
    fn changes(
        &self,
        before: &Contents<'_>,
        after: &Contents<'_>,
        added: Option<&Identity>,
    ) -> Result<Vec<&'a DriftItem>, String> {
        if let Some(problem) = after.problems.first().filter(|_| before.problems.is_empty()) {
            return Err(format!("what is rendered then cannot be read: {}", problem.message));
        }
        let (before, mut after) = (by_name(before), by_name(after));
        let mut taken = Vec::new();
        for (identity, old) in before {
            let new = after.remove(&identity).unwrap_or_default();
            let target = self.targets.iter().find(|target| target.wanted.desired.identity() == identity);
            if old.len() != new.len() {
                let gone = target.filter(|target| target.live.is_none() && new.is_empty()).map(|target| target.items);
                match gone {
                    Some(items) => taken.extend(items.iter().copied()),
                    None if self.examiner.unstable.vanishes(old[0]) => {}
                    None => return Err(format!("{identity} would be gone")),
                }
                continue;
            }
            for (old, new) in old.into_iter().zip(new).filter(|(old, new)| old.root != new.root) {
                taken.extend(self.changed((old, new), target)?);
            }
        }
        let appearing = |identity: &&Identity| {
            added != Some(*identity) && !self.examiner.unstable.appearing().any(|known| known == *identity)
        };
        if let Some(identity) = after.keys().find(appearing) {
            return Err(format!("{identity} would be there, too"));
        }
        Ok(taken)
    }

    /// What an object that is rendered otherwise takes in.
    fn changed(
        &self,
        (old, new): (&Desired<'_>, &Desired<'_>),
        target: Option<&Target<'a>>,
    ) -> Result<Vec<&'a DriftItem>, String> {
        let identity = old.identity();
        let head = old.head();
        let schema = self.examiner.schema;
        let (kind, root) = (&identity.group_kind, schema.root(head.api_version, &identity.group_kind));
        let told = compare(Pair { schema, kind, root, git: &old.root, live: &new.root });
        let is_stable = |d: &&Difference<'_>| !self.examiner.unstable.has_leaf(&identity, &d.path.stable());
        let told: Vec<_> = told.iter().filter(is_stable).map(named).collect();
        let otherwise = |path: &str| format!("{identity} {path} would differ, too");
        let Some((target, live)) = target.and_then(|target| Some((target, target.live.as_ref()?))) else {
            return match told.first() {
                Some((path, _)) => Err(otherwise(path)),
                None if self.examiner.unstable.leaves(&identity).next().is_some() => Ok(Vec::new()),
                None => Err(format!("{identity} would be written otherwise")),
            };
        };
        let mut taken = Vec::new();
        for (path, change) in &told {
            let is_it =
                |item: &&&DriftItem| item.stable_path == *path && item.change == *change && !self.is_taken(item);
            taken.push(*target.items.iter().find(is_it).ok_or_else(|| otherwise(path))?);
        }
        let against = |git: &Desired<'_>| {
            let compared = |pair: Pair<'_>| compare(pair).iter().map(named).collect::<Vec<_>>();
            self.examiner.with_git(target.wanted, &git.root, (live, target.wanted.head.api_version), compared)
        };
        let (mut expected, found) = (against(old), against(new));
        expected.retain(|difference| !told.contains(difference));
        let other =
            found.iter().find(|d| !expected.contains(d)).or_else(|| expected.iter().find(|d| !found.contains(d)));
        match other {
            Some((path, _)) => Err(format!("{identity} {path} would not be as the cluster has it")),
            None => Ok(taken),
        }
    }
}

fn named(difference: &Difference<'_>) -> (String, Change) {
    (difference.path.stable(), difference.change)
}

fn by_name<'c, 'a>(contents: &'c Contents<'a>) -> ByName<'c, 'a> {
    let mut found = ByName::new();
    for object in &contents.objects {
        found.entry(object.identity()).or_default().push(object);
    }
    found
}
