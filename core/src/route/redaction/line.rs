//! Credentials of which the name stands on one line and the value on another.

use super::assigned::{Name, Sign, sign_after};
use super::manifest::{self, Manifest};
use super::name::Strength;
use super::value::{is_value, value_at};
use super::{Find, Kind};

/// For so many lines the `value` of an entry may follow its `name`.
const ENTRY_LINES: u8 = 2;

/// What a line leaves to the next ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Carry {
    /// `password:` or `password: |` ended a line that is indented so far.
    below: Option<(usize, Strength, bool)>,
    /// `- --password` or `"--password",` was an item of its own.
    flag: Option<Strength>,
    /// `name: DB_PASSWORD` was read, and its value may stand on so many lines more.
    entry: Option<(Strength, u8)>,
    /// Where in a manifest the line is.
    pub(super) manifest: Manifest,
    /// A certificate or public key goes on.
    pub(super) is_in_public: bool,
}

impl Carry {
    /// The values on a line that lines before it say are credentials.
    pub(super) fn find(&mut self, line: &str, found: &mut Vec<Find>) {
        if line.trim().is_empty() {
            return;
        }
        let under = self.below.and_then(|below| self.find_below(line, below));
        let item = self.flag.take().and_then(|strength| find_item(line, strength));
        let entry = self.entry.take().and_then(|entry| self.find_entry(line, entry));
        let datum = if self.manifest.is_in_data() && under.is_none() { self.find_datum(line) } else { None };
        found.extend([under, item, entry, datum].into_iter().flatten());
    }

    /// A value of a Secret's data, which may be a text below its name.
    fn find_datum(&mut self, line: &str) -> Option<Find> {
        let value = line.split_once(':').map(|(_, value)| value.trim());
        if value.is_some_and(|value| value.starts_with(['|', '>']) && value.len() <= 3) {
            self.below = Some((indent_of(line), Strength::Password, true));
        }
        manifest::find(line)
    }

    fn find_below(&mut self, line: &str, (indent, strength, is_block): (usize, Strength, bool)) -> Option<Find> {
        let text = line.trim_start();
        let item = text.strip_prefix("- ").filter(|_| !is_block).unwrap_or(text);
        let is_item = item.len() < text.len();
        let is_inside = indent_of(line) > indent || (is_item && indent_of(line) == indent);
        if !is_inside || (!is_block && is_structure(item.trim())) {
            self.below = None;
            return None;
        }
        if !is_block && !is_item {
            self.below = None;
        }
        let start = line.len() - item.len();
        let is_text = !is_block && item.split_whitespace().count() > 2;
        if is_text {
            self.below = None;
            return None;
        }
        let (quoted, is_quoted) = value_at(line, start, Sign::Colon);
        let range = if is_quoted && !is_block { quoted } else { start..line.trim_end().len() };
        is_value(&line[range.clone()], strength, !is_item).then_some(Find { range, kind: Kind::Password })
    }

    fn find_entry(&mut self, line: &str, (strength, left): (Strength, u8)) -> Option<Find> {
        let text = line.trim_start().trim_start_matches(['-', ' ', '"', '\'', '{']);
        if !text.starts_with("value") {
            let goes_on = left > 1 && !text.starts_with("name") && !text.starts_with("key");
            self.entry = goes_on.then_some((strength, left - 1));
            return None;
        }
        let start = line.len() - text.len();
        find_value(line, start, strength)
    }

    /// Looks at a name on this line: does it wait for a value on another, or is its value beside it?
    pub(super) fn note(&mut self, line: &str, name: &Name<'_>, strength: Strength) -> Option<Find> {
        if strength == Strength::Login {
            return None;
        }
        let rest = line[name.range.end..].trim_start_matches(['"', '\'', '\\']);
        let after = rest.trim_start();
        if name.is_entry() {
            let beside = after.trim_start_matches([',', ' ', '"', '\'', '\\']);
            if beside.starts_with("value") {
                return find_value(line, line.len() - beside.len(), strength);
            }
            if after.trim_matches([',', '"', '\'', '\n', '\r', ' ']).is_empty() {
                self.entry = Some((strength, ENTRY_LINES));
            }
            return None;
        }
        if name.is_flag() && after.trim_matches([',', '\n', '\r', ' ']).is_empty() {
            self.flag = Some(strength);
        }
        // `<password>` of XML, with its value on a line of its own; `--password <PASSWORD>` of a help text is none.
        let opens = line[..name.range.start].trim_start() == "<" && after.starts_with('>');
        if let Some(value) = after.strip_prefix(if opens { '>' } else { ':' }) {
            let value = value.trim();
            let is_block = value.starts_with(['|', '>']) && value.len() <= 3;
            if value.is_empty() || is_block {
                self.below = Some((indent_of(line), strength, is_block));
            }
        }
        None
    }
}

/// `value: …` at `at`.
fn find_value(line: &str, at: usize, strength: Strength) -> Option<Find> {
    let name = Name { text: line, range: at..at + "value".len() };
    let (sign, at) = sign_after(&name).filter(|(sign, _)| matches!(sign, Sign::Colon | Sign::Equals))?;
    let (range, _) = value_at(line, at, sign);
    let strength = if strength == Strength::Bare { Strength::Key } else { strength };
    is_value(&line[range.clone()], strength, true).then_some(Find { range, kind: Kind::Password })
}

/// An item of a list: `- hunter2`, `"hunter2",`.
fn find_item(line: &str, strength: Strength) -> Option<Find> {
    let text = line.trim_start();
    let text = text.strip_prefix("- ").unwrap_or(text);
    let (range, is_quoted) = value_at(line, line.len() - text.len(), Sign::Space);
    let value = &line[range.clone()];
    let is_one = !value.starts_with('-') && (is_quoted || line.trim_start().starts_with("- "));
    (is_one && is_value(value, strength, true)).then_some(Find { range, kind: Kind::Password })
}

pub(super) fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// True for a line of a map or list, which is no text.
fn is_structure(line: &str) -> bool {
    line.contains(": ") || line.ends_with(':') || line.starts_with(['-', '#', '{', '[', '}', ']', '/'])
}
