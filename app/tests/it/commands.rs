//! The smaller commands, and exit codes.

use serde_json::json;

use crate::world::{World, config_map, live_config_map};

fn differing() -> World {
    World::comparing(
        &format!("{}{}", config_map("a", "k: v"), config_map("b", "k: v")),
        &[live_config_map("a", &json!({"k": "w"})), live_config_map("b", &json!({"k": "v"}))],
    )
}

fn explain(world: &World, selector: &str, more: &[&str]) -> crate::world::Run {
    world.run(&[&["explain", selector, "--source", "git.yaml", "--live", "live.json", "-n", "shop"], more].concat())
}

#[test]
fn exit_codes_are_those_of_kubectl_diff() {
    let same = World::comparing(&config_map("a", "k: v"), &[live_config_map("a", &json!({"k": "v"}))]);
    same.scan(&[]).ends(0, &[]).shows(&["No drift: 1 object is as Git says (git.yaml)."]);
    let world = differing();
    world.scan(&[]).ends(1, &[]);
    world.scan(&["--quiet"]).ends(1, &[]).hides(&["ConfigMap"]);
    world.run(&["scan"]).ends(2, &["--source"]);
    world.run(&["scan", "--source", "git.yaml", "--live", "nowhere"]).ends(2, &["error:"]);
    world.write("git.yaml", "kind: [");
    world.scan(&[]).ends(3, &[]);
}

#[test]
fn fail_on_says_from_which_level_drift_counts() {
    let world = differing();
    for (level, code) in [("info", 1), ("medium", 1), ("high", 0)] {
        world.scan(&["--fail-on", level]).ends(code, &[]).shows(&["MEDIUM"]);
    }
    world.scan(&["--fail-on", "severe"]).ends(2, &["severe"]);
}

#[test]
fn an_item_is_explained_however_it_is_named() {
    let world = differing();
    let fingerprint = world.scan(&["-o", "json"]).reports()[0]["items"][0]["fingerprint"].as_str().unwrap().to_owned();
    for selector in
        ["ConfigMap/a", "configmap/a", "ConfigMap/a:data.k", "ConfigMap/a:k", &fingerprint, &fingerprint[..8]]
    {
        let run = explain(&world, selector, &[]);
        run.ends(1, &[]).shows(&["ConfigMap/a (shop)  data.k", "kubectl-edit", "git.yaml:7", &fingerprint]);
    }
    explain(&world, "ConfigMap/b", &[]).ends(0, &[]).shows(&["ConfigMap/b (shop) is as Git says."]);
    for lang in ["en", "zh-TW"] {
        explain(&world, "ConfigMap/a", &["--lang", lang]).ends(1, &[]).shows(&["data.k"]);
    }
}

#[test]
fn what_selects_nothing_is_an_error_that_says_what_would() {
    let world = differing();
    for selector in ["a", "abcdefg", "ConfigMap/", "/a", ""] {
        explain(&world, selector, &[]).ends(2, &["selects nothing", "hint: a fingerprint"]);
    }
    for selector in ["ConfigMap/nobody", "00000000", "Job/a", "ConfigMap/nobody:data.k"] {
        explain(&world, selector, &[])
            .ends(2, &["nothing in this scan is", "2 objects of git.yaml were looked at", "hint:"]);
    }
}

#[test]
fn a_path_that_nothing_has_selects_nothing() {
    for path in ["data.other", "dat", "a.k", "[0]"] {
        explain(&differing(), &format!("ConfigMap/a:{path}"), &[]).ends(2, &["nothing in this scan is ConfigMap/a:"]);
    }
}

#[test]
fn what_lies_below_a_path_is_meant_with_it() {
    explain(&differing(), "ConfigMap/a:data", &[]).ends(1, &[]).shows(&["data.k"]);
}

