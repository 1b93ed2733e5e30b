//! Wording a notification: the same text for every channel, in one language.

use std::collections::BTreeSet;

use anchorwatch_core::drift::lifecycle::Turn;
use anchorwatch_core::notification::{Told, ToldDrifts, ToldObject, ToldSource};
use anchorwatch_edge::notify::{Button, Link, Message};
use anchorwatch_edge::store::Notification;
use jiff::tz::TimeZone;

use crate::cli::plain;
use crate::shown::cut;
use crate::words::{Arg, Words};

/// What a button has for data, before the notification's id: no more than 64 bytes in all.
const ACKNOWLEDGE: &str = "ack:";
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
        };
        let footer = if *repeated { "notify-repeated" } else { "notify-footer" };
        let items = told.acknowledgeable().len();
        Message {
            notification_id: notification_id.clone(),
            title,
            lines,
            footer: self.words.say_with(footer, &[("id", Arg::Text(short_id))]),
            link: self.link(told),
            button: (items > 0).then(|| Button {
                label: self.words.say_with("notify-acknowledge", &[("count", Arg::Count(items))]),
                data: format!("{ACKNOWLEDGE}{notification_id}"),
            }),
            payload: payload(notification),
        }
    }

    /// A notification that somebody has dealt with: it says so, and nobody can do so again.
    pub(crate) fn settled(&self, notification: &Notification, how: &str) -> Message {
        let mut message = self.message(notification);
        message.lines.insert(0, how.to_owned());
        Message { button: None, ..message }
    }

    fn drifts(&self, title: &str, drifts: &ToldDrifts) -> (String, Vec<String>) {
        let ToldDrifts { high, medium, objects, more_objects } = drifts;
        let clusters: BTreeSet<&str> = objects.iter().map(|object| object.cluster.as_str()).collect();
        let one = clusters.iter().next().filter(|_| clusters.len() == 1).map(|cluster| name(cluster));
        let place = one
            .clone()
            .unwrap_or_else(|| self.words.say_with("notify-clusters", &[("count", Arg::Count(clusters.len()))]));
        let counts: Vec<String> = [("level-high", *high), ("level-medium", *medium)]
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(level, count)| format!("{}×{count}", self.words.say(level)))
            .collect();
        let args = [("where", Arg::Text(&place)), ("counts", Arg::Text(&counts.join(", ")))];
        let mut lines: Vec<String> = objects.iter().map(|object| self.object(object, one.is_none())).collect();
        if *more_objects > 0 {
            lines.push(self.words.say_with("notify-more", &[("count", Arg::Count(*more_objects))]));
        }
        (self.words.say_with(title, &args), lines)
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
            let since = since.to_zoned(self.time_zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string();
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
            Told::ScanFailed { .. } | Told::ScanRecovered { .. } => None,
        };
        let url = report.map_or_else(|| format!("{base}/"), |report| format!("{base}/reports/{report}"));
        Some(Link { label: self.words.say("notify-open"), url })
    }
}

/// The notification's id, from what a button has for data.
pub(crate) fn acknowledged_id(data: &str) -> Option<&str> {
    data.strip_prefix(ACKNOWLEDGE)
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
        let button = english.button.unwrap();
        assert_eq!(button.label, "Acknowledge all 3");
        assert!(button.data.len() <= 64);
        assert_eq!(acknowledged_id(&button.data), Some(drift().notification_id.as_str()));

        let chinese = wording(Language::TraditionalChinese).message(&drift());
        assert_eq!(chinese.title, "prod 發生漂移：高×2, 中×1");
        assert_eq!(chinese.lines[1], "高 shop 的 Deployment/web · 2 處不同，新出現");
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
        assert_eq!(message.button, None);
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
        assert_eq!((failed.lines, failed.button), (vec![line.to_owned()], None));
        let over = wording(Language::TraditionalChinese).message(&notification(Told::ScanRecovered { sources }));
        assert_eq!(over.title, "1 個來源恢復掃描");
        assert_eq!(over.payload["kind"], "scan_recovered");
    }
}
