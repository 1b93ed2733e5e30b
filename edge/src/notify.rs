//! The channels on which people are told: Telegram, Slack, and webhooks.
//!
//! What a message says is worded by app, as plain text. Each channel escapes and cuts it as its receiver wants it.

mod slack;
pub mod telegram;
mod webhook;

use std::borrow::Cow;
use std::time::Duration;

use anchorwatch_core::route::redaction::Redactor;
use futures::future::BoxFuture;
use serde_json::Value as Json;

use crate::outbound::{Answer, OutboundError};

pub use slack::Slack;
pub use telegram::{Telegram, TelegramChat};
pub use webhook::{Webhook, WebhookSecret};

/// How long a message may take to be sent.
pub const SEND_LIMIT: Duration = Duration::from_secs(20);

/// Somewhere that messages go.
pub trait Channel: Send + Sync {
    /// Its name in the configuration and the outbox.
    fn name(&self) -> &str;

    /// Sends a message. Gives the id that the channel has for it, if it has one.
    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Option<String>, SendError>>;
}

/// A message, worded in plain text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The notification's id; the same when it is sent again.
    pub notification_id: String,
    /// What it is about, in a line.
    pub title: String,
    /// What there is to say, line by line.
    pub lines: Vec<String>,
    /// What is never cut: the short id, and whether it is repeated.
    pub footer: String,
    /// A page that says more.
    pub link: Option<Link>,
    /// Buttons that people press in the channel, in rows.
    pub buttons: Vec<Vec<Button>>,
    /// What it tells, as data.
    pub payload: Json,
}

impl Message {
    /// The same one without what must not leave, in its text and in its data. Addresses and buttons are the program's own.
    #[must_use]
    pub fn cleaned(mut self, redactor: &Redactor) -> Self {
        for text in self.lines.iter_mut().chain([&mut self.title]) {
            clean(redactor, text);
        }
        clean_json(redactor, &mut self.payload);
        self
    }
}

fn clean(redactor: &Redactor, text: &mut String) {
    if let Cow::Owned(cleaned) = redactor.clean(text) {
        *text = cleaned;
    }
}

fn clean_json(redactor: &Redactor, json: &mut Json) {
    match json {
        Json::String(text) => clean(redactor, text),
        Json::Array(items) => items.iter_mut().for_each(|item| clean_json(redactor, item)),
        Json::Object(fields) => fields.values_mut().for_each(|value| clean_json(redactor, value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// A page that says more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What the link is called.
    pub label: String,
    /// Its address.
    pub url: String,
}

/// A button that people press in the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// What is written on it.
    pub label: String,
    /// What comes back when it is pressed, up to 64 bytes.
    pub data: String,
}

/// Why a message was not sent. Its text has neither address nor token in it.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Too much was sent; the channel takes nothing for a while.
    #[error("too many messages: the channel takes nothing for {} s", .0.as_secs())]
    Closed(Duration),
    /// It was refused: it did not arrive.
    #[error("it was refused with status {status}{said}")]
    Refused {
        /// The status.
        status: u16,
        /// What was said, after a colon; empty where nothing was.
        said: String,
    },
    /// The other side failed; whether it took the message nobody knows.
    #[error("the other side failed with status {0}")]
    Failed(u16),
    /// It answered something that nobody understands.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// There was no answer.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

impl SendError {
    /// True if nobody knows whether the message arrived.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Closed(_) | Self::Refused { .. } => false,
            Self::Failed(_) | Self::Unreadable(_) => true,
            Self::Outbound(error) => error.may_have_arrived(),
        }
    }

    /// How long the channel takes nothing at all.
    pub fn closed_for(&self) -> Option<Duration> {
        match self {
            Self::Closed(wait) => Some(*wait),
            _ => None,
        }
    }
}

/// What an answer says by its status alone.
fn judge(answer: &Answer) -> Result<(), SendError> {
    let seconds = answer.headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    // A date is allowed too, and rare.
    judge_status(answer.status.as_u16(), seconds, String::new())
}

/// What a status says, with the seconds to wait and what was said beside it. Redirects are not followed, and so are refusals.
fn judge_status(status: u16, wait: Option<u64>, said: String) -> Result<(), SendError> {
    match status {
        200..=299 => Ok(()),
        // An hour at most: whoever answers may be mistaken or malicious.
        429 => Err(SendError::Closed(Duration::from_secs(wait.unwrap_or(30).clamp(1, 3600)))),
        500..=599 => Err(SendError::Failed(status)),
        status => Err(SendError::Refused { status, said }),
    }
}

/// Escapes what has a meaning in Telegram's HTML and in Slack's text: the same three characters.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Cuts a text at the end of a character, so that it has no more than so many UTF-16 units, as Telegram counts.
fn cut(text: &str, units: usize) -> String {
    if text.encode_utf16().count() <= units {
        return text.to_owned();
    }
    let mut left = units.saturating_sub(1);
    let whole = |character: &char| {
        let fits = character.len_utf16() <= left;
        left = left.saturating_sub(character.len_utf16());
        fits
    };
    text.chars().take_while(whole).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_the_end_of_a_character() {
        for (text, units, left) in [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("漂移了", 2, "漂…"), ("a😀b", 3, "a…")]
        {
            assert_eq!(cut(text, units), left);
        }
    }

    #[test]
    fn a_message_leaves_without_a_secret_in_its_text_and_in_its_data() {
        let token = ["gh", "p_", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"].concat();
        let told = |token: &str| Message {
            title: format!("Drift in {token}"),
            lines: vec![format!("HIGH ConfigMap/{token} in shop")],
            payload: serde_json::json!({"objects": [{"resource_name": token, "count": 1}]}),
            link: Some(Link { label: "open".to_owned(), url: "https://watch.example.com/".to_owned() }),
            ..Message::default()
        };
        let redactor = Redactor::new().for_logs();
        assert_eq!(told(&token).cleaned(&redactor), told("<SECRET>"));
        assert_eq!(told("web").cleaned(&redactor), told("web"));
    }

    #[test]
    fn what_is_no_success_says_whether_it_arrived() {
        let judged = |status: u16| judge_status(status, None, String::new());
        assert!(judged(204).is_ok());
        for (status, may_have_arrived) in [(302, false), (404, false), (410, false), (429, false), (500, true)] {
            assert_eq!(judged(status).unwrap_err().may_have_arrived(), may_have_arrived, "{status}");
        }
    }
}
