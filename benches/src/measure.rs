//! Measuring child processes: how long, and how much memory at most.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often the memory of a child is looked at; its kernel keeps the maximum.
const POLL: Duration = Duration::from_millis(2);
/// The longest that a child may take.
const LIMIT: Duration = Duration::from_mins(10);

/// The middle one of several, the upper one of two.
pub(crate) fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("times and sizes can be ordered"));
    values[values.len() / 2]
}

/// A child that ended as it should.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) time: Duration,
    /// Bytes; 0 where nobody looked.
    pub(crate) peak: u64,
    pub(crate) code: i32,
}

/// Runs a command, its output going to a file.
pub(crate) fn time(command: Command, output: &Path) -> io::Result<Ended> {
    run(command, output, false)
}

/// The same, looking at its memory, which takes a little time.
pub(crate) fn peak(command: Command, output: &Path) -> io::Result<Ended> {
    run(command, output, true)
}

fn run(mut command: Command, output: &Path, watch: bool) -> io::Result<Ended> {
    let errors = output.with_extension("err");
    command.stdin(Stdio::null()).stdout(File::create(output)?).stderr(File::create(&errors)?);
    let started = Instant::now();
    let mut child = command.spawn()?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        if !watch {
            break child.wait()?;
        }
        peak = peak.max(high_water_mark(&status_file).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the child takes too long"));
        }
        thread::sleep(POLL);
    };
    let time = started.elapsed();
    match status.code() {
        Some(code @ (0 | 1)) => Ok(Ended { time, peak, code }),
        _ => Err(io::Error::other(format!("{command:?}: {status}: {}", fs::read_to_string(&errors)?.trim()))),
    }
}

/// The most memory that a running process had so far, in bytes.
pub(crate) fn peak_of(process: u32) -> Option<u64> {
    high_water_mark(&format!("/proc/{process}/status"))
}

fn high_water_mark(status_file: &str) -> Option<u64> {
    let status = fs::read_to_string(status_file).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
