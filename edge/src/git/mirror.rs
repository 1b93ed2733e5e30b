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
/// Branches and tags, which a copy has all of.
const ALL: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
/// Answers Git's questions out of the environment, so that a token is in no argument, address or file.
const ASKPASS: &str = "#!/bin/sh\ncase \"$1\" in\nUsername*) printf '%s\\n' \"$ANCHORWATCH_GIT_USER\" ;;\n\
    *) printf '%s\\n' \"$ANCHORWATCH_GIT_TOKEN\" ;;\nesac\n";

/// Makes or updates the copy of a repository in `scratch`.
pub(super) async fn open(address: &str, options: GitOptions, scratch: &Path) -> Result<Git, GitError> {
    let scratch = prepare(scratch)?;
    let askpass = options.token.is_some().then(|| write_askpass(&scratch)).transpose()?;
    let name = name(address);
    let git = Git { repository: address.to_owned(), options, dir: scratch.join(&name), is_copy: true, askpass };
    // Two processes may share the folder; the lock ends with the file.
    let _lock = lock(scratch.join(format!("{name}.lock"))).await?;
    match update(&git, address).await {
        Err(GitError::Fetch { message, .. }) if is_damage(&message) => {
            fs::remove_dir_all(&git.dir).map_err(|source| unwritable(&git.dir, source))?;
            update(&git, address).await?;
        }
        result => result?,
    }
    if packs(&git.dir) > MANY_PACKS {
        // Tidying is no condition for reading; a failure is met again the next time.
        let _ = git.reach(["gc", "--quiet"], Vec::new()).await;
    }
    Ok(git)
}

async fn update(git: &Git, address: &str) -> Result<(), GitError> {
    let output = git.reach(["init", "--bare", "--quiet", "--template="], Vec::new()).await?;
    if !output.status.success() {
        return Err(failed(git, "init", output));
    }
    let output = git.reach(["config", "remote.origin.url", address], Vec::new()).await?;
    if !output.status.success() {
        return Err(failed(git, "config", output));
    }
    let head = fetch(git, ["ls-remote", "--symref", "origin", "HEAD"], Vec::new()).await?;
    let everything =
        ["fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "origin", ALL[0], ALL[1]];
    fetch(git, everything, Vec::new()).await?;
    set_head(git, &head).await
}

/// Makes the copy's `HEAD` the remote's, out of `ref: refs/heads/main\tHEAD` and `ID\tHEAD`; an empty repository has
/// neither.
async fn set_head(git: &Git, listing: &str) -> Result<(), GitError> {
    let mut names = listing.lines().filter_map(|line| line.strip_suffix("\tHEAD"));
    let Some(name) = names.next() else { return Ok(()) };
    let output = if let Some(branch) = name.strip_prefix("ref: refs/heads/") {
        git.reach(["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")], Vec::new()).await?
    } else {
        fetch_revision(git, name).await?;
        git.reach(["update-ref", "--no-deref", "HEAD", name], Vec::new()).await?
    };
    if output.status.success() { Ok(()) } else { Err(failed(git, "symbolic-ref", output)) }
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
    match fetch(git, args, ids.into_bytes()).await {
        Err(GitError::Fetch { message, .. }) if message.contains("unadvertised object") => fetch_whole(git).await,
        result => result.map(drop),
    }
}

/// Fetches everything anew, with all blobs. A server that speaks the first version of Git's protocol (as sshd without
/// `AcceptEnv GIT_PROTOCOL` makes it) leaves blobs out when asked to, and then does not give them.
async fn fetch_whole(git: &Git) -> Result<(), GitError> {
    let args = [
        "fetch",
        "--quiet",
        "--refetch",
        "--no-filter",
        "--force",
        "--no-tags",
        "--no-write-fetch-head",
        "origin",
        ALL[0],
        ALL[1],
    ];
    fetch(git, args, Vec::new()).await.map(drop)
}

pub(super) async fn fetch<const N: usize>(git: &Git, args: [&str; N], input: Vec<u8>) -> Result<String, GitError> {
    let output = git.reach(args, input).await?;
    if !output.status.success() {
        return Err(GitError::Fetch { repository: git.repository.clone(), message: told(&output.stderr) });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A message without ssh's frame of `@`, and without what Git says of our answer to its questions.
pub(super) fn told(stderr: &str) -> String {
    let lines = stderr.lines().map(|line| line.trim_matches(['@', ' ']));
    lines.filter(|line| !line.is_empty() && !line.contains("askpass response")).collect::<Vec<_>>().join("\n")
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
    let hash = address
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
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
mod tests;
