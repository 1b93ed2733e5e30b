//! How Git is run, seen by a program in its place.

use std::fs;
use std::time::Duration;

use anchorwatch_edge::git::{AccessToken, GitError, GitLocation, GitOptions, GitRepository};
use anchorwatch_edge::process::ProcessError;

use crate::fakes::fake;

/// Opens a remote repository with a script in Git's place.
async fn open(folder: &std::path::Path, script: &str, options: GitOptions) -> GitError {
    let location: GitLocation = "https://git.example.com/shop.git".parse().unwrap();
    let options = GitOptions { program: fake(folder, script), ..options };
    GitRepository::open(&location, options, &folder.join("scratch")).await.unwrap_err()
}

#[tokio::test]
async fn a_token_reaches_git_by_askpass_only_and_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = format!(
        "case \"$*\" in *ls-remote*) ;; *) exit 0 ;; esac\n\
         {{ echo \"$@\"; \"$GIT_ASKPASS\" 'Username for x'; \"$GIT_ASKPASS\" 'Password for x'; }} > '{log}'\n\
         echo \"fatal: $ANCHORWATCH_GIT_TOKEN is wrong for https://ann:pw@git.example.com/\" >&2\nexit 128",
        log = log.display()
    );
    let token = AccessToken { user: "ann".into(), token: "S3CRET-T0KEN".into() };
    let options = GitOptions { token: Some(token.clone()), personal: false, ..GitOptions::default() };
    let error = open(folder.path(), &script, options).await;
    let expected =
        "cannot fetch https://git.example.com/shop.git: fatal: *** is wrong for https://***@git.example.com/";
    assert_eq!(error.to_string(), expected);
    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert!(!lines[0].contains("S3CRET") && lines[1..] == ["ann", "S3CRET-T0KEN"], "{log}");
    assert!(!format!("{error:?} {token:?}").contains("S3CRET"));
    for entry in fs::read_dir(folder.path().join("scratch")).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.is_dir() || !fs::read_to_string(path).unwrap().contains("S3CRET"));
    }
}

#[tokio::test]
async fn a_service_gives_git_nothing_of_its_own_environment() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = format!(
        "case \"$*\" in *ls-remote*) ;; *) exit 0 ;; esac\n{{ env; echo \"$@\"; }} > '{}'; exit 1",
        log.display()
    );
    let options = GitOptions {
        personal: false,
        known_hosts: Some("/etc/known's hosts".into()),
        ssh_key: Some("/etc/key".into()),
        ..GitOptions::default()
    };
    open(folder.path(), &script, options).await;
    let log = fs::read_to_string(log).unwrap();
    let names: Vec<&str> = log.lines().filter_map(|line| line.split_once('=').map(|(name, _)| name)).collect();
    let known = ["HOME", "PATH", "PWD", "OLDPWD", "SHLVL", "_", "LC_ALL", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"];
    assert!(
        names.iter().all(|name| known.contains(name) || name.starts_with("GIT_") || name.contains(' ')),
        "{names:?}"
    );
    for part in [
        "GIT_CONFIG_NOSYSTEM=1\n",
        "GIT_CONFIG_GLOBAL=/dev/null\n",
        "GIT_TERMINAL_PROMPT=0\n",
        "GIT_ALLOW_PROTOCOL=file:https:ssh\n",
        "LC_ALL=C\n",
        "-c core.hooksPath=/dev/null ",
        "-c core.fsmonitor=false ",
        "-c http.followRedirects=false ",
        "-c submodule.recurse=false ",
        "StrictHostKeyChecking=yes",
        r"UserKnownHostsFile='/etc/known'\''s hosts'",
        "-o IdentitiesOnly=yes -i '/etc/key'",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!log.contains("GIT_DIR="), "{log}");
}

#[tokio::test]
async fn git_is_killed_with_its_children_when_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sleep 300 & echo $! > \"$(dirname \"$0\")/child\"; sleep 300";
    let options = GitOptions { fetch_deadline: Duration::from_millis(500), ..GitOptions::default() };
    let error = open(folder.path(), script, options).await;
    assert!(matches!(&error, GitError::Run(ProcessError::Wait { .. })), "{error}");
    let child = fs::read_to_string(folder.path().join("child")).unwrap();
    assert!(crate::fakes::ends(child.trim()).await, "the child lives on");
}
