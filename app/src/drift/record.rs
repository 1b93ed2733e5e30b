//! Recording a live state: the raw lists of the kinds that a source mentions, as one `List`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use anchorwatch_core::object::GroupKind;
use anchorwatch_core::object::list::{self, RawHead};
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::object::value::Value;
use anchorwatch_core::schema::{Schema, catalogue};
use anchorwatch_edge::cluster::discover::listing;
use anchorwatch_edge::cluster::{Cluster, ConnectOptions};
use tokio::runtime::Handle;

use super::live;
use super::side::{Live, Opening};
use super::source::{self, SourceRequest};
use super::unlisted::Unlisted;
use crate::failure::Failure;
use crate::index::{Index, Scope};

/// What was recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    /// A `List` in JSON.
    pub(crate) text: String,
    /// Number of objects.
    pub(crate) objects: usize,
    /// What could not be read, and why. The list says it, too.
    pub(crate) not_recorded: Vec<String>,
}

/// Group and kind, namespace, name and apiVersion.
type Address = (GroupKind, String, String, String);

/// What came in. Of an object that came twice, the newer state is kept.
#[derive(Default)]
struct Objects {
    texts: BTreeMap<Address, (u64, String)>,
    unreadable: Vec<(GroupKind, String)>,
}

/// Records what the cluster has of the kinds and namespaces that a source mentions.
pub(crate) fn record(
    runtime: &Handle,
    request: &SourceRequest,
    options: &ConnectOptions,
    key: &SecretKey,
    clear_secrets: bool,
) -> Result<Recording, Failure> {
    let scratch = super::scratch()?;
    let mut opening = Opening::begin(runtime, Live::Cluster(options.clone()));
    let source = runtime.block_on(source::read(request, Some(&mut opening), scratch.path()))?;
    let contents = source.contents(key);
    let (cluster, minor) = runtime.block_on(opening.side())?.served().expect("no snapshot was asked for");
    let (mut schema, _) = catalogue::load(minor);
    let heads = contents.objects.iter().map(|object| (object.identity().group_kind, object.head().api_version));
    let custom: BTreeSet<(GroupKind, &str)> = heads.filter(|(kind, _)| !schema.knows(kind)).collect();
    let mut unlisted = runtime.block_on(live::learn_served_kinds(cluster, &mut schema, &contents.objects))?;
    let namespace = request.namespace.as_deref().unwrap_or(&cluster.default_namespace);
    let (index, _) = Index::new(&contents.objects, namespace, &schema, Scope::ALL);

    let objects: Mutex<Objects> = Mutex::default();
    let sealing = (!clear_secrets).then_some(key);
    let take = |page: &live::Page| {
        for raw in page.list.items() {
            let read = recorded(raw, page, sealing);
            objects.lock().expect("no worker panics while it collects").add(read, page, &index, &schema);
        }
    };
    live::read_pages(runtime, cluster, live::wishes_with_autoscalers(&schema, &index), &mut unlisted, &take)?;
    let Objects { texts, unreadable } = objects.into_inner().expect("no worker panics while it collects");
    for (kind, reason) in unreadable {
        unlisted.add(&kind, None, kind.to_string(), reason);
    }
    // An object that Git does not have may be in the lists of several versions.
    let by_name = |((kind, namespace, name, _), (_, text)): (Address, (u64, String))| ((kind, namespace, name), text);
    let mut objects: BTreeMap<_, String> = texts.into_iter().map(by_name).collect();
    let definitions = runtime.block_on(definitions(cluster, &schema, &custom, &mut unlisted))?;
    objects.extend(definitions.into_iter().map(|(name, text)| ((definition(), String::new(), name), text)));

    let not_recorded = unlisted.told();
    let count = objects.len();
    let items: Vec<String> = objects.into_values().chain(unlisted.notes()).collect();
    let text = format!("{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n{}\n]}}\n", items.join(",\n"));
    Ok(Recording { text, objects: count, not_recorded })
}

