//! A bare copy of a remote repository: all branches and tags, blobs when they are needed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::command::{Git, GitOptions};
use super::error::GitError;
use super::failed;

/// From how many packs on a copy is packed anew; each fetch adds one.
const MANY_PACKS: usize = 50;
/// How long the readable part of a copy's name may be.
const NAME_LENGTH: usize = 120;
/// Answers Git's questions out of the environment, so that a token is in no argument, address or file.
const ASKPASS: &str = "#!/bin/sh\ncase \"$1\" in\nUsername*) printf '%s\\n' \"$ANCHORWATCH_GIT_USER\" ;;\n\
    *) printf '%s\\n' \"$ANCHORWATCH_GIT_TOKEN\" ;;\nesac\n";

/// Makes or updates the copy of a repository in `scratch`; also gives the revision that its `HEAD` names.
pub(super) async fn open(address: &str, options: GitOptions, scratch: &Path) -> Result<(Git, String), GitError> {
    let scratch = prepare(scratch)?;
    let askpass = options.token.is_some().then(|| write_askpass(&scratch)).transpose()?;
    let name = name(address);
    let git = Git { repository: address.to_owned(), options, dir: scratch.join(&name), is_copy: true, askpass };
    // Two processes may share the folder; the lock ends with the file.
    let _lock = lock(scratch.join(format!("{name}.lock"))).await?;
    let default_revision = match update(&git, address).await {
        Err(GitError::Fetch { message, .. }) if is_damage(&message) => {
            fs::remove_dir_all(&git.dir).map_err(|source| unwritable(&git.dir, source))?;
            update(&git, address).await?
        }
        result => result?,
    };
    if packs(&git.dir) > MANY_PACKS {
        // Tidying is no condition for reading; a failure is met again the next time.
        let _ = git.reach(["gc", "--quiet"], Vec::new()).await;
    }
    Ok((git, default_revision))
}

async fn update(git: &Git, address: &str) -> Result<String, GitError> {
    let output = git.reach(["init", "--bare", "--quiet", "--template="], Vec::new()).await?;
    if !output.status.success() {
        return Err(failed(git, "init", output));
    }
    let output = git.reach(["config", "remote.origin.url", address], Vec::new()).await?;
    if !output.status.success() {
        return Err(failed(git, "config", output));
    }
    let head = fetch(git, ["ls-remote", "--symref", "origin", "HEAD"], Vec::new()).await?;
    let everything = [
        "fetch",
        "--quiet",
        "--prune",
        "--force",
        "--no-tags",
        "--no-write-fetch-head",
        "origin",
        "+refs/heads/*:refs/heads/*",
        "+refs/tags/*:refs/tags/*",
    ];
    fetch(git, everything, Vec::new()).await?;
    Ok(head_revision(&head))
}

/// Reads `ref: refs/heads/main\tHEAD` and `ID\tHEAD`; an empty repository has neither.
fn head_revision(listing: &str) -> String {
    let mut names = listing.lines().filter_map(|line| line.strip_suffix("\tHEAD"));
    names.next().map_or("HEAD", |name| name.trim_start_matches("ref: ")).to_owned()
}

