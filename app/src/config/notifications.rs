//! Who is told, and how.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde_saphyr::Spanned;

use super::{at, check_name, file, unique};
use crate::notify::channels::{Notifications, TelegramSettings};
use crate::secret::Secret;

pub(super) fn read(written: file::Notifications, folder: &Path) -> Result<Notifications, String> {
    let file::Notifications { language, digest_interval, telegram, slack, webhooks } = written;
    // One that is absolute stays as it is.
    let from_here = |path: PathBuf| folder.join(path);
    let secret =
        |file: Option<PathBuf>, variable| file.map_or(Secret::Variable(variable), |f| Secret::File(from_here(f)));
    if digest_interval.value < SignedDuration::from_mins(1) {
        return Err(at(digest_interval.referenced, "notifications.digest_interval: at least 1m"));
    }
    let telegram = telegram.map(|written| {
        let file::Telegram { token_file, base_url, chats, people, approvers } = written.value;
        let unusable = |url: &String| !url.starts_with("https://") && !url.starts_with("http://");
        if chats.is_empty() {
            return Err(at(written.referenced, "notifications.telegram: name at least one of `chats`"));
        }
        if base_url.as_ref().is_some_and(unusable) {
            return Err(at(written.referenced, "notifications.telegram.base_url: as in https://api.telegram.org"));
        }
        let token = secret(token_file, "ANCHORWATCH_TELEGRAM_TOKEN");
        Ok(TelegramSettings { token, base_url, chats, people: ids(people)?, approvers: ids(approvers)? })
    });
    let webhooks = webhooks.into_iter().map(|written| {
        let place = written.referenced;
        let file::Webhook { name, url, secret_file } = written.value;
        check_name(&name, place)?;
        if matches!(name.as_str(), "telegram" | "slack") {
            return Err(at(place, &format!("a webhook cannot be called {name:?}; that is a channel of its own")));
        }
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(at(place, &format!("the url of the webhook {name:?}: as in https://example.com/hook")));
        }
        Ok((place, (name, url, Secret::File(from_here(secret_file)))))
    });
    let webhooks = webhooks.collect::<Result<Vec<_>, String>>()?;
    unique(webhooks.iter().map(|(place, (name, _, _))| (name.as_str(), *place)), "webhooks")?;
    Ok(Notifications {
        language: language.into(),
        digest_interval: digest_interval.value.unsigned_abs(),
        telegram: telegram.transpose()?,
        slack: slack.map(|file::Slack { url_file }| secret(url_file, "ANCHORWATCH_SLACK_URL")),
        webhooks: webhooks.into_iter().map(|(_, webhook)| webhook).collect(),
    })
}

/// Ids of people in Telegram.
fn ids(written: Vec<Spanned<i64>>) -> Result<Vec<i64>, String> {
    let checked = written.into_iter().map(|id| match id.value {
        person @ 1.. => Ok(person),
        other => Err(at(
            id.referenced,
            &format!("notifications.telegram: {other} is nobody; a group's id belongs to `chats`"),
        )),
    });
    checked.collect()
}
