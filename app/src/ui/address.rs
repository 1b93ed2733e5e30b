//! Addresses: of pages, with what is asked of them; and those that somebody may be sent back to.

use std::fmt::Write as _;

pub(super) use anchorwatch_edge::cluster::encode as encoded;

/// A page's path, and what is asked of it.
#[derive(Debug, Clone)]
pub(super) struct Address {
    path: String,
    asked: Vec<(String, String)>,
}

impl Address {
    pub(super) fn of(path: &str) -> Self {
        Self { path: path.to_owned(), asked: Vec::new() }
    }

    /// With this asked, and nothing else by this name.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut address = self.without(name);
        address.asked.push((name.to_owned(), value.to_owned()));
        address
    }

    /// With this asked, if it is anything.
    pub(super) fn with_some(&self, name: &str, value: Option<&str>) -> Self {
        value.map_or_else(|| self.without(name), |value| self.with(name, value))
    }

    /// With this text asked, unless it is empty.
    pub(super) fn with_text(&self, name: &str, text: &str) -> Self {
        self.with_some(name, Some(text).filter(|text| !text.is_empty()))
    }

    /// Without what is asked by this name.
    pub(super) fn without(&self, name: &str) -> Self {
        let asked = self.asked.iter().filter(|(known, _)| known != name).cloned().collect();
        Self { path: self.path.clone(), asked }
    }

    /// All that is asked.
    pub(super) fn asked(&self) -> &[(String, String)] {
        &self.asked
    }

    /// As it is written in a link.
    pub(super) fn href(&self) -> String {
        let mut href = self.path.clone();
        for (at, (name, value)) in self.asked.iter().enumerate() {
            href.push(if at == 0 { '?' } else { '&' });
            let _ = write!(href, "{}={}", encoded(name), encoded(value));
        }
        href
    }
}

/// A change's page.
pub(super) fn change(change_id: &str) -> String {
    format!("/changes/{}", encoded(change_id))
}

/// A report's page.
pub(super) fn report(report_id: &str) -> String {
    format!("/reports/{}", encoded(report_id))
}

/// An item's page.
pub(super) fn item(fingerprint: &str) -> String {
    format!("/items/{}", encoded(fingerprint))
}

/// A workload's page.
pub(super) fn workload(cluster: &str, namespace: &str, kind: &str, name: &str) -> String {
    let namespace = if namespace.is_empty() { "-" } else { namespace };
    let parts = [cluster, namespace, kind, name].map(encoded);
    format!("/workloads/{}", parts.join("/"))
}

/// Where somebody wanted to go, if that is here: a path, and no other host's.
pub(super) fn local(to: &str) -> &str {
    let is_path = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', ' ']);
    if is_path && to.is_ascii() && !to.chars().any(char::is_control) { to } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (to, goes) in [
            ("/items/a?level=high", "/items/a?level=high"),
            ("https://evil.example", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(to), goes, "{to}");
        }
    }

    #[test]
    fn what_is_asked_is_written_so_that_it_is_read_as_it_was() {
        let address = Address::of("/").with("q", "a b&c=漂").with("level", "high").with("q", "a/b");
        assert_eq!(address.href(), "/?level=high&q=a%2Fb");
        assert_eq!(workload("a/b", "", "Deployment", "w?b"), "/workloads/a%2Fb/-/Deployment/w%3Fb");
    }
}
