//! A provider that a test plays: strict about what it is asked, and free in how it answers.
//!
//! A request of an unknown shape is answered as the real one does, with 400, and fails the test when the fake is dropped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anchorwatch_core::route::provider::Dialect;
use serde_json::{Value as Json, json};

/// What is answered to a question of a chat or of vectors.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A whole answer.
    Whole { status: u16, headers: String, body: Vec<u8> },
    /// A stream of 200, in chunks.
    Stream { kind: &'static str, chunks: Vec<Vec<u8>>, end: End },
    /// The connection is closed once the request was read.
    Cut,
    /// Nothing, while the connection stays.
    Hang,
}

/// What comes after the last chunk.
#[derive(Clone)]
pub(crate) enum End {
    /// The regular end.
    Clean,
    /// The connection is cut.
    Cut,
    /// Nothing, until the client hangs up.
    Hang,
    /// This, again and again.
    Endless(Vec<u8>),
}

impl Reply {
    pub(crate) fn whole(status: u16, body: &Json) -> Self {
        Self::said(status, "", body.to_string())
    }

    pub(crate) fn said(status: u16, headers: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Whole { status, headers: headers.to_owned(), body: body.into() }
    }
}

/// A request that was read.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    /// True if it may be answered compressed.
    asks_for_less: bool,
    pub(crate) body: Json,
}

/// What the fake is, beside its answers.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) dialect: Dialect,
    /// What `/api/show` says.
    pub(crate) shown: Json,
    /// What `/api/tags` says of the digest.
    pub(crate) digest: Arc<Mutex<String>>,
    /// What the paths of health say.
    pub(crate) ready: u16,
}

impl Model {
    pub(crate) fn of(dialect: Dialect) -> Self {
        let shown = json!({ "capabilities": ["completion", "tools"], "details": { "family": "qwen3" } });
        Self { dialect, shown, digest: Arc::new(Mutex::new("sha256:abc".to_owned())), ready: 200 }
    }
}

/// The server; it answers until the test's process ends.
pub(crate) struct Fake {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    odd: Arc<Mutex<Vec<String>>>,
    hung_up: Receiver<()>,
}

/// What each connection needs.
#[derive(Clone)]
struct Stage {
    model: Model,
    reply: Reply,
    asked: Arc<Mutex<Vec<Asked>>>,
    odd: Arc<Mutex<Vec<String>>>,
    hung_up: Sender<()>,
}

