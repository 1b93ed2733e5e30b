//! Numbers for Prometheus, in its names and units.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64};

use anchorwatch_core::drift::{DriftLevel, Origin};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::drift::scan::Outcome;
use crate::words::word;

type Labels = Vec<(&'static str, String)>;
type Seconds = Gauge<f64, AtomicU64>;

/// All numbers of this process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    last_success: Family<Labels, Seconds>,
    failures: Family<Labels, Counter>,
    duration: Family<Labels, Histogram, fn() -> Histogram>,
    items: Family<Labels, Gauge<i64, AtomicI64>>,
    not_compared: Family<Labels, Gauge<i64, AtomicI64>>,
    lists_read: Family<Labels, Seconds>,
    list_failures: Family<Labels, Counter>,
    discovered: Family<Labels, Gauge<i64, AtomicI64>>,
    outbox_oldest: Seconds,
    asked: Family<Labels, Counter>,
    attempts: Family<Labels, Counter>,
    store_faults: Gauge<i64, AtomicI64>,
    unheard: Family<Labels, Gauge<i64, AtomicI64>>,
    requests: Family<Labels, Histogram, fn() -> Histogram>,
}

fn register_store_faults(registry: &mut Registry, gauge: &Gauge<i64, AtomicI64>) {
    registry.register("store_faults", "Things that cannot be done because the store does not let them", gauge.clone());
}

fn encoded(registry: &Registry) -> String {
    let mut text = String::new();
    // Nothing fails where a text is written to.
    let _ = encode(&mut text, registry);
    text
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("anchorwatch");
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 18));
        let metrics = Self {
            last_success: Family::default(),
            failures: Family::default(),
            duration: Family::new_with_constructor(histogram),
            items: Family::default(),
            not_compared: Family::default(),
            lists_read: Family::default(),
            list_failures: Family::default(),
            discovered: Family::default(),
            outbox_oldest: Seconds::default(),
            asked: Family::default(),
            attempts: Family::default(),
            store_faults: Gauge::default(),
            unheard: Family::default(),
            requests: Family::new_with_constructor(histogram),
            registry: Registry::default(),
        };
        registry.register(
            "scan_last_success_timestamp_seconds",
            "When a scan of the source succeeded last",
            metrics.last_success.clone(),
        );
        registry.register("scan_failures", "Scans that failed", metrics.failures.clone());
        registry.register_with_unit("scan_duration", "How long scans took", Unit::Seconds, metrics.duration.clone());
        registry.register("drift_items", "Items that the last scans of this process told", metrics.items.clone());
        registry.register(
            "not_compared",
            "What the last scans of this process could not compare",
            metrics.not_compared.clone(),
        );
        registry.register(
            "discover_last_success_timestamp_seconds",
            "When a list of sources in a cluster was read last",
            metrics.lists_read.clone(),
        );
        registry.register(
            "discover_failures",
            "How often a list of sources in a cluster could not be read",
            metrics.list_failures.clone(),
        );
        registry.register("discovered_sources", "Sources that a list had last", metrics.discovered.clone());
        registry.register_with_unit(
            "outbox_oldest",
            "How long the oldest message to people has been waiting",
            Unit::Seconds,
            metrics.outbox_oldest.clone(),
        );
        registry.register(
            "route_requests",
            "Requests to models, by what they were for and what came of them",
            metrics.asked.clone(),
        );
        registry.register(
            "route_attempts",
            "Times that a provider was asked, and how that ended",
            metrics.attempts.clone(),
        );
        register_store_faults(&mut registry, &metrics.store_faults);
        registry.register(
            "watch_unheard",
            "Of how much the watches of this process hear nothing",
            metrics.unheard.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "How long requests took",
            Unit::Seconds,
            metrics.requests.clone(),
        );
        Self { registry, ..metrics }
    }
}

/// What is looked up when the numbers are asked for.
#[derive(Debug)]
pub(crate) struct Readings {
    /// How long the oldest message to people has been waiting.
    pub(crate) outbox_oldest: Option<Duration>,
    /// How many things the store does not let the service do.
    pub(crate) store_faults: usize,
    /// Cluster, source, and of how much nothing is heard.
    pub(crate) unheard: Vec<(String, String, usize)>,
}

