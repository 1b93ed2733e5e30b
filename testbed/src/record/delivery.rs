//! Delivering commits as Argo CD, Flux and Helm do: under their field managers, with their stamps.

use serde_json::{Value, json};

use super::commit::{Commit, Object};
use super::{NAMESPACE, RecordError};
use crate::control_plane::ControlPlane;

/// So many commits Argo CD delivers by client-side apply, its default. What a later commit drops then stays behind,
/// because its server-side apply does not give up what it owns from before (argo-cd#20815, kubernetes#107828).
const CLIENT_SIDE: usize = 2;

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

    fn field_manager(self) -> &'static str {
        match self {
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
            let manager = format!("--field-manager={}", tool.field_manager());
            let mut arguments = vec!["apply", "-f", "-", &manager];
            if tool != Tool::ArgoCd || at >= CLIENT_SIDE {
                arguments.extend(["--server-side", "--force-conflicts"]);
            }
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
