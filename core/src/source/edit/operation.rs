//! Edits as single steps on a tree: where each leads, and what it makes of the tree.

use std::borrow::Cow;

use super::refusal::{Reason, Refusal};
use super::{Change, Edit};
use crate::object::path::{Path, Step};
use crate::object::value::{Map, Node, Value};

/// One step down, by position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hop {
    Key(String),
    Index(usize),
    /// Behind the last element.
    End,
}

/// A step that changes a text in one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    pub(super) hops: Vec<Hop>,
    pub(super) act: Act,
}

/// What is done there.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// Something else instead of what is there.
    Replace(Value<'static>),
    /// A new entry under the last hop's key, or a new element at its position.
    Insert(Value<'static>),
    Remove,
}

/// An edit whose path was followed.
struct Aim {
    hops: Vec<Hop>,
    change: Change,
}

/// The operations that make these edits, in an order in which no position moves before it was used.
pub(super) fn operations(root: &Value<'static>, prefix: &[Hop], edits: &[Edit]) -> Result<Vec<Operation>, Refusal> {
    let aims = aims(root, prefix, edits)?;
    let mut tree = root.clone();
    let mut all = Vec::new();
    for aim in aims {
        let (parent, last) = missing_parents(&tree, &aim.hops);
        let steps = match aim.change {
            Change::Remove => vec![Operation { hops: aim.hops, act: Act::Remove }],
            Change::Set(value) | Change::Add(value) => match at(&tree, &aim.hops) {
                Some(old) => difference(old, &value, &aim.hops),
                None => vec![insertion(&tree, parent, last, value)],
            },
        };
        for step in &steps {
            step.on(&mut tree);
        }
        all.extend(steps);
    }
    Ok(all)
}

/// The tree that the edits as they were asked for make, without the steps between.
pub(super) fn wanted(root: &Value<'static>, prefix: &[Hop], edits: &[Edit]) -> Result<Value<'static>, Refusal> {
    let aims = aims(root, prefix, edits)?;
    let mut tree = root.clone();
    for aim in aims {
        let act = match aim.change {
            Change::Remove => Act::Remove,
            Change::Set(value) | Change::Add(value) if at(&tree, &aim.hops).is_some() => Act::Replace(value),
            Change::Set(value) | Change::Add(value) => {
                let (parent, last) = missing_parents(&tree, &aim.hops);
                insertion(&tree, parent, last, value).on(&mut tree);
                continue;
            }
        };
        Operation { hops: aim.hops, act }.on(&mut tree);
    }
    Ok(tree)
}

/// What the edits aim at: first what stays where it is, then what is added, then what is removed, the last first.
fn aims(root: &Value<'static>, prefix: &[Hop], edits: &[Edit]) -> Result<Vec<Aim>, Refusal> {
    let mut aims: Vec<Aim> = Vec::new();
    for edit in edits {
        let name = || edit.path.stable();
        if let Change::Set(value) | Change::Add(value) = &edit.change
            && holds_secret(value)
        {
            return Err(Reason::Secret(name()).at(0));
        }
        let hops = follow(root, prefix, edit)?;
        let overlaps = |other: &Aim| {
            let ends = hops.last() == Some(&Hop::End) && other.hops == hops;
            !ends && (other.hops.starts_with(&hops) || hops.starts_with(&other.hops))
        };
        if aims.iter().any(overlaps) {
            return Err(Reason::Overlap(name()).at(0));
        }
        aims.push(Aim { hops, change: edit.change.clone() });
    }
    let (mut removed, mut others): (Vec<_>, Vec<_>) = aims.into_iter().partition(|aim| aim.change == Change::Remove);
    others.sort_by_key(|aim| matches!(aim.change, Change::Add(_)));
    removed.sort_by(|a, b| b.hops.cmp(&a.hops));
    others.extend(removed);
    Ok(others)
}

fn holds_secret(value: &Value<'_>) -> bool {
    match value {
        Value::Secret(_) => true,
        Value::List(list) => list.iter().any(|node| holds_secret(&node.value)),
        Value::Map(map) => map.iter().any(|(_, node)| holds_secret(&node.value)),
        _ => false,
    }
}

/// Follows a path by the tree that it was made for.
pub(super) fn follow(root: &Value<'static>, prefix: &[Hop], edit: &Edit) -> Result<Vec<Hop>, Refusal> {
    let mut hops = prefix.to_vec();
    let mut here = at(root, prefix);
    let upto = |steps: usize| Path(edit.path.0[..steps].to_vec()).stable();
    for (depth, step) in edit.path.0.iter().enumerate() {
        let is_last = depth + 1 == edit.path.0.len();
        let adds = matches!(edit.change, Change::Add(_)) && is_last;
        let hop = match (step, here) {
            (Step::Field(name), Some(Value::Map(_) | Value::Null) | None) => Hop::Key(name.clone()),
            (Step::Element { .. } | Step::Member { .. }, Some(Value::List(_) | Value::Null) | None) if adds => Hop::End,
            (Step::Element { keys, index, .. }, Some(Value::List(list))) => {
                Hop::Index(element(list, keys, *index).ok_or_else(|| Reason::NotFound(upto(depth + 1)).at(0))?)
            }
            (Step::Member { value, index }, Some(Value::List(list))) => {
                Hop::Index(member(list, value, *index).ok_or_else(|| Reason::NotFound(upto(depth + 1)).at(0))?)
            }
            (_, None) => return Err(Reason::NotFound(upto(depth)).at(0)),
            _ => return Err(Reason::OtherShape(upto(depth)).at(0)),
        };
        here = here.and_then(|value| at(value, std::slice::from_ref(&hop)));
        hops.push(hop);
    }
    match edit.change {
        Change::Remove if here.is_none() || edit.path.0.is_empty() => Err(Reason::NotFound(edit.path.stable()).at(0)),
        Change::Add(_) if here.is_some() => Err(Reason::AlreadyThere(edit.path.stable()).at(0)),
        _ => Ok(hops),
    }
}

/// The element at its position, if it has one of the keys at least and none says otherwise; else the only one with
/// these keys.
///
/// A key that the file does not state may be a default, such as a port's protocol.
fn element(list: &[Node<'_>], keys: &[(String, Value<'static>)], index: usize) -> Option<usize> {
    let agrees = |node: &Node<'_>, strictly: bool| {
        keys.iter().all(|(key, value)| match node.value.as_map().map(|map| map.get(key)) {
            Some(Some(there)) => there == value,
            Some(None) => !strictly || value.is_null(),
            None => false,
        })
    };
    let states_one = |node: &Node<'_>| {
        let map = node.value.as_map();
        keys.is_empty()
            || keys.iter().any(|(key, value)| value.is_null() || map.is_some_and(|map| map.get(key).is_some()))
    };
    if list.get(index).is_some_and(|node| agrees(node, false) && states_one(node)) {
        return Some(index);
    }
    let mut found = list.iter().enumerate().filter(|(_, node)| agrees(node, true)).map(|(at, _)| at);
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

