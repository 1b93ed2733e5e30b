//! Child processes that end: a deadline, bounded output, and their whole process group killed.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How much of a child's last words is kept.
const STDERR_LIMIT: usize = 64 << 10;

/// Why a child process gave no result.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// It was started.
    #[error("cannot start {program}")]
    Start {
        /// What was started.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// Its end was awaited.
    #[error("{program} was not done after {} s and was stopped", after.as_secs_f32())]
    Wait {
        /// What was running.
        program: String,
        /// The deadline.
        after: Duration,
    },
    /// Its output was read up to a limit.
    #[error("{program} printed more than {limit} bytes and was stopped")]
    ReadAll {
        /// What was running.
        program: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Bytes were exchanged with it.
    #[error("cannot talk to {program}")]
    Talk {
        /// What was running.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

impl ProcessError {
    /// Says whether the program is not there at all.
    pub fn is_missing_program(&self) -> bool {
        matches!(self, Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// What a child may use up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) deadline: Duration,
    /// Bytes of standard output.
    pub(crate) output: usize,
}

/// What a child left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    /// The end of its standard error.
    pub(crate) stderr: String,
}

/// Runs a command to its end, giving it `input`.
pub(crate) async fn run(
    program: &str,
    mut command: Command,
    input: Vec<u8>,
    limits: Limits,
) -> Result<Output, ProcessError> {
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() }).stderr(Stdio::piped());
    let mut running = Running::start(program, command)?;
    let collected = timeout(limits.deadline, running.collect(input, limits.output)).await;
    collected.unwrap_or_else(|_| Err(running.late(limits.deadline)))
}

/// A child with its process group; dropping it kills both.
#[derive(Debug)]
pub(crate) struct Running {
    program: String,
    group: Group,
    child: Child,
}

impl Running {
    /// Starts one to talk with; what it says on standard error is dropped.
    pub(crate) fn talk(program: &str, mut command: Command) -> Result<Self, ProcessError> {
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        Self::start(program, command)
    }

    fn start(program: &str, mut command: Command) -> Result<Self, ProcessError> {
        command.stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
        let failed = |source| ProcessError::Start { program: program.to_owned(), source };
        let child = command.spawn().map_err(failed)?;
        Ok(Self { program: program.to_owned(), group: Group(child.id()), child })
    }

    /// Its standard input and output, for a conversation.
    pub(crate) fn pipes(&mut self) -> (ChildStdin, ChildStdout) {
        let stdin = self.child.stdin.take().expect("started as one that talks, and taken once");
        (stdin, self.child.stdout.take().expect("standard output is always a pipe, and taken once"))
    }

    /// Waits for its end, after which nothing is left to kill.
    pub(crate) async fn end(&mut self) -> Result<ExitStatus, ProcessError> {
        let status = self.child.wait().await.map_err(|source| self.broken(source))?;
        self.group.0 = None;
        Ok(status)
    }

    /// The error of one that missed its deadline.
    pub(crate) fn late(&self, after: Duration) -> ProcessError {
        ProcessError::Wait { program: self.program.clone(), after }
    }

    /// The error of a broken pipe.
    pub(crate) fn broken(&self, source: io::Error) -> ProcessError {
        ProcessError::Talk { program: self.program.clone(), source }
    }

    async fn collect(&mut self, input: Vec<u8>, limit: usize) -> Result<Output, ProcessError> {
        let stdin = self.child.stdin.take();
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let write = async move {
            if let Some(mut stdin) = stdin {
                // A child that ends without reading all says why on standard error.
                let _ = stdin.write_all(&input).await;
            }
            Ok(())
        };
        let read = tokio::try_join!(write, read_at_most(stdout, limit), read_end(stderr));
        let ((), stdout, stderr) = read.map_err(|source| match source.kind() {
            io::ErrorKind::FileTooLarge => ProcessError::ReadAll { program: self.program.clone(), limit },
            _ => self.broken(source),
        })?;
        let status = self.end().await?;
        Ok(Output { status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
    }
}

/// A process group that is still to be killed.
#[derive(Debug)]
struct Group(Option<u32>);

impl Drop for Group {
    /// By `sh`, whose `kill` knows process groups: the standard library does not, and unsafe code is forbidden.
    fn drop(&mut self) {
        let Some(id) = self.0.take() else { return };
        let mut kill = std::process::Command::new("/bin/sh");
        kill.args(["-c", "kill -s KILL -- \"-$0\"", &id.to_string()]).env_clear();
        // A failure means that the group is gone; its leader is killed by `kill_on_drop` in any case.
        let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// All bytes; an error of the kind `FileTooLarge` as soon as there are more than `limit`.
async fn read_at_most(pipe: Option<impl AsyncRead + Unpin>, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(limit as u64 + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// The last bytes; those before are read and forgotten.
async fn read_end(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let Some(mut pipe) = pipe else { return Ok(bytes) };
    while pipe.read_buf(&mut bytes).await? > 0 {
        if bytes.len() > 2 * STDERR_LIMIT {
            bytes.drain(..bytes.len() - STDERR_LIMIT);
        }
    }
    Ok(bytes)
}
