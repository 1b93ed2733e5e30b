//! What the document of the API says and what the API does, held beside each other by schemathesis.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anchorwatch_testbed::Service;

/// The release that is used; another one may check other things.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// What is checked. Valid data that is refused is not: a day in the past is a day.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,ignored_auth,unsupported_method";

/// The program, installed once from `PyPI`.
fn schemathesis() -> Result<PathBuf, String> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).ok_or("no home")?;
    let folder = cache.join("anchorwatch").join(SCHEMATHESIS.replace("==", "-"));
    let (program, whole) = (folder.join("bin/st"), folder.join("whole"));
    if whole.is_file() {
        return Ok(program);
    }
    let run = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments);
        let output = anchorwatch_testbed::run(command, b"", Duration::from_mins(5)).map_err(|e| e.to_string())?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    };
    let fail = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&folder).map_err(fail)?;
    run(Path::new("python3"), &["-m", "venv", "--clear", &folder.to_string_lossy()])?;
    run(&folder.join("bin/python"), &["-m", "pip", "install", "--quiet", SCHEMATHESIS])?;
    // One that was begun and not ended is made anew.
    fs::write(whole, "").map_err(fail)?;
    Ok(program)
}

#[test]
fn the_api_does_what_its_document_says() {
    let program = match schemathesis() {
        Ok(program) => program,
        Err(why) => {
            writeln!(std::io::stderr(), "skipped: schemathesis cannot be installed: {why}").unwrap();
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let anchorwatch = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
        command.args(arguments).env_clear().env("HOME", folder.path()).current_dir(folder.path());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        anchorwatch_testbed::remember(&mut command, folder.path()).unwrap();
        command
    };
    // The sample, served to those who have a token.
    assert!(anchorwatch(&["demo", "--keep", "d", "-o", "json"]).output().unwrap().status.success());
    let config = "listen: 127.0.0.1:0\nclusters:\n- {name: demo, snapshot: d/snapshot.json}\nsources:\n\
                  - {name: shop, cluster: demo, address: 'd/shop.git//deploy?ref=main', namespace: shop, secrets: compare}\n";
    fs::write(path("anchorwatch.yaml"), config).unwrap();
    let serve = anchorwatch(&["serve", "--config", "anchorwatch.yaml"]);
    let service = Service::start("anchorwatch", serve, &path("log")).unwrap();
    let token = anchorwatch(&["token", "create", "st", "--role", "approver", "--config", "anchorwatch.yaml"]).output();
    let token = String::from_utf8(token.unwrap().stdout).unwrap();
    let mut check = Command::new(program);
    check
        .arg("run")
        .arg(format!("{}/api/v1/openapi.json", service.url()))
        .args(["-H", &format!("Authorization: Bearer {}", token.trim()), "--checks", CHECKS])
        .args(["--max-examples", "25", "--seed", "1", "--workers", "1", "--no-color"])
        .current_dir(folder.path());
    let output = anchorwatch_testbed::run(check, b"", Duration::from_mins(5)).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", service.log());
    assert!(!service.log().contains("broke down"), "{}", service.log());
}
