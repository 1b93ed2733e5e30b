//! `anchorwatch serve`: how soon an edit is in its store, beside `kubectl get -w`; and how many it can answer at once.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anchorwatch_core::drift::compare::Change;
use anchorwatch_core::drift::item::Identifying;
use anchorwatch_testbed::Service;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::cluster::{DELIVERER, Filled, PERSON};
use crate::measure::{self, median};
use crate::objects::{self, APP, Flavour, OBJECTS_PER_APP};
use crate::remembered;
use crate::repository::Repository;

/// How often is looked whether an edit is there.
const POLL: Duration = Duration::from_millis(3);
/// Longest time that anything is waited for.
const LIMIT: Duration = Duration::from_mins(1);
/// How long a person's edit stays until it is taken back.
const REVERTED_AFTER: Duration = Duration::from_secs(1);
/// How many edits are taken back at the same time.
const AT_ONCE: usize = 8;
/// Scans are asked for so far apart: the API server asks etcd at most every 100 ms how far it is, and whoever comes sooner
/// waits for that.
const APART: Duration = Duration::from_millis(250);
/// The namespaces in which something changed are scanned meanwhile.
const QUIET: Duration = Duration::from_secs(15);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) objects: usize,
    pub(crate) edits: usize,
    pub(crate) reports: usize,
}

/// Everything that was measured of the service.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) extent: Extent,
    /// From the API server's answer to an edit until it is in the store.
    pub(crate) seen: Vec<Duration>,
    /// Until `kubectl get -w -o json` has printed it.
    pub(crate) printed: Vec<Duration>,
    /// Until an edit is in the store that is taken back a second later.
    pub(crate) fought: Vec<Duration>,
    /// Until it is in the store that it was taken back, and by whom.
    pub(crate) taken_back: Vec<Duration>,
    /// Bytes.
    pub(crate) peak: u64,
    /// Asking for a scan of all, after one change, until its answer.
    pub(crate) rescan: Duration,
    /// The same of one namespace.
    pub(crate) rescan_namespace: Duration,
    /// Lists of reports: what is asked for, and what `wrk` says of the answers; nothing where it is not installed.
    pub(crate) answers: Vec<(&'static str, Answers)>,
}

/// What `wrk` says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// The value below which this share of all is.
pub(crate) fn percentile(times: &[Duration], hundredths: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * hundredths).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Measures all of it.
pub(crate) fn run(runtime: &Runtime, program: &Path, extent: Extent) -> Result<Served, Box<dyn Error>> {
    let cluster = Filled::start(runtime)?;
    let apps = extent.objects / OBJECTS_PER_APP;
    cluster.deliver(runtime, 0..apps, Flavour::Clean)?;
    let repository = Repository::create(apps, Flavour::Clean)?;
    let watch = Watch::start(&cluster, program, &repository)?;
    let bench = Bench { runtime, cluster: &cluster, watch: &watch, apps };
    let kubectl = Kubectl::start(&cluster)?;
    let (seen, printed) = bench.edits(extent.edits, &kubectl)?;
    drop(kubectl);
    let (fought, taken_back) = bench.fights(extent.edits)?;
    thread::sleep(QUIET);
    let (rescan, rescan_namespace) = bench.rescans(9)?;
    let peak = measure::peak_of(watch.service.id()).ok_or("the service has ended")?;
    drop(watch);
    drop(cluster);
    let answers = answers(runtime, program, extent.reports)?;
    Ok(Served { extent, seen, printed, fought, taken_back, peak, rescan, rescan_namespace, answers })
}

/// A service, and who asks it.
pub(crate) struct Watch {
    pub(crate) service: Service,
    pub(crate) token: String,
    _folder: TempDir,
}

impl Watch {
    fn start(cluster: &Filled, program: &Path, repository: &Repository) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let config = format!(
            "listen: 127.0.0.1:0\nclusters:\n- {{name: lab, kubeconfig: '{}'}}\nsources:\n\
             - {{name: shop, cluster: lab, address: '{}', interval: 24h, secrets: compare}}\n",
            cluster.kubeconfig().display(),
            repository.address()
        );
        let watch = Self::serve(program, folder, &config)?;
        until("the watch", || {
            let source = watch.get("/api/v1/sources")["items"][0].clone();
            source["watch"]["whole"] == true && !source["last_success_at"].is_null()
        })?;
        Ok(watch)
    }

    pub(crate) fn serve(program: &Path, folder: TempDir, config: &str) -> Result<Self, Box<dyn Error>> {
        fs::write(folder.path().join("anchorwatch.yaml"), config)?;
        let command = |arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments).args(["--config", "anchorwatch.yaml"]).current_dir(folder.path());
            command.env("HOME", folder.path());
            command
        };
        let token = command(&["token", "create", "bench", "--role", "operator"]).output()?;
        let token = String::from_utf8(token.stdout)?.trim().to_owned();
        let service = Service::start("anchorwatch", command(&["serve"]), &folder.path().join("log"))?;
        Ok(Self { service, token, _folder: folder })
    }

    fn get(&self, path: &str) -> Value {
        self.service.get(path, &self.token).json()
    }

    /// An item as it is in the store now.
    fn item(&self, edit: &Edit) -> Value {
        self.get(&format!("/api/v1/drift/items/{}", edit.fingerprint()))
    }
}

