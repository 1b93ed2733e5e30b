//! Opening repositories and finding commits.

use std::path::Path;

use anchorwatch_edge::files::SourceTree;
use anchorwatch_edge::git::{GitError, GitLocation, GitOptions, GitRepository};

use crate::repository::{TestRepository, at, open};

#[tokio::test]
async fn a_repository_is_found_in_all_its_shapes() {
    let mut shop = TestRepository::new();
    shop.write("a.yaml", "a: 1");
    let id = shop.commit("one");
    let bare = shop.bare_copy("bare.git");
    let tree = shop.scratch().join("worktree");
    shop.git(&["worktree", "add", "--quiet", tree.to_str().unwrap()]);
    for path in [shop.root(), shop.root().join(".git"), bare.clone(), bare.with_extension(""), tree] {
        let repository =
            open(&path, &shop.scratch()).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(repository.resolve(None).await.unwrap().id.as_str(), id);
    }
}

#[tokio::test]
async fn branches_tags_and_commits_are_found_with_their_time() {
    let mut shop = TestRepository::new();
    let first = shop.commit("one");
    shop.git(&["tag", "light"]);
    shop.git(&["tag", "-a", "-m", "first", "v1"]);
    shop.git(&["branch", "feature/old"]);
    let second = shop.commit("two");
    let repository = shop.open().await;
    let cases = [
        (None, &second),
        (Some("main"), &second),
        (Some("HEAD~1"), &first),
        (Some("light"), &first),
        (Some("v1"), &first),
        (Some("feature/old"), &first),
        (Some("refs/heads/feature/old"), &first),
        (Some(first.as_str()), &first),
        (Some(&first[..8]), &first),
    ];
    for (revision, expected) in cases {
        let commit = repository.resolve(revision).await.unwrap();
        assert_eq!(commit.id.as_str(), expected, "{revision:?}");
        assert_eq!(commit.time, if *expected == first { 1_700_000_060 } else { 1_700_000_120 });
    }
}

#[tokio::test]
async fn an_unknown_revision_offers_the_nearest_names() {
    let mut shop = TestRepository::new();
    shop.commit("one");
    shop.git(&["tag", "v1.0.0"]);
    shop.git(&["branch", "production"]);
    let repository = shop.open().await;
    for (revision, expected) in [("v1.0.1", "v1.0.0"), ("prodution", "production"), ("mai", "main")] {
        let error = repository.resolve(Some(revision)).await.unwrap_err();
        assert!(matches!(&error, GitError::ResolveRevision { near, .. } if near == &[expected]), "{error:?}");
        assert_eq!(error.hint().unwrap(), format!("did you mean {expected}?"));
    }
    for odd in ["--all", "main:a", "", "a b", "$(id)"] {
        assert!(repository.resolve(Some(odd)).await.is_err(), "{odd}");
    }
}

#[tokio::test]
async fn all_calls_can_be_made_from_any_thread() {
    let mut shop = TestRepository::new();
    shop.write("a.yaml", "a: 1");
    shop.commit("one");
    shop.write("a.yaml", "a: 2");
    shop.commit("two");
    let (root, scratch) = (shop.root(), shop.scratch());
    let all = async move {
        let repository = open(&root, &scratch).await?;
        let commit = repository.resolve(None).await?;
        repository.names(&commit, &at("")).await?;
        repository.export(&commit, &at(""), &scratch).await?;
        let history = repository.history(&commit, &at(""));
        let before = history.changes_of("a.yaml").await?[0].before.clone().unwrap();
        history.read_blobs(&[before], usize::MAX).await?;
        repository.read_tree(&commit, &at("")).await
    };
    assert_eq!(tokio::spawn(all).await.unwrap().unwrap().files.len(), 1);
}

#[tokio::test]
async fn a_repository_without_commits_has_no_head() {
    let shop = TestRepository::new();
    let error = shop.open().await.resolve(None).await.unwrap_err();
    assert!(matches!(error, GitError::ResolveRevision { .. }), "{error}");
}

#[tokio::test]
async fn a_folder_inside_a_repository_says_how_to_write_it() {
    let mut shop = TestRepository::new();
    shop.write("deploy/a.yaml", "a: 1");
    shop.commit("one");
    let error = open(&shop.root().join("deploy"), &shop.scratch()).await.unwrap_err();
    assert!(error.hint().unwrap().contains("shop//deploy?ref="), "{error} {:?}", error.hint());
    let error = open(Path::new("/nowhere/at/all"), &shop.scratch()).await.unwrap_err();
    assert!(matches!(error, GitError::OpenRepository { above: None, .. }), "{error}");
}

#[tokio::test]
async fn a_missing_git_is_named() {
    let shop = TestRepository::new();
    let location: GitLocation = shop.root().to_str().unwrap().parse().unwrap();
    let options = GitOptions { program: "/nowhere/git".into(), ..GitOptions::default() };
    let error = GitRepository::open(&location, options, &shop.scratch()).await.unwrap_err();
    assert!(error.hint().unwrap().contains("install git"), "{error}");
}

#[tokio::test]
async fn a_repository_of_another_user_is_read() {
    let mut shop = TestRepository::new();
    shop.write("a.yaml", "a: 1");
    shop.commit("one");
    let status = std::process::Command::new("chown").arg("-R").arg("12345:12345").arg(shop.root()).output().unwrap();
    if !status.status.success() {
        return;
    }
    let bare = shop.root().join(".git");
    for path in [shop.root(), bare] {
        let repository = open(&path, &shop.scratch()).await.unwrap();
        let commit = repository.resolve(None).await.unwrap();
        let SourceTree { files, .. } = repository.read_tree(&commit, &at("")).await.unwrap();
        assert_eq!(files.len(), 1);
    }
}

#[tokio::test]
async fn sha256_repositories_are_read() {
    let mut shop = TestRepository::new();
    std::fs::remove_dir_all(shop.root().join(".git")).unwrap();
    shop.git(&["init", "--quiet", "--object-format=sha256", "--initial-branch=main"]);
    shop.write("a.yaml", "a: 1");
    assert_eq!(shop.commit("one").len(), 64);
    assert_eq!(shop.paths("").await.unwrap(), ["a.yaml"]);
}
