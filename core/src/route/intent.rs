//! What a request is for, and whether it may leave the network.
//!
//! Of all that is said of a request the strictest wins: whoever says nothing, something unknown or two things at once keeps it
//! inside. No label leads out of the network that the token does not list, and nothing leads out once the text is known
//! to come from a private request.

use std::collections::BTreeSet;
use std::fmt;

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intent {
    /// Finding out what is wrong. What nobody knows the intent of is this.
    Diagnose,
    /// Saying why somebody changed something.
    InterpretDrift,
    /// Writing down how something was repaired.
    WriteRunbook,
    /// Turning texts into vectors.
    Embed,
    /// One that the configuration names, or a usual one: `summarize`, `chat`.
    Open(OpenIntent),
}

/// The name of an intent that may leave the network: lower-case letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenIntent(String);

/// Open intents that need not be configured.
pub const USUAL: [&str; 2] = ["chat", "summarize"];

impl OpenIntent {
    /// `None` for what is no name, or the name of a private intent.
    pub fn new(name: &str) -> Option<Self> {
        let is_name = !name.is_empty()
            && name.len() <= 64
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
        (is_name && Intent::private(name).is_none()).then(|| Self(name.to_owned()))
    }
}

impl OpenIntent {
    /// As it is written.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Intent {
    /// The private ones.
    pub const PRIVATE: [Self; 4] = [Self::Diagnose, Self::InterpretDrift, Self::WriteRunbook, Self::Embed];

    /// As it is written in headers, model names and tokens.
    pub fn name(&self) -> &str {
        match self {
            Self::Diagnose => "diagnose",
            Self::InterpretDrift => "interpret_drift",
            Self::WriteRunbook => "write_runbook",
            Self::Embed => "embed",
            Self::Open(OpenIntent(name)) => name,
        }
    }

    /// True if a request of this intent never leaves the network.
    pub fn is_private(&self) -> bool {
        !matches!(self, Self::Open(_))
    }

    fn private(name: &str) -> Option<Self> {
        Self::PRIVATE.into_iter().find(|intent| intent.name() == name)
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The open intents that there are: those that are configured, and the usual ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intents(BTreeSet<OpenIntent>);

impl Intents {
    /// The usual ones, and these.
    pub fn with(configured: impl IntoIterator<Item = OpenIntent>) -> Self {
        let usual = USUAL.iter().filter_map(|name| OpenIntent::new(name));
        Self(usual.chain(configured).collect())
    }

    /// The intent that a label means. What is unknown is a diagnosis.
    pub fn meant_by(&self, label: &str) -> Intent {
        let label = label.trim().to_ascii_lowercase();
        let open = || OpenIntent::new(&label).filter(|open| self.0.contains(open)).map(Intent::Open);
        Intent::private(&label).or_else(open).unwrap_or(Intent::Diagnose)
    }
}

/// What is said of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    /// By its header, if it has one.
    pub header: Option<&'a str>,
    /// By the name of the model, where that names an intent.
    pub model: Option<&'a str>,
    /// True if some of its text was in a private request or its answer, or is marked as private.
    pub tainted: bool,
}

/// Why a request stays inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// Its intent is private.
    Intent,
    /// Header and model name say different things.
    Contradiction,
    /// The token does not list the intent.
    Token,
    /// Its text is private.
    Taint,
}

impl Because {
    /// As it is written in the audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Contradiction => "contradiction",
            Self::Token => "token",
            Self::Taint => "taint",
        }
    }
}

/// What is done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What it is for.
    pub intent: Intent,
    /// Why it never leaves the network; `None` if it may.
    pub private: Option<Because>,
}

