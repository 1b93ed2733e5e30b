//! A real PostgreSQL on loopback, with a fresh folder and a password of its own.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::ports::free_ports;
use crate::process::{self, Server};

/// How long it may take until it listens.
const READY_LIMIT: Duration = Duration::from_secs(30);
const USER: &str = "watch";
const PASSWORD: &str = "a-password-of-tests";
/// The system's user that it runs as where this process is root, as it refuses to run as root.
const SYSTEM_USER: &str = "postgres";

/// A server; dropping it stops it and removes its folder.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    port: u16,
    _folder: TempDir,
}

impl Postgres {
    /// Starts one; `None` where it is not installed.
    pub fn start() -> io::Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        let folder = tempfile::Builder::new().prefix("anchorwatch-postgres-").tempdir()?;
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD)?;
        let data = folder.path().join("data");
        fs::create_dir(&data)?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        if rustix::process::geteuid().is_root() {
            let owned = Command::new("chown").arg("-R").arg(SYSTEM_USER).args([&password, &data]).status()?;
            ended("chown", owned.success())?;
        }
        let mut initdb = as_system_user(&programs.join("initdb"));
        initdb.arg("-D").arg(&data).args(["-A", "scram-sha-256", "-U", USER, "-E", "UTF8", "--locale=C"]);
        initdb.arg("--no-sync").arg(format!("--pwfile={}", password.display())).current_dir(folder.path());
        let output = process::run(initdb, b"", Duration::from_mins(1))?;
        ended(&format!("initdb: {}", String::from_utf8_lossy(&output.stderr)), output.status.success())?;
        let [port] = free_ports()?;
        let mut command = as_system_user(&programs.join("postgres"));
        command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-k", "", "-h", "127.0.0.1"]);
        // Nothing that a test writes has to outlive the machine.
        command.args(["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200"]);
        command.current_dir(folder.path());
        let mut server = Server::start("postgres", command, &folder.path().join("log"))?;
        wait_until_it_listens(&mut server, port)?;
        Ok(Some(Self { server, port, _folder: folder }))
    }

    /// Stops it at once, as a machine that fails does: whoever is connected is cut off.
    pub fn stop(&mut self) -> io::Result<()> {
        self.server.end_by(Signal::QUIT)
    }

    /// Starts it again, with what it knew.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.server.start_again()?;
        wait_until_it_listens(&mut self.server, self.port)
    }

    /// Its address, user and password.
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }

    /// What it answers to SQL: rows of columns, as `psql` shows them.
    pub fn query(&self, sql: &str) -> io::Result<Vec<Vec<String>>> {
        query(&self.url(), sql)
    }
}

/// What the server at an address answers to SQL.
pub(crate) fn query(url: &str, sql: &str) -> io::Result<Vec<Vec<String>>> {
    let programs = programs().ok_or_else(|| io::Error::other("PostgreSQL is not installed"))?;
    let mut psql = process::command(programs.join("psql"));
    psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--field-separator=\t", "--set=ON_ERROR_STOP=1"]);
    psql.args(["--dbname", url, "--command", sql]);
    let output = process::run(psql, b"", Duration::from_mins(1))?;
    ended(&format!("psql: {}", String::from_utf8_lossy(&output.stderr)), output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

/// The folder of its programs: the newest release that Debian has installed, or that of the PATH.
fn programs() -> Option<PathBuf> {
    let releases =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let newest = releases.map(|release| release.join("bin")).filter(|bin| bin.join("initdb").is_file()).max();
    newest.or_else(|| process::find_on_path("initdb")?.parent().map(Path::to_owned))
}

fn as_system_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return process::command(program);
    }
    // The kernel forgets who the parent is when the user changes, so this has to be said after that.
    let mut command = Command::new("setpriv");
    command.args(["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--clear-groups", "--"]);
    command.args(["setpriv", "--pdeathsig", "KILL", "--"]).arg(program);
    command
}

#[expect(clippy::disallowed_methods, reason = "the server is the test's own")]
fn wait_until_it_listens(server: &mut Server, port: u16) -> io::Result<()> {
    let started = Instant::now();
    // It listens before it takes anybody in; the store waits for that by itself.
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if server.has_ended().is_some() || started.elapsed() > READY_LIMIT {
            return Err(io::Error::other(format!("PostgreSQL did not start:\n{}", server.log_tail())));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn ended(what: &str, well: bool) -> io::Result<()> {
    if well { Ok(()) } else { Err(io::Error::other(format!("{what} failed"))) }
}
