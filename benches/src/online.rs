//! Scanning a cluster, beside the bare LIST of the same objects and beside `kubectl diff`; all runs interleaved.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::cluster::{DELIVERER, Filled};
use crate::measure::{self, Ended, median};
use crate::objects::{Flavour, OBJECTS_PER_APP};
use crate::repository::Repository;

/// What was measured of one state of the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) objects: usize,
    /// Bytes of YAML.
    pub(crate) yaml: usize,
    /// Bytes of the lists.
    pub(crate) listed: usize,
    pub(crate) list: Duration,
    pub(crate) scan: Duration,
    /// Bytes.
    pub(crate) peak: u64,
    pub(crate) requests: usize,
    /// Requests of the bare LIST.
    pub(crate) list_requests: usize,
}

impl Scenario {
    /// How many times as long a scan takes as the bare LIST.
    pub(crate) fn ratio(&self) -> f64 {
        self.scan.as_secs_f64() / self.list.as_secs_f64()
    }
}

/// `kubectl diff --server-side` of the same folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KubectlDiff {
    pub(crate) objects: usize,
    pub(crate) time: Duration,
    pub(crate) requests: usize,
    pub(crate) rounds: usize,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Objects of the smaller clusters, in rising order.
    pub(crate) smaller: &'static [usize],
    pub(crate) objects: usize,
    pub(crate) rounds: usize,
    pub(crate) diff_rounds: usize,
}

/// What was measured on the cluster.
#[derive(Debug)]
pub(crate) struct Online {
    pub(crate) smaller: Vec<Scenario>,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) diff: KubectlDiff,
}

struct Bench<'a> {
    cluster: &'a Filled,
    scanner: &'a Path,
    this: PathBuf,
    /// Outputs, and the scanner's state.
    scratch: TempDir,
}

/// Measures everything that needs a cluster.
pub(crate) fn run(runtime: &Runtime, scanner: &Path, extent: Extent) -> Result<Online, Box<dyn Error>> {
    let cluster = Filled::start(runtime)?;
    let bench = Bench { cluster: &cluster, scanner, this: std::env::current_exe()?, scratch: tempfile::tempdir()? };
    let mut delivered = 0;
    let mut smaller = Vec::new();
    for objects in extent.smaller {
        let apps = objects / OBJECTS_PER_APP;
        cluster.deliver(runtime, delivered..apps, Flavour::Clean)?;
        delivered = apps;
        let repository = Repository::create(apps, Flavour::Clean)?;
        smaller.push(bench.measure("clean", &repository, apps, extent.rounds)?);
    }
    let apps = extent.objects / OBJECTS_PER_APP;
    let repository = Repository::create(apps, Flavour::Clean)?;
    cluster.deliver(runtime, delivered..apps, Flavour::Clean)?;
    let clean = bench.measure("clean", &repository, apps, extent.rounds)?;
    let diff = bench.kubectl_diff(repository.path(), apps, extent.diff_rounds)?;
    cluster.drift(runtime, apps)?;
    let drifted = bench.measure("one drift in every object, by hand", &repository, apps, extent.rounds)?;
    cluster.deliver(runtime, 0..apps, Flavour::Clean)?;
    let ahead = Repository::ahead(apps)?;
    let stuck = bench.measure("one drift in every object, Git ahead", &ahead, apps, extent.rounds)?;
    let repository = Repository::create(apps, Flavour::Large)?;
    cluster.deliver(runtime, 0..apps, Flavour::Large)?;
    let large = bench.measure("20 % Deployments of 5 KB", &repository, apps, extent.rounds)?;
    Ok(Online { smaller, scenarios: vec![clean, drifted, stuck, large], diff })
}

impl Bench<'_> {
    fn measure(
        &self,
        name: &'static str,
        repository: &Repository,
        apps: usize,
        rounds: usize,
    ) -> Result<Scenario, Box<dyn Error>> {
        let drifted = name.starts_with("one drift");
        let output = self.scratch.path().join("output");
        let before = self.cluster.requests()?;
        measure::time(self.list(apps), &output)?;
        let listed = std::fs::read_to_string(&output)?.trim().parse()?;
        let list_requests = self.cluster.requests()? - before;
        let before = self.cluster.requests()?;
        let watched = measure::peak(self.scan(&repository.address()), &output)?;
        let requests = self.cluster.requests()? - before;
        expect_drift(&output, watched, apps * OBJECTS_PER_APP, drifted)?;
        let (mut lists, mut scans) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            lists.push(measure::time(self.list(apps), &output)?.time);
            scans.push(measure::time(self.scan(&repository.address()), &output)?.time);
        }
        Ok(Scenario {
            name,
            objects: apps * OBJECTS_PER_APP,
            yaml: repository.bytes,
            listed,
            list: median(lists),
            scan: median(scans),
            peak: watched.peak,
            requests,
            list_requests,
        })
    }

    fn scan(&self, source: &str) -> Command {
        let mut command = Command::new(self.scanner);
        command.args(["scan", "--output", "json", "--source", source, "--kubeconfig"]).arg(self.cluster.kubeconfig());
        command.env("XDG_STATE_HOME", self.scratch.path());
        command
    }

    fn list(&self, apps: usize) -> Command {
        let mut command = Command::new(&self.this);
        command.arg("raw-list").arg(self.cluster.kubeconfig()).arg(apps.to_string());
        command
    }

    fn kubectl_diff(&self, folder: &Path, apps: usize, rounds: usize) -> Result<KubectlDiff, Box<dyn Error>> {
        let kubectl = self.cluster.kubectl().ok_or("the testbed has no kubectl")?;
        let output = self.scratch.path().join("output");
        let before = self.cluster.requests()?;
        let mut times = Vec::new();
        for _ in 0..rounds {
            let mut command = Command::new(&kubectl);
            command.args(["diff", "--server-side", "--recursive", "--filename"]).arg(folder);
            command.arg(format!("--field-manager={DELIVERER}"));
            command.arg("--kubeconfig").arg(self.cluster.kubeconfig());
            command.env("KUBECACHEDIR", self.scratch.path().join("kubectl"));
            let ended = measure::time(command, &output)?;
            if ended.code != 0 {
                return Err("kubectl diff sees drift in a clean cluster".into());
            }
            times.push(ended.time);
        }
        let requests = (self.cluster.requests()? - before) / rounds;
        Ok(KubectlDiff { objects: apps * OBJECTS_PER_APP, time: median(times), requests, rounds })
    }
}

/// A scan that looks at nothing is fast: it has to have compared everything, and found what was made.
fn expect_drift(output: &Path, ended: Ended, objects: usize, drifted: bool) -> Result<(), Box<dyn Error>> {
    let list: serde_json::Value = serde_json::from_slice(&std::fs::read(output)?)?;
    let reports = list["items"].as_array().ok_or("a scan's output is a list of reports")?;
    let compared: u64 = reports.iter().filter_map(|report| report["objects"].as_u64()).sum();
    let items: usize = reports.iter().filter_map(|report| Some(report["items"].as_array()?.len())).sum();
    let expected = (if drifted { objects } else { 0 }, i32::from(drifted), objects as u64);
    if (items, ended.code, compared) == expected {
        return Ok(());
    }
    Err(format!("{items} items in {compared} objects, exit status {}; expected {expected:?}", ended.code).into())
}
