//! Compares an object as Git says with the same object as the cluster has it, field by field.
//!
//! It judges nothing: what the server filled in, allocated or stamped is left out or marked, all else is a
//! difference. Rules: spec 2.2; list and map types after
//! <https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy>.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{equal, filled, system};
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Node, Value};
use crate::object::{GroupKind, LAST_APPLIED};
use crate::schema::{Field, ListKind, Ownership, Schema, Shape, TypeId};

/// Among how many elements with the same keys one that means the same is looked for. Real lists have two or three;
/// without a bound a list made for it would take quadratic time.
const MAX_CANDIDATES: usize = 64;

/// How a map of an unknown type is owned: whole where an owner says so; one who owns a part of it lies deeper.
const UNKNOWN: Ownership = Ownership::Atomic;

/// How a field differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Both have it, with different values.
    Changed,
    /// Git has it, the cluster does not.
    Removed,
    /// The cluster has it, Git does not.
    Extra,
    /// Git has the object, the cluster does not.
    MissingObject,
    /// The cluster has the object, no source does.
    UnmanagedObject,
}

/// What may explain a value that only the cluster has; the owner decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excuse {
    /// The server or a built-in controller allocates it.
    Allocated,
    /// A delivery tool stamps what it delivers.
    Stamp,
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference<'v> {
    /// Where; list positions are live's, Git's if removed.
    pub path: Path,
    /// How.
    pub change: Change,
    /// What Git says.
    pub git: Option<&'v Value<'v>>,
    /// What the cluster has.
    pub live: Option<&'v Value<'v>>,
    /// Line in Git's file, 0 where Git does not mention it.
    pub line: u32,
    /// From this many steps on the path lies inside something owned as a whole; `usize::MAX` if it does not.
    pub atomic_from: usize,
    /// What may explain it.
    pub excuse: Option<Excuse>,
}

/// The two objects, and what is known of their kind.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'v> {
    /// All types.
    pub schema: &'v Schema,
    /// Group and kind of both.
    pub kind: &'v GroupKind,
    /// Their type.
    pub root: TypeId,
    /// As Git says.
    pub git: &'v Map<'v>,
    /// As the cluster has it.
    pub live: &'v Map<'v>,
}

/// Why a live value is no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Git says the same.
    Agreed,
    /// The server's own, or a built-in controller's bookkeeping.
    System,
    /// What the API server fills in.
    Default,
}

/// A live value that is no difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Silent<'v> {
    /// Where.
    pub path: Path,
    /// Why.
    pub class: Class,
    /// What the cluster has.
    pub live: &'v Value<'v>,
}

/// Compares two objects of the same identity.
pub fn compare(pair: Pair<'_>) -> Vec<Difference<'_>> {
    let mut walk = Walk::new(pair);
    walk.fields(pair.root, Some(pair.git), Some(pair.live));
    walk.found
}

/// Compares as [`compare`] does, and tells also what was passed over.
pub fn compare_and_tell(pair: Pair<'_>) -> (Vec<Difference<'_>>, Vec<Silent<'_>>) {
    let mut walk = Walk::new(pair);
    walk.silent = Some(Vec::new());
    walk.fields(pair.root, Some(pair.git), Some(pair.live));
    (walk.found, walk.silent.unwrap_or_default())
}

/// A struct or map on the way down, as both sides have it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'v> {
    pub(super) ty: TypeId,
    pub(super) git: Option<&'v Map<'v>>,
    pub(super) live: Option<&'v Map<'v>>,
    /// Number of steps that lead here.
    depth: usize,
}

#[derive(Debug, Clone, Copy)]
enum Place<'v> {
    Field(&'v str),
    Element { keys: &'v [Box<str>], element: &'v Value<'v>, item: &'v Shape, ordinal: usize, git: usize, live: usize },
    Member { value: &'v Value<'v>, index: usize },
}

pub(super) struct Walk<'v> {
    pub(super) pair: Pair<'v>,
    steps: Vec<Place<'v>>,
    pub(super) frames: Vec<Frame<'v>>,
    atomic_from: usize,
    /// Above zero while two elements of an atomic list are only asked whether they differ.
    probing: usize,
    differs: bool,
    /// True while what may be allocated makes no difference: it has no owner yet that could be asked.
    lenient: bool,
    /// True while that something is there at all is what differs, though all in it is filled in.
    presence: bool,
    found: Vec<Difference<'v>>,
    /// What was passed over, where somebody wants to know.
    silent: Option<Vec<Silent<'v>>>,
}

