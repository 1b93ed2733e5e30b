//! WATCH: what changes in the cluster, one stream for each kind and place, begun with a list and never given up.
//!
//! Objects stay bytes; of an event only its type and the object's head are read. What is missed is listed again: a
//! stream goes on from the last version that it has handed over, and where the server no longer knows that one, it
//! says [`Event::Listing`] and begins anew.
//!
//! A probe tells how far a stream is: the shortest list of its objects is asked for on the connection of the stream itself,
//! and what the server sent before its answer has been handed over then.
//!
//! The first state comes by LIST in pages, not by `sendInitialEvents`: that needs Kubernetes 1.32, brings each object
//! as an event of its own, and a list that all servers know is needed beside it anyway.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::object::list::{ListPage, RawHead};
use futures::FutureExt as _;
use futures::future::{Fuse, FusedFuture as _};
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::client::{Body, Client};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::clock;

use super::{Cluster, ClusterError, JSON, encode, reason};

/// Lists that are read at the same time.
const CONCURRENT_LISTS: usize = 4;
/// Events that may wait for the reader; then the streams wait.
const WAITING_EVENTS: usize = 16;
/// The largest event that is read: objects in etcd have 1.5 MiB, at most 8 where people raised it.
const MOST_LINE_BYTES: usize = 16 << 20;
/// The largest refusal that is read.
const MOST_REFUSAL_BYTES: usize = 1 << 20;
/// The longest wait for the beginning of an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// The longest silence: bookmarks come every minute, where they come. After it the stream is begun again from where it
/// was, which costs little, and a server that does not answer then is noticed.
const SILENCE_LIMIT: Duration = Duration::from_secs(150);
/// Streams that end at once are not begun again more often.
const SHORTEST_STREAM: Duration = Duration::from_secs(1);
/// The longest pause between attempts, also where the server asks for a longer one.
const LONGEST_PAUSE_SECONDS: u64 = 60;
/// Refusals in a row after which the version itself is doubted, as after an etcd was restored from a backup.
const DOUBTFUL: u32 = 5;

/// What a stream tells.
#[derive(Debug)]
pub enum Event {
    /// A list begins; once it is whole, it takes the place of all that was known.
    Listing,
    /// A page of it.
    Page(ListPage),
    /// The list is whole: what was not in it is gone.
    Listed {
        /// The state that it shows.
        resource_version: String,
    },
    /// An object is new or changed; its JSON.
    Applied(Box<str>),
    /// An object is gone; the JSON of its last state.
    Deleted(Box<str>),
    /// Nothing is heard, and it is tried again; said after each attempt that failed.
    Lost {
        /// Why.
        error: ClusterError,
        /// When the first of these attempts failed.
        since: Timestamp,
    },
    /// After `Lost`: all that happened in the meantime comes now, or came with a list.
    Restored,
    /// What the server had seen when this probe was asked for, or an earlier one, has been told.
    Reached(u64),
}

/// Streams that run until this is dropped.
#[derive(Debug)]
pub struct Watches {
    events: mpsc::Receiver<(usize, Event)>,
    probes: watch::Sender<u64>,
    _streams: JoinSet<()>,
}

impl Watches {
    /// The next event, and the index of the path it is about. Without paths there is none.
    pub async fn next(&mut self) -> Option<(usize, Event)> {
        self.events.recv().await
    }

    /// Asks each stream to say [`Event::Reached`] with this number. One that hears nothing says it when it does again.
    pub fn probe(&self) -> u64 {
        self.probes.send_modify(|number| *number += 1);
        *self.probes.borrow()
    }
}

impl Cluster {
    /// Follows the objects at each path, as [`Cluster::list`] takes it.
    pub fn watch(&self, paths: impl IntoIterator<Item = String>) -> Watches {
        let (out, events) = mpsc::channel(WAITING_EVENTS);
        let (probes, probe) = watch::channel(0);
        let lists = Arc::new(Semaphore::new(CONCURRENT_LISTS));
        let mut streams = JoinSet::new();
        for (index, path) in paths.into_iter().enumerate() {
            let stream = Stream {
                cluster: self.clone(),
                path,
                out: Out { index, sender: out.clone() },
                probe: probe.clone(),
                lists: Arc::clone(&lists),
                version: None,
                lost_since: None,
                failures: 0,
                client: None,
            };
            streams.spawn(stream.run());
        }
        Watches { events, probes, _streams: streams }
    }
}

