//! What the objects of delivery tools say of sources: one row a field.

use anchorwatch_core::delivery::{ChartValues, Delivery, Form, Reading, Tool, Tree, fits_any};
use serde_json::{Value, json};

fn application(spec: &Value) -> Delivery {
    let mut whole = json!({
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "project": "default",
        "source": {"repoURL": "https://git.example.com/ops/shop.git", "path": "deploy", "targetRevision": "main"},
    });
    merge(&mut whole, spec);
    let object = json!({"metadata": {"namespace": "argocd", "name": "shop"}, "spec": whole});
    Tool::ArgoCd.deliveries(&[vec![object]]).remove(0)
}

fn kustomization(spec: &Value, repository: &Value) -> Delivery {
    let mut whole = json!({
        "interval": "10m", "prune": true, "path": "./deploy", "sourceRef": {"kind": "GitRepository", "name": "shop"},
    });
    merge(&mut whole, spec);
    let mut fetched =
        json!({"interval": "1m", "url": "https://git.example.com/ops/shop.git", "ref": {"branch": "main"}});
    merge(&mut fetched, repository);
    let metadata = json!({"namespace": "flux-system", "name": "shop"});
    Tool::Flux
        .deliveries(&[
            vec![json!({"metadata": metadata, "spec": whole})],
            vec![json!({"metadata": metadata, "spec": fetched})],
        ])
        .remove(0)
}

/// Sets fields; null takes one out.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn reading(delivery: Delivery) -> Reading {
    delivery.reading.unwrap()
}

/// A path with an `@` at its end is a link's.
fn tree(paths: &[&str]) -> Tree {
    let bare = |path: &&str| path.trim_end_matches('@').to_owned();
    Tree {
        files: paths.iter().map(bare).collect(),
        links: paths.iter().filter(|path| path.ends_with('@')).map(bare).collect(),
    }
}

#[test]
fn an_application_is_a_source() {
    let delivery = application(&json!({}));
    assert_eq!(delivery.object(), "Application argocd/shop");
    assert_eq!(
        (delivery.repository.as_str(), delivery.path.as_str(), delivery.revision.as_deref()),
        ("https://git.example.com/ops/shop.git", "deploy", Some("main"))
    );
    let reading = reading(delivery);
    assert_eq!((reading.namespace.as_deref(), reading.release.as_deref()), (Some("shop"), Some("shop")));
    assert_eq!(application(&json!({"source": {"targetRevision": "HEAD"}})).revision, None);
    assert_eq!(application(&json!({"source": {"targetRevision": null}})).revision, None);
}

