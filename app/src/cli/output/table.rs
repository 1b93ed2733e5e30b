//! `-o table`: what people read at 3 a.m. Grouped by object, worst first.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anchorwatch_core::drift::report::{self, DriftReport};
use anchorwatch_core::drift::{Change, DriftItem, DriftLevel};
use anchorwatch_core::object::secret::Shown;
use anstyle::{AnsiColor, Style as Paint};
use serde_json::Value as Json;
use unicode_width::UnicodeWidthStr;

use super::{Style, padded, when, who};
use crate::cli::plain;
use crate::drift::scan::Outcome;
use crate::shown::cut;
use crate::shown::hunks::{self, Line};
use crate::shown::{long_texts, short_commit as short, short_path, value, value_lines};
use crate::words::Arg::{Count, Text};

/// Columns before an item's path.
const INDENT: usize = 9;
/// Lines around what differs in a text.
const CONTEXT: usize = 2;
/// Lines of a value that are shown before it is cut.
const MOST_LINES: usize = 12;
/// Characters of one line of a value that are shown before it is cut; `-o yaml` shows all.
const MOST_COLUMNS: usize = 1000;
/// Prints an outcome.
pub(super) fn print(outcome: &Outcome, style: &Style) -> String {
    let mut table = Table { out: String::new(), style };
    let items: Vec<&DriftItem> = outcome.reports.iter().flat_map(|r| &r.items).collect();
    let objects: usize = outcome.reports.iter().map(|r| r.objects).sum();
    if items.is_empty() {
        table.not_compared(outcome);
        let id = match (outcome.is_complete(), objects) {
            (true, _) => "clean",
            (false, 0) => "nothing-compared",
            (false, _) => "clean-partly",
        };
        let source = source_at(outcome);
        let text = style.words.say_with(id, &[("objects", Count(objects)), ("source", Text(&plain(&source)))]);
        table.broken("", &text);
        return table.out;
    }
    table.head(outcome);
    let many = namespaces(outcome).len() > 1;
    let mut sorted = items.clone();
    sorted.sort_by_key(|i| (std::cmp::Reverse(i.drift_level), &i.namespace, &i.resource_kind, &i.resource_name));
    for group in sorted.chunk_by(|a, b| object_key(a) == object_key(b)) {
        table.group(group, many);
    }
    table.line("");
    table.not_compared(outcome);
    table.summary(outcome, &items, objects);
    table.out
}

fn object_key(item: &DriftItem) -> (DriftLevel, &str, &str, &str) {
    (item.drift_level, &item.namespace, &item.resource_kind, &item.resource_name)
}

/// The namespaces that were looked at.
fn namespaces(outcome: &Outcome) -> BTreeSet<&str> {
    outcome.reports.iter().map(|r| r.namespace.as_str()).filter(|namespace| !namespace.is_empty()).collect()
}

fn source_at(outcome: &Outcome) -> String {
    let revision = outcome.reports.first().and_then(|r| r.revision.as_deref());
    match revision {
        Some(commit) => format!("{} @ {}", outcome.source, short(commit)),
        None => outcome.source.clone(),
    }
}

struct Table<'a> {
    out: String,
    style: &'a Style,
}

