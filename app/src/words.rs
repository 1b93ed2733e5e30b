//! Sentences for people, in English and Traditional Chinese. Core gives enums and arguments, never sentences.

use std::borrow::Cow;
use std::collections::HashMap;

use anchorwatch_core::drift::{DriftLevel, rules};
use clap::ValueEnum;
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader};
use unic_langid::langid;

use crate::drift::scan;

fluent_templates::static_loader! {
    static SENTENCES = {
        locales: "./words",
        fallback_language: "en",
        // The marks that keep two directions of writing apart would stand in people's terminals as garbage.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

/// A language that Anchorwatch speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// English.
    #[value(name = "en")]
    English,
    /// 繁體中文
    #[value(name = "zh-TW")]
    TraditionalChinese,
}

impl Language {
    /// The language of a locale such as `zh_TW.UTF-8`.
    pub(crate) fn of_locale(locale: &str) -> Self {
        let chinese = ["zh_TW", "zh-TW", "zh_HK", "zh-HK", "zh_Hant", "zh-Hant"];
        if chinese.iter().any(|c| locale.starts_with(c)) { Self::TraditionalChinese } else { Self::English }
    }

    /// As `lang` of a page has it.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::TraditionalChinese => "zh-TW",
        }
    }

    fn id(self) -> LanguageIdentifier {
        match self {
            Self::English => langid!("en"),
            Self::TraditionalChinese => langid!("zh-TW"),
        }
    }
}

/// Speaks one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words(pub(crate) Language);

/// A value inside a sentence.
pub(crate) enum Arg<'a> {
    Text(&'a str),
    Count(usize),
}

/// A name of an enum as JSON has it, which is what sentences, labels and colours are called by.
pub(crate) fn word(name: impl serde::Serialize) -> String {
    serde_json::to_value(name).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Words {
    /// A level.
    pub(crate) fn level(self, level: DriftLevel) -> String {
        self.say(&format!("level-{}", word(level)))
    }

    /// A sentence without arguments.
    pub(crate) fn say(self, id: &str) -> String {
        self.say_with(id, &[])
    }

    /// Why an item has its level. People's own rules say it in their words.
    pub(crate) fn reason<'r>(self, rule: &str, reason: &'r str) -> Cow<'r, str> {
        let built_in = rules::all().any(|known| known.id == rule && known.reason == reason);
        let said = built_in.then(|| SENTENCES.try_lookup(&self.0.id(), &format!("rule-{rule}"))).flatten();
        said.map_or(Cow::Borrowed(reason), Cow::Owned)
    }

    /// Why something was not compared, where that is one of the program's own reasons.
    pub(crate) fn gap(self, reason: &str) -> Cow<'_, str> {
        let id = match reason {
            scan::ENCRYPTED => "gap-encrypted",
            scan::IN_DOUBT => "gap-in-doubt",
            scan::NAMELESS => "gap-nameless",
            scan::SECRET => "gap-secret",
            scan::UNSTABLE => "gap-unstable",
            other => return Cow::Borrowed(other),
        };
        Cow::Owned(self.say(id))
    }

    /// A sentence with arguments.
    pub(crate) fn say_with(self, id: &str, args: &[(&'static str, Arg<'_>)]) -> String {
        let args: HashMap<Cow<'static, str>, FluentValue<'_>> = args
            .iter()
            .map(|(name, arg)| {
                let value = match arg {
                    Arg::Text(text) => FluentValue::from(*text),
                    Arg::Count(count) => FluentValue::from(*count),
                };
                (Cow::Borrowed(*name), value)
            })
            .collect();
        SENTENCES.lookup_with_args(&self.0.id(), id, &args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_sentences() {
        let ids = |text: &str| -> Vec<String> {
            text.lines()
                .filter(|line| !line.starts_with([' ', '#', '}']))
                .filter_map(|line| line.split_once(" =").map(|(id, _)| id.to_owned()))
                .collect()
        };
        let english = ids(include_str!("../words/en/words.ftl"));
        // Of rules the English reason stands in the table of rules.
        let rules = rules::all().map(|rule| format!("rule-{}", rule.id));
        let expected: Vec<String> = english.iter().cloned().chain(rules).collect();
        assert_eq!(ids(include_str!("../words/zh-TW/words.ftl")), expected);
        assert!(english.len() > 40);
    }

    #[test]
    fn counts_have_a_singular() {
        let clean =
            |n| Words(Language::English).say_with("clean", &[("objects", Arg::Count(n)), ("source", Arg::Text("x"))]);
        assert_eq!(clean(1), "No drift: 1 object is as Git says (x).");
        assert_eq!(clean(9), "No drift: 9 objects are as Git says (x).");
    }

    #[test]
    fn the_language_follows_the_locale() {
        assert_eq!(Language::of_locale("zh_TW.UTF-8"), Language::TraditionalChinese);
        assert_eq!(Language::of_locale("zh_CN.UTF-8"), Language::English);
        assert_eq!(Language::of_locale("C"), Language::English);
    }
}
