//! `anchorwatch adopt`: writes what the cluster has into the files of a working folder.

use std::fmt::Write as _;
use std::process::ExitCode;

use anchorwatch_core::drift::Change;
use serde_json::json;

use super::output::{self, Style, TableOrJson, object, padded};
use super::rollback::{Doing, MeantArgs, confirmed, shown};
use super::{plain, target};
use crate::drift::adopt::{AdoptedFile, Adoption, adopt};
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
    /// Files on disk that say what the cluster should be; they are changed, and yours to commit.
    #[arg(long, value_name = "PATH")]
    source: String,
    #[command(flatten)]
    target: target::TargetArgs,
    #[command(flatten)]
    doing: Doing,
}

pub(super) fn run(args: AdoptArgs) -> Result<ExitCode, Failure> {
    let style = super::style(args.target.lang, true);
    let meant = args.meant.read()?;
    let request = args.target.resolve(args.source)?;
    let key = target::secret_key(request.is_of_a_recording())?;
    let runtime = super::runtime()?;
    let doing = args.doing;
    let (dry_run, output) = (doing.dry_run, doing.output);
    let adoption = adopt(runtime.handle(), (&request, &key), &meant, |adoption| {
        if output == TableOrJson::Table {
            super::print(&plan(adoption, &style))?;
        }
        if dry_run { Ok(false) } else { confirmed(&doing, &style.words.say("adopt-ask")) }
    })?;
    match output {
        TableOrJson::Json => output::print_json(&document(&adoption))?,
        TableOrJson::Table if adoption.files.is_empty() => super::print(&plan(&adoption, &style))?,
        TableOrJson::Table if adoption.is_written => super::print(&written(&adoption, &style))?,
        TableOrJson::Table => {}
    }
    let is_well = adoption.left.is_empty() && (dry_run || adoption.is_written);
    Ok(ExitCode::from(u8::from(!is_well)))
}

fn plan(adoption: &Adoption, style: &Style) -> String {
    let words = style.words;
    let fields = adoption.files.iter().map(|file| file.items.len()).sum();
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
    let files = adoption.files.iter().map(|file| json!({"path": file.path, "items": file.items, "text": file.after}));
    let left = adoption.left.iter().map(|left| json!({"item": left.item, "reason": left.reason}));
    json!({
        "source": adoption.source,
        "files": files.collect::<Vec<_>>(),
        "left": left.collect::<Vec<_>>(),
        "is_written": adoption.is_written,
    })
}
