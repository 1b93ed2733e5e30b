//! `anchorwatch audit show`

use std::collections::{BTreeMap, HashMap};

use anchorwatch_core::route::audit::{Begin, End, Entry, Reject};
use anchorwatch_edge::store::{AuditLook, AuditRow};
use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::{Settings, look};
use crate::cli::output::{self, Style, TableOrJson, padded};
use crate::cli::{plain, runtime, style};
use crate::failure::Failure;
use crate::serve::store_failure;
use crate::words::Language;

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ShowArgs {
    #[command(flatten)]
    settings: Settings,
    /// From how long ago on, as in 90m, 24h or 7d.
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    since: jiff::Span,
    /// Only this provider.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Only this intent, as in diagnose.
    #[arg(long, value_name = "INTENT")]
    intent: Option<String>,
    /// Only what ended so.
    #[arg(long, value_enum)]
    outcome: Option<OutcomeName>,
    /// Only this request.
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// How many at most, the newest.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = TableOrJson::Table)]
    output: TableOrJson,
    /// Language; else that of the locale.
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutcomeName {
    /// An answer was passed on.
    Answered,
    /// The provider failed.
    Failed,
    /// Who asked went away.
    Cancelled,
    /// Refused before anything was sent.
    Rejected,
    /// Nothing was sent, as the row was late.
    Unsent,
    /// Not ended, or nobody knows.
    Open,
    /// A request that got no answer.
    Reject,
}

impl OutcomeName {
    fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Unsent => "unsent",
            Self::Open => "open",
            Self::Reject => "reject",
        }
    }
}

/// An attempt with its end, or a request without an answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Seen {
    Attempt { begin: Box<Begin>, end: Option<End> },
    Reject { reject: Reject },
}

/// What there is, as JSON.
#[derive(Debug, Serialize)]
struct List {
    items: Vec<Seen>,
}

impl Seen {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Attempt { end: Some(end), .. } => end.outcome.name(),
            Self::Attempt { end: None, .. } => "open",
            Self::Reject { .. } => "reject",
        }
    }

    fn request(&self) -> (&str, &str) {
        match self {
            Self::Attempt { begin, .. } => (&begin.request, &begin.intent),
            Self::Reject { reject } => (&reject.request, &reject.intent),
        }
    }

    fn has_provider(&self, name: &str) -> bool {
        match self {
            Self::Attempt { begin, .. } => begin.provider == name,
            Self::Reject { reject } => reject.reasons.iter().any(|reason| reason.provider.as_deref() == Some(name)),
        }
    }
}

impl ShowArgs {
    fn wants(&self, seen: &Seen) -> bool {
        let (request, intent) = seen.request();
        self.request.as_deref().is_none_or(|wanted| wanted == request)
            && self.intent.as_deref().is_none_or(|wanted| wanted == intent)
            && self.provider.as_deref().is_none_or(|wanted| seen.has_provider(wanted))
            && self.outcome.is_none_or(|wanted| wanted.name() == seen.outcome())
    }
}

pub(super) fn run(args: &ShowArgs) -> Result<(), Failure> {
    let style = style(args.lang, true);
    let since = style.now.checked_sub(args.since).map(|since| since.timestamp());
    let since =
        since.map_err(|error| Failure::new("no such time").detail(error.to_string()).hint("as in --since 24h"))?;
    let config = args.settings.read()?;
    let items = runtime()?
        .block_on(async { found(&look(&config).await?, since, args).await })
        .map_err(|error| store_failure(&error))?;
    match args.output {
        TableOrJson::Table => crate::cli::print(&table(&items, &style)),
        TableOrJson::Json => output::print_json(&List { items }),
    }
}