/// Why a list or a watch came to its end before its time.
enum Break {
    /// Nobody reads any more.
    Unread,
    /// The server no longer knows the version.
    Expired,
    /// It is to be told.
    Failed(ClusterError),
}

impl From<ClusterError> for Break {
    fn from(error: ClusterError) -> Self {
        if error.code() == Some(410) { Self::Expired } else { Self::Failed(error) }
    }
}

struct Out {
    index: usize,
    sender: mpsc::Sender<(usize, Event)>,
}

impl Out {
    async fn tell(&self, event: Event) -> Result<(), Break> {
        self.sender.send((self.index, event)).await.map_err(|_| Break::Unread)
    }
}

struct Stream {
    cluster: Cluster,
    path: String,
    out: Out,
    /// The number of the last probe that was asked for.
    probe: watch::Receiver<u64>,
    lists: Arc<Semaphore>,
    /// The last state that was handed over; `None` before a list.
    version: Option<String>,
    lost_since: Option<Timestamp>,
    failures: u32,
    /// From the first watch on.
    client: Option<Arc<Client>>,
}

impl Stream {
    async fn run(mut self) {
        loop {
            let next = Instant::now() + SHORTEST_STREAM;
            let listing = self.version.is_none();
            let end = if listing { self.list().await } else { self.follow().await };
            match end {
                Ok(()) if listing => continue,
                Ok(()) => {}
                Err(Break::Expired) => self.version = None,
                Err(Break::Unread) => return,
                Err(Break::Failed(error)) => match self.fail(error).await {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            }
            sleep_until(next).await;
        }
    }

    /// Tells, and waits before the next attempt.
    async fn fail(&mut self, error: ClusterError) -> Result<(), Break> {
        self.failures = self.failures.saturating_add(1);
        let doubtful = error.code().is_some() && self.failures.is_multiple_of(DOUBTFUL);
        if doubtful || !keeps_version(&error) {
            self.version = None;
        }
        let pause = pause(&error, self.failures);
        let since = *self.lost_since.get_or_insert_with(clock::now);
        self.out.tell(Event::Lost { error, since }).await?;
        sleep(pause).await;
        Ok(())
    }

    async fn list(&mut self) -> Result<(), Break> {
        let _turn = self.lists.acquire().await.map_err(|_| Break::Unread)?;
        let mut pages = self.cluster.list_once(&self.path);
        let (mut begun, mut resource_version) = (false, String::new());
        while let Some(page) = pages.next().await? {
            if !std::mem::replace(&mut begun, true) {
                self.out.tell(Event::Listing).await?;
            }
            resource_version.clone_from(&page.resource_version);
            self.out.tell(Event::Page(page)).await?;
        }
        if resource_version.is_empty() {
            return Err(self.malformed("its list names no resourceVersion").into());
        }
        self.version = Some(resource_version.clone());
        self.out.tell(Event::Listed { resource_version }).await
    }

    /// One WATCH, until it ends. A connection that is cut is an end like others: whether the server is still there shows
    /// itself at the next one.
    async fn follow(&mut self) -> Result<(), Break> {
        let mut body = self.open().await?;
        if self.lost_since.take().is_some() {
            self.out.tell(Event::Restored).await?;
        }
        let (mut lines, mut heard) = (Lines::default(), Instant::now());
        let mut probing = pin!(Fuse::terminated());
        loop {
            tokio::select! {
                frame = timeout_at(heard + SILENCE_LIMIT, body.frame()) => {
                    let Ok(Some(Ok(frame))) = frame else { return Ok(()) };
                    heard = Instant::now();
                    self.read(&frame.into_data().unwrap_or_default(), &mut lines).await?;
                }
                Ok(()) = self.probe.changed(), if probing.is_terminated() => {
                    let (client, number) = (self.client()?, *self.probe.borrow());
                    let (cluster, shortest) = (self.cluster.clone(), format!("{}?limit=1", self.path));
                    probing.set(async move { probe(&cluster, client, &shortest).await.then_some(number) }.fuse());
                }
                reached = &mut probing => {
                    // What came before the answer is here, though it may not have been read.
                    while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
                        self.read(&frame.into_data().unwrap_or_default(), &mut lines).await?;
                    }
                    if let Some(number) = reached {
                        self.out.tell(Event::Reached(number)).await?;
                    }
                }
            }
        }
    }

