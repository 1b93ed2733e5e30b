//! Where the services of a run of tests remember: as they are configured, or in databases of one PostgreSQL.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::postgres;

/// Says, in the environment of a run of tests, where its PostgreSQL is.
const SERVER: &str = "ANCHORWATCH_TEST_POSTGRES";
/// What the program takes its store from.
const STORE: &str = "ANCHORWATCH_STORE";

/// Tells a run of tests that its services are to remember in this PostgreSQL.
pub fn remember_there(run: &mut Command, server: &str) {
    run.env(SERVER, server);
}

/// Has a program that works in a folder remember where this run of tests says: each folder has a database of its own, which
/// is made when it is asked for first. A run that says nothing leaves it to the configuration.
pub fn remember(command: &mut Command, folder: &Path) -> io::Result<()> {
    static DATABASES: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());
    let Ok(server) = std::env::var(SERVER) else { return Ok(()) };
    let mut databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
    let url = if let Some(url) = databases.get(folder) {
        url.clone()
    } else {
        let name = format!("test_{}_{}", std::process::id(), databases.len());
        postgres::query(&server, &format!("CREATE DATABASE {name}"))?;
        let (host, _) = server.rsplit_once('/').ok_or_else(|| io::Error::other(format!("{SERVER} is no address")))?;
        databases.entry(folder.to_owned()).or_insert(format!("{host}/{name}")).clone()
    };
    command.env(STORE, url);
    Ok(())
}
