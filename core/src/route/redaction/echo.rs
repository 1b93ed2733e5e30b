//! Finds values of before again, wherever they stand.

use std::collections::HashMap;

use super::random::is_name;
use super::run::begins;
use super::{Find, Kind};
use crate::object::known_secrets::is_telling;

/// Values are found by so many first bytes.
const BEGIN: usize = 6;
/// A longer value is left to what found it.
const MOST: usize = 512;
/// A value this long is found inside a word too.
const LONG: usize = 16;
/// Of values that begin alike so many lengths are looked for.
const LENGTHS: usize = 32;

/// Which values to look for: by their first bytes, and their lengths, the longest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Echo {
    /// A bit for each first three bytes, hashed: most places of a text are passed by it.
    bits: Vec<u64>,
    lengths: HashMap<[u8; BEGIN], Vec<usize>>,
}

impl Echo {
    /// Looks for a value from now on, unless it is an ordinary word or name.
    pub(super) fn remember(&mut self, value: &str) {
        let is_odd = !(BEGIN..=MOST).contains(&value.len()) || value.contains(['\n', '\r']);
        if is_odd || !is_telling(value) || (is_name(value) && value.len() < 2 * LONG) {
            return;
        }
        self.bits.resize(1024, 0);
        let bytes = value.as_bytes();
        self.bits[slot(bytes) / 64] |= 1 << (slot(bytes) % 64);
        let lengths = self.lengths.entry(begin(bytes)).or_default();
        if lengths.len() < LENGTHS && !lengths.contains(&value.len()) {
            lengths.push(value.len());
            lengths.sort_unstable_by(|a, b| b.cmp(a));
        }
    }

    pub(super) fn find(&self, text: &str, is_value: impl Fn(&str) -> bool, found: &mut Vec<Find>) {
        if self.bits.is_empty() {
            return;
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while at + BEGIN <= bytes.len() {
            let slot = slot(&bytes[at..]);
            let is_hit = self.bits[slot / 64] >> (slot % 64) & 1 == 1;
            let end = if is_hit { self.end_at(text, at, &is_value) } else { None };
            if let Some(end) = end {
                found.push(Find { range: at..end, kind: Kind::Repeated });
            }
            at = end.unwrap_or(at + 1);
        }
    }

    fn end_at(&self, text: &str, at: usize, is_value: &impl Fn(&str) -> bool) -> Option<usize> {
        let lengths = self.lengths.get(&begin(&text.as_bytes()[at..]))?;
        let ends = lengths.iter().map(|length| at + length);
        ends.into_iter().find(|end| {
            let value = text.get(at..*end);
            value.is_some_and(|value| is_value(value) && (value.len() >= LONG || is_alone(text, at, *end)))
        })
    }
}

/// True if no letter stands before or after.
fn is_alone(text: &str, at: usize, end: usize) -> bool {
    begins(text, at) && !text[end..].starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn slot(bytes: &[u8]) -> usize {
    let three = u32::from(bytes[0]) | u32::from(bytes[1]) << 8 | u32::from(bytes[2]) << 16;
    (three.wrapping_mul(0x9E37_79B1) >> 16) as usize
}

fn begin(bytes: &[u8]) -> [u8; BEGIN] {
    let mut begin = [0; BEGIN];
    begin.copy_from_slice(&bytes[..BEGIN]);
    begin
}
