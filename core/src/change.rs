//! One intended write to an object of a cluster, with the state before it, and what takes it back.
//!
//! A [`Plan`] is what a person is shown and confirms. It is known by its [hash](Plan::hash), which covers every byte that would
//! be written but the preconditions: those are taken from the object when it is written, so that a change of its status
//! in the meantime is no conflict.

pub mod adopt;
pub mod commit;
pub mod copy;
pub mod dependants;
pub mod hand_back;
pub mod patch;
pub mod rehearsal;
pub mod restore;
pub mod shown;
pub mod whole;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::drift::{Change, DriftItem, DriftLevel};
use crate::object::secret::{SecretKey, hex};
use crate::ownership::parse_managed_fields;
use dependants::Propagation;
use patch::Operation;

/// The manager that this program's writes are known by in `managedFields`.
pub const FIELD_MANAGER: &str = "anchorwatch";

/// An object as requests name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// `apiVersion` as Git writes it.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// Changes what is there, by a JSON patch (RFC 6902) without the preconditions.
    Patch(Vec<Operation>),
    /// Creates the object, which is not there.
    Create(Json),
    /// Deletes the object, and does this with what belongs to it.
    Delete(Propagation),
    /// Deletes the object, and creates it anew: for what the server does not let change.
    Recreate {
        /// What is created.
        object: Json,
        /// What becomes of what belongs to the object that is deleted.
        propagation: Propagation,
    },
}

/// What a write does to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Some of its fields become otherwise.
    Patch,
    /// It comes into being.
    Create,
    /// It goes.
    Delete,
    /// It goes, and another one comes into being in its place.
    Recreate,
}

impl Write {
    /// What it does.
    pub fn action(&self) -> Action {
        match self {
            Self::Patch(_) => Action::Patch,
            Self::Create(_) => Action::Create,
            Self::Delete(_) => Action::Delete,
            Self::Recreate { .. } => Action::Recreate,
        }
    }

    /// What takes back that an object was created.
    pub const DELETE: Self = Self::Delete(Propagation::Background);

    /// Where an object is not as this was to make it, as far as that can be told from it alone. Paths as RFC 6901 has them.
    pub fn left(&self, object: &[u8]) -> Vec<String> {
        let Self::Patch(operations) = self else { return Vec::new() };
        let object: Json = serde_json::from_slice(object).unwrap_or_default();
        let is_left = |operation: &&Operation| match operation {
            Operation::Test { .. } => false,
            Operation::Add { path, value } | Operation::Replace { path, value } => object.pointer(path) != Some(value),
            Operation::Remove { path } => object.pointer(path).is_some(),
        };
        operations.iter().filter(is_left).map(|operation| operation.path().to_owned()).collect()
    }

    /// Where this would write over a value that somebody has put there since: it is to be added, and another one stands there.
    pub fn overwrites(&self, object: &[u8]) -> Option<String> {
        let Self::Patch(operations) = self else { return None };
        let object: Json = serde_json::from_slice(object).unwrap_or_default();
        operations.iter().find_map(|operation| match operation {
            Operation::Add { path, value } => object.pointer(path).filter(|now| *now != value).map(|_| path.clone()),
            _ => None,
        })
    }

    /// True if an object that this program has created is as it was then: its generation tells of its spec. Where it has none, as
    /// a Service or a ConfigMap, nobody else may have written it, but its status.
    pub fn is_as_created(&self, object: &[u8]) -> bool {
        let (Self::Create(_) | Self::Recreate { .. }) = self else { return false };
        let object: Json = serde_json::from_slice(object).unwrap_or_default();
        let metadata = &object["metadata"];
        if let Some(generation) = metadata["generation"].as_u64() {
            return generation <= 1;
        }
        let (entries, unreadable) = parse_managed_fields(&metadata["managedFields"].to_string());
        let mut writers = entries.iter().filter(|entry| entry.subresource.is_empty()).peekable();
        unreadable == 0 && writers.peek().is_some() && writers.all(|entry| entry.manager == FIELD_MANAGER)
    }

