//! Why a Git source could not be read.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::files::{COUNT_LIMIT, FILE_LIMIT, LinkFault, TOTAL_LIMIT};
use crate::process::ProcessError;

/// Why a Git source could not be read. No message holds a password or token.
#[derive(Debug, Error)]
pub enum GitError {
    /// Git was run.
    #[error(transparent)]
    Run(#[from] ProcessError),
    /// A folder for a copy or an export was used.
    #[error("cannot write to {}", path.display())]
    WriteScratch {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A repository on disk was looked for.
    #[error("{repository} is no Git repository")]
    OpenRepository {
        /// The repository.
        repository: String,
        /// A folder above it that is one, and the path from there.
        above: Option<(PathBuf, String)>,
    },
    /// A remote repository was fetched.
    #[error("cannot fetch {repository}: {message}")]
    Fetch {
        /// The repository.
        repository: String,
        /// What Git said.
        message: String,
    },
    /// A commit was pushed.
    #[error("cannot push to {repository}: {message}")]
    Push {
        /// The repository.
        repository: String,
        /// What Git said.
        message: String,
    },
    /// A file was to be written that cannot be, or is not as it was read.
    #[error("{path} in {repository} {why}, and is not written")]
    WriteFile {
        /// The repository.
        repository: String,
        /// The file.
        path: String,
        /// What is so with it.
        why: &'static str,
    },
    /// A revision was looked up.
    #[error("{repository} has no branch, tag or commit {revision}")]
    ResolveRevision {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
        /// Names that look like it.
        near: Vec<String>,
    },
    /// A revision was looked up that is not one.
    #[error("`{revision}` is no revision")]
    ReadRevision {
        /// What was given.
        revision: String,
    },
    /// A path was looked up in a commit.
    #[error("{repository} has no {path} at commit {commit}")]
    FindPath {
        /// The repository.
        repository: String,
        /// The path.
        path: String,
        /// The commit.
        commit: String,
        /// Paths that look like it.
        near: Vec<String>,
    },
    /// A path was looked up, and it lies in another repository.
    #[error("{path} in {repository} is a submodule or lies in one")]
    EnterSubmodule {
        /// The repository.
        repository: String,
        /// The path.
        path: String,
    },
    /// Git was asked, and failed.
    #[error("git {command} failed on {repository}: {message}")]
    Ask {
        /// The repository.
        repository: String,
        /// The subcommand.
        command: &'static str,
        /// What Git said.
        message: String,
    },
    /// An object was read.
    #[error("{repository} lacks the object {object} of {path}")]
    ReadObject {
        /// The repository.
        repository: String,
        /// The object's id.
        object: String,
        /// Its path.
        path: String,
    },
    /// A symbolic link was followed.
    #[error("the symbolic link {link} in {repository} {fault}")]
    FollowLink {
        /// The repository.
        repository: String,
        /// The link's path.
        link: String,
        /// What is wrong with it.
        fault: LinkFault,
    },
    /// A file was read whose contents Git LFS keeps elsewhere.
    #[error("{path} in {repository} is kept by git-lfs; Git has only a pointer to it")]
    ReadLargeFile {
        /// The repository.
        repository: String,
        /// The file.
        path: String,
    },
    /// A path was read that no healthy repository has, such as `a/../b`.
    #[error("{repository} holds the unsafe path {path}")]
    ReadPath {
        /// The repository.
        repository: String,
        /// The path.
        path: String,
    },
    /// A file is larger than [`FILE_LIMIT`].
    #[error("{path} in {repository} is larger than {} MiB", FILE_LIMIT >> 20)]
    FileTooLarge {
        /// The repository.
        repository: String,
        /// The file.
        path: String,
    },
    /// All files together are larger than [`TOTAL_LIMIT`].
    #[error("the files of {repository} are larger than {} MiB", TOTAL_LIMIT >> 20)]
    SourceTooLarge {
        /// The repository.
        repository: String,
    },
    /// There are more files than [`COUNT_LIMIT`].
    #[error("{repository} has more than {COUNT_LIMIT} files there")]
    TooManyFiles {
        /// The repository.
        repository: String,
    },
    /// Work on the disk was broken off.
    #[error("work on the disk was broken off")]
    Join(#[from] tokio::task::JoinError),
}

impl GitError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Run(error) if error.is_missing_program() => Some("install git, or put it on PATH".to_owned()),
            Self::Run(ProcessError::Wait { .. }) => {
                Some("try again, or clone it yourself and name the path".to_owned())
            }
            Self::OpenRepository { above: Some((root, path)), .. } => {
                Some(format!("the repository is above it; write {}//{path}?ref=REV", root.display()))
            }
            Self::OpenRepository { .. } => Some("a bare repository, or a folder with .git in it".to_owned()),
            Self::Fetch { message, .. } | Self::Push { message, .. } => fetch_hint(message).map(str::to_owned),
            Self::ResolveRevision { near, .. } | Self::FindPath { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", near.join(", ")))
            }
            Self::ResolveRevision { .. } => Some("see which there are: git ls-remote --heads --tags REPO".to_owned()),
            Self::FindPath { .. } => Some("see what is there: git ls-tree -r --name-only REV".to_owned()),
            Self::EnterSubmodule { .. } => Some("name the submodule's own repository as a source".to_owned()),
            Self::ReadObject { .. } => {
                Some("a partial or damaged clone; use the address of the repository it was cloned from".to_owned())
            }
            Self::ReadLargeFile { .. } => Some("keep manifests in Git itself: git lfs untrack".to_owned()),
            Self::WriteFile { .. } => Some("name the folder where the real file is, and scan again".to_owned()),
            Self::FollowLink { .. } => Some("make it a real file".to_owned()),
            Self::FileTooLarge { .. } | Self::SourceTooLarge { .. } | Self::TooManyFiles { .. } => {
                Some("name a smaller folder: REPO//PATH".to_owned())
            }
            _ => None,
        }
    }
}

