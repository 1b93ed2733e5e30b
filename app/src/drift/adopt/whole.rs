//! An object that Git does not have, written into a file of the source.

use anchorwatch_core::change::whole;
use anchorwatch_core::drift::DriftItem;
use anchorwatch_core::drift::compare::{Pair, compare};
use anchorwatch_core::object::list::RawHead;
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::object::{GroupKind, Identity};
use anchorwatch_core::source;
use anchorwatch_core::source::edit;
use anchorwatch_edge::cluster::apply::Place;

use super::{Adopting, NotAdopted, parsed};

/// Where an object is to stand.
pub(super) enum Home {
    /// At the end of this one of the source's files, which is all that the source is.
    End(usize),
    /// In a file of its own, from the source's folder.
    New(String),
}

impl Adopting<'_> {
    /// Where an object that Git does not have is to stand: a source of one file has it at its end.
    pub(super) fn home(&self, item: &DriftItem, taken: &[String]) -> Result<Home, NotAdopted> {
        let origin = self.ground.examiner.origin;
        if origin.is_one_file {
            return Ok(Home::End(0));
        }
        let plain =
            |name: &str| name.to_ascii_lowercase().replace(|c: char| !(c.is_ascii_alphanumeric() || c == '.'), "-");
        let (kind, name) = (plain(&item.resource_kind), plain(&item.resource_name));
        let names = [format!("{kind}-{name}.yaml"), format!("{kind}-{name}-{}.yaml", plain(&item.namespace))];
        let is_free = |name: &&String| !origin.files.contains(name) && !taken.contains(name);
        let free = names.iter().find(is_free).cloned();
        free.map(Home::New).ok_or_else(|| NotAdopted::Unreadable(format!("{} is there already", names[1])))
    }

    /// A file's text with the object at its end, as somebody would have written it.
    pub(super) fn with_whole(&self, item: &DriftItem, text: &str) -> Result<String, NotAdopted> {
        let raw = self.unmanaged(item)?;
        let live = parsed(&raw, (&item.api_version, &item.resource_kind), self.key)?;
        let text = edit::append(text, &Value::Map(self.as_written(item, &live)?))?;
        self.is_there(item, &live, &source::read(0, text.as_bytes(), self.key))?;
        Ok(text)
    }

    /// The object as somebody would have written it.
    pub(super) fn as_written(&self, item: &DriftItem, live: &LiveObject<'_>) -> Result<Map<'static>, NotAdopted> {
        let schema = self.ground.examiner.schema;
        let kind = GroupKind::of(&item.api_version, &item.resource_kind);
        let mut object = whole::as_written((schema, &kind, schema.root(&item.api_version, &kind)), &live.root)?;
        for (name, value) in [("apiVersion", &item.api_version), ("kind", &item.resource_kind)] {
            // Objects of a list name neither.
            object.insert(name.into(), Value::String(value.clone().into()).into());
        }
        Ok(object)
    }

    /// What the object is called in what was read; fails unless it is there as the cluster has it.
    pub(super) fn is_there(
        &self,
        item: &DriftItem,
        live: &LiveObject<'_>,
        read: &source::Contents<'_>,
    ) -> Result<Identity, NotAdopted> {
        let identity = Identity {
            namespace: item.namespace.clone(),
            group_kind: GroupKind::of(&item.api_version, &item.resource_kind),
            name: item.resource_name.clone(),
        };
        let renamed = || NotAdopted::Undriven("it would not be there by this name and namespace".to_owned());
        let written = read.objects.iter().rev().find(|object| object.identity() == identity).ok_or_else(renamed)?;
        let (schema, kind) = (self.ground.examiner.schema, &identity.group_kind);
        let root = schema.root(&item.api_version, kind);
        let differences = compare(Pair { schema, kind, root, git: &written.root, live: &live.root });
        match differences.iter().find(|difference| difference.excuse.is_none()) {
            Some(difference) => Err(NotAdopted::Otherwise(difference.path.stable())),
            None => Ok(identity),
        }
    }

    /// The object as the cluster has it.
    pub(super) fn unmanaged(&self, item: &DriftItem) -> Result<String, NotAdopted> {
        let kind = GroupKind::of(&item.api_version, &item.resource_kind);
        let (namespace, name) = (&item.namespace, &item.resource_name);
        let is_it = |head: &RawHead<'_>| {
            GroupKind::of(&head.api_version, &head.kind) == kind
                && head.metadata.name == *name
                && head.metadata.namespace == *namespace
        };
        self.object(is_it, || Place::of(self.ground.examiner.schema, &item.api_version, &kind, namespace, name))
    }
}
