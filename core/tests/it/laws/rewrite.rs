//! The same object, written otherwise: reordered and respelled, or as the server would fill it in.

use anchorwatch_core::object::value::{Map, Node, Value};
use anchorwatch_core::schema::{Field, ListKind, Shape, TypeId};

use super::generator::{Sample, respelled};
use crate::world::SCHEMA;

/// Keyed lists, sets and an autoscaler's metrics in another order, quantities in another spelling.
pub(super) fn reordered(sample: &Sample, seed: u64) -> Map<'static> {
    let mut shuffler = Shuffler { state: seed };
    let mut root = shuffler.fields(sample.type_id, &sample.root);
    if sample.kind.kind == "HorizontalPodAutoscaler"
        && let Some(Value::Map(spec)) = root.get_mut("spec")
        && let Some(Value::List(metrics)) = spec.get_mut("metrics")
    {
        shuffler.shuffle(metrics);
    }
    root
}

struct Shuffler {
    state: u64,
}

impl Shuffler {
    fn below(&mut self, bound: usize) -> usize {
        // xorshift*; any will do.
        self.state = (self.state | 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.state ^= self.state >> 29;
        usize::try_from(self.state >> 33).unwrap() % bound
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }

    fn fields(&mut self, id: TypeId, map: &Map<'static>) -> Map<'static> {
        let ty = SCHEMA.get(id);
        let entries = map.iter().map(|(name, node)| {
            let shape = ty.field(name).map_or(&Shape::Any, |f| &f.shape);
            (name.to_owned().into(), self.value(shape, &node.value).into())
        });
        // Written from back to front, as another tool might.
        let mut entries: Vec<_> = entries.collect();
        entries.reverse();
        Map::new(entries)
    }

    fn value(&mut self, shape: &Shape, value: &Value<'static>) -> Value<'static> {
        match (value, shape) {
            (Value::Null, _) => Value::Null,
            (amount, Shape::Quantity) => respelled(amount),
            (Value::Map(map), Shape::Struct(id)) => Value::Map(self.fields(*id, map)),
            (Value::Map(map), Shape::Map(item, _)) => {
                let entries = map.iter().map(|(k, n)| (k.to_owned().into(), self.value(item, &n.value).into()));
                Value::Map(Map::new(entries.collect()))
            }
            (Value::List(list), Shape::List(item, kind)) => {
                let mut list: Vec<Node<'static>> = list.iter().map(|n| self.value(item, &n.value).into()).collect();
                if *kind != ListKind::Atomic {
                    self.shuffle(&mut list);
                }
                Value::List(list.into_boxed_slice())
            }
            (other, _) => other.clone(),
        }
    }
}

/// With every default that the schema tells of.
pub(super) fn with_defaults(sample: &Sample) -> Map<'static> {
    fill_fields(sample, sample.type_id, &sample.root)
}

fn fill_fields(sample: &Sample, id: TypeId, map: &Map<'static>) -> Map<'static> {
    let ty = SCHEMA.get(id);
    let mut filled = map.clone();
    // Those that hold always come first, because the others ask for them.
    for conditional in [false, true] {
        for field in ty.fields() {
            if let Some(value) = default_of(sample, field, &filled, conditional) {
                filled.insert(field.name.to_string().into(), value.into());
            }
        }
    }
    let entries = filled.iter().map(|(name, node)| {
        let shape = ty.field(name).map_or(&Shape::Any, |f| &f.shape);
        (name.to_owned().into(), fill(sample, shape, &node.value).into())
    });
    Map::new(entries.collect())
}

fn default_of(sample: &Sample, field: &Field, map: &Map<'static>, conditional: bool) -> Option<Value<'static>> {
    // The server keeps one value under both names.
    let account = ["serviceAccount", "serviceAccountName"];
    if account.contains(&field.name.as_ref()) && account.iter().any(|name| map.get(name).is_some_and(|v| !v.is_zero()))
    {
        return None;
    }
    let stated = map.get(&field.name).is_some_and(|v| !(v.is_null() || v.is_zero() && field.drops_zero));
    if stated {
        return None;
    }
    let rule = field.defaults.iter().filter(|rule| rule.when.is_some() == conditional).find(|rule| {
        let here = rule.under.is_empty() || rule.under.contains(&sample.kind);
        let asked =
            rule.when.as_ref().is_none_or(|(sibling, values)| map.get(sibling).is_some_and(|v| values.contains(v)));
        here && asked
    })?;
    Some(rule.value.value.clone())
}

fn fill(sample: &Sample, shape: &Shape, value: &Value<'static>) -> Value<'static> {
    match (value, shape) {
        (Value::Map(map), Shape::Struct(id)) => Value::Map(fill_fields(sample, *id, map)),
        (Value::Map(map), Shape::Map(item, _)) => {
            let entries = map.iter().map(|(k, n)| (k.to_owned().into(), fill(sample, item, &n.value).into()));
            Value::Map(Map::new(entries.collect()))
        }
        (Value::List(list), Shape::List(item, _)) => {
            Value::List(list.iter().map(|n| fill(sample, item, &n.value).into()).collect())
        }
        (other, _) => other.clone(),
    }
}
