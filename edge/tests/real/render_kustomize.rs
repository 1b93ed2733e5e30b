//! Kustomizations, by the real kubectl.

use anchorwatch_edge::render::{RenderError, RenderWith, Renderer, Tools, render, render_twice};

use crate::repository::{TestRepository, at};
use crate::tools::{fake_tools, folder, real_tools, request};

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n";

#[test]
fn folders_are_told_apart_by_the_names_in_them() {
    for (names, expected) in [
        (&["a.yaml", "kustomization.yaml"][..], Some(Renderer::Kustomize)),
        (&["kustomization.yml"], Some(Renderer::Kustomize)),
        (&["Kustomization"], Some(Renderer::Kustomize)),
        (&["Chart.yaml", "templates"], Some(Renderer::Helm)),
        (&["Chart.yaml", "kustomization.yaml"], Some(Renderer::Kustomize)),
        (&["chart.yaml", "kustomization.json", "a.yaml"], None),
        (&[], None),
    ] {
        assert_eq!(Renderer::detect(names.iter().copied()), expected, "{names:?}");
    }
}

#[tokio::test]
async fn an_overlay_is_rendered_from_a_commit_with_the_base_beside_it() {
    let tools = real_tools();
    let mut shop = TestRepository::new();
    shop.write("base/kustomization.yaml", "resources: [cm.yaml]\n");
    shop.write("base/cm.yaml", CONFIG_MAP);
    shop.write(
        "overlays/prod/kustomization.yaml",
        "resources:\n- ../../base\nnamePrefix: prod-\npatches:\n- path: p.yaml\n",
    );
    shop.write("overlays/prod/p.yaml", &CONFIG_MAP.replace("k: v", "k: w"));
    shop.write("elsewhere/kustomization.yaml", "resources: ['https://example.com/x.yaml']\n");
    shop.commit("one");
    let (repository, commit) = shop.at("main").await;
    let export = repository.export(&commit, &at("overlays/prod"), &shop.scratch()).await.unwrap();
    let request = request(export.root(), "overlays/prod", RenderWith::Kustomize, tools);
    let twice = render_twice(&request).await.unwrap();
    assert!(twice.is_deterministic());
    let text = String::from_utf8(twice.first.text).unwrap();
    assert_eq!(text, "apiVersion: v1\ndata:\n  k: w\nkind: ConfigMap\nmetadata:\n  name: prod-a\n");
}

#[tokio::test]
async fn what_would_have_to_be_fetched_is_named_with_its_line() {
    let cases = [
        ("resources:\n- a.yaml\n- https://bob:secret@example.com/b.yaml\n", 3, "https://example.com/b.yaml"),
        ("# github.com/org/repo is remote\nbases: [github.com/org/repo]\n", 2, "github.com/org/repo"),
        ("components:\n  - git@host:org/x//p?ref=v1\n", 2, "git@host:org/x//p?ref=v1"),
        ("resources:\n- \"\\x68ttps://h/x\"\n", 0, "https://h/x"),
        ("r: &r https://h/x\nresources:\n- *r\n", 1, "https://h/x"),
        ("resources:\n- >-\n  https://h/x\n", 3, "https://h/x"),
        ("{\"resources\": [\"https://h/x\"]}", 1, "https://h/x"),
        ("configMapGenerator:\n- name: a\n  files:\n  - k=https://h/x\n", 4, "https://h/x"),
        ("patches:\n- path: https://h/x\n", 2, "https://h/x"),
        ("openapi:\n  path: https://h/x\n", 2, "https://h/x"),
    ];
    for (text, expected_line, expected) in cases {
        let folder = folder(&[("base/kustomization.yml", text), ("top/Kustomization", "resources: [../base]\n")]);
        let tools = fake_tools(folder.path(), "echo rendered");
        let mut request = request(folder.path(), "top", RenderWith::Kustomize, tools);
        let error = render(&request).await.unwrap_err();
        let RenderError::FetchBase { file, line, entry } = &error else { panic!("{text}: {error}") };
        let found = (file.as_str(), *line, entry.trim_start_matches("k="));
        assert_eq!(found, ("base/kustomization.yml", expected_line, expected), "{text}");
        request.options.allow_remote = true;
        assert_eq!(render(&request).await.unwrap().text, b"rendered\n");
    }
}

