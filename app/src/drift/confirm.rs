//! Tier two: a server-side dry run of Git's object tells what admission would do to it. What it would do to Git's
//! object too is no drift.
//!
//! Two questions, because applying takes away nothing that somebody else owns: what Git says is applied, and what only
//! the cluster has is removed. What is as live again then, admission has made so. Asking the first way only, each
//! field that a manager added would seem admitted.

use std::collections::BTreeSet;
use std::sync::Mutex;

use anchorwatch_core::change::patch::Operation;
use anchorwatch_core::drift::compare::Difference;
use anchorwatch_core::drift::mask;
use anchorwatch_core::drift::origin::value_at;
use anchorwatch_core::drift::{Change, DriftItem, Origin};
use anchorwatch_core::object::path::Path;
use anchorwatch_core::object::value::Value;
use anchorwatch_core::schema::Schema;
use anchorwatch_edge::cluster::apply::Place;
use anchorwatch_edge::cluster::{Cluster, ClusterError};
use serde_json::json;
use tokio::runtime::Handle;

use crate::index::Wanted;

/// Asks the cluster about items in doubt.
pub(crate) struct Confirmation<'a> {
    cluster: &'a Cluster,
    runtime: &'a Handle,
    schema: &'a Schema,
    unconfirmed: Mutex<Vec<String>>,
    admitted: Mutex<Vec<DriftItem>>,
}

impl std::fmt::Debug for Confirmation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Confirmation")
    }
}

impl<'a> Confirmation<'a> {
    /// Nothing is asked yet.
    pub(crate) fn new(cluster: &'a Cluster, runtime: &'a Handle, schema: &'a Schema) -> Self {
        Self { cluster, runtime, schema, unconfirmed: Mutex::default(), admitted: Mutex::default() }
    }

    /// Objects whose doubt could not be settled, and why.
    pub(crate) fn unconfirmed(&self) -> Vec<String> {
        self.unconfirmed.lock().expect("no worker panics while it notes a doubt").clone()
    }

    /// What was taken out: items that admission makes of Git's objects, too.
    pub(crate) fn admitted(&self) -> Vec<DriftItem> {
        self.admitted.lock().expect("no worker panics while it notes an item").clone()
    }

    /// Takes out the items that admission makes of Git's object, too.
    pub(crate) fn drop_admitted(
        &self,
        wanted: &Wanted<'_>,
        differences: &[Difference<'_>],
        items: &mut Vec<DriftItem>,
    ) {
        let doubtful: BTreeSet<&str> =
            items.iter().filter(|item| in_doubt(item)).map(|item| item.stable_path.as_str()).collect();
        // A Secret's clear values are not at hand, and never sent anywhere.
        if wanted.kind.is_secret() || doubtful.is_empty() {
            return;
        }
        let (extra, stated): (Vec<&Difference<'_>>, Vec<_>) = differences
            .iter()
            .filter(|difference| doubtful.contains(difference.path.stable().as_str()))
            .partition(|difference| difference.change == Change::Extra);
        let mut admitted = BTreeSet::new();
        for (about, question) in [(stated, Question::Apply), (extra, Question::Remove)] {
            match self.as_live_again(wanted, &about, question) {
                Ok(paths) => admitted.extend(paths),
                Err(error) => {
                    let note = format!("{}: {}", wanted.desired.identity(), shown(&error));
                    self.unconfirmed.lock().expect("no worker panics while it notes a doubt").push(note);
                }
            }
        }
        let taken = items.extract_if(.., |item| in_doubt(item) && admitted.contains(&item.stable_path));
        self.admitted.lock().expect("no worker panics while it notes an item").extend(taken);
    }

    /// Stable paths of the differences that a dry run made as live again.
    fn as_live_again(
        &self,
        wanted: &Wanted<'_>,
        differences: &[&Difference<'_>],
        question: Question,
    ) -> Result<Vec<String>, ClusterError> {
        let place = wanted.place(self.schema).filter(|_| !differences.is_empty());
        let Some(Place { object: path, .. }) = place else { return Ok(Vec::new()) };
        let answer = match question {
            Question::Apply => {
                let object = Value::Map(wanted.desired.root.clone());
                let body = serde_json::to_vec(&object).expect("a tree of JSON values is JSON");
                self.runtime.block_on(self.cluster.dry_run_apply(&path, body))
            }
            Question::Remove => self.runtime.block_on(self.cluster.dry_run_patch(&path, removal(differences))),
        }?;
        let Ok(Value::Map(predicted)) = serde_json::from_slice::<Value<'_>>(&answer) else { return Ok(Vec::new()) };
        let same = |difference: &&&Difference<'_>| value_at(&predicted, &difference.path) == difference.live;
        Ok(differences.iter().filter(same).map(|difference| difference.path.stable()).collect())
    }
}

/// Letters of what a server says.
const MOST_LETTERS: usize = 400;

/// What went wrong. A server that refuses an object may repeat its values.
pub(super) fn shown(error: &ClusterError) -> String {
    let text = error.to_string();
    let is_credential = |part: &str| mask::is_credential("", &Path::default(), &Value::String(part.into()));
    // What is not valid the server may repeat as a whole, over many lines.
    let text = text.lines().next().unwrap_or_default().chars().take(MOST_LETTERS).collect::<String>();
    // `answered 422: password: …`: each part of the message may begin a statement.
    if is_credential(&text) || text.match_indices(": ").any(|(at, colon)| is_credential(&text[at + colon.len()..])) {
        return "the cluster refused it; its answer is not shown, as it holds what looks like a credential".to_owned();
    }
    text
}

#[derive(Debug, Clone, Copy)]
enum Question {
    /// What becomes of what Git says?
    Apply,
    /// What comes back of what Git does not say?
    Remove,
}

/// A JSON patch that removes what only live has. It fails where live has changed since it was read.
fn removal(differences: &[&Difference<'_>]) -> Vec<u8> {
    // From the end, so that list positions still fit.
    let operations = differences.iter().rev().flat_map(|difference| {
        let path = difference.path.pointer();
        [Operation::Test { path: path.clone(), value: json!(difference.live) }, Operation::Remove { path }]
    });
    serde_json::to_vec(&operations.collect::<Vec<_>>()).expect("a tree of JSON values is JSON")
}

/// Admission leaves values that nobody who is known owns, or takes some away.
fn in_doubt(item: &DriftItem) -> bool {
    item.origin == Origin::Unknown && matches!(item.change, Change::Changed | Change::Extra | Change::Removed)
}
