//! What a plan and its outcome look like.

use std::fmt::Write as _;

use anchorwatch_core::drift::Change;
use serde_json::Value;

use crate::api::model::{
    ChangeResponse, DoneResponse, LeftResponse, PlannedResponse, RollbackResponse, TargetResponse, UndoResponse,
};
use crate::cli::output::{Style, flow, object, padded};
use crate::cli::plain;
use crate::cli::told::Item;
use crate::failure::Failure;
use crate::shown::{self, cut};
use crate::words::Arg::{Count, Text};

/// Columns before a value.
const INDENT: usize = 17;

/// A plan, object by object, and what of it is left as it is.
pub(super) fn plan(planned: &RollbackResponse, style: &Style) -> Result<String, Failure> {
    let RollbackResponse { plan, left, recovered, is_partial, done: _ } = planned;
    let words = style.words;
    let mut out = self::recovered(recovered, style);
    let (fields, objects) = (plan.changes.iter().map(|change| change.items.len()).sum(), plan.changes.len());
    let args = [
        ("fields", Count(fields)),
        ("objects", Count(objects)),
        ("source", Text(&plain(&plan.source))),
        ("cluster", Text(&plain(&plan.cluster))),
    ];
    let is_deletion = plan.changes.iter().any(|change| change.action == "delete");
    let head = match fields {
        0 => "rollback-nothing",
        _ if is_deletion => "rollback-delete-head",
        _ => "rollback-head",
    };
    let _ = writeln!(out, "{}", words.say_with(head, &args));
    for change in &plan.changes {
        let _ = writeln!(out, "\n  {}", named(&change.target));
        for item in &change.items {
            field(&Item::read(item)?, style, &mut out);
        }
        if change.action == "recreate" {
            let _ = writeln!(out, "    {}", words.say("rollback-recreate"));
        }
        belonging(change, style, &mut out);
    }
    self::left(left, style, &mut out)?;
    if *is_partial {
        let _ = writeln!(out, "\n{}", words.say("rollback-partial"));
    }
    if fields > 0 {
        let _ = writeln!(out, "\n{}", words.say_with("rollback-plan", &[("hash", Text(&beginning(&plan.plan_hash)))]));
    }
    Ok(out)
}

/// The beginning of a hash, by which people know it again.
pub(in crate::cli) fn beginning(hash: &str) -> String {
    plain(&hash.chars().take(12).collect::<String>())
}

/// What belongs to an object that is deleted, and what becomes of it.
fn belonging(change: &PlannedResponse, style: &Style, out: &mut String) {
    let Some((head, not_listed)) = shown::belonging(change, style.words) else { return };
    let _ = writeln!(out, "         {head}");
    for dependant in &change.dependants {
        let _ = writeln!(out, "           {}", plain(dependant));
    }
    if let Some(not_listed) = not_listed {
        let _ = writeln!(out, "         {}", plain(&not_listed));
    }
}

/// What was meant, and is left as it is.
pub(in crate::cli) fn left(left: &[LeftResponse], style: &Style, out: &mut String) -> Result<(), Failure> {
    if left.is_empty() {
        return Ok(());
    }
    let _ = writeln!(out, "\n{}", style.words.say("rollback-left"));
    let left = left.iter().map(|LeftResponse { item, reason, .. }| Ok((Item::read(item)?, reason)));
    let left: Vec<(Item, &String)> = left.collect::<Result<_, Failure>>()?;
    for alike in left.chunk_by(|(a, why), (b, also)| a.object() == b.object() && why == also) {
        let (first, reason) = &alike[0];
        let _ = writeln!(out, "  {}", first.object());
        for (item, _) in alike.iter().filter(|(item, _)| !item.stable_path.is_empty()) {
            let _ = writeln!(out, "    {}", plain(&item.stable_path));
        }
        let _ = writeln!(out, "         {}", plain(reason));
    }
    Ok(())
}

