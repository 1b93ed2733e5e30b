//! Values written in every manner that YAML has: a file that no two people would write alike.

use serde_json::{Map, Value as Json, json};

use super::random::Dice;

const TEXTS: &[&str] = &[
    "x",
    "two words",
    "a-b.c/d",
    "it's",
    "say \"hi\"",
    "",
    "12",
    "no",
    "a: b",
    "a #b",
    "one\ntwo\n",
    "one\n\n  two",
    "  one\ntwo\n",
    "one\n\n\n",
    "tail \nx\n",
    "é 🌊",
    "a long text that is broken over lines because somebody has an editor that does so",
];

const KEYS: &[&str] = &["a", "b", "name", "x.y/z", "two words", "on", "k1", "-k", "é"];

/// A random map.
pub(crate) fn tree(dice: &mut Dice, depth: usize) -> Json {
    let size = dice.below(4) + 1;
    let value = |dice: &mut Dice| match dice.below(if depth == 0 { 6 } else { 10 }) {
        0..=3 => json!(TEXTS[dice.below(TEXTS.len())]),
        4 => dice.pick(&[json!(1), json!(true), json!(0.5), json!(null)]).clone(),
        5 => dice.pick(&[json!({}), json!([])]).clone(),
        6 | 7 => (0..=dice.below(3)).map(|_| tree(dice, depth - 1)).collect(),
        8 => (0..=dice.below(3)).map(|_| json!(TEXTS[dice.below(TEXTS.len())])).collect(),
        _ => tree(dice, depth - 1),
    };
    let entries = (0..size).map(|_| (KEYS[dice.below(KEYS.len())].to_owned(), value(dice)));
    Json::Object(entries.collect::<Map<_, _>>())
}

/// A file of one to three documents with these maps.
pub(crate) fn file(dice: &mut Dice, trees: &[Json]) -> String {
    let mut writer = Writer { dice, out: String::new(), anchors: 0 };
    for (at, tree) in trees.iter().enumerate() {
        if at > 0 || writer.dice.below(3) == 0 {
            writer.one_of(&["---\n", "--- # next\n", "# before\n---\n", "---\n\n# head\n"]);
        }
        writer.map(tree.as_object().unwrap(), 0);
        writer.between(0);
    }
    let end = writer.dice.below(6);
    let text = writer.out;
    match end {
        0 => text.trim_end_matches('\n').to_owned(),
        1 => text.replace('\n', "\r\n"),
        2 => format!("\u{feff}{text}"),
        _ => text,
    }
}

struct Writer<'d> {
    dice: &'d mut Dice,
    out: String,
    anchors: usize,
}

