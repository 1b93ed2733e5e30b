//! The documents of a file, told apart without reading them.

use crate::object::Identity;

/// The documents of a file that may hold an object: if the file has it, it is in one of them.
///
/// A document starts at a line `---`, also after a block scalar. Kind and name stand in it as they are, unless they are
/// written with escapes; then it is the whole file.
pub fn about<'a>(text: &'a str, identity: &Identity) -> Vec<&'a str> {
    let holds = |document: &&str| document.contains(&identity.name) && document.contains(&identity.group_kind.kind);
    let documents: Vec<&str> = split(text).filter(holds).collect();
    if documents.is_empty() && text.contains('\\') { vec![text] } else { documents }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let here = rest?;
        let marks = here.match_indices("\n---").map(|(at, _)| at + 1);
        let end = marks.into_iter().find(|at| here[at + 3..].chars().next().is_none_or(char::is_whitespace));
        rest = end.map(|at| &here[at..]);
        Some(end.map_or(here, |at| &here[..at]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::GroupKind;

    #[test]
    fn documents_are_told_apart() {
        for (text, documents) in [
            ("", vec![""]),
            ("a: 1\n", vec!["a: 1\n"]),
            (
                "---\na: 1\n---\nb: |\n  ---\n  x\n--- # next\nc: 1\n---",
                vec!["---\na: 1\n", "---\nb: |\n  ---\n  x\n", "--- # next\nc: 1\n", "---"],
            ),
            ("a: 1\r\n---\r\nb: 1\r\n", vec!["a: 1\r\n", "---\r\nb: 1\r\n"]),
            ("a: x\n----\n", vec!["a: x\n----\n"]),
        ] {
            assert_eq!(split(text).collect::<Vec<_>>(), documents, "{text:?}");
        }
    }

    #[test]
    fn an_object_is_in_one_of_them() {
        let web =
            Identity { group_kind: GroupKind::of("v1", "Service"), namespace: String::new(), name: "web".to_owned() };
        let text = "kind: Service\nmetadata: {name: db}\n---\nkind: Service\nmetadata: {name: web}\n";
        assert_eq!(about(text, &web), ["---\nkind: Service\nmetadata: {name: web}\n"]);
        assert!(about("kind: Service\nmetadata: {name: db}\n", &web).is_empty());
        let escaped = "kind: Service\nmetadata: {name: \"w\\x65b\"}\n";
        assert_eq!(about(escaped, &web), [escaped]);
    }
}
