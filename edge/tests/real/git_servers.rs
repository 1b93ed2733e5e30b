//! Git servers on loopback, of this test's own: lighttpd with git-http-backend, and OpenSSH's sshd.
//!
//! Dropping one stops and reaps it. A test that is killed takes its servers along, as the testbed's do.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anchorwatch_testbed::{Server, free_ports};
use tempfile::TempDir;

/// How long a server may take until it listens.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// How often a port is chosen: somebody else may take one before it is listened on.
const ATTEMPTS: usize = 3;

/// A server and its folder, which goes after it.
pub(crate) struct GitServer {
    _server: Server,
    folder: TempDir,
    /// Where it listens.
    pub(crate) port: u16,
}

impl GitServer {
    /// A file that was made for it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Finds programs, or says that a test is skipped without one of them.
pub(crate) fn installed<const N: usize>(programs: [&str; N]) -> Option<[PathBuf; N]> {
    // Where Debian keeps servers, and people's PATH does not lead.
    let find = |name: &str| {
        let beside = Path::new("/usr/sbin").join(name);
        anchorwatch_testbed::find_on_path(name).or(Some(beside).filter(|path| path.is_file()))
    };
    if let Some(absent) = programs.iter().find(|name| find(name).is_none()) {
        skipped(&format!("{absent} is not installed"));
        return None;
    }
    Some(programs.map(|name| find(name).unwrap()))
}

/// Not by `eprintln!`, which the test harness keeps to itself.
fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").unwrap();
}

/// Serves the bare repositories of a folder at `https://localhost:PORT/` to ann, whose password is `correct-horse`, with
/// a certificate of its own, `cert.pem`.
pub(crate) fn https(repositories: &Path) -> Option<GitServer> {
    let [lighttpd, openssl] = installed(["lighttpd", "openssl"])?;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("modules"), "server.modules = (\"mod_openssl\")\nserver.document-root = \"/\"\n").unwrap();
    if !Command::new(&lighttpd).args(["-tt", "-f", &at("modules")]).output().unwrap().status.success() {
        skipped("lighttpd has no mod_openssl (Debian: lighttpd-mod-openssl)");
        return None;
    }
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", &at("key.pem")];
    let certificate = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    run(Command::new(openssl).args(["req", "-x509", "-out", &at("cert.pem")]).args(key).args(certificate));
    fs::write(at("users"), "ann:correct-horse\n").unwrap();
    let backend = run(Command::new("git").arg("--exec-path")) + "/git-http-backend";
    Some(start("lighttpd", folder, |folder, port| {
        let at = |name: &str| folder.join(name).display().to_string();
        let lines = [
            "server.modules = (\"mod_openssl\", \"mod_auth\", \"mod_authn_file\", \"mod_alias\", \"mod_setenv\", \"mod_cgi\")"
                .to_owned(),
            format!("server.bind = \"127.0.0.1\"\nserver.port = {port}"),
            format!("server.document-root = \"{0}\"\nserver.upload-dirs = (\"{0}\")", folder.display()),
            format!("ssl.engine = \"enable\"\nssl.pemfile = \"{}\"\nssl.privkey = \"{}\"", at("cert.pem"), at("key.pem")),
            format!("auth.backend = \"plain\"\nauth.backend.plain.userfile = \"{}\"", at("users")),
            "auth.require = (\"/\" => (\"method\" => \"basic\", \"realm\" => \"git\", \"require\" => \"valid-user\"))"
                .to_owned(),
            format!("alias.url = (\"/\" => \"{backend}/\")\ncgi.assign = (\"\" => \"\")"),
            format!(
                "setenv.set-environment = (\"GIT_PROJECT_ROOT\" => \"{}\", \"GIT_HTTP_EXPORT_ALL\" => \"1\")",
                repositories.display()
            ),
        ];
        fs::write(at("lighttpd.conf"), lines.join("\n") + "\n").unwrap();
        let mut command = anchorwatch_testbed::command(&lighttpd);
        command.args(["-D", "-f", &at("lighttpd.conf")]);
        command
    }))
}

/// Serves all that this user may read, by ssh, to the holder of the key `person`. Its host key is `host.pub`.
///
/// `more` is added to its configuration.
pub(crate) fn ssh(more: &str) -> Option<GitServer> {
    let [sshd, keygen, _] = installed(["sshd", "ssh-keygen", "ssh"])?;
    let folder = tempfile::tempdir().unwrap();
    for name in ["host", "person", "other"] {
        let mut command = Command::new(&keygen);
        run(command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(folder.path().join(name)));
    }
    // Root's sshd insists on this empty folder; anybody else's does not look.
    let _ = fs::create_dir_all("/run/sshd");
    Some(start("sshd", folder, |folder, port| {
        let at = |name: &str| folder.join(name).display().to_string();
        let conf = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             {more}\n",
            at("host"),
            at("person.pub"),
        );
        fs::write(at("sshd.conf"), conf).unwrap();
        let mut command = anchorwatch_testbed::command(&sshd);
        command.args(["-D", "-e", "-f", &at("sshd.conf")]);
        command
    }))
}

/// The name of the user that this test runs as.
pub(crate) fn this_user() -> String {
    run(Command::new("id").arg("-un"))
}

fn start(name: &'static str, folder: TempDir, command: impl Fn(&Path, u16) -> Command) -> GitServer {
    let log = folder.path().join("log");
    for _ in 0..ATTEMPTS {
        let [port] = free_ports().unwrap();
        let mut server = Server::start(name, command(folder.path(), port), &log).unwrap();
        let end = Instant::now() + READY_LIMIT;
        while server.has_ended().is_none() && Instant::now() < end {
            #[expect(clippy::disallowed_methods, reason = "the server is the test's own")]
            let listens = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            if listens {
                return GitServer { _server: server, folder, port };
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    panic!("{name} does not listen: {}", fs::read_to_string(log).unwrap_or_default());
}

/// Runs a command that must succeed; gives what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
