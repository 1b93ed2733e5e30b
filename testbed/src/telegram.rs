//! A Telegram on loopback, with one chat that has one message, and people who press its buttons.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::receiver::{Received, Receiver, Reply};

/// The chat's id.
const CHAT: i64 = -100;
/// How long a poll waits for nothing.
const POLL: Duration = Duration::from_millis(20);

/// A chat with a bot.
#[derive(Debug)]
pub struct Chat {
    receiver: Receiver,
    waiting: Arc<Mutex<Vec<Value>>>,
    presses: AtomicI64,
}

impl Chat {
    /// Starts one.
    pub fn start() -> io::Result<Self> {
        let waiting: Arc<Mutex<Vec<Value>>> = Arc::default();
        let polled = Arc::clone(&waiting);
        let receiver = Receiver::answering(move |request| {
            let mut result = json!({"message_id": 7});
            if request.path.ends_with("/getUpdates") {
                thread::sleep(POLL);
                result = std::mem::take(&mut *polled.lock().unwrap_or_else(PoisonError::into_inner)).into();
            }
            Reply::json(200, &json!({"ok": true, "result": result}))
        })?;
        Ok(Self { receiver, waiting, presses: AtomicI64::new(0) })
    }

    /// What a configuration says of it, where the bot's token is in a file, and of who may press.
    pub fn settings(&self, token_file: &str, people: &[i64], approvers: &[i64]) -> String {
        let url = self.receiver.url();
        format!(
            "notifications: {{telegram: {{token_file: {token_file}, base_url: '{url}', chats: [{CHAT}], \
             people: {people:?}, approvers: {approvers:?}}}}}\n"
        )
    }

    /// The message as it is now, once it was sent and edited so many times.
    pub fn message(&self, edits: usize) -> Value {
        let sent = self.receiver.wait_for("/sendMessage", 1);
        let edited = if edits == 0 { Vec::new() } else { self.receiver.wait_for("/editMessageText", edits) };
        edited.last().or(sent.last()).map(Received::json).unwrap_or_default()
    }

    /// The labels of its buttons.
    pub fn labels(message: &Value) -> Vec<&str> {
        buttons(message).filter_map(|button| button["text"].as_str()).collect()
    }

    /// What a button has for data.
    pub fn data(message: &Value, label: &str) -> String {
        let found = buttons(message).find(|button| button["text"] == label);
        found.and_then(|button| button["callback_data"].as_str()).unwrap_or_default().to_owned()
    }

    /// Somebody presses a button; gives what they are told.
    pub fn press(&self, person: i64, data: &str) -> String {
        let press = self.presses.fetch_add(1, Ordering::SeqCst) + 1;
        let query = json!({"update_id": press, "callback_query": {
            "id": press.to_string(), "from": {"id": person, "username": format!("p{person}")}, "data": data,
            "message": {"message_id": 7, "chat": {"id": CHAT}},
        }});
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(query);
        let told = self.receiver.wait_for("/answerCallbackQuery", usize::try_from(press).unwrap_or_default());
        let told = told.last().map(Received::json).unwrap_or_default();
        told["text"].as_str().unwrap_or_default().to_owned()
    }
}

fn buttons(message: &Value) -> impl Iterator<Item = &Value> {
    let rows = message["reply_markup"]["inline_keyboard"].as_array();
    rows.into_iter().flatten().filter_map(Value::as_array).flatten()
}
