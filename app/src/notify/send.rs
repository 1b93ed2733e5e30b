//! Sending: what is due becomes messages, and each is sent by whoever claims it.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_edge::clock::Clock;
use anchorwatch_edge::notify::Channel;
use anchorwatch_edge::store::{Composing, Outgoing, StoreError, Unsent};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, warn};

use super::act::acts;
use super::rest;
use super::word::Wording;
use crate::fail_point;
use crate::serve::Service;

/// How long what is urgent waits for more of its kind.
const WINDOW: Duration = Duration::from_secs(2);
/// How often is looked whether anything is due.
const PAUSE: Duration = Duration::from_secs(1);
/// How long is waited where the store does not answer.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long a claim holds: longer than the slowest channel may take, which tries three times 20 s.
fn lease() -> Duration {
    fail_point::lease(Duration::from_mins(2))
}
/// How often the store is asked to note that a message was sent, a second apart: what is not noted is sent again.
const NOTES: usize = 10;
/// How many are sent at once, so that a channel that hangs does not hold the others up.
const LANES: usize = 4;

/// What sending needs.
#[derive(Clone)]
pub(crate) struct Sending {
    /// The service, which knows what may be done about a drift.
    pub(crate) service: Arc<Service>,
    /// The channels, each with a name of its own.
    pub(crate) channels: Vec<Arc<dyn Channel>>,
    /// Words what is sent.
    pub(crate) wording: Wording,
    /// How far apart digests are.
    pub(crate) digest_interval: Duration,
    /// This replica's name.
    pub(crate) holder: String,
    /// The service's clock.
    pub(crate) clock: Clock,
}

/// Sends what is due until it is stopped; a message that is being sent is sent to its end.
pub(crate) async fn run(sending: Sending, stop: CancellationToken) {
    let mut faults = sending.service.failing.faults("notifications wait: the store fails");
    loop {
        let pause = if faults.took(&sending.round(&stop).await) { PAUSE } else { PAUSE_AFTER_FAILURE };
        if rest(pause, &stop).await {
            return;
        }
    }
}

impl Sending {
    /// Composes what is due, and sends all that waits.
    async fn round(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let channels: Vec<String> = self.channels.iter().map(|channel| channel.name().to_owned()).collect();
        let composing = Composing { channels: &channels, window: WINDOW, digest_interval: self.digest_interval };
        self.service.store.compose(composing, self.clock.now()).await?;
        let given_up = self.service.store.give_up_notifications(self.clock.now()).await?;
        if given_up > 0 {
            warn!(count = given_up, "notifications were given up: none of their senders came to an end");
        }
        let lanes = futures::future::join_all((0..LANES).map(|_| self.lane(stop))).await;
        lanes.into_iter().collect()
    }

    async fn lane(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            let claimed = self.service.store.claim_notification(&self.holder, lease(), self.clock.now()).await?;
            let Some(outgoing) = claimed else { break };
            let notification = &outgoing.notification;
            let span = tracing::info_span!(
                "send notification",
                otel.kind = "client",
                anchorwatch.notification = notification.notification_id,
                anchorwatch.channel = notification.channel,
                anchorwatch.attempt = notification.attempts,
            );
            match self.send(&outgoing).instrument(span).await {
                // Somebody else has it now, and sends it again as repeated.
                Err(error @ StoreError::NotificationLost(_)) => warn!(%error, "a notification was sent too slowly"),
                done => done?,
            }
        }
        Ok(())
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<(), StoreError> {
        let notification = &outgoing.notification;
        let (id, channel) = (notification.short_id.as_str(), notification.channel.as_str());
        let found = self.channels.iter().find(|known| known.name() == channel);
        let message = self.wording.message_with(notification, &acts(&self.service, &notification.told).await?);
        let unsent = match found {
            Some(found) => match found.send(&self.wording.cleaned(message)).await {
                Ok(external_id) => {
                    fail_point::reached("after-send");
                    self.note(outgoing, external_id.as_deref()).await?;
                    info!(id, channel, "a notification was sent");
                    return Ok(());
                }
                Err(error) => Unsent {
                    reason: error.to_string(),
                    may_have_arrived: error.may_have_arrived(),
                    channel_closed_for: error.closed_for(),
                },
            },
            None => Unsent {
                reason: "the channel is not configured any more".to_owned(),
                may_have_arrived: false,
                channel_closed_for: None,
            },
        };
        let next = self.service.store.unsent(outgoing, &unsent, self.clock.now()).await?;
        let reason = unsent.reason;
        if let Some(next) = next {
            warn!(id, channel, reason, %next, "a notification was not sent; it is tried again");
        } else {
            warn!(id, channel, reason, "a notification was given up");
        }
        Ok(())
    }
}

impl Sending {
    /// Notes that a message was sent, as soon as the store takes it.
    async fn note(&self, outgoing: &Outgoing, external_id: Option<&str>) -> Result<(), StoreError> {
        let sent_at = self.clock.now();
        let mut faults = self.service.failing.faults("cannot note that a notification was sent; trying again");
        for _ in 1..NOTES {
            match self.service.store.sent(outgoing, external_id, sent_at).await {
                Err(error @ StoreError::Query { .. }) => faults.note(&error),
                done => {
                    faults.none();
                    return done;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.service.store.sent(outgoing, external_id, sent_at).await
    }
}
