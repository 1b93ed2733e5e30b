//! Manifests out of commits.

use std::fmt::Write as _;

use anchorwatch_edge::files::{FILE_LIMIT, LinkFault, SkipReason, Skipped, SourceFile};
use anchorwatch_edge::git::{GitError, GitOptions, GitRepository};
use anchorwatch_edge::render::Renderer;

use crate::fakes::fake;
use crate::repository::{TestRepository, at};

#[tokio::test]
async fn the_commit_is_read_and_not_the_working_folder() {
    let mut shop = TestRepository::new();
    shop.write("deploy/a.yaml", "a: 1");
    shop.write("deploy/sub/b.json", "{}");
    shop.write("deploy/sub/.hidden/c.yaml", "c: 1");
    shop.write("deploy/notes.txt", "-");
    shop.write("deploy-other/d.yaml", "d: 1");
    shop.commit("one");
    shop.write("deploy/a.yaml", "a: 2");
    let (repository, commit) = shop.at("main").await;
    let files = repository.read_tree(&commit, &at("deploy")).await.unwrap().files;
    let file = |path: &str, text: &str| SourceFile { path: path.into(), bytes: text.into() };
    assert_eq!(files, [file("a.yaml", "a: 1"), file("sub/b.json", "{}")]);
    let root = shop.paths("").await.unwrap();
    assert_eq!(root, ["deploy-other/d.yaml", "deploy/a.yaml", "deploy/sub/b.json"]);
}

#[tokio::test]
async fn a_path_may_be_a_file() {
    let mut shop = TestRepository::new();
    shop.write("deploy/odd.txt", "a: 1");
    shop.commit("one");
    assert_eq!(shop.paths("deploy/odd.txt").await.unwrap(), ["odd.txt"]);
}

#[tokio::test]
async fn an_unknown_path_offers_the_nearest() {
    let mut shop = TestRepository::new();
    shop.write("overlays/production/a.yaml", "a: 1");
    shop.commit("one");
    let error = shop.paths("overlays/prod").await.unwrap_err();
    assert!(error.hint().unwrap().contains("overlays/production"), "{error} {:?}", error.hint());
    // No pattern: the characters are the name's.
    assert!(matches!(shop.paths("overlays/*").await, Err(GitError::FindPath { .. })));
}

#[tokio::test]
async fn links_are_followed_inside_the_repository() {
    let mut shop = TestRepository::new();
    shop.write("base/one.yaml", "one: 1");
    shop.write("base/more/two.yaml", "two: 1");
    shop.write("deploy/own.yaml", "own: 1");
    shop.link("deploy/one.yaml", "../base/one.yaml");
    shop.link("deploy/own-again.yaml", "own.yaml");
    shop.link("deploy/more", "../base/more");
    shop.link("deploy/up", "..");
    shop.link("deploy/dangling", "nowhere");
    shop.link("prod", "deploy");
    shop.commit("one");
    let expected = ["more/two.yaml", "one.yaml", "own.yaml"];
    for path in ["deploy", "prod"] {
        let (repository, commit) = shop.at("main").await;
        let tree = repository.read_tree(&commit, &at(path)).await.unwrap();
        let paths: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, expected, "{path}");
        let reason = link("nowhere", LinkFault::Missing);
        assert!(tree.skipped.contains(&Skipped { path: "dangling".into(), reason }), "{:?}", tree.skipped);
    }
}

#[tokio::test]
async fn links_that_lead_nowhere_or_out_are_named_and_the_rest_is_read() {
    let cases = [
        ("/etc/passwd", LinkFault::Absolute),
        ("../../etc", LinkFault::LeavesRepository),
        ("nowhere.yaml", LinkFault::Missing),
        ("link.yaml", LinkFault::Loop),
    ];
    for (target, fault) in cases {
        let mut shop = TestRepository::new();
        shop.write("deploy/a.yaml", "a: 1");
        shop.link("deploy/link.yaml", target);
        shop.commit("one");
        let (repository, commit) = shop.at("main").await;
        let tree = repository.read_tree(&commit, &at("deploy")).await.unwrap();
        assert_eq!(tree.files.len(), 1, "{target}");
        assert_eq!(tree.skipped, [Skipped { path: "link.yaml".into(), reason: link(target, fault) }]);
    }
}

#[tokio::test]
async fn a_source_that_is_itself_behind_such_a_link_is_an_error() {
    let mut shop = TestRepository::new();
    shop.write("a.yaml", "a: 1");
    shop.link("deploy", "/etc");
    shop.commit("one");
    let error = shop.paths("deploy").await.unwrap_err();
    assert!(matches!(error, GitError::FollowLink { fault: LinkFault::Absolute, .. }), "{error}");
}

fn link(target: &str, fault: LinkFault) -> SkipReason {
    SkipReason::Link { target: target.into(), fault }
}

