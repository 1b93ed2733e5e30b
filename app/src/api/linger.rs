//! Whoever is refused reads why: where a connection is closed on what is still being sent, its client sees a broken pipe in place of
//! the answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures::stream::{self, Fuse, Stream, StreamExt as _};

/// What is shorter is taken by the system, whether somebody reads it or not.
const SHORT: u64 = 16 << 10;
/// So much is read for nobody, for so long, and until so long nothing comes.
const MOST_BYTES: usize = 128 << 20;
const LONGEST: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(500);

/// A body that is read by a handler first, and then to its end.
type Shared = Arc<Mutex<Fuse<BodyDataStream>>>;

/// Reads what the handler has not read of a long body before its answer is sent.
pub(super) async fn read_out(request: Request, next: Next) -> Response {
    // None where the length is not said.
    if request.body().size_hint().upper().is_some_and(|bytes| bytes <= SHORT) {
        return next.run(request).await;
    }
    // A client that waits for a word before it sends gets it with the first read.
    let is_sent = Arc::new(AtomicBool::new(!request.headers().contains_key(header::EXPECT)));
    let asked = is_sent.clone();
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body.into_data_stream().fuse()));
    let read = pieces(body.clone()).inspect(move |_| asked.store(true, Ordering::Relaxed));
    let response = next.run(Request::from_parts(parts, Body::from_stream(read))).await;
    if is_sent.load(Ordering::Relaxed) {
        let _ = tokio::time::timeout(LONGEST, forget(body)).await;
    }
    response
}

async fn forget(body: Shared) {
    let (mut rest, mut bytes) = (pieces(body), 0);
    while bytes < MOST_BYTES
        && let Ok(Some(Ok(piece))) = tokio::time::timeout(QUIET, rest.next()).await
    {
        bytes += piece.len();
    }
}

fn pieces(body: Shared) -> impl Stream<Item = <BodyDataStream as Stream>::Item> {
    stream::poll_fn(move |context| body.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context))
}