impl Metrics {
    /// The text that Prometheus reads (`OpenMetrics` 1.0).
    pub(crate) fn text(&self, readings: Readings) -> String {
        let Readings { outbox_oldest, store_faults, unheard } = readings;
        self.outbox_oldest.set(outbox_oldest.map_or(0.0, |age| age.as_secs_f64()));
        self.store_faults.set(number(store_faults));
        // A watch that another replica has now is not this one's to tell of.
        self.unheard.clear();
        for (cluster, source, count) in unheard {
            self.unheard.get_or_create(&vec![("cluster", cluster), ("source", source)]).set(number(count));
        }
        encoded(&self.registry)
    }

    /// The same, of nothing but the store.
    pub(crate) fn of_the_store(faults: usize) -> String {
        let (mut registry, gauge) = (Registry::with_prefix("anchorwatch"), Gauge::default());
        register_store_faults(&mut registry, &gauge);
        gauge.set(number(faults));
        encoded(&registry)
    }

    /// A request was answered.
    pub(crate) fn answered(&self, route: String, status: u16, seconds: f64) {
        let labels = vec![("route", route), ("status", status.to_string())];
        self.requests.get_or_create(&labels).observe(seconds);
    }

    /// A request to a model has ended.
    pub(crate) fn asked(&self, intent: &str, outcome: &'static str) {
        let labels = vec![("intent", intent.to_owned()), ("outcome", outcome.to_owned())];
        self.asked.get_or_create(&labels).inc();
    }

    /// A provider was asked: it `answered`, or failed in this way.
    pub(crate) fn attempted(&self, provider: &str, outcome: &'static str) {
        let labels = vec![("provider", provider.to_owned()), ("outcome", outcome.to_owned())];
        self.attempts.get_or_create(&labels).inc();
    }

    pub(super) fn scanned(&self, cluster: &str, source: &str, at: Timestamp, seconds: f64, outcome: &Outcome) {
        let place = || vec![("cluster", cluster.to_owned()), ("source", source.to_owned())];
        self.last_success.get_or_create(&place()).set(seconds_of(at));
        self.duration.get_or_create(&place()).observe(seconds);
        let mut counts: BTreeMap<(DriftLevel, Origin), i64> = BTreeMap::new();
        // What is there no more is zero, and does not stay as it was.
        for level in [DriftLevel::High, DriftLevel::Medium, DriftLevel::Info] {
            for origin in [Origin::Human, Origin::Controller, Origin::Stale, Origin::Unknown] {
                counts.insert((level, origin), 0);
            }
        }
        for item in outcome.reports.iter().flat_map(|report| &report.items) {
            *counts.entry((item.drift_level, item.origin)).or_default() += 1;
        }
        for ((level, origin), count) in counts {
            let labels = [place(), vec![("level", word(level)), ("origin", word(origin))]].concat();
            self.items.get_or_create(&labels).set(count);
        }
        self.not_compared.get_or_create(&place()).set(number(outcome.not_compared().len()));
    }

    pub(super) fn listed(&self, cluster: &str, list: &str, sources: usize, at: Timestamp) {
        let labels = vec![("cluster", cluster.to_owned()), ("list", list.to_owned())];
        self.lists_read.get_or_create(&labels).set(seconds_of(at));
        self.discovered.get_or_create(&labels).set(number(sources));
    }

    pub(super) fn list_failed(&self, cluster: &str, list: &str) {
        let labels = vec![("cluster", cluster.to_owned()), ("list", list.to_owned())];
        self.list_failures.get_or_create(&labels).inc();
    }

    pub(super) fn scan_failed(&self, cluster: &str, source: &str) {
        let labels = vec![("cluster", cluster.to_owned()), ("source", source.to_owned())];
        self.failures.get_or_create(&labels).inc();
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in a f64")]
fn seconds_of(time: Timestamp) -> f64 {
    time.as_second() as f64
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
