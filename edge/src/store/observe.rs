//! What a watch sees of single objects, as it is seen: items at once, reports with the scan that follows.

use std::collections::HashMap;

use anchorwatch_core::drift::DriftItem;
use anchorwatch_core::drift::lifecycle::Known;
use jiff::{SignedDuration, Timestamp};
use sea_orm::{DatabaseTransaction, DbErr, FromQueryResult};
use serde_json::{Value as Json, json};

use super::record::{KNOWN, KnownRow, Looked, OpenItem, Recorded, Written, is_open};
use super::{Duty, Store, StoreError, failing, micros, read, timestamp};

/// One object as a watch has seen it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster-scoped ones.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// All that differs in it.
    pub items: Vec<DriftItem>,
    /// The field manager that wrote to it last: who made go what is gone.
    pub writer: Option<String>,
}

/// So much earlier than the watch is heard a scan may have seen the same end.
const SCAN_BEFORE: SignedDuration = SignedDuration::from_mins(1);

/// An object that has open items: kind, namespace and name.
pub type OpenObject = (String, String, String);

#[derive(FromQueryResult)]
struct ObjectRow {
    resource_kind: String,
    namespace: String,
    resource_name: String,
}

#[derive(FromQueryResult)]
struct EpisodeRow {
    fingerprint: String,
    stable_path: String,
    manager: String,
    began_at: i64,
    seen_at: i64,
    ended_at: Option<i64>,
    ended_by: Option<String>,
    body: String,
}

impl Store {
    /// Notes what a watch has seen, if its duties are still held. Each sighting is judged beside what the one before left.
    pub async fn observe(
        &self,
        duties: &[&Duty],
        source: &str,
        cluster: &str,
        sightings: &[Sighting],
    ) -> Result<Recorded, StoreError> {
        let fail = failing("note what a watch has seen");
        let write = self.begin().await.map_err(&fail)?;
        for duty in duties {
            self.hold_within(&write, duty).await?;
        }
        self.hold_source(&write, source).await.map_err(&fail)?;
        self.hold_tellings(&write).await.map_err(&fail)?;
        let mut sum = Recorded::default();
        for sighting in sightings {
            let recorded = self.observe_one(&write, source, cluster, sighting).await?;
            sum.new += recorded.new;
            sum.changed += recorded.changed;
            sum.back += recorded.back;
            sum.resolved += recorded.resolved;
        }
        self.commit(write).await.map_err(fail)?;
        Ok(sum)
    }

    async fn observe_one(
        &self,
        write: &DatabaseTransaction,
        source: &str,
        cluster: &str,
        sighting: &Sighting,
    ) -> Result<Recorded, StoreError> {
        let fail = failing("note what a watch has seen");
        let Sighting { kind, namespace, name, at, items, writer } = sighting;
        let mut known = self.known_of(write, source, (kind, namespace, name)).await?;
        let mut written = Written::of(source, *at);
        for item in items {
            let before = known.remove(&item.fingerprint);
            let mut item = item.clone();
            if let Some((_, before)) = &before {
                item.last_report_id.clone_from(&before.last_report_id);
            }
            written.add(cluster, &mut item, before.as_ref().map(|(known, _)| known), *at);
        }
        let mut recorded = self.write_items(write, written).await.map_err(&fail)?;
        let (mut gone, mut over) = (Vec::new(), Vec::new());
        for (fingerprint, (known, _)) in known {
            if is_open(known.status) { &mut gone } else { &mut over }.push(fingerprint);
        }
        if let Some(writer) = writer {
            self.name_who_ended(write, &over, writer, *at).await.map_err(&fail)?;
        }
        recorded.resolved = gone.len();
        self.resolve(write, &gone, writer.as_deref(), Looked { at: *at, over: *at }).await.map_err(&fail)?;
        self.close_reports_with(write, &gone, *at).await.map_err(&fail)?;
        Ok(recorded)
    }

