//! The router: a request goes along a chain of providers until one answers, and is rejected when none does.
//!
//! Before anything is sent it is redacted, and written into the audit. What is private takes a chain whose type holds local
//! providers and no others; which chain it takes core decides.

pub(crate) mod answer;
mod ask;
pub(crate) mod audit;
mod link;
pub(crate) mod live;
mod probe;
mod prompt;
pub(crate) mod taint;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::intent::{Intent, Intents, OpenIntent};
use anchorwatch_core::route::redaction::Redactor;
use anchorwatch_edge::clock::Clock;
use anchorwatch_edge::llm::{Local, Open};
use anchorwatch_edge::store::{Audit, Store};
use jiff::Timestamp;

use crate::config;
use crate::config::route::Streaming;
use crate::failure::Failure;
use link::{Link, Links};
pub(crate) use probe::{Condition, warm_up};

/// Knows the chains, and asks along them.
pub(crate) struct Router {
    private: Vec<Link<Local>>,
    open: BTreeMap<OpenIntent, Vec<Link<Open>>>,
    /// All providers, in the configuration's order.
    all: Vec<Link<Open>>,
    /// The intents that there are.
    pub(crate) intents: Intents,
    deadline: Duration,
    first_token: Duration,
    idle: Duration,
    /// How a streamed answer is passed on where the request does not say.
    pub(crate) streaming: Streaming,
    redactor: Arc<Redactor>,
    key: SecretKey,
    clock: Clock,
    store: Store,
    audit: Audit,
    /// True if somebody may have been told that nobody answers.
    troubled: AtomicBool,
    /// The last requests of this process that nobody answered, the newest first.
    rejections: Mutex<VecDeque<Rejection>>,
}

/// A request that nobody answered.
#[derive(Debug, Clone)]
pub(crate) struct Rejection {
    /// When.
    pub(crate) at: Timestamp,
    /// What it was for.
    pub(crate) intent: String,
    /// Providers, and how each failed: names and codes.
    pub(crate) reasons: String,
}

/// So many of them are kept.
const REJECTIONS: usize = 20;

/// What a router is made with.
pub(crate) struct Parts {
    pub(crate) key: SecretKey,
    /// What takes secrets out of prompts.
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) audit: Audit,
}

impl Router {
    /// Reads the providers' keys, and judges what is known of each; nobody is asked anything yet.
    pub(crate) fn open(config: &config::Route, parts: Parts) -> Result<Self, Failure> {
        let Parts { key, redactor, clock, store, audit } = parts;
        let links = Links::open(config)?;
        let open = config.open.iter().map(|(intent, names)| (intent.clone(), links.open_chain(names)));
        let all: Vec<String> = config.providers.iter().map(|provider| provider.name.clone()).collect();
        Ok(Self {
            private: links.private_chain(&config.private),
            open: open.collect(),
            all: links.open_chain(&all),
            intents: config.intents(),
            deadline: config.deadline,
            first_token: config.first_token,
            idle: config.idle,
            streaming: config.streaming,
            redactor,
            key,
            clock,
            store,
            audit,
            troubled: AtomicBool::new(true),
            rejections: Mutex::default(),
        })
    }

    /// The last requests of this process that nobody answered, the newest first.
    pub(crate) fn rejections(&self) -> Vec<Rejection> {
        self.rejections.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn note(&self, rejection: Rejection) {
        let mut rejections = self.rejections.lock().unwrap_or_else(PoisonError::into_inner);
        rejections.push_front(rejection);
        rejections.truncate(REJECTIONS);
    }

    /// The chain of an open intent; one that has none takes the private one.
    fn open_chain(&self, intent: &Intent) -> Option<&[Link<Open>]> {
        match intent {
            Intent::Open(name) => self.open.get(name).map(Vec::as_slice),
            _ => None,
        }
    }
}
