//! A program that serves HTTP, started for a test and asked by it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use ureq::http::{Method, Request};

use crate::process::Server;

/// How long it may take until it listens.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A service that runs until this is dropped.
#[derive(Debug)]
pub struct Service {
    server: Server,
    log: PathBuf,
    url: String,
    agent: ureq::Agent,
}

/// What it answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its headers, names in small letters.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Service {
    /// Starts a program that says `listening on URL` in its log, or a line that ends with `page: URL/ …`.
    pub fn start(name: &'static str, command: Command, log: &Path) -> io::Result<Self> {
        let server = Server::start(name, command, log)?;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            // A connection that the service has closed is not to be taken for one that it is there on.
            .max_idle_connections(0)
            .timeout_global(Some(Duration::from_mins(2)))
            .build()
            .new_agent();
        let mut service = Self { server, log: log.to_owned(), url: String::new(), agent };
        let end = Instant::now() + START_LIMIT;
        while service.url.is_empty() {
            let ended = service.server.has_ended();
            let text = service.log();
            let url = text
                .split_whitespace()
                .find(|word| word.starts_with("http://127.0.0.1:") || word.starts_with("https://127.0.0.1:"));
            match url {
                Some(url) if text.contains(&format!("{url}\n")) || text.contains(&format!("{url} ")) => {
                    url.trim_end_matches('/').clone_into(&mut service.url);
                }
                _ if ended.is_some() || Instant::now() >= end => return Err(io::Error::other(text)),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        Ok(service)
    }

    /// Where it listens, without a `/` at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// Ends it at once, as a machine that fails does.
    pub fn kill(&mut self) {
        self.server.send(Signal::KILL);
        while self.server.has_ended().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops it in the middle of whatever it does.
    pub fn freeze(&self) {
        self.server.send(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.server.send(Signal::CONT);
    }

    /// True once it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.server.has_ended().is_some()
    }

    /// Waits until something holds; after a minute it panics with the log.
    ///
    /// # Panics
    ///
    /// If it never does.
    pub fn until(&self, awaited: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_mins(2);
        while !holds() {
            assert!(Instant::now() < end, "{awaited} never came\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// GETs a path as the holder of a token.
    pub fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, &[("authorization", &format!("Bearer {token}"))], "")
    }

    /// POSTs JSON to a path as the holder of a token.
    pub fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        let headers = [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.ask("POST", path, &headers, &body.to_string())
    }

    /// Asks for a page as a browser of the holder of a token does, or sends its form.
    pub fn page(&self, method: &str, path: &str, token: &str, form: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let kind = "application/x-www-form-urlencoded";
        let headers = [("authorization", bearer.as_str()), ("accept", "text/html"), ("content-type", kind)];
        self.ask(method, path, &headers, form)
    }

    /// Asks with these headers.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_ask(method, path, headers, body)
            .unwrap_or_else(|error| unreachable!("no answer: {error}\n{}", self.log()))
    }

    /// The same where it may well give no answer.
    pub fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).expect("a method"))
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned()).expect("a request");
        let mut response = self.agent.run(request)?;
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let headers = headers.collect();
        let text = response.body_mut().read_to_string().unwrap_or_default();
        Ok(Answer { status: response.status().as_u16(), headers, text })
    }
}
