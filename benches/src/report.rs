//! `docs/benchmarks.md`, from what was measured.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use crate::compare_alone::Rates;
use crate::gateway::{Crowd, Gateway, Load};
use crate::growth::Size;
use crate::online::{Online, Scenario};
use crate::served::{Served, percentile};

/// Everything that was measured.
pub(crate) struct Measured {
    /// As in `benches/run quick`.
    pub(crate) command: &'static str,
    pub(crate) date: jiff::civil::Date,
    pub(crate) alone: Rates,
    pub(crate) growth: Vec<Size>,
    pub(crate) online: Online,
    pub(crate) served: Served,
    pub(crate) gateway: Gateway,
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

/// How long it may take until all but one of a hundred edits are in the store.
const SEEN: Duration = Duration::from_millis(500);
const RESCAN: Duration = Duration::from_millis(50);
const PER_SECOND: f64 = 2000.0;
const ANSWERED: Duration = Duration::from_millis(20);

/// What the gateway may add to an answer, with this many clients.
const ADDED: [(usize, Duration); 2] = [(50, Duration::from_micros(300)), (99, Duration::from_millis(1))];
const CLIENTS: usize = 16;

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
    for target in targets(measured) {
        out.push_str(&row(target));
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
    out.push_str(&section(&measured.served));
    out.push_str(&gateway_section(&measured.gateway));
    out
}

/// What was measured of the gateway, with its promises.
pub(crate) fn gateway(gateway: &Gateway) -> String {
    let mut out = String::new();
    for target in gateway_targets(gateway) {
        out.push_str(&row(target));
    }
    out + &gateway_section(gateway)
}

fn gateway_section(gateway: &Gateway) -> String {
    let mut out = String::new();
    let Gateway { asked, rows, connections, disk, .. } = gateway;
    let _ = write!(
        out,
        "
## The gateway

A provider that answers at once, in a process of its own; the gateway of `anchorwatch serve` over it, LiteLLM's proxy (one worker,
without tokens, database or redaction) over the same, and nginx, which only passes on. Each client asks again once it has its
answer, about two kilobytes with a password in it. The gateway looks a token up once a second, redacts, remembers the texts as
private, and has `begin` durably in its audit before anything is sent, and `end` before the answer is given: {asked} attempts and
{rows} rows, by {connections} connections to the provider. Its store is SQLite; the audit is written with `synchronous = FULL`, all
else with `NORMAL`. Until the disk has four pages it takes {disk} here, and each request waits for that twice.

| clients | streamed | direct p50, p99 | gateway p50, p99 | added p50, p99 | requests/s (direct) | nginx added p50, p99 | LiteLLM added p50, p99 | requests/s | LiteLLM ÷ gateway, added p50 |
|---|---|---|---|---|---|---|---|---|---|
",
        disk = precise(*disk),
    );
    for crowd in &gateway.crowds {
        let Crowd { clients, is_streamed, direct, gateway, nginx, litellm } = crowd;
        let both = |load: &Load| format!("{}, {}", precise(load.p50), precise(load.p99));
        let missing = "not installed";
        let nginx = nginx.map_or(missing.to_owned(), |nginx| both(&added(&nginx, direct)));
        let (added, peer) = (added(gateway, direct), litellm.map(|peer| (peer, self::added(&peer, direct))));
        let peer = match peer {
            None => format!("{missing} | |"),
            Some((load, peer)) => {
                let ratio = peer.p50.as_secs_f64() / added.p50.as_secs_f64();
                format!("{} | {:.0} | {ratio:.1}", both(&peer), load.per_second)
            }
        };
        let _ = writeln!(
            out,
            "| {clients} | {} | {} | {} | {} | {:.0} ({:.0}) | {nginx} | {peer} |",
            if *is_streamed { "yes" } else { "no" },
            both(direct),
            both(gateway),
            both(&added),
            gateway.per_second,
            direct.per_second,
        );
    }
    out
}

/// What is waited for longer than by asking directly.
fn added(load: &Load, direct: &Load) -> Load {
    Load { p50: load.p50.saturating_sub(direct.p50), p99: load.p99.saturating_sub(direct.p99), ..*load }
}

