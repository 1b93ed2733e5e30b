//! Takes raw live objects, one at a time and from any thread, and makes items of those that differ.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use anchorwatch_core::drift::DriftItem;
use anchorwatch_core::drift::audit::{AuditLog, ObjectAddress};
use anchorwatch_core::drift::compare::{Class, Pair, Silent, compare, compare_and_tell};
use anchorwatch_core::drift::examine::{self, NoPast, Setting, Subject};
use anchorwatch_core::drift::item::SourceLocation;
use anchorwatch_core::drift::mask;
use anchorwatch_core::drift::origin::{self, Witness};
use anchorwatch_core::drift::unmanaged;
use anchorwatch_core::object::list::{self, RawHead};
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::secret::{self, SecretKey, Shown};
use anchorwatch_core::object::split_api_version;
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::object::{GroupKind, Head, LAST_APPLIED};
use anchorwatch_core::ownership::{self, Entry};
use anchorwatch_core::schema::Schema;

use super::confirm::Confirmation;
use super::past::{Past, PastOfObject};
use super::scan::UNSTABLE;
use super::source::SourceOfFiles;
use super::unstable::Unstable;
use crate::index::{Index, Wanted};

/// What all objects of one scan are examined with.
#[derive(Debug)]
pub(crate) struct Examiner<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) index: &'a Index<'a>,
    pub(crate) setting: Setting<'a>,
    pub(crate) origin: &'a SourceOfFiles,
    pub(crate) past: Option<&'a Past<'a>>,
    pub(crate) unstable: &'a Unstable,
    pub(crate) audit: Option<&'a AuditLog>,
    /// Whether objects that no source has are told, too.
    pub(crate) unmanaged: bool,
    pub(crate) confirm: Option<&'a Confirmation<'a>>,
    pub(crate) explain: Option<&'a Selector>,
    pub(crate) told: Mutex<Vec<Told>>,
    /// Objects that came without managedFields.
    pub(crate) unattributed: Mutex<usize>,
}

/// What was passed over in one object: live values that are no drift.
#[derive(Debug)]
pub(crate) struct Told {
    /// `KIND/NAME`.
    pub(crate) object: String,
    /// Its namespace; empty for cluster-scoped ones.
    pub(crate) namespace: String,
    /// What the selector means of it.
    pub(crate) silent: Vec<Passed>,
    /// True if a path was asked for, and nothing of it lies there.
    pub(crate) misses: bool,
}

/// A live value that is no drift.
#[derive(Debug)]
pub(crate) struct Passed {
    /// Stable path.
    pub(crate) path: String,
    /// Why.
    pub(crate) class: Class,
    /// What the cluster has.
    pub(crate) value: Shown,
}

/// Which items a person means: a fingerprint's beginning, or `KIND/NAME[:STABLE_PATH]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    Fingerprint(String),
    /// `named`: a name, or a name, `:` and a path. A name may hold `:`, so only an object can tell which it is.
    Object {
        kind: String,
        named: String,
    },
}

impl FromStr for Selector {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((kind, named)) = text.split_once('/') {
            let complete = !kind.is_empty() && !named.is_empty();
            return complete.then(|| Self::Object { kind: kind.to_owned(), named: named.to_owned() }).ok_or(());
        }
        let is_fingerprint = (8..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_fingerprint.then(|| Self::Fingerprint(text.to_ascii_lowercase())).ok_or(())
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(beginning) => f.write_str(beginning),
            Self::Object { kind, named } => write!(f, "{kind}/{named}"),
        }
    }
}

impl Selector {
    /// True if this item is meant, by either of its paths.
    pub(crate) fn selects(&self, item: &DriftItem) -> bool {
        let object = (item.resource_kind.as_str(), item.resource_name.as_str());
        self.means(&item.fingerprint, object, &item.stable_path)
            || self.means(&item.fingerprint, object, &item.field_path)
    }

