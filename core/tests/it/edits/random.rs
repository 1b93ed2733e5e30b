//! Random edits of an object, and what they make of it, worked out without the editor.

use anchorwatch_core::object::path::{Path, Step};
use anchorwatch_core::object::value::{Map, Node, Value};
use anchorwatch_core::source::edit::{Change, Edit};
use serde_json::{Value as Json, json};

/// Numbers from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound.max(1)
    }

    pub(crate) fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }
}

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hop {
    Key(String),
    Index(usize),
}

/// An edit as it was thrown.
#[derive(Debug, Clone)]
pub(crate) struct Thrown {
    /// To the value; of one that is added, to the map or list that gets it.
    pub(crate) hops: Vec<Hop>,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Set(Json),
    AddField(String, Json),
    AddElement(Json),
    Remove,
}

/// Every value of an object with the way to it, the object itself first.
pub(crate) fn nodes<'v>(root: &'v Node<'static>) -> Vec<(Vec<Hop>, &'v Node<'static>)> {
    let mut all = vec![(Vec::new(), root)];
    let mut at = 0;
    while at < all.len() {
        let (hops, node) = all[at].clone();
        let below = |hop| [hops.as_slice(), &[hop]].concat();
        match &node.value {
            Value::Map(map) => all.extend(map.iter().map(|(key, child)| (below(Hop::Key(key.to_owned())), child))),
            Value::List(list) => all.extend(list.iter().enumerate().map(|(i, child)| (below(Hop::Index(i)), child))),
            _ => {}
        }
        at += 1;
    }
    all
}

/// One to four edits that do not touch each other.
pub(crate) fn throw(dice: &mut Dice, root: &Node<'static>) -> Vec<Thrown> {
    let all = nodes(root);
    let mut thrown: Vec<Thrown> = Vec::new();
    let wished = *dice.pick(&[1, 1, 1, 2, 3, 4]);
    for _ in 0..40 {
        if thrown.len() == wished {
            break;
        }
        let (hops, node) = dice.pick(&all).clone();
        let Some(what) = what(dice, &hops, node) else { continue };
        let new = Thrown { hops, what };
        if thrown.iter().all(|old| apart(old, &new)) {
            thrown.push(new);
        }
    }
    thrown
}

fn what(dice: &mut Dice, hops: &[Hop], node: &Node<'static>) -> Option<What> {
    let is_head = matches!(hops, [Hop::Key(key)] if ["apiVersion", "kind", "items"].contains(&key.as_str()));
    match (dice.below(4), &node.value) {
        (0, Value::Map(map)) => free_key(dice, map).map(|key| What::AddField(key, value(dice, 2))),
        (0, Value::List(_)) => Some(What::AddElement(value(dice, 2))),
        (1, _) if !hops.is_empty() && !is_head => Some(What::Remove),
        (2 | 3, _) if !hops.is_empty() && !is_head => Some(What::Set(replaced(dice, &node.value))),
        _ => None,
    }
}

/// True if neither edit is within the other.
fn apart(one: &Thrown, other: &Thrown) -> bool {
    let adds = |t: &Thrown| matches!(t.what, What::AddField(..) | What::AddElement(_));
    match (adds(one), adds(other)) {
        (true, true) => one.hops != other.hops || matches!(one.what, What::AddElement(_)),
        (true, false) => !one.hops.starts_with(&other.hops),
        (false, true) => !other.hops.starts_with(&one.hops),
        (false, false) => !one.hops.starts_with(&other.hops) && !other.hops.starts_with(&one.hops),
    }
}

fn free_key(dice: &mut Dice, map: &Map<'_>) -> Option<String> {
    let keys = ["added", "zone", "a.b/c-d", "on", "0", "with space", "ünï", "-x", "a: b", "#x", "aaa"];
    let key = *dice.pick(&keys);
    map.get(key).is_none().then(|| key.to_owned())
}

/// Something else of the same kind mostly.
fn replaced(dice: &mut Dice, old: &Value<'static>) -> Json {
    let json = serde_json::to_value(old).unwrap();
    let new = match (dice.below(4), json.clone()) {
        (0, _) => value(dice, 2),
        (_, Json::Bool(b)) => Json::Bool(!b),
        (_, Json::Number(_)) => json!(dice.below(70_000)),
        (_, Json::String(text)) => Json::String(changed(dice, &text)),
        (_, Json::Array(mut list)) if !list.is_empty() => {
            let at = dice.below(list.len());
            match dice.below(3) {
                0 => list[at] = value(dice, 1),
                1 => list.insert(at, value(dice, 1)),
                _ => list.push(value(dice, 1)),
            }
            Json::Array(list)
        }
        (_, Json::Object(mut map)) if !map.is_empty() => {
            let key = map.keys().nth(dice.below(map.len())).unwrap().clone();
            match dice.below(3) {
                0 => map.insert(key, value(dice, 1)),
                1 => map.insert("other".to_owned(), value(dice, 1)),
                _ => map.remove(&key),
            };
            Json::Object(map)
        }
        _ => value(dice, 2),
    };
    if new == json { json!("something else") } else { new }
}

