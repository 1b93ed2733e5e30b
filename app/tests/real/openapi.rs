//! What the document of the API says and what the API does, held beside each other by schemathesis.

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use anchorwatch_testbed::{Service, python};

/// The release that is used; another one may check other things.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// What is checked. Valid data that is refused is not: a day in the past is a day.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,ignored_auth,unsupported_method";

#[test]
fn the_api_does_what_its_document_says() {
    let program = match python::environment("schemathesis", &[SCHEMATHESIS]) {
        Ok(folder) => folder.join("bin/st"),
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
