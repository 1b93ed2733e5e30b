//! Which values of Secrets there are, by their keyed fingerprints alone: whoever has a text can ask whether it is one.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::secret::{Fingerprint, SecretKey};

/// A shorter value proves nothing, and would take common words out of every text.
pub const LEAST_BYTES: usize = 6;
/// A longer value is not looked for.
pub const MOST_BYTES: usize = 4096;
/// A line of a value of several lines is looked for by itself if it is one token of at least so many bytes, as those of a key are.
const LEAST_OF_A_LINE: usize = 16;
/// Lines of one value.
const MOST_LINES: usize = 256;
/// So many are kept; then the oldest are forgotten.
const KEPT: usize = 100_000;

/// The values of the Secrets that were read with one key; its clones are the same ones.
#[derive(Clone, Default)]
pub struct KnownSecrets(Arc<RwLock<Kept>>);

#[derive(Default)]
struct Kept {
    fingerprints: HashSet<Fingerprint>,
    /// The oldest first.
    order: VecDeque<Fingerprint>,
}

impl KnownSecrets {
    /// True for a fingerprint of one of the values.
    pub fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).fingerprints.contains(fingerprint)
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).order.is_empty()
    }

    /// Takes a value in, where it tells anything; as it is written without blanks around it, and by its lines.
    pub(super) fn take(&self, value: &[u8], key: &SecretKey) {
        let Ok(value) = std::str::from_utf8(value).map(str::trim) else { return };
        self.keep(value, key);
        if value.contains('\n') {
            let tokens = value.lines().map(str::trim).filter(|line| !line.contains(char::is_whitespace));
            tokens.filter(|line| line.len() >= LEAST_OF_A_LINE).take(MOST_LINES).for_each(|line| self.keep(line, key));
        }
    }

    fn keep(&self, value: &str, key: &SecretKey) {
        if (LEAST_BYTES..=MOST_BYTES).contains(&value.len()) && is_telling(value) {
            self.insert(key.fingerprint(value.as_bytes()));
        }
    }

    /// Takes a value in of which there is no more than its fingerprint.
    pub(super) fn insert(&self, fingerprint: Fingerprint) {
        if self.contains(&fingerprint) {
            return;
        }
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.fingerprints.insert(fingerprint) {
            kept.order.push_back(fingerprint);
        }
        if kept.order.len() > KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.fingerprints.remove(&oldest);
        }
    }
}

impl FromIterator<Fingerprint> for KnownSecrets {
    fn from_iter<T: IntoIterator<Item = Fingerprint>>(fingerprints: T) -> Self {
        let known = Self::default();
        fingerprints.into_iter().for_each(|fingerprint| known.insert(fingerprint));
        known
    }
}

impl fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownSecrets(…)")
    }
}

/// A short word of small letters or a short number may be a value, and stands for itself everywhere else.
pub fn is_telling(value: &str) -> bool {
    let is_word = value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    value.len() >= 16 || !(is_word || is_number)
}

#[cfg(test)]
mod tests {
    use super::super::secret::conceal;
    use super::super::value::Value;
    use super::*;

    fn read(known: &KnownSecrets, json: &str) {
        let Value::Map(mut root) = serde_json::from_str::<Value<'_>>(json).unwrap() else { panic!("no object") };
        conceal(&mut root, &SecretKey::new([1; 32]).remembering(known.clone()));
    }

    #[test]
    fn what_a_secret_holds_is_known_where_it_tells_anything() {
        let known = KnownSecrets::default();
        assert!(known.is_empty());
        read(
            &known,
            r#"{"apiVersion": "v1", "kind": "Secret", "data": {"a": "SHVudGVyMiE0Nwo=", "b": "YWRtaW4="}, "stringData":
            {"c": "c0rrect horse", "d": "BEGIN\nMIIEvQIBADANBgkqhkiG9w0B\nlevel: debug\n"}}"#,
        );
        let key = SecretKey::new([1; 32]);
        for (value, is_known) in [
            ("Hunter2!47", true),
            ("Hunter2!47\n", false),
            ("admin", false),
            ("c0rrect horse", true),
            ("MIIEvQIBADANBgkqhkiG9w0B", true),
            ("level: debug", false),
            ("another one", false),
        ] {
            assert_eq!(known.contains(&key.fingerprint(value.as_bytes())), is_known, "{value}");
        }
        let others = KnownSecrets::default();
        read(&others, r#"{"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "Hunter2!47"}}"#);
        assert!(others.is_empty(), "a ConfigMap is open to all who may read it");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let key = SecretKey::new([1; 32]);
        let value = |number: usize| key.fingerprint(&number.to_be_bytes());
        let known: KnownSecrets = (0..=KEPT).map(value).collect();
        assert!(!known.contains(&value(0)) && known.contains(&value(1)) && known.contains(&value(KEPT)));
    }
}
