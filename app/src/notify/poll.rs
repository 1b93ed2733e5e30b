//! Polling Telegram for buttons that were pressed.
//!
//! Telegram lets one ask at a time, so it is a duty. What was dealt with is saved afterwards: after a crash a press is dealt with
//! once more, and then everything is acknowledged or ignored already. What takes long goes on beside the poll, which is not held up.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_edge::notify::telegram::TelegramError;
use anchorwatch_edge::store::{Duty, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::channels::Bot;
use super::rest;
use super::word::Wording;
use crate::faults::Faults;
use crate::serve::Service;

/// How long Telegram waits for a press before it answers that there was none.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long the duty is held after the last word of its holder: longer than a poll may take.
const LEASE: Duration = Duration::from_secs(90);
/// How long is waited for the duty, and after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// What polling needs.
pub(crate) struct Polling {
    /// The service, which decides.
    pub(crate) service: Arc<Service>,
    /// The bot, and who may press its buttons.
    pub(crate) bot: Bot,
    /// Words what is answered.
    pub(crate) wording: Wording,
    /// What takes longer than a poll, and is seen to its end.
    pub(crate) working: TaskTracker,
}

/// Why a round of the poll ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum PollError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Telegram did.
    #[error(transparent)]
    Telegram(#[from] TelegramError),
    /// It is not known what became of a press.
    #[error("a button that was pressed is dealt with again: {0}")]
    Undecided(String),
}

/// Polls until it is stopped, while this replica holds the duty.
pub(crate) async fn run(polling: Polling, stop: CancellationToken) {
    let name = format!("telegram-poll/{}", polling.bot.telegram.id());
    let mut faults = Faults::new("Telegram is not asked for buttons that were pressed");
    let polling = Arc::new(polling);
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
            break;
        }
    }
    polling.working.close();
    polling.working.wait().await;
}

impl Polling {
    /// Asks again and again, and lets go of the duty in the end.
    async fn serve(self: &Arc<Self>, mut duty: Duty, stop: &CancellationToken) -> Result<(), PollError> {
        let ended = self.poll(&mut duty, stop).await;
        match self.service.store.release_duty(&duty).await {
            // Somebody else holds it: there is nothing to let go of.
            Err(StoreError::DutyLost(_)) | Ok(()) => ended,
            Err(error) => ended.and(Err(error.into())),
        }
    }

    async fn poll(self: &Arc<Self>, duty: &mut Duty, stop: &CancellationToken) -> Result<(), PollError> {
        while !stop.is_cancelled() {
            self.service.store.renew_duty(duty, LEASE, self.service.now()).await?;
            let offset = duty.state.as_deref().and_then(|state| state.parse().ok()).unwrap_or_default();
            let updates = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                updates = self.bot.telegram.updates(offset, PATIENCE) => updates?,
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
}
