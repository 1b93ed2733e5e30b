//! The control plane's programs: found, or built from the Go modules that `go.mod` names.
//!
//! `KUBEBUILDER_ASSETS` (envtest's convention) points to a folder that has them. Without it they live in the user's
//! cache, in a folder named after `go.sum`, and are built once (nine minutes on two cores, then seconds).

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::{hexadecimal, process};

const GO_MOD: &str = include_str!("../go.mod");
const GO_SUM: &str = include_str!("../go.sum");

/// Longest time one `go build` may take, and that another process's build is waited for.
const BUILD_LIMIT: Duration = Duration::from_mins(45);

/// One program of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// The store behind the API server.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// The built-in controllers.
    KubeControllerManager,
    /// The command line client.
    Kubectl,
    /// The scheduler.
    KubeScheduler,
    /// Plays the kubelet: Pods become Running.
    Kwok,
    /// Renders and installs charts.
    Helm,
}

impl Tool {
    /// Every program, in the order they are built.
    pub const ALL: [Self; 7] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::Kubectl,
        Self::KubeScheduler,
        Self::Kwok,
        Self::Helm,
    ];

    /// The file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
            Self::KubeScheduler => "kube-scheduler",
            Self::Kwok => "kwok",
            Self::Helm => "helm",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
            Self::KubeScheduler => "k8s.io/kubernetes/cmd/kube-scheduler",
            Self::Kwok => "sigs.k8s.io/kwok/cmd/kwok",
            Self::Helm => "helm.sh/helm/v4/cmd/helm",
        }
    }

    /// What `go build` calls the file; etcd's is named after its package.
    fn built_name(self) -> &'static str {
        match self {
            Self::Etcd => "server",
            other => other.name(),
        }
    }
}

/// Why the programs are not there.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// `KUBEBUILDER_ASSETS` names a folder without the programs it must hold.
    #[error("KUBEBUILDER_ASSETS={folder} has no {}", missing.join(", "))]
    AssetsIncomplete {
        /// The folder.
        folder: String,
        /// The names of the missing programs.
        missing: Vec<&'static str>,
    },
    /// Go is needed to build, and is not installed.
    #[error(
        "`go` is not on the PATH: install Go, or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl"
    )]
    NoGo,
    /// No folder to cache in.
    #[error("neither XDG_CACHE_HOME nor HOME is set")]
    NoCacheFolder,
    /// `go build` failed.
    #[error("go build {packages} ended with {status}")]
    Build {
        /// What was built.
        packages: String,
        /// How it ended.
        status: String,
    },
    /// Another process holds the build lock for too long.
    #[error("another build holds {lock} for more than {} minutes", BUILD_LIMIT.as_secs() / 60)]
    LockHeld {
        /// The lock file.
        lock: String,
    },
    /// The file system refused.
    #[error("{attempted} {path}: {source}")]
    File {
        /// What was attempted.
        attempted: &'static str,
        /// On what.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// The folder with the programs.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Finds the programs, building into the cache what is missing there.
    pub fn find_or_build() -> Result<Self, BuildError> {
        if let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()) {
            return Self::from_assets(PathBuf::from(assets));
        }
        let folder = cache_folder()?;
        if !missing(&folder, &Tool::ALL).is_empty() {
            build_into(&folder)?;
        }
        Ok(Self { folder })
    }

    fn from_assets(folder: PathBuf) -> Result<Self, BuildError> {
        let missing = missing(&folder, &[Tool::Etcd, Tool::KubeApiserver, Tool::Kubectl]);
        if missing.is_empty() {
            return Ok(Self { folder });
        }
        let missing = missing.into_iter().map(Tool::name).collect();
        Err(BuildError::AssetsIncomplete { folder: folder.display().to_string(), missing })
    }

    /// The program's file; `None` only for an optional one that `KUBEBUILDER_ASSETS` does not have.
    pub fn path(&self, tool: Tool) -> Option<PathBuf> {
        Some(self.folder.join(tool.name())).filter(|file| file.is_file())
    }

    /// The folder that holds them.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn missing(folder: &Path, tools: &[Tool]) -> Vec<Tool> {
    tools.iter().copied().filter(|tool| !folder.join(tool.name()).is_file()).collect()
}

fn cache_folder() -> Result<PathBuf, BuildError> {
    let key = hexadecimal::of(&Sha256::digest(GO_SUM)[..8]);
    Ok(cache()?.join("testbed").join(key))
}

/// Where everything is kept that is made once for all tests.
pub(crate) fn cache() -> Result<PathBuf, BuildError> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(cache.ok_or(BuildError::NoCacheFolder)?.join("anchorwatch"))
}

/// Builds what is missing beside the folder and renames it in, so that a file that is there is always whole.
fn build_into(folder: &Path) -> Result<(), BuildError> {
    let go = process::find_on_path("go").ok_or(BuildError::NoGo)?;
    fs::create_dir_all(folder).map_err(file_error("create", folder))?;
    let _lock = lock(&folder.join("build.lock"))?;
    let modules = tempfile::tempdir_in(folder).map_err(file_error("create a folder in", folder))?;
    let write = |name: &str, text: &str| {
        let file = modules.path().join(name);
        fs::write(&file, text).map_err(file_error("write", &file))
    };
    write("go.mod", GO_MOD)?;
    write("go.sum", GO_SUM)?;
    // In groups, so that an interrupted build keeps what it has.
    for group in [&Tool::ALL[..2], &Tool::ALL[2..4], &Tool::ALL[4..]] {
        let tools = missing(folder, group);
        if !tools.is_empty() {
            build(&go, modules.path(), &tools)?;
        }
        for tool in tools {
            let built = modules.path().join("bin").join(tool.built_name());
            fs::rename(&built, folder.join(tool.name())).map_err(file_error("move", &built))?;
        }
    }
    Ok(())
}

fn build(go: &Path, modules: &Path, tools: &[Tool]) -> Result<(), BuildError> {
    let packages: Vec<&str> = tools.iter().map(|tool| tool.package()).collect();
    let mut command = process::command(go);
    command.current_dir(modules).env("CGO_ENABLED", "0");
    command.args(["build", "-trimpath", "-ldflags", &linker_flags(), "-o", "bin/"]).args(&packages);
    let packages = packages.join(" ");
    let status = match process::run_visibly(command, BUILD_LIMIT) {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => status.to_string(),
        Err(failure) => failure.to_string(),
    };
    Err(BuildError::Build { packages, status })
}

/// The version goes in by hand: built as a module, Kubernetes would call itself v0.0.0 and refuse its own clients' skew.
fn linker_flags() -> String {
    let version = kubernetes_version();
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let package = "k8s.io/component-base/version";
    format!("-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}")
}

/// The version `go.mod` asks for, as in `v1.37.2`.
fn kubernetes_version() -> &'static str {
    GO_MOD
        .lines()
        .find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "))
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or("v0.0.0")
}

/// Waits until nobody else makes what this file stands for.
pub(crate) fn lock(path: &Path) -> Result<File, BuildError> {
    let file = File::create(path).map_err(file_error("create", path))?;
    let end = Instant::now() + BUILD_LIMIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(file_error("lock", path)(source)),
            Err(TryLockError::WouldBlock) if Instant::now() >= end => {
                return Err(BuildError::LockHeld { lock: path.display().to_string() });
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(200)),
        }
    }
}

fn file_error(attempted: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BuildError {
    let path = path.display().to_string();
    move |source| BuildError::File { attempted, path, source }
}
