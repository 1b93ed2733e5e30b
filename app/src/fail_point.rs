//! Places where a test makes this process fail on purpose, at the worst moment. Builds without debug assertions have none.
//!
//! `ANCHORWATCH_FAIL_POINTS=after-send:abort,before-scan:500` ends the process once it has sent a message and before it
//! has noted so, and makes each scan begin half a second late. `ANCHORWATCH_LEASE_SECONDS=5` is how long all is leased.

use std::time::Duration;

/// Does what a test has said of this place, which is nothing but in tests. It may take the thread for a while.
pub(crate) fn reached(point: &str) {
    let Some(said) = setting("ANCHORWATCH_FAIL_POINTS") else { return };
    let here = said.split(',').filter_map(|one| one.split_once(':')).find(|(name, _)| *name == point);
    match here {
        Some((_, "abort")) => std::process::abort(),
        Some((_, millis)) => std::thread::sleep(Duration::from_millis(millis.parse().unwrap_or_default())),
        None => {}
    }
}

/// How long something is leased: as long as it says, but for tests that cannot wait for the end of that.
pub(crate) fn lease(usual: Duration) -> Duration {
    let seconds = setting("ANCHORWATCH_LEASE_SECONDS").and_then(|seconds| seconds.parse().ok());
    seconds.map_or(usual, Duration::from_secs)
}

fn setting(name: &str) -> Option<String> {
    if cfg!(debug_assertions) { std::env::var(name).ok() } else { None }
}
