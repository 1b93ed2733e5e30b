//! How Git is run: nothing inherited, nothing executed on a repository's behalf, always with an end.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::error::GitError;
use super::redact::redact;
use crate::process::{self, Limits, Output, Running};

/// The most bytes that a list of files or commits may have.
const LIST_LIMIT: usize = 512 << 20;
/// Settings that a repository could otherwise use to run a program, to write, or to change what is shown.
const OVERRIDES: [&str; 12] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "http.followRedirects=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.pager=cat",
    "log.showSignature=false",
    "log.showRoot=true",
    "log.follow=false",
    "log.mailmap=false",
];
/// Makes a copy one without blobs. Said in each fetch and not in the copy's own configuration: reading then finds a blob
/// missing, where Git would otherwise fetch it by itself, one by one, or give up (2.39).
const WITHOUT_BLOBS: [&str; 2] = ["remote.origin.promisor=true", "remote.origin.partialclonefilter=blob:none"];
/// What a person's own network setup needs; `serve` passes none of it on.
const PERSONAL: [&str; 12] = [
    "HOME",
    "XDG_CONFIG_HOME",
    "USER",
    "LOGNAME",
    "SSH_AUTH_SOCK",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "XDG_RUNTIME_DIR",
];

/// How Git may be used.
#[derive(Debug, Clone)]
pub struct GitOptions {
    /// The program.
    pub program: PathBuf,
    /// How long one call may take that reads the disk.
    pub deadline: Duration,
    /// How long one call may take that uses the network.
    pub fetch_deadline: Duration,
    /// Whether fetching uses the person's own Git and ssh configuration; `serve` must say no.
    pub personal: bool,
    /// The hosts that ssh may talk to, where the configuration is not personal.
    pub known_hosts: Option<PathBuf>,
    /// The key that ssh shows, where the configuration is not personal.
    pub ssh_key: Option<PathBuf>,
    /// Certificates of an https server of one's own.
    pub certificate_authority: Option<PathBuf>,
    /// What to show an https server.
    pub token: Option<AccessToken>,
}

impl Default for GitOptions {
    fn default() -> Self {
        Self {
            program: PathBuf::from("git"),
            deadline: Duration::from_mins(1),
            fetch_deadline: Duration::from_mins(10),
            personal: true,
            known_hosts: None,
            ssh_key: None,
            certificate_authority: None,
            token: None,
        }
    }
}

/// A name and token for an https server. It reaches Git through `GIT_ASKPASS` only.
#[derive(Clone)]
pub struct AccessToken {
    /// The user name; forges that need none take anything.
    pub user: String,
    /// The token.
    pub token: String,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Git, on one repository.
#[derive(Debug)]
pub(super) struct Git {
    /// The repository as people know it; holds no secret.
    pub(super) repository: String,
    pub(super) options: GitOptions,
    pub(super) dir: PathBuf,
    /// Whether `dir` is our own copy of a remote repository, which may lack blobs.
    pub(super) is_copy: bool,
    /// A program that answers Git's question for a password, where there is a token.
    pub(super) askpass: Option<PathBuf>,
}

impl Git {
    /// Runs a call that reads the disk only.
    pub(super) async fn read(&self, args: impl AsRef<[&str]>, input: Vec<u8>) -> Result<Output, GitError> {
        let mut command = self.local();
        command.args(args.as_ref());
        let limits = Limits { deadline: self.options.deadline, output: LIST_LIMIT };
        self.run(subcommand(args.as_ref()), command, input, limits).await
    }

    /// Runs a call that may use the network.
    pub(super) async fn reach(&self, args: impl AsRef<[&str]>, input: Vec<u8>) -> Result<Output, GitError> {
        self.reach_within(args, input, Duration::MAX).await
    }

    /// The same, in no more than `limit` where that is less.
    pub(super) async fn reach_within(
        &self,
        args: impl AsRef<[&str]>,
        input: Vec<u8>,
        limit: Duration,
    ) -> Result<Output, GitError> {
        let mut command = self.remote();
        command.args(args.as_ref());
        let limits = Limits { deadline: self.options.fetch_deadline.min(limit), output: LIST_LIMIT };
        self.run(subcommand(args.as_ref()), command, input, limits).await
    }

