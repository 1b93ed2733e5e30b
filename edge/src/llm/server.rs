//! A provider's server: its address, its key, and what its statuses say.

use anchorwatch_core::route::dialect::{AnswerReader, error_words};
use anchorwatch_core::route::failure::{Failure, retry_after};
use anchorwatch_core::route::locality::sign::signs_of;
use anchorwatch_core::route::provider::{Answer, Origin, Piece};
use futures::stream::{self, BoxStream};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;

use super::Streamed;
use super::patience::Patience;
use crate::clock;
use crate::outbound::{Opened, Outbound};

/// How much is read of an answer that is a refusal.
const WORDS_BYTES: usize = 64 * 1024;

/// A server that is reached as far as its client reaches.
#[derive(Debug)]
pub(super) struct Server<Reach> {
    outbound: Outbound<Reach>,
    root: String,
    key: Option<SecretString>,
}

impl<Reach> Server<Reach> {
    pub(super) fn new(outbound: Outbound<Reach>, root: &str, key: Option<SecretString>) -> Self {
        Self { outbound, root: root.trim_end_matches('/').to_owned(), key }
    }

    /// Gets what is there, and reads it.
    pub(super) async fn get<T>(
        &self,
        path: &str,
        patience: &Patience,
        read: impl FnOnce(&[u8], Origin) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.clean(self.whole(path, None, patience).await.and_then(|(body, origin)| read(&body, origin)))
    }

    /// Posts, and reads what is answered.
    pub(super) async fn post<T>(
        &self,
        path: &str,
        body: &Json,
        patience: &Patience,
        read: impl FnOnce(&[u8], Origin) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.clean(self.whole(path, Some(body), patience).await.and_then(|(body, origin)| read(&body, origin)))
    }

    async fn whole(&self, path: &str, body: Option<&Json>, patience: &Patience) -> Result<(Vec<u8>, Origin), Failure> {
        let reading = async {
            let opened = success(self.send(path, body).await?).await?;
            let origin = origin(&opened);
            Ok((opened.rest(patience.answer_bytes()).await?, origin))
        };
        patience.whole(reading).await
    }

    /// Posts, and gives the answer as it comes.
    pub(super) async fn stream(
        &self,
        path: &str,
        body: &Json,
        reader: AnswerReader,
        patience: Patience,
    ) -> Result<Streamed, Failure> {
        let opening = async { success(self.send(path, Some(body)).await?).await };
        let opened = self.clean(patience.head(opening).await)?;
        let origin = origin(&opened);
        // Some answer whole, whatever they are asked for; and errors often come so.
        if opened.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
            let body = patience.whole(opened.rest(patience.answer_bytes())).await;
            let answer = self.clean(body.and_then(|body| reader.whole(&body, origin.clone())))?;
            return Ok(Streamed { origin, pieces: pieces(answer) });
        }
        let key = self.key.clone();
        let reading = Reading { opened, reader, patience, key, has_begun: false, bytes: 0, is_over: false };
        Ok(Streamed { origin, pieces: Box::pin(stream::unfold(reading, Reading::next)) })
    }

    async fn send(&self, path: &str, body: Option<&Json>) -> Result<Opened, Failure> {
        let url = SecretString::from(format!("{}{path}", self.root));
        let mut headers = HeaderMap::new();
        if let Some(key) = &self.key {
            let value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()));
            let mut value = value.map_err(|_| Failure::Misconfigured("its key can be no header".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        self.outbound.open(&url, headers, body.map(|body| body.to_string().into_bytes())).await
    }

    fn clean<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        result.map_err(|failure| clean(failure, self.key.as_ref()))
    }
}

/// Where an answer comes from, as far as its head says.
fn origin(opened: &Opened) -> Origin {
    let headers = opened.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
    Origin { peer: opened.peer, model_digest: None, signs: signs_of(headers, &Json::Null) }
}

/// Some repeat the key that they were given.
fn clean(failure: Failure, key: Option<&SecretString>) -> Failure {
    match key {
        Some(key) => failure.without(key.expose_secret()),
        None => failure,
    }
}

/// An answer that is none of success, or that nobody can read, is a failure.
async fn success(opened: Opened) -> Result<Opened, Failure> {
    if let Some(encoding) = opened.headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
        return Err(Failure::Unreadable(format!("it is compressed ({encoding}), which nobody asked for")));
    }
    if opened.status.is_success() {
        return Ok(opened);
    }
    let code = opened.status.as_u16();
    let wait = opened.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|value| retry_after(value, clock::now()));
    let body = opened.rest(WORDS_BYTES).await.unwrap_or_default();
    Err(Failure::status(code, wait, &error_words(&body)))
}

/// A whole answer as pieces.
fn pieces(answer: Answer) -> BoxStream<'static, Result<Piece, Failure>> {
    let Answer { text, tool_calls, end, origin: _ } = answer;
    let text = (!text.is_empty()).then_some(Piece::Text(text));
    let calls = (!tool_calls.is_empty()).then_some(Piece::ToolCalls(tool_calls));
    let pieces: Vec<_> = text.into_iter().chain(calls).chain([Piece::End(end)]).map(Ok).collect();
    Box::pin(stream::iter(pieces))
}

/// An answer that is on its way.
struct Reading {
    opened: Opened,
    reader: AnswerReader,
    patience: Patience,
    key: Option<SecretString>,
    /// True once a token came.
    has_begun: bool,
    bytes: usize,
    is_over: bool,
}

impl Reading {
    async fn next(mut self) -> Option<(Result<Piece, Failure>, Self)> {
        loop {
            if let Some(piece) = self.reader.next_piece() {
                self.has_begun = true;
                return Some((piece.map_err(|failure| clean(failure, self.key.as_ref())), self));
            }
            if self.is_over || self.reader.is_over() {
                return None;
            }
            self.more().await;
        }
    }

    async fn more(&mut self) {
        let limit = self.patience.answer_bytes();
        match self.patience.more(self.has_begun, self.opened.chunk()).await {
            Ok(Some(chunk)) if self.bytes + chunk.len() > limit => self.finish(Some(Failure::TooLarge(limit))),
            Ok(Some(chunk)) => {
                self.bytes += chunk.len();
                self.reader.push(&chunk);
            }
            Ok(None) => self.finish(None),
            Err(failure) => self.finish(Some(failure)),
        }
    }

    fn finish(&mut self, failure: Option<Failure>) {
        self.is_over = true;
        self.reader.finish(failure);
    }
}
