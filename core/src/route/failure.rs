//! Why one provider's attempt brought no answer, as plain data; and what may be done after it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::locality::{NotLocal, Remote};

/// Characters that are kept of a provider's own words.
const WORDS_LIMIT: usize = 1000;

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody listens there: nothing was sent.
    #[error("it refused the connection")]
    ConnectionRefused,
    /// There is no way to it: nothing was sent.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Its name is not known: nothing was sent.
    #[error("its name cannot be resolved: {0}")]
    Dns(String),
    /// It is not who it should be, or speaks no TLS: nothing was sent.
    #[error("no TLS with it: {0}")]
    Tls(String),
    /// It is asked in a way that cannot be: its address, its key or its certificate authority is of no use.
    #[error("it is not configured as it has to be: {0}")]
    Misconfigured(String),
    /// It cannot be asked this in its dialect: nothing was sent.
    #[error("it cannot be asked this: {0}")]
    Unsupported(String),
    /// It is, or would be, answered from elsewhere.
    #[error("it is not local: {0}")]
    NotLocal(NotLocal),
    /// The connection broke before the whole answer was there.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// It was too slow.
    #[error("{} within {} s", .0.said(), .1.as_secs_f64())]
    Timeout(Wait, Duration),
    /// It answered with a status that is none of success.
    #[error("it answered {code}{}", after_colon(words))]
    Status {
        /// The status.
        code: u16,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
        /// What it said, for the operator; cut, and without the key.
        words: String,
    },
    /// It sends elsewhere, where nobody follows.
    #[error("it answered {0}, a redirect, which is not followed")]
    Redirect(u16),
    /// The stream ended before the answer did.
    #[error("the stream ended before the answer did")]
    Truncated,
    /// It told an error in an answer that began as a success.
    #[error("it failed while it answered{}", after_colon(.0))]
    ErrorInside(String),
    /// It answered nothing.
    #[error("the answer is empty")]
    Empty,
    /// The model will not answer.
    #[error("the model refused{}", after_colon(.0))]
    Refusal(String),
    /// The answer was cut at the most that may be written.
    #[error("the answer was cut at the limit of its length")]
    Length,
    /// A filter of the provider's held the answer back.
    #[error("a content filter held the answer back")]
    ContentFilter,
    /// The answer is in no form that its dialect has: no JSON, no UTF-8, compressed.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// The text was to be JSON, and is not.
    #[error("the answer is no valid JSON: {0}")]
    InvalidJson(String),
    /// The text is JSON of another shape than was asked for.
    #[error("the answer is not as its schema says at {}: {said}", if place.is_empty() { "its top" } else { place })]
    SchemaViolation {
        /// Where, as a JSON pointer; empty for the whole.
        place: String,
        /// What is wrong there.
        said: String,
    },
    /// More came than is read.
    #[error("the answer is larger than {} KiB", .0 / 1024)]
    TooLarge(usize),
    /// The provider read only a part of the prompt, and said nothing.
    #[error("it read only {read_tokens} tokens of the prompt, with room for {context_tokens}")]
    PromptCut {
        /// Tokens that it read.
        read_tokens: u64,
        /// Tokens that its context has room for.
        context_tokens: u64,
    },
    /// It was not asked: it failed too often just now.
    #[error("it was not asked, as it failed too often just now")]
    BreakerOpen,
    /// It was not asked: there was too little time left.
    #[error("it was not asked, as only {} s were left", .0.as_secs_f64())]
    Skipped(Duration),
}

/// What was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// The connection.
    Connect,
    /// The first byte of an answer.
    FirstByte,
    /// The first token of a streamed answer.
    FirstToken,
    /// The next piece of a streamed answer.
    Idle,
    /// The whole answer, in the provider's own time.
    Whole,
    /// The whole answer, in what was left of the chain's time.
    Deadline,
}

impl Wait {
    fn said(self) -> &'static str {
        match self {
            Self::Connect => "no connection",
            Self::FirstByte => "no first byte",
            Self::FirstToken => "no first token",
            Self::Idle => "nothing more came",
            Self::Whole => "no whole answer",
            Self::Deadline => "no whole answer before the deadline,",
        }
    }
}

impl Failure {
    /// A status that is none of success, with what the provider said.
    pub fn status(code: u16, retry_after: Option<Duration>, said: &str) -> Self {
        if (300..400).contains(&code) {
            Self::Redirect(code)
        } else {
            Self::Status { code, retry_after, words: words(said) }
        }
    }

    /// True if another request would not have failed so: all providers saying this, it is the caller who hears of it.
    pub fn is_callers_fault(&self) -> bool {
        matches!(self, Self::Status { code: 400 | 413 | 422, .. } | Self::Unsupported(_))
    }

