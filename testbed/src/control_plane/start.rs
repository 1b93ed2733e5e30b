//! Starting the servers, each when what it needs is there.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::folder::Folder;
use super::person::{Person, Tokens};
use super::{ControlPlane, ControlPlaneError, Options};
use crate::binaries::{Binaries, Tool};
use crate::ports::free_ports;
use crate::process::{self, Server};

const READY_LIMIT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);

const AUDIT_POLICY: &str = include_str!("../../assets/audit-policy.yaml");
const STAGES: &str = include_str!("../../assets/stages.yaml");
const NODE: &str = include_str!("../../assets/node.yaml");

pub(crate) fn start(binaries: &Binaries, options: &Options) -> Result<ControlPlane, ControlPlaneError> {
    let mut last = begin(binaries, options);
    // Between choosing a port and listening on it somebody else may take it; a second choice is enough.
    if matches!(last, Err(ControlPlaneError::Ended { .. })) {
        last = begin(binaries, options);
    }
    last
}

fn begin(binaries: &Binaries, options: &Options) -> Result<ControlPlane, ControlPlaneError> {
    let folder = Folder::create()?;
    let tokens = Tokens::random().map_err(|source| ControlPlaneError::Run { name: "/dev/urandom", source })?;
    let [etcd, peers, port, controllers, scheduler, kwok] = free_ports().map_err(ControlPlaneError::Port)?;
    let plane = ControlPlane { servers: Vec::new(), binaries: binaries.clone(), port, tokens, folder };
    let mut start = Start { plane };
    start.write_files(options)?;
    start.etcd(etcd, peers)?;
    start.api_server(etcd, options)?;
    start.wait_for("the API server", &["get", "--raw", "/readyz"])?;
    if options.controllers {
        start.controller_manager(controllers)?;
    }
    if options.nodes {
        start.scheduler(scheduler)?;
        start.kwok(kwok)?;
        start.plane.kubectl_with_input(&["create", "-f", "-"], NODE)?;
        start.wait_for("the node", &["wait", "--for=condition=Ready", "node/node-0", "--timeout=2s"])?;
    }
    if options.controllers {
        start.wait_for("the default service account", &["get", "serviceaccount/default", "--namespace=default"])?;
    }
    Ok(start.plane)
}

struct Start {
    plane: ControlPlane,
}

impl Start {
    fn write_files(&self, options: &Options) -> Result<(), ControlPlaneError> {
        let folder = &self.plane.folder;
        folder.write("audit-policy.yaml", AUDIT_POLICY)?;
        folder.write("tokens.csv", &self.plane.tokens.file())?;
        let stages = std::iter::once(STAGES).chain(options.stages.iter().map(String::as_str));
        folder.write("stages.yaml", &stages.collect::<Vec<_>>().join("\n---\n"))?;
        for person in Person::ALL {
            folder.write(&format!("{}.kubeconfig", person.name()), &self.kubeconfig(person))?;
        }
        make_signing_key(&folder.path().join("service-account.key"))
    }

