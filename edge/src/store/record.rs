//! Recording what came of a scan: the scan, its reports, and what becomes of each item, all or nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use anchorwatch_core::drift::item::DriftStatus;
use anchorwatch_core::drift::lifecycle::{self, Known, Turn};
use anchorwatch_core::drift::report::Trigger;
use anchorwatch_core::drift::{DriftItem, DriftReport};
use jiff::{SignedDuration, Timestamp};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, FromQueryResult, Value};
use serde_json::Value as Json;

use super::jobs::Claim;
use super::reports::holding;
use super::tellings::{REPLACE_TELLING, TELLINGS, telling_row};
use super::{ROWS_AT_A_TIME, Store, StoreError, Table, failing, insert, micros, named, places, timestamp, word};

/// An item that was judged so long after a scan ended was judged before the clock was set back: it would stay as it is until
/// the clock shows that time again.
const CLOCK_SET_BACK: SignedDuration = SignedDuration::from_hours(1);

/// What came of a scan.
pub struct ScanRecord<'a> {
    /// Its id.
    pub scan_id: &'a str,
    /// The source's name.
    pub source: &'a str,
    /// The cluster's name.
    pub cluster: &'a str,
    /// What started it.
    pub triggered_by: Trigger,
    /// Who asked for it, where a person did.
    pub requested_by: Option<&'a str>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Its reports, or why there are none.
    pub result: Result<Vec<DriftReport>, String>,
    /// True if the scan would have seen an item that it does not tell: its object was compared, or is in Git no more.
    pub would_see: &'a (dyn Fn(&OpenItem) -> bool + Sync),
}

/// What the store knows of an item that is not resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenItem {
    /// Kind.
    pub resource_kind: String,
    /// Name.
    pub resource_name: String,
    /// Namespace.
    pub namespace: String,
    /// The path with list keys.
    pub stable_path: String,
    /// When somebody looked last, a scan or a watch.
    pub judged_at: Timestamp,
    /// The report that saw it last.
    pub last_report_id: String,
}

/// What became of the items of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Never seen before.
    pub new: usize,
    /// Other values, or of a higher level.
    pub changed: usize,
    /// Gone once, and here again.
    pub back: usize,
    /// Gone.
    pub resolved: usize,
}

const SCANS: Table = Table {
    name: "scans",
    columns: &[
        "scan_id",
        "source",
        "cluster",
        "triggered_by",
        "requested_by",
        "state",
        "started_at",
        "finished_at",
        "revision",
        "objects",
        "failure",
    ],
};

const REPORTS: Table = Table {
    name: "drift_reports",
    columns: &[
        "report_id",
        "scan_id",
        "source",
        "cluster",
        "namespace",
        "state",
        "high_count",
        "medium_count",
        "info_count",
        "body",
        "status",
        "resolved_at",
    ],
};

const REPORT_ITEMS: Table =
    Table { name: "drift_report_items", columns: &["report_id", "position", "fingerprint", "drift_level", "body"] };

const EPISODES: Table = Table {
    name: "drift_episodes",
    columns: &[
        "episode_id",
        "fingerprint",
        "cluster",
        "namespace",
        "resource_kind",
        "resource_name",
        "stable_path",
        "manager",
        "began_at",
        "seen_at",
        "body",
    ],
};

const ITEMS: Table = Table {
    name: "drift_items",
    columns: &[
        "fingerprint",
        "source",
        "cluster",
        "namespace",
        "api_version",
        "resource_kind",
        "resource_name",
        "stable_path",
        "change",
        "drift_level",
        "origin",
        "manager",
        "status",
        "value_hash",
        "first_seen",
        "last_seen",
        "judged_at",
        "resolved_at",
        "last_report_id",
        "told_at",
        "changes",
        "body",
    ],
};

