//! Rolling back and adopting by buttons: planned, shown, and done once the person who was shown the plan confirms it.
//!
//! What is shown is an offer in the store, which is taken once; the plan's hash is part of it, and another plan is shown anew. Both
//! steps take longer than a poll, so they go on beside it: once an offer is taken, whatever ends this process, the change's own notes
//! say what came of it.

use std::sync::Arc;

use anchorwatch_edge::clock;
use anchorwatch_edge::notify::telegram::Press;
use anchorwatch_edge::store::{Notification, Taken};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tracing::{error, info, warn};

use super::{Answer, by, here};
use crate::api::model::{AdoptRequest, RollbackRequest};
use crate::api::{Caller, Deciding, Problem, plan_adoption, plan_rollback};
use crate::drift::Act;
use crate::failure::Failure;
use crate::notify::act::acts;
use crate::notify::poll::{PollError, Polling};
use crate::notify::word::plan::Offered;
use crate::words::Arg;

/// How long a plan may be confirmed.
const CONFIRMABLE: SignedDuration = SignedDuration::from_mins(15);

/// What somebody may confirm.
#[derive(Serialize, Deserialize)]
struct Offer {
    act: Act,
    notification_id: String,
    plan_hash: String,
}

/// A plan, and what was done.
struct Planned {
    plan_hash: String,
    items: Vec<Json>,
    branch: String,
    done: Option<Done>,
}

/// A change, and what came of it.
struct Done {
    change_id: String,
    /// The id of a sentence.
    state: String,
}

impl Polling {
    /// Plans, and shows the plan, beside the poll.
    pub(super) fn show_plan(self: &Arc<Self>, press: &Press, notification: Notification, act: Act) {
        let (polling, press) = (Arc::clone(self), press.clone());
        self.working.spawn(async move {
            let answer = polling.offer(&press, &notification, act, "notify-plan-look").await;
            polling.tell(&press, &notification, answer).await;
        });
    }

    /// Does what was offered, beside the poll, if this person may still take it.
    pub(super) async fn confirm(self: &Arc<Self>, press: &Press, offer_id: &str) -> Result<(), PollError> {
        let words = self.wording.words;
        let refused = match self.service.store.take_offer(offer_id, &holder(press), self.service.now()).await? {
            Taken::Now(offer) => return self.begin(press, &offer).await,
            Taken::Gone => "notify-confirm-gone",
            Taken::Late => "notify-confirm-late",
            Taken::NotTheirs => "notify-confirm-not-theirs",
        };
        self.answer(press, &words.say(refused)).await;
        Ok(())
    }

    /// Begins what was taken: it is not offered again.
    async fn begin(self: &Arc<Self>, press: &Press, offer: &str) -> Result<(), PollError> {
        let offer: Option<Offer> = serde_json::from_str(offer).ok();
        let notification = match &offer {
            Some(offer) => self.service.store.notification(&offer.notification_id).await?,
            None => None,
        };
        let (Some(offer), Some(notification)) = (offer, notification) else {
            self.answer(press, &self.wording.words.say("notify-unknown")).await;
            return Ok(());
        };
        let (polling, press) = (Arc::clone(self), press.clone());
        self.working.spawn(async move {
            let person = here(&by(&press)).unwrap_or_default();
            let confirming = polling.wording.words.say_with("notify-confirming", &[("person", Arg::Text(&person))]);
            polling.edit(&press, &notification, polling.wording.settled(&notification, &confirming)).await;
            let answer = polling.carry_out(&press, &notification, offer).await;
            polling.tell(&press, &notification, answer).await;
        });
        Ok(())
    }

    /// Plans, and offers the plan to whoever pressed. `said`: what they are told with it.
    async fn offer(&self, press: &Press, notification: &Notification, act: Act, said: &str) -> Answer {
        match self.offered(press, notification, act, said).await {
            Ok(answer) => answer,
            Err(problem) => {
                warn!(reason = problem.said().join(": "), "a button was pressed that plans nothing");
                self.noted(notification, "notify-plan-none").await
            }
        }
    }

    async fn offered(
        &self,
        press: &Press,
        notification: &Notification,
        act: Act,
        said: &str,
    ) -> Result<Answer, Problem> {
        let (caller, words) = (self.caller(press), self.wording.words);
        let Some(fingerprint) = self.open_item(&caller, notification).await? else {
            let said = words.say("notify-settled");
            return Ok(Answer { message: Some(self.wording.settled(notification, &said)), said });
        };
        let Planned { plan_hash, items, branch, done: _ } = self.ask(&caller, act, fingerprint, None).await?;
        if items.is_empty() {
            return Ok(self.noted(notification, "notify-plan-none").await);
        }
        let (offer_id, until) = (clock::new_id(), self.service.now() + CONFIRMABLE);
        let offer = Offer { act, notification_id: notification.notification_id.clone(), plan_hash };
        let text = serde_json::to_string(&offer).expect("an offer is JSON");
        self.service.store.offer(&offer_id, &holder(press), &text, until).await?;
        let offered = Offered {
            act,
            plan_hash: &offer.plan_hash,
            items: &items,
            branch: &branch,
            offer_id: &offer_id,
            person: &here(&caller.0.name).unwrap_or_default(),
            until,
        };
        let said = words.say(said);
        Ok(Answer { message: Some(self.wording.offered(notification, offered, &said)), said })
    }

