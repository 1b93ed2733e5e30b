//! A collector of traces, which is spoken to by OTLP over HTTP, as JSON: <https://opentelemetry.io/docs/specs/otlp/>.

use std::time::Duration;

use http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use secrecy::SecretString;

use crate::outbound::{Anywhere, Outbound, OutboundError, Post};

/// How long it may take to hand spans over.
const LIMIT: Duration = Duration::from_secs(10);

/// A collector.
#[derive(Debug)]
pub struct Collector {
    outbound: Outbound<Anywhere>,
    url: SecretString,
    resource: ResourceAttributesWithSchema,
}

/// Why a collector did not take spans.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// It answered so.
    #[error("the collector answered with status {0}")]
    Refused(u16),
    /// There was no answer.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

impl Collector {
    /// One at this address, as in `http://127.0.0.1:4318`.
    pub fn at(endpoint: &str) -> Self {
        let resource = Resource::builder()
            .with_service_name("anchorwatch")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            outbound: Outbound::anywhere(),
            url: format!("{}/v1/traces", endpoint.trim_end_matches('/')).into(),
            resource: (&resource).into(),
        }
    }

    /// Hands spans over.
    pub async fn take(&self, spans: Vec<SpanData>) -> Result<(), CollectorError> {
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        let body = serde_json::to_vec(&ExportTraceServiceRequest { resource_spans }).expect("spans are JSON");
        let post = Post { url: &self.url, headers: HeaderMap::new(), body, timeout: LIMIT };
        let answer = self.outbound.post(post).await?;
        if answer.status.is_success() { Ok(()) } else { Err(CollectorError::Refused(answer.status.as_u16())) }
    }
}
