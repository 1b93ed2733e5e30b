//! How providers speak: what is sent to them, and what their bytes say. A whole answer is read as a stream of one message.

mod gathering;
pub mod nemotron;
pub mod ollama;
pub mod openai;
mod progress;

use std::collections::VecDeque;

use serde_json::Value as Json;

use super::failure::{Failure, words};
use super::framing::{Frames, Framing, MESSAGE_LIMIT};
use super::provider::{Answer, Origin, Piece};

pub use gathering::Gathering;

/// What reads the messages of one dialect.
#[derive(Debug)]
enum Reader {
    OpenAi(openai::Reader),
    Ollama(ollama::Reader),
}

/// Reads an answer as it comes, in chunks that are cut anywhere.
#[derive(Debug)]
pub struct AnswerReader {
    frames: Frames,
    reader: Reader,
}

impl AnswerReader {
    /// Of OpenAI's dialect; `may_be_cut` as in [`Ask`](super::provider::Ask).
    pub fn openai(may_be_cut: bool) -> Self {
        let reader = Reader::OpenAi(openai::Reader::new(may_be_cut));
        Self { frames: Frames::new(Framing::Events, MESSAGE_LIMIT), reader }
    }

    /// Of Ollama's dialect.
    pub fn ollama(asked: ollama::Asked) -> Self {
        let reader = Reader::Ollama(ollama::Reader::new(asked));
        Self { frames: Frames::new(Framing::Lines, MESSAGE_LIMIT), reader }
    }

    /// Reads a chunk of a stream.
    pub fn push(&mut self, chunk: &[u8]) {
        let Self { frames, reader } = self;
        if let Err(failure) = frames.push(chunk, &mut |message| reader.read(message)) {
            reader.fail(failure);
        }
    }

    /// The stream is over: regularly, or by this failure, which matters only if the answer is not whole.
    pub fn finish(&mut self, failure: Option<Failure>) {
        let Self { frames, reader } = self;
        // What the end left is whole, or the half of a message that was cut, and then it is not what is wrong.
        let mut left = None;
        let _no_text = frames.finish(&mut |message| left = Some(message.to_owned()));
        if let Some(message) = left.filter(|message| is_whole(message)) {
            reader.read(&message);
        }
        reader.finish(failure.unwrap_or(Failure::Truncated));
    }

    /// The next piece; after [`Piece::End`] or a failure there is none.
    pub fn next_piece(&mut self) -> Option<Result<Piece, Failure>> {
        self.reader.pieces().pop_front()
    }

    /// True once all that is said was read.
    pub fn is_over(&self) -> bool {
        match &self.reader {
            Reader::OpenAi(reader) => reader.progress.is_over(),
            Reader::Ollama(reader) => reader.progress.is_over(),
        }
    }

    /// Reads an answer that came whole.
    pub fn whole(mut self, body: &[u8], origin: Origin) -> Result<Answer, Failure> {
        let body = std::str::from_utf8(body).map_err(|_| Failure::Unreadable("it is no UTF-8".to_owned()))?;
        self.reader.read_whole(body);
        let mut gathering = Gathering::default();
        while let Some(piece) = self.next_piece() {
            gathering.push(piece?);
        }
        gathering.finish(origin)
    }
}

impl Reader {
    fn read(&mut self, message: &str) {
        match self {
            Self::OpenAi(reader) => reader.read(message),
            Self::Ollama(reader) => reader.read(message),
        }
    }

    fn read_whole(&mut self, body: &str) {
        match self {
            Self::OpenAi(reader) => reader.read_whole(body),
            Self::Ollama(reader) => {
                reader.read(body);
                reader.finish(Failure::Truncated);
            }
        }
    }

    fn finish(&mut self, otherwise: Failure) {
        match self {
            Self::OpenAi(reader) => reader.finish(otherwise),
            Self::Ollama(reader) => reader.finish(otherwise),
        }
    }

    fn fail(&mut self, failure: Failure) {
        match self {
            Self::OpenAi(reader) => reader.progress.fail(failure),
            Self::Ollama(reader) => reader.progress.fail(failure),
        }
    }

    fn pieces(&mut self) -> &mut VecDeque<Result<Piece, Failure>> {
        match self {
            Self::OpenAi(reader) => &mut reader.progress.pieces,
            Self::Ollama(reader) => &mut reader.progress.pieces,
        }
    }
}

fn is_whole(message: &str) -> bool {
    message.trim() == "[DONE]" || serde_json::from_str::<serde::de::IgnoredAny>(message).is_ok()
}

/// What an answer with an error says of it, in the shapes of OpenAI, vLLM, `FastAPI` and Ollama; else its text.
pub fn error_words(body: &[u8]) -> String {
    match serde_json::from_slice::<Json>(body) {
        Ok(json) => said(&json),
        Err(_) => words(&String::from_utf8_lossy(body)),
    }
}

/// What an error object says.
fn said(error: &Json) -> String {
    for field in ["error", "message", "detail"] {
        match error.get(field) {
            None | Some(Json::Null) => {}
            Some(Json::String(text)) => return words(text),
            Some(inner @ Json::Object(_)) => return said(inner),
            Some(other) => return words(&other.to_string()),
        }
    }
    match error {
        Json::String(text) => words(text),
        other => words(&other.to_string()),
    }
}

/// An answer of another form. What was found instead is a part of it, and is not repeated.
fn unreadable(error: &serde_json::Error) -> Failure {
    let what = if error.is_data() { "it is JSON of another form" } else { "it is no JSON" };
    Failure::Unreadable(format!("{what}, at line {} column {}", error.line(), error.column()))
}

/// Vectors of one length, one for each text.
fn checked(vectors: Vec<Vec<f32>>, texts: usize) -> Result<Vec<Vec<f32>>, Failure> {
    let length = vectors.first().map_or(0, Vec::len);
    if vectors.len() != texts {
        return Err(Failure::Unreadable(format!("it has {} vectors for {texts} texts", vectors.len())));
    }
    let even = vectors.iter().all(|vector| vector.len() == length && vector.iter().all(|value| value.is_finite()));
    if even && (length > 0 || texts == 0) {
        return Ok(vectors);
    }
    Err(Failure::Unreadable("its vectors are empty, of different lengths, or no numbers".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errors_words_are_found_in_every_shape() {
        for (body, words) in [
            (r#"{"error":{"message":"no such key","type":"x","code":null}}"#, "no such key"),
            (r#"{"error":"model 'x' not found"}"#, "model 'x' not found"),
            (r#"{"object":"error","message":"too long","code":400}"#, "too long"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (r#"{"detail":[{"loc":["body"]}]}"#, r#"[{"loc":["body"]}]"#),
            (r#"{"else":1}"#, r#"{"else":1}"#),
            ("<html>Bad Gateway</html>", "<html>Bad Gateway</html>"),
            ("", ""),
        ] {
            assert_eq!(error_words(body.as_bytes()), words, "{body}");
        }
    }

    #[test]
    fn vectors_are_one_for_each_text_and_even() {
        for (vectors, texts, good) in [
            (vec![vec![1.0], vec![2.0]], 2, true),
            (vec![], 0, true),
            (vec![vec![1.0]], 2, false),
            (vec![vec![1.0], vec![1.0, 2.0]], 2, false),
            (vec![vec![f32::NAN]], 1, false),
            (vec![vec![]], 1, false),
        ] {
            assert_eq!(checked(vectors.clone(), texts).is_ok(), good, "{vectors:?}");
        }
    }
}
