//! Plain YAML scalars as `go.yaml.in/yaml/v2` resolves them, which is how Kubernetes reads manifests.
//!
//! Source: `resolve.go` of that module. Timestamps stay strings there too.

use std::borrow::Cow;

use crate::object::value::{Number, Value};

/// Resolves a plain scalar without a tag. `None`: a number that JSON cannot hold (`.inf`, `.nan`).
pub(super) fn resolve(text: Cow<'_, str>) -> Option<Value<'_>> {
    let Some(first) = text.as_bytes().first() else { return Some(Value::Null) };
    let word = match first {
        b'~' | b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => word(&text),
        b'.' | b'+' | b'-' | b'0'..=b'9' => {
            if matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
                return None;
            }
            number(&text).map(Value::Number)
        }
        _ => None,
    };
    Some(word.unwrap_or(Value::String(text)))
}

fn word(text: &str) -> Option<Value<'static>> {
    Some(match text {
        "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => return None,
    })
}

/// A number as Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`, then a float, reads it, without `_`.
pub(super) fn number(text: &str) -> Option<Number> {
    let plain: Cow<'_, str> = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain.as_ref()),
    };
    integer(digits, negative).or_else(|| is_float(digits).then(|| plain.parse().ok().map(Number::Float)).flatten())
}

fn integer(digits: &str, negative: bool) -> Option<Number> {
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some(other) if other.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        let value = i64::try_from(-i128::from(value)).ok()?;
        return Some(Number::Int(value));
    }
    Some(i64::try_from(value).map_or(Number::UInt(value), Number::Int))
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|e| {
        let digits = e.strip_prefix(['+', '-']).unwrap_or(e);
        !digits.is_empty() && all_digits(digits)
    });
    mantissa_fits && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_as_kubernetes_reads_them() {
        #[rustfmt::skip]
        let table = [
            ("", "null"), ("~", "null"), ("null", "null"), ("yes", "true"), ("on", "true"), ("y", "true"), ("off", "false"),
            ("N", "false"), ("True", "true"), ("tRue", "\"tRue\""), ("0644", "420"), ("0o644", "420"), ("089", "89.0"),
            ("1_000", "1000"), ("0b11", "3"), ("0x1F", "31"), ("-0x1F", "-31"), ("18446744073709551615", "18446744073709551615"),
            ("1.10", "1.1"), ("1e3", "1000.0"), (".5", "0.5"), ("1.", "1.0"), ("+1", "1"), ("-1", "-1"), ("0", "0"),
            ("12:30:45", "\"12:30:45\""), ("2001-01-01", "\"2001-01-01\""), ("25%", "\"25%\""), ("1.2.3", "\"1.2.3\""),
            ("-", "\"-\""), ("1e", "\"1e\""), ("nope", "\"nope\""), ("0x", "\"0x\""), ("99999999999999999999", "1e+20"),
        ];
        for (text, json) in table {
            let value = resolve(Cow::Borrowed(text)).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), json, "{text}");
        }
        assert!(resolve(Cow::Borrowed(".inf")).is_none());
        assert!(resolve(Cow::Borrowed("-.Inf")).is_none());
    }
}
