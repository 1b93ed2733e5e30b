//! Placeholders: what stands for which value inside one conversation.

use std::collections::HashMap;
use std::fmt;

use super::echo::Echo;
use super::{Find, Kind};

/// The word of a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Word {
    Secret,
    Email,
    Host,
    Quoted,
}

/// How placeholders begin, in the order of [`Word`].
pub(super) const BEGINNINGS: &[&str] = &["<SECRET_", "<EMAIL_", "<HOST_", "<QUOTED_"];
const WORDS: [Word; 4] = [Word::Secret, Word::Email, Word::Host, Word::Quoted];

/// No placeholder is longer: a word and ten digits.
pub(super) const LONGEST: usize = "<SECRET_4294967295>".len();

impl Word {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Email => Self::Email,
            Kind::Host => Self::Host,
            Kind::Quoted => Self::Quoted,
            _ => Self::Secret,
        }
    }
}

/// A placeholder: `<SECRET_1>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Placeholder {
    word: Word,
    number: u32,
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}>", BEGINNINGS[self.word as usize], self.number)
    }
}

/// The placeholder that a text begins with, and its length.
pub(super) fn parse(text: &str) -> Option<(Placeholder, usize)> {
    let at = BEGINNINGS.iter().position(|begin| text.starts_with(begin))?;
    let digits = &text[BEGINNINGS[at].len()..];
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let number = digits[..count].parse().ok().filter(|_| !digits.starts_with('0'))?;
    digits[count..]
        .starts_with('>')
        .then(|| (Placeholder { word: WORDS[at], number }, BEGINNINGS[at].len() + count + 1))
}

/// What looks like a placeholder in a text.
pub(super) fn find(text: &str, at: usize) -> Option<Find> {
    parse(&text[at..]).map(|(_, length)| Find { range: at..at + length, kind: Kind::Quoted })
}

/// All placeholders of a conversation.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    by_value: HashMap<Box<str>, Placeholder>,
    by_placeholder: HashMap<Placeholder, Box<str>>,
    last: [u32; WORDS.len()],
    echo: Echo,
}

impl Table {
    /// The placeholder of a value, a new one if it has none.
    pub(super) fn placeholder(&mut self, kind: Kind, value: &str) -> Placeholder {
        if let Some(placeholder) = self.by_value.get(value) {
            return *placeholder;
        }
        let word = Word::of(kind);
        let last = &mut self.last[word as usize];
        *last += 1;
        let placeholder = Placeholder { word, number: *last };
        self.by_value.insert(value.into(), placeholder);
        self.by_placeholder.insert(placeholder, value.into());
        if word == Word::Secret {
            self.echo.remember(value);
        }
        placeholder
    }

    /// What a placeholder stands for.
    pub(super) fn value(&self, placeholder: Placeholder) -> Option<&str> {
        self.by_placeholder.get(&placeholder).map(AsRef::as_ref)
    }

    /// Every place where a secret of before stands again.
    pub(super) fn find_again(&self, text: &str, found: &mut Vec<Find>) {
        self.echo.find(text, |value| self.by_value.contains_key(value), found);
    }
}
