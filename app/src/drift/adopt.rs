//! Adopting: Git is made as the cluster is, in the fields that somebody means, by changing the files that say them.
//!
//! Files on disk are written in place, a repository gets a commit ([`publish`]). Each file comes out of `core::source::edit`
//! with every other byte as it was, and is read and compared again before anybody is asked: exactly what is meant differs no more.
//! What kustomize or Helm rendered has its way in [`rendered`].

pub(crate) mod follow;
mod judge;
pub(crate) mod publish;
pub(crate) mod record;
mod rendered;
mod whole;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anchorwatch_core::change::adopt::{self, Unadoptable};
use anchorwatch_core::drift::compare::{Difference, compare};
use anchorwatch_core::drift::{Change, DriftItem};
use anchorwatch_core::guard::{self, WriteScope};
use anchorwatch_core::object::list::RawHead;
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::object::split_api_version;
use anchorwatch_core::source;
use anchorwatch_core::source::edit::{self, Place, Refusal};
use anchorwatch_edge::cluster::apply::Place as ClusterPlace;
use anchorwatch_edge::files::{self, ReplaceError};
use tokio::runtime::Handle;

use whole::Home;

use super::examiner::Examiner;
use super::ground::{self, Ground};
use super::live::cluster_failure;
use super::meant::{Left, Meant, by_object, is_told_by};
use super::scan::{self, Request};
use super::side::Side;
use crate::failure::Failure;
use crate::index::Wanted;

/// What would be written, or was.
#[derive(Debug)]
pub(crate) struct Adoption {
    /// The files, with what changes in them.
    pub(crate) files: Vec<AdoptedFile>,
    /// What was meant too, and is left as it is, with the reason.
    pub(crate) left: Vec<Left>,
    /// The source as it was named.
    pub(crate) source: String,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// True if a scan could not compare everything that is meant.
    pub(crate) is_partial: bool,
    /// True if the files were written.
    pub(crate) is_written: bool,
}

/// One file.
#[derive(Debug)]
pub(crate) struct AdoptedFile {
    /// Where it is: on disk, or from the repository's root.
    pub(crate) path: String,
    /// True if there is no such file yet.
    pub(crate) is_new: bool,
    pub(crate) before: String,
    pub(crate) after: String,
    /// What it says then.
    pub(crate) items: Vec<DriftItem>,
}

impl Adoption {
    /// What is adopted.
    pub(crate) fn items(&self) -> impl Iterator<Item = &DriftItem> {
        self.files.iter().flat_map(|file| &file.items)
    }
}