    /// Where a patch was to take a value out, and the object has it all the same: the server keeps it, as it does a Service's
    /// `nodePort`. Paths as RFC 6901 has them.
    pub fn without_effect(&self, object: &str) -> Vec<String> {
        let Self::Patch(operations) = self else { return Vec::new() };
        let object: Json = serde_json::from_str(object).unwrap_or_default();
        let tested = |path: &str| {
            operations.iter().find_map(|operation| match operation {
                Operation::Test { path: tested, value } if tested == path => Some(value),
                _ => None,
            })
        };
        let stays = |operation: &Operation| match operation {
            Operation::Remove { path } => object.pointer(path).is_some_and(|now| tested(path) == Some(now)),
            _ => false,
        };
        operations.iter().filter(|operation| stays(operation)).map(|operation| operation.path().to_owned()).collect()
    }
}

/// A write as it is shown, hashed and noted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// All of it.
    Exact(Write),
    /// What writes a Secret's values: a keyed fingerprint of it, which cannot be sent.
    Sealed {
        /// What it does.
        action: Action,
        /// 64 hexadecimal characters.
        fingerprint: String,
    },
}

impl Promise {
    /// A Secret's write, without its values.
    pub fn sealed(write: &Write, key: &SecretKey) -> Self {
        let fingerprint = key.fingerprint(&serde_json::to_vec(write).expect("a write is JSON")).to_hex();
        Self::Sealed { action: write.action(), fingerprint }
    }

    /// What it does.
    pub fn action(&self) -> Action {
        match self {
            Self::Exact(write) => write.action(),
            Self::Sealed { action, .. } => *action,
        }
    }

    /// True if this is what was promised.
    pub fn is_kept_by(&self, write: &Write, key: &SecretKey) -> bool {
        match self {
            Self::Exact(exact) => exact == write,
            Self::Sealed { .. } => *self == Self::sealed(write, key),
        }
    }
}

/// A field that is written, as people know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The item's identity.
    pub fingerprint: String,
    /// Its state when it was planned.
    pub value_hash: String,
    /// Its path with list keys; empty for a whole object.
    pub stable_path: String,
    /// How it differed.
    pub change: Change,
    /// How much it matters.
    pub level: DriftLevel,
}

impl From<&DriftItem> for Field {
    fn from(item: &DriftItem) -> Self {
        Self {
            fingerprint: item.fingerprint.clone(),
            value_hash: item.value_hash.clone(),
            stable_path: item.stable_path.clone(),
            change: item.change,
            level: item.drift_level,
        }
    }
}

/// One object's part of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectChange {
    /// Which object.
    pub target: Target,
    /// Its uid; `None` if it is not there.
    pub uid: Option<String>,
    /// What is written.
    pub write: Promise,
    /// What takes that back; sealed, nothing can.
    pub inverse: Promise,
    /// The fields that are written.
    pub fields: Vec<Field>,
}

impl ObjectChange {
    /// True if it writes the same, for the same fields, to the same object.
    pub fn writes_as(&self, other: &Self) -> bool {
        let written = |change: &Self| (change.target.clone(), change.uid.clone(), change.fields.clone());
        written(self) == written(other) && self.write == other.write
    }
}

/// What somebody is asked to confirm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Cluster's name.
    pub cluster: String,
    /// Source as it was named.
    pub source: String,
    /// The commit that the source was read at, where it has one.
    pub revision: Option<String>,
    /// One for each object, in the order in which they are written.
    pub changes: Vec<ObjectChange>,
}

impl Plan {
    /// Of all that would be written, and to which objects, by a key: nobody can try values that they guess. 64 hexadecimal characters.
    pub fn hash(&self, key: &SecretKey) -> String {
        let parts = self.changes.iter().map(|change| (&change.target, &change.uid, &change.write, &change.fields));
        let text = serde_json::to_vec(&(&self.cluster, &self.source, parts.collect::<Vec<_>>()));
        key.fingerprint(&text.expect("a plan is JSON")).to_hex()
    }

