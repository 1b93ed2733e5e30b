//! Writing to a repository: a commit in our own copy, and its push with a lease. Nothing is ever checked out.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anchorwatch_core::guard::Permit;

use super::command::{Git, GitOptions};
use super::error::{GitError, PushError};
use super::location::{GitLocation, RepositoryAddress};
use super::tree::{Kind, list};
use super::{GitRepository, ObjectId, failed, git_dir, mirror, work_tree};
use crate::clock;

/// Who a commit is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
}

/// What a commit says, and by whom.
#[derive(Debug, Clone)]
pub struct CommitWords {
    /// By whom; of author and committer.
    pub author: Author,
    /// When, in seconds since 1970.
    pub time: i64,
    /// The message.
    pub message: String,
    /// A private key of ssh that it is signed with. Where Git is used as a person is set up, their own setting counts too.
    pub signing_key: Option<PathBuf>,
}

/// A file as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileToWrite {
    /// Its path from the repository's root.
    pub path: String,
    /// What it holds now; `None` for one that is not there.
    pub before: Option<Vec<u8>>,
    /// What it is to hold.
    pub after: Vec<u8>,
}

/// What is pushed, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The commit.
    pub commit: ObjectId,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The commit that it has to stand at for the push to count; `None` if there must be no such branch.
    pub lease: Option<ObjectId>,
}

impl std::fmt::Display for Author {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} <{}>", self.name, self.email)
    }
}

impl std::str::FromStr for Author {
    type Err = &'static str;

    /// Reads `Name <address>`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, rest) = text.split_once('<').ok_or("it is written as: Name <address>")?;
        let email = rest.trim_end().strip_suffix('>').ok_or("it is written as: Name <address>")?;
        let odd = |part: &str| part.is_empty() || part.contains(['<', '>']) || text.contains(char::is_control);
        let author = Self { name: name.trim().to_owned(), email: email.trim().to_owned() };
        if odd(&author.name) || odd(&author.email) {
            Err("it needs a name and an address, without < and > in them")
        } else {
            Ok(author)
        }
    }
}

impl GitRepository {
    /// Opens our own copy of a repository, one on disk too: commits are made there, and reach it by a push.
    pub async fn open_to_push(
        location: &GitLocation,
        options: GitOptions,
        scratch: &std::path::Path,
    ) -> Result<Self, GitError> {
        let address = match location.repository() {
            RepositoryAddress::Remote(address) => address.clone(),
            RepositoryAddress::Local(path) => {
                let dir = git_dir(path).ok_or_else(|| GitError::OpenRepository {
                    repository: path.display().to_string(),
                    above: work_tree::work_tree_around(path),
                })?;
                dir.display().to_string()
            }
        };
        Ok(Self { git: std::sync::Arc::new(mirror::open(&address, options, scratch).await?) })
    }

    /// The branch that a revision names, or without one the remote's own; `None` for a tag or a commit.
    pub async fn branch(&self, revision: Option<&str>) -> Result<Option<String>, GitError> {
        let Some(revision) = revision else {
            let output = self.git.read(["symbolic-ref", "--quiet", "HEAD"], Vec::new()).await?;
            let name = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
            return Ok(name.strip_prefix("refs/heads/").map(str::to_owned));
        };
        let name = revision.strip_prefix("refs/heads/").unwrap_or(revision);
        let reference = format!("refs/heads/{name}");
        let output = self.git.read(["show-ref", "--verify", "--quiet", &reference], Vec::new()).await?;
        Ok(output.status.success().then(|| name.to_owned()))
    }