/// Decides what a request is for, and whether it may leave the network. `listed`: the intents of the caller's token.
pub fn decide(said: Said<'_>, listed: &BTreeSet<Intent>, intents: &Intents) -> Decided {
    let labels: Vec<Intent> = [said.header, said.model].into_iter().flatten().map(|l| intents.meant_by(l)).collect();
    let intent = match labels.as_slice() {
        [] => Intent::Diagnose,
        [one] => one.clone(),
        [first, rest @ ..] if rest.iter().all(|other| other == first) => first.clone(),
        // The first private one says best what it is for.
        several => match several.iter().find(|intent| intent.is_private()) {
            Some(private) => private.clone(),
            None => return Decided { intent: Intent::Diagnose, private: Some(Because::Contradiction) },
        },
    };
    let private = match () {
        () if intent.is_private() => Some(Because::Intent),
        () if said.tainted => Some(Because::Taint),
        () if !listed.contains(&intent) => Some(Because::Token),
        () => None,
    };
    Decided { intent, private }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str) -> Intent {
        Intent::Open(OpenIntent::new(name).unwrap())
    }

    /// Every mix of header, model name, token and taint: what leaves the network is only what all of them let.
    #[test]
    fn a_client_cannot_talk_its_way_out() {
        let intents = Intents::with(OpenIntent::new("translate"));
        let labels = [
            None,
            Some("diagnose"),
            Some("interpret_drift"),
            Some("write_runbook"),
            Some("embed"),
            Some("chat"),
            Some("summarize"),
            Some("translate"),
            Some("Chat "),
            Some("unknown"),
            Some(""),
            Some("chat,summarize"),
        ];
        let meant = |label: &str| match label.trim().to_ascii_lowercase().as_str() {
            known @ ("chat" | "summarize" | "translate") => Some(open(known)),
            _ => None,
        };
        let tokens: [&[&str]; 4] = [&[], &["chat"], &["chat", "summarize", "translate"], &["diagnose"]];
        let (mut left, mut mixes) = (0, 0);
        for header in labels {
            for model in labels {
                for token in tokens {
                    for tainted in [false, true] {
                        let listed: BTreeSet<Intent> = token.iter().map(|name| intents.meant_by(name)).collect();
                        let decided = decide(Said { header, model, tainted }, &listed, &intents);
                        let said: Vec<Option<Intent>> = [header, model].into_iter().flatten().map(meant).collect();
                        let agreed =
                            said.first().cloned().flatten().filter(|one| said.iter().all(|s| s.as_ref() == Some(one)));
                        let may_leave = !tainted && agreed.as_ref().is_some_and(|intent| listed.contains(intent));
                        assert_eq!(decided.private.is_none(), may_leave, "{header:?} {model:?} {token:?} {tainted}");
                        if let (true, Some(agreed)) = (may_leave, agreed) {
                            assert_eq!(decided.intent, agreed);
                            left += 1;
                        }
                        mixes += 1;
                    }
                }
            }
        }
        assert_eq!(mixes, labels.len() * labels.len() * tokens.len() * 2);
        // chat (also as "Chat ") with two tokens, the two others with one: by header, by model, by both.
        assert_eq!(left, (2 + 2 + 4) * 2 + 3 + 3);
    }

    #[test]
    fn what_is_unknown_or_unsaid_is_a_diagnosis() {
        let intents = Intents::with([]);
        for label in ["", "unknown", "DIAGNOSE", "translate", "chat!", "\u{ff43}hat"] {
            assert_eq!(intents.meant_by(label), Intent::Diagnose, "{label:?}");
        }
        let decided = decide(Said::default(), &BTreeSet::new(), &intents);
        assert_eq!(decided, Decided { intent: Intent::Diagnose, private: Some(Because::Intent) });
    }

    #[test]
    fn a_private_label_keeps_its_name_beside_an_open_one() {
        let intents = Intents::with([]);
        let listed = BTreeSet::from([open("chat")]);
        let said = Said { header: Some("chat"), model: Some("write_runbook"), tainted: false };
        assert_eq!(decide(said, &listed, &intents).intent, Intent::WriteRunbook);
        let said = Said { header: Some("chat"), model: Some("summarize"), tainted: false };
        assert_eq!(decide(said, &listed, &intents).private, Some(Because::Contradiction));
    }

    #[test]
    fn no_private_intent_can_be_configured_as_open() {
        for name in ["diagnose", "interpret_drift", "write_runbook", "embed", "", "Chat", "a b", "näh"] {
            assert_eq!(OpenIntent::new(name), None, "{name:?}");
        }
    }
}