/// Why an object is left as it is.
#[derive(Debug, thiserror::Error)]
enum NotAdopted {
    #[error(transparent)]
    Unadoptable(#[from] Unadoptable),
    #[error("{0}")]
    Edit(#[from] Refusal),
    #[error("{0}")]
    Undriven(String),
    #[error("Git would say something else, too: {0} would differ")]
    Otherwise(String),
    #[error("{0}")]
    Unreadable(String),
    #[error("Git does not have it, and nobody knows where the chart's templates should; write it there by hand")]
    NoPlace,
    #[error("the cluster does not have it any more")]
    Gone,
    #[error("it does not differ there any more")]
    AsGitSays,
    #[error("it has changed since it was compared: scan again")]
    Changed,
}

impl NotAdopted {
    /// Why items are told by no difference: none is there any more, or it is another one.
    fn untold(items: &[&DriftItem], differences: &[Difference<'_>]) -> Self {
        let differs = |item: &&DriftItem| differences.iter().any(|d| d.path.stable() == item.stable_path);
        if items.iter().any(differs) { Self::Changed } else { Self::AsGitSays }
    }

    fn left(&self, item: &DriftItem) -> Left {
        Left { item: item.clone(), reason: self.to_string(), is_as_git_says: matches!(self, Self::AsGitSays) }
    }
}

/// Plans, asks, and writes what was confirmed. Runs outside of the async runtime, on which it waits.
#[expect(clippy::disallowed_methods, reason = "how long it took decides nothing")]
pub(crate) fn into_files(
    runtime: &Handle,
    (request, key): (&Request, &SecretKey),
    meant: &Meant,
    confirm: impl FnOnce(&Adoption) -> Result<bool, Failure>,
) -> Result<Adoption, Failure> {
    let started = Instant::now();
    ground::stand_on(runtime, request, key, |mut ground| {
        let outcome = scan::look(runtime, &mut ground, request, started)?;
        let adopting = Adopting { runtime, ground: &ground, key };
        let mut adoption = adopting.plan(&outcome, meant, &WriteScope::Everything)?;
        if !adoption.files.is_empty() && confirm(&adoption)? {
            let failed =
                |error: ReplaceError| Failure::because(&error).hint("scan again, and look at what differs now");
            // What one file names another may hold: all are written, or none, as far as that can be seen before.
            for file in &adoption.files {
                let before = (!file.is_new).then_some(file.before.as_bytes());
                runtime.block_on(files::check(&file.path, before)).map_err(failed)?;
            }
            for (at, file) in adoption.files.iter().enumerate() {
                let written = if file.is_new {
                    runtime.block_on(files::create(&file.path, file.after.as_bytes()))
                } else {
                    runtime.block_on(files::replace(&file.path, file.before.as_bytes(), file.after.as_bytes()))
                };
                written.map_err(|error| {
                    let done = adoption.files[..at].iter().map(|file| file.path.as_str()).collect::<Vec<_>>();
                    let failure = failed(error);
                    if done.is_empty() {
                        failure
                    } else {
                        failure.detail(format!("written already: {}", done.join(", ")))
                    }
                })?;
            }
            adoption.is_written = true;
        }
        Ok(adoption)
    })
}

struct Adopting<'a> {
    runtime: &'a Handle,
    ground: &'a Ground<'a>,
    key: &'a SecretKey,
}

/// A file on its way.
struct Draft {
    before: String,
    text: String,
    items: Vec<DriftItem>,
}

impl Draft {
    fn of(text: &str) -> Self {
        Self { before: text.to_owned(), text: text.to_owned(), items: Vec::new() }
    }
}

impl Adopting<'_> {
    fn plan(&self, outcome: &scan::Outcome, meant: &Meant, scope: &WriteScope) -> Result<Adoption, Failure> {
        let examiner = &self.ground.examiner;
        let (chosen, mut left) = meant.choose(outcome, |item| guard::may_adopt(item, scope))?;
        let (unmanaged, chosen): (Vec<_>, Vec<_>) =
            chosen.into_iter().partition(|item| item.change == Change::UnmanagedObject);
        let mut leave = |items: &[&DriftItem], why: &NotAdopted| {
            left.extend(items.iter().map(|item| why.left(item)));
        };
        if let Some(rendering) = &self.ground.source.rendering {
            let mut changes = rendered::edited(self, rendering, by_object(examiner.index, &chosen), &unmanaged)?;
            // Those of a commit are named from its root.
            if self.ground.source.export.is_none() {
                for file in &mut changes.files {
                    file.path = from_here(&changes.root.join(&file.path));
                }
            }
            left.append(&mut changes.left);
            return Ok(self.adoption(outcome, changes.files, left));
        }
        let mut drafts: BTreeMap<usize, Draft> = BTreeMap::new();
        // From the end, so that documents that go do not move those that are still to be changed.
        for (wanted, items) in by_object(examiner.index, &chosen).into_iter().rev() {
            let bytes = &self.ground.source.files[wanted.desired.file].bytes;
            // A file that is no UTF-8 has no objects.
            let Ok(before) = std::str::from_utf8(bytes) else { continue };
            let text = drafts.get(&wanted.desired.file).map_or(before, |draft| &draft.text);
            match self.edited(wanted, &items, before, text) {
                Ok(text) => {
                    let draft = drafts.entry(wanted.desired.file).or_insert_with(|| Draft::of(before));
                    draft.text = text;
                    draft.items.extend(items.into_iter().cloned());
                }
                Err(why) => leave(&items, &why),
            }
        }
        let origin = examiner.origin;
        let mut added: Vec<(String, Draft)> = Vec::new();
        for item in unmanaged {
            let taken: Vec<String> = added.iter().map(|(name, _)| name.clone()).collect();
            let done = self.home(item, &taken).and_then(|home| {
                let draft = match home {
                    Home::End(file) => {
                        let before = std::str::from_utf8(&self.ground.source.files[file].bytes).unwrap_or_default();
                        drafts.entry(file).or_insert_with(|| Draft::of(before))
                    }
                    Home::New(name) => {
                        added.push((name, Draft::of("")));
                        &mut added.last_mut().expect("it was pushed just now").1
                    }
                };
                draft.text = self.with_whole(item, &draft.text)?;
                draft.items.push(item.clone());
                Ok(())
            });
            if let Err(why) = done {
                leave(&[item], &why);
            }
        }
        let changed = drafts.into_iter().map(|(file, draft)| (origin.files[file].clone(), false, draft));
        let added = added.into_iter().map(|(name, draft)| (name, true, draft));
        // What was left as it is at last has no draft worth showing.
        let files = changed.chain(added).filter(|(_, _, draft)| !draft.items.is_empty());
        let files = files.map(|(name, is_new, draft)| AdoptedFile {
            path: format!("{}{name}", origin.root),
            is_new,
            before: draft.before,
            after: draft.text,
            items: draft.items,
        });
        Ok(self.adoption(outcome, files.collect(), left))
    }

    fn adoption(&self, outcome: &scan::Outcome, files: Vec<AdoptedFile>, left: Vec<Left>) -> Adoption {
        let setting = &self.ground.examiner.setting;
        Adoption {
            files,
            left,
            source: setting.source.to_owned(),
            cluster: setting.cluster.to_owned(),
            is_partial: !outcome.is_complete(),
            is_written: false,
        }
    }

    /// A file's text with an object's items as the cluster has them.
    fn edited(
        &self,
        wanted: &Wanted<'_>,
        items: &[&DriftItem],
        before: &str,
        text: &str,
    ) -> Result<String, NotAdopted> {
        let place = place_of(wanted, before)?;
        if wanted.kind.is_secret() {
            return Err(Unadoptable::Credential("the Secret".to_owned()).into());
        }
        if items.iter().any(|item| item.change == Change::MissingObject) {
            return Ok(edit::remove(text, &place)?);
        }
        let raw = self.live(wanted)?;
        let live = parsed(&raw, (wanted.head.api_version, wanted.head.kind), self.key)?;
        let is_chosen = |difference: &Difference<'_>| items.iter().any(|item| is_told_by(difference, item));
        let examiner = &self.ground.examiner;
        examiner.with_pair(wanted, &live, wanted.head.api_version, |pair| {
            let differences = compare(pair);
            if !differences.iter().any(is_chosen) {
                return Err(NotAdopted::untold(items, &differences));
            }
            let edits = adopt::edits(wanted.head.kind, pair.live, &differences, is_chosen)?;
            let text = edit::edit(text, &place, &edits)?;
            let contents = source::read(wanted.desired.file, text.as_bytes(), self.key);
            let identity = wanted.desired.identity();
            let after = contents.objects.iter().find(|object| object.identity() == identity);
            let after = after.ok_or_else(|| NotAdopted::Otherwise(wanted.head.name.to_owned()))?;
            let named = |d: &Difference<'_>| (d.path.stable(), d.change);
            let expected: Vec<_> = differences.iter().filter(|d| !is_chosen(d)).map(named).collect();
            let found = examiner.with_git(wanted, &after.root, (&live, wanted.head.api_version), |pair| {
                compare(pair).iter().map(named).collect::<Vec<_>>()
            });
            match found
                .iter()
                .find(|found| !expected.contains(found))
                .or_else(|| expected.iter().find(|e| !found.contains(e)))
            {
                Some((path, _)) => Err(NotAdopted::Otherwise(path.clone())),
                None => Ok(text),
            }
        })
    }

    /// The object as the cluster has it.
    fn live(&self, wanted: &Wanted<'_>) -> Result<String, NotAdopted> {
        let Examiner { index, schema, .. } = &self.ground.examiner;
        let is_it = |head: &RawHead<'_>| {
            let group = split_api_version(&head.api_version).0;
            let found = index.find(group, &head.kind, &head.metadata.namespace, &head.metadata.name);
            found.is_some_and(|found| std::ptr::eq(found, wanted))
        };
        self.object(is_it, || wanted.place(schema))
    }

