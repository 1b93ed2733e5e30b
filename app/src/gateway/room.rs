//! Room for requests: prompts that are read at the same time have so many bytes together, and no more.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use super::MOST_BYTES;
use super::error::Error;
use crate::serve::Service;

/// Room is counted in so many bytes.
const UNIT: usize = 1024;
/// What all prompts that are being answered may be together. One is there several times while it is read and redacted.
pub(crate) const ROOM: usize = 128 << 20;
/// How long a request waits for room.
const PATIENCE: Duration = Duration::from_secs(10);

/// Room that nobody has taken yet.
pub(crate) fn empty() -> Semaphore {
    Semaphore::new(ROOM / UNIT)
}

/// Lets a request in once there is room for it, whatever it says of its length.
pub(super) async fn admit(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let taking = service.limits.prompts.acquire_many(units(request.headers()));
    match tokio::time::timeout(PATIENCE, taking).await {
        Ok(Ok(_room)) => next.run(request).await,
        _ => Error::busy().into_response(),
    }
}

/// What a request is counted as: its length, or the most where it does not say it.
fn units(headers: &HeaderMap) -> u32 {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let bytes = match length {
        Some(length) => usize::min(length, MOST_BYTES),
        None if headers.contains_key(header::TRANSFER_ENCODING) => MOST_BYTES,
        None => 0,
    };
    u32::try_from(bytes / UNIT + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_takes_as_much_room_as_it_may_need() {
        let units_of = |headers: &[(&'static str, &str)]| {
            let headers =
                headers.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()));
            units(&headers.collect())
        };
        let most = u32::try_from(MOST_BYTES / UNIT + 1).unwrap();
        assert_eq!(units_of(&[]), 1);
        assert_eq!(units_of(&[("content-length", "10240")]), 11);
        assert_eq!(units_of(&[("content-length", "99999999999")]), most);
        assert_eq!(units_of(&[("transfer-encoding", "chunked")]), most);
        assert!(most as usize * 2 < ROOM / UNIT, "two of the longest have room");
    }
}
