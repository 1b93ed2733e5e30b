//! Recording a live state: the raw lists of the kinds that a source mentions, as one `List`.

use std::sync::Mutex;

use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::schema::catalogue;
use anchorwatch_edge::cluster::ConnectOptions;
use tokio::runtime::Handle;

use super::live;
use super::side::{Live, Opening};
use super::source::{self, SourceRequest};
use crate::failure::Failure;
use crate::index::Index;

/// What was recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    /// A `List` in JSON.
    pub(crate) text: String,
    /// Number of objects.
    pub(crate) objects: usize,
    /// Kinds that could not be read, and why.
    pub(crate) not_recorded: Vec<String>,
}

/// Records what the cluster has of the kinds and namespaces that a source mentions.
pub(crate) fn record(
    runtime: &Handle,
    request: &SourceRequest,
    options: &ConnectOptions,
    key: &SecretKey,
    clear_secrets: bool,
) -> Result<Recording, Failure> {
    let scratch =
        tempfile::tempdir().map_err(|e| Failure::new("cannot make a temporary folder").detail(e.to_string()))?;
    let mut opening = Opening::begin(runtime, Live::Cluster(options.clone()));
    let source = runtime.block_on(source::read(request, Some(&mut opening), scratch.path()))?;
    let contents = source.contents(key);
    let (cluster, minor) = runtime.block_on(opening.side())?.served().expect("no snapshot was asked for");
    let (mut schema, _) = catalogue::load(minor);
    let mut unlisted = runtime.block_on(live::learn_served_kinds(cluster, &mut schema, &contents.objects))?;
    let namespace = request.namespace.as_deref().unwrap_or(&cluster.default_namespace);
    let (index, _) = Index::new(&contents.objects, namespace, &schema);
    let wishes = live::wishes_with_autoscalers(&schema, &index);
    let items: Mutex<Vec<String>> = Mutex::default();
    let take = |page: &live::Page| {
        let texts: Vec<String> = page.list.items().filter_map(|raw| named(raw, page, key, clear_secrets)).collect();
        items.lock().expect("no worker panics while it collects").extend(texts);
    };
    live::read_pages(runtime, cluster, wishes, &mut unlisted, &take)?;
    let mut items = items.into_inner().expect("no worker panics while it collects");
    items.sort_unstable();
    let text = format!("{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n{}\n]}}\n", items.join(",\n"));
    let not_recorded = unlisted.entries.iter().map(|e| format!("{} {}", e.what, e.reason)).collect();
    Ok(Recording { text, objects: items.len(), not_recorded })
}

/// An item with its own `apiVersion` and `kind`, which the items of a typed list lack.
fn named(raw: &str, page: &live::Page, key: &SecretKey, clear_secrets: bool) -> Option<String> {
    let (api_version, kind) = (&page.api_version, &page.kind);
    if kind == "Secret" && !clear_secrets {
        let live = LiveObject::parse(raw, api_version, kind, key).ok()?;
        let mut object = serde_json::to_value(anchorwatch_core::object::value::Value::Map(live.sealed())).ok()?;
        if let Some(fields) = live.managed_fields {
            object["metadata"]["managedFields"] = serde_json::from_str(fields.get()).ok()?;
        }
        return Some(object.to_string());
    }
    let rest = raw.strip_prefix('{')?;
    if rest.contains("\"apiVersion\":\"") && rest.trim_start().starts_with("\"apiVersion\"") {
        return Some(raw.to_owned());
    }
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    Some(format!(
        "{{\"apiVersion\":{},\"kind\":{}{comma}{rest}",
        serde_json::Value::from(api_version.as_str()),
        serde_json::Value::from(kind.as_str())
    ))
}
