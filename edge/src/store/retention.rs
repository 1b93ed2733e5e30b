//! What is forgotten: scans with their reports, jobs, items, sessions and offers that nobody asks for any more.

use jiff::Timestamp;
use sea_orm::ConnectionTrait as _;

use super::{Store, StoreError, failing, micros};

impl Store {
    /// Forgets what is older than `before`, and of each source the oldest scans beyond `scans_per_source`. The last scan of a
    /// source stays, and so do items that are open. Gives how many scans went.
    pub async fn forget(&self, before: Timestamp, scans_per_source: u32, now: Timestamp) -> Result<u64, StoreError> {
        let fail = failing("forget old scans");
        let write = self.begin().await.map_err(&fail)?;
        let sql = "DELETE FROM scans WHERE scan_id IN (SELECT scan_id FROM (SELECT scan_id, started_at, \
                   ROW_NUMBER() OVER (PARTITION BY source ORDER BY started_at DESC, scan_id DESC) AS age FROM scans) ranked \
                   WHERE age > 1 AND (started_at < $1 OR age > $2))";
        let values = [micros(before).into(), i64::from(scans_per_source).into()];
        let scans = write.execute_raw(self.statement(sql, values)).await.map_err(&fail)?.rows_affected();
        for sql in [
            "DELETE FROM jobs WHERE finished_at < $1",
            "DELETE FROM drift_items WHERE last_seen < $1 AND status IN ('resolved', 'rolled_back', 'adopted')",
            "DELETE FROM drift_episodes WHERE ended_at < $1",
            "DELETE FROM rules WHERE ended_at < $1",
        ] {
            write.execute_raw(self.statement(sql, [micros(before).into()])).await.map_err(&fail)?;
        }
        for sql in [
            "DELETE FROM sessions WHERE expires_at < $1",
            "DELETE FROM duties WHERE (name LIKE 'offer/%' OR name LIKE 'replica/%') AND leased_until < $1",
        ] {
            write.execute_raw(self.statement(sql, [micros(now).into()])).await.map_err(&fail)?;
        }
        self.commit(write).await.map_err(fail)?;
        Ok(scans)
    }
}
