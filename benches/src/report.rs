//! `docs/benchmarks.md`, from what was measured.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use crate::compare_alone::Rates;
use crate::growth::Size;
use crate::online::{Online, Scenario};

/// Everything that was measured.
pub(crate) struct Measured {
    /// As in `benches/run quick`.
    pub(crate) command: &'static str,
    pub(crate) date: jiff::civil::Date,
    pub(crate) alone: Rates,
    pub(crate) growth: Vec<Size>,
    pub(crate) online: Online,
}

/// A promise, and whether it was kept.
struct Target {
    what: String,
    wanted: String,
    measured: String,
    met: bool,
}

const RATIO: f64 = 1.5;
const FASTER: f64 = 100.0;
const REQUESTS: usize = 60;
const PEAK: u64 = 120_000_000;
const ALONE: f64 = 50_000.0;
/// How much more time an object may take among ten times as many: linear, with room for caches that grow too small.
const LINEAR: f64 = 1.3;

/// True if every promise was kept.
pub(crate) fn all_met(measured: &Measured) -> bool {
    targets(measured).iter().all(|target| target.met)
}

/// The page.
pub(crate) fn page(measured: &Measured) -> String {
    let mut out = String::new();
    let online = &measured.online;
    let objects = online.diff.objects;
    let _ = write!(
        out,
        "# Benchmarks

Measured on {} with `{}` on {}. The API server, etcd and what is measured share these cores. Times are medians of
interleaved runs; they are good for comparing with one another, not with another machine's.

## Targets

| | target | measured | |
|---|---|---|---|
",
        measured.date,
        measured.command,
        machine(),
    );
    for Target { what, wanted, measured, met } in targets(measured) {
        let _ = writeln!(out, "| {what} | {wanted} | {measured} | {} |", if met { "met" } else { "**missed**" });
    }
    let _ = write!(
        out,
        "
## A cluster

{objects} objects: 40 % ConfigMaps, 20 % Deployments, 20 % Services, 10 % Secrets, 10 % Roles, in files of ten, in a Git
repository with three commits. A scan is the whole of `anchorwatch scan --output json`, from the start of its process to
its end: reading Git, asking the API server, comparing, writing. The bare LIST is another process with the same client,
page size and concurrency, which reads the same pages and drops them unread.

| | objects | YAML | LIST | bare LIST | scan | scan ÷ LIST | peak memory | requests (LIST) |
|---|---|---|---|---|---|---|---|---|
"
    );
    for scenario in online.smaller.iter().chain(&online.scenarios) {
        line(&mut out, scenario);
    }
    let clean = &online.scenarios[0];
    let (list, yaml) = (clean.list.as_secs_f64(), objects_of(clean) / measured.alone.yaml);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    #[expect(clippy::cast_precision_loss, reason = "a machine has few cores")]
    let least = 1.0 + yaml / cores as f64 / list;
    let _ = write!(
        out,
        "
What a scan costs beyond the LIST is mostly reading Git: {yaml:.2} s of one core for the YAML alone. A LIST of {list:.2} s
keeps all cores busy already, as the API server runs on them too; so with everything else free of charge a scan here would
still take {least:.1} LISTs.

`kubectl diff --server-side` of the same folder and the clean cluster: {}, {} requests (median of {}).

## Growth

A recorded state beside a folder, without a server; no drift.

| objects | input | time | an object | peak memory |
|---|---|---|---|---|
",
        seconds(online.diff.time),
        online.diff.requests,
        online.diff.rounds,
    );
    for size in &measured.growth {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} µs | {} |",
            size.objects,
            megabytes(size.input as u64),
            seconds(size.time),
            size.each().as_micros(),
            megabytes(size.peak),
        );
    }
    let alone = measured.alone;
    let _ = write!(
        out,
        "
## The comparison alone

One thread, {} objects of the same mix ({} bytes each on average as the API server gives them), one leaf of each
differing, no cache.

| | objects a second |
|---|---|
| reading the live object and comparing it | {:.0} |
| reading the live object | {:.0} |
| comparing | {:.0} |
| reading Git's YAML | {:.0} |
",
        alone.objects, alone.live_bytes, alone.both, alone.parse, alone.compare, alone.yaml,
    );
    out
}

fn line(out: &mut String, scenario: &Scenario) {
    let _ = writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {:.2} | {} | {} ({}) |",
        scenario.name,
        scenario.objects,
        megabytes(scenario.yaml as u64),
        megabytes(scenario.listed as u64),
        seconds(scenario.list),
        seconds(scenario.scan),
        scenario.ratio(),
        megabytes(scenario.peak),
        scenario.requests,
        scenario.list_requests,
    );
}

fn targets(measured: &Measured) -> Vec<Target> {
    let online = &measured.online;
    let mut all: Vec<Target> = online
        .scenarios
        .iter()
        .map(|scenario| Target {
            what: format!("scan ÷ bare LIST: {}", scenario.name),
            wanted: format!("≤ {RATIO}"),
            measured: format!("{:.2}", scenario.ratio()),
            met: scenario.ratio() <= RATIO,
        })
        .collect();
    let clean = &online.scenarios[0];
    let faster = online.diff.time.as_secs_f64() / clean.scan.as_secs_f64();
    let requests = online.scenarios.iter().map(|scenario| scenario.requests).max().unwrap_or_default();
    let peak = online.scenarios.iter().map(|scenario| scenario.peak).max().unwrap_or_default();
    let steepest = measured
        .growth
        .windows(2)
        .filter(|pair| pair[0].objects >= 1000)
        .map(|pair| pair[1].each().as_secs_f64() / pair[0].each().as_secs_f64())
        .fold(0.0, f64::max);
    all.extend([
        Target {
            what: "`kubectl diff --server-side` ÷ scan".to_owned(),
            wanted: format!("≥ {FASTER}"),
            measured: format!("{faster:.0}"),
            met: faster >= FASTER,
        },
        Target {
            what: "requests of a scan".to_owned(),
            wanted: format!("≤ {REQUESTS}"),
            measured: requests.to_string(),
            met: requests <= REQUESTS,
        },
        Target {
            what: "peak memory of a scan".to_owned(),
            wanted: format!("≤ {}", megabytes(PEAK)),
            measured: megabytes(peak),
            met: peak <= PEAK,
        },
        Target {
            what: "the comparison alone, objects a second".to_owned(),
            wanted: format!("≥ {ALONE}"),
            measured: format!("{:.0}", measured.alone.both),
            met: measured.alone.both >= ALONE,
        },
        Target {
            what: "growth: time an object ÷ that among a tenth of the objects".to_owned(),
            wanted: format!("≤ {LINEAR}"),
            measured: format!("{steepest:.2}"),
            met: steepest <= LINEAR,
        },
    ]);
    all
}

#[expect(clippy::cast_precision_loss, reason = "a bench has fewer than 2⁵² objects")]
fn objects_of(scenario: &Scenario) -> f64 {
    scenario.objects as f64
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// The kind of machine: `2 cores (AMD EPYC), 24 GiB`.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name).map(|rest| rest.trim_matches([' ', '\t', ':']).to_owned()));
        line.unwrap_or_default()
    };
    let model = read("/proc/cpuinfo", "model name");
    let kilobytes: u64 = read("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
    format!("{cores} cores ({model}), {} GiB", (kilobytes + (1 << 19)) >> 20)
}
