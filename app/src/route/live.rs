//! An answer that is passed on as it comes. Until something of it was, a failure leads on to the next provider; after that it
//! ends the answer.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;

use anchorwatch_core::route::provider::Piece;
use serde_json::Value as Json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::answer::{Answered, Refused};
use crate::config::route::Provider;

/// Whoever hangs up has not read all that was passed on: so many ends of what was read are thought of.
const ENDS: usize = 64;

/// What is passed on.
#[derive(Debug)]
pub(crate) enum Passed {
    /// From now on this provider answers, and no other.
    Begun {
        /// Its name.
        provider: String,
        /// The model that it is asked for.
        asked_model: String,
    },
    /// More text.
    Text(String),
    /// More of tools that are to be called: deltas with an index, as OpenAI's API has them.
    ToolCalls(Vec<Json>),
    /// The answer is over: it was whole, or nothing more comes.
    Over(Result<Box<Answered>, Refused>),
}

/// Where an answer is passed on. What waits to be read is no larger than an answer: no provider is held up by a slow reader.
#[derive(Debug)]
pub(crate) struct Outlet {
    sender: UnboundedSender<Passed>,
    provider: String,
    asked_model: String,
    /// Spaces before the first word, which are no answer yet.
    held: String,
    has_begun: bool,
    text: String,
    /// Where the last pieces of the text ended.
    ends: VecDeque<usize>,
    /// The arguments of each call, by its index.
    calls: BTreeMap<u64, String>,
}

/// Somewhere to pass an answer on, and where it comes out. Whoever drops the latter wants no more of it.
pub(crate) fn outlet() -> (Outlet, UnboundedReceiver<Passed>) {
    let (sender, passed) = unbounded_channel();
    let outlet = Outlet {
        sender,
        provider: String::new(),
        asked_model: String::new(),
        held: String::new(),
        has_begun: false,
        text: String::new(),
        ends: VecDeque::new(),
        calls: BTreeMap::new(),
    };
    (outlet, passed)
}

impl Outlet {
    /// True once something was passed on.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What comes now comes from this provider.
    pub(super) fn take_from(&mut self, provider: &Provider) {
        self.provider.clone_from(&provider.name);
        self.asked_model.clone_from(&provider.model);
        self.held.clear();
    }

    /// Passes a piece on. Thoughts are not, nor the end: whoever has that has all, and all has to be remembered before.
    pub(super) fn pass(&mut self, piece: &Piece) {
        match piece {
            Piece::Text(text) if !self.has_begun && text.trim().is_empty() => self.held.push_str(text),
            Piece::Text(text) => self.say(text),
            Piece::ToolCalls(deltas) => self.call(deltas),
            Piece::Thinking(_) | Piece::End(_) => {}
        }
    }

    /// Says that the answer is over.
    pub(super) fn end(mut self, answered: Result<Answered, Refused>) {
        if answered.is_ok() {
            self.begin();
        }
        self.send(Passed::Over(answered.map(Box::new)));
    }

    /// Waits until nobody wants any more of it.
    pub(super) fn abandoned(&self) -> impl Future<Output = ()> + Send + use<> {
        let sender = self.sender.clone();
        async move { sender.closed().await }
    }

    /// All that somebody may have read of it and repeat as a text of its own.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let read = self.ends.iter().filter_map(|end| self.text.get(..*end));
        read.chain(self.calls.values().map(String::as_str))
    }

    fn say(&mut self, text: &str) {
        self.begin();
        self.text.push_str(text);
        if self.ends.len() == ENDS {
            self.ends.pop_front();
        }
        self.ends.push_back(self.text.len());
        self.send(Passed::Text(text.to_owned()));
    }

    /// Some providers send whole calls, without an index.
    fn call(&mut self, deltas: &[Json]) {
        self.begin();
        let mut indexed = Vec::new();
        for delta in deltas {
            let next = self.calls.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
            let index = delta["index"].as_u64().unwrap_or(next);
            let arguments = delta["function"]["arguments"].as_str().unwrap_or_default();
            self.calls.entry(index).or_default().push_str(arguments);
            let mut delta = delta.clone();
            if let Some(delta) = delta.as_object_mut() {
                delta.insert("index".to_owned(), index.into());
            }
            indexed.push(delta);
        }
        self.send(Passed::ToolCalls(indexed));
    }

    fn begin(&mut self) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let (provider, asked_model) = (self.provider.clone(), self.asked_model.clone());
        self.send(Passed::Begun { provider, asked_model });
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.say(&held);
        }
    }

    /// Whoever is gone is noticed by whoever waits for that.
    fn send(&self, passed: Passed) {
        let _is_gone = self.sender.send(passed);
    }
}

#[cfg(test)]
mod tests {
    use anchorwatch_core::route::provider::End;
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    /// What comes out so far, in short.
    fn shown(passed: &mut UnboundedReceiver<Passed>) -> Vec<String> {
        let mut shown = Vec::new();
        while let Ok(passed) = passed.try_recv() {
            shown.push(match passed {
                Passed::Begun { .. } => "begun".to_owned(),
                Passed::Text(text) => text,
                Passed::ToolCalls(deltas) => Json::from(deltas).to_string(),
                Passed::Over(answered) => format!("over: {}", answered.is_ok()),
            });
        }
        shown
    }

    #[test]
    fn nothing_has_begun_before_the_first_word_and_the_end_is_told_by_somebody_else() {
        let (mut outlet, mut passed) = outlet();
        for piece in [Piece::Thinking(5), text("\n"), text(" ")] {
            outlet.pass(&piece);
        }
        assert!(!outlet.has_begun() && shown(&mut passed).is_empty());
        for piece in [text("so"), text(" "), Piece::End(End::default())] {
            outlet.pass(&piece);
        }
        assert_eq!(shown(&mut passed), ["begun", "\n ", "so", " "]);
        outlet.end(Err(Refused::AuditUnavailable));
        assert_eq!(shown(&mut passed), ["over: false"]);
    }

    #[test]
    fn what_somebody_may_have_read_is_known_by_each_of_its_last_ends() {
        let (mut outlet, _passed) = outlet();
        outlet.pass(&text("the database"));
        outlet.pass(&text(" is down"));
        outlet.pass(&Piece::ToolCalls(vec![json!({"index": 0, "function": {"name": "get", "arguments": "{\"a\""}})]));
        outlet.pass(&Piece::ToolCalls(vec![json!({"index": 0, "function": {"arguments": ": 1}"}})]));
        assert_eq!(outlet.texts().collect::<Vec<_>>(), ["the database", "the database is down", "{\"a\": 1}"]);
        for _ in 0..2 * ENDS {
            outlet.pass(&text("."));
        }
        assert_eq!(outlet.texts().count(), ENDS + 1);
        assert!(outlet.texts().any(|text| text.ends_with(&".".repeat(2 * ENDS))));
    }

    #[test]
    fn a_call_that_came_without_an_index_gets_one() {
        let (mut outlet, mut passed) = outlet();
        let call = |name: &str| json!({"id": name, "function": {"name": name, "arguments": "{}"}});
        outlet.pass(&Piece::ToolCalls(vec![call("a"), call("b")]));
        let out = shown(&mut passed).join("");
        assert!(out.contains("\"index\":0") && out.contains("\"index\":1"), "{out}");
    }

    #[tokio::test]
    async fn whoever_drops_what_comes_out_wants_no_more() {
        let (outlet, passed) = outlet();
        let abandoned = outlet.abandoned();
        drop(passed);
        abandoned.await;
    }
}
