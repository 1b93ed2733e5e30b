//! `anchorwatch rollback` and `anchorwatch undo`: on this machine's own, with scan's flags, or by a service.

pub(super) mod shown;

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anchorwatch_core::change::dependants::Propagation;
use anchorwatch_core::guard::{Confirmation, WriteScope};
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::Cluster;
use anchorwatch_edge::journal::Journal;
use serde_json::json;

use super::output::{self, Style, TableOrJson};
use super::service::plan::{self, Asked};
use super::service::{self, Question, Service};
use super::{plain, target};
use crate::api::model::{self, ChangeList, ChangeResponse, DoneResponse, LeftResponse, RollbackResponse, UndoResponse};
use crate::drift::rollback::record::ChangeRecord;
use crate::drift::rollback::{Deletion, Meant, Planned, Said, Writing, rollback, undo};
use crate::failure::Failure;
use crate::words::Arg::Text;

/// How long a list of changes may take.
const LIST_LIMIT: Duration = Duration::from_mins(1);

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    meant: MeantArgs,
    /// Delete the one object that is named, which Git does not have: its uid, so that it can be no other one.
    #[arg(long, value_name = "UID", conflicts_with = "all")]
    uid: Option<String>,
    /// What happens to what belongs to an object that is deleted.
    #[arg(long, value_enum, requires = "uid", default_value_t = Cascade::Background)]
    cascade: Cascade,
    /// What Git says: a path, or `REPO[//PATH][?ref=REV]`. With --server: the name of one of its sources.
    #[arg(long, value_name = "SRC", required_unless_present = "server")]
    source: Option<String>,
    #[command(flatten)]
    target: target::TargetArgs,
    /// Delete objects and create them as Git says, where the server does not let them change.
    #[arg(long, conflicts_with = "uid")]
    recreate: bool,
    /// Write even then.
    #[arg(long, value_enum, value_name = "WHAT")]
    even_if: Vec<EvenIf>,
    #[command(flatten)]
    doing: Doing,
    // Last, as its heading is that of all that follows.
    #[command(flatten)]
    by_service: service::ByService,
}

/// What keeps an object from being written, unless it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum EvenIf {
    /// The tool that delivers it is paused: an Application without auto-sync, a Kustomization that is suspended.
    Paused,
}

impl From<EvenIf> for model::EvenIf {
    fn from(EvenIf::Paused: EvenIf) -> Self {
        Self::Paused
    }
}

/// What happens to what belongs to an object that is deleted, as kubectl calls it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Cascade {
    /// It is deleted afterwards.
    Background,
    /// It is deleted before.
    Foreground,
    /// It stays, and nobody owns it.
    Orphan,
}

impl From<Cascade> for Propagation {
    fn from(cascade: Cascade) -> Self {
        match cascade {
            Cascade::Background => Self::Background,
            Cascade::Foreground => Self::Foreground,
            Cascade::Orphan => Self::Orphan,
        }
    }
}

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct UndoArgs {
    /// The change's id, as rollback printed it, or its beginning.
    #[arg(value_name = "CHANGE")]
    change: String,
    #[command(flatten)]
    connect: target::Connect,
    /// Language; else that of the locale.
    #[arg(long, value_enum)]
    lang: Option<crate::words::Language>,
    #[command(flatten)]
    doing: Doing,
    // Last, as its heading is that of all that follows.
    #[command(flatten)]
    by_service: UndoByService,
}

/// Which service is to take it back.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = service::BY_SERVICE)]
struct UndoByService {
    /// Take back what this running service has changed, by that service.
    #[arg(
        long,
        value_name = "URL",
        env = "ANCHORWATCH_SERVER",
        requires = "token_file",
        conflicts_with_all = ["context", "kubeconfig"]
    )]
    server: Option<String>,
    #[command(flatten)]
    access: service::Access,
}

/// Which items are meant.
#[derive(Debug, clap::Args)]
pub(super) struct MeantArgs {
    /// What is meant: fingerprints (8 or more characters), or `KIND/NAME[:STABLE_PATH]`.
    #[arg(value_name = "SEL", required_unless_present = "all")]
    selectors: Vec<String>,
    /// All that differs, as far as that may be done.
    #[arg(long, conflicts_with = "selectors")]
    all: bool,
}

impl MeantArgs {
    pub(super) fn read(&self) -> Result<Meant, Failure> {
        if self.all {
            return Ok(Meant::All);
        }
        let selectors = self.selectors.iter().map(|text| target::selector(text));
        Ok(Meant::These(selectors.collect::<Result<_, _>>()?))
    }
}