/// An item that is there already is brought up to date; who decided about it stays while it stays decided.
const UPDATE_ITEM: &str = " ON CONFLICT (fingerprint) DO UPDATE SET api_version = excluded.api_version, \
    drift_level = excluded.drift_level, origin = excluded.origin, manager = excluded.manager, status = excluded.status, \
    value_hash = excluded.value_hash, last_seen = excluded.last_seen, judged_at = excluded.judged_at, resolved_at = NULL, \
    last_report_id = excluded.last_report_id, told_at = excluded.told_at, changes = excluded.changes, \
    body = excluded.body, \
    decided_by = CASE WHEN excluded.status = 'pending' THEN NULL ELSE drift_items.decided_by END, \
    decided_at = CASE WHEN excluded.status = 'pending' THEN NULL ELSE drift_items.decided_at END";

/// Columns of a [`KnownRow`].
pub(super) const KNOWN: &str = "fingerprint, namespace, resource_kind, resource_name, stable_path, status, value_hash, \
    drift_level, first_seen, told_at, changes, judged_at, \
    last_report_id";

#[derive(FromQueryResult)]
pub(super) struct KnownRow {
    fingerprint: String,
    namespace: String,
    resource_kind: String,
    resource_name: String,
    stable_path: String,
    status: String,
    value_hash: String,
    drift_level: String,
    first_seen: i64,
    told_at: Option<i64>,
    changes: i64,
    judged_at: i64,
    last_report_id: String,
}

impl Store {
    /// Records a scan, if the claim on it still holds.
    pub async fn record_scan(&self, claim: &Claim, record: ScanRecord<'_>) -> Result<Recorded, StoreError> {
        let fail = failing("record a scan");
        let write = self.begin().await.map_err(&fail)?;
        self.finish_within(&write, claim, record.finished_at, &record.result, record.scan_id).await?;
        let recorded = self.settle(&write, record).await?;
        self.commit(write).await.map_err(fail)?;
        Ok(recorded)
    }

