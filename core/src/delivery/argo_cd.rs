//! An `Application` of Argo CD: argoproj/argo-cd pkg/apis/application/v1alpha1/types.go.

use serde_json::Value as Json;

use super::fields::Fields;
use super::{ChartValues, Delivery, Form, Reading, Tool};

/// What Argo CD calls the cluster that it runs in.
const OWN_SERVER: &str = "https://kubernetes.default.svc";
const OWN_NAME: &str = "in-cluster";

/// Fields of `spec` that are read here, or say nothing of what is delivered.
const OF_SPEC: &[&str] =
    &["destination", "ignoreDifferences", "info", "project", "revisionHistoryLimit", "source", "sources", "syncPolicy"];
/// Fields of a source. `name` is for people; `ref` is for other sources, and there are none.
const OF_SOURCE: &[&str] = &["directory", "helm", "kustomize", "name", "path", "ref", "repoURL", "targetRevision"];
/// Fields of `helm`. The last four change whether it is rendered, and not what: tests are hooks, which are left out.
const OF_HELM: &[&str] = &[
    "namespace",
    "releaseName",
    "valueFiles",
    "values",
    "valuesObject",
    "version",
    "ignoreMissingValueFiles",
    "passCredentials",
    "skipSchemaValidation",
    "skipTests",
];
/// Fields of `kustomize` that say how others are meant, and nothing without them.
const OF_KUSTOMIZE: &[&str] = &[
    "commonAnnotationsEnvsubst",
    "forceCommonAnnotations",
    "forceCommonLabels",
    "ignoreMissingComponents",
    "labelWithoutSelector",
];

pub(super) fn read(application: &Json) -> Delivery {
    let object = Fields::of(application);
    let mut delivery = Delivery::of(Tool::ArgoCd, &object);
    delivery.applied = applied(&object.below("status"));
    let spec = object.below("spec");
    delivery.reading = read_spec(&spec, &mut delivery);
    delivery
}

/// The revision with which the cluster agrees, or else that of the last sync as a whole.
fn applied(status: &Fields<'_>) -> Option<String> {
    let sync = status.below("sync");
    let revision = match sync.text("status") {
        Ok("Synced") => sync.text("revision").ok(),
        _ => status.get("history")?.as_array()?.last()?.get("revision")?.as_str(),
    };
    revision.filter(|revision| !revision.is_empty()).map(str::to_owned)
}

fn read_spec(spec: &Fields<'_>, delivery: &mut Delivery) -> Result<Reading, String> {
    let source = match (spec.says("sources"), spec.only("sources")) {
        (_, Some(only)) => only,
        (true, None) => return Err(spec.uses("sources")),
        (false, None) => spec.below("source"),
    };
    source.text("repoURL")?.clone_into(&mut delivery.repository);
    source.text("path")?.clone_into(&mut delivery.path);
    let revision = source.text("targetRevision")?;
    delivery.revision = Some(revision).filter(|text| !matches!(*text, "" | "HEAD")).map(str::to_owned);
    spec.only_known(OF_SPEC)?;
    source.only_known(OF_SOURCE)?;
    if is_range(revision) {
        return Err(format!("{} {revision} (a range of versions)", source.uses("targetRevision")));
    }
    if delivery.path.is_empty() {
        return Err(format!("{} is empty", source.path("path")));
    }
    let namespace = destination(&spec.below("destination"))?;
    let form = form(&source)?;
    let directory = source.below("directory");
    directory.only_known(&["recurse"])?;
    source.below("kustomize").only_known(OF_KUSTOMIZE)?;
    let helm = source.below("helm");
    let values = values(&helm, namespace)?;
    let release = Some(helm.text("releaseName")?).filter(|name| !name.is_empty()).unwrap_or(&delivery.name);
    let Delivery { namespace: own, name, .. } = &*delivery;
    Ok(Reading {
        tool: Tool::ArgoCd,
        namespace: Some(namespace).filter(|name| !name.is_empty()).map(str::to_owned),
        form,
        recurses: directory.says("recurse"),
        release: Some(release.to_owned()),
        values,
        // An application outside of Argo CD's own namespace is called by both names.
        overrides: vec![
            ".argocd-source.yaml".to_owned(),
            format!(".argocd-source-{name}.yaml"),
            format!(".argocd-source-{own}_{name}.yaml"),
        ],
        besides: besides(spec, namespace),
    })
}

