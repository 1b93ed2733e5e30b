//! Ownership, given back to the tool that delivers the object.
//!
//! Whoever writes a field owns it. Where a tool delivers by server-side apply, a restored value would be this program's, and the tool's
//! own next apply would write the object once more to take it back. So what Git says goes into the tool's own entry, as if nobody
//! had taken it away. <https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>

use serde_json::Value as Json;

use super::FIELD_MANAGER;
use crate::drift::compare::{Pair, compare};
use crate::drift::origin;
use crate::object::path::Step;
use crate::ownership::{Entry, FieldSet, Operation, PathElement, parse_managed_fields};

/// `metadata.managedFields` with what this program has written, where it is as Git says, in the entry of the tool that delivers the
/// object.
/// `None` where there is nothing to give, or nobody to give it to.
pub fn hand_back(managed_fields: &Json, pair: Pair<'_>) -> Option<Json> {
    let mut all = managed_fields.as_array()?.clone();
    let entries: Vec<Option<Entry>> =
        all.iter().map(|entry| parse_managed_fields(&format!("[{entry}]")).0.pop()).collect();
    let is_ours = |entry: &Entry| entry.manager == FIELD_MANAGER && entry.operation == Operation::Update;
    let at = |fits: &dyn Fn(&Entry) -> bool| {
        entries.iter().position(|entry| entry.as_ref().is_some_and(|e| e.subresource.is_empty() && fits(e)))
    };
    let ours = at(&is_ours)?;
    let applies = |entry: &Entry| entry.operation == Operation::Apply;
    // One of which everything was taken is known by its name alone; at worst it owns what Git says.
    let theirs = at(&|entry| applies(entry) && origin::delivered(entry, pair.git))
        .or_else(|| at(&|entry| applies(entry) && origin::is_delivery_tool(&entry.manager)))?;
    let (own, tool) = (entries[ours].as_ref()?, entries[theirs].as_ref()?);
    if own.api_version != tool.api_version {
        return None;
    }
    let mut given = own.fields.within_map(pair.git);
    for difference in compare(pair) {
        given.cut(&difference.path.0);
    }
    // A Secret that is applied with `stringData` is owned there, though it is stored as `data`.
    if let Some(applied) = tool.fields.child(&Step::Field("stringData".to_owned())) {
        let stored = PathElement::Field("data".to_owned());
        given.remove(&FieldSet { member: false, children: vec![(stored, applied.clone())] });
    }
    if given.is_empty() {
        return None;
    }
    let (mut kept, mut returned) = (own.fields.clone(), tool.fields.clone());
    kept.remove(&given);
    returned.add(&given);
    // An empty set is read as one that has its own root.
    returned.member = false;
    all[theirs]["fieldsV1"] = returned.print();
    if kept.is_empty() {
        all.remove(ours);
    } else {
        all[ours]["fieldsV1"] = kept.print();
    }
    Some(all.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::object::GroupKind;
    use crate::object::value::{Map, Value};
    use crate::schema::catalogue;

    fn entry(manager: &str, operation: &str, fields: &Json) -> Json {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
               "time": "2026-11-27T00:00:00Z", "fieldsV1": fields})
    }

    const GIT: &str =
        r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v", "l": "w"}}"#;

    fn given(managed_fields: &Json, git: &str, live: &str) -> Option<Json> {
        let map = |text| match serde_json::from_str(text).unwrap() {
            Value::Map(map) => map,
            other => panic!("{other:?}"),
        };
        let (schema, git, live): (_, Map<'_>, _) = (catalogue::load(None).0, map(git), map(live));
        let kind = GroupKind::of("v1", git.str("kind").unwrap());
        hand_back(
            managed_fields,
            Pair { schema: &schema, kind: &kind, root: schema.root("v1", &kind), git: &git, live: &live },
        )
    }

    #[test]
    fn what_git_says_goes_back_and_the_rest_stays_ours() {
        let flux = |fields: Json| entry("kustomize-controller", "Apply", &json!({"f:data": fields}));
        let ours = |fields: Json| entry(FIELD_MANAGER, "Update", &json!({"f:data": fields}));
        let person = entry("kubectl-edit", "Update", &json!({"f:data": {"f:m": {}}}));
        for (before, after) in [
            (
                json!([flux(json!({"f:l": {}})), person, ours(json!({"f:k": {}}))]),
                Some(json!([flux(json!({"f:k": {}, "f:l": {}})), person])),
            ),
            (
                json!([ours(json!({"f:k": {}, "f:x": {}})), flux(json!({"f:l": {}}))]),
                Some(json!([ours(json!({"f:x": {}})), flux(json!({"f:k": {}, "f:l": {}}))])),
            ),
            // All that it had was taken.
            (
                json!([
                    entry("operator", "Apply", &json!({"f:data": {"f:z": {}}})),
                    entry("argocd-controller", "Apply", &json!({})),
                    ours(json!({"f:k": {}}))
                ]),
                Some(json!([
                    entry("operator", "Apply", &json!({"f:data": {"f:z": {}}})),
                    entry("argocd-controller", "Apply", &json!({"f:data": {"f:k": {}}}))
                ])),
            ),
            // Nothing of it is Git's; nobody applies; nothing is ours.
            (json!([ours(json!({"f:x": {}})), flux(json!({"f:l": {}}))]), None),
            (json!([ours(json!({"f:k": {}})), person]), None),
            (json!([flux(json!({"f:l": {}}))]), None),
        ] {
            assert_eq!(given(&before, GIT, GIT), after, "{before}");
        }
    }

    #[test]
    fn what_is_not_as_git_says_is_nobody_elses() {
        let live = GIT.replace(r#""k": "v""#, r#""k": "by hand""#);
        let flux = |fields: Json| entry("kustomize-controller", "Apply", &json!({"f:data": fields}));
        let ours = |fields: Json| entry(FIELD_MANAGER, "Update", &json!({"f:data": fields}));
        let before = json!([flux(json!({"f:z": {}})), ours(json!({"f:k": {}, "f:l": {}}))]);
        let after = json!([flux(json!({"f:l": {}, "f:z": {}})), ours(json!({"f:k": {}}))]);
        assert_eq!(given(&before, GIT, &live), Some(after));
    }

    #[test]
    fn what_the_server_writes_in_another_way_is_as_git_says() {
        let pod = |memory: &str| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
                   "spec": {"containers": [{"name": "a", "resources": {"limits": {"memory": memory}}}]}})
            .to_string()
        };
        let fields =
            json!({"f:spec": {"f:containers": {r#"k:{"name":"a"}"#: {"f:resources": {"f:limits": {"f:memory": {}}}}}}});
        let before = json!([entry("flux", "Apply", &json!({})), entry(FIELD_MANAGER, "Update", &fields)]);
        let after = json!([entry("flux", "Apply", &fields)]);
        assert_eq!(given(&before, &pod("0.5Gi"), &pod("512Mi")), Some(after));
        assert_eq!(given(&before, &pod("0.5Gi"), &pod("1Gi")), None);
    }

    #[test]
    fn what_is_applied_as_string_data_is_owned_there() {
        let text = r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": "v", "l": "w"}}"#;
        let flux = |fields: Json| entry("kustomize-controller", "Apply", &fields);
        let ours = |fields: Json| entry(FIELD_MANAGER, "Update", &json!({"f:data": fields}));
        let before = json!([flux(json!({"f:stringData": {"f:k": {}}})), ours(json!({"f:k": {}, "f:l": {}}))]);
        let after =
            json!([flux(json!({"f:data": {"f:l": {}}, "f:stringData": {"f:k": {}}})), ours(json!({"f:k": {}}))]);
        assert_eq!(given(&before, text, text), Some(after));
        let all = json!([flux(json!({"f:stringData": {"f:k": {}}})), ours(json!({"f:k": {}}))]);
        assert_eq!(given(&all, text, text), None);
    }

    #[test]
    fn elements_of_a_list_are_found_by_their_keys() {
        let text = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
            "spec": {"ports": [{"port": 80, "name": "http"}]}}"#;
        let key = r#"k:{"port":80,"protocol":"TCP"}"#;
        let other = r#"k:{"port":81,"protocol":"TCP"}"#;
        let ports = |fields: Json| json!({"f:spec": {"f:ports": fields}});
        let before = json!([
            entry("flux", "Apply", &ports(json!({key: {".": {}, "f:port": {}}}))),
            entry(FIELD_MANAGER, "Update", &ports(json!({key: {"f:name": {}}, other: {".": {}, "f:port": {}}}))),
        ]);
        let after = json!([
            entry("flux", "Apply", &ports(json!({key: {".": {}, "f:name": {}, "f:port": {}}}))),
            entry(FIELD_MANAGER, "Update", &ports(json!({other: {".": {}, "f:port": {}}}))),
        ]);
        assert_eq!(given(&before, text, text), Some(after));
    }
}
