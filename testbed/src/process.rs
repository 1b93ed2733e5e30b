//! Child processes that cannot be forgotten.
//!
//! Two nets. [`Server`] stops and reaps its process when dropped. And where `setpriv` (util-linux) is installed, every
//! child asks the kernel to be killed when its parent dies, so that a test killed with SIGKILL leaves nothing behind.
//!
//! The kernel ties that request to the *thread* that spawned the child, not to the process; a test's thread ends with
//! the test. So every child is spawned from one thread that lives as long as the process.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How often a wait looks again.
const POLL: Duration = Duration::from_millis(20);

/// A long-running child with its log; dropping it stops and reaps it.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    command: Command,
    child: Child,
    log: PathBuf,
    grace: Duration,
}

impl Server {
    /// Starts `command`, its output going to `log`.
    pub fn start(name: &'static str, mut command: Command, log: &Path) -> io::Result<Self> {
        let output = File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let (command, child) = spawn(command)?;
        Ok(Self { name, command, child, log: log.to_owned(), grace: Duration::from_secs(4) })
    }

    /// Ends it by a signal, and waits until it has.
    pub(crate) fn end_by(&mut self, signal: Signal) -> io::Result<()> {
        self.send(signal);
        self.child.wait().map(drop)
    }

    /// Starts it again after it has ended, with the same log.
    pub(crate) fn start_again(&mut self) -> io::Result<()> {
        let command = std::mem::replace(&mut self.command, Command::new(""));
        (self.command, self.child) = spawn(command)?;
        Ok(())
    }

    /// What the process is called in messages.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, unless it was reaped.
    pub(crate) fn send(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(id) = id {
            let _ = kill_process(id, signal);
        }
    }

    /// How it ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The last lines of its log, for an error message.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Server {
    /// SIGTERM, a few seconds, SIGKILL; always reaped.
    fn drop(&mut self) {
        if self.has_ended().is_some() {
            return;
        }
        // One that was stopped hears nothing until it goes on.
        self.send(Signal::CONT);
        self.send(Signal::TERM);
        if matches!(wait(&mut self.child, self.grace), Ok(None) | Err(_)) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A command that dies with this process, if the system has the means.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let Some(setpriv) = setpriv() else {
        return Command::new(program);
    };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Runs `command` to its end and collects what it says, killing it at the deadline.
pub fn run(mut command: Command, stdin: &[u8], deadline: Duration) -> io::Result<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (_, mut child) = spawn(command)?;
    let stdout = child.stdout.take().map(collect);
    let stderr = child.stderr.take().map(collect);
    if let Some(mut pipe) = child.stdin.take() {
        let input = stdin.to_vec();
        // A program that reads nothing closes the pipe; that is its right.
        thread::spawn(move || pipe.write_all(&input));
    }
    let status = finish(&mut child, deadline)?;
    let output = |reader: Option<thread::JoinHandle<Vec<u8>>>| reader.and_then(|r| r.join().ok()).unwrap_or_default();
    Ok(Output { status, stdout: output(stdout), stderr: output(stderr) })
}

/// Runs `command` to its end with this process's own error stream, killing it at the deadline.
pub(crate) fn run_visibly(mut command: Command, deadline: Duration) -> io::Result<ExitStatus> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    finish(&mut spawn(command)?.1, deadline)
}

fn finish(child: &mut Child, deadline: Duration) -> io::Result<ExitStatus> {
    if let Some(status) = wait(child, deadline)? {
        return Ok(status);
    }
    child.kill()?;
    child.wait()?;
    let waited = format!("still running after {} s, killed", deadline.as_secs());
    Err(io::Error::new(io::ErrorKind::TimedOut, waited))
}

fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

fn collect(mut stream: impl io::Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

/// Spawns from the one thread that never ends (see the head of this file). Gives the command back for another time.
fn spawn(command: Command) -> io::Result<(Command, Child)> {
    type Request = (Command, Sender<io::Result<(Command, Child)>>);
    static SPAWNER: OnceLock<Sender<Request>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, requests) = channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in requests {
                let spawned = command.spawn();
                let _ = answer.send(spawned.map(|child| (command, child)));
            }
        });
        sender
    });
    let (answer, spawned) = channel();
    spawner.send((command, answer)).map_err(io::Error::other)?;
    spawned.recv().map_err(io::Error::other)?
}

fn setpriv() -> Option<&'static Path> {
    static SETPRIV: OnceLock<Option<PathBuf>> = OnceLock::new();
    SETPRIV.get_or_init(|| find_on_path("setpriv")).as_deref()
}

/// Where `program` is installed, if it is.
pub fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