    async fn read(&mut self, bytes: &[u8], lines: &mut Lines) -> Result<(), Break> {
        lines.add(bytes);
        while let Some(line) = lines.next() {
            self.take(&line).await?;
        }
        if lines.rest.len() > MOST_LINE_BYTES {
            // Listed it may be larger, and the same event would come again.
            self.version = None;
            let cluster = self.cluster.name.clone();
            return Err(ClusterError::TooLarge { cluster, most_bytes: MOST_LINE_BYTES }.into());
        }
        Ok(())
    }

    fn client(&mut self) -> Result<Client, ClusterError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.cluster.watchers.lease().map_err(|error| ClusterError::Client {
                cluster: self.cluster.name.clone(),
                reason: reason::of_client(&error, self.cluster.plugin.as_deref()),
            })?,
        };
        Ok(self.client.insert(client).as_ref().clone())
    }

    async fn open(&mut self) -> Result<Body, Break> {
        let client = self.client()?;
        let version = encode(self.version.as_deref().unwrap_or_default());
        // Five to ten minutes, as client-go has it: not all streams of a server end at the same time.
        let seconds = 300 + clock::chance(300);
        let address = format!(
            "{}?watch=true&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={seconds}",
            self.path
        );
        let cluster = &self.cluster;
        let (parts, body) = ask(cluster, client, &self.path, &address).await?.into_parts();
        if parts.status == StatusCode::OK {
            return Ok(body);
        }
        let said = timeout(ANSWER_LIMIT, cluster.collect(body, MOST_REFUSAL_BYTES)).await;
        let said = said.unwrap_or(Ok(Vec::new())).unwrap_or_default();
        Err(cluster.refusal(&parts, &said).into())
    }

    /// Hands over one event; only then it counts as seen.
    async fn take(&mut self, line: &[u8]) -> Result<(), Break> {
        let Line { of, object } = serde_json::from_slice(line).map_err(|error| self.malformed(&error.to_string()))?;
        if of == "ERROR" {
            return Err(self.error(object.get()).into());
        }
        let head: RawHead<'_> =
            serde_json::from_str(object.get()).map_err(|error| self.malformed(&error.to_string()))?;
        match &*of {
            "ADDED" | "MODIFIED" => self.out.tell(Event::Applied(object.get().into())).await?,
            "DELETED" => self.out.tell(Event::Deleted(object.get().into())).await?,
            "BOOKMARK" => {}
            other => {
                let other: String = other.chars().take(100).collect();
                return Err(self.malformed(&format!("an event of type {other:?}")).into());
            }
        }
        if !head.metadata.resource_version.is_empty() {
            self.version = Some(head.metadata.resource_version.into_owned());
        }
        self.failures = 0;
        Ok(())
    }

    /// The `Status` of an ERROR event.
    fn error(&self, status: &str) -> ClusterError {
        let Status { code, reason, message, details } = serde_json::from_str(status).unwrap_or_default();
        let expired = matches!(&*reason, "Expired" | "Gone");
        ClusterError::Refused {
            cluster: self.cluster.name.clone(),
            code: if expired { 410 } else { code },
            message,
            retry_after: details.retry_after_seconds,
        }
    }

    fn malformed(&self, reason: &str) -> ClusterError {
        ClusterError::Malformed { cluster: self.cluster.name.clone(), reason: reason.to_owned() }
    }
}

