//! `anchorwatch serve`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anchorwatch_edge::clock::Clock;
use anchorwatch_edge::store::{StoreAddress, StoreError};

use crate::config;
use crate::failure::Failure;
use crate::serve::{Plan, serve, store_failure};
use crate::telemetry::traces::Traces;
use crate::telemetry::{self, LogFormat};

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    settings: Settings,
    /// Where to listen, instead of what the configuration says; port 0 means any free one.
    #[arg(long, value_name = "ADDRESS:PORT", env = "ANCHORWATCH_LISTEN")]
    listen: Option<SocketAddr>,
    /// Where traces go (OTLP over HTTP), instead of what the configuration says.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    traces: Option<String>,
    #[command(flatten)]
    logs: Logs,
}

/// The service's settings.
#[derive(Debug, clap::Args)]
pub(super) struct Settings {
    /// The configuration.
    #[arg(long, value_name = "FILE", env = "ANCHORWATCH_CONFIG")]
    pub(super) config: PathBuf,
    /// Where it remembers, instead of what the configuration says: `sqlite:FILE` or `postgres://USER@HOST/DATABASE`.
    #[arg(long, value_name = "URL", env = "ANCHORWATCH_STORE", hide_env_values = true)]
    pub(super) store: Option<String>,
}

/// How logs are written.
#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// Lines for people, or JSON.
    #[arg(long, value_enum, default_value_t, env = "ANCHORWATCH_LOG_FORMAT")]
    log_format: LogFormat,
    /// From which level on: error, warn, info, debug, trace; or of a part, as in anchorwatch=debug.
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "ANCHORWATCH_LOG")]
    log: String,
}

impl Logs {
    pub(super) fn start(&self, traces: Option<&Traces>) -> Result<(), Failure> {
        telemetry::start(self.log_format, &self.log, traces)
    }
}

impl Settings {
    /// The configuration, with what the command line says instead.
    pub(super) fn read(&self) -> Result<config::Config, Failure> {
        let mut config = config::read(&self.config)?;
        if let Some(store) = &self.store {
            config.store = store.parse::<StoreAddress>().map_err(|error: StoreError| store_failure(&error))?;
        }
        Ok(config)
    }
}

pub(super) fn run(args: ServeArgs) -> Result<ExitCode, Failure> {
    let ServeArgs { settings, listen, traces, logs } = args;
    let file = settings.config.clone();
    let read = move || {
        let config = settings.read()?;
        let traces = traces.clone().filter(|endpoint| !endpoint.is_empty());
        let traces = traces.map(|endpoint| config::collector(&endpoint).map_err(Failure::new)).transpose()?;
        Ok(config::Config { listen: listen.unwrap_or(config.listen), traces: traces.or(config.traces), ..config })
    };
    let config = read()?;
    if config.sources.is_empty() && config.discover.is_empty() {
        return Err(Failure::new(format!("{} names no source", file.display()))
            .hint("anchorwatch.example.yaml shows how: at least one under `clusters` and one under `sources`"));
    }
    let runtime = super::service_runtime()?;
    let traces = config.traces.as_ref().map(|endpoint| Traces::to(endpoint, runtime.handle()));
    logs.start(traces.as_ref())?;
    let plan = Plan { config, again: Some(Box::new(read)), clock: Clock::default(), open: false };
    let served = runtime.block_on(serve(plan, |address, login| {
        super::tell(&format!("listening on {address}"));
        if let Some(login) = login {
            super::tell(&format!("no token was made yet; come in with this link, once, within 30 minutes: {login}"));
        }
    }));
    if let Some(traces) = traces {
        runtime.block_on(traces.close());
    }
    served.map(|()| ExitCode::SUCCESS)
}
