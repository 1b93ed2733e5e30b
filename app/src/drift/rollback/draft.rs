//! One object's part of a plan, made from the object as it is now.

use anchorwatch_core::change::copy;
use anchorwatch_core::change::dependants::Dependants;
use anchorwatch_core::change::patch::{self, Concealed};
use anchorwatch_core::change::restore::{self, Unrestorable};
use anchorwatch_core::change::{Body, Field, ObjectChange, Observed, Promise, Target, Write};
use anchorwatch_core::drift::compare::{Difference, Pair};
use anchorwatch_core::drift::{Change, DriftItem};
use anchorwatch_core::guard::{self, DryRun, Refusal, WriteScope};
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::source;
use anchorwatch_edge::cluster::ClusterError;
use anchorwatch_edge::cluster::apply::Place;

use super::may::Denied;
use super::removal::Removal;
use super::{Planning, attempts};
use crate::drift::confirm;
use crate::drift::meant::is_told_by;
use crate::failure::Failure;
use crate::index::Wanted;

/// What is to become of an object.
#[derive(Debug, Clone)]
pub(super) enum Aim<'a> {
    /// It is made as Git says, in these fields.
    AsGitSays(&'a Wanted<'a>, Vec<Field>),
    /// It is deleted, and created as Git says: the server does not let it be changed.
    Recreated(&'a Wanted<'a>, Vec<Field>),
    /// It goes, as Git does not have it.
    Gone(Box<Removal>),
}

impl Aim<'_> {
    /// Whether this may become of an object that differs so.
    pub(super) fn may(&self, item: &DriftItem, scope: &WriteScope) -> Result<(), Refusal> {
        match self {
            Self::AsGitSays(..) | Self::Recreated(..) => guard::may_roll_back(item, scope),
            Self::Gone(_) => guard::may_delete(item, scope),
        }
    }
}

/// What would be written to one object, and why.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) aim: Aim<'a>,
    pub(super) change: ObjectChange,
    pub(super) items: Vec<DriftItem>,
    pub(super) place: Place,
    /// What is written, with a Secret's values in clear.
    pub(super) write: Write,
    /// The object that it was made of; `None` if it was not there.
    pub(super) before: Option<Before>,
    /// What belongs to it, where it is deleted.
    pub(super) dependants: Dependants,
    pub(super) body: Body,
}

/// An object as it was read.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) raw: String,
    pub(super) observed: Observed,
}

/// What the server said of a draft.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) dry_run: DryRun,
    /// What would take it back.
    pub(super) inverse: Promise,
}

/// Why an object is left as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undraftable {
    #[error(transparent)]
    Unrestorable(#[from] Unrestorable),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Concealed(#[from] Concealed),
    #[error("its values are encrypted in Git, and nobody here can read them")]
    Encrypted,
    #[error("{0}")]
    Unreadable(String),
    #[error("{}", confirm::shown(.0))]
    Cluster(ClusterError),
    #[error("{0}")]
    Denied(Denied),
    /// The server says that it cannot become so; a new object could.
    #[error("{}; --recreate deletes it and creates it as Git says", confirm::shown(.0))]
    Immutable(ClusterError),
    #[error("{}", .0.line())]
    Failed(Failure),
    /// It is as Git says by now.
    #[error("it does not differ there any more")]
    Gone,
}

impl Draft<'_> {
    pub(super) fn tried(mut self, tried: Tried) -> Self {
        self.change.inverse = tried.inverse;
        self
    }
}

