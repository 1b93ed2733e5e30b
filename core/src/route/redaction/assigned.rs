//! Values that a name says are credentials: `password: …`, `"token": "…"`, `DB_PASSWORD=…`, `--password …`.

use std::ops::Range;

use super::name::{Strength, is_reference};
use super::random::{is_chosen, is_name, is_words};
use super::run::Letters;
use super::{Find, Kind};

/// No name is longer.
const NAME_BYTES: usize = 96;

/// Punctuation of Chinese texts.
const WIDE: &[char] = &['：', '＝', '，', '。', '、', '；', '（', '）', '「', '」', '！', '？'];

/// No value without quotes is longer.
const VALUE_BYTES: usize = 4096;

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
    Space,
}

impl<'t> Name<'t> {
    /// The name around a word that was found at `at`.
    pub(super) fn around(text: &'t str, at: usize) -> Self {
        let mut start = Letters::Name.start(text, at, NAME_BYTES);
        let end = Letters::Name.end(text, at);
        // `\n` in a text of JSON ends a line.
        if text[..start].ends_with('\\') && text[start..end].starts_with(['n', 't', 'r']) {
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
    (":=", Sign::Equals),
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
    // `Password::new` is code.
    if let Some(value) = blanks.strip_prefix(':').filter(|value| !value.starts_with(':')) {
        return Some((Sign::Colon, at(value)));
    }
    // `["--password", "…"]`.
    if let Some(item) = inner.strip_prefix(',').map(str::trim_start).filter(|_| name.is_flag()) {
        return item.starts_with(['"', '\'', '\\']).then(|| (Sign::Space, at(item)));
    }
    (blanks.len() < inner.len()).then_some((Sign::Space, at(blanks)))
}

/// A value that begins at or after `at`: its range without quotes, and whether it is in quotes.
pub(super) fn value_at(text: &str, at: usize, sign: Sign) -> (Range<usize>, bool) {
    let rest = &text[at..];
    let start = at + rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let rest = &text[start..];
    let slashes = rest.len() - rest.trim_start_matches('\\').len();
    if let Some(quote) = rest[slashes..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
        let begin = start + slashes + 1;
        return (begin..quoted_end(text, begin, quote, slashes), true);
    }
    (start..bare_end(text, start, sign), false)
}

/// Where the same quote stands again, after as many backslashes; at the line's end if nowhere.
fn quoted_end(text: &str, begin: usize, quote: char, slashes: usize) -> usize {
    let mut run = 0;
    for (at, c) in text[begin..].char_indices() {
        match c {
            '\\' => run += 1,
            '\n' => return begin + at,
            _ if c == quote && run == slashes => return begin + at - run,
            // Between `\"` and `\"` a quote with fewer backslashes ends all.
            _ if c == quote && run < slashes => return begin + at,
            _ => run = 0,
        }
    }
    text.len()
}

/// Where a value without quotes ends: at a blank or quote, or at a separator that a next entry or nothing follows.
fn bare_end(text: &str, start: usize, sign: Sign) -> usize {
    let rest = &text[start..text.floor_char_boundary((start + VALUE_BYTES).min(text.len()))];
    let mut end = rest.len();
    for (at, c) in rest.char_indices() {
        let behind = &rest[at + c.len_utf8()..];
        let is_end = match c {
            '<' => sign == Sign::Tag || (at > 0 && !rest.starts_with('<')),
            '>' if rest.starts_with('<') && sign != Sign::Tag => return start + at + 1,
            ' ' if rest.starts_with('<') && sign != Sign::Tag && closes_angle(behind) => false,
            _ if sign == Sign::Tag => c == '\n',
            ' ' | '\t' | '\n' | '\r' | '"' | '`' | '\'' | '，' | '。' | '、' | '；' | '）' | '」' => true,
            '\\' => behind.starts_with(['n', 'r', 't', '"', '\'', '\\']),
            ';' | ',' | '&' => at > 0 && begins_entry(behind),
            '%' => sign == Sign::Encoded && behind.starts_with("26"),
            _ => false,
        };
        if is_end {
            end = at;
            break;
        }
    }
    let value = &rest[..end];
    start + closed(value).len()
}

/// `<set to the key …>` holds blanks.
fn closes_angle(behind: &str) -> bool {
    behind.find(['<', '>', '\n']).is_some_and(|at| behind[at..].starts_with('>'))
}

/// After a separator: nothing, a blank, or `name=`.
fn begins_entry(behind: &str) -> bool {
    let name = Letters::Name.end(behind, 0);
    let rest = behind[name..].trim_start_matches(['"', '\'', ' ']);
    behind.is_empty()
        || behind.starts_with([' ', '\t', '\n', '\r', '"', '\'', '}', ')', ']'])
        || rest.starts_with(['=', ':'])
}

/// Without the brackets and punctuation that close what is around it.
fn closed(value: &str) -> &str {
    let mut value = value;
    loop {
        let shorter = match value.chars().next_back() {
            Some(',' | ';' | '.') => &value[..value.len() - 1],
            Some(')') if !value.contains('(') => &value[..value.len() - 1],
            Some(']') if !value.contains('[') => &value[..value.len() - 1],
            Some('}') if !value.contains('{') => &value[..value.len() - 1],
            Some('>') if !value.contains('<') => &value[..value.len() - 1],
            _ => return value,
        };
        value = shorter;
    }
}

/// Words that say what is with a credential, or what stands in for it.
const STATES: &[&str] = &[
    "access",
    "admin-only",
    "any",
    "basic",
    "bearer",
    "bytes",
    "changed",
    "configured",
    "default",
    "denied",
    "disabled",
    "empty",
    "enabled",
    "env",
    "error",
    "exists",
    "expired",
    "failed",
    "false",
    "file",
    "found",
    "generated",
    "hidden",
    "incorrect",
    "invalid",
    "key",
    "length",
    "mismatch",
    "missing",
    "nil",
    "no",
    "none",
    "not",
    "null",
    "ok",
    "omitted",
    "optional",
    "password",
    "present",
    "prompt",
    "provided",
    "random",
    "redacted",
    "refresh",
    "rejected",
    "removed",
    "renewed",
    "required",
    "revoked",
    "rotated",
    "secret",
    "set",
    "str",
    "string",
    "stripped",
    "success",
    "token",
    "true",
    "undefined",
    "unknown",
    "unset",
    "updated",
    "username",
    "valid",
    "vault",
    "wrong",
    "yes",
    "the",
    "must",
    "should",
    "is",
    "was",
    "for",
    "and",
    "or",
    "to",
    "of",
    "in",
    "at",
    "with",
    "from",
    "has",
    "will",
    "can",
    "a",
    "an",
];

/// True for what stands where a value would, and is none.
pub(super) fn is_stand_in(value: &str) -> bool {
    let first = value.chars().next();
    let is_repeated =
        value.chars().all(|c| Some(c) == first) && (value.len() > 2 || !value.chars().all(char::is_alphanumeric));
    let lower = value.to_ascii_lowercase();
    let wrapped = |open: char, close: char| value.starts_with(open) && value.ends_with(close);
    value.is_empty()
        || is_repeated
        || STATES.contains(&lower.as_str())
        || is_reference(value)
        || wrapped('<', '>')
        || wrapped('[', ']')
        || wrapped('(', ')')
        || value.starts_with("<set to the key")
        || value.starts_with("ENC[")
        || value.contains("***")
        || value.starts_with("xxxx")
        || is_elsewhere(&lower)
        || is_shell(value)
}

/// An address of a store of secrets.
fn is_elsewhere(lower: &str) -> bool {
    const PLACES: &[&str] = &[
        "vault:",
        "op://",
        "arn:",
        "ref+",
        "sm://",
        "ssm:",
        "secretsmanager:",
        "akvs:",
        "bws:",
        "file:",
        "env:",
        "data.",
        "secret/",
        "projects/",
        "awssecret",
        "gcpsecret",
        "azurekv",
        "base64:{{",
    ];
    PLACES.iter().any(|place| lower.starts_with(place))
}

/// `os.getenv("X")`, `config.password`, `&self.token`.
fn is_code(value: &str) -> bool {
    let is_identifier = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_') && part.chars().all(|c| c.is_alphabetic() || c == '_')
    };
    let path = value.trim_start_matches(['&', '*', '@', '!']);
    let path = path.split(['(', '[']).next().unwrap_or(path);
    let ends = value.trim_end_matches([';', '?', ',', '.']);
    let is_call = value.contains('(')
        && ends.ends_with(['(', ')'])
        && path.split(['.', ':']).all(|part| part.is_empty() || is_identifier(part));
    let is_path = path.contains('.') && path.split('.').all(is_identifier) && is_words(path);
    (is_call && !path.is_empty()) || is_path
}

/// `{{ .Values.x`, `$(cat file)`, `${NAME}`, but for one with a default.
fn is_shell(value: &str) -> bool {
    ["{{", "${", "$("].iter().any(|open| value.starts_with(open)) && !value.contains(":-")
}

/// The value of a credential that a name at `at` names.
pub(super) fn find(name: &Name<'_>, strength: Strength) -> Option<Find> {
    let (sign, at) = sign_after(name)?;
    let (range, is_quoted) = value_at(name.text, at, sign);
    let value = &name.text[range.clone()];
    let is_flag = name.is_flag();
    let is_count = name.text[range.end..].starts_with(" bytes") && value.bytes().all(|byte| byte.is_ascii_digit());
    if is_count || (!is_quoted && is_code(value)) {
        return None;
    }
    let is_told = match sign {
        Sign::Space => (is_flag && !value.starts_with('-')) || is_directive(name) || is_login(name),
        Sign::Colon => name.is_setting() && !is_prose(name, &range, is_quoted),
        Sign::Equals | Sign::Encoded | Sign::Tag => true,
    };
    if !is_told {
        let range = after_is(name.text, range);
        let value = &name.text[range.clone()];
        let is_long = value.len() >= 16 && value.bytes().filter(u8::is_ascii_digit).count() >= 3;
        let is_one = is_chosen(value) && (strength == Strength::Password || is_long) && !is_stand_in(value);
        return is_one.then_some(Find { range, kind: Kind::Password });
    }
    let is_assigned = is_quoted || sign == Sign::Equals || is_flag;
    is_value(value, strength, is_assigned).then_some(Find { range, kind: Kind::Password })
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

/// True for a value that its name makes a credential.
pub(super) fn is_value(value: &str, strength: Strength, is_assigned: bool) -> bool {
    if is_stand_in(value) || is_size(value) {
        return false;
    }
    match strength {
        Strength::Password => !is_path(value),
        Strength::Header | Strength::Login => value.len() >= 4,
        Strength::Key => {
            let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            let is_word = is_words(value) && (!is_assigned || super::name::strength(value).is_some());
            value.len() >= 6 && !is_number && !is_path(value) && !is_word && !is_account_token(value)
        }
        Strength::Bare => value.len() >= 8 && !is_path(value) && !is_words(value) && is_telling(value),
    }
}

/// `default-token-x7k2p`: the Secret of a ServiceAccount's token.
fn is_account_token(value: &str) -> bool {
    value.rsplit_once("-token-").is_some_and(|(_, suffix)| suffix.len() == 5) && is_name(value)
}

/// A value of a bare `secret` that is no object's name.
fn is_telling(value: &str) -> bool {
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    let is_object =
        value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    let is_hex = value.len() >= 24 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_long = value.len() >= 20 && !value.contains(['-', '.']);
    (is_chosen(value) && !is_object) || is_hex || super::random::is_uuid(value) || (is_object && is_long && has_digit)
}

/// `16 bytes` of `kubectl describe secret`, and other counts.
fn is_size(value: &str) -> bool {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    !digits.is_empty()
        && digits.len() < value.len()
        && value.ends_with("bytes")
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A path of words: `/run/secrets/db`, `./token`, `C:\keys`.
fn is_path(value: &str) -> bool {
    let begins = ["/", "./", "../", "~/", "C:\\"].iter().any(|begin| value.starts_with(begin));
    begins && value[1..].contains('/') && is_name(value.trim_start_matches(['.', '~']))
}
