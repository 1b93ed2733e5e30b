//! Choices that narrow a list, each a link with the choice in its address.

use anchorwatch_core::drift::DriftLevel;

use super::address::Address;
use super::frame::Frame;
use crate::words::word;

/// A choice in the address.
pub(super) struct Chip {
    pub(super) label: String,
    pub(super) href: String,
    pub(super) is_chosen: bool,
}

/// Choices of one sort.
pub(super) struct Chips {
    pub(super) label: String,
    pub(super) chips: Vec<Chip>,
}

/// Each level, and any.
pub(super) fn levels(address: &Address, chosen: &str, frame: &Frame) -> Vec<Chip> {
    let levels = [DriftLevel::High, DriftLevel::Medium, DriftLevel::Info].map(word);
    let chip = |level: String| Chip {
        label: frame.say(&if level.is_empty() { "page-any".to_owned() } else { format!("level-{level}") }),
        href: address.with_text("level", &level).href(),
        is_chosen: chosen == level,
    };
    std::iter::once(String::new()).chain(levels).map(chip).collect()
}

/// Choices that were made, by name and label; each link takes one back.
pub(super) fn taken(choices: impl Iterator<Item = (&'static str, String)>, address: &Address) -> Vec<Chip> {
    let chip = |(name, label)| Chip { label, href: address.without(name).href(), is_chosen: true };
    choices.map(chip).collect()
}

/// That a list is of one namespace; the empty one is that of cluster-scoped objects.
pub(super) fn in_namespace(namespace: &str, frame: &Frame) -> String {
    if namespace.is_empty() {
        return frame.say_of("page-in-namespace", &frame.say("page-no-namespace"));
    }
    frame.say_of("page-in-namespace", namespace)
}
