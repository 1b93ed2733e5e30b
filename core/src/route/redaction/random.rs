//! Which tokens were drawn at random, and which are words, names, numbers or hashes.
//!
//! Entropy alone cannot tell: a hash of a commit has as much as a key. So the shape is judged: how often small letters,
//! capitals and digits take turns. In names they seldom do, and hexadecimal is left alone.

use super::name;

/// How often classes of letters take turns in a random text: in 100 pairs about 40, in names up to 20.
const TURNS: usize = 27;
/// The same where there are capitals and small letters, with pairs of capitals: about 62, and in names up to 30.
const TURNS_OF_CASE: usize = 38;
/// And without a digit, as a name can be: `ParseRSAPublicKeyFromPEM` has 39.
const TURNS_OF_LETTERS: usize = 45;

/// True if a token of at least so many letters looks random.
pub(super) fn is_random(token: &str, least: usize) -> bool {
    let letters = token.bytes().filter(u8::is_ascii_alphanumeric).count();
    letters >= least && !is_plain(token) && !is_identifier(token)
}

/// True for UUIDs, ULIDs, hexadecimal and numbers.
fn is_identifier(token: &str) -> bool {
    is_uuid(token) || is_ulid(token) || is_hex(token)
}

/// `0e2ff1c4-6f0f-4d0b-8d6e-0d5a3f1f9a11`.
pub(super) fn is_uuid(token: &str) -> bool {
    let groups: Vec<&str> = token.split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    groups.len() == 5 && groups.iter().zip(lengths).all(|(group, length)| group.len() == length && is_hex(group))
}

fn is_ulid(token: &str) -> bool {
    token.len() == 26
        && token.starts_with(|c| ('0'..='7').contains(&c))
        && token.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase() && !b"ILOU".contains(&byte))
}

pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// True if every part between separators is a word, a number, hexadecimal or as short as a Pod's suffix.
pub(super) fn is_plain(token: &str) -> bool {
    let parts = || token.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts().all(is_plain_part)
        && parts().filter(|part| is_odd(part.trim_matches(|c: char| c.is_ascii_digit()))).count() < 3
}

fn is_plain_part(part: &str) -> bool {
    part.len() <= 10 || is_hex(part) || !takes_turns(part)
}

/// Capitals, small letters and digits together: `YvMa9As`.
fn is_odd(part: &str) -> bool {
    let has = |test: fn(&u8) -> bool| part.as_bytes().iter().any(test);
    has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
}

/// True if small letters, capitals and digits take turns as often as in a random text. A capital that begins a word of
/// `camelCase` counts, what follows it does not.
fn takes_turns(part: &str) -> bool {
    let class = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        _ => 2,
    };
    let is_mixed = part.bytes().any(|byte| class(byte) == 0) && part.bytes().any(|byte| class(byte) == 1);
    let turns = part.as_bytes().windows(2).filter(|pair| match (class(pair[0]), class(pair[1])) {
        (1, 1) => is_mixed,
        (1, 0) => false,
        (before, after) => before != after,
    });
    let has_digit = part.bytes().any(|byte| class(byte) == 2);
    let least = match (is_mixed, has_digit) {
        (true, true) => TURNS_OF_CASE,
        (true, false) => TURNS_OF_LETTERS,
        (false, _) => TURNS,
    };
    turns.count() * 100 >= (part.len() - 1) * least
}

/// True for a value that somebody chose or drew as a password: letters with digits or signs, and no name, path, version
/// or date.
pub(super) fn is_chosen(value: &str) -> bool {
    let has = |test: fn(char) -> bool| value.chars().any(test);
    let is_sign = |c: char| "!@#$%^&*?+=~".contains(c);
    let is_mixed = has(|c| c.is_ascii_digit()) || has(is_sign) || turns_of_case(value) > 1;
    value.len() >= 6 && has(char::is_alphabetic) && is_mixed && !is_name(value)
}

/// `db-7f9c4`, `v1.2.3`, `/run/secrets/db`, `web.example.com`, `2026-01-01T00:00:00Z`, `UserName`.
pub(super) fn is_name(value: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    let has_parts = value.contains(['-', '_', '.', '/']);
    let is_camel = value.chars().all(|c| c.is_ascii_alphabetic()) && is_plain(value) && turns_of_case(value) < 4;
    value.chars().all(is_letter) && (is_camel || (has_parts && is_plain(value) && !has_odd_part(value)))
}

fn turns_of_case(value: &str) -> usize {
    value.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count()
}

/// A part with a digit among capitals and small letters is in no name: `p4SS-word`.
fn has_odd_part(value: &str) -> bool {
    value.split(['-', '_', '.', '/', ':']).any(|part| is_odd(part) && !is_time(part))
}

fn is_time(part: &str) -> bool {
    part.ends_with('Z') && part[..part.len() - 1].bytes().all(|byte| byte.is_ascii_digit())
}

/// True for one or several words of letters: `expired`, `refresh-token`, `your_api_key`.
pub(super) fn is_words(value: &str) -> bool {
    !value.is_empty()
        && value.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '_' | '.' | ' ' | '/'))
        && value.split(['-', '_', '.', ' ', '/']).all(|word| !takes_turns_of_case(word))
}

fn takes_turns_of_case(word: &str) -> bool {
    word.len() > 1 && turns_of_case(word) * 4 > word.len()
}

/// True if the name before a token says that it is computed or counted: its randomness says nothing then.
pub(super) fn is_innocent_name(name: &str) -> bool {
    const WORDS: &[&str] = &[
        "checksum",
        "commit",
        "continue",
        "cursor",
        "digest",
        "etag",
        "fingerprint",
        "h1",
        "hash",
        "id",
        "image",
        "integrity",
        "md5",
        "pub",
        "revision",
        "sha",
        "sha1",
        "sha256",
        "sha512",
        "span",
        "sum",
        "thumbprint",
        "trace",
        "traceparent",
        "uid",
        "uuid",
        "version",
    ];
    name::words(name).iter().any(|word| WORDS.contains(&word.as_str()))
}
