//! The configured channels, with their secrets read from where the configuration says.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_edge::notify::telegram::{self, Allowed};
use anchorwatch_edge::notify::{Channel, Slack, Telegram, TelegramChat, Webhook, WebhookSecret};
use anchorwatch_edge::outbound::Outbound;
use secrecy::SecretString;

use crate::failure::Failure;
use crate::secret::Secret;
use crate::words::Language;

/// What was configured of notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notifications {
    /// In which language.
    pub(crate) language: Language,
    /// How far apart digests are.
    pub(crate) digest_interval: Duration,
    /// Telegram.
    pub(crate) telegram: Option<TelegramSettings>,
    /// The file that holds Slack's address.
    pub(crate) slack: Option<Secret>,
    /// Webhooks: name, address, and where the secret is.
    pub(crate) webhooks: Vec<(String, String, Secret)>,
}

/// A bot, where it writes, and who may press its buttons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TelegramSettings {
    pub(crate) token: Secret,
    pub(crate) base_url: Option<String>,
    pub(crate) chats: Vec<i64>,
    /// Those who may do what an operator may.
    pub(crate) people: Vec<i64>,
    /// Those who may do what an approver may.
    pub(crate) approvers: Vec<i64>,
}

/// A bot whose buttons are listened to.
pub(crate) struct Bot {
    pub(crate) telegram: Telegram,
    /// Who may press, and where.
    pub(crate) allowed: Allowed,
    /// Who of them may do what an approver may.
    pub(crate) approvers: Vec<i64>,
}

/// Channels, and the bot whose buttons are listened to.
pub(crate) struct Channels {
    pub(crate) all: Vec<Arc<dyn Channel>>,
    pub(crate) bot: Option<Bot>,
}

impl Notifications {
    /// Opens the channels; nothing is sent yet.
    pub(crate) fn open(&self) -> Result<Channels, Failure> {
        let mut channels = Channels { all: Vec::new(), bot: None };
        if let Some(TelegramSettings { token, base_url, chats, people, approvers }) = &self.telegram {
            let base_url = base_url.as_deref().unwrap_or(telegram::BASE_URL);
            let telegram = Telegram::new(Outbound::anywhere(), base_url, SecretString::from(token.read()?));
            for chat in chats {
                let name = if chats.len() == 1 { "telegram".to_owned() } else { format!("telegram/{chat}") };
                channels.all.push(Arc::new(TelegramChat::new(name, telegram.clone(), *chat)));
            }
            let allowed = Allowed { people: [people.as_slice(), approvers].concat(), chats: chats.clone() };
            channels.bot = Some(Bot { telegram, allowed, approvers: approvers.clone() });
        }
        if let Some(url) = &self.slack {
            let url = SecretString::from(url.read()?);
            channels.all.push(Arc::new(Slack::new("slack", Outbound::anywhere(), url)));
        }
        for (name, url, secret) in &self.webhooks {
            let secret = WebhookSecret::of(&secret.read()?);
            let url = SecretString::from(url.as_str());
            channels.all.push(Arc::new(Webhook::new(name.as_str(), Outbound::anywhere(), url, secret)));
        }
        Ok(channels)
    }
}
