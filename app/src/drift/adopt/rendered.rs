//! Adopting what kustomize or Helm rendered: a change of what it is rendered from is found by trying.
//!
//! `core::source::rendered` says what is worth a try. Each is made in a copy, rendered, and taken only if [`Judge`] finds
//! that nothing but what is meant has changed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use anchorwatch_core::change::adopt::{self, Unadoptable};
use anchorwatch_core::drift::compare::{Difference, compare};
use anchorwatch_core::drift::{self, DriftItem};
use anchorwatch_core::object::value::Value;
use anchorwatch_core::source::edit::{Change, Edit};
use anchorwatch_core::source::rendered::chart::{self, Chart, Said};
use anchorwatch_core::source::rendered::kustomization::{self, Kustomized};
use anchorwatch_core::source::rendered::{Aim, Candidates, Files};
use anchorwatch_core::source::{self, Contents};
use anchorwatch_edge::render::{RenderRequest, RenderWith, Trial};

use super::super::meant::{Left, is_told_by};
use super::judge::{Judge, Target};
use super::{AdoptedFile, Adopting, NotAdopted, parsed};
use crate::failure::Failure;
use crate::index::Wanted;

/// How many changes are tried for one field.
const MOST_TRIALS: usize = 24;
/// How many are tried for all fields together.
const MOST_IN_ALL: usize = 300;
const EXHAUSTED: &str = "too many changes were tried for the other fields; adopt fewer at once";

/// What is rendered is made otherwise by these.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The folder that the files are in: of a repository, or around all that is rendered.
    pub(super) root: PathBuf,
    /// Files, named from it, new ones first: what is listed elsewhere is there when that is written.
    pub(super) files: Vec<AdoptedFile>,
    /// The items that no file is known to drive.
    pub(super) left: Vec<Left>,
}

