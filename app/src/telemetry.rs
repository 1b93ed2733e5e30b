//! Logs: lines for people, or JSON for programs; to stderr. Text from outside is written with its control characters visible.

use std::io::{IsTerminal as _, Write};

use clap::ValueEnum;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::failure::Failure;

/// How logs are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Begins to write logs: from `level` on, as in `info` or `anchorwatch=debug`.
pub(crate) fn start(format: LogFormat, level: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        Failure::new(format!("no log level is called {level:?}"))
            .detail(error.to_string())
            .hint("error, warn, info, debug or trace; or of a part: anchorwatch=debug,sqlx=warn")
    })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Stderr);
    let begun = match format {
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
        LogFormat::Text => logs.with_ansi(std::io::stderr().is_terminal() && no_colour().is_none()).try_init(),
    };
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