    /// True if what has this fingerprint, in this object (kind and name) at this path, is meant.
    pub(crate) fn means(&self, fingerprint: &str, (kind, name): (&str, &str), path: &str) -> bool {
        match self {
            Self::Fingerprint(start) => fingerprint.starts_with(start),
            Self::Object { .. } => self.path_in(kind, name).is_some_and(|asked| holds_path(path, asked)),
        }
    }

    /// True if a path was asked for, not a whole object.
    pub(crate) fn has_path(&self, kind: &str, name: &str) -> bool {
        self.path_in(kind, name).is_some_and(|asked| !asked.is_empty())
    }

    /// True if something of this object is meant.
    pub(crate) fn is_about(&self, kind: &str, name: &str) -> bool {
        self.path_in(kind, name).is_some()
    }

    /// The path that is meant in this object, if it is meant at all; an empty one means it whole.
    fn path_in(&self, kind: &str, name: &str) -> Option<&str> {
        let Self::Object { kind: asked, named } = self else { return None };
        let rest = named.strip_prefix(name).filter(|_| asked.eq_ignore_ascii_case(kind))?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix(':') }
    }
}

/// True if a path, or its beginning, end or middle, is the one that was asked for: tables leave out what all workloads
/// share, and what lies below a path is meant with it.
fn holds_path(path: &str, asked: &str) -> bool {
    let starts = |at: usize| at == 0 || path[..at].ends_with('.') || asked.starts_with('[');
    let ends = |at: usize| at == path.len() || path[at..].starts_with(['.', '[']);
    asked.is_empty() || path.match_indices(asked).any(|(at, part)| starts(at) && ends(at + part.len()))
}

/// A live object that could not be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) what: String,
    pub(crate) namespace: String,
    pub(crate) reason: String,
    /// True if it is known which object it is; else it may be any that was not found.
    pub(crate) known: bool,
}

/// What came of one live object.
#[derive(Debug)]
pub(crate) struct Verdict<'a> {
    /// Git's object, and when this state of it was seen; an older state than the last one counts no more.
    seen: Option<(&'a Wanted<'a>, u64)>,
    pub(crate) result: Result<Vec<DriftItem>, Unreadable>,
}

impl Verdict<'_> {
    /// True unless a newer state of the object was seen.
    pub(crate) fn is_last(&self) -> bool {
        self.seen.is_none_or(|(wanted, at)| wanted.was_last_found(at))
    }

    /// True if there is nothing to tell.
    pub(crate) fn is_clean(&self) -> bool {
        self.result.as_ref().is_ok_and(Vec::is_empty)
    }
}