#[test]
fn fields_of_an_application_that_change_nothing_are_no_reason() {
    for spec in [
        json!({"project": "shop", "revisionHistoryLimit": 3, "info": [{"name": "url", "value": "https://x"}]}),
        json!({"ignoreDifferences": [{"kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]}),
        json!({"syncPolicy": {"automated": {"selfHeal": true}, "syncOptions": ["CreateNamespace=true"]}}),
        json!({"destination": {"server": "https://kubernetes.default.svc/"}}),
        json!({"destination": {"server": null, "name": "in-cluster"}}),
        json!({"source": null, "sources": [{"repoURL": "https://x", "path": "a", "name": "only", "ref": "values"}]}),
        json!({"source": {"directory": {"recurse": true, "jsonnet": {}, "include": "", "exclude": null}}}),
        json!({"source": {"helm": {"version": "v3", "passCredentials": true, "skipTests": true}}}),
        json!({"source": {"helm": {"namespace": "shop", "parameters": [], "ignoreMissingValueFiles": true}}}),
        json!({"source": {"kustomize": {"images": [], "forceCommonLabels": true, "labelWithoutSelector": true}}}),
        json!({"source": {"targetRevision": "v1.2.0"}}),
        json!({"source": {"targetRevision": "release-1.x-fix"}}),
    ] {
        let delivery = application(&spec);
        assert!(delivery.reading.is_ok(), "{spec}\n{:?}", delivery.reading);
    }
}

#[test]
fn every_other_field_of_an_application_is_a_reason() {
    for (spec, reason) in [
        (json!({"sourceHydrator": {"drySource": {"path": "x"}}}), "uses spec.sourceHydrator"),
        (json!({"sources": [{"repoURL": "a"}, {"repoURL": "b"}]}), "uses spec.sources"),
        (json!({"destination": {"server": "https://10.0.0.1"}}), "uses spec.destination.server (another cluster)"),
        (json!({"destination": {"server": null, "name": "edge"}}), "uses spec.destination.name (another cluster)"),
        (json!({"destination": {"server": null}}), "spec.destination.server names no cluster"),
        (json!({"destination": {"shard": 1}}), "uses spec.destination.shard"),
        (json!({"source": {"chart": "web", "targetRevision": "1.*"}}), "uses spec.source.chart"),
        (json!({"source": {"plugin": {}}}), "uses spec.source.plugin"),
        (json!({"source": {"plugin": {"name": "x"}}}), "uses spec.source.plugin"),
        (json!({"source": {"path": ""}}), "spec.source.path is empty"),
        (json!({"source": {"path": 7}}), "uses spec.source.path"),
        (json!({"source": {"fieldOfTomorrow": "x"}}), "uses spec.source.fieldOfTomorrow"),
        (json!({"source": {"targetRevision": "1.x"}}), "uses spec.source.targetRevision 1.x (a range of versions)"),
        (json!({"source": {"targetRevision": "~1.2"}}), "uses spec.source.targetRevision ~1.2 (a range of versions)"),
        (json!({"source": {"helm": {}, "directory": {}}}), "uses spec.source.directory beside spec.source.helm"),
        (json!({"source": {"directory": {"include": "*.yml"}}}), "uses spec.source.directory.include"),
        (json!({"source": {"directory": {"exclude": "x"}}}), "uses spec.source.directory.exclude"),
        (
            json!({"source": {"directory": {"jsonnet": {"tlas": [{"name": "a"}]}}}}),
            "uses spec.source.directory.jsonnet",
        ),
        (
            json!({"source": {"helm": {"parameters": [{"name": "a", "value": "1"}]}}}),
            "uses spec.source.helm.parameters",
        ),
        (json!({"source": {"helm": {"fileParameters": [{"name": "a"}]}}}), "uses spec.source.helm.fileParameters"),
        (json!({"source": {"helm": {"skipCrds": true}}}), "uses spec.source.helm.skipCrds"),
        (json!({"source": {"helm": {"kubeVersion": "1.33"}}}), "uses spec.source.helm.kubeVersion"),
        (json!({"source": {"helm": {"apiVersions": ["a/v1"]}}}), "uses spec.source.helm.apiVersions"),
        (json!({"source": {"helm": {"namespace": "other"}}}), "uses spec.source.helm.namespace"),
        (json!({"source": {"helm": {"version": "v2"}}}), "uses spec.source.helm.version"),
        (
            json!({"source": {"helm": {"valueFiles": ["a.yaml"], "ignoreMissingValueFiles": true}}}),
            "uses spec.source.helm.ignoreMissingValueFiles",
        ),
        (
            json!({"source": {"helm": {"valueFiles": ["$values/a.yaml"]}}}),
            "uses spec.source.helm.valueFiles other than files of the repository",
        ),
        (
            json!({"source": {"helm": {"valueFiles": ["https://h/a.yaml"]}}}),
            "uses spec.source.helm.valueFiles other than files of the repository",
        ),
        (json!({"source": {"kustomize": {"namePrefix": "a-"}}}), "uses spec.source.kustomize.namePrefix"),
        (json!({"source": {"kustomize": {"images": ["web:2"]}}}), "uses spec.source.kustomize.images"),
        (json!({"source": {"kustomize": {"patches": [{"patch": "x"}]}}}), "uses spec.source.kustomize.patches"),
        (json!({"source": {"kustomize": {"components": ["x"]}}}), "uses spec.source.kustomize.components"),
        (json!({"source": {"kustomize": {"commonLabels": {"a": "b"}}}}), "uses spec.source.kustomize.commonLabels"),
        (json!({"source": {"kustomize": {"namespace": "x"}}}), "uses spec.source.kustomize.namespace"),
        (json!({"source": {"kustomize": {"version": "v5.0.0"}}}), "uses spec.source.kustomize.version"),
    ] {
        assert_eq!(application(&spec).reading.unwrap_err(), reason, "{spec}");
    }
}

#[test]
fn what_is_not_compared_still_names_its_repository() {
    let delivery = application(&json!({"source": {"plugin": {"name": "x"}}}));
    assert_eq!(
        (delivery.repository.as_str(), delivery.path.as_str()),
        ("https://git.example.com/ops/shop.git", "deploy")
    );
}

#[test]
fn values_of_a_chart_come_in_the_order_of_argo_cd() {
    let values = |helm: Value| reading(application(&json!({"source": {"helm": helm}}))).values;
    let file = |path: &str| ChartValues::File(path.to_owned());
    let inline = |text: &str| ChartValues::Inline(text.to_owned());
    assert_eq!(
        values(json!({"valueFiles": ["a.yaml", "/b.yaml"], "values": "x: 1"})),
        [file("a.yaml"), file("/b.yaml"), inline("x: 1")]
    );
    assert_eq!(values(json!({"values": "x: 1", "valuesObject": {"y": 2}})), [inline(r#"{"y":2}"#)]);
    let named = reading(application(&json!({"source": {"helm": {"releaseName": "web"}}})));
    assert_eq!(named.release.as_deref(), Some("web"));
}

#[test]
fn labels_for_the_namespace_are_told_beside_the_rest() {
    let policy = json!({"syncPolicy": {"managedNamespaceMetadata": {"labels": {"team": "shop"}}}});
    let (what, field) = reading(application(&policy)).besides.unwrap();
    assert_eq!((what.as_str(), field.as_str()), ("Namespace/shop", "uses spec.syncPolicy.managedNamespaceMetadata"));
}

#[test]
fn only_the_files_that_argo_cd_reads_are_delivered() {
    let flat = reading(application(&json!({})));
    let deep = reading(application(&json!({"source": {"directory": {"recurse": true}}})));
    let files = tree(&["deploy/a.yaml", "deploy/link@", "deploy/b.yaml@"]);
    for (path, flatly, deeply) in [
        ("a.yaml", true, true),
        ("b.yaml", true, true),
        ("c.json", true, true),
        ("c.txt", false, false),
        ("below/a.yml", false, true),
        ("link/a.yaml", false, false),
    ] {
        let delivered = [&flat, &deep].map(|reading| reading.delivers(path, "deploy", &files));
        assert_eq!(delivered, [flatly, deeply], "{path}");
    }
    assert!(flat.passes_over(b"# +argocd:skip-file-rendering\nkind: X"));
}

#[test]
fn a_folder_that_the_tool_reads_otherwise_is_refused() {
    let argo_cd = |source: Value| reading(application(&json!({"source": source})));
    let flux = |spec: Value| reading(kustomization(&spec, &json!({})));
    for (reading, form, files, refused) in [
        (argo_cd(json!({})), Form::Plain, vec!["deploy/a.yaml"], None),
        (argo_cd(json!({})), Form::Helm, vec!["deploy/Chart.yaml"], None),
        (
            argo_cd(json!({"directory": {}})),
            Form::Helm,
            vec!["deploy/Chart.yaml"],
            Some("uses spec.source.directory, and its folder is a chart"),
        ),
        (
            argo_cd(json!({"helm": {}})),
            Form::Plain,
            vec!["deploy/a.yaml"],
            Some("uses spec.source.helm, and its folder is one of plain files"),
        ),
        (argo_cd(json!({})), Form::Plain, vec!["deploy/.argocd-source.yaml"], Some("uses .argocd-source.yaml")),
        (
            argo_cd(json!({})),
            Form::Kustomize,
            vec!["deploy/.argocd-source-shop.yaml"],
            Some("uses .argocd-source-shop.yaml"),
        ),
        (argo_cd(json!({})), Form::Plain, vec!["deploy/.argocd-source-other.yaml", ".argocd-source.yaml"], None),
        (argo_cd(json!({})), Form::Plain, vec!["deploy/a.jsonnet"], Some("uses a.jsonnet, which is not read here")),
        (argo_cd(json!({})), Form::Plain, vec!["deploy/below/a.jsonnet", "deploy/.hidden/a.yaml"], None),
        (
            argo_cd(json!({"directory": {"recurse": true}})),
            Form::Plain,
            vec!["deploy/.hidden/a.yaml"],
            Some("uses .hidden/a.yaml, which is not read here"),
        ),
        (argo_cd(json!({})), Form::Plain, vec![".sourceignore"], None),
        (flux(json!({})), Form::Kustomize, vec![".sourceignore"], Some("uses .sourceignore")),
        (flux(json!({})), Form::Plain, vec!["deploy/.github/a.yaml", "elsewhere/.b/a.yaml"], None),
        (flux(json!({})), Form::Plain, vec!["deploy/.b/a.yaml"], Some("uses .b/a.yaml, which is not read here")),
        (flux(json!({})), Form::Helm, vec![], Some("its folder is a chart, which flux does not render")),
        (flux(json!({"decryption": {"provider": "sops"}})), Form::Plain, vec![], None),
        (
            flux(json!({"decryption": {"provider": "sops"}})),
            Form::Kustomize,
            vec![],
            Some("uses spec.decryption, and its folder is a kustomization"),
        ),
    ] {
        assert_eq!(reading.refusal("deploy", form, &tree(&files)).as_deref(), refused, "{form:?} {files:?}");
    }
}

#[test]
fn a_kustomization_is_a_source() {
    let delivery = kustomization(&json!({}), &json!({}));
    assert_eq!(delivery.object(), "Kustomization flux-system/shop");
    assert_eq!(
        (delivery.repository.as_str(), delivery.path.as_str(), delivery.revision.as_deref()),
        ("https://git.example.com/ops/shop.git", "./deploy", Some("refs/heads/main"))
    );
    for (reference, revision) in [
        (json!(null), "refs/heads/master"),
        (json!({"branch": "main", "tag": "v1"}), "refs/tags/v1"),
        (json!({"branch": "main", "commit": "0123abc"}), "0123abc"),
        (json!({"branch": "main", "name": "refs/pull/4/head"}), "refs/pull/4/head"),
    ] {
        let delivery = kustomization(&json!({}), &json!({"ref": reference}));
        assert_eq!(delivery.revision.as_deref(), Some(revision), "{reference}");
    }
}

#[test]
fn every_field_of_a_kustomization_is_honoured_or_a_reason() {
    let none = json!({});
    for (spec, repository, reason) in [
        (json!({"suspend": true, "wait": true, "force": true, "timeout": "1m"}), none.clone(), None),
        (json!({"dependsOn": [{"name": "a"}], "serviceAccountName": "x", "retryInterval": "1m"}), none.clone(), None),
        (json!({"healthChecks": [{"kind": "Deployment"}], "deletionPolicy": "Orphan"}), none.clone(), None),
        (none.clone(), json!({"secretRef": {"name": "x"}, "verify": {"mode": "HEAD"}, "suspend": true}), None),
        (json!({"targetNamespace": "shop"}), none.clone(), Some("uses spec.targetNamespace")),
        (json!({"namePrefix": "a-"}), none.clone(), Some("uses spec.namePrefix")),
        (json!({"nameSuffix": "-a"}), none.clone(), Some("uses spec.nameSuffix")),
        (json!({"patches": [{"patch": "x"}]}), none.clone(), Some("uses spec.patches")),
        (json!({"images": [{"name": "web"}]}), none.clone(), Some("uses spec.images")),
        (json!({"components": ["../x"]}), none.clone(), Some("uses spec.components")),
        (json!({"commonMetadata": {"labels": {"a": "b"}}}), none.clone(), Some("uses spec.commonMetadata")),
        (json!({"postBuild": {}}), none.clone(), Some("uses spec.postBuild")),
        (json!({"postBuild": {"substitute": {"a": "b"}}}), none.clone(), Some("uses spec.postBuild")),
        (json!({"kubeConfig": {"secretRef": {"name": "x"}}}), none.clone(), Some("uses spec.kubeConfig")),
        (json!({"fieldOfTomorrow": 1}), none.clone(), Some("uses spec.fieldOfTomorrow")),
        (json!({"sourceRef": {"kind": "OCIRepository"}}), none.clone(), Some("uses spec.sourceRef.kind OCIRepository")),
        (json!({"sourceRef": {"path": "x"}}), none.clone(), Some("uses spec.sourceRef.path")),
        (
            json!({"sourceRef": {"namespace": "other"}}),
            none.clone(),
            Some("GitRepository other/shop is not among those that `discover` may list"),
        ),
        (
            none.clone(),
            json!({"ref": {"semver": ">=1.0"}}),
            Some("uses spec.ref.semver of GitRepository flux-system/shop"),
        ),
        (none.clone(), json!({"ignore": ""}), Some("uses spec.ignore of GitRepository flux-system/shop")),
        (
            none.clone(),
            json!({"include": [{"repository": {"name": "b"}}]}),
            Some("uses spec.include of GitRepository flux-system/shop"),
        ),
        (
            none.clone(),
            json!({"recurseSubmodules": true}),
            Some("uses spec.recurseSubmodules of GitRepository flux-system/shop"),
        ),
        (
            none,
            json!({"sparseCheckout": ["deploy"]}),
            Some("uses spec.sparseCheckout of GitRepository flux-system/shop"),
        ),
    ] {
        let read = kustomization(&spec, &repository).reading;
        assert_eq!(read.as_ref().err().map(String::as_str), reason, "{spec} {repository}");
    }
}

#[test]
fn only_the_files_that_flux_reads_are_delivered() {
    let reading = reading(kustomization(&json!({}), &json!({})));
    let files = tree(&["deploy/a.yaml", "deploy/b.yaml@", "deploy/link@"]);
    for (path, delivers) in [
        ("a.yaml", true),
        ("below/a.yml", true),
        ("a.json", false),
        ("b.yaml", false),
        ("link/a.yaml", false),
        (".github/a.yaml", false),
        ("below/appveyor.yml", false),
    ] {
        assert_eq!(reading.delivers(path, "deploy", &files), delivers, "{path}");
    }
    assert!(!reading.passes_over(b"# +argocd:skip-file-rendering"));
}

#[test]
fn a_repository_is_allowed_by_its_whole_address() {
    let patterns = ["https://git.example.com/ops/*".to_owned()];
    assert!(fits_any("https://git.example.com/ops/shop.git", &patterns));
    for other in ["https://git.example.com/other/shop.git", "https://git.example.com.evil.org/ops/x", ""] {
        assert!(!fits_any(other, &patterns), "{other}");
    }
}

#[test]
fn the_commit_that_was_applied_last_is_known() {
    let of_application = |status: Value| {
        let object = json!({"metadata": {"namespace": "argocd", "name": "shop"}, "status": status});
        Tool::ArgoCd.deliveries(&[vec![object]]).remove(0).applied
    };
    let history = json!([{"revision": "a1"}, {"revision": "b2"}]);
    for (status, applied) in [
        (json!({}), None),
        (json!({"sync": {"status": "Synced", "revision": "c3"}, "history": history}), Some("c3")),
        (json!({"sync": {"status": "OutOfSync", "revision": "c3"}, "history": history}), Some("b2")),
        (json!({"sync": {"status": "OutOfSync", "revision": "c3"}}), None),
    ] {
        assert_eq!(of_application(status.clone()).as_deref(), applied, "{status}");
    }
    for (revision, applied) in [("main@sha1:c3", Some("c3")), ("", None), ("main", None)] {
        let object = json!({"metadata": {}, "spec": {}, "status": {"lastAppliedRevision": revision}});
        let delivery = Tool::Flux.deliveries(&[vec![object], Vec::new()]).remove(0);
        assert_eq!(delivery.applied.as_deref(), applied, "{revision}");
    }
}
