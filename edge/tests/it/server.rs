//! A cluster that answers as a test says, piece by piece: HTTP on a free port of the loopback interface.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

/// What the server says.
pub(crate) struct Answer {
    status: u16,
    headers: &'static str,
    body: String,
    end: End,
}

/// What comes after the body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Its regular end.
    Clean,
    /// The connection is cut.
    Cut,
    /// Nothing, and the connection stays until the other side ends it.
    Hang,
}

impl Answer {
    /// 200.
    pub(crate) fn ok(body: impl Into<String>, end: End) -> Self {
        Self { status: 200, headers: "", body: body.into(), end }
    }

    /// A refusal; header lines end with `\r\n`.
    pub(crate) fn refusal(status: u16, headers: &'static str) -> Self {
        let body = serde_json::json!({"kind": "Status", "message": "as the test says", "code": status});
        Self { status, headers, body: body.to_string(), end: End::Clean }
    }
}

/// The server; it answers until the test's process ends.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers by path and query, and how many requests of the same path came before.
    pub(crate) fn start(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&asked));
        thread::spawn(move || {
            let counts: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
            for connection in listener.incoming().flatten() {
                let (answer, log, counts) = (Arc::clone(&answer), Arc::clone(&log), Arc::clone(&counts));
                // A client that goes away in the middle is no failure of the server.
                thread::spawn(move || {
                    let target = request_target(&connection)?;
                    let path = target.split_once('?').map_or(&*target, |(path, _)| path).to_owned();
                    let before = {
                        let mut counts = counts.lock().unwrap();
                        let count = counts.entry(path).or_default();
                        *count += 1;
                        *count - 1
                    };
                    log.lock().unwrap().push(target.clone());
                    reply(connection, &answer(&target, before)).ok()
                });
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\nclusters:\n- name: test\n  cluster: {{server: \"http://127.0.0.1:{port}\"}}\ncontexts:\n- name: test\n  context: {{cluster: test, user: test}}\nusers:\n- name: test\n  user: {{token: opaque-bearer-token}}\n"
        );
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
        Self { folder, asked }
    }

    /// A kubeconfig with a token for it.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Paths and queries that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn request_target(connection: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next()?.ok()?;
    for line in lines {
        if line.ok()?.is_empty() {
            break;
        }
    }
    first.split(' ').nth(1).map(str::to_owned)
}

fn reply(mut connection: TcpStream, Answer { status, headers, body, end }: &Answer) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n{headers}Connection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes())?;
    if !body.is_empty() {
        connection.write_all(format!("{:x}\r\n{body}\r\n", body.len()).as_bytes())?;
    }
    match end {
        End::Clean => connection.write_all(b"0\r\n\r\n"),
        End::Cut => Ok(()),
        End::Hang => connection.read_to_end(&mut Vec::new()).map(drop),
    }
}