    /// Does what was confirmed, if the plan is still that one.
    async fn carry_out(&self, press: &Press, notification: &Notification, offer: Offer) -> Answer {
        let Offer { act, notification_id: _, plan_hash } = offer;
        let (caller, words) = (self.caller(press), self.wording.words);
        let fingerprint = notification.told.one_high().unwrap_or_default();
        let (done, branch) = match self.ask(&caller, act, fingerprint, Some(plan_hash)).await {
            Ok(Planned { done: Some(done), branch, .. }) => (done, branch),
            Err(problem) if problem.has_plan() => {
                return self.offer(press, notification, act, "notify-plan-another").await;
            }
            Ok(_) => return self.noted(notification, "notify-plan-unsure").await,
            Err(problem) => {
                error!(reason = problem.said().join(": "), by = caller.0.name, "what was confirmed was not done");
                return self.noted(notification, "notify-plan-unsure").await;
            }
        };
        let Done { change_id, state } = done;
        info!(id = notification.short_id, by = caller.0.name, change = change_id, "confirmed from a notification");
        let (person, state) = (here(&caller.0.name).unwrap_or_default(), words.say(&state));
        let id = match act {
            Act::RollBack => "notify-roll-back-done",
            Act::Adopt => "notify-adopt-done",
        };
        let args = [
            ("person", Arg::Text(&person)),
            ("state", Arg::Text(&state)),
            ("branch", Arg::Text(&branch)),
            ("change", Arg::Text(&change_id)),
        ];
        let said = words.say_with(id, &args);
        Answer { message: Some(self.wording.settled(notification, &said)), said }
    }

    /// The one item of a notification, if nobody has settled it.
    async fn open_item<'n>(&self, caller: &Caller, notification: &'n Notification) -> Result<Option<&'n str>, Problem> {
        let Some(fingerprint) = notification.told.one_high() else { return Ok(None) };
        let open = Deciding { service: &self.service, caller }.open(&[fingerprint.to_owned()]).await?;
        Ok((!open.is_empty()).then_some(fingerprint))
    }

    /// Plans, and with the plan's hash does it, as whoever asks the API.
    async fn ask(
        &self,
        caller: &Caller,
        act: Act,
        fingerprint: &str,
        plan_hash: Option<String>,
    ) -> Result<Planned, Problem> {
        let items = vec![fingerprint.to_owned()];
        Ok(match act {
            Act::RollBack => {
                let request = RollbackRequest { items, plan_hash, ..RollbackRequest::default() };
                let asked = plan_rollback(&self.service, caller, request).await?;
                let done = asked.done.map(|done| {
                    // What went otherwise is told before what went well.
                    let is_well = |state: &str| matches!(state, "proven" | "already_so");
                    let state = done.steps.iter().map(|step| &*step.state).max_by_key(|state| !is_well(state));
                    Done { state: sentence("step", state.unwrap_or("waiting")), change_id: done.change_id }
                });
                let items = asked.plan.changes.into_iter().flat_map(|change| change.items).collect();
                Planned { plan_hash: asked.plan.plan_hash, items, branch: String::new(), done }
            }
            Act::Adopt => {
                let request = AdoptRequest { items, plan_hash, ..AdoptRequest::default() };
                let asked = plan_adoption(&self.service, caller, request).await?;
                let done =
                    asked.done.map(|done| Done { state: sentence("commit", &done.state), change_id: done.change_id });
                let items = asked.plan.files.into_iter().flat_map(|file| file.items).collect();
                Planned { plan_hash: asked.plan.plan_hash, items, branch: asked.plan.pushed_to, done }
            }
        })
    }

    /// The notification as it was, with its buttons, and what is said first.
    async fn noted(&self, notification: &Notification, said: &str) -> Answer {
        let said = self.wording.words.say(said);
        let acts = acts(&self.service, &notification.told).await.unwrap_or_else(|error| {
            warn!(reason = Failure::because(&error).line(), "a message is without its buttons");
            Vec::new()
        });
        let mut message = self.wording.message_with(notification, &acts);
        message.lines.insert(0, said.clone());
        Answer { message: Some(message), said }
    }
}

/// Whoever pressed, by what does not change: a name may.
fn holder(press: &Press) -> String {
    format!("telegram:{}", press.person_id)
}

/// The page's own words for a state.
fn sentence(of: &str, state: &str) -> String {
    format!("page-{of}-{}", state.replace('_', "-"))
}