#[tokio::test]
async fn what_plugins_would_fetch_is_named_too() {
    let plugin = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: a}\nfiles: [x=http://127.0.0.1/x]\n";
    let inline = format!("generators:\n- |\n  {}\n", plugin.replace('\n', "\n  "));
    for kustomization in ["generators: [p.yaml]\n", "generators: [../p]\n", &inline] {
        let folder = folder(&[
            ("top/kustomization.yaml", kustomization),
            ("top/p.yaml", plugin),
            ("p/kustomization.yaml", "resources: [p.yaml]\n"),
            ("p/p.yaml", plugin),
        ]);
        let tools = fake_tools(folder.path(), "echo rendered");
        let error = render(&request(folder.path(), "top", RenderWith::Kustomize, tools)).await.unwrap_err();
        assert!(matches!(&error, RenderError::FetchBase { line: 4, .. }), "{kustomization}: {error}");
    }
    let manifest =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {volumes: [{hostPath: {path: /etc}}]}\n# builtin\n";
    let folder = folder(&[("top/kustomization.yaml", "resources: [a.yaml]\n"), ("top/a.yaml", manifest)]);
    let tools = fake_tools(folder.path(), "echo rendered");
    assert!(render(&request(folder.path(), "top", RenderWith::Kustomize, tools)).await.is_ok());
}

#[tokio::test]
async fn what_lies_outside_the_repository_is_named() {
    for entry in ["../../outside", "/etc/hostname"] {
        let folder = folder(&[
            ("repository/top/kustomization.yaml", &format!("resources:\n- {entry}\n")),
            ("outside/kustomization.yaml", "resources: []\n"),
        ]);
        let tools = fake_tools(folder.path(), "echo rendered");
        let mut request = request(&folder.path().join("repository"), "top", RenderWith::Kustomize, tools);
        let error = render(&request).await.unwrap_err();
        assert!(matches!(&error, RenderError::LeaveRoot { line: 2, .. }), "{error}");
        request.root = None;
        assert!(render(&request).await.is_ok(), "a person's own files may lie anywhere");
    }
}

#[tokio::test]
async fn bases_that_build_upon_each_other_do_not_hang_the_check() {
    let tools = real_tools();
    let folder =
        folder(&[("a/kustomization.yaml", "resources: [../b]\n"), ("b/kustomization.yaml", "resources: [../a]\n")]);
    let error = render(&request(folder.path(), "a", RenderWith::Kustomize, tools)).await.unwrap_err();
    assert!(matches!(&error, RenderError::Render { .. }), "{error}");
}

#[tokio::test]
async fn what_the_tool_says_is_passed_on_without_the_export_folder() {
    let tools = real_tools();
    let folder = folder(&[("top/kustomization.yaml", "resources: [none.yaml]\n")]);
    let error = render(&request(folder.path(), "top", RenderWith::Kustomize, tools)).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains("kubectl cannot render top") && message.contains("none.yaml"), "{message}");
    assert!(!message.contains(folder.path().to_str().unwrap()), "{message}");
}

#[tokio::test]
async fn functions_and_charts_inside_a_kustomization_are_not_run() {
    let tools = real_tools();
    let trap = "apiVersion: x/v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./trap.sh}\n";
    let folder = folder(&[
        ("exec/kustomization.yaml", "generators: [x.yaml]\n"),
        ("exec/x.yaml", trap),
        ("exec/trap.sh", "#!/bin/sh\ntouch \"$(dirname \"$0\")/sprung\"\n"),
        ("chart/kustomization.yaml", "helmCharts:\n- name: a\n  repo: https://example.com\n"),
    ]);
    for path in ["exec", "chart"] {
        let error = render(&request(folder.path(), path, RenderWith::Kustomize, tools.clone())).await.unwrap_err();
        assert!(matches!(&error, RenderError::Render { .. }), "{error}");
    }
    assert!(!folder.path().join("exec/sprung").exists());
}

#[tokio::test]
async fn an_absent_tool_is_named() {
    let folder = folder(&[("kustomization.yaml", "")]);
    let tools = Tools { kubectl: Some("/nowhere/kubectl".into()), ..Tools::default() };
    let error = render(&request(folder.path(), "", RenderWith::Kustomize, tools)).await.unwrap_err();
    assert!(error.to_string().contains("kubectl") && error.hint().unwrap().contains("install kubectl"), "{error}");
}