/// Asks what a stream asks, on its connection.
async fn ask(cluster: &Cluster, client: Client, path: &str, address: &str) -> Result<Response<Body>, ClusterError> {
    // Compressed, an event may wait in the compressor for the next one.
    let request = Request::get(address)
        .header(header::ACCEPT, JSON)
        .header(header::ACCEPT_ENCODING, "identity")
        .body(Body::empty())
        .map_err(|error| ClusterError::Ask {
            cluster: cluster.name.clone(),
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    let unreachable =
        |reason| ClusterError::Unreachable { cluster: cluster.name.clone(), server: cluster.server.clone(), reason };
    let answer = timeout(ANSWER_LIMIT, client.send(request)).await;
    answer
        .map_err(|_| unreachable(format!("no answer within {} s", ANSWER_LIMIT.as_secs())))?
        .map_err(|error| unreachable(reason::of_client(&error, cluster.plugin.as_deref())))
}

/// True once the server has answered: it waits until it knows of all that was written before.
async fn probe(cluster: &Cluster, client: Client, address: &str) -> bool {
    let Ok(answer) = ask(cluster, client, address, address).await else { return false };
    let (parts, body) = answer.into_parts();
    parts.status == StatusCode::OK && cluster.collect(body, MOST_LINE_BYTES).await.is_ok()
}

/// True where the same version may be asked for again, as client-go does; else a list is the surer way.
fn keeps_version(error: &ClusterError) -> bool {
    match error {
        ClusterError::Refused { code, .. } => matches!(code, 401 | 403 | 429 | 500..=599),
        ClusterError::Unreachable { .. } | ClusterError::BrokenAnswer { .. } => true,
        _ => false,
    }
}

/// Any time up to a limit that doubles with each failure, so that streams that failed together do not come back
/// together; and never less than the server asks for.
fn pause(error: &ClusterError, failures: u32) -> Duration {
    let limit = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX).min(LONGEST_PAUSE_SECONDS);
    let chosen = Duration::from_millis(clock::chance(limit * 1000));
    let asked = match error {
        ClusterError::Refused { retry_after: Some(seconds), .. } => (*seconds).min(LONGEST_PAUSE_SECONDS),
        _ => 0,
    };
    chosen.max(Duration::from_secs(asked))
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    of: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    reason: String,
    message: String,
    details: StatusDetails,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StatusDetails {
    retry_after_seconds: Option<u64>,
}

/// Splits bytes into lines as they come in. What is after the last one is none yet.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
    /// As far as there is no end of a line.
    searched: usize,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// The next whole line that is not empty, without its end.
    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let Some(at) = self.rest[self.searched..].iter().position(|byte| *byte == b'\n') else {
                self.searched = self.rest.len();
                return None;
            };
            let after = self.rest.split_off(self.searched + at + 1);
            let line = std::mem::replace(&mut self.rest, after);
            self.searched = 0;
            let line_end = line.trim_ascii_end().len();
            if line_end > 0 {
                return Some(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_their_bytes_come() {
        let text = b"{\"a\":1}\n\n\r\n{\"b\":\"\xc3\xbc\"}\nhalf";
        for size in 1..=text.len() {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for bytes in text.chunks(size) {
                lines.add(bytes);
                found.extend(std::iter::from_fn(|| lines.next()));
            }
            let found: Vec<&[u8]> = found.iter().map(|line| line.trim_ascii_end()).collect();
            assert_eq!(found, [&b"{\"a\":1}"[..], b"{\"b\":\"\xc3\xbc\"}"], "{size}");
            assert_eq!(lines.rest, b"half");
        }
    }

    #[test]
    fn a_pause_grows_to_a_minute_and_is_never_shorter_than_asked() {
        let refused = |retry_after| ClusterError::Refused {
            cluster: String::new(),
            code: 429,
            message: String::new(),
            retry_after,
        };
        for failures in [1, 2, 7, 64, u32::MAX] {
            assert!(pause(&refused(None), failures) <= Duration::from_mins(1));
            assert!(pause(&refused(Some(20)), failures) >= Duration::from_secs(20));
            assert!(pause(&refused(Some(9999)), failures) <= Duration::from_mins(1));
        }
        assert!(pause(&refused(None), 1) <= Duration::from_secs(1));
    }
}