    /// An object as the cluster has it: the recorded one that `is_it`, or what is at a place.
    fn object(
        &self,
        is_it: impl Fn(&RawHead<'_>) -> bool,
        place: impl FnOnce() -> Option<ClusterPlace>,
    ) -> Result<String, NotAdopted> {
        let gone = || NotAdopted::Gone;
        match self.ground.side {
            Side::Recorded { .. } => {
                let found = self.ground.recorded.iter().find(|recorded| is_it(&recorded.head));
                found.map(|recorded| recorded.raw.to_owned()).ok_or_else(gone)
            }
            Side::Served { cluster, .. } => {
                let object = self.runtime.block_on(cluster.object(&place().ok_or_else(gone)?.object));
                let object = object.map_err(|error| NotAdopted::Unreadable(cluster_failure(&error).line()))?;
                String::from_utf8(object.ok_or_else(gone)?).map_err(|error| NotAdopted::Unreadable(error.to_string()))
            }
        }
    }
}

/// Reads an object as the cluster has it.
fn parsed<'a>(
    raw: &'a str,
    (api_version, kind): (&'a str, &'a str),
    key: &SecretKey,
) -> Result<LiveObject<'a>, NotAdopted> {
    LiveObject::parse(raw, api_version, kind, key)
        .map_err(|error| NotAdopted::Unreadable(format!("the object cannot be read: {error}")))
}

/// A path as somebody here would write it.
fn from_here(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

/// Where in its file an object of Git's is.
fn place_of(wanted: &Wanted<'_>, text: &str) -> Result<Place, NotAdopted> {
    let objects = edit::objects(text)?;
    let found = objects.into_iter().find(|(_, node)| node.line == wanted.desired.line);
    found.map(|(place, _)| place).ok_or_else(|| NotAdopted::Unreadable("its place in the file is not found".to_owned()))
}
