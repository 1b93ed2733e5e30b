//! Kinds that could not be listed, and why: nothing of them is compared, and nothing of them is missing.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::drift::report::NotCompared;
use anchorwatch_core::object::GroupKind;
use anchorwatch_core::object::list::RawHead;
use serde::Deserialize;
use serde_json::json;

use crate::index::Index;

/// How a recording says what it lacks: an object of our own, so that it stays a `List` of objects.
const API_VERSION: &str = "anchorwatch/v1";
const KIND: &str = "NotRecorded";

/// What cannot be listed: kind and, where it is about one, namespace.
#[derive(Debug, Default)]
pub(super) struct Unlisted {
    entries: Vec<NotCompared>,
    /// By kind and namespace, the entry that says why.
    kinds: BTreeMap<(GroupKind, Option<String>), usize>,
}

impl Unlisted {
    pub(super) fn covers(&self, kind: &GroupKind, namespace: &str) -> bool {
        self.kinds.contains_key(&(kind.clone(), None))
            || self.kinds.contains_key(&(kind.clone(), Some(namespace.to_owned())))
    }

    /// The entries; what is about a whole kind is said in every namespace in which the source has it.
    ///
    /// Autoscalers that the source does not have are read for their bounds only: not to know them is no loss but where
    /// replicas differ, `in_doubt`.
    pub(super) fn placed(&self, index: &Index<'_>, in_doubt: &BTreeSet<String>) -> Vec<NotCompared> {
        let mut placed = Vec::new();
        for ((kind, namespace), at) in &self.kinds {
            let entry = &self.entries[*at];
            let is_wanted = |namespace: &str| index.all().iter().any(|w| w.kind == *kind && w.namespace == namespace);
            if let Some(namespace) = namespace
                && is_autoscaler(kind)
                && !in_doubt.contains(namespace)
                && !is_wanted(namespace)
            {
                continue;
            }
            let places: BTreeSet<&str> = match namespace {
                Some(namespace) => BTreeSet::from([namespace.as_str()]),
                None => index.all().iter().filter(|w| w.kind == *kind).map(|w| w.namespace).collect(),
            };
            let unplaced = places.is_empty().then_some("");
            let here = |namespace: &str| NotCompared { namespace: namespace.to_owned(), ..entry.clone() };
            placed.extend(places.into_iter().chain(unplaced).map(here));
        }
        placed
    }

    /// Enters a kind; without a namespace it is about all of them.
    pub(super) fn add(&mut self, kind: &GroupKind, namespace: Option<&str>, what: String, reason: String) {
        self.kinds.insert((kind.clone(), namespace.map(str::to_owned)), self.entries.len());
        self.entries.push(NotCompared { what, namespace: namespace.unwrap_or_default().to_owned(), reason });
    }

    /// The entries for people: what, where and why.
    pub(super) fn told(&self) -> Vec<String> {
        let place = |namespace: &str| if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
        let told = |at: &usize| {
            let NotCompared { what, namespace, reason } = &self.entries[*at];
            format!("{what}{}: {reason}", place(namespace))
        };
        self.kinds.values().map(told).collect()
    }

    /// The entries as objects of a recording.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        self.kinds.iter().map(|((kind, namespace), at)| {
            let NotCompared { what, reason, .. } = &self.entries[*at];
            json!({
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": {"name": what, "namespace": namespace.as_deref().unwrap_or_default()},
                "of": kind,
                "reason": reason,
            })
            .to_string()
        })
    }

    /// What a recording says that it lacks.
    pub(super) fn noted<'a>(objects: impl Iterator<Item = (&'a str, &'a RawHead<'a>)>) -> Self {
        let mut unlisted = Self::default();
        for (raw, head) in objects.filter(|(_, head)| is_note(head)) {
            // One that somebody has changed may be about anything; it is no reason to see less in the rest.
            let Ok(Note { of, reason }) = serde_json::from_str(raw) else { continue };
            let namespace = Some(&*head.metadata.namespace).filter(|namespace| !namespace.is_empty());
            unlisted.add(&of, namespace, head.metadata.name.to_string(), format!("not recorded: {reason}"));
        }
        unlisted
    }
}

fn is_autoscaler(kind: &GroupKind) -> bool {
    kind.group == "autoscaling" && kind.kind == "HorizontalPodAutoscaler"
}

/// True for a note of what a recording lacks, among its objects.
pub(super) fn is_note(head: &RawHead<'_>) -> bool {
    head.kind == KIND && head.api_version == API_VERSION
}

#[derive(Deserialize)]
struct Note {
    of: GroupKind,
    reason: String,
}
