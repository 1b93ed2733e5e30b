//! `anchorwatch adopt`: writes what the cluster has into the files of a working folder, or into a commit of a repository.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;

use anchorwatch_core::drift::Change;
use anchorwatch_core::guard::WriteScope;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_edge::git::GitLocation;
use serde_json::json;

use super::output::{self, Style, TableOrJson, object, padded};
use super::rollback::{Doing, MeantArgs, confirmation, confirmed, journal, shown};
use super::{plain, target};
use crate::api::model::AdoptResponse;
use crate::drift::adopt::publish::{Committing, Publication, Publishing, publish};
use crate::drift::adopt::{self, AdoptedFile, Adoption};
use crate::drift::rollback::Meant;
use crate::drift::rollback::record::ChangeRecord;
use crate::drift::scan::Request;
use crate::failure::Failure;
use crate::shown::hunks;
use crate::words::Arg::{Count, Text};

/// Lines around what changes.
const CONTEXT: usize = 2;

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct AdoptArgs {
    #[command(flatten)]
    meant: MeantArgs,
    /// What Git says: files on disk, which are changed in place and yours to commit, or `REPO[//PATH][?ref=BRANCH]`, which gets a commit.
    #[arg(long, value_name = "SRC")]
    source: String,
    /// Push to the branch that the source follows, and not to one of its own.
    #[arg(long)]
    direct: bool,
    /// Say `Signed-off-by` in the commit.
    #[arg(long)]
    signoff: bool,
    #[command(flatten)]
    target: target::TargetArgs,
    #[command(flatten)]
    doing: Doing,
}

pub(super) fn run(args: AdoptArgs) -> Result<ExitCode, Failure> {
    let face = Face { style: super::style(args.target.lang, true), doing: args.doing };
    let meant = args.meant.read()?;
    let committing = Committing { is_direct: args.direct, is_signed_off: args.signoff, ..Committing::default() };
    let request = args.target.resolve(args.source)?;
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
            self.table(|| plan(adoption, style))?;
            if self.doing.dry_run { Ok(false) } else { confirmed(&self.doing, &style.words.say("adopt-ask")) }
        })?;
        match self.doing.output {
            TableOrJson::Json => output::print_json(&document(&adoption))?,
            TableOrJson::Table if adoption.files.is_empty() => super::print(&plan(&adoption, style))?,
            TableOrJson::Table if adoption.is_written => super::print(&written(&adoption, style))?,
            TableOrJson::Table => {}
        }
        let is_well = adoption.left.is_empty() && (self.doing.dry_run || adoption.is_written);
        Ok(ExitCode::from(u8::from(!is_well)))
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
            let hash = publication.plan.hash(key);
            self.table(|| plan(&publication.adoption, style) + &branch(publication, key, style))?;
            let is_meant = !dry_run && confirmed(&self.doing, &style.words.say("adopt-ask-push"))?;
            Ok(is_meant.then(|| confirmation(hash)))
        })?;
        let Publication { adoption, done, .. } = &publication;
        match (self.doing.output, done) {
            (TableOrJson::Json, _) => output::print_json(&AdoptResponse::of(&publication, key))?,
            (TableOrJson::Table, None) if adoption.files.is_empty() => super::print(&plan(adoption, style))?,
            (TableOrJson::Table, None) => {}
            (TableOrJson::Table, Some(done)) => super::print(&pushed(done, style))?,
        }
        let is_well = adoption.left.is_empty() && (dry_run || done.is_some());
        Ok(ExitCode::from(u8::from(!is_well)))
    }

    fn table(&self, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.doing.output == TableOrJson::Table { super::print(&text()) } else { Ok(()) }
    }
}

/// Where it would be pushed to.
fn branch(Publication { plan, .. }: &Publication, key: &SecretKey, style: &Style) -> String {
    let (branch, to) = (plain(&plan.branch), plain(&plan.pushed_to(key)));
    let id = if plan.is_direct { "adopt-direct" } else { "adopt-branch" };
    let hash = plan.hash(key);
    let args = [("branch", Text(&branch)), ("to", Text(&to)), ("hash", Text(&hash[..12]))];
    format!("\n{}\n", style.words.say_with(id, &args))
}

/// What was pushed.
fn pushed(record: &ChangeRecord, style: &Style) -> String {
    let Some(commit) = record.commit() else { return String::new() };
    let (to, branch) = (plain(&commit.pushed_to), plain(&commit.plan.branch));
    let args = [
        ("commit", Text(&commit.commit[..12])),
        ("to", Text(&to)),
        ("branch", Text(&branch)),
        ("repository", Text(&plain(&commit.repository))),
    ];
    let id = if commit.plan.is_direct { "adopt-pushed-direct" } else { "adopt-pushed" };
    format!("\n{}\n", style.words.say_with(id, &args))
}

fn plan(adoption: &Adoption, style: &Style) -> String {
    let words = style.words;
    // One field may take two files: a patch, and its name in a kustomization.
    let items = adoption.files.iter().flat_map(|file| &file.items);
    let fields = items.map(|item| &item.fingerprint).collect::<BTreeSet<_>>().len();
    let args =
        [("fields", Count(fields)), ("files", Count(adoption.files.len())), ("source", Text(&plain(&adoption.source)))];
    let mut out = words.say_with(if fields == 0 { "adopt-nothing" } else { "adopt-head" }, &args) + "\n";
    for file in &adoption.files {
        let _ = writeln!(out, "\n  {}", plain(&file.path));
        for item in &file.items {
            let what = if item.change == Change::MissingObject {
                words.say("adopt-removed")
            } else {
                plain(&item.stable_path)
            };
            let level = padded(&words.level(item.drift_level), 7);
            let _ = writeln!(
                out,
                "    {level}{} {what}",
                object(&item.resource_kind, &item.resource_name, &item.namespace)
            );
        }
        diff(file, &mut out);
    }
    shown::left(&adoption.left, style, &mut out);
    out
}

/// What changes in a file, as a unified diff.
fn diff(file: &AdoptedFile, out: &mut String) {
    for hunk in hunks::hunks(&file.before, &file.after, CONTEXT) {
        let (old, new) = hunk.counts();
        let _ = writeln!(out, "    @@ -{},{old} +{},{new} @@", hunk.old + 1, hunk.new + 1);
        for line in hunk.lines {
            let _ = writeln!(out, "    {}{}", line.sign, plain(&line.text()));
        }
    }
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
    let left = adoption.left.iter().map(|left| json!({"item": left.item, "reason": left.reason}));
    json!({
        "source": adoption.source,
        "files": files.collect::<Vec<_>>(),
        "left": left.collect::<Vec<_>>(),
        "is_written": adoption.is_written,
    })
}
