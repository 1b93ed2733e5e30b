//! An exported audit: a line of JSON for each checkpoint and each row.
//!
//! A body stands there as it is kept, byte for byte, so that its hash can be taken of it:
//! `{"checkpoint":"awc1.…"}`, and `{"row":{"v":1,…},"hash":"…","seal":"…"}`. What is no body is a text: `{"text":"…", …}`.

use std::borrow::Cow;
use std::path::Path;

use anchorwatch_core::route::audit::{Place, PublicKey, Record, Report, Stored, Verifier};
use anchorwatch_edge::lines::{LinesError, each_line};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::failure::Failure;

/// A line.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub(super) checkpoint: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub(super) row: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub(super) hash: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub(super) seal: Option<Cow<'a, str>>,
}

/// Verifies an exported audit. It is read twice: what checkpoints say has to be known before the first row.
pub(super) fn verify(file: &Path, key: PublicKey, logged: &[String]) -> Result<Report, Failure> {
    let mut checkpoints = Vec::new();
    let fail = |error: LinesError| Failure::because(&error);
    each_line(file, |_, line| {
        if let Ok(Line { checkpoint: Some(text), .. }) = serde_json::from_str(line) {
            checkpoints.push(text.into_owned());
        }
    })
    .map_err(fail)?;
    let kept = checkpoints.iter().map(String::as_str);
    let mut verifier = Verifier::new(Record::read(key, kept, logged.iter().map(String::as_str)));
    each_line(file, |number, line| {
        let place = Place::Line(number);
        match serde_json::from_str(line) {
            Ok(Line { checkpoint: Some(_), .. }) => {}
            Ok(Line { row, text, hash, seal, .. }) => verifier.row(Stored {
                place,
                body: row.map(RawValue::get).or(text.as_deref()).unwrap_or_default(),
                hash: hash.as_deref().unwrap_or_default(),
                seal: seal.as_deref(),
            }),
            Err(_) => verifier.row(Stored { place, body: line, hash: "", seal: None }),
        }
    })
    .map_err(fail)?;
    Ok(verifier.finish())
}
