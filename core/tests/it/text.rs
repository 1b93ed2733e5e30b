//! Laws of what is read and written: YAML, FieldsV1 and paths.

use std::collections::HashMap;

use anchorwatch_core::object::path::{Path, Step};
use anchorwatch_core::object::value::{Number, Value};
use anchorwatch_core::ownership::FieldSet;
use anchorwatch_core::source;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, max_global_rejects: 100_000, ..ProptestConfig::default() }
}

/// Any JSON that Kubernetes could hold: numbers as they come out of JSON again.
fn trees() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_filter("JSON has no infinity", |n| n.is_finite()).prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        "[ -~]{0,12}".prop_map(Json::from),
        "(yes|no|on|~|null|0x1F|0644|1e3|- a|a: b|#x|<<|\\*a|&a|!t|%|@|`|\\{\\{x)".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec(("[ -~]{0,8}|\\PC{0,4}", inner), 0..5)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

fn is_null(tree: &Json) -> bool {
    tree.is_null()
}

/// A set as the API server writes one: a path that is only itself is `{}`.
fn field_sets() -> impl Strategy<Value = Json> {
    let element = prop_oneof![
        "f:[ -~]{0,8}",
        any::<String>().prop_map(|name| format!("f:{name}")),
        ("[a-z]{1,6}", any::<String>()).prop_map(|(key, value)| format!("k:{}", json!({ key: value }))),
        (any::<u16>(), "TCP|UDP")
            .prop_map(|(port, protocol)| { format!("k:{}", json!({"containerPort": port, "protocol": protocol})) }),
        any::<String>().prop_map(|value| format!("v:{}", json!(value))),
        any::<i64>().prop_map(|value| format!("v:{}", json!(value))),
        any::<u16>().prop_map(|index| format!("i:{index}")),
    ];
    let below = move |inner: BoxedStrategy<Json>| {
        (any::<bool>(), prop::collection::hash_map(element.clone(), inner, 1..5)).prop_map(|(member, children)| {
            let mut map: serde_json::Map<String, Json> = children.into_iter().collect();
            if member {
                map.insert(".".to_owned(), json!({}));
            }
            Json::Object(map)
        })
    };
    Just(json!({})).prop_recursive(5, 40, 5, move |inner| below(inner.boxed()))
}

fn steps() -> impl Strategy<Value = Step> {
    let word = || prop_oneof!["[ab.=,#2\\]\\[\"\\\\ ]{0,4}", "\\PC{0,3}"];
    // A string key `null` or `2` is written bare like the missing and the numeric one: the schema tells them apart.
    let key_value = prop_oneof![
        word().prop_filter("not read as something else", |w| w != "2").prop_map(|w| Value::String(w.into())),
        (0..30i64).prop_map(|n| Value::Number(Number::Int(n + 100))),
        Just(Value::Null),
    ];
    let member = prop_oneof![
        word().prop_map(|w| Value::String(w.into())),
        (0..30i64).prop_map(|n| Value::Number(Number::Int(n))),
        any::<bool>().prop_map(Value::Bool),
    ];
    prop_oneof![
        word().prop_map(Step::Field),
        (prop::collection::vec(key_value, 1..3), 1..3usize).prop_map(|(values, ordinal)| {
            let keys = values.into_iter().enumerate().map(|(at, value)| (["name", "port"][at].to_owned(), value));
            Step::Element { keys: keys.collect(), ordinal, index: 0 }
        }),
        member.prop_map(|value| Step::Member { value, index: 0 }),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn printed_json_is_yaml_of_the_same_tree(tree in trees(), pretty in any::<bool>()) {
        prop_assume!(!is_null(&tree));
        let printed = if pretty { serde_json::to_string_pretty(&tree) } else { serde_json::to_string(&tree) }.unwrap();
        let read = source::to_json(&printed).unwrap();
        prop_assert_eq!(read.len(), 1);
        let again: Value<'_> = serde_json::from_str(&read[0]).unwrap();
        let direct: Value<'_> = serde_json::from_str(&printed).unwrap();
        prop_assert_eq!(again, direct);
    }

    #[test]
    fn a_field_set_prints_as_it_was_read(set in field_sets()) {
        prop_assert_eq!(serde_json::from_value::<FieldSet>(set.clone()).unwrap().print(), set);
    }

    #[test]
    fn distinct_paths_are_written_differently(paths in prop::collection::vec(prop::collection::vec(steps(), 1..4), 2..40)) {
        let mut written: HashMap<String, Path> = HashMap::new();
        for path in paths.into_iter().map(Path) {
            let text = path.stable();
            if let Some(other) = written.get(&text) {
                prop_assert_eq!(other, &path, "both are {}", text);
            }
            written.insert(text, path);
        }
    }
}
