//! What becomes of a button that was pressed: acknowledged, or ignored once it was shown what that hides.
//!
//! What was shown is kept nowhere. The buttons below a preview carry a seal of it, so that whoever confirms confirms just that: what
//! has become otherwise since is shown anew. What is settled already is told, and nothing is done twice. What is to be written to a cluster
//! or to Git is [confirmed](confirm) once, by an id.

mod confirm;

use std::sync::Arc;

use anchorwatch_core::drift::policy;
use anchorwatch_core::object::secret::hex;
use anchorwatch_edge::notify::Message;
use anchorwatch_edge::notify::telegram::Press;
use anchorwatch_edge::store::{Hidden, Notification, Person, Role, StoreError};
use axum::http::StatusCode;
use jiff::ToSpan as _;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use tracing::{info, warn};

use super::act::acts;
use super::poll::{PollError, Polling};
use super::word::{Wish, offer_id, wish};
use crate::api::{Caller, Deciding, IgnoreRequest, Problem, ignore, once_each};
use crate::failure::Failure;
use crate::serve::Event;
use crate::words::{Arg, word};

/// Bytes of a seal, which has to fit into a button.
const SEAL: usize = 8;

/// What is said to whoever pressed, and what becomes of the message.
struct Answer {
    said: String,
    message: Option<Message>,
}

impl Polling {
    /// Deals with a button that was pressed. Only a store that fails is a reason to deal with it again.
    pub(super) async fn pressed(self: &Arc<Self>, press: &Press) -> Result<(), PollError> {
        let (words, person) = (self.wording.words, press.person_id);
        if !self.bot.telegram.allows(&self.bot.allowed, press) {
            warn!(person, chat = press.chat_id, "somebody pressed a button who may not");
            self.answer(press, &words.say("notify-not-allowed")).await;
            return Ok(());
        }
        let (wish, offer_id) = (wish(&press.data), offer_id(&press.data));
        let writes = offer_id.is_some() || matches!(wish, Some((_, Wish::Plan(_))));
        if writes && !self.is_approver(press) {
            warn!(person, "somebody pressed a button of approvers");
            self.answer(press, &words.say("notify-approvers-only")).await;
            return Ok(());
        }
        if let Some(offer_id) = offer_id {
            return self.confirm(press, offer_id).await;
        }
        let known = match wish {
            Some((id, wish)) => self.service.store.notification(id).await?.map(|notification| (notification, wish)),
            None => None,
        };
        let Some((notification, wish)) = known else {
            self.answer(press, &words.say("notify-unknown")).await;
            return Ok(());
        };
        let answer = match wish {
            Wish::Acknowledge => {
                let said = self.acknowledge(&notification, press).await?;
                Answer { message: Some(self.wording.settled(&notification, &said)), said }
            }
            Wish::Preview => self.ignore(&notification, press, None).await?,
            Wish::Ignore { days, seal } => self.ignore(&notification, press, Some((days, seal))).await?,
            Wish::Leave => {
                let acts = acts(&self.service, &notification.told).await?;
                let message = self.wording.message_with(&notification, &acts);
                Answer { said: words.say("notify-left"), message: Some(message) }
            }
            Wish::Plan(act) => {
                self.show_plan(press, notification, act);
                return Ok(());
            }
        };
        self.tell(press, &notification, answer).await;
        Ok(())
    }

    /// Answers whoever pressed, and makes the message say so.
    async fn tell(&self, press: &Press, notification: &Notification, Answer { said, message }: Answer) {
        self.answer(press, &said).await;
        if let Some(message) = message {
            self.edit(press, notification, message).await;
        }
    }

    async fn edit(&self, press: &Press, notification: &Notification, message: Message) {
        let message = self.wording.cleaned(message);
        if let Err(error) = self.bot.telegram.edit(press.chat_id, press.message_id, &message).await {
            let (id, reason) = (&notification.short_id, Failure::because(&error).line());
            warn!(id, reason, "a message keeps its text and its buttons");
        }
    }

    /// Acknowledges all that a notification tells, as far as nobody did; gives what is said of it.
    async fn acknowledge(&self, notification: &Notification, press: &Press) -> Result<String, StoreError> {
        let by = by(press);
        let mut decided = None;
        for fingerprint in notification.told.acknowledgeable() {
            let item = self.service.store.acknowledge(fingerprint, &by, self.service.now()).await?;
            let who = item.filter(|item| item["status"] == "acknowledged").and_then(|item| decided_by(&item));
            // Of several, whoever presses now is named before those who did so earlier.
            decided = if who.as_ref() == Some(&by) { who } else { decided.or(who) };
        }
        info!(id = notification.short_id, by, "a notification was acknowledged");
        self.service.announce(Event::Decided { id: notification.notification_id.clone() });
        let words = self.wording.words;
        Ok(match (decided.as_deref().and_then(here), decided.is_some()) {
            (Some(person), _) => words.say_with("notify-acknowledged-by", &[("person", Arg::Text(&person))]),
            (None, true) => words.say("notify-acknowledged"),
            (None, false) => words.say("notify-settled"),
        })
    }

