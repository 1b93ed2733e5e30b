//! Answering: one request's way along its chain.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::route::audit::{self, Begin, End, Outcome, Refusal, Reject, Tokens};
use anchorwatch_core::route::breaker::Admission;
use anchorwatch_core::route::budget;
use anchorwatch_core::route::chain::{self, Run, Step};
use anchorwatch_core::route::dialect::Gathering;
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::intent::Decided;
use anchorwatch_core::route::provider::{Answer, Ask, Embeddings, Limits, Message, Origin, Role};
use anchorwatch_core::route::redaction::Conversation;
use anchorwatch_edge::clock;
use anchorwatch_edge::llm::Provider;
use anchorwatch_edge::outbound::reached;
use anchorwatch_edge::store::Attempt;
use futures::StreamExt as _;
use tokio::time::Instant;

use super::Router;
use super::link::{Link, PROBE};
use super::live::Outlet;
use super::prompt;

#[cfg(test)]
mod tests;

/// Bytes of an answer.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Longer than any deadline.
const UNLIMITED: Duration = Duration::from_hours(24);

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Its id, in the log and in the audit.
    pub(crate) request_id: String,
    /// What it is for, and whether it stays inside.
    pub(crate) decided: Decided,
    /// What is wanted.
    pub(crate) wanted: Wanted,
    /// The id of the token that asks.
    pub(crate) asked_by: Option<String>,
}

/// What is wanted of a provider.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// An answer.
    Answer(Box<Ask>),
    /// These texts as vectors.
    Embeddings(Vec<String>),
}

/// What a provider gave.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    /// An answer.
    Answer(Answer),
    /// Vectors.
    Embeddings(Embeddings),
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The request's id.
    pub(crate) request_id: String,
    /// What it was for, and whether it stayed inside.
    pub(crate) decided: Decided,
    /// The answer.
    pub(crate) given: Given,
    /// The model that was asked for.
    pub(crate) asked_model: String,
    /// Who gave it.
    pub(crate) provider: String,
    /// Who failed before.
    pub(crate) tried: Vec<Tried>,
    /// Pieces of evidence that were left out, as there was no time to read them.
    pub(crate) left_out: usize,
}

/// A try that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    /// The provider.
    pub(crate) provider: String,
    /// How it failed.
    pub(crate) failure: Failure,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Nobody answers.
    Rejected(Vec<Tried>),
    /// All providers say that the request is at fault; this is what the first one said.
    CallersFault(Tried),
    /// It cannot be written down, or not be remembered as private: so it was not sent, or what came back is not given.
    AuditUnavailable,
    /// A part of the answer was passed on, and then its provider failed; whoever was tried, and that one last.
    BrokenOff(Vec<Tried>),
}

impl Router {
    /// Asks one provider after the other, and gives the first answer that is whole and as it should be; with an outlet, the
    /// first that begins, which is passed on there as it comes.
    pub(super) async fn answer(&self, question: Question, outlet: Option<&mut Outlet>) -> Result<Answered, Refused> {
        let chain = if question.decided.private.is_some() { None } else { self.open_chain(&question.decided.intent) };
        match chain {
            Some(chain) => Asking::new(self, question, chain).along(outlet).await,
            None => Asking::new(self, question, &self.private).along(outlet).await,
        }
    }
}

/// One request, and the chain that it takes.
struct Asking<'r, P> {
    router: &'r Router,
    chain: &'r [Link<P>],
    question: Question,
    conversation: Conversation,
    prompt_hash: String,
    /// What was said in private and is not remembered yet, by its hashes.
    said: Vec<String>,
    /// What the provider that was asked last wrote.
    wrote: String,
    /// Pieces of evidence that it was not sent.
    left_out: usize,
}

/// Why an attempt ended without an answer.
enum Stopped {
    /// The provider failed.
    Failed(Failure),
    /// It could not be written down: nothing was sent, or nothing that came back may be given.
    Unwritten,
}

