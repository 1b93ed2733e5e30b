//! Measures a scan beside the API server's own LIST and `kubectl diff`.
//!
//! ```text
//! benches/run                 everything, and writes docs/benchmarks.md; exit status 1 if a target is missed
//! benches/run quick           the same with a tenth of the objects, printed only
//! benches/run compare-alone   the comparison alone
//! benches/run record          prints objects/live.jsonl anew, from a control plane
//! ```

mod cluster;
mod compare_alone;
mod measure;
mod objects;
mod raw_list;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

// As the program that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match arguments[..] {
        ["compare-alone"] => writeln!(std::io::stdout(), "{:#?}", compare_alone::run(1000, 9))?,
        ["raw-list", kubeconfig, apps] => {
            let bytes = runtime.block_on(raw_list::run(kubeconfig.into(), apps.parse()?))?;
            writeln!(std::io::stdout(), "{bytes}")?;
        }
        ["record"] => cluster::record(&runtime)?,
        _ => return Err("see the head of benches/src/main.rs".into()),
    }
    Ok(ExitCode::SUCCESS)
}
