//! `drift_reports`, `drift_report_items` and `drift_items`, as they are asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_core::drift::item::DriftStatus;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, FromQueryResult, Value};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::{Store, StoreError, failing, micros, named, places, read, timestamp, word};

/// Which reports or items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this source.
    pub source: Option<String>,
    /// Of this cluster.
    pub cluster: Option<String>,
    /// Of this namespace; the empty one is that of cluster-scoped objects.
    pub namespace: Option<String>,
    /// With this status.
    pub status: Option<DriftStatus>,
    /// Of this level, or for reports: with an item of it.
    pub level: Option<DriftLevel>,
    /// Of this scan.
    pub scan: Option<String>,
    /// Reports that hold this item, by its fingerprint.
    pub holding: Option<String>,
    /// Items whose object or path has this text, in any case.
    pub text: Option<String>,
    /// Items of this kind.
    pub kind: Option<String>,
    /// Items of this name.
    pub name: Option<String>,
    /// Of one of these clusters, where there are any.
    pub within_clusters: Vec<String>,
    /// Of one of these namespaces, where there are any.
    pub within_namespaces: Vec<String>,
}

/// Some of what a filter fits.
#[derive(Debug, Clone, Serialize)]
pub struct Listed<T = Json> {
    /// As JSON, as the API gives it.
    pub items: Vec<T>,
    /// How many fit in all.
    pub total: u64,
    /// What to ask for next: those after this one.
    pub next: Option<String>,
}

#[derive(FromQueryResult)]
struct ReportRow {
    report_id: String,
    source: String,
    status: String,
    resolved_at: Option<i64>,
    body: String,
}

/// Columns of a [`ReportRow`].
const REPORT: &str = "report_id, source, status, resolved_at, body";
/// Columns of a [`Keyed`].
const ITEM: &str = "fingerprint, source, cluster, changes, status, last_seen, last_report_id, resolved_at, decided_by, decided_at, body";

const WORST_FIRST: &str = "ORDER BY CASE drift_level WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END, cluster, namespace, \
    resource_kind, resource_name, stable_path, fingerprint";

/// Items of the report `$1` that nobody has settled.
const OPEN_IN_REPORT: &str = "status IN ('pending', 'acknowledged') \
    AND fingerprint IN (SELECT fingerprint FROM drift_report_items WHERE report_id = $1)";

#[derive(FromQueryResult)]
struct Body {
    body: String,
}

#[derive(FromQueryResult)]
struct Keyed {
    fingerprint: String,
    source: String,
    cluster: String,
    changes: i64,
    status: String,
    last_seen: i64,
    last_report_id: String,
    resolved_at: Option<i64>,
    decided_by: Option<String>,
    decided_at: Option<i64>,
    body: String,
}

#[derive(FromQueryResult)]
struct Total {
    total: i64,
}

impl Store {
    /// Reports without their items, the newest first.
    pub async fn reports(
        &self,
        filter: &Filter,
        limit: u64,
        after: Option<&str>,
    ) -> Result<Listed<Box<RawValue>>, StoreError> {
        let fail = failing("list reports");
        let mut chosen = Chosen::by(filter);
        match filter.level {
            Some(DriftLevel::High) => chosen.sql.push_str(" AND high_count > 0"),
            Some(DriftLevel::Medium) => chosen.sql.push_str(" AND medium_count > 0"),
            Some(DriftLevel::Info) => chosen.sql.push_str(" AND info_count > 0"),
            None => {}
        }
        if let Some(scan) = &filter.scan {
            chosen.and("scan_id =", scan.as_str());
        }
        if let Some(fingerprint) = &filter.holding {
            chosen.with(fingerprint.as_str(), |place| holding(place - 1, 1));
        }
        let total = self.total("drift_reports", &chosen).await?;
        if let Some(after) = after {
            // Ids begin with the time, so that they sort by it.
            chosen.and("report_id <", after);
        }
        let sql = format!(
            "SELECT {REPORT} FROM drift_reports WHERE {} ORDER BY report_id DESC LIMIT {}",
            chosen.sql,
            limit.saturating_add(1),
        );
        let rows = ReportRow::find_by_statement(self.statement(&sql, chosen.values)).all(&self.db).await;
        let mut rows = rows.map_err(fail)?;
        let next = page(&mut rows, limit, |row| row.report_id.clone());
        Ok(Listed { items: rows.into_iter().map(ReportRow::json).collect::<Result<_, _>>()?, total, next })
    }

