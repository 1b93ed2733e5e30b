//! `anchorwatch explain`: why an item has its class, origin and level.

use std::fmt::Write as _;
use std::process::ExitCode;

use anchorwatch_core::drift::compare::Class;
use anchorwatch_core::drift::policy::{IgnoredItem, OwnRule};
use anchorwatch_core::drift::report::NotCompared;
use anchorwatch_core::drift::{DriftItem, DriftLevel};

use super::output::{self, Style};
use super::{plain, target};
use crate::drift::examiner::{Passed, Selector, Told};
use crate::drift::scan::{Outcome, scan};
use crate::failure::Failure;
use crate::words::Arg::{Count, Text};
use crate::words::Words;
use crate::words::word;

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    #[arg(value_name = "SEL", help = "A fingerprint (8 or more characters), or KIND/NAME[:STABLE_PATH]")]
    selector: String,
    #[arg(long, value_name = "SRC", help = "What Git says: a path, or REPO[//PATH][?ref=REV]")]
    source: String,
    #[command(flatten)]
    target: target::TargetArgs,
    /// List the values that are no drift, too.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(args: ExplainArgs) -> Result<ExitCode, Failure> {
    let style = super::style(args.target.lang, true);
    let selector = target::selector(&args.selector)?;
    let rules = args.target.own_rules()?;
    let mut request = args.target.resolve(args.source)?;
    request.explain = Some(selector.clone());
    let key = target::secret_key(request.is_of_a_recording())?;
    let runtime = super::runtime()?;
    let outcome = scan(runtime.handle(), &request, &key)?;
    let found = Found::of(&outcome, &selector);
    if found.is_empty() && outcome.is_complete() {
        return Err(Failure::new(format!("nothing in this scan is {}", args.selector))
            .detail(format!("{} objects of {} were looked at", outcome.extent.objects, outcome.source))
            .hint("run anchorwatch scan with the same flags to see what there is"));
    }
    super::print(&text(&outcome, &found, &rules, args.verbose, &style))?;
    Ok(found.exit_code())
}

/// All that a scan says of what is meant.
struct Found<'a> {
    items: Vec<&'a DriftItem>,
    ignored: Vec<&'a IgnoredItem>,
    admitted: Vec<&'a DriftItem>,
    /// Of the object; where nothing else is found, all that it may be in.
    not_compared: Vec<&'a NotCompared>,
    told: &'a [Told],
    /// True if the object has no item at all, also none that was not asked for.
    is_clean: bool,
    /// True if a path was asked for.
    is_of_a_path: bool,
}

impl<'a> Found<'a> {
    fn of(outcome: &'a Outcome, selector: &Selector) -> Self {
        let all = || outcome.reports.iter().flat_map(|report| &report.items);
        let ignored = outcome.reports.iter().flat_map(|report| &report.ignored);
        let is_ignored =
            |i: &&IgnoredItem| selector.means(&i.fingerprint, (&i.resource_kind, &i.resource_name), &i.stable_path);
        let gaps = outcome.not_compared();
        let is_of_it = |entry: &&NotCompared| {
            let object = entry.what.split(' ').next().and_then(|object| object.split_once('/'));
            object.is_some_and(|(kind, name)| selector.is_about(kind, name))
        };
        let mut found = Self {
            items: all().filter(|item| selector.selects(item)).collect(),
            ignored: ignored.filter(is_ignored).collect(),
            admitted: outcome.admitted.iter().filter(|item| selector.selects(item)).collect(),
            not_compared: gaps.iter().copied().filter(is_of_it).collect(),
            told: &outcome.told,
            is_clean: !all().any(|item| selector.is_about(&item.resource_kind, &item.resource_name)),
            is_of_a_path: outcome
                .told
                .iter()
                .any(|told| told.object.split_once('/').is_some_and(|(kind, name)| selector.has_path(kind, name))),
        };
        if found.is_empty() {
            found.not_compared = gaps.into_iter().collect();
        }
        found.is_clean &= found.ignored.is_empty() && found.admitted.is_empty() && found.not_compared.is_empty();
        found
    }

    fn is_empty(&self) -> bool {
        let Self { items, ignored, admitted, not_compared, told, is_clean: _, is_of_a_path: _ } = self;
        let untold = told.iter().all(|told| told.misses);
        items.is_empty() && ignored.is_empty() && admitted.is_empty() && not_compared.is_empty() && untold
    }

