//! What a plan and its outcome look like.

use std::fmt::Write as _;

use crate::cli::output::{Style, flow, object, padded};
use crate::cli::plain;
use crate::drift::rollback::record::{ChangeRecord, StepState};
use crate::drift::rollback::undo::not_kept;
use crate::drift::rollback::{Done, Left, Planned};
use crate::shown::cut;
use crate::words::Arg::{Count, Text};
use anchorwatch_core::change::dependants::{Dependant, Dependants, Propagation};
use anchorwatch_core::change::{Action, Plan, Promise, Target, Write as Written};
use anchorwatch_core::drift::{Change, DriftItem};
use anchorwatch_core::object::GroupKind;
use anchorwatch_core::object::secret::{SecretKey, Shown};

/// Columns before a value.
const INDENT: usize = 17;

/// A plan, object by object, and what of it is left as it is.
pub(super) fn plan(planned: &Planned, key: &SecretKey, style: &Style) -> String {
    let Planned { plan, items, dependants, left, recovered, is_partial } = planned;
    let words = style.words;
    let mut out = String::new();
    for left in recovered {
        let _ = writeln!(out, "{}", words.say_with("rollback-recovered", &[("change", Text(&left.change_id))]));
        each(left, style, &mut out);
        out.push('\n');
    }
    let (fields, objects) = (plan.fields(), plan.changes.len());
    let args = [
        ("fields", Count(fields)),
        ("objects", Count(objects)),
        ("source", Text(&plain(&plan.source))),
        ("cluster", Text(&plain(&plan.cluster))),
    ];
    let is_deletion = plan.changes.iter().any(|change| change.write.action() == Action::Delete);
    let head = match fields {
        0 => "rollback-nothing",
        _ if is_deletion => "rollback-delete-head",
        _ => "rollback-head",
    };
    let _ = writeln!(out, "{}", words.say_with(head, &args));
    for ((change, items), dependants) in plan.changes.iter().zip(items).zip(dependants) {
        let Some(first) = items.first() else { continue };
        let _ = writeln!(out, "\n  {}", named(first));
        for item in items {
            field(item, style, &mut out);
        }
        if change.write.action() == Action::Recreate {
            let _ = writeln!(out, "    {}", words.say("rollback-recreate"));
            let kind = GroupKind::of(&change.target.api_version, &change.target.kind);
            belonging(dependants, Propagation::of_recreation(&kind), style, &mut out);
        }
        if let Promise::Exact(Written::Delete(propagation)) = change.write {
            belonging(dependants, propagation, style, &mut out);
        }
    }
    self::left(left, style, &mut out);
    if *is_partial {
        let _ = writeln!(out, "\n{}", words.say("rollback-partial"));
    }
    if fields > 0 {
        let _ = writeln!(out, "\n{}", words.say_with("rollback-plan", &[("hash", Text(&plan.hash(key)[..12]))]));
    }
    out
}

/// What belongs to an object that is deleted, and what becomes of it.
fn belonging(Dependants { found, not_listed }: &Dependants, propagation: Propagation, style: &Style, out: &mut String) {
    let head = match (found.is_empty(), propagation) {
        (true, _) => "rollback-alone",
        (false, Propagation::Orphan) => "rollback-orphaned",
        (false, _) => "rollback-goes-too",
    };
    let _ = writeln!(out, "         {}", style.words.say_with(head, &[("objects", Count(found.len()))]));
    for Dependant { kind, name } in found {
        let _ = writeln!(out, "           {}", plain(&format!("{kind}/{name}")));
    }
    if !not_listed.is_empty() {
        let what = [("what", Text(&not_listed.join(", ")))];
        let _ = writeln!(out, "         {}", style.words.say_with("rollback-not-listed", &what));
    }
}

/// What was meant, and is left as it is.
pub(in crate::cli) fn left(left: &[Left], style: &Style, out: &mut String) {
    if left.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.words.say("rollback-left"));
    for alike in left.chunk_by(|a, b| named(&a.item) == named(&b.item) && a.reason == b.reason) {
        let _ = writeln!(out, "  {}", named(&alike[0].item));
        for Left { item, .. } in alike.iter().filter(|left| !left.item.stable_path.is_empty()) {
            let _ = writeln!(out, "    {}", plain(&item.stable_path));
        }
        let _ = writeln!(out, "         {}", plain(&alike[0].reason));
    }
}

