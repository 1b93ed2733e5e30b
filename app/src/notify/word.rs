//! Wording a notification: the same text for every channel, in one language.

pub(crate) mod plan;

use std::collections::BTreeSet;
use std::sync::Arc;

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_core::drift::lifecycle::Turn;
use anchorwatch_core::notification::{Told, ToldDrifts, ToldItem, ToldObject, ToldRejection, ToldSource};
use anchorwatch_core::route::redaction::Redactor;
use anchorwatch_edge::notify::{Button, Link, Message};
use anchorwatch_edge::store::{Hidden, Notification};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::plain;
use crate::drift::Act;
use crate::shown::cut;
use crate::words::{Arg, Words};

/// What a button has for data, before the notification's id: no more than 64 bytes in all.
const ACKNOWLEDGE: &str = "ack";
const IGNORE: &str = "ign";
const LEAVE: &str = "leave";
const ROLL_BACK: &str = "roll";
const ADOPT: &str = "adopt";
/// Before the id of an offer.
const CONFIRM: &str = "do";
/// For how many days one may ignore by a button.
const DAYS: [u16; 3] = [1, 7, 30];
/// Names are cut there, so that a message has room for all of its lines.
const NAME_LIMIT: usize = 80;

/// Words notifications.
#[derive(Debug, Clone)]
pub(crate) struct Wording {
    /// The language.
    pub(crate) words: Words,
    /// Where people find the page.
    pub(crate) public_url: Option<String>,
    /// The zone of times.
    pub(crate) time_zone: TimeZone,
    /// What takes out of a message what must not leave.
    pub(crate) redactor: Arc<Redactor>,
}

impl Wording {
    /// Words a notification.
    pub(crate) fn message(&self, notification: &Notification) -> Message {
        let Notification { notification_id, short_id, told, repeated, .. } = notification;
        let (title, lines) = match told {
            Told::Drift(drifts) => self.drifts("notify-drift", drifts),
            Told::Digest(drifts) => self.drifts("notify-digest", drifts),
            Told::ScanFailed { sources } => self.sources("notify-scan-failed", "notify-scan-failed-line", sources),
            Told::ScanRecovered { sources } => {
                self.sources("notify-scan-recovered", "notify-scan-recovered-line", sources)
            }
            Told::Rejected { requests } => self.rejections(requests),
        };
        let footer = if *repeated { "notify-repeated" } else { "notify-footer" };
        let button = |id: &str, verb: &str, items: usize| {
            let label = self.words.say_with(id, &[("count", Arg::Count(items))]);
            (items > 0).then(|| Button { label, data: format!("{verb}:{notification_id}") })
        };
        let buttons: Vec<Button> = [
            button("notify-acknowledge", ACKNOWLEDGE, told.acknowledgeable().len()),
            button("notify-ignore", IGNORE, told.ignorable().len()),
        ]
        .into_iter()
        .flatten()
        .collect();
        Message {
            notification_id: notification_id.clone(),
            title,
            lines,
            footer: self.words.say_with(footer, &[("id", Arg::Text(short_id))]),
            link: self.link(told),
            buttons: if buttons.is_empty() { Vec::new() } else { vec![buttons] },
            payload: payload(notification),
        }
    }

    /// A message as it may leave.
    pub(crate) fn cleaned(&self, message: Message) -> Message {
        message.cleaned(&self.redactor)
    }

    /// A notification that somebody has dealt with: it says so, and nobody can do so again.
    pub(crate) fn settled(&self, notification: &Notification, how: &str) -> Message {
        let mut message = self.message(notification);
        message.lines.insert(0, how.to_owned());
        Message { buttons: Vec::new(), ..message }
    }

