//! `private_texts`: what was said in private, as keyed hashes; kept so long that nobody says it elsewhere a moment later.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, DbBackend, Value};

use super::{ROWS_AT_A_TIME, Store, StoreError, failing, micros, places};

/// The statement that remembers texts by their hashes, and its two values. The hashes are in one order, so that nobody waits for
/// somebody who waits for him.
pub(super) fn remembering(backend: DbBackend, hashes: &BTreeSet<&str>, at: Timestamp) -> (String, [Value; 2]) {
    // One text, so that there is one statement whatever their number.
    let each = match backend {
        DbBackend::Postgres => "SELECT value, $1 FROM json_array_elements_text($2::json) AS value",
        _ => "SELECT value, ? FROM json_each(?) WHERE true",
    };
    let sql = format!(
        "INSERT INTO private_texts (hash, seen_at) {each} ON CONFLICT (hash) DO UPDATE SET seen_at = excluded.seen_at"
    );
    let hashes = serde_json::to_string(hashes).expect("texts are JSON");
    (sql, [micros(at).into(), hashes.into()])
}

impl Store {
    /// True if one of these texts was said in private since a time.
    pub async fn is_private(&self, hashes: &[String], since: Timestamp) -> Result<bool, StoreError> {
        for hashes in hashes.chunks(ROWS_AT_A_TIME) {
            let sql = format!(
                "SELECT 1 AS found FROM private_texts WHERE seen_at >= $1 AND hash IN ({}) LIMIT 1",
                places(1, hashes.len())
            );
            let values =
                std::iter::once(micros(since).into()).chain(hashes.iter().map(|hash| Value::from(hash.as_str())));
            let found = self.db.query_one_raw(self.statement(&sql, values)).await;
            if found.map_err(failing("look for what is private"))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Forgets what was said before a time. Gives its number.
    pub async fn forget_private(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM private_texts WHERE seen_at < $1";
        let done = self.db.execute_raw(self.statement(sql, [micros(before).into()])).await;
        Ok(done.map_err(failing("forget what was private"))?.rows_affected())
    }
}
