//! Copies in which files are changed to see what is rendered then.

use std::collections::BTreeMap;

use anchorwatch_edge::render::{HelmRelease, RenderRequest, RenderWith, Trial, Values};

use crate::tools::{folder, real_tools, request};

const A: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n";

fn changed(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

async fn printed(trial: &Trial, files: &[(&str, &str)]) -> String {
    String::from_utf8(trial.render(&changed(files)).await.unwrap().text).unwrap()
}

#[tokio::test]
async fn a_change_is_rendered_and_then_gone_and_the_folder_stays_as_it_is() {
    let work = folder(&[
        (".git/HEAD", "ref: refs/heads/main\n"),
        (".hidden/kustomization.yaml", "resources: []\n"),
        ("base/a.yaml", A),
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("east/kustomization.yaml", "resources: [../base]\n"),
        ("east/beside.yaml", "a: 1\n"),
        ("far/away/kustomization.yml", "resources: [../../base]\n"),
    ]);
    let request = RenderRequest { root: None, ..request(work.path(), "east", RenderWith::Kustomize, real_tools()) };
    let trial = Trial::of(&request).await.unwrap();
    assert_eq!(trial.root(), work.path().canonicalize().unwrap());
    assert_eq!((trial.folder(), trial.saw_all()), ("east", true));
    let read: Vec<&str> = trial.files().keys().map(String::as_str).collect();
    assert_eq!(read, ["base/a.yaml", "base/kustomization.yaml", "east/beside.yaml", "east/kustomization.yaml"]);
    let others: Vec<&str> = trial.others().keys().map(String::as_str).collect();
    assert_eq!(others, ["far/away/kustomization.yml"]);

    let patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: x}\n";
    let kustomization = "resources: [../base]\npatches: [{path: new.yaml}]\n";
    let text = printed(&trial, &[("east/kustomization.yaml", kustomization), ("east/new.yaml", patch)]).await;
    assert!(text.contains("k: x"), "{text}");
    assert!(printed(&trial, &[]).await.contains("k: v"));
    // What the change before had brought is not there any more.
    let left = trial.render(&changed(&[("east/kustomization.yaml", kustomization)])).await;
    assert!(left.is_err(), "{left:?}");
    assert!(!work.path().join("east/new.yaml").exists());
}

#[tokio::test]
async fn values_of_a_chart_are_files_wherever_they_are() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: {{ .Values.k }}}\n";
    let work = folder(&[
        ("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
        ("shop/values.yaml", "k: own\n"),
        ("shop/templates/a.yaml", template),
        ("envs/prod.yaml", "k: given\n"),
    ]);
    let values = vec![Values::Inline(b"l: 1\n".to_vec()), Values::Given(work.path().join("envs/prod.yaml"))];
    let release = HelmRelease { name: "a".to_owned(), namespace: "a".to_owned(), values, ..HelmRelease::default() };
    let with = RenderWith::Helm(release);
    let request = RenderRequest { root: None, ..request(work.path(), "shop", with, real_tools()) };
    let trial = Trial::of(&request).await.unwrap();
    assert_eq!(trial.values(), [None, Some("envs/prod.yaml".to_owned())]);
    assert!(printed(&trial, &[]).await.contains("k: given"));
    assert!(printed(&trial, &[("envs/prod.yaml", "k: other\n")]).await.contains("k: other"));
    assert!(printed(&trial, &[("envs/prod.yaml", "")]).await.contains("k: own"));
}
