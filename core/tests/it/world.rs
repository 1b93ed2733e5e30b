//! What the tests share: the built-in schema, a key, and short ways to make objects and to read differences.

use std::sync::LazyLock;

use anchorwatch_core::drift::compare::{Change, Difference, Excuse, Pair, compare};
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::object::value::{Map, Value};
use anchorwatch_core::object::{GroupKind, Head};
use anchorwatch_core::schema::Schema;
use anchorwatch_core::schema::catalogue;
use anchorwatch_core::schema::openapi::add_crd;
use anchorwatch_core::source;

/// The built-in kinds and `Anchor`, a custom one with every list type.
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let (mut schema, _) = catalogue::load(None);
    assert!(add_crd(&mut schema, &anchor_crd()));
    schema
});

pub(crate) fn key() -> SecretKey {
    SecretKey::new([7; 32])
}

/// The only object of a YAML text, read as Git's: Secret values are fingerprints.
pub(crate) fn object(yaml: &str) -> Map<'static> {
    let contents = source::read(0, yaml.as_bytes(), &key());
    assert_eq!(contents.problems, [], "{yaml}");
    let [only] = contents.objects.as_slice() else { panic!("{} objects in {yaml}", contents.objects.len()) };
    let Value::Map(root) = Value::Map(only.root.clone()).into_owned() else { unreachable!("a map stays one") };
    root
}

/// Compares two objects of one kind and hands the differences on.
pub(crate) fn with_differences<T>(git: &Map<'_>, live: &Map<'_>, use_them: impl FnOnce(&[Difference<'_>]) -> T) -> T {
    let head = Head::of(live).unwrap();
    let kind = GroupKind::of(head.api_version, head.kind);
    let root = SCHEMA.root(head.api_version, &kind);
    use_them(&compare(Pair { schema: &SCHEMA, kind: &kind, root, git, live }))
}

/// The differences as lines such as `extra spec.ports[port=80,protocol=TCP]`, sorted.
///
/// What the server or a delivery tool may have put there ends with `(allocated)` or `(stamp)`.
pub(crate) fn differences(git: &Map<'_>, live: &Map<'_>) -> Vec<String> {
    with_differences(git, live, |found| {
        let mut lines: Vec<String> = found.iter().map(line).collect();
        lines.sort();
        lines
    })
}

fn line(difference: &Difference<'_>) -> String {
    let excuse = match difference.excuse {
        Some(Excuse::Allocated) => " (allocated)",
        Some(Excuse::Stamp) => " (stamp)",
        None => "",
    };
    format!("{} {}{excuse}", word(difference.change), difference.path.stable())
}

pub(crate) fn word(change: Change) -> &'static str {
    match change {
        Change::Changed => "changed",
        Change::Removed => "removed",
        Change::Extra => "extra",
        Change::MissingObject => "missing_object",
        Change::UnmanagedObject => "unmanaged_object",
    }
}

fn anchor_crd() -> serde_json::Value {
    let json = source::to_json(ANCHOR_CRD).unwrap();
    serde_json::from_str(&json[0]).unwrap()
}

const ANCHOR_CRD: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: anchors.sea.example.com}
spec:
  group: sea.example.com
  scope: Namespaced
  names: {kind: Anchor, plural: anchors}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              mode: {type: string, default: drop}
              depth: {type: integer}
              ratio: {type: number}
              weight:
                anyOf: [{type: integer}, {type: string}]
                pattern: ^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE])?$
                x-kubernetes-int-or-string: true
              port: {x-kubernetes-int-or-string: true}
              crew: {type: array, items: {type: string}, x-kubernetes-list-type: set}
              chain:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [link, side]
                items:
                  type: object
                  properties:
                    link: {type: string}
                    side: {type: string, default: port}
                    load: {type: string}
                    tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}
              log:
                type: array
                items:
                  type: object
                  properties:
                    text: {type: string}
                    level: {type: string, default: info}
                    marks:
                      type: array
                      x-kubernetes-list-type: map
                      x-kubernetes-list-map-keys: [name]
                      items: {type: object, properties: {name: {type: string}, note: {type: string}}}
              berth:
                type: object
                x-kubernetes-map-type: atomic
                properties: {pier: {type: string}, slot: {type: integer}}
              lines: {type: object, default: {}, properties: {count: {type: integer, default: 2}}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
";