/// The member at its position, else the only one that is equal.
fn member(list: &[Node<'_>], value: &Value<'static>, index: usize) -> Option<usize> {
    if list.get(index).is_some_and(|node| node.value == *value) {
        return Some(index);
    }
    let mut found = list.iter().enumerate().filter(|(_, node)| node.value == *value).map(|(at, _)| at);
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

/// The value that hops lead to.
pub(super) fn at<'t>(tree: &'t Value<'static>, hops: &[Hop]) -> Option<&'t Value<'static>> {
    hops.iter().try_fold(tree, |value, hop| match hop {
        Hop::Key(key) => value.as_map()?.get(key),
        Hop::Index(index) => value.as_list()?.get(*index).map(|node| &node.value),
        Hop::End => None,
    })
}

/// The hops that are there, and how many steps below them are not.
fn missing_parents<'h>(tree: &Value<'static>, hops: &'h [Hop]) -> (&'h [Hop], &'h [Hop]) {
    let there = (0..=hops.len()).rev().find(|n| at(tree, &hops[..*n]).is_some()).unwrap_or(0);
    hops.split_at(there)
}

/// The operation that puts a value, and the maps and lists around it, below what is there.
fn insertion(tree: &Value<'static>, parent: &[Hop], missing: &[Hop], value: Value<'static>) -> Operation {
    let (first, below) = missing.split_first().expect("what is inserted is not there");
    let value = below.iter().rev().fold(value, |value, hop| wrapped(hop, value));
    let holder = at(tree, parent);
    if holder.is_none_or(Value::is_null) {
        return Operation { hops: parent.to_vec(), act: Act::Replace(wrapped(first, value)) };
    }
    let length = holder.and_then(Value::as_list).map_or(0, <[_]>::len);
    let hop = if *first == Hop::End { Hop::Index(length) } else { first.clone() };
    Operation { hops: [parent, &[hop]].concat(), act: Act::Insert(value) }
}

