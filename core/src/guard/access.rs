//! What a person may do in the cluster, as its API server says: the service writes by rights of its own, which are no leave for everybody.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Refusal;
use crate::change::{Action, Target};
use crate::object::split_api_version;

/// As whom somebody is known in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterUser {
    /// The user's name.
    pub user: String,
    /// Their groups.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// The group of everybody who has logged in; roles are bound to it, and a review does not add it.
const AUTHENTICATED: &str = "system:authenticated";

/// A question to the API server: may this person do that?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question<'a> {
    user: &'a ClusterUser,
    verb: &'static str,
    resource: &'a str,
    target: &'a Target,
}

impl<'a> Question<'a> {
    /// All that has to be asked of an action on an object. `resource`: the plural of its kind.
    pub fn all(user: &'a ClusterUser, action: Action, resource: &'a str, target: &'a Target) -> Vec<Self> {
        let verbs: &[&'static str] = match action {
            Action::Patch => &["patch"],
            Action::Create => &["create"],
            Action::Delete => &["delete"],
            Action::Recreate => &["delete", "create"],
        };
        verbs.iter().map(|verb| Self { user, verb, resource, target }).collect()
    }

    /// The `SubjectAccessReview` that asks it.
    pub fn review(&self) -> Json {
        let Target { api_version, namespace, name, .. } = self.target;
        let mut groups = self.user.groups.clone();
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        let (group, version) = split_api_version(api_version);
        // A request to create has no name, and so a rule for some names does not allow it.
        let name = if self.verb == "create" { "" } else { name };
        json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": self.user.user,
                "groups": groups,
                "resourceAttributes": {
                    "verb": self.verb, "group": group, "version": version, "resource": self.resource,
                    "namespace": namespace, "name": name,
                },
            },
        })
    }

    /// What the answer means. Only a plain yes is one.
    pub fn answered(&self, answer: &Json) -> Result<(), Refusal> {
        if answer["status"]["allowed"] == true {
            return Ok(());
        }
        let Target { api_version, namespace, .. } = self.target;
        let group = split_api_version(api_version).0;
        let place = if namespace.is_empty() { String::new() } else { format!(" in namespace {namespace}") };
        Err(Refusal::NoRight {
            user: self.user.user.clone(),
            rule: format!(
                "{{apiGroups: [\"{group}\"], resources: [{}], verbs: [{}]}}{place}",
                self.resource, self.verb
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_that_write_is_asked_for_and_only_yes_is_yes() {
        let user = ClusterUser { user: "ann".to_owned(), groups: vec!["ops".to_owned()] };
        let target = Target {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        let questions = Question::all(&user, Action::Recreate, "deployments", &target);
        let asked: Vec<Json> = questions.iter().map(|one| one.review()["spec"]["resourceAttributes"].clone()).collect();
        let attributes = |verb: &str, name: &str| json!({"verb": verb, "group": "apps", "version": "v1", "resource": "deployments", "namespace": "shop", "name": name});
        assert_eq!(asked, [attributes("delete", "web"), attributes("create", "")]);
        assert_eq!(questions[0].review()["spec"]["groups"], json!(["ops", AUTHENTICATED]));
        for (answer, is_yes) in [
            (json!({"status": {"allowed": true}}), true),
            (json!({"status": {"allowed": false}}), false),
            (json!({"status": {"allowed": "true"}}), false),
            (json!({}), false),
        ] {
            assert_eq!(questions[0].answered(&answer).is_ok(), is_yes, "{answer}");
        }
        let refused = questions[0].answered(&json!({})).unwrap_err().to_string();
        assert!(
            refused.contains(r#"{apiGroups: ["apps"], resources: [deployments], verbs: [delete]} in namespace shop"#),
            "{refused}"
        );
    }
}
