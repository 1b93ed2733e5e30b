//! Bad input from Git: each bad thing is named with its place and what to do, and the rest is still compared.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::world::{World, config_map, live_config_map};

/// Two good ConfigMaps around a bad document; live differs in the second one.
fn around(bad: &str) -> World {
    let git = format!("{}{bad}\n---\n{}", config_map("a", "k: v"), config_map("b", "k: v"));
    World::comparing(&git, &[live_config_map("a", &json!({"k": "v"})), live_config_map("b", &json!({"k": "other"}))])
}

#[test]
fn a_bad_document_names_its_place_and_the_rest_is_still_compared() {
    let tower = |open: &str, close: &str| format!("{}1{}", open.repeat(3000), close.repeat(3000));
    let steps = (0..3000).fold(String::new(), |mut text, depth| {
        let _ = writeln!(text, "{}a:", " ".repeat(depth));
        text
    });
    for (name, bad, said) in [
        ("malformed", "apiVersion: v1\nkind: [ConfigMap\nmetadata: }\n".to_owned(), "error: git.yaml:"),
        ("template", "apiVersion: v1\nkind: {{ .Values.kind }}\n".to_owned(), "error: git.yaml:10:"),
        ("no kind", "apiVersion: v1\n".to_owned(), "error: git.yaml:9:1: no Kubernetes object"),
        ("no name", "apiVersion: v1\nkind: ConfigMap\n".to_owned(), "without metadata.name"),
        ("no map", "- 1\n".to_owned(), "git.yaml:9:1: a document that is no map"),
        ("duplicate key", "apiVersion: v1\nkind: X\nkind: Y\n".to_owned(), "error: git.yaml:11:"),
        ("a tower of lists", tower("[", "]"), "recursion limit"),
        ("a tower of JSON", tower("{\"a\":", "}"), "levels deep"),
        ("a tower of blocks", steps, "deep"),
        ("a bomb", bomb(), "aliases"),
    ] {
        let world = around(&bad);
        let run = world.scan(&["-o", "json"]);
        run.ends(3, &[said, "error: git.yaml:"]);
        assert_eq!(run.items(), ["ConfigMap/b changed data.k"], "{name}");
        assert_eq!(run.states(), ["shop partial"], "{name}: it may be of any namespace");
        assert!(run.not_compared()[0].starts_with("git.yaml:"), "{name}: {:?}", run.not_compared());
    }
}

fn bomb() -> String {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let row = vec![format!("*a{}", level - 1); 10].join(",");
        let _ = writeln!(text, "a{level}: &a{level} [{row}]");
    }
    text
}

#[test]
fn a_bad_document_is_never_part_of_a_clean_report() {
    let world =
        World::comparing(&format!("{}kind: [\n", config_map("a", "k: v")), &[live_config_map("a", &json!({"k": "v"}))]);
    let shown = ["not compared: git.yaml:9:", "No drift in what was compared"];
    world.scan(&[]).ends(3, &[]).shows(&shown).hides(&["as Git says"]);
    world.scan(&["--quiet"]).ends(3, &["error: git.yaml:", "not compared: 1"]);
    let nothing_else = World::comparing("kind: [\n", &[]);
    assert_eq!(nothing_else.scan(&["-o", "json"]).ends(3, &[]).states(), [" failed"]);
}

#[test]
fn a_source_without_objects_is_told_and_not_called_clean() {
    let world = World::comparing("# nothing here\n", &[]);
    world.scan(&[]).ends(2, &["error:", "hint:"]);
    world.write("empty/readme.txt", "hello");
    world.run(&["scan", "--source", "empty", "--live", "live.json"]).ends(2, &["error:", "hint:"]);
}

#[test]
fn text_that_is_no_utf8_names_its_line() {
    let world = World::new();
    world.write("git/a.yaml", config_map("a", "k: v"));
    world.write("git/b.yaml", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \xff}\n");
    world.write("live.json", crate::world::list(&[live_config_map("a", &json!({"k": "v"}))]));
    let run = world.run(&["scan", "--source", "git", "--live", "live.json", "-o", "json"]);
    run.ends(3, &["error: b.yaml:3:", "UTF-8"]);
    assert_eq!(run.items(), [] as [&str; 0]);
}

