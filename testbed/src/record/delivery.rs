//! Delivering commits as Argo CD, Flux and Helm do: under their field managers, with their stamps.

use serde_json::{Value, json};

use super::commit::{Commit, Object};
use super::{NAMESPACE, RecordError};
use crate::control_plane::ControlPlane;

/// So many commits are delivered by an Argo CD that has another name for itself than the later one. What a later commit
/// drops then stays behind: the later name does not own it, and the earlier one never gives it up (argo-cd#20815).
const UNDER_AN_EARLIER_NAME: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    ArgoCd,
    Flux,
    Helm,
}

impl Tool {
    fn of(object: &Object) -> Self {
        match (object.kind(), object.name()) {
            (_, "cache") => Self::Helm,
            ("ConfigMap" | "Secret" | "RoleBinding", _) => Self::Flux,
            _ => Self::ArgoCd,
        }
    }

    /// The field manager, at the commit of this number.
    fn field_manager(self, at: usize) -> &'static str {
        match self {
            Self::ArgoCd if at < UNDER_AN_EARLIER_NAME => "argocd-application-controller",
            Self::ArgoCd => "argocd-controller",
            Self::Flux => "kustomize-controller",
            Self::Helm => "helm",
        }
    }

    fn stamps(self, object: &Object) -> Value {
        let group = object.api_version().split_once('/').map_or("", |(group, _)| group);
        match self {
            Self::ArgoCd => {
                let id = format!("shop:{group}/{}:{NAMESPACE}/{}", object.kind(), object.name());
                json!({"annotations": {"argocd.argoproj.io/tracking-id": id}})
            }
            Self::Flux => json!({"labels": {
                "kustomize.toolkit.fluxcd.io/name": "shop",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }}),
            Self::Helm => json!({
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"meta.helm.sh/release-name": "cache", "meta.helm.sh/release-namespace": NAMESPACE},
            }),
        }
    }
}

/// Delivers one commit after the other.
pub(super) fn deliver(plane: &ControlPlane, commits: &[Commit]) -> Result<(), RecordError> {
    for (at, commit) in commits.iter().enumerate() {
        for object in &commit.objects {
            let tool = Tool::of(object);
            let manager = format!("--field-manager={}", tool.field_manager(at));
            let arguments = ["apply", "--server-side", "--force-conflicts", &manager, "-f", "-"];
            plane.kubectl_with_input(&arguments, &stamped(tool, object).to_string())?;
        }
    }
    Ok(())
}

fn stamped(tool: Tool, object: &Object) -> Value {
    let mut stamped = object.0.clone();
    for map in ["labels", "annotations"] {
        for (key, value) in tool.stamps(object)[map].as_object().into_iter().flatten() {
            stamped["metadata"][map][key] = value.clone();
        }
    }
    stamped
}