/// The text with a piece cut out, doubled or put in.
fn changed(dice: &mut Dice, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (from, to) = (dice.below(chars.len() + 1), dice.below(chars.len() + 1));
    let (from, to) = (from.min(to), from.max(to));
    let of = |part: &[char]| part.iter().collect::<String>();
    match dice.below(4) {
        0 => of(&chars[..from]) + &of(&chars[to..]),
        1 => text.to_owned() + &of(&chars[from..to]),
        2 => of(&chars[..from]) + string(dice) + &of(&chars[from..]),
        _ => string(dice).to_owned(),
    }
}

#[rustfmt::skip]
const STRINGS: &[&str] = &[
    "", " ", "yes", "No", "on", "null", "~", "123", "1.5", "1e3", "0o7", "0644", "2001-01-01", "1:20", "a: b", "a #b", "- a", "-", "?", ":",
    "@a", "`a", "&a", "*a", "!a", "|", ">", "%a", "{a", "[a", "}", "]", ",", "'", "\"", "\\", "a\\nb", "a\nb", "a\nb\n", "a\n\nb\n\n", "\na", "\n",
    "  a\nb", "a\n  b\n", "a \nb\n", "a\n \nb", "\ta\nb", "tab\tin", "trailing ", " leading", "é", "\u{1f600}", "\u{a0}", "\u{feff}x", "\u{85}",
    "a\r\nb", "nginx:1.25", "--flag=x", "http://x/y?z#w", "10m", "5Gi", "25%", "a long text with many words that goes on and on until it is longer than a line",
    "#!/bin/sh\nset -eu\necho \"$HOME\" # x\n", "key: value\nlist:\n  - a\n", "---", "...", "<<", "=", "true", "{{ .x }}", "$(X)", "C:\\dir\\x", "x:", "0x1F", ".5", "+1",
];

fn string(dice: &mut Dice) -> &'static str {
    STRINGS[dice.below(STRINGS.len())]
}

/// Any value.
fn value(dice: &mut Dice, depth: usize) -> Json {
    match dice.below(if depth == 0 { 7 } else { 11 }) {
        0..=3 => Json::String(string(dice).to_owned()),
        4 => json!(dice.below(100_000)),
        5 => Json::Bool(dice.below(2) == 0),
        6 => dice.pick(&[json!(null), json!(-1), json!(0.5), json!(u64::MAX)]).clone(),
        7 | 8 => (0..dice.below(4)).map(|_| value(dice, depth - 1)).collect(),
        _ => {
            let keys = ["name", "value", "x.y/z", "on", "b", "a b"];
            let length = dice.below(4);
            Json::Object((0..length).map(|_| ((*dice.pick(&keys)).to_owned(), value(dice, depth - 1))).collect())
        }
    }
}

/// The edits as the editor takes them.
pub(crate) fn edits(root: &Node<'static>, thrown: &[Thrown]) -> Vec<Edit> {
    let new = |json: &Json| serde_json::from_str::<Value<'_>>(&json.to_string()).unwrap().into_owned();
    let edit = |thrown: &Thrown| {
        let mut path = steps(root, &thrown.hops);
        let change = match &thrown.what {
            What::Set(json) => Change::Set(new(json)),
            What::Remove => Change::Remove,
            What::AddField(key, json) => {
                path.push(Step::Field(key.clone()));
                Change::Add(new(json))
            }
            What::AddElement(json) => {
                path.push(Step::Member { value: new(json), index: 0 });
                Change::Add(new(json))
            }
        };
        Edit { path: Path(path), change }
    };
    thrown.iter().map(edit).collect()
}

fn steps(root: &Node<'static>, hops: &[Hop]) -> Vec<Step> {
    let mut here = root;
    let mut path = Vec::new();
    for hop in hops {
        let (step, next) = match (hop, &here.value) {
            (Hop::Key(key), Value::Map(map)) => (Step::Field(key.clone()), map.node(key).unwrap()),
            (Hop::Index(index), Value::List(list)) => {
                let keys =
                    list[*index].value.as_map().and_then(|map| Some(("name".to_owned(), map.get("name")?.clone())));
                let step = Step::Element { keys: keys.into_iter().collect(), ordinal: 1, index: *index };
                (step, &list[*index])
            }
            _ => panic!("{hops:?} leads nowhere"),
        };
        path.push(step);
        here = next;
    }
    path
}

/// What the edits make of the object.
pub(crate) fn wanted(root: &Node<'static>, thrown: &[Thrown]) -> Json {
    let mut json = serde_json::to_value(&root.value).unwrap();
    let gone = json!("\u{0}gone\u{0}");
    for one in thrown {
        let here = one.hops.iter().fold(&mut json, |json, hop| match hop {
            Hop::Key(key) => &mut json[key.as_str()],
            Hop::Index(index) => &mut json[*index],
        });
        match &one.what {
            What::Set(new) => *here = new.clone(),
            What::Remove => *here = gone.clone(),
            What::AddField(key, new) => here[key.as_str()] = new.clone(),
            What::AddElement(new) => here.as_array_mut().unwrap().push(new.clone()),
        }
    }
    without(json, &gone)
}

fn without(json: Json, gone: &Json) -> Json {
    match json {
        Json::Array(list) => list.into_iter().filter(|child| child != gone).map(|child| without(child, gone)).collect(),
        Json::Object(map) => {
            let kept = map.into_iter().filter(|(_, child)| child != gone);
            Json::Object(kept.map(|(key, child)| (key, without(child, gone))).collect())
        }
        other => other,
    }
}
