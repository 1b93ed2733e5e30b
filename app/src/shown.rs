//! How what differs is shown, whichever face shows it: characters, values, paths and times.

pub(crate) mod hunks;
pub(crate) mod value;

use anchorwatch_core::drift::origin::OriginReason;
use anchorwatch_core::drift::{Change, Origin};
use jiff::{Timestamp, Zoned};
use serde_json::Value as Json;

use crate::api::model::PlannedResponse;
use crate::words::Arg::{Count, Text};
use crate::words::Words;

/// The parts of paths that all workloads share.
const SHARED: &[&str] = &["spec.template.spec.", "spec.jobTemplate.spec.template.spec."];

/// What is said of what belongs to an object that is deleted, as far as it was found; and of what could not be listed. `None` where
/// nothing is deleted.
pub(crate) fn belonging(change: &PlannedResponse, words: Words) -> Option<(String, Option<String>)> {
    let PlannedResponse { dependants, propagation, not_listed, .. } = change;
    let head = match (dependants.is_empty(), propagation.as_deref()?) {
        (true, _) => "rollback-alone",
        (false, "Orphan") => "rollback-orphaned",
        (false, _) => "rollback-goes-too",
    };
    let not_listed = not_listed.join(", ");
    let unknown = || words.say_with("rollback-not-listed", &[("what", Text(&not_listed))]);
    let head = words.say_with(head, &[("objects", Count(dependants.len()))]);
    Some((head, (!not_listed.is_empty()).then(unknown)))
}

/// A path without the part that all workloads share.
pub(crate) fn short_path(path: &str) -> &str {
    SHARED.iter().find_map(|shared| path.strip_prefix(shared)).unwrap_or(path)
}

/// A commit's first seven characters.
pub(crate) fn short_commit(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// A time, absolute.
pub(crate) fn at(time: Timestamp, now: &Zoned) -> String {
    time.to_zoned(now.time_zone().clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// A time as people say it who look now.
pub(crate) fn when(time: Timestamp, now: &Zoned, words: Words) -> String {
    let local = time.to_zoned(now.time_zone().clone());
    let seconds = now.timestamp().duration_since(time).as_secs();
    let count = |n: i64| Count(usize::try_from(n).unwrap_or(0));
    match seconds {
        i64::MIN..60 => words.say("ago-now"),
        60..3600 => words.say_with("ago-minutes", &[("n", count(seconds / 60))]),
        3600..36000 => words.say_with("ago-hours", &[("n", count(seconds / 3600))]),
        _ if now.yesterday().is_ok_and(|y| y.date() == local.date()) => {
            words.say_with("yesterday", &[("time", Text(&local.strftime("%H:%M").to_string()))])
        }
        _ => local.strftime("%Y-%m-%d %H:%M").to_string(),
    }
}

/// The id of the sentence that says how something differs. `is_past`: an earlier commit said what the cluster has.
pub(crate) fn tag(change: Change, origin: Origin, is_past: bool) -> &'static str {
    match (change, origin) {
        _ if is_past && change != Change::Extra => "tag-not-applied",
        (Change::Changed, _) => "tag-changed",
        (Change::Removed, _) => "tag-removed",
        (Change::MissingObject, _) => "tag-missing",
        (Change::UnmanagedObject, _) => "tag-unmanaged",
        (Change::Extra, Origin::Human) => "tag-extra-human",
        (Change::Extra, Origin::Controller) => "tag-extra-controller",
        (Change::Extra, Origin::Stale) => "tag-extra-stale",
        (Change::Extra, Origin::Unknown) => "tag-extra-unknown",
    }
}

/// The id of the sentence that says what is to be known of an item's rule or owner, if anything is.
pub(crate) fn note(rule: &str, reason: OriginReason) -> Option<&'static str> {
    let by_rule = match rule {
        "replicas-autoscaled" => Some("note-autoscaled"),
        "replicas-outside-autoscaler" => Some("note-outside"),
        "scaled-to-zero" => Some("note-zero"),
        _ => None,
    };
    let by_origin = match reason {
        OriginReason::NameProvesNothing => Some("note-name"),
        OriginReason::UnlistedManager => Some("note-unlisted"),
        OriginReason::Unowned => Some("note-unowned"),
        OriginReason::NoManagedFields => Some("note-no-managed-fields"),
        _ => None,
    };
    by_rule.or(by_origin)
}

/// Both values, where they are texts and one has several lines. A masked one never has.
pub(crate) fn long_texts<'v>(git: Option<&'v Json>, live: Option<&'v Json>) -> Option<(&'v str, &'v str)> {
    let (git, live) = (git?.as_str()?, live?.as_str()?);
    let is_masked = |text: &str| text.starts_with("<SECRET ");
    ((git.contains('\n') || live.contains('\n')) && !is_masked(git) && !is_masked(live)).then_some((git, live))
}

/// A value's lines. An element's keys are in its path already.
pub(crate) fn value_lines(shown: &Json, stable_path: &str) -> Vec<String> {
    let shown = match shown {
        Json::Object(map) if stable_path.ends_with(']') => {
            let named = map.get("name").and_then(Json::as_str).map(|name| format!("[name={name}]"));
            let mut rest = map.clone();
            if named.is_some_and(|suffix| stable_path.ends_with(&suffix)) && rest.len() > 1 {
                rest.shift_remove("name");
            }
            Json::Object(rest)
        }
        other => other.clone(),
    };
    match &shown {
        Json::Object(map) if map.len() == 1 => {
            map.iter().map(|(k, v)| plain(&format!("{k}: {}", value::flow(v)))).collect()
        }
        Json::Object(_) | Json::Array(_) => value::yaml(&shown).lines().map(plain).collect(),
        Json::String(text) if text.contains('\n') => text.lines().map(plain).collect(),
        other => vec![plain(&value::flow(other))],
    }
}

/// Text from outside, with control, bidi and zero-width characters made visible.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// JSON or YAML with the same characters written as escapes inside its quotes: programs read what was there.
///
/// Such characters stand between quotes only, but for line ends.
pub(crate) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !is_hidden(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// Control, bidi and other format characters, and those that take no place at all.
///
/// Unicode's `Default_Ignorable_Code_Point` and `Cf`, as far as text in a manifest has no honest use for them unseen.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The beginning of a text that nobody would read to its end.
pub(crate) fn cut(text: &str, most: usize) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_become_visible() {
        assert_eq!(plain("a\u{1b}[31mb\u{202e}c\u{200b}"), "a\\u{1b}[31mb\\u{202e}c\\u{200b}");
        assert_eq!(plain("漂移 é"), "漂移 é");
    }

    #[test]
    fn programs_read_back_what_was_escaped() {
        let text = "a\u{9b}\u{202e}\u{e0041}漂";
        let json = escaped(&serde_json::to_string(text).unwrap());
        assert_eq!(json, "\"a\\u009b\\u202e\\udb40\\udc41漂\"");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
