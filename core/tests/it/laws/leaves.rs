//! A second, plainer walk over an object: every leaf with what the laws need to know of it.

use anchorwatch_core::object::path::{Path, Step};
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::schema::{Field, ListKind, Shape, TypeId};

use super::generator::Sample;
use crate::world::SCHEMA;

/// One step to a value in a tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Hop {
    Key(String),
    At(usize),
}

/// What a leaf is to the list that it is in.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Role {
    /// Nothing in particular.
    Plain,
    /// A key of the element at this depth of the path.
    Key { element: usize, name: String },
    /// A member of a set.
    Member,
}

/// A scalar in an object.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub(super) hops: Vec<Hop>,
    pub(super) path: Path,
    pub(super) shape: Shape,
    pub(super) role: Role,
    /// Steps to the outermost atomic list around it.
    pub(super) atomic_list: Option<usize>,
    /// The field that it is the value of, if it is one's.
    pub(super) field: Option<Field>,
    pub(super) value: Value<'static>,
}

/// A struct in an object.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) hops: Vec<Hop>,
    pub(super) path: Path,
    pub(super) type_id: TypeId,
    pub(super) atomic_list: Option<usize>,
    /// Names of the fields that are keys of the list around it.
    pub(super) keys: Vec<String>,
}

/// All that was found in an object; what is the server's or the identity is left out.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) leaves: Vec<Leaf>,
    pub(super) structs: Vec<Place>,
    hops: Vec<Hop>,
    steps: Vec<Step>,
    atomic_list: Option<usize>,
}

pub(super) fn survey(sample: &Sample) -> Survey {
    let mut survey = Survey::default();
    survey.fields(sample.type_id, &sample.root, &[]);
    survey
}

/// The value at the end of some hops.
pub(super) fn at_mut<'v>(root: &'v mut Map<'static>, hops: &[Hop]) -> &'v mut Value<'static> {
    let (Hop::Key(first), rest) = hops.split_first().unwrap() else { panic!("a root is no list") };
    rest.iter().fold(root.get_mut(first).unwrap(), |value, hop| match (value, hop) {
        (Value::Map(map), Hop::Key(key)) => map.get_mut(key).unwrap(),
        (Value::List(list), Hop::At(index)) => &mut list[*index].value,
        (other, hop) => panic!("{hop:?} does not lead into {other:?}"),
    })
}

/// The map at the end of some hops.
pub(super) fn map_mut<'v>(root: &'v mut Map<'static>, hops: &[Hop]) -> &'v mut Map<'static> {
    if hops.is_empty() {
        return root;
    }
    let Value::Map(map) = at_mut(root, hops) else { panic!("no map there") };
    map
}

/// Fields that no comparison looks at.
pub(super) fn is_servers(path: &[Step], type_name: &str, name: &str) -> bool {
    match path {
        [] => matches!(name, "apiVersion" | "kind" | "status"),
        [Step::Field(metadata)] if metadata == "metadata" => {
            !matches!(name, "annotations" | "labels" | "finalizers" | "ownerReferences")
        }
        _ => match type_name {
            "core.v1.PersistentVolumeClaim" => name == "status",
            // Two names of one field; the hand-written pairs are about them.
            "core.v1.PodSpec" => matches!(name, "serviceAccount" | "serviceAccountName"),
            _ => false,
        },
    }
}

impl Survey {
    fn fields(&mut self, id: TypeId, map: &Map<'static>, keys: &[Box<str>]) {
        let ty = SCHEMA.get(id);
        self.structs.push(Place {
            hops: self.hops.clone(),
            path: Path(self.steps.clone()),
            type_id: id,
            atomic_list: self.atomic_list,
            keys: keys.iter().map(ToString::to_string).collect(),
        });
        let element = self.steps.len().wrapping_sub(1);
        for (name, node) in map.iter() {
            if is_servers(&self.steps, &ty.name, name) {
                continue;
            }
            let field = ty.field(name);
            let shape = field.map_or(&Shape::Any, |f| &f.shape);
            let is_key = keys.iter().any(|k| k.as_ref() == name);
            let role = if is_key { Role::Key { element, name: name.to_owned() } } else { Role::Plain };
            self.down(Hop::Key(name.to_owned()), Step::Field(name.to_owned()), |inside| {
                inside.value(shape, &node.value, role, field);
            });
        }
    }

