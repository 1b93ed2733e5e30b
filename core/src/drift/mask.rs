//! Which values look like credentials, and so are shown as fingerprints only.

use crate::object::path::{Path, Step};
use crate::object::value::Value;
use crate::route::redaction::issued::CAPABILITIES;
use crate::route::redaction::name::{is_bare, is_reference, names_credential};
use crate::route::redaction::shows_secret;

/// Maps of which the keys are people's words and the values are no credentials, or are encrypted.
const OPEN_MAPS: &[&str] = &["encryptedData", "labels", "matchLabels", "nodeSelector", "selector"];

/// Flags of which the value is `user:password`.
const LOGIN_FLAGS: &[&str] = &["-u", "--user", "--proxy-user"];

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
    let mut fields = path.0.iter().rev().filter_map(|step| match step {
        Step::Field(name) => Some(name.as_str()),
        _ => None,
    });
    let (last, parent) = (fields.next(), fields.next());
    let is_reference = last == Some("secretKey") && kind.ends_with("ExternalSecret");
    let name = match path.0.as_slice() {
        [.., Step::Element { keys, .. }, Step::Field(value)] if value == "value" => element_name(keys),
        _ if is_reference || parent.is_some_and(|parent| OPEN_MAPS.contains(&parent)) => None,
        _ => last,
    };
    holds(value, name)
}

/// True if anything in `value` is a credential. `name`: what it is called, where a name tells.
fn holds(value: &Value<'_>, name: Option<&str>) -> bool {
    match value {
        Value::String(text) => holds_credential(text) || name.is_some_and(|name| is_named_credential(name, text)),
        // A token's lifetime is a number as well.
        Value::Number(_) => {
            name.is_some_and(|name| name.to_ascii_lowercase().ends_with("password") && names_credential(name))
        }
        Value::List(list) => list.iter().enumerate().any(|(at, node)| {
            // `--password` and its value as two arguments.
            let before = at.checked_sub(1).and_then(|before| list[before].value.as_str());
            let is_login =
                before.is_some_and(|flag| LOGIN_FLAGS.contains(&flag)) && node.value.as_str().is_some_and(is_login);
            is_login || holds(&node.value, before.and_then(flag_name).or(name))
        }),
        Value::Map(map) => map.iter().any(|(key, node)| match (key, &node.value) {
            ("value", value) => holds(value, map.str("name")),
            // An ExternalSecret's entry: the key to write, and where its value is.
            ("secretKey", value) if map.get("remoteRef").is_some() => holds(value, None),
            (_, Value::Map(open)) if OPEN_MAPS.contains(&key) => open.iter().any(|(_, node)| holds(&node.value, None)),
            (key, value) => holds(value, Some(key)),
        }),
        _ => false,
    }
}

fn is_named_credential(name: &str, text: &str) -> bool {
    let refers = is_reference(text) && !is_bare(text);
    !text.is_empty() && !refers && !matches!(text, "true" | "false" | "null") && names_credential(name)
}

fn element_name<'k>(keys: &'k [(String, Value<'static>)]) -> Option<&'k str> {
    keys.iter().find(|(key, _)| key == "name").and_then(|(_, value)| value.as_str())
}

/// The name of a flag whose value is the next argument.
fn flag_name(argument: &str) -> Option<&str> {
    argument.strip_prefix('-').filter(|_| !argument.contains(['=', ' ']))
}

fn holds_credential(text: &str) -> bool {
    let ends_word = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',');
    text.contains("PRIVATE KEY-----")
        || CAPABILITIES.iter().any(|known| text.split(known).skip(1).any(|rest| rest.len() >= 10))
        || states_credential(text)
        || names_login(text)
        || text.match_indices("://").any(|(at, _)| has_password(&text[at + 3..]))
        || text.split(|c: char| ends_word(c) || c == '=').any(is_known)
        || shows_secret(text)
}

/// Starts as well-known credentials do, and is long enough to be one.
fn is_known(word: &str) -> bool {
    BEGINNINGS.iter().any(|b| word.starts_with(b) && word.len() >= b.len() + 12)
}

/// `password: …`, `"token": "…"`, `secret = …`, `--password=…` or `<password>…` anywhere in a text of settings.
fn states_credential(text: &str) -> bool {
    text.match_indices([':', '=', '>']).any(|(at, sign)| {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let line = before.rsplit('\n').next().unwrap_or(before);
        let Some(name) = name_before(line, sign) else { return false };
        names_credential(name) && is_clear(after, sign)
    })
}

/// The name that a sign gives a value to. In prose a colon follows a word that is no name.
fn name_before<'t>(line: &'t str, sign: &str) -> Option<&'t str> {
    let quotes = |c: char| matches!(c, '"' | '\'' | '\\');
    let line = line.trim_end().trim_end_matches(quotes);
    let ends = |c: char| {
        c.is_whitespace() || quotes(c) || matches!(c, ',' | ';' | '&' | '?' | '{' | '}' | '[' | '(' | '<' | '>')
    };
    let start = line.rfind(ends).map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
    let (lead, name) = line.split_at(start);
    match sign {
        ">" => lead.ends_with('<').then_some(name),
        "=" => Some(name),
        _ => {
            let lead = lead.trim_end_matches(|c: char| c.is_whitespace() || quotes(c) || c == '-');
            (lead.is_empty() || lead.ends_with([',', ';', '&', '?', '{', '[']) || lead == "export").then_some(name)
        }
    }
}