fn named(item: &DriftItem) -> String {
    object(&item.resource_kind, &item.resource_name, &item.namespace)
}

fn field(item: &DriftItem, style: &Style, out: &mut String) {
    let level = style.words.level(item.drift_level);
    let whole = match item.change {
        Change::MissingObject => Some("rollback-create"),
        Change::UnmanagedObject => Some("rollback-delete"),
        _ => None,
    };
    if let Some(whole) = whole {
        let _ = writeln!(out, "    {level} {}", style.words.say(whole));
        return;
    }
    let _ = writeln!(out, "    {level} {}", plain(&item.stable_path));
    for (label, value) in [("rollback-now", &item.actual_value), ("rollback-then", &item.git_value)] {
        let label = padded(&style.words.say(label), 5);
        let _ = writeln!(out, "         {label}{}", text(value.as_ref(), style));
    }
}

fn text(value: Option<&Shown>, style: &Style) -> String {
    match value {
        Some(value) => cut(&plain(&flow(value.as_json())), style.width.saturating_sub(INDENT).max(20)).into_owned(),
        None => style.words.say("rollback-absent"),
    }
}

/// What came of each object, and how to take it back.
pub(super) fn done(done: &Done, style: &Style) -> String {
    let words = style.words;
    let mut out = String::from("\n");
    each(done, style, &mut out);
    let is_written =
        done.steps.iter().any(|step| matches!(step.state, StepState::Proven | StepState::NotProven { .. }));
    if !done.is_undo && is_written {
        let _ = writeln!(out, "{}", words.say_with("rollback-undo", &[("change", Text(&done.change_id))]));
    }
    out
}

/// What came of each object.
fn each(done: &Done, style: &Style, out: &mut String) {
    let words = style.words;
    let proven = if done.is_undo { "undo-proven" } else { "rollback-proven" };
    for step in &done.steps {
        let Target { kind, name, namespace, .. } = &step.target;
        let name = object(kind, name, namespace);
        let (id, reason) = match &step.state {
            StepState::Proven if step.action == Action::Delete => ("rollback-gone", ""),
            StepState::Proven => (proven, ""),
            StepState::AlreadySo => ("rollback-already", ""),
            StepState::Deleted => ("rollback-deleted", ""),
            StepState::Waiting | StepState::Intended | StepState::Written => ("rollback-waiting", ""),
            StepState::NotWritten { reason } => ("rollback-not-written", reason.as_str()),
            StepState::NotProven { reason } => ("rollback-not-proven", reason.as_str()),
        };
        let args = [("object", Text(&name)), ("fields", Count(step.fields)), ("reason", Text(&plain(reason)))];
        let _ = writeln!(out, "{}", words.say_with(id, &args));
    }
}

/// What taking a change back would write.
pub(super) fn undo(plan: &Plan, refused: &[Option<String>], record: &ChangeRecord, style: &Style) -> String {
    let args = [
        ("fields", Count(plan.fields())),
        ("objects", Count(plan.changes.len())),
        ("change", Text(&record.change_id)),
        ("by", Text(&plain(&record.by))),
        ("at", Text(&crate::shown::at(record.begun_at, &style.now))),
    ];
    let mut out = style.words.say_with("undo-head", &args) + "\n";
    for (change, refused) in plan.changes.iter().zip(refused) {
        let Target { kind, name, namespace, .. } = &change.target;
        let _ = writeln!(out, "\n  {}", object(kind, name, namespace));
        if change.write.action() == Action::Recreate {
            let _ = writeln!(out, "    {}", style.words.say("undo-recreate"));
        }
        for field in &change.fields {
            let path = match change.write.action() {
                Action::Delete => style.words.say("undo-delete"),
                Action::Create => style.words.say("undo-create"),
                Action::Patch | Action::Recreate => plain(&field.stable_path),
            };
            let _ = writeln!(out, "    {path}");
        }
        if let Some(reason) = refused {
            let _ =
                writeln!(out, "         {}", style.words.say_with("undo-refused", &[("reason", Text(&plain(reason)))]));
        }
    }
    for Target { kind, name, namespace, .. } in not_kept(record) {
        let name = object(&kind, &name, &namespace);
        let _ = writeln!(out, "\n{}", style.words.say_with("undo-not-kept", &[("object", Text(&name))]));
    }
    out
}
