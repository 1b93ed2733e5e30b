//! Somebody on loopback to whom messages are posted, who answers as he is told: also not at all.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Long enough for a client to lose its patience.
const HANGS_FOR: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// What is answered to one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// This status, with these headers and this body.
    Say {
        /// As in `429`.
        status: u16,
        /// As in `Retry-After: 3`.
        headers: Vec<String>,
        /// Any text.
        body: String,
    },
    /// A success that has begun: headers and a part of the body, and then nothing, while the connection stays open.
    Stall {
        /// As in `Content-Type: text/event-stream`.
        headers: Vec<String>,
        /// What comes of the body.
        body: String,
    },
    /// Nothing, while the connection stays open.
    Hang,
    /// Nothing: the connection is closed once the request was read.
    Cut,
}

impl Reply {
    /// A status and a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Say { status, headers: Vec::new(), body: body.to_string() }
    }
}

/// A request that was read.
#[derive(Debug, Clone)]
pub struct Received {
    /// As in `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Received {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered to a request of which nothing else is said.
type Otherwise = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

/// A server on loopback. What it was not told to answer it answers with `otherwise`.
#[derive(Debug, Clone)]
pub struct Receiver {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    replies: VecDeque<(String, Reply)>,
    otherwise: Otherwise,
    received: Vec<Received>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("replies", &self.replies)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl Receiver {
    /// Starts one.
    pub fn start(otherwise: Reply) -> io::Result<Self> {
        Self::answering(move |_| otherwise.clone())
    }

    /// Starts one that looks at what it is asked.
    pub fn answering(otherwise: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let state = State { replies: VecDeque::new(), otherwise: Arc::new(otherwise), received: Vec::new() };
        let receiver = Self { port, state: Arc::new(Mutex::new(state)) };
        let served = receiver.clone();
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                thread::spawn(move || while served.serve(&stream).unwrap_or(false) {});
            }
        });
        Ok(receiver)
    }

    /// Where it listens, as in `http://127.0.0.1:40001`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers the next request whose path ends like this.
    pub fn next(&self, path: &str, reply: Reply) {
        self.state().replies.push_back((path.to_owned(), reply));
    }

    /// Answers each request so that nothing else is said of.
    pub fn otherwise(&self, reply: Reply) {
        self.state().otherwise = Arc::new(move |_| reply.clone());
    }

    /// What was received so far at paths that end like this.
    pub fn received(&self, path: &str) -> Vec<Received> {
        self.state().received.iter().filter(|request| request.path.ends_with(path)).cloned().collect()
    }

    /// Waits until so many requests were received at paths that end like this.
    pub fn wait_for(&self, path: &str, count: usize) -> Vec<Received> {
        let end = Instant::now() + HANGS_FOR;
        while self.received(path).len() < count && Instant::now() < end {
            thread::sleep(POLL);
        }
        self.received(path)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and answers one request; false at the end of the connection.
    fn serve(&self, stream: &TcpStream) -> io::Result<bool> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let mut request = Received { method, path, headers, body: String::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
        reader.take(length).read_to_string(&mut request.body)?;
        match self.reply(&request) {
            Reply::Cut => return Ok(false),
            Reply::Hang => thread::sleep(HANGS_FOR),
            Reply::Stall { headers, body } => {
                let more: String = headers.iter().flat_map(|header| [header.as_str(), "\r\n"]).collect();
                let mut stream = stream;
                write!(stream, "HTTP/1.1 200 -\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len() + 1)?;
                stream.set_read_timeout(Some(HANGS_FOR))?;
                // Until whoever asked has gone.
                let _gone = stream.read(&mut [0]);
                return Ok(false);
            }
            Reply::Say { status, headers, body } => {
                let more: String = headers.iter().flat_map(|header| [header.as_str(), "\r\n"]).collect();
                let mut stream = stream;
                write!(stream, "HTTP/1.1 {status} -\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len())?;
            }
        }
        Ok(true)
    }

    fn reply(&self, request: &Received) -> Reply {
        let mut state = self.state();
        let told = state.replies.iter().position(|(path, _)| request.path.ends_with(path));
        let reply = told.and_then(|at| state.replies.remove(at)).map(|(_, reply)| reply);
        let otherwise = Arc::clone(&state.otherwise);
        state.received.push(request.clone());
        drop(state);
        reply.unwrap_or_else(|| otherwise(request))
    }
}
