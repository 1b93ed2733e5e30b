//! What a renderer runs inside of: an empty home, no network, limits of time, memory and output.
//!
//! The network is taken away by a network namespace of its own (`unshare`), as a person without privileges may make on
//! most machines. Where that is not possible the ways that the tools know are closed: there is no `git` on their
//! `PATH`, and their proxy answers nothing.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::error::{RenderError, Tool};
use super::{RenderOptions, Tools};
use crate::process::{self, Limits, Output};

/// Sets the limits that a shell can set, then becomes the tool. Data is limited, not address space: Go reserves much
/// more of that than it uses. Setting fails only where there is a stricter limit already.
const LIMIT: &str = "ulimit -c 0; ulimit -d \"$1\" 2>/dev/null; shift; exec \"$@\"";
/// Becomes the program that follows, in a namespace without a network.
const UNSHARE: [&str; 4] = ["unshare", "--map-root-user", "--net", "--"];
/// Where nobody listens: the port of the discard service.
const NO_PROXY_THERE: &str = "http://127.0.0.1:9";

/// A place for a renderer, with a home of its own that goes with this value.
#[derive(Debug)]
pub(super) struct Fence {
    home: TempDir,
    options: RenderOptions,
    network: Network,
}

/// What a renderer has of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    /// All of it, as bases may be fetched.
    Whole,
    /// Nothing, by the kernel.
    Cut,
    /// No way that the tools know.
    Closed,
}

impl Fence {
    pub(super) async fn new(options: &RenderOptions) -> Result<Self, RenderError> {
        let network = match options.allow_remote {
            true => Network::Whole,
            false if can_unshare().await => Network::Cut,
            false => Network::Closed,
        };
        let home = tempfile::Builder::new().prefix("anchorwatch-render-").tempdir().map_err(RenderError::Prepare)?;
        for folder in ["bin", "tmp"] {
            fs::create_dir(home.path().join(folder)).map_err(RenderError::Prepare)?;
        }
        Ok(Self { home, options: options.clone(), network })
    }

    /// The home, which is the folder that the tool runs in.
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs a tool. `name` is how messages call it.
    pub(super) async fn run(&self, name: &str, tool: &Path, args: Vec<OsString>) -> Result<Output, RenderError> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LIMIT, "sh", &(self.options.memory_limit >> 10).to_string()]);
        if self.network == Network::Cut {
            command.args(UNSHARE);
        }
        command.arg(tool).args(args);
        self.clean(&mut command);
        let limits = Limits { deadline: self.options.time_limit, output: self.options.output_limit };
        Ok(process::run(name, command, Vec::new(), limits).await?)
    }

    fn clean(&self, command: &mut Command) {
        let home = self.home.path();
        command.env_clear().current_dir(home);
        command.env("HOME", home).env("TMPDIR", home.join("tmp")).env("KUBECONFIG", "/dev/null");
        command.env("PATH", if self.network == Network::Closed { home.join("bin").into() } else { path() });
        for (name, folder) in [
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("HELM_CACHE_HOME", "helm/cache"),
            ("HELM_CONFIG_HOME", "helm/config"),
            ("HELM_DATA_HOME", "helm/data"),
            ("HELM_PLUGINS", "helm/plugins"),
        ] {
            command.env(name, home.join(folder));
        }
        command.envs([("LC_ALL", "C"), ("TZ", "UTC"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_TERMINAL_PROMPT", "0")]);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        // Below the hard limit Go collects its garbage more often rather than to fail.
        command.env("GOMEMLIMIT", format!("{}B", self.options.memory_limit / 4 * 3));
        if self.network == Network::Whole {
            command.env("GIT_ALLOW_PROTOCOL", "https:ssh");
        } else {
            command.env("GIT_ALLOW_PROTOCOL", "none");
            let names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
            command.envs(names.map(|name| (name, NO_PROXY_THERE)));
        }
    }
}

/// Finds a tool where it was said to be, or on `PATH`.
pub(super) fn find(tool: Tool, tools: &Tools) -> Result<PathBuf, RenderError> {
    let given = match tool {
        Tool::Kubectl => &tools.kubectl,
        Tool::Kustomize => &tools.kustomize,
        Tool::Helm => &tools.helm,
    };
    let found = match given {
        Some(given) => given.canonicalize().ok().filter(|path| is_program(path)),
        None => std::env::split_paths(&path()).map(|folder| folder.join(tool.program())).find(|path| is_program(path)),
    };
    found.ok_or_else(|| RenderError::FindTool { tool, at: given.clone() })
}

fn is_program(path: &Path) -> bool {
    path.is_absolute() && fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}

/// Tries once whether this process may make a namespace without a network.
async fn can_unshare() -> bool {
    static ANSWER: OnceCell<bool> = OnceCell::const_new();
    *ANSWER.get_or_init(async || try_unshare().await.unwrap_or(false)).await
}

async fn try_unshare() -> io::Result<bool> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec \"$@\"", "sh"]).args(UNSHARE).arg("true").env_clear().env("PATH", path());
    let limits = Limits { deadline: Duration::from_secs(5), output: 1024 };
    let output = process::run("unshare", command, Vec::new(), limits).await.map_err(io::Error::other)?;
    Ok(output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn printed(fence: &Fence, script: &str) -> String {
        let output = fence.run("sh", Path::new("/bin/sh"), vec!["-c".into(), script.into()]).await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[tokio::test]
    async fn where_the_network_cannot_be_cut_off_its_ways_are_closed() {
        let mut fence = Fence::new(&RenderOptions::default()).await.unwrap();
        fence.network = Network::Closed;
        let script = "echo \"$PATH\" $HTTPS_PROXY $https_proxy $GIT_ALLOW_PROTOCOL; git --version || echo no git";
        let expected = format!("{}/bin {NO_PROXY_THERE} {NO_PROXY_THERE} none\nno git\n", fence.home().display());
        assert_eq!(printed(&fence, script).await, expected);
    }

    #[tokio::test]
    async fn memory_and_dumps_are_limited() {
        let options = RenderOptions { memory_limit: 1 << 30, ..RenderOptions::default() };
        let fence = Fence::new(&options).await.unwrap();
        assert_eq!(printed(&fence, "ulimit -d; ulimit -c").await, "1048576\n0\n");
    }
}
