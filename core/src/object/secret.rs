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
use super::known_secrets::KnownSecrets;
use super::value::{Map, Node, Value};

/// The key of the fingerprints; without it a fingerprint of a short password could be guessed.
#[derive(Clone)]
pub struct SecretKey {
    bytes: [u8; 32],
    known: Option<KnownSecrets>,
}

impl SecretKey {
    /// Wraps 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes, known: None }
    }

    /// The same key, which has the values known of the Secrets that are concealed with it from now on.
    #[must_use]
    pub fn remembering(self, known: KnownSecrets) -> Self {
        Self { known: Some(known), ..self }
    }

    /// The fingerprint of a Secret's value, which is known from now on.
    fn value(&self, bytes: &[u8]) -> Fingerprint {
        if let Some(known) = &self.known {
            known.take(bytes, self);
        }
        self.fingerprint(bytes)
    }

    /// The fingerprint of a recorded Secret's value.
    fn sealed(&self, text: &str) -> Option<Fingerprint> {
        let fingerprint = unsealed(text)?;
        if let Some(known) = &self.known {
            known.insert(fingerprint);
        }
        Some(fingerprint)
    }

    /// HMAC-SHA256 of some bytes.
    pub fn fingerprint(&self, bytes: &[u8]) -> Fingerprint {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.bytes).expect("HMAC takes a key of any length");
        mac.update(bytes);
        Fingerprint(mac.finalize().into_bytes().into())
    }

    /// A key for one other purpose: nobody who knows it knows this one, or that of a third.
    pub fn derived(&self, purpose: &[u8]) -> [u8; 32] {
        self.fingerprint(purpose).0
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

/// Fields of a Secret that hold no value of it; anything else may be a value under a misspelt name.
const READABLE: &[&str] = &["apiVersion", "kind", "type", "immutable", "metadata"];

/// What the API knows in `metadata`, less annotations. Of these the server refuses free text.
const METADATA: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Below this many bytes a value that is found in a text proves nothing.
const TELLING_BYTES: usize = 4;

fn is_secret(root: &Map<'_>) -> bool {
    root.str("kind") == Some("Secret") && root.str("apiVersion") == Some("v1")
}

/// Replaces every value of a Secret by its fingerprint; `stringData` becomes `data`, as the API server does.
///
/// Other kinds are left alone. A value that is not valid base64 is concealed all the same, and so is what stands in a
/// field that no Secret has, and an annotation that holds a value or a whole Secret.
pub fn conceal(root: &mut Map<'_>, key: &SecretKey) {
    if !is_secret(root) {
        return;
    }
    conceal_metadata(root, key);
    match root.get_mut("data") {
        Some(Value::Map(data)) => {
            for value in data.values_mut() {
                conceal_value(value, |text| key.sealed(text).unwrap_or_else(|| key.value(&decoded(text))));
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
            conceal_value(value, |text| key.value(text.as_bytes()));
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
    for name in names_besides(root, &[READABLE, &["data", "stringData"]].concat()) {
        conceal_leaves(root.get_mut(&name).expect("the name is the map's own"), key);
    }
    for (name, is_sound) in [("type", root.str("type").is_some()), ("immutable", is_bool(root.get("immutable")))] {
        if let Some(malformed) = root.get_mut(name).filter(|_| !is_sound) {
            conceal_leaves(malformed, key);
        }
    }
}

/// Makes of a Secret what the API server does: `stringData` becomes `data`. Nothing is concealed.
pub fn as_stored(root: &mut Map<'_>) {
    if !is_secret(root) {
        return;
    }
    let Some(Node { value: Value::Map(plain), .. }) = root.remove("stringData") else { return };
    if root.map("data").is_none() {
        root.insert(Cow::Borrowed("data"), Value::Map(Map::default()).into());
    }
    let Some(Value::Map(data)) = root.get_mut("data") else { return };
    for (name, node) in plain.iter() {
        if let Value::String(text) = &node.value {
            let coded = base64::engine::general_purpose::STANDARD.encode(text.as_bytes());
            data.insert(Cow::Owned(name.to_owned()), Value::String(Cow::Owned(coded)).into());
        }
    }
}

/// A Secret with those annotations concealed that the other side had to conceal, so that they stay comparable and neither
/// side shows what the other hides.
pub fn concealed_like<'r, 'a>(root: &'r Map<'a>, other: &Map<'_>, key: &SecretKey) -> Cow<'r, Map<'a>> {
    let (Some(ours), Some(theirs)) = (annotations(root), annotations(other)) else { return Cow::Borrowed(root) };
    let is_hidden = |name: &str| matches!(theirs.get(name), Some(Value::Secret(_)));
    let shown = ours.iter().filter(|(name, node)| is_hidden(name) && node.value.as_str().is_some());
    let shown: Vec<&str> = shown.map(|(name, _)| name).collect();
    if shown.is_empty() || !is_secret(root) {
        return Cow::Borrowed(root);
    }
    let mut root = root.clone();
    if let Some(Value::Map(metadata)) = root.get_mut("metadata")
        && let Some(Value::Map(ours)) = metadata.get_mut("annotations")
    {
        for name in shown {
            if let Some(value) = ours.get_mut(name) {
                conceal_leaves(value, key);
            }
        }
    }
    Cow::Owned(root)
}

fn annotations<'r, 'a>(root: &'r Map<'a>) -> Option<&'r Map<'a>> {
    root.map("metadata")?.map("annotations")
}

fn is_bool(value: Option<&Value<'_>>) -> bool {
    matches!(value, Some(Value::Bool(_)))
}

fn names_besides(map: &Map<'_>, known: &[&str]) -> Vec<String> {
    map.iter().map(|(name, _)| name).filter(|name| !known.contains(name)).map(str::to_owned).collect()
}

/// Has to come before the values are concealed, as it looks for them.
fn conceal_metadata(root: &mut Map<'_>, key: &SecretKey) {
    let mut values = Vec::new();
    for (name, node) in root.iter().filter(|(name, _)| !READABLE.contains(name)) {
        collect_values(&node.value, name == "data", &mut values);
    }
    let Some(metadata) = root.get_mut("metadata") else { return };
    let Value::Map(metadata) = metadata else { return conceal_leaves(metadata, key) };
    for name in names_besides(metadata, METADATA) {
        let value = metadata.get_mut(&name).expect("the name is the map's own");
        let Value::Map(annotations) = value else {
            conceal_leaves(value, key);
            continue;
        };
        if name != "annotations" {
            conceal_leaves(value, key);
            continue;
        }
        for (name, value) in annotations.entries_mut() {
            let Value::String(text) = &*value else {
                conceal_leaves(value, key);
                continue;
            };
            let applied = (name == LAST_APPLIED).then(|| sealed_manifest(text, key));
            match applied {
                Some(Some(sealed)) => *value = Value::String(Cow::Owned(sealed)),
                Some(None) => conceal_leaves(value, key),
                None if unsealed(text).is_some() || reveals(text, &values) => conceal_leaves(value, key),
                None => {}
            }
        }
    }
}

/// Every text that stands for a value: as it is written, and of `data` as it is meant.
fn collect_values(value: &Value<'_>, coded: bool, values: &mut Vec<String>) {
    match value {
        Value::String(text) if is_encrypted(text) || unsealed(text).is_some() => {}
        Value::String(text) => {
            let meant = coded.then(|| String::from_utf8(decoded(text)).ok()).flatten();
            for text in [Some(text.to_string()), meant].into_iter().flatten() {
                let text = text.trim();
                if text.len() >= TELLING_BYTES && !matches!(text, "true" | "false" | "null" | "none") {
                    values.push(text.to_owned());
                }
            }
        }
        Value::List(list) => list.iter().for_each(|node| collect_values(&node.value, coded, values)),
        Value::Map(map) => map.iter().for_each(|(_, node)| collect_values(&node.value, coded, values)),
        _ => {}
    }
}

/// True if a text holds one of the values, in clear or in base64, or is a Secret's manifest.
fn reveals(text: &str, values: &[String]) -> bool {
    let ends_word = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '-' | '_' | '=');
    // A backup may be in base64 as a whole.
    let meant = text.split(ends_word).filter(|word| word.len() > TELLING_BYTES).filter_map(|word| {
        let bytes = decoded(word);
        (bytes != word.as_bytes()).then(|| String::from_utf8(bytes).ok()).flatten()
    });
    std::iter::once(text.to_owned()).chain(meant).any(|text| holds_value(&text, values) || holds_secret(&text))
}

fn holds_value(text: &str, values: &[String]) -> bool {
    values.iter().any(|value| {
        let quoted = serde_json::to_string(value).unwrap_or_default();
        let coded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(value);
        // The last letter depends on what follows, such as a line's end.
        let coded = &coded[..coded.len() - 1];
        text.contains(value.as_str()) || text.contains(quoted.trim_matches('"')) || text.contains(coded)
    })
}

fn holds_secret(text: &str) -> bool {
    if !text.contains("Secret") && !text.contains("data") && !text.contains("stringData") {
        return false;
    }
    let documents = match serde_json::from_str::<Value<'_>>(text) {
        Ok(_) => vec![text.to_owned()],
        Err(_) => crate::source::to_json(text).unwrap_or_default(),
    };
    documents.iter().any(|json| serde_json::from_str(json).is_ok_and(|value| is_manifest_of_secret(&value)))
}

/// A Secret, a list or patch that holds one, or the data of one without its kind.
fn is_manifest_of_secret(value: &Value<'_>) -> bool {
    match value {
        Value::Map(map) => {
            let is_nameless =
                map.get("kind").is_none() && (map.map("data").is_some() || map.map("stringData").is_some());
            is_nameless
                || map.str("kind") == Some("Secret")
                || map.iter().any(|(_, node)| is_manifest_of_secret(&node.value))
        }
        Value::List(list) => list.iter().any(|node| is_manifest_of_secret(&node.value)),
        _ => false,
    }
}

/// Leaves the shape, as a misspelt field is found by it.
fn conceal_leaves(value: &mut Value<'_>, key: &SecretKey) {
    match value {
        Value::Null | Value::Secret(_) => {}
        Value::Map(map) => map.values_mut().for_each(|value| conceal_leaves(value, key)),
        Value::List(list) => list.iter_mut().for_each(|node| conceal_leaves(&mut node.value, key)),
        leaf => conceal_value(leaf, |text| unsealed(text).unwrap_or_else(|| key.fingerprint(text.as_bytes()))),
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
    root.values_mut().for_each(|value| seal_value(value, &id));
}

fn seal_value(value: &mut Value<'_>, id: &str) {
    match value {
        Value::Secret(fingerprint) => {
            *value = Value::String(Cow::Owned(format!("{SEALED}{id}:{}", fingerprint.to_hex())));
        }
        Value::Map(map) => map.values_mut().for_each(|value| seal_value(value, id)),
        Value::List(list) => list.iter_mut().for_each(|node| seal_value(&mut node.value, id)),
        _ => {}
    }
}

/// True for a recorded Secret whose fingerprints were made with another key: nothing can be said of its values.
pub fn is_sealed_elsewhere(root: &Map<'_>, key: &SecretKey) -> bool {
    is_secret(root) && root.iter().any(|(_, node)| is_sealed_by_another(&node.value, &key.id()))
}

fn is_sealed_by_another(value: &Value<'_>, ours: &str) -> bool {
    match value {
        Value::String(text) => {
            let id = text.strip_prefix(SEALED).and_then(|sealed| sealed.split_once(':')).map(|(id, _)| id);
            id.is_some_and(|id| id != ours)
        }
        Value::Map(map) => map.iter().any(|(_, node)| is_sealed_by_another(&node.value, ours)),
        Value::List(list) => list.iter().any(|node| is_sealed_by_another(&node.value, ours)),
        _ => false,
    }
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
    fn a_value_under_a_misspelt_field_is_concealed() {
        for field in ["stringdata", "Data", "datta", "spec"] {
            let text = secret(&format!(
                r#"{{"apiVersion":"v1","kind":"Secret","type":"Opaque","immutable":true,"{field}":{{"password":"hunter2"}}}}"#
            ));
            assert!(!text.contains("hunter2") && text.contains(r#"{"password":"<SECRET "#), "{text}");
            assert!(text.contains(r#""type":"Opaque""#) && text.contains(r#""immutable":true"#), "{text}");
        }
        let text = secret(
            r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","anotations":{"p":"hunter2"}},"type":{"a":"hunter2"}}"#,
        );
        assert!(!text.contains("hunter2") && text.contains(r#""name":"a""#), "{text}");
    }

    #[test]
    fn an_annotation_that_reveals_a_secret_is_concealed_whole() {
        // `password` is hunter2-clear, `pin` is too short to prove anything.
        let of = |annotation: &str| {
            let text = serde_json::to_string(annotation).unwrap();
            secret(&format!(
                r#"{{"apiVersion":"v1","kind":"Secret","data":{{"password":"aHVudGVyMi1jbGVhcg==","pin":"YQ=="}},"metadata":{{"annotations":{{"example.com/a":{text}}}}}}}"#
            ))
        };
        for (annotation, concealed) in [
            ("it was hunter2-clear", true),
            ("old: aHVudGVyMi1jbGVhcg==", true),
            (r#"{"apiVersion":"v1","kind":"Secret","data":{"password":"b3RoZXI="}}"#, true),
            (r#"{"stringData":{"password":"other"}}"#, true),
            ("apiVersion: v1\nkind: Secret\nstringData: {password: other}\n", true),
            (r#"[{"kind":"Secret","data":{"a":"b3RoZXI="}}]"#, true),
            ("eyJraW5kIjoiU2VjcmV0IiwiZGF0YSI6eyJhIjoiYjNSb1pYST0ifX0=", true),
            ("team-a", false),
            ("a Secret of team-a", false),
            (r#"{"kind":"ConfigMap","data":{"a":"b"}}"#, false),
            ("true", false),
        ] {
            let text = of(annotation);
            assert_eq!(text.contains(r#""example.com/a":"<SECRET "#), concealed, "{annotation}: {text}");
        }
    }

    #[test]
    fn a_concealed_annotation_is_the_same_after_it_was_recorded() {
        let key = SecretKey::new([7; 32]);
        let mut value: Value<'_> = serde_json::from_str(
            r#"{"apiVersion":"v1","kind":"Secret","datta":{"a":["hunter2"]},"metadata":{"annotations":{"a":"hunter2!","kubectl.kubernetes.io/last-applied-configuration":"hunter2"}}}"#,
        )
        .unwrap();
        let Value::Map(root) = &mut value else { panic!("no map") };
        conceal(root, &key);
        let mut recorded = root.clone();
        seal(&mut recorded, &key);
        assert!(is_sealed_elsewhere(&recorded, &SecretKey::new([8; 32])));
        let text = serde_json::to_string(&Value::Map(recorded)).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("<SECRET"), "{text}");
        let Value::Map(mut read) = serde_json::from_str::<Value<'_>>(&text).unwrap() else { panic!("no map") };
        conceal(&mut read, &key);
        assert_eq!(&read, root);
    }

    #[test]
    fn what_one_side_hides_the_other_does_not_show() {
        let key = SecretKey::new([7; 32]);
        let root = |password: &str| {
            let json = format!(
                r#"{{"apiVersion":"v1","kind":"Secret","stringData":{{"a":"{password}"}},"metadata":{{"annotations":{{"a":"was hunter2"}}}}}}"#
            );
            let Value::Map(mut root) = serde_json::from_str::<Value<'_>>(&json).unwrap().into_owned() else {
                panic!("no map")
            };
            conceal(&mut root, &key);
            root
        };
        let (hiding, showing) = (root("hunter2"), root("other"));
        assert_ne!(showing.get("metadata"), hiding.get("metadata"));
        assert_eq!(concealed_like(&showing, &hiding, &key).get("metadata"), hiding.get("metadata"));
        assert!(matches!(concealed_like(&hiding, &showing, &key), Cow::Borrowed(_)));
    }

    #[test]
    fn other_kinds_are_left_alone() {
        let text = r#"{"apiVersion":"example.com/v1","data":{"a":"b"},"kind":"Secret"}"#;
        assert_eq!(secret(text), text);
    }
}