#[test]
fn the_rights_of_a_scan_are_a_cluster_role() {
    let world = World::comparing(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n",
        &[],
    );
    let all = world.run(&["rbac", "--feature", "scan"]);
    all.ends(0, &[]).shows(&["kind: ClusterRole\n", "name: anchorwatch-scan\n", "deployments", "verbs: [get, list]"]);
    all.hides(&["secrets", "create", "update", "patch", "delete"]);
    let some = world.run(&["rbac", "--feature", "scan", "--source", "git.yaml", "--name", "mine"]);
    some.ends(0, &[])
        .shows(&["name: mine\n", "[deployments]", "[widgets]", "horizontalpodautoscalers"])
        .hides(&["configmaps"]);
    world.run(&["rbac", "--feature", "flying"]).ends(2, &["flying"]);
    let write = world.run(&["rbac", "--feature", "rollback", "--source", "git.yaml"]);
    write
        .ends(0, &[])
        .shows(&["name: anchorwatch-rollback\n", "[deployments]\n  verbs: [get, list, patch, create, delete]"])
        .shows(&["[horizontalpodautoscalers]\n  verbs: [get, list]\n", "[applications]\n  verbs: [get, list]\n"])
        .shows(&["[subjectaccessreviews]\n  verbs: [create]\n", "persistentvolumeclaims"])
        .hides(&["secrets"]);
    world.run(&["rbac", "--feature", "rollback"]).ends(2, &["name it with --source"]);
}

const ADOPTED: &str = "# The shop's settings.
apiVersion: v1
kind: ConfigMap
metadata: {name: a} # by hand
data:
  k: v   # the old one
  gone: x
---
# Nobody's affair.
apiVersion: v1
kind: ConfigMap
metadata: {name: b}
data: {token: none}
";

