//! Wording what an approver may do about a drift: its buttons, and the plan that is to be confirmed. Paths are those that count
//! positions: they have no members of sets, which would be values.

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_core::drift::lifecycle::Turn;
use anchorwatch_core::notification::{ToldDrifts, ToldItem};
use anchorwatch_edge::notify::{Button, Message};
use anchorwatch_edge::store::Notification;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::{ADOPT, CONFIRM, LEAVE, ROLL_BACK, Wording, name};
use crate::drift::Act;
use crate::words::Arg;

/// Characters of a plan's hash that people compare.
const SHORT_HASH: usize = 12;
/// So many fields are named.
const NAMED: usize = 20;

/// A plan that somebody is shown, who may confirm it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offered<'a> {
    /// What is to be done.
    pub(crate) act: Act,
    /// The plan's hash.
    pub(crate) plan_hash: &'a str,
    /// The items that it is about, as in a report.
    pub(crate) items: &'a [Json],
    /// The branch that is pushed to, where Git is written.
    pub(crate) branch: &'a str,
    /// By which it is taken.
    pub(crate) offer_id: &'a str,
    /// Who may.
    pub(crate) person: &'a str,
    /// Until when.
    pub(crate) until: Timestamp,
}

impl Wording {
    /// Words a notification, with buttons for what may be done about it.
    pub(crate) fn message_with(&self, notification: &Notification, acts: &[Act]) -> Message {
        let mut message = self.message(notification);
        let button = |act: &Act| {
            let (id, verb) = match act {
                Act::RollBack => ("notify-roll-back", ROLL_BACK),
                Act::Adopt => ("notify-adopt", ADOPT),
            };
            Button { label: self.words.say(id), data: format!("{verb}:{}", notification.notification_id) }
        };
        if !acts.is_empty() {
            message.buttons.push(acts.iter().map(button).collect());
        }
        message
    }

    /// A notification with a plan, and a button that confirms it. `said`: to whoever asked for it.
    pub(crate) fn offered(&self, notification: &Notification, offered: Offered<'_>, said: &str) -> Message {
        let Offered { act, plan_hash, items, branch, offer_id, person, until } = offered;
        let mut message = self.message(notification);
        let count = |level| (level, items.iter().filter(|item| level_of(item) == level).count());
        let counts = self.counts(&[DriftLevel::High, DriftLevel::Medium, DriftLevel::Info].map(count));
        let id = match act {
            Act::RollBack => "notify-plan-roll-back",
            Act::Adopt => "notify-plan-adopt",
        };
        let args =
            [("count", Arg::Count(items.len())), ("counts", Arg::Text(&counts)), ("branch", Arg::Text(&name(branch)))];
        message.lines.extend([String::new(), self.words.say_with(id, &args)]);
        message.lines.extend(self.objects(&ToldDrifts::of(items.iter().map(told_item).collect()), false));
        message.lines.extend(items.iter().take(NAMED).map(|item| self.field(item)));
        let hash = plan_hash.get(..SHORT_HASH).unwrap_or(plan_hash);
        let until = self.local(until);
        let args = [("hash", Arg::Text(hash)), ("person", Arg::Text(person)), ("until", Arg::Text(&until))];
        message.lines.extend([self.words.say_with("notify-plan-offer", &args), said.to_owned()]);
        let confirm = Button { label: self.words.say("notify-confirm"), data: format!("{CONFIRM}:{offer_id}") };
        let leave = Button {
            label: self.words.say("notify-cancel"),
            data: format!("{LEAVE}:{}", notification.notification_id),
        };
        Message { buttons: vec![vec![confirm, leave]], ..message }
    }

    /// A field, by its level and its path.
    fn field(&self, item: &Json) -> String {
        let path = match text(item, "field_path") {
            "" => self.words.say("notify-plan-whole"),
            path => name(path),
        };
        let level = self.words.level(level_of(item));
        self.words.say_with("notify-plan-field", &[("level", Arg::Text(&level)), ("path", Arg::Text(&path))])
    }
}

fn text<'v>(item: &'v Json, name: &str) -> &'v str {
    item[name].as_str().unwrap_or_default()
}

/// What cannot be read is told as what matters most.
fn level_of(item: &Json) -> DriftLevel {
    serde_json::from_value(item["drift_level"].clone()).unwrap_or(DriftLevel::High)
}

fn told_item(item: &Json) -> ToldItem {
    let said = |name| text(item, name).to_owned();
    ToldItem {
        fingerprint: said("fingerprint"),
        report_id: String::new(),
        // The title names them.
        source: String::new(),
        cluster: String::new(),
        namespace: said("namespace"),
        resource_kind: said("resource_kind"),
        resource_name: said("resource_name"),
        level: level_of(item),
        turn: Turn::Same,
    }
}
