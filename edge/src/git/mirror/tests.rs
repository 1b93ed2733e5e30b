//! Copies of a repository on disk, as if it were far away.

use std::process::Command;

use super::*;
use crate::git::{GitRepository, TreePath};

/// A server's repository, on disk; `file://` takes the same way as `ssh://` from the first byte on.
struct Server(tempfile::TempDir);

impl Server {
    fn new() -> Self {
        let server = Self(tempfile::tempdir().unwrap());
        server.git(&["init", "--quiet", "--initial-branch=trunk", "."]);
        server.git(&["config", "uploadpack.allowFilter", "true"]);
        server
    }

    fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]).args(args);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(self.0.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?} {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn commit(&self, text: &str) -> String {
        fs::write(self.0.path().join("a.yaml"), text).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", text]);
        self.git(&["rev-parse", "HEAD"])
    }

    async fn open(&self, scratch: &Path) -> Result<GitRepository, GitError> {
        let options = GitOptions { personal: false, ..GitOptions::default() };
        let address = format!("file://{}", self.0.path().display());
        Ok(GitRepository { git: std::sync::Arc::new(open(&address, options, scratch).await?) })
    }
}

async fn text(repository: &GitRepository, revision: Option<&str>) -> String {
    let commit = repository.resolve(revision).await.unwrap();
    let tree = repository.read_tree(&commit, &TreePath::default()).await.unwrap();
    String::from_utf8(tree.files[0].bytes.clone()).unwrap()
}

#[tokio::test]
async fn a_copy_follows_its_remote_and_fetches_blobs_when_they_are_needed() {
    let server = Server::new();
    let first = server.commit("one");
    server.git(&["tag", "v1"]);
    let scratch = tempfile::tempdir().unwrap();
    let repository = server.open(scratch.path()).await.unwrap();
    let blob = server.git(&["rev-parse", "HEAD:a.yaml"]);
    let is_here = async || repository.git.read(["cat-file", "-e", &blob], Vec::new()).await.unwrap().status.success();
    assert!(!is_here().await, "a copy without blobs has none");
    assert_eq!(text(&repository, None).await, "one");
    assert!(is_here().await);

    server.commit("two");
    server.git(&["branch", "--quiet", "old", &first]);
    let repository = server.open(scratch.path()).await.unwrap();
    for (revision, expected) in [
        (None, "two"),
        (Some("HEAD"), "two"),
        (Some("HEAD~1"), "one"),
        (Some("trunk"), "two"),
        (Some("v1"), "one"),
        (Some("old"), "one"),
    ] {
        assert_eq!(text(&repository, revision).await, expected, "{revision:?}");
    }
    let commit = repository.resolve(None).await.unwrap();
    let history = repository.history(&commit, &TreePath::default());
    let changes = history.changes_of("a.yaml").await.unwrap();
    assert_eq!(changes[1].commit.as_ref().unwrap().id.as_str(), first);
    let before = [changes[0].before.clone().unwrap()];
    assert_eq!(&*history.read_blobs(&before, usize::MAX).await.unwrap()[0], b"one");

    server.git(&["branch", "--quiet", "-D", "old"]);
    server.git(&["update-ref", "refs/pull/1/head", &first]);
    let repository = server.open(scratch.path()).await.unwrap();
    assert!(repository.resolve(Some("old")).await.is_err(), "a branch that is gone there is gone here");
    assert_eq!(text(&repository, Some("refs/pull/1/head")).await, "one");
}

#[tokio::test]
async fn a_commit_that_no_branch_leads_to_is_fetched_by_its_id() {
    let server = Server::new();
    server.commit("kept");
    let lost = server.commit("lost");
    server.git(&["update-ref", "refs/pull/2/head", &lost]);
    server.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let scratch = tempfile::tempdir().unwrap();
    let repository = server.open(scratch.path()).await.unwrap();
    assert_eq!(text(&repository, Some(&lost)).await, "lost");
    let nobody = "0123456789".repeat(4);
    assert!(matches!(repository.resolve(Some(&nobody)).await, Err(GitError::ResolveRevision { .. })));
}

#[tokio::test]
async fn a_copy_that_a_kill_left_half_done_is_made_anew() {
    let server = Server::new();
    server.commit("one");
    let scratch = tempfile::tempdir().unwrap();
    let repository = server.open(scratch.path()).await.unwrap();
    server.commit("two");
    let branch = repository.git.dir.join("refs/heads/trunk.lock");
    fs::create_dir_all(branch.parent().unwrap()).unwrap();
    fs::write(branch, "").unwrap();
    let repository = server.open(scratch.path()).await.unwrap();
    assert_eq!(text(&repository, None).await, "two");
}

#[tokio::test]
async fn two_that_open_the_same_copy_wait_for_each_other() {
    let server = Server::new();
    server.commit("one");
    let scratch = tempfile::tempdir().unwrap();
    let (a, b) = tokio::join!(server.open(scratch.path()), server.open(scratch.path()));
    assert_eq!([text(&a.unwrap(), None).await, text(&b.unwrap(), None).await], ["one", "one"]);
}

#[tokio::test]
async fn an_empty_or_absent_remote_is_told_apart() {
    let server = Server::new();
    let scratch = tempfile::tempdir().unwrap();
    let repository = server.open(scratch.path()).await.unwrap();
    assert!(matches!(repository.resolve(None).await, Err(GitError::ResolveRevision { .. })));
    fs::remove_dir_all(server.0.path().join(".git")).unwrap();
    let error = server.open(scratch.path()).await.unwrap_err();
    assert!(matches!(error, GitError::Fetch { .. }), "{error}");
}

#[tokio::test]
async fn the_head_of_a_copy_is_its_remotes() {
    let server = Server::new();
    let first = server.commit("one");
    server.commit("two");
    server.git(&["branch", "other", &first]);
    let scratch = tempfile::tempdir().unwrap();
    for (head, expected) in [("trunk", "two"), ("other", "one"), (first.as_str(), "one"), ("trunk", "two")] {
        server.git(&["checkout", "--quiet", head]);
        assert_eq!(text(&server.open(scratch.path()).await.unwrap(), None).await, expected, "{head}");
    }
}

#[test]
fn copies_have_names_of_their_own() {
    let names = ["https://h/a.git", "https://h/a_git", "git@h:a.git", "ssh://git@h/../../a"].map(name);
    assert!(names.iter().all(|name| !name.contains('/') && !name.starts_with('.')), "{names:?}");
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
}
