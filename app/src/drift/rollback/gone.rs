//! After a deletion: the object is gone, or is on its way, or something holds it.

use std::time::Duration;

use anchorwatch_edge::cluster::ClusterError;
use serde_json::Value as Json;

use super::TargetCluster;
use super::record::StepState;

/// How often is looked whether it is gone, and how far apart.
const LOOKS: usize = 100;
const PAUSE: Duration = Duration::from_millis(200);

/// What became of an object that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Became {
    Gone,
    /// It is being deleted, once these finalizers are taken off.
    Going(Vec<String>),
    /// It is there, and nobody deletes it.
    There,
    /// Another object has its name.
    Another,
}

impl Became {
    /// Of the object of this uid.
    pub(super) fn of(object: Option<&[u8]>, uid: Option<&str>) -> Self {
        let Some(object) = object else { return Self::Gone };
        let object: Json = serde_json::from_slice(object).unwrap_or_default();
        let metadata = &object["metadata"];
        if uid.is_some() && metadata["uid"].as_str() != uid {
            return Self::Another;
        }
        if metadata["deletionTimestamp"].is_null() {
            return Self::There;
        }
        let finalizers = metadata["finalizers"].as_array().into_iter().flatten();
        Self::Going(finalizers.filter_map(|one| Some(one.as_str()?.to_owned())).collect())
    }

    /// Why it is not gone for good; `None` if it is, or if nothing can keep it any more.
    pub(super) fn why_not(&self) -> Option<String> {
        match self {
            Self::Gone => None,
            Self::Going(finalizers) if finalizers.is_empty() => None,
            Self::Going(finalizers) => {
                Some(format!("it is being deleted, and held by the finalizers {}", finalizers.join(", ")))
            }
            Self::There => Some("it is still there".to_owned()),
            Self::Another => Some("it is there again, as another object".to_owned()),
        }
    }
}

impl From<Became> for StepState {
    fn from(became: Became) -> Self {
        became.why_not().map_or(Self::Proven, |reason| Self::NotProven { reason })
    }
}

impl TargetCluster<'_> {
    /// What becomes of an object that was deleted. It is waited for a while, as others have to let go of it.
    pub(super) fn await_gone(self, path: &str, uid: Option<&str>) -> Result<Became, ClusterError> {
        self.runtime.block_on(async {
            let mut became = Became::of(self.cluster.object(path).await?.as_deref(), uid);
            for _ in 1..LOOKS {
                if !matches!(became, Became::Going(_)) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
                became = Became::of(self.cluster.object(path).await?.as_deref(), uid);
            }
            Ok(became)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_object_itself_says_what_became_of_it() {
        for (metadata, became) in [
            (None, Became::Gone),
            (Some(json!({"uid": "u"})), Became::There),
            (Some(json!({"uid": "v"})), Became::Another),
            (Some(json!({"uid": "u", "deletionTimestamp": "x"})), Became::Going(Vec::new())),
            (
                Some(json!({"uid": "u", "deletionTimestamp": "x", "finalizers": ["a/b"]})),
                Became::Going(vec!["a/b".to_owned()]),
            ),
        ] {
            let object = metadata.map(|metadata| json!({"metadata": metadata}).to_string());
            assert_eq!(Became::of(object.as_deref().map(str::as_bytes), Some("u")), became);
        }
    }
}