    async fn settle(&self, write: &DatabaseTransaction, record: ScanRecord<'_>) -> Result<Recorded, StoreError> {
        let fail = failing("record a scan");
        self.hold_source(write, record.source).await.map_err(&fail)?;
        self.hold_tellings(write).await.map_err(&fail)?;
        insert(write, SCANS, vec![scan_row(&record)], "").await.map_err(&fail)?;
        let ScanRecord { scan_id, source, cluster, started_at, finished_at, result, would_see, .. } = record;
        let reports = match result {
            Ok(reports) => reports,
            Err(failure) => {
                let sql =
                    "UPDATE sources SET last_scan_id = $2, last_failure = $3, last_failure_at = $4 WHERE name = $1";
                let values = [source.into(), scan_id.into(), failure.into(), micros(finished_at).into()];
                write.execute_raw(self.statement(sql, values)).await.map_err(&fail)?;
                self.scan_failed_within(write, source, cluster, finished_at).await.map_err(fail)?;
                return Ok(Recorded::default());
            }
        };
        let mut known = self.known(write, source).await?;
        // A watch, or a scan that began later, has looked since: what this one saw is over.
        let looked_since = |item: &OpenItem| {
            item.judged_at > started_at && item.judged_at.duration_since(finished_at) < CLOCK_SET_BACK
        };
        let hidden: HashSet<String> =
            reports.iter().flat_map(|report| &report.ignored).map(|ignored| ignored.fingerprint.clone()).collect();
        let mut written = Written::of(source, finished_at);
        let (mut report_rows, mut report_items) = (Vec::new(), Vec::new());
        let namespaces: BTreeSet<String> = reports.iter().map(|report| report.namespace.clone()).collect();
        for mut report in reports {
            for item in &mut report.items {
                let before = known.remove(&item.fingerprint);
                if let Some((before, _)) = before.as_ref().filter(|(_, item)| looked_since(item)) {
                    (item.status, item.first_seen) = (before.status, before.first_seen);
                    continue;
                }
                written.add(&report.cluster, item, before.as_ref().map(|(known, _)| known), report.scanned_at);
            }
            report.derive_status();
            report_items.extend(report.items.iter().enumerate().map(|(at, item)| report_item_row(&report, at, item)));
            report.items.clear();
            report_rows.push(report_row(scan_id, &report));
        }
        known.retain(|_, (known, item)| {
            is_open(known.status) && namespaces.contains(&item.namespace) && !looked_since(item)
        });
        // What a rule of the configuration hides is there, and no longer told.
        let (set_aside, gone): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|(fingerprint, _)| hidden.contains(fingerprint));
        let gone: Vec<String> =
            gone.into_iter().filter(|(_, (_, item))| would_see(item)).map(|(fingerprint, _)| fingerprint).collect();
        insert(write, REPORTS, report_rows, "").await.map_err(&fail)?;
        insert(write, REPORT_ITEMS, report_items, "").await.map_err(&fail)?;
        let set_aside: Vec<String> = set_aside.into_iter().map(|(fingerprint, _)| fingerprint).collect();
        let sql = "UPDATE drift_items SET status = 'ignored', last_seen = $1 WHERE";
        self.update_each(write, sql, &[micros(finished_at).into()], &set_aside).await.map_err(&fail)?;
        let mut recorded = self.write_items(write, written).await.map_err(&fail)?;
        self.scan_succeeded_within(write, source, finished_at).await.map_err(&fail)?;
        recorded.resolved = gone.len();
        self.resolve(write, &gone, None, Looked { at: started_at, over: finished_at }).await.map_err(&fail)?;
        let settled = [gone, set_aside].concat();
        self.close_reports_with(write, &settled, finished_at).await.map_err(&fail)?;
        let sql = "UPDATE sources SET last_scan_id = $2, last_success_at = $3, last_failure = NULL, last_failure_at = NULL \
                   WHERE name = $1";
        let values = [source.into(), scan_id.into(), micros(finished_at).into()];
        write.execute_raw(self.statement(sql, values)).await.map_err(fail)?;
        Ok(recorded)
    }

    async fn known(
        &self,
        write: &DatabaseTransaction,
        source: &str,
    ) -> Result<HashMap<String, (Known, OpenItem)>, StoreError> {
        let sql = format!("SELECT {KNOWN} FROM drift_items WHERE source = $1");
        let rows = KnownRow::find_by_statement(self.statement(&sql, [source.into()])).all(write).await;
        rows.map_err(failing("record a scan"))?.into_iter().map(KnownRow::read).collect()
    }

    /// Writes what became of items that were seen.
    pub(super) async fn write_items(
        &self,
        write: &DatabaseTransaction,
        written: Written<'_>,
    ) -> Result<Recorded, DbErr> {
        let Written { now, items, tellings, episodes, over, recorded, .. } = written;
        self.end_episodes(write, &over, None, now).await?;
        insert(write, EPISODES, episodes, "").await?;
        insert(write, ITEMS, items, UPDATE_ITEM).await?;
        insert(write, TELLINGS, tellings, REPLACE_TELLING).await?;
        Ok(recorded)
    }

    /// Notes that items are gone, and who made them go, where that is known.
    pub(super) async fn resolve(
        &self,
        write: &DatabaseTransaction,
        gone: &[String],
        by: Option<&str>,
        looked: Looked,
    ) -> Result<(), DbErr> {
        let sql = "UPDATE drift_items SET status = 'resolved', resolved_at = $1, judged_at = $2 WHERE";
        self.update_each(write, sql, &[micros(looked.over).into(), micros(looked.at).into()], gone).await?;
        self.end_episodes(write, gone, by, looked.over).await
    }

    async fn end_episodes(
        &self,
        write: &DatabaseTransaction,
        of: &[String],
        by: Option<&str>,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        let sql = "UPDATE drift_episodes SET ended_at = $1, ended_by = $2 WHERE ended_at IS NULL AND";
        self.update_each(write, sql, &[micros(now).into(), by.map(str::to_owned).into()], of).await
    }

    /// Runs an update, which ends with its condition and to which these items are added, many at a time.
    pub(super) async fn update_each(
        &self,
        write: &DatabaseTransaction,
        sql: &str,
        values: &[Value],
        of: &[String],
    ) -> Result<(), DbErr> {
        for of in of.chunks(ROWS_AT_A_TIME) {
            let sql = format!("{sql} fingerprint IN ({})", places(values.len(), of.len()));
            let values = values.iter().cloned().chain(of.iter().map(|fingerprint| fingerprint.as_str().into()));
            write.execute_raw(self.statement(&sql, values)).await?;
        }
        Ok(())
    }

    /// Closes the reports that hold one of these items, if nothing in them is open any more: a report is open as long as one of
    /// its items above INFO is. Where nothing was compared it stays open.
    pub(super) async fn close_reports_with(
        &self,
        write: &DatabaseTransaction,
        items: &[String],
        now: Timestamp,
    ) -> Result<(), DbErr> {
        for items in items.chunks(ROWS_AT_A_TIME) {
            let sql = format!(
                "UPDATE drift_reports SET status = 'resolved', resolved_at = $1 WHERE status = 'pending' \
                 AND state <> 'failed' AND {} AND NOT EXISTS (SELECT 1 FROM drift_report_items r \
                 JOIN drift_items i ON i.fingerprint = r.fingerprint \
                 WHERE r.report_id = drift_reports.report_id AND r.drift_level <> 'info' AND i.status = 'pending')",
                holding(1, items.len())
            );
            let values = items.iter().map(|fingerprint| fingerprint.as_str().into());
            write.execute_raw(self.statement(&sql, std::iter::once(micros(now).into()).chain(values))).await?;
        }
        Ok(())
    }
}