    /// A notification with what ignoring it would hide, and buttons that do so. `seal`: of what is shown.
    pub(crate) fn preview(&self, notification: &Notification, hides: &[Hidden], seal: &str) -> Message {
        let mut message = self.message(notification);
        message.lines.extend([String::new(), self.hiding("notify-ignore-hides", hides)]);
        message.lines.extend(self.beyond(notification, hides));
        message.lines.push(self.words.say("notify-ignore-ask"));
        let id = &notification.notification_id;
        let days = DAYS.map(|days| Button {
            label: self.words.say_with("notify-ignore-days", &[("count", Arg::Count(days.into()))]),
            data: format!("{IGNORE}{days}:{id}:{seal}"),
        });
        let leave = Button { label: self.words.say("notify-cancel"), data: format!("{LEAVE}:{id}") };
        Message { buttons: vec![days.into(), vec![leave]], ..message }
    }

    /// A notification that somebody has ignored, with what that hides.
    pub(crate) fn ignored(&self, notification: &Notification, how: &str, hides: &[Hidden]) -> Message {
        let mut message = self.settled(notification, how);
        message.lines.insert(1, self.hiding("notify-ignore-hidden", hides));
        message.lines.extend(self.beyond(notification, hides));
        message
    }

    /// How much is hidden, by level.
    fn hiding(&self, id: &str, hides: &[Hidden]) -> String {
        let count = |level| (level, hides.iter().filter(|hidden| hidden.drift_level == level).count());
        let counts = self.counts(&[DriftLevel::High, DriftLevel::Medium, DriftLevel::Info].map(count));
        self.words.say_with(id, &[("count", Arg::Count(hides.len())), ("counts", Arg::Text(&counts))])
    }

    /// The objects of what is hidden beside what the notification tells.
    fn beyond(&self, notification: &Notification, hides: &[Hidden]) -> Vec<String> {
        let told = notification.told.ignorable();
        let others = hides.iter().filter(|hidden| !told.contains(&hidden.fingerprint.as_str()));
        let others: Vec<ToldItem> = others.cloned().map(told_item).collect();
        if others.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![self.words.say_with("notify-ignore-beyond", &[("count", Arg::Count(others.len()))])];
        lines.extend(self.objects(&ToldDrifts::of(others), true));
        lines
    }

    fn counts(&self, counts: &[(DriftLevel, usize)]) -> String {
        let some = counts.iter().filter(|(_, count)| *count > 0);
        some.map(|(level, count)| format!("{}×{count}", self.words.level(*level))).collect::<Vec<_>>().join(", ")
    }

    /// Objects, a line each.
    fn objects(&self, drifts: &ToldDrifts, with_cluster: bool) -> Vec<String> {
        let mut lines: Vec<String> = drifts.objects.iter().map(|object| self.object(object, with_cluster)).collect();
        if drifts.more_objects > 0 {
            lines.push(self.words.say_with("notify-more", &[("count", Arg::Count(drifts.more_objects))]));
        }
        lines
    }

    fn drifts(&self, title: &str, drifts: &ToldDrifts) -> (String, Vec<String>) {
        let ToldDrifts { high, medium, objects, more_objects: _ } = drifts;
        let clusters: BTreeSet<&str> = objects.iter().map(|object| object.cluster.as_str()).collect();
        let one = clusters.iter().next().filter(|_| clusters.len() == 1).map(|cluster| name(cluster));
        let place = one
            .clone()
            .unwrap_or_else(|| self.words.say_with("notify-clusters", &[("count", Arg::Count(clusters.len()))]));
        let counts = self.counts(&[(DriftLevel::High, *high), (DriftLevel::Medium, *medium)]);
        let args = [("where", Arg::Text(&place)), ("counts", Arg::Text(&counts))];
        (self.words.say_with(title, &args), self.objects(drifts, one.is_none()))
    }

