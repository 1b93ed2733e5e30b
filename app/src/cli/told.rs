//! An item as the API tells it, of a service or of one's own.

use anchorwatch_core::drift::{Change, DriftLevel};
use serde::Deserialize;
use serde_json::Value;

use super::output;
use super::service::not_understood;
use crate::drift::examiner::Selector;
use crate::failure::Failure;

/// What an item is told by. What is said beyond this a newer service may have added.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    pub(super) fingerprint: String,
    pub(super) resource_kind: String,
    pub(super) resource_name: String,
    pub(super) namespace: String,
    pub(super) stable_path: String,
    pub(super) field_path: String,
    pub(super) change: Change,
    pub(super) drift_level: DriftLevel,
    pub(super) origin: String,
    #[serde(default)]
    pub(super) git_value: Value,
    #[serde(default)]
    pub(super) actual_value: Value,
    #[serde(default)]
    pub(super) attribution: Value,
    /// The service's source that says otherwise; empty of one's own.
    #[serde(default)]
    pub(super) source_name: String,
}

impl Item {
    pub(super) fn read(told: &Value) -> Result<Self, Failure> {
        Self::deserialize(told).map_err(|error| not_understood(error.to_string()))
    }

    /// Its object, and the namespace where it has one.
    pub(super) fn object(&self) -> String {
        output::object(&self.resource_kind, &self.resource_name, &self.namespace)
    }

    /// True if it is meant, by either of its paths.
    pub(super) fn is_meant_by(&self, selector: &Selector) -> bool {
        let object = (self.resource_kind.as_str(), self.resource_name.as_str());
        [&self.stable_path, &self.field_path].iter().any(|path| selector.means(&self.fingerprint, object, path))
    }
}
