//! `kubectl proxy`: plain HTTP on loopback to an API server, whatever the kubeconfig's credentials.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{self, Server};

const READY_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// A running proxy; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Proxy {
    url: String,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// Starts one with a kubeconfig, or with kubectl's own choice of one. The error is what kubectl said.
    pub(crate) fn start(kubectl: &Path, kubeconfig: Option<&Path>) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|failure| failure.to_string())?;
        let mut command = process::command(kubectl);
        command.args(["proxy", "--port=0"]);
        if let Some(kubeconfig) = kubeconfig {
            command.arg("--kubeconfig").arg(kubeconfig);
        }
        let log = folder.path().join("proxy.log");
        let mut server = Server::start("kubectl proxy", command, &log).map_err(|failure| failure.to_string())?;
        let url = wait_for_address(&mut server)?;
        Ok(Self { url, _server: server, _folder: folder })
    }

    /// Where it listens, as in `http://127.0.0.1:40001`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// It prints the port it chose: `Starting to serve on 127.0.0.1:40001`.
fn wait_for_address(server: &mut Server) -> Result<String, String> {
    let end = Instant::now() + READY_LIMIT;
    loop {
        let said = server.log_tail();
        if let Some(address) = said.lines().find_map(|line| line.strip_prefix("Starting to serve on ")) {
            return Ok(format!("http://{}", address.trim()));
        }
        if server.has_ended().is_some() || Instant::now() >= end {
            return Err(said);
        }
        thread::sleep(POLL);
    }
}
