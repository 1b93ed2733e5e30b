//! `anchorwatch scan --server`: a running service scans its sources, and its reports are printed.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anchorwatch_core::drift::{Change, DriftLevel};
use anchorwatch_edge::clock;
use serde::Deserialize;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use super::{Args, TriggerName};
use crate::cli::output::{self, Format, Style, padded};
use crate::cli::progress::Progress;
use crate::cli::service::{Question, Service, checked, understood};
use crate::cli::told::Item;
use crate::cli::{plain, print, runtime, tell};
use crate::failure::Failure;
use crate::words::Arg::{Count, Text};
use crate::words::Words;

/// Longer than the service lets anybody wait for a scan.
const SCAN_LIMIT: Duration = Duration::from_mins(12);
/// How long one report may take.
const REPORT_LIMIT: Duration = Duration::from_mins(1);
/// Columns of a value that are shown before it is cut; `-o wide` shows all.
const MOST_COLUMNS: usize = 60;

/// What the service says of one namespace. What it says beyond this a newer one may have added.
#[derive(Debug, Deserialize)]
struct Found {
    report_id: String,
    source: String,
    cluster: String,
    namespace: String,
    summary: String,
    high_count: u64,
    medium_count: u64,
    info_count: u64,
    state: String,
    not_compared: Vec<NotCompared>,
}

/// Something that was not compared.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct NotCompared {
    namespace: String,
    what: String,
    reason: String,
}

/// A source that could not be scanned.
#[derive(Debug, Deserialize)]
struct Failed {
    source: String,
    reason: String,
}

/// All that a scan has found.
#[derive(Debug, Deserialize)]
struct Answer {
    items: Vec<Found>,
    #[serde(default)]
    failures: Vec<Failed>,
    /// Whole reports, of all namespaces or of those with something in it.
    #[serde(skip)]
    reports: Vec<Value>,
}

pub(super) fn run(args: &Args, style: &Style) -> Result<ExitCode, Failure> {
    if matches!(args.output, Format::Diff | Format::Sarif) {
        return Err(Failure::new("what a service has found is not printed so")
            .detail("-o diff and -o sarif are for scans of one's own")
            .hint("take -o table, wide, json or yaml"));
    }
    let address = args.asking.server.as_deref().unwrap_or_default();
    let service = Service::at(address, &args.asking.access)?;
    let progress = Progress::start(args.quiet, plain(service.address()));
    let answer = runtime()?.block_on(scanned(&service, args))?;
    drop(progress);
    for Failed { source, reason } in &answer.failures {
        tell(&format!("error: {source}: {reason}"));
    }
    if args.quiet {
        let count = answer.not_compared().len();
        if count > 0 {
            tell(&style.words.say_with("not-compared-count", &[("count", Count(count))]));
        }
    } else {
        let whole = || json!({"items": answer.reports, "total": answer.reports.len()});
        match args.output {
            Format::Json => output::print_json(&whole())?,
            Format::Yaml => print(&output::yaml(&whole()))?,
            Format::Table | Format::Wide | Format::Diff | Format::Sarif => print(&answer.table(style)?)?,
        }
    }
    answer.exit_code(args.fail_on.into())
}

async fn scanned(service: &Service, args: &Args) -> Result<Answer, Failure> {
    let namespaces: Vec<&str> =
        args.target.namespace().map(|names| names.split(',').map(str::trim).collect()).unwrap_or_default();
    let body = json!({
        "namespaces": namespaces,
        "source": args.source,
        "cluster": args.asking.cluster,
        "triggered_by": match args.asking.triggered_by {
            TriggerName::Manual => "manual",
            TriggerName::Cron => "cron",
            TriggerName::Webhook => "webhook",
            TriggerName::Api => "api",
        },
    });
    let key = clock::new_id();
    let question = Question { path: "/api/v1/drift/scan", body: Some(&body), key: Some(&key), timeout: SCAN_LIMIT };
    let mut answer: Answer = understood(service.ask(&question).await?)?;
    let needs_all = matches!(args.output, Format::Json | Format::Yaml) && !args.quiet;
    for found in &answer.items {
        if needs_all || found.high_count + found.medium_count + found.info_count > 0 {
            let path = format!("/api/v1/drift/reports/{}", checked(&found.report_id)?);
            let question = Question { path: &path, body: None, key: None, timeout: REPORT_LIMIT };
            answer.reports.push(service.ask(&question).await?);
        }
    }
    Ok(answer)
}

impl Answer {
    fn items(&self) -> Result<Vec<Item>, Failure> {
        let items = self.reports.iter().flat_map(|report| report["items"].as_array().into_iter().flatten());
        items.map(Item::read).collect()
    }

