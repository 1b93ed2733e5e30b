//! Making a repository out of whole trees: for the demo and for tests.

use std::fmt::Write as _;
use std::path::Path;

use super::command::{Git, GitOptions};
use super::error::GitError;
use super::{GitRepository, failed};

/// A commit to make: the whole tree as of it.
#[derive(Debug, Clone)]
pub struct CommitToMake {
    /// `Name <email>`.
    pub author: String,
    /// When, in seconds since 1970.
    pub time: i64,
    /// The message.
    pub message: String,
    /// Paths and contents.
    pub files: Vec<(String, Vec<u8>)>,
}

impl GitRepository {
    /// Makes a bare repository with one branch, `main`, of these commits, oldest first.
    pub async fn import(folder: &Path, commits: &[CommitToMake]) -> Result<Self, GitError> {
        // Git runs at the root of the file system.
        let dir = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let git = Git {
            repository: folder.display().to_string(),
            options: GitOptions::default(),
            dir,
            is_copy: false,
            askpass: None,
        };
        let output = git.read(["init", "--quiet", "--bare", "--initial-branch=main"], Vec::new()).await?;
        if !output.status.success() {
            return Err(failed(&git, "init", output));
        }
        let output = git.read(["fast-import", "--quiet", "--date-format=raw"], stream(commits)).await?;
        if !output.status.success() {
            return Err(failed(&git, "fast-import", output));
        }
        Ok(Self { git: std::sync::Arc::new(git) })
    }
}

/// <https://git-scm.com/docs/git-fast-import#_input_format>
fn stream(commits: &[CommitToMake]) -> Vec<u8> {
    let mut out = Vec::new();
    for commit in commits {
        let mut head = String::from("commit refs/heads/main\n");
        let _ = writeln!(head, "committer {} {} +0000", commit.author, commit.time);
        let _ = writeln!(head, "data {}\n{}\ndeleteall", commit.message.len(), commit.message);
        out.extend(head.into_bytes());
        for (path, bytes) in &commit.files {
            out.extend(format!("M 100644 inline {path}\ndata {}\n", bytes.len()).into_bytes());
            out.extend(bytes);
            out.push(b'\n');
        }
    }
    out.extend(b"done\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::TreePath;

    #[tokio::test]
    async fn what_was_imported_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let commit = |time, text: &str| CommitToMake {
            author: "A <a@example.com>".to_owned(),
            time,
            message: "one\n\ntwo".to_owned(),
            files: vec![("deploy/a.yaml".to_owned(), text.as_bytes().to_vec())],
        };
        let commits = [commit(1_000, "a: 1\n"), commit(2_000, "a: 2")];
        let repository = GitRepository::import(folder.path(), &commits).await.unwrap();
        let head = repository.resolve(Some("main")).await.unwrap();
        assert_eq!(head.time, 2_000);
        let path: TreePath = "deploy".parse().unwrap();
        let tree = repository.read_tree(&head, &path).await.unwrap();
        assert_eq!(tree.files[0].bytes, b"a: 2");
        assert_eq!(repository.history(&head, &path).changes_of("a.yaml").await.unwrap().len(), 2);
    }
}
