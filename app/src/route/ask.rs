//! Asking, as the service does it: what came of it is counted, and people are told when nobody answers.

use std::sync::atomic::Ordering;

use super::Rejection;
use super::answer::{Answered, Question, Refused, Tried};
use super::live::Outlet;
use crate::serve::Service;
use crate::serve::metrics::Metrics;

/// A request that is counted however it ends: whoever hangs up drops it.
struct Counted<'a> {
    metrics: &'a Metrics,
    intent: &'a str,
    outcome: &'static str,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.metrics.asked(self.intent, self.outcome);
    }
}

impl Service {
    /// Asks, and gives the answer of the first provider that has one.
    pub(crate) async fn ask(&self, question: Question) -> Result<Answered, Refused> {
        self.asked(question, None).await
    }

    /// Asks, and passes the answer on as it comes. Once nobody wants it any more, the provider is left.
    pub(crate) async fn ask_live(&self, question: Question, mut outlet: Outlet) {
        let is_private = question.decided.private.is_some();
        let abandoned = outlet.abandoned();
        let answered = tokio::select! {
            biased;
            answered = self.asked(question, Some(&mut outlet)) => Some(answered),
            () = abandoned => None,
        };
        if let Some(answered) = answered {
            return outlet.end(answered);
        }
        // Whoever asked has what was passed on so far.
        let passed = if is_private { self.router.passed(&outlet) } else { Vec::new() };
        if !passed.is_empty() && self.audit.remember(passed, self.now()).await.is_err() {
            tracing::error!("a part of an answer cannot be remembered as private");
        }
    }

    async fn asked(&self, question: Question, outlet: Option<&mut Outlet>) -> Result<Answered, Refused> {
        let (intent, is_private) = (question.decided.intent.clone(), question.decided.private.is_some());
        let mut counted = Counted { metrics: &self.metrics, intent: intent.name(), outcome: "cancelled" };
        let answered = self.router.answer(question, outlet).await;
        counted.outcome = match &answered {
            Ok(_) => "answered",
            Err(Refused::Rejected(_)) => "rejected",
            Err(Refused::CallersFault(_)) => "callers_fault",
            Err(Refused::BrokenOff(_)) => "broken_off",
            Err(Refused::AuditUnavailable) => "audit_unavailable",
        };
        let tried: &[Tried] = match &answered {
            Ok(answered) => &answered.tried,
            Err(Refused::Rejected(tried) | Refused::BrokenOff(tried)) => tried,
            Err(_) => &[],
        };
        for tried in tried {
            self.metrics.attempted(&tried.provider, tried.failure.code());
        }
        match &answered {
            Ok(answered) => {
                self.metrics.attempted(&answered.provider, "answered");
                if is_private {
                    self.note_answered().await;
                }
            }
            Err(Refused::Rejected(tried)) => self.note_rejected(intent.name(), is_private, tried).await,
            Err(_) => {}
        }
        answered
    }

    /// People are told once, whatever comes after, until there is an answer again.
    async fn note_rejected(&self, intent: &str, is_private: bool, tried: &[Tried]) {
        let each: Vec<String> = tried.iter().map(|t| format!("{}: {}", t.provider, t.failure.code())).collect();
        let why = if each.is_empty() { "no provider is configured".to_owned() } else { each.join(", ") };
        self.router.note(Rejection { at: self.now(), intent: intent.to_owned(), reasons: why.clone() });
        if !is_private {
            return;
        }
        self.router.troubled.store(true, Ordering::Relaxed);
        if let Err(error) = self.store.note_rejected(intent, &why, self.now()).await {
            tracing::error!(%error, "nobody is told that a request was rejected");
        }
    }

    async fn note_answered(&self) {
        if !self.router.troubled.swap(false, Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.store.note_answered().await {
            tracing::error!(%error, "cannot note that requests are answered again");
            self.router.troubled.store(true, Ordering::Relaxed);
        }
    }
}
