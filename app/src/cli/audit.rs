//! `anchorwatch audit`: what the router sent where, and whether that is still as it was written.

mod export;
mod file;
mod show;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::audit::{AuditKey, PublicKey};
use anchorwatch_edge::clock;
use anchorwatch_edge::store::{AuditLook, AuditRow, Store, StoreError};
use clap::Subcommand;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::serve::Settings;
use crate::config::Config;
use crate::failure::Failure;
use crate::serve::store_failure;

/// Pages that are read before those before them were looked at.
const AHEAD: usize = 2;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Follow every row from the first to the last, and name all that is not as it was written. Exit status 1 if anything is.
    Verify(verify::VerifyArgs),
    /// List what was sent where, the newest last. It shows what is there; `verify` says whether that is true.
    Show(show::ShowArgs),
    /// Print all rows and checkpoints, a line of JSON each, for `verify --file` elsewhere.
    Export {
        #[command(flatten)]
        settings: Settings,
    },
    /// Print the public key, by which others verify without the secret one.
    Key {
        #[command(flatten)]
        settings: Settings,
    },
}

pub(super) fn run(command: AuditCommand) -> Result<ExitCode, Failure> {
    match command {
        AuditCommand::Verify(args) => return verify::run(args),
        AuditCommand::Show(args) => show::run(&args)?,
        AuditCommand::Export { settings } => export::run(&settings)?,
        AuditCommand::Key { settings } => super::print(&format!("{}\n", public_key(&settings.read()?)?))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The public key of a service. A key that is not there is not made: the audit was written with another one.
fn public_key(config: &Config) -> Result<PublicKey, Failure> {
    let file = &config.secret_key_file;
    if !file.exists() {
        return Err(Failure::new(format!("there is no key in {}", file.display()))
            .hint("it is made by the first `anchorwatch serve`; elsewhere say --public-key, as `anchorwatch audit key` prints it"));
    }
    let key: SecretKey = clock::secret_key(file).map_err(|error| Failure::because(&error))?;
    Ok(AuditKey::of(&key).public())
}

async fn look(config: &Config) -> Result<AuditLook, StoreError> {
    Store::open(&config.store).await?.look_at_audit().await
}

/// Reads all rows in pages, one being read while another one is looked at.
fn each_page(
    runtime: &Runtime,
    look: AuditLook,
    mut each: impl FnMut(Vec<AuditRow>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (pages, mut read) = mpsc::channel(AHEAD);
    let reading = runtime.spawn(async move {
        let mut last: Option<AuditRow> = None;
        loop {
            let page = look.rows(last.as_ref()).await?;
            last = page.last().cloned();
            // Whoever looks at them may have stopped.
            if last.is_none() || pages.send(page).await.is_err() {
                return Ok(());
            }
        }
    });
    while let Some(page) = read.blocking_recv() {
        each(page)?;
    }
    let ended: Result<(), StoreError> = runtime.block_on(reading).expect("nothing in it panics");
    ended.map_err(|error| store_failure(&error))
}

/// A count for a sentence.
fn count(number: u64) -> crate::words::Arg<'static> {
    crate::words::Arg::Count(usize::try_from(number).unwrap_or(usize::MAX))
}

/// Where an audit is kept, if it is no file.
#[derive(Debug, clap::Args)]
struct Kept {
    /// The configuration.
    #[arg(long, value_name = "FILE", env = "ANCHORWATCH_CONFIG", required_unless_present = "file")]
    config: Option<PathBuf>,
    /// Where the service remembers, instead of what the configuration says.
    #[arg(long, value_name = "URL", env = "ANCHORWATCH_STORE", hide_env_values = true)]
    store: Option<String>,
}

impl Kept {
    fn read(self) -> Result<Option<Config>, Failure> {
        let Self { config, store } = self;
        config.map(|config| Settings { config, store }.read()).transpose()
    }
}