    fn down(&mut self, hop: Hop, step: Step, visit: impl FnOnce(&mut Self)) {
        self.hops.push(hop);
        self.steps.push(step);
        visit(self);
        self.steps.pop();
        self.hops.pop();
    }

    fn value(&mut self, shape: &Shape, value: &Value<'static>, role: Role, field: Option<&Field>) {
        match (value, shape) {
            (Value::Null, _) => {}
            (Value::Map(map), Shape::Struct(id)) => self.fields(*id, map, &[]),
            (Value::Map(map), other) => {
                let item = if let Shape::Map(item, _) = other { item.as_ref() } else { &Shape::Any };
                for (name, node) in map.iter() {
                    self.down(Hop::Key(name.to_owned()), Step::Field(name.to_owned()), |inside| {
                        inside.value(item, &node.value, Role::Plain, None);
                    });
                }
            }
            (Value::List(list), Shape::List(item, ListKind::Keyed(keys))) => self.keyed(item, keys, list),
            (Value::List(list), Shape::List(item, ListKind::Set)) => {
                for (index, node) in list.iter().enumerate() {
                    let step = Step::Member { value: node.value.clone(), index };
                    self.down(Hop::At(index), step, |inside| inside.value(item, &node.value, Role::Member, None));
                }
            }
            (Value::List(list), other) => {
                let item = if let Shape::List(item, _) = other { item.as_ref() } else { &Shape::Any };
                let outer = self.atomic_list;
                self.atomic_list = outer.or(Some(self.steps.len()));
                for (index, node) in list.iter().enumerate() {
                    let step = Step::Element { keys: Vec::new(), ordinal: 1, index };
                    self.down(Hop::At(index), step, |inside| inside.value(item, &node.value, Role::Plain, None));
                }
                self.atomic_list = outer;
            }
            (scalar, shape) => self.leaves.push(Leaf {
                hops: self.hops.clone(),
                path: Path(self.steps.clone()),
                shape: shape.clone(),
                role,
                atomic_list: self.atomic_list,
                field: field.cloned(),
                value: scalar.clone(),
            }),
        }
    }

    fn keyed(&mut self, item: &Shape, keys: &[Box<str>], list: &[anchorwatch_core::object::value::Node<'static>]) {
        for (index, node) in list.iter().enumerate() {
            let written = |key: &str| node.value.as_map()?.get(key).filter(|v| !v.is_null()).cloned();
            let values = keys.iter().map(|key| {
                let stated =
                    written(key).filter(|v| !(v.is_zero() && field_of(item, key).is_some_and(|f| f.drops_zero)));
                let value = stated.or_else(|| only_default(item, key)).or(written(key)).unwrap_or(Value::Null);
                (key.to_string(), value)
            });
            let step = Step::Element { keys: values.collect(), ordinal: 1, index };
            self.down(Hop::At(index), step, |inside| match (&node.value, item) {
                (Value::Map(map), Shape::Struct(id)) => inside.fields(*id, map, keys),
                (value, item) => inside.value(item, value, Role::Plain, None),
            });
        }
    }
}

fn field_of<'s>(item: &Shape, key: &str) -> Option<&'s Field> {
    let Shape::Struct(id) = item else { return None };
    SCHEMA.get(*id).field(key)
}

fn only_default(item: &Shape, key: &str) -> Option<Value<'static>> {
    let rule = field_of(item, key)?.defaults.first()?;
    (rule.when.is_none() && rule.under.is_empty()).then(|| rule.value.value.clone())
}

/// The path as it is written, whichever of several elements with the same keys it goes through.
pub(super) fn any_of_equal_keys(path: &Path) -> String {
    let steps = path.0.iter().map(|step| match step {
        Step::Element { keys, .. } => Step::Element { keys: keys.clone(), ordinal: 1, index: 0 },
        other => other.clone(),
    });
    Path(steps.collect()).stable()
}
