//! The command line: what a person types, and what they see.

mod adopt;
mod ask;
mod audit;
mod demo;
mod explain;
mod output;
mod progress;
mod rbac;
mod rollback;
mod route;
mod scan;
mod serve;
mod service;
mod snapshot;
mod store;
mod target;
mod token;
mod told;

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config;
use crate::failure::Failure;
pub(crate) use crate::shown::{escaped, plain};
use crate::words::{Language, Words};

/// Anchorwatch sees to it that a Kubernetes cluster does not drift from Git.
#[derive(Debug, Parser)]
#[command(name = "anchorwatch", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare Git with a cluster or a recorded snapshot.
    Scan(scan::Args),
    /// Say why an item has its class, origin and level, rule by rule.
    Explain(explain::ExplainArgs),
    /// Make the cluster as Git says, in the fields that you name: planned, confirmed, proven, and undoable.
    Rollback(rollback::RollbackArgs),
    /// Take back what rollback has changed.
    Undo(rollback::UndoArgs),
    /// Make Git as the cluster is, in the fields that you name: in the files of a working folder, or by a commit that is pushed.
    Adopt(adopt::AdoptArgs),
    /// Record a live state for later or for elsewhere.
    Snapshot(snapshot::SnapshotArgs),
    /// Print the rights that a feature needs, for kubectl apply.
    Rbac(rbac::RbacArgs),
    /// Watch over configured sources: an API, a page, and a memory.
    Serve(serve::ServeArgs),
    /// Say who may ask the service for what.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Look after what the service remembers.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Ask a model by the service's gateway; nothing leaves the network that may not.
    Ask(ask::AskArgs),
    /// See which way requests to models take, and how the providers on it are doing.
    #[command(subcommand)]
    Route(route::RouteCommand),
    /// See what was sent where, and whether that is still as it was written.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Look after the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the version, and the Kubernetes releases whose defaults are known.
    Version,
    /// See real drift explained on a sample: no cluster, no network.
    Demo(demo::Args),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check a configuration file.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// Runs the command that was typed.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let result = match cli.command {
        Command::Scan(args) => scan::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Rollback(args) => rollback::run(args),
        Command::Undo(args) => rollback::run_undo(args),
        Command::Adopt(args) => adopt::run(args),
        Command::Snapshot(args) => snapshot::run(args),
        Command::Rbac(args) => rbac::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Token(command) => token::run(command),
        Command::Store(command) => store::run(command),
        Command::Ask(args) => ask::run(&args),
        Command::Route(command) => route::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Config(ConfigCommand::Check { file }) => check_config(&file),
        Command::Completion { shell } => completion(shell),
        Command::Version => version(),
        Command::Demo(args) => demo::run(args),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            let _ = io::stderr().write_all(failure.text().as_bytes());
            ExitCode::from(2)
        }
    }
}

fn check_config(file: &Path) -> Result<ExitCode, Failure> {
    config::read(file)?;
    tell(&format!("{} is fine", file.display()));
    Ok(ExitCode::SUCCESS)
}

fn completion(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "anchorwatch", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

fn version() -> Result<ExitCode, Failure> {
    let minors: Vec<String> =
        anchorwatch_core::schema::catalogue::minors().map(|minor| format!("1.{}", minor.0)).collect();
    print(&format!("anchorwatch {}\nKubernetes defaults: {}\n", env!("CARGO_PKG_VERSION"), minors.join(", ")))?;
    Ok(ExitCode::SUCCESS)
}

/// Says something to the person, beside the output.
fn tell(text: &str) {
    // Nothing is left to do where stderr is closed.
    let _ = writeln!(io::stderr(), "{}", plain(text));
}

/// The async runtime that stories wait on. One thread talks to the network; the others are for comparing.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    runtime_of(1)
}

/// The async runtime of the service: its stories are many, and mostly wait.
fn service_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    runtime_of(2)
}

fn runtime_of(threads: usize) -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::new("cannot start the runtime").detail(error.to_string()))
}

/// Writes to stdout. The text may hold colours, which are taken out where they are not wanted.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    printed(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// A reader that went away (`| head`) is no error.
fn printed(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new("cannot write the output").detail(error.to_string()))
        }
        _ => Ok(()),
    }
}

/// How to print for the person at this terminal.
fn style(language: Option<Language>, wide: bool) -> output::Style {
    let locale =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let language = language.unwrap_or_else(|| Language::of_locale(locale.as_deref().unwrap_or_default()));
    output::Style {
        words: Words(language),
        width: terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)).max(40),
        wide,
        now: anchorwatch_edge::clock::now().to_zoned(jiff::tz::TimeZone::system()),
        hints: io::stdout().is_terminal(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
