//! A cluster that answers as a test says: HTTP on a free port of the loopback interface.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use anchorwatch_testbed::free_ports;

/// What the server says.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: &'static str,
    pub(crate) body: String,
}

impl Answer {
    /// 200 with a body.
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self { status: 200, headers: "", body: body.into() }
    }

    /// A `Status` of Kubernetes's.
    pub(crate) fn status(status: u16, message: &str) -> Self {
        let body = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status});
        Self { status, headers: "", body: body.to_string() }
    }

    /// With a header line, ended by `\r\n`.
    pub(crate) fn with(self, headers: &'static str) -> Self {
        Self { headers, ..self }
    }
}

/// The server; it answers until the test's process ends.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers by what was asked (path and query) and how often it was asked before.
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
                    let path = request_path(&connection)?;
                    let before = {
                        let mut counts = counts.lock().unwrap();
                        let count = counts.entry(path.clone()).or_default();
                        *count += 1;
                        *count - 1
                    };
                    log.lock().unwrap().push(path.clone());
                    reply(connection, &answer(&path, before)).ok()
                });
            }
        });
        Self { port, asked }
    }

    /// A cluster of Kubernetes 1.33 that answers its version, and this to all else.
    pub(crate) fn cluster(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(move |path, before| match path {
            "/version" => Answer::ok(r#"{"major": "1", "minor": "33"}"#),
            other => answer(other, before),
        })
    }

    /// A kubeconfig with a token for it.
    pub(crate) fn kubeconfig(&self) -> String {
        kubeconfig(self.port)
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Paths that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A kubeconfig for a port of the loopback interface.
pub(crate) fn kubeconfig(port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\nclusters:\n- name: test\n  cluster: {{server: \"http://127.0.0.1:{port}\"}}\ncontexts:\n- name: test\n  context: {{cluster: test, user: test, namespace: shop}}\nusers:\n- name: test\n  user: {{token: opaque-bearer-token}}\n"
    )
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let [port] = free_ports().unwrap();
    port
}

fn request_path(connection: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next()?.ok()?;
    for line in lines {
        if line.ok()?.is_empty() {
            break;
        }
    }
    first.split(' ').nth(1).map(str::to_owned)
}

fn reply(mut connection: TcpStream, Answer { status, headers, body }: &Answer) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes())?;
    connection.write_all(body.as_bytes())
}
