//! Blobs by the thousand, through one `git cat-file --batch`; or now and then a few, through one that keeps running.

use std::fmt;
use std::io;
use std::str::FromStr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::command::Git;
use super::error::GitError;
use crate::files::{FILE_LIMIT, TOTAL_LIMIT};
use crate::process::Running;

/// How many blobs may wait for whoever takes them.
const WAITING: usize = 16;

/// The id of a commit or blob: 40 or 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(String);

/// A text that is no object id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 40 or 64 hexadecimal digits")]
pub struct ParseObjectIdError;

impl ObjectId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether it stands for the absence of an object.
    pub(super) fn is_null(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }
}

impl FromStr for ObjectId {
    type Err = ParseObjectIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let right = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        right.then(|| Self(text.to_ascii_lowercase())).ok_or(ParseObjectIdError)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A blob that is wanted, and the path to name it by.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) id: ObjectId,
    pub(super) path: String,
    /// Whether it is passed over where it is too large, instead of an error.
    pub(super) optional: bool,
}

impl Wanted {
    pub(super) fn new(id: &ObjectId, path: String) -> Self {
        Self { id: id.clone(), path, optional: false }
    }
}

/// Reads blobs into memory, in the order wanted.
pub(super) async fn read_all(git: &Git, wanted: Vec<Wanted>) -> Result<Vec<Vec<u8>>, GitError> {
    let mut blobs: Vec<Vec<u8>> = Vec::with_capacity(wanted.len());
    let (sender, mut receiver) = mpsc::channel::<Option<Vec<u8>>>(WAITING);
    let take = async {
        while let Some(blob) = receiver.recv().await {
            blobs.push(blob.unwrap_or_default());
        }
        Ok(())
    };
    tokio::try_join!(send_all(git, &wanted, sender), take)?;
    Ok(blobs)
}

/// Reads blobs one after the other into a channel, in the order wanted; what is passed over is `None`. Stops when nobody
/// takes them any more.
pub(super) async fn send_all(
    git: &Git,
    wanted: &[Wanted],
    sender: mpsc::Sender<Option<Vec<u8>>>,
) -> Result<(), GitError> {
    if wanted.is_empty() {
        return Ok(());
    }
    fetch_missing(git, wanted).await?;
    let mut running = git.talk(["cat-file", "--batch", "--buffer"])?;
    let (stdin, stdout) = running.pipes();
    let talk = async { tokio::try_join!(ask(&running, stdin, wanted), answer(git, &running, stdout, wanted, sender)) };
    timeout(git.options.deadline, talk).await.map_err(|_| running.late(git.options.deadline))??;
    running.end().await?;
    Ok(())
}

async fn ask(running: &Running, mut stdin: ChildStdin, wanted: &[Wanted]) -> Result<(), GitError> {
    let mut lines = String::with_capacity(wanted.len() * 41);
    for Wanted { id, .. } in wanted {
        lines.push_str(id.as_str());
        lines.push('\n');
    }
    stdin.write_all(lines.as_bytes()).await.map_err(|source| running.broken(source))?;
    Ok(())
}

async fn answer(
    git: &Git,
    running: &Running,
    stdout: ChildStdout,
    wanted: &[Wanted],
    sender: mpsc::Sender<Option<Vec<u8>>>,
) -> Result<(), GitError> {
    let mut stdout = BufReader::with_capacity(256 << 10, stdout);
    let mut total = 0;
    for blob in wanted {
        let mut head = Vec::new();
        stdout.read_until(b'\n', &mut head).await.map_err(|source| running.broken(source))?;
        let size = size(git, blob, &head)?;
        let taken = size <= FILE_LIMIT;
        total += if taken { size } else { 0 };
        if total > TOTAL_LIMIT {
            return Err(GitError::SourceTooLarge { repository: git.repository.clone() });
        }
        let bytes = take(&mut stdout, size, taken).await.map_err(|source| running.broken(source))?;
        if sender.send(bytes).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads a blob and the line feed after it, which is not the blob's.
async fn take(stdout: &mut BufReader<ChildStdout>, size: u64, taken: bool) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if taken {
        bytes.resize(usize::try_from(size).unwrap_or(usize::MAX), 0);
        stdout.read_exact(&mut bytes).await?;
    } else {
        tokio::io::copy(&mut (&mut *stdout).take(size), &mut tokio::io::sink()).await?;
    }
    stdout.read_u8().await?;
    Ok(taken.then_some(bytes))
}

/// Reads `ID blob SIZE`, or `ID missing`; a blob that is too large is an error unless it is optional.
fn size(git: &Git, blob: &Wanted, head: &[u8]) -> Result<u64, GitError> {
    let head = String::from_utf8_lossy(head);
    let (repository, path) = (git.repository.clone(), blob.path.clone());
    let Some(size) = head.trim_end().split(' ').nth(2).and_then(|size| size.parse().ok()) else {
        return Err(GitError::ReadObject { repository, object: blob.id.to_string(), path });
    };
    if size > FILE_LIMIT && !blob.optional { Err(GitError::FileTooLarge { repository, path }) } else { Ok(size) }
}

/// A `git cat-file --batch` that waits for the next question; it ends with its reader.
#[derive(Debug)]
pub(super) struct BlobReader {
    running: Running,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl BlobReader {
    pub(super) fn start(git: &Git) -> Result<Self, GitError> {
        let mut running = git.talk(["cat-file", "--batch"])?;
        let (stdin, stdout) = running.pipes();
        Ok(Self { running, stdin, stdout: BufReader::new(stdout) })
    }

    /// Reads blobs in the order wanted. After an error the reader is of no more use.
    pub(super) async fn read(&mut self, git: &Git, wanted: &[Wanted]) -> Result<Vec<Vec<u8>>, GitError> {
        fetch_missing(git, wanted).await?;
        let mut blobs = Vec::with_capacity(wanted.len());
        let talk = async {
            for blob in wanted {
                let question = format!("{}\n", blob.id);
                self.stdin.write_all(question.as_bytes()).await.map_err(|source| self.running.broken(source))?;
                let mut head = Vec::new();
                self.stdout.read_until(b'\n', &mut head).await.map_err(|source| self.running.broken(source))?;
                let size = size(git, blob, &head)?;
                let bytes = take(&mut self.stdout, size, size <= FILE_LIMIT).await;
                blobs.push(bytes.map_err(|source| self.running.broken(source))?.unwrap_or_default());
            }
            Ok(())
        };
        let done: Result<(), GitError> = timeout(git.options.deadline, talk)
            .await
            .unwrap_or_else(|_| Err(self.running.late(git.options.deadline).into()));
        done.map(|()| blobs)
    }
}

/// Fetches, in one go, what a copy without blobs still lacks; by itself Git would fetch them one by one.
async fn fetch_missing(git: &Git, wanted: &[Wanted]) -> Result<(), GitError> {
    if !git.is_copy {
        return Ok(());
    }
    let ids: String = wanted.iter().flat_map(|blob| [blob.id.as_str(), "\n"]).collect();
    let output = git.read(["cat-file", "--batch-check"], ids.into_bytes()).await?;
    let lines = String::from_utf8_lossy(&output.stdout);
    let missing: String =
        lines.lines().filter_map(|line| line.strip_suffix(" missing")).flat_map(|id| [id, "\n"]).collect();
    if missing.is_empty() {
        return Ok(());
    }
    super::mirror::fetch_objects(git, missing).await
}

/// Says whether a blob is a pointer to a file that Git LFS keeps.
pub(super) fn is_large_file_pointer(bytes: &[u8]) -> bool {
    bytes.len() < 1024 && bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}
