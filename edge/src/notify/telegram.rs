//! Telegram's Bot API, as far as messages with buttons need it: <https://core.telegram.org/bots/api>.
//!
//! The token is part of each URL, so no error here has one. Of answers as little as possible is read: a message that was
//! sent and whose answer cannot be read would be sent twice, and an update that cannot be read would hold up all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Button, Channel, Link, Message, SEND_LIMIT, SendError, cut, escape, judge, judge_status};
use crate::outbound::{Anywhere, Outbound, Post};

/// Characters of a message, counted without its marks.
const TEXT_LIMIT: usize = 4096;
/// Characters of what is said to whoever pressed a button.
const ANSWER_LIMIT: usize = 200;
/// Where Telegram's own servers are.
pub const BASE_URL: &str = "https://api.telegram.org";

/// A bot.
#[derive(Debug, Clone)]
pub struct Telegram {
    outbound: Outbound<Anywhere>,
    base_url: String,
    token: SecretString,
    /// Groups that became supergroups have another id, which nobody configured yet.
    moved: Arc<Mutex<HashMap<i64, i64>>>,
}

/// Why Telegram did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum TelegramError {
    /// The message was not sent, or nothing was answered.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Somebody else polls with the same token, or a webhook is set.
    #[error("somebody else asks for this bot's updates, or a webhook is set for it")]
    Conflict,
    /// The chat has another id.
    #[error("the chat {from} is {to} by now")]
    Moved {
        /// The id that it had.
        from: i64,
        /// The id that it has.
        to: i64,
    },
}

/// Somebody who pressed a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// The query's id, which is to be answered.
    pub query_id: String,
    /// What the button had for data.
    pub data: String,
    /// The person's id.
    pub person_id: i64,
    /// The person's name, as Telegram has it.
    pub person_name: String,
    /// The chat with the button.
    pub chat_id: i64,
    /// The message with the button.
    pub message_id: i64,
}

/// What a poll brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updates {
    /// Buttons that were pressed.
    pub presses: Vec<Press>,
    /// From where to ask on, once these are dealt with.
    pub offset: i64,
}

/// Who may press buttons, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Ids of people.
    pub people: Vec<i64>,
    /// Ids of chats.
    pub chats: Vec<i64>,
}

#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    #[serde(default)]
    result: Json,
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

