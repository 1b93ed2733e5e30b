//! Slack's incoming webhooks: text, posted to a URL that is the secret.
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>

use futures::future::BoxFuture;
use http::HeaderMap;
use secrecy::SecretString;
use serde_json::json;

use super::{Channel, Message, SEND_LIMIT, SendError, cut, escape, judge};
use crate::outbound::{Anywhere, Outbound, Post};

/// Slack cuts a text off at 40,000 characters, and asks for fewer than 4,000.
const LIMIT: usize = 4000;

/// A channel of Slack.
#[derive(Debug)]
pub struct Slack {
    name: String,
    outbound: Outbound<Anywhere>,
    url: SecretString,
}

impl Slack {
    /// A channel whose messages are posted to a URL.
    pub fn new(name: impl Into<String>, outbound: Outbound<Anywhere>, url: SecretString) -> Self {
        Self { name: name.into(), outbound, url }
    }

    async fn post(&self, message: &Message) -> Result<Option<String>, SendError> {
        let body = json!({ "text": text(message) }).to_string().into_bytes();
        let post = Post { url: &self.url, headers: HeaderMap::new(), body, timeout: SEND_LIMIT };
        let answer = self.outbound.post(post).await?;
        judge(&answer).map(|()| None)
    }
}

impl Channel for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Option<String>, SendError>> {
        Box::pin(self.post(message))
    }
}

fn text(message: &Message) -> String {
    let Message { title, lines, footer, link, .. } = message;
    // Cut before it is escaped, so that no escape is cut in two.
    let mut text = format!("*{}*\n{}\n{}", escape(title), escape(&cut(&lines.join("\n"), LIMIT)), escape(footer));
    if let Some(link) = link {
        // A bar or an angle bracket in a URL would end it.
        let url = link.url.replace('|', "%7C");
        text = format!("{text}\n<{}|{}>", escape(&url), escape(&link.label));
    }
    text
}
