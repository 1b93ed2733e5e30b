//! What is refused, and how a path finds its element.

use anchorwatch_core::object::path::{Path, Step};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::object::value::{Number, Value};
use anchorwatch_core::source;
use anchorwatch_core::source::edit::{Change, Edit, Place, append, edit, objects, remove};

const TEXT: &str = "env:\n- name: A\n  value: a\n- name: B\n- name: A\n  value: second\n- name: C\nzones: [x, z, x]\none: 1\nports:\n- {port: 80}\n- {other: 1}\n";

fn text(text: &'static str) -> Value<'static> {
    Value::String(text.into())
}

fn field(name: &str) -> Step {
    Step::Field(name.to_owned())
}

fn named(name: &'static str, index: usize) -> Step {
    Step::Element { keys: vec![("name".to_owned(), text(name))], ordinal: 1, index }
}

/// A port by number and by a protocol, which the file does not state.
fn port(protocol: &'static str, index: usize) -> Step {
    let number = Value::Number(Number::Int(80));
    let keys = vec![("port".to_owned(), number), ("protocol".to_owned(), text(protocol))];
    Step::Element { keys, ordinal: 1, index }
}

fn member(value: &'static str, index: usize) -> Step {
    Step::Member { value: text(value), index }
}

fn edited(steps: &[Step], change: Change) -> Result<String, String> {
    let edit_of = Edit { path: Path(steps.to_vec()), change };
    edit(TEXT, &Place::default(), &[edit_of]).map_err(|refusal| refusal.to_string())
}

#[test]
fn an_element_is_found_by_its_position_and_else_by_its_keys() {
    for (steps, line) in [
        (vec![field("env"), named("A", 0), field("value")], "  value: new"),
        (vec![field("env"), named("A", 2), field("value")], "  value: new"),
        (vec![field("env"), named("C", 1), field("name")], "- name: new"),
        (vec![field("ports"), port("TCP", 0), field("protocol")], "- {port: 80, protocol: new}"),
        (vec![field("zones"), member("x", 2)], "zones: [x, z, new]"),
        (vec![field("zones"), member("z", 0)], "zones: [x, new, x]"),
    ] {
        let after = edited(&steps, Change::Set(text("new"))).unwrap();
        let changed: Vec<(usize, &str)> =
            after.lines().enumerate().filter(|(at, line)| TEXT.lines().nth(*at) != Some(line)).collect();
        assert_eq!(changed.len(), 1, "{steps:?}: {after}");
        assert_eq!(changed[0].1, line, "{steps:?}");
    }
    let second = edited(&[field("env"), named("A", 2), field("value")], Change::Set(text("new"))).unwrap();
    assert_eq!(second.lines().nth(5), Some("  value: new"));
}

#[test]
fn what_is_refused_is_told_with_what_to_do() {
    let new = || Change::Set(text("new"));
    for (steps, change, reason) in [
        (vec![field("env"), named("A", 9)], new(), "env[name=A] is not there; the file has changed since it was read"),
        (vec![field("env"), named("D", 0)], new(), "env[name=D] is not there"),
        (vec![field("ports"), port("TCP", 1)], new(), "ports[port=80,protocol=TCP] is not there"),
        (vec![field("zones"), member("x", 1)], new(), "zones[=\"x\"] is not there"),
        (vec![field("two")], Change::Remove, "two is not there"),
        (vec![], Change::Remove, " is not there"),
        (vec![field("one")], Change::Add(text("x")), "one is there already"),
        (vec![field("one"), field("x")], new(), "one has another shape"),
        (vec![field("env"), field("x")], new(), "env has another shape"),
        (vec![field("no"), named("A", 0), field("x")], new(), "no is not there"),
    ] {
        let told = edited(&steps, change).unwrap_err();
        assert!(told.starts_with(reason), "{steps:?}: {told}");
    }
    let within = |steps: &[Step]| Edit { path: Path(steps.to_vec()), change: new() };
    let both = [within(&[field("env")]), within(&[field("env"), named("A", 0), field("value")])];
    let told = edit(TEXT, &Place::default(), &both).unwrap_err().to_string();
    assert!(told.starts_with("two of the edits change env[name=A].value"), "{told}");
}

#[test]
fn places_that_are_not_there_are_refused() {
    let list = "kind: List\nitems:\n- a: 1\n";
    for (place, reason) in [
        (Place::document(1), "the file has no document 2"),
        (Place { document: 0, items: vec![1] }, "the file has no item 2 in document 1"),
    ] {
        assert!(edit(list, &place, &[]).unwrap_err().to_string().starts_with(reason));
        assert!(remove(list, &place).unwrap_err().to_string().starts_with(reason));
    }
    assert!(append(list, &text("x")).unwrap_err().to_string().starts_with("only a map"));
}

#[test]
fn a_secret_is_not_written() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {password: c2VjcmV0}\n";
    let key = SecretKey::new([1; 32]);
    let read = source::read(0, secret.as_bytes(), &key);
    let data = Value::Map(read.objects[0].root.map("data").unwrap().clone()).into_owned();
    let change = Edit { path: Path(vec![field("data")]), change: Change::Set(data) };
    let told = edit(secret, &Place::default(), &[change]).unwrap_err().to_string();
    assert!(told.starts_with("the value of data is known by its fingerprint only"), "{told}");
}

#[test]
fn nothing_to_do_changes_nothing() {
    let same =
        Edit { path: Path::of_fields(&["one"]), change: Change::Set(objects("1\n").unwrap()[0].1.value.clone()) };
    assert_eq!(edit(TEXT, &Place::default(), &[same]).unwrap(), TEXT);
    assert_eq!(
        edit("", &Place::default(), &[]).unwrap_err().to_string(),
        "the file has no document 1; it has changed since it was read, scan again"
    );
}

#[test]
fn objects_are_told_with_their_places() {
    let text = "---\n# nothing\n---\nkind: List\nitems:\n- {kind: A}\n- kind: BList\n  items: [{kind: B}, {kind: C}]\n---\nkind: D\n";
    let found: Vec<String> = objects(text)
        .unwrap()
        .iter()
        .map(|(place, node)| {
            let json = serde_json::to_string(&node.value).unwrap();
            format!("{} {:?} {json} {}", place.document, place.items, node.line)
        })
        .collect();
    assert_eq!(
        found,
        [
            "0 [] null 1",
            "1 [0] {\"kind\":\"A\"} 6",
            "1 [1, 0] {\"kind\":\"B\"} 8",
            "1 [1, 1] {\"kind\":\"C\"} 8",
            "2 [] {\"kind\":\"D\"} 10"
        ]
    );
}