impl Telegram {
    /// A bot by its token, at Telegram's servers or one's own (`base_url`, as in [`BASE_URL`]).
    pub fn new(outbound: Outbound<Anywhere>, base_url: &str, token: SecretString) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self { outbound, base_url, token, moved: Arc::default() }
    }

    /// The bot's id, which is the part of its token that is no secret.
    pub fn id(&self) -> &str {
        self.token.expose_secret().split_once(':').map_or("", |(id, _)| id)
    }

    /// True if this person may press a button in this chat. A member of a group is not yet one who may.
    pub fn allows(&self, allowed: &Allowed, press: &Press) -> bool {
        let chat = allowed.chats.iter().any(|chat| *chat == press.chat_id || self.chat(*chat) == press.chat_id);
        chat && allowed.people.contains(&press.person_id)
    }

    /// Waits for buttons that are pressed.
    pub async fn updates(&self, offset: i64, patience: Duration) -> Result<Updates, TelegramError> {
        let asked = json!({ "offset": offset, "timeout": patience.as_secs(), "allowed_updates": ["callback_query"] });
        let result = self.call("getUpdates", &asked, patience + SEND_LIMIT).await?;
        let updates = result.as_array().map(Vec::as_slice).unwrap_or_default();
        let last = updates.iter().filter_map(|update| update["update_id"].as_i64()).max();
        Ok(Updates {
            presses: updates.iter().filter_map(|update| press(&update["callback_query"])).collect(),
            offset: last.map_or(offset, |last| last + 1),
        })
    }

    /// Says something to whoever pressed a button. That it is too late to do so is no error.
    pub async fn answer(&self, query_id: &str, text: &str) -> Result<(), TelegramError> {
        let asked = json!({ "callback_query_id": query_id, "text": cut(text, ANSWER_LIMIT) });
        match self.call("answerCallbackQuery", &asked, SEND_LIMIT).await {
            Err(error) if error.says("query is too old") || error.says("query ID is invalid") => Ok(()),
            done => done.map(drop),
        }
    }

    /// Gives a message another text and other buttons. That it has them already is no error.
    pub async fn edit(&self, chat_id: i64, message_id: i64, message: &Message) -> Result<(), TelegramError> {
        let mut asked = json!({ "chat_id": chat_id, "message_id": message_id });
        asked["reply_markup"] = keyboard(message);
        match self.with_text("editMessageText", asked, message).await {
            Err(error) if error.says("message is not modified") => Ok(()),
            done => done.map(drop),
        }
    }

    /// Sends a message to a chat; to where it is by now.
    async fn send(&self, chat: i64, message: &Message) -> Result<Json, TelegramError> {
        let mut asked = json!({ "chat_id": self.chat(chat) });
        asked["reply_markup"] = keyboard(message);
        match self.with_text("sendMessage", asked.clone(), message).await {
            Err(TelegramError::Moved { to, .. }) => {
                self.moved.lock().unwrap_or_else(PoisonError::into_inner).insert(chat, to);
                asked["chat_id"] = to.into();
                self.with_text("sendMessage", asked, message).await
            }
            done => done,
        }
    }

    /// Chats that have another id by now than the one they are asked for with; for people to configure.
    pub fn moved(&self) -> Vec<(i64, i64)> {
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.iter().map(|(from, to)| (*from, *to)).collect()
    }

    fn chat(&self, chat: i64) -> i64 {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).get(&chat).copied().unwrap_or(chat)
    }

    /// As HTML; where Telegram cannot read that, as plain text.
    async fn with_text(&self, method: &str, mut asked: Json, message: &Message) -> Result<Json, TelegramError> {
        let (html, plain) = text(message);
        asked["text"] = html.into();
        asked["parse_mode"] = "HTML".into();
        asked["link_preview_options"] = json!({ "is_disabled": true });
        match self.call(method, &asked, SEND_LIMIT).await {
            Err(error) if error.says("can't parse entities") => {
                asked["text"] = plain.into();
                if let Some(asked) = asked.as_object_mut() {
                    asked.remove("parse_mode");
                }
                self.call(method, &asked, SEND_LIMIT).await
            }
            done => done,
        }
    }

    async fn call(&self, method: &str, asked: &Json, timeout: Duration) -> Result<Json, TelegramError> {
        let url = SecretString::from(format!("{}/bot{}/{method}", self.base_url, self.token.expose_secret()));
        let post = Post { url: &url, headers: HeaderMap::new(), body: asked.to_string().into_bytes(), timeout };
        let answer = self.outbound.post(post).await.map_err(SendError::Outbound)?;
        let unreadable = || SendError::Unreadable("it is not Telegram's".to_owned());
        let Ok(envelope) = serde_json::from_slice::<Envelope>(&answer.body) else {
            judge(&answer)?;
            return Err(unreadable().into());
        };
        let Envelope { ok, result, error_code, description, parameters } = envelope;
        if ok {
            return Ok(result);
        }
        if let (Some(to), Some(from)) = (parameters.migrate_to_chat_id, asked["chat_id"].as_i64()) {
            return Err(TelegramError::Moved { from, to });
        }
        let said = description.replace(self.token.expose_secret(), "<token>");
        if error_code == 409 {
            return Err(TelegramError::Conflict);
        }
        judge_status(error_code, parameters.retry_after, format!(": {}", cut(&said, ANSWER_LIMIT)))?;
        Err(unreadable().into())
    }
}

impl TelegramError {
    /// How long to wait before anything is asked again, where Telegram says so.
    pub fn closed_for(&self) -> Option<Duration> {
        match self {
            Self::Send(error) => error.closed_for(),
            _ => None,
        }
    }

    fn says(&self, what: &str) -> bool {
        matches!(self, Self::Send(SendError::Refused { said, .. }) if said.contains(what))
    }
}

/// A chat with a bot.
#[derive(Debug)]
pub struct TelegramChat {
    name: String,
    bot: Telegram,
    chat: i64,
}

impl TelegramChat {
    /// A chat by its id; negative for groups.
    pub fn new(name: impl Into<String>, bot: Telegram, chat: i64) -> Self {
        Self { name: name.into(), bot, chat }
    }