impl<'v> Walk<'v> {
    fn new(pair: Pair<'v>) -> Self {
        Self {
            pair,
            steps: Vec::new(),
            frames: Vec::new(),
            atomic_from: usize::MAX,
            probing: 0,
            differs: false,
            lenient: false,
            presence: false,
            found: Vec::new(),
            silent: None,
        }
    }

    fn pass_over(&mut self, class: Class, live: &'v Node<'v>) {
        if self.probing == 0 && self.silent.is_some() {
            let silent = Silent { path: self.path(false), class, live: &live.value };
            self.silent.get_or_insert_default().push(silent);
        }
    }

    fn pass_or_emit(&mut self, same: bool, git: &'v Node<'v>, live: &'v Node<'v>) {
        if same {
            self.pass_over(Class::Agreed, live);
        } else {
            self.emit(Change::Changed, Some(git), Some(live));
        }
    }

    /// Names of the fields that lead here; list elements are left out.
    pub(super) fn field_names(&self) -> impl DoubleEndedIterator<Item = &'v str> {
        self.steps.iter().filter_map(|place| match place {
            Place::Field(name) => Some(*name),
            _ => None,
        })
    }

    /// The field that the walk is in, of the struct at this position of `frames`.
    pub(super) fn field_at(&self, frame: usize) -> Option<&'v str> {
        match self.steps.get(self.frames.get(frame)?.depth)? {
            Place::Field(name) => Some(*name),
            _ => None,
        }
    }

    fn settled(&self) -> bool {
        self.probing > 0 && self.differs
    }

    fn fields(&mut self, ty: TypeId, git: Option<&'v Map<'v>>, live: Option<&'v Map<'v>>) {
        let definition = self.pair.schema.get(ty);
        let outer = self.atomic_from;
        if definition.ownership == Ownership::Atomic {
            self.atomic_from = outer.min(self.steps.len());
        }
        self.frames.push(Frame { ty, git, live, depth: self.steps.len() });
        join(git, live, |name, in_git, in_live| {
            if self.settled() {
                return;
            }
            let is_system = system::never_compared(self, name);
            let (name, in_git, in_live) = match system::mirrored(self, name) {
                Some((canonical, mirror)) => (
                    canonical,
                    present(in_git).or_else(|| git?.node(mirror)),
                    present(in_live).or_else(|| live?.node(mirror)),
                ),
                None => (name, in_git, in_live),
            };
            self.steps.push(Place::Field(name));
            match (is_system, in_git, in_live) {
                (false, ..) => self.field(definition.field(name), in_git, in_live),
                (true, None, Some(live)) => self.pass_over(Class::System, live),
                (true, ..) => {}
            }
            self.steps.pop();
        });
        self.frames.pop();
        self.atomic_from = outer;
    }

    fn entries(&mut self, item: &'v Shape, ownership: Ownership, git: Option<&'v Map<'v>>, live: Option<&'v Map<'v>>) {
        let outer = self.atomic_from;
        if ownership == Ownership::Atomic {
            self.atomic_from = outer.min(self.steps.len());
        }
        join(git, live, |name, git, live| {
            // Git says it where somebody committed what the cluster gave.
            if self.settled() || (git.is_some() && name == LAST_APPLIED) {
                return;
            }
            self.steps.push(Place::Field(name));
            match (present(git), present(live)) {
                (Some(git), Some(live)) => self.both(git, live, item),
                (Some(git), None) => self.removed(git, item),
                (None, Some(live)) => match filled::in_map(self, name, live) {
                    Some(class) => self.pass_over(class, live),
                    None => self.extra(live, item),
                },
                _ => {}
            }
            self.steps.pop();
        });
        self.atomic_from = outer;
    }

    fn field(&mut self, field: Option<&'v Field>, git: Option<&'v Node<'v>>, live: Option<&'v Node<'v>>) {
        let shape = field.map_or(&Shape::Any, |f| &f.shape);
        if git.zip(live).is_some_and(|(g, l)| g.value.is_zero() && l.value.is_null()) {
            return; // A list that is never dropped: `[]` comes back as `null`.
        }
        let (git, live) = (present(git), present(live));
        let dropped = git.filter(|g| g.value.is_zero() && field.is_some_and(|f| f.drops_zero));
        match (git, live) {
            (Some(git), Some(live)) if dropped.is_none() || live.value.is_zero() => self.both(git, live, shape),
            (Some(git), None) if dropped.is_none() => self.removed(git, shape),
            (_, Some(live)) => {
                if !self.presence && filled::is_default(self, field, live) {
                    return self.pass_over(Class::Default, live);
                }
                match dropped {
                    Some(git) if !is_collection(&live.value) => self.both(git, live, shape),
                    _ => self.extra(live, shape),
                }
            }
            (_, None) => {}
        }
    }

    fn both(&mut self, git: &'v Node<'v>, live: &'v Node<'v>, shape: &'v Shape) {
        match (&git.value, &live.value, shape) {
            (Value::Map(g), Value::Map(l), Shape::Struct(id)) => self.fields(*id, Some(g), Some(l)),
            (Value::Map(g), Value::Map(l), Shape::Map(item, ownership)) => {
                self.entries(item, *ownership, Some(g), Some(l));
            }
            (Value::Map(g), Value::Map(l), _) => self.entries(&Shape::Any, UNKNOWN, Some(g), Some(l)),
            (Value::List(g), Value::List(l), Shape::List(item, ListKind::Keyed(keys))) => {
                self.keyed(keys, item, g, l);
            }
            (Value::List(g), Value::List(l), Shape::List(_, ListKind::Set)) => self.set(g, l),
            (Value::List(g), Value::List(l), _) => {
                let item = match shape {
                    Shape::List(item, _) => item,
                    _ => &Shape::Any,
                };
                let same =
                    if system::unordered(self) { self.same_multiset(g, l, item) } else { self.same_list(g, l, item) };
                self.pass_or_emit(same, git, live);
            }
            (g, l, _) => {
                self.pass_or_emit(equal::scalars(g, l, shape), git, live);
            }
        }
    }

    /// Git has it, live does not: an item for each leaf.
    fn removed(&mut self, git: &'v Node<'v>, shape: &'v Shape) {
        match (&git.value, shape) {
            (Value::Map(map), Shape::Struct(id)) if !map.is_empty() => self.fields(*id, Some(map), None),
            (Value::Map(map), Shape::Map(item, ownership)) if !map.is_empty() => {
                self.entries(item, *ownership, Some(map), None);
            }
            (Value::Map(map), _) if !map.is_empty() => self.entries(&Shape::Any, UNKNOWN, Some(map), None),
            (Value::List(list), Shape::List(item, ListKind::Keyed(keys))) if !list.is_empty() => {
                self.keyed(keys, item, list, &[]);
            }
            (Value::List(list), Shape::List(_, ListKind::Set)) if !list.is_empty() => self.set(list, &[]),
            _ => self.emit(Change::Removed, Some(git), None),
        }
    }

    /// Live has it, Git does not, and it is no default: an item for each leaf that is none either.
    fn extra(&mut self, live: &'v Node<'v>, shape: &'v Shape) {
        match (&live.value, shape) {
            (Value::Map(map), Shape::Struct(id)) if !map.is_empty() => {
                let (before, told) = (self.found.len(), self.silent.as_ref().map_or(0, Vec::len));
                self.fields(*id, None, Some(map));
                // The server fills in what lies in a custom resource's struct, but makes none that has no default itself.
                if self.found.len() == before && self.probing == 0 && self.pair.schema.get(*id).is_custom() {
                    self.silent.iter_mut().for_each(|silent| silent.truncate(told));
                    self.presence = true;
                    self.fields(*id, None, Some(map));
                    self.presence = false;
                }
            }
            (Value::Map(map), Shape::Map(item, ownership)) if !map.is_empty() => {
                self.entries(item, *ownership, None, Some(map));
            }
            (Value::Map(map), _) if !map.is_empty() => self.entries(&Shape::Any, UNKNOWN, None, Some(map)),
            (Value::List(list), Shape::List(item, ListKind::Keyed(keys))) if !list.is_empty() => {
                self.keyed(keys, item, &[], list);
            }
            (Value::List(list), Shape::List(_, ListKind::Set)) if !list.is_empty() => self.set(&[], list),
            _ => self.emit(Change::Extra, None, Some(live)),
        }
    }

    fn keyed(&mut self, keys: &'v [Box<str>], item: &'v Shape, git: &'v [Node<'v>], live: &'v [Node<'v>]) {
        let matches = self.match_elements(keys, item, git, live);
        let git_ordinals = self.ordinals(keys, item, git);
        let live_ordinals = self.ordinals(keys, item, live);
        let mut used = vec![false; live.len()];
        for (at, element) in git.iter().enumerate() {
            if self.settled() {
                return;
            }
            let partner = matches[at];
            let place = Place::Element {
                keys,
                element: &element.value,
                item,
                ordinal: git_ordinals.get(at).copied().unwrap_or(1),
                git: at,
                live: partner.unwrap_or(0),
            };
            self.steps.push(place);
            match partner {
                Some(partner) => {
                    used[partner] = true;
                    self.both(element, &live[partner], item);
                }
                None => self.emit(Change::Removed, Some(element), None),
            }
            self.steps.pop();
        }
        for (at, element) in live.iter().enumerate().filter(|(at, _)| !used[*at]) {
            let ordinal = live_ordinals.get(at).copied().unwrap_or(1);
            self.steps.push(Place::Element { keys, element: &element.value, item, ordinal, git: 0, live: at });
            if filled::element(self, element) {
                self.pass_over(Class::System, element);
            } else {
                self.emit(Change::Extra, None, Some(element));
            }
            self.steps.pop();
        }
    }

    /// For each of Git's elements the position of its partner in live. Elements with the same keys are a multiset:
    /// the same to the letter are partners first, then those that mean the same.
    fn match_elements(
        &mut self,
        keys: &'v [Box<str>],
        item: &'v Shape,
        git: &'v [Node<'v>],
        live: &'v [Node<'v>],
    ) -> Vec<Option<usize>> {
        let aligned = git.len() <= live.len()
            && git.iter().zip(live).all(|(g, l)| self.same_keys(keys, item, &g.value, &l.value))
            && !self.has_duplicates(keys, item, live);
        if aligned {
            return (0..git.len()).map(Some).collect();
        }
        let git_keys: Vec<String> = git.iter().map(|g| self.key_text(keys, item, &g.value)).collect();
        let live_keys: Vec<String> = live.iter().map(|l| self.key_text(keys, item, &l.value)).collect();
        let mut matches = vec![None; git.len()];
        if self.has_duplicates(keys, item, git) || self.has_duplicates(keys, item, live) {
            pair_identical(git, live, &mut matches);
            self.pair_by_key(&git_keys, &live_keys, &mut matches, |walk, at, partner| {
                walk.interchangeable(&git[at], &live[partner], item)
            });
        }
        self.pair_by_key(&git_keys, &live_keys, &mut matches, |_, _, _| true);
        matches
    }

    /// Gives each of Git's elements that has no partner yet the first free one with its key that fits.
    fn pair_by_key(
        &mut self,
        git_keys: &[String],
        live_keys: &[String],
        matches: &mut [Option<usize>],
        mut fits: impl FnMut(&mut Self, usize, usize) -> bool,
    ) {
        let taken: HashSet<usize> = matches.iter().flatten().copied().collect();
        let mut free: HashMap<&str, VecDeque<usize>> = HashMap::new();
        for (at, key) in live_keys.iter().enumerate().filter(|(at, _)| !taken.contains(at)) {
            free.entry(key).or_default().push_back(at);
        }
        for (at, key) in git_keys.iter().enumerate() {
            let (None, Some(candidates)) = (matches[at], free.get_mut(key.as_str())) else { continue };
            let near = candidates.iter().take(MAX_CANDIDATES).position(|partner| fits(self, at, *partner));
            matches[at] = near.and_then(|position| candidates.remove(position));
        }
    }

    fn has_duplicates(&self, keys: &[Box<str>], item: &Shape, list: &[Node<'_>]) -> bool {
        if list.len() < 12 {
            return list
                .iter()
                .enumerate()
                .any(|(at, a)| list[..at].iter().any(|b| self.same_keys(keys, item, &a.value, &b.value)));
        }
        let mut seen = HashSet::new();
        list.iter().any(|element| !seen.insert(self.key_text(keys, item, &element.value)))
    }

    /// Which of the elements with the same keys each one is, from 1; empty where no two have the same.
    fn ordinals(&self, keys: &[Box<str>], item: &Shape, list: &[Node<'_>]) -> Vec<usize> {
        if !self.has_duplicates(keys, item, list) {
            return Vec::new();
        }
        let mut seen: HashMap<String, usize> = HashMap::new();
        list.iter()
            .map(|element| {
                let count = seen.entry(self.key_text(keys, item, &element.value)).or_default();
                *count += 1;
                *count
            })
            .collect()
    }

    fn key_value<'a>(&'a self, key: &str, item: &Shape, element: &'a Value<'_>) -> Option<&'a Value<'a>> {
        let written = element.as_map().and_then(|m| m.get(key)).filter(|v| !v.is_null());
        match written {
            Some(value) if !(value.is_zero() && self.drops_zero(item, key)) => Some(value),
            // `protocol: ""` is dropped, and so becomes the default.
            _ => filled::plain_default(self.pair.schema, item, key).or(written),
        }
    }

    fn drops_zero(&self, item: &Shape, key: &str) -> bool {
        let Shape::Struct(id) = item else { return false };
        self.pair.schema.get(*id).field(key).is_some_and(|f| f.drops_zero)
    }

    fn same_keys(&self, keys: &[Box<str>], item: &Shape, a: &Value<'_>, b: &Value<'_>) -> bool {
        keys.iter().all(|key| match (self.key_value(key, item, a), self.key_value(key, item, b)) {
            (Some(a), Some(b)) => equal::scalars(a, b, &Shape::IntOrString),
            (None, None) => true,
            _ => false,
        })
    }

    fn key_text(&self, keys: &[Box<str>], item: &Shape, element: &Value<'_>) -> String {
        let values: Vec<_> = keys.iter().map(|key| self.key_value(key, item, element)).collect();
        serde_json::to_string(&values).expect("a tree of JSON values is JSON")
    }

    fn set(&mut self, git: &'v [Node<'v>], live: &'v [Node<'v>]) {
        let text = |node: &Node<'_>| serde_json::to_string(&node.value).expect("a tree of JSON values is JSON");
        let mut left: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, member) in live.iter().enumerate() {
            left.entry(text(member)).or_default().push(at);
        }
        for (index, member) in git.iter().enumerate() {
            if left.get_mut(&text(member)).and_then(Vec::pop).is_none() {
                self.steps.push(Place::Member { value: &member.value, index });
                self.emit(Change::Removed, Some(member), None);
                self.steps.pop();
            }
        }
        let mut rest: Vec<usize> = left.into_values().flatten().collect();
        rest.sort_unstable();
        for index in rest {
            let member = &live[index];
            self.steps.push(Place::Member { value: &member.value, index });
            if system::member(self, &member.value) {
                self.pass_over(Class::System, member);
            } else {
                self.emit(Change::Extra, None, Some(member));
            }
            self.steps.pop();
        }
    }

    fn same_list(&mut self, git: &'v [Node<'v>], live: &'v [Node<'v>], item: &'v Shape) -> bool {
        if git.len() == live.len() {
            return git.iter().zip(live).all(|(g, l)| self.equivalent(g, l, item));
        }
        let own: Vec<&'v Node<'v>> = live.iter().filter(|l| !system::injected(self, &l.value)).collect();
        git.len() == own.len() && git.iter().zip(own).all(|(g, l)| self.equivalent(g, l, item))
    }

    fn same_multiset(&mut self, git: &'v [Node<'v>], live: &'v [Node<'v>], item: &'v Shape) -> bool {
        if git.len() != live.len() {
            return false;
        }
        let mut matches = vec![None; git.len()];
        pair_identical(git, live, &mut matches);
        let mut left: Vec<usize> = (0..live.len()).filter(|at| !matches.contains(&Some(*at))).collect();
        git.iter().zip(&matches).filter(|(_, partner)| partner.is_none()).all(|(element, _)| {
            let same = left.iter().take(MAX_CANDIDATES).position(|at| self.equivalent(element, &live[*at], item));
            same.map(|position| left.remove(position)).is_some()
        })
    }

    /// True if the two differ in nothing but what the server fills in.
    pub(super) fn equivalent(&mut self, git: &'v Node<'v>, live: &'v Node<'v>, shape: &'v Shape) -> bool {
        self.probe(git, live, shape, false)
    }

    /// True if the two differ in nothing but what the server fills in or may allocate, whoever did.
    fn interchangeable(&mut self, git: &'v Node<'v>, live: &'v Node<'v>, shape: &'v Shape) -> bool {
        self.probe(git, live, shape, true)
    }

    fn probe(&mut self, git: &'v Node<'v>, live: &'v Node<'v>, shape: &'v Shape, lenient: bool) -> bool {
        let before = (std::mem::take(&mut self.differs), std::mem::replace(&mut self.lenient, lenient));
        self.probing += 1;
        self.both(git, live, shape);
        self.probing -= 1;
        let differs = self.differs;
        (self.differs, self.lenient) = before;
        !differs
    }

    fn emit(&mut self, change: Change, git: Option<&'v Node<'v>>, live: Option<&'v Node<'v>>) {
        let excuse = if change == Change::Extra { system::excuse(self, live.map(|n| &n.value)) } else { None };
        if self.probing > 0 {
            self.differs |= excuse.is_none() || !self.lenient;
            return;
        }
        let path = self.path(change == Change::Removed);
        self.found.push(Difference {
            path,
            change,
            git: git.map(|n| &n.value),
            live: live.map(|n| &n.value),
            line: git.map_or(0, |n| n.line),
            atomic_from: self.atomic_from,
            excuse,
        });
    }

    fn path(&self, in_git: bool) -> Path {
        let step = |place: &Place<'v>| match *place {
            Place::Field(name) => Step::Field(name.to_owned()),
            Place::Member { value, index } => Step::Member { value: value.clone().into_owned(), index },
            Place::Element { keys, element, item, ordinal, git, live } => Step::Element {
                keys: keys
                    .iter()
                    .map(|key| {
                        let value = self.key_value(key, item, element).cloned().unwrap_or(Value::Null);
                        (key.to_string(), value.into_owned())
                    })
                    .collect(),
                ordinal,
                index: if in_git { git } else { live },
            },
        };
        Path(self.steps.iter().map(step).collect())
    }
}

