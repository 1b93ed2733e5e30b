//! How time and memory grow with the number of objects, without a server: a recorded state beside a folder.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::measure::{self, median};
use crate::objects::{self, Flavour, OBJECTS_PER_APP};

/// One size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) objects: usize,
    pub(crate) time: Duration,
    /// Bytes.
    pub(crate) peak: u64,
    /// Bytes that were read.
    pub(crate) input: usize,
}

impl Size {
    /// Time an object.
    pub(crate) fn each(&self) -> Duration {
        self.time / u32::try_from(self.objects).expect("a bench has fewer than 2³² objects")
    }
}

/// Scans this many objects; gives the medians.
pub(crate) fn run(scanner: &Path, objects: usize, rounds: usize) -> Result<Size, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (git, live, output) = (folder.path().join("git"), folder.path().join("live"), folder.path().join("output"));
    let apps = objects / OBJECTS_PER_APP;
    let input = objects::write_folder(&git, apps, Flavour::Clean)? + objects::write_snapshot(&live, apps)?;
    let scan = || {
        let mut command = Command::new(scanner);
        command.args(["scan", "--output", "json", "--source"]).arg(&git).arg("--live").arg(&live);
        command.env("XDG_STATE_HOME", folder.path());
        command
    };
    let (mut times, mut peaks) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        times.push(measure::time(scan(), &output)?.time);
        peaks.push(measure::peak(scan(), &output)?.peak);
    }
    Ok(Size { objects, time: median(times), peak: median(peaks), input })
}
