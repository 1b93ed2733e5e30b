//! Chance that is the same each time: numbers and letters from a seed.

pub(super) const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";
pub(super) const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub(super) const DIGITS: &str = "0123456789";
pub(super) const HEX: &str = "0123456789abcdef";
pub(super) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(super) const DASH: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
pub(super) const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(super) const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The generator `SplitMix64` (Steele, Lea and Flood 2014).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// One of some things.
    pub(super) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// So many letters.
    pub(super) fn letters(&mut self, of: &str, count: usize) -> String {
        let of = of.as_bytes();
        (0..count).map(|_| char::from(of[self.below(of.len())])).collect()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[3]).collect()
    }

    pub(super) fn uuid(&mut self) -> String {
        let parts: Vec<String> = [8, 4, 4, 4, 12].iter().map(|count| self.letters(HEX, *count)).collect();
        parts.join("-")
    }

    /// A word of what clusters are about.
    pub(super) fn word(&mut self) -> &'static str {
        self.one(&[
            "web",
            "api",
            "billing",
            "frontend",
            "redis",
            "postgres",
            "ingress",
            "worker",
            "orders",
            "payments",
            "search",
            "gateway",
            "metrics",
            "cache",
            "auth",
            "catalog",
            "shipping",
            "kafka",
            "nginx",
            "argo",
            "tempo",
            "loki",
            "user",
            "session",
            "inventory",
            "scheduler",
            "migrate",
            "backup",
            "cert",
            "proxy",
        ])
    }
}
