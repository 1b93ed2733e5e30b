//! Polling Telegram: a button that one of the allowed people presses acknowledges.
//!
//! Telegram lets one ask at a time, so it is a duty. What was dealt with is saved afterwards: after a crash a press is dealt with
//! once more, and then everything is acknowledged already.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_edge::notify::Telegram;
use anchorwatch_edge::notify::telegram::{Allowed, Press, TelegramError};
use anchorwatch_edge::store::{Duty, Notification, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::rest;
use super::word::{Wording, acknowledged_id};
use crate::failure::{Failure, Faults};
use crate::serve::{Event, Service};

/// How long Telegram waits for a press before it answers that there was none.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long the duty is held after the last word of its holder: longer than a poll may take.
const LEASE: Duration = Duration::from_secs(90);
/// How long is waited for the duty, and after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// What polling needs.
#[derive(Clone)]
pub(crate) struct Polling {
    /// The service, which decides.
    pub(crate) service: Arc<Service>,
    /// The bot.
    pub(crate) bot: Telegram,
    /// Who may press, and where.
    pub(crate) allowed: Allowed,
    /// Words what is answered.
    pub(crate) wording: Wording,
}

/// Why a round of the poll ended early.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Telegram(#[from] TelegramError),
}

/// Polls until it is stopped, while this replica holds the duty.
pub(crate) async fn run(polling: Polling, stop: CancellationToken) {
    let name = format!("telegram-poll/{}", polling.bot.id());
    let mut faults = Faults::new("Telegram is not asked for buttons that were pressed");
    let service = &polling.service;
    loop {
        let failure = match service.store.hold_duty(&name, &service.replica, LEASE, service.now()).await {
            Ok(Some(duty)) => polling.serve(duty, &stop).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        let mut pause = PAUSE;
        if let Err(error) = failure {
            faults.note(&error);
            if let PollError::Telegram(error) = &error {
                pause = error.closed_for().unwrap_or(PAUSE).max(PAUSE);
            }
        } else {
            faults.none();
        }
        if rest(pause, &stop).await {
            return;
        }
    }
}

impl Polling {
    /// Asks again and again, and lets go of the duty in the end.
    async fn serve(&self, mut duty: Duty, stop: &CancellationToken) -> Result<(), PollError> {
        let ended = self.ask(&mut duty, stop).await;
        match self.service.store.release_duty(&duty).await {
            // Somebody else holds it: there is nothing to let go of.
            Err(StoreError::DutyLost(_)) | Ok(()) => ended,
            Err(error) => ended.and(Err(error.into())),
        }
    }

    async fn ask(&self, duty: &mut Duty, stop: &CancellationToken) -> Result<(), PollError> {
        while !stop.is_cancelled() {
            self.service.store.renew_duty(duty, LEASE, self.service.now()).await?;
            let offset = duty.state.as_deref().and_then(|state| state.parse().ok()).unwrap_or_default();
            let updates = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                updates = self.bot.updates(offset, PATIENCE) => updates?,
            };
            for press in &updates.presses {
                self.pressed(press).await?;
            }
            if updates.offset != offset {
                self.service.store.save_duty(duty, &updates.offset.to_string()).await?;
            }
        }
        Ok(())
    }

    /// Deals with a button that was pressed. Only a store that fails is a reason to deal with it again.
    async fn pressed(&self, press: &Press) -> Result<(), StoreError> {
        let (words, person) = (self.wording.words, press.person_id);
        if !self.bot.allows(&self.allowed, press) {
            warn!(person, chat = press.chat_id, "somebody pressed a button who may not");
            self.answer(press, &words.say("notify-not-allowed")).await;
            return Ok(());
        }
        let known = match acknowledged_id(&press.data) {
            Some(id) => self.service.store.notification(id).await?,
            None => None,
        };
        let Some(notification) = known else {
            self.answer(press, &words.say("notify-unknown")).await;
            return Ok(());
        };
        let how = self.acknowledge(&notification, press).await?;
        self.answer(press, &how).await;
        let message = self.wording.settled(&notification, &how);
        if let Err(error) = self.bot.edit(press.chat_id, press.message_id, &message).await {
            warn!(id = notification.short_id, reason = Failure::because(&error).line(), "a message keeps its button");
        }
        Ok(())
    }

    /// Acknowledges all that a notification tells, as far as nobody did; gives what is said of it.
    async fn acknowledge(&self, notification: &Notification, press: &Press) -> Result<String, StoreError> {
        let by = format!("telegram:{}/{}", press.person_id, press.person_name);
        let mut decided = None;
        for fingerprint in notification.told.acknowledgeable() {
            let item = self.service.store.acknowledge(fingerprint, &by, self.service.now()).await?;
            let acknowledged = item.filter(|item| item["status"] == "acknowledged");
            let who = acknowledged.and_then(|item| item["decided_by"].as_str().map(str::to_owned));
            // Of several, whoever presses now is named before those who did so earlier.
            decided = if who.as_ref() == Some(&by) { who } else { decided.or(who) };
        }
        info!(id = notification.short_id, by, "a notification was acknowledged");
        self.service.announce(Event::Decided { id: notification.notification_id.clone() });
        let words = self.wording.words;
        // Whoever did so elsewhere is not named here: what is sent leaves the network.
        let here = decided.as_deref().and_then(|by| by.strip_prefix("telegram:")?.split_once('/'));
        Ok(match (here, decided.is_some()) {
            (Some((_, person)), _) => {
                let person = crate::cli::plain(person);
                words.say_with("notify-acknowledged-by", &[("person", crate::words::Arg::Text(&person))])
            }
            (None, true) => words.say("notify-acknowledged"),
            (None, false) => words.say("notify-settled"),
        })
    }

    async fn answer(&self, press: &Press, text: &str) {
        if let Err(error) = self.bot.answer(&press.query_id, text).await {
            warn!(reason = Failure::because(&error).line(), "whoever pressed a button got no answer");
        }
    }
}
