//! Git's objects, found by what they are called in the cluster.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use anchorwatch_core::drift::level::Bounds;
use anchorwatch_core::object::name::{is_label, is_path_segment};
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::object::{GroupKind, Head};
use anchorwatch_core::schema::Schema;
use anchorwatch_core::source::Desired;
use anchorwatch_edge::cluster::apply::Place;

/// An object of Git's, and where it belongs.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// The object.
    pub(crate) desired: &'a Desired<'a>,
    /// Its head.
    pub(crate) head: Head<'a>,
    /// Group and kind.
    pub(crate) kind: GroupKind,
    /// Namespace that it lives in; empty for cluster-scoped ones.
    pub(crate) namespace: &'a str,
    /// True if an object before it has the same identity.
    pub(crate) repeated: bool,
    /// True if it is not to be looked at: it lives elsewhere, or is a Secret and those are not compared.
    pub(crate) left_out: bool,
    /// Why no cluster can have an object that is called so; it is never asked for.
    pub(crate) misnamed: Option<String>,
    /// How many of its values are encrypted in Git.
    pub(crate) encrypted: usize,
    /// True for an Argo CD hook: made for a moment of a sync, and not there afterwards.
    pub(crate) is_hook: bool,
    /// When it was last seen, and last seen in a form that could not be read; 0 for never.
    found: AtomicU64,
    unreadable: AtomicU64,
}

impl Wanted<'_> {
    /// Where it is in a cluster; `None` if the schema does not know its kind.
    pub(crate) fn place(&self, schema: &Schema) -> Option<Place> {
        Place::of(schema, self.head.api_version, &self.kind, self.namespace, self.head.name)
    }
}

/// All objects of a source.
#[derive(Debug)]
pub(crate) struct Index<'a> {
    wanted: Vec<Wanted<'a>>,
    by_name: HashMap<String, usize>,
    bounds: HashMap<String, Bounds>,
    namespaces: HashSet<&'a str>,
    kinds: HashSet<GroupKind>,
}

/// Which objects of a source are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'s> {
    /// Only those of these namespaces; all where empty.
    pub(crate) namespaces: &'s BTreeSet<String>,
    /// Whether Secrets, too.
    pub(crate) secrets: bool,
}

impl Scope<'_> {
    /// All of them.
    pub(crate) const ALL: Self = Self { namespaces: &BTreeSet::new(), secrets: true };

    fn holds(self, kind: &GroupKind, namespace: &str) -> bool {
        (self.secrets || !kind.is_secret()) && (self.namespaces.is_empty() || self.namespaces.contains(namespace))
    }
}

/// Two objects of a source with one identity: positions of the first and the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Duplicate(pub(crate) usize, pub(crate) usize);

impl<'a> Index<'a> {
    /// Files objects by group, kind, namespace and name.
    pub(crate) fn new(
        objects: &'a [Desired<'a>],
        default_namespace: &'a str,
        schema: &Schema,
        scope: Scope<'_>,
    ) -> (Self, Vec<Duplicate>) {
        let mut index = Self {
            wanted: Vec::with_capacity(objects.len()),
            by_name: HashMap::new(),
            bounds: HashMap::new(),
            namespaces: HashSet::new(),
            kinds: HashSet::new(),
        };
        let mut duplicates = Vec::new();
        for (at, desired) in objects.iter().enumerate() {
            let head = desired.head();
            let kind = GroupKind::of(head.api_version, head.kind);
            let namespaced = schema.kind(head.api_version, &kind).is_none_or(|k| k.namespaced);
            let namespace = match (namespaced, head.namespace) {
                (false, _) => "",
                (true, "") => default_namespace,
                (true, named) => named,
            };
            let repeated = match index.by_name.entry(name_of(&kind.group, &kind.kind, namespace, head.name)) {
                // Two objects without a name are two objects.
                Entry::Occupied(_) if head.name.is_empty() => false,
                Entry::Occupied(first) => {
                    duplicates.push(Duplicate(*first.get(), at));
                    true
                }
                Entry::Vacant(place) => {
                    place.insert(at);
                    false
                }
            };
            if let Some((target, bounds)) = autoscaler(&desired.root, namespace) {
                index.bounds.insert(target, bounds);
            }
            let misnamed = misnamed(namespace, head.name);
            let left_out = !scope.holds(&kind, namespace);
            if misnamed.is_none() && !left_out {
                index.namespaces.insert(namespace);
            }
            if !index.kinds.contains(&kind) {
                index.kinds.insert(kind.clone());
            }
            index.wanted.push(Wanted {
                desired,
                head,
                kind,
                namespace,
                repeated,
                left_out,
                misnamed,
                encrypted: desired.encrypted_values(),
                is_hook: is_hook(&desired.root),
                found: AtomicU64::new(0),
                unreadable: AtomicU64::new(0),
            });
        }
        (index, duplicates)
    }

    /// Git's object that a live one of this name is.
    pub(crate) fn find(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&Wanted<'a>> {
        let at = *self.by_name.get(&name_of(group, kind, namespace, name))?;
        Some(&self.wanted[at]).filter(|wanted| !wanted.left_out)
    }

    /// True if the source has something in this namespace.
    pub(crate) fn mentions(&self, namespace: &str) -> bool {
        self.namespaces.contains(namespace)
    }

    /// How many kinds of objects there are.
    pub(crate) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// All objects, in the source's order.
    pub(crate) fn all(&self) -> &[Wanted<'a>] {
        &self.wanted
    }

    /// True if an object lives in this namespace, whether it is looked at or not.
    pub(crate) fn has_namespace(&self, namespace: &str) -> bool {
        self.wanted.iter().any(|wanted| wanted.namespace == namespace)
    }

    /// Those that a cluster is asked for.
    pub(crate) fn askable(&self) -> impl Iterator<Item = &Wanted<'a>> {
        self.wanted.iter().filter(|wanted| wanted.misnamed.is_none() && !wanted.left_out)
    }

    /// Takes in an autoscaler that only the cluster has; Git's own come first.
    pub(crate) fn add_live_autoscaler(&mut self, root: &Map<'_>, namespace: &str) {
        if let Some((target, bounds)) = autoscaler(root, namespace) {
            self.bounds.entry(target).or_insert(bounds);
        }
    }

    /// Bounds of the autoscaler that scales an object.
    pub(crate) fn bounds(&self, wanted: &Wanted<'_>) -> Option<Bounds> {
        let name = wanted.head.name;
        self.bounds.get(&name_of(&wanted.kind.group, &wanted.kind.kind, wanted.namespace, name)).copied()
    }
}