    /// Shows what ignoring a notification would hide. `confirmed`: for so many days, what has this seal; then it is ignored.
    async fn ignore(
        &self,
        notification: &Notification,
        press: &Press,
        confirmed: Option<(u16, &str)>,
    ) -> Result<Answer, PollError> {
        let (words, caller) = (self.wording.words, self.caller(press));
        let told: Vec<String> = notification.told.ignorable().into_iter().map(str::to_owned).collect();
        let deciding = Deciding { service: &self.service, caller: &caller };
        let items = match deciding.open(&told).await {
            Ok(items) => items,
            Err(problem) => return self.refused(&problem),
        };
        if items.is_empty() {
            let said = self.settled(&told).await?;
            return Ok(Answer { message: Some(self.wording.settled(notification, &said)), said });
        }
        let days = confirmed.map_or(0, |(days, _)| i64::from(days));
        let mut request = IgnoreRequest {
            reason: words.say_with("notify-ignore-reason", &[("id", Arg::Text(&notification.short_id))]),
            owner: Some(press.person_name.clone()),
            expires: policy::ends(self.service.now()).start().saturating_add(days.days()),
            matches: None,
            agreed: Vec::new(),
            dry_run: true,
        };
        let hides = match ignore(deciding, &items, request.clone()).await {
            Ok(rulings) => once_each(rulings.into_iter().map(|ruling| ruling.hides)),
            Err(problem) => return self.refused(&problem),
        };
        let now = seal(&hides);
        if confirmed.is_none_or(|(_, shown)| shown != now) {
            let id = if confirmed.is_some() { "notify-ignore-changed" } else { "notify-ignore-look" };
            let message = self.wording.preview(notification, &hides, &now);
            return Ok(Answer { said: words.say(id), message: Some(message) });
        }
        request.agreed = hides.into_iter().map(|hidden| hidden.fingerprint).collect();
        request.dry_run = false;
        let until = request.expires.to_string();
        match ignore(deciding, &items, request).await {
            Ok(rulings) => {
                let hides = once_each(rulings.into_iter().map(|ruling| ruling.hides));
                let person = here(&caller.0.name).unwrap_or_default();
                let args = [("person", Arg::Text(&person)), ("until", Arg::Text(&until))];
                let said = words.say_with("notify-ignored-until", &args);
                info!(id = notification.short_id, by = caller.0.name, "a notification was ignored");
                Ok(Answer { message: Some(self.wording.ignored(notification, &said, &hides)), said })
            }
            Err(problem) => self.refused(&problem),
        }
    }

    /// What is said where something cannot be ignored.
    fn refused(&self, problem: &Problem) -> Result<Answer, PollError> {
        let id = match problem.status() {
            StatusCode::SERVICE_UNAVAILABLE => return Err(PollError::Undecided(problem.said().join(": "))),
            StatusCode::FORBIDDEN => "notify-ignore-high",
            StatusCode::CONFLICT => "notify-ignore-changed",
            _ => {
                warn!(reason = problem.said().join(": "), "a button was pressed that ignores nothing");
                "notify-ignore-refused"
            }
        };
        Ok(Answer { said: self.wording.words.say(id), message: None })
    }

    /// How items that are open no more were settled, as far as that is told here.
    async fn settled(&self, told: &[String]) -> Result<String, StoreError> {
        let words = self.wording.words;
        for fingerprint in told {
            let item = self.service.store.item(fingerprint).await?.filter(|item| item["status"] == "ignored");
            if let Some(person) = item.and_then(|item| here(&decided_by(&item)?)) {
                return Ok(words.say_with("notify-ignored-by", &[("person", Arg::Text(&person))]));
            }
        }
        Ok(words.say("notify-settled"))
    }

    /// Whoever pressed, as one who asks the API.
    fn caller(&self, press: &Press) -> Caller {
        let role = if self.is_approver(press) { Role::Approver } else { Role::Operator };
        Caller(Person { name: by(press), role, clusters: Vec::new(), namespaces: Vec::new(), token_id: None })
    }

    fn is_approver(&self, press: &Press) -> bool {
        self.bot.approvers.contains(&press.person_id)
    }

    async fn answer(&self, press: &Press, text: &str) {
        if let Err(error) = self.bot.telegram.answer(&press.query_id, text).await {
            warn!(reason = Failure::because(&error).line(), "whoever pressed a button got no answer");
        }
    }
}

/// As whoever pressed is noted.
fn by(press: &Press) -> String {
    format!("telegram:{}/{}", press.person_id, press.person_name)
}

fn decided_by(item: &Json) -> Option<String> {
    item["decided_by"].as_str().map(str::to_owned)
}

/// The name of somebody who decided here. Whoever did so elsewhere is not named: what is sent leaves the network.
fn here(decided_by: &str) -> Option<String> {
    let (id, person) = decided_by.strip_prefix("telegram:")?.split_once('/')?;
    Some(crate::cli::plain(if person.is_empty() { id } else { person }))
}

/// A hash of what rules would hide, as it is now.
fn seal(hides: &[Hidden]) -> String {
    let mut hash = Sha256::new();
    for hidden in hides {
        hash.update(format!("{} {} {}\n", hidden.fingerprint, hidden.value_hash, word(hidden.drift_level)));
    }
    hex(&hash.finalize()[..SEAL])
}