impl Table<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn head(&mut self, outcome: &Outcome) {
        let words = self.style.words;
        let extent = &outcome.extent;
        let source = source_at(outcome);
        let git = words.say_with(
            "source-line",
            &[("source", Text(&plain(&source))), ("objects", Count(extent.objects)), ("files", Count(extent.files))],
        );
        let mut live = words.say_with(
            if extent.recorded { "live-snapshot" } else { "live-cluster" },
            &[("name", Text(&plain(&extent.live)))],
        );
        // Of several each object says its own.
        let namespaces = namespaces(outcome);
        if let (1, Some(only)) = (namespaces.len(), namespaces.first()) {
            let _ = write!(live, " · {}", words.say_with("live-namespace", &[("name", Text(&plain(only)))]));
        }
        let seconds = format!("{:.1}", extent.elapsed.as_secs_f64());
        let live = words.say_with(
            "live-line",
            &[("live", Text(&live)), ("kinds", Count(extent.kinds)), ("seconds", Text(&seconds))],
        );
        for (label, text) in [("head-git", git), ("head-live", live)] {
            let label = words.say(label);
            self.broken(&format!(" {}", padded(&label, 6)), &text);
        }
        self.line("");
    }

    fn group(&mut self, items: &[&DriftItem], with_namespace: bool) {
        let Some(first) = items.first() else { return };
        let words = self.style.words;
        let (level, paint) = match first.drift_level {
            DriftLevel::High => ("level-high", Paint::new().bold().fg_color(Some(AnsiColor::Red.into()))),
            DriftLevel::Medium => ("level-medium", Paint::new().fg_color(Some(AnsiColor::Yellow.into()))),
            DriftLevel::Info => ("level-info", Paint::new().dimmed()),
        };
        let level = padded(&words.say(level), 8);
        let namespace = if with_namespace { first.namespace.as_str() } else { "" };
        let name = super::object(&first.resource_kind, &first.resource_name, namespace);
        let lead = format!(" {paint}{level}{paint:#}");
        match items {
            [only] if only.stable_path.is_empty() => {
                let tag = self.tag(only);
                let text = self.apart(&name, INDENT, &tag);
                self.line(&format!("{lead}{text}"));
                self.notes(only);
            }
            [only] if first.drift_level == DriftLevel::Info && self.has_room(&name, only) => {
                let change = format!("{name}  {}", self.short_change(only));
                let note = self.note(only).unwrap_or_default();
                let text = self.apart(&change, INDENT, &note);
                self.line(&format!("{lead}{text}"));
            }
            _ => {
                let bold = Paint::new().bold();
                self.line(&format!("{lead}{bold}{name}{bold:#}"));
                for item in items {
                    self.item(item);
                }
            }
        }
    }

    fn item(&mut self, item: &DriftItem) {
        let path = self.path(item);
        let tag = self.tag(item);
        if let Some((git, live)) = short_pair(item) {
            let change = format!("{path}   {git} → {live}");
            let place = place_of(item);
            if INDENT + change.width() + 2 + place.width() <= self.style.width {
                let text = self.apart(&change, INDENT, &place);
                self.indented(&text);
                self.notes(item);
                return;
            }
        }
        let text = self.apart(&path, INDENT, &tag);
        self.indented(&text);
        if let Some((git, live)) = long_texts(json(item.git_value.as_ref()), json(item.actual_value.as_ref())) {
            self.texts(git, live, item);
            self.notes(item);
            return;
        }
        self.value("label-git", json(item.git_value.as_ref()), item, true);
        self.value("label-live", json(item.actual_value.as_ref()), item, false);
        self.notes(item);
    }

    /// True if a line has room for an object's name and its only change.
    fn has_room(&self, name: &str, item: &DriftItem) -> bool {
        INDENT + name.width() + 2 + self.short_change(item).width() < self.style.width
    }

    /// A text behind a label, broken at blanks, its other lines below its first.
    fn broken(&mut self, label: &str, text: &str) {
        let pad = " ".repeat(label.width());
        for (at, line) in folded(text, self.style.width.saturating_sub(label.width() + 1)).iter().enumerate() {
            self.line(&format!("{}{line}", if at == 0 { label } else { &pad }));
        }
    }

    fn indented(&mut self, text: &str) {
        self.line(&format!("{}{text}", " ".repeat(INDENT)));
    }

    /// Text, and something at the right edge; on a line of its own where there is no room for both.
    fn apart(&self, text: &str, indent: usize, right: &str) -> String {
        if right.is_empty() {
            return text.to_owned();
        }
        let used = indent + text.width() + right.width();
        let dim = Paint::new().dimmed();
        let right_edge = self.style.width.min(100).saturating_sub(1);
        if used + 2 > self.style.width {
            let pad = right_edge.saturating_sub(right.width()).max(INDENT);
            return format!("{text}\n{}{dim}{right}{dim:#}", " ".repeat(pad));
        }
        let gap = right_edge.saturating_sub(used).max(2);
        format!("{text}{}{dim}{right}{dim:#}", " ".repeat(gap))
    }

    fn path(&self, item: &DriftItem) -> String {
        let path = plain(&item.stable_path);
        if self.style.wide { path } else { short_path(&path).to_owned() }
    }

    fn tag(&self, item: &DriftItem) -> String {
        let id = crate::shown::tag(item.change, item.origin, item.was_in_git.is_some());
        self.style.words.say(id)
    }

    fn value(&mut self, label: &str, shown: Option<&Json>, item: &DriftItem, is_git: bool) {
        let Some(shown) = shown else { return };
        let label = padded(&self.style.words.say(label), 6);
        let place = if is_git { place_of(item) } else { String::new() };
        let left = INDENT + 2 + label.width();
        let pad = " ".repeat(left);
        let room = self.style.width.saturating_sub(left + 1);
        let lines: Vec<String> = value_lines(shown, &item.stable_path)
            .iter()
            .flat_map(|line| folded(&cut(line, MOST_COLUMNS), room))
            .collect();
        for (at, line) in lines.iter().take(MOST_LINES).enumerate() {
            if at == 0 {
                let text = self.apart(line, left, &place);
                self.line(&format!("{}  {label}{text}", " ".repeat(INDENT)));
            } else {
                self.line(&format!("{pad}{line}"));
            }
        }
        if lines.len() > MOST_LINES {
            let more = self.style.words.say_with("more-lines", &[("lines", Count(lines.len() - MOST_LINES))]);
            self.line(&format!("{pad}{more}"));
        }
    }

    /// Two texts of several lines: only what differs, and the lines around it.
    fn texts(&mut self, git: &str, live: &str, item: &DriftItem) {
        let words = self.style.words;
        let label = padded(&words.say("label-diff"), 6);
        let left = INDENT + 2 + label.width();
        let pad = " ".repeat(left);
        let room = self.style.width.saturating_sub(left + 1);
        let legend = self.apart(&words.say("diff-legend"), left, &place_of(item));
        self.line(&format!("{}  {label}{legend}", " ".repeat(INDENT)));
        let mut lines = Vec::new();
        for hunk in hunks::hunks(git, live, CONTEXT) {
            if hunk.old > 0 {
                lines.push(words.say_with("diff-from", &[("line", Count(hunk.old + 1))]));
            }
            lines.extend(hunk.lines.iter().flat_map(|line| self.text_line(line, room)));
        }
        for line in lines.iter().take(MOST_LINES) {
            self.line(&format!("{pad}{line}"));
        }
        if lines.len() > MOST_LINES {
            let more = words.say_with("more-lines", &[("lines", Count(lines.len() - MOST_LINES))]);
            self.line(&format!("{pad}{more}"));
        }
    }

    /// One line of a text. What differs in it is emphasized where it needs no breaking.
    fn text_line(&self, line: &Line, room: usize) -> Vec<String> {
        let end = if line.is_ended || line.sign == ' ' {
            String::new()
        } else {
            format!("  {}", self.style.words.say("no-line-end"))
        };
        let text = line.text();
        let shown = text.trim_end();
        let blanks = "·".repeat(if line.sign == ' ' { 0 } else { text.len() - shown.len() });
        let whole = format!("{} {shown}{blanks}{end}", line.sign);
        let paint = match line.sign {
            '-' => Paint::new().fg_color(Some(AnsiColor::Red.into())),
            '+' => Paint::new().fg_color(Some(AnsiColor::Green.into())),
            _ => return folded(&cut(&whole, MOST_COLUMNS), room),
        };
        if whole.width() > room || text != shown {
            return folded(&cut(&whole, MOST_COLUMNS), room)
                .iter()
                .map(|part| format!("{paint}{part}{paint:#}"))
                .collect();
        }
        let strong = paint.bold().underline();
        let parts = line.parts.iter().map(|(differs, part)| {
            let paint = if *differs { strong } else { paint };
            format!("{paint}{part}{paint:#}")
        });
        vec![format!("{paint}{}{paint:#} {}{end}", line.sign, parts.collect::<String>())]
    }

    fn notes(&mut self, item: &DriftItem) {
        let words = self.style.words;
        let who = item.attribution.as_ref().map(|a| who(a, self.style));
        let note = self.note(item);
        for (label, text) in [("label-who", who), ("label-note", note)] {
            if let Some(text) = text {
                let label = padded(&words.say(label), 6);
                self.broken(&format!("{}  {label}", " ".repeat(INDENT)), &text);
            }
        }
    }

    fn note(&self, item: &DriftItem) -> Option<String> {
        let words = self.style.words;
        if let Some(past) = &item.was_in_git {
            let at = past.changed_at.map(|t| when(t, self.style)).unwrap_or_default();
            let commit = [("commit", Text(short(&past.commit)))];
            let mut text = match past.changed_in.as_deref().map(short) {
                _ if item.change == Change::Extra => words.say_with("note-past", &commit),
                Some(since) => words.say_with("note-past-ahead", &[("commit", Text(since)), ("when", Text(&at))]),
                None => words.say_with("note-past-uncommitted", &commit),
            };
            if item.rule == "sync-stuck" {
                let _ = write!(text, " · {}", words.say("note-stuck"));
            }
            return Some(text);
        }
        crate::shown::note(&item.rule, item.origin_reason).map(|id| words.say(id))
    }

    fn short_change(&self, item: &DriftItem) -> String {
        let path = plain(&item.stable_path);
        let last = short_path(&path);
        let last = if self.style.wide { path.as_str() } else { last.strip_prefix("spec.").unwrap_or(last) };
        let shown = |v: Option<&Json>| v.map(|v| plain(&value::flow(v)));
        match (shown(json(item.git_value.as_ref())), shown(json(item.actual_value.as_ref()))) {
            (Some(git), Some(live)) => format!("{last} {git} → {live}"),
            (Some(git), None) => format!("{last} {git} → -"),
            (None, Some(live)) => format!("{last} - → {live}"),
            (None, None) => last.to_owned(),
        }
    }

    fn not_compared(&mut self, outcome: &Outcome) {
        let words = self.style.words;
        for entry in outcome.not_compared() {
            self.broken(" ", &super::not_compared(entry, outcome, words));
        }
        let ignored: Vec<_> = outcome.reports.iter().flat_map(|r| &r.ignored).collect();
        if !ignored.is_empty() {
            let rules: BTreeSet<&str> = ignored.iter().map(|i| i.rule.as_str()).collect();
            let rules = plain(&rules.into_iter().collect::<Vec<_>>().join(", "));
            let text = words.say_with("ignored", &[("items", Count(ignored.len())), ("rules", Text(&rules))]);
            self.broken(" ", &text);
        }
        let extent = &outcome.extent;
        if extent.unattributed > 0 {
            let text = words.say_with("unattributed", &[("objects", Count(extent.unattributed))]);
            self.broken(" ", &text);
        }
        if let Some(text) = super::nearest_defaults(outcome, words) {
            self.broken(" ", &text);
        }
    }

    fn summary(&mut self, outcome: &Outcome, items: &[&DriftItem], objects: usize) {
        let words = self.style.words;
        let sum = |count: fn(&DriftReport) -> usize| outcome.reports.iter().map(count).sum();
        let counts = report::summary(sum(|r| r.high_count), sum(|r| r.medium_count), sum(|r| r.info_count));
        let mut keys: Vec<_> = items
            .iter()
            .filter(|i| i.change != Change::UnmanagedObject)
            .map(|i| (&i.namespace, &i.resource_kind, &i.resource_name))
            .collect();
        keys.sort();
        keys.dedup();
        let differ = words.say_with("summary-differ", &[("differing", Count(keys.len())), ("objects", Count(objects))]);
        let bold = Paint::new().bold();
        self.line(&format!(" {bold}{counts}{bold:#}   {differ}"));
        if let Some(worst) = items.iter().max_by_key(|i| i.drift_level).filter(|_| self.style.hints) {
            let object = plain(&format!("{}/{}", worst.resource_kind, worst.resource_name));
            self.line(&format!(" {}", words.say_with("hint-explain", &[("object", Text(&object))])));
        }
    }
}

