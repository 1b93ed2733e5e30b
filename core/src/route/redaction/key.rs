//! Private keys: PEM blocks, also on one line with `\n`, and keys in DER.

use std::ops::Range;

use super::{Find, Kind};

/// How a block begins.
pub(super) const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// No block is longer; what would be is cut here.
pub(super) const BLOCK_BYTES: usize = 32 * 1024;

/// The block that begins at `at`, to its last line or to where the text stops looking like one.
pub(super) fn find(text: &str, at: usize) -> Option<Find> {
    let block = &text[at..];
    if !is_private(block) {
        return None;
    }
    let end = match block.find(END) {
        Some(end) => {
            let label = end + END.len();
            block[label..].find("-----").map_or(block.len(), |close| label + close + 5)
        }
        None => block.trim_end_matches([' ', '\t', '\r', '\n', '"', '\'', ',', '}']).len(),
    };
    Some(Find { range: at..at + end, kind: Kind::PrivateKey })
}

fn is_private(block: &str) -> bool {
    let Some(label) = block.strip_prefix(BEGIN) else { return false };
    let label = &label[..label.floor_char_boundary(40)];
    let is_label = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, ' ' | '-');
    label.split("-----").next().is_some_and(|label| label.contains("PRIVATE KEY") && label.chars().all(is_label))
}

/// True if a line opens a block that it does not close.
pub(super) fn opens(line: &str) -> bool {
    let Some(begin) = line.rfind(BEGIN) else { return false };
    is_private(&line[begin..]) && !line[begin..].contains(END) && line[begin..].trim_end().ends_with("-----")
}

/// True if a line of a block closes it.
pub(super) fn closes(line: &str) -> bool {
    line.contains(END)
}

/// True if a line can be one of a block: base64, a header such as `Proc-Type: 4,ENCRYPTED`, or nothing; also after the
/// time that a log puts before each line.
pub(super) fn continues(line: &str) -> bool {
    let line = line.trim().trim_matches(['"', '\'', ',', '+', '\\']);
    let is_header = ["Proc-Type", "DEK-Info", "Version", "Comment"].iter().any(|name| line.contains(name));
    let last = line.rsplit([' ', '\t', '|']).next().unwrap_or(line);
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\');
    line.is_empty() || is_header || closes(line) || (last.bytes().all(is_base64) && (last == line || last.len() >= 16))
}

/// Where certificates and public keys stand: their letters look random, and are for everyone. `goes_on`: one was open
/// where the text begins, and then whether one is open where it ends.
pub(super) fn public_blocks(text: &str, goes_on: &mut bool) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut at = 0;
    if *goes_on && continues(text) {
        at = text.find(END).unwrap_or(text.len());
        *goes_on = at == text.len();
        blocks.push(0..at);
    } else {
        *goes_on = false;
    }
    while let Some(begin) = text[at..].find(BEGIN).map(|begin| at + begin) {
        let label_end = begin + BEGIN.len();
        let end = text[label_end..].find(END).map_or(text.len(), |end| label_end + end);
        if !is_private(&text[begin..]) {
            blocks.push(begin..end);
            *goes_on = end == text.len();
        }
        at = end;
    }
    blocks
}

/// What bytes are, where their beginning tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bytes {
    /// A private key in DER or of OpenSSH.
    PrivateKey,
    /// A certificate, a public key, a picture, an archive.
    Harmless,
    /// Nothing is known of them.
    Unknown,
}

/// Looks at how bytes begin. In DER a private key is a sequence that begins with a version number; a certificate or
/// public key begins with another sequence (RFC 5208, 5280, 8017).
pub(super) fn look(bytes: &[u8]) -> Bytes {
    const HARMLESS: &[&[u8]] = &[
        b"\x1f\x8b",
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"PK\x03\x04",
        b"k8s\x00",
        b"\x7fELF",
        b"\x00asm",
        b"RIFF",
        b"\x00\x00\x00\x07ssh-",
        b"\x00\x00\x00\x0bssh-",
        b"\x00\x00\x00\x13ecdsa",
        b"\x00\x00\x00\x1ask-",
        b"\x28\xb5\x2f\xfd",
        b"\x00\x00\x01\x00",
        b"wOF2",
        b"BZh",
        b"\xfd7zXZ",
    ];
    if bytes.starts_with(b"openssh-key-v1") {
        return Bytes::PrivateKey;
    }
    if HARMLESS.iter().any(|begin| bytes.starts_with(begin)) {
        return Bytes::Harmless;
    }
    match bytes {
        [0x30, 0x82, _, _, rest @ ..] | [0x30, 0x81, _, rest @ ..] => look_in_sequence(rest),
        [0x30, length, rest @ ..] if *length < 0x80 && usize::from(*length) <= rest.len() + 4 => look_in_sequence(rest),
        _ => Bytes::Unknown,
    }
}

fn look_in_sequence(rest: &[u8]) -> Bytes {
    match rest {
        [0x02, 0x01, 0x00 | 0x01, ..] => Bytes::PrivateKey,
        [0x30, ..] => Bytes::Harmless,
        _ => Bytes::Unknown,
    }
}