    /// True if only whoever runs it can help: a key, a right or a model is lacking, or it is not where it was said to be.
    pub fn tells_operator(&self) -> bool {
        matches!(self, Self::Status { code: 401 | 403 | 404, .. } | Self::NotLocal(_) | Self::Misconfigured(_))
    }

    /// True if the server is not well, whatever it is asked: after several of these it is left alone for a while.
    pub fn is_of_the_server(&self) -> bool {
        match self {
            Self::ConnectionRefused
            | Self::Unreachable(_)
            | Self::Dns(_)
            | Self::Tls(_)
            | Self::Broken(_)
            | Self::Timeout(..)
            | Self::Truncated
            | Self::ErrorInside(_)
            | Self::Unreadable(_) => true,
            Self::Status { code, .. } => matches!(code, 408 | 429 | 500..=599),
            _ => false,
        }
    }

    /// After what time it may be asked once more, where it says so itself.
    pub fn may_retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { code: 408 | 429 | 500..=599, retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// True if the same provider may mend its answer once it is told what is wrong with it.
    pub fn is_repairable(&self) -> bool {
        matches!(self, Self::InvalidJson(_) | Self::SchemaViolation { .. })
    }

    /// The same without a secret in any of its words.
    #[must_use]
    pub fn without(mut self, secret: &str) -> Self {
        if let Some(words) = self.words_mut() {
            *words = hidden(words, secret);
        }
        self
    }

    /// What somebody else worded.
    fn words_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Unreachable(words)
            | Self::Dns(words)
            | Self::Tls(words)
            | Self::Misconfigured(words)
            | Self::Unsupported(words)
            | Self::NotLocal(NotLocal::Remote(Remote { host: words, .. }))
            | Self::Broken(words)
            | Self::Status { words, .. }
            | Self::ErrorInside(words)
            | Self::Refusal(words)
            | Self::Unreadable(words)
            | Self::InvalidJson(words)
            | Self::SchemaViolation { said: words, .. } => Some(words),
            Self::ConnectionRefused
            | Self::NotLocal(_)
            | Self::Timeout(..)
            | Self::Redirect(_)
            | Self::Truncated
            | Self::Empty
            | Self::Length
            | Self::ContentFilter
            | Self::TooLarge(_)
            | Self::PromptCut { .. }
            | Self::BreakerOpen
            | Self::Skipped(_) => None,
        }
    }

    /// Its name in JSON, metrics and the audit, which stays the same.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection_refused",
            Self::Unreachable(_) => "unreachable",
            Self::Dns(_) => "dns",
            Self::Tls(_) => "tls",
            Self::Misconfigured(_) => "misconfigured",
            Self::Unsupported(_) => "unsupported",
            Self::NotLocal(reason) => reason.code(),
            Self::Broken(_) => "connection_broken",
            Self::Timeout(Wait::Connect, _) => "connect_timeout",
            Self::Timeout(Wait::FirstByte, _) => "first_byte_timeout",
            Self::Timeout(Wait::FirstToken, _) => "first_token_timeout",
            Self::Timeout(Wait::Idle, _) => "idle_timeout",
            Self::Timeout(Wait::Whole, _) => "provider_timeout",
            Self::Timeout(Wait::Deadline, _) => "deadline",
            Self::Status { code, .. } => status_code(*code),
            Self::Redirect(_) => "redirect",
            Self::Truncated => "truncated_stream",
            Self::ErrorInside(_) => "error_inside",
            Self::Empty => "empty",
            Self::Refusal(_) => "refusal",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::Unreadable(_) => "unreadable",
            Self::InvalidJson(_) => "invalid_json",
            Self::SchemaViolation { .. } => "schema_violation",
            Self::TooLarge(_) => "too_large",
            Self::PromptCut { .. } => "prompt_cut",
            Self::BreakerOpen => "breaker_open",
            Self::Skipped(_) => "skipped",
        }
    }
}

/// A status as a word, so that metrics have few of them.
fn status_code(code: u16) -> &'static str {
    match code {
        400 => "bad_request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        408 => "request_timeout",
        413 => "request_too_large",
        422 => "unprocessable",
        429 => "too_many_requests",
        500..=599 => "server_error",
        _ => "unexpected_status",
    }
}

/// A provider's own words as they are kept: cut at the end of a character.
pub fn words(said: &str) -> String {
    let said = said.trim();
    match said.char_indices().nth(WORDS_LIMIT) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}

/// A text without a secret; nor, where it was [cut](words), with the beginning of one at its end.
fn hidden(text: &str, secret: &str) -> String {
    const TELLING: usize = 4;
    if secret.is_empty() {
        return text.to_owned();
    }
    let text = text.replace(secret, "<key>");
    let Some(cut) = text.strip_suffix('…') else { return text };
    let begun = (TELLING..secret.len()).rev().filter_map(|length| secret.get(..length));
    match begun.into_iter().find_map(|beginning| cut.strip_suffix(beginning)) {
        Some(rest) => format!("{rest}<key>…"),
        None => text,
    }
}