impl<'r, P: Deref<Target = dyn Provider>> Asking<'r, P> {
    fn new(router: &'r Router, mut question: Question, chain: &'r [Link<P>]) -> Self {
        let said = if question.decided.private.is_some() { router.asked(&question.wanted) } else { Vec::new() };
        let mut conversation = Conversation::new(Arc::clone(&router.redactor));
        prompt::redact(&mut conversation, &mut question.wanted);
        let prompt_hash = audit::prompt_hash(&router.key, &prompt::bytes(&question.wanted));
        Self { router, chain, question, conversation, prompt_hash, said, wrote: String::new(), left_out: 0 }
    }

    async fn along(mut self, mut outlet: Option<&mut Outlet>) -> Result<Answered, Refused> {
        let (chain, began) = (self.chain, Instant::now());
        let intent = self.question.decided.intent.clone();
        let times = chain.iter().map(|link| link.settings.timeout_for(intent.name())).collect();
        let mut run = Run::along(times, self.router.deadline);
        let mut step = run.first(Duration::ZERO);
        while let Step::Ask { link, ask, pause, time, is_rest } = step {
            // A pause of nothing would last for a millisecond.
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let link = &chain[link];
            match self.attempt(link, (ask, self.limits(time, is_rest)), outlet.as_deref_mut()).await {
                Ok(given) => {
                    let tried = self.tried(&run);
                    let Self { question: Question { request_id, decided, .. }, left_out, .. } = self;
                    let (provider, asked_model) = (link.settings.name.clone(), link.settings.model.clone());
                    return Ok(Answered { request_id, decided, given, asked_model, provider, tried, left_out });
                }
                Err(Stopped::Failed(failure)) => {
                    tell(&link.settings.name, &failure);
                    if outlet.as_ref().is_some_and(|outlet| outlet.has_begun()) {
                        let broken = Tried { provider: link.settings.name.clone(), failure };
                        return Err(Refused::BrokenOff(self.tried(&run).into_iter().chain([broken]).collect()));
                    }
                    step = run.after(failure, began.elapsed());
                }
                Err(Stopped::Unwritten) => return Err(Refused::AuditUnavailable),
            }
        }
        let tried = self.tried(&run);
        self.reject(&tried).await;
        match tried.first() {
            Some(first) if step == Step::CallersFault => Err(Refused::CallersFault(first.clone())),
            _ => Err(Refused::Rejected(tried)),
        }
    }

    /// Asks one provider once: it is admitted, written down, asked, judged, and written down again.
    async fn attempt(
        &mut self,
        link: &Link<P>,
        (kind, limits): (chain::Ask, Limits),
        mut outlet: Option<&mut Outlet>,
    ) -> Result<Given, Stopped> {
        let began = Instant::now();
        self.admit(link, limits).await.map_err(Stopped::Failed)?;
        let attempt = self.begun(link, limits.less(began.elapsed())).await?;
        // Asking for its health and writing it down took of its time.
        let ask = (kind, limits.less(began.elapsed()));
        let mut origin = Origin::default();
        let (given, peer) = reached(self.call(link, ask, outlet.as_deref_mut(), &mut origin)).await;
        let judged = given.and_then(|given| self.judge(given));
        let now = self.router.clock.now();
        let breaker = |failed: bool| {
            let mut breaker = link.doing.breaker();
            if failed { breaker.failed(now) } else { breaker.well() }
        };
        let outcome = match &judged {
            Ok(_) => Outcome::Answered,
            Err(failure @ Failure::NotLocal(_)) => Outcome::Rejected { codes: vec![failure.code().to_owned()] },
            Err(failure) => Outcome::Failed { code: failure.code().to_owned() },
        };
        let end = End { peer: origin.peer.or(peer), model_digest: origin.model_digest, ..End::new(now, outcome) };
        let end = match &judged {
            Ok(given) => End { model: given.model(), tokens: given.tokens(), ..end },
            Err(_) => end,
        };
        match &judged {
            Ok(given) => {
                breaker(false);
                if let Given::Answer(answer) = given {
                    link.doing.measured(answer.end.speed);
                }
            }
            // Whoever answered is well, whatever was said.
            Err(failure) => breaker(failure.is_of_the_server()),
        }
        match self.said_back(&judged, outlet.as_deref()) {
            said if said.is_empty() => attempt.end(end),
            said => attempt.end_remembering(end, said).await.map_err(|_| Stopped::Unwritten)?,
        }
        judged.map_err(Stopped::Failed)
    }

