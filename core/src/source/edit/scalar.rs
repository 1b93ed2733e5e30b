//! Plain values as text: which quotes a string needs, so that every reader takes it for the same string.

use std::borrow::Cow;
use std::fmt::Write as _;

use granit_parser::ScalarStyle;

use crate::object::value::Value;
use crate::source::scalar;

/// Where a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// Behind a key or a dash.
    Block,
    /// Within brackets or braces.
    Flow,
}

/// A value other than a map or list on one line, in this style where it can be.
pub(super) fn on_one_line(value: &Value<'_>, style: ScalarStyle, context: Context) -> String {
    match value {
        Value::String(text) => string(text, style, context),
        Value::Null => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Secret(_) | Value::List(_) | Value::Map(_) => String::new(),
    }
}

fn string(text: &str, style: ScalarStyle, context: Context) -> String {
    match style {
        ScalarStyle::Plain if is_plain(text, context) => text.to_owned(),
        ScalarStyle::SingleQuoted if is_printable(text) => format!("'{}'", text.replace('\'', "''")),
        _ => double_quoted(text),
    }
}

/// A string in double quotes, with escapes that are those of JSON too.
///
/// Readers of YAML take some characters for line ends that JSON's do not, so these are escaped in JSON as well.
pub(super) fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) && u32::from(c) < 0x1_0000 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Control characters, and what a person cannot see or takes for something else.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

/// True if every character can stand as it is, on one line.
fn is_printable(text: &str) -> bool {
    !text.chars().any(is_hidden)
}

/// True if a string needs no quotes.
pub(super) fn is_plain(text: &str, context: Context) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let second = text.chars().nth(1);
    let begins_well = match first {
        '-' | '?' | ':' => second.is_some_and(|c| !c.is_whitespace() && !",[]{}".contains(c)),
        ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' | '=' => false,
        _ => true,
    };
    let inside = !text.contains(": ") && !text.contains(" #") && !text.ends_with(':');
    let in_flow = context == Context::Block || !text.contains([',', '[', ']', '{', '}', '?']);
    let is_mark = text.starts_with("---") || text.starts_with("...") || text == "<<";
    begins_well && inside && in_flow && !is_mark && text.trim() == text && is_printable(text) && !is_typed(text)
}