    /// Makes a commit on another one, with some of its files written. Nothing refers to it yet, and whoever makes it again with the same
    /// words gets the same.
    pub async fn commit(
        &self,
        parent: &ObjectId,
        files: &[FileToWrite],
        words: &CommitWords,
    ) -> Result<ObjectId, GitError> {
        let git = &*self.git;
        let scratch =
            tempfile::tempdir().map_err(|source| GitError::WriteScratch { path: std::env::temp_dir(), source })?;
        let index = [("GIT_INDEX_FILE", scratch.path().join("index").into_os_string())];
        asked(git, &["read-tree", parent.as_str()], Vec::new(), &index).await?;
        let entries = list(git, &super::Commit { id: parent.clone(), time: 0 }, None).await?;
        let mut lines = Vec::new();
        for FileToWrite { path, before, after } in files {
            let fail = |why| GitError::WriteFile { repository: git.repository.clone(), path: path.clone(), why };
            // A link on the way would become a folder.
            let mut above = path.match_indices('/').map(|(end, _)| &path.as_bytes()[..end]);
            let entry = entries.get(path.as_bytes());
            let mode = match entry.map(|entry| entry.kind) {
                _ if above.any(|folder| entries.contains_key(folder)) => return Err(fail(LINKED)),
                Some(Kind::Link | Kind::Submodule) => return Err(fail(LINKED)),
                Some(Kind::Program) => "100755",
                Some(Kind::File) | None => "100644",
            };
            let there = match before {
                Some(before) => Some(asked(git, &["hash-object", "--stdin"], before.clone(), &[]).await?),
                None => None,
            };
            if there.as_deref() != entry.map(|entry| entry.id.as_str()) {
                return Err(fail("holds something else than was read"));
            }
            let id = asked(git, &["hash-object", "-w", "--stdin"], after.clone(), &[]).await?;
            lines.extend(format!("{mode} {id}\t{path}\0").into_bytes());
        }
        asked(git, &["update-index", "-z", "--index-info"], lines, &index).await?;
        // The copy has few of the blobs.
        let tree = asked(git, &["write-tree", "--missing-ok"], Vec::new(), &index).await?;
        let changed = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", parent.as_str(), &tree];
        let changed = asked(git, &changed, Vec::new(), &[]).await?;
        let changed: BTreeSet<&str> = changed.split_terminator('\0').collect();
        if changed != files.iter().map(|file| file.path.as_str()).collect() {
            return Err(GitError::Ask {
                repository: git.repository.clone(),
                command: "write-tree",
                message: "other files would change than those that were meant".to_owned(),
            });
        }
        let date = OsString::from(format!("{} +0000", words.time));
        let Author { name, email } = &words.author;
        let by = [
            ("GIT_AUTHOR_NAME", name.into()),
            ("GIT_AUTHOR_EMAIL", email.into()),
            ("GIT_AUTHOR_DATE", date.clone()),
            ("GIT_COMMITTER_NAME", name.into()),
            ("GIT_COMMITTER_EMAIL", email.into()),
            ("GIT_COMMITTER_DATE", date),
        ];
        let key = words.signing_key.as_ref().map(|key| format!("user.signingkey={}", key.display()));
        let mut args = key.as_ref().map_or_else(Vec::new, |key| vec!["-c", "gpg.format=ssh", "-c", key]);
        args.extend(["commit-tree", "-p", parent.as_str(), "-F", "-"]);
        if key.is_some() || self.person_signs().await? {
            args.push("-S");
        }
        args.push(&tree);
        let id = asked(git, &args, words.message.clone().into_bytes(), &by).await?;
        id.parse().map_err(|_| GitError::Ask {
            repository: git.repository.clone(),
            command: "commit-tree",
            message: format!("it printed {id:?}"),
        })
    }

    /// Who a person is to Git; `None` if they never said.
    pub async fn person(&self) -> Result<Option<Author>, GitError> {
        let output = self.git.as_person(&["var", "GIT_AUTHOR_IDENT"], Vec::new(), &[]).await?;
        let line = String::from_utf8_lossy(&output.stdout).into_owned();
        // `Name <address> SECONDS ZONE`
        let author = line.rfind('>').and_then(|end| line[..=end].parse().ok());
        Ok(author.filter(|_| output.status.success()))
    }

    async fn person_signs(&self) -> Result<bool, GitError> {
        let output = self.git.as_person(&["config", "--type=bool", "--get", "commit.gpgsign"], Vec::new(), &[]).await?;
        Ok(self.git.options.personal && output.stdout.trim_ascii() == b"true")
    }

    /// The commit that a branch of the remote stands at now; `None` if there is no such branch.
    pub async fn remote_tip(&self, branch: &str) -> Result<Option<ObjectId>, GitError> {
        let reference = format!("refs/heads/{branch}");
        let listing = mirror::fetch(&self.git, ["ls-remote", "--refs", "origin", &reference], Vec::new()).await?;
        let mut lines = listing.lines().filter_map(|line| line.split_once('\t'));
        Ok(lines.find(|(_, name)| *name == reference).and_then(|(id, _)| id.parse().ok()))
    }

    /// The repository as people know it.
    pub fn name(&self) -> &str {
        &self.git.repository
    }

    /// What a trailer of a commit's message says, if it has that.
    pub async fn trailer(&self, commit: &ObjectId, name: &str) -> Result<Option<String>, GitError> {
        let format = format!("--format=%(trailers:key={name},valueonly)");
        let said = self.log(&["--max-count=1", &format, commit.as_str()]).await?.trim().to_owned();
        Ok((!said.is_empty()).then_some(said))
    }