/// A person's edit of the level in one app's ConfigMap.
#[derive(Debug, Clone)]
struct Edit {
    app: usize,
    template: usize,
    value: String,
}

impl Edit {
    fn fingerprint(&self) -> String {
        let identity = Identifying {
            cluster: "lab",
            source: "shop",
            group: "",
            kind: "ConfigMap",
            namespace: &objects::namespace(self.app),
            name: &APP[self.template].name_of(self.app),
            stable_path: "data.LOG_LEVEL",
            change: Change::Changed,
        };
        identity.fingerprint()
    }
}

struct Bench<'a> {
    runtime: &'a Runtime,
    cluster: &'a Filled,
    watch: &'a Watch,
    apps: usize,
}

impl Bench<'_> {
    /// One edit after the other; when each was in the store, and when `kubectl` had printed it.
    fn edits(&self, count: usize, kubectl: &Kubectl) -> Result<(Vec<Duration>, Vec<Duration>), Box<dyn Error>> {
        let (mut seen, mut printed) = (Vec::new(), Vec::new());
        // It has begun to watch once it prints one; to write the same again would change nothing.
        let mut begun = 1_000_000;
        until("kubectl's first line", || {
            begun += 1;
            let edit = self.edit(0, 0, begun);
            let edited = self.write(&edit, PERSON).is_ok();
            thread::sleep(POLL * 10);
            edited && kubectl.printed(&edit.value).is_some()
        })?;
        for number in 1..=count {
            let edit = self.edit(number, 0, number);
            let answered = self.write(&edit, PERSON)?;
            until("an edit", || shows(&self.watch.item(&edit), &edit.value))?;
            seen.push(answered.elapsed());
            until("an edit by kubectl", || kubectl.printed(&edit.value).is_some())?;
            let line = kubectl.printed(&edit.value).unwrap_or(answered);
            printed.push(line.saturating_duration_since(answered));
        }
        Ok((seen, printed))
    }

    /// Edits that are taken back a second later: when each was in the store, and when its end was.
    fn fights(&self, count: usize) -> Result<(Vec<Duration>, Vec<Duration>), Box<dyn Error>> {
        let fought = Mutex::new(Vec::new());
        let failed = Mutex::new(None);
        thread::scope(|scope| {
            for lane in 0..AT_ONCE {
                let (fought, failed) = (&fought, &failed);
                scope.spawn(move || {
                    // Not all in the same moment.
                    thread::sleep(REVERTED_AFTER / 8 * u32::try_from(lane).unwrap_or_default());
                    for number in (lane..count).step_by(AT_ONCE) {
                        match self.fight(number) {
                            Ok(times) => fought.lock().unwrap_or_else(PoisonError::into_inner).push(times),
                            Err(error) => {
                                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                            }
                        }
                    }
                });
            }
        });
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error.into());
        }
        Ok(fought.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().unzip())
    }

    fn fight(&self, number: usize) -> Result<(Duration, Duration), Box<dyn Error>> {
        let edit = self.edit(number, 1, number);
        let answered = self.write(&edit, PERSON)?;
        until("an edit that is fought over", || shows(&self.watch.item(&edit), &edit.value))?;
        let seen = answered.elapsed();
        thread::sleep(REVERTED_AFTER.saturating_sub(answered.elapsed()));
        let answered = self.write(&Edit { value: "info".to_owned(), ..edit.clone() }, DELIVERER)?;
        until("an edit's end", || self.watch.item(&edit)["status"] == "resolved")?;
        let taken_back = answered.elapsed();
        let episodes = self.watch.get(&format!("/api/v1/drift/items/{}/episodes", edit.fingerprint()));
        let episode = &episodes["items"][0];
        if episode["manager"] == PERSON && episode["ended_by"] == DELIVERER {
            return Ok((seen, taken_back));
        }
        Err(format!("no episode by {PERSON}, ended by {DELIVERER}: {episodes}").into())
    }

    /// Scans that are asked for after one change each: of all, and of the namespace.
    fn rescans(&self, rounds: usize) -> Result<(Duration, Duration), Box<dyn Error>> {
        let (mut all, mut one) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            for (times, body) in [(&mut all, json!({})), (&mut one, json!({"namespaces": [objects::namespace(0)]}))] {
                thread::sleep(APART);
                let edit = self.edit(0, 2, 1_000_000 + 2 * round + usize::from(body != json!({})));
                self.write(&edit, PERSON)?;
                let asked = Instant::now();
                let answer = self.watch.service.post("/api/v1/drift/scan", &self.watch.token, &body);
                times.push(asked.elapsed());
                if answer.status != 200 || !shows(&self.watch.item(&edit), &edit.value) {
                    return Err(format!("a scan misses {}: {} {}", edit.value, answer.status, answer.text).into());
                }
            }
        }
        Ok((median(all), median(one)))
    }

    fn edit(&self, number: usize, template: usize, value: usize) -> Edit {
        // Spread over the namespaces.
        Edit { app: (number * 37) % self.apps, template, value: format!("level-{template}-{value}") }
    }

    /// Makes an edit; when it was answered.
    fn write(&self, edit: &Edit, manager: &'static str) -> Result<Instant, Box<dyn Error>> {
        let body = json!({"data": {"LOG_LEVEL": edit.value}}).to_string();
        self.cluster.patch(self.runtime, &APP[edit.template].path(edit.app), body, manager)?;
        Ok(Instant::now())
    }
}