impl<'a> Planning<'a> {
    fn draft(&self, aim: &Aim<'a>) -> Result<Draft<'a>, Undraftable> {
        match aim {
            Aim::AsGitSays(wanted, fields) => self.restoration(wanted, fields),
            Aim::Recreated(wanted, fields) => {
                let draft = self.restoration(wanted, fields)?;
                self.recreation(Draft { aim: aim.clone(), ..draft })
            }
            Aim::Gone(removal) => self.removal(removal),
        }
    }

    /// Drafts what makes the object as Git says in these items.
    fn restoration(&self, wanted: &'a Wanted<'a>, meant: &[Field]) -> Result<Draft<'a>, Undraftable> {
        let head = wanted.head;
        let place = wanted
            .place(self.examiner.schema)
            .ok_or_else(|| Undraftable::Unreadable(format!("nobody knows where a {} is", wanted.kind)))?;
        let before = match self.read(&place.object).map_err(Undraftable::Failed)? {
            Some(bytes) => Some(Before::of(bytes)?),
            None => None,
        };
        let mut items = match &before {
            Some(before) => self.items(wanted, &before.raw)?,
            None => vec![self.examiner.missing(wanted)],
        };
        let differs = items.iter().any(|item| is_at(item, meant));
        items.retain(|item| meant.iter().any(|field| field.fingerprint == item.fingerprint));
        if items.is_empty() {
            // It differs there still, and in another way: that is for somebody to look at.
            return Err(if differs { Refusal::Conflict.into() } else { Undraftable::Gone });
        }
        if let Some(before) = &before {
            let live = self.parse(wanted, &before.raw)?;
            guard::may_disturb(self.why_paused(&live.root), self.said.even_if_paused)?;
        }
        let secret = self.secret_in_clear(wanted)?;
        let git = secret.as_ref().unwrap_or(&wanted.desired.root);
        let write = match &before {
            Some(before) => self.patch(wanted, git, &before.raw, &items)?,
            None => Write::Create(patch::plain("", &Value::Map(git.clone()))?),
        };
        let promise = match secret {
            Some(_) => Promise::sealed(&write, self.examiner.setting.key),
            None => Promise::Exact(write.clone()),
        };
        let target = Target {
            api_version: head.api_version.to_owned(),
            kind: head.kind.to_owned(),
            namespace: wanted.namespace.to_owned(),
            name: head.name.to_owned(),
        };
        let observed = before.as_ref().map(|before| &before.observed);
        let body = Body::of(&write, observed);
        let change = ObjectChange {
            target,
            uid: observed.map(|observed| observed.uid.clone()),
            write: promise,
            inverse: Promise::Exact(Write::DELETE),
            fields: items.iter().map(Field::from).collect(),
        };
        let aim = Aim::AsGitSays(wanted, meant.to_vec());
        Ok(Draft { aim, change, items, place, write, before, dependants: Dependants::default(), body })
    }

    /// What differs in an object as the server gave it.
    pub(super) fn items(&self, wanted: &Wanted<'_>, raw: &str) -> Result<Vec<DriftItem>, Undraftable> {
        self.examiner.look_at(wanted, raw).map_err(Undraftable::Unreadable)
    }

