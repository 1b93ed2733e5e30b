//! The world of one test: a folder with a home, a state folder and a temporary folder, and a cleaned environment.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// Longest time one run of the program may take. Ten megabytes take an unoptimized one half a minute on a busy machine.
const RUN_LIMIT: Duration = Duration::from_mins(3);

/// Where the program runs.
pub(crate) struct World(tempfile::TempDir);

impl World {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        for name in ["bin", "home", "state", "tmp", "work"] {
            fs::create_dir(world.0.path().join(name)).unwrap();
        }
        // A key that everybody knows: fingerprints of secrets are the same in each run.
        fs::create_dir(world.state().join("anchorwatch")).unwrap();
        fs::write(world.key_file(), [7; 32]).unwrap();
        world
    }

    /// One with `git.yaml` and a recorded `live.json` of these items.
    pub(crate) fn comparing(git: &str, items: &[Value]) -> Self {
        let world = Self::new();
        world.write("git.yaml", git);
        world.write("live.json", list(items));
        world
    }

    /// The folder that the program runs in.
    pub(crate) fn work(&self) -> PathBuf {
        self.0.path().join("work")
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let file = self.work().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    /// Puts a script in the place of a program. `WORK` in it is the folder that tests write to.
    ///
    /// It is written by another process: one that this process still has open cannot be started, and a test beside this
    /// one may be starting a child that inherits the open file for a moment.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let script = format!("#!/bin/sh\n{}\n", script.replace("WORK", &self.work().display().to_string()));
        let write = ["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\""];
        let status = Command::new("sh").args(write).arg(self.0.path().join("bin").join(name)).arg(script).status();
        assert!(status.unwrap().success());
    }

    /// Commits everything below `folder` to a repository there; gives the commit's id.
    pub(crate) fn commit(&self, folder: &str) -> String {
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(self.work().join(folder)).args(arguments).env("HOME", self.0.path().join("home"));
            command.env("GIT_CONFIG_NOSYSTEM", "1");
            for role in ["AUTHOR", "COMMITTER"] {
                command.env(format!("GIT_{role}_NAME"), "Ann").env(format!("GIT_{role}_EMAIL"), "ann@example.com");
            }
            let output = command.output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message=all"]);
        git(&["rev-parse", "HEAD"])
    }

    /// The program, about to run here; with nothing of this process's environment but the path.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let at = |name: &str| self.0.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
        command.args(arguments).current_dir(self.work()).env_clear();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(at("bin")).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap()).env("LANG", "C").env("TZ", "UTC");
        command.env("HOME", at("home")).env("XDG_STATE_HOME", at("state"));
        // What a command leaves behind is looked for, and a service beside it may be scanning.
        let serves = arguments.iter().any(|argument| matches!(*argument, "serve" | "--serve"));
        command.env("TMPDIR", if serves { self.work() } else { at("tmp") });
        if matches!(arguments.first(), Some(&("audit" | "serve" | "token" | "store"))) {
            anchorwatch_testbed::remember(&mut command, self.0.path()).unwrap();
        }
        command
    }

    /// Runs the program to its end. It must neither hang nor panic, nor leave anything in the temporary folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(self.command(arguments))
    }

    /// As `run`, with a command of one's own.
    pub(crate) fn run_with(&self, command: Command) -> Run {
        let output = anchorwatch_testbed::run(command, b"", RUN_LIMIT).unwrap();
        let run = Run {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!run.err.contains("panicked"), "{}", run.err);
        let left: Vec<_> = fs::read_dir(self.0.path().join("tmp")).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(left, [] as [PathBuf; 0], "left in the temporary folder");
        run
    }

    /// Scans `git.yaml` against `live.json`, with more arguments.
    pub(crate) fn scan(&self, arguments: &[&str]) -> Run {
        self.run(&[&["scan", "--source", "git.yaml", "--live", "live.json", "-n", "shop"], arguments].concat())
    }

    /// The key of the fingerprints.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.state().join("anchorwatch/secret.key")
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// Fails unless it ended with this code, and stderr says all this.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, said: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        for text in said {
            assert!(self.err.contains(text), "{text:?} is not in stderr:\n{}", self.err);
        }
        self
    }

    /// Fails unless stdout says all this.
    #[track_caller]
    pub(crate) fn shows(&self, shown: &[&str]) -> &Self {
        for text in shown {
            assert!(self.out.contains(text), "{text:?} is not in stdout:\n{}\nstderr:\n{}", self.out, self.err);
        }
        self
    }

    /// Fails if stdout or stderr says any of this.
    #[track_caller]
    pub(crate) fn hides(&self, hidden: &[&str]) -> &Self {
        for text in hidden {
            for stream in [&self.out, &self.err] {
                assert!(!stream.contains(text), "{text:?} is in:\n{stream}");
            }
        }
        self
    }

    /// Stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| {
            unreadable(&format!("{error}\nstdout:\n{}\nstderr:\n{}", self.out, self.err));
        })
    }

    /// The reports of `-o json`.
    #[track_caller]
    pub(crate) fn reports(&self) -> Vec<Value> {
        let answer = self.json();
        let reports = answer["items"].as_array().unwrap().clone();
        assert_eq!(answer["total"], reports.len());
        reports
    }

    /// Items of all reports: `KIND/NAME change path`.
    #[track_caller]
    pub(crate) fn items(&self) -> Vec<String> {
        let items = self.reports().into_iter().flat_map(|r| r["items"].as_array().unwrap().clone());
        let word = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
        items
            .map(|i| {
                let line = [word(&i, "resource_kind"), "/".to_owned(), word(&i, "resource_name")].concat();
                [line, word(&i, "change"), word(&i, "stable_path")].join(" ").trim_end().to_owned()
            })
            .collect()
    }

    /// What was not compared, of all reports: `what: reason`.
    #[track_caller]
    pub(crate) fn not_compared(&self) -> Vec<String> {
        let entries = self.reports().into_iter().flat_map(|r| r["not_compared"].as_array().unwrap().clone());
        entries.map(|e| format!("{}: {}", e["what"].as_str().unwrap(), e["reason"].as_str().unwrap())).collect()
    }

    /// States of all reports, by namespace.
    #[track_caller]
    pub(crate) fn states(&self) -> Vec<String> {
        let reports = self.reports();
        reports.iter().map(|r| [r["namespace"].as_str().unwrap(), r["state"].as_str().unwrap()].join(" ")).collect()
    }
}

