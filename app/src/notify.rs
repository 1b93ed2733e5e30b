//! Telling people: what is due becomes messages, messages are sent, and a button that is pressed acknowledges.
//!
//! `serve` starts [`send::run`] on each replica, since a message is claimed, and [`poll::run`] too, since the poll is a duty
//! that one of them holds.

pub(crate) mod channels;
pub(crate) mod poll;
pub(crate) mod send;
pub(crate) mod word;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Sleeps, but for the end of the program; true if that has come.
pub(crate) async fn rest(wait: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => true,
        () = tokio::time::sleep(wait) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use anchorwatch_core::drift::compare::Change;
    use anchorwatch_core::drift::item::{DriftStatus, Identifying};
    use anchorwatch_core::drift::origin::{Origin, OriginReason};
    use anchorwatch_core::drift::report::{Findings, Trigger};
    use anchorwatch_core::drift::{DriftItem, DriftLevel, DriftReport};
    use anchorwatch_edge::clock::{self, Clock};
    use anchorwatch_edge::notify::telegram::Allowed;
    use anchorwatch_edge::notify::{Telegram, TelegramChat};
    use anchorwatch_edge::outbound::Outbound;
    use anchorwatch_edge::store::{Filter, NewJob, ScanRecord, Store};
    use anchorwatch_testbed::{Receiver, Reply};
    use jiff::{SignedDuration, Timestamp};
    use secrecy::SecretString;
    use serde_json::{Value as Json, json};

    use super::poll::Polling;
    use super::send::Sending;
    use super::*;
    use crate::config;
    use crate::serve::{Plan, Service};
    use crate::words::Language;

    const CHAT: i64 = -100;
    const LEASE: Duration = Duration::from_secs(30);

    /// A service with one drift that is due, a Telegram, and what both loops need.
    struct World {
        receiver: Receiver,
        service: Arc<Service>,
        bot: Telegram,
        _folder: tempfile::TempDir,
    }

    fn item() -> DriftItem {
        let identity = Identifying {
            cluster: "prod",
            source: "shop",
            group: "apps",
            kind: "Deployment",
            namespace: "shop",
            name: "web",
            stable_path: "spec.paused",
            change: Change::Extra,
        };
        DriftItem {
            resource_kind: "Deployment".to_owned(),
            resource_name: "web".to_owned(),
            namespace: "shop".to_owned(),
            api_version: "apps/v1".to_owned(),
            field_path: "spec.paused".to_owned(),
            stable_path: "spec.paused".to_owned(),
            change: Change::Extra,
            git_value: None,
            actual_value: None,
            drift_level: DriftLevel::High,
            is_allowlisted: false,
            origin: Origin::Human,
            origin_reason: OriginReason::PersonsTool,
            attribution: None,
            rule: "any".to_owned(),
            reason: "a test".to_owned(),
            source: None,
            was_in_git: None,
            status: DriftStatus::Pending,
            first_seen: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
            resolved_at: None,
            last_report_id: String::new(),
            fingerprint: identity.fingerprint(),
            value_hash: "1".to_owned(),
        }
    }

    fn ok(result: &Json) -> Reply {
        Reply::json(200, &json!({ "ok": true, "result": result }))
    }

    impl World {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let config = config::parse("", folder.path()).unwrap();
            let plan = Plan { config, again: None, clock: Clock::default(), open: false };
            let service = Service::open(plan).await.unwrap();
            let receiver = Receiver::start(ok(&json!({ "message_id": 7 }))).unwrap();
            let bot = Telegram::new(Outbound::anywhere(), &receiver.url(), SecretString::from("42:hidden"));
            let world = Self { receiver, service, bot, _folder: folder };
            world.scan().await;
            world
        }

        /// Records a drift that is due for a minute.
        async fn scan(&self) {
            let at = clock::now() - SignedDuration::from_mins(1);
            let job = NewJob {
                source: "shop".to_owned(),
                namespaces: Vec::new(),
                triggered_by: Trigger::Api,
                requested_by: None,
            };
            self.store().enqueue(&clock::new_id(), &job, at).await.unwrap();
            let claim = self.store().claim("replica", LEASE, at).await.unwrap().unwrap();
            let report = DriftReport::new(Findings {
                report_id: clock::new_id(),
                scanned_at: at,
                namespace: "shop".to_owned(),
                cluster: "prod".to_owned(),
                source: "shop".to_owned(),
                revision: None,
                objects: 1,
                not_compared: Vec::new(),
                items: vec![item()],
                ignored: Vec::new(),
                triggered_by: Trigger::Api,
            });
            let record = ScanRecord {
                scan_id: &clock::new_id(),
                source: "shop",
                cluster: "prod",
                triggered_by: Trigger::Api,
                requested_by: None,
                started_at: at,
                finished_at: at,
                result: Ok(vec![report]),
                would_see: &|_| true,
            };
            self.store().record_scan(&claim, record).await.unwrap();
        }

        fn store(&self) -> &Store {
            &self.service.store
        }

        fn sending(&self, clock: Clock) -> Sending {
            Sending {
                store: self.store().clone(),
                channels: vec![Arc::new(TelegramChat::new("telegram", self.bot.clone(), CHAT))],
                wording: word::tests::wording(Language::English),
                digest_interval: Duration::from_mins(15),
                holder: "replica".to_owned(),
                clock,
            }
        }

        fn polling(&self) -> Polling {
            Polling {
                service: self.service.clone(),
                bot: self.bot.clone(),
                allowed: Allowed { people: vec![1], chats: vec![CHAT] },
                wording: word::tests::wording(Language::English),
            }
        }

        /// A press on the button of the message that was sent.
        fn press(&self, update: i64, person: i64) -> Json {
            let sent = self.receiver.wait_for("/sendMessage", 1)[0].json();
            let data = &sent["reply_markup"]["inline_keyboard"][0][0]["callback_data"];
            json!({ "update_id": update, "callback_query": {
                "id": format!("q{update}"), "from": { "id": person, "username": format!("p{person}") }, "data": data,
                "message": { "message_id": 7, "chat": { "id": CHAT } },
            } })
        }

        async fn item(&self) -> Json {
            self.store().items(&Filter::default(), 1, None).await.unwrap().items.remove(0)
        }
    }

    async fn ends(task: tokio::task::JoinHandle<()>) {
        tokio::time::timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_drift_is_told_and_acknowledged_by_its_button() {
        let world = World::new().await;
        let stop = &world.service.stop;
        let sending = tokio::spawn(send::run(world.sending(Clock::default()), stop.clone()));
        // Pressed by somebody who may not, then twice by one who may.
        for presses in [json!([world.press(10, 2)]), json!([world.press(11, 1), world.press(12, 1)])] {
            world.receiver.next("/getUpdates", ok(&presses));
        }
        world.receiver.next("/getUpdates", Reply::Hang);
        let polling = tokio::spawn(poll::run(world.polling(), stop.clone()));
        let offsets: Vec<Json> =
            world.receiver.wait_for("/getUpdates", 3).iter().map(|asked| asked.json()["offset"].clone()).collect();
        assert_eq!(offsets, [0, 11, 13]);
        stop.cancel();
        ends(sending).await;
        ends(polling).await;

        let sent = world.receiver.received("/sendMessage");
        assert_eq!(sent.len(), 1);
        assert!(sent[0].json()["text"].as_str().unwrap().starts_with("<b>Drift in prod: HIGH×1</b>\n"));
        let item = world.item().await;
        assert_eq!((&item["status"], &item["decided_by"]), (&"acknowledged".into(), &"telegram:1/p1".into()));
        let said = world.receiver.received("/answerCallbackQuery");
        let said: Vec<String> = said.iter().map(|a| a.json()["text"].as_str().unwrap().to_owned()).collect();
        assert!(said[0].starts_with("You may not do this here."), "{said:?}");
        assert_eq!(said[1..], ["Acknowledged by p1.", "Acknowledged by p1."]);
        let edited = world.receiver.received("/editMessageText");
        assert_eq!(edited.len(), 2);
        assert!(edited[0].json()["text"].as_str().unwrap().contains("\nAcknowledged by p1.\n"));
        assert!(!edited[0].body.contains("callback_data"));
        // The next holder need not wait, and asks on from there.
        let next = world.store().hold_duty("telegram-poll/42", "other", LEASE, clock::now()).await.unwrap();
        assert_eq!(next.unwrap().state.as_deref(), Some("13"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_got_no_answer_is_sent_again_as_repeated() {
        let world = World::new().await;
        world.receiver.next("/sendMessage", Reply::Cut);
        let mut sent = Vec::new();
        for (count, ahead) in [(1, 0), (2, 60)] {
            let stop = CancellationToken::new();
            let clock = Clock::starting_at(clock::now() + SignedDuration::from_secs(ahead));
            let sending = tokio::spawn(send::run(world.sending(clock), stop.clone()));
            sent = world.receiver.wait_for("/sendMessage", count);
            stop.cancel();
            ends(sending).await;
        }
        let texts: Vec<String> = sent.iter().map(|sent| sent.json()["text"].as_str().unwrap().to_owned()).collect();
        let short_id = texts[0].rsplit_once('#').unwrap().1;
        assert!(texts[1].ends_with(&format!("#{short_id} · repeated: it may have arrived before")), "{texts:?}");
        let listed = store_states(world.store()).await;
        assert_eq!(listed, ["sent"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_channel_that_is_gone_keeps_its_messages_and_says_so() {
        let world = World::new().await;
        let round = |channels| {
            let sending = Sending { channels, ..world.sending(Clock::default()) };
            let stop = CancellationToken::new();
            let task = tokio::spawn(send::run(sending, stop.clone()));
            async move {
                tokio::time::sleep(Duration::from_millis(500)).await;
                stop.cancel();
                ends(task).await;
            }
        };
        let composing = anchorwatch_edge::store::Composing {
            channels: &["gone".to_owned()],
            window: Duration::ZERO,
            digest_interval: Duration::ZERO,
        };
        world.store().compose(composing, clock::now()).await.unwrap();
        round(Vec::new()).await;
        let listed = world.store().notifications(None, 10, None).await.unwrap().items;
        assert_eq!((&listed[0]["state"], &listed[0]["attempts"]), (&"queued".into(), &1.into()));
        assert_eq!(listed[0]["last_error"], "the channel is not configured any more");
    }

    async fn store_states(store: &Store) -> Vec<String> {
        let listed = store.notifications(None, 10, None).await.unwrap().items;
        listed.iter().map(|item| item["state"].as_str().unwrap().to_owned()).collect()
    }
}
