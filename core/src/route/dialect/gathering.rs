//! Pieces of an answer, put together.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::progress::estimated_tokens;
use crate::route::failure::Failure;
use crate::route::provider::{Answer, End, Finish, Origin, Piece};
use crate::route::thinking::without_unbegun;

/// An answer that is not whole yet.
#[derive(Debug, Default)]
pub struct Gathering {
    text: String,
    tool_calls: BTreeMap<u64, Json>,
    end: Option<End>,
}

impl Gathering {
    /// Adds a piece.
    pub fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Text(text) => self.text.push_str(&text),
            Piece::Thinking(_) => {}
            Piece::ToolCalls(deltas) => deltas.into_iter().for_each(|delta| self.call(delta)),
            Piece::End(end) => self.end = Some(end),
        }
    }

    /// The answer, once it is whole.
    pub fn finish(self, origin: Origin) -> Result<Answer, Failure> {
        let Self { text, tool_calls, end } = self;
        let mut end = end.ok_or(Failure::Truncated)?;
        if let Some((thought, said)) = without_unbegun(&text) {
            end.usage.thinking_tokens = end.usage.thinking_tokens.max(estimated_tokens(thought));
            if said.is_empty() && tool_calls.is_empty() && end.finish != Finish::Length {
                return Err(Failure::Empty);
            }
            let text = said.to_owned();
            return Ok(Answer { text, tool_calls: tool_calls.into_values().collect(), end, origin });
        }
        Ok(Answer { text, tool_calls: tool_calls.into_values().collect(), end, origin })
    }

    /// A call is begun by one delta, and the text of its arguments goes on in others of the same index.
    fn call(&mut self, mut delta: Json) {
        let index =
            delta.as_object_mut().and_then(|delta| delta.shift_remove("index")).and_then(|index| index.as_u64());
        let next = self.tool_calls.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        let Some(call) = self.tool_calls.get_mut(&index.unwrap_or(next)) else {
            self.tool_calls.insert(index.unwrap_or(next), delta);
            return;
        };
        let more = delta["function"]["arguments"].as_str().unwrap_or_default();
        let arguments = format!("{}{more}", call["function"]["arguments"].as_str().unwrap_or_default());
        if call["function"].is_object() {
            call["function"]["arguments"] = arguments.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn gathered(pieces: Vec<Piece>) -> Result<Answer, Failure> {
        let mut gathering = Gathering::default();
        for piece in pieces {
            gathering.push(piece);
        }
        gathering.finish(Origin::default())
    }

    #[test]
    fn calls_are_put_together_by_their_index() {
        let begun = |index: u64, name: &str| {
            json!({ "index": index, "id": name, "type": "function",
            "function": { "name": name, "arguments": "" } })
        };
        let more = |index: u64, text: &str| json!({ "index": index, "function": { "arguments": text } });
        let answer = gathered(vec![
            Piece::ToolCalls(vec![begun(0, "a")]),
            Piece::ToolCalls(vec![more(0, "{\"x\""), begun(1, "b")]),
            Piece::ToolCalls(vec![more(1, "{}"), more(0, ":1}")]),
            Piece::End(End::default()),
        ]);
        let call = |name: &str, arguments: &str| {
            json!({ "id": name, "type": "function",
            "function": { "name": name, "arguments": arguments } })
        };
        assert_eq!(answer.unwrap().tool_calls, [call("a", "{\"x\":1}"), call("b", "{}")]);
    }

    #[test]
    fn whole_calls_without_an_index_and_hostile_ones_are_kept() {
        let calls = vec![json!({ "id": "a" }), json!({ "id": "b" }), json!(5), json!({ "index": u64::MAX }), json!([])];
        let answer = gathered(vec![Piece::ToolCalls(calls), Piece::End(End::default())]);
        assert_eq!(answer.unwrap().tool_calls.len(), 4);
    }

    #[test]
    fn an_answer_without_an_end_is_none() {
        assert_eq!(gathered(vec![Piece::Text("a".to_owned())]), Err(Failure::Truncated));
        let thoughts = vec![Piece::Text("only\n</think>\n".to_owned()), Piece::End(End::default())];
        assert_eq!(gathered(thoughts), Err(Failure::Empty));
    }
}