/// When somebody looked who found items gone, and when that was over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked {
    pub(super) at: Timestamp,
    pub(super) over: Timestamp,
}

/// What is to be written of items that were seen.
pub(super) struct Written<'a> {
    source: &'a str,
    now: Timestamp,
    items: Vec<Vec<Value>>,
    tellings: Vec<Vec<Value>>,
    episodes: Vec<Vec<Value>>,
    /// Items whose value is another now.
    over: Vec<String>,
    recorded: Recorded,
}

impl<'a> Written<'a> {
    pub(super) fn of(source: &'a str, now: Timestamp) -> Self {
        let (items, tellings, episodes, over, recorded) = Default::default();
        Self { source, now, items, tellings, episodes, over, recorded }
    }

    /// An item that was seen, beside what was known of it; its status and first sight are set.
    pub(super) fn add(&mut self, cluster: &str, item: &mut DriftItem, before: Option<&Known>, seen_at: Timestamp) {
        let seen = lifecycle::seen(before, item, seen_at);
        match seen.turn {
            Turn::New => self.recorded.new += 1,
            Turn::Changed => self.recorded.changed += 1,
            Turn::Back => self.recorded.back += 1,
            Turn::Same => {}
        }
        item.status = seen.status;
        item.first_seen = seen.first_seen;
        let told_at = seen.telling.due().or(before.and_then(|known| known.told_at));
        let body = json(item);
        self.items.push(item_row(self.source, (cluster, seen_at), item, body.clone(), (told_at, seen.changes)));
        self.tellings.extend(telling_row(self.source, cluster, item, &seen, self.now));
        // What is new had no value before that could be over.
        if matches!(seen.turn, Turn::Changed | Turn::Back) {
            self.over.push(item.fingerprint.clone());
        }
        if seen.turn != Turn::Same {
            self.episodes.push(episode_row(cluster, item, body, seen_at));
        }
    }
}

fn episode_row(cluster: &str, item: &DriftItem, body: Value, seen_at: Timestamp) -> Vec<Value> {
    let since = item.attribution.as_ref().and_then(|attribution| attribution.time).unwrap_or(seen_at);
    vec![
        crate::clock::new_id().into(),
        item.fingerprint.as_str().into(),
        cluster.into(),
        item.namespace.as_str().into(),
        item.resource_kind.as_str().into(),
        item.resource_name.as_str().into(),
        item.stable_path.as_str().into(),
        item.manager().into(),
        micros(since.min(seen_at)).into(),
        micros(seen_at).into(),
        body,
    ]
}

