//! `GET /api/v1/events`: what happens, as server-sent events. They hold ids; what is behind them is asked for.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event as Sent, KeepAlive};
use futures::Stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use super::{Caller, Problem};
use crate::serve::{Event, Service};

pub(super) async fn stream(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, Problem> {
    let events = service.events.subscribe();
    let state = (events, service.stop.clone(), caller);
    let stream = futures::stream::unfold(state, |(mut events, stop, caller)| async move {
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = stop.cancelled() => return None,
            };
            let sent = match event {
                Ok(event) => match told(&event, &caller) {
                    Some(data) => Sent::default().event(event.name()).data(data),
                    None => continue,
                },
                // Too slow to hear of each: look at all of it.
                Err(RecvError::Lagged(_)) => Sent::default().event("missed").data("{}"),
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(sent), (events, stop, caller)));
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(20))))
}

fn told(event: &Event, caller: &Caller) -> Option<String> {
    let body = match event {
        Event::Seen { source, cluster } => {
            caller.sees_cluster(cluster).then(|| json!({"source": source, "cluster": cluster}))?
        }
        Event::Scanned { scan_id, source, cluster, version: _ } => {
            caller.sees_cluster(cluster).then(|| json!({"scan_id": scan_id, "source": source, "cluster": cluster}))?
        }
        Event::Decided { id } => json!({"id": id}),
    };
    Some(body.to_string())
}
