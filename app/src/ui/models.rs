//! `/models`: the chains that requests to models take, and how their providers are doing.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::frame::{Frame, Time};
use super::html;
use super::visit::Visit;
use crate::api::{Caller, Problem, ProviderResponse, RouteResponse, condition};
use crate::serve::Service;

#[derive(Template)]
#[template(path = "models.html")]
struct Page {
    frame: Frame,
    chains: Vec<Chain>,
    providers: Vec<Provider>,
    networks: Vec<String>,
    /// When, what it was for, and why.
    rejections: Vec<(Time, String, String)>,
}

/// Whom requests of an intent are asked of, one after the other.
struct Chain {
    intents: String,
    is_private: bool,
    providers: Vec<String>,
}

struct Provider {
    name: String,
    model: String,
    dialect: String,
    address: String,
    is_cloud: bool,
    attestation: Option<String>,
    speed: Option<String>,
    open_until: Option<Time>,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
) -> Result<Response, Problem> {
    let frame = Frame::new(visit, Some(&caller), "models");
    let route = condition(&service, false).await;
    let RouteResponse { private, intents, networks, providers, rejections, deadline_seconds: _ } = route;
    let own = Chain { intents: frame.say("page-models-private"), is_private: true, providers: private };
    let open = intents.into_iter().map(|(intents, providers)| Chain { intents, is_private: false, providers });
    let providers = providers.into_iter().map(|provider| seen(provider, &frame)).collect();
    let rejections = rejections.into_iter().map(|r| (frame.time(r.at), r.intent, r.reasons)).collect();
    let chains = std::iter::once(own).chain(open).collect();
    Ok(html(&Page { frame, chains, providers, networks, rejections }))
}

fn seen(provider: ProviderResponse, frame: &Frame) -> Provider {
    let ProviderResponse { name, dialect, address, model, is_cloud, attestation, open_until, .. } = provider;
    let speed = provider.tokens_per_second.map(|speed| frame.say_of("page-models-speed", &format!("{speed:.0}")));
    let open_until = open_until.map(|until| frame.time(until));
    Provider { name, model, dialect, address, is_cloud, attestation, speed, open_until }
}