    /// What a commit says: its first line, and the rest.
    pub async fn message(&self, commit: &ObjectId) -> Result<(String, String), GitError> {
        let said = self.log(&["--max-count=1", "--format=%s%n%b", commit.as_str()]).await?;
        let (title, body) = said.split_once('\n').unwrap_or((&said, ""));
        Ok((title.to_owned(), body.trim().to_owned()))
    }

    /// True if two commits make the same of the same parents, whatever they say and whenever they were made.
    pub async fn is_same(&self, one: &ObjectId, other: &ObjectId) -> Result<bool, GitError> {
        let said = self.log(&["--no-walk=unsorted", "--format=%T %P", one.as_str(), other.as_str()]).await?;
        let lines: Vec<&str> = said.lines().collect();
        Ok(one == other || matches!(lines[..], [a, b] if a == b))
    }

    /// What `git log` says of commits.
    async fn log(&self, args: &[&str]) -> Result<String, GitError> {
        let output = self.git.read([&["log"], args, &["--"]].concat(), Vec::new()).await?;
        if !output.status.success() {
            return Err(failed(&self.git, "log", output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// True if the copy has a commit.
    pub async fn has(&self, commit: &ObjectId) -> Result<bool, GitError> {
        Ok(self.git.read(["cat-file", "-e", commit.as_str()], Vec::new()).await?.status.success())
    }

    /// True if a commit is in the history of another one.
    pub async fn is_within(&self, commit: &ObjectId, of: &ObjectId) -> Result<bool, GitError> {
        let args = ["merge-base", "--is-ancestor", commit.as_str(), of.as_str()];
        let output = self.git.read(args, Vec::new()).await?;
        // 128 where the copy does not have it: then nothing that was fetched leads to it.
        Ok(output.status.success())
    }

    /// Pushes a commit, if the branch still stands where the lease says. The permit has to be for it.
    pub async fn push(&self, permit: Permit, push: &Push) -> Result<(), PushError> {
        let git = &*self.git;
        let Push { commit, branch, lease } = push;
        let refused = |message: String| PushError::Refused {
            repository: git.repository.clone(),
            branch: branch.clone(),
            message,
        };
        if !permit.allows_push(&git.repository, branch, commit.as_str(), clock::now()) {
            return Err(refused("the permit is for another push".to_owned()));
        }
        let lease =
            format!("--force-with-lease=refs/heads/{branch}:{}", lease.as_ref().map_or("", |lease| lease.as_str()));
        let what = format!("{commit}:refs/heads/{branch}");
        // A thin pack would be made of what the copy does not have, and the server may not give it.
        let args = ["push", "--porcelain", "--no-verify", "--no-thin", &lease, "origin", &what];
        let output = git.reach_within(args, Vec::new(), PUSH_LIMIT).await?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let reason = said.lines().find_map(|line| line.strip_prefix("!\t")?.split_once('\t').map(|(_, why)| why));
        let is_moved = |why: &str| MOVED.iter().any(|part| why.contains(part));
        match reason {
            Some(why) if is_moved(why) || is_moved(&output.stderr) => {
                Err(PushError::Moved { repository: git.repository.clone(), branch: branch.clone() })
            }
            // The server's words are on stderr, its verdict is in the list.
            Some(why) => Err(refused(format!("{} {why}", mirror::told(&output.stderr)).trim().to_owned())),
            None => Err(PushError::Git(GitError::Push {
                repository: git.repository.clone(),
                message: mirror::told(&output.stderr),
            })),
        }
    }
}

const LINKED: &str = "is a symbolic link, lies behind one, or in a submodule";

/// How long a push may take; shorter than anybody else waits before they look after it.
const PUSH_LIMIT: Duration = Duration::from_secs(90);

/// What Git says (in the language C) where somebody else was there first.
const MOVED: [&str; 7] = [
    "stale info",
    "fetch first",
    "non-fast-forward",
    "cannot lock ref",
    "incorrect old value",
    "already exists",
    "but expected",
];

/// What a call prints, without the line's end.
async fn asked(git: &Git, args: &[&str], input: Vec<u8>, environment: &[(&str, OsString)]) -> Result<String, GitError> {
    let output = git.as_person(args, input, environment).await?;
    if !output.status.success() {
        let command = ["read-tree", "hash-object", "update-index", "write-tree", "diff-tree", "commit-tree"];
        let command = command.into_iter().find(|name| args.contains(name)).unwrap_or("commit-tree");
        return Err(failed(git, command, output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
