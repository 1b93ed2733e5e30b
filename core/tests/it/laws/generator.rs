//! Objects made from the schema itself, out of a string of choices.
//!
//! Choices are numbers; where they run out, the plainest choice is made. So proptest shrinks a failing object by
//! shrinking a list of numbers, and needs to know nothing of Kubernetes.

use std::borrow::Cow;
use std::fmt;

use anchorwatch_core::object::GroupKind;
use anchorwatch_core::object::value::{Map, Node, Number, Value};
use anchorwatch_core::schema::{ListKind, Shape, TypeId};

use crate::world::SCHEMA;

/// Kinds that together have every shape, list type, conditional default and rule there is.
const KINDS: &[(&str, &str)] = &[
    ("apps/v1", "Deployment"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("apps/v1", "StatefulSet"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("networking.k8s.io/v1", "Ingress"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("apps/v1", "DaemonSet"),
    ("v1", "Pod"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "PersistentVolume"),
    ("v1", "ServiceAccount"),
    ("v1", "Namespace"),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("sea.example.com/v1", "Anchor"),
    ("sea.example.com/v1", "Anchor"),
    ("sea.example.com/v1", "Anchor"),
];

/// Fields that are wanted more often than the others, because most of the rules are below them.
const BACKBONE: &[&str] = &[
    "spec",
    "metadata",
    "template",
    "containers",
    "jobTemplate",
    "ports",
    "env",
    "metrics",
    "volumes",
    "volumeClaimTemplates",
    "resources",
    "annotations",
    "labels",
    "finalizers",
    "limits",
    "chain",
    "crew",
    "ingress",
    "rules",
    "webhooks",
    "mode",
    "marks",
    "creationTimestamp",
    "free",
    "log",
    "port",
    "livenessProbe",
    "strategy",
    "securityContext",
    "topologySpreadConstraints",
    "subjects",
];

const WORDS: &[&str] = &["a", "b", "web", "", "x y", "繁體中文", "a.b/c", "TCP", "null", "80", "a]=\"b\"", "0"];
const QUANTITIES: &[&str] = &["500m", "1", "1Gi", "0.5", "100M", "1500m", "0"];

/// A generated object.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) kind: GroupKind,
    pub(super) type_id: TypeId,
    pub(super) root: Map<'static>,
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&Value::Map(self.root.clone())).unwrap())
    }
}

/// Makes an object of one of the [`KINDS`].
pub(super) fn sample(choices: &[u32]) -> Sample {
    let mut maker = Maker { choices: choices.iter() };
    let (api_version, kind) = maker.pick(KINDS);
    let group_kind = GroupKind::of(api_version, kind);
    let type_id = SCHEMA.root(api_version, &group_kind);
    let mut root = maker.fields(type_id, 0, &[]);
    root.insert("apiVersion".into(), text(api_version).into());
    root.insert("kind".into(), text(kind).into());
    if root.map("metadata").is_none() {
        root.insert("metadata".into(), Value::Map(Map::default()).into());
    }
    if let Some(Value::Map(metadata)) = root.get_mut("metadata") {
        metadata.insert("name".into(), text("x").into());
    }
    Sample { kind: group_kind, type_id, root }
}

/// Another spelling of the same amount; the value itself where there is none.
pub(super) fn respelled(quantity: &Value<'static>) -> Value<'static> {
    match quantity {
        Value::Number(Number::Int(n)) => Value::String(format!("{n}000m").into()),
        Value::String(amount) => match amount.as_ref() {
            "500m" => text("0.5"),
            "1" => text("1000m"),
            "1Gi" => text("1024Mi"),
            "0.5" => text("5e-1"),
            "100M" => text("0.1G"),
            "1500m" => text("1.5"),
            _ => text("0k"),
        },
        other => other.clone(),
    }
}

pub(super) fn text(word: &str) -> Value<'static> {
    Value::String(Cow::Owned(word.to_owned()))
}

struct Maker<'c> {
    choices: std::slice::Iter<'c, u32>,
}

