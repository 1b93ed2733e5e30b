//! Values that a name says are credentials: `password: …`, `"token": "…"`, `DB_PASSWORD=…`, `--password …`.

use std::ops::Range;

use super::name::Strength;
use super::random::is_chosen;
use super::run::Letters;
use super::value::{is_code, is_stand_in, is_value, value_at, whole};
use super::{Find, Kind};

/// No name is longer.
const NAME_BYTES: usize = 96;

/// Punctuation of Chinese texts.
const WIDE: &[char] = &['：', '＝', '，', '。', '、', '；', '（', '）', '「', '」', '！', '？'];

/// A name in a text, and what stands before it.
pub(super) struct Name<'t> {
    pub(super) text: &'t str,
    pub(super) range: Range<usize>,
}

/// How a value is given to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Colon,
    Equals,
    /// `%3D`, which is an equals sign within an address.
    Encoded,
    Tag,
    /// The next item of a list or of a call's arguments.
    Item,
    Space,
}

impl<'t> Name<'t> {
    /// The name around a word that was found at `at`.
    pub(super) fn around(text: &'t str, at: usize) -> Self {
        let mut start = Letters::Name.start(text, at, NAME_BYTES);
        let end = Letters::Name.end(text, at);
        // `\n` in a text of JSON ends a line.
        if start < at && text[..start].ends_with('\\') && text[start..at].starts_with(['n', 't', 'r']) {
            start += 1;
        }
        // Full-width punctuation is none of a name's letters.
        let start = text[start..at].rfind(WIDE).map_or(start, |last| start + last + '：'.len_utf8());
        let end = text[at..end].find(WIDE).map_or(end, |first| at + first);
        let end = start + text[start..end].trim_end_matches(['.', '/', '-']).len();
        Self { text, range: start..end.max(start) }
    }

    pub(super) fn as_str(&self) -> &'t str {
        self.text[self.range.clone()].trim_start_matches('-')
    }

    pub(super) fn is_flag(&self) -> bool {
        self.text[self.range.clone()].starts_with("--")
    }

    /// True for the name in `name: DB_PASSWORD`, `"key": "token"`: the value stands under a name of its own.
    pub(super) fn is_entry(&self) -> bool {
        let Some(before) = self.lead().strip_suffix([':', '=']) else { return false };
        let before = before.trim_end_matches(['"', '\'', '\\', ' ']).to_ascii_lowercase();
        ["name", "key", "header"].iter().any(|word| before.ends_with(word))
    }

    /// What stands on the line before the name, without quotes and blanks.
    fn lead(&self) -> &'t str {
        let floor = self.text.floor_char_boundary(self.range.start.saturating_sub(NAME_BYTES));
        let before = &self.text[floor..self.range.start];
        let line = before.rsplit(['\n', '\r']).next().unwrap_or(before);
        let line = line.rsplit("\\n").next().unwrap_or(line);
        line.trim_end_matches(['"', '\'', '\\', ' ', '\t', '`'])
    }

    /// True where settings stand: at a line's start, after a separator, after a dash. Elsewhere a colon is prose.
    fn is_setting(&self) -> bool {
        let lead = self.lead();
        let quoted = self.text[..self.range.start].ends_with(['"', '\'']);
        lead.trim_end_matches(['-', ' ']).is_empty()
            || lead.ends_with(WIDE)
            || lead.ends_with([',', ';', '&', '?', '{', '[', '('])
            || lead.ends_with("export")
            || lead.ends_with("-H")
            || lead.ends_with("--header")
            || (quoted && !lead.ends_with(|c: char| c.is_alphanumeric()))
    }
}

/// The longer first.
const SIGNS: &[(&str, Sign)] = &[
    (":::=", Sign::Equals),
    ("::=", Sign::Equals),
    (":=", Sign::Equals),
    (".=", Sign::Equals),
    ("<-", Sign::Equals),
    ("??=", Sign::Equals),
    ("?=", Sign::Equals),
    ("+=", Sign::Equals),
    ("||=", Sign::Equals),
    ("=>", Sign::Equals),
    ("==", Sign::Equals),
    ("=", Sign::Equals),
    ("＝", Sign::Equals),
    ("：", Sign::Colon),
    ("%3D", Sign::Encoded),
    ("%3d", Sign::Encoded),
];

/// Where a value begins, and by which sign.
pub(super) fn sign_after(name: &Name<'_>) -> Option<(Sign, usize)> {
    let text = name.text;
    let end = name.range.end;
    let rest = &text[end..];
    if rest.starts_with('>') {
        return (text[..name.range.start].ends_with('<')).then_some((Sign::Tag, end + 1));
    }
    let inner = rest.trim_start_matches(['\\', '"', '\'', '`', ']']);
    let blanks = inner.trim_start_matches([' ', '\t']);
    let at = |rest: &str| text.len() - rest.len();
    if let Some((sign, kind)) = SIGNS.iter().find(|(sign, _)| blanks.starts_with(sign)) {
        return Some((*kind, at(&blanks[sign.len()..])));
    }
    if let Some(value) = after_type(blanks) {
        return Some((Sign::Equals, at(value)));
    }
    // `Password::new` is code.
    if let Some(value) = blanks.strip_prefix(':').filter(|value| !value.starts_with(':')) {
        return Some((Sign::Colon, at(value)));
    }
    // `["--password", "…"]`, `setProperty("API_TOKEN", "…")`.
    let is_argument = name.is_flag() || name.lead().ends_with('(');
    if let Some(item) = inner.strip_prefix(',').map(str::trim_start).filter(|_| is_argument) {
        return item.starts_with(['"', '\'', '\\']).then(|| (Sign::Item, at(item)));
    }
    // A name in quotes has a sign, or no value.
    let is_apart = blanks.len() < inner.len() && inner.len() == rest.len();
    is_apart.then_some((Sign::Space, at(blanks)))
}