/// The namespace of objects that name none, where the destination is the cluster that the application is in.
fn destination<'a>(destination: &Fields<'a>) -> Result<&'a str, String> {
    destination.only_known(&["name", "namespace", "server"])?;
    let (server, name) = (destination.text("server")?, destination.text("name")?);
    match (server.trim_end_matches('/'), name) {
        (OWN_SERVER, "" | OWN_NAME) | ("", OWN_NAME) => destination.text("namespace"),
        ("", "") => Err(format!("{} names no cluster", destination.path("server"))),
        (OWN_SERVER | "", _) => Err(format!("{} (another cluster)", destination.uses("name"))),
        _ => Err(format!("{} (another cluster)", destination.uses("server"))),
    }
}

/// What the source must be, as far as it says so: one that is there counts, though it be empty.
fn form(source: &Fields<'_>) -> Result<Option<(Form, String)>, String> {
    if source.get("plugin").is_some() {
        return Err(source.uses("plugin"));
    }
    let forms = [("directory", Form::Plain), ("helm", Form::Helm), ("kustomize", Form::Kustomize)];
    let mut said = forms.into_iter().filter(|(name, _)| source.get(name).is_some());
    match (said.next(), said.next()) {
        (Some((first, _)), Some((second, _))) => Err(format!("{} beside {}", source.uses(first), source.path(second))),
        (first, _) => Ok(first.map(|(name, form)| (form, source.path(name)))),
    }
}

fn values(helm: &Fields<'_>, namespace: &str) -> Result<Vec<ChartValues>, String> {
    helm.only_known(OF_HELM)?;
    let files = helm.texts("valueFiles")?;
    // Variables of the build, other sources and addresses, and patterns.
    let is_odd = |file: &&str| file.contains(['$', '*', '?', '[', '{']) || file.contains("://");
    if files.iter().any(is_odd) {
        return Err(format!("{} other than files of the repository", helm.uses("valueFiles")));
    }
    let refused = [
        ("ignoreMissingValueFiles", helm.says("ignoreMissingValueFiles") && !files.is_empty()),
        ("namespace", !matches!(helm.text("namespace")?, own if own.is_empty() || own == namespace)),
        ("version", !matches!(helm.text("version")?, "" | "3" | "v3")),
    ];
    if let Some((name, _)) = refused.into_iter().find(|(_, is_refused)| *is_refused) {
        return Err(helm.uses(name));
    }
    let mut values: Vec<ChartValues> = files.into_iter().map(|file| ChartValues::File(file.to_owned())).collect();
    let inline = match helm.get("valuesObject") {
        // Every JSON is YAML.
        Some(object) => object.to_string(),
        None => helm.text("values")?.to_owned(),
    };
    values.extend((!inline.is_empty()).then_some(ChartValues::Inline(inline)));
    Ok(values)
}

/// Labels and annotations that a sync gives to the namespace of the destination.
fn besides(spec: &Fields<'_>, namespace: &str) -> Option<(String, String)> {
    let policy = spec.below("syncPolicy");
    let field = "managedNamespaceMetadata";
    policy.says(field).then(|| (format!("Namespace/{namespace}"), policy.uses(field)))
}

/// What Argo CD looks for among tags, as it is no version but a range of them: util/versions/tags.go.
fn is_range(revision: &str) -> bool {
    let version = revision.strip_prefix('v').unwrap_or(revision);
    let is_part = |part: &str| matches!(part, "x" | "X") || part.bytes().all(|b| b.is_ascii_digit());
    let parts = || version.split('.');
    let has_wildcard = parts().all(is_part) && parts().any(|part| matches!(part, "x" | "X"));
    has_wildcard || revision.contains(['<', '>', '=', '~', '^', '*', '!', '|', ',', ' '])
}