/// Partners that are the same to the letter, whatever else has their keys.
fn pair_identical(git: &[Node<'_>], live: &[Node<'_>], matches: &mut [Option<usize>]) {
    let text = |node: &Node<'_>| serde_json::to_string(&node.value).expect("a tree of JSON values is JSON");
    let mut free: HashMap<String, VecDeque<usize>> = HashMap::new();
    for (at, element) in live.iter().enumerate() {
        free.entry(text(element)).or_default().push_back(at);
    }
    for (at, element) in git.iter().enumerate() {
        matches[at] = free.get_mut(&text(element)).and_then(VecDeque::pop_front);
    }
}

/// `null` is absent.
fn present<'v>(node: Option<&'v Node<'v>>) -> Option<&'v Node<'v>> {
    node.filter(|n| !n.value.is_null())
}

fn is_collection(value: &Value<'_>) -> bool {
    matches!(value, Value::Map(_) | Value::List(_))
}

/// Walks two sorted maps side by side.
fn join<'v>(
    git: Option<&'v Map<'v>>,
    live: Option<&'v Map<'v>>,
    mut visit: impl FnMut(&'v str, Option<&'v Node<'v>>, Option<&'v Node<'v>>),
) {
    let mut git = git.into_iter().flat_map(Map::iter).peekable();
    let mut live = live.into_iter().flat_map(Map::iter).peekable();
    loop {
        let order = match (git.peek(), live.peek()) {
            (Some((g, _)), Some((l, _))) => g.cmp(l),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return,
        };
        let of_git = if order.is_le() { git.next() } else { None };
        let of_live = if order.is_ge() { live.next() } else { None };
        if let Some((name, _)) = of_git.or(of_live) {
            visit(name, of_git.map(|(_, n)| n), of_live.map(|(_, n)| n));
        }
    }
}