    /// JSON, which is YAML too.
    fn kubeconfig(&self, person: Person) -> String {
        let plane = &self.plane;
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "testbed",
            "clusters": [{"name": "testbed", "cluster": {
                "server": plane.server_url(), "certificate-authority": plane.ca_file(),
            }}],
            "users": [{"name": person.name(), "user": {"token": plane.token(person)}}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": person.name()}}],
        })
        .to_string()
    }

    fn etcd(&mut self, port: u16, peers: u16) -> Result<(), ControlPlaneError> {
        let url = format!("http://127.0.0.1:{port}");
        let mut command = self.command(Tool::Etcd)?;
        command.arg("--data-dir").arg(self.plane.folder.path().join("etcd"));
        command.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
        command.arg("--listen-peer-urls").arg(format!("http://127.0.0.1:{peers}"));
        command.args(["--unsafe-no-fsync", "--log-level", "error"]);
        self.run(Tool::Etcd, command)
    }

    fn api_server(&mut self, etcd: u16, options: &Options) -> Result<(), ControlPlaneError> {
        let folder = self.plane.folder.path().to_owned();
        let flag = |name: &str, file: &str| format!("--{name}={}", folder.join(file).display());
        let mut command = self.command(Tool::KubeApiserver)?;
        command.arg(format!("--etcd-servers=http://127.0.0.1:{etcd}"));
        command.arg(format!("--secure-port={}", self.plane.port));
        command.args(["--bind-address=127.0.0.1", "--authorization-mode=RBAC", "--allow-privileged=true"]);
        command.args(["--service-cluster-ip-range=10.96.0.0/16", "--profiling=false"]);
        command.arg("--service-account-issuer=https://kubernetes.default.svc");
        command.args([
            flag("cert-dir", "apiserver"),
            flag("token-auth-file", "tokens.csv"),
            flag("service-account-key-file", "service-account.key"),
            flag("service-account-signing-key-file", "service-account.key"),
            flag("audit-policy-file", "audit-policy.yaml"),
            flag("audit-log-path", "audit.log"),
        ]);
        command.args(&options.server_flags);
        self.run(Tool::KubeApiserver, command)
    }

    fn controller_manager(&mut self, port: u16) -> Result<(), ControlPlaneError> {
        let mut command = self.client_of_the_server(Tool::KubeControllerManager, port)?;
        let key = self.plane.folder.path().join("service-account.key");
        command.arg(format!("--service-account-private-key-file={}", key.display()));
        command.arg("--use-service-account-credentials=true");
        // Twenty requests a second, its default, would make a test of a thousand objects wait for minutes.
        command.args(["--kube-api-qps=500", "--kube-api-burst=1000"]);
        self.run(Tool::KubeControllerManager, command)
    }

    fn scheduler(&mut self, port: u16) -> Result<(), ControlPlaneError> {
        let command = self.client_of_the_server(Tool::KubeScheduler, port)?;
        self.run(Tool::KubeScheduler, command)
    }

    fn kwok(&mut self, port: u16) -> Result<(), ControlPlaneError> {
        let mut command = self.command(Tool::Kwok)?;
        command.arg("--config").arg(self.plane.folder.path().join("stages.yaml"));
        command.arg("--kubeconfig").arg(self.plane.kubeconfig(Person::Admin));
        command.args(["--manage-all-nodes", "--node-ip=10.0.0.1", "--node-lease-duration-seconds=40"]);
        command.arg(format!("--server-address=127.0.0.1:{port}"));
        self.run(Tool::Kwok, command)
    }

    /// The flags that the controller manager and the scheduler share.
    fn client_of_the_server(&self, tool: Tool, port: u16) -> Result<Command, ControlPlaneError> {
        let mut command = self.command(tool)?;
        command.arg(format!("--kubeconfig={}", self.plane.kubeconfig(Person::Admin).display()));
        command.args(["--leader-elect=false", "--bind-address=127.0.0.1"]);
        command.arg(format!("--secure-port={port}"));
        command.arg(format!("--cert-dir={}", self.plane.folder.path().join(tool.name()).display()));
        Ok(command)
    }

    fn command(&self, tool: Tool) -> Result<Command, ControlPlaneError> {
        let file = self.plane.binaries.path(tool).ok_or(ControlPlaneError::NoBinary { tool })?;
        let mut command = process::command(file);
        // kwok reads ~/.kwok, and nothing here may depend on whose home this is.
        command.current_dir(self.plane.folder.path()).env("HOME", self.plane.folder.path()).env_remove("KUBECONFIG");
        Ok(command)
    }

    fn run(&mut self, tool: Tool, command: Command) -> Result<(), ControlPlaneError> {
        let log = self.plane.folder.path().join(format!("{}.log", tool.name()));
        let server = Server::start(tool.name(), command, &log)
            .map_err(|source| ControlPlaneError::Run { name: tool.name(), source })?;
        // The last to start is the first to stop.
        self.plane.servers.insert(0, server);
        Ok(())
    }

    /// Repeats a `kubectl` call until it succeeds, as long as every server lives.
    fn wait_for(&mut self, awaited: &'static str, arguments: &[&str]) -> Result<(), ControlPlaneError> {
        let end = Instant::now() + READY_LIMIT;
        loop {
            for server in &mut self.plane.servers {
                if let Some(status) = server.has_ended() {
                    let (name, log) = (server.name(), server.log_tail());
                    return Err(ControlPlaneError::Ended { name, status: status.to_string(), log });
                }
            }
            match self.plane.kubectl(arguments) {
                Ok(_) => return Ok(()),
                Err(failure) if Instant::now() >= end => {
                    let (seconds, last) = (READY_LIMIT.as_secs(), failure.to_string());
                    return Err(ControlPlaneError::NotReady { awaited, seconds, last });
                }
                Err(_) => thread::sleep(POLL),
            }
        }
    }
}

/// Signs service account tokens; the API server reads the public half from the same file.
fn make_signing_key(file: &Path) -> Result<(), ControlPlaneError> {
    let mut command = process::command("openssl");
    // SEC 1, not PKCS 8: only that one is read for its public half too.
    command.args(["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out"]).arg(file);
    let run_error = |source| ControlPlaneError::Run { name: "openssl", source };
    let output = process::run(command, b"", Duration::from_secs(30)).map_err(run_error)?;
    if output.status.success() && fs::exists(file).unwrap_or_default() {
        return Ok(());
    }
    Err(run_error(std::io::Error::other(String::from_utf8_lossy(&output.stderr).trim())))
}