impl Fake {
    pub(crate) fn start(model: Model, reply: Reply) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, hung_up) = channel();
        let (asked, odd) = (Arc::default(), Arc::default());
        let stage = Stage { model, reply, asked: Arc::clone(&asked), odd: Arc::clone(&odd), hung_up: sender };
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let stage = stage.clone();
                // A client that goes away in the middle is no failure of the server.
                thread::spawn(move || stage.serve(&connection));
            }
        });
        Self { port, asked, odd, hung_up }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was asked at paths that end so.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path.ends_with(path)).cloned().collect()
    }

    /// Waits until it was asked for an answer of a chat.
    pub(crate) async fn is_asked_to_answer(&self) {
        while self.asked("/completions").len() + self.asked("/api/chat").len() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until a client has hung up on an answer that does not end; without holding up the client, which runs beside it.
    pub(crate) async fn is_hung_up_on(&self) -> bool {
        for _ in 0..400 {
            if self.hung_up.try_recv().is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let odd = self.odd.lock().unwrap();
        assert!(thread::panicking() || odd.is_empty(), "the fake was asked what it does not know: {odd:?}");
    }
}

impl Stage {
    fn serve(&self, connection: &TcpStream) -> std::io::Result<()> {
        let asked = read(connection)?;
        let reply = self.answer(&asked);
        self.asked.lock().unwrap().push(asked);
        match reply {
            Reply::Cut => Ok(()),
            Reply::Hang => {
                self.wait_for_the_end(connection);
                Ok(())
            }
            Reply::Whole { status, headers, body } => {
                let mut out = connection;
                // A header of the test's comes first, so that it may state another length.
                let length = if headers.contains("Content-Length") {
                    String::new()
                } else {
                    format!("Content-Length: {}\r\n", body.len())
                };
                write!(
                    out,
                    "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\n{headers}{length}Connection: close\r\n\r\n"
                )?;
                out.write_all(&body)
            }
            Reply::Stream { kind, chunks, end } => self.stream(connection, kind, (&chunks, &end)),
        }
    }

    fn stream(&self, connection: &TcpStream, kind: &str, (chunks, end): (&[Vec<u8>], &End)) -> std::io::Result<()> {
        let mut out = connection;
        write!(out, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        let mut chunk = |bytes: &[u8]| {
            let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
            framed.extend_from_slice(bytes);
            framed.extend_from_slice(b"\r\n");
            out.write_all(&framed)
        };
        for bytes in chunks {
            chunk(bytes)?;
        }
        match end {
            End::Clean => chunk(b""),
            End::Cut => Ok(()),
            End::Hang => {
                self.wait_for_the_end(connection);
                Ok(())
            }
            End::Endless(bytes) => {
                while chunk(bytes).is_ok() {}
                let _ = self.hung_up.send(());
                Ok(())
            }
        }
    }

    fn wait_for_the_end(&self, mut connection: &TcpStream) {
        let _ = connection.read_to_end(&mut Vec::new());
        let _ = self.hung_up.send(());
    }

    fn answer(&self, asked: &Asked) -> Reply {
        match (self.model.dialect, asked.path.as_str()) {
            _ if asked.asks_for_less => self.judged(asked, Some("accept-encoding")),
            (Dialect::Ollama, "/api/version") => Reply::whole(self.model.ready, &json!({ "version": "0.13.1" })),
            (Dialect::Ollama, "/api/tags") => {
                let digest = self.model.digest.lock().unwrap().clone();
                Reply::whole(200, &json!({ "models": [{ "name": "m:latest", "model": "m:latest", "digest": digest }] }))
            }
            (Dialect::Ollama, "/api/show") if asked.body == json!({ "model": "m" }) => {
                Reply::whole(200, &self.model.shown)
            }
            (Dialect::Ollama, "/api/chat" | "/api/embed") => {
                self.judged(asked, strange_to_ollama(asked, &self.model.shown).as_deref())
            }
            (Dialect::Nemotron, "/v1/health/ready") | (Dialect::OpenAi, "/health") => {
                Reply::whole(self.model.ready, &json!({ "status": "ok" }))
            }
            // LiteLLM has it, and nobody else.
            (Dialect::Nemotron | Dialect::OpenAi, "/health/readiness") => {
                Reply::whole(404, &json!({ "detail": "Not Found" }))
            }
            (Dialect::Nemotron | Dialect::OpenAi, "/v1/models") => {
                Reply::whole(200, &json!({ "object": "list", "data": [{ "id": "m", "object": "model" }] }))
            }
            (Dialect::Nemotron | Dialect::OpenAi, "/v1/chat/completions" | "/v1/embeddings") => {
                self.judged(asked, strange_to_openai(asked).as_deref())
            }
            _ => self.judged(asked, Some(&asked.path)),
        }
    }

    fn judged(&self, asked: &Asked, strange: Option<&str>) -> Reply {
        let Some(strange) = strange else { return self.reply.clone() };
        self.odd.lock().unwrap().push(format!("{strange} in {}", asked.body));
        Reply::whole(400, &json!({ "error": format!("what is {strange}?") }))
    }
}

fn read(connection: &TcpStream) -> std::io::Result<Asked> {
    let mut reader = BufReader::new(connection);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut length, mut authorization, mut asks_for_less) = (0, None, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => authorization = Some(value.to_owned()),
            "accept-encoding" => asks_for_less = true,
            _ => {}
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    Ok(Asked { path, authorization, asks_for_less, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// The first field that is not one of these.
fn unknown(object: &Json, known: &[&str]) -> Option<String> {
    let Some(fields) = object.as_object() else { return Some(format!("{object}, which is no object")) };
    fields.keys().find(|name| !known.contains(&name.as_str())).cloned()
}

fn unknown_in_each(list: &Json, known: &[&str]) -> Option<String> {
    list.as_array().into_iter().flatten().find_map(|entry| unknown(entry, known))
}

fn strange_to_openai(Asked { path, body, .. }: &Asked) -> Option<String> {
    if path.ends_with("/embeddings") {
        return unknown(body, &["model", "input", "encoding_format"]);
    }
    let fields = [
        "model",
        "messages",
        "stream",
        "stream_options",
        "response_format",
        "tools",
        "tool_choice",
        "max_tokens",
        "temperature",
        "top_p",
        "seed",
        "stop",
        "chat_template_kwargs",
        "nvext",
    ];
    unknown(body, &fields)
        .or_else(|| unknown_in_each(&body["messages"], &["role", "content", "tool_calls", "tool_call_id"]))
        .or_else(|| (body["model"] != "m").then(|| "another model".to_owned()))
        .or_else(|| {
            (body["stream"] != true && body.get("stream_options").is_some()).then(|| "stream_options".to_owned())
        })
}

fn strange_to_ollama(Asked { path, body, .. }: &Asked, shown: &Json) -> Option<String> {
    if path.ends_with("/embed") {
        return unknown(body, &["model", "input", "truncate", "keep_alive"]);
    }
    let thinks = shown["capabilities"].as_array().is_some_and(|all| all.iter().any(|one| one == "thinking"));
    unknown(body, &["model", "messages", "stream", "format", "options", "think", "tools", "keep_alive"])
        .or_else(|| unknown_in_each(&body["messages"], &["role", "content", "images", "tool_calls", "tool_call_id"]))
        .or_else(|| unknown(&body["options"], &["num_ctx", "num_predict", "temperature", "seed", "stop"]))
        .or_else(|| (!thinks && body.get("think").is_some()).then(|| "think, of a model that does not".to_owned()))
        .or_else(|| (!body["stream"].is_boolean()).then(|| "a stream that nobody chose".to_owned()))
}
