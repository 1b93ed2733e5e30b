//! Traces: what a request, a scan and a notification took, sent to a collector where one is configured.
//!
//! Spans have ids, names and counts, and never a value; what looks like a secret is taken out all the same. They wait in a queue with an end: a collector that is slow, or gone, costs
//! spans, and neither time nor memory.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anchorwatch_edge::otlp::Collector;
use axum::http::{HeaderMap, HeaderName};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry::{Context, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::clean;
use crate::faults::Faults;
use crate::notify::rest;

/// Spans that may wait.
const WAITING: usize = 2048;
/// Spans that are sent at once.
const BATCH: usize = 512;
/// How long spans wait for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long nothing is sent to a collector that did not take what was.
const PAUSE: Duration = Duration::from_secs(5);
/// How long the last ones have.
const PATIENCE: Duration = Duration::from_secs(5);

/// Spans on their way to a collector.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    sending: JoinHandle<()>,
    stop: CancellationToken,
}

impl Traces {
    /// Begins to send to a collector, as in `http://127.0.0.1:4318`.
    pub(crate) fn to(endpoint: &str, runtime: &Handle) -> Self {
        let (queue, waiting) = Queue::new(WAITING);
        let stop = CancellationToken::new();
        let sending =
            Sending { collector: Collector::at(endpoint), waiting, lost: queue.lost.clone(), stop: stop.clone() };
        let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
        Self { provider, sending: runtime.spawn(sending.run()), stop }
    }

    /// What makes spans of this program's, and of no library's. Events are left to the log: they may say what a span must not.
    pub(crate) fn layer<S>(&self) -> impl Layer<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("anchorwatch"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_filter(filter_fn(|what| what.is_span() && what.target().starts_with("anchorwatch")))
    }

    /// Sends what waits, and ends.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        // Whoever waits for it to end does not wait for a collector.
        let _ = tokio::time::timeout(PATIENCE, self.sending).await;
    }
}

/// Makes a span the child of the caller's, where a request names one (W3C `traceparent`).
pub(crate) fn follow(span: &tracing::Span, headers: &HeaderMap) {
    if span.is_disabled() {
        return;
    }
    let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    if caller.span().span_context().is_valid() {
        // It fails for a span that has begun, which this one has not.
        let _ = span.set_parent(caller);
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// Where spans wait that have ended.
#[derive(Debug)]
struct Queue {
    send: mpsc::Sender<SpanData>,
    /// Those that found no place.
    lost: Arc<AtomicU64>,
}

impl Queue {
    fn new(places: usize) -> (Self, mpsc::Receiver<SpanData>) {
        let (send, waiting) = mpsc::channel(places);
        (Self { send, lost: Arc::default() }, waiting)
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.send.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Takes spans out of the queue, and hands them to the collector.
struct Sending {
    collector: Collector,
    waiting: mpsc::Receiver<SpanData>,
    lost: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Sending {
    async fn run(mut self) {
        let mut faults = Faults::new("traces are lost: the collector does not take them");
        loop {
            let first = tokio::select! {
                first = self.waiting.recv() => first,
                () = self.stop.cancelled() => self.waiting.try_recv().ok(),
            };
            let Some(first) = first else { break };
            rest(GATHER, &self.stop).await;
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(span) = self.waiting.try_recv()
            {
                batch.push(span);
            }
            batch.iter_mut().for_each(clean_span);
            let count = batch.len() as u64;
            match self.collector.take(batch).await {
                Ok(()) => {
                    faults.none();
                    self.tell_lost();
                }
                Err(error) => {
                    self.lost.fetch_add(count, Ordering::Relaxed);
                    faults.note(&error);
                    rest(PAUSE, &self.stop).await;
                }
            }
        }
        self.tell_lost();
    }

    /// Says how many spans were lost since it was said last.
    fn tell_lost(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(spans = lost, "spans were lost");
        }
    }
}

fn clean_span(span: &mut SpanData) {
    for attribute in &mut span.attributes {
        if let Value::String(text) = &attribute.value
            && let Cow::Owned(cleaned) = clean(text.as_str())
        {
            attribute.value = cleaned.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
    use opentelemetry::trace::{Span as _, Tracer as _};

    use super::*;

    #[test]
    fn what_finds_no_place_is_counted_and_nobody_waits() {
        let (queue, mut waiting) = Queue::new(2);
        let lost = queue.lost.clone();
        let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
        let tracer = provider.tracer("test");
        for name in ["a", "b", "c", "d", "e"] {
            tracer.start(name).end();
        }
        let left: Vec<String> =
            std::iter::from_fn(|| waiting.try_recv().ok()).map(|span| span.name.to_string()).collect();
        assert_eq!((left, lost.load(Ordering::Relaxed)), (vec!["a".to_owned(), "b".to_owned()], 3));
    }

    #[test]
    fn a_span_leaves_without_a_secret() {
        let (queue, mut waiting) = Queue::new(1);
        let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
        let mut span = provider.tracer("test").start("scan");
        span.set_attribute(KeyValue::new("source", "https://ann:hunter2@git.example/shop"));
        span.set_attribute(KeyValue::new("cluster", "prod"));
        span.end();
        let mut span = waiting.try_recv().unwrap();
        clean_span(&mut span);
        let said: Vec<String> = span.attributes.iter().map(|attribute| attribute.value.to_string()).collect();
        assert_eq!(said, ["https://ann:<SECRET>@git.example/shop", "prod"]);
    }

    #[test]
    fn a_traceparent_without_a_span_names_nobody() {
        for (header, valid) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("4bf92f3577b34da6a3ce929d0e0e4736", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([("traceparent".parse().unwrap(), header.parse().unwrap())]);
            let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(&headers));
            assert_eq!(caller.span().span_context().is_valid(), valid, "{header}");
        }
    }
}
