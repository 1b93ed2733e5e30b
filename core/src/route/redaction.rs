//! What must not leave is replaced before it does: in prompts, logs, traces and notifications.
//!
//! A [`Redactor`] knows what secrets look like, and which ones there are (by their keyed fingerprints). A
//! [`Conversation`] gives each value a placeholder, `<SECRET_1>`, which stays the same as long as it lasts: a model can
//! speak of a secret without having it. Only [`Conversation::restore`] turns placeholders back, into a type that shows
//! itself nowhere by accident. A text that nobody answers is made clean by [`Redactor::clean`].
//!
//! How a secret is told from a word: by its issuer's beginning (`issued`), by the name it is given to (`assigned`,
//! `name`, `line`), by where it stands (`address`, `header`, `command`), by what it is (`key`, `coded`), by having been
//! seen in a Secret (`known`) or before (`echo`), and last by its shape (`random`).

mod address;
mod assigned;
mod coded;
mod command;
mod echo;
mod header;
pub(crate) mod issued;
mod key;
mod known;
mod line;
mod manifest;
pub(crate) mod name;
mod placeholder;
mod random;
mod run;
mod scan;
mod stream;
mod unit;
mod value;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

pub use stream::{StreamRedactor, StreamRestorer};

use crate::object::known_secrets::KnownSecrets;
use crate::object::secret::SecretKey;
use known::Known;
use line::Carry;
use placeholder::{Table, parse};
use unit::{Cursor, merged};

/// What kind of thing was replaced, as it is counted in the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A value of a scanned Secret.
    Known,
    /// A private key.
    PrivateKey,
    /// A key or token of a cloud or of a store of secrets.
    CloudKey,
    /// A token or webhook of a forge, chat, registry, model or other service.
    ServiceToken,
    /// A JSON Web Token, such as a ServiceAccount's.
    WebToken,
    /// A credential of a header of HTTP.
    HttpCredential,
    /// A password in an address.
    UrlPassword,
    /// A hash of a password.
    PasswordHash,
    /// A value that its name says is a credential.
    Password,
    /// A text in base64 that holds a secret.
    Coded,
    /// A token that looks random.
    Random,
    /// A secret of before that stands again where nothing else would tell.
    Repeated,
    /// An e-mail address.
    Email,
    /// The name of an internal host.
    Host,
    /// What looked like a placeholder and was none.
    Quoted,
}

/// Something that must not leave, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Find {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
}

/// What to look for.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    known: Option<Known>,
    hosts: Vec<String>,
    spared: BTreeSet<Kind>,
}

impl Redactor {
    /// Looks for what secrets look like.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks for values of scanned Secrets too: those that are known with this key by then.
    #[must_use]
    pub fn with_known(mut self, key: SecretKey, values: KnownSecrets) -> Self {
        self.known = Some(Known::new(key, values));
        self
    }

    /// Looks for names of internal hosts too: those below these domains, such as `corp.example` and `svc.cluster.local`.
    #[must_use]
    pub fn with_internal_domains(mut self, domains: impl IntoIterator<Item = String>) -> Self {
        self.hosts = domains.into_iter().map(|domain| domain.trim_start_matches('.').to_ascii_lowercase()).collect();
        self
    }

    /// Leaves these kinds where they are.
    #[must_use]
    pub fn sparing(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.spared.extend(kinds);
        self
    }

    /// The same one for texts in which ids, names and addresses are what people look for, as logs are: it looks for what is a
    /// secret by its form or by its name, and not for what only looks random.
    #[must_use]
    pub fn for_logs(self) -> Self {
        self.sparing([Kind::Random, Kind::Email, Kind::Host, Kind::Quoted])
    }

    /// The text with `<SECRET>` for everything that must not leave, where nobody answers and no placeholder comes back.
    pub fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut cursor = Cursor::default();
        let (mut out, mut done) = (String::new(), 0);
        while let Some((_, finds)) = cursor.step(self, text, true) {
            for find in finds {
                out.push_str(&text[done..find.range.start]);
                out.push_str("<SECRET>");
                done = find.range.end;
            }
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }

    fn scan(&self, text: &str, carry: Option<&mut Carry>) -> Vec<Find> {
        let mut finds = scan::scan(text, carry);
        if let Some(known) = &self.known {
            known.find(text, &mut finds);
        }
        if !self.hosts.is_empty() {
            address::find_hosts(text, &self.hosts, &mut finds);
        }
        if !self.spared.is_empty() {
            finds.retain(|find| !self.spared.contains(&find.kind));
        }
        finds
    }
}

