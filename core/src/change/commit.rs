//! One intended commit to a source's repository: the lines that it changes, the fields that they are for, and what it says.
//!
//! What it says holds ids, paths, managers and times: a repository may be elsewhere, and values stand in the files alone.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Field, Target};
use crate::drift::{DriftItem, DriftLevel};
use crate::object::secret::SecretKey;
use crate::route::redaction::Redactor;

/// A file, and the lines that change in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Its path from the repository's root.
    pub path: String,
    /// Lines as they are and as they are to be, from the top.
    pub lines: Vec<(String, String)>,
}

/// An object whose state is adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// Which object.
    pub target: Target,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// What somebody is asked to confirm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitPlan {
    /// Cluster's name.
    pub cluster: String,
    /// Source as it was named.
    pub source: String,
    /// The branch that the source follows.
    pub branch: String,
    /// True if it is to be pushed to that branch itself, and not to one of its own.
    pub is_direct: bool,
    /// The files, by path.
    pub files: Vec<FileChange>,
    /// The objects whose state they say then.
    pub objects: Vec<Adopted>,
}

impl CommitPlan {
    /// Of the lines and fields, by a key. Other lines of the same files may change meanwhile. 64 hexadecimal characters.
    pub fn hash(&self, key: &SecretKey) -> String {
        key.fingerprint(&serde_json::to_vec(self).expect("a plan is JSON")).to_hex()
    }

    /// The branch that is pushed to; the same for the same plan.
    pub fn pushed_to(&self, key: &SecretKey) -> String {
        if self.is_direct { self.branch.clone() } else { format!("anchorwatch/adopt-{}", &self.hash(key)[..12]) }
    }

    /// The highest level of what is adopted.
    pub fn level(&self) -> Option<DriftLevel> {
        self.objects.iter().flat_map(|object| &object.fields).map(|field| field.level).max()
    }
}

/// The trailer that says which plan a commit carries out.
pub const PLAN_TRAILER: &str = "Anchorwatch-Plan";

/// What a commit or a pull request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// One line.
    pub title: String,
    /// What follows it, with a line's end.
    pub body: String,
}

impl Words {
    /// The words for these items, out of which everything that must not leave is taken.
    pub fn of(cluster: &str, items: &[&DriftItem], redactor: &Redactor) -> Self {
        let name = |item: &DriftItem| match item.namespace.as_str() {
            "" => format!("{}/{}", item.resource_kind, item.resource_name),
            namespace => format!("{}/{} in {namespace}", item.resource_kind, item.resource_name),
        };
        let mut objects: Vec<String> = items.iter().map(|item| name(item)).collect();
        objects.dedup();
        let what = match objects.as_slice() {
            [only] => only.clone(),
            several => format!("{} objects", several.len()),
        };
        let mut body = format!("As the cluster {cluster} has it:\n\n");
        for item in items {
            let path = if item.stable_path.is_empty() { "the whole object" } else { item.stable_path.as_str() };
            let _ = write!(body, "- {}: {path} ({}", name(item), &item.fingerprint[..item.fingerprint.len().min(12)]);
            if let Some(attribution) = &item.attribution {
                let _ = write!(body, ", by {}", attribution.manager);
                if let Some(time) = attribution.time {
                    let _ = write!(body, " at {time}");
                }
            }
            body.push_str(")\n");
        }
        let clean = |text: &str| redactor.clean(&one_line_each(text)).into_owned();
        Self { title: clean(&format!("Adopt {what} from the cluster")), body: clean(&body) }
    }

    /// A commit's message, with the trailers that say what it belongs to, and `Signed-off-by` where that is wished for.
    pub fn message(&self, change_id: &str, plan_hash: &str, signed_off_by: Option<&str>) -> String {
        let mut text = format!("{}\n\n{}\n", self.title, self.body.trim_end());
        let _ = write!(text, "\nAnchorwatch-Change: {change_id}\n{PLAN_TRAILER}: {plan_hash}\n");
        if let Some(who) = signed_off_by {
            let _ = writeln!(text, "Signed-off-by: {who}");
        }
        text
    }
}

/// Names from a cluster cannot begin a line of their own, nor hide one.
fn one_line_each(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}
