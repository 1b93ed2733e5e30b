//! What was said in private stays private: its texts are known by keyed hashes for a week, whatever a later request says it is for.

use anchorwatch_core::object::secret::SecretKey;
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

    /// What is to be remembered of a private request, before any of it is sent.
    pub(super) fn asked(&self, wanted: &Wanted) -> Vec<String> {
        self.hashes(texts_of(wanted))
    }

    /// What is to be remembered of an answer to one, before anybody has it.
    pub(super) fn given(&self, given: &Given) -> Vec<String> {
        let Given::Answer(answer) = given else { return Vec::new() };
        let calls = answer.tool_calls.iter().filter_map(arguments);
        self.hashes(std::iter::once(answer.text.as_str()).chain(calls))
    }

    /// What is to be remembered of an answer that is passed on as it comes: what somebody may have of it.
    pub(super) fn passed(&self, outlet: &Outlet) -> Vec<String> {
        self.hashes(outlet.texts())
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
