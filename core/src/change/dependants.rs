//! What belongs to an object, and so goes with it: objects whose `ownerReferences` name it.
//! <https://kubernetes.io/docs/concepts/architecture/garbage-collection/#cascading-deletion>

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::object::GroupKind;

/// What happens to an object's dependants when it is deleted, as the API calls it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Propagation {
    /// They are deleted after it.
    #[default]
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay, and nobody owns them.
    Orphan,
}

impl Propagation {
    /// What is safest where an object is deleted to be created anew. What runs goes on, and is taken over by the new one where that
    /// selects it; but of a Job no two run at a time; and what controllers make for other kinds of Kubernetes itself, they make
    /// anew.
    pub fn of_recreation(kind: &GroupKind) -> Self {
        match (kind.group.as_str(), kind.kind.as_str()) {
            ("batch", "Job") => Self::Foreground,
            ("" | "autoscaling" | "policy", _) if kind.kind != "ReplicationController" => Self::Background,
            (group, _) if group.ends_with(".k8s.io") => Self::Background,
            _ => Self::Orphan,
        }
    }
}

/// An object that names its owners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The uids of its owners.
    pub owners: Vec<String>,
}

/// An object that belongs to another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependant {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What belongs to an object, as far as it could be listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependants {
    /// By kind and name.
    pub found: Vec<Dependant>,
    /// Resources that could not be listed: whether some of theirs belong to it nobody knows.
    pub not_listed: Vec<String>,
}

/// Of all these, those that go when the object of this uid goes: all of whose owners go. Whoever has another owner stays.
pub fn of(uid: &str, all: &[Owned]) -> Vec<Dependant> {
    let mut going = BTreeSet::from([uid]);
    let goes = |going: &BTreeSet<&str>, owned: &Owned| {
        !owned.owners.is_empty() && owned.owners.iter().all(|owner| going.contains(owner.as_str()))
    };
    loop {
        let more: Vec<&str> = all.iter().filter(|owned| goes(&going, owned)).map(|owned| owned.uid.as_str()).collect();
        let before = going.len();
        going.extend(more);
        if going.len() == before {
            break;
        }
    }
    let found = all.iter().filter(|owned| owned.uid != uid && going.contains(owned.uid.as_str()));
    let found: BTreeSet<Dependant> =
        found.map(|owned| Dependant { kind: owned.kind.clone(), name: owned.name.clone() }).collect();
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_goes_on_but_a_job_does_not_run_twice() {
        for (api_version, kind, propagation) in [
            ("apps/v1", "Deployment", Propagation::Orphan),
            ("apps/v1", "StatefulSet", Propagation::Orphan),
            ("v1", "ReplicationController", Propagation::Orphan),
            ("kafka.strimzi.io/v1beta2", "Kafka", Propagation::Orphan),
            ("batch/v1", "Job", Propagation::Foreground),
            ("v1", "Service", Propagation::Background),
            ("rbac.authorization.k8s.io/v1", "RoleBinding", Propagation::Background),
        ] {
            assert_eq!(Propagation::of_recreation(&GroupKind::of(api_version, kind)), propagation, "{kind}");
        }
    }

    #[test]
    fn what_belongs_to_it_goes_with_it_unless_it_belongs_to_something_else_too() {
        let owned = |kind: &str, uid: &str, owners: &[&str]| Owned {
            kind: kind.to_owned(),
            name: uid.to_owned(),
            uid: uid.to_owned(),
            owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
        };
        let all = [
            owned("Pod", "pod", &["set"]),
            owned("ReplicaSet", "set", &["it"]),
            owned("Deployment", "it", &[]),
            owned("Secret", "shared", &["it", "other"]),
            owned("ConfigMap", "alone", &[]),
        ];
        let found: Vec<String> = of("it", &all).into_iter().map(|one| format!("{}/{}", one.kind, one.name)).collect();
        assert_eq!(found, ["Pod/pod", "ReplicaSet/set"]);
        assert_eq!(of("alone", &all), []);
    }
}
