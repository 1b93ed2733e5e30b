//! `anchorwatch explain`: why an item has its class, origin and level.

use std::fmt::Write as _;
use std::process::ExitCode;

use anchorwatch_core::drift::compare::Class;
use anchorwatch_core::drift::{DriftItem, DriftLevel};
use serde::Serialize;

use super::output::{self, Style};
use super::{plain, target};
use crate::drift::examiner::{Selector, Told};
use crate::drift::scan::{Outcome, scan};
use crate::failure::Failure;
use crate::words::Arg::{Count, Text};

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    #[arg(value_name = "SEL", help = "A fingerprint (8 or more characters), or KIND/NAME[:STABLE_PATH]")]
    selector: String,
    #[command(flatten)]
    target: target::TargetArgs,
    /// List the values that are no drift, too.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(args: ExplainArgs) -> Result<ExitCode, Failure> {
    let style = super::style(args.target.lang, true);
    let selector: Selector = args.selector.parse().map_err(|()| {
        Failure::new(format!("{} selects nothing", args.selector))
            .hint("a fingerprint of 8 or more characters, or KIND/NAME, or KIND/NAME:PATH, as scan prints them")
    })?;
    let mut request = args.target.resolve()?;
    request.explain = Some(selector.clone());
    let key = target::secret_key()?;
    let runtime = super::runtime()?;
    let outcome = scan(runtime.handle(), &request, &key)?;
    let items: Vec<&DriftItem> =
        outcome.reports.iter().flat_map(|r| &r.items).filter(|item| selector.selects(item)).collect();
    if items.is_empty() && outcome.told.is_empty() {
        return Err(Failure::new(format!("nothing in this scan is {}", args.selector))
            .detail(format!("{} objects of {} were looked at", outcome.extent.objects, outcome.source))
            .hint("run anchorwatch scan with the same flags to see what there is"));
    }
    super::print(&text(&outcome, &items, args.verbose, &style))?;
    Ok(ExitCode::SUCCESS)
}

fn text(outcome: &Outcome, items: &[&DriftItem], verbose: bool, style: &Style) -> String {
    let mut out = String::new();
    for item in items {
        explain(item, style, &mut out);
    }
    for told in &outcome.told {
        passed_over(told, items.is_empty(), verbose, style, &mut out);
    }
    out
}

/// A name as JSON writes it, for the id of a sentence.
fn id_of(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn explain(item: &DriftItem, style: &Style, out: &mut String) {
    let words = style.words;
    let object = plain(&format!("{}/{}", item.resource_kind, item.resource_name));
    let _ = writeln!(out, " {object}  {}", plain(&item.stable_path));
    let mut line = |label: &str, text: &str| {
        let label = words.say(label);
        let _ = writeln!(out, "   {}  {text}", output::padded(&label, 6));
    };
    line(
        "label-change",
        &format!("{} · {}", id_of(item.change), words.say(&format!("explain-{}", id_of(item.change)))),
    );
    let source = item.source.as_ref().and_then(|s| Some((s.file.as_deref()?, s.line)));
    let place = source.map_or_else(String::new, |(file, line)| match line {
        Some(line) => format!("   {}:{line}", plain(file)),
        None => format!("   {}", plain(file)),
    });
    if let Some(git) = &item.git_value {
        line("label-git", &format!("{}{place}", plain(&output::flow(git.as_json()))));
    }
    if let Some(live) = &item.actual_value {
        line("label-live", &plain(&output::flow(live.as_json())));
    }
    let manager = item.attribution.as_ref().map(|a| plain(&a.manager)).unwrap_or_default();
    let why = words.say_with(&format!("why-{}", id_of(item.origin_reason)), &[("manager", Text(&manager))]);
    line("label-origin", &format!("{} · {why}", words.say(&format!("origin-{}", id_of(item.origin)))));
    if let Some(who) = &item.attribution {
        line("label-who", &output::who(who, style));
    }
    if let Some(past) = &item.was_in_git {
        let short = |commit: &str| commit.get(..7).unwrap_or(commit).to_owned();
        let said = short(&past.commit);
        let when = past.changed_at.map(|t| output::when(t, style)).unwrap_or_default();
        let note = match &past.changed_in {
            Some(since) => format!("{said} → {} ({when})", short(since)),
            None => words.say_with("note-past-uncommitted", &[("commit", Text(&said))]),
        };
        line("label-note", &note);
    }
    let level = words.say(match item.drift_level {
        DriftLevel::High => "level-high",
        DriftLevel::Medium => "level-medium",
        DriftLevel::Info => "level-info",
    });
    let reason = words.reason(item);
    let args = [("level", Text(&level)), ("rule", Text(&item.rule)), ("reason", Text(&reason))];
    line("label-level", &words.say_with("level-by-rule", &args));
    line("label-id", &item.fingerprint);
    out.push('\n');
}

fn passed_over(told: &Told, is_clean: bool, verbose: bool, style: &Style, out: &mut String) {
    let words = style.words;
    let object = plain(&told.object);
    if is_clean {
        let _ = writeln!(out, " {}", words.say_with("explain-clean", &[("object", Text(&object))]));
    }
    let count = |class| told.silent.iter().filter(|s| s.1 == class).count();
    let args = [
        ("object", Text(&object)),
        ("defaults", Count(count(Class::Default))),
        ("system", Count(count(Class::System))),
    ];
    let _ = writeln!(out, " {}", words.say_with("passed-over", &args));
    for (path, class, value) in told.silent.iter().filter(|_| verbose) {
        let class = words.say(match class {
            Class::Default => "class-default",
            Class::System => "class-system",
        });
        let _ = writeln!(
            out,
            "   {}  {}  {}",
            output::padded(&class, 8),
            plain(path),
            plain(&output::flow(value.as_json()))
        );
    }
}
