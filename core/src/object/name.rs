//! What Kubernetes takes as a name: the rules that keep a name one piece of a request's path.

/// True for a DNS-1123 label, as the name of a namespace must be one.
pub fn is_label(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.first().zip(bytes.last()).is_some_and(|(a, b)| alphanumeric(*a) && alphanumeric(*b))
        && bytes.iter().all(|b| alphanumeric(*b) || *b == b'-')
}

/// True for what can be a segment of a path: the loosest rule that Kubernetes has for names, that of RBAC's objects.
pub fn is_path_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(['/', '%'])
}

/// True for what can be an `apiVersion`: a version, or a group and a version.
pub fn is_api_version(text: &str) -> bool {
    let (group, version) = super::split_api_version(text);
    is_label(version) && (group.is_empty() && !text.contains('/') || group.split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_kubernetes_takes_is_a_name() {
        for (text, label, segment) in [
            ("shop", true, true),
            ("a-1", true, true),
            ("a.b", false, true),
            ("system:node a?b", false, true),
            ("A", false, true),
            ("-a", false, true),
            ("", false, false),
            ("..", false, false),
            ("a/b", false, false),
            ("a%2fb", false, false),
        ] {
            assert_eq!((is_label(text), is_path_segment(text)), (label, segment), "{text:?}");
        }
        assert!(is_label(&"a".repeat(63)) && !is_label(&"a".repeat(64)));
        for (text, right) in [
            ("v1", true),
            ("apps/v1", true),
            ("a.b-c.io/v1beta1", true),
            ("/v1", false),
            ("../v1", false),
            ("a/v/1", false),
            ("a?b/v1", false),
        ] {
            assert_eq!(is_api_version(text), right, "{text:?}");
        }
    }
}
