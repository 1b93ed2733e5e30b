//! What stands in base64: settings that may hold a secret, keys, or bytes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::key::{self, Bytes};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const FOR_ADDRESSES: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// What base64 means.
pub(super) enum Content {
    /// A text, to be looked into.
    Text(String),
    /// A private key.
    PrivateKey,
    /// A certificate, a picture, an archive.
    Harmless,
    /// No base64, or bytes of which nothing is known.
    Unknown,
}

/// Decodes either alphabet, with padding or without.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let text = if text.len() % 4 == 1 { &text[..text.len() - 1] } else { text };
    let engine = if text.contains(['-', '_']) { FOR_ADDRESSES } else { STANDARD };
    engine.decode(text).ok()
}

/// Looks at what base64 means.
pub(super) fn content(text: &str) -> Content {
    let Some(bytes) = decoded(text) else { return Content::Unknown };
    match key::look(&bytes) {
        Bytes::PrivateKey => return Content::PrivateKey,
        Bytes::Harmless => return Content::Harmless,
        Bytes::Unknown => {}
    }
    match String::from_utf8(bytes) {
        Ok(text) if is_readable(&text) => Content::Text(text),
        _ => Content::Unknown,
    }
}

fn is_readable(text: &str) -> bool {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let ascii = text.chars().filter(|c| c.is_ascii_graphic() || c.is_ascii_whitespace()).count();
    text.len() >= 8 && !text.contains(is_odd) && ascii * 4 >= text.chars().count() * 3
}
