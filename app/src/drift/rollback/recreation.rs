//! What the server does not let change: the object is deleted, and created as Git says. Only where somebody has said that it may be.
//!
//! Whether it could be created is asked before it is deleted. All of it becomes as Git says then, and so all that differs is part of
//! the plan; only how many replicas an autoscaler has made stays.

use anchorwatch_core::change::dependants::Propagation;
use anchorwatch_core::change::rehearsal::Rehearsal;
use anchorwatch_core::change::{Body, Field, Promise, Write, copy, patch};
use anchorwatch_core::guard::{self, DryRun};
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::value::Value;
use serde_json::Value as Json;

use super::draft::{Aim, Draft, Tried, Undraftable, text, unreadable};
use super::{Planning, Refusal};
use crate::index::Wanted;

impl<'a> Planning<'a> {
    /// Makes of the draft of a change that the server does not take one of a new object.
    pub(super) fn recreation(&self, draft: Draft<'a>) -> Result<Draft<'a>, Undraftable> {
        let (Aim::Recreated(wanted, _), Some(before)) = (&draft.aim, &draft.before) else {
            return Err(Refusal::Conflict.into());
        };
        let mut items = self.items(wanted, &before.raw)?;
        let mut kept = Vec::new();
        for item in &items {
            if !guard::may_recreate(item, self.scope)? {
                kept.push(item.fingerprint.clone());
            }
        }
        items.retain(|item| !kept.contains(&item.fingerprint));
        let mut write = self.recreating(wanted)?;
        if let Write::Recreate { object, .. } = &mut write
            && !kept.is_empty()
        {
            let live: Json = serde_json::from_str(&before.raw).map_err(|error| unreadable(&error))?;
            object["spec"]["replicas"] = live["spec"]["replicas"].clone();
        }
        let (promise, inverse) = if wanted.kind.is_secret() {
            let sealed = Promise::sealed(&write, self.examiner.setting.key);
            (sealed.clone(), sealed)
        } else {
            let live: LiveObject<'_> = serde_json::from_str(&before.raw).map_err(|error| unreadable(&error))?;
            let object = patch::plain("", &Value::Map(copy::again(&live.root)))?;
            let propagation = Propagation::of_recreation(&wanted.kind);
            (Promise::Exact(write.clone()), Promise::Exact(Write::Recreate { object, propagation }))
        };
        let dependants = self.dependants(&before.observed.uid, wanted.namespace);
        guard::may_be_deleted(&wanted.kind.kind, Propagation::of_recreation(&wanted.kind), &dependants)?;
        let mut change = draft.change;
        (change.write, change.inverse) = (promise, inverse);
        change.fields = items.iter().map(Field::from).collect();
        let body = Body::of(&write, Some(&before.observed));
        Ok(Draft { change, items, write, dependants, body, ..draft })
    }

    /// What creates the object anew as Git says.
    pub(super) fn recreating(&self, wanted: &Wanted<'_>) -> Result<Write, Undraftable> {
        let secret = self.secret_in_clear(wanted)?;
        let git = secret.as_ref().unwrap_or(&wanted.desired.root);
        let object = patch::plain("", &Value::Map(git.clone()))?;
        Ok(Write::Recreate { object, propagation: Propagation::of_recreation(&wanted.kind) })
    }

    /// Has the server try both halves, and holds what it would create to what was promised.
    pub(super) fn tried_recreation(&self, wanted: &Wanted<'_>, draft: &Draft<'_>) -> Result<Tried, Undraftable> {
        let ask = |body| self.runtime.block_on(self.cluster.try_out(&draft.place, body)).map_err(Undraftable::Cluster);
        let live: Json = draft
            .before
            .as_ref()
            .map_or(Ok(Json::Null), |before| serde_json::from_str(&before.raw).map_err(|error| unreadable(&error)))?;
        let rehearsal = Rehearsal::of(&draft.write, &live).ok_or(Refusal::Untried)?;
        let answer = rehearsal.answered(&ask(&rehearsal.body)?).map_err(|error| unreadable(&error))?;
        let left = self.left(wanted, &draft.change.fields, &text(answer)?)?;
        ask(&draft.body)?;
        Ok(Tried { dry_run: DryRun::proven(&draft.body, &left)?, inverse: draft.change.inverse.clone() })
    }
}