/// True if a value holds what is a secret beyond doubt: an issuer's token, a key, a hash of a password, base64 of such.
/// What only looks random is none, and what its name makes one is the caller's to say.
pub(crate) fn shows_secret(value: &str) -> bool {
    let told = |kind| !matches!(kind, Kind::Random | Kind::Password | Kind::Email | Kind::Host | Kind::Quoted);
    scan::scan(value, None).iter().any(|find| told(find.kind))
}

/// A part of a text that is looked at for itself, and what was found in it.
type Unit = (Range<usize>, Vec<Find>);

/// Texts that belong together: the same value has the same placeholder in all of them.
#[derive(Clone)]
pub struct Conversation {
    redactor: Arc<Redactor>,
    table: Table,
    counts: BTreeMap<Kind, u64>,
    keeps_placeholders: bool,
}

impl Conversation {
    /// Begins a conversation without placeholders.
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, table: Table::default(), counts: BTreeMap::new(), keeps_placeholders: false }
    }

    /// The text with a placeholder for everything that must not leave. A value that is named a secret anywhere in it is
    /// replaced everywhere in it. What looks like a placeholder already becomes `<QUOTED_1>`.
    pub fn redact(&mut self, text: &str) -> String {
        let units = self.survey(text);
        self.written(text, units)
    }

    /// Redacts texts that are passed on together: what is named a secret in one of them is replaced in all.
    pub fn redact_together(&mut self, texts: &mut [&mut String]) {
        let surveyed: Vec<Vec<Unit>> = texts.iter().map(|text| self.survey(text)).collect();
        for (text, units) in texts.iter_mut().zip(surveyed) {
            **text = self.written(text, units);
        }
    }

    /// Redacts a text that this conversation's own texts are part of, such as a model's answer: its placeholders stay.
    pub fn redact_answer(&mut self, text: &str) -> String {
        self.keeps_placeholders = true;
        let redacted = self.redact(text);
        self.keeps_placeholders = false;
        redacted
    }

    /// Finds what a text holds, and has a placeholder for each value from now on.
    fn survey(&mut self, text: &str) -> Vec<Unit> {
        let mut cursor = Cursor::default();
        let mut units = Vec::new();
        while let Some((range, finds)) = cursor.step(&self.redactor, text, true) {
            for find in self.spared(text, finds.clone()) {
                self.table.placeholder(find.kind, &text[find.range]);
            }
            units.push((range, finds));
        }
        units
    }

    fn written(&mut self, text: &str, units: Vec<Unit>) -> String {
        let mut out = String::with_capacity(text.len());
        for (range, finds) in units {
            self.write(text, range, finds, &mut out);
        }
        out
    }

    /// Writes a unit with placeholders.
    fn write(&mut self, text: &str, unit: Range<usize>, mut finds: Vec<Find>, out: &mut String) {
        let mut again = Vec::new();
        self.table.find_again(&text[unit.clone()], &mut again);
        finds.extend(
            again.into_iter().map(|find| Find {
                range: find.range.start + unit.start..find.range.end + unit.start,
                kind: find.kind,
            }),
        );
        let mut at = unit.start;
        for find in self.spared(text, merged(finds)) {
            out.push_str(&text[at..find.range.start]);
            let placeholder = self.table.placeholder(find.kind, &text[find.range.clone()]);
            out.push_str(&placeholder.to_string());
            *self.counts.entry(find.kind).or_default() += 1;
            at = find.range.end;
        }
        out.push_str(&text[at..unit.end]);
    }

    /// Without this conversation's own placeholders, where they are to stay.
    fn spared(&self, text: &str, finds: Vec<Find>) -> Vec<Find> {
        if !self.keeps_placeholders {
            return finds;
        }
        finds.into_iter().flat_map(|find| self.around_own(text, &find)).collect()
    }

    fn around_own(&self, text: &str, find: &Find) -> Vec<Find> {
        let mut parts = Vec::new();
        let mut start = find.range.start;
        for (at, _) in text[find.range.clone()].match_indices('<') {
            let at = find.range.start + at;
            let Some((placeholder, length)) = parse(&text[at..find.range.end]) else { continue };
            if self.table.value(placeholder).is_some() {
                parts.push(start..at);
                start = at + length;
            }
        }
        parts.push(start..find.range.end);
        parts.into_iter().filter(|range| !range.is_empty()).map(|range| Find { range, kind: find.kind }).collect()
    }

    /// How many of each kind were replaced so far.
    pub fn counts(&self) -> &BTreeMap<Kind, u64> {
        &self.counts
    }

    /// What tells a model of placeholders.
    pub fn legend() -> &'static str {
        LEGEND
    }

    /// Turns placeholders back, for the local page.
    pub fn restore(&self, text: &str) -> Restored {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (at, _) in text.match_indices('<') {
            let Some((placeholder, length)) = parse(&text[at..]) else { continue };
            let Some(value) = self.table.value(placeholder) else { continue };
            out.push_str(&text[done..at]);
            out.push_str(value);
            done = at + length;
        }
        out.push_str(&text[done..]);
        Restored(out)
    }
}