/// Fetches a commit that no branch or tag may lead to, and other refs such as `refs/pull/1/head`.
pub(super) async fn fetch_revision(git: &Git, revision: &str) -> Result<(), GitError> {
    let is_id = matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_fetched = revision.starts_with("refs/heads/") || revision.starts_with("refs/tags/");
    let spec = if is_id {
        if git.read(["cat-file", "-e", revision], Vec::new()).await?.status.success() {
            return Ok(());
        }
        format!("+{revision}:refs/anchorwatch/{revision}")
    } else if revision.starts_with("refs/") && !is_fetched {
        format!("+{revision}:{revision}")
    } else {
        return Ok(());
    };
    let args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", &spec];
    // A server that has no such thing is the same as a name that is not there: looking it up says so.
    match fetch(git, args, Vec::new()).await {
        Ok(_) | Err(GitError::Fetch { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Fetches objects by their ids, one a line, without telling the server what is here: it would leave out those that a
/// commit already here refers to.
pub(super) async fn fetch_objects(git: &Git, ids: String) -> Result<(), GitError> {
    let args = [
        "-c",
        "fetch.negotiationAlgorithm=noop",
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--stdin",
        "origin",
    ];
    fetch(git, args, ids.into_bytes()).await.map(drop)
}

async fn fetch<const N: usize>(git: &Git, args: [&str; N], input: Vec<u8>) -> Result<String, GitError> {
    let output = git.reach(args, input).await?;
    if !output.status.success() {
        return Err(GitError::Fetch { repository: git.repository.clone(), message: output.stderr });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Says whether a fetch failed on our copy, as after a kill, and not on the server.
fn is_damage(message: &str) -> bool {
    [".lock': File exists", "not a git repository", "is corrupt", "bad object", "bad pack"]
        .iter()
        .any(|part| message.contains(part))
}

/// A name for a copy: readable, and another one for each address.
fn name(address: &str) -> String {
    let readable: String = address
        .trim_start_matches("https://")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' })
        .take(NAME_LENGTH)
        .collect();
    // FNV-1a; two addresses that collide would have to be read alike too.
    let hash = address.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{}-{hash:016x}.git", readable.trim_start_matches('.'))
}

fn prepare(scratch: &Path) -> Result<PathBuf, GitError> {
    fs::create_dir_all(scratch).and_then(|()| scratch.canonicalize()).map_err(|source| unwritable(scratch, source))
}

fn write_askpass(scratch: &Path) -> Result<PathBuf, GitError> {
    let path = scratch.join("askpass");
    let write = || {
        // Under another name first: a program that is being written to cannot be started.
        let file = tempfile::NamedTempFile::new_in(scratch)?;
        fs::write(file.path(), ASKPASS)?;
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o700))?;
        file.into_temp_path().persist(&path).map_err(|error| error.error)
    };
    write().map_err(|source| unwritable(&path, source))?;
    Ok(path)
}

async fn lock(path: PathBuf) -> Result<File, GitError> {
    tokio::task::spawn_blocking(move || {
        let locked = || {
            let file = File::options().create(true).append(true).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        locked().map_err(|source| unwritable(&path, source))
    })
    .await?
}

fn packs(dir: &Path) -> usize {
    let Ok(entries) = fs::read_dir(dir.join("objects/pack")) else { return 0 };
    entries.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "pack")).count()
}

fn unwritable(path: &Path, source: io::Error) -> GitError {
    GitError::WriteScratch { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
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
            let (git, default_revision) = open(&format!("file://{}", self.0.path().display()), options, scratch).await?;
            Ok(GitRepository { git: std::sync::Arc::new(git), default_revision })
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
        for (revision, expected) in [(None, "two"), (Some("trunk"), "two"), (Some("v1"), "one"), (Some("old"), "one")] {
            assert_eq!(text(&repository, revision).await, expected, "{revision:?}");
        }
        let commit = repository.resolve(None).await.unwrap();
        let history = repository.history(&commit, &TreePath::default());
        assert_eq!(history.versions("a.yaml").await.unwrap()[0].commit.as_str(), first);

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

    #[test]
    fn heads_are_read() {
        for (listing, expected) in [
            ("ref: refs/heads/main\tHEAD\n0123\tHEAD\n", "refs/heads/main"),
            ("0123\tHEAD\n", "0123"),
            ("", "HEAD"),
        ] {
            assert_eq!(head_revision(listing), expected);
        }
    }

    #[test]
    fn copies_have_names_of_their_own() {
        let names = ["https://h/a.git", "https://h/a_git", "git@h:a.git", "ssh://git@h/../../a"].map(name);
        assert!(names.iter().all(|name| !name.contains('/') && !name.starts_with('.')), "{names:?}");
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }
}
