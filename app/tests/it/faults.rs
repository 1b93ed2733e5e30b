//! What a service does when something beside it fails: it stays up, says what is wrong, and calls nothing clean that it has not
//! compared.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anchorwatch_testbed::{Answer, Service};
use serde_json::{Value, json};

use crate::world::{World, config_map, list, live_config_map};

const CONFIG: &str = "listen: 127.0.0.1:0
clusters:
- {name: lab, snapshot: live.json}
push_webhook: {secret_file: push.secret}
sources:
- {name: shop, cluster: lab, address: 'git?ref=main', interval: 24h}
";

/// A service on a repository, and an approver's token.
struct Served {
    world: World,
    service: Service,
    token: String,
}

/// A repository and a recorded state that differs from it.
fn drifted() -> World {
    let world = World::new();
    world.write("git/all.yaml", [config_map("a", "k: v"), config_map("b", "k: v")].concat());
    world.commit("git");
    differ(&world, "w");
    world.write("push.secret", "between us\n");
    world.write("anchorwatch.yaml", CONFIG);
    world
}

/// Has the cluster say this of `a`; of `b` it always says what Git does not.
fn differ(world: &World, value: &str) {
    let live = [("a", value), ("b", "w")].map(|(name, value)| live_config_map(name, &json!({"k": value})));
    world.write("live.json", list(&live));
}

impl Served {
    fn start(world: World) -> Self {
        let command = world.command(&["serve", "--config", "anchorwatch.yaml"]);
        Self::run(world, command)
    }

    fn run(world: World, command: Command) -> Self {
        let service = Service::start("anchorwatch", command, &world.work().join("log")).unwrap();
        let token = token(&world, "ann");
        Self { world, service, token }
    }