/// Whether and how to write.
#[derive(Debug, clap::Args)]
pub(super) struct Doing {
    /// Print what would be written, as the server would take it, and write nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Write without asking.
    #[arg(short, long, conflicts_with = "dry_run")]
    pub(super) yes: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = TableOrJson::Table)]
    pub(super) output: TableOrJson,
}

pub(super) fn run(args: RollbackArgs) -> Result<ExitCode, Failure> {
    let style = super::style(args.target.lang, true);
    if let Some(service) = args.by_service.service()? {
        return run_by(&service, args, &style);
    }
    let meant = meant(&args.meant, args.uid, args.cascade)?;
    // Without a server clap has asked for it.
    let request = args.target.resolve(args.source.unwrap_or_default())?;
    let key = target::secret_key(request.is_of_a_recording())?;
    let runtime = super::runtime()?;
    let doing = args.doing;
    let (dry_run, output) = (doing.dry_run, doing.output);
    let ask = |planned: &Planned| {
        if output == TableOrJson::Table {
            super::print(&shown::plan(&RollbackResponse::planned(planned, &key), &style)?)?;
        }
        if dry_run {
            return Ok(None);
        }
        let question = style.words.say("rollback-ask");
        Ok(confirmed(&doing, &question)?.then(|| confirmation(planned.plan.hash(&key))))
    };
    let journal = journal()?;
    let (scope, notes) = (WriteScope::Everything, &journal);
    let said = Said { recreate: args.recreate, even_if_paused: args.even_if.contains(&EvenIf::Paused) };
    let writing = Writing { scope: &scope, said, person: None, notes, may_write: !dry_run };
    let rolled_back = rollback(runtime.handle(), (&request, &key), &meant, writing, ask)?;
    let answer = RollbackResponse::of(&rolled_back, &key);
    match (output, &answer.done) {
        (TableOrJson::Json, _) => output::print_json(&answer)?,
        (TableOrJson::Table, Some(done)) => super::print(&shown::done(done, None, &style))?,
        (TableOrJson::Table, None) if answer.plan.changes.is_empty() => super::print(&shown::plan(&answer, &style)?)?,
        (TableOrJson::Table, None) => {}
    }
    Ok(exit_code(&answer, dry_run))
}

/// The same by a service.
fn run_by(service: &Service, args: RollbackArgs, style: &Style) -> Result<ExitCode, Failure> {
    let is_deletion = args.uid.is_some();
    let even_if: Vec<model::EvenIf> = args.even_if.iter().copied().map(Into::into).collect();
    let mut body = json!({"uid": args.uid, "recreate": args.recreate, "even_if": even_if});
    if is_deletion {
        body["propagation"] = json!(Propagation::from(args.cascade));
    }
    let meant = meant(&args.meant, args.uid, args.cascade)?;
    let items = plan::open(service, &meant, (args.source.as_deref(), args.target.namespace()))?;
    if items.is_empty() {
        return nothing_open(service, &args.doing, style);
    }
    body["items"] = json!(items);
    let question = style.words.say("rollback-ask");
    let asked = Asked { service, path: "/api/v1/drift/rollback", body, doing: &args.doing, question: &question };
    let answer: RollbackResponse = asked.take(
        |planned: &RollbackResponse| Ok((!planned.plan.changes.is_empty()).then(|| planned.plan.plan_hash.clone())),
        |planned| shown::plan(planned, style),
    )?;
    if let (TableOrJson::Table, Some(done)) = (args.doing.output, &answer.done) {
        let recovered = shown::recovered(&answer.recovered, style);
        super::print(&(recovered + &shown::done(done, Some(service.address()), style)))?;
    }
    Ok(exit_code(&answer, args.doing.dry_run))
}