/// Pairs what began with how it ended. Only what is open and what is shown is held.
async fn found(
    look: &AuditLook,
    since: Timestamp,
    args: &ShowArgs,
) -> Result<Vec<Seen>, anchorwatch_edge::store::StoreError> {
    let (mut open, mut found) = (HashMap::new(), BTreeMap::new());
    let mut take = |place: (i64, String, i64), seen: Seen| {
        if args.wants(&seen) {
            found.insert(place, seen);
        }
        if found.len() > args.limit {
            found.pop_first();
        }
    };
    let mut last: Option<AuditRow> = None;
    loop {
        let page = look.rows_since(since, last.as_ref()).await?;
        for row in &page {
            let place = (row.at, row.chain.clone(), row.seq);
            match Entry::read(&row.body) {
                Ok(Entry::Begin(begin)) => drop(open.insert(begin.attempt.clone(), (place, begin))),
                Ok(Entry::End(end)) => {
                    if let Some((place, begin)) = open.remove(&end.attempt) {
                        take(place, Seen::Attempt { begin: Box::new(begin), end: Some(end) });
                    }
                }
                Ok(Entry::Reject(reject)) => take(place, Seen::Reject { reject }),
                // What cannot be read is named by `verify`.
                Ok(Entry::Start(_)) | Err(_) => {}
            }
        }
        last = page.into_iter().next_back();
        if last.is_none() {
            break;
        }
    }
    for (place, begin) in open.into_values() {
        take(place, Seen::Attempt { begin: Box::new(begin), end: None });
    }
    Ok(found.into_values().collect())
}

const HEADS: [&str; 8] = [
    "audit-head-time",
    "audit-head-intent",
    "audit-head-provider",
    "audit-head-model",
    "audit-head-peer",
    "audit-head-outcome",
    "audit-head-took",
    "audit-head-request",
];

fn table(items: &[Seen], style: &Style) -> String {
    if items.is_empty() {
        return format!("{}\n", style.words.say("audit-none"));
    }
    let mut rows = vec![HEADS.map(|id| style.words.say(id))];
    rows.extend(items.iter().map(|seen| cells(seen, style)));
    let mut widths = [0; HEADS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    rows.iter().fold(String::new(), |text, row| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| padded(cell, width)).collect();
        text + cells.join("  ").trim_end() + "\n"
    })
}

fn cells(seen: &Seen, style: &Style) -> [String; HEADS.len()] {
    let outcome = style.words.say(&format!("audit-outcome-{}", seen.outcome()));
    let none = || "-".to_owned();
    let time = |at: Timestamp| at.to_zoned(style.now.time_zone().clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    match seen {
        Seen::Attempt { begin, end } => {
            let answered_by = end.as_ref().and_then(|end| end.model.as_deref());
            [
                time(begin.at),
                plain(&begin.intent),
                plain(&begin.provider),
                plain(answered_by.unwrap_or(&begin.model)),
                end.as_ref().and_then(|end| end.peer).map_or_else(none, |peer| peer.to_string()),
                with(outcome, &end.as_ref().map_or_else(Vec::new, codes)),
                end.as_ref().map_or_else(none, |end| seconds(end.at.duration_since(begin.at))),
                plain(&begin.request),
            ]
        }
        Seen::Reject { reject } => {
            let codes: Vec<String> = reject.reasons.iter().map(|reason| reason.code.clone()).collect();
            let (request, intent) = (plain(&reject.request), plain(&reject.intent));
            [time(reject.at), intent, none(), none(), none(), with(outcome, &codes), none(), request]
        }
    }
}

fn codes(end: &End) -> Vec<String> {
    use anchorwatch_core::route::audit::Outcome;
    match &end.outcome {
        Outcome::Failed { code } => vec![code.clone()],
        Outcome::Rejected { codes } => codes.clone(),
        Outcome::Answered | Outcome::Cancelled | Outcome::Unsent => Vec::new(),
    }
}

fn with(outcome: String, codes: &[String]) -> String {
    if codes.is_empty() { outcome } else { format!("{outcome}: {}", plain(&codes.join(", "))) }
}

fn seconds(took: SignedDuration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
