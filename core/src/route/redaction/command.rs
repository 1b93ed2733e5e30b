//! Flags of commands that take a password in a way of their own.

use super::assigned::Sign;
use super::random::is_chosen;
use super::value::{is_stand_in, value_at};
use super::{Find, Kind};

/// How far before a flag its command may stand.
const NEAR: usize = 400;

/// Flags, and the commands of which they take a password; with no commands, those of any.
const FLAGS: &[(&str, &[&str])] = &[
    (
        " -p ",
        &["sshpass", "login", "mongo", "redis-cli", "rabbitmqadmin", "influx", "kinit", "smbclient", "sqlcmd", "cqlsh"],
    ),
    (" -P ", &["sqlcmd", "bcp", "zip", "unzip"]),
    (" -a ", &["redis-cli"]),
    (" -w ", &["ldap", "wbinfo"]),
    (" -pass ", &["7z", "zip"]),
];

/// The first letters of all flags here.
pub(super) const ANCHORS: &[&str] =
    &[" -p", " -P ", " -a ", " -w ", "-u ", "--user ", "--user=", "--proxy-user ", "pass:", "from-literal="];

/// The password after a flag at `at`.
pub(super) fn find(text: &str, at: usize, anchor: &str) -> Option<Find> {
    let after = at + anchor.len();
    let found = |range: std::ops::Range<usize>| Find { range, kind: Kind::Password };
    match anchor {
        "-u " | "--user " | "--user=" | "--proxy-user " => login(text, after).map(found),
        "pass:" => openssl(text, at, after).map(found),
        "from-literal=" => literal(text, after).map(found),
        _ => flag(text, at).map(found),
    }
}

fn command_before(text: &str, at: usize) -> &str {
    let before = &text[text.floor_char_boundary(at.saturating_sub(NEAR))..at];
    before.rsplit(['\n', '|', ';', '&']).next().unwrap_or(before)
}

fn flag(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let command = command_before(text, at);
    let attached = ["mysql", "mariadb", "mysqldump", "mysqladmin", "7z"].iter().any(|name| command.contains(name));
    if attached && text[at..].starts_with(" -p") && !text[at..].starts_with(" -p ") {
        let (range, _) = value_at(text, at + 3, Sign::Space);
        return is_password(&text[range.clone()]).then_some(range);
    }
    let (flag, _) = FLAGS
        .iter()
        .find(|(flag, commands)| text[at..].starts_with(flag) && commands.iter().any(|name| command.contains(name)))?;
    let (range, _) = value_at(text, at + flag.len(), Sign::Space);
    is_password(&text[range.clone()]).then_some(range)
}

fn is_password(value: &str) -> bool {
    !value.is_empty() && !value.starts_with('-') && !is_stand_in(value)
}

/// The password of `-u user:password`, or the key of `-u key:`. `uid:gid` is none.
fn login(text: &str, after: usize) -> Option<std::ops::Range<usize>> {
    let (range, is_quoted) = value_at(text, after, Sign::Space);
    let login = &text[range.clone()];
    let (user, password) = login.split_once(':').filter(|_| !(login.starts_with('<') && login.ends_with('>')))?;
    if password.is_empty() {
        let beside = (!is_quoted).then(|| quoted(text, range.end)).flatten();
        let is_key = is_chosen(user).then(|| range.start..range.start + user.len());
        return beside.or(is_key);
    }
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_one = is_password(password) && !(is_number(user) && is_number(password)) && !password.starts_with("//");
    is_one.then(|| range.start + user.len() + 1..range.end)
}

/// The password of `user:'password'`, whose quote opens at `at` and closes before a blank.
fn quoted(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let quote = text[at..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (inside, behind) = text[at + 1..].lines().next()?.split_once(quote)?;
    let is_one = behind.chars().next().is_none_or(char::is_whitespace) && is_password(inside.trim());
    is_one.then(|| at + 1..at + 1 + inside.len())
}

/// `-passin pass:…` of openssl.
fn openssl(text: &str, at: usize, after: usize) -> Option<std::ops::Range<usize>> {
    let command = command_before(text, at);
    let (range, _) = value_at(text, after, Sign::Space);
    (command.ends_with(' ') && command.contains("-pass") && is_password(&text[range.clone()])).then_some(range)
}

/// `kubectl create secret generic … --from-literal=name=value`: all of them are secret.
fn literal(text: &str, after: usize) -> Option<std::ops::Range<usize>> {
    let command = command_before(text, after);
    let name = super::run::Letters::Name.end(text, after);
    if !text[name..].starts_with('=') || !command.contains("create secret") {
        return None;
    }
    let (range, _) = value_at(text, name + 1, Sign::Equals);
    is_password(&text[range.clone()]).then_some(range)
}
