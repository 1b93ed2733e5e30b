//! Texts that arrive in pieces: redacted, and turned back.

use super::placeholder::{BEGINNINGS, LONGEST};
use super::unit::Cursor;
use super::{Conversation, Restored};

/// Redacts a text that arrives in chunks. However it is cut, the same comes out as if it came in one.
///
/// It holds back a line, or 64 KiB of a longer one, or the block of a private key up to 32 KiB.
#[derive(Debug, Clone, Default)]
pub struct StreamRedactor {
    held: String,
    cursor: Cursor,
}

impl StreamRedactor {
    /// Takes a chunk, and gives what is safe to pass on.
    pub fn push(&mut self, conversation: &mut Conversation, chunk: &str) -> String {
        self.held.push_str(chunk);
        if !chunk.contains('\n') && self.held.len() - self.cursor.at < super::unit::WINDOW {
            return String::new();
        }
        self.flow(conversation, false)
    }

    /// Takes the end of the text, and gives the rest.
    pub fn finish(mut self, conversation: &mut Conversation) -> String {
        self.flow(conversation, true)
    }

    fn flow(&mut self, conversation: &mut Conversation, is_all: bool) -> String {
        let mut out = String::new();
        while let Some((range, finds)) = self.cursor.step(&conversation.redactor, &self.held, is_all) {
            conversation.write(&self.held, range, finds, &mut out);
        }
        let passed = self.cursor.release(&self.held);
        self.held.drain(..passed);
        out
    }
}

/// Turns placeholders back in a text that arrives in chunks, for the local page.
#[derive(Debug, Clone, Default)]
pub struct StreamRestorer {
    held: String,
}

impl StreamRestorer {
    /// Takes a chunk, and gives what is complete. It holds back no more than one placeholder.
    pub fn push(&mut self, conversation: &Conversation, chunk: &str) -> Restored {
        self.held.push_str(chunk);
        let tail = self.held.rfind('<').filter(|at| may_be_placeholder(&self.held[*at..]));
        let rest = self.held.split_off(tail.unwrap_or(self.held.len()));
        let done = std::mem::replace(&mut self.held, rest);
        conversation.restore(&done)
    }

    /// Takes the end of the text, and gives the rest.
    pub fn finish(self, conversation: &Conversation) -> Restored {
        conversation.restore(&self.held)
    }
}

/// True for the begin of a placeholder whose end has not come.
fn may_be_placeholder(tail: &str) -> bool {
    let is_digits = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    tail.len() < LONGEST
        && BEGINNINGS.iter().any(|begin| begin.starts_with(tail) || tail.strip_prefix(begin).is_some_and(is_digits))
}
