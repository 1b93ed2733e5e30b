//! A write as it is shown to people: exactly what would be sent, but for what looks like a credential.

use serde_json::{Value as Json, json};

use super::patch::Operation;
use super::{Promise, Write};
use crate::drift::mask;
use crate::object::path::{Path, Step};
use crate::object::secret::{SecretKey, Shown};
use crate::object::value::Value;

/// What is written to an object of this kind: operations, or an object; nothing for a deletion, and of a Secret.
pub fn shown(promise: &Promise, kind: &str, key: &SecretKey) -> Json {
    match promise {
        Promise::Exact(Write::Patch(operations)) => {
            operations.iter().map(|operation| operation_shown(operation, operations, kind, key)).collect()
        }
        Promise::Exact(Write::Create(object) | Write::Recreate { object, .. }) => {
            masked(kind, &mut Path::default(), object, key)
        }
        Promise::Exact(Write::Delete(_)) | Promise::Sealed { .. } => Json::Null,
    }
}

fn operation_shown(operation: &Operation, all: &[Operation], kind: &str, key: &SecretKey) -> Json {
    let mut shown = operation.to_json();
    let value = match operation {
        Operation::Test { value, .. } | Operation::Add { value, .. } | Operation::Replace { value, .. } => value,
        Operation::Remove { .. } => return shown,
    };
    let mut path = path_of(operation.path(), all);
    // Of one text of a list nobody can tell: what stands before it may be the flag whose value it is.
    let is_one_of_many = matches!(path.0.last(), Some(Step::Element { .. }));
    shown["value"] =
        if is_one_of_many && value.is_string() { hidden(value, key) } else { masked(kind, &mut path, value, key) };
    shown
}

/// The path of a pointer (RFC 6901). An element is called as a test among the operations says.
fn path_of(pointer: &str, all: &[Operation]) -> Path {
    let mut so_far = String::new();
    let steps = pointer.split('/').skip(1).map(|token| {
        so_far.push('/');
        so_far.push_str(token);
        let Ok(index) = token.parse() else { return Step::Field(token.replace("~1", "/").replace("~0", "~")) };
        let name = all.iter().find_map(|operation| match operation {
            Operation::Test { path, value } if *path == format!("{so_far}/name") => value.as_str(),
            _ => None,
        });
        element(name, index)
    });
    Path(steps.collect())
}

fn element(name: Option<&str>, index: usize) -> Step {
    let keys = name.map(|name| ("name".to_owned(), Value::String(name.to_owned().into()))).into_iter().collect();
    Step::Element { keys, ordinal: 1, index }
}

/// The value with a fingerprint in place of each credential in it; as a whole, where no part of it is one by itself.
fn masked(kind: &str, path: &mut Path, json: &Json, key: &SecretKey) -> Json {
    let value = |json: &Json| -> Value<'static> {
        let text = json.to_string();
        serde_json::from_str::<Value<'_>>(&text).expect("JSON is a tree of values").into_owned()
    };
    if !mask::is_credential(kind, path, &value(json)) {
        return json.clone();
    }
    let mut found = false;
    let mut below = |step: Step, json: &Json| {
        path.0.push(step);
        found |= mask::is_credential(kind, path, &value(json));
        let masked = masked(kind, path, json, key);
        path.0.pop();
        masked
    };
    let parts = match json {
        Json::Object(map) => {
            map.iter().map(|(name, json)| (name.clone(), below(Step::Field(name.clone()), json))).collect()
        }
        Json::Array(list) => {
            let each = list.iter().enumerate();
            each.map(|(index, json)| below(element(json["name"].as_str(), index), json)).collect()
        }
        _ => Json::Null,
    };
    if found { parts } else { hidden(json, key) }
}

fn hidden(json: &Json, key: &SecretKey) -> Json {
    json!(Shown::of(&Value::Null, Some(key.fingerprint(json.to_string().as_bytes()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_shown_but_credentials() {
        let key = SecretKey::new([1; 32]);
        let test = |path: &str, value: Json| Operation::Test { path: path.to_owned(), value };
        let replace = |path: &str, value: Json| Operation::Replace { path: path.to_owned(), value };
        let env = "/spec/template/spec/containers/0/env";
        let patch = Write::Patch(vec![
            test(&format!("{env}/0/name"), json!("DB_PASSWORD")),
            test(&format!("{env}/0/value"), json!("leakme-1")),
            replace(&format!("{env}/0/value"), json!("leakme-2")),
            replace("/spec/template/spec/containers/0/args/1", json!("leakme-3")),
            replace(env, json!([{"name": "API_TOKEN", "value": "leakme-4"}, {"name": "LEVEL", "value": "info"}])),
            replace("/spec/replicas", json!(2)),
        ]);
        let create = Write::Create(json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [
            {"name": "web", "image": "shop/web:1", "args": ["--password", "leakme-5"],
             "env": [{"name": "API_TOKEN", "value": "leakme-6"}]}]}}}}));
        let (patch, create) = (Promise::Exact(patch), Promise::Exact(create));
        let (patch, create) = (shown(&patch, "Deployment", &key), shown(&create, "Deployment", &key));
        assert!(!patch.to_string().contains("leakme") && !create.to_string().contains("leakme"), "{patch}\n{create}");
        assert_eq!(patch[4]["value"][1], json!({"name": "LEVEL", "value": "info"}));
        assert_eq!(patch[5], json!({"op": "replace", "path": "/spec/replicas", "value": 2}));
        assert_eq!(create["spec"]["template"]["spec"]["containers"][0]["image"], "shop/web:1");
        assert_eq!(shown(&Promise::Exact(Write::DELETE), "Deployment", &key), Json::Null);
    }
}