/// File and line where Git says it.
fn place_of(item: &DriftItem) -> String {
    let Some(source) = &item.source else { return String::new() };
    let file = source.file.as_deref().map(plain).unwrap_or_default();
    match source.line {
        Some(line) => format!("{file}:{line}"),
        None => file,
    }
}

/// Both values, where each is short enough for one line together.
fn short_pair(item: &DriftItem) -> Option<(String, String)> {
    let text = |shown: &Json| {
        let text = plain(&value::flow(shown));
        (text.width() <= 24 && !matches!(shown, Json::Array(_) | Json::Object(_))).then_some(text)
    };
    Some((text(item.git_value.as_ref()?.as_json())?, text(item.actual_value.as_ref()?.as_json())?))
}

fn json(shown: Option<&Shown>) -> Option<&Json> {
    shown.map(Shown::as_json)
}

/// Breaks a text at blanks and between Chinese characters; a longer word stays whole. Other lines than the first are
/// indented by two more than it.
fn folded(text: &str, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let rest = text.trim_start_matches(' ');
    let indent = " ".repeat(text.len() - rest.len());
    let (mut lines, mut line) = (Vec::new(), indent.clone());
    let mut used = line.width();
    let mut is_new = true;
    for word in words_of(rest) {
        let needed = word.trim_end().width();
        if !is_new && used + needed > width {
            lines.push(std::mem::replace(&mut line, format!("{indent}  ")).trim_end().to_owned());
            used = line.width();
        }
        line.push_str(word);
        used += word.width();
        is_new = false;
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// Parts that must not be broken, each with the blanks after it.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut before: Option<char> = None;
        let end = rest.char_indices().find_map(|(at, c)| {
            let after_blank = before == Some(' ') && c != ' ';
            // Closing marks stay with what they close.
            let between_wide = before.is_some_and(is_wide) && c != ' ' && !"，。、；：）」』".contains(c);
            before = Some(c);
            (after_blank || between_wide).then_some(at)
        });
        let (word, others) = rest.split_at(end.unwrap_or(rest.len()));
        rest = others;
        (!word.is_empty()).then_some(word)
    })
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ff00}'..='\u{ff60}')
}
