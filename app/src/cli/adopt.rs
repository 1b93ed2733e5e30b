//! `anchorwatch adopt`: writes what the cluster has into the files of a working folder, or into a commit of a repository; or has a
//! service do so.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;

use anchorwatch_core::drift::Change;
use anchorwatch_core::guard::WriteScope;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_edge::git::GitLocation;
use serde_json::json;

use super::output::{self, Style, TableOrJson, padded};
use super::rollback::{Doing, MeantArgs, confirmation, confirmed, journal, nothing_open, shown};
use super::service::plan::{self, Asked};
use super::service::{self, Service};
use super::told::Item;
use super::{plain, target};
use crate::api::model::{AdoptResponse, AdoptedFileResponse, CommitPlanResponse, CommitResponse, LeftResponse};
use crate::drift::adopt::publish::{Committing, Publishing, publish};
use crate::drift::adopt::{self, Adoption};
use crate::drift::rollback::Meant;
use crate::drift::scan::Request;
use crate::failure::Failure;
use crate::words::Arg::{Count, Text};

/// Lines of a unified diff that name the file.
const HEAD: usize = 2;

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct AdoptArgs {
    #[command(flatten)]
    meant: MeantArgs,
    /// What Git says: files on disk, which are changed in place and yours to commit, or `REPO[//PATH][?ref=BRANCH]`, which gets a commit. With --server: the name of one of its sources.
    #[arg(long, value_name = "SRC", required_unless_present = "server")]
    source: Option<String>,
    /// Push to the branch that the source follows, and not to one of its own.
    #[arg(long, conflicts_with = "server")]
    direct: bool,
    /// Say `Signed-off-by` in the commit.
    #[arg(long, conflicts_with = "server")]
    signoff: bool,
    #[command(flatten)]
    target: target::TargetArgs,
    #[command(flatten)]
    doing: Doing,
    // Last, as its heading is that of all that follows.
    #[command(flatten)]
    by_service: service::ByService,
}

pub(super) fn run(args: AdoptArgs) -> Result<ExitCode, Failure> {
    let face = Face { style: super::style(args.target.lang, true), doing: args.doing };
    let meant = args.meant.read()?;
    if let Some(service) = args.by_service.service()? {
        return face.publish_by(&service, &meant, (args.source.as_deref(), args.target.namespace()));
    }
    let committing = Committing { is_direct: args.direct, is_signed_off: args.signoff, ..Committing::default() };
    // Without a server clap has asked for it.
    let request = args.target.resolve(args.source.unwrap_or_default())?;
    let key = target::secret_key(request.is_of_a_recording())?;
    if GitLocation::is_meant_by(&request.source.address) {
        return face.publish((&request, &key), &meant, &committing);
    }
    if committing != Committing::default() {
        return Err(Failure::new("--direct and --signoff are for commits, and files on disk get none")
            .hint("leave them out, or name a repository: REPO//PATH?ref=BRANCH"));
    }
    face.write((&request, &key), &meant)
}

/// How a person is talked with.
struct Face {
    style: Style,
    doing: Doing,
}

impl Face {
    /// Into files on disk.
    fn write(&self, (request, key): (&Request, &SecretKey), meant: &Meant) -> Result<ExitCode, Failure> {
        let runtime = super::runtime()?;
        let style = &self.style;
        let adoption = adopt::into_files(runtime.handle(), (request, key), meant, |adoption| {
            self.table(|| planned(adoption, style))?;
            if self.doing.dry_run { Ok(false) } else { confirmed(&self.doing, &style.words.say("adopt-ask")) }
        })?;
        match self.doing.output {
            TableOrJson::Json => output::print_json(&document(&adoption))?,
            TableOrJson::Table if adoption.files.is_empty() => super::print(&planned(&adoption, style)?)?,
            TableOrJson::Table if adoption.is_written => super::print(&written(&adoption, style))?,
            TableOrJson::Table => {}
        }
        let is_done = self.doing.dry_run || adoption.is_written || adoption.files.is_empty();
        Ok(exit_code(&left(&adoption), is_done))
    }

    /// Into a repository.
    fn publish(
        &self,
        (request, key): (&Request, &SecretKey),
        meant: &Meant,
        committing: &Committing,
    ) -> Result<ExitCode, Failure> {
        let runtime = super::runtime()?;
        let (style, dry_run) = (&self.style, self.doing.dry_run);
        let journal = journal()?;
        let (scope, notes) = (WriteScope::Everything, &journal);
        let publishing = Publishing { scope: &scope, notes, committing, may_write: !dry_run };
        let publication = publish(runtime.handle(), (request, key), meant, publishing, |publication| {
            let planned = AdoptResponse::of(publication, key);
            self.table(|| commit(&planned, style))?;
            let is_meant = !dry_run && confirmed(&self.doing, &style.words.say("adopt-ask-push"))?;
            Ok(is_meant.then(|| confirmation(planned.plan.plan_hash)))
        })?;
        let answer = AdoptResponse::of(&publication, key);
        match (self.doing.output, &answer.done) {
            (TableOrJson::Json, _) => output::print_json(&answer)?,
            (TableOrJson::Table, None) if answer.plan.files.is_empty() => super::print(&commit(&answer, style)?)?,
            (TableOrJson::Table, None) => {}
            (TableOrJson::Table, Some(done)) => super::print(&pushed(done, style))?,
        }
        Ok(ended(&answer, dry_run))
    }