    /// Each said once, however many reports lack it.
    fn not_compared(&self) -> Vec<&NotCompared> {
        let mut entries: Vec<&NotCompared> = self.items.iter().flat_map(|found| &found.not_compared).collect();
        entries.sort();
        entries.dedup();
        entries
    }

    /// As that of a scan of one's own; a source that could not be scanned is an error.
    fn exit_code(&self, threshold: DriftLevel) -> Result<ExitCode, Failure> {
        if !self.failures.is_empty() {
            return Ok(ExitCode::from(2));
        }
        if self.items.iter().any(|found| found.state != "complete" || !found.not_compared.is_empty()) {
            return Ok(ExitCode::from(3));
        }
        Ok(ExitCode::from(u8::from(self.items()?.iter().any(|item| item.counts_from(threshold)))))
    }

    fn table(&self, style: &Style) -> Result<String, Failure> {
        let mut out = lines(self.items.iter().map(|found| found.cells(style)), heads(style));
        let mut items = self.items()?;
        items.sort_by(|a, b| (b.drift_level, a.key()).cmp(&(a.drift_level, b.key())));
        if !items.is_empty() {
            out.push('\n');
            out.push_str(&lines(items.iter().map(|item| item.cells(style)), Vec::new()));
        }
        let not_compared = self.not_compared();
        if !not_compared.is_empty() {
            out.push('\n');
        }
        for entry in not_compared {
            let _ = writeln!(out, "{}", entry.line(style.words));
        }
        Ok(out)
    }
}

impl Found {
    fn cells(&self, style: &Style) -> Vec<String> {
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { plain(text) };
        let summary = if self.summary == "no drift" { style.words.say("no-drift") } else { plain(&self.summary) };
        let mut cells = vec![or_dash(&self.source), or_dash(&self.namespace), summary, or_dash(&self.state)];
        cells.push(match self.not_compared.len() {
            0 => "-".to_owned(),
            count => count.to_string(),
        });
        if style.wide {
            cells.insert(0, or_dash(&self.cluster));
            cells.push(or_dash(&self.report_id));
        }
        cells
    }
}

fn heads(style: &Style) -> Vec<String> {
    let mut heads = vec!["SOURCE", "NAMESPACE", "SUMMARY", "STATE", "NOT COMPARED"];
    if style.wide {
        heads.insert(0, "CLUSTER");
        heads.push("REPORT");
    }
    heads.into_iter().map(str::to_owned).collect()
}

impl Item {
    fn key(&self) -> (&str, &str, &str, &str) {
        (&self.namespace, &self.resource_kind, &self.resource_name, &self.stable_path)
    }

    /// As the item of a scan of one's own: a controller's INFO never counts.
    fn counts_from(&self, threshold: DriftLevel) -> bool {
        let is_silent = self.drift_level == DriftLevel::Info && self.origin == "controller";
        !is_silent && self.drift_level >= threshold
    }

    fn cells(&self, style: &Style) -> Vec<String> {
        let words = style.words;
        let level = words.level(self.drift_level);
        let change = match self.change {
            Change::MissingObject => words.say("tag-missing"),
            Change::UnmanagedObject => words.say("tag-unmanaged"),
            _ => format!(
                "{}  {} → {}",
                plain(&self.stable_path),
                shown(&self.git_value, style),
                shown(&self.actual_value, style)
            ),
        };
        let who = self.attribution["manager"].as_str().map(plain).unwrap_or_default();
        vec![level, self.object(), change, who]
    }
}

impl NotCompared {
    fn line(&self, words: Words) -> String {
        let (what, namespace, reason) = (plain(&self.what), plain(&self.namespace), plain(&words.gap(&self.reason)));
        let id = if namespace.is_empty() { "not-compared" } else { "not-compared-in" };
        words.say_with(id, &[("what", Text(&what)), ("reason", Text(&reason)), ("namespace", Text(&namespace))])
    }
}

/// A value on one line; `-` where there is none.
fn shown(value: &Value, style: &Style) -> String {
    if value.is_null() {
        return "-".to_owned();
    }
    let text = plain(&output::flow(value));
    if style.wide || text.width() <= MOST_COLUMNS {
        return text;
    }
    let mut cut: String = text.chars().take(MOST_COLUMNS - 1).collect();
    cut.push('…');
    cut
}

/// Cells in columns.
fn lines(rows: impl Iterator<Item = Vec<String>>, heads: Vec<String>) -> String {
    let rows: Vec<Vec<String>> = std::iter::once(heads).filter(|heads| !heads.is_empty()).chain(rows).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or_default())
        .collect();
    rows.iter().fold(String::new(), |mut out, row| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| padded(cell, *width)).collect();
        let _ = writeln!(out, "{}", cells.join("  ").trim_end());
        out
    })
}
