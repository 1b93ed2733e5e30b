//! Packages of Python's index, which tests use where they can be had: installed once, and kept beside the control plane's programs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::binaries::{cache, lock};
use crate::process;

/// How long pip may take.
const INSTALL_LIMIT: Duration = Duration::from_mins(5);
/// Names what was installed; it is not there before all is.
const WHOLE: &str = "whole";

/// A virtual environment with these packages and all that they need. Its programs are in `bin`. The error says why there is none.
pub fn environment(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    make(name, packages, |folder| {
        run(Path::new("python3"), ["-m", "venv", "--clear"], &[&folder.to_string_lossy()])?;
        run(&folder.join("bin/python"), ["-m", "pip", "install"], &[&["--quiet"], packages].concat())
    })
}

/// A folder with these packages alone. The error says why there is none.
pub fn packages(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    make(name, packages, |folder| {
        let target = ["--quiet", "--no-deps", "--upgrade", "--target", &folder.to_string_lossy()].map(str::to_owned);
        let target: Vec<&str> = target.iter().map(String::as_str).collect();
        run(Path::new("python3"), ["-m", "pip", "install"], &[&target[..], packages].concat())
    })
}

/// Makes a folder, unless it is there with just these packages. One that was begun and not ended is made anew.
fn make(name: &str, packages: &[&str], fill: impl Fn(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let folder = cache().map_err(|error| error.to_string())?.join(name);
    let (whole, named) = (folder.join(WHOLE), packages.join("\n"));
    let fail = |error: io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(fail)?;
    let _lock = lock(&folder.with_extension("lock")).map_err(|error| error.to_string())?;
    if fs::read_to_string(&whole).is_ok_and(|installed| installed == named) {
        return Ok(folder);
    }
    fill(&folder)?;
    fs::write(whole, named).map_err(fail)?;
    Ok(folder)
}

fn run(program: &Path, what: [&str; 3], more: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(what).args(more).env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    let output =
        process::run(command, b"", INSTALL_LIMIT).map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{}: {}", what[1], said.lines().last().unwrap_or_default()))
}