    /// Whether a provider may be asked now. One that failed too often is asked for its health first, with nothing of anybody's.
    async fn admit(&self, link: &Link<P>, limits: Limits) -> Result<(), Failure> {
        let admission = link.doing.breaker().admit(self.router.clock.now());
        match admission {
            Admission::Admitted => Ok(()),
            Admission::Refused { .. } => Err(Failure::BreakerOpen),
            Admission::AfterProbe => match link.health(PROBE.min(limits.left())).await {
                Ok(_) => {
                    link.doing.breaker().well();
                    tracing::info!(provider = link.settings.name, "a provider is well again");
                    Ok(())
                }
                Err(failure) => {
                    link.doing.breaker().failed(self.router.clock.now());
                    Err(failure)
                }
            },
        }
    }

    /// Writes down that it is about to be asked, while there is time to ask it.
    async fn begun(&mut self, link: &Link<P>, limits: Limits) -> Result<Attempt, Stopped> {
        let begun = self.router.audit.begin(self.begin(link), std::mem::take(&mut self.said));
        match tokio::time::timeout(limits.left(), begun).await {
            Ok(begun) => begun.map_err(|_| Stopped::Unwritten),
            Err(_) => Err(Stopped::Failed(Failure::Skipped(limits.left()))),
        }
    }

    /// Takes an answer as it comes, so that whoever is silent is given up early, and gives it when it is whole.
    async fn call(
        &mut self,
        link: &Link<P>,
        (kind, limits): (chain::Ask, Limits),
        mut outlet: Option<&mut Outlet>,
        origin: &mut Origin,
    ) -> Result<Given, Failure> {
        let began = Instant::now();
        if self.question.decided.private.is_some() {
            link.look(PROBE.min(limits.left())).await?;
        }
        let limits = limits.less(began.elapsed());
        let ask = match &self.question.wanted {
            Wanted::Embeddings(texts) => {
                let embeddings = link.provider().embed(texts, limits).await?;
                origin.clone_from(&embeddings.origin);
                link.judge(&origin.signs)?;
                return Ok(Given::Embeddings(embeddings));
            }
            Wanted::Answer(ask) => ask,
        };
        let readable = budget::readable(limits.left(), link.doing.speed(), ask.max_tokens);
        let fitted = budget::fit(ask, readable);
        self.left_out = fitted.left_out;
        let ask = if kind == chain::Ask::Repair { &self.repair(&fitted.ask) } else { &*fitted.ask };
        let mut streamed = link.provider().stream(ask, limits).await?;
        if let Some(outlet) = &mut outlet {
            outlet.take_from(&link.settings);
        }
        origin.clone_from(&streamed.origin);
        link.judge(&origin.signs)?;
        let mut gathering = Gathering::default();
        while let Some(piece) = streamed.pieces.next().await {
            let piece = piece?;
            if let Some(outlet) = &mut outlet {
                outlet.pass(&piece);
            }
            gathering.push(piece);
        }
        gathering.finish(streamed.origin).map(Given::Answer)
    }

    /// What is to be remembered of what came back: of a private answer, and of a part of one that somebody has already.
    fn said_back(&self, judged: &Result<Given, Failure>, outlet: Option<&Outlet>) -> Vec<String> {
        if self.question.decided.private.is_none() {
            return Vec::new();
        }
        let given = judged.as_ref().map(|given| self.router.given(given)).unwrap_or_default();
        let passed = outlet.map(|outlet| self.router.passed(outlet)).unwrap_or_default();
        [given, passed].concat()
    }

    /// An answer has the shape that was asked for, unless it calls tools first.
    fn judge(&mut self, given: Given) -> Result<Given, Failure> {
        let Given::Answer(answer) = &given else { return Ok(given) };
        self.wrote.clone_from(&answer.text);
        let shape = match &self.question.wanted {
            Wanted::Answer(ask) => ask.schema.as_ref(),
            Wanted::Embeddings(_) => None,
        };
        match shape {
            Some(shape) if answer.tool_calls.is_empty() => shape.judge(&answer.text).map(|_| given),
            _ => Ok(given),
        }
    }