/// What follows `string =`, `: Optional[str] =` or `: &'static str =`, if it is in quotes.
fn after_type(text: &str) -> Option<&str> {
    const TYPE_BYTES: usize = 32;
    const TYPES: &[&str] = &["str", "byte", "char", "text", "secret", "any"];
    let at = text[..text.floor_char_boundary(TYPE_BYTES.min(text.len()))].find('=')?;
    let named = text[..at].strip_suffix(' ')?.trim_start_matches(':').trim().trim_start_matches("&'static ");
    let in_type = |c: char| c.is_ascii_alphabetic() || "_.&*'<>[]|?:".contains(c);
    let lower = named.to_ascii_lowercase();
    let is_type = named.chars().all(in_type) && TYPES.iter().any(|known| lower.contains(known));
    let value = text[at + 1..].trim_start_matches([' ', '\t']);
    (is_type && value.starts_with(['"', '\'', '`', '\\'])).then_some(value)
}

/// The value of a credential that a name at `at` names.
pub(super) fn find(name: &Name<'_>, strength: Strength) -> Option<Find> {
    let (sign, at) = sign_after(name)?;
    let (range, is_quoted) = value_at(name.text, at, sign);
    let value = &name.text[range.clone()];
    let is_flag = name.is_flag();
    if is_none(name, &range, sign) || (!is_quoted && is_program(name, &range)) {
        return None;
    }
    let is_told = match sign {
        Sign::Space => (is_flag && !value.starts_with('-')) || is_directive(name) || is_login(name),
        Sign::Colon => name.is_setting() && !is_prose(name, &range, is_quoted),
        Sign::Equals => !(name.text[at..].starts_with(' ') && is_prose(name, &range, is_quoted)),
        Sign::Item => !value.starts_with('-'),
        Sign::Encoded | Sign::Tag => true,
    };
    if !is_told {
        // `pass` is a verb as well.
        let is_noun = sign == Sign::Colon || name.as_str().len() > "pass".len();
        let range = after_is(name.text, range);
        let value = &name.text[range.clone()];
        let is_long = value.len() >= 16 && value.bytes().filter(u8::is_ascii_digit).count() >= 3;
        let is_one = is_noun && is_chosen(value) && (strength == Strength::Password || is_long) && !is_stand_in(value);
        return is_one.then_some(Find { range, kind: Kind::Password });
    }
    let is_constant = !name.as_str().contains(|c: char| c.is_ascii_lowercase());
    let is_assigned = is_flag || (is_constant && sign == Sign::Equals) || (is_quoted && value.contains(['-', '_']));
    let is_one = is_value(value, strength, is_assigned);
    is_one.then(|| Find { range: if is_quoted { range } else { whole(name.text, range) }, kind: Kind::Password })
}

/// `16 bytes` of a description, and a tag that is not closed.
fn is_none(name: &Name<'_>, range: &Range<usize>, sign: Sign) -> bool {
    let behind = &name.text[range.end..];
    let is_number = name.text[range.clone()].bytes().all(|byte| byte.is_ascii_digit());
    (is_number && (range.len() < 3 || behind.starts_with(" bytes"))) || (sign == Sign::Tag && !behind.starts_with("</"))
}

/// What a program says, and the begin of a list or map.
fn is_program(name: &Name<'_>, range: &Range<usize>) -> bool {
    const OPEN: &[&str] = &[" {", " (", " [", "`"];
    let value = &name.text[range.clone()];
    let opens = OPEN.iter().any(|open| name.text[range.end..].starts_with(open));
    let is_macro = value.ends_with('!') && opens && is_code(&format!("{value}("));
    is_macro || is_code(value) || (value.starts_with(['[', '{']) && !value.starts_with("{{"))
}

/// The value after `password is …` or `password …`.
fn after_is(text: &str, range: Range<usize>) -> Range<usize> {
    if !matches!(&text[range.clone()], "is" | "was" | "to" | "of" | "as") {
        return range;
    }
    value_at(text, range.end, Sign::Space).0
}

/// `requirepass …` of redis.conf begins its line, `ENV NAME …` of a Dockerfile too.
fn is_directive(name: &Name<'_>) -> bool {
    let is_setting = matches!(name.as_str().to_ascii_lowercase().as_str(), "requirepass" | "masterauth");
    (name.lead().is_empty() && is_setting) || name.lead() == "ENV"
}

/// `login app password …` of a .netrc.
fn is_login(name: &Name<'_>) -> bool {
    let words: Vec<&str> = name.lead().split_whitespace().collect();
    matches!(words.as_slice(), [.., "login" | "machine", _])
}

/// A word of letters that other words follow.
fn is_prose(name: &Name<'_>, range: &Range<usize>, is_quoted: bool) -> bool {
    let line = name.text[range.end..].lines().next().unwrap_or_default();
    let word = |word: &str| word.trim_end_matches(['.', ',']).chars().all(char::is_alphabetic);
    let next = line.split_whitespace().next();
    !is_quoted
        && name.text[range.clone()].chars().all(char::is_alphabetic)
        && line.starts_with(' ')
        && next.is_some_and(word)
}