#[expect(clippy::panic, reason = "the output is the reason that the test fails")]
#[track_caller]
fn unreadable(why: &str) -> ! {
    panic!("{why}")
}

/// A `List` as `kubectl get -o json` gives it.
pub(crate) fn list(items: &[Value]) -> String {
    serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// A ConfigMap in YAML, for Git.
pub(crate) fn config_map(name: &str, data: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: shop\ndata:\n  {data}\n---\n")
}

/// A ConfigMap of the cluster, delivered by kubectl and edited by hand.
pub(crate) fn live_config_map(name: &str, data: &Value) -> Value {
    let fields = data.as_object().unwrap().keys().map(|key| (["f:", key].concat(), serde_json::json!({})));
    let owner = managed("kubectl-edit", &serde_json::json!({"f:data": Value::Object(fields.collect())}));
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop", "managedFields": [owner]},
        "data": data,
    })
}

/// An entry of `managedFields`.
pub(crate) fn managed(manager: &str, fields: &Value) -> Value {
    serde_json::json!({
        "manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-11-01T10:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    })
}

/// Runs a command with its stdout a pipe that is closed after the first line.
pub(crate) fn head_one(mut command: Command) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Compares with a checked-in file. `UPDATE_SNAPSHOTS=1` writes it anew, for a review of its diff.
#[track_caller]
pub(crate) fn check_snapshot(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::File::create(&file).unwrap().write_all(text.as_bytes()).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(text, expected, "{name} changed; if it is meant: UPDATE_SNAPSHOTS=1 cargo test --test it demo");
}

/// Makes a key and a certificate that vouches for itself, `tls.key` and `tls.crt`, for a name as in `DNS:localhost`; false where nothing
/// here can, which is said.
pub(crate) fn certify(folder: &Path, name: &str, is_authority: bool) -> bool {
    let constraint = if is_authority { "CA:TRUE" } else { "CA:FALSE" };
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-keyout", "tls.key", "-out", "tls.crt", "-subj", "/CN=localhost"])
        .args([
            "-addext",
            &format!("subjectAltName={name}"),
            "-addext",
            &format!("basicConstraints=critical,{constraint}"),
        ])
        .current_dir(folder)
        .output();
    let Ok(made) = made else {
        writeln!(std::io::stderr().lock(), "skipped: openssl is not installed").unwrap();
        return false;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    true
}