    /// A Secret of Git's with its values; `None` for all other kinds.
    pub(super) fn secret_in_clear(&self, wanted: &Wanted<'_>) -> Result<Option<Map<'static>>, Undraftable> {
        if !wanted.kind.is_secret() {
            return Ok(None);
        }
        if wanted.encrypted > 0 {
            return Err(Undraftable::Encrypted);
        }
        let file = self.files.get(wanted.desired.file);
        let found = file.and_then(|file| source::in_clear(&file.bytes, wanted.desired.line));
        found.map(Some).ok_or_else(|| Undraftable::Unreadable("Git's own values cannot be read again".to_owned()))
    }

    fn patch(&self, wanted: &Wanted<'_>, git: &Map<'_>, raw: &str, items: &[DriftItem]) -> Result<Write, Undraftable> {
        // In clear, where it is a Secret: it is made into the bytes that are sent, and into nothing else.
        let live: LiveObject<'_> = serde_json::from_str(raw).map_err(|error| unreadable(&error))?;
        let is_chosen = |difference: &Difference<'_>| items.iter().any(|item| is_told_by(difference, item));
        let pair = self.pair(wanted, git, &live.root);
        let restored = restore::restore(pair, is_chosen)?;
        Ok(Write::Patch(patch::between(pair.live, &restored)?))
    }

    fn pair<'v>(&'v self, wanted: &'v Wanted<'_>, git: &'v Map<'v>, live: &'v Map<'v>) -> Pair<'v> {
        let schema = self.examiner.schema;
        Pair { schema, kind: &wanted.kind, root: schema.root(wanted.head.api_version, &wanted.kind), git, live }
    }

    pub(super) fn parse<'r>(&'r self, wanted: &'r Wanted<'_>, raw: &'r str) -> Result<LiveObject<'r>, Undraftable> {
        LiveObject::parse(raw, wanted.head.api_version, wanted.head.kind, self.examiner.setting.key)
            .map_err(|error| unreadable(&error))
    }

    /// Drafts, and has the server try it; anew, where somebody has written the object in between, its status for example.
    pub(super) fn tried_draft(&self, aim: &Aim<'a>) -> Result<(Draft<'a>, Tried), Undraftable> {
        let mut more = attempts(self.runtime).skip(1);
        loop {
            let draft = self.draft(aim)?;
            let has_moved = |error: &ClusterError| {
                let observed = draft.before.as_ref().map(|before| &before.observed);
                self.target().has_moved(error, &draft.place.object, observed)
            };
            match self.tried(&draft) {
                Err(Undraftable::Cluster(error)) if has_moved(&error) && more.next().is_some() => {}
                Err(Undraftable::Cluster(error)) => return self.recreated(aim, error),
                tried => return Ok((draft, tried?)),
            }
        }
    }

    /// Where the server says that an object cannot become so: drafts that it is created anew, if somebody has said that it may be.
    fn recreated(&self, aim: &Aim<'a>, error: ClusterError) -> Result<(Draft<'a>, Tried), Undraftable> {
        match aim {
            Aim::AsGitSays(wanted, fields) if error.is_invalid(&wanted.kind, wanted.head.name) => {
                match (guard::may_delete_kind(&wanted.kind.kind), self.said.recreate) {
                    (Err(_), _) => Err(Undraftable::Cluster(error)),
                    (Ok(()), false) => Err(Undraftable::Immutable(error)),
                    (Ok(()), true) => self.tried_draft(&Aim::Recreated(wanted, fields.clone())),
                }
            }
            _ => Err(Undraftable::Cluster(error)),
        }
    }

    /// Has the server try the draft, and holds what it would make to what was promised: nothing that is meant differs any more.
    fn tried(&self, draft: &Draft<'_>) -> Result<Tried, Undraftable> {
        let may = self.target().may(draft.change.write.action(), &draft.place, &draft.change.target);
        may.map_err(Undraftable::Denied)?;
        if let Aim::Recreated(wanted, _) = draft.aim {
            return self.tried_recreation(wanted, draft);
        }
        let answer = self.cluster.try_out(&draft.place, &draft.body);
        let answer = self.runtime.block_on(answer).map_err(Undraftable::Cluster)?;
        let Aim::AsGitSays(wanted, _) = draft.aim else {
            return Ok(Tried { dry_run: DryRun::proven(&draft.body, &[])?, inverse: draft.change.inverse.clone() });
        };
        let answer = text(answer)?;
        let mut left = self.left(wanted, &draft.change.fields, &answer)?;
        left.extend(draft.write.without_effect(&answer));
        let dry_run = DryRun::proven(&draft.body, &left)?;
        Ok(Tried { dry_run, inverse: self.inverse(wanted, draft, &answer)? })
    }

    /// Paths of what was to be restored and still differs.
    pub(super) fn left(&self, wanted: &Wanted<'_>, fields: &[Field], raw: &str) -> Result<Vec<String>, Undraftable> {
        let items = self.items(wanted, raw)?;
        Ok(items.iter().filter(|item| is_at(item, fields)).map(|item| item.stable_path.clone()).collect())
    }

    /// What makes the object, once it is written, as it was before. The server has tried the write on that very state: all that
    /// differs then comes of it.
    fn inverse(&self, wanted: &Wanted<'_>, draft: &Draft<'_>, after: &str) -> Result<Promise, Undraftable> {
        let Some(before) = &draft.before else { return Ok(Promise::Exact(Write::DELETE)) };
        if let Promise::Sealed { .. } = &draft.change.write {
            return Ok(draft.change.write.clone());
        }
        let (before, after) = (self.parse(wanted, &before.raw)?, self.parse(wanted, after)?);
        let (before, after) = (copy::stated(&before.root), copy::stated(&after.root));
        Ok(Promise::Exact(Write::Patch(patch::between(&after, &before)?)))
    }
}

/// True if the item is where one of these fields is, however it differs there. Where a whole object was gone that is everywhere in it,
/// and where the object is gone that is everywhere.
fn is_at(item: &DriftItem, fields: &[Field]) -> bool {
    item.change == Change::MissingObject
        || fields.iter().any(|field| field.change == Change::MissingObject || field.stable_path == item.stable_path)
}

pub(super) fn unreadable(error: &serde_json::Error) -> Undraftable {
    Undraftable::Unreadable(format!("the object cannot be read: {error}"))
}

impl Before {
    pub(super) fn of(bytes: Vec<u8>) -> Result<Self, Undraftable> {
        let observed = Observed::of(&bytes).map_err(|error| Undraftable::Unreadable(error.to_string()))?;
        Ok(Self { raw: text(bytes)?, observed })
    }
}

/// An object as text.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, Undraftable> {
    String::from_utf8(bytes).map_err(|error| Undraftable::Unreadable(format!("the object cannot be read: {error}")))
}
