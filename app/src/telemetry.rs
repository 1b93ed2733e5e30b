//! Logs: lines for people, or JSON for programs; to stderr. Text from outside is written with its control characters visible,
//! and what must not leave is taken out of it.
//!
//! What took how long is in [`traces`], and not in the log.

pub(crate) mod traces;

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write};
use std::sync::{LazyLock, OnceLock};

use anchorwatch_core::route::redaction::Redactor;
use clap::ValueEnum;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, registry};

use crate::failure::Failure;
use traces::Traces;

/// What logs and traces are cleaned with, from when it is known which Secrets there are.
static REDACTOR: OnceLock<Redactor> = OnceLock::new();

/// Cleans logs and traces with this one from now on. The first one stays, as the log that is written to does.
pub(crate) fn clean_with(redactor: Redactor) {
    let _ = REDACTOR.set(redactor);
}

/// A text of a log or a trace, without what must not leave.
fn clean(text: &str) -> Cow<'_, str> {
    static UNTIL_THEN: LazyLock<Redactor> = LazyLock::new(|| Redactor::new().for_logs());
    REDACTOR.get().unwrap_or(&UNTIL_THEN).clean(text)
}

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
        let line = String::from_utf8_lossy(&self.0);
        // Nothing is left to do where stderr is closed.
        let _ = std::io::stderr().write_all(clean(&line).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_json_stays_one_where_something_is_taken_out_of_it() {
        let jwt = ["ey", "JhbGciOiJIUzI1NiJ9", ".ey", "JzdWIiOiIxIn0", ".dBjftJeZ4CVPmB92K27uhbUJU1p1r"].concat();
        for (reason, hidden) in [
            ("cannot reach postgres://app:hunter2@db/app", "hunter2"),
            ("it said {\"password\":\"hunter2\"}", "hunter2"),
            ("it said password='hunter2', and more", "hunter2"),
            ("it said password=hunter2\\", "hunter2"),
            ("Authorization: Bearer hunter2hunter2hunter2", "hunter2"),
            (&jwt, &jwt),
            ("-----BEGIN PRIVATE KEY-----\nMIIEvQ==\n-----END PRIVATE KEY-----\n", "MIIEvQ"),
        ] {
            let kept = Kept::default();
            let writer = kept.clone();
            let layer = fmt::layer().json().flatten_event(true).with_writer(move || writer.clone());
            tracing::subscriber::with_default(registry().with(layer), || tracing::error!(reason, after = 1, "failed"));
            let line = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
            let cleaned = clean(&line);
            let json: serde_json::Value =
                serde_json::from_str(&cleaned).unwrap_or_else(|error| panic!("{cleaned}: {error}"));
            assert_eq!((&json["message"], &json["after"]), (&"failed".into(), &1.into()), "{cleaned}");
            assert!(cleaned.contains("<SECRET>") && !cleaned.contains(hidden), "{cleaned}");
        }
    }
}