/// Where all is meant, and a service knows of nothing.
pub(super) fn nothing_open(service: &Service, doing: &Doing, style: &Style) -> Result<ExitCode, Failure> {
    match doing.output {
        TableOrJson::Json => output::print_json(&json!({"items": []}))?,
        TableOrJson::Table => {
            let at = plain(service.address());
            super::print(&(style.words.say_with("service-nothing", &[("service", Text(&at))]) + "\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn meant(meant: &MeantArgs, uid: Option<String>, cascade: Cascade) -> Result<Meant, Failure> {
    match uid {
        Some(uid) => deletion(meant.read()?, uid, cascade),
        None => meant.read(),
    }
}

/// The one object that a uid names.
fn deletion(meant: Meant, uid: String, cascade: Cascade) -> Result<Meant, Failure> {
    match meant {
        Meant::These(mut selectors) if selectors.len() == 1 => {
            let selector = selectors.remove(0);
            Ok(Meant::Deleted(Deletion { selector, uid, propagation: cascade.into() }))
        }
        _ => Err(Failure::new("a uid names one object").hint("name one, as in: ConfigMap/leftover --uid UID")),
    }
}

pub(super) fn run_undo(args: UndoArgs) -> Result<ExitCode, Failure> {
    let style = super::style(args.lang, true);
    if let Some(server) = &args.by_service.server {
        return run_undo_by(&Service::at(server, &args.by_service.access)?, &args, &style);
    }
    let journal = journal()?;
    let record = find(&journal, &args.change)?;
    let (plan, key) = (undo::plan(&record), target::secret_key(false)?);
    let (change, mut planned) = (ChangeResponse::of(record.clone()), UndoResponse::of(&record, &plan, &key));
    must_be_undoable(&change)?;
    must_undo_something(&change, &planned)?;
    let runtime = super::runtime()?;
    let failed = |error: anchorwatch_edge::cluster::ClusterError| Failure::because(&error);
    let cluster = runtime.block_on(Cluster::connect(&args.connect.into())).map_err(failed)?;
    if cluster.identity() != record.reached {
        return Err(Failure::new("that change was made in another cluster")
            .detail(format!("there: {}", record.reached))
            .detail(format!("here: {}", cluster.identity()))
            .hint("name its context with --context"));
    }
    let doing = args.doing;
    let (dry_run, output) = (doing.dry_run, doing.output);
    // Whoever does not want to be asked is told by the undo itself.
    if !doing.yes {
        planned = planned.tried(undo::try_out(runtime.handle(), &cluster, None, (&record, &plan))?);
    }
    match output {
        TableOrJson::Table => super::print(&shown::undo(&planned, &change, &style))?,
        TableOrJson::Json if dry_run => output::print_json(&planned)?,
        TableOrJson::Json => {}
    }
    if dry_run {
        return Ok(looked_at(&planned));
    }
    if is_refused(&planned) || !confirmed(&doing, &style.words.say("rollback-ask"))? {
        return Ok(ExitCode::from(1));
    }
    let scope = WriteScope::Everything;
    let writing = Writing { scope: &scope, said: Said::default(), person: None, notes: &journal, may_write: true };
    let done = undo::undo(runtime.handle(), (&cluster, &key), &record, &confirmation(plan.hash(&key)), writing)?;
    let done = DoneResponse::from(&done);
    match output {
        TableOrJson::Table => super::print(&shown::done(&done, None, &style))?,
        TableOrJson::Json => output::print_json(&done)?,
    }
    Ok(ended(&done))
}

/// The same by a service.
fn run_undo_by(service: &Service, args: &UndoArgs, style: &Style) -> Result<ExitCode, Failure> {
    let question = Question { path: "/api/v1/changes", body: None, key: None, timeout: LIST_LIMIT };
    let changes: ChangeList = service::understood(super::runtime()?.block_on(service.ask(&question))?)?;
    let fits = |change: &&ChangeResponse| change.done.change_id.starts_with(&args.change);
    let change = the_one(changes.items.iter().filter(fits), &args.change, || {
        format!("{} was asked for its last changes", service.address())
    })?;
    must_be_undoable(change)?;
    let path = format!("/api/v1/changes/{}/undo", service::checked(&change.done.change_id)?);
    let (doing, question) = (&args.doing, style.words.say("rollback-ask"));
    let asked = Asked { service, path: &path, body: json!({}), doing, question: &question };
    let answer: UndoResponse = asked.take(
        |planned: &UndoResponse| {
            must_undo_something(change, planned)?;
            Ok((!is_refused(planned)).then(|| planned.plan_hash.clone()))
        },
        |planned| Ok(shown::undo(planned, change, style)),
    )?;
    let Some(done) = &answer.done else {
        return Ok(if doing.dry_run { looked_at(&answer) } else { ExitCode::from(1) });
    };
    if doing.output == TableOrJson::Table {
        super::print(&shown::done(done, Some(service.address()), style))?;
    }
    Ok(ended(done))
}

fn must_be_undoable(change: &ChangeResponse) -> Result<(), Failure> {
    let Some(commit) = &change.commit else { return Ok(()) };
    Err(Failure::new(format!("the change {} is a commit", change.done.change_id))
        .hint(format!("take it back in Git: git revert {}", commit.commit)))
}

fn must_undo_something(change: &ChangeResponse, planned: &UndoResponse) -> Result<(), Failure> {
    if !planned.changes.is_empty() {
        return Ok(());
    }
    let why = if planned.not_kept.is_empty() {
        "wrote nothing"
    } else {
        "touched nothing but Secrets, whose values are not kept"
    };
    Err(Failure::new(format!("the change {} {why}", change.done.change_id)))
}

/// True if the server would take nothing of it.
fn is_refused(planned: &UndoResponse) -> bool {
    planned.changes.iter().all(|change| change.refused.is_some())
}

fn looked_at(planned: &UndoResponse) -> ExitCode {
    ExitCode::from(u8::from(planned.changes.iter().any(|change| change.refused.is_some())))
}

/// Whether the person wants it. Who is not at a terminal has to have said so.
pub(super) fn confirmed(Doing { yes, output, .. }: &Doing, question: &str) -> Result<bool, Failure> {
    // A program does not answer questions about what it was not shown.
    let (yes, is_program) = (*yes, *output == TableOrJson::Json);
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() || is_program {
        return Err(Failure::new("nobody is here to confirm it, and nothing was written")
            .hint("say --yes to write without being asked, or --dry-run to look only"));
    }
    super::tell(question);
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::new("cannot read the answer").detail(error.to_string()))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "是"))
}

/// The person at this machine, with the rights of their kubeconfig, decides for themselves.
pub(super) fn confirmation(plan: String) -> Confirmation {
    let by =
        ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "somebody".to_owned());
    Confirmation { plan, by, at: clock::now(), approves: true }
}