    /// One report with its items.
    pub async fn report(&self, report_id: &str) -> Result<Option<Json>, StoreError> {
        let doing = "read a report";
        let sql = format!("SELECT {REPORT} FROM drift_reports WHERE report_id = $1");
        let Some(row) = self.by_id::<ReportRow>(&sql, report_id, doing).await? else { return Ok(None) };
        let sql = "SELECT body FROM drift_report_items WHERE report_id = $1 ORDER BY position";
        let bodies = Body::find_by_statement(self.statement(sql, [report_id.into()])).all(&self.db).await;
        let items = bodies
            .map_err(failing(doing))?
            .iter()
            .map(|row| read("an item", &row.body))
            .collect::<Result<Vec<_>, _>>()?;
        let mut report: Json = read("a report", row.json()?.get())?;
        report["items"] = Json::Array(items);
        Ok(Some(report))
    }

    /// The reports of the last scan of each source that has any, without their items; also one that could compare nothing.
    pub async fn last_reports(&self) -> Result<BTreeMap<String, Vec<Box<RawValue>>>, StoreError> {
        let sql = format!(
            "SELECT {REPORT} FROM drift_reports WHERE scan_id IN (SELECT scan_id FROM (SELECT scan_id, \
             ROW_NUMBER() OVER (PARTITION BY source ORDER BY started_at DESC, scan_id DESC) AS age \
             FROM scans WHERE failure IS NULL) ranked WHERE age = 1) ORDER BY source, namespace"
        );
        let rows = ReportRow::find_by_statement(self.statement(&sql, [])).all(&self.db).await;
        let mut last: BTreeMap<String, Vec<Box<RawValue>>> = BTreeMap::new();
        for row in rows.map_err(failing("list the last reports"))? {
            last.entry(row.source.clone()).or_default().push(row.json()?);
        }
        Ok(last)
    }

    /// Items as they are now, by fingerprint.
    pub async fn items(&self, filter: &Filter, limit: u64, after: Option<&str>) -> Result<Listed, StoreError> {
        let mut chosen = Chosen::items(filter);
        let total = self.total("drift_items", &chosen).await?;
        if let Some(after) = after {
            chosen.and("fingerprint >", after);
        }
        let sql = format!(
            "SELECT {ITEM} FROM drift_items WHERE {} ORDER BY fingerprint LIMIT {}",
            chosen.sql,
            limit.saturating_add(1),
        );
        let rows = Keyed::find_by_statement(self.statement(&sql, chosen.values)).all(&self.db).await;
        let mut rows = rows.map_err(failing("list items"))?;
        let next = page(&mut rows, limit, |row| row.fingerprint.clone());
        Ok(Listed { items: rows.into_iter().map(Keyed::json).collect::<Result<_, _>>()?, total, next })
    }

    /// One item as it is now.
    pub async fn item(&self, fingerprint: &str) -> Result<Option<Json>, StoreError> {
        let sql = format!("SELECT {ITEM} FROM drift_items WHERE fingerprint = $1");
        self.by_id(&sql, fingerprint, "read an item").await?.map(Keyed::json).transpose()
    }

    /// Items of a report that nobody has settled, as they are now, the worst first.
    pub async fn open_items_of(&self, report_id: &str) -> Result<Vec<Json>, StoreError> {
        let sql = format!("SELECT {ITEM} FROM drift_items WHERE {OPEN_IN_REPORT} {WORST_FIRST}");
        let rows = Keyed::find_by_statement(self.statement(&sql, [report_id.into()])).all(&self.db).await;
        rows.map_err(failing("list a report's items"))?.into_iter().map(Keyed::json).collect()
    }

