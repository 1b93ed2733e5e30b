//! The store on a real PostgreSQL.

use std::io::Write as _;

use anchorwatch_testbed::Postgres;

use crate::{audit_kill, audit_suite, outbox_suite, store_suite};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_on_postgres_does_what_every_store_does() {
    let Some(server) = Postgres::start().unwrap() else {
        writeln!(std::io::stderr(), "skipped: PostgreSQL is not installed (Debian: postgresql-15)").unwrap();
        return;
    };
    let address = server.url().parse().unwrap();
    store_suite::run(&address).await;
    outbox_suite::run(&address).await;
    // What the server refuses is refused.
    audit_suite::run(&address, |sql| drop(server.query(sql))).await;
}

#[tokio::test]
async fn who_is_killed_while_it_writes_to_postgres_has_sent_nothing_that_was_not_written_before() {
    let Some(server) = Postgres::start().unwrap() else {
        writeln!(std::io::stderr(), "skipped: PostgreSQL is not installed (Debian: postgresql-15)").unwrap();
        return;
    };
    audit_kill::run(&server.url()).await;
}
