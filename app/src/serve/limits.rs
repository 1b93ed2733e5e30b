//! How often somebody may ask for what is dear.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use crate::gateway::room;

/// The limits of this process.
pub(crate) struct Limits {
    /// Tokens that are none, by address.
    pub(crate) wrong_tokens: DefaultKeyedRateLimiter<IpAddr>,
    /// Scans, by who asks for them.
    pub(crate) scans: DefaultKeyedRateLimiter<String>,
    /// Room for prompts that are being answered.
    pub(crate) prompts: Semaphore,
}

impl Default for Limits {
    fn default() -> Self {
        let per_minute = |count: u32| Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Self {
            wrong_tokens: RateLimiter::keyed(per_minute(20)),
            scans: RateLimiter::keyed(per_minute(60)),
            prompts: room::empty(),
        }
    }
}

impl Limits {
    /// Forgets who has not come for a while.
    pub(super) fn tidy(&self) {
        self.wrong_tokens.retain_recent();
        self.scans.retain_recent();
    }
}
