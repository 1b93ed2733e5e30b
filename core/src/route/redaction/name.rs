//! What names say of their values: which are credentials, and which values only refer to one.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// What a name holds, without its separators, whose value is a credential.
const NAMES: &[&str] = &[
    "accesskey",
    "accountkey",
    "apikey",
    "authkey",
    "credential",
    "encryptionkey",
    "hmackey",
    "masterauth",
    "masterkey",
    "passphrase",
    "passwd",
    "password",
    "pgpass",
    "privatekey",
    "requirepass",
    "secret",
    "sharedkey",
    "signingkey",
    "sshkey",
    "storagekey",
    "token",
];

/// How a name ends that says where a credential is or what is asked of it, and not what it is.
const POINTERS: &[&str] = &[
    "algorithm",
    "annotations",
    "audience",
    "class",
    "count",
    "credentialid",
    "credentialsid",
    "dir",
    "duration",
    "enabled",
    "endpoint",
    "engine",
    "expiry",
    "field",
    "file",
    "format",
    "header",
    "interval",
    "kind",
    "length",
    "lifetime",
    "mode",
    "mount",
    "name",
    "names",
    "namespace",
    "path",
    "policy",
    "prefix",
    "property",
    "provider",
    "ref",
    "refs",
    "seconds",
    "size",
    "store",
    "suffix",
    "template",
    "timeout",
    "ttl",
    "type",
    "uri",
    "url",
    "version",
];

/// What a name holds that only sounds so, or names a Secret or a key in one: Helm charts' `existingSecret` and
/// `existingSecretPasswordKey`, a Pod's `imagePullSecrets`.
const REFERENCES: &[&str] =
    &["existingsecret", "pullsecret", "tlssecret", "certsecret", "passwordsecret", "credentialssecret"];

/// What sounds like a name of [`NAMES`] and is none.
const SOUNDALIKES: &[&str] = &["tokeniz", "maxtokens", "passwordless", "secretary"];

/// Words of a name, between separators, that say the same.
const WORDS: &[&str] = &["pass", "pwd", "pw"];

/// Headers of HTTP that carry a credential.
const HEADERS: &[&str] = &["authorization", "cookie", "proxy-authorization"];

/// True if a value of this name is a credential: `DB_PASSWORD`, `example.com/api-token`, `Authorization`.
pub(crate) fn names_credential(name: &str) -> bool {
    // What stands before the slash of an annotation's key is whose it is.
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let separator = |c: char| !c.is_ascii_alphanumeric();
    let whole: String = name.split(separator).collect();
    HEADERS.contains(&name.as_str()) || (!points(&whole) && says_credential(&whole, &name))
}

fn says_credential(whole: &str, name: &str) -> bool {
    NAMES.iter().any(|known| whole.contains(known))
        || name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| WORDS.contains(&word))
}

/// True for a name of a reference to a credential.
fn points(whole: &str) -> bool {
    names_key(whole)
        || POINTERS.iter().any(|end| whole.ends_with(end))
        || REFERENCES.iter().any(|known| whole.contains(known))
        || SOUNDALIKES.iter().any(|known| whole.contains(known))
}

/// `adminPasswordKey` and `tokenSecretKey` name a key in a Secret; `secretKey` and `awsSecretKey` are half of a login.
fn names_key(whole: &str) -> bool {
    let before = whole.strip_suffix("secretkey");
    whole.ends_with("passwordkey") || before.is_some_and(|b| b.ends_with("password") || b.ends_with("token"))
}

/// A complete reference: `$(NAME)`, `${NAME}`, `{{ … }}`, `$NAME` or `%NAME%`. A default in one is a value.
pub(crate) fn is_reference(value: &str) -> bool {
    let inside = |begin: &str, end: &str| value.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
    if let Some(name) = inside("${", "}") {
        const PLACES: &[&str] = &["env", "file", "secret", "secrets", "ssm", "sops", "vault"];
        return match name.split_once(':') {
            Some((place, rest)) => PLACES.contains(&place) || matches!(rest, "" | "-") || rest.starts_with('?'),
            None => !name.contains('}'),
        };
    }
    inside("$(", ")").is_some_and(|name| !name.contains(')'))
        || inside("{{", "}}").is_some_and(|name| !name.contains("}}"))
        || is_bare(value)
}

/// `$NAME` or `%NAME%`: a reference in a script, and in quotes or in a field perhaps a password that begins so.
pub(crate) fn is_bare(value: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    value.strip_prefix('$').is_some_and(is_name)
        || value.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).is_some_and(is_name)
}

/// How much a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// A password: every value is one.
    Password,
    /// A key or token: every value is one that is no ordinary word.
    Key,
    /// `secret` alone, which in a cluster is a name of an object as often as a value.
    Bare,
    /// `auth` of a Docker configuration, where it is base64 of a login.
    Login,
    /// A header that carries a credential after the name of its scheme.
    Header,
}

/// Names of text beyond those of fields: they stand in logs and files of settings, not in Kubernetes' own types.
const TEXT_NAMES: &[&str] = &[
    "adminkey",
    "aeskey",
    "appkey",
    "authcode",
    "cipherkey",
    "clientkeydata",
    "consumerkey",
    "cryptokey",
    "deploykey",
    "functionkey",
    "identitytoken",
    "ingestionkey",
    "ingestkey",
    "integrationkey",
    "jsessionid",
    "licensekey",
    "mnemonic",
    "oauthcode",
    "phpsessid",
    "presharedkey",
    "readkey",
    "recoverykey",
    "seedphrase",
    "serverkey",
    "servicekey",
    "sessionkey",
    "setcookie",
    "sharedaccesssignature",
    "subscriptionkey",
    "tlskey",
    "totpseed",
    "unsealkey",
    "webhookkey",
    "writekey",
    "xamzsignature",
    "xgoogsignature",
    "密码",
    "密碼",
];

