//! The world of these tests: one control plane that all share while any of them runs, and the real program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use anchorwatch_testbed::{ControlPlane, Options, Person};
use serde_json::Value;

/// Longest time one run of the program may take.
const RUN_LIMIT: Duration = Duration::from_mins(2);

/// A control plane with controllers and one fake node. Alice may do everything, Bob nothing.
///
/// The last test to let go of it stops it; a static would never be dropped.
pub(crate) struct World {
    pub(crate) plane: ControlPlane,
}

impl World {
    /// The shared one, started if nobody else has it.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<World>> = Mutex::new(Weak::new());
        // A test that fails while it starts the world leaves nothing half done in here.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(world) = shared.upgrade() {
            return world;
        }
        let world = Arc::new(Self::start());
        *shared = Arc::downgrade(&world);
        world
    }

    fn start() -> Self {
        let plane = ControlPlane::start(&Options::whole()).unwrap();
        let grant = ["create", "clusterrolebinding", "alice", "--clusterrole=cluster-admin", "--user=alice"];
        plane.kubectl(&grant).unwrap();
        let world = Self { plane };
        let may = |world: &Self| world.kubectl_as(Person::Alice, &["auth", "can-i", "*", "*", "--all-namespaces"], "");
        until("alice's rights", || may(&world).status.success());
        world
    }

    /// kubectl as the administrator; what it prints.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.plane.kubectl(arguments).unwrap()
    }

    /// kubectl as somebody, however it ends.
    pub(crate) fn kubectl_as(&self, person: Person, arguments: &[&str], input: &str) -> Output {
        self.plane.kubectl_as(person, arguments, input).unwrap()
    }

    /// kubectl as Alice in a namespace; it must succeed.
    pub(crate) fn alice(&self, namespace: &str, arguments: &[&str]) {
        let arguments = [arguments, &["--namespace", namespace]].concat();
        let output = self.kubectl_as(Person::Alice, &arguments, "");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    }

    /// Makes manifests the cluster's, by `kubectl` with these arguments before `-f -`.
    pub(crate) fn deliver(&self, arguments: &[&str], manifests: &str) {
        let arguments = [arguments, &["-f", "-"]].concat();
        self.plane.kubectl_with_input(&arguments, manifests).unwrap();
    }

    /// Delivers as Argo CD does.
    pub(crate) fn deliver_as_argo_cd(&self, manifests: &str) {
        self.deliver(&["apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller"], manifests);
    }

    /// Creates a namespace, and waits until the controllers have filled it.
    pub(crate) fn namespace(&self, name: &str) {
        self.kubectl(&["create", "namespace", name]);
        let account = ["get", "serviceaccount/default", "--namespace", name];
        until("the namespace's service account", || self.kubectl_as(Person::Admin, &account, "").status.success());
    }

    /// Scans as the administrator.
    pub(crate) fn scan(&self, source: impl AsRef<str>) -> Scan {
        self.scan_as(Person::Admin, source, &[])
    }

    /// Scans as somebody.
    pub(crate) fn scan_as(&self, person: Person, source: impl AsRef<str>, arguments: &[&str]) -> Scan {
        self.scan_with(&self.plane.kubeconfig(person), source, arguments)
    }

    /// Scans with a kubeconfig.
    pub(crate) fn scan_with(&self, kubeconfig: &Path, source: impl AsRef<str>, arguments: &[&str]) -> Scan {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
        command.args(["scan", "--output=json", "--source", source.as_ref(), "--kubeconfig"]).arg(kubeconfig);
        command.args(arguments);
        // Only what a person's shell has: kubectl and helm on the path, and a home without a configuration.
        command.env_clear().env("HOME", self.plane.folder()).env("PATH", self.path());
        Scan::of(&anchorwatch_testbed::run(command, b"", RUN_LIMIT).unwrap())
    }

    fn path(&self) -> std::ffi::OsString {
        let tools = self.plane.binaries().folder().to_owned();
        let system = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&system))).unwrap()
    }
}

/// What a scan ended with.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) code: i32,
    pub(crate) errors: String,
    pub(crate) reports: Vec<Value>,
}

impl Scan {
    fn of(output: &Output) -> Self {
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Self {
            code: output.status.code().unwrap_or(-1),
            errors: text(&output.stderr),
            reports: answer["items"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// All items.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Value> {
        self.reports.iter().flat_map(|report| report["items"].as_array().into_iter().flatten())
    }

    /// Items a line each, sorted: `high human Deployment/web changed spec.replicas by kubectl/scale`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.items().map(line).collect();
        lines.sort();
        lines
    }

    /// What was not compared, `what: reason` each.
    pub(crate) fn not_compared(&self) -> Vec<String> {
        let entries = self.reports.iter().flat_map(|report| report["not_compared"].as_array().into_iter().flatten());
        entries.map(|entry| format!("{}: {}", string(entry, "what"), string(entry, "reason"))).collect()
    }

    /// Number of objects compared.
    pub(crate) fn objects(&self) -> u64 {
        self.reports.iter().filter_map(|report| report["objects"].as_u64()).sum()
    }

    /// The item at a path.
    pub(crate) fn at(&self, path: &str) -> &Value {
        self.items().find(|item| item["stable_path"] == path).unwrap()
    }

    /// Fails unless these are the items, in any order, and nothing was left out.
    pub(crate) fn finds(&self, expected: &[&str]) {
        self.check(i32::from(!expected.is_empty()), expected);
    }

    /// Fails unless the exit code and the items are these.
    pub(crate) fn check(&self, code: i32, expected: &[&str]) {
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(self.lines(), expected, "\n{}", self.errors);
        assert_eq!(self.code, code, "{}\n{:?}", self.errors, self.not_compared());
    }
}

fn line(item: &Value) -> String {
    let word = |name| string(item, name);
    let mut line = format!(
        "{} {} {}/{} {}",
        word("drift_level"),
        word("origin"),
        word("resource_kind"),
        word("resource_name"),
        word("change")
    );
    for (before, value) in [(" ", word("stable_path")), (" by ", string(&item["attribution"], "manager"))] {
        if !value.is_empty() {
            line.extend([before, value]);
        }
    }
    let subresource = string(&item["attribution"], "subresource");
    if !subresource.is_empty() {
        line.extend(["/", subresource]);
    }
    line
}

fn string<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

/// Bytes that a program printed.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How long anything may take before it is taken for something that never happens: longer than a busy machine needs.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

/// Waits until something is so.
pub(crate) fn until(awaited: &str, mut happened: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !happened() {
        assert!(Instant::now() < end, "{} s went by without {awaited}", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A folder with files, as a source.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// Writes `(path, text)` each.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            folder.write(path, text);
        }
        folder
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    /// As `--source` wants it.
    pub(crate) fn source(&self) -> String {
        self.path().display().to_string()
    }
}
