//! Looks for everything at once: one automaton finds where something could begin, and what it is decides there.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::assigned::{self, Name};
use super::coded::{self, Content};
use super::issued::{self, CAPABILITIES, INNER, ISSUED};
use super::line::Carry;
use super::name::{Strength, strength};
use super::random::{is_innocent_name, is_random};
use super::run::{Letters, begins};
use super::{Find, Kind, address, command, header, key, manifest, placeholder};

/// What may begin at a place.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    Issued(usize),
    Inner(usize),
    Capability,
    Name,
    Block,
    Address,
    Oracle,
    Mail,
    Scheme,
    Command,
    Placeholder,
    WebToken,
}

/// What names of credentials hold, in small letters.
const ROOTS: &[&str] = &[
    "pass",
    "pwd",
    "pw",
    "secret",
    "token",
    "key",
    "credential",
    "auth",
    "cookie",
    "sig",
    "jwt",
    "sessid",
    "sessionid",
    "totp",
    "pat",
    "psk",
    "sas",
    "oauthcode",
    "mnemonic",
    "seedphrase",
    "seed_phrase",
    "密碼",
    "密码",
];

/// How deep base64 within base64 is followed.
const DEPTH: u8 = 2;

struct Anchors {
    automaton: AhoCorasick,
    kinds: Vec<(Anchor, &'static str)>,
}

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| {
    let mut kinds: Vec<(Anchor, &'static str)> = Vec::new();
    kinds.extend(ISSUED.iter().enumerate().map(|(at, issued)| (Anchor::Issued(at), issued.begin)));
    kinds.extend(INNER.iter().enumerate().map(|(at, inner)| (Anchor::Inner(at), inner.mark)));
    for (anchor, words) in [
        (Anchor::Capability, CAPABILITIES),
        (Anchor::Name, ROOTS),
        (Anchor::Command, command::ANCHORS),
        (Anchor::Placeholder, placeholder::BEGINNINGS),
        (Anchor::Scheme, &["bearer ", "basic "]),
        (Anchor::Block, &[key::BEGIN]),
        (Anchor::Address, &["://"]),
        (Anchor::Oracle, &["jdbc:oracle:thin:", "sqlplus "]),
        (Anchor::Mail, &["@"]),
        (Anchor::WebToken, &["eyJ"]),
    ] {
        kinds.extend(words.iter().map(|word| (anchor, *word)));
    }
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(kinds.iter().map(|(_, word)| word))
        .expect("the table of anchors is small");
    Anchors { automaton, kinds }
});

/// Everything in a text that must not leave, in no order. `carry`: what the lines before it left, for a whole line.
pub(super) fn scan(text: &str, carry: Option<&mut Carry>) -> Vec<Find> {
    let mut found = Vec::new();
    let mut none = Carry::default();
    let carry = match carry {
        Some(carry) => {
            carry.find(text, &mut found);
            carry
        }
        None => &mut none,
    };
    find_all(text, carry, DEPTH, &mut found);
    found
}

fn find_all(text: &str, carry: &mut Carry, depth: u8, found: &mut Vec<Find>) {
    find_anchored(text, carry, found);
    manifest::find_on_one_line(text, found);
    let public = key::public_blocks(text, &mut carry.is_in_public);
    let before = found.len();
    find_tokens(text, depth, found);
    let is_public = |find: &Find| public.iter().any(|block| block.contains(&find.range.start));
    let kept: Vec<Find> = found.drain(before..).filter(|find| find.kind != Kind::Random || !is_public(find)).collect();
    found.extend(kept);
}

fn find_anchored(text: &str, carry: &mut Carry, found: &mut Vec<Find>) {
    // What lies within a find is not looked at again: else a hostile text would cost the square of its length.
    let (mut name_end, mut covered) = (0, 0);
    for hit in ANCHORS.automaton.find_overlapping_iter(text) {
        let (anchor, word) = ANCHORS.kinds[hit.pattern().as_usize()];
        let (at, end) = (hit.start(), hit.end());
        let one = match anchor {
            Anchor::Issued(_) | Anchor::Inner(_) | Anchor::Name | Anchor::WebToken | Anchor::Mail if at < covered => {
                None
            }
            Anchor::Name if at < name_end => None,
            Anchor::Name => {
                let name = Name::around(text, at);
                name_end = name.range.end.max(end);
                find_named(text, &name, carry)
            }
            Anchor::Issued(index) => issued::find(text, at, &ISSUED[index]),
            Anchor::Inner(index) => issued::find_around(text, at, &INNER[index]),
            Anchor::Capability => issued::capability(text, end).map(|range| Find { range, kind: Kind::ServiceToken }),
            Anchor::Block => key::find(text, at),
            Anchor::Address => address::find_password(text, at),
            Anchor::Oracle => address::find_oracle(text, end),
            Anchor::Mail => address::find_mail(text, at),
            Anchor::Scheme => header::find_scheme(text, end, word),
            Anchor::Command => command::find(text, at, word),
            Anchor::Placeholder => placeholder::find(text, at),
            Anchor::WebToken => find_web_token(text, at),
        };
        covered = one.as_ref().map_or(covered, |one| covered.max(one.range.end));
        found.extend(one);
    }
}

fn find_named(text: &str, name: &Name<'_>, carry: &mut Carry) -> Option<Find> {
    // A name in `<SECRET_1>` opens no value.
    if name.range.start > 0 && placeholder::parse(&text[text.floor_char_boundary(name.range.start - 1)..]).is_some() {
        return None;
    }
    let strength = strength(name.as_str())?;
    if let Some(find) = carry.note(text, name, strength) {
        return Some(find);
    }
    match strength {
        Strength::Header => header::find(name),
        Strength::Login => header::find_login(name),
        strength => assigned::find(name, strength),
    }
}

/// A JSON Web Token (RFC 7519): a header in base64 that says `alg`, and more parts.
fn find_web_token(text: &str, at: usize) -> Option<Find> {
    let is_within = text[..at].ends_with(['-', '_', '+', '/', '.']) || !begins(text, at);
    if !text[at..].starts_with("eyJ") || is_within {
        return None;
    }
    let head = Letters::Dash.end(text, at);
    let end = at + text[at..Letters::Dotted.end(text, at)].trim_end_matches(['.', '~']).len();
    let says = coded::decoded(&text[at..head]).and_then(|bytes| String::from_utf8(bytes).ok());
    let is_header =
        says.is_some_and(|says| ["\"alg\"", "\"typ\"", "\"enc\"", "\"kid\""].iter().any(|word| says.contains(word)));
    (is_header && end > head + 8).then_some(Find { range: at..end, kind: Kind::WebToken })
}

/// Tokens that look random or mean a secret in base64.
fn find_tokens(text: &str, depth: u8, found: &mut Vec<Find>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !in_token(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && in_token(bytes[at]) {
            at += 1;
        }
        if at - start >= 16 {
            find_in_token(text, start..at, depth, found);
        }
    }
}

fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-' | b'.' | b'~')
}