    async fn post(&self, message: &Message) -> Result<Option<String>, SendError> {
        match self.bot.send(self.chat, message).await {
            Ok(sent) => Ok(Some(format!("{}/{}", self.bot.chat(self.chat), sent["message_id"]))),
            Err(TelegramError::Send(error)) => Err(error),
            Err(other) => Err(SendError::Refused { status: 400, said: format!(": {other}") }),
        }
    }
}

impl Channel for TelegramChat {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Option<String>, SendError>> {
        Box::pin(self.post(message))
    }
}

/// A message as HTML and as plain text, not longer than Telegram allows; the footer is always there.
fn text(message: &Message) -> (String, String) {
    let title = cut(&message.title, TEXT_LIMIT / 4);
    let footer = cut(&message.footer, TEXT_LIMIT / 4);
    let count = |text: &str| text.encode_utf16().count();
    let mut left = TEXT_LIMIT.saturating_sub(count(&title) + count(&footer) + "\n\n\n".len());
    let mut lines = Vec::new();
    for line in &message.lines {
        let length = count(line) + 1;
        if length > left {
            // Room for it was left by the separators.
            lines.push(cut(line, left.saturating_sub(1)));
            break;
        }
        left -= length;
        lines.push(line.clone());
    }
    let body = lines.join("\n");
    // Cut before it is escaped, so that no escape is cut in two.
    let html = format!("<b>{}</b>\n{}\n\n{}", escape(&title), escape(&body), escape(&footer));
    (html, format!("{title}\n{body}\n\n{footer}"))
}

/// The buttons, and at the end of their last row the link.
fn keyboard(message: &Message) -> Json {
    let button = |Button { label, data }: &Button| json!({ "text": label, "callback_data": data });
    let mut rows: Vec<Vec<Json>> = message.buttons.iter().map(|row| row.iter().map(button).collect()).collect();
    if let Some(Link { label, url }) = message.link.as_ref().filter(|link| opens(&link.url)) {
        let link = json!({ "text": label, "url": url });
        match rows.last_mut() {
            Some(row) => row.push(link),
            None => rows.push(vec![link]),
        }
    }
    json!({ "inline_keyboard": rows })
}

/// Telegram refuses a whole message for a button whose address has no public name, such as `localhost`.
fn opens(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    matches!(uri.scheme_str(), Some("http" | "https")) && host.contains('.')
}

/// A button that was pressed on a message that is still there.
fn press(query: &Json) -> Option<Press> {
    let from = &query["from"];
    let full_name = [&from["first_name"], &from["last_name"]].map(|name| name.as_str().unwrap_or_default()).join(" ");
    Some(Press {
        query_id: query["id"].as_str()?.to_owned(),
        data: query["data"].as_str()?.to_owned(),
        person_id: from["id"].as_i64()?,
        person_name: from["username"].as_str().map_or(full_name.trim().to_owned(), str::to_owned),
        chat_id: query["message"]["chat"]["id"].as_i64()?,
        message_id: query["message"]["message_id"].as_i64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_keeps_its_footer_and_is_not_cut_inside_an_escape() {
        let lines = (0..400).map(|n| format!("<line & {n}>")).collect();
        let message = Message { title: "<t>".to_owned(), lines, footer: "#K3F9QA".to_owned(), ..Message::default() };
        let (html, plain) = text(&message);
        let length = plain.encode_utf16().count();
        assert!((TEXT_LIMIT - 20..=TEXT_LIMIT).contains(&length), "{length}");
        assert!(html.starts_with("<b>&lt;t&gt;</b>\n&lt;line &amp; 0&gt;\n"));
        assert!(html.ends_with("…\n\n#K3F9QA") && plain.ends_with("…\n\n#K3F9QA"), "{html}");
        let unescaped = html.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "");
        assert!(!unescaped.contains('&') && unescaped.matches('<').count() == 2);
    }

    #[test]
    fn a_button_leads_only_where_telegram_lets_it() {
        for (url, fits) in [
            ("https://watch.example.com/a", true),
            ("http://10.0.0.1:8080/", true),
            ("http://localhost:8080/", false),
            ("http://watch:8080/", false),
            ("ftp://example.com/", false),
        ] {
            assert_eq!(opens(url), fits, "{url}");
        }
    }
}
