//! How far an answer has come, the same for every dialect.

use std::collections::VecDeque;

use serde_json::Value as Json;

use crate::route::failure::{Failure, words};
use crate::route::provider::{End, Finish, Piece};
use crate::route::thinking::{Part, Thoughts};

/// What was said so far, as pieces that nobody took yet.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) pieces: VecDeque<Result<Piece, Failure>>,
    /// What is known of the end.
    pub(super) end: End,
    may_be_cut: bool,
    thoughts: Thoughts,
    thought_characters: usize,
    has_said: bool,
    tool_calls: usize,
    refusal: String,
    is_over: bool,
}

impl Progress {
    pub(super) fn new(may_be_cut: bool) -> Self {
        Self { may_be_cut, ..Self::default() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn say(&mut self, text: &str) {
        let parts = if text.is_empty() { Vec::new() } else { self.thoughts.push(text) };
        self.take(parts);
    }

    pub(super) fn think(&mut self, characters: usize) {
        if characters > 0 {
            self.thought_characters += characters;
            self.pieces.push_back(Ok(Piece::Thinking(characters)));
        }
    }

    pub(super) fn call(&mut self, tool_calls: Vec<Json>) {
        if !tool_calls.is_empty() {
            self.tool_calls += tool_calls.len();
            self.pieces.push_back(Ok(Piece::ToolCalls(tool_calls)));
        }
    }

    pub(super) fn refuse(&mut self, text: &str) {
        self.refusal.push_str(text);
    }

    /// Why it ended, by the provider's word for it; the words are those of OpenAI and Ollama.
    pub(super) fn finish_reason(&self, reason: Option<&str>) -> Result<Finish, Failure> {
        match reason {
            Some("length" | "max_tokens") if self.may_be_cut => Ok(Finish::Length),
            Some("length" | "max_tokens") => Err(Failure::Length),
            Some("content_filter") => Err(Failure::ContentFilter),
            Some(reason @ ("error" | "abort")) => Err(Failure::ErrorInside(reason.to_owned())),
            _ if self.tool_calls > 0 => Ok(Finish::ToolCalls),
            _ => Ok(Finish::Stop),
        }
    }

    /// The answer is whole.
    pub(super) fn end(&mut self, finish: Finish) {
        if self.is_over {
            return;
        }
        let held = self.thoughts.finish();
        self.take(held);
        if !self.refusal.trim().is_empty() {
            return self.fail(Failure::Refusal(words(&self.refusal)));
        }
        if !self.has_said && self.tool_calls == 0 && finish != Finish::Length {
            return self.fail(Failure::Empty);
        }
        self.is_over = true;
        let mut end = std::mem::take(&mut self.end);
        end.finish = finish;
        if end.usage.thinking_tokens == 0 {
            end.usage.thinking_tokens = estimated_tokens(self.thought_characters);
        }
        self.pieces.push_back(Ok(Piece::End(end)));
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        if !self.is_over {
            self.is_over = true;
            self.pieces.push_back(Err(failure));
        }
    }

    fn take(&mut self, parts: Vec<Part>) {
        for part in parts {
            match part {
                Part::Said(text) => {
                    self.has_said |= !text.trim().is_empty();
                    self.pieces.push_back(Ok(Piece::Text(text)));
                }
                Part::Thought(characters) => self.think(characters),
            }
        }
    }
}

/// Tokens of so many characters, where nobody counted: four characters each, as in English.
pub(super) fn estimated_tokens(characters: usize) -> u64 {
    characters.div_ceil(4) as u64
}
