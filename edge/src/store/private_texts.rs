//! `private_texts`: what was said in private, as keyed hashes; kept so long that nobody says it elsewhere a moment later.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use sea_orm::{ConnectionTrait as _, DbBackend, Value};

use super::{Store, StoreError, failing, micros};

/// A text that is said again is noted again after so long: each turn of a conversation repeats all that was said before. So it may
/// have been said so much later than is noted.
const NOTED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Remembers texts by their hashes in SQLite, within a transaction.
pub(super) fn remember(sqlite: &Connection, hashes: &BTreeSet<&str>, at: Timestamp) -> rusqlite::Result<()> {
    let mut remember = sqlite.prepare_cached(
        "INSERT INTO private_texts (hash, seen_at) VALUES (?1, ?2) \
         ON CONFLICT (hash) DO UPDATE SET seen_at = excluded.seen_at WHERE private_texts.seen_at < ?3",
    )?;
    hashes.iter().try_for_each(|hash| remember.execute((hash, micros(at), micros(noted(at)))).map(drop))
}

/// The statement that remembers texts by their hashes in PostgreSQL, and its three values. The hashes are in one order, so that
/// nobody waits for somebody who waits for him.
pub(super) fn remembering(hashes: &BTreeSet<&str>, at: Timestamp) -> (&'static str, [Value; 3]) {
    let sql = "INSERT INTO private_texts (hash, seen_at) SELECT value, $1 FROM json_array_elements_text($2::json) AS value \
               ON CONFLICT (hash) DO UPDATE SET seen_at = excluded.seen_at WHERE private_texts.seen_at < $3";
    (sql, [micros(at).into(), json(hashes), micros(noted(at)).into()])
}

impl Store {
    /// True if one of these texts was said in private since a time, or up to an hour before.
    pub async fn is_private(&self, hashes: &[String], since: Timestamp) -> Result<bool, StoreError> {
        let each = match self.address.backend {
            DbBackend::Postgres => "json_array_elements_text($2::json) AS value",
            _ => "json_each($2)",
        };
        let sql = format!(
            "SELECT 1 AS found FROM private_texts WHERE seen_at >= $1 AND hash IN (SELECT value FROM {each}) LIMIT 1"
        );
        let found = self.db.query_one_raw(self.statement(&sql, [micros(noted(since)).into(), json(hashes)])).await;
        Ok(found.map_err(failing("look for what is private"))?.is_some())
    }

    /// Forgets what was said more than an hour before a time. Gives its number.
    pub async fn forget_private(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM private_texts WHERE seen_at < $1";
        let done = self.db.execute_raw(self.statement(sql, [micros(noted(before)).into()])).await;
        Ok(done.map_err(failing("forget what was private"))?.rows_affected())
    }
}

/// The earliest that may be noted of what was said at a time.
fn noted(said: Timestamp) -> Timestamp {
    said.checked_sub(NOTED_EVERY).unwrap_or(Timestamp::MIN)
}

/// Hashes as one text, so that there is one statement whatever their number.
fn json(hashes: impl serde::Serialize) -> Value {
    serde_json::to_string(&hashes).expect("texts are JSON").into()
}