    /// The level of the worst of them; `None` if there are none.
    pub async fn worst_open_of(&self, report_id: &str) -> Result<Option<DriftLevel>, StoreError> {
        let sql = format!("SELECT DISTINCT drift_level FROM drift_items WHERE {OPEN_IN_REPORT}");
        let rows = self.db.query_all_raw(self.statement(&sql, [report_id.into()])).await;
        let rows = rows.map_err(failing("list a report's items"))?;
        let levels = rows.into_iter().map(|row| {
            let level: String = row.try_get("", "drift_level").map_err(failing("list a report's items"))?;
            named("an item's level", level)
        });
        Ok(levels.collect::<Result<Vec<DriftLevel>, _>>()?.into_iter().max())
    }

    /// Items as they are now, the worst first, then by place; `at`: how many come before.
    pub async fn worst_items(&self, filter: &Filter, limit: u64, at: u64) -> Result<Listed, StoreError> {
        let chosen = Chosen::items(filter);
        let total = self.total("drift_items", &chosen).await?;
        let sql = format!(
            "SELECT {ITEM} FROM drift_items WHERE {} \
             {WORST_FIRST} LIMIT {limit} OFFSET {at}",
            chosen.sql,
        );
        let rows = Keyed::find_by_statement(self.statement(&sql, chosen.values)).all(&self.db).await;
        let items: Vec<Json> =
            rows.map_err(failing("list items"))?.into_iter().map(Keyed::json).collect::<Result<_, _>>()?;
        let next = at + items.len() as u64;
        Ok(Listed { items, total, next: (next < total).then(|| next.to_string()) })
    }

    /// Notes that somebody knows of an item. `None` if there is none; the item as it is then.
    ///
    /// Of two people who do so at once one is noted, and both see who.
    pub async fn acknowledge(&self, fingerprint: &str, by: &str, now: Timestamp) -> Result<Option<Json>, StoreError> {
        let fail = failing("acknowledge an item");
        let write = self.begin().await.map_err(&fail)?;
        let sql = "UPDATE drift_items SET status = 'acknowledged', decided_by = $2, decided_at = $3 \
                   WHERE fingerprint = $1 AND status = 'pending'";
        let values = [fingerprint.into(), by.into(), micros(now).into()];
        write.execute_raw(self.statement(sql, values)).await.map_err(&fail)?;
        let sql = format!("SELECT {ITEM} FROM drift_items WHERE fingerprint = $1");
        let row = Keyed::find_by_statement(self.statement(&sql, [fingerprint.into()])).one(&write).await;
        let Some(item) = row.map_err(&fail)?.map(Keyed::json).transpose()? else { return Ok(None) };
        self.close_reports_with(&write, &[fingerprint.to_owned()], now).await.map_err(&fail)?;
        self.commit(write).await.map_err(fail)?;
        Ok(Some(item))
    }

    async fn total(&self, table: &str, chosen: &Chosen) -> Result<u64, StoreError> {
        self.counted(&format!("{table} {}", chosen.sql), &chosen.values, self.count(table, chosen)).await
    }

    /// How many rows of a table are chosen, counted now.
    pub(super) async fn count(&self, table: &str, chosen: &Chosen) -> Result<u64, StoreError> {
        let sql = format!("SELECT COUNT(*) AS total FROM {table} WHERE {}", chosen.sql);
        let row = Total::find_by_statement(self.statement(&sql, chosen.values.clone())).one(&self.db).await;
        Ok(row.map_err(failing("count"))?.map_or(0, |row| u64::try_from(row.total).unwrap_or_default()))
    }
}

/// A condition, and the values in it.
pub(super) struct Chosen {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Chosen {
    /// Every row.
    pub(super) fn all() -> Self {
        Self { sql: "1 = 1".to_owned(), values: Vec::new() }
    }

