//! `anchorwatch route`: which way requests to models take, and how the providers on it are doing.

mod network_policy;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;

use super::output::padded;
use super::service::{Asking, Question};
use crate::api::RouteResponse;
use crate::failure::Failure;

/// A probe of every provider takes no longer.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Subcommand)]
pub(super) enum RouteCommand {
    /// Show chains and providers, as the service knows them.
    Status(Asking),
    /// Have the service ask every provider for its health, with nothing of anybody's. Exit status 1 if one is not well.
    Probe(Asking),
    /// Print a NetworkPolicy that lets the service's Pods out to what the configuration names, and nowhere else.
    NetworkPolicy(network_policy::PolicyArgs),
}

pub(super) fn run(command: RouteCommand) -> Result<ExitCode, Failure> {
    match command {
        RouteCommand::Status(asking) => show(&asking, "/api/v1/route"),
        RouteCommand::Probe(asking) => show(&asking, "/api/v1/route?probe=true"),
        RouteCommand::NetworkPolicy(args) => network_policy::run(&args),
    }
}

fn show(asking: &Asking, path: &str) -> Result<ExitCode, Failure> {
    let service = asking.service()?;
    let question = Question { path, body: None, key: None, timeout: LIMIT };
    let said: Value = super::runtime()?.block_on(service.ask(&question))?;
    let route: RouteResponse = serde_json::from_value(said.clone())
        .map_err(|error| Failure::new("the service says what is not understood").detail(error.to_string()))?;
    if asking.json {
        super::output::print_json(&said)?;
    } else {
        super::print(&table(&route))?;
    }
    let is_well = |health: &Option<String>| health.as_ref().is_none_or(|health| health.starts_with("well"));
    let all_well = route.providers.iter().all(|provider| is_well(&provider.health));
    Ok(ExitCode::from(u8::from(!all_well)))
}

/// Chains first, then a line for each provider.
fn table(route: &RouteResponse) -> String {
    let chain = |providers: &[String]| {
        let rest = ["REJECT".to_owned()];
        super::plain(&[providers, &rest].concat().join(" → "))
    };
    let mut text = format!("private: {}\n", chain(&route.private));
    for (intent, providers) in &route.intents {
        let _ = writeln!(text, "{}: {}", super::plain(intent), chain(providers));
    }
    text.push('\n');
    let rows = route.providers.iter().map(|provider| {
        let speed = provider.tokens_per_second.map_or_else(|| "-".to_owned(), |speed| format!("{speed:.0} tokens/s"));
        let state = match (&provider.health, provider.open_until) {
            (Some(health), _) => health.clone(),
            (None, Some(until)) => format!("not asked until {}", until.strftime("%H:%M:%SZ")),
            (None, None) => "asked".to_owned(),
        };
        let place = if provider.is_cloud { "cloud" } else { "inside" };
        let cells = [&provider.name, place, &provider.dialect, &provider.model, &provider.address, &speed, &state];
        cells.map(super::plain)
    });
    let heads = ["NAME", "WHERE", "DIALECT", "MODEL", "ADDRESS", "SPEED", "STATE"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(heads).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    for row in &rows {
        let cells: Vec<String> = row.iter().enumerate().map(|(at, cell)| padded(cell, width(at))).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
