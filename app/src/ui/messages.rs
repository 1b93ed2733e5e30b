//! What is said on the page of messages that do not reach people.

use jiff::SignedDuration;

use super::frame::Frame;
use crate::api::Problem;
use crate::serve::Service;
use crate::shown;
use crate::words::Arg;

/// How long it is said of messages that they were given up: for a day, after they were tried for one.
const SAID: SignedDuration = SignedDuration::from_hours(48);

/// A line for each channel that takes no messages.
pub(super) async fn stuck(service: &Service, frame: &Frame) -> Result<Vec<String>, Problem> {
    let stuck = service.store.stuck_notifications(service.now() - SAID).await?;
    let said = stuck.into_iter().map(|stuck| {
        let id = if stuck.given_up { "page-messages-lost" } else { "page-messages-wait" };
        let since = shown::when(stuck.since, &frame.now, frame.words);
        let args = [
            ("n", Arg::Count(usize::try_from(stuck.count).unwrap_or(usize::MAX))),
            ("channel", Arg::Text(&stuck.channel)),
            ("when", Arg::Text(&since)),
            ("reason", Arg::Text(&stuck.reason)),
        ];
        frame.words.say_with(id, &args)
    });
    Ok(said.collect())
}
