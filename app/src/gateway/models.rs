//! `GET /v1/models`, and one of them: what may be written as a model, which is what a request is for.

use std::sync::Arc;

use anchorwatch_core::route::intent::Intent;
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::MODEL;
use super::asker::Asker;
use super::error::Error;
use crate::serve::Service;

pub(super) async fn list(State(service): State<Arc<Service>>, asker: Asker) -> Json<Value> {
    Json(json!({"object": "list", "data": known(&service, &asker)}))
}

/// One of them, by its name, which has a `/` in it that some clients write as `%2F`.
pub(super) async fn one(
    State(service): State<Arc<Service>>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Json<Value>, Error> {
    let found = known(&service, &asker).into_iter().find(|model| model["id"] == *name);
    found.map(Json).ok_or_else(|| Error::not_found("there is no such model; GET /v1/models lists them"))
}

/// All that whoever asks may write.
fn known(service: &Service, asker: &Asker) -> Vec<Value> {
    let open = asker.intents.iter().map(|name| service.router.intents.meant_by(name));
    let mut intents: Vec<Intent> = Intent::PRIVATE.into_iter().chain(open).collect();
    intents.sort();
    intents.dedup();
    let created = service.started_at.as_second();
    let model = |intent: &Intent| json!({"id": format!("{MODEL}{intent}"), "object": "model", "created": created, "owned_by": "anchorwatch"});
    intents.iter().map(model).collect()
}
