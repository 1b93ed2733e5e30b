//! The gateway over a provider that answers at once, beside the provider asked directly, LiteLLM's proxy over it, and nginx.
//!
//! All of them are asked by the same clients, one round after the other. Each client asks again once it has its answer, so what
//! many of them wait for is each other, too.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anchorwatch_edge::outbound::Outbound;
use anchorwatch_edge::store::Store;
use anchorwatch_testbed::Service;
use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::routing::{get, post};
use futures::future::try_join_all;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::measure::median;
use crate::served::{Watch, percentile};

type Failed = Box<dyn Error + Send + Sync>;

const CHAT: &str = "/v1/chat/completions";
/// How long each of them is asked before it counts.
const WARM_UP: Duration = Duration::from_millis(500);
const MOST_BYTES: usize = 1 << 20;
/// A place in a prompt.
const LINE: &str = "2026-11-26T18:00:00Z web-7d9c crash loop: exit code 137, last state OOMKilled, limit 128Mi\n";

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    /// How long one of them is asked in a round.
    pub(crate) round: Duration,
}

/// What it is like to ask one of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) per_second: f64,
}

/// So many clients at once.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) clients: usize,
    pub(crate) is_streamed: bool,
    pub(crate) direct: Load,
    pub(crate) gateway: Load,
    pub(crate) nginx: Option<Load>,
    pub(crate) litellm: Option<Load>,
}

/// Everything that was measured of the gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) crowds: Vec<Crowd>,
    /// Answers that the gateway gave.
    pub(crate) asked: usize,
    /// Rows of its audit, but for the one that it starts with.
    pub(crate) rows: usize,
    /// Prompts in which the provider saw the secret.
    pub(crate) leaked: usize,
    /// Connections that the gateway made to the provider.
    pub(crate) connections: usize,
    /// How long the disk takes to have a few pages.
    pub(crate) disk: Duration,
}

/// Measures all of it.
pub(crate) fn run(runtime: &Runtime, program: &Path, extent: Extent) -> Result<Gateway, Box<dyn Error>> {
    let (direct, behind) = (Peer::provider()?, Peer::provider()?);
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("anchorwatch.db");
    // A source there has to be; a scan of this one fails.
    let config = format!(
        "listen: 127.0.0.1:0\nclusters: [{{name: prod, snapshot: none.json}}]\n\
         sources: [{{name: none, cluster: prod, address: none, interval: 24h}}]\n\
         route:\n  providers: [{{name: stub, dialect: openai, url: '{}', model: stub}}]\n  private: [stub]\n",
        behind.service.url()
    );
    let disk = disk(folder.path())?;
    let watch = Watch::serve(program, folder, &config)?;
    let (nginx, litellm) = (Peer::nginx(&direct)?, Peer::litellm(&direct)?);
    let gateway = Target { url: watch.service.url().to_owned(), token: watch.token.clone() };
    let peers = [Some(&direct), nginx.as_ref(), litellm.as_ref()].map(|peer| peer.map(Peer::target));
    let [direct, nginx, litellm] = &peers;
    let mut crowds = Vec::new();
    for clients in [1, 16, 64] {
        for is_streamed in [false, true] {
            let ask = |target: &Target, time: Duration| -> Result<Load, Box<dyn Error>> {
                let asking = crowd(target.clone(), (clients, is_streamed), time);
                Ok(runtime.block_on(runtime.spawn(asking))?.map_err(|error| error.to_string())?)
            };
            let targets = [direct.as_ref(), Some(&gateway), nginx.as_ref(), litellm.as_ref()];
            let mut loads: [Vec<Load>; 4] = Default::default();
            for round in 0..=extent.rounds {
                for (target, loads) in targets.iter().zip(&mut loads) {
                    let Some(target) = target else { continue };
                    let load = ask(target, if round == 0 { WARM_UP } else { extent.round })?;
                    if round > 0 {
                        loads.push(load);
                    }
                }
            }
            let [direct, gateway, nginx, litellm] = loads.map(|loads| (!loads.is_empty()).then(|| middle(&loads)));
            let (Some(direct), Some(gateway)) = (direct, gateway) else { return Err("no round".into()) };
            crowds.push(Crowd { clients, is_streamed, direct, gateway, nginx, litellm });
        }
    }
    let [asked, leaked, connections] = behind.seen()?;
    let rows = runtime.block_on(rows(&store, asked))?;
    Ok(Gateway { crowds, asked, rows, leaked, connections, disk })
}

fn middle(loads: &[Load]) -> Load {
    let of = |what: fn(&Load) -> Duration| median(loads.iter().map(what).collect());
    Load {
        p50: of(|load| load.p50),
        p99: of(|load| load.p99),
        per_second: median(loads.iter().map(|load| load.per_second).collect()),
    }
}

