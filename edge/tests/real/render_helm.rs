//! Charts, by the real Helm.

use std::os::unix::fs::symlink;

use anchorwatch_edge::render::{HelmRelease, RenderError, RenderWith, Values, render, render_twice};

use crate::tools::{fake_tools, folder, real_tools, request};

const CHART: (&str, &str) = ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
const TEMPLATE: (&str, &str) = (
    "chart/templates/a.yaml",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n  namespace: {{ .Release.Namespace }}\ndata:\n  \
     colour: {{ .Values.colour }}\n  size: {{ .Values.size }}\n  version: {{ .Capabilities.KubeVersion.Version }}\n  \
     monitored: {{ .Capabilities.APIVersions.Has \"example.com/v1/Monitor\" | quote }}\n",
);
const VALUES: (&str, &str) = ("chart/values.yaml", "colour: red\nsize: small\n");

fn release() -> HelmRelease {
    HelmRelease { name: "shop".into(), namespace: "prod".into(), ..HelmRelease::default() }
}

#[tokio::test]
async fn a_chart_is_rendered_with_values_version_and_definitions() {
    let tools = real_tools();
    let hook = TEMPLATE.1.replace("metadata:\n", "metadata:\n  annotations: {helm.sh/hook: pre-install}\n");
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: a.b\n";
    let folder = folder(&[
        CHART,
        TEMPLATE,
        VALUES,
        ("chart/templates/hook.yaml", &hook),
        ("chart/templates/NOTES.txt", "Thank you"),
        ("chart/crds/crd.yaml", crd),
        ("prod, \"values\".yaml", "colour: green\nsize: big\n"),
    ]);
    let release = HelmRelease {
        kube_version: Some("v1.33.7-gke.100".into()),
        api_versions: vec!["example.com/v1".into(), "example.com/v1/Monitor".into()],
        values: vec![Values::File("../prod, \"values\".yaml".into()), Values::Inline(b"size: huge\n".to_vec())],
        ..release()
    };
    let rendered = render(&request(folder.path(), "chart", RenderWith::Helm(release), tools)).await.unwrap();
    let text = String::from_utf8(rendered.text.clone()).unwrap();
    for part in ["name: shop", "namespace: prod", "colour: green", "size: huge", "version: v1.33.7-gke.100", "\"true\""]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("hook") && !text.contains("Thank you"), "{text}");
    let line_of = |part: &str| text.lines().position(|line| line.contains(part)).unwrap() + 1;
    assert_eq!(rendered.origin(line_of("name: a.b")), Some("crds/crd.yaml"));
    assert_eq!(rendered.origin(line_of("size: huge")), Some("templates/a.yaml"));
}

#[tokio::test]
async fn what_is_random_or_the_time_differs_in_two_renderings() {
    let tools = real_tools();
    for (function, deterministic) in [("randAlphaNum 8", false), ("now | unixEpoch", false), ("lower \"A\"", true)] {
        let template =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{k: \"{{{{ {function} }}}}\"}}\n");
        let folder = folder(&[CHART, ("chart/templates/a.yaml", &template)]);
        let request = request(folder.path(), "chart", RenderWith::Helm(release()), tools.clone());
        assert_eq!(render_twice(&request).await.unwrap().is_deterministic(), deterministic, "{function}");
    }
}

#[tokio::test]
async fn charts_that_are_not_there_are_named() {
    let tools = real_tools();
    let chart = format!(
        "{}dependencies:\n- {{name: redis, version: 1.0.0, repository: 'https://h'}}\n- {{name: db, version: 1.0.0}}\n",
        CHART.1
    );
    let folder = folder(&[("chart/Chart.yaml", &chart), TEMPLATE, VALUES]);
    let error = render(&request(folder.path(), "chart", RenderWith::Helm(release()), tools)).await.unwrap_err();
    let RenderError::FindDependencies { names, chart } = &error else { panic!("{error}") };
    assert_eq!((chart.as_str(), names.as_slice()), ("chart", &["redis".to_owned(), "db".to_owned()][..]));
}

#[tokio::test]
async fn an_error_in_a_template_or_in_values_is_passed_on() {
    let tools = real_tools();
    let bad = ("chart/templates/b.yaml", "a: {{ .Values.none.deep }}\n");
    let folder = folder(&[CHART, TEMPLATE, VALUES, bad, ("chart/bad.yaml", "a: [\n")]);
    let ask =
        |values| request(folder.path(), "chart", RenderWith::Helm(HelmRelease { values, ..release() }), tools.clone());
    let message = render(&ask(Vec::new())).await.unwrap_err().to_string();
    assert!(message.contains("web/templates/b.yaml"), "{message}");
    let message = render(&ask(vec![Values::File("bad.yaml".into())])).await.unwrap_err().to_string();
    assert!(message.contains("bad.yaml"), "{message}");
    let error = render(&ask(vec![Values::File("none.yaml".into())])).await.unwrap_err();
    assert!(matches!(&error, RenderError::ReadValues { path, .. } if path == "none.yaml"), "{error}");
}

#[tokio::test]
async fn values_and_links_stay_inside_the_repository() {
    let folder = folder(&[CHART, VALUES]);
    let tools = fake_tools(folder.path(), "echo rendered");
    let chart = folder.path().join("chart");
    let with = RenderWith::Helm(HelmRelease { values: vec![Values::File("/etc/hostname".into())], ..release() });
    let error = render(&request(&chart, "", with, tools.clone())).await.unwrap_err();
    assert!(matches!(&error, RenderError::ReadValues { .. }), "{error}");
    std::fs::create_dir(chart.join("templates")).unwrap();
    symlink("/etc", chart.join("templates/etc")).unwrap();
    let error = render(&request(&chart, "", RenderWith::Helm(release()), tools)).await.unwrap_err();
    assert!(matches!(&error, RenderError::FollowLink { link } if link == "templates/etc"), "{error}");
}

#[tokio::test]
async fn no_part_of_a_release_becomes_an_option() {
    let folder = folder(&[CHART]);
    let tools = fake_tools(folder.path(), "echo rendered");
    for odd in [
        HelmRelease { name: "--post-renderer=x".into(), ..release() },
        HelmRelease { namespace: "a b".into(), ..release() },
        HelmRelease { kube_version: Some("v1,v2".into()), ..release() },
        HelmRelease { api_versions: vec!["a/v1,b/v1".into()], ..release() },
    ] {
        let error = render(&request(folder.path(), "chart", RenderWith::Helm(odd), tools.clone())).await.unwrap_err();
        assert!(matches!(error, RenderError::ReadRelease { .. }), "{error}");
    }
}