/// The files with chosen items of these objects as the cluster has them, and with objects that Git does not have.
pub(super) fn edited(
    adopting: &Adopting<'_>,
    request: &RenderRequest,
    objects: Vec<(&Wanted<'_>, Vec<&DriftItem>)>,
    unmanaged: &[&DriftItem],
) -> Result<Changes, Failure> {
    if objects.is_empty() && unmanaged.is_empty() {
        return Ok(Changes::default());
    }
    let render_failed = |error: anchorwatch_edge::render::RenderError| Failure::because(&error);
    let trial = adopting.runtime.block_on(Trial::of(request)).map_err(render_failed)?;
    let now = adopting.runtime.block_on(trial.render(&Files::new())).map_err(render_failed)?.text;
    let mut left = Vec::new();
    let mut leave = |items: &[&DriftItem], why: &NotAdopted| {
        left.extend(items.iter().map(|item| why.left(item)));
    };
    if now != adopting.ground.source.files[0].bytes && adopting.ground.source.is_deterministic() {
        let why =
            NotAdopted::Unreadable("a copy of its files renders otherwise; it may read others, by links".to_owned());
        for (_, items) in &objects {
            leave(items, &why);
        }
        leave(unmanaged, &why);
        return Ok(Changes { left, ..Changes::default() });
    }
    let mut raws = Vec::new();
    for (wanted, items) in objects {
        let is_gone = items.iter().any(|item| item.change == drift::Change::MissingObject);
        match if is_gone { Ok(None) } else { adopting.live(wanted).map(Some) } {
            Ok(raw) => raws.push((wanted, items, raw)),
            Err(why) => leave(&items, &why),
        }
    }
    let mut targets = Vec::new();
    for (wanted, items, raw) in &raws {
        let head = (wanted.head.api_version, wanted.head.kind);
        match raw.as_deref().map(|raw| parsed(raw, head, adopting.key)).transpose() {
            Ok(live) => targets.push(Target { wanted, items, live }),
            Err(why) => leave(items, &why),
        }
    }
    let texts = trial.files().iter().filter_map(|(path, bytes)| Some((path.clone(), text(bytes)?)));
    let mut search = Search {
        adopting,
        is_chart: matches!(request.with, RenderWith::Helm(_)),
        texts: texts.collect(),
        trial: &trial,
        changed: BTreeMap::new(),
        now,
        judge: Judge { examiner: &adopting.ground.examiner, targets: &targets, taken: Vec::new() },
        trials_left: Cell::new(MOST_IN_ALL),
    };
    for (at, target) in targets.iter().enumerate() {
        let (wishes, refused) = wishes(adopting, target);
        for (item, why) in refused {
            leave(&[item], &why);
        }
        for wish in wishes {
            if let Err(why) = search.take(at, &wish) {
                leave(&wish.items, &why);
            }
        }
    }
    for item in unmanaged {
        if let Err(why) = search.add(item) {
            leave(&[item], &why);
        }
    }
    // A change that was found for another item may have taken it in.
    left.retain(|left| !search.judge.is_taken(&left.item));
    Ok(Changes { root: trial.root().to_owned(), files: search.files(), left })
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// One change of an object, and the items that it is for.
struct Wish<'a> {
    edit: Option<Edit>,
    items: Vec<&'a DriftItem>,
}

/// What an object should say, change by change, and what must not be written.
fn wishes<'a>(adopting: &Adopting<'_>, target: &Target<'a>) -> (Vec<Wish<'a>>, Vec<(&'a DriftItem, NotAdopted)>) {
    if target.wanted.kind.is_secret() {
        let refused = || NotAdopted::from(Unadoptable::Credential("the Secret".to_owned()));
        return (Vec::new(), target.items.iter().map(|item| (*item, refused())).collect());
    }
    let Some(live) = &target.live else {
        return (vec![Wish { edit: None, items: target.items.to_vec() }], Vec::new());
    };
    let head = target.wanted.head;
    adopting.ground.examiner.with_pair(target.wanted, live, head.api_version, |pair| {
        let differences = compare(pair);
        let of = |d: &Difference<'_>| target.items.iter().copied().find(|item| is_told_by(d, item));
        let edits =
            |is_chosen: &dyn Fn(&Difference<'_>) -> bool| adopt::edits(head.kind, pair.live, &differences, is_chosen);
        let mut refused = Vec::new();
        for item in target.items {
            match edits(&|d| is_told_by(d, item)) {
                Ok(edits) if edits.is_empty() => refused.push((*item, NotAdopted::untold(&[*item], &differences))),
                Ok(_) => {}
                Err(why) => refused.push((*item, why.into())),
            }
        }
        let may =
            |d: &Difference<'_>| of(d).filter(|item| !refused.iter().any(|(other, _)| std::ptr::eq(*other, *item)));
        let edits = edits(&|d| may(d).is_some()).unwrap_or_default();
        let wish = |edit: Edit| {
            let below = differences.iter().filter(|d| d.path.0.starts_with(&edit.path.0));
            Wish { items: below.filter_map(may).collect(), edit: Some(edit) }
        };
        // A list grows in the order that the cluster has.
        (edits.into_iter().rev().map(wish).collect(), refused)
    })
}

/// What was taken so far.
struct Search<'a> {
    adopting: &'a Adopting<'a>,
    is_chart: bool,
    trial: &'a Trial,
    /// All files, as they are now.
    texts: Files,
    /// Those that are otherwise than they were, with what they say then.
    changed: BTreeMap<String, (String, Vec<DriftItem>)>,
    /// What is rendered from them.
    now: Vec<u8>,
    judge: Judge<'a>,
    trials_left: Cell<usize>,
}

impl<'a> Search<'a> {
    /// Finds the change of files that makes a wish true.
    fn take(&mut self, at: usize, wish: &Wish<'_>) -> Result<(), NotAdopted> {
        let open: Vec<_> = wish.items.iter().copied().filter(|item| !self.judge.is_taken(item)).collect();
        if open.is_empty() {
            return Ok(());
        }
        let key = self.adopting.key;
        let contents = source::read(0, &self.now, key);
        let identity = self.judge.targets[at].wanted.desired.identity();
        let object = contents.objects.iter().find(|object| object.identity() == identity);
        let object = object.ok_or_else(|| NotAdopted::Unreadable("its files do not render it any more".to_owned()))?;
        let object = Value::Map(object.root.clone()).into_owned();
        let aim = Aim::new(&object, wish.edit.as_ref())?;
        let desired = self.judge.targets[at].wanted.desired;
        let template = self.adopting.ground.examiner.origin.file_at(desired.file, desired.line);
        let candidates = self.candidates(template.as_deref(), &aim)?;
        match self.first(candidates, |candidate| self.tried(&contents, candidate, &open))? {
            Ok((candidate, (rendered, taken))) => {
                self.keep(&candidate, rendered, &taken);
                self.judge.taken.extend(taken.iter().map(|item| item.fingerprint.clone()));
                Ok(())
            }
            Err(why) if self.is_chart => Err(NotAdopted::Undriven(self.of_chart(template.as_deref(), &aim, &why))),
            Err(why) => Err(NotAdopted::Undriven(why)),
        }
    }

    /// Adds an object that Git does not have to what is rendered.
    fn add(&mut self, item: &DriftItem) -> Result<(), NotAdopted> {
        if self.is_chart {
            return Err(NotAdopted::NoPlace);
        }
        let raw = self.adopting.unmanaged(item)?;
        let live = parsed(&raw, (&item.api_version, &item.resource_kind), self.adopting.key)?;
        let object = self.adopting.as_written(item, &live)?;
        let others = self.others();
        let candidates = kustomization::additions(self.kustomized(&others), &object);
        let contents = source::read(0, &self.now, self.adopting.key);
        let made = self.first(candidates, |candidate| {
            let rendered = self.rendered(candidate)?;
            let after = source::read(0, &rendered, self.adopting.key);
            let added = self.adopting.is_there(item, &live, &after).map_err(|why| why.to_string())?;
            self.judge.adds(&contents, &after, &added)?;
            Ok(rendered)
        })?;
        let (candidate, rendered) = made.map_err(NotAdopted::Undriven)?;
        self.keep(&candidate, rendered, &[item]);
        Ok(())
    }

    /// The first of these changes that works, and what came of it, or why none does; fails where too many were tried before.
    fn first<T>(
        &self,
        candidates: Candidates,
        works: impl Fn(&Files) -> Result<T, String>,
    ) -> Result<Result<(Files, T), String>, NotAdopted> {
        let (number, mut faults) = (candidates.all.len(), candidates.refusals);
        for candidate in candidates.all.into_iter().take(MOST_TRIALS) {
            let left = self.trials_left.get().checked_sub(1);
            self.trials_left.set(left.ok_or_else(|| NotAdopted::Undriven(EXHAUSTED.to_owned()))?);
            match works(&candidate) {
                Ok(made) => return Ok(Ok((candidate, made))),
                Err(fault) => faults.push(fault),
            }
        }
        Ok(Err(undriven(number, faults)))
    }

    fn others(&self) -> Files {
        self.trial.others().iter().filter_map(|(path, bytes)| Some((path.clone(), text(bytes)?))).collect()
    }

    fn kustomized<'c>(&'c self, others: &'c Files) -> Kustomized<'c> {
        Kustomized { files: &self.texts, folder: self.trial.folder(), others, saw_all: self.trial.saw_all() }
    }

    fn chart<'c>(&'c self, template: Option<&'c str>) -> Chart<'c> {
        Chart { files: &self.texts, folder: self.trial.folder(), values: self.trial.values(), template }
    }

    fn candidates(&self, template: Option<&str>, aim: &Aim<'_>) -> Result<Candidates, NotAdopted> {
        if self.is_chart {
            return Ok(chart::candidates(self.chart(template), aim));
        }
        let others = self.others();
        kustomization::candidates(self.kustomized(&others), aim).map_err(|why| NotAdopted::Undriven(why.to_string()))
    }

    /// Why no value does it: where the template says it.
    fn of_chart(&self, template: Option<&str>, aim: &Aim<'_>, why: &str) -> String {
        let inline = if self.trial.values().contains(&None) {
            "; values that are in no file of the source lie over these: change them where they are given"
        } else {
            ""
        };
        match (chart::said(self.chart(template), aim), template) {
            (Said::Fixed(place), _) if aim.edit.is_some_and(|edit| !matches!(edit.change, Change::Add(_))) => {
                format!("{place} hard-codes it; make it a value there")
            }
            (Said::Fixed(place) | Said::Made(place), _) => format!("{place} makes it: {why}{inline}"),
            (Said::Nowhere, Some(template)) => format!("{template} has no place for it: {why}{inline}"),
            _ => format!("{why}{inline}"),
        }
    }

    /// What is rendered with a change, and the items that it takes in; or what is wrong with it.
    fn tried(
        &self,
        before: &Contents<'_>,
        candidate: &Files,
        aimed: &[&DriftItem],
    ) -> Result<(Vec<u8>, Vec<&'a DriftItem>), String> {
        let rendered = self.rendered(candidate)?;
        let after = source::read(0, &rendered, self.adopting.key);
        let taken = self.judge.takes(before, &after, aimed)?;
        Ok((rendered, taken))
    }

    /// What is rendered with a change beside those that were taken.
    fn rendered(&self, candidate: &Files) -> Result<Vec<u8>, String> {
        let files: Files = self.changed.keys().map(|path| (path.clone(), self.texts[path].clone())).collect();
        let files = files.into_iter().chain(candidate.clone()).collect();
        let rendered = self.adopting.runtime.block_on(self.trial.render(&files));
        Ok(rendered.map_err(|error| Failure::because(&error).line())?.text)
    }

    fn keep(&mut self, candidate: &Files, rendered: Vec<u8>, taken: &[&DriftItem]) {
        self.now = rendered;
        for (path, text) in candidate {
            let before = self.texts.insert(path.clone(), text.clone()).unwrap_or_default();
            let (_, items) = self.changed.entry(path.clone()).or_insert((before, Vec::new()));
            items.extend(taken.iter().map(|item| (*item).clone()));
        }
    }

    fn files(self) -> Vec<AdoptedFile> {
        let files = self.changed.into_iter().map(|(path, (before, items))| {
            let is_new = !self.trial.files().contains_key(&path);
            let after = self.texts[&path].clone();
            AdoptedFile { path, is_new, before, after, items }
        });
        let mut files: Vec<_> = files.collect();
        files.sort_by_key(|file| !file.is_new);
        files
    }
}

/// Why nothing was found, by the best change that was tried.
fn undriven(number: usize, faults: Vec<String>) -> String {
    let tried = number.min(MOST_TRIALS);
    let Some(first) = faults.into_iter().next() else {
        return "nothing that it is rendered from is known to say this".to_owned();
    };
    match tried {
        0 => first,
        _ if number > MOST_TRIALS => {
            format!("the first {tried} changes that may make it were tried, and none makes exactly this: {first}")
        }
        1 => format!("the change that may make it does not make exactly this: {first}"),
        _ => format!("{tried} changes that may make it were tried, and none makes exactly this: {first}"),
    }
}
