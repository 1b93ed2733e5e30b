//! What every page has around it, and the words that its template asks for.

use std::borrow::Borrow;

use anchorwatch_edge::store::Role;
use askama::Template;
use askama::filters::Safe;
use jiff::{Timestamp, Zoned};

use super::address::Address;
use super::{assets, visit::Visit};
use crate::api::Caller;
use crate::shown;
use crate::words::Arg::{Count, Text};
use crate::words::{Language, Words};

/// What every page has around it.
pub(super) struct Frame {
    pub(super) words: Words,
    pub(super) now: Zoned,
    /// The page's title.
    pub(super) title: String,
    /// Which of the places of the menu this is.
    pub(super) section: &'static str,
    /// Path and query of this page.
    pub(super) here: String,
    /// Who looks; nobody in particular where everybody may.
    pub(super) person: Option<String>,
    /// That the store does not take everything, where it does not.
    pub(super) failing: Option<String>,
    role: Option<Role>,
}

impl Frame {
    pub(super) fn new(visit: Visit, caller: Option<&Caller>, section: &'static str) -> Self {
        let Visit { words, here, now, is_open, failing_since } = visit;
        let failing = failing_since
            .map(|since| words.say_with("page-failing", &[("when", Text(&shown::when(since, &now, words)))]));
        let known = caller.filter(|caller| !(is_open && caller.is_anyone()));
        Self {
            words,
            now,
            title: words.say(&format!("page-title-{section}")),
            section,
            here,
            person: known.map(|caller| caller.0.name.clone()),
            failing,
            role: caller.map(|caller| caller.0.role),
        }
    }

    pub(super) fn titled(self, title: String) -> Self {
        Self { title, ..self }
    }

    /// True if whoever looks may do what this role may.
    pub(super) fn may(&self, role: Role) -> bool {
        self.role.is_some_and(|has| has >= role)
    }

    pub(super) fn say(&self, id: &str) -> String {
        self.words.say(id)
    }

    /// A sentence with a text `x`.
    pub(super) fn say_of(&self, id: &str, x: &str) -> String {
        self.words.say_with(id, &[("x", Text(x))])
    }

    /// A sentence with a count `n`.
    pub(super) fn say_count(&self, id: &str, n: impl Borrow<u64>) -> String {
        self.words.say_with(id, &[("n", Count(usize::try_from(*n.borrow()).unwrap_or(usize::MAX)))])
    }

    pub(super) fn time(&self, time: Timestamp) -> Time {
        Safe(Said {
            iso: time.to_string(),
            full: shown::at(time, &self.now),
            words: shown::when(time, &self.now, self.words),
        })
    }

    pub(super) fn asset(name: &str) -> String {
        assets::href(name)
    }

    pub(super) fn lang(&self) -> &'static str {
        self.words.0.tag()
    }

    /// The other language, its name, and this page in it.
    pub(super) fn other(&self) -> (&'static str, &'static str, String) {
        let (language, name) = match self.words.0 {
            Language::English => (Language::TraditionalChinese, "繁體中文"),
            Language::TraditionalChinese => (Language::English, "English"),
        };
        let (path, query) = self.here.split_once('?').unwrap_or((&self.here, ""));
        let kept: Vec<&str> = query.split('&').filter(|p| !p.is_empty() && !p.starts_with("lang=")).collect();
        let asked = Address::of(path).with("lang", language.tag()).href();
        let href = kept.iter().fold(asked, |href, pair| format!("{href}&{pair}"));
        (language.tag(), name, href)
    }

    pub(super) fn is_here(&self, section: &str) -> bool {
        self.section == section
    }
}

/// A time: relative, with the absolute one behind it. As markup it needs no escaping: its texts went through it.
pub(super) type Time = Safe<Said>;

/// What a [`Time`] is made of.
#[derive(Debug, Clone, Template)]
#[template(source = "<time datetime=\"{{ iso }}\" title=\"{{ full }}\">{{ words }}</time>", ext = "html")]
pub(super) struct Said {
    iso: String,
    full: String,
    words: String,
}