fn wrapped(hop: &Hop, value: Value<'static>) -> Value<'static> {
    match hop {
        Hop::Key(key) => Value::Map(Map::new(vec![(Cow::Owned(key.clone()), value.into())])),
        Hop::Index(_) | Hop::End => Value::List(Box::new([value.into()])),
    }
}

/// The steps from one value to another, as few and as deep as they can be.
fn difference(old: &Value<'static>, new: &Value<'static>, hops: &[Hop]) -> Vec<Operation> {
    if old == new {
        return Vec::new();
    }
    let below = |hop: Hop| [hops, &[hop]].concat();
    match (old, new) {
        (Value::Map(old), Value::Map(new)) if new.iter().any(|(key, _)| old.get(key).is_some()) => {
            let mut steps = Vec::new();
            for (key, node) in new.iter() {
                let hops = below(Hop::Key(key.to_owned()));
                match old.get(key) {
                    Some(there) => steps.extend(difference(there, &node.value, &hops)),
                    None => steps.push(Operation { hops, act: Act::Insert(node.value.clone()) }),
                }
            }
            let gone = old.iter().filter(|(key, _)| new.get(key).is_none());
            steps.extend(gone.map(|(key, _)| Operation { hops: below(Hop::Key(key.to_owned())), act: Act::Remove }));
            steps
        }
        (Value::List(old), Value::List(new)) if !old.is_empty() && !new.is_empty() => {
            let alike =
                |pairs: &mut dyn Iterator<Item = (&Node<'_>, &Node<'_>)>| pairs.take_while(|(a, b)| a == b).count();
            let head = alike(&mut old.iter().zip(new.iter()));
            let room = old.len().min(new.len()) - head;
            let tail = alike(&mut old.iter().rev().zip(new.iter().rev())).min(room);
            let (old_end, new_end) = (old.len() - tail, new.len() - tail);
            let both = old_end.min(new_end);
            let mut steps: Vec<_> =
                (head..both).flat_map(|i| difference(&old[i].value, &new[i].value, &below(Hop::Index(i)))).collect();
            let added = (both..new_end).filter(|_| new_end > old_end);
            steps.extend(
                added.map(|i| Operation { hops: below(Hop::Index(i)), act: Act::Insert(new[i].value.clone()) }),
            );
            let gone = (both..old_end).rev();
            steps.extend(gone.map(|i| Operation { hops: below(Hop::Index(i)), act: Act::Remove }));
            steps
        }
        _ => vec![Operation { hops: hops.to_vec(), act: Act::Replace(new.clone()) }],
    }
}

impl Operation {
    /// Makes the change in a tree.
    pub(super) fn on(&self, tree: &mut Value<'static>) {
        let Some((last, parents)) = self.hops.split_last() else {
            if let Act::Replace(value) = &self.act {
                *tree = value.clone();
            }
            return;
        };
        let Some(parent) = at_mut(tree, parents) else { return };
        match (parent, last) {
            (Value::Map(map), Hop::Key(key)) => match &self.act {
                Act::Remove => {
                    map.remove(key);
                }
                Act::Insert(value) | Act::Replace(value) => {
                    map.insert(Cow::Owned(key.clone()), value.clone().into());
                }
            },
            (Value::List(list), Hop::Index(index)) => {
                let mut items = std::mem::take(list).into_vec();
                match &self.act {
                    Act::Remove => {
                        items.remove(*index);
                    }
                    Act::Insert(value) => items.insert(*index, value.clone().into()),
                    Act::Replace(value) => items[*index] = value.clone().into(),
                }
                *list = items.into_boxed_slice();
            }
            _ => {}
        }
    }
}

fn at_mut<'t>(tree: &'t mut Value<'static>, hops: &[Hop]) -> Option<&'t mut Value<'static>> {
    hops.iter().try_fold(tree, |value, hop| match (value, hop) {
        (Value::Map(map), Hop::Key(key)) => map.get_mut(key),
        (Value::List(list), Hop::Index(index)) => list.get_mut(*index).map(|node| &mut node.value),
        _ => None,
    })
}
