//! `anchorwatch rollback` and `anchorwatch undo`: on this machine's own, with scan's flags.

pub(super) mod shown;

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anchorwatch_core::change::dependants::Propagation;
use anchorwatch_core::guard::{Confirmation, WriteScope};
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::Cluster;
use anchorwatch_edge::journal::Journal;

use super::output::{self, TableOrJson};
use super::target;
use crate::api::model::{DoneResponse, RollbackResponse, UndoResponse};
use crate::drift::rollback::record::ChangeRecord;
use crate::drift::rollback::{Deletion, Done, Meant, Planned, RolledBack, Said, Writing, rollback, undo};
use crate::failure::Failure;

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
    /// What Git says: a path, or `REPO[//PATH][?ref=REV]`.
    #[arg(long, value_name = "SRC")]
    source: String,
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
}

/// What keeps an object from being written, unless it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum EvenIf {
    /// The tool that delivers it is paused: an Application without auto-sync, a Kustomization that is suspended.
    Paused,
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
    /// The change's id, as rollback printed it.
    #[arg(value_name = "CHANGE")]
    change: String,
    #[command(flatten)]
    connect: target::Connect,
    /// Language; else that of the locale.
    #[arg(long, value_enum)]
    lang: Option<crate::words::Language>,
    #[command(flatten)]
    doing: Doing,
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
    let meant = match args.uid {
        Some(uid) => deletion(args.meant.read()?, uid, args.cascade)?,
        None => args.meant.read()?,
    };
    let request = args.target.resolve(args.source)?;
    let key = target::secret_key(request.is_of_a_recording())?;
    let runtime = super::runtime()?;
    let doing = args.doing;
    let (dry_run, output) = (doing.dry_run, doing.output);
    let ask = |planned: &Planned| {
        if output == TableOrJson::Table {
            super::print(&shown::plan(planned, &key, &style))?;
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
    match output {
        TableOrJson::Json => output::print_json(&RollbackResponse::of(&rolled_back, &key))?,
        TableOrJson::Table if rolled_back.planned.plan.changes.is_empty() => {
            super::print(&shown::plan(&rolled_back.planned, &key, &style))?;
        }
        TableOrJson::Table => {}
    }
    if let Some(done) = &rolled_back.done
        && output == TableOrJson::Table
    {
        super::print(&shown::done(done, &style))?;
    }
    Ok(exit_code(&rolled_back, dry_run))
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
    let journal = journal()?;
    let record = find(&journal, &args.change)?;
    let plan = undo::plan(&record);
    if let Some(commit) = record.commit() {
        return Err(Failure::new(format!("the change {} is a commit", record.change_id))
            .hint(format!("take it back in Git: git revert {}", commit.commit)));
    }
    if plan.changes.is_empty() {
        let why = if undo::not_kept(&record).is_empty() {
            "wrote nothing"
        } else {
            "touched nothing but Secrets, whose values are not kept"
        };
        return Err(Failure::new(format!("the change {} {why}", record.change_id)));
    }
    let key = target::secret_key(false)?;
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
    let refused = if doing.yes {
        vec![None; plan.changes.len()]
    } else {
        undo::try_out(runtime.handle(), &cluster, None, (&record, &plan))?
    };
    match output {
        TableOrJson::Table => super::print(&shown::undo(&plan, &refused, &record, &style))?,
        TableOrJson::Json if dry_run => {
            output::print_json(&UndoResponse::of(&record, &plan, &key).tried(refused.clone()))?;
        }
        TableOrJson::Json => {}
    }
    if dry_run {
        return Ok(ExitCode::from(u8::from(refused.iter().any(Option::is_some))));
    }
    if refused.iter().all(Option::is_some) || !confirmed(&doing, &style.words.say("rollback-ask"))? {
        return Ok(ExitCode::from(1));
    }
    let scope = WriteScope::Everything;
    let writing = Writing { scope: &scope, said: Said::default(), person: None, notes: &journal, may_write: true };
    let done = undo::undo(runtime.handle(), (&cluster, &key), &record, &confirmation(plan.hash(&key)), writing)?;
    match output {
        TableOrJson::Table => super::print(&shown::done(&done, &style))?,
        TableOrJson::Json => output::print_json(&DoneResponse::from(&done))?,
    }
    Ok(ended(&done))
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

/// The one change whose id begins so.
fn find(journal: &Journal, beginning: &str) -> Result<ChangeRecord, Failure> {
    let names = journal.names().map_err(|error| Failure::because(&error))?;
    let fits: Vec<&String> = names.iter().filter(|name| name.starts_with(beginning)).collect();
    let [name] = fits[..] else {
        let what = if fits.is_empty() { "no change is called" } else { "more than one change begins with" };
        return Err(Failure::new(format!("{what} {beginning}"))
            .detail(format!("changes are noted in {}", journal.folder().display()))
            .hint("rollback prints the id of what it has changed"));
    };
    let record = journal.read(name).map_err(|error| Failure::because(&error))?;
    record.ok_or_else(|| Failure::new(format!("the change {name} was forgotten just now")))
}

/// 0: done, or shown; 1: not confirmed, or something that was meant is left as it is; 2: a step failed.
fn exit_code(rolled_back: &RolledBack, dry_run: bool) -> ExitCode {
    let RolledBack { planned, done } = rolled_back;
    let is_left = !planned.left.is_empty();
    match done {
        Some(done) if !done.is_as_promised() => ExitCode::from(2),
        Some(_) => ExitCode::from(u8::from(is_left)),
        None => ExitCode::from(u8::from(is_left || !(dry_run || planned.plan.changes.is_empty()))),
    }
}

fn ended(done: &Done) -> ExitCode {
    ExitCode::from(if done.is_as_promised() { 0 } else { 2 })
}