pub(super) fn is_open(status: DriftStatus) -> bool {
    matches!(status, DriftStatus::Pending | DriftStatus::Acknowledged | DriftStatus::Ignored)
}

impl KnownRow {
    pub(super) fn read(self) -> Result<(String, (Known, OpenItem)), StoreError> {
        let known = Known {
            status: named("an item's status", self.status)?,
            value_hash: self.value_hash,
            level: named("an item's level", self.drift_level)?,
            first_seen: timestamp(self.first_seen),
            told_at: self.told_at.map(timestamp),
            changes: u32::try_from(self.changes).unwrap_or(u32::MAX),
        };
        let item = OpenItem {
            resource_kind: self.resource_kind,
            resource_name: self.resource_name,
            namespace: self.namespace,
            stable_path: self.stable_path,
            judged_at: timestamp(self.judged_at),
            last_report_id: self.last_report_id,
        };
        Ok((self.fingerprint, (known, item)))
    }
}

fn scan_row(record: &ScanRecord<'_>) -> Vec<Value> {
    let (state, revision, objects, failure) = match &record.result {
        Ok(reports) => {
            let state = reports.iter().map(|report| report.state).max();
            let objects: usize = reports.iter().map(|report| report.objects).sum();
            (
                state.map_or_else(|| "complete".to_owned(), word),
                reports.iter().find_map(|r| r.revision.clone()),
                objects,
                None,
            )
        }
        Err(failure) => ("failed".to_owned(), None, 0, Some(failure.clone())),
    };
    vec![
        record.scan_id.into(),
        record.source.into(),
        record.cluster.into(),
        word(record.triggered_by).into(),
        record.requested_by.map(str::to_owned).into(),
        state.into(),
        micros(record.started_at).into(),
        micros(record.finished_at).into(),
        revision.into(),
        count(objects),
        failure.into(),
    ]
}

fn report_row(scan_id: &str, report: &DriftReport) -> Vec<Value> {
    vec![
        report.report_id.as_str().into(),
        scan_id.into(),
        report.source.as_str().into(),
        report.cluster.as_str().into(),
        report.namespace.as_str().into(),
        word(report.state).into(),
        count(report.high_count),
        count(report.medium_count),
        count(report.info_count),
        body_of(report),
        word(report.status).into(),
        report.resolved_at.map(micros).into(),
    ]
}

/// A report without its items, which have rows of their own, and without what changes later.
fn body_of(report: &DriftReport) -> Value {
    let Ok(Json::Object(mut body)) = serde_json::to_value(report) else { unreachable!("a report is a JSON object") };
    for name in ["items", "status", "resolved_at"] {
        body.shift_remove(name);
    }
    Json::Object(body).to_string().into()
}

fn report_item_row(report: &DriftReport, position: usize, item: &DriftItem) -> Vec<Value> {
    vec![
        report.report_id.as_str().into(),
        count(position),
        item.fingerprint.as_str().into(),
        word(item.drift_level).into(),
        json(item),
    ]
}

fn item_row(
    source: &str,
    (cluster, judged_at): (&str, Timestamp),
    item: &DriftItem,
    body: Value,
    (told_at, changes): (Option<Timestamp>, u32),
) -> Vec<Value> {
    vec![
        item.fingerprint.as_str().into(),
        source.into(),
        cluster.into(),
        item.namespace.as_str().into(),
        item.api_version.as_str().into(),
        item.resource_kind.as_str().into(),
        item.resource_name.as_str().into(),
        item.stable_path.as_str().into(),
        word(item.change).into(),
        word(item.drift_level).into(),
        word(item.origin).into(),
        item.manager().into(),
        word(item.status).into(),
        item.value_hash.as_str().into(),
        micros(item.first_seen).into(),
        micros(item.last_seen).into(),
        micros(judged_at).into(),
        None::<i64>.into(),
        item.last_report_id.as_str().into(),
        told_at.map(micros).into(),
        i64::from(changes).into(),
        body,
    ]
}

fn count(number: usize) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_string(value).expect("what is reported is JSON").into()
}