    /// Into the repository of a service's source.
    fn publish_by(
        &self,
        service: &Service,
        meant: &Meant,
        among: (Option<&str>, Option<&str>),
    ) -> Result<ExitCode, Failure> {
        let (style, doing) = (&self.style, &self.doing);
        let items = plan::open(service, meant, among)?;
        if items.is_empty() {
            return nothing_open(service, doing, style);
        }
        let question = style.words.say("adopt-ask-push");
        let body = json!({"items": items});
        let asked = Asked { service, path: "/api/v1/drift/adopt", body, doing, question: &question };
        let answer: AdoptResponse = asked.take(
            |planned: &AdoptResponse| Ok((!planned.plan.files.is_empty()).then(|| planned.plan.plan_hash.clone())),
            |planned| commit(planned, style),
        )?;
        if let (TableOrJson::Table, Some(done)) = (doing.output, &answer.done) {
            super::print(&pushed(done, style))?;
        }
        Ok(ended(&answer, doing.dry_run))
    }

    fn table(&self, text: impl FnOnce() -> Result<String, Failure>) -> Result<(), Failure> {
        if self.doing.output == TableOrJson::Table { super::print(&text()?) } else { Ok(()) }
    }
}

fn ended(answer: &AdoptResponse, dry_run: bool) -> ExitCode {
    exit_code(&answer.left, dry_run || answer.done.is_some() || answer.plan.files.is_empty())
}

/// 0: done, or shown; 1: not confirmed, or something that was meant is left as it is and differs.
fn exit_code(left: &[LeftResponse], is_done: bool) -> ExitCode {
    ExitCode::from(u8::from(!(is_done && LeftResponse::are_as_git_says(left))))
}

/// What would be committed, and where it would be pushed to.
fn commit(AdoptResponse { plan, left, .. }: &AdoptResponse, style: &Style) -> Result<String, Failure> {
    let CommitPlanResponse { source, files, branch, pushed_to, plan_hash, .. } = plan;
    let text = changes(source, files, left, style)?;
    if files.is_empty() {
        return Ok(text);
    }
    let id = if branch == pushed_to { "adopt-direct" } else { "adopt-branch" };
    let (branch, to, hash) = (plain(branch), plain(pushed_to), shown::beginning(plan_hash));
    let args = [("branch", Text(&branch)), ("to", Text(&to)), ("hash", Text(&hash))];
    Ok(format!("{text}\n{}\n", style.words.say_with(id, &args)))
}

/// What was pushed, and what came of the pull request.
fn pushed(done: &CommitResponse, style: &Style) -> String {
    let (commit, to, branch) = (shown::beginning(&done.commit), plain(&done.pushed_to), plain(&done.branch));
    let args = [
        ("commit", Text(&commit)),
        ("to", Text(&to)),
        ("branch", Text(&branch)),
        ("repository", Text(&plain(&done.repository))),
        ("proposal", Text(&plain(done.proposal.as_deref().unwrap_or_default()))),
    ];
    let id = match &done.proposal {
        _ if done.branch == done.pushed_to => "adopt-pushed-direct",
        Some(_) => "adopt-proposed",
        None => "adopt-pushed",
    };
    let reason = done.reason.iter().map(|reason| plain(reason) + "\n").collect::<String>();
    format!("\n{}\n{reason}", style.words.say_with(id, &args))
}

/// What would be written into files on disk.
fn planned(adoption: &Adoption, style: &Style) -> Result<String, Failure> {
    let files: Vec<AdoptedFileResponse> = adoption.files.iter().map(AdoptedFileResponse::of).collect();
    changes(&adoption.source, &files, &left(adoption), style)
}

fn left(adoption: &Adoption) -> Vec<LeftResponse> {
    adoption.left.iter().map(LeftResponse::from).collect()
}

/// File by file, and what of it is left as it is.
fn changes(
    source: &str,
    files: &[AdoptedFileResponse],
    left: &[LeftResponse],
    style: &Style,
) -> Result<String, Failure> {
    let words = style.words;
    let items = files.iter().map(|file| file.items.iter().map(Item::read).collect::<Result<Vec<_>, _>>());
    let items: Vec<Vec<Item>> = items.collect::<Result<_, _>>()?;
    // One field may take two files: a patch, and its name in a kustomization.
    let fields = items.iter().flatten().map(|item| &item.fingerprint).collect::<BTreeSet<_>>().len();
    let args = [("fields", Count(fields)), ("files", Count(files.len())), ("source", Text(&plain(source)))];
    let mut out = words.say_with(if fields == 0 { "adopt-nothing" } else { "adopt-head" }, &args) + "\n";
    for (file, items) in files.iter().zip(&items) {
        let _ = writeln!(out, "\n  {}", plain(&file.path));
        for item in items {
            let what = if item.change == Change::MissingObject {
                words.say("adopt-removed")
            } else {
                plain(&item.stable_path)
            };
            let level = padded(&words.level(item.drift_level), 7);
            let _ = writeln!(out, "    {level}{} {what}", item.object());
        }
        for line in file.diff.lines().skip(HEAD) {
            let _ = writeln!(out, "    {}", plain(line));
        }
    }
    shown::left(left, style, &mut out)?;
    Ok(out)
}

fn written(adoption: &Adoption, style: &Style) -> String {
    let mut out = String::from("\n");
    for file in &adoption.files {
        let args = [("file", Text(&plain(&file.path))), ("fields", Count(file.items.len()))];
        let _ = writeln!(out, "{}", style.words.say_with("adopt-written", &args));
    }
    out
}

fn document(adoption: &Adoption) -> serde_json::Value {
    let files = adoption
        .files
        .iter()
        .map(|file| json!({"path": file.path, "is_new": file.is_new, "items": file.items, "text": file.after}));
    json!({
        "source": adoption.source,
        "files": files.collect::<Vec<_>>(),
        "left": left(adoption),
        "is_written": adoption.is_written,
    })
}
