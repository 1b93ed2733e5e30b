//! Telling people: what is due becomes messages, messages are sent, and a button that is pressed acknowledges, ignores, rolls back or adopts.
//!
//! `serve` starts [`send::run`] on each replica, since a message is claimed, and [`poll::run`] too, since the poll is a duty
//! that one of them holds.

mod act;
pub(crate) mod channels;
pub(crate) mod poll;
mod press;
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
    use anchorwatch_edge::notify::telegram::{Allowed, Press};
    use anchorwatch_edge::notify::{Telegram, TelegramChat};
    use anchorwatch_edge::outbound::Outbound;
    use anchorwatch_edge::store::{Filter, NewJob, ScanRecord, Store};
    use anchorwatch_testbed::{Received, Receiver, Reply};
    use jiff::{SignedDuration, Timestamp};
    use secrecy::SecretString;
    use serde_json::{Value as Json, json};
    use tokio_util::task::TaskTracker;

    use super::channels::Bot;
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

    /// One that differs in a cluster, and so much.
    fn item(cluster: &str, level: DriftLevel) -> DriftItem {
        let identity = Identifying {
            cluster,
            source: cluster,
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
            drift_level: level,
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
            world.scan("prod", vec![item("prod", DriftLevel::High)], -60).await;
            world
        }

        /// Records what differs in a cluster, whose source is called the same, so many seconds from now.
        async fn scan(&self, cluster: &str, items: Vec<DriftItem>, seconds: i64) {
            let at = clock::now() + SignedDuration::from_secs(seconds);
            let job = NewJob {
                source: cluster.to_owned(),
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
                cluster: cluster.to_owned(),
                source: cluster.to_owned(),
                revision: None,
                objects: 1,
                not_compared: Vec::new(),
                items,
                ignored: Vec::new(),
                triggered_by: Trigger::Api,
            });
            let record = ScanRecord {
                scan_id: &clock::new_id(),
                source: cluster,
                cluster,
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
                service: self.service.clone(),
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
                bot: Bot {
                    telegram: self.bot.clone(),
                    allowed: Allowed { people: vec![1, 3], chats: vec![CHAT] },
                    approvers: vec![3],
                },
                wording: word::tests::wording(Language::English),
                working: TaskTracker::new(),
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

    /// A world whose drift was told, and whose buttons are pressed one after the other.
    struct Pressed {
        world: World,
        polling: Arc<Polling>,
    }

    impl Pressed {
        async fn new() -> Self {
            let world = World::new().await;
            let stop = CancellationToken::new();
            let sending = tokio::spawn(send::run(world.sending(Clock::default()), stop.clone()));
            world.receiver.wait_for("/sendMessage", 1);
            stop.cancel();
            ends(sending).await;
            Self { polling: Arc::new(world.polling()), world }
        }

        /// What the message has for data behind a label, as it is now.
        fn button(&self, label: &str) -> String {
            let buttons: Vec<Json> = rows(&self.shown()).into_iter().flatten().collect();
            let found = buttons.iter().find(|button| button["text"] == label);
            found.expect("a button with this label")["callback_data"].as_str().unwrap().to_owned()
        }

        /// The message as it is now.
        fn shown(&self) -> Json {
            let edited = self.world.receiver.received("/editMessageText");
            edited.last().map_or_else(|| self.world.receiver.received("/sendMessage")[0].json(), Received::json)
        }

        /// Presses; gives what is said to whoever does.
        async fn press(&self, person: i64, data: &str) -> String {
            let press = Press {
                query_id: "q".to_owned(),
                data: data.to_owned(),
                person_id: person,
                person_name: format!("p{person}"),
                chat_id: CHAT,
                message_id: 7,
            };
            self.polling.pressed(&press).await.unwrap();
            self.polling.working.close();
            self.polling.working.wait().await;
            self.polling.working.reopen();
            let said = self.world.receiver.received("/answerCallbackQuery");
            said.last().unwrap().json()["text"].as_str().unwrap().to_owned()
        }
    }

    fn rows(message: &Json) -> Vec<Vec<Json>> {
        let rows = message["reply_markup"]["inline_keyboard"].as_array().unwrap();
        rows.iter().map(|row| row.as_array().unwrap().clone()).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_drift_is_ignored_by_whoever_may_once_and_as_it_was_shown() {
        let pressed = Pressed::new().await;
        let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let until = today.saturating_add(jiff::Span::new().days(30));
        let ignored = format!("Ignored by p3 until {until}.");
        let (acknowledge, ignore) = (pressed.button("Acknowledge"), pressed.button("Ignore…"));
        let id = acknowledge.split_once(':').unwrap().1.to_owned();
        assert_eq!(pressed.press(3, &ignore).await, "Look at what this would hide, and say for how long.");
        let text = pressed.shown()["text"].as_str().unwrap().to_owned();
        assert!(text.contains("\nIgnoring this hides 1 difference: HIGH×1.\nFor how long?"), "{text}");
        let labels: Vec<Vec<Json>> = rows(&pressed.shown())
            .iter()
            .map(|row| row.iter().map(|button| button["text"].clone()).collect())
            .collect();
        assert_eq!(json!(labels), json!([["1 day", "7 days", "30 days"], ["Cancel", "Open"]]));
        let (month, leave) = (pressed.button("30 days"), pressed.button("Cancel"));
        let high = "Some of this is HIGH, which only an approver may ignore.";
        let changed = "It is not as you were shown any more. Look again.";
        let unknown = "This notification is not known any more.";
        for (person, data, said, status) in [
            // Somebody who is not listed, and an operator, who may not ignore HIGH; neither by a button that others were shown.
            (2, &ignore, "You may not do this here. Ask whoever runs Anchorwatch to allow it.", "pending"),
            (2, &month, "You may not do this here. Ask whoever runs Anchorwatch to allow it.", "pending"),
            (1, &ignore, high, "pending"),
            (1, &month, high, "pending"),
            // What no button said.
            (3, &format!("ign30:{id}:0123456789abcdef"), changed, "pending"),
            (3, &format!("ign365:{id}:0123456789abcdef"), unknown, "pending"),
            (3, &"ign:\0".to_owned(), unknown, "pending"),
            (3, &leave, "Nothing was changed.", "pending"),
            (3, &month, &ignored, "ignored"),
            // Twice, late, and otherwise.
            (3, &month, "Ignored by p3.", "ignored"),
            (1, &ignore, "Ignored by p3.", "ignored"),
            (1, &acknowledge, "Somebody has dealt with it already.", "ignored"),
        ] {
            assert_eq!(pressed.press(person, data).await, said, "{person} {data}");
            assert_eq!(pressed.world.item().await["status"], status, "{person} {data}");
        }
        assert!(rows(&pressed.shown()).iter().flatten().all(|button| button["callback_data"].is_null()));
        let rules = pressed.world.store().rules().await.unwrap();
        let [rule] = &rules[..] else { unreachable!("{rules:?}") };
        let short_id = &pressed.world.store().notification(&id).await.unwrap().unwrap().short_id;
        assert_eq!((rule.owner.as_str(), rule.created_by.as_str(), rule.expires), ("p3", "telegram:3/p3", Some(until)));
        assert_eq!(rule.reason, format!("ignored from Telegram, at notification #{short_id}"));
        assert_eq!(rule.matches.path.as_deref(), Some("spec.paused"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_cancels_has_the_message_as_it_was() {
        let pressed = Pressed::new().await;
        let sent = pressed.shown();
        pressed.press(3, &pressed.button("Ignore…")).await;
        assert_ne!(pressed.shown()["text"], sent["text"]);
        pressed.press(1, &pressed.button("Cancel")).await;
        assert_eq!((&pressed.shown()["text"], rows(&pressed.shown())), (&sent["text"], rows(&sent)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_came_in_between_is_shown_before_it_is_hidden() {
        let pressed = Pressed::new().await;
        pressed.press(3, &pressed.button("Ignore…")).await;
        let shown_before = pressed.button("1 day");
        // Nobody is told of this one, and the same rule hides it.
        pressed.world.scan("staging", vec![item("staging", DriftLevel::Info)], 0).await;
        assert_eq!(pressed.press(3, &shown_before).await, "It is not as you were shown any more. Look again.");
        let text = pressed.shown()["text"].as_str().unwrap().to_owned();
        for line in [
            "Ignoring this hides 2 differences: HIGH×1, info×1.",
            "1 of them is not told here:",
            "info Deployment/web in shop · 1 difference · staging",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} {text}");
        }
        assert!(!text.contains("spec.paused"), "{text}");
        let before = pressed.button("7 days");
        // Another value of the same item.
        let changed = DriftItem { value_hash: "2".to_owned(), ..item("prod", DriftLevel::High) };
        pressed.world.scan("prod", vec![changed], 1).await;
        assert_eq!(pressed.press(3, &before).await, "It is not as you were shown any more. Look again.");
        let said = pressed.press(3, &pressed.button("7 days")).await;
        assert!(said.starts_with("Ignored by p3 until "), "{said}");
        let text = pressed.shown()["text"].as_str().unwrap().to_owned();
        assert!(text.contains("\n2 differences are hidden: HIGH×1, info×1.\n"), "{text}");
        let states = pressed.world.store().items(&Filter::default(), 9, None).await.unwrap().items;
        assert!(states.len() == 2 && states.iter().all(|item| item["status"] == "ignored"), "{states:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_shown_long_ago_is_not_confirmed() {
        let pressed = Pressed::new().await;
        let until = clock::now() - SignedDuration::from_secs(1);
        pressed.world.store().offer("old", "telegram:3", "", until).await.unwrap();
        for (person, data, said) in [
            (1, "do:old", "Only an approver may do this."),
            (3, "do:old", "This was to be confirmed within 15 minutes. Look again."),
            (3, "do:other", "This was confirmed already, or is not known any more."),
        ] {
            assert_eq!(pressed.press(person, data).await, said);
        }
        assert!(pressed.world.receiver.received("/editMessageText").is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_gone_is_not_ignored() {
        let pressed = Pressed::new().await;
        pressed.press(3, &pressed.button("Ignore…")).await;
        let day = pressed.button("1 day");
        pressed.world.scan("prod", Vec::new(), 1).await;
        assert_eq!(pressed.press(3, &day).await, "Somebody has dealt with it already.");
        assert_eq!(pressed.world.item().await["status"], "resolved");
        assert!(pressed.world.store().rules().await.unwrap().is_empty());
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
