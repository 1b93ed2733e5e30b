//! Addresses: passwords in URLs, e-mail, and names of internal hosts.

use super::random::{is_hex, is_name, is_random};
use super::run::Letters;
use super::value::is_stand_in;
use super::{Find, Kind};

/// No address is looked at further.
const MOST: usize = 512;

/// The password, or the credential in the user's place, after `://` at `at`.
pub(super) fn find_password(text: &str, at: usize) -> Option<Find> {
    let start = at + 3;
    let limit = text.floor_char_boundary((start + MOST).min(text.len()));
    let rest = &text[start..limit];
    if !rest.contains('@') {
        return None;
    }
    let rest = rest.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<')).next().unwrap_or(rest);
    let found = |from: usize, to: usize| Find { range: start + from..start + to, kind: Kind::UrlPassword };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if let Some((login, _)) = authority.rsplit_once('@') {
        return match login.split_once(':') {
            Some((user, password)) => is_password(password).then(|| found(user.len() + 1, login.len())),
            None => is_key(login).then(|| found(0, login.len())),
        };
    }
    // A password may hold a slash.
    let (login, _) = rest.rsplit_once('@')?;
    let (user, password) = login.split_once(':')?;
    let is_one = !user.contains(['/', '?']) && !begins_with_port(password) && !password.contains("://");
    (is_one && is_password(password)).then(|| found(user.len() + 1, login.len()))
}

/// `registry:5000/app@sha256:…` has a port and a path.
fn begins_with_port(password: &str) -> bool {
    let after = password.trim_start_matches(|c: char| c.is_ascii_digit());
    after.len() < password.len() && (after.is_empty() || after.starts_with(['/', ',', '?']))
}

fn is_password(password: &str) -> bool {
    !password.is_empty() && (!is_stand_in(password) || matches!(password, "password" | "secret" | "token" | "default"))
}

/// A token in the user's place: `https://TOKEN@github.com`.
fn is_key(user: &str) -> bool {
    !is_stand_in(user)
        && ((user.len() >= 20 && is_hex(user))
            || is_random(user, 16)
            || (user.len() >= 16 && !is_name(user) && user.bytes().any(|b| b.is_ascii_digit())))
}

/// The user and password of `jdbc:oracle:thin:app/password@…`, after the scheme.
pub(super) fn find_oracle(text: &str, start: usize) -> Option<Find> {
    let rest = text[start..].split(char::is_whitespace).next()?;
    let (login, _) = rest.split_once('@')?;
    let (user, password) = login.split_once('/')?;
    let range = start + user.len() + 1..start + login.len();
    is_password(password).then_some(Find { range, kind: Kind::UrlPassword })
}

/// The e-mail address around an `@` at `at`.
pub(super) fn find_mail(text: &str, at: usize) -> Option<Find> {
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte);
    let floor = text.floor_char_boundary(at.saturating_sub(64));
    let before = &text.as_bytes()[floor..at];
    let start = floor + before.iter().rposition(|byte| !is_local(*byte)).map_or(0, |last| last + 1);
    let start = after_escape(text, start);
    let domain = at + 1;
    let run = Letters::Name.end(text, domain).min(text.floor_char_boundary(domain + 253));
    let host = text[domain..run].split(['/', '_']).next().unwrap_or_default().trim_end_matches(['.', '-']);
    let local = text[start..at].trim_start_matches(['.', '-', '+', '%']);
    let start = at - local.len();
    let end = domain + host.len();
    let is_mail = !local.is_empty() && is_domain(host) && !is_login(text, start, end, local);
    is_mail.then_some(Find { range: start..end, kind: Kind::Email })
}

/// `\nops@example.com` in a text of JSON.
fn after_escape(text: &str, start: usize) -> usize {
    let is_escape = text[..start].ends_with('\\') && text[start..].starts_with(['n', 't', 'r']);
    start + usize::from(is_escape)
}

fn is_domain(host: &str) -> bool {
    const UNITS: &[&str] = &["service", "socket", "timer", "mount", "target", "slice", "scope", "device", "path"];
    let labels: Vec<&str> = host.split('.').collect();
    let Some((last, rest)) = labels.split_last() else { return false };
    let is_label = |label: &&str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_top = last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()) && !UNITS.contains(last);
    !rest.is_empty() && rest.iter().all(is_label) && is_top
}

/// `git@github.com:team/app.git`, and the user of a URL.
fn is_login(text: &str, start: usize, end: usize, local: &str) -> bool {
    let before = &text[text.floor_char_boundary(start.saturating_sub(128))..start];
    let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).next().unwrap_or(before);
    (local == "git" && text[end..].starts_with([':', '/'])) || (word.contains("://") && !word.contains(['?', '=']))
}

/// Names of hosts that end as one of `suffixes`, such as `corp.example`.
pub(super) fn find_hosts(text: &str, suffixes: &[String], found: &mut Vec<Find>) {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    for run in text.split(ends) {
        let host = run.trim_matches(['.', '-']);
        let lower = host.to_ascii_lowercase();
        let is_inside =
            suffixes.iter().any(|end| lower.strip_suffix(end.as_str()).is_some_and(|name| name.ends_with('.')));
        if is_inside {
            let start = host.as_ptr() as usize - text.as_ptr() as usize;
            found.push(Find { range: start..start + host.len(), kind: Kind::Host });
        }
    }
}