#[tokio::test]
async fn submodules_are_noted() {
    let mut shop = TestRepository::new();
    shop.write("deploy/a.yaml", "a: 1");
    let id = shop.commit("one");
    shop.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},deploy/module")]);
    shop.git(&["commit", "--quiet", "-m", "module"]);
    let (repository, commit) = shop.at("main").await;
    let tree = repository.read_tree(&commit, &at("deploy")).await.unwrap();
    assert_eq!(tree.skipped, [Skipped { path: "module".into(), reason: SkipReason::Submodule }]);
    for inside in ["deploy/module", "deploy/module/x"] {
        assert!(matches!(shop.paths(inside).await, Err(GitError::EnterSubmodule { .. })));
    }
}

#[tokio::test]
async fn a_pointer_to_a_large_file_is_left_out_with_its_reason() {
    let mut shop = TestRepository::new();
    shop.write("a.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    shop.write("b.yaml", "b: 1");
    shop.commit("one");
    let (repository, commit) = shop.at("main").await;
    let tree = repository.read_tree(&commit, &at("")).await.unwrap();
    assert_eq!(tree.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["b.yaml"]);
    assert_eq!(tree.skipped, [Skipped { path: "a.yaml".into(), reason: SkipReason::LargeFilePointer }]);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_named() {
    let mut shop = TestRepository::new();
    shop.write("a.yaml", "a: 1");
    let large = shop.root().join("large.yaml");
    std::fs::File::create(large).unwrap().set_len(FILE_LIMIT + 1).unwrap();
    shop.commit("one");
    let error = shop.paths("").await.unwrap_err();
    assert!(matches!(&error, GitError::FileTooLarge { path, .. } if path == "large.yaml"), "{error}");
}

#[tokio::test]
async fn a_name_that_is_no_utf8_is_shown_with_its_bytes() {
    let shop = TestRepository::new();
    shop.write("plain.yaml", "a: 1");
    let id = shop.git(&["hash-object", "-w", "plain.yaml"]);
    let mut entry = format!("100644 blob {id}\tcaf").into_bytes();
    entry.extend(b"\xe9 \n\x01\".yaml\0");
    let tree = shop.git_with(&["mktree", "-z"], &entry);
    let commit = shop.git(&["commit-tree", "-m", "odd", &tree]);
    shop.git(&["update-ref", "refs/heads/main", &commit]);
    assert_eq!(shop.paths("").await.unwrap(), ["caf\\xe9 \n\u{1}\".yaml"]);
}

#[tokio::test]
async fn names_say_what_a_folder_is() {
    let mut shop = TestRepository::new();
    shop.write("chart/Chart.yaml", "name: a");
    shop.write("chart/templates/a.yaml", "a: 1");
    shop.link("chart/values.yaml", "../values.yaml");
    shop.write("values.yaml", "a: 1");
    shop.commit("one");
    let (repository, commit) = shop.at("main").await;
    assert_eq!(repository.names(&commit, &at("chart")).await.unwrap(), ["Chart.yaml", "templates", "values.yaml"]);
    assert_eq!(repository.names(&commit, &at("values.yaml")).await.unwrap(), ["values.yaml"]);
}

#[tokio::test]
async fn ten_thousand_files_take_two_processes() {
    let mut shop = TestRepository::new();
    let mut stream = String::from("commit refs/heads/main\ncommitter A <a@b> 1700000000 +0000\ndata 0\n");
    for number in 0..10_000 {
        let text = format!("number: {number}\n");
        let folder = number % 100;
        write!(stream, "M 100644 inline f/{folder}/{number}.yaml\ndata {}\n{text}\n", text.len()).unwrap();
    }
    shop.git_with(&["fast-import", "--quiet"], stream.as_bytes());
    shop.commit("more");
    let calls = shop.root().join("calls");
    let program = fake(&shop.root(), &format!("echo >> '{}'; exec git \"$@\"", calls.display()));
    let location = shop.root().to_str().unwrap().parse().unwrap();
    let options = GitOptions { program, ..GitOptions::default() };
    let repository = GitRepository::open(&location, options, &shop.scratch()).await.unwrap();
    let commit = repository.resolve(Some("main~1")).await.unwrap();
    std::fs::remove_file(&calls).unwrap();
    assert_eq!(repository.read_tree(&commit, &at("f")).await.unwrap().files.len(), 10_000);
    assert_eq!(std::fs::read_to_string(calls).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn what_is_rendered_is_left_out_below_a_folder_and_behind_a_link() {
    let mut shop = TestRepository::new();
    shop.write("base/kustomization.yaml", "resources: [p.yaml]");
    shop.write("base/p.yaml", "a: 1");
    shop.write("top/a.yaml", "a: 1");
    shop.write("top/chart/Chart.yaml", "name: web");
    shop.write("top/chart/templates/b.yaml", "a: 1");
    shop.link("top/linked", "../base");
    shop.commit("one");
    let (repository, commit) = shop.at("main").await;
    let tree = repository.read_tree(&commit, &at("top")).await.unwrap();
    let files: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["a.yaml"]);
    let rendered = |path: &str, by| Skipped { path: path.into(), reason: SkipReason::Rendered(by) };
    assert_eq!(tree.skipped, [rendered("chart", Renderer::Helm), rendered("linked", Renderer::Kustomize)]);
}
