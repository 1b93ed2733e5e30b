//! `/api/v1/route`: the chains that requests to models take, and how their providers are doing.

use std::collections::BTreeMap;
use std::sync::Arc;

use anchorwatch_edge::store::Role;
use axum::Json;
use axum::extract::{Query, State};
use axum_extra::extract::WithRejection;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Caller, Problem};
use crate::config;
use crate::route::{Condition, Rejection};
use crate::serve::Service;

/// What is asked for of it.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// True to have each provider asked for its health, with nothing of anybody's; for operators.
    #[serde(default)]
    probe: bool,
}

/// Chains and providers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RouteResponse {
    /// The chain of private intents: providers, asked one after the other; then a request is rejected.
    pub(crate) private: Vec<String>,
    /// The chains of other intents.
    pub(crate) intents: BTreeMap<String, Vec<String>>,
    /// How long a request may take on its whole way.
    pub(crate) deadline_seconds: f64,
    /// The networks in which private requests may be answered.
    pub(crate) networks: Vec<String>,
    pub(crate) providers: Vec<ProviderResponse>,
    /// The last requests that no provider answered, as this process knows them, the newest first.
    pub(crate) rejections: Vec<RejectionResponse>,
}

/// A request that no provider answered.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RejectionResponse {
    pub(crate) at: Timestamp,
    pub(crate) intent: String,
    /// Providers, and how each failed.
    pub(crate) reasons: String,
}

/// A provider.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ProviderResponse {
    pub(crate) name: String,
    /// `nemotron`, `ollama` or `openai`.
    pub(crate) dialect: String,
    /// Host and port.
    pub(crate) address: String,
    pub(crate) model: String,
    /// True if it is outside, and in no private chain.
    pub(crate) is_cloud: bool,
    pub(crate) timeout_seconds: f64,
    /// Who answers for what stands behind it, and since when.
    pub(crate) attestation: Option<String>,
    /// Until when it is not asked, as it failed too often.
    pub(crate) open_until: Option<Timestamp>,
    /// How fast it reads, as far as it was measured.
    pub(crate) prompt_tokens_per_second: Option<f64>,
    /// How fast it writes.
    pub(crate) tokens_per_second: Option<f64>,
    /// What it said of its health, where it was asked: `well`, or what is wrong.
    pub(crate) health: Option<String>,
}

/// The chains, and how their providers are doing.
#[utoipa::path(get, path = "/api/v1/route", tag = "route", params(Asked), responses(
    (status = 200, description = "The chains, and how their providers are doing", body = RouteResponse),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Query(asked), _): WithRejection<Query<Asked>, Problem>,
) -> Result<Json<RouteResponse>, Problem> {
    if asked.probe {
        caller.must_be(Role::Operator)?;
    }
    Ok(Json(condition(&service, asked.probe).await))
}

/// For the page, too.
pub(crate) async fn condition(service: &Service, probes: bool) -> RouteResponse {
    let config = service.config();
    let config::Route { networks, private, open, deadline, .. } = &config.route;
    RouteResponse {
        private: private.clone(),
        intents: open.iter().map(|(intent, chain)| (intent.name().to_owned(), chain.clone())).collect(),
        deadline_seconds: deadline.as_secs_f64(),
        networks: networks.inside().iter().map(ToString::to_string).collect(),
        providers: service.router.conditions(probes).await.into_iter().map(ProviderResponse::from).collect(),
        rejections: service.router.rejections().into_iter().map(RejectionResponse::from).collect(),
    }
}

impl From<Rejection> for RejectionResponse {
    fn from(Rejection { at, intent, reasons }: Rejection) -> Self {
        Self { at, intent, reasons }
    }
}

impl From<Condition> for ProviderResponse {
    fn from(Condition { settings, open_until, speed, health }: Condition) -> Self {
        Self {
            dialect: settings.dialect.name().to_owned(),
            address: settings.endpoint.host_and_port(),
            is_cloud: settings.is_cloud,
            timeout_seconds: settings.timeout.as_secs_f64(),
            attestation: settings.attestation.map(|attestation| attestation.to_string()),
            open_until,
            prompt_tokens_per_second: speed.prompt_tokens_per_second,
            tokens_per_second: speed.tokens_per_second,
            health: health.map(|said| match said {
                Ok(Some(version)) => format!("well ({version})"),
                Ok(None) => "well".to_owned(),
                Err(failure) => failure.to_string(),
            }),
            name: settings.name,
            model: settings.model,
        }
    }
}
