//! Kinds that only this cluster knows: their schema comes from its own OpenAPI.

use crate::world::{Folder, World, until};

const DEFINITION: &str = r"apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.sea.example.com}
spec:
  group: sea.example.com
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            status: {type: object, x-kubernetes-preserve-unknown-fields: true}
            spec:
              type: object
              properties:
                speed: {type: integer, default: 7}
                anchored: {type: boolean, default: false}
                hull:
                  type: object
                  default: {}
                  properties:
                    colour: {type: string, default: white}
                    paint: {type: string}
                load: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
                crew:
                  type: array
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [name]
                  items:
                    type: object
                    required: [name]
                    properties:
                      name: {type: string}
                      role: {type: string, default: sailor}
                ports: {type: array, x-kubernetes-list-type: set, items: {type: string}}
                route: {type: array, items: {type: string}}
                papers: {type: object, additionalProperties: {type: string}}
                cargo: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

const BOATS: &str = r#"apiVersion: sea.example.com/v1
kind: Boat
metadata: {name: kept, namespace: custom}
spec:
  load: 1000m
  hull: {paint: tar}
  crew: [{name: an}, {name: bo, role: cook}]
  ports: [Keelung, Hualien]
  route: [a, b]
  papers: {flag: "TW"}
  cargo: {boxes: [{of: tea}]}
---
apiVersion: sea.example.com/v1
kind: Boat
metadata: {name: edited, namespace: custom}
spec:
  load: 500m
  hull: {paint: tar}
  crew: [{name: an}, {name: bo, role: cook}]
  ports: [Keelung, Hualien]
  route: [a, b]
  papers: {flag: "TW"}
  cargo: {boxes: [{of: tea}]}
---
apiVersion: sea.example.com/v1
kind: Boat
metadata: {name: sunk, namespace: custom}
spec: {speed: 1}
"#;

#[test]
fn custom_resources_are_compared_by_their_own_schema() {
    let world = World::shared();
    world.deliver(&["apply", "--server-side"], DEFINITION);
    world.kubectl(&["wait", "--for=condition=Established", "crd/boats.sea.example.com", "--timeout=30s"]);
    // The definition is served a moment before its OpenAPI is.
    until("the boats' schema", || world.kubectl(&["get", "--raw", "/openapi/v3"]).contains("sea.example.com"));
    world.namespace("custom");
    world.deliver_as_argo_cd(BOATS);
    let git = Folder::with(&[("boats.yaml", BOATS)]);
    world.scan(git.source()).finds(&[]);

    let patch = |json: &str| {
        world.alice("custom", &["patch", "boat/edited", "--type=json", &format!("-p={json}")]);
    };
    // The same things, spelled otherwise.
    patch(r#"[{"op":"replace","path":"/spec/ports","value":["Hualien","Keelung"]}]"#);
    patch(
        r#"[{"op":"replace","path":"/spec/crew","value":[{"name":"bo","role":"cook"},{"name":"an","role":"sailor"}]}]"#,
    );
    world.scan(git.source()).finds(&[]);

    patch(
        r#"[{"op":"replace","path":"/spec/speed","value":9},{"op":"replace","path":"/spec/hull/colour","value":"red"}]"#,
    );
    patch(
        r#"[{"op":"replace","path":"/spec/load","value":"600m"},{"op":"add","path":"/spec/ports/-","value":"Taitung"}]"#,
    );
    patch(
        r#"[{"op":"replace","path":"/spec/route","value":["b","a"]},{"op":"add","path":"/spec/papers/visa","value":"no"}]"#,
    );
    patch(r#"[{"op":"replace","path":"/spec/crew","value":[{"name":"an","role":"captain"},{"name":"cy"}]}]"#);
    patch(r#"[{"op":"replace","path":"/spec/cargo/boxes/0/of","value":"tar"}]"#);
    world.alice("custom", &["delete", "boat/sunk"]);
    world.scan(git.source()).finds(&[
        "medium human Boat/edited changed spec.cargo.boxes by kubectl-patch",
        "medium human Boat/edited changed spec.load by kubectl-patch",
        "medium human Boat/edited changed spec.route by kubectl-patch",
        "medium human Boat/edited extra spec.crew[name=an].role by kubectl-patch",
        "medium human Boat/edited extra spec.crew[name=cy] by kubectl-patch",
        "medium human Boat/edited extra spec.hull.colour by kubectl-patch",
        "medium human Boat/edited extra spec.papers.visa by kubectl-patch",
        "medium human Boat/edited extra spec.ports[=\"Taitung\"] by kubectl-patch",
        "medium human Boat/edited extra spec.speed by kubectl-patch",
        "medium unknown Boat/edited removed spec.crew[name=bo]",
        "medium unknown Boat/sunk missing_object",
    ]);
}

#[test]
fn a_kind_that_the_cluster_does_not_serve_is_not_compared() {
    let world = World::shared();
    let plane = "apiVersion: air.example.com/v1\nkind: Plane\nmetadata: {name: a, namespace: default}\nspec: {}\n";
    let git = Folder::with(&[("planes.yaml", plane)]);
    let scan = world.scan(git.source());
    scan.check(3, &[]);
    let not_compared = scan.not_compared();
    assert_eq!((not_compared.len(), scan.objects()), (1, 0), "{not_compared:?}");
    assert!(not_compared[0].contains("Plane") && not_compared[0].contains("does not serve"), "{not_compared:?}");
}
