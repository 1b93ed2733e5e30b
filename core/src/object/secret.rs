//! Values that nobody may see: a Secret's data as keyed fingerprints, and what looks like a credential masked.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, Serializer};
use sha2::Sha256;

use super::LAST_APPLIED;
use super::value::{Map, Node, Value};

/// The key of the fingerprints; without it a fingerprint of a short password could be guessed.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// Wraps 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA256 of some bytes.
    pub fn fingerprint(&self, bytes: &[u8]) -> Fingerprint {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(bytes);
        Fingerprint(mac.finalize().into_bytes().into())
    }

    /// Tells keys apart: 8 hexadecimal characters.
    fn id(&self) -> String {
        hex(&self.fingerprint(b"anchorwatch: which key is this").0[..4])
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// A keyed fingerprint of a secret value, printed as `<SECRET a1b2c3d4>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// All 64 hexadecimal characters.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }
}

/// Bytes as hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        use std::fmt::Write as _;
        let _ = write!(out, "{byte:02x}");
        out
    })
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<SECRET {}>", hex(&self.0[..4]))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value made for people's eyes. It can be printed, and by its type never becomes part of a patch.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown(serde_json::Value);

impl Shown {
    /// Makes `value` fit to be shown: Secret values are fingerprints already; credentials are masked with `mask`.
    pub fn of(value: &Value<'_>, masked: Option<Fingerprint>) -> Self {
        Self(match masked {
            Some(fingerprint) => serde_json::Value::String(fingerprint.to_string()),
            None => serde_json::to_value(value).expect("a tree of JSON values is JSON"),
        })
    }

