//! `private_texts`: what was said in private, as keyed hashes; kept so long that nobody says it elsewhere a moment later.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, Value};

use super::{ROWS_AT_A_TIME, Store, StoreError, Table, failing, insert, micros, places};

const PRIVATE_TEXTS: Table = Table { name: "private_texts", columns: &["hash", "seen_at"] };

impl Store {
    /// Remembers texts by their hashes.
    pub async fn remember_private(&self, hashes: &[String], now: Timestamp) -> Result<(), StoreError> {
        if hashes.is_empty() {
            return Ok(());
        }
        let fail = failing("remember what is private");
        let mut hashes: Vec<&String> = hashes.iter().collect();
        // Rows are written in one order, so that nobody waits for somebody who waits for him.
        hashes.sort_unstable();
        hashes.dedup();
        let rows = hashes.iter().map(|hash| vec![hash.as_str().into(), micros(now).into()]).collect();
        let write = self.begin().await.map_err(&fail)?;
        let again = " ON CONFLICT (hash) DO UPDATE SET seen_at = excluded.seen_at";
        insert(&write, PRIVATE_TEXTS, rows, again).await.map_err(&fail)?;
        write.commit().await.map_err(fail)
    }

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