fn named(TargetResponse { kind, name, namespace, .. }: &TargetResponse) -> String {
    object(kind, name, namespace)
}

fn field(item: &Item, style: &Style, out: &mut String) {
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
        let _ = writeln!(out, "         {label}{}", text(value, style));
    }
}

fn text(value: &Value, style: &Style) -> String {
    if value.is_null() {
        return style.words.say("rollback-absent");
    }
    cut(&plain(&flow(value)), style.width.saturating_sub(INDENT).max(20)).into_owned()
}

/// What came of changes that were not finished.
pub(super) fn recovered(recovered: &[DoneResponse], style: &Style) -> String {
    let mut out = String::new();
    for left in recovered {
        let change = plain(&left.change_id);
        let _ = writeln!(out, "{}", style.words.say_with("rollback-recovered", &[("change", Text(&change))]));
        each(left, style, &mut out);
        out.push('\n');
    }
    out
}

/// What came of each object, and how to take it back. `service`: where it was done, if not here.
pub(super) fn done(done: &DoneResponse, service: Option<&str>, style: &Style) -> String {
    let words = style.words;
    let mut out = String::from("\n");
    each(done, style, &mut out);
    let is_written = done.steps.iter().any(|step| matches!(step.state.as_str(), "proven" | "not_proven"));
    if done.undoes.is_none() && is_written {
        let there = service.map(|address| format!(" --server {address}")).unwrap_or_default();
        let change = plain(&(done.change_id.clone() + &there));
        let _ = writeln!(out, "{}", words.say_with("rollback-undo", &[("change", Text(&change))]));
    }
    out
}

/// What came of each object.
fn each(done: &DoneResponse, style: &Style, out: &mut String) {
    let words = style.words;
    let proven = if done.undoes.is_some() { "undo-proven" } else { "rollback-proven" };
    for step in &done.steps {
        let name = named(&step.target);
        let id = match step.state.as_str() {
            "proven" if step.action == "delete" => "rollback-gone",
            "proven" => proven,
            "already_so" => "rollback-already",
            "deleted" => "rollback-deleted",
            "not_written" => "rollback-not-written",
            "not_proven" => "rollback-not-proven",
            _ => "rollback-waiting",
        };
        let reason = plain(step.reason.as_deref().unwrap_or_default());
        let args = [("object", Text(&name)), ("fields", Count(step.fields)), ("reason", Text(&reason))];
        let _ = writeln!(out, "{}", words.say_with(id, &args));
    }
}

/// What taking a change back would write.
pub(super) fn undo(planned: &UndoResponse, change: &ChangeResponse, style: &Style) -> String {
    let args = [
        ("fields", Count(planned.changes.iter().map(|change| change.fields.len()).sum())),
        ("objects", Count(planned.changes.len())),
        ("change", Text(&plain(&change.done.change_id))),
        ("by", Text(&plain(&change.by))),
        ("at", Text(&crate::shown::at(change.begun_at, &style.now))),
    ];
    let mut out = style.words.say_with("undo-head", &args) + "\n";
    for change in &planned.changes {
        let _ = writeln!(out, "\n  {}", named(&change.target));
        if change.action == "recreate" {
            let _ = writeln!(out, "    {}", style.words.say("undo-recreate"));
        }
        for field in &change.fields {
            let path = match change.action.as_str() {
                "delete" => style.words.say("undo-delete"),
                "create" => style.words.say("undo-create"),
                _ => plain(field),
            };
            let _ = writeln!(out, "    {path}");
        }
        if let Some(reason) = &change.refused {
            let _ =
                writeln!(out, "         {}", style.words.say_with("undo-refused", &[("reason", Text(&plain(reason)))]));
        }
    }
    for target in &planned.not_kept {
        let _ = writeln!(out, "\n{}", style.words.say_with("undo-not-kept", &[("object", Text(&named(target)))]));
    }
    out
}