/// The audit's rows without its start. The last ends may be written after their answers are given.
async fn rows(store: &Path, asked: usize) -> Result<usize, Box<dyn Error>> {
    let store = Store::open(&format!("sqlite:{}", store.display()).parse()?).await?;
    let mut count = 0;
    for _ in 0..50 {
        count = 0;
        let look = store.look_at_audit().await?;
        let mut page = look.rows(None).await?;
        while let Some(last) = page.last() {
            count += page.len();
            page = look.rows(Some(last)).await?;
        }
        if count == 2 * asked + 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(count.saturating_sub(1))
}

/// Who is asked.
#[derive(Debug, Clone)]
struct Target {
    url: String,
    token: String,
}

/// Asks for a while, by so many clients at once.
async fn crowd(target: Target, (clients, is_streamed): (usize, bool), time: Duration) -> Result<Load, Failed> {
    let began = Instant::now();
    let clients = (0..clients).map(|client| tokio::spawn(ask(target.clone(), (client, is_streamed), began + time)));
    let waits: Vec<_> = try_join_all(clients).await?.into_iter().collect::<Result<_, _>>()?;
    let waits = waits.concat();
    #[expect(clippy::cast_precision_loss, reason = "a round has fewer than 2⁵² answers")]
    let per_second = waits.len() as f64 / began.elapsed().as_secs_f64();
    Ok(Load { p50: percentile(&waits, 50), p99: percentile(&waits, 99), per_second })
}

/// One client with a connection of its own; how long each of its answers took to be whole.
async fn ask(target: Target, (client, is_streamed): (usize, bool), end: Instant) -> Result<Vec<Duration>, Failed> {
    let outbound = Outbound::anywhere();
    let url = SecretString::from(format!("{}{CHAT}", target.url));
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", target.token))?);
    let mut waits = Vec::new();
    while Instant::now() < end {
        let body = prompt(&format!("{client}-{}-{:?}", waits.len(), Instant::now()), is_streamed);
        let asked = Instant::now();
        let opened = outbound.open(&url, headers.clone(), Some(body)).await?;
        let status = opened.status;
        let answer = opened.rest(MOST_BYTES).await?;
        waits.push(asked.elapsed());
        let text = String::from_utf8_lossy(&answer);
        if !status.is_success() || !text.contains("memory") || is_streamed != text.contains("[DONE]") {
            return Err(format!("{} answers {status}: {text}", target.url).into());
        }
    }
    Ok(waits)
}

/// A secret that no client has anywhere.
fn secret() -> String {
    ["Tr0ub", "4dor&3", "Xq"].concat()
}

/// A prompt of two kilobytes that nobody has asked before, with a secret in it.
fn prompt(number: &str, is_streamed: bool) -> Vec<u8> {
    let lines = LINE.repeat(2000 / LINE.len());
    let text = format!("Case {number}. Why does it crash?\n{lines}connecting with password={}\n", secret());
    let messages = json!([{"role": "system", "content": "Be short."}, {"role": "user", "content": text}]);
    json!({"model": "stub", "messages": messages, "stream": is_streamed}).to_string().into_bytes()
}

/// What a provider has seen.
#[derive(Debug, Default)]
struct Seen {
    asked: AtomicUsize,
    leaked: AtomicUsize,
    connections: AtomicUsize,
}

/// Is a provider that answers at once, until it is killed.
pub(crate) async fn provide() -> Result<(), Box<dyn Error>> {
    let seen = Arc::new(Seen::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let app = Router::new().route(CHAT, post(answer)).route("/health", get(async || "{}")).route("/seen", get(tell));
    let app = app.with_state(seen.clone());
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    let listener = axum::serve::ListenerExt::tap_io(listener, move |connection: &mut tokio::net::TcpStream| {
        seen.connections.fetch_add(1, Ordering::Relaxed);
        // Where it cannot be set, answers are slow, and that shows.
        let _ = connection.set_nodelay(true);
    });
    Ok(axum::serve(listener, app).await?)
}

async fn tell(State(seen): State<Arc<Seen>>) -> String {
    let Seen { asked, leaked, connections } = &*seen;
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    json!({"asked": count(asked), "leaked": count(leaked), "connections": count(connections)}).to_string()
}

async fn answer(State(seen): State<Arc<Seen>>, body: String) -> (HeaderMap, String) {
    seen.asked.fetch_add(1, Ordering::Relaxed);
    if body.contains(&secret()) {
        seen.leaked.fetch_add(1, Ordering::Relaxed);
    }
    let is_streamed = body.contains("\"stream\":true") || body.contains("\"stream\": true");
    let (kind, body) = if is_streamed { ("text/event-stream", pieces()) } else { ("application/json", whole()) };
    (HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]), body)
}

const WORDS: [&str; 8] = ["It ", "needs ", "more ", "memory ", "than ", "its ", "limit ", "allows."];

fn whole() -> String {
    json!({
        "id": "x", "object": "chat.completion", "created": 1, "model": "stub",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": WORDS.concat()}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 8, "total_tokens": 508},
    })
    .to_string()
}

