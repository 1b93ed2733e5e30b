//! The service: it remembers, looks every hour and whenever it is asked, and tells what it knows.
//!
//! Duties run beside each other until they are told to stop: `discover` finds sources, `schedule` queues what is due, `work`
//! does what is queued, `tidy` forgets what is old, and `listen` answers people and programs. What they share is a [`Service`].

mod discover;
mod discovered;
mod limits;
mod listen;
pub(crate) mod metrics;
mod recover;
mod schedule;
mod spread;
mod tidy;
mod watch;
mod watched;
mod work;

use std::sync::{Arc, RwLock};
use std::time::Duration;

use anchorwatch_core::object::known_secrets::KnownSecrets;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::redaction::{Kind, Redactor};
use anchorwatch_edge::clock::{self, Clock};
use anchorwatch_edge::store::{Audit, ConfiguredSource, Person, Role, Store, StoreError};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Discover, Source};
use crate::failure::Failure;
use crate::faults::Failing;
use crate::gateway::asker::Askers;
use crate::notify;
use crate::notify::channels::Channels;
use crate::notify::poll::Polling;
use crate::notify::send::Sending;
use crate::notify::word::Wording;
use crate::route;
use crate::secret::Secret;
use crate::telemetry;
use crate::words::Words;
use discovered::Discovered;
pub(crate) use discovered::ListState;
use limits::Limits;
pub(crate) use listen::{Listener, Peer};
use metrics::Metrics;
pub(crate) use watched::WatchState;
use watched::Watched;

/// How long the duties have to end.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long a last checkpoint of the audit may take after that. Without one, the next process covers what is not covered.
const LAST_CHECKPOINT: Duration = Duration::from_secs(3);
/// How long a login link counts.
const LOGIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(30);

/// What all parts of the service share.
pub(crate) struct Service {
    /// What it remembers.
    pub(crate) store: Store,
    /// What it writes down of all that goes to a model.
    pub(crate) audit: Audit,
    /// What takes out of texts what must not leave.
    pub(crate) redactor: Arc<Redactor>,
    /// Who is asked what of it.
    pub(crate) router: route::Router,
    /// When it started.
    pub(crate) started_at: Timestamp,
    /// What was configured, with the sources that were discovered; another one after a reload.
    config: RwLock<Arc<Config>>,
    /// The key of the fingerprints.
    pub(crate) key: SecretKey,
    /// Its clock.
    pub(crate) clock: Clock,
    /// What this process is called among its replicas.
    pub(crate) replica: String,
    /// What happens, as it happens.
    pub(crate) events: broadcast::Sender<Event>,
    /// Rung when something was queued here, so that nobody waits for the next look.
    pub(crate) queued: Notify,
    /// Rung when the configuration was read again.
    reloaded: Notify,
    /// What it knows of sources in clusters.
    pub(crate) discovered: Discovered,
    /// How its watches do.
    pub(crate) watched: Watched,
    /// The secret by which a forge says that somebody pushed.
    pub(crate) push_secret: Option<String>,
    /// What the store keeps it from.
    pub(crate) failing: Failing,
    /// Numbers for Prometheus.
    pub(crate) metrics: Metrics,
    /// How often somebody may ask for what is dear.
    pub(crate) limits: Limits,
    /// Who asked the gateway a moment ago.
    pub(crate) askers: Askers,
    /// True if whoever comes may read: the demo.
    pub(crate) open: bool,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
}

/// Something that people who look at the page want to know of.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A source was scanned, or could not be.
    Scanned {
        /// The scan's id.
        scan_id: String,
        /// The source.
        source: String,
        /// Its cluster.
        cluster: String,
        /// What the source was read as, where it was.
        version: Option<u64>,
    },
    /// A watch has seen that something differs otherwise than before.
    Seen {
        /// The source.
        source: String,
        /// Its cluster.
        cluster: String,
    },
    /// Somebody decided something of an item, or of a rule.
    Decided {
        /// The item's fingerprint, or the rule's id.
        id: String,
    },
}

impl Event {
    /// How it is called in the stream of events.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Scanned { .. } => "scanned",
            Self::Seen { .. } => "seen",
            Self::Decided { .. } => "decided",
        }
    }
}