    /// Runs a call that writes to our own copy, with the person's configuration where that counts, and no network.
    pub(super) async fn as_person(
        &self,
        args: &[&str],
        input: Vec<u8>,
        environment: &[(&str, OsString)],
    ) -> Result<Output, GitError> {
        let mut command = self.remote();
        command.env("GIT_ALLOW_PROTOCOL", "none").env("GIT_NO_LAZY_FETCH", "1");
        command.envs(environment.iter().map(|(name, value)| (name, value))).args(args);
        let limits = Limits { deadline: self.options.deadline, output: LIST_LIMIT };
        self.run(subcommand(args), command, input, limits).await
    }

    /// Starts a call that one talks with.
    pub(super) fn talk<const N: usize>(&self, args: [&str; N]) -> Result<Running, GitError> {
        let mut command = self.local();
        command.args(args);
        Ok(Running::talk(&format!("git {}", args[0]), command)?)
    }

    async fn run(&self, name: &str, command: Command, input: Vec<u8>, limits: Limits) -> Result<Output, GitError> {
        let mut output = process::run(&format!("git {name}"), command, input, limits).await?;
        let token = self.options.token.as_ref().map_or("", |token| &token.token);
        output.stderr = redact(&output.stderr, &[token]);
        Ok(output)
    }

    /// Without any transport: a repository on disk that misses objects must not fetch them, for its own configuration
    /// would say how (`core.sshCommand`, `remote.*.uploadpack`).
    fn local(&self) -> Command {
        let mut command = self.command();
        command.env("GIT_ALLOW_PROTOCOL", "none").env("GIT_NO_LAZY_FETCH", "1");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", "/nonexistent");
        command
    }

    fn remote(&self) -> Command {
        let mut command = self.command();
        for setting in WITHOUT_BLOBS {
            command.args(["-c", setting]);
        }
        command.env("GIT_ALLOW_PROTOCOL", "file:https:ssh");
        // Without a terminal a question is an error at once, not a wait for the deadline.
        command.env("SSH_ASKPASS", "/bin/false").env("SSH_ASKPASS_REQUIRE", "force");
        if self.options.personal {
            command.envs(PERSONAL.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        } else {
            command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", "/nonexistent");
            command.env("GIT_SSH_COMMAND", self.ssh());
        }
        if let Some(certificates) = &self.options.certificate_authority {
            command.env("GIT_SSL_CAINFO", certificates);
        }
        if let (Some(askpass), Some(token)) = (&self.askpass, &self.options.token) {
            command.env("GIT_ASKPASS", askpass);
            command.env("ANCHORWATCH_GIT_USER", &token.user).env("ANCHORWATCH_GIT_TOKEN", &token.token);
        } else {
            command.env("GIT_ASKPASS", "/bin/false");
        }
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.options.program);
        command.env_clear().current_dir("/");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()));
        command.envs([
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            // A commit id stands for what it names, not for what refs/replace puts in its place.
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_LITERAL_PATHSPECS", "1"),
            // Reading another user's repository is safe as nothing in it is executed.
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "safe.directory"),
            ("GIT_CONFIG_VALUE_0", "*"),
        ]);
        command.arg("--no-pager");
        for setting in OVERRIDES {
            command.args(["-c", setting]);
        }
        command.arg("--git-dir").arg(&self.dir);
        command
    }

    /// The ssh of a service: hosts it was told of, the key it was given, nobody's configuration.
    fn ssh(&self) -> String {
        let mut words = vec!["ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes".to_owned()];
        if let Some(hosts) = &self.options.known_hosts {
            words.push(format!("-o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile={}", quoted(hosts)));
        }
        if let Some(key) = &self.options.ssh_key {
            words.push(format!("-o IdentitiesOnly=yes -i {}", quoted(key)));
        }
        words.join(" ")
    }
}

/// Quotes a path for the shell that Git runs ssh with.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

/// The subcommand among arguments that may begin with `-c NAME=VALUE`.
fn subcommand<'a>(args: &[&'a str]) -> &'a str {
    args.iter().find(|arg| !arg.starts_with('-') && !arg.contains('=')).unwrap_or(&"")
}
