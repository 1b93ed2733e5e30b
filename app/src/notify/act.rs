//! What an approver may do about a drift from its message: roll it back, or adopt it.

use anchorwatch_core::drift::Change;
use anchorwatch_core::guard::WriteScope;
use anchorwatch_core::notification::Told;
use anchorwatch_edge::store::StoreError;
use serde::{Deserialize, Serialize};

use crate::serve::Service;
use crate::words::word;

/// What is done about a drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Act {
    /// The cluster is made as Git says.
    RollBack,
    /// Git is made as the cluster says.
    Adopt,
}

/// What may be done about a notification: it tells of one item that is HIGH, and its source's `write` allows it.
pub(crate) async fn acts(service: &Service, told: &Told) -> Result<Vec<Act>, StoreError> {
    let config = service.config();
    let has_approvers = config.notifications.telegram.as_ref().is_some_and(|telegram| !telegram.approvers.is_empty());
    let Some(fingerprint) = told.one_high().filter(|_| has_approvers) else { return Ok(Vec::new()) };
    let item = service.store.item(fingerprint).await?.unwrap_or_default();
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    let source = config.source(text("source_name"));
    let is_written = |scope: &WriteScope| scope.allows(text("api_version"), text("resource_kind"), text("namespace"));
    let Some(source) = source.filter(|source| is_written(source.write_scope())) else { return Ok(Vec::new()) };
    let is_in_git = text("change") != word(Change::UnmanagedObject);
    let roll_back = (is_in_git && source.connect().is_some()).then_some(Act::RollBack);
    Ok(roll_back.into_iter().chain(source.has_repository().then_some(Act::Adopt)).collect())
}
