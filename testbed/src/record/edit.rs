//! The edits of the demo's story, each by the real tool, or by a raw request under that tool's user agent.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{NAMESPACE, RecordError, succeeded};
use crate::client::PatchKind;
use crate::control_plane::{ControlPlane, Person};

enum Action {
    /// kubectl's arguments.
    Kubectl(&'static [&'static str]),
    /// Server-side apply by somebody under this name.
    Apply { manager: &'static str, object: Value },
    /// `kubectl edit` with this editor.
    Editor { arguments: &'static [&'static str], editor: &'static str },
    /// A merge patch by a program that calls itself so.
    Request { user_agent: &'static str, path: &'static str, body: Value },
}

fn story() -> Vec<(Person, Action)> {
    use Action::{Apply, Editor, Kubectl, Request};
    let autoscaler = "kube-controller-manager/v1.37.2 (linux/amd64) kubernetes/horizontal-pod-autoscaler";
    vec![
        (
            Person::Admin,
            Request {
                user_agent: autoscaler,
                path: "/apis/apps/v1/namespaces/shop/deployments/web/scale",
                body: json!({"spec": {"replicas": 4}}),
            },
        ),
        (Person::Alice, Kubectl(&["set", "image", "deployment/web", "web=shop/web:1.4.3-hotfix"])),
        (Person::Alice, Kubectl(&["set", "env", "deployment/web", "HOTFIX=1"])),
        (Person::Alice, Editor { arguments: &["configmap/conf"], editor: "sed -i /flag:/s/on/off/" }),
        (
            Person::Bob,
            Kubectl(&[
                "patch",
                "networkpolicy/web",
                "--type=json",
                r#"--patch=[{"op": "replace", "path": "/spec/ingress", "value": [{}]}]"#,
            ]),
        ),
        (
            Person::Alice,
            Kubectl(&["patch", "secret/db", r#"--patch={"stringData": {"password": "not-a-real-one-either"}}"#]),
        ),
        (
            Person::Alice,
            Request {
                user_agent: "curl/8.5.0",
                path: "/api/v1/namespaces/shop/services/web",
                body: json!({"metadata": {"annotations": {"example.com/incident": "INC-2041"}}}),
            },
        ),
        (Person::Bob, Kubectl(&["delete", "service/metrics"])),
        (
            Person::Admin,
            Apply {
                manager: "image-updater",
                object: json!({
                    "apiVersion": "apps/v1",
                    "kind": "StatefulSet",
                    "metadata": {"name": "cache", "namespace": NAMESPACE},
                    "spec": {"template": {"spec": {"containers": [{"name": "valkey", "image": "valkey/valkey:8.1.4"}]}}},
                }),
            },
        ),
        (
            Person::Bob,
            Kubectl(&[
                "set",
                "env",
                "statefulset/cache",
                "VALKEY_EXTRA_FLAGS=--protected-mode no",
                "--field-manager=argocd-controller",
            ]),
        ),
    ]
}

/// Makes all edits, and waits until the workloads have followed.
pub(super) fn make(plane: &ControlPlane, pace: Duration) -> Result<(), RecordError> {
    for (person, action) in story() {
        thread::sleep(pace);
        make_one(plane, person, action)?;
    }
    thread::sleep(pace);
    for workload in ["deployment/web", "statefulset/cache"] {
        plane.kubectl(&["rollout", "status", workload, "--timeout=60s", "--namespace", NAMESPACE])?;
    }
    Ok(())
}

fn make_one(plane: &ControlPlane, person: Person, action: Action) -> Result<(), RecordError> {
    let here = |arguments: &[&'static str]| [arguments, &["--namespace", NAMESPACE]].concat();
    match action {
        Action::Kubectl(arguments) => succeeded(&arguments.join(" "), &plane.kubectl_as(person, &here(arguments), "")?),
        Action::Editor { arguments, editor } => {
            succeeded(editor, &plane.kubectl_edit_as(person, &here(arguments), editor)?)
        }
        Action::Apply { manager, object } => {
            let manager = format!("--field-manager={manager}");
            let arguments = ["apply", "--server-side", "--force-conflicts", &manager, "-f", "-"];
            succeeded("apply", &plane.kubectl_as(person, &arguments, &object.to_string())?)
        }
        Action::Request { user_agent, path, body } => {
            plane.client_as(person, user_agent)?.patch(path, PatchKind::Merge, &body)?;
            Ok(())
        }
    }
}