/// Where this machine notes what it has changed.
pub(super) fn journal() -> Result<Journal, Failure> {
    let folder: PathBuf = target::state_folder().ok_or_else(|| {
        Failure::new("there is no folder to note changes in, so none is made")
            .hint("set XDG_STATE_HOME to a folder that can be written")
    })?;
    Ok(Journal::in_folder(folder.join("changes")))
}

/// The one change of this machine's whose id begins so.
fn find(journal: &Journal, beginning: &str) -> Result<ChangeRecord, Failure> {
    let names = journal.names().map_err(|error| Failure::because(&error))?;
    let fits = names.iter().filter(|name| name.starts_with(beginning));
    let name = the_one(fits, beginning, || format!("changes are noted in {}", journal.folder().display()))?;
    let record = journal.read(name).map_err(|error| Failure::because(&error))?;
    record.ok_or_else(|| Failure::new(format!("the change {name} was forgotten just now")))
}

/// The one change that fits an id's beginning. `place`: where it was looked for.
fn the_one<T>(
    mut fits: impl Iterator<Item = T>,
    beginning: &str,
    place: impl FnOnce() -> String,
) -> Result<T, Failure> {
    let what = match (fits.next(), fits.next()) {
        (Some(one), None) => return Ok(one),
        (None, _) => "no change is called",
        (Some(_), Some(_)) => "more than one change begins with",
    };
    Err(Failure::new(format!("{what} {beginning}"))
        .detail(place())
        .hint("rollback prints the id of what it has changed"))
}

/// 0: done, or shown; 1: not confirmed, or something that was meant is left as it is and differs; 2: a step failed.
fn exit_code(RollbackResponse { plan, left, done, .. }: &RollbackResponse, dry_run: bool) -> ExitCode {
    let is_left = !LeftResponse::are_as_git_says(left);
    match done {
        Some(done) if !done.is_as_promised() => ExitCode::from(2),
        Some(_) => ExitCode::from(u8::from(is_left)),
        None => ExitCode::from(u8::from(is_left || !(dry_run || plan.changes.is_empty()))),
    }
}

fn ended(done: &DoneResponse) -> ExitCode {
    ExitCode::from(if done.is_as_promised() { 0 } else { 2 })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_somebody_else_has_done_meanwhile_is_not_left() {
        let left = |is_as_git_says| json!({"item": {}, "reason": "…", "is_as_git_says": is_as_git_says});
        let ended = |left: &[serde_json::Value], dry_run| {
            let plan = json!({"plan_hash": "", "cluster": "", "source": "", "revision": null, "changes": []});
            let planned = json!({"plan": plan, "left": left, "recovered": [], "is_partial": false, "done": null});
            exit_code(&serde_json::from_value(planned).unwrap(), dry_run)
        };
        for dry_run in [true, false] {
            assert_eq!(ended(&[left(true)], dry_run), ExitCode::SUCCESS);
            assert_eq!(ended(&[left(true), left(false)], dry_run), ExitCode::from(1));
        }
    }
}