    /// As a scan of nothing else.
    fn exit_code(&self) -> ExitCode {
        let drift = self.items.iter().any(|item| item.counts_from(DriftLevel::Info));
        ExitCode::from(if self.not_compared.is_empty() { u8::from(drift) } else { 3 })
    }
}

fn text(outcome: &Outcome, found: &Found<'_>, rules: &[OwnRule], verbose: bool, style: &Style) -> String {
    let words = style.words;
    let mut out = String::new();
    for item in &found.items {
        explain(item, style, &mut out);
    }
    for item in &found.ignored {
        let _ = writeln!(out, " {}", ignored(item, rules, words));
    }
    for item in &found.admitted {
        let place = place(&item.resource_kind, &item.resource_name, &item.stable_path);
        let _ = writeln!(out, " {}", words.say_with("explain-admitted", &[("place", Text(&place))]));
    }
    for entry in &found.not_compared {
        let _ = writeln!(out, " {}", output::not_compared(entry, outcome, words));
    }
    for told in found.told.iter().filter(|told| !told.misses) {
        // Whoever asks for a path wants to hear of just that.
        passed_over(told, found, verbose, style, &mut out);
    }
    out
}

/// Which rule hides an item, who answers for it, why, and until when.
fn ignored(item: &IgnoredItem, rules: &[OwnRule], words: Words) -> String {
    let rule = rules.iter().find(|rule| rule.id == item.rule);
    let place = place(&item.resource_kind, &item.resource_name, &item.stable_path);
    let owner = rule.map(|rule| plain(&rule.owner)).unwrap_or_default();
    let reason = rule.map(|rule| plain(&rule.reason)).unwrap_or_default();
    let until = rule.and_then(|rule| rule.expires).map(|last| last.to_string());
    let id = if until.is_some() { "explain-ignored-until" } else { "explain-ignored" };
    let args = [
        ("place", Text(&place)),
        ("rule", Text(&plain(&item.rule))),
        ("owner", Text(&owner)),
        ("reason", Text(&reason)),
        ("until", Text(until.as_deref().unwrap_or_default())),
    ];
    words.say_with(id, &args)
}

fn place(kind: &str, name: &str, path: &str) -> String {
    plain(format!("{kind}/{name} {path}").trim_end())
}

fn explain(item: &DriftItem, style: &Style, out: &mut String) {
    let words = style.words;
    let object = output::object(&item.resource_kind, &item.resource_name, &item.namespace);
    let _ = writeln!(out, " {object}  {}", plain(&item.stable_path));
    let mut line = |label: &str, text: &str| {
        let label = words.say(label);
        let _ = writeln!(out, "   {}  {text}", output::padded(&label, 6));
    };
    line("label-change", &format!("{} · {}", word(item.change), words.say(&format!("explain-{}", word(item.change)))));
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
    let why = words.say_with(&format!("why-{}", word(item.origin_reason)), &[("manager", Text(&manager))]);
    line("label-origin", &format!("{} · {why}", words.say(&format!("origin-{}", word(item.origin)))));
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
    let level = words.level(item.drift_level);
    let reason = words.reason(&item.rule, &item.reason);
    let args = [("level", Text(&level)), ("rule", Text(&item.rule)), ("reason", Text(&reason))];
    line("label-level", &words.say_with("level-by-rule", &args));
    line("label-id", &item.fingerprint);
    out.push('\n');
}

fn passed_over(told: &Told, found: &Found<'_>, verbose: bool, style: &Style, out: &mut String) {
    let words = style.words;
    let (kind, name) = told.object.split_once('/').unwrap_or(("", &told.object));
    let object = output::object(kind, name, &told.namespace);
    if found.is_clean && !found.is_of_a_path {
        let _ = writeln!(out, " {}", words.say_with("explain-clean", &[("object", Text(&object))]));
    }
    let count = |class| told.silent.iter().filter(|passed| passed.class == class).count();
    let args = [
        ("object", Text(&object)),
        ("defaults", Count(count(Class::Default))),
        ("system", Count(count(Class::System))),
    ];
    if found.is_of_a_path {
        let _ = writeln!(out, " {object}");
    } else {
        let _ = writeln!(out, " {}", words.say_with("passed-over", &args));
    }
    let is_listed = |passed: &&Passed| found.is_of_a_path || (verbose && passed.class != Class::Agreed);
    for Passed { path, class, value } in told.silent.iter().filter(is_listed) {
        let class = words.say(match class {
            Class::Agreed => "class-agreed",
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
