//! Which values look like credentials, and so are shown as fingerprints only.

use crate::object::path::{Path, Step};
use crate::object::value::Value;

/// What a name holds, without its separators, whose value is a credential.
const NAMES: &[&str] = &[
    "accesskey",
    "accountkey",
    "apikey",
    "authkey",
    "credential",
    "encryptionkey",
    "hmackey",
    "masterkey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "sharedkey",
    "signingkey",
    "sshkey",
    "storagekey",
    "token",
];

/// Words of a name, between separators, that say the same.
const WORDS: &[&str] = &["pass", "pwd", "pw"];

/// Headers of HTTP that carry a credential.
const HEADERS: &[&str] = &["authorization", "cookie", "proxy-authorization"];

/// How well-known credentials begin.
const BEGINNINGS: &[&str] = &[
    "AKIA",
    "ASIA",
    "AIza",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "hvs.",
    "npm_",
    "sk-",
    "sk_live_",
    "rk_live_",
    "xoxb-",
    "xoxp-",
    "xapp-",
];

/// True if the value at `path` must not be shown, be it a credential or something that holds one.
pub fn is_credential(kind: &str, path: &Path, value: &Value<'_>) -> bool {
    let name = match path.0.as_slice() {
        [.., Step::Element { keys, .. }, Step::Field(value)] if value == "value" => element_name(keys),
        [.., Step::Field(map), Step::Field(key)] if map == "annotations" => Some(key.as_str()),
        [Step::Field(data), Step::Field(key)] if kind == "ConfigMap" && (data == "data" || data == "binaryData") => {
            Some(key.as_str())
        }
        _ => None,
    };
    holds(value, name)
}

/// True if anything in `value` is a credential. `name`: what it is called, where a name tells.
fn holds(value: &Value<'_>, name: Option<&str>) -> bool {
    match value {
        Value::String(text) => holds_credential(text) || (!text.is_empty() && name.is_some_and(names_credential)),
        Value::List(list) => {
            // `--password` and its value as two arguments.
            let flag = |at: usize| at.checked_sub(1).and_then(|before| list[before].value.as_str()).and_then(flag_name);
            list.iter().enumerate().any(|(at, node)| holds(&node.value, flag(at)))
        }
        Value::Map(map) => map.iter().any(|(key, node)| match (key, &node.value) {
            ("annotations", Value::Map(annotations)) => annotations.iter().any(|(key, n)| holds(&n.value, Some(key))),
            ("value", value) => holds(value, map.str("name")),
            (_, value) => holds(value, None),
        }),
        _ => false,
    }
}

fn element_name<'k>(keys: &'k [(String, Value<'static>)]) -> Option<&'k str> {
    keys.iter().find(|(key, _)| key == "name").and_then(|(_, value)| value.as_str())
}

/// The name of a flag whose value is the next argument.
fn flag_name(argument: &str) -> Option<&str> {
    argument.strip_prefix('-').filter(|_| !argument.contains(['=', ' ']))
}

fn names_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // `…Ref`, `…Name`, `…File`, `…Path` say where a credential is, not what it is.
    let points = ["ref", "name", "file", "path", "dir", "url", "ttl", "expiry"].iter().any(|end| name.ends_with(end));
    let separator = |c: char| !c.is_ascii_alphanumeric();
    let whole: String = name.split(separator).collect();
    HEADERS.contains(&name.as_str())
        || (!points && NAMES.iter().any(|known| whole.contains(known)))
        || (!points && name.split(separator).any(|word| WORDS.contains(&word)))
}

fn holds_credential(text: &str) -> bool {
    let ends_word = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',');
    text.contains("PRIVATE KEY-----")
        || text.split(['\n', ',', '{', '}', ';', '&']).any(states_credential)
        || text.split(ends_word).any(assigns_credential)
        || text.split(|c: char| ends_word(c) || c == '=').any(|word| is_known(word) || has_password(word))
}

/// Starts as well-known credentials do, and is long enough to be one.
fn is_known(word: &str) -> bool {
    BEGINNINGS.iter().any(|b| word.starts_with(b) && word.len() >= b.len() + 12)
}

/// `password: …`, `"token": "…"`, `secret = …` in a file of settings.
fn states_credential(part: &str) -> bool {
    let quotes = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    let Some((name, value)) = part.split_once([':', '=']) else { return false };
    let name = name.trim_start_matches(|c: char| c == '-' || quotes(c)).trim_end_matches(quotes);
    let name = name.strip_prefix("export ").unwrap_or(name);
    let value = value.trim_matches(quotes);
    !name.contains(char::is_whitespace) && is_clear(value) && names_credential(name)
}