    fn by(filter: &Filter) -> Self {
        let mut chosen = Self::all();
        let Filter { source, cluster, namespace, status, within_clusters, within_namespaces, .. } = filter;
        for (column, value) in [("source =", source), ("cluster =", cluster), ("namespace =", namespace)] {
            if let Some(value) = value {
                chosen.and(column, value.as_str());
            }
        }
        if let Some(status) = status {
            chosen.and("status =", word(status));
        }
        chosen.within("cluster", within_clusters);
        chosen.within("namespace", within_namespaces);
        chosen
    }

    fn items(filter: &Filter) -> Self {
        let mut chosen = Self::by(filter);
        if let Some(level) = filter.level {
            chosen.and("drift_level =", word(level));
        }
        for (column, value) in [("resource_kind =", &filter.kind), ("resource_name =", &filter.name)] {
            if let Some(value) = value {
                chosen.and(column, value.as_str());
            }
        }
        if let Some(text) = &filter.text {
            let escaped = text.to_lowercase().replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
            chosen.with(format!("%{escaped}%"), |place| {
                format!(
                    "LOWER(namespace || '/' || resource_kind || '/' || resource_name || ' ' || stable_path) \
                     LIKE ${place} ESCAPE '\\'"
                )
            });
        }
        chosen
    }

    fn within(&mut self, column: &str, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let places = places(self.values.len(), names.len());
        let _ = write!(self.sql, " AND {column} IN ({places})");
        self.values.extend(names.iter().map(|name| Value::from(name.as_str())));
    }

    /// Of those the ones that compare so, as in `status =`, with a value.
    pub(super) fn and(&mut self, comparison: &str, value: impl Into<Value>) {
        self.with(value, |place| format!("{comparison} ${place}"));
    }

    /// Adds a condition on one more value, whose place it is told.
    fn with(&mut self, value: impl Into<Value>, condition: impl FnOnce(usize) -> String) {
        self.values.push(value.into());
        // Nothing fails where a text is written to.
        let _ = write!(self.sql, " AND {}", condition(self.values.len()));
    }
}

/// Reports that hold one of so many items, whose fingerprints stand after the first `after` values.
pub(super) fn holding(after: usize, count: usize) -> String {
    format!("report_id IN (SELECT report_id FROM drift_report_items WHERE fingerprint IN ({}))", places(after, count))
}

/// Cuts what was asked for beyond the page; gives the last one's key if there is more.
pub(super) fn page<T>(rows: &mut Vec<T>, limit: u64, key: impl Fn(&T) -> String) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more).map(key)
}

impl ReportRow {
    /// As `DriftReport` is written, without `items`. The text is put together: lists of reports are long.
    fn json(self) -> Result<Box<RawValue>, StoreError> {
        let Self { status, resolved_at, body, .. } = self;
        let resolved_at = json!(resolved_at.map(timestamp));
        let text = body
            .strip_suffix('}')
            .map(|body| format!("{body},\"status\":\"{status}\",\"resolved_at\":{resolved_at}}}"));
        // What is no object is no report, and is refused here.
        RawValue::from_string(text.unwrap_or_default())
            .map_err(|error| StoreError::Malformed { what: "a report", reason: error.to_string() })
    }
}

impl Keyed {
    /// As `DriftItem` is written, with what was decided since.
    fn json(self) -> Result<Json, StoreError> {
        let mut item: Json = read("an item", &self.body)?;
        item["status"] = self.status.into();
        item["cluster"] = self.cluster.into();
        item["source_name"] = self.source.into();
        item["changes"] = self.changes.into();
        item["last_seen"] = json!(timestamp(self.last_seen));
        item["last_report_id"] = self.last_report_id.into();
        item["resolved_at"] = json!(self.resolved_at.map(timestamp));
        if let Some(by) = self.decided_by {
            item["decided_by"] = by.into();
            item["decided_at"] = json!(self.decided_at.map(timestamp));
        }
        Ok(item)
    }
}
