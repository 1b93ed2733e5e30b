//! Secrets of scanned clusters, known by their keyed fingerprints alone.

use std::collections::HashSet;

use super::coded::decoded;
use super::{Find, Kind};
use crate::object::known_secrets::{KnownSecrets, LEAST_BYTES, MOST_BYTES, is_telling};
use crate::object::secret::SecretKey;

/// The fingerprints of all values of scanned Secrets, with the key that they were made with.
#[derive(Debug, Clone)]
pub(super) struct Known {
    key: SecretKey,
    values: KnownSecrets,
}

impl Known {
    pub(super) fn new(key: SecretKey, values: KnownSecrets) -> Self {
        Self { key, values }
    }

    /// Finds every token of a text that is one of the values, in clear or in base64.
    pub(super) fn find(&self, text: &str, found: &mut Vec<Find>) {
        if self.values.is_empty() {
            return;
        }
        let mut tried = HashSet::new();
        for line in text.lines() {
            self.find_in_line(text, line, &mut tried, found);
        }
    }

    /// A value may be a word between blanks, one between any punctuation, or all after a sign.
    fn find_in_line<'t>(&self, text: &'t str, line: &'t str, tried: &mut HashSet<&'t str>, found: &mut Vec<Find>) {
        let quotes = |c: char| matches!(c, '"' | '\'' | '`');
        let loose = |c: char| c.is_whitespace() || quotes(c) || ",;()[]{}<>|\\".contains(c);
        let close = |c: char| loose(c) || "=:@/&?#%".contains(c);
        let after_sign = line.split_once([':', '=']).map(|(_, value)| value);
        let whole = [Some(line), after_sign].into_iter().flatten();
        let words = line.split(char::is_whitespace).chain(line.split(quotes));
        for token in whole.chain(words).chain(line.split(loose)).chain(line.split(close)) {
            let trimmed = token.trim();
            for token in
                [trimmed, trimmed.trim_end_matches(['.', ',', '!', '?', ';', ':']), trimmed.trim_matches(quotes)]
            {
                if tried.insert(token) && self.knows(token) {
                    let start = token.as_ptr() as usize - text.as_ptr() as usize;
                    found.push(Find { range: start..start + token.len(), kind: Kind::Known });
                }
            }
        }
    }

    fn knows(&self, token: &str) -> bool {
        if !(LEAST_BYTES..=MOST_BYTES).contains(&token.len()) || !is_telling(token) {
            return false;
        }
        let has = |bytes: &[u8]| self.values.contains(&self.key.fingerprint(bytes));
        has(token.as_bytes())
            || (token.len() >= 8 && decoded(token).is_some_and(|bytes| bytes.len() >= LEAST_BYTES && has(&bytes)))
    }
}