fn shows(item: &Value, value: &str) -> bool {
    item["status"] == "pending" && item["actual_value"].to_string().contains(value)
}

fn until(awaited: &str, mut happened: impl FnMut() -> bool) -> Result<(), Box<dyn Error>> {
    let end = Instant::now() + LIMIT;
    while !happened() {
        if Instant::now() > end {
            return Err(format!("{awaited} never came").into());
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// `kubectl get -w` of all ConfigMaps, and when it printed which value.
struct Kubectl {
    child: Child,
    printed: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Kubectl {
    fn start(cluster: &Filled) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(cluster.kubectl().ok_or("the testbed has no kubectl")?);
        command.args(["get", "configmaps", "--all-namespaces", "--watch-only", "--output=json", "--kubeconfig"]);
        command.arg(cluster.kubeconfig()).stdout(Stdio::piped()).stdin(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("its output is piped")?;
        let printed = Arc::new(Mutex::new(HashMap::new()));
        let noted = Arc::clone(&printed);
        // It ends with the child's output.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let value = line.trim().strip_prefix("\"LOG_LEVEL\": \"").and_then(|rest| rest.split('"').next());
                if let Some(value) = value {
                    let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
                    noted.entry(value.to_owned()).or_insert_with(Instant::now);
                }
            }
        });
        Ok(Self { child, printed })
    }

    fn printed(&self, value: &str) -> Option<Instant> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).get(value).copied()
    }
}

impl Drop for Kubectl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lists of reports, asked for by as many connections as `wrk` makes by itself.
fn answers(runtime: &Runtime, program: &Path, reports: usize) -> Result<Vec<(&'static str, Answers)>, Box<dyn Error>> {
    let Some(wrk) = anchorwatch_testbed::find_on_path("wrk") else { return Ok(Vec::new()) };
    let folder = tempfile::tempdir()?;
    runtime.block_on(remembered::fill(&folder.path().join("anchorwatch.db"), reports))?;
    // A source there has to be; a scan of this one fails, and adds no report.
    let config = "listen: 127.0.0.1:0\nclusters: [{name: prod, snapshot: none.json}]\n\
                  sources: [{name: none, cluster: prod, address: none, interval: 24h}]\n";
    let watch = Watch::serve(program, folder, config)?;
    let known = watch.get("/api/v1/drift/reports?limit=1")["total"].as_u64();
    if known != Some(reports as u64) {
        return Err(format!("{known:?} reports are remembered").into());
    }
    let paths =
        ["/api/v1/drift/reports", "/api/v1/drift/reports?limit=20", "/api/v1/drift/reports?status=pending&limit=20"];
    paths.into_iter().map(|path| Ok((path, load(&wrk, &watch, path)?))).collect()
}

fn load(wrk: &PathBuf, watch: &Watch, path: &str) -> Result<Answers, Box<dyn Error>> {
    let run = |seconds: &str| {
        let mut command = Command::new(wrk);
        command.args(["--latency", "--duration", seconds, "--header"]);
        command.arg(format!("Authorization: Bearer {}", watch.token)).arg(format!("{}{path}", watch.service.url()));
        command.output()
    };
    run("2s")?;
    let said = String::from_utf8(run("10s")?.stdout)?;
    let after =
        |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name).map(|rest| rest.trim().to_owned()));
    if said.contains("Non-2xx") {
        return Err(said.into());
    }
    let (per_second, p50, p99) = (after("Requests/sec:"), after("50%"), after("99%"));
    let (Some(per_second), Some(p50), Some(p99)) = (per_second, p50, p99) else { return Err(said.into()) };
    Ok(Answers { per_second: per_second.parse()?, p50: duration(&p50)?, p99: duration(&p99)? })
}

/// As `wrk` writes it: `812.00us`, `3.12ms`, `1.10s`.
fn duration(text: &str) -> Result<Duration, Box<dyn Error>> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic()).ok_or("a time has a unit")?);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        _ => 1.0,
    };
    Ok(Duration::from_secs_f64(number.parse::<f64>()? * seconds))
}