    fn object(&self, object: &ToldObject, with_cluster: bool) -> String {
        let ToldObject { cluster, namespace, resource_kind, resource_name, level, turn, fingerprints, .. } = object;
        let mut place = format!("{}/{}", name(resource_kind), name(resource_name));
        if !namespace.is_empty() {
            let args = [("object", Arg::Text(&place)), ("namespace", Arg::Text(&name(namespace)))];
            place = self.words.say_with("notify-place", &args);
        }
        let level = self.words.level(*level);
        let args =
            [("level", Arg::Text(&level)), ("object", Arg::Text(&place)), ("count", Arg::Count(fingerprints.len()))];
        let mut line = self.words.say_with("notify-object", &args);
        let turn = turn.and_then(|turn| match turn {
            Turn::New => Some("notify-turn-new"),
            Turn::Changed => Some("notify-turn-changed"),
            Turn::Back => Some("notify-turn-back"),
            Turn::Same => None,
        });
        if let Some(turn) = turn {
            let args = [("object", Arg::Text(&line)), ("turn", Arg::Text(&self.words.say(turn)))];
            line = self.words.say_with("notify-object-turn", &args);
        }
        if with_cluster {
            let args = [("line", Arg::Text(&line)), ("cluster", Arg::Text(&name(cluster)))];
            line = self.words.say_with("notify-where", &args);
        }
        line
    }

    fn sources(&self, title: &str, line: &str, sources: &[ToldSource]) -> (String, Vec<String>) {
        let said = sources.iter().map(|told| {
            let ToldSource { source, cluster, since, failures } = told;
            let since = self.local(*since);
            let args = [
                ("source", Arg::Text(&name(source))),
                ("cluster", Arg::Text(&name(cluster))),
                ("failures", Arg::Count(*failures as usize)),
                ("since", Arg::Text(&since)),
            ];
            self.words.say_with(line, &args)
        });
        (self.words.say_with(title, &[("count", Arg::Count(sources.len()))]), said.collect())
    }

    fn rejections(&self, requests: &[ToldRejection]) -> (String, Vec<String>) {
        let lines = requests.iter().map(|told| {
            let ToldRejection { intent, since, times, reasons } = told;
            let since = self.local(*since);
            let args = [
                ("intent", Arg::Text(intent)),
                ("times", Arg::Count(*times as usize)),
                ("since", Arg::Text(&since)),
                ("reasons", Arg::Text(reasons)),
            ];
            self.words.say_with("notify-rejected-line", &args)
        });
        (self.words.say("notify-rejected"), lines.collect())
    }

    fn local(&self, time: Timestamp) -> String {
        time.to_zoned(self.time_zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
    }

    /// To the report where it is one, else to the page's list.
    fn link(&self, told: &Told) -> Option<Link> {
        let base = self.public_url.as_deref()?.trim_end_matches('/');
        let report = match told {
            Told::Drift(drifts) | Told::Digest(drifts) => match &drifts.objects[..] {
                [first, others @ ..] if drifts.more_objects == 0 => {
                    others.iter().all(|other| other.report_id == first.report_id).then_some(&first.report_id)
                }
                _ => None,
            },
            Told::ScanFailed { .. } | Told::ScanRecovered { .. } | Told::Rejected { .. } => None,
        };
        let url = report.map_or_else(|| format!("{base}/"), |report| format!("{base}/reports/{report}"));
        Some(Link { label: self.words.say("notify-open"), url })
    }
}

/// What somebody wants who presses a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish<'a> {
    /// To acknowledge.
    Acknowledge,
    /// To see what ignoring would hide.
    Preview,
    /// To ignore what was shown.
    Ignore {
        /// For so many days.
        days: u16,
        /// The seal of what was shown.
        seal: &'a str,
    },
    /// To leave it as it is.
    Leave,
    /// To see what doing this would write.
    Plan(Act),
}

/// The offer's id, if somebody wants to take one.
pub(crate) fn offer_id(data: &str) -> Option<&str> {
    data.strip_prefix(CONFIRM)?.strip_prefix(':')
}

