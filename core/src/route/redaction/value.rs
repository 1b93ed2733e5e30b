//! Values in a text: where they end, what only stands in for one, and which of them their name makes credentials.

use std::ops::Range;

use super::assigned::Sign;
use super::name::{self, Strength, is_reference};
use super::random::{is_chosen, is_hex, is_name, is_uuid, is_words};
use super::run::Letters;

/// So much of a value without quotes is enough to judge it.
const VALUE_BYTES: usize = 512;

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

/// Where a value that is longer than what was judged of it really ends.
pub(super) fn whole(text: &str, range: Range<usize>) -> Range<usize> {
    if range.len() + 4 < VALUE_BYTES {
        return range;
    }
    let rest = &text[range.end..];
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    range.start..range.end + rest.find(ends).unwrap_or(rest.len())
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
        || wrapped('{', '}')
        || matches!(value, "%s" | "%v" | "%q" | "%d" | "%w")
        || value.starts_with("<set to the key")
        || value.starts_with("ENC[")
        || value.contains("***")
        || value.starts_with("xxxx")
        || is_filled(value)
        || is_elsewhere(&lower)
        || is_shell(value)
}

/// True for what is filled up with one sign, as examples are: `hf_xxxxxxxxxxxxxxxx`.
pub(super) fn is_filled(value: &str) -> bool {
    const FILLERS: &[u8] = b"xX*.-_#?";
    let bytes = value.as_bytes();
    let runs = bytes.chunk_by(|a, b| a == b).filter(|run| FILLERS.contains(&run[0]));
    runs.map(<[u8]>::len).max().is_some_and(|longest| longest >= 8 && longest * 2 >= bytes.len())
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

/// `os.getenv("X")`, `config.password`, `&self.token`, `Secrets::Compare`, `format!(`: what a program says, without quotes.
pub(super) fn is_code(value: &str) -> bool {
    let bare = value.trim_start_matches(['&', '*', '@', '!', '(']);
    let end = bare.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | ':'))).unwrap_or(bare.len());
    let (path, rest) = bare.split_at(end);
    let letters: String = path.replace("::", ".").chars().filter(|c| !c.is_ascii_digit()).collect();
    let is_path = path.starts_with(|c: char| c.is_alphabetic() || c == '_') && is_words(&letters);
    let is_named = path.contains("::") || path.trim_end_matches('.').contains('.') || value.starts_with('&');
    let has_digit = path.contains(|c: char| c.is_ascii_digit());
    (is_path && (is_call(rest) || (rest.is_empty() && is_named && !has_digit))) || value.starts_with('|')
}

/// `(`, `(&x`, `!(a)`, `[0].b`, `(x)?;`: brackets that are open, or closed with nothing but more code behind.
fn is_call(rest: &str) -> bool {
    let rest = rest.strip_prefix('!').unwrap_or(rest);
    let behind = rest.rsplit([')', ']', '}']).next().unwrap_or(rest);
    let is_open = !rest.contains([')', ']', '}']);
    rest.starts_with(['(', '[', '{']) && (is_open || behind.is_empty() || behind.starts_with(['.', '?', ';', ',']))
}

/// `$1`, `{{ .Values.x`, `$(cat file)`, `${NAME}`, and one with a default that is no value either.
fn is_shell(value: &str) -> bool {
    let value = value.trim_start_matches('(');
    match value.split_once(":-").filter(|_| value.starts_with("${")) {
        Some((_, default)) => default.is_empty() || default.starts_with(['"', '$', '}', '/']),
        None => ["{{", "${", "$("].iter().any(|open| value.starts_with(open)) || is_argument(value),
    }
}

/// `$1`, `$@`: what a script was called with.
fn is_argument(value: &str) -> bool {
    matches!(value.as_bytes(), [b'$', b'@' | b'*' | b'1'..=b'9'])
}

/// True for a value that its name makes a credential.
pub(super) fn is_value(value: &str, strength: Strength, is_assigned: bool) -> bool {
    if is_stand_in(value) || is_size(value) {
        return false;
    }
    match strength {
        Strength::Password => !is_path(value) && (value.is_ascii() || !is_words(value)),
        Strength::Header | Strength::Login => value.len() >= 4,
        Strength::Key => {
            // A long number is an account's or a key; a short one is a count or a time.
            let is_long = value.len() >= 16 && !value.contains('.');
            let is_number = !is_long && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            let is_word = is_words(value) && (!is_assigned || name::strength(value).is_some() || !value.is_ascii());
            let is_text = value.contains([' ', '\n']) || value.contains("\\n") || value.contains("://");
            value.len() >= 6 && !is_number && !is_path(value) && !is_word && !is_text && !is_account_token(value)
        }
        Strength::Bare => {
            value.len() >= 8
                && !value.contains(' ')
                && !value.contains("://")
                && !is_path(value)
                && !is_words(value)
                && is_telling(value)
        }
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
    let is_key = value.len() >= 24 && is_hex(value);
    let is_long = value.len() >= 20 && !value.contains(['-', '.']);
    (is_chosen(value) && !is_object) || is_key || is_uuid(value) || (is_object && is_long && has_digit)
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