impl Objects {
    fn add(&mut self, read: Result<(Address, String), String>, page: &live::Page, index: &Index<'_>, schema: &Schema) {
        let ((kind, namespace, name, api_version), text) = match read {
            Ok(read) => read,
            Err(reason) => {
                self.unreadable.push((GroupKind::of(&page.api_version, &page.kind), reason));
                return;
            }
        };
        let wanted = index.find(&kind.group, &kind.kind, &namespace, &name);
        if wanted.is_some_and(|wanted| wanted.is_of_another_list(schema, &page.api_version)) {
            return;
        }
        let kept = self.texts.entry((kind, namespace, name, api_version)).or_default();
        if kept.0 <= page.number {
            *kept = (page.number, text);
        }
    }
}

/// An item with its own `apiVersion` and `kind`, which the items of a typed list lack; or why it cannot be recorded.
fn recorded(raw: &str, page: &live::Page, sealing: Option<&SecretKey>) -> Result<(Address, String), String> {
    let (api_version, kind) = (&page.api_version, &page.kind);
    let fail = |what: &str, error: String| format!("{kind}{what} cannot be read: {error}");
    let head = list::head_of_item(raw, api_version, kind).map_err(|error| fail("", error.to_string()))?;
    let RawHead { metadata, .. } = &head;
    let address = (
        GroupKind::of(api_version, kind),
        metadata.namespace.to_string(),
        metadata.name.to_string(),
        api_version.clone(),
    );
    let text = match sealing.filter(|_| kind == "Secret" && api_version == "v1") {
        Some(key) => sealed(raw, key).map_err(|error| fail(&format!("/{}", metadata.name), error.to_string()))?,
        None => named(raw, &head, api_version, kind),
    };
    Ok((address, text))
}

fn sealed(raw: &str, key: &SecretKey) -> Result<String, serde_json::Error> {
    let live = LiveObject::parse(raw, "v1", "Secret", key)?;
    let mut object = serde_json::to_value(Value::Map(live.sealed(key)))?;
    if let Some(fields) = live.managed_fields {
        object["metadata"]["managedFields"] = serde_json::from_str(fields.get())?;
    }
    Ok(object.to_string())
}

fn named(raw: &str, head: &RawHead<'_>, api_version: &str, kind: &str) -> String {
    let mut said = Vec::new();
    for (field, own, listed) in [("apiVersion", &head.api_version, api_version), ("kind", &head.kind, kind)] {
        if own.is_empty() {
            said.push(format!("\"{field}\":{}", serde_json::Value::from(listed)));
        }
    }
    let rest = raw.strip_prefix('{').expect("an item whose head was read is an object");
    if rest.trim_start() != "}" && !said.is_empty() {
        said.push(String::new());
    }
    format!("{{{}{rest}", said.join(","))
}

fn definition() -> GroupKind {
    GroupKind::of("apiextensions.k8s.io/v1", "CustomResourceDefinition")
}

/// The definitions of custom kinds, by name: a later scan learns the kinds and their defaults from them.
async fn definitions(
    cluster: &Cluster,
    schema: &Schema,
    custom: &BTreeSet<(GroupKind, &str)>,
    unlisted: &mut Unlisted,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    let Some(listing) = listing(schema, "apiextensions.k8s.io/v1", &definition(), None) else { return Ok(found) };
    for (kind, api_version) in custom {
        // What is not served has none, and its kind's entry says so.
        let Some(known) = schema.kind(api_version, kind) else { continue };
        let name = format!("{}.{}", known.plural, kind.group);
        match cluster.get_json(&listing.object(&name)).await {
            Ok(definition) => {
                found.insert(name, definition.to_string());
            }
            // An API server of its own serves it.
            Err(error) if error.code() == Some(404) => {}
            Err(error) if matches!(error.code(), Some(403 | 405)) => {
                let reason = format!("without its definition, defaults look like drift: {error}");
                unlisted.add(kind, None, format!("customresourcedefinitions {name}"), reason);
            }
            Err(error) => return Err(live::cluster_failure(&error)),
        }
    }
    Ok(found)
}