fn find_in_token(text: &str, token: Range<usize>, depth: u8, found: &mut Vec<Find>) {
    let random = |range: Range<usize>| Find { range, kind: Kind::Random };
    if is_bot_token(&text[token.clone()]) {
        found.push(random(token));
        return;
    }
    let name = name_before(text, token.start);
    let mut start = token.start;
    for piece in text[token.clone()].split('.') {
        let end = start + piece.len();
        let padding = if end == token.end { padding(text, end) } else { 0 };
        let range = start..end + padding;
        start = end + 1;
        match look(piece, depth) {
            Look::Secret(kind) => found.push(Find { range, kind }),
            Look::Harmless => {}
            Look::Unknown if is_integrity(piece) => {}
            Look::Unknown if is_innocent_name(name) || is_picture(text, range.start) => {}
            Look::Unknown => found.extend(find_random(text, range, least(name)).into_iter().map(random)),
        }
    }
}

enum Look {
    Secret(Kind),
    Harmless,
    Unknown,
}

/// What a token means in base64.
fn look(piece: &str, depth: u8) -> Look {
    if piece.len() < 24 {
        return Look::Unknown;
    }
    match coded::content(piece) {
        Content::Text(_) if depth == 0 => Look::Harmless,
        Content::Text(inner) if holds_secret(&inner, depth - 1) => Look::Secret(Kind::Coded),
        Content::PrivateKey => Look::Secret(Kind::PrivateKey),
        Content::Text(_) | Content::Harmless => Look::Harmless,
        Content::Unknown => Look::Unknown,
    }
}