fn gateway_targets(gateway: &Gateway) -> Vec<Target> {
    let mut all = vec![Target {
        what: "rows of the audit, for each attempt at the gateway".to_owned(),
        wanted: "2".to_owned(),
        measured: format!("{} for {}", gateway.rows, gateway.asked),
        met: gateway.rows == 2 * gateway.asked,
    }];
    all.push(Target {
        what: "prompts that reached the provider with their secret".to_owned(),
        wanted: "0".to_owned(),
        measured: gateway.leaked.to_string(),
        met: gateway.leaked == 0,
    });
    for crowd in gateway.crowds.iter().filter(|crowd| crowd.clients == CLIENTS) {
        let way = if crowd.is_streamed { "streamed" } else { "whole" };
        let own = added(&crowd.gateway, &crowd.direct);
        for ((hundredths, wanted), measured) in ADDED.into_iter().zip([own.p50, own.p99]) {
            all.push(Target {
                what: format!("added by the gateway, {CLIENTS} clients, {way}, p{hundredths}"),
                wanted: format!("≤ {}", precise(wanted)),
                measured: precise(measured),
                met: measured <= wanted,
            });
        }
        let Some(peer) = crowd.litellm else { continue };
        let ratio = added(&peer, &crowd.direct).p50.as_secs_f64() / own.p50.as_secs_f64();
        all.push(Target {
            what: format!("added by LiteLLM ÷ by the gateway, {CLIENTS} clients, {way}, p50"),
            wanted: format!("≥ {FASTER}"),
            measured: format!("{ratio:.1}"),
            met: ratio >= FASTER,
        });
    }
    all
}

/// With two decimals.
fn precise(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// What was measured of the service, with its promises.
pub(crate) fn served(served: &Served) -> String {
    let mut out = String::new();
    for target in served_targets(served) {
        out.push_str(&row(target));
    }
    out + &section(served)
}

fn row(Target { what, wanted, measured, met }: Target) -> String {
    format!("| {what} | {wanted} | {measured} | {} |\n", if met { "met" } else { "**missed**" })
}

fn section(served: &Served) -> String {
    let mut out = String::new();
    let extent = served.extent;
    let _ = write!(
        out,
        "
## A watch

`anchorwatch serve` on {} objects, with an embedded store. A person edits one ConfigMap after the other, {} in all, and
`kubectl get configmaps -A -w -o json` sees the same edits; time counts from the API server's answer until the service's own API
gives the item, asked every {} ms, or until kubectl has printed the line. Then as many edits are taken back a second later
by another manager, eight at a time; each has its episode, with who ended it.

| | p50 | p99 |
|---|---|---|
",
        extent.objects, extent.edits, 3,
    );
    for (what, times) in [
        ("an edit is in the store", &served.seen),
        ("`kubectl get -w` has printed it", &served.printed),
        ("an edit is in the store that is taken back", &served.fought),
        ("its end is in the store", &served.taken_back),
    ] {
        let _ = writeln!(out, "| {what} | {} | {} |", millis(percentile(times, 50)), millis(percentile(times, 99)));
    }
    let _ = write!(
        out,
        "
`POST /api/v1/drift/scan` after one change, a quarter of a second after the one before, until its answer: {} for all {} objects, {} for one namespace of 500. Peak memory of the
service over all of this: {}.

## Answers

`GET /api/v1/drift/reports` with {} stored reports, by `wrk` with its own defaults (2 threads, 10 connections) on the same cores.

| | requests/s | p50 | p99 |
|---|---|---|---|
",
        millis(served.rescan),
        extent.objects,
        millis(served.rescan_namespace),
        megabytes(served.peak),
        extent.reports,
    );
    for (path, answers) in &served.answers {
        let _ = writeln!(
            out,
            "| `{path}` | {:.0} | {} | {} |",
            answers.per_second,
            millis(answers.p50),
            millis(answers.p99)
        );
    }
    out
}

fn served_targets(served: &Served) -> Vec<Target> {
    let within = |what: &str, wanted: Duration, measured: Duration| Target {
        what: what.to_owned(),
        wanted: format!("≤ {}", millis(wanted)),
        measured: millis(measured),
        met: measured <= wanted,
    };
    let mut all = vec![
        within("an edit is in the store, p99", SEEN, percentile(&served.seen, 99)),
        within("an edit that is taken back is in the store, p99", SEEN, percentile(&served.fought, 99)),
        within("a scan that is asked for after one change", RESCAN, served.rescan),
        Target {
            what: "peak memory of the service".to_owned(),
            wanted: format!("≤ {}", megabytes(PEAK)),
            measured: megabytes(served.peak),
            met: served.peak <= PEAK,
        },
    ];
    if let Some((_, answers)) = served.answers.first() {
        all.push(Target {
            what: "lists of reports a second".to_owned(),
            wanted: format!("≥ {PER_SECOND}"),
            measured: format!("{:.0}", answers.per_second),
            met: answers.per_second >= PER_SECOND,
        });
        all.push(within("a list of reports, p99", ANSWERED, answers.p99));
    }
    all
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
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
    all.extend(served_targets(&measured.served));
    all.extend(gateway_targets(&measured.gateway));
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
