//! `anchorwatch store`: what the service remembers, looked after by hand.

use std::path::PathBuf;
use std::process::ExitCode;

use anchorwatch_edge::store::Store;
use clap::Subcommand;

use super::serve::Settings;
use crate::failure::Failure;
use crate::serve::store_failure;

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Bring the store up to date, as `serve` does when it starts.
    Migrate {
        #[command(flatten)]
        settings: Settings,
    },
    /// Copy an embedded store to a new file, while the service runs.
    Backup {
        /// The new file.
        to: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// See whether the store answers and is whole.
    Check {
        #[command(flatten)]
        settings: Settings,
    },
}

pub(super) fn run(command: StoreCommand) -> Result<ExitCode, Failure> {
    super::runtime()?.block_on(perform(command))?;
    Ok(ExitCode::SUCCESS)
}

async fn perform(command: StoreCommand) -> Result<(), Failure> {
    let fail = |error| store_failure(&error);
    match command {
        StoreCommand::Migrate { settings } => {
            let address = settings.read()?.store;
            Store::open(&address).await.map_err(fail)?;
            super::tell(&format!("{address} is up to date"));
        }
        StoreCommand::Backup { to, settings } => {
            if to.exists() {
                return Err(Failure::new(format!("{} is there already", to.display())).hint("name a new file"));
            }
            let store = Store::open(&settings.read()?.store).await.map_err(fail)?;
            store.backup(&to).await.map_err(fail)?;
            super::tell(&format!("copied to {}", to.display()));
        }
        StoreCommand::Check { settings } => {
            let address = settings.read()?.store;
            let faults = Store::open(&address).await.map_err(fail)?.check().await.map_err(fail)?;
            if !faults.is_empty() {
                let failure = Failure::new(format!("{address} is not whole"))
                    .hint("stop the service and restore a backup; anchorwatch store backup makes them");
                return Err(faults.into_iter().fold(failure, Failure::detail));
            }
            super::tell(&format!("{address} answers and is whole"));
        }
    }
    Ok(())
}