#[test]
fn the_same_object_twice_is_an_error_that_names_both_places() {
    let git = format!("{}{}", config_map("a", "k: v"), config_map("a", "k: w"));
    let world = World::comparing(&git, &[live_config_map("a", &json!({"k": "v"}))]);
    let run = world.scan(&["-o", "json"]);
    run.ends(3, &["git.yaml:9:1:", "is also in git.yaml:1", "keep one"]);
    assert_eq!(run.items(), [] as [&str; 0]);
    assert!(run.states().iter().all(|state| state != "shop complete"), "{:?}", run.states());
}

#[test]
fn ten_megabytes_in_a_config_map_are_compared() {
    let big = "0123456789abcde\n".repeat(640 * 1024);
    let git = config_map("a", &format!("k: {}", json!(big)));
    let world = World::comparing(&git, &[live_config_map("a", &json!({"k": format!("{big}!")}))]);
    let run = world.scan(&[]);
    run.ends(1, &[]);
    assert!(run.out.len() < 20_000, "the table shows {} bytes", run.out.len());
}

#[test]
fn a_link_out_of_the_source_is_not_compared_and_the_rest_is() {
    let world = World::new();
    world.write("secret.yaml", config_map("a", "k: hunter2"));
    world.write("git/b.yaml", config_map("b", "k: v"));
    world.write("live.json", crate::world::list(&[live_config_map("b", &json!({"k": "other"}))]));
    symlink("../secret.yaml", world.work().join("git/a.yaml")).unwrap();
    let on_disk = world.run(&["scan", "--source", "git", "--live", "live.json", "-o", "json"]);
    std::fs::remove_file(world.work().join("git/a.yaml")).unwrap();
    symlink("/etc/passwd", world.work().join("git/a.yaml")).unwrap();
    world.commit("git");
    let in_git = world.run(&["scan", "--source", "git?ref=main", "--live", "live.json", "-o", "json"]);
    for (run, reason) in [
        (on_disk, "a.yaml: a symbolic link to ../secret.yaml: it leads out of the source; make it a real file"),
        (in_git, "a.yaml: a symbolic link to /etc/passwd: it has an absolute target; make it a real file"),
    ] {
        run.ends(3, &[]).hides(&["hunter2", "root:"]);
        assert_eq!(run.items(), ["ConfigMap/b changed data.k"]);
        assert_eq!(run.not_compared(), [reason]);
        assert_eq!(run.states(), ["shop partial"]);
    }
}

#[test]
fn a_link_out_of_a_snapshot_makes_nothing_missing() {
    let world = World::new();
    world.write("git.yaml", [config_map("a", "k: v"), config_map("b", "k: v")].concat());
    world.write("live/b.json", crate::world::list(&[live_config_map("b", &json!({"k": "v"}))]));
    symlink("/etc/passwd", world.work().join("live/a.json")).unwrap();
    let run = world.run(&["scan", "--source", "git.yaml", "--live", "live", "-o", "json"]);
    run.ends(3, &[]);
    assert_eq!(run.items(), [] as [&str; 0]);
    let told = run.not_compared().join("\n");
    assert!(told.contains("a symbolic link to /etc/passwd"), "{told}");
}

#[test]
fn a_source_that_git_could_be_made_to_run_is_refused() {
    let world = World::comparing("", &[]);
    for (source, said) in [
        ("ext::sh -c touch% pwned", "ext"),
        ("ext::sh -c 'touch pwned'//x?ref=main", "ext"),
        ("--upload-pack=touch pwned?ref=main", "dash"),
        ("-x//deploy", "dash"),
        ("ssh://-oProxyCommand=touch%20pwned/x", "dash"),
        ("git@-oProxyCommand=x:repo", "dash"),
        ("repo//deploy?ref=--output=pwned", "dash"),
        ("https://ann:hunter2@host/repo.git", "user name or password"),
        ("http://host/repo.git", "http"),
        ("file::/etc//x", "file"),
        ("repo//../x?ref=main", ".."),
    ] {
        let run = world.run(&["scan", "--live", "live.json", &format!("--source={source}")]);
        run.ends(2, &["error:", said]).hides(&["hunter2"]);
        assert!(!world.work().join("pwned").exists(), "{source}");
    }
}