    /// Names who has ended episodes that a scan has seen to be over a moment before the watch was heard: a scan does not know.
    async fn name_who_ended(
        &self,
        write: &DatabaseTransaction,
        of: &[String],
        writer: &str,
        at: Timestamp,
    ) -> Result<(), DbErr> {
        let sql = "UPDATE drift_episodes SET ended_by = $1 WHERE ended_by IS NULL AND ended_at >= $2 AND";
        let since = at.checked_sub(SCAN_BEFORE).unwrap_or(Timestamp::MIN);
        self.update_each(write, sql, &[writer.into(), micros(since).into()], of).await
    }

    async fn known_of(
        &self,
        write: &DatabaseTransaction,
        source: &str,
        (kind, namespace, name): (&str, &str, &str),
    ) -> Result<HashMap<String, (Known, OpenItem)>, StoreError> {
        let sql = format!(
            "SELECT {KNOWN} FROM drift_items WHERE source = $1 AND namespace = $2 AND resource_kind = $3 \
             AND resource_name = $4"
        );
        let values = [source.into(), namespace.into(), kind.into(), name.into()];
        let rows = KnownRow::find_by_statement(self.statement(&sql, values)).all(write).await;
        rows.map_err(failing("note what a watch has seen"))?.into_iter().map(KnownRow::read).collect()
    }

    /// The objects of a source that have open items.
    pub async fn open_objects(&self, source: &str) -> Result<Vec<OpenObject>, StoreError> {
        let sql = "SELECT DISTINCT resource_kind, namespace, resource_name FROM drift_items \
                   WHERE source = $1 AND status IN ('pending', 'acknowledged', 'ignored')";
        let rows = ObjectRow::find_by_statement(self.statement(sql, [source.into()])).all(&self.db).await;
        let rows = rows.map_err(failing("list objects that differ"))?;
        Ok(rows.into_iter().map(|row| (row.resource_kind, row.namespace, row.resource_name)).collect())
    }

    /// The values that the items of an object, or one item, had: the newest first.
    pub async fn episodes(&self, of: EpisodesOf<'_>, limit: u64) -> Result<Vec<Json>, StoreError> {
        let (condition, values) = match of {
            EpisodesOf::Item(fingerprint) => ("fingerprint = $1", vec![fingerprint.into()]),
            EpisodesOf::Object { cluster, namespace, kind, name } => (
                "cluster = $1 AND namespace = $2 AND resource_kind = $3 AND resource_name = $4",
                vec![cluster.into(), namespace.into(), kind.into(), name.into()],
            ),
        };
        let sql = format!(
            "SELECT fingerprint, stable_path, manager, began_at, seen_at, ended_at, ended_by, body FROM drift_episodes \
             WHERE {condition} ORDER BY seen_at DESC, episode_id DESC LIMIT {limit}"
        );
        let rows = EpisodeRow::find_by_statement(self.statement(&sql, values)).all(&self.db).await;
        rows.map_err(failing("list what items were"))?.into_iter().map(EpisodeRow::json).collect()
    }
}

/// Whose episodes are asked for.
#[derive(Debug, Clone, Copy)]
pub enum EpisodesOf<'a> {
    /// Those of an item, by its fingerprint.
    Item(&'a str),
    /// Those of all items of an object.
    Object {
        /// Its cluster.
        cluster: &'a str,
        /// Its namespace; empty for cluster-scoped ones.
        namespace: &'a str,
        /// Its kind.
        kind: &'a str,
        /// Its name.
        name: &'a str,
    },
}

impl EpisodeRow {
    fn json(self) -> Result<Json, StoreError> {
        let item: Json = read("an item", &self.body)?;
        Ok(json!({
            "fingerprint": self.fingerprint,
            "stable_path": self.stable_path,
            "manager": self.manager,
            "began_at": timestamp(self.began_at),
            "seen_at": timestamp(self.seen_at),
            "ended_at": self.ended_at.map(timestamp),
            "ended_by": self.ended_by,
            "item": item,
        }))
    }
}
