//! An object that Git does not have, drafted to go: only the one that was named by its uid, and with what belongs to it shown.

use anchorwatch_core::change::dependants::Propagation;
use anchorwatch_core::change::{Body, Field, ObjectChange, Promise, Target, Write, copy, patch};
use anchorwatch_core::drift::DriftItem;
use anchorwatch_core::guard::{self, Refusal};
use anchorwatch_core::object::GroupKind;
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::value::Value;
use anchorwatch_edge::cluster::apply::Place;

use super::Planning;
use super::draft::{Aim, Before, Draft, Undraftable, unreadable};
use crate::drift::meant::Deletion;

/// An object that is to go.
#[derive(Debug, Clone)]
pub(super) struct Removal {
    item: DriftItem,
    uid: String,
    propagation: Propagation,
}

impl Removal {
    pub(super) fn of(item: &DriftItem, deletion: &Deletion) -> Self {
        Self { item: item.clone(), uid: deletion.uid.clone(), propagation: deletion.propagation }
    }
}

impl<'a> Planning<'a> {
    /// Drafts the deletion of the object as it is now, if it still is the one that was named, and on its own.
    pub(super) fn removal(&self, removal: &Removal) -> Result<Draft<'a>, Undraftable> {
        let Removal { item, uid, propagation } = removal;
        let (kind, schema) = (GroupKind::of(&item.api_version, &item.resource_kind), self.examiner.schema);
        let place = Place::of(schema, &item.api_version, &kind, &item.namespace, &item.resource_name)
            .ok_or_else(|| Undraftable::Unreadable(format!("nobody knows where a {kind} is")))?;
        let before = self.read(&place.object).map_err(Undraftable::Failed)?.ok_or(Undraftable::Gone)?;
        let before = Before::of(before)?;
        if before.observed.uid != *uid {
            return Err(Refusal::OfAnotherUid(before.observed.uid).into());
        }
        let now = self.examiner.unmanaged(&before.raw, &item.api_version, &item.resource_kind);
        // Somebody owns it by now, or delivers it.
        let Some(item) = now.map_err(|unreadable| Undraftable::Unreadable(unreadable.reason))?.pop() else {
            return Err(Refusal::Conflict.into());
        };
        let dependants = self.dependants(uid, &item.namespace);
        guard::may_be_deleted(&kind.kind, *propagation, &dependants)?;
        let write = Write::Delete(*propagation);
        let inverse = if kind.is_secret() {
            Promise::sealed(&write, self.examiner.setting.key)
        } else {
            let live: LiveObject<'_> = serde_json::from_str(&before.raw).map_err(|error| unreadable(&error))?;
            Promise::Exact(Write::Create(patch::plain("", &Value::Map(copy::again(&live.root)))?))
        };
        let change = ObjectChange {
            target: Target {
                api_version: item.api_version.clone(),
                kind: kind.kind,
                namespace: item.namespace.clone(),
                name: item.resource_name.clone(),
            },
            uid: Some(uid.clone()),
            write: Promise::Exact(write.clone()),
            inverse,
            fields: vec![Field::from(&item)],
        };
        let body = Body::of(&write, Some(&before.observed));
        let (aim, items) = (Aim::Gone(Box::new(removal.clone())), vec![item]);
        Ok(Draft { aim, change, items, place, write, before: Some(before), dependants, body })
    }
}