/// True if some reader of YAML 1.1 or 1.2 takes this for something else than a string.
fn is_typed(text: &str) -> bool {
    let read = scalar::resolve(Cow::Borrowed(text));
    let is_string = matches!(read, Some(Value::String(_)));
    let lower = text.to_ascii_lowercase();
    let word = matches!(lower.as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null");
    let unsigned = lower.trim_start_matches(['+', '-']);
    let special = matches!(unsigned, ".inf" | ".nan");
    let starts_as_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let numeric = starts_as_number && unsigned.chars().all(|c| c.is_ascii_hexdigit() || "xo._:+-etz".contains(c));
    !is_string || word || special || (numeric && looks_numeric(unsigned))
}

/// Numbers with signs and underscores, sexagesimals and dates.
fn looks_numeric(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let is_number = text.replace('_', "").parse::<f64>().is_ok();
    let is_sexagesimal = text.contains(':') && text.split([':', '.']).all(digits);
    let is_date = text.split(['t', ' ']).next().is_some_and(|date| {
        let parts: Vec<&str> = date.split('-').collect();
        parts.len() == 3 && parts[0].len() == 4 && parts.iter().all(|part| digits(part))
    });
    let has_radix = ["0x", "0o", "0b"].iter().any(|radix| text.starts_with(radix));
    is_number || is_sexagesimal || is_date || has_radix
}

/// A text as a block scalar, where it can be one; folded lines are broken at this width.
pub(super) fn block(text: &str, style: ScalarStyle, width: usize) -> Option<Block> {
    let body = text.trim_end_matches('\n');
    let has_hidden = text.chars().any(|c| is_hidden(c) && c != '\n' && c != '\t');
    if body.is_empty() || has_hidden || body.starts_with('\n') && body.trim_start_matches('\n').starts_with(' ') {
        return None;
    }
    let lines = match style {
        ScalarStyle::Folded => folded(body, width)?,
        _ => body.split('\n').map(str::to_owned).collect(),
    };
    let newlines = text.len() - body.len();
    let chomping = match newlines {
        0 => "-",
        1 => "",
        _ => "+",
    };
    let indicator = body.starts_with([' ', '\t']);
    Some(Block {
        folded: style == ScalarStyle::Folded,
        indicator,
        chomping,
        lines,
        empty_after: newlines.saturating_sub(1),
    })
}

/// A literal or folded scalar before it is indented.
#[derive(Debug)]
pub(super) struct Block {
    folded: bool,
    /// Whether the header says how far it is indented.
    indicator: bool,
    chomping: &'static str,
    lines: Vec<String>,
    /// Empty lines that belong to its end.
    empty_after: usize,
}

impl Block {
    /// `|2-`; the number counts from the parent's column.
    pub(super) fn header(&self, columns: usize) -> String {
        let sign = if self.folded { '>' } else { '|' };
        let number = if self.indicator { columns.to_string() } else { String::new() };
        format!("{sign}{number}{}", self.chomping)
    }

    /// The lines, indented, without a line break at the end.
    pub(super) fn body(&self, indent: usize, newline: &str) -> String {
        let indented = |line: &String| if line.is_empty() { String::new() } else { format!("{:indent$}{line}", "") };
        let lines: Vec<String> = self.lines.iter().map(indented).collect();
        lines.join(newline) + &newline.repeat(self.empty_after)
    }
}

/// Lines that fold to this text. None where lines are indented more, which are not folded.
fn folded(text: &str, width: usize) -> Option<Vec<String>> {
    if text.split('\n').any(|line| line.starts_with([' ', '\t'])) {
        return None;
    }
    let mut lines = Vec::new();
    let mut has_begun = false;
    for paragraph in text.split('\n') {
        if has_begun && !paragraph.is_empty() {
            lines.push(String::new());
        }
        has_begun |= !paragraph.is_empty();
        lines.extend(wrapped(paragraph, width));
    }
    Some(lines)
}

/// A paragraph broken at single blanks.
fn wrapped(paragraph: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for (at, word) in paragraph.split(' ').enumerate() {
        let is_single = !line.is_empty() && !line.ends_with(' ') && !word.is_empty() && !word.starts_with('\t');
        if is_single && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        } else if at > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_some_reader_takes_for_something_else_is_quoted() {
        #[rustfmt::skip]
        let quoted = [
            "", "yes", "No", "on", "OFF", "y", "N", "true", "null", "~", "1", "1.5", "1e3", "0o7", "0644", "089", "0x1F", "1_000", "+1",
            "-1", ".5", "1.", "12:30:45", "1:20", "2001-01-01", "2001-01-01T10:00:00Z", ".inf", "-.Inf", ".nan", "<<", "=", "- a", "-", "?",
            "a: b", "a:", "a #b", "#a", "@a", "`a", "&a", "*a", "!a", "|", ">", "%a", "{a", "[a", "'a", "\"a", " a", "a ", "---", "...", "a\tb",
            "a\u{a0}b", "\u{feff}a", ",a",
        ];
        for text in quoted {
            assert!(!is_plain(text, Context::Block), "{text:?}");
        }
        for text in [
            "a",
            "a:b",
            "a#b",
            "-a",
            "10m",
            "5Gi",
            "25%",
            "1.2.3",
            "v1.2",
            "http://x/y",
            "é",
            "\u{1f600}",
            "nope",
            "a, b",
            "C:\\x",
        ] {
            assert!(is_plain(text, Context::Block), "{text:?}");
        }
        for text in ["a, b", "a]", "{}", "a{b", "http://x/y?z"] {
            assert!(!is_plain(text, Context::Flow), "{text:?}");
        }
    }

    #[test]
    fn a_folded_text_is_broken_at_single_blanks() {
        for (text, lines) in [
            ("aa bb cc", vec!["aa bb", "cc"]),
            ("aa  bb cc", vec!["aa  bb", "cc"]),
            ("a\nb", vec!["a", "", "b"]),
            ("a\n\nb", vec!["a", "", "", "b"]),
            ("\na", vec!["", "a"]),
        ] {
            assert_eq!(folded(text, 5).unwrap(), lines, "{text:?}");
        }
        assert!(folded("a\n b", 5).is_none());
    }
}