/// True if a value stands after a sign that is neither a reference such as `$(PASSWORD)` nor a word of JSON or YAML.
fn is_clear(after: &str, sign: &str) -> bool {
    let (line, below) = after.split_once('\n').unwrap_or((after, ""));
    let value = line.trim().trim_start_matches('\\');
    if let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inner = value[1..].split(quote).next().unwrap_or_default().trim_end_matches('\\');
        // In quotes a dollar or a percent sign is a letter like any other, but for what a template fills in.
        return !inner.is_empty() && (is_bare(inner) || !is_reference(inner));
    }
    if sign == ">" {
        let inner = value.split('<').next().unwrap_or_default();
        return !inner.is_empty() && !is_reference(inner);
    }
    let is_word = |value: &str| matches!(value, "null" | "true" | "false" | "~" | "[]" | "{}" | "[" | "{" | "none");
    if sign == ":" && (value.is_empty() || value.starts_with(['|', '>'])) {
        return is_block(below, value);
    }
    if sign == ":" {
        if value.starts_with(['[', '{']) && !value.starts_with("{{") || value.starts_with('#') {
            return false;
        }
        if value.starts_with(['&', '!']) {
            return value.split_once(' ').is_some_and(|(_, value)| is_clear(value, sign));
        }
        if value.starts_with('*') && value[1..].chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
            return false;
        }
    }
    if value.starts_with("{{") || value.starts_with("${") || value.starts_with("$(") {
        let close = if value.starts_with("{{") {
            "}}"
        } else if value.starts_with("${") {
            "}"
        } else {
            ")"
        };
        let end = value.find(close).map_or(value.len(), |at| at + close.len());
        return !is_reference(&value[..end]);
    }
    // The next parameter of an address, or the next entry: there is no value.
    if value.starts_with([',', '}', ']', ')', ';']) || (value.starts_with('&') && value.contains('=')) {
        return false;
    }
    let end = value
        .char_indices()
        .find(|(at, c)| *at > 0 && (c.is_whitespace() || matches!(c, ',' | ';' | '}' | '&' | '"' | '\'')));
    let value = end.map_or(value, |(at, _)| &value[..at]);
    !value.is_empty() && !is_word(value) && !is_reference(value)
}

/// True if the lines below are a YAML text, not a map or list.
fn is_block(below: &str, indicator: &str) -> bool {
    let Some(first) = below.lines().find(|line| !line.trim().is_empty()) else { return false };
    let line = first.trim();
    if !first.starts_with([' ', '\t']) || is_reference(line) {
        return false;
    }
    let is_structure =
        line.contains(": ") || line.ends_with(':') || line.starts_with(['-', '#', '{', '[', '}', ']', '"']);
    !indicator.is_empty() || !is_structure
}

/// `requirepass …` of redis.conf, `--password …` and `-u user:…` in a command line.
fn names_login(text: &str) -> bool {
    text.lines().any(|line| {
        let mut before = "";
        line.split_whitespace().enumerate().any(|(at, word)| {
            let flag = std::mem::replace(&mut before, word);
            let directive = at == 1 && matches!(flag.to_ascii_lowercase().as_str(), "requirepass" | "masterauth");
            let names = directive || flag.starts_with("--") && !flag.contains(['=', ':']) && names_credential(flag);
            (names && !word.starts_with("--") && is_clear(word, " ")) || (LOGIN_FLAGS.contains(&flag) && is_login(word))
        })
    })
}

/// `user:password`, and not `uid:gid`.
fn is_login(word: &str) -> bool {
    let word = word.trim_matches(['"', '\'']);
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    word.split_once(':').is_some_and(|(user, password)| {
        let is_ids = is_number(user) && is_number(password);
        !is_ids && !password.is_empty() && !is_reference(password)
    })
}

