//! Whether an object could be created that is still there, as the server is asked: under another name, and without what only one
//! object can have at a time.

use serde_json::{Value as Json, json};

use super::{Body, Write};
use crate::object::split_api_version;

/// How much of a name is kept: with what follows it is a name for any kind.
const KEPT: usize = 40;

/// What is asked, and how to read the answer.
#[derive(Debug)]
pub struct Rehearsal {
    /// The body; it is never permitted to be more than tried out.
    pub body: Body,
    name: String,
    stand_in: String,
}

impl Rehearsal {
    /// Of what is created in the place of a live object; `None` for writes that create nothing in the place of anything.
    pub fn of(write: &Write, live: &Json) -> Option<Self> {
        let Write::Recreate { object, .. } = write else { return None };
        let name = object["metadata"]["name"].as_str()?.to_owned();
        let kept: String = name.chars().take(KEPT).collect();
        let stand_in = format!("{}-anchorwatch", kept.trim_end_matches(['-', '.']));
        let mut object = object.clone();
        object["metadata"]["name"] = json!(stand_in);
        let group = split_api_version(object["apiVersion"].as_str().unwrap_or_default()).0;
        if group.is_empty() && object["kind"] == "Service" {
            give_up_what_is_taken(&mut object["spec"], &live["spec"]);
        }
        Some(Self { body: Body::of(&Write::Create(object), None), name, stand_in })
    }

    /// The server's answer, under the object's own name.
    pub fn answered(&self, answer: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
        let mut object: Json = serde_json::from_slice(answer)?;
        rename(&mut object, &self.stand_in, &self.name);
        serde_json::to_vec(&object)
    }
}

/// Takes out of a Service what the live one has, and gives back only when it goes.
fn give_up_what_is_taken(spec: &mut Json, live: &Json) {
    let is_taken = |field: &str, spec: &Json| !spec[field].is_null() && spec[field] == live[field];
    let is_headless = spec["clusterIP"] == "None";
    for field in ["clusterIP", "clusterIPs", "healthCheckNodePort"] {
        if is_taken(field, spec) && !is_headless {
            spec.as_object_mut().and_then(|spec| spec.remove(field));
        }
    }
    let taken: Vec<&Json> = live["ports"].as_array().into_iter().flatten().map(|port| &port["nodePort"]).collect();
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        if taken.contains(&&port["nodePort"]) {
            port.as_object_mut().and_then(|port| port.remove("nodePort"));
        }
    }
}

fn rename(value: &mut Json, from: &str, to: &str) {
    match value {
        Json::String(text) if text == from => to.clone_into(text),
        Json::Array(list) => list.iter_mut().for_each(|value| rename(value, from, to)),
        Json::Object(map) => map.values_mut().for_each(|value| rename(value, from, to)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::dependants::Propagation;

    #[test]
    fn it_is_asked_under_another_name_and_read_under_its_own() {
        let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"clusterIP": "10.0.0.9", "ports": [{"port": 80, "nodePort": 30001}, {"port": 81, "nodePort": 30002}]}});
        let live = json!({"spec": {"clusterIP": "10.0.0.9", "ports": [{"port": 80, "nodePort": 30001}]}});
        let write = Write::Recreate { object, propagation: Propagation::Background };
        let rehearsal = Rehearsal::of(&write, &live).unwrap();
        let asked: Json = serde_json::from_slice(rehearsal.body.bytes()).unwrap();
        assert_eq!((rehearsal.body.method(), &asked["metadata"]["name"]), ("POST", &json!("web-anchorwatch")));
        assert_eq!(asked["spec"], json!({"ports": [{"port": 80}, {"port": 81, "nodePort": 30002}]}));
        let answered: Json =
            serde_json::from_slice(&rehearsal.answered(&serde_json::to_vec(&asked).unwrap()).unwrap()).unwrap();
        assert_eq!(answered["metadata"]["name"], "web");
        assert!(Rehearsal::of(&Write::DELETE, &live).is_none());
    }
}
