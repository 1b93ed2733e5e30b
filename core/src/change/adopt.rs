//! What a source file has to say so that Git says what the cluster has, in chosen fields.

use crate::drift::compare::{Change, Difference};
use crate::drift::mask;
use crate::object::path::Step;
use crate::object::value::Value;
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

/// The edit of Git's object of this kind that takes a difference in. Positions in its path are live's; the editor goes by keys.
pub fn edit_of(kind: &str, difference: &Difference<'_>) -> Result<Edit, Unadoptable> {
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
