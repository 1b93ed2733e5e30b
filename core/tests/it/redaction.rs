//! Redaction, held against a corpus made here, real formats, and its laws.
//!
//! Secrets are put together from pieces when a test runs: no text of this repository holds one.

mod chance;
mod contexts;
mod formats;
mod innocents;
mod laws;
mod secrets;

use std::collections::BTreeMap;
use std::sync::Arc;

use anchorwatch_core::route::redaction::{Conversation, Redactor};

use chance::Chance;

fn conversation() -> Conversation {
    Conversation::new(Arc::new(Redactor::new()))
}

fn redacted(text: &str) -> String {
    conversation().redact(text)
}

/// Neither the secret nor a half of it may be left.
fn is_hidden(output: &str, secret: &str) -> bool {
    let parts: Vec<&str> = secret.split('\n').filter(|line| !line.contains("-----")).collect();
    parts.into_iter().all(|line| {
        let half = line.floor_char_boundary(line.len() / 2);
        let (head, tail) = line.split_at(half);
        !output.contains(line)
            && (head.len() < 8 || !output.contains(head))
            && (tail.len() < 8 || !output.contains(tail))
    })
}

#[derive(Default)]
struct Tally {
    all: usize,
    good: usize,
    bad: Vec<String>,
}

impl Tally {
    fn note(&mut self, is_good: bool, example: impl FnOnce() -> String) {
        self.all += 1;
        self.good += usize::from(is_good);
        if !is_good && self.bad.len() < 3 {
            self.bad.push(example());
        }
    }
}

#[expect(clippy::print_stdout, reason = "the figures of the documentation come from here")]
/// Prints a table by kind, and gives how many there are and how many were right.
fn table(title: &str, tallies: &BTreeMap<&str, Tally>) -> (usize, usize) {
    use std::fmt::Write as _;
    let mut out = format!("\n{title}\n");
    for (kind, tally) in tallies {
        let _ = writeln!(out, "  {kind:<34} {:>5} of {:>5}", tally.good, tally.all);
        tally.bad.iter().for_each(|bad| {
            let _ = writeln!(out, "      {}", bad.replace('\n', "\n      "));
        });
    }
    let sum = |count: fn(&Tally) -> usize| tallies.values().map(count).sum::<usize>();
    let (all, good) = (sum(|tally| tally.all), sum(|tally| tally.good));
    println!("{out}  all: {good} of {all} ({:.2} %)", percent(good, all));
    (all, good)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a corpus are small")]
fn percent(good: usize, all: usize) -> f64 {
    good as f64 * 100.0 / all as f64
}

#[test]
fn of_the_secrets_of_a_corpus_98_in_100_are_hidden() {
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut chance = Chance::new(20_261_126);
    for kind in secrets::KINDS {
        for _ in 0..40 {
            let secret = (kind.make)(&mut chance);
            let text = contexts::around(&mut chance, kind.place, &secret);
            let output = redacted(&text);
            tallies.entry(kind.name).or_default().note(is_hidden(&output, &secret), || format!("{text} → {output}"));
        }
    }
    for (name, make) in secrets::WITHIN {
        for _ in 0..40 {
            let (text, secret) = make(&mut chance);
            let output = redacted(&text);
            tallies.entry(name).or_default().note(is_hidden(&output, &secret), || format!("{text} → {output}"));
        }
    }
    let (all, good) = table("Secrets hidden", &tallies);
    assert!(all >= 2_000 && tallies.len() >= 40, "{all} of {} kinds", tallies.len());
    assert!(percent(good, all) >= 98.0, "{good} of {all}");
}

#[test]
fn of_the_innocent_strings_of_a_corpus_97_in_100_stay_untouched() {
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut chance = Chance::new(42);
    for kind in innocents::KINDS {
        for _ in 0..120 {
            let string = (kind.make)(&mut chance);
            let text = contexts::around(&mut chance, kind.place, &string);
            let output = redacted(&text);
            tallies.entry(kind.name).or_default().note(output == text, || format!("{text} → {output}"));
        }
    }
    let (all, good) = table("Innocent strings untouched", &tallies);
    assert!(all >= 5_000, "{all}");
    assert!(percent(good, all) >= 97.0, "{good} of {all}");
}
