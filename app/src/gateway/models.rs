//! `GET /v1/models`: what may be written as a model, which is what a request is for.

use std::sync::Arc;

use anchorwatch_core::route::intent::Intent;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::MODEL;
use super::asker::Asker;
use crate::serve::Service;

pub(super) async fn list(State(service): State<Arc<Service>>, asker: Asker) -> Json<Value> {
    let open = asker.intents.iter().map(|name| service.router.intents.meant_by(name));
    let mut intents: Vec<Intent> = Intent::PRIVATE.into_iter().chain(open).collect();
    intents.sort();
    intents.dedup();
    let created = service.started_at.as_second();
    let model = |intent: &Intent| json!({"id": format!("{MODEL}{intent}"), "object": "model", "created": created, "owned_by": "anchorwatch"});
    Json(json!({"object": "list", "data": intents.iter().map(model).collect::<Vec<_>>()}))
}
