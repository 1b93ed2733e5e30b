//! Whom a call reached, also where it brought no answer: what was sent was sent there.

use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;

use http::{Extensions, Request};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};

use super::connector::Peer;

tokio::task_local! {
    static REACHED: Cell<Option<SocketAddr>>;
}

/// Does some work, and says beside what came of it whom the last call in it was connected to.
pub async fn reached<T>(work: impl Future<Output = T>) -> (T, Option<SocketAddr>) {
    let watched = async {
        let done = work.await;
        (done, REACHED.with(Cell::get))
    };
    REACHED.scope(Cell::new(None), watched).await
}

/// A request that is on its way. It says whom it reached once it ends: also where nobody waits for it any longer.
pub(super) struct Calling(CaptureConnection);

impl Calling {
    pub(super) fn with<B>(request: &mut Request<B>) -> Self {
        let _ = REACHED.try_with(|reached| reached.set(None));
        Self(capture_connection(request))
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        let mut known = Extensions::new();
        if let Some(connected) = self.0.connection_metadata().as_ref() {
            connected.get_extras(&mut known);
        }
        let peer = known.get().map(|Peer(peer)| *peer);
        // Nobody may have asked.
        let _ = REACHED.try_with(|reached| reached.set(peer));
    }
}