/// The notification's id, and what is wanted of it, from what a button has for data. Who presses may send anything.
pub(crate) fn wish(data: &str) -> Option<(&str, Wish<'_>)> {
    let (verb, id) = data.split_once(':')?;
    match verb {
        ACKNOWLEDGE => Some((id, Wish::Acknowledge)),
        IGNORE => Some((id, Wish::Preview)),
        LEAVE => Some((id, Wish::Leave)),
        ROLL_BACK => Some((id, Wish::Plan(Act::RollBack))),
        ADOPT => Some((id, Wish::Plan(Act::Adopt))),
        verb => {
            let days = verb.strip_prefix(IGNORE)?.parse().ok().filter(|days| DAYS.contains(days))?;
            let (id, seal) = id.split_once(':')?;
            Some((id, Wish::Ignore { days, seal }))
        }
    }
}

/// As it is told of, without what is not told here.
fn told_item(hidden: Hidden) -> ToldItem {
    let Hidden { fingerprint, source, cluster, namespace, resource_kind, resource_name, drift_level, .. } = hidden;
    ToldItem {
        fingerprint,
        report_id: String::new(),
        source,
        cluster,
        namespace,
        resource_kind,
        resource_name,
        level: drift_level,
        turn: Turn::Same,
    }
}

fn payload(notification: &Notification) -> serde_json::Value {
    let Notification { notification_id, short_id, told, repeated, created_at, channel: _, attempts: _ } = notification;
    let mut payload = serde_json::to_value(told).expect("what is told is JSON");
    payload["notification_id"] = notification_id.as_str().into();
    payload["short_id"] = short_id.as_str().into();
    payload["created_at"] = created_at.to_string().into();
    payload["repeated"] = (*repeated).into();
    payload
}

