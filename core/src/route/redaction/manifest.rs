//! Secrets of Kubernetes written out in a text: every value of their `data` and `stringData` is one.

use super::assigned::Sign;
use super::line::indent_of;
use super::value::{is_stand_in, value_at};
use super::{Find, Kind};

/// So far ahead a stream waits for the `kind` that `kubectl get -o yaml` writes after the data.
const AHEAD: usize = 32 * 1024;

/// Where in a manifest the lines are.
#[derive(Debug, Clone, Default)]
pub(super) struct Manifest {
    /// The kinds read so far of the objects around, by indentation: is it a Secret?
    kinds: Vec<(usize, bool)>,
    /// The indentation of the Secret's `data` that was entered.
    data: Option<usize>,
}

/// What a line means for the manifest around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Kind(bool),
    Data,
    StringData,
    Other,
}

fn read(line: &str) -> (usize, Line) {
    let text = line.trim_start_matches([' ', '\t']);
    let item = text.strip_prefix("- ").unwrap_or(text);
    let indent = indent_of(line) + text.len() - item.len();
    let Some((name, value)) = item.split_once(':') else { return (indent, Line::Other) };
    let value = value.trim().trim_end_matches(',');
    let meaning = match (name.trim_matches('"'), value) {
        ("kind", kind) => Line::Kind(kind.trim_matches(['"', '\'']) == "Secret"),
        ("data", "" | "{") => Line::Data,
        ("stringData", "" | "{") => Line::StringData,
        _ => Line::Other,
    };
    (indent, meaning)
}

impl Manifest {
    /// True if a line begins data of which the kind was not read yet.
    pub(super) fn asks(&self, line: &str) -> bool {
        let (indent, meaning) = read(line);
        meaning == Line::Data && self.kind(indent).is_none()
    }

    fn kind(&self, indent: usize) -> Option<bool> {
        self.kinds.iter().find(|(at, _)| *at == indent).map(|(_, is_secret)| *is_secret)
    }

    /// Reads a line. `ahead`: whether the object is a Secret, where lines after this one had to tell.
    pub(super) fn note(&mut self, line: &str, ahead: bool) {
        if line.trim().is_empty() {
            return;
        }
        let (indent, meaning) = read(line);
        let outer = indent_of(line);
        let is_new = line.starts_with("---");
        self.kinds.retain(|(at, _)| !is_new && *at <= outer.max(indent) && (outer == indent || *at <= outer));
        self.data = self.data.filter(|at| indent > *at && !is_new);
        match meaning {
            Line::Kind(is_secret) if self.data.is_none() => {
                self.kinds.retain(|(at, _)| *at != indent);
                self.kinds.push((indent, is_secret));
            }
            Line::StringData => self.data = Some(indent),
            Line::Data if self.kind(indent).unwrap_or(ahead) => self.data = Some(indent),
            _ => {}
        }
    }

    /// True within the data of a Secret.
    pub(super) fn is_in_data(&self) -> bool {
        self.data.is_some()
    }
}

/// Whether the object whose data begin at this line is a Secret, as the lines after it say. None if more have to come.
pub(super) fn ahead(line: &str, after: &str, is_all: bool) -> Option<bool> {
    let (indent, _) = read(line);
    let mut seen = 0;
    for line in after.split_inclusive('\n') {
        let is_whole = line.ends_with('\n') || is_all;
        seen += line.len();
        if seen > AHEAD {
            return Some(false);
        }
        if !is_whole {
            return None;
        }
        let (at, meaning) = read(line);
        match meaning {
            Line::Kind(is_secret) if at == indent => return Some(is_secret),
            // Data again are another object's.
            Line::Data if at == indent => return Some(false),
            _ if line.trim().is_empty() => {}
            _ if indent_of(line) < indent || line.starts_with("---") => return Some(false),
            _ => {}
        }
    }
    is_all.then_some(false)
}

/// The value on a line of a Secret's data.
pub(super) fn find(line: &str) -> Option<Find> {
    let sign = line.find(':')?;
    let (range, _) = value_at(line, sign + 1, Sign::Colon);
    let value = &line[range.clone()];
    let is_one = !line.trim_start().starts_with('#') && !value.starts_with(['|', '>', '{']) && !is_stand_in(value);
    is_one.then_some(Find { range, kind: Kind::Password })
}

/// The values of Secrets in JSON on one line, also where it is a text within JSON.
pub(super) fn find_on_one_line(line: &str, found: &mut Vec<Find>) {
    if !line.contains("Secret\"") && !line.contains("Secret\\\"") && !line.contains("stringData") {
        return;
    }
    let is_secret = says_secret(line);
    for (at, word) in line.match_indices("\"data").chain(line.match_indices("\"stringData")) {
        if is_secret || word == "\"stringData" {
            find_entries(line, at + word.len(), found);
        }
    }
}

fn says_secret(line: &str) -> bool {
    line.match_indices("\"kind").any(|(at, word)| {
        let rest = line[at + word.len()..].trim_start_matches(['\\', '"', ' ', ':']);
        rest.strip_prefix("Secret").is_some_and(|rest| rest.starts_with(['"', '\\']))
    })
}

/// The entries of a flat map that begins after its name.
fn find_entries(line: &str, after_name: usize, found: &mut Vec<Find>) {
    let skip = |at: usize, what: &[char]| line.len() - line[at..].trim_start_matches(what).len();
    let mut at = skip(after_name, &['\\', '"', ' ', ':']);
    if !line[at..].starts_with('{') {
        return;
    }
    loop {
        at = skip(at, &['{', ',', ' ']);
        let (name, is_quoted) = value_at(line, at, Sign::Colon);
        let colon = skip(name.end, &['\\', '"', ' ']);
        if !is_quoted || !line[colon..].starts_with(':') {
            return;
        }
        let (value, is_quoted) = value_at(line, colon + 1, Sign::Colon);
        if !is_quoted {
            return;
        }
        at = skip(value.end, &['\\', '"', ' ']);
        if !is_stand_in(&line[value.clone()]) {
            found.push(Find { range: value, kind: Kind::Password });
        }
    }
}