fn after_colon(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

/// What `Retry-After` says: seconds or a date (RFC 9110, 10.2.3; the two obsolete forms of a date are nothing). A date that is past is no wait.
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if header.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than that are longer than anybody waits.
        return (!header.is_empty()).then(|| Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let until = DateTimeParser::new().parse_timestamp(header).ok()?;
    Some(until.duration_since(now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> Failure {
        Failure::status(code, Some(Duration::from_secs(3)), "its words")
    }

    #[test]
    fn a_status_says_who_is_to_act() {
        for (code, callers_fault, tells_operator, retried) in [
            (400, true, false, false),
            (401, false, true, false),
            (403, false, true, false),
            (404, false, true, false),
            (408, false, false, true),
            (409, false, false, false),
            (413, true, false, false),
            (422, true, false, false),
            (429, false, false, true),
            (500, false, false, true),
            (503, false, false, true),
            (599, false, false, true),
            (307, false, false, false),
        ] {
            let failure = status(code);
            assert_eq!(failure.is_callers_fault(), callers_fault, "{code}");
            assert_eq!(failure.tells_operator(), tells_operator, "{code}");
            assert_eq!(failure.may_retry_after().is_some(), retried, "{code}");
        }
        assert_eq!(
            Failure::status(503, None, "").may_retry_after(),
            None,
            "nobody is asked twice who did not ask for it"
        );
    }

    #[test]
    fn each_failure_has_words_and_a_name_of_its_own() {
        let second = Duration::from_secs(1);
        let text = || "why".to_owned();
        let mut all = vec![
            Failure::ConnectionRefused,
            Failure::Unreachable(text()),
            Failure::Dns(text()),
            Failure::Tls(text()),
            Failure::Misconfigured(text()),
            Failure::Unsupported(text()),
            Failure::NotLocal(NotLocal::Host("a cloud")),
            Failure::NotLocal(NotLocal::Name),
            Failure::NotLocal(NotLocal::Unattested(text())),
            Failure::Broken(text()),
            Failure::Redirect(307),
            Failure::Truncated,
            Failure::ErrorInside(text()),
            Failure::Empty,
            Failure::Refusal(text()),
            Failure::Length,
            Failure::ContentFilter,
            Failure::Unreadable(text()),
            Failure::InvalidJson(text()),
            Failure::SchemaViolation { place: "/a".to_owned(), said: text() },
            Failure::TooLarge(1024),
            Failure::PromptCut { read_tokens: 1, context_tokens: 2 },
            Failure::BreakerOpen,
            Failure::Skipped(second),
        ];
        all.extend([400, 401, 403, 404, 408, 413, 422, 429, 500, 402].map(status));
        let waits = [Wait::Connect, Wait::FirstByte, Wait::FirstToken, Wait::Idle, Wait::Whole, Wait::Deadline];
        all.extend(waits.map(|wait| Failure::Timeout(wait, second)));
        let names: std::collections::BTreeSet<_> = all.iter().map(Failure::code).collect();
        assert_eq!(names.len(), all.len());
        for failure in &all {
            assert!(failure.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert!(failure.to_string().len() > 15, "{failure}");
        }
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_by_a_date() {
        let now = "1994-11-06T08:49:30Z".parse().unwrap();
        for (header, wait) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("-5", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(header, now), wait.map(Duration::from_secs), "{header}");
        }
    }

    #[test]
    fn a_secret_is_in_no_words_not_even_where_they_are_cut() {
        let key = "nvapi-0123456789";
        for (said, left) in [
            (format!("no such key: {key}!"), "no such key: <key>!".to_owned()),
            (format!("{}{key}", "x".repeat(990)), format!("{}<key>…", "x".repeat(990))),
            ("x".repeat(990), "x".repeat(990)),
        ] {
            let Failure::Status { words, .. } = Failure::status(401, None, &said).without(key) else {
                panic!("{said}")
            };
            assert_eq!(words, left);
        }
        assert_eq!(Failure::ErrorInside(key.to_owned()).without(key), Failure::ErrorInside("<key>".to_owned()));
        assert_eq!(Failure::Empty.without(key), Failure::Empty);
        assert_eq!(Failure::ErrorInside("a".to_owned()).without(""), Failure::ErrorInside("a".to_owned()));
    }

    #[test]
    fn a_providers_words_are_cut_at_the_end_of_a_character() {
        assert_eq!(words(" no \n"), "no");
        let cut = words(&"漂".repeat(2000));
        assert_eq!((cut.chars().count(), cut.ends_with("漂…")), (WORDS_LIMIT + 1, true));
    }
}