/// Words of text that say the same between separators or capitals.
const TEXT_WORDS: &[&str] = &["jwt", "passwort", "pat", "psk", "sas", "sessid", "sig", "totp"];

/// How a name of text ends that speaks about credentials.
#[rustfmt::skip]
const TEXT_POINTERS: &[&str] = &[
    "backend", "changed", "cmd", "command", "controller", "created", "createdat", "description", "error", "expired", "expires",
    "expiresat", "field", "generator", "handler", "helper", "hint", "invalid", "issuedat", "label", "manager", "max", "message",
    "min", "placeholder", "prompt", "provider", "requests", "required", "reset", "review", "reviews", "rotation", "server",
    "service", "stdin", "stream", "strength", "title", "tokenid", "updated", "updatedat", "usage", "valid", "wrong",
];

/// What a name holds of which the value is computed from something, and public.
const COMPUTED: &[&str] = &["checksum", "digest", "fingerprint", "publickey", "sha1", "sha256", "sha512"];

/// What stands before `secret` where the whole is a value and not an object's name.
const SECRETS: &[&str] = &[
    "access", "api", "app", "auth", "client", "consumer", "cookie", "hmac", "jwt", "key", "oauth", "session", "shared",
    "signing", "totp", "user", "webhook",
];

/// All names at once: most words that a text holds are none of them.
static SAYS: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(NAMES.iter().chain(TEXT_NAMES)).expect("the table of names is small"));

/// What a name in a text says of the value after it, or none.
pub(super) fn strength(name: &str) -> Option<Strength> {
    let whole = squeezed(name);
    if matches!(whole.as_str(), "authorization" | "proxyauthorization" | "cookie" | "setcookie") {
        return Some(Strength::Header);
    }
    if matches!(whole.as_str(), "auth" | "authbasic") {
        return Some(Strength::Login);
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    if !SAYS.is_match(&whole) && !ends_with_word(last) {
        return None;
    }
    let is_about = TEXT_POINTERS.iter().any(|end| whole.ends_with(end));
    // In `imagePullSecret.password` the last part says what it is.
    let own = last.rsplit('.').next().filter(|own| SAYS.is_match(&squeezed(own))).unwrap_or(last);
    if points(&squeezed(own)) || names_key(&whole) || is_about || is_file(last) || is_computed(&whole) {
        return None;
    }
    Some(strength_of(&whole, last))
}

fn is_computed(whole: &str) -> bool {
    let is_hash = whole.ends_with("hash") && !whole.contains("passw");
    is_hash || COMPUTED.iter().any(|known| whole.contains(known))
}

fn strength_of(whole: &str, last: &str) -> Strength {
    const PASSWORDS: &[&str] =
        &["password", "passwd", "passphrase", "passwort", "requirepass", "masterauth", "pgpass", "密碼", "密码"];
    let says_password = PASSWORDS.iter().any(|known| whole.contains(known))
        || ends_with_pass(last)
        || matches!(last_word(last).as_str(), "pass" | "pwd" | "pw");
    if says_password {
        return Strength::Password;
    }
    let bare = whole.trim_end_matches('s');
    let is_bare = ["secret", "credential"].contains(&bare)
        || bare.strip_suffix("secret").is_some_and(|before| !SECRETS.iter().any(|known| before.ends_with(known)));
    if is_bare { Strength::Bare } else { Strength::Key }
}

/// `ADMINPASS`, and not `bypass` or `compass`.
fn ends_with_pass(name: &str) -> bool {
    const OTHERS: &[&str] = &["bypass", "compass", "encompass", "overpass", "surpass", "trespass", "underpass"];
    let name = name.to_ascii_lowercase();
    name.ends_with("pass") && !OTHERS.iter().any(|other| name.ends_with(other))
}

/// `db_pass` and `PASS2`, and not `pass-through`.
fn ends_with_word(name: &str) -> bool {
    let word = last_word(name);
    ends_with_pass(name) || WORDS.contains(&word.as_str()) || TEXT_WORDS.contains(&word.as_str())
}

fn last_word(name: &str) -> String {
    words(name.trim_end_matches(|c: char| c.is_ascii_digit() || !c.is_alphanumeric())).pop().unwrap_or_default()
}

/// `tokens.csv: …`: a file's name, as tools print it.
fn is_file(name: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "csv", "go", "html", "java", "js", "json", "log", "md", "proto", "py", "rs", "sh", "sql", "ts", "txt", "yaml",
        "yml",
    ];
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

/// A name in small letters without its separators, and without whose it is.
fn squeezed(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let owner = if name.to_ascii_lowercase().starts_with("checksum/") { "checksum" } else { "" };
    owner.chars().chain(last.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase())).collect()
}

/// The words of `db_pass`, `dbPass` or `DB-PASS`, in small letters.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (was_small && c.is_ascii_uppercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("there is a word from the start").push(c.to_ascii_lowercase());
        }
        was_small = c.is_ascii_lowercase();
    }
    words
}
