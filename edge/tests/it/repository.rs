//! Git repositories for tests, made with the real Git.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anchorwatch_edge::git::{Commit, GitError, GitLocation, GitOptions, GitRepository, TreePath};
use tempfile::TempDir;

/// A repository with a working folder, and a scratch folder beside it.
pub(crate) struct TestRepository {
    folder: TempDir,
    clock: i64,
}

impl TestRepository {
    pub(crate) fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap(), clock: 1_700_000_000 };
        std::fs::create_dir(repository.root()).unwrap();
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("shop")
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let at = self.root().join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, text).unwrap();
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        let at = self.root().join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(target, at).unwrap();
    }

    /// Commits all there is, a minute after the last commit; gives the id.
    pub(crate) fn commit(&mut self, message: &str) -> String {
        self.clock += 60;
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_with(args, b"")
    }

    pub(crate) fn git_with(&self, args: &[&str], input: &[u8]) -> String {
        run(&self.root(), self.clock, args, input)
    }

    /// Runs a call that is expected to fail, such as one that meets a trap.
    pub(crate) fn git_fails(&self, args: &[&str]) {
        assert!(!output(&self.root(), self.clock, args, b"").status.success(), "git {args:?}");
    }

    pub(crate) fn bare_copy(&self, name: &str) -> PathBuf {
        let at = self.folder.path().join(name);
        self.git(&["clone", "--quiet", "--bare", ".", at.to_str().unwrap()]);
        at
    }

    pub(crate) async fn open(&self) -> GitRepository {
        open(&self.root(), &self.scratch()).await.unwrap()
    }

    /// Opens it at a revision.
    pub(crate) async fn at(&self, revision: &str) -> (GitRepository, Commit) {
        let repository = self.open().await;
        let commit = repository.resolve(Some(revision)).await.unwrap();
        (repository, commit)
    }

    /// The manifests' paths at `HEAD`.
    pub(crate) async fn paths(&self, path: &str) -> Result<Vec<String>, GitError> {
        let (repository, commit) = self.at("HEAD").await;
        let tree = repository.read_tree(&commit, &at(path)).await?;
        Ok(tree.files.into_iter().map(|file| file.path).collect())
    }
}

pub(crate) fn at(path: &str) -> TreePath {
    path.parse().unwrap()
}

pub(crate) async fn open(path: &Path, scratch: &Path) -> Result<GitRepository, GitError> {
    let location: GitLocation = path.to_str().unwrap().parse().unwrap();
    GitRepository::open(&location, GitOptions::default(), scratch).await
}

fn run(folder: &Path, clock: i64, args: &[&str], input: &[u8]) -> String {
    let output = output(folder, clock, args, input);
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Runs Git as a person without any configuration would.
fn output(folder: &Path, clock: i64, args: &[&str], input: &[u8]) -> Output {
    let date = format!("{clock} +0000");
    let mut command = Command::new("git");
    command.args(args).current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("LC_ALL", "C")]);
    command.envs([("GIT_AUTHOR_NAME", "Ann"), ("GIT_AUTHOR_EMAIL", "ann@example.com"), ("GIT_AUTHOR_DATE", &date)]);
    command.envs([("GIT_COMMITTER_NAME", "Ann"), ("GIT_COMMITTER_EMAIL", "ann@example.com")]);
    command.env("GIT_COMMITTER_DATE", &date).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}
