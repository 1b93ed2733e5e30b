//! `anchorwatch demo`: a sample repository beside a recorded cluster. No cluster, no network, no model.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anchorwatch_core::drift::report::Trigger;
use anchorwatch_edge::clock::Clock;
use anchorwatch_edge::git::{CommitToMake, GitRepository};
use jiff::Timestamp;
use rust_embed::RustEmbed;

use super::output::Format;
use super::{scan as face, target};
use crate::config;
use crate::drift::scan::{Request, scan};
use crate::drift::side::Live;
use crate::failure::Failure;
use crate::serve::{Plan, serve};
use crate::telemetry::{self, LogFormat};
use crate::words::Language;

/// The sample: `commits/NN-slug/{message.txt,deploy/*}`, `snapshot.json`, `audit.jsonl`, `recorded-at.txt`.
#[derive(RustEmbed)]
#[folder = "demo/"]
#[exclude = "*.md"]
struct Sample;

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keep the repository and the snapshot in this new folder, to play with.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Serve the sample's page on loopback instead: everybody may read, the printed link lets you act.
    #[arg(long, conflicts_with = "output")]
    serve: bool,
    /// Where to serve it; any free port without it.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "serve", default_value = "127.0.0.1:0")]
    listen: std::net::SocketAddr,
    /// Language; else that of the locale.
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let temporary = crate::drift::scratch()?;
    let folder = args.keep.as_deref().unwrap_or(temporary.path());
    let recorded_at: Timestamp = text("recorded-at.txt")?
        .trim()
        .parse()
        .map_err(|e: jiff::Error| Failure::new("the demo's time cannot be read").detail(e.to_string()))?;
    let runtime = super::runtime()?;
    runtime.block_on(unpack(folder, recorded_at))?;

    if args.serve {
        return serve_sample(folder, recorded_at, args.listen);
    }
    // Names without the temporary folder, as a person would have typed them there.
    std::env::set_current_dir(folder).map_err(|e| unwritable(folder, &e))?;
    let request = Request {
        source: target::Reading::in_namespace("shop").of("shop.git//deploy?ref=main".to_owned()),
        applied: None,
        live: Live::Snapshot(PathBuf::from("snapshot.json")),
        audit: Some(PathBuf::from("audit.jsonl")),
        unmanaged: false,
        confirm: false,
        policy: Arc::default(),
        explain: None,
        named: None,
        namespaces: BTreeSet::new(),
        secrets: true,
        triggered_by: Trigger::Manual,
        now: recorded_at,
    };
    let key = target::secret_key(false)?;
    let outcome = scan(runtime.handle(), &request, &key)?;
    let mut style = super::style(args.lang, args.output == Format::Wide);
    style.now = recorded_at.to_zoned(style.now.time_zone().clone());
    style.hints = false;
    face::report(&outcome, args.output, &style)?;
    if let Some(folder) = args.keep.filter(|_| matches!(args.output, Format::Table | Format::Wide)) {
        super::print(&format!(
            "\n kept; try:  cd {} && anchorwatch explain Deployment/web --source shop.git//deploy --live snapshot.json -n shop\n",
            folder.display()
        ))?;
    }
    // Drift in a sample is what it is for.
    Ok(ExitCode::SUCCESS)
}

/// The sample as a service has it. Its clock goes on from the moment that was recorded.
fn serve_sample(folder: &Path, recorded_at: Timestamp, listen: std::net::SocketAddr) -> Result<ExitCode, Failure> {
    let mut config = config::parse(CONFIG, folder).map_err(|e| Failure::new("the demo cannot be used").detail(e))?;
    config.listen = listen;
    let plan = Plan { config, again: None, clock: Clock::starting_at(recorded_at), open: true };
    telemetry::start(LogFormat::Text, "warn", None)?;
    super::service_runtime()?.block_on(serve(plan, |address, login| {
        super::tell(&format!("the sample's page: {address}/ (end with Ctrl-C)"));
        if let Some(login) = login {
            super::tell(&format!("to act on it, come in with: {login}"));
        }
    }))?;
    Ok(ExitCode::SUCCESS)
}

const CONFIG: &str = "store: sqlite:demo.db
clusters:
- name: demo
  snapshot: snapshot.json
  audit_log: audit.jsonl
sources:
- name: shop
  cluster: demo
  address: shop.git//deploy?ref=main
  namespace: shop
  secrets: compare
";

#[expect(clippy::disallowed_methods, reason = "the demo's own new folder")]
async fn unpack(folder: &Path, recorded_at: Timestamp) -> Result<(), Failure> {
    if folder.join("shop.git").exists() {
        return Err(Failure::new(format!("{} holds a demo already", folder.display())).hint("name a new folder"));
    }
    fs::create_dir_all(folder).map_err(|e| unwritable(folder, &e))?;
    for name in ["snapshot.json", "audit.jsonl"] {
        fs::write(folder.join(name), text(name)?).map_err(|e| unwritable(folder, &e))?;
    }
    let commits = commits(recorded_at)?;
    GitRepository::import(&folder.join("shop.git"), &commits).await.map_err(|e| Failure::because(&e))?;
    Ok(())
}

/// The sample's commits, oldest first.
fn commits(recorded_at: Timestamp) -> Result<Vec<CommitToMake>, Failure> {
    let mut folders: Vec<String> = Sample::iter()
        .filter_map(|path| path.strip_prefix("commits/")?.strip_suffix("/message.txt").map(str::to_owned))
        .collect();
    folders.sort();
    folders.iter().map(|folder| commit(folder, recorded_at)).collect()
}

fn commit(folder: &str, recorded_at: Timestamp) -> Result<CommitToMake, Failure> {
    let message = text(&format!("commits/{folder}/message.txt"))?;
    let malformed = || Failure::new(format!("commits/{folder}/message.txt of the demo cannot be read"));
    let (head, message) = message.split_once('\n').ok_or_else(malformed)?;
    let (author, minutes) = head.split_once('|').ok_or_else(malformed)?;
    let minutes: i64 = minutes.split_whitespace().next().and_then(|m| m.parse().ok()).ok_or_else(malformed)?;
    let prefix = format!("commits/{folder}/");
    let mut files: Vec<(String, Vec<u8>)> = Sample::iter()
        .filter_map(|path| path.strip_prefix(&prefix).map(str::to_owned))
        .filter(|path| path != "message.txt")
        .filter_map(|path| Some((path.clone(), Sample::get(&format!("{prefix}{path}"))?.data.into_owned())))
        .collect();
    files.sort();
    Ok(CommitToMake {
        author: author.trim().to_owned(),
        time: recorded_at.as_second() - minutes * 60,
        message: message.trim().to_owned(),
        files,
    })
}

fn text(name: &str) -> Result<String, Failure> {
    let file = Sample::get(name).ok_or_else(|| Failure::new(format!("this build has no {name} of the demo")))?;
    String::from_utf8(file.data.into_owned()).map_err(|_| Failure::new(format!("{name} of the demo is no text")))
}

fn unwritable(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot write the demo to {}", folder.display())).detail(error.to_string())
}