/// Why a commit was not pushed, or may not have been.
#[derive(Debug, Error)]
pub enum PushError {
    /// The branch does not stand where it was seen.
    #[error("somebody else has pushed to {branch} of {repository} meanwhile")]
    Moved {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
    },
    /// The server refuses it, as by a hook or a protected branch.
    #[error("{repository} refuses the push to {branch}: {message}")]
    Refused {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// What it said.
        message: String,
    },
    /// Git, or the way there. Nobody knows whether it arrived.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl PushError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Moved { .. } => Some("plan it again".to_owned()),
            Self::Refused { .. } => Some("its owner says who may push there, and what a hook asks for".to_owned()),
            Self::Git(error) => error.hint(),
        }
    }
}

/// Git's messages in the language C, and what they mean for a configuration.
fn fetch_hint(message: &str) -> Option<&'static str> {
    let table = [
        ("could not read Username", "the server asks for a password; set up a credential helper of git, or use ssh"),
        ("could not read Password", "the server asks for a password; set up a credential helper of git, or use ssh"),
        (
            "Authentication failed",
            "the server refuses the user name, password or token; give git's credential helper a valid one",
        ),
        (
            "returned error: 403",
            "the server knows you, and does not let you do this with the repository; ask its owner",
        ),
        ("Permission denied (publickey", "the server knows none of your ssh keys; add one there, or load it: ssh-add"),
        (
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
            "the host shows another key than known_hosts has; find out why, and only then replace it: ssh-keygen -R HOST",
        ),
        ("Host key verification failed", "add the host to known_hosts: ssh-keyscan HOST, and compare the fingerprint"),
        ("Could not resolve host", "the host's name is not known here"),
        ("requested URL returned error: 30", "the server redirects; use the address that it redirects to"),
        ("certificate", "configure the certificate authority of the server"),
        ("not found", "no such repository, or no permission to see it"),
    ];
    table.iter().find(|(part, _)| message.contains(part)).map(|(_, hint)| *hint)
}