fn holds_secret(text: &str, depth: u8) -> bool {
    let mut found = Vec::new();
    find_all(text, &mut Carry::default(), depth, &mut found);
    found.iter().any(|find| !matches!(find.kind, Kind::Email | Kind::Host | Kind::Quoted))
}

/// A piece that holds a word is a path, and each of its parts is judged alone.
fn find_random(text: &str, range: Range<usize>, least: usize) -> Vec<Range<usize>> {
    let piece = &text[range.clone()];
    let is_word = |part: &str| part.len() >= 3 && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if !piece.split('/').any(is_word) {
        return if is_random(piece, least) { vec![range] } else { Vec::new() };
    }
    let mut start = range.start;
    let parts = piece.split('/').map(|part| {
        let found = start..start + part.len();
        start = found.end + 1;
        found
    });
    parts.filter(|part| is_random(&text[part.clone()], least)).collect()
}

/// Beside a name that speaks of keys less is enough.
fn least(name: &str) -> usize {
    const HINTS: &[&str] = &["key", "access", "auth", "cred", "sig", "pass", "token", "secret", "code", "sas"];
    let name = name.to_ascii_lowercase();
    if HINTS.iter().any(|hint| name.contains(hint)) { 16 } else { 24 }
}

/// The word before a token, with a sign, a quote or a blank between.
fn name_before(text: &str, start: usize) -> &str {
    let before = &text[text.floor_char_boundary(start.saturating_sub(96))..start];
    let name = before.trim_end_matches([' ', '"', '\'', '\\', ':', '=', '`', '(', '[']);
    let name = name.strip_suffix("W/").map_or(name, |name| name.trim_end_matches([' ', '"', ':', '=', '\\']));
    &name[Letters::Name.start(name, name.len(), 96)..]
}

fn padding(text: &str, end: usize) -> usize {
    text.as_bytes()[end..].iter().take(2).take_while(|byte| **byte == b'=').count()
}

/// `sha512-…` of a page or a lock file.
fn is_integrity(piece: &str) -> bool {
    ["sha1-", "sha256-", "sha384-", "sha512-"].iter().any(|begin| piece.starts_with(begin))
}

/// `data:image/png;base64,…`.
fn is_picture(text: &str, start: usize) -> bool {
    let before = &text[text.floor_char_boundary(start.saturating_sub(64))..start];
    before.ends_with(";base64,") && ["image/", "font/", "audio/", "video/"].iter().any(|kind| before.contains(kind))
}

/// A bot's token of Discord: an id in base64, a time, and a key.
fn is_bot_token(token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    let [id, time, key] = parts.as_slice() else { return false };
    let is_dash = |part: &str| part.bytes().all(|byte| Letters::Dash.has(byte));
    (23..=30).contains(&id.len())
        && (5..=8).contains(&time.len())
        && (27..=45).contains(&key.len())
        && [id, time, key].into_iter().all(|part| is_dash(part))
        && coded::decoded(id).is_some_and(|id| id.iter().all(u8::is_ascii_digit))
}
