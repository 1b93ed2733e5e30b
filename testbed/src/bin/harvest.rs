//! Writes the catalogue of the built-in types and their defaults from a running API server.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anchorwatch_testbed::harvest::{Api, Catalogue, Clusters, harvest};
use anchorwatch_testbed::{Binaries, ControlPlane, Options, Person, Tool};

const USAGE: &str =
    "usage: harvest [--check] [--defaults-only] [--unshown] [--kubeconfig FILE] [--seeds FOLDER] [--out FOLDER]

Starts two control planes, set up differently, or uses the cluster of --kubeconfig (dry runs only, so it cannot tell
what a Service is allocated), and writes types.txt and defaults-MINOR.txt. With --check nothing is written: exit code
1 and a diff if the files are stale. --unshown lists the types that no seed states. --defaults-only leaves types.txt
out and passes over what the server does not know, for releases that are older than the seeds.";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "{failure}");
            ExitCode::from(2)
        }
    }
}

struct Request {
    check: bool,
    defaults_only: bool,
    unshown: bool,
    kubeconfig: Option<PathBuf>,
    seeds: PathBuf,
    out: PathBuf,
}

type Failure = Box<dyn std::error::Error>;

fn run() -> Result<ExitCode, Failure> {
    let request = parse(std::env::args().skip(1))?;
    let catalogue = catalogue(&request)?;
    let catalogue = if request.defaults_only { catalogue.defaults_only() } else { catalogue };
    let mut log = io::stderr().lock();
    for (word, count) in catalogue.counts() {
        writeln!(log, "{count:6} {word}")?;
    }
    if request.unshown {
        writeln!(io::stdout(), "{}", catalogue.unshown().join("\n"))?;
    }
    if !request.check {
        catalogue.write(&request.out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let stale = catalogue.compare(&request.out);
    for staleness in &stale {
        write!(io::stdout(), "{} is stale:\n{}", staleness.file.display(), staleness.difference)?;
    }
    Ok(if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Request, Failure> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let out = here.join("../core/src/schema/catalogue");
    let mut request = Request {
        check: false,
        defaults_only: false,
        unshown: false,
        kubeconfig: None,
        seeds: here.join("harvest"),
        out,
    };
    while let Some(argument) = arguments.next() {
        let mut path = || arguments.next().map(PathBuf::from).ok_or(USAGE);
        match argument.as_str() {
            "--check" => request.check = true,
            "--defaults-only" => request.defaults_only = true,
            "--unshown" => request.unshown = true,
            "--kubeconfig" => request.kubeconfig = Some(path()?),
            "--seeds" => request.seeds = path()?,
            "--out" => request.out = path()?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(request)
}

fn catalogue(request: &Request) -> Result<Catalogue, Failure> {
    let kubectl = Binaries::find_or_build()?.path(Tool::Kubectl).ok_or("no kubectl")?;
    if let Some(kubeconfig) = &request.kubeconfig {
        let first = Api::connect(&kubectl, Some(kubeconfig))?;
        return Ok(harvest(&Clusters { first, other: None }, &request.seeds)?);
    }
    let dual_stack = Options::with_controllers().server_flag("--service-cluster-ip-range=10.97.0.0/16,fd00:97::/112");
    let (plane, other) = start_both(&Options::with_controllers(), &dual_stack)?;
    let connect = |plane: &ControlPlane| -> Result<Api, Failure> {
        let api = Api::connect(&kubectl, Some(&plane.kubeconfig(Person::Admin)))?;
        Ok(api.ours_to_use().older(request.defaults_only))
    };
    let clusters = Clusters { first: connect(&plane)?, other: Some(connect(&other)?) };
    Ok(harvest(&clusters, &request.seeds)?)
}

fn start_both(first: &Options, other: &Options) -> Result<(ControlPlane, ControlPlane), Failure> {
    thread::scope(|scope| {
        let other = scope.spawn(|| ControlPlane::start(other));
        let first = ControlPlane::start(first);
        let other = other.join().map_err(|_| "the second control plane's start panicked")?;
        Ok((first?, other?))
    })
}