impl Writer<'_> {
    fn chance(&mut self, one_in: usize) -> bool {
        self.dice.below(one_in) == 0
    }

    fn one_of(&mut self, texts: &[&str]) {
        self.out.push_str(texts[self.dice.below(texts.len())]);
    }

    fn spaces(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(' ', count));
    }

    /// Empty lines and comments.
    fn between(&mut self, indent: usize) {
        if self.chance(8) {
            self.out.push('\n');
        }
        if self.chance(8) {
            let more = *self.dice.pick(&[0, 0, 2]);
            self.spaces(indent + more);
            self.one_of(&["# said: so\n", "# a word\n", "#- x\n"]);
        }
    }

    fn line_end(&mut self) {
        self.one_of(&["\n", "\n", "\n", "\n", " # side\n", "   # far\n", "  \n"]);
    }

    /// Entries, each with its indentation.
    fn map(&mut self, map: &Map<String, Json>, indent: usize) {
        for (at, (key, value)) in map.iter().enumerate() {
            if at > 0 {
                self.between(indent);
            }
            self.spaces(indent);
            self.entry(key, value, indent);
        }
    }

    fn entry(&mut self, key: &str, value: &Json, indent: usize) {
        let is_plain = key.bytes().all(|b| b.is_ascii_lowercase()) && key != "on";
        match self.dice.below(8) {
            0 if is_plain => {
                self.out.extend(["? ", key, "\n"]);
                self.spaces(indent);
            }
            1 => self.out.extend(["\"", key, "\""]),
            2 => self.out.extend(["'", key, "' "]),
            _ if is_plain => self.out.push_str(key),
            _ => self.out.extend(["\"", key, "\""]),
        }
        self.out.push(':');
        self.value(value, indent, false);
    }

    /// What stands behind a colon or dash, its line break included.
    fn value(&mut self, value: &Json, indent: usize, is_item: bool) {
        if self.chance(25) {
            self.anchors += 1;
            self.out.extend([" &a", &self.anchors.to_string()]);
        }
        match value {
            Json::Object(map) if !map.is_empty() && !self.chance(4) => self.block_map(map, indent, is_item),
            Json::Array(list) if !list.is_empty() && !self.chance(4) => self.block_list(list, indent, is_item),
            Json::String(text) if text.contains('\n') && !self.chance(3) => self.block_text(text, indent),
            Json::Null if self.chance(2) => self.line_end(),
            _ => {
                if self.chance(12) {
                    self.line_end();
                    self.spaces(indent + 2);
                } else {
                    // Kubernetes' reader refuses a tab behind a dash.
                    self.one_of(&[" ", " ", " ", "   ", if is_item { " " } else { "\t" }]);
                }
                let text = self.flow(value, indent + 1);
                self.out.push_str(&text);
                self.line_end();
            }
        }
    }

    fn block_map(&mut self, map: &Map<String, Json>, indent: usize, is_item: bool) {
        let has_anchor = self.out.rsplit(['\n', '-', ':']).next().is_some_and(|tail| tail.contains('&'));
        if is_item && !has_anchor && self.dice.below(5) > 0 {
            let gap = *self.dice.pick(&[1, 1, 1, 3]);
            self.spaces(gap);
            let column = indent + 1 + gap;
            for (at, (key, value)) in map.iter().enumerate() {
                if at > 0 {
                    self.between(column);
                    self.spaces(column);
                }
                self.entry(key, value, column);
            }
            return;
        }
        self.line_end();
        let step = *self.dice.pick(&[1, 2, 2, 2, 4]);
        self.between(indent + step);
        self.map(map, indent + step);
    }

    fn block_list(&mut self, list: &[Json], indent: usize, is_item: bool) {
        self.line_end();
        let step = if is_item { 2 } else { *self.dice.pick(&[0, 0, 2, 2, 3]) };
        for item in list {
            self.between(indent + step);
            self.spaces(indent + step);
            self.out.push('-');
            self.value(item, indent + step, true);
        }
    }

    fn block_text(&mut self, text: &str, indent: usize) {
        let body = text.trim_end_matches('\n');
        let step = *self.dice.pick(&[1, 2, 2, 4]);
        let indicator = if body.starts_with(' ') || self.chance(6) { step.to_string() } else { String::new() };
        let newlines = text.len() - body.len();
        let chomping = ["-", ""].get(newlines).copied().unwrap_or("+");
        self.out.extend([" |", &indicator, chomping]);
        self.line_end();
        for line in body.split('\n') {
            if !line.is_empty() {
                self.spaces(indent + step);
            }
            self.out.push_str(line);
            self.out.push('\n');
        }
        self.out.push_str(&"\n".repeat(newlines.saturating_sub(1)));
    }

    /// A value on one line, or in brackets over lines.
    fn flow(&mut self, value: &Json, indent: usize) -> String {
        let (open, close, parts) = match value {
            Json::Array(list) => ('[', ']', list.iter().map(|child| self.flow(child, indent + 1)).collect::<Vec<_>>()),
            Json::Object(map) => {
                let entries = map.iter().map(|(key, child)| format!("\"{key}\": {}", self.flow(child, indent + 1)));
                ('{', '}', entries.collect())
            }
            Json::String(text) => return self.quoted(text),
            _ => return value.to_string(),
        };
        let pad = " ".repeat(indent);
        match self.dice.below(5) {
            0 if !parts.is_empty() => {
                format!("{open}\n{pad} {}\n{pad}{close}", parts.join(&format!(",\n{pad} ")))
            }
            1 if !parts.is_empty() => {
                format!("{open}\n{pad} {}, # last\n{pad}{close}", parts.join(&format!(", # one\n{pad} ")))
            }
            2 => format!("{open} {} {close}", parts.join(" , ")),
            _ => format!("{open}{}{close}", parts.join(", ")),
        }
    }

    fn quoted(&mut self, text: &str) -> String {
        let is_word = text.len() > 2 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b' ');
        let is_line = !text.contains('\n');
        match self.dice.below(3) {
            0 if is_word => text.to_owned(),
            1 if is_line => format!("'{}'", text.replace('\'', "''")),
            _ => serde_json::to_string(text).unwrap(),
        }
    }
}