    /// How many fields it writes.
    pub fn fields(&self) -> usize {
        self.changes.iter().map(|change| change.fields.len()).sum()
    }

    /// The highest level of what it writes.
    pub fn level(&self) -> Option<DriftLevel> {
        self.changes.iter().flat_map(|change| &change.fields).map(|field| field.level).max()
    }
}

/// The exact body of a request, and its method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    method: &'static str,
    bytes: Vec<u8>,
}

impl Body {
    /// What is sent to write this on the object as it was observed. A patch tests uid and resourceVersion first. What is to be created
    /// anew is deleted first, and created once it is not there.
    pub fn of(write: &Write, observed: Option<&Observed>) -> Self {
        let json = match write {
            Write::Recreate { object, .. } if observed.is_none() => {
                return Self::of(&Write::Create(object.clone()), None);
            }
            Write::Recreate { propagation, .. } => return Self::of(&Write::Delete(*propagation), observed),
            Write::Create(object) => object.clone(),
            Write::Patch(operations) => {
                let tests = observed.into_iter().flat_map(Observed::tests);
                tests.chain(operations.iter().map(Operation::to_json)).collect()
            }
            Write::Delete(propagation) => json!({
                "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation,
                "preconditions": observed.map(|observed| json!({"uid": observed.uid, "resourceVersion": observed.resource_version})),
            }),
        };
        let method = match write {
            Write::Create(_) => "POST",
            Write::Patch(_) => "PATCH",
            Write::Delete(_) | Write::Recreate { .. } => "DELETE",
        };
        Self { method, bytes: serde_json::to_vec(&json).expect("JSON values are JSON") }
    }

    /// The method of HTTP that it is sent by.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes by which it is tried out. Of a deletion the server reads options in the body and none beside it, so that it has to say
    /// there that nothing is to be kept.
    pub fn to_try_out(&self) -> Vec<u8> {
        match serde_json::from_slice::<Json>(&self.bytes) {
            Ok(mut json) if self.method == "DELETE" => {
                json["dryRun"] = json!(["All"]);
                serde_json::to_vec(&json).expect("JSON values are JSON")
            }
            _ => self.bytes.clone(),
        }
    }

    /// SHA-256 of method and bytes, in hexadecimal.
    pub fn hash(&self) -> String {
        hex(&Sha256::new().chain_update(self.method).chain_update([0]).chain_update(&self.bytes).finalize())
    }
}

/// What tells one state of an object from all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

impl Observed {
    /// Reads it from an object as the server gave it, or from what is `None` for no object.
    pub fn of(object: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Object {
            metadata: Observed,
        }
        Ok(serde_json::from_slice::<Object>(object)?.metadata)
    }

    fn tests(&self) -> [Json; 2] {
        [("/metadata/uid", &self.uid), ("/metadata/resourceVersion", &self.resource_version)]
            .map(|(path, value)| json!({"op": "test", "path": path, "value": value}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_created_is_so_until_somebody_else_writes_it() {
        let entry = |manager: &str, subresource: &str| {
            json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
                   "subresource": subresource, "fieldsV1": {"f:spec": {}}})
        };
        let (ours, status) = (entry(FIELD_MANAGER, ""), entry("kube-controller-manager", "status"));
        for (metadata, expected) in [
            (json!({"managedFields": [ours]}), true),
            (json!({"managedFields": [ours, status]}), true),
            (json!({"managedFields": [ours, entry("kubectl-edit", "")]}), false),
            (json!({"generation": 1, "managedFields": [ours, entry("kube-controller-manager", "")]}), true),
            (json!({"generation": 2, "managedFields": [ours]}), false),
            (json!({}), false),
        ] {
            let object = json!({"metadata": metadata, "spec": {"clusterIP": "10.0.0.7"}}).to_string();
            assert_eq!(Write::Create(json!({"spec": {}})).is_as_created(object.as_bytes()), expected, "{object}");
        }
    }
}
