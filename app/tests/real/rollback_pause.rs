//! Where the tool that delivers an object is paused, somebody may be at work: nothing is written unless somebody says so.

use serde_json::Value;

use crate::discover::serve_kinds;
use crate::rollback::{json as answered, run};
use crate::world::{Folder, World};

const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: NAMESPACE}\ndata: {a: \"1\"}\n";

#[test]
fn what_a_paused_tool_delivers_is_left_unless_somebody_says_so() {
    let world = World::shared();
    serve_kinds(&world);
    world.namespace("rb-tools");
    for (namespace, stamps, tool, resumed, words) in [
        (
            "rb-paused-argo-cd",
            "annotations: {argocd.argoproj.io/tracking-id: \"rb-paused:/ConfigMap:rb-paused-argo-cd/conf\"}",
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: rb-paused, namespace: rb-tools}\nspec: {project: x}\n",
            ("application/rb-paused", r#"{"spec":{"syncPolicy":{"automated":{}}}}"#),
            "Application rb-tools/rb-paused has auto-sync off",
        ),
        (
            "rb-paused-flux",
            "labels: {kustomize.toolkit.fluxcd.io/name: rb-paused, kustomize.toolkit.fluxcd.io/namespace: rb-tools}",
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: rb-paused, namespace: rb-tools}\nspec: {suspend: true}\n",
            ("kustomization.kustomize.toolkit.fluxcd.io/rb-paused", r#"{"spec":{"suspend":false}}"#),
            "Kustomization rb-tools/rb-paused is suspended",
        ),
    ] {
        world.namespace(namespace);
        world.deliver(&["apply", "--server-side"], tool);
        let manifest = CONFIG.replace("NAMESPACE", namespace);
        let stamped = manifest.replace("}\ndata", &format!(", {stamps}}}\ndata"));
        world.deliver(&["apply", "--server-side", "--field-manager=kustomize-controller"], &stamped);
        world.alice(namespace, &["patch", "configmap/conf", r#"-p={"data":{"a":"2"}}"#]);
        let git = Folder::with(&[("conf.yaml", &manifest)]);
        let (folder, source) = (Folder::with(&[]), git.source());
        let rollback = |arguments: &[&str], code: i32| -> Value {
            let named = ["rollback", "ConfigMap/conf:data.a", "--source", &source, "--output=json"];
            answered(&run(&world, &folder, &[&named[..], arguments].concat()), code)
        };
        let left = rollback(&["--yes"], 1);
        let reason = left["left"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(words) && reason.contains("--even-if paused"), "{reason}");
        let planned = rollback(&["--even-if=paused", "--dry-run"], 0);
        assert_eq!(planned["plan"]["changes"].as_array().unwrap().len(), 1, "{planned:#}");
        world.alice("rb-tools", &["patch", resumed.0, "--type=merge", "--patch", resumed.1]);
        let done = rollback(&["--yes"], 0);
        assert_eq!(done["done"]["steps"][0]["state"], "proven", "{done:#}");
    }
}