/// Reads the configuration, with what the command line says instead.
pub(crate) type Again = Box<dyn Fn() -> Result<Config, Failure> + Send>;

/// How the service is to be run.
pub(crate) struct Plan {
    /// What was configured.
    pub(crate) config: Config,
    /// How to read the configuration again.
    pub(crate) again: Option<Again>,
    /// Its clock.
    pub(crate) clock: Clock,
    /// True if whoever comes may read.
    pub(crate) open: bool,
}

impl Service {
    /// The configuration that holds now.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.read().expect("nobody panics while it is replaced").clone()
    }

    /// What the clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Tells those who look.
    pub(crate) fn announce(&self, event: Event) {
        // Nobody may be looking.
        let _ = self.events.send(event);
    }

    pub(crate) async fn open(plan: Plan) -> Result<Arc<Self>, Failure> {
        let Plan { config, again: _, clock, open } = plan;
        let known = KnownSecrets::default();
        let key = clock::secret_key(&config.secret_key_file).map_err(|error| Failure::because(&error))?;
        let key = key.remembering(known.clone());
        let redactor = Arc::new(config.route.redactor(key.clone(), known));
        telemetry::clean_with(Redactor::clone(&redactor).for_logs());
        let store = Store::open(&config.store).await.map_err(|error| store_failure(&error))?;
        let audit = route::audit::open(&store, &key, clock).await.map_err(|error| store_failure(&error))?;
        let service = Self {
            router: route::Router::open(
                &config.route,
                route::Parts {
                    key: key.clone(),
                    redactor: redactor.clone(),
                    clock,
                    store: store.clone(),
                    audit: audit.clone(),
                },
            )?,
            store,
            audit,
            redactor,
            started_at: clock.now(),
            key,
            clock,
            replica: clock::new_id(),
            events: broadcast::channel(256).0,
            queued: Notify::new(),
            reloaded: Notify::new(),
            discovered: Discovered::default(),
            watched: Watched::default(),
            push_secret: config.push_webhook.as_ref().map(Secret::read).transpose()?,
            failing: Failing::new(clock),
            metrics: Metrics::default(),
            limits: Limits::default(),
            askers: Askers::default(),
            open,
            stop: CancellationToken::new(),
            config: RwLock::new(Arc::new(config)),
        };
        service.configure_sources().await.map_err(|error| store_failure(&error))?;
        Ok(Arc::new(service))
    }

    async fn configure_sources(&self) -> Result<(), StoreError> {
        let config = self.config();
        let sources: Vec<_> = config.sources.iter().map(configured).collect();
        let unknown = config.discover.iter().filter(|list| self.discovered.is_unknown(&list.name()));
        let kept: Vec<String> = unknown.flat_map(Discover::beginnings).collect();
        self.store.configure_sources(&sources, &kept, self.now()).await
    }

    /// The commit that a source's delivery tool says it has applied last.
    fn applied(&self, source: &Source) -> Option<String> {
        let config = self.config();
        let list = config.discover.iter().find(|list| list.names(&source.name))?;
        let deliveries = self.discovered.state(&list.name()).deliveries;
        deliveries.into_iter().find(|delivery| list.name_of(delivery) == source.name)?.applied
    }

    /// Takes in what was discovered, and another configuration where there is one.
    fn settle(&self, another: Option<Config>) {
        let mut held = self.config.write().expect("nobody panics while it is replaced");
        let mut config = another.unwrap_or_else(|| Config::clone(&held));
        config.take_in(|list| self.discovered.state(&list.name()).deliveries);
        *held = Arc::new(config);
    }

    /// A link by which the person who started the service can come in, once.
    async fn login_link(&self, base: &str) -> Result<String, Failure> {
        let secret = clock::new_secret().map_err(|error| Failure::because(&error))?;
        let person = Person {
            name: "first login".to_owned(),
            role: Role::Approver,
            clusters: Vec::new(),
            namespaces: Vec::new(),
            token_id: None,
        };
        let now = self.now();
        self.store.add_login(&secret, &person, now + LOGIN, now).await.map_err(|error| store_failure(&error))?;
        Ok(format!("{base}/login?code={secret}"))
    }
}

fn configured(source: &Source) -> ConfiguredSource<'_> {
    ConfiguredSource {
        name: &source.name,
        cluster: &source.cluster,
        address: source.address(),
        interval: source.interval,
    }
}