impl<'a> Examiner<'a> {
    /// What is not compared whatever the cluster has: objects of Git's that no cluster can be asked for, and those that
    /// only one of two renderings has.
    pub(crate) fn refused(&self) -> impl Iterator<Item = Verdict<'a>> {
        let why_not = |wanted: &Wanted<'_>| {
            if let Some(why) = &wanted.misnamed {
                return Some(format!("{}: {why}", self.origin.place(wanted.desired.file, wanted.desired.line)));
            }
            self.unstable.vanishes(wanted.desired).then(|| UNSTABLE.to_owned())
        };
        let wanted = self.index.all().iter().filter(|wanted| !wanted.repeated && !wanted.left_out);
        let refused = wanted.filter_map(move |wanted| Some(refuse(wanted, why_not(wanted)?)));
        refused.chain(self.unstable.appearing().map(|identity| {
            let (what, namespace) = (identity.to_string(), identity.namespace.clone());
            let unreadable = Unreadable { what, namespace, reason: UNSTABLE.to_owned(), known: true };
            Verdict { seen: None, result: Err(unreadable) }
        }))
    }

    /// Compares one live object with Git's. Objects that Git does not have give nothing.
    ///
    /// `api_version` and `kind` are the list's, for items that do not say their own.
    pub(crate) fn examine(&self, raw: &str, (api_version, kind): (&str, &str), at: u64) -> Verdict<'a> {
        match list::head_of_item(raw, api_version, kind) {
            Ok(head) => self.examine_known(raw, &head, (api_version, kind), at),
            Err(error) => Verdict {
                seen: None,
                result: Err(Unreadable {
                    what: kind.to_owned(),
                    namespace: String::new(),
                    reason: format!("an object of the list cannot be read: {error}"),
                    known: false,
                }),
            },
        }
    }

    /// The same for an object whose head is read already. `listed`: apiVersion and kind of the list, empty without one.
    pub(crate) fn examine_known(
        &self,
        raw: &str,
        head: &RawHead<'_>,
        (listed_in, kind): (&str, &str),
        at: u64,
    ) -> Verdict<'a> {
        let api_version = if head.api_version.is_empty() { listed_in } else { &head.api_version };
        let kind = if head.kind.is_empty() { kind } else { &head.kind };
        let group = split_api_version(api_version).0;
        let found = self.index.find(group, kind, &head.metadata.namespace, &head.metadata.name);
        let Some(wanted) = found else {
            let asked_for = self.unmanaged && self.index.mentions(&head.metadata.namespace);
            let result = if asked_for { self.unmanaged(raw, api_version, kind) } else { Ok(Vec::new()) };
            return Verdict { seen: None, result };
        };
        if wanted.is_hook || wanted.is_of_another_list(self.schema, listed_in) {
            return Verdict { seen: None, result: Ok(Vec::new()) };
        }
        wanted.mark_found(at);
        let result = self.examine_wanted(wanted, raw, (api_version, kind)).map_err(|reason| {
            wanted.note_unreadable(at);
            let (what, namespace) = (format!("{kind}/{}", head.metadata.name), head.metadata.namespace.to_string());
            Unreadable { what, namespace, reason, known: true }
        });
        Verdict { seen: Some((wanted, at)), result }
    }

    /// What differs, or why it cannot be compared.
    fn examine_wanted(
        &self,
        wanted: &Wanted<'_>,
        raw: &str,
        (api_version, kind): (&str, &str),
    ) -> Result<Vec<DriftItem>, String> {
        let live = LiveObject::parse(raw, api_version, kind, self.setting.key)
            .map_err(|error| format!("the object cannot be read: {error}"))?;
        if live.sealed_elsewhere {
            return Err("recorded with another key: its fingerprints cannot be compared; record it with this one, or with --clear-secrets".to_owned());
        }
        match self.is_of_another_form(wanted, &live, api_version) {
            Some(reason) => Err(reason),
            None => Ok(self.compare(wanted, &live, api_version)),
        }
    }

    /// Why an object that was recorded in another version than Git's cannot be compared with it. Most can.
    fn is_of_another_form(&self, wanted: &Wanted<'_>, live: &LiveObject<'_>, recorded_in: &str) -> Option<String> {
        let written_in = wanted.head.api_version;
        if written_in == recorded_in {
            return None;
        }
        let git = self.schema.exact_root(written_in, &wanted.kind)?;
        let recorded = self.schema.exact_root(recorded_in, &wanted.kind)?;
        let alike =
            self.schema.has_fields_of(git, &live.root) && self.schema.has_fields_of(recorded, &wanted.desired.root);
        (!alike).then(|| {
            format!("recorded in {recorded_in}, but Git says {written_in}, which has other fields; record it in Git's version")
        })
    }

    /// The item of an object that Git does not have; none for one that does not stand on its own.
    pub(super) fn unmanaged(&self, raw: &str, api_version: &str, kind: &str) -> Result<Vec<DriftItem>, Unreadable> {
        let live = LiveObject::parse(raw, api_version, kind, self.setting.key).map_err(|error| Unreadable {
            what: kind.to_owned(),
            namespace: String::new(),
            reason: format!("the object cannot be read: {error}"),
            known: true,
        })?;
        let Some(head) = Head::of(&live.root).filter(|_| unmanaged::stands_alone(&live.root)) else {
            return Ok(Vec::new());
        };
        let group_kind = GroupKind::of(api_version, kind);
        let entries = self.owners(&live, &group_kind, api_version);
        let known = self.schema.kind(api_version, &group_kind);
        let subject = Subject {
            head,
            namespace: head.namespace,
            witness: Witness {
                kind: &group_kind,
                entries: entries.as_deref(),
                created: origin::created(&live.root),
                git: &live.root,
                last_applied: None,
            },
            bounds: None,
            source: SourceLocation { file: None, line: None, commit: None, rendered: false },
            audit: self.audit.zip(known).map(|(log, known)| {
                let address = ObjectAddress {
                    group: &group_kind.group,
                    resource: &known.plural,
                    namespace: head.namespace,
                    name: head.name,
                };
                (log, address)
            }),
            past: &NoPast,
        };
        Ok(vec![examine::unmanaged(self.setting, &subject, &live.root)])
    }

    fn compare(&self, wanted: &Wanted<'_>, live: &LiveObject<'_>, api_version: &str) -> Vec<DriftItem> {
        self.with_pair(wanted, live, api_version, |pair| self.compare_pair(wanted, live, api_version, pair))
    }

    /// What differs in an object of Git's as the server gives it alone, or why it cannot be compared.
    pub(super) fn look_at(&self, wanted: &Wanted<'_>, raw: &str) -> Result<Vec<DriftItem>, String> {
        self.examine_wanted(wanted, raw, (wanted.head.api_version, wanted.head.kind))
    }

    /// Both sides as they are compared.
    pub(super) fn with_pair<T>(
        &self,
        wanted: &Wanted<'_>,
        live: &LiveObject<'_>,
        api_version: &str,
        then: impl FnOnce(Pair<'_>) -> T,
    ) -> T {
        self.with_git(wanted, &wanted.desired.root, (live, api_version), then)
    }

    /// The same, with Git saying something else of the object.
    pub(super) fn with_git<T>(
        &self,
        wanted: &Wanted<'_>,
        git: &Map<'_>,
        (live, api_version): (&LiveObject<'_>, &str),
        then: impl FnOnce(Pair<'_>) -> T,
    ) -> T {
        let root = self.schema.root(api_version, &wanted.kind);
        let concealed = &*secret::concealed_like(git, &live.root, self.setting.key);
        let actual = &*secret::concealed_like(&live.root, git, self.setting.key);
        then(Pair { schema: self.schema, kind: &wanted.kind, root, git: concealed, live: actual })
    }

    fn compare_pair(
        &self,
        wanted: &Wanted<'_>,
        live: &LiveObject<'_>,
        api_version: &str,
        pair: Pair<'_>,
    ) -> Vec<DriftItem> {
        let differences = if self.explain.is_some_and(|s| s.is_about(&wanted.kind.kind, wanted.head.name)) {
            let (differences, silent) = compare_and_tell(pair);
            self.tell(wanted, &silent);
            differences
        } else {
            compare(pair)
        };
        if live.managed_fields.is_none() {
            *self.unattributed.lock().expect("no thread panics while it counts") += 1;
        }
        if differences.is_empty() {
            return Vec::new();
        }
        let entries = self.owners(live, &wanted.kind, api_version);
        let applied = last_applied(&live.root);
        let past = self.past(wanted);
        let subject = Subject {
            past: past.as_ref().map_or(&NoPast, |past| past as &dyn examine::Past),
            witness: Witness {
                kind: &wanted.kind,
                entries: entries.as_deref(),
                created: origin::created(&live.root),
                git: pair.git,
                last_applied: applied.as_deref().and_then(|json| parse_applied(json, self.setting.key)),
            },
            ..self.subject(wanted)
        };
        let mut items = examine::items(self.setting, &subject, &differences);
        let identity = wanted.desired.identity();
        items.retain(|item| !self.unstable.has_leaf(&identity, &item.stable_path));
        if let Some(confirmation) = self.confirm {
            confirmation.drop_admitted(wanted, &differences, &mut items);
        }
        items
    }

    /// Who owns what; `None` for an object that came without managedFields.
    fn owners(&self, live: &LiveObject<'_>, kind: &GroupKind, api_version: &str) -> Option<Vec<Entry>> {
        let (mut entries, _) = ownership::parse_managed_fields(live.managed_fields?.get());
        ownership::keep_common(&mut entries, self.schema, kind, api_version);
        Some(entries)
    }

    fn address<'s>(&'s self, wanted: &'s Wanted<'_>) -> Option<ObjectAddress<'s>> {
        let head = wanted.head;
        let kind = self.schema.kind(head.api_version, &wanted.kind)?;
        Some(ObjectAddress {
            group: &wanted.kind.group,
            resource: &kind.plural,
            namespace: wanted.namespace,
            name: head.name,
        })
    }

    fn past(&self, wanted: &Wanted<'_>) -> Option<PastOfObject<'_>> {
        let file = self.origin.files.get(wanted.desired.file)?;
        Some(self.past?.of(file, wanted.desired.identity()))
    }

    fn tell(&self, wanted: &Wanted<'_>, silent: &[Silent<'_>]) {
        let (kind, name) = (wanted.kind.kind.as_str(), wanted.head.name);
        let shown = |s: &Silent<'_>| {
            let path = s.path.stable();
            let hidden = path.contains(LAST_APPLIED) || mask::is_credential(kind, &s.path, s.live);
            let fingerprint = hidden.then(|| {
                let text = serde_json::to_string(s.live).expect("a tree of JSON values is JSON");
                self.setting.key.fingerprint(text.as_bytes())
            });
            Passed { path, class: s.class, value: Shown::of(s.live, fingerprint) }
        };
        let means = |s: &&Silent<'_>| {
            let paths = [s.path.stable(), s.path.field()];
            self.explain.is_some_and(|selector| paths.iter().any(|path| selector.means("", (kind, name), path)))
        };
        let silent: Vec<Passed> = silent.iter().filter(means).map(shown).collect();
        let has_path = self.explain.is_some_and(|selector| selector.has_path(kind, name));
        let told = Told {
            object: wanted.desired.identity().to_string(),
            namespace: wanted.namespace.to_owned(),
            misses: has_path && silent.is_empty(),
            silent,
        };
        self.told.lock().expect("no thread panics while it tells").push(told);
    }

    /// The item for an object that the cluster does not have.
    pub(crate) fn missing(&self, wanted: &Wanted<'_>) -> DriftItem {
        let past = self.past(wanted);
        let past: &dyn examine::Past = past.as_ref().map_or(&NoPast, |past| past);
        examine::missing(self.setting, &Subject { past, ..self.subject(wanted) }, wanted.desired.line)
    }

    fn subject<'s>(&'s self, wanted: &'s Wanted<'_>) -> Subject<'s> {
        Subject {
            head: wanted.head,
            namespace: wanted.namespace,
            witness: Witness {
                kind: &wanted.kind,
                entries: None,
                created: None,
                git: &wanted.desired.root,
                last_applied: None,
            },
            bounds: self.index.bounds(wanted),
            source: SourceLocation {
                file: self.origin.file_at(wanted.desired.file, wanted.desired.line),
                line: None,
                commit: self.origin.commit.clone(),
                rendered: self.origin.rendered,
            },
            audit: self.audit.zip(self.address(wanted)),
            past: &NoPast,
        }
    }
}

/// Whatever the cluster has of it is not compared.
fn refuse<'a>(wanted: &'a Wanted<'a>, reason: String) -> Verdict<'a> {
    wanted.note_unreadable(u64::MAX);
    let (what, namespace) = (wanted.desired.identity().to_string(), wanted.namespace.to_owned());
    Verdict { seen: None, result: Err(Unreadable { what, namespace, reason, known: true }) }
}

fn last_applied(root: &Map<'_>) -> Option<String> {
    let annotations = root.map("metadata")?.map("annotations")?;
    annotations.str(LAST_APPLIED).map(str::to_owned)
}

/// A Secret's has sealed fingerprints in place of its values.
fn parse_applied<'a>(json: &'a str, key: &SecretKey) -> Option<Map<'a>> {
    let Value::Map(mut applied) = serde_json::from_str(json).ok()? else { return None };
    secret::conceal(&mut applied, key);
    Some(applied)
}
