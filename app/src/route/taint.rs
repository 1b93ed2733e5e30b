//! What was said in private stays private: its texts are known by keyed hashes for a week, whatever a later request says it is for.

use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_edge::store::AuditUnavailable;
use jiff::{SignedDuration, Timestamp};

use super::Router;
use super::answer::{Given, Wanted};
use super::live::Outlet;
use super::prompt::{arguments, said};

/// How long a text is known.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Router {
    /// True if some of it was said in private; also where nobody can tell.
    pub(crate) async fn is_tainted(&self, wanted: &Wanted) -> bool {
        let hashes = self.hashes(texts_of(wanted));
        match self.store.is_private(&hashes, earliest(self.clock.now())).await {
            Ok(is_private) => is_private,
            Err(error) => {
                tracing::error!(%error, "nobody can tell whether a request is private; it stays inside");
                true
            }
        }
    }

    /// Remembers that a request is private, before any of it is sent: nothing that is begun after this call is sent earlier.
    pub(super) fn remember_asked(&self, wanted: &Wanted) -> impl Future<Output = Result<(), AuditUnavailable>> + use<> {
        self.remember(self.hashes(texts_of(wanted)))
    }

    /// Remembers what was answered in private, before anybody has it.
    pub(super) async fn remember_given(&self, given: &Given) -> Result<(), AuditUnavailable> {
        let Given::Answer(answer) = given else { return Ok(()) };
        let calls = answer.tool_calls.iter().filter_map(arguments);
        self.remember(self.hashes(std::iter::once(answer.text.as_str()).chain(calls))).await
    }

    /// Remembers what somebody may have of an answer that is passed on as it comes.
    pub(super) async fn remember_passed(&self, outlet: &Outlet) -> Result<(), AuditUnavailable> {
        self.remember(self.hashes(outlet.texts())).await
    }

    fn remember(&self, hashes: Vec<String>) -> impl Future<Output = Result<(), AuditUnavailable>> + Send + use<> {
        let remembered = (!hashes.is_empty()).then(|| self.audit.remember(hashes, self.clock.now()));
        async move {
            match remembered {
                Some(remembered) => remembered.await,
                None => Ok(()),
            }
        }
    }

    fn hashes<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Vec<String> {
        let key = SecretKey::new(self.key.derived(b"anchorwatch: texts that were said in private"));
        let texts = texts.map(str::trim).filter(|text| !text.is_empty());
        texts.map(|text| key.fingerprint(text.as_bytes()).to_hex()).collect()
    }
}

/// When a text that is still known may have been said.
pub(crate) fn earliest(now: Timestamp) -> Timestamp {
    now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)
}

fn texts_of(wanted: &Wanted) -> impl Iterator<Item = &str> {
    said(wanted).into_iter().map(|(_, text)| text)
}
