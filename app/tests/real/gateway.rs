//! The world of tests that ask models: a service with chains of its own, and a token to ask by.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anchorwatch_testbed::{Answer, Service};
use serde_json::Value;

use crate::world::text;

/// Longest time one run of the program may take.
const RUN_LIMIT: Duration = Duration::from_mins(2);

pub(crate) struct Gateway {
    folder: tempfile::TempDir,
    pub(crate) service: Service,
    pub(crate) token: String,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Gateway {
    /// Starts one with these lines under `route:`, and these variables.
    pub(crate) fn start(route: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let route = format!("  {}\n", route.trim_end().replace('\n', "\n  "));
        let config = format!(
            "listen: 127.0.0.1:0\nclusters: [{{name: lab, snapshot: live.json}}]\n\
             sources: [{{name: shop, cluster: lab, address: live.json, interval: 24h}}]\nroute:\n{route}"
        );
        fs::write(folder.path().join("anchorwatch.yaml"), config).unwrap();
        fs::write(folder.path().join("live.json"), "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": []}")
            .unwrap();
        let mut serve = command(folder.path(), &["serve", "--config", "anchorwatch.yaml"]);
        serve.envs(variables.iter().copied());
        let service = Service::start("anchorwatch", serve, &folder.path().join("log")).unwrap();
        let mut gateway = Self { folder, service, token: String::new() };
        let create = ["token", "create", "robot", "--role", "gateway", "--config", "anchorwatch.yaml"];
        let made = gateway.run(&create);
        made.out.trim().clone_into(&mut gateway.token);
        gateway.write("token", &gateway.token);
        let operator = ["token", "create", "olga", "--role", "operator", "--config", "anchorwatch.yaml"];
        gateway.write("operator", gateway.run(&operator).out.trim());
        gateway
    }

    /// Writes a file beside the configuration.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Runs the program beside the service, about to ask it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let mut command = command(self.folder.path(), arguments);
        command.env("ANCHORWATCH_SERVER", self.service.url());
        let output = anchorwatch_testbed::run(command, b"", RUN_LIMIT).unwrap();
        Run { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Asks as a client of OpenAI's does.
    pub(crate) fn ask(&self, body: &Value) -> Answer {
        self.service.post("/v1/chat/completions", &self.token, body)
    }

    /// All attempts and rejects in the audit, which verifies.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let verified = self.run(&["audit", "verify", "--config", "anchorwatch.yaml"]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        let shown = self.run(&["audit", "show", "--config", "anchorwatch.yaml", "-o", "json"]);
        let shown: Value = serde_json::from_str(&shown.out).unwrap();
        shown["items"].as_array().unwrap().clone()
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
    command.args(arguments).current_dir(folder).env_clear().env("HOME", folder);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    anchorwatch_testbed::remember(&mut command, folder).unwrap();
    command
}