impl Wanted<'_> {
    /// Git may write some objects of a kind in one version and some in another: each is taken from the list of its own.
    pub(crate) fn is_of_another_list(&self, schema: &Schema, listed_in: &str) -> bool {
        let own = schema.kind(self.head.api_version, &self.kind);
        !listed_in.is_empty() && own.is_some_and(|own| *own.api_version != *listed_in)
    }

    /// The cluster has it. `at` counts from 1, and what comes later is the newer state.
    pub(crate) fn mark_found(&self, at: u64) {
        self.found.fetch_max(at, Ordering::Relaxed);
    }

    /// The cluster has it no more.
    pub(crate) fn mark_gone(&self) {
        self.found.store(0, Ordering::Relaxed);
    }

    /// True if nothing newer was seen of it.
    pub(crate) fn was_last_found(&self, at: u64) -> bool {
        self.found.load(Ordering::Relaxed) == at
    }

    /// True once the cluster was seen to have it.
    pub(crate) fn was_found(&self) -> bool {
        self.found.load(Ordering::Relaxed) > 0
    }

    /// Notes that the cluster has it, but that it could not be read.
    pub(crate) fn note_unreadable(&self, at: u64) {
        self.mark_found(at);
        self.unreadable.fetch_max(at, Ordering::Relaxed);
    }

    /// True if the cluster was last seen to have it in a form that could not be read.
    pub(crate) fn was_unreadable(&self) -> bool {
        let unreadable = self.unreadable.load(Ordering::Relaxed);
        unreadable > 0 && self.was_last_found(unreadable)
    }
}

fn is_hook(root: &Map<'_>) -> bool {
    let annotations = root.map("metadata").and_then(|metadata| metadata.map("annotations"));
    annotations.is_some_and(|annotations| annotations.get("argocd.argoproj.io/hook").is_some())
}

/// Why no object can be called so. What is no name could be read as more of a request's path.
fn misnamed(namespace: &str, name: &str) -> Option<String> {
    if !namespace.is_empty() && !is_label(namespace) {
        return Some(format!(
            "no namespace can be called {namespace:?}; small letters, digits and dashes make a name, at most 63 of them"
        ));
    }
    // Objects with generateName have none yet.
    (!name.is_empty() && !is_path_segment(name))
        .then(|| format!("no object can be called {name:?}; a name is neither . nor .. and holds no / and no %"))
}

fn name_of(group: &str, kind: &str, namespace: &str, name: &str) -> String {
    let mut text = String::with_capacity(group.len() + kind.len() + namespace.len() + name.len() + 3);
    for (at, part) in [group, kind, namespace, name].into_iter().enumerate() {
        if at > 0 {
            text.push('/');
        }
        text.push_str(part);
    }
    text
}

/// The target and bounds of a HorizontalPodAutoscaler or a KEDA ScaledObject.
fn autoscaler(root: &Map<'_>, namespace: &str) -> Option<(String, Bounds)> {
    let spec = root.map("spec")?;
    let (min_field, max_field, default_min) = match root.str("kind")? {
        "HorizontalPodAutoscaler" => ("minReplicas", "maxReplicas", 1),
        "ScaledObject" => ("minReplicaCount", "maxReplicaCount", 0),
        _ => return None,
    };
    let target = spec.map("scaleTargetRef")?;
    let api_version = target.str("apiVersion").unwrap_or("apps/v1");
    let kind = target.str("kind").unwrap_or("Deployment");
    let group = anchorwatch_core::object::split_api_version(api_version).0;
    let count = |field: &str| spec.get(field).and_then(Value::as_int);
    let bounds = Bounds {
        min: count(min_field).unwrap_or(default_min),
        // KEDA's default; an autoscaler of Kubernetes always has one.
        max: count(max_field).unwrap_or(100),
    };
    Some((name_of(group, kind, namespace, target.str("name")?), bounds))
}
