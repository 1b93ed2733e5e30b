//! `anchorwatch ask`: asks a model by the service's gateway, so that nothing leaves that may not.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::service::{Asking, Question};
use crate::failure::Failure;

/// Longer than a chain's deadline is meant to be.
const LIMIT: Duration = Duration::from_mins(10);

#[derive(Debug, clap::Args)]
pub(super) struct AskArgs {
    /// What is asked: a file, or `-` for what comes by the pipe.
    file: PathBuf,
    /// What it is for; what is not listed by the token stays inside.
    #[arg(long, value_name = "NAME", default_value = "diagnose")]
    intent: String,
    /// What it rests on, such as a log, the most telling first; may be said again. Where time is short the last are left out.
    #[arg(long, value_name = "FILE")]
    evidence: Vec<PathBuf>,
    /// The JSON schema of the answer.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
}

pub(super) fn run(args: &AskArgs) -> Result<ExitCode, Failure> {
    let mut parts = vec![json!({"type": "text", "text": read(&args.file)?})];
    for (rank, file) in (1..).zip(&args.evidence) {
        parts.push(json!({"type": "text", "text": read(file)?, "anchorwatch": {"rank": rank}}));
    }
    let mut body = json!({
        "model": format!("anchorwatch/{}", args.intent),
        "messages": [{"role": "user", "content": parts}],
    });
    if let Some(file) = &args.schema {
        let schema: Value = serde_json::from_str(&read(file)?)
            .map_err(|error| Failure::new(format!("{} is no JSON schema", file.display())).detail(error.to_string()))?;
        body["response_format"] =
            json!({"type": "json_schema", "json_schema": {"name": "answer", "strict": true, "schema": schema}});
    }
    let service = args.asking.service()?;
    let question = Question { path: "/v1/chat/completions", body: Some(&body), key: None, timeout: LIMIT };
    let answer = super::runtime()?.block_on(service.ask_once(&question))?;
    if args.asking.json {
        super::output::print_json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    let own = &answer["anchorwatch"];
    let (provider, model) =
        (own["provider"].as_str().unwrap_or_default(), answer["model"].as_str().unwrap_or_default());
    super::tell(&format!("answered by {provider} ({model})"));
    if let Some(left_out @ 1..) = own["left_out"].as_u64() {
        super::tell(&format!("there was no time to read all: the last {left_out} of --evidence were left out"));
    }
    let lines: String = text.lines().map(|line| super::plain(line) + "\n").collect();
    super::print(&lines)?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::disallowed_methods, reason = "a file that a person named")]
fn read(file: &Path) -> Result<String, Failure> {
    let fail = |error: std::io::Error| {
        Failure::new(format!("cannot read {}", file.display()))
            .detail(error.to_string())
            .hint("name a file of text, or - for what comes by the pipe")
    };
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(fail)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(fail)
}
