//! A Kubernetes control plane on loopback: started in a fresh folder on free ports, stopped when dropped.

mod error;
mod folder;
mod options;
mod person;
mod start;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

pub use error::ControlPlaneError;
pub use options::Options;
pub use person::Person;
use rustix::process::Signal;

use crate::binaries::{Binaries, Tool};
use crate::client::Client;
use crate::process::{self, Server};
use folder::Folder;
use person::Tokens;

/// Longest time one `kubectl` call may take.
const KUBECTL_LIMIT: Duration = Duration::from_mins(2);

/// A running control plane.
///
/// Dropping it stops its processes (the API server before etcd, which it needs to end) and removes its folder.
#[derive(Debug)]
pub struct ControlPlane {
    /// In the order they stop; fields drop in the order they are declared, so the folder goes last.
    servers: Vec<Server>,
    binaries: Binaries,
    port: u16,
    tokens: Tokens,
    folder: Folder,
}

impl ControlPlane {
    /// Starts one with the programs of [`Binaries::find_or_build`] and waits until it is ready.
    pub fn start(options: &Options) -> Result<Self, ControlPlaneError> {
        start::start(&Binaries::find_or_build()?, options)
    }

    /// Where the API server listens, as in `https://127.0.0.1:6443`.
    pub fn server_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The certificate authority of the API server's certificate, PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.ca_file()
    }

    /// The person's bearer token.
    pub fn token(&self, person: Person) -> &str {
        self.tokens.of(person)
    }

    /// A kubeconfig that makes its reader this person.
    pub fn kubeconfig(&self, person: Person) -> PathBuf {
        self.folder.kubeconfig(person)
    }

    /// The audit log: one JSON event a line, writes only, with the request's body.
    pub fn audit_log(&self) -> PathBuf {
        self.folder.audit_log()
    }

    /// The folder that is removed at the end; tests may put their files there.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The programs it runs.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The ids of the processes it consists of.
    pub fn process_ids(&self) -> Vec<u32> {
        self.servers.iter().map(Server::id).collect()
    }

    /// Ends the API server at once, as a machine that fails does; what it knew stays in etcd.
    pub fn stop_api_server(&mut self) -> io::Result<()> {
        self.api_server()?.end_by(Signal::KILL)
    }

    /// Starts the API server again. It takes a moment until it answers.
    pub fn start_api_server(&mut self) -> io::Result<()> {
        self.api_server()?.start_again()
    }

    fn api_server(&mut self) -> io::Result<&mut Server> {
        let found = self.servers.iter_mut().find(|server| server.name() == Tool::KubeApiserver.name());
        found.ok_or_else(|| io::Error::other("there is no API server"))
    }

    /// Runs `kubectl` as the administrator and returns what it printed; a failure of `kubectl` is an error.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String, ControlPlaneError> {
        self.kubectl_with_input(arguments, "")
    }

    /// The same with `input` on its standard input, for `kubectl apply -f -`.
    pub fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Result<String, ControlPlaneError> {
        let output = self.kubectl_as(Person::Admin, arguments, input)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ControlPlaneError::Kubectl { arguments: arguments.join(" "), message })
    }

    /// Runs `kubectl` as `person` and returns all of it, however it ended.
    pub fn kubectl_as(&self, person: Person, arguments: &[&str], input: &str) -> Result<Output, ControlPlaneError> {
        let mut command = self.kubectl_command(person)?;
        command.args(arguments);
        run_kubectl(command, input)
    }

    /// Runs `kubectl edit` as `person`, who edits with a program such as `sed -i s/on/off/`: it gets the file's name.
    pub fn kubectl_edit_as(
        &self,
        person: Person,
        arguments: &[&str],
        editor: &str,
    ) -> Result<Output, ControlPlaneError> {
        let mut command = self.kubectl_command(person)?;
        command.arg("edit").args(arguments).env("KUBE_EDITOR", editor);
        run_kubectl(command, "")
    }

    /// A program that speaks to the API server as `person`, and is not kubectl.
    pub fn client_as(&self, person: Person, user_agent: &str) -> Result<Client, ControlPlaneError> {
        Client::connect(&self.kubectl_file()?, &self.kubeconfig(person), user_agent)
    }

    fn kubectl_file(&self) -> Result<PathBuf, ControlPlaneError> {
        let tool = Tool::Kubectl;
        self.binaries.path(tool).ok_or(ControlPlaneError::NoBinary { tool })
    }

    fn kubectl_command(&self, person: Person) -> Result<Command, ControlPlaneError> {
        let mut command = process::command(self.kubectl_file()?);
        command.env("KUBECONFIG", self.kubeconfig(person));
        // Its discovery cache lives with the cluster, not in somebody's home.
        command.env("KUBECACHEDIR", self.folder.path().join("kubectl-cache"));
        Ok(command)
    }
}

fn run_kubectl(command: Command, input: &str) -> Result<Output, ControlPlaneError> {
    process::run(command, input.as_bytes(), KUBECTL_LIMIT)
        .map_err(|source| ControlPlaneError::Run { name: "kubectl", source })
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // One after the other, in this order: without etcd the API server never ends by itself.
        for server in self.servers.drain(..) {
            drop(server);
        }
    }
}
