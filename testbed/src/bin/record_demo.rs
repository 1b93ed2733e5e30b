//! Records what `anchorwatch demo` shows: see `app/demo/README.md`.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anchorwatch_testbed::{ControlPlane, Options, record};

const USAGE: &str = "usage: record_demo [SECONDS]

Starts a control plane, delivers app/demo/commits, edits by hand, one edit every SECONDS (default 2), and writes
app/demo/{snapshot.json,audit.jsonl,recorded-at.txt}.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let pace = match arguments.as_slice() {
        [] => 2,
        [seconds] => seconds.parse().map_err(|_| USAGE)?,
        _ => return Err(USAGE.into()),
    };
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/demo");
    let plane = ControlPlane::start(&Options::whole())?;
    record::record(&plane, &demo, Duration::from_secs(pace))?;
    Ok(())
}
