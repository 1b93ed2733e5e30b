//! What a source file has to say so that Git says what the cluster has, in chosen fields.

use super::restore;
use crate::drift::compare::{Change, Difference};
use crate::drift::mask;
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Value};
use crate::source::edit::{self, Edit};

/// Why a difference is not written into Git.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unadoptable {
    /// It is a Secret's value, or looks like a credential.
    #[error(
        "{0} is or looks like a credential, and is not written into Git in clear; keep it in a Secret that is sealed, or outside"
    )]
    Credential(String),
}

/// The edits of Git's object of this kind that take chosen differences in, the last first, so that positions in lists still fit.
///
/// What the cluster has nothing of is taken out as a whole, and leaves no empty map behind.
pub fn edits(
    kind: &str,
    live: &Map<'_>,
    differences: &[Difference<'_>],
    is_chosen: impl Fn(&Difference<'_>) -> bool,
) -> Result<Vec<Edit>, Unadoptable> {
    let mut edits: Vec<Edit> = Vec::new();
    for difference in differences.iter().rev().filter(|difference| is_chosen(difference)) {
        let mut edit = edit_of(kind, difference)?;
        if difference.change == Change::Removed {
            let steps = &difference.path.0;
            let goes_whole = |whole: &[Step]| {
                let mut below = differences.iter().filter(|other| other.path.0.starts_with(whole));
                !restore::says(live, whole) && below.all(|other| other.change == Change::Removed && is_chosen(other))
            };
            let length = (1..steps.len()).find(|length| goes_whole(&steps[..*length])).unwrap_or(steps.len());
            edit.path = Path(steps[..length].to_vec());
        }
        if !edits.iter().any(|other| other.path == edit.path) {
            edits.push(edit);
        }
    }
    Ok(edits)
}

/// The edit that takes a difference in. Positions in its path are live's; the editor goes by keys.
fn edit_of(kind: &str, difference: &Difference<'_>) -> Result<Edit, Unadoptable> {
    let credential = || Unadoptable::Credential(difference.path.stable());
    let value = |value: Option<&Value<'_>>| {
        let value = value.cloned().unwrap_or(Value::Null).into_owned();
        if mask::is_credential(kind, &difference.path, &value) { Err(credential()) } else { Ok(value) }
    };
    if kind == "Secret" {
        return Err(credential());
    }
    let change = match (difference.change, difference.path.0.last()) {
        (Change::Removed | Change::MissingObject, _) => edit::Change::Remove,
        (Change::Extra, Some(Step::Element { .. } | Step::Member { .. })) => edit::Change::Add(value(difference.live)?),
        _ => edit::Change::Set(value(difference.live)?),
    };
    Ok(Edit { path: difference.path.clone(), change })
}