/// `user:password@host` after a scheme, or a credential in the user's place. A password may hold a slash.
fn has_password(rest: &str) -> bool {
    let rest = rest.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<')).next().unwrap_or(rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    if let Some((user, _)) = authority.rsplit_once('@') {
        return is_known(user)
            || user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !is_reference(password));
    }
    let Some((user, password)) = rest.rsplit_once('@').and_then(|(login, _)| login.split_once(':')) else {
        return false;
    };
    // `registry:5000/app@sha256:…` has a port and a path.
    let after_port = password.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_port =
        after_port.len() < password.len() && (after_port.is_empty() || after_port.starts_with(['/', ',', '?']));
    !user.contains('/') && !is_port && !password.is_empty() && !password.contains("://")
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
            ("PGPASS", "db:5432:app:app:x", true),
            ("SETTINGS", "db.password=%LEAKME1", true),
            ("SETTINGS", "db.password=&LEAKME1", true),
            ("SETTINGS", "password: '$LEAKME2'", true),
            ("SETTINGS", "password: \"*LEAKME3\"", true),
            ("SETTINGS", "password: \"{LEAK,ME\"", true),
            ("SETTINGS", "password: |\n  leakme\nuser: app", true),
            ("SETTINGS", "password: &p leakme", true),
            ("SETTINGS", "password: ${DB_PASSWORD:-leakme}", true),
            ("SETTINGS", "password: *alias\ntoken: $TOKEN\n", false),
            ("SETTINGS", "password=%PASSWORD%\ntoken={{ .token }}\n", false),
            ("SETTINGS", "password: \"${DB_PASSWORD}\"\ntoken: '{{ .token }}'", false),
            ("SETTINGS", "passwordPolicy: strong\ntokenizer: x\nsecretName: tls\nuser: admin", false),
            ("DB_PASSWORD", "$LEAKME", true),
            ("DB_PASSWORD", "$(a)leakme$(b)", true),
            ("DB_PASSWORD", "$(PASSWORD)", false),
            ("SETTINGS", "port 6379\nrequirepass x", true),
            ("SETTINGS", "masterauth x", true),
            ("SETTINGS", "requirepass $(PASSWORD)", false),
            ("SETTINGS", "<user>a</user><password>x</password>", true),
            ("SETTINGS", "<password></password><password>${P}</password>", false),
            ("SETTINGS", "curl -u admin:x https://example.com", true),
            ("SETTINGS", "docker run -u 1000:1000 -u app x", false),
            ("SETTINGS", "redis-server --requirepass x", true),
            ("SETTINGS", "run --password-file /run/p --token-ttl 60", false),
            ("DSN", "postgres://app:LEAKME/4@db/x", true),
            ("DSN", "postgres://app:a=b,c@db/x", true),
            ("DSN", "postgres://app:$(PASSWORD)@db/x", false),
            ("X", "oci://registry:5000/app@sha256:4b1f", false),
            ("X", "https://hooks.slack.com/services/T000/B000/abcdef", true),
            ("X", "https://hooks.example.com/x", false),
            ("X", "app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", false),
            ("X", "0e2ff1c4-6f0f-4d0b-8d6e-0d5a3f1f9a11", false),
        ] {
            let value = Value::String(value.to_owned().into());
            assert_eq!(is_credential("Deployment", &env(name), &value), masked, "{name}={value:?}");
        }
    }

    #[test]
    fn a_field_of_any_kind_that_is_called_so_is_a_credential() {
        for (field, masked) in [
            ("postgresPassword", true),
            ("adminpassword", true),
            ("password", true),
            ("clientSecret", true),
            ("awsSecretKey", true),
            ("secretKey", true),
            ("secretName", false),
            ("tlsSecretName", false),
            ("name", false),
            ("key", false),
            ("existingSecret", false),
            ("existingSecretPasswordKey", false),
            ("passwordSecretKey", false),
            ("passwordSecretRef", false),
            ("adminPasswordKey", false),
            ("imagePullSecrets", false),
            ("tokenExpirationSeconds", false),
            ("csi.storage.k8s.io/provisioner-secret-name", false),
            ("csi.storage.k8s.io/provisioner-secret-namespace", false),
            ("passwordPolicy", false),
            ("tokenizer", false),
            ("user", false),
        ] {
            let path = Path::of_fields(&["spec", "values", "auth", field]);
            let value = Value::String("leakme".into());
            assert_eq!(is_credential("HelmRelease", &path, &value), masked, "{field}");
            let json = format!(r#"[{{"auth":{{"{field}":"leakme"}}}}]"#);
            let whole: Value<'_> = serde_json::from_str(&json).unwrap();
            assert_eq!(is_credential("HelmRelease", &Path::of_fields(&["spec", "list"]), &whole), masked, "in {field}");
        }
        let reference = Path::of_fields(&["spec", "data", "secretKey"]);
        assert!(!is_credential("ExternalSecret", &reference, &Value::String("password".into())));
        let label = Path::of_fields(&["metadata", "labels", "token"]);
        assert!(!is_credential("Pod", &label, &Value::String("x".into())));
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