    /// The JSON to print.
    pub fn as_json(&self) -> &serde_json::Value {
        &self.0
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Replaces every value of a Secret by its fingerprint; `stringData` becomes `data`, as the API server does.
///
/// Other kinds are left alone. A value that is not valid base64 is concealed all the same.
pub fn conceal(root: &mut Map<'_>, key: &SecretKey) {
    if root.str("kind") != Some("Secret") || root.str("apiVersion") != Some("v1") {
        return;
    }
    match root.get_mut("data") {
        Some(Value::Map(data)) => {
            for value in data.values_mut() {
                conceal_value(value, |text| unsealed(text).unwrap_or_else(|| key.fingerprint(&decoded(text))));
            }
        }
        Some(Value::Null) | None => {}
        // No Secret has this, but whoever wrote it may have meant a value.
        Some(malformed) => conceal_value(malformed, |text| key.fingerprint(text.as_bytes())),
    }
    if let Some(malformed) = root.get_mut("stringData")
        && !matches!(malformed, Value::Map(_) | Value::Null)
    {
        conceal_value(malformed, |text| key.fingerprint(text.as_bytes()));
    }
    if root.map("stringData").is_some()
        && let Some(Node { value: Value::Map(mut plain), .. }) = root.remove("stringData")
    {
        for value in plain.values_mut() {
            conceal_value(value, |text| key.fingerprint(text.as_bytes()));
        }
        if root.map("data").is_none() {
            root.insert(Cow::Borrowed("data"), Value::Map(Map::default()).into());
        }
        if let Some(Value::Map(data)) = root.get_mut("data") {
            for (name, node) in plain.iter() {
                data.insert(Cow::Owned(name.to_owned()), node.clone());
            }
        }
    }
    if let Some(Value::Map(metadata)) = root.get_mut("metadata")
        && let Some(Value::Map(annotations)) = metadata.get_mut("annotations")
        && let Some(value) = annotations.get_mut(LAST_APPLIED)
    {
        let sealed = value.as_str().and_then(|text| sealed_manifest(text, key));
        match sealed {
            Some(sealed) => *value = Value::String(Cow::Owned(sealed)),
            None => conceal_value(value, |text| key.fingerprint(text.as_bytes())),
        }
    }
}

/// The manifest of a Secret with fingerprints in place of its values: what was applied can be compared, not read.
fn sealed_manifest(text: &str, key: &SecretKey) -> Option<String> {
    let Value::Map(mut manifest) = serde_json::from_str(text).ok()? else { return None };
    if manifest.str("kind") != Some("Secret") || manifest.str("apiVersion") != Some("v1") {
        return None;
    }
    conceal(&mut manifest, key);
    seal(&mut manifest, key);
    serde_json::to_string(&Value::Map(manifest)).ok()
}

/// How a fingerprint stands in a recorded snapshot: after this the key's id, a colon and 64 hexadecimal characters. The
/// first snapshots name no key.
const SEALED: &str = "anchorwatch.hmac-sha256:";

/// Writes the fingerprints of a Secret out in full, so that a recorded snapshot can be compared later with the same key.
pub fn seal(root: &mut Map<'_>, key: &SecretKey) {
    let id = key.id();
    if let Some(Value::Map(data)) = root.get_mut("data") {
        for value in data.values_mut() {
            if let Value::Secret(fingerprint) = value {
                *value = Value::String(Cow::Owned(format!("{SEALED}{id}:{}", fingerprint.to_hex())));
            }
        }
    }
}

/// True for a recorded Secret whose fingerprints were made with another key: nothing can be said of its values.
pub fn is_sealed_elsewhere(root: &Map<'_>, key: &SecretKey) -> bool {
    let other = |text: &str| {
        let id = text.strip_prefix(SEALED).and_then(|sealed| sealed.split_once(':')).map(|(id, _)| id);
        id.is_some_and(|id| id != key.id())
    };
    let is_secret = root.str("kind") == Some("Secret") && root.str("apiVersion") == Some("v1");
    is_secret
        && root.map("data").is_some_and(|data| data.iter().any(|(_, node)| node.value.as_str().is_some_and(other)))
}

fn unsealed(text: &str) -> Option<Fingerprint> {
    let sealed = text.strip_prefix(SEALED)?;
    let digits = sealed.split_once(':').map_or(sealed, |(_, digits)| digits);
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(Fingerprint(bytes))
}

/// True for a value that SOPS encrypted: `ENC[AES256_GCM,data:…]`. What it stands for is not known here.
pub fn is_encrypted(text: &str) -> bool {
    text.starts_with("ENC[") && text.ends_with(']')
}

fn conceal_value(value: &mut Value<'_>, fingerprint: impl Fn(&str) -> Fingerprint) {
    *value = match &*value {
        Value::String(text) if is_encrypted(text) => return,
        Value::Null => Value::Secret(Box::new(fingerprint(""))),
        Value::String(text) => Value::Secret(Box::new(fingerprint(text))),
        other => Value::Secret(Box::new(fingerprint(&serde_json::to_string(other).unwrap_or_default()))),
    };
}

/// Go's decoder skips line ends; what it would refuse is taken as it stands, so that it still gets concealed.
fn decoded(text: &str) -> Vec<u8> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let compact: String = text.chars().filter(|c| *c != '\n' && *c != '\r').collect();
    ENGINE.decode(&compact).unwrap_or_else(|_| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(json: &str) -> String {
        let mut value: Value<'_> = serde_json::from_str(json).unwrap();
        let Value::Map(root) = &mut value else { panic!("no map") };
        conceal(root, &SecretKey::new([7; 32]));
        serde_json::to_string(&value).unwrap()
    }

    #[test]
    fn string_data_and_data_of_the_same_value_have_one_fingerprint() {
        let plain = secret(r#"{"apiVersion":"v1","kind":"Secret","stringData":{"a":"hello"}}"#);
        let coded = secret(r#"{"apiVersion":"v1","kind":"Secret","data":{"a":"aGVs\nbG8="}}"#);
        assert_eq!(plain, coded);
        assert!(plain.contains("<SECRET "), "{plain}");
    }

    #[test]
    fn invalid_base64_and_last_applied_are_concealed() {
        let text = secret(
            r#"{"apiVersion":"v1","kind":"Secret","data":{"a":"hunter2!!"},"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"hunter2"}}}"#,
        );
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn what_was_applied_keeps_its_shape_and_not_its_values() {
        let applied = r#"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"stringData\":{\"a\":\"hunter2\"}}"#;
        let text = secret(&format!(
            r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"annotations":{{"kubectl.kubernetes.io/last-applied-configuration":"{applied}"}}}}}}"#,
        ));
        assert!(!text.contains("hunter2") && text.contains(SEALED), "{text}");
    }

    #[test]
    fn a_sealed_fingerprint_says_which_key_it_was_made_with() {
        let (key, other) = (SecretKey::new([7; 32]), SecretKey::new([8; 32]));
        let parse = |json: &str| match serde_json::from_str::<Value<'_>>(json).unwrap().into_owned() {
            Value::Map(root) => root,
            _ => panic!("no map"),
        };
        let mut sealed = parse(r#"{"apiVersion":"v1","kind":"Secret","data":{"a":"aGVsbG8="}}"#);
        conceal(&mut sealed, &key);
        let fingerprint = sealed.clone();
        seal(&mut sealed, &key);
        assert!(!is_sealed_elsewhere(&sealed, &key) && is_sealed_elsewhere(&sealed, &other));
        // The first snapshots named no key.
        let text = serde_json::to_string(&Value::Map(sealed)).unwrap();
        for text in [text.clone(), text.replace(&format!("{}:", key.id()), "")] {
            let mut read = parse(&text);
            assert!(!is_sealed_elsewhere(&read, &key), "{text}");
            conceal(&mut read, &key);
            assert_eq!(read, fingerprint, "{text}");
        }
    }

    #[test]
    fn a_malformed_secret_is_concealed_too() {
        for data in [r#""hunter2""#, r#"["hunter2"]"#, r#"{"a":["hunter2"]}"#, r#"{"a":{"b":"hunter2"}}"#] {
            for field in ["data", "stringData"] {
                let text = secret(&format!(r#"{{"apiVersion":"v1","kind":"Secret","{field}":{data}}}"#));
                assert!(!text.contains("hunter2"), "{text}");
            }
        }
    }

    #[test]
    fn other_kinds_are_left_alone() {
        let text = r#"{"apiVersion":"example.com/v1","data":{"a":"b"},"kind":"Secret"}"#;
        assert_eq!(secret(text), text);
    }
}
