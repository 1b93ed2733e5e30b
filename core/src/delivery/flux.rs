//! A `Kustomization` of Flux and the `GitRepository` that it refers to: fluxcd/kustomize-controller
//! `api/v1/kustomization_types.go`, fluxcd/source-controller `api/v1/gitrepository_types.go`.

use serde_json::Value as Json;

use super::fields::Fields;
use super::{Delivery, Form, Reading, Tool};

/// Fields of a Kustomization that are read here, or say when and by whom it is applied, and not what.
const OF_KUSTOMIZATION: &[&str] = &[
    "decryption",
    "deletionPolicy",
    "dependsOn",
    "driftIgnoreRules",
    "force",
    "healthCheckExprs",
    "healthChecks",
    "ignoreMissingComponents",
    "interval",
    "path",
    "prune",
    "retryInterval",
    "serviceAccountName",
    "sourceRef",
    "suspend",
    "timeout",
    "wait",
];
/// Fields of a `GitRepository` that are read here, or say when and how it is fetched, and not what.
const OF_REPOSITORY: &[&str] = &[
    "interval",
    "provider",
    "proxySecretRef",
    "ref",
    "secretRef",
    "serviceAccountName",
    "suspend",
    "timeout",
    "url",
    "verify",
];

pub(super) fn read(kustomization: &Json, repositories: &[Json]) -> Delivery {
    let object = Fields::of(kustomization);
    let mut delivery = Delivery::of(Tool::Flux, &object);
    // `main@sha1:COMMIT`
    let applied = object.below("status").text("lastAppliedRevision").unwrap_or_default();
    delivery.applied = applied.rsplit_once(':').map(|(_, commit)| commit.to_owned());
    delivery.reading = read_spec(&object.below("spec"), repositories, &mut delivery);
    delivery
}

fn read_spec(spec: &Fields<'_>, repositories: &[Json], delivery: &mut Delivery) -> Result<Reading, String> {
    spec.text("path")?.clone_into(&mut delivery.path);
    let reference = spec.below("sourceRef");
    if reference.text("kind")? != "GitRepository" {
        return Err(format!("{} {}", reference.uses("kind"), reference.text("kind")?));
    }
    reference.only_known(&["apiVersion", "kind", "name", "namespace"])?;
    let name = reference.text("name")?;
    let namespace = Some(reference.text("namespace")?).filter(|own| !own.is_empty()).unwrap_or(&delivery.namespace);
    let of = format!("GitRepository {namespace}/{name}");
    let is_meant = |object: &&Json| {
        let metadata = Fields::of(object).below("metadata");
        metadata.text("name") == Ok(name) && metadata.text("namespace") == Ok(namespace)
    };
    let Some(repository) = repositories.iter().find(is_meant) else {
        return Err(format!("{of} is not among those that `discover` may list"));
    };
    let repository = Fields::of(repository).below("spec");
    let of_repository = |reason: String| format!("{reason} of {of}");
    repository.text("url").map_err(of_repository)?.clone_into(&mut delivery.repository);
    delivery.revision = Some(revision(&repository.below("ref")).map_err(of_repository)?);
    spec.only_known(OF_KUSTOMIZATION)?;
    repository.only_known(OF_REPOSITORY).map_err(of_repository)?;
    // Those that are there count, though they say nothing: variables are put in, patterns left out by no pattern.
    if spec.get("postBuild").is_some() {
        return Err(spec.uses("postBuild"));
    }
    if repository.get("ignore").is_some() {
        return Err(of_repository(repository.uses("ignore")));
    }
    Ok(Reading {
        tool: Tool::Flux,
        // The API server's own. Flux applies nothing of a namespaced kind that names no namespace.
        namespace: Some("default".to_owned()),
        // Of plain files encrypted values are known by themselves; what is made of encrypted files is not.
        form: spec.says("decryption").then(|| (Form::Plain, spec.path("decryption"))),
        recurses: true,
        release: None,
        values: Vec::new(),
        overrides: Vec::new(),
        besides: None,
    })
}

/// The first that is said counts, in this order; without any the branch `master`.
fn revision(reference: &Fields<'_>) -> Result<String, String> {
    reference.only_known(&["branch", "commit", "name", "semver", "tag"])?;
    for (field, prefix) in
        [("commit", ""), ("name", ""), ("semver", ""), ("tag", "refs/tags/"), ("branch", "refs/heads/")]
    {
        match reference.text(field)? {
            "" => {}
            _ if field == "semver" => return Err(reference.uses(field)),
            text => return Ok(format!("{prefix}{text}")),
        }
    }
    Ok("refs/heads/master".to_owned())
}
