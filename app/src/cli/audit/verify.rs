//! `anchorwatch audit verify`

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anchorwatch_core::route::audit::{Break, PublicKey, Record, Report, SignedCheckpoint, Verifier};
use anchorwatch_edge::lines::each_line;
use serde_json::Value as Json;

use super::{Kept, count, each_page, file, look, public_key};
use crate::cli::output::{self, Style, TableOrJson};
use crate::cli::{plain, runtime, style};
use crate::config::Config;
use crate::failure::Failure;
use crate::serve::store_failure;
use crate::shown::at;
use crate::words::Arg::Text;
use crate::words::{Language, Words};

/// What sentences of breaks speak of.
const FIELDS: &[&str] = &[
    "attempt",
    "chain",
    "checkpoint",
    "from",
    "given",
    "number",
    "place",
    "reason",
    "rows",
    "says",
    "seq",
    "signed_by",
    "text",
    "to",
];

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    kept: Kept,
    /// An exported audit, instead of what the store holds.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The public key, instead of the one that belongs to the configuration's secret key.
    #[arg(long, value_name = "KEY")]
    public_key: Option<PublicKey>,
    /// A log of the service: what its checkpoints say has to be there, too. May be said again.
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = TableOrJson::Table)]
    output: TableOrJson,
    /// Language; else that of the locale.
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

pub(super) fn run(args: VerifyArgs) -> Result<ExitCode, Failure> {
    let VerifyArgs { kept, file, public_key: key, log, output, lang } = args;
    let config = kept.read()?;
    let key = match (key, &config) {
        (Some(key), _) => key,
        (None, Some(config)) => public_key(config)?,
        (None, None) => {
            return Err(Failure::new("no key to verify with")
                .hint("say --public-key, as `anchorwatch audit key` prints it where the service is, or --config"));
        }
    };
    let logged = logged(&log)?;
    let report = match (file, config) {
        (Some(file), _) => file::verify(&file, key, &logged)?,
        (None, Some(config)) => verify_store(&config, key, &logged)?,
        (None, None) => unreachable!("the command line asks for one of them"),
    };
    match output {
        TableOrJson::Table => crate::cli::print(&text(&report, &style(lang, true)))?,
        TableOrJson::Json => output::print_json(&report)?,
    }
    Ok(ExitCode::from(u8::from(report.broken > 0)))
}

/// The checkpoints in logs, whatever else is there.
fn logged(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for file in files {
        each_line(file, |_, line| found.extend(SignedCheckpoint::find(line).map(str::to_owned)))
            .map_err(|error| Failure::because(&error))?;
    }
    Ok(found)
}

fn verify_store(config: &Config, key: PublicKey, logged: &[String]) -> Result<Report, Failure> {
    let runtime = runtime()?;
    let look = runtime.block_on(look(config)).map_err(|error| store_failure(&error))?;
    let checkpoints = runtime.block_on(look.checkpoints()).map_err(|error| store_failure(&error))?;
    let kept = checkpoints.iter().map(String::as_str);
    let mut verifier = Verifier::new(Record::read(key, kept, logged.iter().map(String::as_str)));
    each_page(&runtime, look, |page| {
        for row in &page {
            verifier.row(row.stored());
        }
        Ok(())
    })?;
    Ok(verifier.finish())
}

fn text(report: &Report, style: &Style) -> String {
    let words = style.words;
    let counts = [
        ("rows", count(report.rows)),
        ("chains", count(report.chains)),
        ("checkpoints", count(report.checkpoints)),
        ("key", Text(&report.key)),
    ];
    let mut lines = vec![words.say_with("audit-verified", &counts)];
    if let Some(last) = report.last_checkpoint_at {
        lines.push(words.say_with("audit-last-checkpoint", &[("time", Text(&at(last, &style.now)))]));
    }
    lines.extend(report.is_cut.then(|| words.say("audit-cut")));
    for (id, number) in [("audit-after-checkpoint", report.after_checkpoint), ("audit-open", report.open)] {
        lines.extend((number > 0).then(|| words.say_with(id, &[("n", count(number))])));
    }
    if report.broken == 0 {
        lines.push(words.say("audit-whole"));
    } else {
        lines.push(words.say_with("audit-broken", &[("n", count(report.broken))]));
        lines.extend(report.breaks.iter().map(|found| format!("  {}", sentence(found, words))));
        let more = report.broken - report.breaks.len() as u64;
        lines.extend((more > 0).then(|| format!("  {}", words.say_with("audit-more", &[("n", count(more))]))));
    }
    lines.into_iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

/// What a break means.
fn sentence(found: &Break, words: Words) -> String {
    let fields = serde_json::to_value(found).expect("a break is JSON");
    let shown = |value: &Json| value.as_str().map_or_else(|| value.to_string(), plain);
    let said: Vec<(&'static str, String)> =
        FIELDS.iter().filter_map(|name| Some((*name, shown(fields.get(*name)?)))).collect();
    let args: Vec<_> = said.iter().map(|(name, text)| (*name, Text(text))).collect();
    words.say_with(&format!("audit-{}", fields["broken"].as_str().unwrap_or_default()), &args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_break_has_its_sentence_in_both_languages() {
        let word = || "word".to_owned();
        let all = [
            Break::OtherKey { signed_by: word(), given: word() },
            Break::CheckpointsMissing { from: 1, to: 2 },
            Break::CheckpointChanged { number: 1 },
            Break::CheckpointMisplaced { number: 1 },
            Break::CheckpointForged { number: 1 },
            Break::CheckpointUnreadable { text: word(), reason: word() },
            Break::ChainMissing { chain: word(), rows: 1, checkpoint: 1 },
            Break::EndMissing { chain: word(), from: 1, to: 2, checkpoint: 1 },
            Break::RowsMissing { chain: word(), from: 1, to: 2 },
            Break::RowChanged { chain: word(), seq: 1 },
            Break::RowNotAsSigned { chain: word(), seq: 1, checkpoint: 1 },
            Break::RowsForged { chain: word(), from: 1, to: 2 },
            Break::RowReordered { chain: word(), seq: 1 },
            Break::RowRepeated { chain: word(), seq: 1 },
            Break::RowMisplaced { chain: word(), seq: 1, says: word() },
            Break::RowUnreadable { place: word(), reason: word() },
            Break::EndWithoutBegin { chain: word(), seq: 1, attempt: word() },
            Break::BeginRepeated { chain: word(), seq: 1, attempt: word() },
        ];
        for language in [Language::English, Language::TraditionalChinese] {
            for found in &all {
                let said = sentence(found, Words(language));
                assert!(!said.contains("nknown") && !said.contains('$'), "{found:?}: {said}");
            }
        }
    }
}
