//! Headers of HTTP that carry credentials: `Authorization`, `Cookie`, and schemes such as `Bearer` wherever they stand.

use super::assigned::{Name, Sign, sign_after};
use super::coded::decoded;
use super::random::{is_name, is_words};
use super::run::Letters;
use super::value::{is_code, is_stand_in, value_at};
use super::{Find, Kind};

/// Names of schemes that stand before the credential.
const SCHEMES: &[&str] = &[
    "basic",
    "bearer",
    "token",
    "apikey",
    "api-key",
    "digest",
    "negotiate",
    "ntlm",
    "key",
    "splunk",
    "genie",
    "aws4-hmac-sha256",
];

/// The credential of `Authorization: …` or `Cookie: …`: the rest of the line but for the name of the scheme.
pub(super) fn find(name: &Name<'_>) -> Option<Find> {
    let (sign, at) = sign_after(name).filter(|(sign, _)| *sign != Sign::Space)?;
    let text = name.text;
    let (range, is_quoted) = value_at(text, at, sign);
    let start = range.start;
    let in_quotes = text[..name.range.start].ends_with(['"', '\'', '`']);
    let end = if is_quoted { range.end } else { line_end(text, start, in_quotes) };
    let value = &text[start..end];
    let is_cookie = name.as_str().to_ascii_lowercase().contains("cookie");
    let (skipped, end) = scheme(value).unwrap_or((0, value.len()));
    let value = &value[skipped..end];
    let is_one = value.len() >= 4
        && !value.starts_with(['<', '{'])
        && !is_stand_in(value)
        && !is_words(value)
        && (is_quoted || !is_code(value) && !value.starts_with('&'))
        && (!is_cookie || value.contains('='));
    is_one.then(|| Find { range: start + skipped..start + end, kind: Kind::HttpCredential })
}

/// Where the credential after the name of its scheme begins and ends. Only a few schemes have more than one word.
fn scheme(value: &str) -> Option<(usize, usize)> {
    let (first, rest) = value.split_once(' ')?;
    let first = first.to_ascii_lowercase();
    if !SCHEMES.contains(&first.as_str()) {
        return None;
    }
    let start = value.len() - rest.trim_start().len();
    let has_words = matches!(first.as_str(), "digest" | "aws4-hmac-sha256");
    let end = value[start..].find([' ', ';', ',', '`']).filter(|_| !has_words);
    Some((start, end.map_or(value.len(), |end| start + end)))
}

/// A header in a text ends with its line, or with the quote around it.
fn line_end(text: &str, start: usize, in_quotes: bool) -> usize {
    let rest = &text[start..];
    let line = rest.split(['\n', '\r']).next().unwrap_or(rest);
    let line = line.split("\\n").next().unwrap_or(line).split("\\r").next().unwrap_or(line);
    let line = if in_quotes || line.contains(['"', '\'']) {
        line.split(['"', '\'', '`']).next().unwrap_or(line)
    } else {
        line
    };
    start + line.trim_end_matches([' ', '\t', '\\', ',', ']', '}', ')']).len()
}

/// `"auth": "…"` of a Docker configuration: base64 of `user:password`.
pub(super) fn find_login(name: &Name<'_>) -> Option<Find> {
    let (sign, at) = sign_after(name).filter(|(sign, _)| *sign != Sign::Space)?;
    let (range, _) = value_at(name.text, at, sign);
    is_login(&name.text[range.clone()]).then_some(Find { range, kind: Kind::HttpCredential })
}

/// `Bearer …` and `Basic …` without the header's name. `at`: where the scheme's name ends.
pub(super) fn find_scheme(text: &str, at: usize, scheme: &str) -> Option<Find> {
    let begins = Letters::Alnum.start(text, at - scheme.len(), 8) == at - scheme.len();
    let end = text[at..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c)))
        .map_or(text.len(), |to| at + to);
    let token = text[at..end].trim_end_matches('.');
    let is_one = match scheme.trim_end() {
        "basic" => is_login(token),
        _ => token.len() >= 12 && token.bytes().any(|b| b.is_ascii_digit()) && !is_name(token),
    };
    (begins && is_one).then(|| Find { range: at..at + token.len(), kind: Kind::HttpCredential })
}

/// True if base64 means `user:password`.
pub(super) fn is_login(token: &str) -> bool {
    let meant = (token.len() >= 8).then(|| decoded(token)).flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    meant.is_some_and(|meant| meant.contains(':') && !meant.contains(char::is_control) && meant.len() >= 4)
}
