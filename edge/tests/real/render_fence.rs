//! What a renderer can see and use up.

use std::path::Path;
use std::time::Duration;

use anchorwatch_edge::process::ProcessError;
use anchorwatch_edge::render::{HelmRelease, RenderError, RenderRequest, RenderWith, render};

use crate::fakes::ends;
use crate::tools::{fake_tools, folder, real_tools, request};

fn kustomization() -> tempfile::TempDir {
    folder(&[("kustomization.yaml", "configMapGenerator: [{name: a, literals: [a=b]}]\n")])
}

fn with_script(folder: &Path, script: &str) -> RenderRequest {
    request(folder, "", RenderWith::Kustomize, fake_tools(folder, script))
}

async fn printed(script: &str) -> String {
    let folder = kustomization();
    String::from_utf8(render(&with_script(folder.path(), script)).await.unwrap().text).unwrap()
}

#[tokio::test]
async fn a_renderer_sees_an_empty_home_and_nobodys_environment() {
    let environment = printed("env; pwd; ls -A $HOME | tr '\\n' ' '").await;
    let names: Vec<&str> = environment.lines().filter_map(|line| line.split_once('=').map(|(name, _)| name)).collect();
    let known = [
        "HOME",
        "PATH",
        "PWD",
        "TMPDIR",
        "TZ",
        "LC_ALL",
        "KUBECONFIG",
        "GOMEMLIMIT",
        "OLDPWD",
        "SHLVL",
        "_",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "HELM_CACHE_HOME",
        "HELM_CONFIG_HOME",
        "HELM_DATA_HOME",
        "HELM_PLUGINS",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_GLOBAL",
        "GIT_TERMINAL_PROMPT",
        "GIT_ALLOW_PROTOCOL",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    assert!(environment.contains("KUBECONFIG=/dev/null\n") && environment.ends_with("bin tmp "), "{environment}");
    let home = environment.lines().find_map(|line| line.strip_prefix("HOME=")).unwrap();
    assert_ne!(Some(home), std::env::var("HOME").ok().as_deref());
    assert!(!Path::new(home).exists(), "the home goes with the rendering");
}

#[tokio::test]
async fn a_renderer_has_no_network_where_it_can_be_taken_away() {
    let can = std::process::Command::new("unshare").args(["--map-root-user", "--net", "--", "true"]).status();
    if !can.is_ok_and(|status| status.success()) {
        return;
    }
    let devices = printed("cat /proc/net/dev").await;
    let names: Vec<&str> =
        devices.lines().filter_map(|line| line.trim().split_once(':').map(|(name, _)| name)).collect();
    assert_eq!(names, ["lo"]);
    let folder = kustomization();
    let mut remote = with_script(folder.path(), "cat /proc/net/route | wc -l; env");
    remote.options.allow_remote = true;
    let text = String::from_utf8(render(&remote).await.unwrap().text).unwrap();
    assert!(!text.contains("PROXY"), "{text}");
}

#[tokio::test]
async fn a_renderer_that_takes_too_long_is_killed_with_its_children() {
    let folder = kustomization();
    let script = "sleep 300 & echo $! >&2; echo $! > \"$(dirname \"$0\")/child\"; sleep 300";
    let mut slow = with_script(folder.path(), script);
    slow.options.time_limit = Duration::from_millis(500);
    let error = render(&slow).await.unwrap_err();
    assert!(matches!(&error, RenderError::Run(ProcessError::Wait { .. })), "{error}");
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    assert!(ends(child.trim()).await, "the child lives on");
}

#[tokio::test]
async fn a_rendering_that_nobody_waits_for_is_killed() {
    let folder = kustomization();
    let script = "sleep 300 & echo $! > \"$(dirname \"$0\")/child\"; sleep 300";
    let request = with_script(folder.path(), script);
    let rendering = tokio::spawn(async move { render(&request).await.map(drop) });
    let file = folder.path().join("child");
    for _ in 0..500 {
        if std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    rendering.abort();
    assert!(ends(std::fs::read_to_string(&file).unwrap().trim()).await, "the child lives on");
}

#[tokio::test]
async fn a_renderer_that_prints_too_much_is_stopped() {
    let folder = kustomization();
    let mut endless = with_script(folder.path(), "yes");
    endless.options.output_limit = 1 << 20;
    let error = render(&endless).await.unwrap_err();
    assert!(matches!(&error, RenderError::Run(ProcessError::ReadAll { limit: 1_048_576, .. })), "{error}");
}

#[tokio::test]
async fn the_real_tools_work_inside_the_limits_and_say_when_they_do_not() {
    let tools = real_tools();
    let folder = folder(&[
        ("k/kustomization.yaml", "configMapGenerator: [{name: a, literals: [a=b]}]\n"),
        ("c/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
        ("c/templates/a.yaml", "a: 1\n"),
    ]);
    let helm = RenderWith::Helm(HelmRelease { name: "a".into(), namespace: "b".into(), ..HelmRelease::default() });
    for (path, with) in [("k", RenderWith::Kustomize), ("c", helm)] {
        let mut request = request(folder.path(), path, with, tools.clone());
        request.options.memory_limit = 512 << 20;
        assert!(render(&request).await.is_ok());
        request.options.memory_limit = 40 << 20;
        let error = render(&request).await.unwrap_err();
        assert!(matches!(&error, RenderError::Allocate { .. }), "{error}");
    }
}