fn pieces() -> String {
    let piece = |choices: Value, usage: Value| {
        let piece = json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "stub",
                           "choices": choices, "usage": usage});
        format!("data: {piece}\n\n")
    };
    let said = |delta: Value, finish: Value| {
        piece(json!([{"index": 0, "delta": delta, "finish_reason": finish}]), Value::Null)
    };
    let mut body: String =
        WORDS.iter().map(|word| said(json!({"role": "assistant", "content": word}), Value::Null)).collect();
    body.push_str(&said(json!({}), "stop".into()));
    body.push_str(&piece(json!([]), json!({"prompt_tokens": 500, "completion_tokens": 8, "total_tokens": 508})));
    body + "data: [DONE]\n\n"
}

/// Another program that is asked, in a process of its own.
struct Peer {
    service: Service,
    _folder: TempDir,
}

impl Peer {
    fn start(name: &'static str, command: Command, folder: TempDir) -> Result<Self, Box<dyn Error>> {
        let service = Service::start(name, command, &folder.path().join("log"))?;
        Ok(Self { service, _folder: folder })
    }

    /// A provider that answers at once.
    fn provider() -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("provider");
        Self::start("provider", command, tempfile::tempdir()?)
    }

    /// LiteLLM's proxy over a provider, without tokens, a database or redaction. Nothing where it is not installed.
    fn litellm(provider: &Self) -> Result<Option<Self>, Box<dyn Error>> {
        let Some(program) = litellm() else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("litellm.yaml");
        let model = format!("{{model: openai/stub, api_base: '{}/v1', api_key: none}}", provider.service.url());
        std::fs::write(&config, format!("model_list: [{{model_name: stub, litellm_params: {model}}}]\n"))?;
        let [port] = anchorwatch_testbed::free_ports()?;
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--num_workers", "1", "--port", &port.to_string(), "--config"]);
        command.arg(config).current_dir(folder.path());
        // Without a token it has less to do.
        let open = ("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true");
        command.envs([open, ("LITELLM_LOCAL_MODEL_COST_MAP", "True")]);
        Self::start("litellm", command, folder).map(Some)
    }

    /// nginx over a provider, which passes on and does nothing else: what any program between costs here. Nothing where it is not
    /// installed.
    fn nginx(provider: &Self) -> Result<Option<Self>, Box<dyn Error>> {
        let Some(program) = anchorwatch_testbed::find_on_path("nginx") else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let [port] = anchorwatch_testbed::free_ports()?;
        let provider = provider.service.url().trim_start_matches("http://");
        let temporary =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|part| format!("{part}_temp_path {part};"));
        let config = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr; events {{}}\nhttp {{ access_log off; {}\n\
             client_body_buffer_size 1m; upstream provider {{ server {provider}; keepalive 64; }}\n\
             server {{ listen 127.0.0.1:{port}; keepalive_requests 100000000;\n\
             location / {{ proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ''; }} }} }}\n",
            temporary.concat()
        );
        std::fs::write(folder.path().join("nginx.conf"), config)?;
        let mut command = Command::new("sh");
        // It does not say where it listens.
        command.args(["-c", "echo http://127.0.0.1:$3 && exec \"$1\" -p \"$2\" -c nginx.conf", "sh"]);
        command.arg(program).arg(folder.path()).arg(port.to_string());
        Self::start("nginx", command, folder).map(Some)
    }

    /// Where it is asked by whoever needs no token.
    fn target(&self) -> Target {
        Target { url: self.service.url().to_owned(), token: "none".to_owned() }
    }

    /// Of a provider: prompts that it was asked, those of them in which it saw the secret, and connections that were made to it.
    fn seen(&self) -> Result<[usize; 3], Box<dyn Error>> {
        let seen = self.service.get("/seen", "").json();
        let count = |what: &str| seen[what].as_u64().and_then(|count| usize::try_from(count).ok());
        let counts = ["asked", "leaked", "connections"].map(|what| count(what).ok_or("the provider is silent"));
        let [asked, leaked, connections] = counts;
        // One of them was made to ask this.
        Ok([asked?, leaked?, connections? - 1])
    }
}

/// How long it takes until the disk has what was written over four pages of a file, as the journal of a database is.
fn disk(folder: &Path) -> io::Result<Duration> {
    let (mut file, pages) = (std::fs::File::create(folder.join("pages"))?, vec![7; 4 * 4096]);
    let mut times = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        io::Seek::rewind(&mut file)?;
        file.write_all(&pages)?;
        file.sync_all()?;
        times.push(began.elapsed());
    }
    Ok(median(times))
}

fn litellm() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let own = home.join(".cache/anchorwatch/litellm/bin/litellm");
    if own.exists() { Some(own) } else { anchorwatch_testbed::find_on_path("litellm") }
}
