//! Runs of letters: where a token begins and ends.

/// The letters that tokens of an issuer are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// `0-9`.
    Digit,
    /// `0-9a-f`, in either case.
    Hex,
    /// `0-9A-Z`.
    Upper,
    /// Letters and digits.
    Alnum,
    /// And `_`.
    Word,
    /// And `-`: base64 for addresses.
    Dash,
    /// And `.`, `~`.
    Dotted,
    /// Letters, digits, `+`, `/`, `=`, `-`, `_`: base64 of either alphabet.
    Base64,
    /// What hashes of passwords are made of: base64's letters, `.`, `$`, `,`, `:`.
    Crypt,
    /// What tokens of any kind are made of.
    Token,
    /// What names are made of: letters, digits, `_`, `-`, `.`, `/`.
    Name,
}

impl Letters {
    pub(super) fn has(self, byte: u8) -> bool {
        match self {
            Self::Digit => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Dash => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_'),
            Self::Crypt => Self::Base64.has(byte) || matches!(byte, b'.' | b'$' | b',' | b':'),
            Self::Token => Self::Base64.has(byte) || matches!(byte, b'.' | b'~'),
            Self::Name => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/') || byte >= 0x80,
        }
    }

    /// Where the run of such letters from `at` ends.
    pub(super) fn end(self, text: &str, at: usize) -> usize {
        let rest = &text.as_bytes()[at..];
        at + rest.iter().position(|byte| !self.has(*byte)).unwrap_or(rest.len())
    }

    /// Where it ends, no further than `most` bytes.
    pub(super) fn end_within(self, text: &str, at: usize, most: usize) -> usize {
        let limit = text.floor_char_boundary((at + most).min(text.len()));
        self.end(&text[..limit], at)
    }

    /// Where the run of such letters before `at` begins, no further back than `most` bytes.
    pub(super) fn start(self, text: &str, at: usize, most: usize) -> usize {
        let floor = text.floor_char_boundary(at.saturating_sub(most));
        let before = &text.as_bytes()[floor..at];
        floor + before.iter().rposition(|byte| !self.has(*byte)).map_or(0, |last| last + 1)
    }
}

/// True if a token can begin at `at`: no letter stands before it, but for one that is part of `\n`, `%3D` or `\u0026`.
pub(super) fn begins(text: &str, at: usize) -> bool {
    let before = &text.as_bytes()[..at];
    match before {
        [] | [.., b'\\', b'n' | b't' | b'r'] => true,
        [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => true,
        [.., b'\\', b'u', a, b, c, d] if [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()) => true,
        [.., last] => !last.is_ascii_alphanumeric(),
    }
}
