//! Logs: lines for people, or JSON for programs; to stderr. Text from outside is written with its control characters visible.
//!
//! What took how long is in [`traces`], and not in the log.

pub(crate) mod traces;

use std::io::{IsTerminal as _, Write};

use clap::ValueEnum;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, registry};

use crate::failure::Failure;
use traces::Traces;

/// How logs are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Begins to write logs: from `level` on, as in `info` or `anchorwatch=debug`; and to send traces, where they go anywhere.
pub(crate) fn start(format: LogFormat, level: &str, traces: Option<&Traces>) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        Failure::new(format!("no log level is called {level:?}"))
            .detail(error.to_string())
            .hint("error, warn, info, debug or trace; or of a part: anchorwatch=debug,sqlx=warn")
    })?;
    let logs = fmt::layer().with_writer(Stderr);
    let logs = match format {
        LogFormat::Json => logs.json().flatten_event(true).boxed(),
        LogFormat::Text => logs.with_ansi(std::io::stderr().is_terminal() && no_colour().is_none()).boxed(),
    };
    // A line reads alone: the spans around it are no part of it.
    let logs = logs.with_filter(filter.and(filter_fn(|what| !what.is_span())));
    let begun = registry().with(logs).with(traces.map(Traces::layer)).try_init();
    begun.map_err(|error| Failure::new("cannot write logs").detail(error.to_string()))
}

fn no_colour() -> Option<std::ffi::OsString> {
    std::env::var_os("NO_COLOR").filter(|value| !value.is_empty())
}

/// Standard error, a line at a time.
struct Stderr;

impl MakeWriter<'_> for Stderr {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line(Vec::new())
    }
}

/// One line, written at once when it is whole.
struct Line(Vec<u8>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Nothing is left to do where stderr is closed.
        let _ = std::io::stderr().write_all(&self.0);
    }
}