    fn limits(&self, time: Duration, is_rest: bool) -> Limits {
        let (whole, deadline) = if is_rest { (UNLIMITED, time) } else { (time, UNLIMITED) };
        let Router { first_token, idle, .. } = self.router;
        Limits {
            first_byte: *first_token,
            first_token: *first_token,
            idle: *idle,
            whole,
            deadline,
            answer_bytes: MOST_BYTES,
        }
    }

    /// The same, with what the provider wrote and what is wrong with it.
    fn repair(&self, ask: &Ask) -> Ask {
        let mut ask = ask.clone();
        ask.messages.push(Message::new(Role::Assistant, self.wrote.as_str()));
        let words = "That is not JSON as the schema asks for. Answer again, with nothing but JSON that is.";
        ask.messages.push(Message::new(Role::User, words));
        ask
    }

    fn begin(&self, link: &Link<P>) -> Begin {
        let Question { request_id, decided, asked_by, .. } = &self.question;
        let settings = &link.settings;
        let counts = self.conversation.counts().iter();
        Begin {
            at: self.router.clock.now(),
            attempt: clock::new_id(),
            request: request_id.clone(),
            intent: decided.intent.to_string(),
            private: decided.private.is_some(),
            provider: settings.name.clone(),
            model: settings.model.clone(),
            address: settings.endpoint.host_and_port(),
            locality: if settings.is_cloud { "cloud" } else { "inside" }.to_owned(),
            prompt_hash: self.prompt_hash.clone(),
            redactions: counts
                .map(|(kind, count)| (crate::words::word(kind), u32::try_from(*count).unwrap_or(u32::MAX)))
                .collect(),
            asked_by: asked_by.clone(),
            attestation: settings.attestation.as_ref().map(|attestation| audit::Attestation {
                owner: attestation.owner().to_owned(),
                date: attestation.date().to_string(),
            }),
        }
    }

    fn tried(&self, run: &Run) -> Vec<Tried> {
        let name = |link: usize| self.chain[link].settings.name.clone();
        run.failed().iter().map(|f| Tried { provider: name(f.link), failure: f.failure.clone() }).collect()
    }

    /// Writes down that nobody answered. The caller hears of it whether that can be written or not.
    async fn reject(&mut self, tried: &[Tried]) {
        let Question { request_id, decided, asked_by, .. } = &self.question;
        let reasons = tried
            .iter()
            .map(|tried| Refusal { provider: Some(tried.provider.clone()), code: tried.failure.code().to_owned() });
        let reject = Reject {
            at: self.router.clock.now(),
            request: request_id.clone(),
            intent: decided.intent.to_string(),
            private: decided.private.is_some(),
            reasons: reasons.collect(),
            asked_by: asked_by.clone(),
        };
        if self.router.audit.reject(reject, std::mem::take(&mut self.said)).await.is_err() {
            tracing::error!(request = request_id, "a rejection cannot be written into the audit");
        }
    }
}

fn tell(provider: &str, failure: &Failure) {
    if failure.tells_operator() {
        tracing::error!(provider, reason = %failure, "a provider cannot be asked until somebody mends it");
    } else {
        tracing::warn!(provider, reason = %failure, "a provider failed");
    }
}

impl Answered {
    /// The model that says that it has answered, or the one that was asked for where none does.
    pub(crate) fn model(&self) -> String {
        self.given.model().unwrap_or_else(|| self.asked_model.clone())
    }
}

impl Given {
    /// The model that says that it has answered.
    pub(crate) fn model(&self) -> Option<String> {
        let model = match self {
            Self::Answer(answer) => &answer.end.model,
            Self::Embeddings(embeddings) => &embeddings.model,
        };
        Some(model.clone()).filter(|model| !model.is_empty())
    }

    fn tokens(&self) -> Option<Tokens> {
        let (prompt, answer) = match self {
            Self::Answer(answer) => (answer.end.usage.prompt_tokens, answer.end.usage.completion_tokens),
            Self::Embeddings(embeddings) => (embeddings.prompt_tokens, Some(0)),
        };
        Some(Tokens { prompt: prompt?, answer: answer? })
    }
}
