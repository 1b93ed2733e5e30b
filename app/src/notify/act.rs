//! What an approver may do about a drift from its message: roll it back, or adopt it.

use anchorwatch_core::drift::Change;
use anchorwatch_core::notification::Told;
use anchorwatch_edge::store::StoreError;

use crate::drift::Act;
use crate::serve::Service;
use crate::words::word;

/// What may be done about a notification: it tells of one item that is HIGH, and its source's `write` allows it.
pub(crate) async fn acts(service: &Service, told: &Told) -> Result<Vec<Act>, StoreError> {
    let config = service.config();
    let has_approvers = config.notifications.telegram.as_ref().is_some_and(|telegram| !telegram.approvers.is_empty());
    let Some(fingerprint) = told.one_high().filter(|_| has_approvers) else { return Ok(Vec::new()) };
    let item = service.store.item(fingerprint).await?.unwrap_or_default();
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    let Some(source) = config.source(text("source_name")) else { return Ok(Vec::new()) };
    let mut acts = source.acts(text("api_version"), text("resource_kind"), text("namespace"));
    // What Git does not have goes by its uid alone, which a button does not name.
    acts.retain(|act| *act != Act::RollBack || text("change") != word(Change::UnmanagedObject));
    Ok(acts)
}
