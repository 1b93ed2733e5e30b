//! Measures a scan beside the API server's own LIST and `kubectl diff`.
//!
//! ```text
//! benches/run                 everything, and writes docs/benchmarks.md; exit status 1 if a target is missed
//! benches/run quick           the same with a tenth of the objects, printed only
//! benches/run compare-alone   the comparison alone
//! benches/run growth N…       only scans of that many objects, without a server
//! benches/run served [OBJECTS EDITS REPORTS]  only the service: how soon edits are seen, how many it answers; printed only
//! benches/run audit [ROWS CLIENTS]  only the audit: attempts written and rows verified, on both databases; printed only
//! benches/run gateway [ROUNDS MILLISECONDS]  only the gateway, beside LiteLLM's proxy and nginx where they are installed; printed only
//! benches/run provider        is the provider that the gateway is measured with
//! benches/run hold APPS       fills a control plane and holds it until its standard input closes, for a profiler
//! benches/run record          prints objects/live.jsonl anew, from a control plane
//! ```

mod audit;
mod cluster;
mod compare_alone;
mod gateway;
mod growth;
mod measure;
mod objects;
mod online;
mod raw_list;
mod remembered;
mod report;
mod repository;
mod served;

use std::error::Error;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;

use cluster::Filled;
use objects::Flavour;
use online::Extent;
use report::Measured;
use repository::Repository;

// As the program that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PAGE: &str = "docs/benchmarks.md";
/// What is measured of the service.
const WHOLE: served::Extent = served::Extent { objects: 10_000, edits: 200, reports: 100_000 };
const QUICK: served::Extent = served::Extent { objects: 1000, edits: 20, reports: 10_000 };
/// What is measured of the gateway.
const GATEWAY: gateway::Extent = gateway::Extent { rounds: 5, round: Duration::from_secs(2) };
const QUICK_GATEWAY: gateway::Extent = gateway::Extent { rounds: 1, round: Duration::from_secs(1) };

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // As the program that is measured has it.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut out = io::stdout().lock();
    match arguments[..] {
        ["full"] => return full(&runtime),
        ["quick"] => write!(out, "{}", report::page(&quick(&runtime)?))?,
        ["compare-alone"] => writeln!(out, "{:#?}", compare_alone::run(1000, 9))?,
        ["growth", ref sizes @ ..] => {
            for objects in sizes {
                let size = growth::run(&scanner()?, objects.parse()?, 3)?;
                writeln!(out, "{size:?}, {:?} each", size.each())?;
            }
        }
        ["raw-list", kubeconfig, apps] => {
            let lists = runtime.spawn(raw_list::run(kubeconfig.into(), apps.parse()?));
            let bytes = runtime.block_on(lists)?.map_err(|error| error.to_string())?;
            writeln!(out, "{bytes}")?;
        }
        ["served", ref numbers @ ..] => {
            let extent = match numbers {
                [objects, edits, reports] => {
                    served::Extent { objects: objects.parse()?, edits: edits.parse()?, reports: reports.parse()? }
                }
                _ => WHOLE,
            };
            let served = served::run(&runtime, &scanner()?, extent)?;
            write!(out, "{}", report::served(&served))?;
        }
        ["audit", ref numbers @ ..] => {
            let extent = match numbers {
                [rows, clients] => (rows.parse()?, clients.parse()?),
                _ => (1_000_000, 64),
            };
            let servers = [None, anchorwatch_testbed::Postgres::start()?];
            for server in servers.iter().enumerate().filter(|(at, server)| *at == 0 || server.is_some()) {
                let measured = runtime.block_on(audit::run(&scanner()?, server.1.as_ref(), extent));
                write!(out, "{}", measured.map_err(|error| error.to_string())?)?;
            }
        }
        ["gateway", ref numbers @ ..] => {
            let extent = match numbers {
                [rounds, millis] => {
                    gateway::Extent { rounds: rounds.parse()?, round: Duration::from_millis(millis.parse()?) }
                }
                _ => GATEWAY,
            };
            write!(out, "{}", report::gateway(&gateway::run(&runtime, &scanner()?, extent)?))?;
        }
        ["provider"] => runtime.block_on(gateway::provide())?,
        ["hold", apps] => hold(&runtime, &mut out, apps.parse()?)?,
        ["record"] => cluster::record(&runtime, &mut out)?,
        _ => return Err("see the head of benches/src/main.rs".into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn full(runtime: &Runtime) -> Result<ExitCode, Box<dyn Error>> {
    let extent = Extent { smaller: &[100, 1000], objects: 10_000, rounds: 9, diff_rounds: 1 };
    let measured = measure(runtime, "benches/run", &[100, 1000, 10_000, 100_000], (extent, WHOLE, GATEWAY))?;
    let page = report::page(&measured);
    std::fs::write(Path::new(PAGE), &page)?;
    write!(io::stdout(), "{page}")?;
    Ok(ExitCode::from(u8::from(!report::all_met(&measured))))
}

fn quick(runtime: &Runtime) -> Result<Measured, Box<dyn Error>> {
    let extent = Extent { smaller: &[100], objects: 1000, rounds: 5, diff_rounds: 1 };
    measure(runtime, "benches/run quick", &[100, 1000, 10_000], (extent, QUICK, QUICK_GATEWAY))
}

fn measure(
    runtime: &Runtime,
    command: &'static str,
    sizes: &[usize],
    (online, served, gateway): (Extent, served::Extent, gateway::Extent),
) -> Result<Measured, Box<dyn Error>> {
    let scanner = scanner()?;
    let alone = compare_alone::run(1000, 9);
    let growth = sizes.iter().map(|objects| growth::run(&scanner, *objects, 3)).collect::<Result<_, _>>()?;
    let online = online::run(runtime, &scanner, online)?;
    let served = served::run(runtime, &scanner, served)?;
    let gateway = gateway::run(runtime, &scanner, gateway)?;
    Ok(Measured { command, date: jiff::Zoned::now().date(), alone, growth, online, served, gateway })
}

/// The program that is measured lies beside this one.
fn scanner() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("anchorwatch"))
}

fn hold(runtime: &Runtime, out: &mut impl io::Write, apps: usize) -> Result<(), Box<dyn Error>> {
    let (repository, ahead) = (Repository::create(apps, Flavour::Clean)?, Repository::ahead(apps)?);
    let cluster = Filled::start(runtime)?;
    cluster.deliver(runtime, 0..apps, Flavour::Clean)?;
    writeln!(out, "{} {} {}", cluster.kubeconfig().display(), repository.address(), ahead.address())?;
    for line in io::stdin().lines() {
        match line?.as_str() {
            "drift" => cluster.drift(runtime, apps)?,
            "large" => cluster.deliver(runtime, 0..apps, Flavour::Large)?,
            "clean" => cluster.deliver(runtime, 0..apps, Flavour::Clean)?,
            _ => {}
        }
        writeln!(out, "{} requests so far", cluster.requests()?)?;
    }
    Ok(())
}