#[test]
fn what_is_not_there_is_named_with_a_hint() {
    let world = World::comparing("", &[]);
    world.write("git/a.yaml", config_map("a", "k: v"));
    world.commit("git");
    for (source, said) in [
        ("nowhere", "nowhere"),
        ("nowhere.git//deploy", "nowhere.git"),
        ("git//nowhere?ref=main", "nowhere"),
        ("git?ref=nobranch", "nobranch"),
        ("live.json//x?ref=main", "live.json"),
    ] {
        world.run(&["scan", "--live", "live.json", "--source", source]).ends(2, &["error:", said, "hint:"]);
    }
}

#[test]
fn unknown_kinds_are_compared_exactly_with_a_snapshot() {
    let git = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\nspec: {size: 1}\n";
    let live = json!({"apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "w", "namespace": "shop"}, "spec": {"size": 2}});
    let run = World::comparing(git, &[live]).scan(&["-o", "json"]);
    assert_eq!(run.ends(1, &[]).items(), ["Widget/w changed spec.size"]);
}

#[test]
fn what_is_rendered_below_a_plain_folder_is_a_source_of_its_own() {
    let world = World::new();
    world.write("git/a.yaml", config_map("a", "k: v"));
    world.write("git/base/kustomization.yaml", "resources: [b.yaml]\n");
    world.write("git/base/b.yaml", config_map("b", "k: v"));
    world.write("git/base/deeper/c.yaml", config_map("c", "k: v"));
    world.write("git/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    world.write(
        "git/web/templates/d.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n",
    );
    world.write("live.json", crate::world::list(&[live_config_map("a", &json!({"k": "v"}))]));
    world.commit("git");
    for source in ["git", "git?ref=main"] {
        let run = world.run(&["scan", "--source", source, "--live", "live.json", "-n", "shop", "-o", "json"]);
        run.ends(3, &[]);
        assert_eq!(run.items(), [] as [&str; 0], "{source}");
        assert_eq!(
            run.not_compared(),
            ["base: a kustomization: name it as a source of its own", "web: a chart: name it as a source of its own",],
            "{source}"
        );
    }
}

#[test]
fn a_chart_without_a_release_name_is_not_rendered_under_another() {
    let world = World::new();
    world.write("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    world.write("live.json", crate::world::list(&[live_config_map("a", &json!({"k": "v"}))]));
    let run = world.run(&["scan", "--source", "web", "--live", "live.json"]);
    run.ends(2, &["error: cannot render the chart web: its release has no name", "hint: name it with --release-name"]);
}

#[test]
fn a_password_before_a_host_is_refused_and_never_told() {
    let world = World::new();
    world.write("live.json", crate::world::list(&[]));
    for source in [
        "ann:hunter2@git.example.com:shop.git",
        "ann:12/hunter2@git.example.com:shop.git",
        "https:/ann:hunter2@git.example.com/shop.git",
        "https://ann:hunter2/x@127.0.0.1:1/shop.git",
        "https://ann:12/hunter2@127.0.0.1:1/shop.git",
    ] {
        let run = world.run(&["scan", "--source", source, "--live", "live.json"]);
        run.ends(2, &["must not hold a user name or password", "hint: leave it out"]).hides(&["hunter2"]);
    }
}

#[test]
fn a_pipe_in_a_source_is_named_and_the_rest_is_compared() {
    let world = World::new();
    world.write("git/a.yaml", config_map("a", "k: v"));
    world.write("live.json", crate::world::list(&[live_config_map("a", &json!({"k": "w"}))]));
    let status = std::process::Command::new("mkfifo").arg(world.work().join("git/p.yaml")).status().unwrap();
    assert!(status.success());
    let run = world.run(&["scan", "--source", "git", "--live", "live.json", "-n", "shop", "-o", "json"]);
    assert_eq!(run.ends(3, &[]).items(), ["ConfigMap/a changed data.k"]);
    assert_eq!(run.not_compared(), ["p.yaml: no regular file"]);
}

#[test]
fn what_is_said_of_a_rendering_means_nothing_for_plain_files() {
    let world = World::comparing(&config_map("a", "k: v"), &[live_config_map("a", &json!({"k": "v"}))]);
    world.write("more.yaml", "k: v");
    for flag in [&["--values", "more.yaml"][..], &["--release-name", "web"], &["--allow-remote-bases"]] {
        let said = format!("error: {} means nothing for git.yaml", flag[0]);
        world.scan(flag).ends(2, &[&said, "neither a Chart.yaml nor a kustomization.yaml", "hint:"]);
    }
}
