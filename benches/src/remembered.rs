//! A store with many reports in it, written as the service writes them.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use anchorwatch_core::drift::DriftReport;
use anchorwatch_core::drift::report::{Findings, Trigger};
use anchorwatch_edge::clock::{self, new_id};
use anchorwatch_edge::store::{NewJob, ScanRecord, Store, StoreAddress};

/// Reports of one scan: one for each namespace.
const PER_SCAN: usize = 1000;

/// Makes a store in which so many reports are remembered.
pub(crate) async fn fill(file: &Path, reports: usize) -> Result<(), Box<dyn Error>> {
    let store = Store::open(&StoreAddress::of_file(file)).await?;
    for scan in 0..reports.div_ceil(PER_SCAN) {
        let (source, now) = (format!("source-{}", scan % 10), clock::now());
        let job =
            NewJob { source: source.clone(), namespaces: Vec::new(), triggered_by: Trigger::Cron, requested_by: None };
        store.enqueue(&new_id(), &job, now).await?;
        let claim = store.claim("bench", Duration::from_mins(1), now).await?.ok_or("a job was queued")?;
        let namespaces = 0..PER_SCAN.min(reports - scan * PER_SCAN);
        let report = |namespace: usize| {
            DriftReport::new(Findings {
                report_id: new_id(),
                scanned_at: now,
                namespace: format!("shop-{namespace:03}"),
                cluster: "prod".to_owned(),
                source: source.clone(),
                revision: Some("4f8423b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6".to_owned()),
                objects: 10,
                not_compared: Vec::new(),
                items: Vec::new(),
                ignored: Vec::new(),
                triggered_by: Trigger::Cron,
            })
        };
        let record = ScanRecord {
            scan_id: &new_id(),
            source: &source,
            cluster: "prod",
            triggered_by: Trigger::Cron,
            requested_by: None,
            started_at: now,
            finished_at: now,
            result: Ok(namespaces.map(report).collect()),
            would_see: &|_| true,
        };
        store.record_scan(&claim, record).await?;
    }
    Ok(())
}
