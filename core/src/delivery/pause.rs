//! Whether the tool that delivers an object is paused: the object's stamps say whose it is, and that one says the rest.

use serde_json::Value as Json;

use crate::object::value::Map;

/// The annotation by which Argo CD knows what an Application delivers: `APPLICATION:GROUP/KIND:NAMESPACE/NAME`, where the Application
/// is `NAMESPACE_NAME` if it is not in Argo CD's own namespace.
const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
/// The annotation by which an Application is not looked at any more.
const SKIP_RECONCILE: &str = "argocd.argoproj.io/skip-reconcile";

/// A kind of objects by which Flux delivers, and how their labels begin.
const OF_FLUX: &[(&str, &str, &str, &str)] = &[
    ("Kustomization", "kustomize.toolkit.fluxcd.io/v1", "kustomizations", "kustomize.toolkit.fluxcd.io"),
    ("HelmRelease", "helm.toolkit.fluxcd.io/v2", "helmreleases", "helm.toolkit.fluxcd.io"),
];

/// The kind of objects by which Argo CD delivers: its name, `apiVersion` and resource.
const OF_ARGO_CD: (&str, &str, &str) = ("Application", "argoproj.io/v1alpha1", "applications");

/// All kinds of objects by which tools deliver: `apiVersion` and resource.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_flux = OF_FLUX.iter().map(|(_, api_version, plural, _)| (*api_version, *plural));
    std::iter::once((OF_ARGO_CD.1, OF_ARGO_CD.2)).chain(of_flux)
}

/// The object of a delivery tool by which another one is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliverer {
    /// Its kind.
    pub kind: &'static str,
    /// Its `apiVersion`.
    pub api_version: &'static str,
    /// Its resource.
    pub plural: &'static str,
    /// Its namespace; `None` for the tool's own, of which the stamp says nothing.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Deliverer {
    /// Who delivers an object, as its own stamps say. Anybody may write them: they only open a question.
    pub fn of(root: &Map<'_>) -> Option<Self> {
        let metadata = root.map("metadata")?;
        let label = |key: &str| metadata.map("labels")?.str(key).map(str::to_owned);
        if let Some(id) = metadata.map("annotations").and_then(|annotations| annotations.str(TRACKING_ID)) {
            let application = id.split(':').next().unwrap_or_default();
            let (namespace, name) = match application.split_once('_') {
                Some((namespace, name)) => (Some(namespace.to_owned()), name),
                None => (None, application),
            };
            let (kind, api_version, plural) = OF_ARGO_CD;
            return Some(Self { kind, api_version, plural, namespace, name: name.to_owned() });
        }
        OF_FLUX.iter().find_map(|&(kind, api_version, plural, group)| {
            let (namespace, name) = (label(&format!("{group}/namespace")), label(&format!("{group}/name"))?);
            Some(Self { kind, api_version, plural, namespace, name })
        })
    }

    /// Why the tool does not deliver by this object now; `None` if it does.
    pub fn why_paused(&self, object: &Json) -> Option<String> {
        let (metadata, spec) = (&object["metadata"], &object["spec"]);
        let namespace = metadata["namespace"].as_str().unwrap_or_default();
        let paused = |why: &str| Some(format!("{} {namespace}/{} {why}", self.kind, self.name));
        if self.kind != OF_ARGO_CD.0 {
            return if spec["suspend"] == true { paused("is suspended") } else { None };
        }
        let automated = &spec["syncPolicy"]["automated"];
        if metadata["annotations"][SKIP_RECONCILE] == "true" {
            return paused("is not looked at (skip-reconcile)");
        }
        if automated.is_null() || automated["enabled"] == false { paused("has auto-sync off") } else { None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::object::value::Value;

    fn deliverer(metadata: &Json) -> Option<Deliverer> {
        let text = json!({"metadata": metadata}).to_string();
        let Value::Map(root) = serde_json::from_str(&text).unwrap() else { unreachable!("it is a map") };
        Deliverer::of(&root)
    }

    #[test]
    fn the_stamps_say_who_delivers() {
        let flux =
            |of: &str| json!({"labels": {format!("{of}/name"): "shop", format!("{of}/namespace"): "flux-system"}});
        for (metadata, expected) in [
            (json!({"annotations": {TRACKING_ID: "shop:apps/Deployment:shop/web"}}), Some(("Application", None))),
            (
                json!({"annotations": {TRACKING_ID: "team_shop:apps/Deployment:shop/web"}}),
                Some(("Application", Some("team"))),
            ),
            (flux("kustomize.toolkit.fluxcd.io"), Some(("Kustomization", Some("flux-system")))),
            (flux("helm.toolkit.fluxcd.io"), Some(("HelmRelease", Some("flux-system")))),
            (json!({"labels": {"app.kubernetes.io/instance": "shop"}}), None),
            (json!({}), None),
        ] {
            let found = deliverer(&metadata);
            assert!(found.as_ref().is_none_or(|found| found.name == "shop"), "{found:?}");
            assert_eq!(found.as_ref().map(|found| (found.kind, found.namespace.as_deref())), expected);
        }
    }

    #[test]
    fn the_tools_own_object_says_whether_it_is_paused() {
        let argo = deliverer(&json!({"annotations": {TRACKING_ID: "shop:apps/Deployment:shop/web"}})).unwrap();
        let flux = deliverer(&json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}})).unwrap();
        for (deliverer, object, paused) in [
            (&argo, json!({"spec": {"syncPolicy": {"automated": {}}}}), false),
            (&argo, json!({"spec": {"syncPolicy": {"automated": {"enabled": true}}}}), false),
            (&argo, json!({"spec": {"syncPolicy": {"automated": {"enabled": false}}}}), true),
            (&argo, json!({"spec": {"syncPolicy": {"syncOptions": []}}}), true),
            (&argo, json!({"spec": {}}), true),
            (
                &argo,
                json!({"metadata": {"annotations": {SKIP_RECONCILE: "true"}}, "spec": {"syncPolicy": {"automated": {}}}}),
                true,
            ),
            (&flux, json!({"spec": {}}), false),
            (&flux, json!({"spec": {"suspend": false}}), false),
            (&flux, json!({"spec": {"suspend": true}}), true),
        ] {
            assert_eq!(deliverer.why_paused(&object).is_some(), paused, "{object}");
        }
    }
}