/// A name from outside, fit for people's eyes and not too long.
fn name(name: &str) -> String {
    cut(&plain(name), NAME_LIMIT).into_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use anchorwatch_core::drift::DriftLevel;
    use anchorwatch_core::notification::ToldItem;
    use jiff::Timestamp;

    use super::*;
    use crate::words::Language;

    pub(crate) fn wording(language: Language) -> Wording {
        Wording {
            words: Words(language),
            public_url: Some("https://watch.example.com/".to_owned()),
            time_zone: TimeZone::UTC,
            redactor: Arc::new(Redactor::new().for_logs()),
        }
    }

    fn notification(told: Told) -> Notification {
        Notification {
            notification_id: "0190b6f4-0000-7000-8000-000000000000".to_owned(),
            short_id: "K3F9QA".to_owned(),
            channel: "telegram".to_owned(),
            told,
            repeated: false,
            created_at: Timestamp::UNIX_EPOCH,
            attempts: 1,
        }
    }

    fn item(cluster: &str, resource: &str, field: usize, level: DriftLevel) -> ToldItem {
        ToldItem {
            fingerprint: format!("{resource}-{field}"),
            report_id: "r1".to_owned(),
            source: "shop".to_owned(),
            cluster: cluster.to_owned(),
            namespace: "shop".to_owned(),
            resource_kind: "Deployment".to_owned(),
            resource_name: resource.to_owned(),
            level,
            turn: Turn::New,
        }
    }

    fn drift() -> Notification {
        let items = vec![
            item("prod", "web", 1, DriftLevel::High),
            item("prod", "web", 2, DriftLevel::Medium),
            item("prod", "api", 1, DriftLevel::High),
        ];
        notification(Told::Drift(ToldDrifts::of(items)))
    }

    #[test]
    fn a_drift_is_worded_in_both_languages() {
        let english = wording(Language::English).message(&drift());
        assert_eq!(english.title, "Drift in prod: HIGH×2, MEDIUM×1");
        assert_eq!(
            english.lines,
            ["HIGH Deployment/api in shop · 1 difference, new", "HIGH Deployment/web in shop · 2 differences, new"]
        );
        assert_eq!(english.footer, "#K3F9QA");
        assert_eq!(english.link.unwrap().url, "https://watch.example.com/reports/r1");
        let labels: Vec<&str> = english.buttons[0].iter().map(|button| button.label.as_str()).collect();
        assert_eq!(labels, ["Acknowledge all 3", "Ignore all 3…"]);

        let chinese = wording(Language::TraditionalChinese).message(&drift());
        assert_eq!(chinese.title, "prod 發生漂移：高×2, 中×1");
        assert_eq!(chinese.lines[1], "高 shop 的 Deployment/web · 2 處不同，新出現");
    }

    fn hidden(fingerprint: &str, resource: &str, level: DriftLevel) -> Hidden {
        Hidden {
            fingerprint: fingerprint.to_owned(),
            source: "shop".to_owned(),
            cluster: "staging".to_owned(),
            namespace: "shop".to_owned(),
            resource_kind: "Deployment".to_owned(),
            resource_name: resource.to_owned(),
            stable_path: "spec.set[=\"a value\"]".to_owned(),
            drift_level: level,
            value_hash: "1".to_owned(),
        }
    }

    #[test]
    fn a_preview_counts_what_is_hidden_and_names_what_was_not_told() {
        let hides = [
            hidden("web-1", "web", DriftLevel::High),
            hidden("other", "web", DriftLevel::High),
            hidden("old", "db", DriftLevel::Info),
        ];
        let said = |language| {
            let message = wording(language).preview(&drift(), &hides, "0123456789abcdef");
            message.lines[drift_lines()..].join("\n")
        };
        assert_eq!(
            said(Language::English),
            "\nIgnoring this hides 3 differences: HIGH×2, info×1.\n\
             2 of them are not told here:\n\
             HIGH Deployment/web in shop · 1 difference · staging\n\
             info Deployment/db in shop · 1 difference · staging\n\
             For how long? A value that changes is told again."
        );
        assert!(said(Language::TraditionalChinese).starts_with("\n忽略後會隱藏 3 處不同：高×2, 資訊×1。"));
        let ignored = wording(Language::English).ignored(&drift(), "Ignored by p1 until 2026-12-03.", &hides);
        assert_eq!(
            ignored.lines[..2],
            ["Ignored by p1 until 2026-12-03.", "3 differences are hidden: HIGH×2, info×1."]
        );
        assert_eq!(ignored.lines.last().unwrap(), "info Deployment/db in shop · 1 difference · staging");
        assert!(ignored.buttons.is_empty());
    }

    fn drift_lines() -> usize {
        wording(Language::English).message(&drift()).lines.len()
    }

    #[test]
    fn what_a_button_says_comes_back_and_is_short_enough() {
        let (wording, id) = (wording(Language::English), drift().notification_id);
        let message = wording.message_with(&drift(), &[Act::RollBack, Act::Adopt]);
        let preview = wording.preview(&drift(), &[], "0123456789abcdef");
        let data: Vec<String> = [message, preview]
            .into_iter()
            .flat_map(|message| message.buttons.concat())
            .map(|button| button.data)
            .collect();
        let seal = "0123456789abcdef";
        let ignore = |days| Wish::Ignore { days, seal };
        let wishes = [
            Wish::Acknowledge,
            Wish::Preview,
            Wish::Plan(Act::RollBack),
            Wish::Plan(Act::Adopt),
            ignore(1),
            ignore(7),
            ignore(30),
            Wish::Leave,
        ];
        assert_eq!(data.len(), wishes.len());
        for (data, expected) in data.iter().zip(wishes) {
            assert!(data.len() <= 64, "{data}");
            assert_eq!((wish(data), offer_id(data)), (Some((id.as_str(), expected)), None));
        }
        for forged in ["", "ack", "sack:1", "ign:", "ign365:1:2", "ign-1:1:2", "ign7:1", "ignore:1:2", "do:1", "do"] {
            assert!(wish(forged).is_none_or(|(id, _)| id.is_empty()), "{forged}");
        }
    }

    #[test]
    fn a_plan_is_shown_by_levels_and_paths_and_confirmed_by_its_offer() {
        let item = |path: &str, level: &str| {
            serde_json::json!({
                "resource_kind": "Deployment", "resource_name": "web", "namespace": "shop", "field_path": path,
                "stable_path": "spec.set[=\"a value\"]", "drift_level": level, "git_value": "a value",
                "fingerprint": path,
            })
        };
        let offered = plan::Offered {
            act: Act::RollBack,
            plan_hash: "0123456789abcdef0123",
            items: &[item("spec.set[0]", "high"), item("", "medium")],
            branch: "",
            offer_id: "0190b6f4-0000-7000-8000-000000000001",
            person: "p1",
            until: Timestamp::UNIX_EPOCH,
        };
        let message = wording(Language::English).offered(&drift(), offered, "Look.");
        assert_eq!(
            message.lines[drift_lines()..].join("\n"),
            "\nRolling back writes 2 fields to the cluster, as Git says: HIGH×1, MEDIUM×1.\n\
             HIGH Deployment/web in shop · 2 differences\n\
             HIGH spec.set[0]\n\
             MEDIUM the whole object\n\
             Plan 0123456789ab: p1 may confirm it, once, until 1970-01-01 00:00 UTC.\n\
             Look."
        );
        let [confirm, leave] = &message.buttons[0][..] else { unreachable!("{:?}", message.buttons) };
        assert!(confirm.data.len() <= 64);
        assert_eq!(offer_id(&confirm.data), Some(offered.offer_id));
        assert_eq!(wish(&leave.data), Some((drift().notification_id.as_str(), Wish::Leave)));
    }

    #[test]
    fn what_may_have_arrived_before_says_so() {
        for (language, word) in [(Language::English, "repeated"), (Language::TraditionalChinese, "重複通知")] {
            let again = Notification { repeated: true, ..drift() };
            let footer = wording(language).message(&again).footer;
            assert!(footer.contains(word) && footer.contains("#K3F9QA"), "{footer}");
        }
    }

    #[test]
    fn a_storm_has_no_button_and_room_in_one_message() {
        let long = "n".repeat(253);
        let items = (0..100).map(|n| ToldItem {
            namespace: long.clone(),
            ..item(&long, &format!("{n:03}{long}"), 1, DriftLevel::High)
        });
        let storm = notification(Told::Drift(ToldDrifts::of(items.collect())));
        let message = wording(Language::English).message(&storm);
        assert!(message.buttons.is_empty());
        assert_eq!(message.link.unwrap().url, "https://watch.example.com/");
        assert_eq!(message.lines.last().unwrap(), "… and 85 more objects");
        let length: usize = message.lines.iter().map(|line| line.chars().count() + 1).sum();
        assert!(length < 3900, "{length}");
    }

    #[test]
    fn what_names_hide_is_seen() {
        let hostile = notification(Told::Drift(ToldDrifts::of(vec![
            item("prod", "we\u{202e}b", 1, DriftLevel::High),
            item("dev", "web", 1, DriftLevel::High),
        ])));
        let message = wording(Language::English).message(&hostile);
        assert_eq!(message.title, "Drift in 2 clusters: HIGH×2");
        assert_eq!(
            message.lines,
            [
                "HIGH Deployment/web in shop · 1 difference, new · dev",
                "HIGH Deployment/we\\u{202e}b in shop · 1 difference, new · prod"
            ]
        );
    }

    #[test]
    fn scans_that_fail_and_recover_are_worded() {
        let sources = vec![ToldSource {
            source: "shop".to_owned(),
            cluster: "prod".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            failures: 3,
        }];
        let failed = wording(Language::English).message(&notification(Told::ScanFailed { sources: sources.clone() }));
        assert_eq!(failed.title, "Scans of 1 source fail");
        let line = "shop · prod: 3 times in a row, since 1970-01-01 00:00 UTC; its drift is not known";
        assert_eq!((failed.lines, failed.buttons), (vec![line.to_owned()], Vec::new()));
        let over = wording(Language::TraditionalChinese).message(&notification(Told::ScanRecovered { sources }));
        assert_eq!(over.title, "1 個來源恢復掃描");
        assert_eq!(over.payload["kind"], "scan_recovered");
    }
}