#[test]
fn what_is_adopted_changes_no_other_byte_of_the_file() {
    let token = ["gh", "p_", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"].concat();
    let live =
        [live_config_map("a", &json!({"k": "w", "more": "yes"})), live_config_map("b", &json!({"token": token}))];
    let world = World::comparing(ADOPTED, &live);
    let flags = ["--source", "git.yaml", "--live", "live.json", "-n", "shop"];
    let read = || std::fs::read_to_string(world.work().join("git.yaml")).unwrap();
    let adopt = |more: &[&str]| world.run(&[&["adopt", "--all"], &flags[..], more].concat());
    let planned = adopt(&["--dry-run", "--lang", "en"]);
    planned.ends(1, &[]).shows(&["Adopts 3 fields into 1 file", "+  k: w   # the old one", "looks like a credential"]);
    planned.hides(&["ghp_"]);
    assert_eq!(read(), ADOPTED);
    adopt(&[]).ends(2, &["nobody is here to confirm it"]);
    adopt(&["--yes"]).ends(1, &[]).shows(&["git.yaml: 3 fields are as the cluster has it"]);
    let expected = ADOPTED.replace("  k: v ", "  k: w ").replace("  gone: x\n", "  more: \"yes\"\n");
    assert_eq!(read(), expected);
    world.run(&[&["scan"], &flags[..]].concat()).ends(1, &[]).shows(&["data.token"]).hides(&["data.k", "data.more"]);
    // What is rendered the same whatever its files say cannot be adopted.
    world.write("kust/kustomization.yaml", "resources: [a.yaml]\n");
    world.write("kust/a.yaml", config_map("a", "k: v"));
    world.program("kubectl", "cat WORK/kust/a.yaml");
    let rendered = world.run(&["adopt", "--all", "--source", "kust", "--live", "live.json", "-n", "shop", "--yes"]);
    rendered.ends(1, &[]).shows(&["none makes exactly this: data.k would stay as it is"]);
}

#[test]
fn what_cannot_be_rolled_back_or_undone_is_refused_with_what_to_do() {
    let world = World::comparing(&config_map("a", "k: v"), &[live_config_map("a", &json!({"k": "w"}))]);
    for (arguments, said) in [
        (
            &["rollback", "ConfigMap/a", "--source", "git.yaml", "--live", "live.json"][..],
            "a recorded state cannot be rolled back",
        ),
        (&["rollback", "--source", "git.yaml"], "required"),
        (&["rollback", "k", "--source", "git.yaml"], "k selects nothing"),
        (&["rollback", "ConfigMap/a", "--all", "--source", "git.yaml"], "cannot be used with"),
        (&["rollback", "ConfigMap/a", "--source", "git.yaml", "--yes", "--dry-run"], "cannot be used with"),
        (&["undo", "0198"], "no change is called 0198"),
    ] {
        world.run(arguments).ends(2, &[said]);
    }
}

#[test]
fn the_rights_of_a_configuration_are_those_of_its_sources() {
    let world = World::new();
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n";
    world.write("web/all.yaml", format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\n---\n{secret}"));
    world.write("jobs/all.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n");
    for (secrets, has_secrets) in [("skip", false), ("compare", true)] {
        world.write(
            "anchorwatch.yaml",
            format!(
                "clusters:\n- {{name: lab, in_cluster: true}}\nsources:\n\
                 - {{name: web, cluster: lab, address: web, secrets: {secrets}}}\n\
                 - {{name: jobs, cluster: lab, address: jobs}}\n"
            ),
        );
        let run = world.run(&["rbac", "--feature", "watch", "--config", "anchorwatch.yaml"]);
        run.ends(0, &[]).shows(&["deployments", "jobs", "verbs: [get, list, watch]"]).hides(&["configmaps"]);
        assert_eq!(run.out.contains("secrets"), has_secrets, "{secrets}");
    }
    for (from, list) in [("argo-cd", "[applications]"), ("flux", "[gitrepositories]")] {
        let list_of = "namespaces: [delivery], repositories: ['https://git.example.com/*']";
        let discover = format!("discover:\n- {{cluster: lab, from: {from}, {list_of}}}\n");
        world.write("anchorwatch.yaml", format!("clusters:\n- {{name: lab, in_cluster: true}}\n{discover}"));
        let run = world.run(&["rbac", "--feature", "watch", "--config", "anchorwatch.yaml"]);
        // What such sources hold only the cluster knows.
        run.ends(0, &[]).shows(&[list, "deployments", "configmaps"]).hides(&["secrets"]);
    }
    let both = ["rbac", "--feature", "watch", "--config", "anchorwatch.yaml", "--source", "web"];
    world.run(&both).ends(2, &["cannot be used with"]);
}

#[test]
fn the_cluster_role_of_deploy_is_the_one_that_rbac_prints() {
    let shipped = include_str!("../../../deploy/clusterrole.yaml");
    let printed = World::new().run(&["rbac", "--feature", "watch", "--name", "anchorwatch"]);
    let without_its_head: String =
        shipped.lines().skip_while(|line| line.starts_with('#')).fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(without_its_head, printed.out, "write deploy/clusterrole.yaml anew, below its comment");
}

#[test]
fn completions_are_scripts() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish"] {
        world.run(&["completion", shell]).ends(0, &[]).shows(&["anchorwatch", "explain", "snapshot"]);
    }
    world.run(&["version"]).ends(0, &[]).shows(&["anchorwatch 0.", "Kubernetes defaults: 1."]);
    world.run(&["--help"]).ends(0, &[]).shows(&["scan", "explain", "demo"]);
    world.run(&[]).ends(2, &["Usage"]);
}

#[test]
fn the_key_of_fingerprints_stays_and_is_the_persons_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = differing();
    std::fs::remove_file(world.key_file()).unwrap();
    let hash = || world.scan(&["-o", "json"]).reports()[0]["items"][0]["value_hash"].clone();
    assert_eq!(hash(), hash());
    assert_eq!(std::fs::metadata(world.key_file()).unwrap().permissions().mode() & 0o777, 0o600);
}