const LEGEND: &str = "Some values in these messages are replaced by placeholders: <SECRET_n> stands for a secret, <EMAIL_n> for an \
e-mail address, <HOST_n> for a host name, <QUOTED_n> for a text that only looked like a placeholder. The same placeholder \
always stands for the same value. Copy placeholders exactly as they are, do not guess what they stand for, and do not \
make up new ones.";

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// A text with the values back in place of their placeholders: for the local page alone. It has no `Display`, and its
/// `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Restored(String);

impl Restored {
    /// The text, for somebody who may see the secrets.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Restored(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test secrets are put together here, so that no scanner takes this file for a leak.
    fn joined(pieces: &[&str]) -> String {
        pieces.concat()
    }

    fn redacted(text: &str) -> String {
        Conversation::new(Arc::new(Redactor::new())).redact(text)
    }

    #[test]
    fn a_secret_is_replaced_where_it_stands() {
        let ghp = joined(&["gh", "p_", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"]);
        for (text, secret, expected) in [
            ("password: hunter2", "", "password: <SECRET_1>"),
            ("DB_PASSWORD=hunter2 ./run", "", "DB_PASSWORD=<SECRET_1> ./run"),
            (r#"{"user":"a","password":"hunter2","port":1}"#, "", r#"{"user":"a","password":"<SECRET_1>","port":1}"#),
            (r#"{\"password\":\"hun\\\"ter2\",\"a\":1}"#, "", r#"{\"password\":\"<SECRET_1>\",\"a\":1}"#),
            ("postgres://app:hunter2@db/app", "", "postgres://app:<SECRET_1>@db/app"),
            ("curl -u admin:hunter2 https://x", "", "curl -u admin:<SECRET_1> https://x"),
            ("run --password hunter2 --port 80", "", "run --password <SECRET_1> --port 80"),
            (r#"["--password","hunter2"]"#, "", r#"["--password","<SECRET_1>"]"#),
            ("Authorization: Basic YWRtaW46aHVudGVyMg==", "", "Authorization: Basic <SECRET_1>"),
            ("- name: DB_PASSWORD\n  value: hunter2\n", "", "- name: DB_PASSWORD\n  value: <SECRET_1>\n"),
            (r#"{"name":"DB_PASSWORD","value":"hunter2"}"#, "", r#"{"name":"DB_PASSWORD","value":"<SECRET_1>"}"#),
            ("password: |\n  hunter2\nuser: a", "", "password: |\n  <SECRET_1>\nuser: a"),
            ("- --password\n- hunter2\n", "", "- --password\n- <SECRET_1>\n"),
            ("mail ops@example.com.", "", "mail <EMAIL_1>."),
            (r"C:\keys\token=hunter2", "", r"C:\keys\token=<SECRET_1>"),
            (r"a=1\npassword=hunter2", "", r"a=1\npassword=<SECRET_1>"),
            // Ways of writing that gitleaks tries its rules on: github.com/gitleaks/gitleaks/blob/v8.28.0/cmd/generate/secrets/regen.go
            ("PASSWORD ::= hunter2", "", "PASSWORD ::= <SECRET_1>"),
            ("PASSWORD :::= hunter2", "", "PASSWORD :::= <SECRET_1>"),
            (r#"$dbPassword .= "hunter2";"#, "", r#"$dbPassword .= "<SECRET_1>";"#),
            (r#"var dbPassword string = "hunter2""#, "", r#"var dbPassword string = "<SECRET_1>""#),
            ("password: Optional[str] = 'hunter2'", "", "password: Optional[str] = '<SECRET_1>'"),
            (r#"const PASSWORD: &'static str = "hunter2";"#, "", r#"const PASSWORD: &'static str = "<SECRET_1>";"#),
            ("<dbPassword>\n  hunter2\n</dbPassword>", "", "<dbPassword>\n  <SECRET_1>\n</dbPassword>"),
            ("--set imagePullSecret.password=hunter2", "", "--set imagePullSecret.password=<SECRET_1>"),
            ("token: '1807323099702278'", "", "token: '<SECRET_1>'"),
            (r#"curl -u "${USER}:hunter2" https://x"#, "", r#"curl -u "${USER}:<SECRET_1>" https://x"#),
            ("curl -u vault:hunter2 https://x", "", "curl -u vault:<SECRET_1> https://x"),
            (r#""cmd": "curl -u d2LkV78zLx!t:""#, "", r#""cmd": "curl -u <SECRET_1>:""#),
            (r#"password: hunter2 user = "bob""#, "", r#"password: <SECRET_1> user = "bob""#),
            (r#"--password hunter2 user = "bob""#, "", r#"--password <SECRET_1> user = "bob""#),
            ("password: abc00000000", "", "password: <SECRET_1>"),
            (r#"curl -u "d2LkV78zLx!t:" https://x"#, "", r#"curl -u "<SECRET_1>:" https://x"#),
            ("curl --user ann:'hunter 2' https://x", "", "curl --user ann:'<SECRET_1>' https://x"),
            ("the token {} leaked", &ghp, "the token <SECRET_1> leaked"),
            ("a <SECRET_1> b", "", "a <QUOTED_1> b"),
        ] {
            assert_eq!(redacted(&text.replace("{}", secret)), expected, "{text}");
        }
    }

    #[test]
    fn a_log_loses_its_secrets_and_keeps_what_people_look_for() {
        let logs = Redactor::new().with_internal_domains(["corp.example".to_owned()]).for_logs();
        let hash = joined(&["x7Kq2mPz9Rt4", "Vb8Nc3Ls6Wd1", "Fg5Hj0Ya"]);
        for (text, expected) in [
            (
                "scan failed reason=\"postgres://app:hunter2@db/app\"",
                Some("scan failed reason=\"postgres://app:<SECRET>@db/app\""),
            ),
            (
                r#"{"reason":"refused: {\"password\":\"hunter2\"}"}"#,
                Some(r#"{"reason":"refused: {\"password\":\"<SECRET>\"}"}"#),
            ),
            ("by=ann@example.com on nim.corp.example answered", None),
            (&format!("checkpoint of the audit text={hash}"), None),
            ("a <SECRET_1> b", None),
        ] {
            assert_eq!(logs.clean(text), expected.unwrap_or(text), "{text}");
        }
        assert!(matches!(logs.clean("nothing to see"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_spared_stays() {
        let mut conversation = Conversation::new(Arc::new(Redactor::new().sparing([Kind::Email])));
        assert_eq!(
            conversation.redact("password: hunter2 of ann@example.com"),
            "password: <SECRET_1> of ann@example.com"
        );
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "password: $(DB_PASSWORD)",
            "password: ${DB_PASSWORD}",
            "PASSWORD=",
            "password: '***'",
            "token: null",
            "secretName: web-tls",
            "commit 0b6e1f1a7c0d4f6f9a1de0f2a5b7c3d4e5f60718",
            "app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "uid: 0e2ff1c4-6f0f-4d0b-8d6e-0d5a3f1f9a11",
            "git@github.com:team/app.git",
            "pod web-7d4b9c6f5-x2k9z restarted",
            "password: must be at least 8 letters",
            "invalid password for user app",
            "the token expired at 2026-01-01T00:00:00Z",
            "org.springframework.beans.factory.UnsatisfiedDependencyException",
            "prompt_tokens: 1234",
            "secret \"web-tls-7f9c4\" not found",
            "automountServiceAccountToken: true",
            "credentialsId: 'jenkins-deploy'",
            "CREDENTIALS_ID = \"K8S_CRED\"",
            "API_KEY=pplx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "client_secret=bP88Q~xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "key = AKIAXXXXXXXXXXXXXXXX",
            "curl -u <user:password> https://x",
            "curl -sL --user \"$1:$2\" https://x",
            "curl -H \"Authorization: Bearer <your API token>\" https://x",
            r#"invalid password for user = "alice""#,
            "image: shop/web:sdk-0b6e1f1a7c0d4f6f9a1de0f2a5b7c3d4e5f60718",
            r#"{"tokens_per_second": 45.123456789012345, "cost_per_token": 0.00000312345678901}"#,
            "token_issued_at=1735689600123456789",
            "      --db-password <DB_PASSWORD>\n          Superuser password\n",
            "--set adminPassword.secretKey=admin-password",
            r#"["curl -u ann:", "https://x"]"#,
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