/// `--password=…`
fn assigns_credential(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, value)| is_clear(value) && names_credential(name))
}

/// A value that is there, and is neither a reference such as `$(PASSWORD)` nor one of JSON's and YAML's words.
fn is_clear(value: &str) -> bool {
    let refers = value.starts_with(['$', '<', '{', '[', '|', '>', '&', '*', '%']);
    !value.is_empty() && !refers && !matches!(value, "null" | "true" | "false" | "~" | "[]")
}

/// `scheme://user:password@host`, or a credential in the user's place.
fn has_password(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or(rest);
    authority.rsplit_once('@').is_some_and(|(user, _)| {
        is_known(user) || user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_credential_is_one() {
        let env = |name: &str| {
            Path(vec![
                Step::Field("env".into()),
                Step::Element {
                    keys: vec![("name".into(), Value::String(name.to_owned().into()))],
                    ordinal: 1,
                    index: 0,
                },
                Step::Field("value".into()),
            ])
        };
        for (name, value, masked) in [
            ("DB_PASSWORD", "hunter2", true),
            ("LOG_LEVEL", "info", false),
            ("SECRET_NAME", "db", false),
            ("TOKEN", "", false),
            ("DSN", "postgres://app:hunter2@db/app", true),
            ("DSN", "postgres://db/app", false),
            ("X", "ghp_abcdefghijklmnopqrstuvwxyz", true),
            ("ARGS", "--verbose --db-password=hunter2", true),
            ("ARGS", "--db-password=$(PASSWORD) --token-ttl=60 --password-file=/run/p", false),
            ("DB_PASS", "hunter2", true),
            ("MYSQL_PWD", "hunter2", true),
            ("ENCRYPTION_KEY", "hunter2", true),
            ("BYPASS", "yes", false),
            ("CACHE_KEY", "v1", false),
            ("REMOTE", "https://ghp_abcdefghijklmnopqrstuvwxyz@github.com/a/b", true),
            ("SETTINGS", "user: app\npassword: hunter2\n", true),
            ("SETTINGS", r#"{"user":"app","password":"hunter2"}"#, true),
            ("SETTINGS", "export API_TOKEN='x1'\n", true),
            ("SETTINGS", "user: app\npassword: ${DB_PASSWORD}\npasswordFile: /run/p\n", false),
            ("SETTINGS", "password:\n  from: vault\ntoken: null\n", false),
            ("SETTINGS", "# the password: see the vault\n", false),
            ("AUTHORIZATION", "Basic YWRtaW46aHVudGVyMg==", true),
            ("AUTHORIZATION_MODE", "RBAC", false),
            ("X", "-----BEGIN RSA PRIVATE KEY-----\nabc", true),
        ] {
            let value = Value::String(value.to_owned().into());
            assert_eq!(is_credential("Deployment", &env(name), &value), masked, "{name}={value:?}");
        }
    }

    #[test]
    fn what_holds_a_credential_is_not_shown_either() {
        let at = |name: &str| Path(vec![Step::Field(name.into())]);
        for (json, masked) in [
            (r#"{"name":"web","env":[{"name":"API_TOKEN","value":"x"}]}"#, true),
            (
                r#"{"name":"web","env":[{"name":"API_TOKEN","valueFrom":{"secretKeyRef":{"name":"a","key":"token"}}}]}"#,
                false,
            ),
            (r#"{"path":"/","port":80,"httpHeaders":[{"name":"Authorization","value":"Basic YWRtaW4="}]}"#, true),
            (r#"[{"name":"Accept","value":"text/plain"},{"name":"cookie","value":"session=1"}]"#, true),
            (r#"[{"name":"Accept","value":"text/plain"}]"#, false),
            (r#"["--verbose","--api-token=x"]"#, true),
            (r#"["--verbose"]"#, false),
            (r#"["--password","hunter2"]"#, true),
            (r#"["--password-file","/run/p"]"#, false),
            (r#"[{"metadata":{"annotations":{"example.com/password":"x"}}}]"#, true),
            (r#"[{"secretName":"db-password","mountPath":"/secret"}]"#, false),
        ] {
            let value: Value<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(is_credential("Deployment", &at("containers"), &value), masked, "{json}");
        }
    }
}