impl Maker<'_> {
    fn below(&mut self, bound: usize) -> usize {
        let choice = self.choices.next().copied().unwrap_or(0);
        usize::try_from(choice).unwrap() % bound
    }

    fn pick<T: Copy>(&mut self, table: &[T]) -> T {
        table[self.below(table.len())]
    }

    /// One in `of`; never once the choices have run out.
    fn once_in(&mut self, of: usize) -> bool {
        self.below(of) == of - 1
    }

    fn fields(&mut self, id: TypeId, depth: usize, keys: &[Box<str>]) -> Map<'static> {
        let ty = SCHEMA.get(id);
        let mut map = Map::default();
        for field in ty.fields() {
            let is_key = keys.contains(&field.name);
            let backbone = BACKBONE.contains(&field.name.as_ref());
            let wanted = if is_key {
                !self.once_in(8)
            } else if backbone {
                !self.once_in(6) && self.choices.len() > 0
            } else {
                // About three more fields of every struct, whatever its size.
                self.choices.len() > 0 && self.below(ty.fields().len().max(4)) < 3 && !self.once_in(2)
            };
            if !wanted || (depth > 11 && !is_key) {
                continue;
            }
            let value = if self.once_in(24) { Value::Null } else { self.value(&field.shape, depth + 1) };
            map.insert(Cow::Owned(field.name.to_string()), value.into());
        }
        map
    }

    fn value(&mut self, shape: &Shape, depth: usize) -> Value<'static> {
        match shape {
            Shape::Any => self.anything(depth),
            Shape::String => text(self.pick(WORDS)),
            Shape::Integer => {
                let number = self.pick(&[1, 0, 80, 443, -1, 420, 1 << 40]);
                Value::Number(Number::Int(number))
            }
            Shape::Number => Value::Number(Number::Float(self.pick(&[1.0, 0.0, 2.5, -0.125]))),
            Shape::Boolean => Value::Bool(self.once_in(2)),
            Shape::Bytes => text(self.pick(&["YQ==", "", "YWI="])),
            Shape::Quantity if self.once_in(4) => Value::Number(Number::Int(2)),
            Shape::Quantity => text(self.pick(QUANTITIES)),
            Shape::IntOrString if self.once_in(2) => text(self.pick(&["25%", "http", "8080"])),
            Shape::IntOrString => Value::Number(Number::Int(self.pick(&[8080, 0, 1]))),
            Shape::Time => text(self.pick(&["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000001Z"])),
            Shape::Struct(id) => Value::Map(self.fields(*id, depth, &[])),
            Shape::Map(item, _) => {
                let entries = (0..self.below(4)).map(|_| {
                    let key = Cow::Owned(self.pick(WORDS).to_owned());
                    (key, self.value(item, depth + 1).into())
                });
                Value::Map(Map::new(entries.collect()))
            }
            Shape::List(item, kind) => Value::List(self.elements(item, kind, depth).into_boxed_slice()),
        }
    }

    fn elements(&mut self, item: &Shape, kind: &ListKind, depth: usize) -> Vec<Node<'static>> {
        let keys: &[Box<str>] = if let ListKind::Keyed(keys) = kind { keys } else { &[] };
        (0..self.below(4))
            .map(|_| match item {
                Shape::Struct(id) => Value::Map(self.fields(*id, depth, keys)).into(),
                other => self.value(other, depth + 1).into(),
            })
            .collect()
    }

    fn anything(&mut self, depth: usize) -> Value<'static> {
        match self.below(if depth > 11 { 4 } else { 6 }) {
            0 => text(self.pick(WORDS)),
            1 => Value::Bool(true),
            2 => Value::Number(Number::Int(3)),
            3 => Value::Number(Number::Float(1.5)),
            4 => self.value(&Shape::List(Box::new(Shape::Any), ListKind::Atomic), depth + 1),
            _ => {
                let ownership = anchorwatch_core::schema::Ownership::Granular;
                self.value(&Shape::Map(Box::new(Shape::Any), ownership), depth + 1)
            }
        }
    }
}