/// Runs the service until it is told to stop. `started` is told where it listens, and how to come in.
pub(crate) async fn serve(mut plan: Plan, started: impl FnOnce(&str, Option<&str>)) -> Result<(), Failure> {
    let again = plan.again.take();
    let service = Service::open(plan).await?;
    let listener = Listener::bind(&service).await?;
    let base = listener.base_url();
    let has_tokens = !service.store.tokens().await.map_err(|error| store_failure(&error))?.is_empty();
    let login = if has_tokens { None } else { Some(service.login_link(&base).await?) };

    let channels = service.config().notifications.open()?;
    let duties = TaskTracker::new();
    tell(&service, channels, &duties);
    duties.spawn(discover::run(service.clone()));
    duties.spawn(schedule::run(service.clone()));
    for _ in 0..service.config().scans_at_once {
        duties.spawn(work::run(service.clone()));
    }
    duties.spawn(watch::run(service.clone()));
    duties.spawn(tidy::run(service.clone()));
    duties.spawn(recover::run(service.clone()));
    duties.spawn(route::warm_up(service.clone()));
    duties.spawn(listener.run(service.clone()));
    duties.close();
    started(&base, login.as_deref());

    signals(&service, again.as_ref()).await?;
    service.stop.cancel();
    if tokio::time::timeout(PATIENCE, duties.wait()).await.is_err() {
        tracing::warn!(seconds = PATIENCE.as_secs(), "stopped before all was done; other replicas take it over");
    }
    if tokio::time::timeout(LAST_CHECKPOINT, service.audit.settle()).await.is_err() {
        tracing::warn!("stopped without a last checkpoint of the audit");
    }
    Ok(())
}

/// Begins to tell people, and to listen to the buttons that they press.
fn tell(service: &Arc<Service>, channels: Channels, duties: &TaskTracker) {
    let config = service.config();
    let wording = Wording {
        words: Words(config.notifications.language),
        public_url: config.public_url.clone(),
        time_zone: config.timezone.clone(),
        // What people are told are names, and what stands beside `password` in them is none.
        redactor: Arc::new(Redactor::clone(&service.redactor).for_logs().sparing([Kind::Password])),
    };
    let sending = Sending {
        service: service.clone(),
        channels: channels.all,
        wording: wording.clone(),
        digest_interval: config.notifications.digest_interval,
        holder: service.replica.clone(),
        clock: service.clock,
    };
    duties.spawn(notify::send::run(sending, service.stop.clone()));
    if let Some(bot) = channels.bot {
        let polling = Polling { service: service.clone(), bot, wording, working: TaskTracker::new() };
        duties.spawn(notify::poll::run(polling, service.stop.clone()));
    }
}

/// Waits until somebody says stop; reads the configuration again when somebody says so.
async fn signals(service: &Service, again: Option<&Again>) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen =
        |kind| signal(kind).map_err(|error| Failure::new("cannot listen to signals").detail(error.to_string()));
    let (mut interrupt, mut terminate, mut hangup) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            () = service.stop.cancelled() => return Ok(()),
            _ = hangup.recv() => if let Some(again) = again { reload(service, again()).await },
        }
    }
}

async fn reload(service: &Service, read: Result<Config, Failure>) {
    match read {
        Ok(config) => {
            let before = service.config();
            if config.needs_restart(&before) {
                tracing::warn!("only sources, discover, rules and retention take effect now, the rest with a restart");
            }
            service.settle(Some(config));
            match service.configure_sources().await {
                Ok(()) => {
                    service.reloaded.notify_waiters();
                    tracing::info!("configuration read again");
                }
                Err(error) => tracing::error!(%error, "cannot write the sources of the new configuration"),
            }
        }
        Err(failure) => {
            tracing::error!(reason = failure.line(), "the configuration cannot be used; the one before it stays");
        }
    }
}

/// Runs a story that waits, on a thread of its own: whoever no longer waits for it does not break it off.
pub(crate) async fn aside<T: Send + 'static>(story: impl FnOnce(&Handle) -> T + Send + 'static) -> T {
    let runtime = Handle::current();
    let told = tokio::task::spawn_blocking(move || story(&runtime)).await;
    told.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// An error of the store, and what to do about it.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    let failure = Failure::because(error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
