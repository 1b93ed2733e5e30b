//! The store on a real PostgreSQL.

use std::io::Write as _;

use anchorwatch_testbed::Postgres;

use crate::store_suite;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_on_postgres_does_what_every_store_does() {
    let Some(server) = Postgres::start().unwrap() else {
        writeln!(std::io::stderr(), "skipped: PostgreSQL is not installed (Debian: postgresql-15)").unwrap();
        return;
    };
    store_suite::run(&server.url().parse().unwrap()).await;
}
