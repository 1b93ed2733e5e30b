//! The walk along a chain as a table: every failure, at every place, streamed or not, with a schema or not; and on a clock that
//! nobody waits for, how long all of it takes.

mod scripted;
mod steps;
mod times;

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::audit::{Entry, Outcome, Refusal};
use anchorwatch_core::route::intent::{Because, Decided, Intent};
use anchorwatch_core::route::locality::{Endpoint, Networks};
use anchorwatch_core::route::provider::{Ask, Dialect, Message, ReasoningToggle, Role, Schema};
use anchorwatch_core::route::shape::Shape;
use anchorwatch_edge::clock::Clock;
use anchorwatch_edge::llm::Provider;
use anchorwatch_edge::store::{Audit, KeptEntries, Store, StoreAddress};
use serde_json::json;
use tokio::time::Instant;

use super::super::link::Link;
use super::super::live::outlet;
use super::super::{Parts, Router};
use super::{Answered, Asking, Question, Refused, Tried, Wanted};
use crate::config;
use crate::config::route::{self, Streaming};
use scripted::{Log, Scripted, Seen};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A chain of providers that do what they are told.
type Chain = Vec<Link<Arc<dyn Provider>>>;

/// How an answer is wanted.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// As it comes.
    is_live: bool,
    has_schema: bool,
}

const WAYS: [Way; 4] = [
    Way { is_live: false, has_schema: false },
    Way { is_live: false, has_schema: true },
    Way { is_live: true, has_schema: false },
    Way { is_live: true, has_schema: true },
];

/// What came of a request.
struct Came {
    answered: Result<Answered, Refused>,
    /// Rows of the audit.
    entries: Vec<Entry>,
    /// How each provider was asked.
    seen: Vec<Seen>,
    took: Duration,
}

/// A router without providers of its own. Its audit is in memory: SQLite's threads go by the real clock, and a paused one runs
/// ahead while it waits for them, so that every row would come too late.
struct World {
    router: Router,
    entries: KeptEntries,
    _folder: tempfile::TempDir,
}

impl World {
    /// For a clock that is paused from its beginning: only then do its timers end on the very moment. `row_takes`: how long a row of
    /// the audit takes.
    fn new(row_takes: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = opened(folder.path().join("store.db"));
        let (audit, entries) = Audit::in_memory(Clock::default(), row_takes);
        let parts =
            Parts { key: SecretKey::new([7; 32]), redactor: Arc::default(), clock: Clock::default(), store, audit };
        Self { router: Router::open(&nobody(), parts).unwrap(), entries, _folder: folder }
    }

    /// Asks along a chain that was made just now.
    async fn ask(&self, chain: &Chain, log: &Log, way: Way) -> Came {
        let (mut outlet, passed) = outlet();
        let began = Instant::now();
        let asking = Asking::new(&self.router, question(way.has_schema), chain);
        let answered = asking.along(way.is_live.then_some(&mut outlet)).await;
        let took = began.elapsed();
        self.router.audit.settle().await.unwrap();
        drop(passed);
        Came { answered, entries: self.entries.take(), seen: log.take(), took }
    }
}

/// A store, opened by the real clock. The walk along a chain does not come to it.
fn opened(file: std::path::PathBuf) -> Store {
    let open = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Store::open(&StoreAddress::of_file(&file))).unwrap()
    };
    std::thread::spawn(open).join().unwrap()
}

/// Each provider with its own time.
fn chain(providers: Vec<(Scripted, Duration)>) -> Chain {
    let networks = Arc::new(Networks::loopback());
    let link = |(provider, timeout): (Scripted, Duration)| {
        let settings = settings(provider.name, timeout);
        Link::new(Arc::new(provider) as Arc<dyn Provider>, settings, networks.clone())
    };
    providers.into_iter().map(link).collect()
}

fn nobody() -> config::Route {
    config::Route {
        networks: Networks::loopback(),
        providers: Vec::new(),
        private: Vec::new(),
        open: [].into(),
        deadline: seconds(90),
        first_token: seconds(10),
        idle: seconds(10),
        streaming: Streaming::Verified,
        internal_domains: Vec::new(),
        keeps_emails: false,
    }
}

fn settings(name: &str, timeout: Duration) -> route::Provider {
    route::Provider {
        name: name.to_owned(),
        dialect: Dialect::OpenAi,
        endpoint: Endpoint::parse("http://127.0.0.1:1").unwrap(),
        model: "m".to_owned(),
        key: None,
        authorities: None,
        is_cloud: false,
        timeout,
        timeouts: [].into(),
        reasoning_toggle: ReasoningToggle::None,
        guided_json: false,
        context_tokens: 4096,
        keep_alive: String::new(),
        is_proxy: false,
        attestation: None,
    }
}

fn question(has_schema: bool) -> Question {
    let json = json!({ "type": "object", "required": ["cause"], "properties": { "cause": { "type": "string" } } });
    let schema = has_schema.then(|| Shape::new(Schema { name: "diagnosis".to_owned(), json }).unwrap());
    let ask = Ask { messages: vec![Message::new(Role::User, "why?")], schema, ..Ask::default() };
    Question {
        request_id: "r".to_owned(),
        decided: Decided { intent: Intent::Diagnose, private: Some(Because::Intent) },
        wanted: Wanted::Answer(Box::new(ask)),
        asked_by: None,
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What came of a request, in short.
fn told(answered: &Result<Answered, Refused>) -> String {
    let one = |tried: &Tried| format!(" {}:{}", tried.provider, tried.failure.code());
    let each = |tried: &[Tried]| tried.iter().map(one).collect::<Vec<_>>().concat();
    match answered {
        Ok(answered) => format!("{} answered after{}", answered.provider, each(&answered.tried)),
        Err(Refused::Rejected(tried)) => format!("rejected{}", each(tried)),
        Err(Refused::CallersFault(first)) => format!("callers fault{}", one(first)),
        Err(Refused::BrokenOff(tried)) => format!("broken off{}", each(tried)),
        Err(refused) => format!("{refused:?}"),
    }
}

/// Rows of the audit, in short. Each end is that of the attempt that began before it.
fn rows(entries: &[Entry]) -> Vec<String> {
    let mut attempt = None;
    let mut row = |entry: &Entry| match entry {
        Entry::Start(_) => "start".to_owned(),
        Entry::Begin(begin) => {
            assert_eq!((begin.request.as_str(), begin.intent.as_str(), begin.private), ("r", "diagnose", true));
            assert_eq!(attempt.replace(begin.attempt.clone()), None, "the one before has not ended");
            format!("begin {}", begin.provider)
        }
        Entry::End(end) => {
            assert_eq!(attempt.take().as_ref(), Some(&end.attempt));
            match &end.outcome {
                Outcome::Failed { code } => format!("failed {code}"),
                Outcome::Rejected { codes } => format!("rejected {}", codes.join(" ")),
                outcome => outcome.name().to_owned(),
            }
        }
        Entry::Reject(reject) => {
            let reason =
                |refusal: &Refusal| format!(" {}:{}", refusal.provider.as_deref().unwrap_or_default(), refusal.code);
            format!("reject{}", reject.reasons.iter().map(reason).collect::<Vec<_>>().concat())
        }
    };
    let rows = entries.iter().map(&mut row).collect();
    assert_eq!(attempt, None, "an attempt has not ended: {entries:?}");
    rows
}