    fn scanned(self) -> Self {
        self.until("a scan", || !self.source()["last_success_at"].is_null());
        self
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_mins(1);
        while !holds() {
            assert!(Instant::now() < end, "{what} never came\n{}", self.service.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.service.get(path, &self.token)
    }

    /// A page, as a browser asks for it.
    fn page(&self, path: &str) -> String {
        self.service.page("GET", path, &self.token, "").text
    }

    fn source(&self) -> Value {
        self.get("/api/v1/sources").json()["items"][0].clone()
    }

    fn scan(&self) -> Answer {
        self.service.post("/api/v1/drift/scan", &self.token, &json!({}))
    }

    fn items(&self, query: &str) -> Vec<Value> {
        self.get(&format!("/api/v1/drift/items?{query}")).json()["items"].as_array().unwrap().clone()
    }
}

/// Makes an approver's token.
fn token(world: &World, name: &str) -> String {
    let mut command = world.command(&["token", "create", name, "--role", "approver", "--config", "anchorwatch.yaml"]);
    command.env("TMPDIR", world.work());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn two_who_acknowledge_at_once_are_told_of_the_same_one() {
    let served = Served::start(drifted()).scanned();
    let tokens = [served.token.clone(), token(&served.world, "bob")];
    for item in served.items("status=pending") {
        let path = format!("/api/v1/drift/items/{}/acknowledge", item["fingerprint"].as_str().unwrap());
        let together = Barrier::new(8);
        let decided: Vec<Value> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..8)
                .map(|n| {
                    let (path, token, together, service) = (&path, &tokens[n % 2], &together, &served.service);
                    scope.spawn(move || {
                        together.wait();
                        let answer = service.post(path, token, &json!({}));
                        assert_eq!(answer.status, 200, "{}", answer.text);
                        answer.json()
                    })
                })
                .collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        for told in &decided {
            assert_eq!(told["status"], "acknowledged");
            assert_eq!(
                (&told["decided_by"], &told["decided_at"]),
                (&decided[0]["decided_by"], &decided[0]["decided_at"])
            );
        }
    }
    assert_eq!(served.items("status=acknowledged").len(), 2);
    assert!(!served.service.log().contains("ERROR"), "{}", served.service.log());
}

/// The most memory that a process has had, in megabytes.
fn most_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn a_hundred_megabytes_are_refused_and_not_kept() {
    const MEGABYTES: usize = 100;
    let served = Served::start(drifted()).scanned();
    let host = served.service.url().strip_prefix("http://").unwrap();
    let before = most_memory(served.service.id());
    for (path, headers) in [
        ("/api/v1/drift/scan", format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", served.token)),
        ("/api/v1/webhooks/push", "X-Gitlab-Event: Push Hook\r\nX-Gitlab-Token: between us\r\n".to_owned()),
        ("/login", "Content-Type: application/x-www-form-urlencoded\r\n".to_owned()),
    ] {
        for framing in [format!("Content-Length: {}", MEGABYTES << 20), "Transfer-Encoding: chunked".to_owned()] {
            let mut stream = TcpStream::connect(host).unwrap();
            write!(stream, "POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}{framing}\r\nConnection: close\r\n\r\n")
                .unwrap();
            let megabyte = vec![b' '; 1 << 20];
            for _ in 0..MEGABYTES {
                let chunk = if framing.contains("chunked") { "100000\r\n" } else { "" };
                let end = if chunk.is_empty() { "" } else { "\r\n" };
                for part in [chunk.as_bytes(), &megabyte, end.as_bytes()] {
                    stream.write_all(part).unwrap();
                }
            }
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with("HTTP/1.1 413"), "{path}, {framing}: {answer}");
        }
    }
    assert_eq!(served.get("/livez").status, 200);
    let more = most_memory(served.service.id()) - before;
    assert!(more < 50, "it kept {more} MB of them");
}

#[test]
fn a_malformed_push_is_refused() {
    let served = Served::start(drifted()).scanned();
    let deep = "[".repeat(500_000);
    let push = |body: &str| {
        let headers = [("x-gitlab-event", "Push Hook"), ("x-gitlab-token", "between us")];
        served.service.ask("POST", "/api/v1/webhooks/push", &headers, body)
    };
    for body in ["", "null", "7", "\u{0}", "{\"ref\": 7}", "{\"ref\": \"\\ud800\"}", &deep] {
        let answer = push(body);
        assert_eq!(answer.status, 400, "{:.40}: {}", body, answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    for body in ["{}", "[]", "{\"repository\": {}}"] {
        assert_eq!(push(body).json(), json!({"sources": []}), "{body}");
    }
    for signature in ["", "sha256=", "sha256=zz", "sha256=0", "sha256=\u{e9}"] {
        let headers = [("x-github-event", "push"), ("x-hub-signature-256", signature)];
        assert_eq!(served.service.ask("POST", "/api/v1/webhooks/push", &headers, "{}").status, 401, "{signature}");
    }
}

#[test]
fn a_repository_that_is_gone_is_a_failed_scan_until_it_is_back() {
    let served = Served::start(drifted()).scanned();
    let (here, away) = (served.world.work().join("git"), served.world.work().join("away"));
    fs::rename(&here, &away).unwrap();
    // Meanwhile nothing differs any more: nobody has seen it.
    differ(&served.world, "v");
    let failed = served.scan();
    assert_eq!(failed.status, 502, "{}", failed.text);
    assert_eq!(served.items("status=pending").len(), 2);
    let page = served.page("/");
    assert!(page.contains("<strong>shop</strong> The scan failed just now. What is shown is from"), "{page}");
    assert!(!page.contains("No drift"), "{page}");
    assert!(served.get("/metrics").text.contains("anchorwatch_scan_failures_total{cluster=\"lab\",source=\"shop\"} 1"));
    assert!(served.service.log().contains("scan failed"), "{}", served.service.log());
    assert_eq!(served.service.ask("GET", "/readyz", &[], "").status, 200, "the service itself is well");

    fs::rename(&away, &here).unwrap();
    assert_eq!(served.scan().status, 200);
    assert_eq!(served.source()["last_failure"], Value::Null);
    assert_eq!((served.items("status=pending").len(), served.items("status=resolved").len()), (1, 1));
}

/// The library that shows a program another time, where it is installed.
fn faketime() -> Option<PathBuf> {
    let places = fs::read_dir("/usr/lib").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    places.map(|place| place.join("faketime/libfaketime.so.1")).find(|file| file.is_file())
}

#[test]
fn a_clock_that_jumps_stops_no_scan_and_hides_no_drift() {
    let Some(faketime) = faketime() else {
        writeln!(io::stderr().lock(), "skipped: libfaketime is not installed (Debian: libfaketime)").unwrap();
        return;
    };
    let world = drifted();
    world.write("anchorwatch.yaml", CONFIG.replace("24h", "10s"));
    world.write("clock", "+10d");
    let mut command = world.command(&["serve", "--config", "anchorwatch.yaml"]);
    command.env("LD_PRELOAD", faketime).env("FAKETIME_TIMESTAMP_FILE", world.work().join("clock"));
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let served = Served::run(world, command).scanned();
    // Ten days back, then on again: sources stay due, and what is found counts.
    for (offset, value, open) in [("+0d", "v", 1), ("+10d", "x", 2)] {
        served.world.write("clock", offset);
        differ(&served.world, value);
        served.until("a scan after the jump", || served.items("status=pending").len() == open);
    }
    assert!(served.service.log().contains("the clock was set back"), "{}", served.service.log());
    assert_eq!(served.source()["last_failure"], Value::Null);
}

/// The program in a file system of its own, which ends with it: `mounting` says how it is made over `state`.
fn within(world: &World, mounting: &str) -> Option<Command> {
    let state = world.work().join("state");
    fs::create_dir_all(&state).unwrap();
    let script = format!("mount {mounting} \"$0\" && exec \"$@\"");
    let enclosed = ["--user", "--map-root-user", "--mount", "sh", "-c", &script];
    let tried = Command::new("unshare").args(enclosed).arg(&state).arg("true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        writeln!(io::stderr().lock(), "skipped: no file system can be mounted here").unwrap();
        return None;
    }
    let own = world.command(&["serve", "--config", "anchorwatch.yaml"]);
    let mut command = Command::new("unshare");
    command
        .args(enclosed)
        .arg(&state)
        .arg(own.get_program())
        .args(own.get_args())
        .current_dir(world.work())
        .env_clear();
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // It is SQLite that this is about, whatever the others remember in.
    command.env("ANCHORWATCH_STORE", format!("sqlite:{}", state.join("state.db").display()));
    Some(command)
}

#[test]
fn a_store_on_a_full_disk_is_said_and_loses_nothing() {
    let world = drifted();
    let Some(command) = within(&world, "-t tmpfs -o size=64m tmpfs") else { return };
    let mut service = Service::start("anchorwatch", command, &world.work().join("log")).unwrap();
    let code = service.log().split_once("/login?code=").unwrap().1.split_whitespace().next().unwrap().to_owned();
    let came_in = service.ask(
        "POST",
        "/login",
        &[("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")],
        &format!("code={code}"),
    );
    let cookie = came_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page = |path: &str| service.ask("GET", path, &[("cookie", &cookie), ("accept", "text/html")], "");
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        let end = Instant::now() + Duration::from_mins(1);
        while !holds() {
            assert!(Instant::now() < end, "{what} never came\n{}", service.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    until("a scan", &|| page("/").text.contains("2 items"));

    // Somebody fills the disk, but for an eighth of a megabyte: a scan can be asked for, and not be recorded.
    let inside =
        Path::new("/proc").join(service.id().to_string()).join("root").join(world.work().strip_prefix("/").unwrap());
    let file = fs::File::create(inside.join("state/filler")).unwrap();
    let fill = || {
        let full = std::iter::repeat_with(|| (&file).write_all(&[0; 4096])).find_map(Result::err).unwrap();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    };
    fill();
    file.set_len(file.metadata().unwrap().len() - (128 << 10)).unwrap();
    let names: Vec<String> = (0..1500).map(|n| format!("more-{n}")).collect();
    world.write("git/more.yaml", names.iter().map(|name| config_map(name, "k: v")).collect::<String>());
    world.commit("git");
    let live: Vec<Value> = names.iter().map(|name| live_config_map(name, &json!({"k": "w"}))).collect();
    world.write("live.json", list(&live));
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin"), ("accept", "text/html")];
    assert_eq!(service.ask("POST", "/sources/shop/scan", &headers, "").status, 303, "there is room to ask for it");
    let ready = || service.ask("GET", "/readyz", &[], "");
    until("what cannot be done", &|| ready().status == 503);
    assert!(ready().text.contains("cannot record a scan"), "{}", ready().text);
    // It is tried again and again, and what failed stands in nobody's way.
    fill();
    until("several tries", &|| service.log().matches("cannot renew the claim").count() > 1);
    assert!(service.log().contains("full"), "{}", service.log());
    assert!(!service.log().contains("locked"), "{}", service.log());
    assert_eq!(service.ask("GET", "/livez", &[], "").status, 200);
    let said = page("/").text;
    assert!(said.contains("The store does not take everything since") && said.contains("2 items"), "{said}");
    let metrics = page("/metrics").text;
    assert!(metrics.contains("\nanchorwatch_store_faults 1"), "{metrics}");

    file.set_len(0).unwrap();
    // The same scan is recorded, not another one.
    until("what the scan has found", &|| page("/").text.contains("1502 items"));
    until("that it is well", &|| ready().status == 200);
    assert!(service.log().contains("over: cannot record a scan"), "{}", service.log());
    assert_eq!(service.log().matches("scanned").count(), 2, "{}", service.log());
    assert!(!service.has_ended());
}

#[test]
fn a_store_that_cannot_be_written_is_said_at_the_start() {
    let world = drifted();
    let Some(command) = within(&world, "-t tmpfs -o ro tmpfs") else { return };
    world.run_with(command).ends(2, &["cannot open the store", "hint: see whether the folder can be written"]);
}
