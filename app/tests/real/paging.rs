//! More objects of a kind than one page of a list holds.

use std::fmt::Write as _;

use crate::world::{Folder, World};

/// A page is 250 objects; the patched ones are the first and last of several pages.
const OBJECTS: usize = 1100;

#[test]
fn drift_on_every_page_is_found() {
    let world = World::shared();
    world.namespace("paged");
    let manifests = (0..OBJECTS).fold(String::new(), |mut text, at| {
        let head = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: conf-{at:04}, namespace: paged}}");
        let _ = writeln!(text, "{head}\ndata: {{number: \"{at}\"}}\n---");
        text
    });
    world.deliver(&["create"], &manifests);
    let git = Folder::with(&[("all.yaml", &manifests)]);
    let clean = world.scan(git.source());
    clean.finds(&[]);
    assert_eq!(clean.objects(), 1100);
    for name in ["conf-0000", "conf-0249", "conf-0250", "conf-0999", "conf-1000", "conf-1099"] {
        world.alice("paged", &["patch", "configmap", name, r#"-p={"data":{"number":"x"}}"#]);
    }
    world.alice("paged", &["delete", "configmap/conf-0001", "configmap/conf-1098"]);
    world.scan(git.source()).finds(&[
        "medium human ConfigMap/conf-0000 changed data.number by kubectl-patch",
        "medium human ConfigMap/conf-0249 changed data.number by kubectl-patch",
        "medium human ConfigMap/conf-0250 changed data.number by kubectl-patch",
        "medium human ConfigMap/conf-0999 changed data.number by kubectl-patch",
        "medium human ConfigMap/conf-1000 changed data.number by kubectl-patch",
        "medium human ConfigMap/conf-1099 changed data.number by kubectl-patch",
        "high unknown ConfigMap/conf-0001 missing_object",
        "high unknown ConfigMap/conf-1098 missing_object",
    ]);
}
