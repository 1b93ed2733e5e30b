//! Kubernetes quantities, compared by value: `1000m` is `1`, `1Gi` is `1024Mi`.
//!
//! Grammar: <https://pkg.go.dev/k8s.io/apimachinery/pkg/api/resource#Quantity>.

use super::value::{Number, Value};

/// An amount in units of 10⁻⁹, the finest that Kubernetes keeps (finer ones are rounded away from zero).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

impl Quantity {
    /// Reads a quantity; `None` where it is none, or too large to hold.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (digits, suffix) = text.split_at(end);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let (base, exponent) = scale(suffix)?;
        let mut mantissa: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let decimal = exponent + 9 - i32::try_from(fraction.len()).ok()?;
        let scaled = mantissa.checked_mul(base)?;
        let nano = if decimal >= 0 {
            scaled.checked_mul(10i128.checked_pow(decimal.unsigned_abs())?)?
        } else {
            let divisor = 10i128.checked_pow(decimal.unsigned_abs())?;
            scaled / divisor + i128::from(scaled % divisor != 0)
        };
        Some(Self(if negative { -nano } else { nano }))
    }

    /// The quantity that a string or number stands for.
    pub fn of(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(Number::Int(n)) => i128::from(*n).checked_mul(1_000_000_000).map(Self),
            Value::Number(number) => Self::parse(&number.to_string()),
            _ => None,
        }
    }
}

/// Binary factor and decimal exponent of a suffix.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            (1, exponent.parse().ok().filter(|e: &i32| (-60..=60).contains(e))?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_amount_has_many_spellings() {
        for (a, b) in [
            ("1000m", "1"),
            ("1Gi", "1024Mi"),
            ("0.5", "500m"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            (".5Gi", "512Mi"),
            ("1.", "1"),
            ("+1", "1"),
            ("100M", "0.1G"),
            ("1073741824", "1Gi"),
            ("0.0000000001", "1n"),
            ("-1500m", "-1.5"),
            ("0", "0m"),
        ] {
            assert_eq!(Quantity::parse(a).unwrap(), Quantity::parse(b).unwrap(), "{a} = {b}");
        }
    }

    #[test]
    fn different_amounts_and_other_text_are_told_apart() {
        assert_ne!(Quantity::parse("1Gi"), Quantity::parse("1G"));
        assert_ne!(Quantity::parse("1"), Quantity::parse("-1"));
        for text in ["", "m", "1x", "1 Gi", "1..5", "50%", "ten", "1ki", "-", "1e", "1e-2147483648"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_largest_amounts_do_not_overflow() {
        assert!(Quantity::parse("8Ei").is_some());
        assert_eq!(Quantity::parse("99999999999999999999999999999999999999999E"), None);
    }
}
